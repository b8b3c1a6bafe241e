//! Runs of bytes of one kind.

const c = @import("c.zig");
const Error = @import("status.zig").Error;
const Stream = @import("stream.zig").Stream;

pub const ExtentKind = enum(u32) {
    /// The bytes are stored here.
    data = c.HEXZ_EXTENT_DATA,
    /// All bytes are zero, and take no space.
    zero = c.HEXZ_EXTENT_ZERO,
    /// The bytes are the parent's at this place, and come from there.
    parent = c.HEXZ_EXTENT_PARENT,
    /// Of a comparison of two snapshots: not in this version.
    same = c.HEXZ_EXTENT_SAME,
    _,
};

pub const Extent = struct {
    kind: ExtentKind,
    /// Bytes from the beginning of the stream.
    offset: u64,
    /// Bytes, at least 1. What follows may be of the same kind.
    len: u64,
};

/// From `Stream.extents`.
pub const ExtentIterator = struct {
    stream: Stream,
    /// Where the next extent begins. May be set, to begin or go on elsewhere.
    offset: u64 = 0,

    pub fn next(extents: *ExtentIterator) Error!?Extent {
        if (extents.offset >= extents.stream.size) return null;
        const extent = try extents.stream.extentAt(extents.offset);
        extents.offset += extent.len;
        return extent;
    }
};
