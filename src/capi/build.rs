//! The one-call build.

use std::ptr;

use super::abi::*;
use super::args::{Args, Out};
use super::build_opts;
use super::callback::{ProgressCallback, with_control};
use super::cancel;
use super::guard::guard;
use super::streams::{self, Stream};
use crate::build::{BuildRequest, Encrypt, build};
use crate::pack::Report;
use crate::source::{Access, Writers};

/// = Building
///
/// Builds a snapshot from a disk image and, if given, a memory dump and further streams (hexz_stream:
/// files, callbacks, streams of other snapshots): deduplicates 4 KiB units (or content-defined
/// chunks) over all of them, compresses blocks of them, and writes one file that appears
/// when it is complete, or not at all. The same input and options give the same bytes, whatever the
/// number of threads and the way in: by a path, by callbacks or out of another snapshot.
///
/// Returns when all is done; threads it started are gone then. Several builds may run at once. opts
/// and what it points to are only read (but for the report), and not needed after the call. The
/// callbacks run on this thread, but for those of sources that allow more. No source may be written meanwhile: a change is noticed and is
/// HEXZ_ERR_SOURCE.
///
/// With a sink the same bytes go there, front to back, on this thread, and what is said below of files
/// is the host program's affair.
///
/// With HEXZ_BUILD_ENCRYPT, opts->password is asked once for the new password, with
/// HEXZ_PASSWORD_CREATE and before the sources are read or an output is made. All but the file's
/// length and root is encrypted and authenticated, with AES-256-GCM under a random key which the
/// password opens (docs/SECURITY.md). Two such builds of the same input give different bytes.
/// kdf_memory_kib, kdf_passes and kdf_lanes are what guessing the password costs with Argon2id
/// (RFC 9106): 1024 to 1048576 KiB, 1 to 64, 1 to 16, memory times passes at most 4194304; 0 means
/// 65536, 3 and 4. That memory comes besides memory_limit, and is given back before packing begins.
///
/// With a parent or bases the snapshot is a thin one, which needs those that it refers to wherever it
/// is read. If one of them is encrypted, the snapshot must be (HEXZ_ERR_INVALID_ARGUMENT): it keeps
/// their keys, so that its one password opens all. For that opts->password is asked for the password
/// of each encrypted one, with HEXZ_PASSWORD_PARENT and before the new one: an open handle keeps no
/// password either. A parent that is not there, or more than 64 snapshots to lean on, is
/// HEXZ_ERR_PARENT; one whose unit hashes are not those of its bytes HEXZ_ERR_CORRUPT, and such a
/// base is left out.
///
/// The sources are regular files or block devices; a disk image may be qcow2 (see
/// HEXZ_FORMAT_QCOW2), a memory dump is taken byte for byte. Other files are opened only with
/// HEXZ_BUILD_ALLOW_BACKING, and none of them may be the output.
///
/// The output is whole under its name, or it is not there and an old one is as it was: after errors,
/// cancels and kills at any moment. How far a file system supports that is found out before the work
/// begins, with little files beside the output; one that can neither link nor rename is refused then.
/// A killed process may leave a file .NAME.hexz-XXXXXX beside the output: on file systems with
/// unnamed files (O_TMPFILE) only at the beginning or the end, when one is tried or an old output is
/// replaced; on others at any time, since the output has that name during the whole build. The next
/// build to the same name removes what no living process writes, where the folder can be listed and
/// files be locked. Only where there are neither hard links nor RENAME_NOREPLACE (exFAT by FUSE,
/// rclone and such mounts) is the name of a new output taken with a file of one byte, over which
/// the complete one is renamed at once: a reader may see that one for the moment, a kill may leave
/// it, and what another process puts there in that moment is replaced. docs/OUTPUT.md lists file
/// systems.
///
/// Unless HEXZ_BUILD_NO_SYNC is set, the output and its folder are synced. A file system that cannot
/// sync files is refused before the work; one that cannot sync folders (EINVAL, EOPNOTSUPP, EBADF,
/// ENOSYS) is taken, and its names are as durable as it makes them. A new output has mode 0600 less
/// the umask; one that replaces a regular file takes over its mode (not the set-ID bits), owner,
/// group and access control list, as far as the caller may. A host that sets RLIMIT_FSIZE must ignore
/// SIGXFSZ, or the kernel kills it when an output grows past the limit; ignored, it is
/// HEXZ_ERR_OUTPUT.
///
/// Errors: HEXZ_ERR_INVALID_ARGUMENT, _UNKNOWN_PROFILE, _SOURCE, _OUTPUT, _EXISTS,
/// _PASSWORD_REQUIRED (no callback, or it declined), _INVALID_PASSWORD (empty or over 1024 bytes),
/// _WRONG_PASSWORD and _PARENT (a parent or base), _CALLBACK, _NO_STREAM, _CORRUPT and _IO (a
/// snapshot that is a source or is leaned on), _STATE, _UNSUPPORTED,
/// _CANCELLED, _NO_MEMORY, _INTERNAL. After an error there is no new file and an old output is as
/// it was, with one exception: if only the last step fails, syncing the folder of the output, then
/// the complete new file is in place, and the text says so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_build(opts: *const hexz_build_opts) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_build");
        // SAFETY: the header asks for a hexz_build_opts with valid pointers in it.
        let (opts, target, streams, cancel) = unsafe {
            let opts = args.read(opts, "opts")?;
            let streams = streams::check(&args, &opts)?;
            let target = build_opts::check(&args, &opts, ptr::null())?;
            (opts, target, streams, cancel::borrow(opts.cancel))
        };
        // SAFETY: NULL, or a hexz_build_report.
        let report = (!opts.report.is_null())
            .then(|| unsafe { args.out(opts.report, "opts.report") })
            .transpose()?;
        if streams.iter().any(Stream::is_live) {
            return Err(args.later("a stream of live memory (hexz_stream.live)"));
        }

        let access = Access {
            writers: match opts.flags {
                flags if flags & HEXZ_BUILD_FORCE_SHARE != 0 => Writers::Allowed,
                flags if flags & HEXZ_BUILD_ALLOW_CHANGE != 0 => Writers::LockedOut,
                _ => Writers::Refused,
            },
            other_files: opts.flags & HEXZ_BUILD_ALLOW_BACKING != 0,
        };
        let output = target.output.with(opts.flags);
        let options = build_opts::options(target.profile, &opts);
        let mut encrypt = target
            .encrypt
            .map(|(callback, cost)| (callback.function(), cost));
        let encrypt = encrypt.as_mut().map(|(password, cost)| Encrypt {
            password,
            cost: *cost,
        });
        let progress = ProgressCallback::new(opts.progress, opts.progress_data, ptr::null());
        let done = with_control(progress, cancel, |control| {
            let request = BuildRequest {
                streams: streams::open(&streams, access, cancel, control)?,
                parents: target.parents,
                output,
                options,
            };
            build(request, encrypt, control)
        })?;

        if let Some(report) = report {
            write_report(report, &done);
        }
        Ok(())
    })
}

/// Fills in what a build did.
pub fn write_report(out: Out<hexz_build_report>, done: &Report) {
    out.write(&hexz_build_report {
        struct_size: size_of::<hexz_build_report>(),
        reserved: 0,
        bytes_read: done.bytes_read,
        bytes_zero: done.bytes_zero,
        bytes_duplicate: done.bytes_duplicate,
        bytes_inherited: done.bytes_inherited,
        bytes_unique: done.bytes_unique,
        bytes_stored: done.bytes_stored,
        bytes_dead: done.bytes_dead,
        blocks: done.blocks,
        file_size: done.file_size,
        root: done.root,
        read_ns: done.read_ns,
        hash_ns: done.hash_ns,
        compress_ns: done.compress_ns,
        seal_ns: done.seal_ns,
        write_ns: done.write_ns,
        sync_ns: done.sync_ns,
        total_ns: done.total_ns,
    });
}

#[cfg(test)]
mod tests {
    use std::ffi::{CStr, CString};
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::capi::error::hexz_last_error;
    use crate::pack::testing::{PANIC_HASHING, PANIC_PACKING};

    /// A bug in any thread of a build, the caller's or a helper's: a status and a text that says what
    /// and where, nothing published, nothing left.
    #[test]
    fn a_panic_in_any_thread_is_told_and_leaves_nothing() {
        let folder = std::env::temp_dir().join(format!("hexz-{}-panics", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let [source, output] = ["disk.raw", "out.hxz"].map(|name| folder.join(name));
        for mark in [PANIC_HASHING, PANIC_PACKING] {
            let mut disk: Vec<u8> = (0..8u64 << 20).map(|i| ((i * i) >> 9) as u8).collect();
            disk[5 << 20..][..mark.len()].copy_from_slice(mark);
            std::fs::write(&source, &disk).unwrap();
            for (threads, flags) in [(1, 0), (2, 0), (4, 0), (4, HEXZ_BUILD_OVERWRITE)] {
                if flags != 0 {
                    std::fs::write(&output, "old").unwrap();
                }
                let path =
                    |path: &std::path::Path| CString::new(path.as_os_str().as_bytes()).unwrap();
                let (from, to) = (path(&source), path(&output));
                // SAFETY: integers, pointers and optional functions may be zero.
                let mut opts: hexz_build_opts = unsafe { std::mem::zeroed() };
                opts.struct_size = size_of::<hexz_build_opts>();
                opts.source = from.as_ptr();
                opts.output = to.as_ptr();
                opts.threads = threads;
                opts.flags = flags;
                // SAFETY: whole options, with strings that live on.
                let status = unsafe { hexz_build(&opts) };
                // SAFETY: valid until this thread's next failure.
                let text = unsafe { CStr::from_ptr(hexz_last_error()) }.to_string_lossy();
                assert_eq!(status, HEXZ_ERR_INTERNAL, "{text}");
                let mark = String::from_utf8_lossy(mark);
                let told = format!("a thread met what {mark} at src/pack/testing.rs:");
                assert!(text.contains(&told), "{text}");
                assert!(text.contains("please report"), "{text}");
                let left = std::fs::read_dir(&folder).unwrap().count();
                match flags {
                    0 => assert_eq!(left, 1),
                    _ => assert_eq!((left, std::fs::read(&output).unwrap()), (2, b"old".into())),
                }
            }
            std::fs::remove_file(&output).unwrap();
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
