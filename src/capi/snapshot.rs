//! Opening a snapshot, looking at it, reading from it.

use std::ffi::{c_char, c_void};
use std::path::Path;
use std::ptr;

use libc::size_t;

use super::abi::*;
use super::args::Args;
use super::callback::{AncestorCallback, PasswordCallback};
use super::cancel;
use super::guard::{guard, guard_void};
use super::handle;
use super::storage::HostStorage;
use crate::error::{Error, Result, operand};
use crate::format::StreamEntry;
use crate::index::{AncestorSearch, FindAncestor, Hints, Wanted};
use crate::keyring::PasswordFn;
use crate::snapshot::{Change, ExtentKind, OpenOptions, Snapshot};

/// = Reading
///
/// Opens a snapshot for reading. At most 64 KiB are read, however large it is; the rest is read
/// when it is asked for, and every byte is checked before it is handed out.
///
/// The handle is the caller's: closed by hexz_snapshot_close(). Any number of threads may use it at
/// once, for different calls or the same. The file must stay as it is while it is open; replacing
/// it by rename is fine. opts and what it points to are not needed after the call (what user_data of a
/// storage is, until its release). *out is NULL on failure.
///
/// If the file is encrypted, opts->password is asked for its password, on this thread, up to three
/// times; each asking costs what the builder chose (by default 64 MiB of memory for some tenths of a
/// second, which are free again before the call returns), kdf_memory_max_kib at most; opts->cancel
/// is seen within 100 ms meanwhile. expect_root is compared before. A callback
/// for a file that is not encrypted is an error, since somebody may have put a plain file in its
/// place, unless HEXZ_OPEN_ALLOW_PLAIN is set. The keys stay out of core dumps, and a forked child
/// does not have them: there, calls on the handle that need them are HEXZ_ERR_STATE.
///
/// A snapshot that leans on others is opened with them, and is none without: bytes that are missing
/// never read as zeros. Each is looked for by its root, in this order: parent_snapshot and what that
/// leans on itself; parent; what ancestor answers; and, for a snapshot opened by path, the name that
/// it records, beside it, unless HEXZ_OPEN_NO_HINTS is set. One that is found nowhere or has another
/// root is HEXZ_ERR_PARENT, with the roots and the places in the text, and errno set if a file is
/// missing; a damaged one is HEXZ_ERR_CORRUPT. An encrypted snapshot has the keys of those that it
/// leans on, so that its password opens them all. They share its cache, but for those that were open
/// already, which keep theirs and may be closed once the call returned.
///
/// A root is no secret and no permission: who can make a snapshot that you read can have it lean on
/// any whose root is known, and reads that one through you. Where that matters, give ancestors by
/// callback alone, and only those that the maker may read.
///
/// Errors: HEXZ_ERR_INVALID_ARGUMENT, _NOT_SNAPSHOT, _UNSUPPORTED (a newer format version, a
/// feature of a later version, a password that costs more than kdf_memory_max_kib), _PARENT,
/// _CORRUPT (damaged, cut, lengthened, or not the expected root), _IO
/// (ENOENT and others in hexz_last_errno()), _PASSWORD_REQUIRED (encrypted, and no callback or it
/// declined), _INVALID_PASSWORD (empty or over 1024 bytes), _WRONG_PASSWORD, _CALLBACK,
/// _NOT_ENCRYPTED, _CANCELLED, _NO_MEMORY, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_open(
    opts: *const hexz_open_opts,
    out: *mut *mut hexz_snapshot,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_open");
        // SAFETY: the header asks for a place to write a pointer to, and a hexz_open_opts with
        // valid pointers in it.
        let (opts, storage, path, parent, expect_root, cancel) = unsafe {
            if !out.is_null() {
                out.write(ptr::null_mut());
            }
            let opts = args.read(opts, "opts")?;
            // From here on the storage is given back, whatever else is wrong.
            let storage = HostStorage::take(&args, opts.storage, "opts.storage")?;
            let path = args.path(opts.path);
            let parent = args.path(opts.parent);
            let root = opts.expect_root.cast::<[u8; 32]>().as_ref().copied();
            let cancel = cancel::borrow(opts.cancel);
            (opts, storage, path, parent, root, cancel)
        };
        args.not_null(out, "out")?;
        let known = HEXZ_OPEN_ALLOW_PLAIN | HEXZ_OPEN_NO_HINTS;
        args.flags(opts.flags, known, "opts.flags")?;
        args.reserved(opts.reserved, "opts.reserved")?;
        args.reserved(opts.reserved2 as usize, "opts.reserved2")?;
        let parent_snapshot = match opts.parent_snapshot.is_null() {
            true => None,
            // SAFETY: as above.
            false => Some(unsafe { handle::enter(&args, opts.parent_snapshot) }?),
        };
        if parent.is_some() && parent_snapshot.is_some() {
            return Err(args.invalid("both opts.parent and opts.parent_snapshot are given"));
        }
        if path.is_some() == storage.is_some() {
            return Err(args.invalid(match path {
                Some(_) => "both opts.path and opts.storage are given",
                None => "neither opts.path nor opts.storage is given",
            }));
        }
        let finder = AncestorCallback::new(opts.ancestor, opts.ancestor_data);
        let child = path.map_or("opts.storage".to_owned(), operand);
        let finder = finder.map(|f| {
            let (args, child) = (&args, &child);
            move |wanted: &Wanted<'_>| f.find(args, child, wanted)
        });
        let options = OpenOptions {
            path: path.unwrap_or(Path::new("")),
            cache_size: opts.cache_size,
            expect_root,
            allow_plain: opts.flags & HEXZ_OPEN_ALLOW_PLAIN != 0,
            cancel,
            kdf_memory_max_kib: opts.kdf_memory_max_kib,
            ancestors: AncestorSearch {
                snapshot: parent_snapshot.as_ref().map(|parent| parent.chain()),
                path: parent,
                find: finder.as_ref().map(|f| -> &FindAncestor<'_> { f }),
                hints: match opts.flags & HEXZ_OPEN_NO_HINTS {
                    0 => Hints::Follow,
                    _ => Hints::Ignore,
                },
            },
        };
        let callback = PasswordCallback::new(opts.password, opts.password_data);
        let mut password = callback.map(PasswordCallback::function);
        let password = password.as_mut().map(|f| -> &mut PasswordFn<'_> { f });
        let snapshot = match storage {
            Some(storage) => Snapshot::from_storage(storage, &options, password)?,
            None => Snapshot::open(&options, password)?,
        };

        // SAFETY: as above.
        unsafe { out.write(handle::new(snapshot)) };
        Ok(())
    })
}

/// Closes a snapshot that no call uses any more. NULL does nothing; from a callback of a call on
/// this snapshot it does nothing either.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_close(snapshot: *mut hexz_snapshot) {
    // SAFETY: the header asks for NULL or a handle that no call uses.
    guard_void(|| unsafe { handle::free(&Args::of("hexz_snapshot_close"), snapshot) });
}

/// Tells what a snapshot is. Reads nothing. Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_info(
    snapshot: *const hexz_snapshot,
    out: *mut hexz_info,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_info");
        // SAFETY: the header asks for a handle and a struct.
        let (snapshot, out) = unsafe { (handle::enter(&args, snapshot)?, args.out(out, "out")?) };
        let info = snapshot.info();
        out.write(&hexz_info {
            struct_size: size_of::<hexz_info>(),
            reserved: 0,
            root: info.root,
            parent_root: info.parent_root,
            format_version: info.format_version,
            stream_count: info.stream_count,
            encrypted: info.encrypted.into(),
            cdc: info.cdc.into(),
            compression: info.compression,
            level: info.level,
            block_size: info.block_size,
            dictionary_size: info.dictionary_size,
            file_size: info.file_size,
            logical_size: info.logical_size,
            blocks: info.blocks,
            ancestor_count: snapshot.ancestor_count(),
            reserved2: 0,
        });
        Ok(())
    })
}

/// Tells what stream number index is, counted from 0. Reads nothing. Errors:
/// HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM past the last, _STATE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_stream(
    snapshot: *const hexz_snapshot,
    index: u32,
    out: *mut hexz_stream_info,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_stream");
        // SAFETY: the header asks for a handle and a struct.
        let (snapshot, out) = unsafe { (handle::enter(&args, snapshot)?, args.out(out, "out")?) };
        let stream = stream_at(&args, &snapshot, index)?;
        let mut name = [0; 64];
        // 63 bytes at most: the last one stays NUL.
        for (to, from) in name[..63].iter_mut().zip(stream.name.bytes()) {
            *to = from as c_char;
        }
        out.write(&hexz_stream_info {
            struct_size: size_of::<hexz_stream_info>(),
            name,
            kind: stream.kind.into(),
            reserved: 0,
            size: stream.size,
            data_size: stream.data_size,
            zero_size: stream.zero_size,
            stored_size: stream.stored_size,
        });
        Ok(())
    })
}

/// Tells what snapshot number index is that this one leans on, counted from 0 up to
/// hexz_info.ancestor_count: its root, its recorded name, and how much of the streams comes from it.
/// The first call on a handle reads the index pages that say what lies where, which takes as long as
/// there are many; later ones read nothing. Any thread.
///
/// Errors: HEXZ_ERR_INVALID_ARGUMENT, _OUT_OF_RANGE (there is none of that number), _CORRUPT, _IO,
/// _NO_MEMORY, _STATE, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_ancestor(
    snapshot: *const hexz_snapshot,
    index: u32,
    out: *mut hexz_ancestor_info,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_ancestor");
        // SAFETY: the header asks for a handle and a struct.
        let (snapshot, out) = unsafe { (handle::enter(&args, snapshot)?, args.out(out, "out")?) };
        let ancestor = snapshot.ancestor(index)?;
        let mut hint = [0; 256];
        // 255 bytes at most: the last one stays NUL.
        for (to, from) in hint[..255].iter_mut().zip(ancestor.hint) {
            *to = *from as c_char;
        }
        out.write(&hexz_ancestor_info {
            struct_size: size_of::<hexz_ancestor_info>(),
            root: ancestor.root,
            hint,
            bytes_inherited: ancestor.bytes_inherited,
            file_size: ancestor.file_size,
        });
        Ok(())
    })
}

/// Finds the index of a stream by its name, such as "disk" or "memory". Reads nothing. Errors:
/// HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _STATE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_find(
    snapshot: *const hexz_snapshot,
    name: *const c_char,
    index: *mut u32,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_find");
        // SAFETY: the header asks for a handle and a string.
        let (snapshot, name) = unsafe { (handle::enter(&args, snapshot)?, args.bytes(name)) };
        let name = name.ok_or_else(|| args.invalid("name is NULL"))?;
        args.not_null(index, "index")?;
        let found = snapshot.find(name)?;
        // SAFETY: the header asks for a place to write to.
        unsafe { index.write(found) };
        Ok(())
    })
}

/// Reads len bytes at offset of a stream into buf: all of them, or it fails. Any offset and length
/// will do; most at a time costs least. len 0 within the stream is fine with any buf.
///
/// After a failure buf may hold some bytes of the stream, but never any that were not checked.
///
/// Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE (offset + len is beyond the end),
/// _CORRUPT, _IO, _CALLBACK, _NO_MEMORY, _STATE, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_read(
    snapshot: *const hexz_snapshot,
    stream: u32,
    offset: u64,
    buf: *mut c_void,
    len: size_t,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_read");
        // SAFETY: the header asks for a handle.
        let snapshot = unsafe { handle::enter(&args, snapshot) }?;
        if len > 0 {
            args.not_null(buf, "buf")?;
        }
        if len > isize::MAX as usize {
            let size = stream_at(&args, &snapshot, stream)?.size;
            return Err(Error::OutOfRange(format!(
                "hexz_snapshot_read: {len} bytes at {offset} of a stream of {size}"
            )));
        }
        let buf: &mut [u8] = match len {
            0 => &mut [],
            // SAFETY: the header asks for len bytes to write.
            _ => unsafe { std::slice::from_raw_parts_mut(buf.cast(), len) },
        };
        snapshot.read(stream, offset, buf)
    })
}

/// Tells what is at offset of a stream, and for how many bytes: to skip zeros, or to copy a sparse
/// file as one. Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE (offset is at or
/// beyond the end), _CORRUPT, _IO, _CALLBACK, _NO_MEMORY, _STATE, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_extent(
    snapshot: *const hexz_snapshot,
    stream: u32,
    offset: u64,
    out: *mut hexz_extent,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_extent");
        // SAFETY: the header asks for a handle and a struct.
        let (snapshot, out) = unsafe { (handle::enter(&args, snapshot)?, args.out(out, "out")?) };
        let extent = snapshot.extent(stream, offset)?;
        out.write(&hexz_extent {
            struct_size: size_of::<hexz_extent>(),
            kind: match extent.kind {
                ExtentKind::Data => HEXZ_EXTENT_DATA,
                ExtentKind::Zero => HEXZ_EXTENT_ZERO,
                ExtentKind::Parent => HEXZ_EXTENT_PARENT,
            },
            reserved: 0,
            offset: extent.offset,
            len: extent.len,
        });
        Ok(())
    })
}

/// Tells what is at offset of stream to_stream of to, against the same offset of stream from_stream
/// of from, and for how many bytes: HEXZ_EXTENT_SAME, HEXZ_EXTENT_DATA (it may differ) or
/// HEXZ_EXTENT_ZERO (it may differ, and is zeros now). What lies beyond the end of from's stream
/// counts as zeros. What follows may be of the same kind. Only indexes are read, no blocks; the two
/// may be one handle. Any thread.
///
/// Two snapshots that lean on the same ones are compared by place; what lies in different places, by
/// the hashes of its units, where both were cut alike and hash under one key (both plain, or one
/// built on the other's key), else it is DATA. Who made a snapshot may have written hashes that are
/// not those of its bytes: hexz_snapshot_verify() tells.
///
/// Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE (offset is at or beyond the end of
/// to's stream), _CORRUPT, _IO, _NO_MEMORY, _STATE, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_diff(
    from: *const hexz_snapshot,
    from_stream: u32,
    to: *const hexz_snapshot,
    to_stream: u32,
    offset: u64,
    out: *mut hexz_extent,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_diff");
        args.not_null(from, "from")?;
        args.not_null(to, "to")?;
        // SAFETY: the header asks for handles and a struct.
        let (out, from, to) = unsafe {
            let out = args.out(out, "out")?;
            (out, handle::enter(&args, from)?, handle::enter(&args, to)?)
        };
        let difference = to.difference(to_stream, &from, from_stream, offset)?;
        out.write(&hexz_extent {
            struct_size: size_of::<hexz_extent>(),
            kind: match difference.change {
                Change::Same => HEXZ_EXTENT_SAME,
                Change::Data => HEXZ_EXTENT_DATA,
                Change::Zero => HEXZ_EXTENT_ZERO,
            },
            reserved: 0,
            offset: difference.offset,
            len: difference.len,
        });
        Ok(())
    })
}

fn stream_at<'a>(args: &Args, snapshot: &'a Snapshot, index: u32) -> Result<&'a StreamEntry> {
    let streams = snapshot.streams();
    streams
        .get(index as usize)
        .ok_or_else(|| args.no_stream(index, streams.len()))
}
