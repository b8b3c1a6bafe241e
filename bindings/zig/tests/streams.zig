//! Further streams of a build, and bytes of the program as one.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const expectFailure = @import("machine.zig").expectFailure;
const expectStream = @import("machine.zig").expectStream;
const testing = std.testing;

/// Bytes in memory, whose last third is known to be zeros but for the end.
const Bytes = struct {
    bytes: []const u8,
    read: std.atomic.Value(u64) = .init(0),
    fail: ?anyerror = null,

    pub fn readAt(own: *Bytes, offset: u64, buffer: []u8) !void {
        if (own.fail) |err| return err;
        _ = own.read.fetchAdd(buffer.len, .monotonic);
        @memcpy(buffer, own.bytes[@intCast(offset)..][0..buffer.len]);
    }

    pub fn extentAt(own: *Bytes, offset: u64, len: u64) !hexz.SourceExtent {
        const hole = own.holeAt();
        if (offset < hole[0]) return .{ .kind = .data, .len = hole[0] - offset };
        if (offset < hole[1]) return .{ .kind = .zero, .len = hole[1] - offset };
        return .{ .kind = .data, .len = len };
    }

    fn holeAt(own: *const Bytes) [2]u64 {
        return .{ own.bytes.len / 3 * 2, own.bytes.len - 1 };
    }
};

/// The same without a map.
const Plain = struct {
    bytes: []const u8,

    pub fn readAt(own: *const Plain, offset: u64, buffer: []u8) !void {
        @memcpy(buffer, own.bytes[@intCast(offset)..][0..buffer.len]);
    }
};

test "a source gives the file that a path gives, and its holes are not read" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    options.memory = null;
    _ = try hexz.build(options);
    const by_path = try machine.read("machine.hxz");

    for ([_]bool{ false, true }) |concurrent| {
        var bytes: Bytes = .{ .bytes = machine.disk };
        var source: hexz.Source = .from(&bytes, machine.disk.len);
        source.concurrent = concurrent;
        _ = try hexz.build(.{
            .output = options.output,
            .overwrite = true,
            .sync = false,
            .streams = &.{.{ .name = "disk", .kind = .disk, .bytes = .{ .source = source } }},
        });
        try testing.expect(std.mem.eql(u8, by_path, try machine.read("machine.hxz")));
        const hole = bytes.holeAt();
        try testing.expectEqual(machine.disk.len - (hole[1] - hole[0]), bytes.read.load(.monotonic));
    }
    const plain: Plain = .{ .bytes = machine.disk };
    _ = try hexz.build(.{
        .output = options.output,
        .overwrite = true,
        .sync = false,
        .streams = &.{.{ .name = "disk", .kind = .disk, .bytes = .{ .source = .from(&plain, machine.disk.len) } }},
    });
    try testing.expect(std.mem.eql(u8, by_path, try machine.read("machine.hxz")));
}

test "files and streams of snapshots" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    const memory = try machine.arena.allocator().allocSentinel(u8, options.memory.?.len, 0);
    @memcpy(memory, options.memory.?);
    options.streams = &.{
        .{ .name = "second", .kind = .disk, .bytes = .{ .path = memory }, .format = .raw },
        .{ .name = "state", .bytes = .{ .path = memory } },
    };
    _ = try hexz.build(options);
    const snapshot: hexz.Snapshot = try .open(options.output, .{});
    try expectStream(machine.disk, try snapshot.find("disk"));
    try expectStream(machine.memory, try snapshot.find("second"));
    try testing.expectEqual(hexz.StreamKind.blob, (try snapshot.find("state")).kind);

    const output = try machine.path("sealed.hxz");
    _ = try hexz.build(.{
        .output = output,
        .sync = false,
        .encrypt = .{ .password = .{ .bytes = "once" }, .kdf = .{ .memory_kib = 1024, .passes = 1, .lanes = 1 } },
        .streams = &.{.{ .name = "copy", .bytes = .{ .stream = try snapshot.find("second") } }},
    });
    snapshot.close();
    const sealed: hexz.Snapshot = try .open(output, .{ .password = .{ .bytes = "once" } });
    defer sealed.close();
    try expectStream(machine.memory, try sealed.find("copy"));
}

test "what a source returns comes out, and leaves nothing" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var bytes: Bytes = .{ .bytes = machine.disk, .fail = error.NetworkGone };
    for ([_]bool{ false, true }) |concurrent| {
        var source: hexz.Source = .from(&bytes, machine.disk.len);
        source.concurrent = concurrent;
        const options: hexz.BuildOptions = .{
            .output = try machine.path("machine.hxz"),
            .streams = &.{.{ .name = "disk", .bytes = .{ .source = source } }},
        };
        try testing.expectError(error.CallbackFailed, hexz.build(options));
        try testing.expectEqual(error.NetworkGone, hexz.lastFailure().callback_error.?);
        try expectFailure(.callback, "'disk'");
        try testing.expect(!machine.exists("machine.hxz"));
    }
    // Names that are none.
    const bad = [_][:0]const u8{ "", "a\x00b", "\xff" };
    for (bad) |name| {
        const options: hexz.BuildOptions = .{
            .output = try machine.path("machine.hxz"),
            .streams = &.{.{ .name = name, .bytes = .{ .path = "/dev/null" } }},
        };
        try testing.expectError(error.InvalidArgument, hexz.build(options));
    }
}
