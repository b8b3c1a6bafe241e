//! How far a call has come.

const std = @import("std");
const c = @import("c.zig");
const throw = @import("failure.zig").throw;
const fromC = @import("mirror.zig").fromC;

/// What a call is busy with. Phases come in this order; some do not come at all.
pub const Phase = enum(u32) {
    /// Samples the sources and trains a dictionary.
    train = c.HEXZ_PHASE_TRAIN,
    /// Reads, deduplicates, compresses and writes.
    pack = c.HEXZ_PHASE_PACK,
    /// Waits until the output is on stable storage, and gives it its name.
    sync = c.HEXZ_PHASE_SYNC,
    /// Checks a snapshot.
    verify = c.HEXZ_PHASE_VERIFY,
    /// Writes a stream out.
    extract = c.HEXZ_PHASE_EXTRACT,
    _,
};

/// What a progress callback is told.
pub const Progress = struct {
    phase: Phase,
    /// Logical bytes done in this phase, holes counted; rises from 0 to total.
    done: u64,
    /// Logical bytes of all streams that the call works on; 0: not known.
    total: u64,
    /// Bytes written to the output so far.
    stored: u64,
};

/// A function, and what it is about, that is told how far a call has come: 10 to 50 times a second,
/// on the thread that made the call, and not after it returned. An error from it stops the work with
/// `error.Canceled`; `lastFailure().callback_error` is that error then. It must not use the
/// snapshot that the call works on (`error.InvalidState`).
pub const ProgressCallback = struct {
    context: ?*anyopaque,
    function: *const fn (?*anyopaque, *const c.hexz_progress) callconv(.c) i32,

    /// `function` is `fn (context, Progress) !void`, or void: mostly a method. `context` is a
    /// pointer to one thing, which must live until the call returns.
    ///
    ///     .progress = .from(&meter, Meter.update)
    pub fn from(context: anytype, comptime function: anytype) ProgressCallback {
        const Context = @TypeOf(context);
        const adapter = struct {
            fn call(data: ?*anyopaque, progress: *const c.hexz_progress) callconv(.c) i32 {
                const own: Context = @ptrCast(@alignCast(data.?));
                return answer(function(own, fromC(Progress, progress.*)));
            }
        };
        return .{ .context = @ptrCast(@constCast(context)), .function = adapter.call };
    }

    /// The same without a context: `function` is `fn (Progress) !void`, or void.
    pub fn plain(comptime function: anytype) ProgressCallback {
        const adapter = struct {
            fn call(_: ?*anyopaque, progress: *const c.hexz_progress) callconv(.c) i32 {
                return answer(function(fromC(Progress, progress.*)));
            }
        };
        return .{ .context = null, .function = adapter.call };
    }

    fn answer(result: anytype) i32 {
        if (@TypeOf(result) == void) return 0;
        result catch |err| return throw(err);
        return 0;
    }
};
