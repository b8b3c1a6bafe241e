//! One stream of a snapshot: a disk, a memory, a file.

const std = @import("std");
const c = @import("c.zig");
const Error = @import("status.zig").Error;
const check = @import("failure.zig").check;
const mirror = @import("mirror.zig");
const Text = @import("text.zig").Text;
const Cancel = @import("cancel.zig").Cancel;
const Extent = @import("extent.zig").Extent;
const ExtentIterator = @import("extent.zig").ExtentIterator;
const ProgressCallback = @import("progress.zig").ProgressCallback;
const Reader = @import("reader.zig").Reader;
const Sink = @import("sink.zig").Sink;
const Snapshot = @import("snapshot.zig").Snapshot;

pub const StreamKind = enum(u32) {
    disk = c.HEXZ_STREAM_DISK,
    memory = c.HEXZ_STREAM_MEMORY,
    /// Anything else.
    blob = c.HEXZ_STREAM_BLOB,
    _,
};

/// What to do about an output of an extract that is there.
pub const Existing = enum {
    /// `error.OutputExists`, and it is not touched.
    refuse,
    /// Replaces it in one step, once the new one is complete.
    overwrite,
    /// Writes over it: a regular file, which becomes as long as the stream, or a block device, which
    /// must be as long at least. Not whole or nothing.
    in_place,
};

/// How to write a stream out.
pub const ExtractOptions = struct {
    existing: Existing = .refuse,
    /// With `.in_place`: writes although a running machine or another program holds the output.
    force_share: bool = false,
    /// Waits until the output is on stable storage.
    sync: bool = true,
    /// As `BuildOptions.threads`.
    threads: u32 = 0,
    progress: ?ProgressCallback = null,
    cancel: ?Cancel = null,
};

/// A stream of an open snapshot, from `Snapshot.find`. A value: there is nothing to free, but it is of no
/// use once the snapshot is closed. Any number of threads may use it at once.
pub const Stream = struct {
    snapshot: Snapshot,
    index: u32,
    kind: StreamKind,
    /// Bytes.
    size: u64,
    /// Of these in extents of data.
    data_size: u64,
    /// Of these in extents of zeros.
    zero_size: u64,
    /// Bytes in the file of the blocks that this stream brought in.
    stored_size: u64,
    name_buffer: [64]u8,

    pub fn init(snapshot: Snapshot, index: u32) Error!Stream {
        var out = mirror.sized(c.hexz_stream_info);
        try check(c.hexz_snapshot_stream(snapshot.handle, index, &out));
        return .{
            .snapshot = snapshot,
            .index = index,
            .kind = @fromBackingInt(out.kind),
            .size = out.size,
            .data_size = out.data_size,
            .zero_size = out.zero_size,
            .stored_size = out.stored_size,
            .name_buffer = out.name,
        };
    }

    /// Its name in UTF-8. From a file of any origin: mind what you print.
    pub fn name(stream: *const Stream) []const u8 {
        return std.mem.sliceTo(&stream.name_buffer, 0);
    }

    /// Fills all of `buffer` with what is at `offset`, or fails: `error.OutOfRange` if the stream ends
    /// before. After a failure `buffer` may hold some bytes of the stream, but never any that were not
    /// checked.
    pub fn readAt(stream: Stream, buffer: []u8, offset: u64) Error!void {
        return check(c.hexz_snapshot_read(stream.snapshot.handle, stream.index, offset, buffer.ptr, buffer.len));
    }

    /// A `std.Io.Reader` from the beginning on, which belongs to one thread at a time. `buffer` may be
    /// empty for large reads; 64 KiB serve small ones well.
    pub fn reader(stream: Stream, buffer: []u8) Reader {
        return .init(stream, buffer);
    }

    /// What is at `offset`, and for how many bytes. `error.OutOfRange` at the end and beyond.
    pub fn extentAt(stream: Stream, offset: u64) Error!Extent {
        var out = mirror.sized(c.hexz_extent);
        try check(c.hexz_snapshot_extent(stream.snapshot.handle, stream.index, offset, &out));
        return mirror.fromC(Extent, out);
    }

    /// The extents from the beginning to the end, to skip zeros or to copy a sparse stream as one:
    ///
    ///     var extents = stream.extents();
    ///     while (try extents.next()) |extent| ...
    pub fn extents(stream: Stream) ExtentIterator {
        return .{ .stream = stream };
    }

    /// Writes the stream out as a raw file with holes where it has zeros. The file appears complete or not
    /// at all, unless `existing` is `.in_place`. The callbacks run on this thread.
    pub fn extract(stream: Stream, output: []const u8, options: ExtractOptions) Error!void {
        var text: Text = .{};
        return stream.extractWith(try text.set(output), null, options);
    }

    /// Writes the stream into a sink, front to back, while threads decode ahead of it. Of the options those
    /// about files have no meaning.
    pub fn extractTo(stream: Stream, sink: Sink, options: ExtractOptions) Error!void {
        const into = sink.toC();
        return stream.extractWith(null, &into, options);
    }

    fn extractWith(
        stream: Stream,
        output: ?[*:0]const u8,
        sink: ?*const c.hexz_sink,
        options: ExtractOptions,
    ) Error!void {
        var opts = mirror.sized(c.hexz_extract_opts);
        switch (options.existing) {
            .refuse => {},
            .overwrite => opts.flags |= c.HEXZ_EXTRACT_OVERWRITE,
            .in_place => opts.flags |= c.HEXZ_EXTRACT_IN_PLACE,
        }
        if (options.force_share) opts.flags |= c.HEXZ_EXTRACT_FORCE_SHARE;
        if (!options.sync) opts.flags |= c.HEXZ_EXTRACT_NO_SYNC;
        opts.stream = stream.index;
        opts.threads = options.threads;
        opts.output = output;
        opts.sink = sink;
        if (options.progress) |progress| {
            opts.progress = progress.function;
            opts.progress_data = progress.context;
        }
        if (options.cancel) |cancel| opts.cancel = cancel.handle;
        return check(c.hexz_snapshot_extract(stream.snapshot.handle, &opts));
    }
};
