//! Why the last call of a thread failed.

const std = @import("std");
const c = @import("c.zig");
const Status = @import("status.zig").Status;
const Error = @import("status.zig").Error;
const errorOf = @import("status.zig").errorOf;

/// The particulars of an error, from `lastFailure`.
pub const Failure = struct {
    /// The status in C. `.ok`: nothing has failed on this thread.
    status: Status,
    /// What was tried, on which operand, why, and what to do about it, in UTF-8. Valid until this
    /// thread's next call that fails, or its end: copy it to keep it.
    text: [:0]const u8,
    /// The system's errno; `.SUCCESS` if the system had no part in it.
    errno: std.posix.E,
    /// The error that a callback returned to cause this; null if none did.
    callback_error: ?anyerror,

    /// Prints the text: `std.debug.print("{f}\n", .{hexz.lastFailure()})`.
    pub fn format(failure: Failure, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        try writer.writeAll(failure.text);
    }
};

/// The particulars of this thread's last failure, in this binding or below it. A call that succeeds
/// leaves it as it is, so ask after an error only. Code that runs on an `std.Io` with fibers must ask
/// before it does anything that may move it to another thread.
pub fn lastFailure() Failure {
    return .{
        .status = latest.status,
        .text = latest.own_text orelse std.mem.span(c.hexz_last_error()),
        .errno = if (latest.own_text == null) @fromBackingInt(@intCast(c.hexz_last_errno())) else .SUCCESS,
        .callback_error = latest.callback_error,
    };
}

/// Turns what a C function returned into an error.
pub fn check(status: c.hexz_status) Error!void {
    const named: Status = @fromBackingInt(status);
    const err = errorOf(named) orelse return;
    latest = .{ .status = named, .callback_error = thrown(c.hexz_last_callback_code()) };
    return err;
}

/// Fails for a reason of this binding's own.
pub fn refuse(comptime text: [:0]const u8) Error {
    latest = .{ .status = .invalid_argument, .own_text = text };
    return error.InvalidArgument;
}

/// What a callback answers to C when the one that it stands for returned an error. C hands it on to the thread
/// whose call fails, whatever thread the callback was on.
pub fn throw(err: anyerror) i32 {
    return first_thrown - @as(i32, @intFromError(err));
}

fn thrown(code: i32) ?anyerror {
    if (code >= first_thrown) return null;
    const number = std.math.cast(u16, first_thrown - code) orelse return null;
    return @errorFromInt(number);
}

/// Below it are the errors: far from what a callback of C returns.
const first_thrown: i32 = -0x4000_0000;

/// The C library keeps text and errno, but neither the status nor an error of Zig.
const Latest = struct {
    status: Status = .ok,
    own_text: ?[:0]const u8 = null,
    callback_error: ?anyerror = null,
};

threadlocal var latest: Latest = .{};
