//! Snapshots that are pushed.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const expectStream = @import("machine.zig").expectStream;
const testing = std.testing;

const page = hexz.PushedStream.page;

/// A machine, and where its pushed disk goes.
const Pushed = struct {
    machine: Machine,
    options: hexz.BuildOptions,

    fn init() !Pushed {
        var machine: Machine = try .init();
        errdefer machine.deinit();
        const output = try machine.path("pushed.hxz");
        return .{ .machine = machine, .options = .{ .output = output, .sync = false } };
    }

    fn deinit(pushed: *Pushed) void {
        pushed.machine.deinit();
    }

    fn holds(pushed: *Pushed, password: ?hexz.Password) !void {
        const snapshot: hexz.Snapshot = try .open(pushed.options.output, .{ .password = password });
        defer snapshot.close();
        try expectStream(pushed.machine.disk, try snapshot.find("disk"));
        try snapshot.verify(.{});
    }

    /// Builds the disk by path, as "path.hxz".
    fn byPath(pushed: *Pushed) ![]u8 {
        const output = try pushed.machine.path("path.hxz");
        _ = try hexz.build(.{ .source = try pushed.machine.path("disk.img"), .output = output, .sync = false });
        return pushed.machine.read("path.hxz");
    }
};

test "pushed in order it is the file that a path gives" {
    var pushed: Pushed = try .init();
    defer pushed.deinit();
    const disk = pushed.machine.disk;
    const builder: hexz.Builder = try .init(&pushed.options);
    defer builder.deinit();
    const stream = try builder.stream("disk", .disk, disk.len);
    var at: usize = 0;
    while (at < disk.len) : (at += 7 * page) {
        try stream.writeAt(disk[at..@min(at + 7 * page, disk.len)], at);
    }
    try testing.expect(!pushed.machine.exists("pushed.hxz"));
    const report = try builder.finish();
    try testing.expectEqual(disk.len, report.bytes_read);
    try testing.expectEqualSlices(u8, try pushed.byPath(), try pushed.machine.read("pushed.hxz"));
    try testing.expectError(error.InvalidState, builder.finish());
    try testing.expectError(error.InvalidState, stream.writeAt(disk[0..page], 0));
}

test "pushed in any order the last write wins" {
    var pushed: Pushed = try .init();
    defer pushed.deinit();
    const disk = pushed.machine.disk;
    const builder: hexz.Builder = try .init(&pushed.options);
    defer builder.deinit();
    const stream = try builder.stream("disk", .disk, disk.len);
    const state = try builder.stream("state", .blob, 3);
    try state.writeAt("abc", 0);
    var at = disk.len / page * page;
    try stream.writeAt(disk[at..], at);
    while (at > 0) : (at -= page) try stream.writeAt(disk[at - page .. at], at - page);
    @memset(disk[3 * page ..][0..page], 0xEE);
    disk[3 * page] = 1;
    try stream.writeAt(disk[3 * page ..][0..page], 3 * page);
    @memset(disk[9 * page ..][0 .. 2 * page], 0);
    try stream.zero(9 * page, 2 * page);
    _ = try builder.finish();
    try pushed.holds(null);
    const snapshot: hexz.Snapshot = try .open(pushed.options.output, .{});
    defer snapshot.close();
    try expectStream("abc", try snapshot.find("state"));
}

test "a clean page is inherited" {
    var pushed: Pushed = try .init();
    defer pushed.deinit();
    const disk = pushed.machine.disk;
    _ = try pushed.byPath();
    const parent: hexz.Snapshot = try .open(try pushed.machine.path("path.hxz"), .{});
    pushed.options.parent_snapshot = parent;
    const builder: hexz.Builder = try .init(&pushed.options);
    defer builder.deinit();
    parent.close();
    const stream = try builder.stream("disk", .disk, disk.len);
    try stream.inherit(0, disk.len);
    @memset(disk[5 * page ..][0..page], 0xEE);
    disk[5 * page] = 1;
    try stream.writeAt(disk[5 * page ..][0..page], 5 * page);
    const report = try builder.finish();
    try testing.expectEqual(page, report.bytes_unique);
    try pushed.holds(null);
}

test "an event loop never waits" {
    var pushed: Pushed = try .init();
    defer pushed.deinit();
    const disk = pushed.machine.disk;
    const builder: hexz.Builder = try .init(&pushed.options);
    defer builder.deinit();
    const stream = try builder.stream("disk", .disk, disk.len);
    var ready = [_]std.posix.pollfd{.{ .fd = try builder.readyFd(), .events = std.posix.POLL.IN, .revents = 0 }};
    var at: usize = 0;
    while (at < disk.len) {
        const len = @min(1 << 20, disk.len - at);
        if (try stream.tryWriteAt(disk[at..][0..len], at)) {
            at += len;
        } else {
            try testing.expectEqual(1, try std.posix.poll(&ready, -1));
        }
    }
    _ = try builder.finish();
    try pushed.holds(null);
}

test "a std.Io.Writer is pushed" {
    var pushed: Pushed = try .init();
    defer pushed.deinit();
    const disk = pushed.machine.disk;
    var buffer: [3 * page + 5]u8 = undefined;
    for ([_]usize{ 1, 100, page - 1, page, 5000, disk.len }) |piece| {
        pushed.options.overwrite = true;
        const builder: hexz.Builder = try .init(&pushed.options);
        defer builder.deinit();
        const stream = try builder.stream("disk", .disk, disk.len);
        var writer = stream.writer(&buffer);
        var at: usize = 0;
        while (at < disk.len) : (at += piece) {
            try writer.interface.writeAll(disk[at..@min(at + piece, disk.len)]);
            if (at % 7 == 0) try writer.interface.flush();
        }
        try writer.end();
        _ = try builder.finish();
        try pushed.holds(null);
    }
    // Shorter than the stream: zeros are behind it. Longer: it says so.
    const builder: hexz.Builder = try .init(&pushed.options);
    defer builder.deinit();
    var short = (try builder.stream("short", .blob, 3 * page)).writer(&buffer);
    try short.interface.writeAll("hello");
    try short.interface.splatByteAll('x', page);
    try short.end();
    var long = (try builder.stream("long", .blob, 5)).writer(&buffer);
    try long.interface.writeAll("hello!");
    try testing.expectError(error.OutOfRange, long.end());
    var longer = (try builder.stream("longer", .blob, page)).writer(&buffer);
    try testing.expectError(error.WriteFailed, longer.interface.splatByteAll('x', 4 * page));
    try testing.expectEqual(error.OutOfRange, longer.err.?);
    _ = try builder.finish();
    const snapshot: hexz.Snapshot = try .open(pushed.options.output, .{});
    defer snapshot.close();
    var expected: [3 * page]u8 = @splat(0);
    @memcpy(expected[0..5], "hello");
    @memset(expected[5..][0..page], 'x');
    try expectStream(&expected, try snapshot.find("short"));
}

/// Keeps what it gets, or fails.
const Taker = struct {
    taken: std.ArrayList(u8) = .empty,
    fail: bool = false,
    aborted: bool = false,

    pub fn write(taker: *Taker, bytes: []const u8) !void {
        if (taker.fail) return error.TapeFull;
        try taker.taken.appendSlice(testing.allocator, bytes);
    }

    pub fn abort(taker: *Taker) void {
        taker.aborted = true;
    }
};

test "a builder goes into a sink" {
    var pushed: Pushed = try .init();
    defer pushed.deinit();
    const disk = pushed.machine.disk;
    var taker: Taker = .{};
    defer taker.taken.deinit(testing.allocator);
    const options: hexz.BuildOptions = .{ .sink = .from(&taker) };
    {
        const builder: hexz.Builder = try .init(&options);
        defer builder.deinit();
        const stream = try builder.stream("disk", .disk, disk.len);
        try testing.expectError(error.Unsupported, builder.readyFd());
        try stream.writeAt(disk, 0);
        try testing.expectError(error.InvalidState, stream.writeAt(disk[0..page], 0));
        _ = try builder.finish();
    }
    try testing.expectEqualSlices(u8, try pushed.byPath(), taker.taken.items);
    taker.fail = true;
    {
        const builder: hexz.Builder = try .init(&options);
        defer builder.deinit();
        const stream = try builder.stream("disk", .disk, disk.len);
        try stream.writeAt(disk, 0);
        try testing.expectError(error.CallbackFailed, builder.finish());
        try testing.expectEqual(error.TapeFull, hexz.lastFailure().callback_error.?);
        try testing.expectError(error.InvalidState, builder.finish());
    }
    try testing.expect(taker.aborted);
}

test "what a builder is refused, and one that is left" {
    var pushed: Pushed = try .init();
    defer pushed.deinit();
    const disk = pushed.machine.disk;
    const given: hexz.BuildOptions = .{ .source = "disk.img", .output = pushed.options.output };
    try testing.expectError(error.InvalidArgument, hexz.Builder.init(&given));
    const builder: hexz.Builder = try .init(&pushed.options);
    const stream = try builder.stream("disk", .disk, 2 * page);
    try testing.expectError(error.InvalidArgument, stream.writeAt(disk[0..page], 1));
    try testing.expectError(error.OutOfRange, stream.writeAt(disk[0..page], 2 * page));
    try testing.expectError(error.OutOfRange, stream.zero(0, 3 * page));
    try testing.expectError(error.InvalidArgument, stream.inherit(0, page));
    try testing.expectError(error.InvalidArgument, builder.stream("disk", .disk, 1));
    try testing.expectError(error.InvalidArgument, builder.stream("a\x00b", .disk, 1));
    try stream.writeAt(disk[0..page], 0);
    builder.deinit();
    try testing.expect(!pushed.machine.exists("pushed.hxz"));

    const cancel: hexz.Cancel = try .init();
    defer cancel.deinit();
    pushed.options.cancel = cancel;
    const cancelled: hexz.Builder = try .init(&pushed.options);
    defer cancelled.deinit();
    try (try cancelled.stream("disk", .disk, page)).writeAt(disk[0..page], 0);
    cancel.trigger();
    try testing.expectError(error.Canceled, cancelled.finish());
    try testing.expect(!pushed.machine.exists("pushed.hxz"));
}

test "a builder is encrypted" {
    var pushed: Pushed = try .init();
    defer pushed.deinit();
    const cheap: hexz.Kdf = .{ .memory_kib = 1024, .passes = 1, .lanes = 1 };
    pushed.options.encrypt = .{ .password = .{ .bytes = "secret" }, .kdf = cheap };
    pushed.options.spill = pushed.machine.folder;
    const builder: hexz.Builder = try .init(&pushed.options);
    defer builder.deinit();
    try (try builder.stream("disk", .disk, pushed.machine.disk.len)).writeAt(pushed.machine.disk, 0);
    _ = try builder.finish();
    try pushed.holds(.{ .bytes = "secret" });
}
