//! Runs of bytes of one kind.

const c = @import("c.zig");
const Error = @import("status.zig").Error;
const check = @import("failure.zig").check;
const mirror = @import("mirror.zig");
const Stream = @import("stream.zig").Stream;

pub const ExtentKind = enum(u32) {
    /// The bytes are stored here.
    data = c.HEXZ_EXTENT_DATA,
    /// All bytes are zero, and take no space.
    zero = c.HEXZ_EXTENT_ZERO,
    /// The bytes are the parent's at this place, and come from there.
    parent = c.HEXZ_EXTENT_PARENT,
    /// Of a `diff` alone: the bytes are the same in both.
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

/// What `to` holds against the same places of `from`: `.same`, `.data` (it may differ) or `.zero` (it may
/// differ, and is zeros now). What lies beyond the end of `from` counts as zeros. Only indexes are read, no
/// blocks: whoever made a snapshot may have written hashes that are not those of its bytes, which
/// `Snapshot.verify` tells.
///
///     var differences = hexz.diff(from, to);
///     while (try differences.next()) |extent| ...
pub fn diff(from: Stream, to: Stream) DiffIterator {
    return .{ .from = from, .to = to };
}

/// From `diff`.
pub const DiffIterator = struct {
    from: Stream,
    to: Stream,
    /// Where the next extent begins. May be set, to begin or go on elsewhere.
    offset: u64 = 0,

    pub fn next(differences: *DiffIterator) Error!?Extent {
        const from = differences.from;
        const to = differences.to;
        if (differences.offset >= to.size) return null;
        var out = mirror.sized(c.hexz_extent);
        try check(c.hexz_snapshot_diff(
            from.snapshot.handle,
            from.index,
            to.snapshot.handle,
            to.index,
            differences.offset,
            &out,
        ));
        differences.offset += out.len;
        return mirror.fromC(Extent, out);
    }
};
