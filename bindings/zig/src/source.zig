//! Further streams of a build: files, bytes of this program, streams of other snapshots.

const c = @import("c.zig");
const Error = @import("status.zig").Error;
const refuse = @import("failure.zig").refuse;
const throw = @import("failure.zig").throw;
const whole = @import("text.zig").whole;
const mirror = @import("mirror.zig");
const ExtentKind = @import("extent.zig").ExtentKind;
const Format = @import("build.zig").Format;
const Stream = @import("stream.zig").Stream;
const StreamKind = @import("stream.zig").StreamKind;

/// One more stream of a build.
pub const StreamInput = struct {
    /// 1 to 63 bytes of UTF-8, no other stream's.
    name: [:0]const u8,
    kind: StreamKind = .blob,
    bytes: Bytes,
    /// Of a path. `.auto` looks at disks alone: memory and blobs are their bytes.
    format: Format = .auto,

    /// Where the bytes come from.
    pub const Bytes = union(enum) {
        /// A file or block device.
        path: [:0]const u8,
        /// This program.
        source: Source,
        /// An open snapshot, which may be closed once `build` returned: to convert, encrypt, decrypt,
        /// merge and split.
        stream: Stream,
    };
};

/// What a source has at an offset, and for how many bytes, 1 or more.
pub const SourceExtent = struct {
    kind: ExtentKind,
    len: u64,
};

/// Bytes of this program that a build reads, and that do not change meanwhile.
pub const Source = struct {
    context: *anyopaque,
    /// Bytes.
    size: u64,
    /// `readAt` may be called by several threads at once, of the library among them.
    concurrent: bool = false,
    read_at: *const fn (context: *anyopaque, offset: u64, buffer: []u8) anyerror!void,
    extent_at: ?*const fn (context: *anyopaque, offset: u64, len: u64) anyerror!SourceExtent,

    /// `pointer` is to one thing that lives until `build` returns. It has
    /// `fn readAt(self, offset: u64, buffer: []u8) !void`, which fills all of `buffer`, and may have
    /// `fn extentAt(self, offset: u64, len: u64) !SourceExtent`, which tells what is `.data` and what is
    /// `.zero` and not read; without it all is data. An error from one of them ends the build with
    /// `error.CallbackFailed`; `lastFailure().callback_error` is that error then.
    pub fn from(pointer: anytype, size: u64) Source {
        const Pointer = @TypeOf(pointer);
        const Implementation = @typeInfo(Pointer).pointer.child;
        const adapter = struct {
            fn readAt(context: *anyopaque, offset: u64, buffer: []u8) anyerror!void {
                const own: Pointer = @ptrCast(@alignCast(context));
                return own.readAt(offset, buffer);
            }
            fn extentAt(context: *anyopaque, offset: u64, len: u64) anyerror!SourceExtent {
                const own: Pointer = @ptrCast(@alignCast(context));
                return own.extentAt(offset, len);
            }
        };
        return .{
            .context = @ptrCast(@constCast(pointer)),
            .size = size,
            .read_at = adapter.readAt,
            .extent_at = if (@hasDecl(Implementation, "extentAt")) adapter.extentAt else null,
        };
    }
};

/// Streams as C takes them, on the stack of a build.
pub const CStreams = struct {
    streams: [most]c.hexz_stream = undefined,
    list: [most]*const c.hexz_stream = undefined,
    sources: [most]c.hexz_source = undefined,
    count: usize = 0,

    const most = 256;

    fn readAt(data: ?*anyopaque, offset: u64, buf: ?*anyopaque, len: usize) callconv(.c) i32 {
        const source: *const Source = @ptrCast(@alignCast(data.?));
        const bytes: [*]u8 = @ptrCast(buf.?);
        source.read_at(source.context, offset, bytes[0..len]) catch |err| return throw(err);
        return 0;
    }

    fn extentAt(data: ?*anyopaque, offset: u64, len: *u64, kind: *u32) callconv(.c) i32 {
        const source: *const Source = @ptrCast(@alignCast(data.?));
        const extent = source.extent_at.?(source.context, offset, len.*) catch |err| return throw(err);
        len.* = extent.len;
        kind.* = @backingInt(extent.kind);
        return 0;
    }

    /// Points `opts` at these. `inputs` and `all` stay until the build is over.
    pub fn set(all: *CStreams, inputs: []const StreamInput, opts: *c.hexz_build_opts) Error!void {
        if (inputs.len > most) return refuse("more than 256 streams");
        for (inputs, 0..) |*input, i| {
            const stream = &all.streams[i];
            all.list[i] = stream;
            stream.* = mirror.sized(c.hexz_stream);
            stream.name = try whole(input.name);
            stream.kind = @backingInt(input.kind);
            stream.format = @backingInt(input.format);
            switch (input.bytes) {
                .path => |path| stream.path = try whole(path),
                .stream => |of| {
                    stream.snapshot = of.snapshot.handle;
                    stream.snapshot_stream = of.index;
                },
                .source => |*source| {
                    all.sources[i] = mirror.sized(c.hexz_source);
                    all.sources[i].user_data = @ptrCast(@constCast(source));
                    all.sources[i].size = source.size;
                    if (source.concurrent) all.sources[i].flags = c.HEXZ_SOURCE_CONCURRENT;
                    all.sources[i].read_at = readAt;
                    if (source.extent_at != null) all.sources[i].extent_at = extentAt;
                    stream.source = &all.sources[i];
                },
            }
        }
        if (inputs.len > 0) opts.streams = &all.list;
        opts.stream_count = inputs.len;
    }
};
