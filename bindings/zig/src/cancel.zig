const c = @import("c.zig");
const Error = @import("status.zig").Error;
const check = @import("failure.zig").check;

/// A switch that stops the calls that were given it, from any thread. A call stops within about 100 ms
/// with `error.Canceled`, and leaves nothing behind. Copies are the same switch; any number of calls
/// may share it, and it stays triggered.
pub const Cancel = struct {
    handle: *c.hexz_cancel,

    pub fn init() Error!Cancel {
        var handle: ?*c.hexz_cancel = null;
        try check(c.hexz_cancel_new(&handle));
        return .{ .handle = handle.? };
    }

    /// Once no call uses it any more.
    pub fn deinit(cancel: Cancel) void {
        c.hexz_cancel_free(cancel.handle);
    }

    /// From any thread, any number of times, in a callback and in a signal handler too.
    pub fn trigger(cancel: Cancel) void {
        c.hexz_cancel_trigger(cancel.handle);
    }
};
