//! A snapshot that lies in this program's care, such as in memory.

const c = @import("c.zig");
const throw = @import("failure.zig").throw;
const mirror = @import("mirror.zig");

/// The bytes of a snapshot file, which do not change while a snapshot leans on them.
pub const Storage = struct {
    context: *anyopaque,
    /// Bytes.
    size: u64,
    /// `readAt` may be called by several threads at once, of the library among them. Without it one call is
    /// over before the next begins, whatever the threads.
    concurrent: bool = false,
    read_at: *const fn (data: ?*anyopaque, offset: u64, buf: ?*anyopaque, len: usize) callconv(.c) i32,

    /// `pointer` is to one thing that lives until the last snapshot that leans on it is closed. It has
    /// `fn readAt(self, offset: u64, buffer: []u8) !void`, which fills all of `buffer`, and does not use a
    /// snapshot that leans on it. An error from it is `error.CallbackFailed` of the call that needed the
    /// bytes, on whatever thread; `lastFailure().callback_error` is that error then, and the snapshot is as
    /// good as before.
    pub fn from(pointer: anytype, size: u64) Storage {
        const Pointer = @TypeOf(pointer);
        const adapter = struct {
            fn readAt(data: ?*anyopaque, offset: u64, buf: ?*anyopaque, len: usize) callconv(.c) i32 {
                const own: Pointer = @ptrCast(@alignCast(data.?));
                const bytes: [*]u8 = @ptrCast(buf.?);
                const result: anyerror!void = own.readAt(offset, bytes[0..len]);
                result catch |err| return throw(err);
                return 0;
            }
        };
        return .{
            .context = @ptrCast(@constCast(pointer)),
            .size = size,
            .read_at = adapter.readAt,
        };
    }

    /// As C takes it, which copies it.
    pub fn toC(storage: Storage) c.hexz_storage {
        var result = mirror.sized(c.hexz_storage);
        result.user_data = storage.context;
        result.size = storage.size;
        if (storage.concurrent) result.flags = c.HEXZ_SOURCE_CONCURRENT;
        result.read_at = storage.read_at;
        return result;
    }
};
