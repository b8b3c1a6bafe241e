//! Making a snapshot.

const c = @import("c.zig");
const Error = @import("status.zig").Error;
const check = @import("failure.zig").check;
const refuse = @import("failure.zig").refuse;
const mirror = @import("mirror.zig");
const Text = @import("text.zig").Text;
const Cancel = @import("cancel.zig").Cancel;
const Encryption = @import("password.zig").Encryption;
const Keyring = @import("password.zig").Keyring;
const ProfileChoice = @import("profile.zig").ProfileChoice;
const ProgressCallback = @import("progress.zig").ProgressCallback;
const Root = @import("snapshot.zig").Root;
const Snapshot = @import("snapshot.zig").Snapshot;
const Sink = @import("sink.zig").Sink;
const CStreams = @import("source.zig").CStreams;
const StreamInput = @import("source.zig").StreamInput;

/// How a source is stored.
pub const Format = enum(u32) {
    /// Looks: what begins as a qcow2 image is one, anything else is raw. A guest that may write to its
    /// raw disk may also write a qcow2 header there: say `.raw` where you know it.
    auto = c.HEXZ_FORMAT_AUTO,
    /// The bytes are the disk.
    raw = c.HEXZ_FORMAT_RAW,
    /// qcow2, versions 2 and 3.
    qcow2 = c.HEXZ_FORMAT_QCOW2,
};

/// What to build from, and how.
pub const BuildOptions = struct {
    /// The disk image: a regular file or a block device. It becomes the stream "disk". Empty: none,
    /// where there are `streams`.
    source: []const u8 = "",
    /// A memory dump. It becomes the stream "memory", byte for byte.
    memory: ?[]const u8 = null,
    /// More streams, behind disk and memory in their order; at most 256 in all.
    streams: []const StreamInput = &.{},
    /// The snapshot file to make. It appears complete or not at all. Empty: none, where there is a `sink`.
    output: []const u8 = "",
    /// Takes the snapshot in place of a file: only when it was committed it is whole, and what was cut short
    /// does not open. `overwrite` and `sync` have no meaning then.
    sink: ?Sink = null,
    profile: ProfileChoice = .generic,
    /// Of `source`.
    format: Format = .auto,
    /// Encrypts with AES-256-GCM under this password.
    encrypt: ?Encryption = null,
    /// Cuts content-defined chunks in place of fixed 4 KiB units: for data that shifts by odd numbers
    /// of bytes, such as text and archives.
    cdc: bool = false,
    /// Replaces an output that is there, in one step, once the new one is complete.
    overwrite: bool = false,
    /// Waits until the output is on stable storage.
    sync: bool = true,
    /// Lets an image open the other files that its header names. Only for images from a source that you
    /// trust with your files. Without effect on raw images.
    allow_backing: bool = false,
    /// Skips QEMU's image locks and the check that no source changed while it was read.
    force_share: bool = false,
    /// Skips only the check that no source changed while it was read, and keeps the locks.
    allow_change: bool = false,
    /// Threads that use CPU, the calling one included: 1 starts none. 0: as many as the CPUs that this
    /// process may use. The snapshot does not depend on it.
    threads: u32 = 0,
    /// Bytes of memory for the work, for any size of source; 0: 256 MiB.
    memory_limit: u64 = 0,
    /// A snapshot to store only the differences to: what it or one that it leans on has, in the stream of the
    /// same name at the same place or anywhere, is not stored again. If it is encrypted, `encrypt` must be
    /// given: its password is asked for the parent's too, with `.parent`.
    parent: ?[]const u8 = null,
    /// The same, open already; not both. It may be closed once the build is over.
    parent_snapshot: ?Snapshot = null,
    /// More snapshots in which content is looked for, anywhere in them. Each may be closed once the build is
    /// over.
    bases: []const Snapshot = &.{},
    /// Where parent and bases have more than 64 ancestors together, what the least-giving ones have is
    /// stored anew, in place of `error.ParentFailed`.
    fold: bool = false,
    /// Of a `Builder`: a folder for an unnamed file that takes what outgrows `memory_limit`. Without it the output's.
    spill: ?[]const u8 = null,
    progress: ?ProgressCallback = null,
    /// Stops the build when triggered. Must live until `build` returns.
    cancel: ?Cancel = null,

    fn flags(options: *const BuildOptions) u64 {
        var bits: u64 = 0;
        if (options.encrypt != null) bits |= c.HEXZ_BUILD_ENCRYPT;
        if (options.cdc) bits |= c.HEXZ_BUILD_CDC;
        if (options.overwrite) bits |= c.HEXZ_BUILD_OVERWRITE;
        if (!options.sync) bits |= c.HEXZ_BUILD_NO_SYNC;
        if (options.allow_backing) bits |= c.HEXZ_BUILD_ALLOW_BACKING;
        if (options.force_share) bits |= c.HEXZ_BUILD_FORCE_SHARE;
        if (options.allow_change) bits |= c.HEXZ_BUILD_ALLOW_CHANGE;
        if (options.fold) bits |= c.HEXZ_BUILD_FOLD;
        return bits;
    }
};

/// What a build did.
pub const BuildReport = struct {
    /// Bytes read from the sources; holes are not read.
    bytes_read: u64,
    /// Logical bytes of zeros, holes among them: they take no space.
    bytes_zero: u64,
    /// Logical bytes that were found elsewhere in this snapshot.
    bytes_duplicate: u64,
    /// Logical bytes that the parent, a base or what those lean on has.
    bytes_inherited: u64,
    /// Logical bytes that were new, before compression.
    bytes_unique: u64,
    /// The same after compression.
    bytes_stored: u64,
    /// Stored bytes that no stream refers to any more.
    bytes_dead: u64,
    /// Blocks stored.
    blocks: u64,
    /// Bytes of the snapshot file.
    file_size: u64,
    /// Names all that the snapshot holds: see `OpenOptions.expect_root`.
    root: Root,
    /// Nanoseconds spent reading the sources. This and the next five are sums over the threads.
    read_ns: u64,
    /// Nanoseconds spent hashing units.
    hash_ns: u64,
    /// Nanoseconds spent compressing.
    compress_ns: u64,
    /// Nanoseconds spent encrypting.
    seal_ns: u64,
    /// Nanoseconds spent writing the output.
    write_ns: u64,
    /// Nanoseconds until the output was durable and had its name.
    sync_ns: u64,
    /// Nanoseconds from the beginning of the call to its end, by the clock.
    total_ns: u64,
};

/// Builds a snapshot from a disk image and, if given, a memory dump and further streams. Returns when all is done; several
/// builds may run at once, on threads of their own. After an error there is no new file, and an old
/// output is as it was. The password is asked for, and the callbacks run, on this thread,
/// but those of a `Source` that is concurrent.
pub fn build(options: BuildOptions) Error!BuildReport {
    var call: CBuild = undefined;
    try call.set(&options);
    if (options.source.len == 0 and options.streams.len == 0) call.opts.source = "";
    var report = mirror.sized(c.hexz_build_report);
    call.opts.report = &report;
    try check(c.hexz_build(&call.opts));
    return mirror.fromC(BuildReport, report);
}

/// Options of a build as C takes them. They point into this and into the `BuildOptions`, which both stay where they
/// are until the build is over.
pub const CBuild = struct {
    opts: c.hexz_build_opts,
    texts: [6]Text,
    sink: c.hexz_sink,
    custom: c.hexz_profile,
    keyring: Keyring,
    streams: CStreams,
    bases: [bases_most]*const c.hexz_snapshot,

    /// One more than a snapshot leans on: the library says what is wrong with that.
    const bases_most = 65;

    pub fn set(call: *CBuild, options: *const BuildOptions) Error!void {
        call.texts = @splat(.{});
        const texts = &call.texts;
        call.opts = mirror.sized(c.hexz_build_opts);
        const opts = &call.opts;
        opts.flags = options.flags();
        if (options.source.len > 0) opts.source = try texts[0].set(options.source);
        opts.memory = try texts[1].setOptional(options.memory);
        if (options.output.len > 0) opts.output = try texts[2].set(options.output);
        if (options.sink) |*sink| {
            call.sink = sink.toC();
            opts.sink = &call.sink;
        }
        switch (options.profile) {
            .name => |name| opts.profile = try texts[3].set(name),
            .custom => |profile| {
                call.custom = profile.toC();
                opts.custom = &call.custom;
            },
        }
        opts.source_format = @backingInt(options.format);
        opts.threads = options.threads;
        opts.memory_limit = options.memory_limit;
        opts.parent = try texts[4].setOptional(options.parent);
        opts.spill = try texts[5].setOptional(options.spill);
        if (options.parent_snapshot) |parent| opts.parent_snapshot = parent.handle;
        if (options.bases.len > bases_most) return refuse("more than 65 bases");
        for (options.bases, 0..) |base, i| call.bases[i] = base.handle;
        if (options.bases.len > 0) opts.bases = &call.bases;
        opts.base_count = options.bases.len;
        if (options.encrypt) |encryption| {
            call.keyring = .{ .create = encryption.password, .open = encryption.password };
            opts.password = Keyring.answer;
            opts.password_data = &call.keyring;
            opts.kdf_memory_kib = encryption.kdf.memory_kib;
            opts.kdf_passes = encryption.kdf.passes;
            opts.kdf_lanes = encryption.kdf.lanes;
        }
        if (options.progress) |progress| {
            opts.progress = progress.function;
            opts.progress_data = progress.context;
        }
        if (options.cancel) |cancel| opts.cancel = cancel.handle;
        call.streams = .{};
        try call.streams.set(options.streams, opts);
    }
};
