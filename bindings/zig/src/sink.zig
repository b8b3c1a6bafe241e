//! What takes bytes in place of a file.

const std = @import("std");
const c = @import("c.zig");
const throw = @import("failure.zig").throw;
const mirror = @import("mirror.zig");

/// Takes bytes front to back, on the thread that made the call. A call that is refused calls none of its
/// functions; once the work has begun, `commit` is the last, or `abort` if the call fails.
pub const Sink = struct {
    context: *anyopaque,
    write: *const fn (context: *anyopaque, bytes: []const u8) anyerror!void,
    write_zeroes: ?*const fn (context: *anyopaque, len: u64) anyerror!void = null,
    commit: ?*const fn (context: *anyopaque) anyerror!void = null,
    abort: ?*const fn (context: *anyopaque) void = null,

    /// `pointer` is to one thing that lives until the call returns. It has
    /// `fn write(self, bytes: []const u8) !void`, which takes all of `bytes`, and may have
    ///
    ///     fn writeZeroes(self, len: u64) !void   zeros of a stream that is extracted, else written
    ///     fn commit(self) !void                  everything was written: makes it last
    ///     fn abort(self) void                    the call failed: drops what was written
    ///
    /// An error from one of them ends the call with `error.CallbackFailed`;
    /// `lastFailure().callback_error` is that error then.
    pub fn from(pointer: anytype) Sink {
        const Pointer = @TypeOf(pointer);
        const Implementation = @typeInfo(Pointer).pointer.child;
        const adapter = struct {
            fn own(context: *anyopaque) Pointer {
                return @ptrCast(@alignCast(context));
            }
            fn write(context: *anyopaque, bytes: []const u8) anyerror!void {
                return own(context).write(bytes);
            }
            fn writeZeroes(context: *anyopaque, len: u64) anyerror!void {
                return own(context).writeZeroes(len);
            }
            fn commit(context: *anyopaque) anyerror!void {
                return own(context).commit();
            }
            fn abort(context: *anyopaque) void {
                own(context).abort();
            }
        };
        return .{
            .context = @ptrCast(@constCast(pointer)),
            .write = adapter.write,
            .write_zeroes = if (@hasDecl(Implementation, "writeZeroes")) adapter.writeZeroes else null,
            .commit = if (@hasDecl(Implementation, "commit")) adapter.commit else null,
            .abort = if (@hasDecl(Implementation, "abort")) adapter.abort else null,
        };
    }

    /// A `std.Io.Writer`, which is flushed at the end. After a failure it holds what came before it.
    pub fn to(writer: *std.Io.Writer) Sink {
        const adapter = struct {
            fn own(context: *anyopaque) *std.Io.Writer {
                return @ptrCast(@alignCast(context));
            }
            fn write(context: *anyopaque, bytes: []const u8) anyerror!void {
                return own(context).writeAll(bytes);
            }
            fn writeZeroes(context: *anyopaque, len: u64) anyerror!void {
                return own(context).splatByteAll(0, @intCast(len));
            }
            fn commit(context: *anyopaque) anyerror!void {
                return own(context).flush();
            }
        };
        return .{
            .context = writer,
            .write = adapter.write,
            .write_zeroes = adapter.writeZeroes,
            .commit = adapter.commit,
        };
    }

    /// As C takes it. The sink stays where it is until the call is over.
    pub fn toC(sink: *const Sink) c.hexz_sink {
        var result = mirror.sized(c.hexz_sink);
        result.user_data = @ptrCast(@constCast(sink));
        result.write = onWrite;
        if (sink.write_zeroes != null) result.write_zeroes = onWriteZeroes;
        if (sink.commit != null) result.commit = onCommit;
        if (sink.abort != null) result.abort = onAbort;
        return result;
    }

    fn of(data: ?*anyopaque) *const Sink {
        return @ptrCast(@alignCast(data.?));
    }

    fn onWrite(data: ?*anyopaque, buf: ?*const anyopaque, len: usize) callconv(.c) i32 {
        const bytes: [*]const u8 = @ptrCast(buf.?);
        of(data).write(of(data).context, bytes[0..len]) catch |err| return throw(err);
        return 0;
    }

    fn onWriteZeroes(data: ?*anyopaque, len: u64) callconv(.c) i32 {
        of(data).write_zeroes.?(of(data).context, len) catch |err| return throw(err);
        return 0;
    }

    fn onCommit(data: ?*anyopaque) callconv(.c) i32 {
        of(data).commit.?(of(data).context) catch |err| return throw(err);
        return 0;
    }

    fn onAbort(data: ?*anyopaque) callconv(.c) void {
        of(data).abort.?(of(data).context);
    }
};
