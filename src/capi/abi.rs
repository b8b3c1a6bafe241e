// What crosses the C boundary: constants, structs, callback types, opaque handles. cbindgen makes
// the first part of include/hexz.h from this file and ctest compares the two, so: core only, no
// inner attributes, comments written for a C reader in plain text. A first line "= Title" of a
// comment begins a section of the header.

use core::ffi::{c_char, c_void};
use core::mem::offset_of;

/// size_t; usize itself becomes uintptr_t in the header.
type size_t = usize;

/// = Version
///
/// The version of this header: compare with hexz_version(), the version of the library that is
/// loaded.
pub const HEXZ_VERSION_MAJOR: u32 = 0;
/// See HEXZ_VERSION_MAJOR.
pub const HEXZ_VERSION_MINOR: u32 = 1;
/// See HEXZ_VERSION_MAJOR.
pub const HEXZ_VERSION_PATCH: u32 = 0;

/// = Statuses
///
/// Success.
pub const HEXZ_OK: i32 = 0;
/// The call makes no sense: NULL where a pointer is needed, a bad struct_size, an unknown flag or
/// constant, a value out of bounds, two things that exclude each other, an output that is an input.
pub const HEXZ_ERR_INVALID_ARGUMENT: i32 = -1;
/// No profile has this name; the text lists the names there are.
pub const HEXZ_ERR_UNKNOWN_PROFILE: i32 = -2;
/// The source or memory dump cannot be opened or read, changed meanwhile, or is locked.
pub const HEXZ_ERR_SOURCE: i32 = -3;
/// The output cannot be created, written, synced or published.
pub const HEXZ_ERR_OUTPUT: i32 = -4;
/// The output is there, and HEXZ_BUILD_OVERWRITE or HEXZ_EXTRACT_OVERWRITE is not set. It was not
/// touched.
pub const HEXZ_ERR_EXISTS: i32 = -5;
/// A password is needed, and there is no password callback, or it declined when first asked.
pub const HEXZ_ERR_PASSWORD_REQUIRED: i32 = -6;
/// A password of no bytes or of more than 1024.
pub const HEXZ_ERR_INVALID_PASSWORD: i32 = -7;
/// No key slot opens with the passwords given.
pub const HEXZ_ERR_WRONG_PASSWORD: i32 = -8;
/// The file is empty or does not begin as a snapshot does.
pub const HEXZ_ERR_NOT_SNAPSHOT: i32 = -9;
/// A feature that this version of the library does not have, named in the text.
pub const HEXZ_ERR_UNSUPPORTED: i32 = -10;
/// The snapshot is damaged, or its root is not the expected one.
pub const HEXZ_ERR_CORRUPT: i32 = -11;
/// A place beyond the end of the stream.
pub const HEXZ_ERR_OUT_OF_RANGE: i32 = -12;
/// No stream has this name or index.
pub const HEXZ_ERR_NO_STREAM: i32 = -13;
/// A parent is missing, is the wrong one, or the chain of parents loops or is too long.
pub const HEXZ_ERR_PARENT: i32 = -14;
/// The caller cancelled: by a cancel handle, or by a non-zero answer of its progress callback.
pub const HEXZ_ERR_CANCELLED: i32 = -15;
/// A callback other than progress failed; hexz_last_callback_code() has what it returned.
pub const HEXZ_ERR_CALLBACK: i32 = -16;
/// Memory could not be had, 4 KiB or more at once: "Memory" above says what becomes of less.
pub const HEXZ_ERR_NO_MEMORY: i32 = -17;
/// A call out of order: on a finished or failed handle, or on a handle from its own callback.
pub const HEXZ_ERR_STATE: i32 = -18;
/// A bug in the library, caught. The handle of the call is dead, but safe to free.
pub const HEXZ_ERR_INTERNAL: i32 = -19;
/// The system failed to open or read a snapshot; hexz_last_errno() has its errno.
pub const HEXZ_ERR_IO: i32 = -20;
/// A password callback was given for a plain snapshot, without HEXZ_OPEN_ALLOW_PLAIN.
pub const HEXZ_ERR_NOT_ENCRYPTED: i32 = -21;
/// hexz_builder_try_write() would have to wait; nothing was taken. Not a failure of the builder.
pub const HEXZ_ERR_AGAIN: i32 = -22;

/// = Flags of a build (hexz_build_opts.flags)
///
/// Encrypts with AES-256-GCM (NIST SP 800-38D) under a password from the password callback, which
/// must be given.
pub const HEXZ_BUILD_ENCRYPT: u64 = 1;
/// Cuts content-defined chunks (FastCDC, Xia et al., USENIX ATC 2016) in place of fixed 4 KiB
/// units: for data that shifts by odd numbers of bytes, such as text and archives.
pub const HEXZ_BUILD_CDC: u64 = 2;
/// Replaces an output that is there, in one step, once the new one is complete. Only a regular
/// file or a symbolic link is replaced (the link itself, not what it points to).
pub const HEXZ_BUILD_OVERWRITE: u64 = 4;
/// Does not wait until the output is on stable storage. After a power failure it may be damaged,
/// which opening and verifying notice. What the file system says when a file is closed (a full disk
/// or quota on a network) is waited for all the same, before the output gets its name.
pub const HEXZ_BUILD_NO_SYNC: u64 = 8;
/// Lets a qcow2 image open other files: backing files and data files that its header names. Only
/// for images from a source that you trust with your files. Without it such an image is
/// HEXZ_ERR_SOURCE, whatever source_format says. Names are read as QEMU reads them: of plain files,
/// relative ones beginning in the folder of the image that names them; behind "file:", a path as it
/// stands; behind "json:", the driver raw or qcow2 over a plain file. The format of a backing file is
/// what the image records, else what the name says. Where neither says anything, HEXZ_FORMAT_QCOW2
/// states that such files are qcow2; under HEXZ_FORMAT_AUTO one that begins as a qcow2 image is
/// taken for one if it names no further file, since a guest can write such a header into its raw
/// disk; and that it is raw is never guessed. Without effect on raw images.
pub const HEXZ_BUILD_ALLOW_BACKING: u64 = 16;
/// Skips QEMU's image locks and the check that no source changed while it was read. Without it a
/// source that a running machine may write is HEXZ_ERR_SOURCE, and no machine that would write it
/// starts during the build. Of a source that somebody writes the snapshot then holds no one moment.
pub const HEXZ_BUILD_FORCE_SHARE: u64 = 32;
/// Skips only the check that no source changed while it was read, and keeps QEMU's image locks:
/// for file systems that move sizes or times on their own. Of a source that somebody writes the
/// snapshot then holds no one moment.
pub const HEXZ_BUILD_ALLOW_CHANGE: u64 = 64;
/// Where parent, bases and what they lean on are more than 64 snapshots: stores anew what the
/// least-giving ones hold, in place of HEXZ_ERR_PARENT, so that a chain can go on for ever. How much
/// one gives is what the parent or a base has of it; at most 1024 bases may be given then. Without
/// parent and bases, and of 64 and fewer, it has no effect.
pub const HEXZ_BUILD_FOLD: u64 = 128;

/// = Flags of an extract (hexz_extract_opts.flags)
///
/// Replaces an output that is there, as HEXZ_BUILD_OVERWRITE does.
pub const HEXZ_EXTRACT_OVERWRITE: u64 = 1;
/// Does not wait until the output is on stable storage, as HEXZ_BUILD_NO_SYNC.
pub const HEXZ_EXTRACT_NO_SYNC: u64 = 2;
/// Writes over an output that is there: a regular file, which becomes as long as the stream, or a
/// block device, which must be as long at least. Not whole or nothing: a failure leaves some of the
/// old bytes and some of the new, and the error says so. Not together with HEXZ_EXTRACT_OVERWRITE.
/// While it is written, it is locked as QEMU locks the image of a running machine, for writing and
/// shared with nobody, and a block device is opened with O_EXCL: HEXZ_ERR_OUTPUT if somebody has it.
/// Where the file system has no such locks, it is written all the same.
pub const HEXZ_EXTRACT_IN_PLACE: u64 = 4;
/// With HEXZ_EXTRACT_IN_PLACE: writes although a running machine or another program holds the
/// output: takes neither QEMU's image locks nor O_EXCL of a block device. What they do with the new
/// bytes is their affair, and yours. Without HEXZ_EXTRACT_IN_PLACE it has no effect.
pub const HEXZ_EXTRACT_FORCE_SHARE: u64 = 8;

/// = Other flags
///
/// hexz_open_opts.flags: a plain snapshot is fine although a password callback is given. Without
/// it such a snapshot is HEXZ_ERR_NOT_ENCRYPTED, so that nobody can pass off a plain file for an
/// encrypted one.
pub const HEXZ_OPEN_ALLOW_PLAIN: u64 = 1;
/// hexz_open_opts.flags: the names of ancestors that a snapshot records are not followed; ancestors
/// come from the caller alone. For snapshots from hands that you do not trust: a root is no secret
/// and no permission, and such a snapshot may name somebody else's file beside it.
pub const HEXZ_OPEN_NO_HINTS: u64 = 2;
/// hexz_profile.features: blocks are compressed against stored ones that resemble them. Not in this
/// version: HEXZ_ERR_UNSUPPORTED.
pub const HEXZ_PROFILE_REFERENCES: u32 = 1;
/// hexz_profile.features: blocks that look like floating-point numbers are compressed by byte
/// planes. Not in this version: HEXZ_ERR_UNSUPPORTED.
pub const HEXZ_PROFILE_FLOAT: u32 = 2;
/// hexz_source.flags, hexz_storage.flags: read_at may be called from several threads at once,
/// threads of the library among them. Without it one call is over before the next begins.
pub const HEXZ_SOURCE_CONCURRENT: u64 = 1;

/// = Image formats (hexz_build_opts.source_format, hexz_stream.format)
///
/// Looks: what begins as a qcow2 image is one, anything else is raw. A guest that may write to its
/// raw disk may also write a qcow2 header there: say HEXZ_FORMAT_RAW where you know it.
pub const HEXZ_FORMAT_AUTO: u32 = 0;
/// The bytes are the disk.
pub const HEXZ_FORMAT_RAW: u32 = 1;
/// qcow2, versions 2 and 3 (QEMU, docs/interop/qcow2.rst): the disk in it as it is now, without its
/// internal snapshots. Compressed clusters, subclusters, external data files and backing files
/// (raw and qcow2, 64 at most) are read. Encrypted images are HEXZ_ERR_UNSUPPORTED, damaged ones
/// HEXZ_ERR_SOURCE: what is missing never reads as zeros.
pub const HEXZ_FORMAT_QCOW2: u32 = 2;

/// = Kinds of streams (hexz_stream.kind, hexz_stream_info.kind)
///
/// A disk.
pub const HEXZ_STREAM_DISK: u32 = 1;
/// Memory of a machine.
pub const HEXZ_STREAM_MEMORY: u32 = 2;
/// Anything else.
pub const HEXZ_STREAM_BLOB: u32 = 3;

/// = Compressions (hexz_profile.compression, hexz_info.compression)
///
/// Deduplicated only. The level is 0, without a dictionary.
pub const HEXZ_COMPRESSION_NONE: u32 = 0;
/// LZ4 block format: fastest to unpack. The level is 0, without a dictionary.
pub const HEXZ_COMPRESSION_LZ4: u32 = 1;
/// Zstandard (RFC 8878), levels -7 to 22; level 0 is zstd's own default.
pub const HEXZ_COMPRESSION_ZSTD: u32 = 2;

/// = Kinds of extents (hexz_extent.kind, hexz_source.extent_at)
///
/// The bytes are stored here; of a diff: they may differ.
pub const HEXZ_EXTENT_DATA: u32 = 1;
/// All bytes are zero, and take no space; of a diff: they may differ, and are zero now.
pub const HEXZ_EXTENT_ZERO: u32 = 2;
/// The bytes are the parent's at this place, and come from there.
pub const HEXZ_EXTENT_PARENT: u32 = 3;
/// hexz_snapshot_diff() alone: the bytes are the same in both.
pub const HEXZ_EXTENT_SAME: u32 = 4;

/// = Purposes of a password (hexz_password_request.purpose)
///
/// A new password, to encrypt with.
pub const HEXZ_PASSWORD_CREATE: u32 = 1;
/// The password of an encrypted snapshot.
pub const HEXZ_PASSWORD_OPEN: u32 = 2;
/// The password of an encrypted parent or base, for a snapshot that leans on it.
pub const HEXZ_PASSWORD_PARENT: u32 = 3;

/// = Phases of work (hexz_progress.phase)
///
/// Samples the sources and trains a dictionary.
pub const HEXZ_PHASE_TRAIN: u32 = 1;
/// Reads, deduplicates, compresses and writes.
pub const HEXZ_PHASE_PACK: u32 = 2;
/// Waits until the output is on stable storage, and gives it its name.
pub const HEXZ_PHASE_SYNC: u32 = 3;
/// Checks a snapshot.
pub const HEXZ_PHASE_VERIFY: u32 = 4;
/// Writes a stream out.
pub const HEXZ_PHASE_EXTRACT: u32 = 5;

/// = Operations of a rekey (hexz_rekey_opts.operation)
///
/// Adds a password; those that are there stay.
pub const HEXZ_REKEY_ADD: u32 = 1;
/// Replaces the password that opens the snapshot by a new one.
pub const HEXZ_REKEY_REPLACE: u32 = 2;
/// Removes the password that opens the snapshot, unless it is the last.
pub const HEXZ_REKEY_REMOVE: u32 = 3;

/// = Flags of memory (hexz_live_opts.flags, hexz_pager_opts.flags)
///
/// hexz_live_opts.flags: keeps track of what is written between builds, so that a build on the
/// parent that came of the last one reads only that. Not in this version: HEXZ_ERR_UNSUPPORTED.
pub const HEXZ_LIVE_TRACK: u64 = 1;
/// hexz_pager_opts.flags: the regions belong to whoever owns hexz_pager_opts.uffd, another process
/// as a rule. Not in this version: HEXZ_ERR_UNSUPPORTED.
pub const HEXZ_PAGER_UFFD: u64 = 1;

/// = Types
///
/// A snapshot under construction, made by hexz_builder_new(). One thread at a time.
pub struct hexz_builder {
    _private: [u8; 0],
}

/// A switch that stops work, made by hexz_cancel_new(). Any thread, any time.
pub struct hexz_cancel {
    _private: [u8; 0],
}

/// This process's own memory as a source of builds, made by hexz_live_new(). Its functions say
/// which of them may be called from any thread.
pub struct hexz_live {
    _private: [u8; 0],
}

/// Memory that is filled from a snapshot when it is touched, made by hexz_pager_new().
pub struct hexz_pager {
    _private: [u8; 0],
}

/// A snapshot open for reading, made by hexz_snapshot_open(). Many threads at once.
pub struct hexz_snapshot {
    _private: [u8; 0],
}

/// What a call returns: HEXZ_OK or a negative HEXZ_ERR_ value. Any value may come in a later
/// version: treat each negative one that you do not know as a failure.
pub type hexz_status = i32;

/// Pack parameters. hexz_profile_resolve() fills one in from a name; a custom one starts there and
/// changes some fields.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_profile {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// HEXZ_COMPRESSION_ value.
    pub compression: u32,
    /// Level of the compression: more is smaller and slower.
    pub level: i32,
    /// Bytes that are compressed together, a power of two from 4 KiB to 16 MiB. More is smaller,
    /// less reads faster at random.
    pub block_size: u32,
    /// 1: trains a dictionary from a sample of the sources, and keeps it if it pays. 0: does not.
    pub dictionary: u32,
    /// Smallest chunk in bytes, 1 KiB to 1 MiB. The three cdc fields matter with HEXZ_BUILD_CDC
    /// only; they are even and rise; all three 0 are the default: 16, 64 and 128 KiB.
    pub cdc_min: u32,
    /// Average chunk aimed at in bytes, at most 4 MiB.
    pub cdc_avg: u32,
    /// Largest chunk in bytes, at most 16 MiB.
    pub cdc_max: u32,
    /// HEXZ_PROFILE_ flags; 0: none.
    pub features: u32,
}

/// How far a call has come. The library's, valid during the callback.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_progress {
    /// Size in bytes that the library filled in: a newer library may give a longer struct.
    pub struct_size: size_t,
    /// HEXZ_PHASE_ value; phases come in the order of their numbers, some do not come at all.
    pub phase: u32,
    /// Zero.
    pub reserved: u32,
    /// Logical bytes done in this phase, holes counted; rises from 0 to total.
    pub done: u64,
    /// Logical bytes of all streams that the call works on; 0: not known.
    pub total: u64,
    /// Bytes written to the output so far.
    pub stored: u64,
}

/// Is told how far a call has come, 10 to 50 times a second, first and last of each phase included.
/// Called on the thread that made the call, and not after it returned. Anything but 0 stops the
/// work: the call returns HEXZ_ERR_CANCELLED, hexz_last_callback_code() the answer.
pub type hexz_progress_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, progress: *const hexz_progress) -> i32>;

/// What a password is asked for. The library's, valid during the callback.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_password_request {
    /// Size in bytes that the library filled in: a newer library may give a longer struct.
    pub struct_size: size_t,
    /// HEXZ_PASSWORD_ value.
    pub purpose: u32,
    /// Counts from 0: a wrong password of an existing snapshot is asked for again, at most three
    /// times in all.
    pub attempt: u32,
    /// The snapshot that the password is for, as the library got it; NULL if it has no path.
    pub path: *const c_char,
}

/// Supplies a password: bytes, 1 to 1024, nothing is trimmed or converted.
///
/// Returns 0 with the password in buf, which has room for capacity (1024) bytes, and its length in
/// *len. A positive answer declines: HEXZ_ERR_PASSWORD_REQUIRED at the first asking,
/// HEXZ_ERR_WRONG_PASSWORD later. A negative one is HEXZ_ERR_CALLBACK. The buffer is the library's
/// and is wiped after use. Called on the thread that made the call, before any output is made.
pub type hexz_password_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        request: *const hexz_password_request,
        buf: *mut c_char,
        capacity: size_t,
        len: *mut size_t,
    ) -> i32,
>;

/// A source of bytes in the host program, which a build reads by callbacks.
///
/// They return 0; anything else stops the build, which is HEXZ_ERR_CALLBACK then, and
/// hexz_last_callback_code() what was returned. They are called on the thread that made the call, one
/// at a time; with HEXZ_SOURCE_CONCURRENT, read_at is called by threads of the library too, several at
/// once (with HEXZ_BUILD_CDC, or with one thread, it is not). They may use other handles, and of the
/// build's own only hexz_cancel_trigger(), after which there is no further call; they do not leave by
/// longjmp or an exception. None of them is called after the call that uses the source returned.
///
/// The bytes do not change meanwhile. Each is asked for once, front to back (across the threads, only
/// by and large), but that a dictionary is trained on samples that are read before
/// (hexz_profile.dictionary).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_source {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// First argument of the callbacks.
    pub user_data: *mut c_void,
    /// Bytes there are.
    pub size: u64,
    /// HEXZ_SOURCE_CONCURRENT or 0.
    pub flags: u64,
    /// Fills all len bytes of buf with what is at offset, or fails. Never asked beyond size, nor for
    /// what extent_at says is no data. len is 1 or more, as a rule 1 MiB, and at most that, the
    /// block size or four of the largest chunks, whichever is most. offset and len are multiples of
    /// 4096 but where an extent or the source ends elsewhere; buf is aligned to nothing.
    pub read_at: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            offset: u64,
            buf: *mut c_void,
            len: size_t,
        ) -> i32,
    >,
    /// Tells what is at offset: *len is the number of bytes asked about on entry, 1 or more, and on
    /// return the number of bytes, 1 or more, that are of one kind from offset on: fewer than there
    /// are will do, and what goes beyond those asked about is cut. *kind becomes HEXZ_EXTENT_DATA,
    /// _ZERO, or _PARENT (as in the parent; HEXZ_ERR_SOURCE without one, as are other kinds and a
    /// length of 0). Extents begin and end anywhere. What is not DATA is not read. Some offsets may be
    /// asked about more than once. Always on the thread that made the call. NULL: all of it is data.
    pub extent_at: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            offset: u64,
            len: *mut u64,
            kind: *mut u32,
        ) -> i32,
    >,
}

/// One more stream of a build: a further disk, device state, anything. Exactly one of path, source,
/// snapshot and live says where its bytes come from.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_stream {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Its name: 1 to 63 bytes of UTF-8, no other stream's of the snapshot ("disk" and "memory" are
    /// those of hexz_build_opts.source and .memory).
    pub name: *const c_char,
    /// HEXZ_STREAM_ value; 0 is HEXZ_STREAM_BLOB.
    pub kind: u32,
    /// HEXZ_FORMAT_ value of path; 0 without one. HEXZ_FORMAT_AUTO looks at disks alone: memory is
    /// taken as hexz_build_opts.memory is, a blob byte for byte, whatever it is.
    pub format: u32,
    /// A file or block device, or NULL.
    pub path: *const c_char,
    /// A source in the host program, or NULL.
    pub source: *const hexz_source,
    /// An open snapshot, whose stream number snapshot_stream is copied with its holes, or NULL: to
    /// flatten a chain, encrypt or decrypt, change the profile, merge and split. The file is the one
    /// that the same bytes by path or callbacks give. Its blocks are decoded, by all threads, and
    /// packed anew; one that comes out of packing as the same bytes in the same order is not
    /// compressed again, but read once more, compared, and copied as it is stored (and sealed anew),
    /// if the snapshot or ancestor that has it names the compression, level and dictionary of the
    /// new one. Where a snapshot that hexz did not write names them untruly, what is copied still has
    /// the right content, but may be other bytes than this library compresses it to
    /// (docs/FORMAT.md, section 6.1). Damage in it is HEXZ_ERR_CORRUPT. It may be closed once the
    /// call returned.
    pub snapshot: *const hexz_snapshot,
    /// Memory of this process that is frozen (hexz_live_freeze()), or NULL. Not in this version:
    /// HEXZ_ERR_UNSUPPORTED.
    pub live: *const hexz_live,
    /// Index of the stream of snapshot; 0 without one.
    pub snapshot_stream: u32,
    /// Zero.
    pub reserved: u32,
}

/// A receiver of bytes in the host program, front to back: a pipe, a socket, memory, an upload.
///
/// Its callbacks are called on the thread that made the call and return 0; anything else is
/// HEXZ_ERR_CALLBACK, and nothing but abort is called after it. A call that is refused for its
/// arguments, its sources or its password calls none of them. Once the work has begun, commit is the
/// last, or abort is: when the call fails, which includes a commit that failed. A snapshot is whole
/// only when commit was called: its last bytes are what makes it one, so that what was cut short does
/// not open.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_sink {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// First argument of the callbacks.
    pub user_data: *mut c_void,
    /// Takes all len bytes of buf, 1 or more, or fails. Of a snapshot mostly 512 KiB at once, of a
    /// stream 1 MiB; never more than 17 MiB.
    pub write: Option<
        unsafe extern "C" fn(user_data: *mut c_void, buf: *const c_void, len: size_t) -> i32,
    >,
    /// Takes len bytes of zeros, 1 or more: a run of 64 KiB or longer of a stream that is extracted.
    /// Not called for a snapshot. NULL: zeros go through write.
    pub write_zeroes: Option<unsafe extern "C" fn(user_data: *mut c_void, len: u64) -> i32>,
    /// Everything was written: makes it last. May be NULL.
    pub commit: Option<unsafe extern "C" fn(user_data: *mut c_void) -> i32>,
    /// The work failed: drops what was written. May be NULL.
    pub abort: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

/// A snapshot file in the host program's care: in memory, in an object store. The struct is copied;
/// user_data is used until release.
///
/// read_at returns 0; anything else is HEXZ_ERR_CALLBACK of the call that needed the bytes, after
/// which the handle is as good as before. It is called from any thread that uses a handle which leans
/// on the storage, and from threads of the library while one is verified or extracted: from one
/// thread at a time, whatever the handles, unless HEXZ_SOURCE_CONCURRENT is set. From within it those
/// handles are HEXZ_ERR_STATE, and are not to be waited for: whoever uses one may wait for this read.
/// Every byte is checked as those of a file are.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_storage {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// First argument of the callback.
    pub user_data: *mut c_void,
    /// Bytes of the snapshot file, at most INT64_MAX.
    pub size: u64,
    /// HEXZ_SOURCE_CONCURRENT or 0.
    pub flags: u64,
    /// Fills all len bytes of buf, 1 or more, with what is at offset, or fails. Never asked beyond
    /// size; at opening for at most 64 KiB in at most four calls.
    pub read_at: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            offset: u64,
            buf: *mut c_void,
            len: size_t,
        ) -> i32,
    >,
    /// Is called once, when the last handle that leans on this storage is gone, or before
    /// hexz_snapshot_open() returns when it fails, arguments that it refuses among the reasons
    /// (unless this struct itself is refused). Not called on a thread of the library. NULL: what
    /// user_data is lives until then on your own care.
    pub release: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
}

/// What a build did.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_build_report {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Zero.
    pub reserved: usize,
    /// Bytes read from the sources; holes are not read.
    pub bytes_read: u64,
    /// Logical bytes of zeros, holes among them: they take no space.
    pub bytes_zero: u64,
    /// Logical bytes that were found elsewhere in this snapshot.
    pub bytes_duplicate: u64,
    /// Logical bytes that the parent has.
    pub bytes_inherited: u64,
    /// Logical bytes that were new, before compression.
    pub bytes_unique: u64,
    /// The same after compression.
    pub bytes_stored: u64,
    /// Stored bytes that no stream refers to any more: what a builder overwrote.
    pub bytes_dead: u64,
    /// Blocks stored.
    pub blocks: u64,
    /// Bytes of the snapshot file.
    pub file_size: u64,
    /// The root: a hash (BLAKE3) that names all that the snapshot holds. Kept apart from the file
    /// it tells later, by hexz_open_opts.expect_root, whether this is the file.
    pub root: [u8; 32],
    /// Nanoseconds spent reading the sources and unpacking qcow2 clusters. This and the next five are sums over the threads.
    pub read_ns: u64,
    /// Nanoseconds spent hashing units.
    pub hash_ns: u64,
    /// Nanoseconds spent compressing.
    pub compress_ns: u64,
    /// Nanoseconds spent encrypting.
    pub seal_ns: u64,
    /// Nanoseconds spent writing the output.
    pub write_ns: u64,
    /// Nanoseconds until the output was durable and had its name.
    pub sync_ns: u64,
    /// Nanoseconds from the beginning of the call to its end, by the clock.
    pub total_ns: u64,
}

/// What to build from, and how. Zero in any field but struct_size is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_build_opts {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Zero.
    pub reserved: usize,
    /// HEXZ_BUILD_ flags.
    pub flags: u64,
    /// The disk image: a regular file or a block device. It becomes the stream "disk". NULL only
    /// with streams. Parts of it, and of the other files that are read, which were not in the page
    /// cache before are dropped from it again.
    pub source: *const c_char,
    /// A memory dump, or NULL. It becomes the stream "memory", byte for byte, whatever it is. Best
    /// is a raw one (QEMU: pmemsave): its pages are found on the disk, where the page cache has
    /// them from. In an ELF one (dump-guest-memory) the headers shift them, and none is found; a
    /// compressed one (dump-guest-memory -z, -l, -s) does not shrink any more.
    pub memory: *const c_char,
    /// The snapshot file to make. It appears complete or not at all, with mode 0600 less the umask.
    /// Exactly one of output and sink is given.
    pub output: *const c_char,
    /// Name of the profile; NULL: "generic". Not together with custom.
    pub profile: *const c_char,
    /// HEXZ_FORMAT_ value of source; memory is taken as it is.
    pub source_format: u32,
    /// Threads that use CPU, the calling one included: 1 starts none. 0: as many as the CPUs that
    /// this process may use. At most that many are used, and never more than 256; the snapshot does
    /// not depend on it.
    pub threads: u32,
    /// Pack parameters of your own, or NULL.
    pub custom: *const hexz_profile,
    /// Supplies passwords, or NULL. Given without HEXZ_BUILD_ENCRYPT and without a parent it is
    /// HEXZ_ERR_INVALID_ARGUMENT: somebody expects an encrypted snapshot.
    pub password: hexz_password_fn,
    /// First argument of password.
    pub password_data: *mut c_void,
    /// Is told how far the build has come, or NULL.
    pub progress: hexz_progress_fn,
    /// First argument of progress.
    pub progress_data: *mut c_void,
    /// Stops the build when triggered, or NULL. Not freed before the call returns.
    pub cancel: *const hexz_cancel,
    /// A snapshot to store only the differences to, or NULL: what it or one that it leans on has, in
    /// the stream of the same name at the same place or anywhere, is not stored again. At the same
    /// place bytes are compared; anywhere else they are found by their hash, and the block that they
    /// lie in is decoded and hashed once before they count. The new snapshot leans on those of them
    /// that it refers to, and records their file names as hints.
    pub parent: *const c_char,
    /// The same as an open handle, or NULL; not both. It may be closed once the call returned.
    pub parent_snapshot: *const hexz_snapshot,
    /// More streams, behind disk and memory in their order, or NULL; at most 256 in all.
    pub streams: *const *const hexz_stream,
    /// Number of streams.
    pub stream_count: size_t,
    /// Takes the snapshot in place of an output file, or NULL. HEXZ_BUILD_OVERWRITE and
    /// HEXZ_BUILD_NO_SYNC have no meaning then.
    pub sink: *const hexz_sink,
    /// Filled in on success, or NULL. Its struct_size is set by you.
    pub report: *mut hexz_build_report,
    /// Bytes of memory for the work, for any size of source; 0: 256 MiB. Too little is
    /// HEXZ_ERR_INVALID_ARGUMENT, and the text names the least. The snapshot depends on it a
    /// little: with more memory more duplicates are found.
    pub memory_limit: u64,
    /// Cost of the password's key (Argon2id, RFC 9106): memory in KiB, 1024 to 1048576; 0: 65536.
    pub kdf_memory_kib: u32,
    /// Passes over that memory, 1 to 64; 0: 3.
    pub kdf_passes: u32,
    /// Lanes, 1 to 16; 0: 4.
    pub kdf_lanes: u32,
    /// Zero.
    pub reserved2: u32,
    /// Open snapshots in which content is looked for besides the parent's, anywhere in them, or
    /// NULL; with all their ancestors at most 64. The new snapshot leans on those of them that it
    /// refers to. They may be closed once the call returned. One that is encrypted and is no
    /// relative of an encrypted parent (or of the first encrypted base) is skipped.
    pub bases: *const *const hexz_snapshot,
    /// Number of bases.
    pub base_count: size_t,
    /// Folder for an unnamed file that takes what outgrows memory_limit; NULL: the output's. Only a
    /// builder that writes out of order has such; hexz_build() does not look at it.
    pub spill: *const c_char,
}

/// An ancestor that is looked for. The library's, valid during the callback; what the callback
/// fills in lives until hexz_snapshot_open() returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_ancestor {
    /// Size in bytes that the library filled in: a newer library may give a longer struct.
    pub struct_size: size_t,
    /// The 32 bytes of its root.
    pub root: *const u8,
    /// The file name that it had when the child was built, which is a hint and no more; NULL if
    /// none is recorded. From a file of any origin: mind what you print and open.
    pub hint: *const c_char,
    /// Set by the callback: where it is. Exactly one of path, storage and snapshot.
    pub path: *const c_char,
    /// Set by the callback: the storage that has it.
    pub storage: *const hexz_storage,
    /// Set by the callback: it, open already.
    pub snapshot: *const hexz_snapshot,
}

/// Finds an ancestor by its root.
///
/// Returns 0 with one of path, storage and snapshot set. A positive answer says that it is unknown
/// here: the search goes on. A negative one is HEXZ_ERR_CALLBACK. Called on the thread that made
/// the call. The snapshot is not open yet: any other may be opened and used here. A storage is given
/// back by its release, once, when the last handle that leans on it is gone or the open has failed.
pub type hexz_ancestor_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, ancestor: *mut hexz_ancestor) -> i32>;

/// What to open, and how. Zero in any field but struct_size is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_open_opts {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Zero.
    pub reserved: usize,
    /// HEXZ_OPEN_ flags.
    pub flags: u64,
    /// Bytes of decoded blocks and index pages to keep in memory; 0: 32 MiB.
    pub cache_size: u64,
    /// The snapshot file. Exactly one of path and storage is given.
    pub path: *const c_char,
    /// The snapshot in the host program's care, or NULL.
    pub storage: *const hexz_storage,
    /// Supplies the password of an encrypted snapshot, or NULL. See HEXZ_OPEN_ALLOW_PLAIN.
    pub password: hexz_password_fn,
    /// First argument of password.
    pub password_data: *mut c_void,
    /// Where the parent is, or NULL.
    pub parent: *const c_char,
    /// The same as an open handle, or NULL; not both. It may be closed once the call returned.
    pub parent_snapshot: *const hexz_snapshot,
    /// The 32 bytes that the root must be (hexz_build_report.root), or NULL. Another root is
    /// HEXZ_ERR_CORRUPT, and each block is checked by BLAKE3 as well when it is read.
    pub expect_root: *const u8,
    /// Stops the opening when triggered, or NULL. Not used after the call returned.
    pub cancel: *const hexz_cancel,
    /// Finds ancestors that parent_snapshot and parent are not, or NULL.
    pub ancestor: hexz_ancestor_fn,
    /// First argument of ancestor.
    pub ancestor_data: *mut c_void,
    /// KiB of memory that making a key from a password may take at most, since whoever made the
    /// snapshot chose the cost; 0: 1048576, the most that the format allows. Passwords are tried on
    /// the key slots in turn; one that asks for more is HEXZ_ERR_UNSUPPORTED when its turn comes,
    /// before that memory is taken, and before a password is asked for if it is the first.
    pub kdf_memory_max_kib: u32,
    /// Zero.
    pub reserved2: u32,
}

/// What a snapshot is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_info {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Zero.
    pub reserved: usize,
    /// The root: see hexz_build_report.root.
    pub root: [u8; 32],
    /// Root of the parent that it was built on, whether it leans on that or not; zeros without one.
    pub parent_root: [u8; 32],
    /// Version of the file format.
    pub format_version: u32,
    /// Number of streams.
    pub stream_count: u32,
    /// 1: encrypted. 0: plain.
    pub encrypted: u32,
    /// 1: made of content-defined chunks. 0: of fixed units.
    pub cdc: u32,
    /// HEXZ_COMPRESSION_ value that was asked for.
    pub compression: u32,
    /// Level that was asked for.
    pub level: i32,
    /// Bytes that were compressed together.
    pub block_size: u32,
    /// Bytes of the dictionary; 0: none.
    pub dictionary_size: u32,
    /// Bytes of the snapshot file.
    pub file_size: u64,
    /// Bytes of all streams.
    pub logical_size: u64,
    /// Blocks stored in this file.
    pub blocks: u64,
    /// Snapshots that this one leans on: see hexz_snapshot_ancestor(). Those of which it takes bytes.
    pub ancestor_count: u32,
    /// Zero.
    pub reserved2: u32,
}

/// What a snapshot leans on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_ancestor_info {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Its root.
    pub root: [u8; 32],
    /// The file name that it had when the child was built, ended by NUL; empty if none is recorded.
    /// From a file of any origin: mind what you print.
    pub hint: [c_char; 256],
    /// Logical bytes that come from it.
    pub bytes_inherited: u64,
    /// Bytes of its file.
    pub file_size: u64,
}

/// What a stream is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_stream_info {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Its name in UTF-8, ended by NUL. From a file of any origin: mind what you print.
    pub name: [c_char; 64],
    /// HEXZ_STREAM_ value.
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
    /// Bytes.
    pub size: u64,
    /// Of these in extents of data, its own and those of snapshots that it leans on.
    pub data_size: u64,
    /// Of these in extents of zeros.
    pub zero_size: u64,
    /// Bytes in the file of the blocks that this stream brought in.
    pub stored_size: u64,
}

/// A run of bytes of one kind.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_extent {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// HEXZ_EXTENT_ value.
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
    /// The offset that was asked about.
    pub offset: u64,
    /// Bytes from there on that are of this kind, at least 1. What follows may be of the same kind.
    pub len: u64,
}

/// What a verify found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_verify_report {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Index of the first stream with damage; UINT32_MAX: none, or the damage is in no stream.
    pub bad_stream: u32,
    /// Zero.
    pub reserved: u32,
    /// The first offset in that stream that cannot be read; UINT64_MAX without one. In a file that was
    /// made to cost much work it may be one before that, never one behind it.
    pub bad_offset: u64,
    /// Blocks looked at, bad ones among them.
    pub blocks_checked: u64,
    /// Blocks that are damaged, or cannot be found because the index is.
    pub blocks_bad: u64,
}

/// How to verify. Zero in any field but struct_size is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_verify_opts {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// As hexz_build_opts.threads.
    pub threads: u32,
    /// Zero.
    pub reserved: u32,
    /// Is told how far the work has come, or NULL.
    pub progress: hexz_progress_fn,
    /// First argument of progress.
    pub progress_data: *mut c_void,
    /// Stops the work when triggered, or NULL.
    pub cancel: *const hexz_cancel,
    /// Filled in on HEXZ_OK and on HEXZ_ERR_CORRUPT, or NULL. Its struct_size is set by you.
    pub report: *mut hexz_verify_report,
}

/// What to extract, and where to. Zero in any field but struct_size is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_extract_opts {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Zero.
    pub reserved: usize,
    /// HEXZ_EXTRACT_ flags.
    pub flags: u64,
    /// Index of the stream.
    pub stream: u32,
    /// As hexz_build_opts.threads.
    pub threads: u32,
    /// The file to make, raw and sparse. It appears complete or not at all, unless
    /// HEXZ_EXTRACT_IN_PLACE is set. Exactly one of output and sink is given.
    pub output: *const c_char,
    /// Takes the bytes in place of a file, in order, or NULL. Not with HEXZ_EXTRACT_IN_PLACE; of the
    /// other flags none has a meaning then.
    pub sink: *const hexz_sink,
    /// Is told how far the work has come, or NULL.
    pub progress: hexz_progress_fn,
    /// First argument of progress.
    pub progress_data: *mut c_void,
    /// Stops the work when triggered, or NULL.
    pub cancel: *const hexz_cancel,
    /// Zero.
    pub reserved2: usize,
}

/// Which password to change, and how. Zero in any field but struct_size is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_rekey_opts {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// The snapshot file, which is changed in place.
    pub path: *const c_char,
    /// Zero: there are no flags yet.
    pub flags: u64,
    /// HEXZ_REKEY_ value.
    pub operation: u32,
    /// As in hexz_build_opts, for the new password.
    pub kdf_memory_kib: u32,
    /// As in hexz_build_opts, for the new password.
    pub kdf_passes: u32,
    /// As in hexz_build_opts, for the new password.
    pub kdf_lanes: u32,
    /// Supplies the passwords: first HEXZ_PASSWORD_OPEN, then HEXZ_PASSWORD_CREATE.
    pub password: hexz_password_fn,
    /// First argument of password.
    pub password_data: *mut c_void,
    /// Stops the work when triggered, or NULL, until the file begins to change. Not used after the
    /// call returned.
    pub cancel: *const hexz_cancel,
    /// As in hexz_open_opts, for the key slots that are there.
    pub kdf_memory_max_kib: u32,
    /// Zero.
    pub reserved: u32,
}

/// A run of memory, and its place in a stream. Runs of one handle overlap neither in memory nor in
/// the stream.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_ram {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Where it begins; a multiple of the page size. With HEXZ_PAGER_UFFD an address of its owner.
    pub addr: *mut c_void,
    /// Bytes; a multiple of the page size, not 0.
    pub len: u64,
    /// Where it begins in the stream; a multiple of the page size.
    pub offset: u64,
    /// Bytes of its pages, as for hugetlbfs, a power of two; 0: the system's.
    pub page_size: u32,
    /// Zero.
    pub reserved: u32,
}

/// Memory to take snapshots of while it is written. Zero in any field but struct_size and regions
/// is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_live_opts {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// HEXZ_LIVE_TRACK or 0.
    pub flags: u64,
    /// The memory; what lies between the runs in the stream is zeros. It stays mapped until the
    /// handle is freed; the structs are not needed after the call.
    pub regions: *const *const hexz_ram,
    /// Number of regions, 1 or more.
    pub region_count: size_t,
    /// Bytes of the stream; 0: it ends with the region that ends last.
    pub size: u64,
    /// Bytes of memory for pages that were saved and not built yet, 256 KiB or more; 0: 64 MiB.
    pub memory_limit: u64,
    /// Folder for an unnamed file that takes saved pages beyond memory_limit; NULL: whoever writes
    /// then waits until the build has taken some.
    pub spill: *const c_char,
}

/// What a live handle did, counted from its beginning.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_live_stats {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Zero.
    pub reserved: usize,
    /// Freezes that succeeded.
    pub freezes: u64,
    /// Nanoseconds that the last freeze took.
    pub freeze_ns: u64,
    /// Writes that had to wait until a page was saved.
    pub faults: u64,
    /// Nanoseconds of the longest such wait.
    pub fault_ns_max: u64,
    /// Bytes saved before they were written over.
    pub bytes_saved: u64,
    /// Of these, bytes that went into the spill file.
    pub bytes_spilled: u64,
    /// Bytes known to be written since the freeze whose build last succeeded (HEXZ_LIVE_TRACK).
    pub bytes_changed: u64,
}

/// Memory to fill, and how. Zero in any field but struct_size and regions is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_pager_opts {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// HEXZ_PAGER_UFFD or 0.
    pub flags: u64,
    /// The memory: private or shared anonymous, fresh, of this process, unless HEXZ_PAGER_UFFD is
    /// set. The structs are not needed after the call.
    pub regions: *const *const hexz_ram,
    /// Number of regions, 1 or more.
    pub region_count: size_t,
    /// Index of the stream that fills them.
    pub stream: u32,
    /// With HEXZ_PAGER_UFFD: the userfaultfd(2) on which their owner registered them. It stays the
    /// caller's and open. Without the flag: 0 or -1.
    pub uffd: i32,
    /// Threads of the pager at most; 0: 2.
    pub threads: u32,
    /// Zero.
    pub reserved: u32,
    /// What hexz_pager_trace() gave for an earlier run, or NULL: filled in first, in that order.
    pub trace: *const c_void,
    /// Bytes of trace.
    pub trace_len: size_t,
    /// Is told of each page that cannot be had, once, by its offset in the stream, or NULL. On a
    /// thread of the pager; it may not call the pager. Whoever touches the page gets SIGBUS.
    pub failed:
        Option<unsafe extern "C" fn(user_data: *mut c_void, offset: u64, status: hexz_status)>,
    /// First argument of failed.
    pub failed_data: *mut c_void,
}

/// What a pager did, counted from its beginning.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hexz_pager_stats {
    /// Size of this struct in bytes: see HEXZ_INIT.
    pub struct_size: size_t,
    /// Zero.
    pub reserved: usize,
    /// First touches that had to wait.
    pub faults: u64,
    /// Nanoseconds of the longest such wait.
    pub fault_ns_max: u64,
    /// Bytes filled in because they were touched.
    pub bytes_faulted: u64,
    /// Bytes filled in before they were touched.
    pub bytes_prefetched: u64,
    /// Bytes not filled in yet.
    pub bytes_left: u64,
    /// Pages that could not be had.
    pub failures: u64,
}

const fn field_size<S, F>(_: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

// Every field right behind the one before it, and nothing behind the last: no padding, which would
// carry stray bytes over the boundary and could not be told from a field that a newer header adds.
macro_rules! packed {
    ($($name:ident $size:literal: $($field:ident)+;)+) => {$(
        const _: () = {
            let mut end = 0;
            $(
                assert!(offset_of!($name, $field) == end);
                end += field_size(|s: &$name| &s.$field);
            )+
            assert!(end == size_of::<$name>() && end == $size);
        };
    )+};
}

packed! {
    hexz_profile 40: struct_size compression level block_size dictionary cdc_min cdc_avg cdc_max
        features;
    hexz_progress 40: struct_size phase reserved done total stored;
    hexz_password_request 24: struct_size purpose attempt path;
    hexz_source 48: struct_size user_data size flags read_at extent_at;
    hexz_stream 64: struct_size name kind format path source snapshot live snapshot_stream reserved;
    hexz_sink 48: struct_size user_data write write_zeroes commit abort;
    hexz_storage 48: struct_size user_data size flags read_at release;
    hexz_build_report 176: struct_size reserved bytes_read bytes_zero bytes_duplicate
        bytes_inherited bytes_unique bytes_stored bytes_dead blocks file_size root read_ns hash_ns
        compress_ns seal_ns write_ns sync_ns total_ns;
    hexz_build_opts 208: struct_size reserved flags source memory output profile source_format
        threads custom password password_data progress progress_data cancel parent parent_snapshot
        streams stream_count sink report memory_limit kdf_memory_kib kdf_passes kdf_lanes reserved2
        bases base_count spill;
    hexz_ancestor 48: struct_size root hint path storage snapshot;
    hexz_open_opts 120: struct_size reserved flags cache_size path storage password password_data
        parent parent_snapshot expect_root cancel ancestor ancestor_data kdf_memory_max_kib
        reserved2;
    hexz_info 144: struct_size reserved root parent_root format_version stream_count encrypted cdc
        compression level block_size dictionary_size file_size logical_size blocks ancestor_count
        reserved2;
    hexz_ancestor_info 312: struct_size root hint bytes_inherited file_size;
    hexz_stream_info 112: struct_size name kind reserved size data_size zero_size stored_size;
    hexz_extent 32: struct_size kind reserved offset len;
    hexz_verify_report 40: struct_size bad_stream reserved bad_offset blocks_checked blocks_bad;
    hexz_verify_opts 48: struct_size threads reserved progress progress_data cancel report;
    hexz_extract_opts 80: struct_size reserved flags stream threads output sink progress
        progress_data cancel reserved2;
    hexz_rekey_opts 72: struct_size path flags operation kdf_memory_kib kdf_passes kdf_lanes
        password password_data cancel kdf_memory_max_kib reserved;
    hexz_ram 40: struct_size addr len offset page_size reserved;
    hexz_live_opts 56: struct_size flags regions region_count size memory_limit spill;
    hexz_live_stats 72: struct_size reserved freezes freeze_ns faults fault_ns_max bytes_saved
        bytes_spilled bytes_changed;
    hexz_pager_opts 80: struct_size flags regions region_count stream uffd threads reserved trace
        trace_len failed failed_data;
    hexz_pager_stats 64: struct_size reserved faults fault_ns_max bytes_faulted bytes_prefetched
        bytes_left failures;
}
