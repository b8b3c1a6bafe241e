const std = @import("std");
const Error = @import("status.zig").Error;
const Stream = @import("stream.zig").Stream;

/// A stream as a `std.Io.Reader`: hand on `&reader.interface`. Do not copy it while it is in use. When the
/// interface says `error.ReadFailed`, `err` says why.
pub const Reader = struct {
    stream: Stream,
    /// Where the next bytes come from, behind those that are buffered.
    pos: u64 = 0,
    err: ?Error = null,
    interface: std.Io.Reader,

    pub fn init(stream: Stream, buffer: []u8) Reader {
        return .{
            .stream = stream,
            .interface = .{
                .vtable = &.{ .stream = streamTo, .discard = discard },
                .buffer = buffer,
                .seek = 0,
                .end = 0,
            },
        };
    }

    /// Bytes from the beginning of the stream to what is read next.
    pub fn logicalPos(reader: *const Reader) u64 {
        return reader.pos - reader.interface.bufferedLen();
    }

    /// Goes on at `offset`. Beyond the end there is nothing to read: `error.EndOfStream`, as in a file.
    pub fn seekTo(reader: *Reader, offset: u64) void {
        const here = reader.logicalPos();
        if (offset >= here and offset <= reader.pos) {
            reader.interface.toss(@intCast(offset - here));
        } else {
            reader.interface.tossBuffered();
            reader.pos = offset;
        }
    }

    fn streamTo(interface: *std.Io.Reader, writer: *std.Io.Writer, limit: std.Io.Limit) std.Io.Reader.StreamError!usize {
        const reader: *Reader = @alignCast(@fieldParentPtr("interface", interface));
        const left = reader.stream.size -| reader.pos;
        if (left == 0) return error.EndOfStream;
        const room = limit.slice(try writer.writableSliceGreedy(1));
        const part = room[0..@min(room.len, left)];
        reader.stream.readAt(part, reader.pos) catch |err| {
            reader.err = err;
            return error.ReadFailed;
        };
        reader.pos += part.len;
        writer.advance(part.len);
        return part.len;
    }

    /// Only called with an empty buffer.
    fn discard(interface: *std.Io.Reader, limit: std.Io.Limit) std.Io.Reader.Error!usize {
        const reader: *Reader = @alignCast(@fieldParentPtr("interface", interface));
        const left = reader.stream.size -| reader.pos;
        if (left == 0) return error.EndOfStream;
        const skipped = limit.minInt64(left);
        reader.pos += skipped;
        return skipped;
    }
};
