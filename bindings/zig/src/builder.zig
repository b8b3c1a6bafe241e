//! Snapshots that are pushed.

const std = @import("std");
const c = @import("c.zig");
const Error = @import("status.zig").Error;
const check = @import("failure.zig").check;
const mirror = @import("mirror.zig");
const Text = @import("text.zig").Text;
const BuildOptions = @import("build.zig").BuildOptions;
const BuildReport = @import("build.zig").BuildReport;
const CBuild = @import("build.zig").CBuild;
const StreamKind = @import("stream.zig").StreamKind;

/// A snapshot whose bytes are pushed, in any order: what is never written is zeros. It appears by `finish`, or not at
/// all. Copies are the same builder, which belongs to one thread at a time; a call from one of its own callbacks is
/// `error.InvalidState`. So is any call but `deinit` once one has failed, other than for what it was given.
///
/// With `cdc` or a `sink`, streams are pushed front to back, one after the other. See hexz_builder_new() in hexz.h.
pub const Builder = struct {
    handle: *c.hexz_builder,

    /// `options` without `source`, `memory` and `streams`. Their `sink`, what `progress` is about and `cancel` stay
    /// where they are until `deinit`; open snapshots among them may be closed once this returned.
    pub fn init(options: *const BuildOptions) Error!Builder {
        var call: CBuild = undefined;
        try call.set(options);
        var handle: ?*c.hexz_builder = null;
        try check(c.hexz_builder_new(&call.opts, &handle));
        return .{ .handle = handle.? };
    }

    /// Frees the builder; one that was not finished leaves nothing behind.
    pub fn deinit(builder: Builder) void {
        c.hexz_builder_free(builder.handle);
    }

    /// Adds a stream of `size` bytes, all zero. `name` is 1 to 63 bytes of UTF-8, no other stream's.
    pub fn stream(builder: Builder, name: []const u8, kind: StreamKind, size: u64) Error!PushedStream {
        var text: Text = .{};
        var index: u32 = undefined;
        try check(c.hexz_builder_stream(builder.handle, try text.set(name), @backingInt(kind), size, &index));
        return .{ .builder = builder, .index = index, .size = size };
    }

    /// Readable, as poll(2) has it, while `PushedStream.tryWrite` is worth it, and after a failure. Not to be read,
    /// nor closed. `error.Unsupported` with a sink.
    pub fn readyFd(builder: Builder) Error!std.posix.fd_t {
        var fd: i32 = undefined;
        try check(c.hexz_builder_ready_fd(builder.handle, &fd));
        return fd;
    }

    /// Completes the snapshot. After that there is `deinit` alone.
    pub fn finish(builder: Builder) Error!BuildReport {
        var report = mirror.sized(c.hexz_build_report);
        try check(c.hexz_builder_finish(builder.handle, &report));
        return mirror.fromC(BuildReport, report);
    }
};

/// A stream of a `Builder`. Copies are the same stream.
pub const PushedStream = struct {
    builder: Builder,
    index: u32,
    size: u64,

    /// What the ends of a write are multiples of, but at the end of the stream.
    pub const page = 4096;

    /// Writes all of `bytes` at `offset`, and waits while there is no room. The last write to a place wins.
    pub fn writeAt(pushed: PushedStream, bytes: []const u8, offset: u64) Error!void {
        try check(c.hexz_builder_write(pushed.builder.handle, pushed.index, offset, bytes.ptr, bytes.len));
    }

    /// The same, of at most 1 MiB, but where it would wait it takes nothing and returns false. Calls no callback.
    pub fn tryWriteAt(pushed: PushedStream, bytes: []const u8, offset: u64) Error!bool {
        const status = c.hexz_builder_try_write(pushed.builder.handle, pushed.index, offset, bytes.ptr, bytes.len);
        if (status == c.HEXZ_ERR_AGAIN) return false;
        try check(status);
        return true;
    }

    /// Makes `len` bytes at `offset` zero.
    pub fn zero(pushed: PushedStream, offset: u64, len: u64) Error!void {
        try check(c.hexz_builder_zero(pushed.builder.handle, pushed.index, offset, len));
    }

    /// Takes `len` bytes at `offset` from the parent, without reading them.
    pub fn inherit(pushed: PushedStream, offset: u64, len: u64) Error!void {
        try check(c.hexz_builder_inherit(pushed.builder.handle, pushed.index, offset, len));
    }

    /// As a `std.Io.Writer`, front to back. `buffer` has at least a page.
    pub fn writer(pushed: PushedStream, buffer: []u8) PushWriter {
        return .init(pushed, buffer);
    }
};

/// A pushed stream as a `std.Io.Writer`: hand on `&writer.interface`, and `end` it when all is written. Do not copy it
/// while it is in use. When the interface says `error.WriteFailed`, `err` says why.
pub const PushWriter = struct {
    stream: PushedStream,
    /// Bytes that were handed on; whole pages.
    pos: u64 = 0,
    err: ?Error = null,
    interface: std.Io.Writer,

    pub fn init(stream: PushedStream, buffer: []u8) PushWriter {
        std.debug.assert(buffer.len >= PushedStream.page);
        return .{
            .stream = stream,
            .interface = .{
                .vtable = &.{ .drain = drain, .flush = flush },
                .buffer = buffer[0 .. buffer.len - buffer.len % PushedStream.page],
            },
        };
    }

    /// Writes what is left, which flushing does not where it is no whole page: zeros are behind it.
    pub fn end(push: *PushWriter) Error!void {
        const interface = &push.interface;
        const left = push.stream.size -| push.pos;
        const part = interface.end % PushedStream.page;
        if (part > 0 and interface.end < left) {
            const more: usize = @intCast(@min(PushedStream.page - part, left - interface.end));
            @memset(interface.buffer[interface.end..][0..more], 0);
            interface.end += more;
        }
        try push.hand(interface.end);
        interface.end = 0;
    }

    /// Hands on the first bytes of the buffer.
    fn hand(push: *PushWriter, len: usize) Error!void {
        if (push.err) |err| return err;
        push.stream.writeAt(push.interface.buffer[0..len], push.pos) catch |err| {
            push.err = err;
            return err;
        };
        push.pos += len;
    }

    /// Hands on the whole pages of the buffer, and keeps what is behind them.
    fn handPages(push: *PushWriter) std.Io.Writer.Error!void {
        const interface = &push.interface;
        const whole = interface.end - interface.end % PushedStream.page;
        push.hand(whole) catch return error.WriteFailed;
        std.mem.copyForwards(u8, interface.buffer, interface.buffer[whole..interface.end]);
        interface.end -= whole;
    }

    fn flush(interface: *std.Io.Writer) std.Io.Writer.Error!void {
        const push: *PushWriter = @alignCast(@fieldParentPtr("interface", interface));
        try push.handPages();
    }

    fn drain(interface: *std.Io.Writer, data: []const []const u8, splat: usize) std.Io.Writer.Error!usize {
        const push: *PushWriter = @alignCast(@fieldParentPtr("interface", interface));
        try push.handPages();
        var taken: usize = 0;
        for (data[0 .. data.len - 1]) |bytes| {
            const part = push.take(bytes);
            taken += part;
            if (part < bytes.len) return taken;
        }
        const last = data[data.len - 1];
        for (0..splat) |_| {
            const part = push.take(last);
            taken += part;
            if (part < last.len) return taken;
        }
        return taken;
    }

    /// Puts into the buffer what there is room for.
    fn take(push: *PushWriter, bytes: []const u8) usize {
        const interface = &push.interface;
        const len = @min(bytes.len, interface.buffer.len - interface.end);
        @memcpy(interface.buffer[interface.end..][0..len], bytes[0..len]);
        interface.end += len;
        return len;
    }
};
