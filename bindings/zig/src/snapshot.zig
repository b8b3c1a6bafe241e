//! Reading a snapshot.

const std = @import("std");
const c = @import("c.zig");
const Error = @import("status.zig").Error;
const check = @import("failure.zig").check;
const mirror = @import("mirror.zig");
const Text = @import("text.zig").Text;
const AncestorCallback = @import("ancestor.zig").AncestorCallback;
const AncestorInfo = @import("ancestor.zig").AncestorInfo;
const Finder = @import("ancestor.zig").Finder;
const Cancel = @import("cancel.zig").Cancel;
const Compression = @import("profile.zig").Compression;
const Keyring = @import("password.zig").Keyring;
const Password = @import("password.zig").Password;
const ProgressCallback = @import("progress.zig").ProgressCallback;
const Storage = @import("storage.zig").Storage;
const Stream = @import("stream.zig").Stream;

/// A hash (BLAKE3) that names all that a snapshot holds.
pub const Root = [32]u8;

/// How to open a snapshot.
pub const OpenOptions = struct {
    /// Of an encrypted snapshot. For one that is not encrypted it is `error.NotEncrypted`, so that
    /// nobody can pass off a plain file for an encrypted one.
    password: ?Password = null,
    /// A plain snapshot is fine although a password is given.
    allow_plain: bool = false,
    /// What the root must be. Another is `error.Corrupt`, and each block is checked by BLAKE3 as well
    /// when it is read.
    expect_root: ?Root = null,
    /// Bytes of decoded blocks and index pages to keep in memory; 0: 32 MiB.
    cache_size: u64 = 0,
    /// KiB of memory that making a key from a password may take at most; 0: 1 GiB, the most that the
    /// format allows. A key slot that asks for more is `error.Unsupported`.
    kdf_memory_max_kib: u32 = 0,
    /// Where the parent is, of a snapshot that leans on others.
    parent: ?[]const u8 = null,
    /// The same, open already; not both. It may be closed once the opening is over.
    parent_snapshot: ?Snapshot = null,
    /// Finds ancestors that `parent_snapshot` and `parent` are not. One that is found nowhere is
    /// `error.ParentFailed`.
    ancestor: ?AncestorCallback = null,
    /// The names of ancestors that a snapshot records are not followed: for snapshots from hands that you do
    /// not trust.
    no_hints: bool = false,
    /// Stops the opening when triggered. Not used after `Snapshot.open` returned.
    cancel: ?Cancel = null,
};

/// What a snapshot is.
pub const Info = struct {
    root: Root,
    /// Root of the parent that it was built on, whether it leans on that or not; zeros without one.
    parent_root: Root,
    /// Version of the file format.
    format_version: u32,
    /// Number of streams.
    stream_count: u32,
    encrypted: bool,
    /// Made of content-defined chunks, not of fixed units.
    cdc: bool,
    /// The compression that was asked for.
    compression: Compression,
    /// The level that was asked for.
    level: i32,
    /// Bytes that were compressed together.
    block_size: u32,
    /// Bytes of the dictionary; 0: none.
    dictionary_size: u32,
    /// Bytes of the snapshot file.
    file_size: u64,
    /// Bytes of all streams.
    logical_size: u64,
    /// Blocks stored in this file.
    blocks: u64,
    /// Snapshots that this one leans on: see `Snapshot.ancestor`.
    ancestor_count: u32,
};

/// What a verify found.
pub const VerifyReport = struct {
    /// The first place that cannot be read; null: none, or the damage is in no stream.
    bad: ?Place = null,
    /// Blocks looked at, bad ones among them.
    blocks_checked: u64 = 0,
    /// Blocks that are damaged, or cannot be found because the index is.
    blocks_bad: u64 = 0,

    pub const Place = struct {
        /// Index of the stream.
        stream: u32,
        /// Bytes from its beginning.
        offset: u64,
    };
};

/// How to verify.
pub const VerifyOptions = struct {
    /// As `BuildOptions.threads`.
    threads: u32 = 0,
    progress: ?ProgressCallback = null,
    cancel: ?Cancel = null,
    /// Filled in on success and on `error.Corrupt`; empty after other errors.
    report: ?*VerifyReport = null,
};

/// A snapshot open for reading. Copies are the same snapshot; any number of threads may use it at once. Its
/// file must stay as it is meanwhile; replacing it by rename is fine.
pub const Snapshot = struct {
    handle: *c.hexz_snapshot,

    /// Reads at most 64 KiB, however large the file is. Every byte is checked before it is handed out.
    pub fn open(path: []const u8, options: OpenOptions) Error!Snapshot {
        var text: Text = .{};
        return openWith(try text.set(path), null, options);
    }

    /// As `open`, of a snapshot in this program's care.
    pub fn openFrom(storage: Storage, options: OpenOptions) Error!Snapshot {
        const from = storage.toC();
        return openWith(null, &from, options);
    }

    fn openWith(path: ?[*:0]const u8, storage: ?*const c.hexz_storage, options: OpenOptions) Error!Snapshot {
        var opts = mirror.sized(c.hexz_open_opts);
        opts.path = path;
        opts.storage = storage;
        opts.cache_size = options.cache_size;
        if (options.allow_plain) opts.flags |= c.HEXZ_OPEN_ALLOW_PLAIN;
        if (options.no_hints) opts.flags |= c.HEXZ_OPEN_NO_HINTS;
        opts.kdf_memory_max_kib = options.kdf_memory_max_kib;
        var keyring: Keyring = .{ .open = options.password };
        if (options.password != null) {
            opts.password = Keyring.answer;
            opts.password_data = &keyring;
        }
        if (options.expect_root) |*root| opts.expect_root = root;
        if (options.cancel) |cancel| opts.cancel = cancel.handle;
        var parent: Text = .{};
        opts.parent = try parent.setOptional(options.parent);
        if (options.parent_snapshot) |snapshot| opts.parent_snapshot = snapshot.handle;
        var finder: Finder = undefined;
        if (options.ancestor) |callback| {
            finder = .{ .callback = callback };
            opts.ancestor = Finder.answer;
            opts.ancestor_data = &finder;
        }
        var handle: ?*c.hexz_snapshot = null;
        try check(c.hexz_snapshot_open(&opts, &handle));
        return .{ .handle = handle.? };
    }

    /// Once no call, stream or reader uses it any more.
    pub fn close(snapshot: Snapshot) void {
        c.hexz_snapshot_close(snapshot.handle);
    }

    /// What this snapshot is. Reads nothing.
    pub fn info(snapshot: Snapshot) Error!Info {
        var out = mirror.sized(c.hexz_info);
        try check(c.hexz_snapshot_info(snapshot.handle, &out));
        return mirror.fromC(Info, out);
    }

    /// Stream number `index`, counted from 0. Reads nothing.
    pub fn stream(snapshot: Snapshot, index: u32) Error!Stream {
        return .init(snapshot, index);
    }

    /// The stream of this name, such as "disk" or "memory". Reads nothing.
    pub fn find(snapshot: Snapshot, name: []const u8) Error!Stream {
        var text: Text = .{};
        var index: u32 = undefined;
        try check(c.hexz_snapshot_find(snapshot.handle, try text.set(name), &index));
        return .init(snapshot, index);
    }

    /// All streams, in the order of their indices:
    ///
    ///     var streams = try snapshot.streams();
    ///     while (try streams.next()) |stream| ...
    pub fn streams(snapshot: Snapshot) Error!StreamIterator {
        return .{ .snapshot = snapshot, .count = (try snapshot.info()).stream_count };
    }

    /// What number `index` is that this snapshot leans on, counted from 0 up to `Info.ancestor_count`, else
    /// `error.OutOfRange`. The first call reads index pages, later ones read nothing.
    pub fn ancestor(snapshot: Snapshot, index: u32) Error!AncestorInfo {
        var out = mirror.sized(c.hexz_ancestor_info);
        try check(c.hexz_snapshot_ancestor(snapshot.handle, index, &out));
        return .{
            .root = out.root,
            .bytes_inherited = out.bytes_inherited,
            .file_size = out.file_size,
            .hint_buffer = out.hint,
        };
    }

    /// Checks all of the file: every block, every hash, every page of the index. Damage is `error.Corrupt`,
    /// but does not stop it, so that the report is complete. The callbacks run on this thread.
    pub fn verify(snapshot: Snapshot, options: VerifyOptions) Error!void {
        var opts = mirror.sized(c.hexz_verify_opts);
        opts.threads = options.threads;
        if (options.progress) |progress| {
            opts.progress = progress.function;
            opts.progress_data = progress.context;
        }
        if (options.cancel) |cancel| opts.cancel = cancel.handle;
        var report = mirror.sized(c.hexz_verify_report);
        opts.report = &report;
        if (options.report) |out| out.* = .{};
        const status = c.hexz_snapshot_verify(snapshot.handle, &opts);
        if (options.report) |out| if (status == c.HEXZ_OK or status == c.HEXZ_ERR_CORRUPT) {
            out.* = .{
                .bad = if (report.bad_stream == std.math.maxInt(u32)) null else .{
                    .stream = report.bad_stream,
                    .offset = report.bad_offset,
                },
                .blocks_checked = report.blocks_checked,
                .blocks_bad = report.blocks_bad,
            };
        };
        return check(status);
    }
};

pub const StreamIterator = struct {
    snapshot: Snapshot,
    count: u32,
    index: u32 = 0,

    pub fn next(streams: *StreamIterator) Error!?Stream {
        if (streams.index == streams.count) return null;
        const found: Stream = try .init(streams.snapshot, streams.index);
        streams.index += 1;
        return found;
    }
};
