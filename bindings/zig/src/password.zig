//! Passwords, and what makes guessing them dear.

const std = @import("std");
const c = @import("c.zig");
const throw = @import("failure.zig").throw;

/// What a password is asked for.
pub const PasswordPurpose = enum(u32) {
    /// A new password, to encrypt with.
    create = c.HEXZ_PASSWORD_CREATE,
    /// The password of an encrypted snapshot.
    open = c.HEXZ_PASSWORD_OPEN,
    /// The password of an encrypted parent or base, for a snapshot that leans on it.
    parent = c.HEXZ_PASSWORD_PARENT,
    _,
};

/// What a password callback is told. Valid while it runs.
pub const PasswordRequest = struct {
    purpose: PasswordPurpose,
    /// Counts from 0: a wrong password is asked for again, at most three times in all.
    attempt: u32,
    /// The snapshot that the password is for; null if it has no path.
    path: ?[:0]const u8,
};

/// A password: bytes, 1 to 1024, nothing is trimmed or converted.
pub const Password = union(enum) {
    /// These. A wrong one is not tried again.
    bytes: []const u8,
    /// Asked for when it is needed.
    callback: PasswordCallback,
};

/// A function, and what it is about, that supplies passwords. Runs on the thread that made the call.
pub const PasswordCallback = struct {
    context: ?*anyopaque,
    function: *const fn (context: ?*anyopaque, request: PasswordRequest, buffer: []u8) anyerror!?[]const u8,

    /// `function` is `fn (context, PasswordRequest, buffer: []u8) !?[]const u8`. It answers the
    /// password, which may lie in `buffer` (1024 bytes, the library's, wiped after use) or anywhere
    /// else, and is copied. Null declines: `error.PasswordRequired` at the first asking,
    /// `error.WrongPassword` later. An error ends the call with `error.CallbackFailed`;
    /// `lastFailure().callback_error` is that error then. `context` is a pointer to one thing, which
    /// must live until the call returns.
    ///
    ///     .password = .{ .callback = .from(&terminal, Terminal.ask) }
    pub fn from(context: anytype, comptime function: anytype) PasswordCallback {
        const Context = @TypeOf(context);
        const adapter = struct {
            fn call(data: ?*anyopaque, request: PasswordRequest, buffer: []u8) anyerror!?[]const u8 {
                const own: Context = @ptrCast(@alignCast(data.?));
                return function(own, request, buffer);
            }
        };
        return .{ .context = @ptrCast(@constCast(context)), .function = adapter.call };
    }

    /// The same without a context: `function` is `fn (PasswordRequest, buffer: []u8) !?[]const u8`.
    pub fn plain(comptime function: anytype) PasswordCallback {
        const adapter = struct {
            fn call(_: ?*anyopaque, request: PasswordRequest, buffer: []u8) anyerror!?[]const u8 {
                return function(request, buffer);
            }
        };
        return .{ .context = null, .function = adapter.call };
    }
};

/// What each guess at a password costs with Argon2id (RFC 9106). 0 is the default.
pub const Kdf = struct {
    /// Memory in KiB, 1024 to 1048576; 0: 65536.
    memory_kib: u32 = 0,
    /// Passes over that memory, 1 to 64; 0: 3.
    passes: u32 = 0,
    /// Lanes, 1 to 16; 0: 4.
    lanes: u32 = 0,
};

/// A password to encrypt with, and its cost. Encrypted snapshots that the new one is built on are opened with it
/// too: a callback is told which is asked for.
pub const Encryption = struct {
    password: Password,
    kdf: Kdf = .{},
};

/// The passwords of one call, on its stack: answers the library when it asks.
pub const Keyring = struct {
    open: ?Password = null,
    create: ?Password = null,

    pub fn answer(
        data: ?*anyopaque,
        asked: *const c.hexz_password_request,
        buf: [*]u8,
        capacity: usize,
        len: *usize,
    ) callconv(.c) i32 {
        const keyring: *const Keyring = @ptrCast(@alignCast(data.?));
        const request: PasswordRequest = .{
            .purpose = @fromBackingInt(asked.purpose),
            .attempt = asked.attempt,
            .path = if (asked.path) |path| std.mem.span(path) else null,
        };
        const buffer = buf[0..capacity];
        const found = keyring.find(request, buffer) catch |err| return throw(err);
        const password = found orelse return declined;
        // One that is too long does not fit; its length alone makes the library refuse it.
        const fits = @min(password.len, capacity);
        @memmove(buffer[0..fits], password[0..fits]);
        len.* = password.len;
        return 0;
    }

    fn find(keyring: *const Keyring, request: PasswordRequest, buffer: []u8) anyerror!?[]const u8 {
        const password = switch (request.purpose) {
            .create => keyring.create,
            else => keyring.open,
        } orelse return null;
        return switch (password) {
            .bytes => |bytes| if (request.attempt == 0) bytes else null,
            .callback => |callback| try callback.function(callback.context, request, buffer),
        };
    }

    const declined = 1;
};
