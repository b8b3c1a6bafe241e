//! Slices on their way into C, where strings end with NUL.

const std = @import("std");
const Error = @import("status.zig").Error;
const refuse = @import("failure.zig").refuse;

/// A path or name that ends with NUL already. C would take it to end at the first one.
pub fn whole(text: [:0]const u8) Error![*:0]const u8 {
    if (std.mem.findScalar(u8, text, 0) != null)
        return refuse("a path or name has a NUL byte in it: the system would cut it there");
    return text.ptr;
}

/// A path or name as C wants it, for the time of one call and without an allocation.
pub const Text = struct {
    buffer: [std.posix.PATH_MAX]u8 = undefined,

    /// The copy is valid as long as `text` is.
    pub fn set(text: *Text, slice: []const u8) Error![*:0]const u8 {
        if (std.mem.findScalar(u8, slice, 0) != null)
            return refuse("a path or name has a NUL byte in it: the system would cut it there");
        if (slice.len >= text.buffer.len)
            return refuse("a path or name is longer than the system's paths may be");
        @memcpy(text.buffer[0..slice.len], slice);
        text.buffer[slice.len] = 0;
        return text.buffer[0..slice.len :0];
    }

    /// As `set`; null stays null.
    pub fn setOptional(text: *Text, slice: ?[]const u8) Error!?[*:0]const u8 {
        return if (slice) |some| try text.set(some) else null;
    }
};
