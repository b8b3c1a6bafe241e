//! Snapshots that lean on others, built.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const expectFailure = @import("machine.zig").expectFailure;
const expectStream = @import("machine.zig").expectStream;
const testing = std.testing;

const dirty = 10 * Machine.page;

/// A machine whose first snapshot is "day1.hxz", and whose disk then had a page changed.
const Days = struct {
    machine: Machine,
    first: []const u8,
    second: []const u8,

    fn init(encrypt: ?hexz.Encryption) !Days {
        var machine: Machine = try .init();
        errdefer machine.deinit();
        const first = try machine.path("day1.hxz");
        const second = try machine.path("day2.hxz");
        const source = try machine.path("disk.img");
        _ = try hexz.build(.{ .source = source, .output = first, .sync = false, .encrypt = encrypt });
        @memset(machine.disk[dirty..][0..Machine.page], 0xA5);
        machine.disk[dirty + 7] = 9;
        try machine.tmp.dir.writeFile(testing.io, .{ .sub_path = "disk.img", .data = machine.disk });
        return .{ .machine = machine, .first = first, .second = second };
    }

    fn deinit(days: *Days) void {
        days.machine.deinit();
    }

    /// Options of a build of the changed disk.
    fn options(days: *Days) !hexz.BuildOptions {
        return .{
            .source = try days.machine.path("disk.img"),
            .output = days.second,
            .sync = false,
            .overwrite = true,
        };
    }

    fn holds(days: *Days, password: ?hexz.Password) !void {
        const child: hexz.Snapshot = try .open(days.second, .{ .password = password });
        defer child.close();
        try expectStream(days.machine.disk, try child.find("disk"));
        try child.verify(.{});
    }

    fn refused(days: *Days, expected: anyerror, build_options: hexz.BuildOptions) !void {
        try testing.expectError(expected, hexz.build(build_options));
        try testing.expect(!days.machine.exists("day2.hxz"));
    }
};

test "differences to a parent are built" {
    var days: Days = try .init(null);
    defer days.deinit();
    var options = try days.options();
    options.parent = days.first;
    const report = try hexz.build(options);
    try testing.expectEqual(Machine.page, report.bytes_unique);
    const sum = report.bytes_zero + report.bytes_duplicate + report.bytes_inherited + report.bytes_unique;
    try testing.expectEqual(days.machine.disk.len, sum);
    try days.holds(null);
    // Open already, it is the same; folding without too many of them changes nothing.
    const first: hexz.Snapshot = try .open(days.first, .{});
    options.parent_snapshot = first;
    try testing.expectError(error.InvalidArgument, hexz.build(options));
    options.parent = null;
    options.fold = true;
    const again = try hexz.build(options);
    first.close();
    try testing.expectEqual(report.root, again.root);
    try days.holds(null);
}

test "content of bases is not stored again" {
    var days: Days = try .init(null);
    defer days.deinit();
    var options = try days.options();
    const first: hexz.Snapshot = try .open(days.first, .{});
    options.bases = &.{ first, first };
    const report = try hexz.build(options);
    try testing.expectEqual(Machine.page, report.bytes_unique);
    first.close();
    try days.holds(null);
    const child: hexz.Snapshot = try .open(days.second, .{});
    defer child.close();
    const info = try child.info();
    try testing.expectEqual(1, info.ancestor_count);
    try testing.expectEqual(@as(hexz.Root, @splat(0)), info.parent_root);
}

/// Knows what was written since the parent was made.
const Tracked = struct {
    disk: []const u8,
    read: u64 = 0,

    pub fn readAt(tracked: *Tracked, offset: u64, buffer: []u8) !void {
        tracked.read += buffer.len;
        @memcpy(buffer, tracked.disk[@intCast(offset)..][0..buffer.len]);
    }

    pub fn extentAt(_: *Tracked, offset: u64, len: u64) !hexz.SourceExtent {
        if (offset < dirty) return .{ .kind = .parent, .len = dirty - offset };
        if (offset < dirty + Machine.page) return .{ .kind = .data, .len = dirty + Machine.page - offset };
        return .{ .kind = .parent, .len = len };
    }
};

test "a source says what is its parent's" {
    var days: Days = try .init(null);
    defer days.deinit();
    var tracked: Tracked = .{ .disk = days.machine.disk };
    var options = try days.options();
    options.source = "";
    options.parent = days.first;
    options.streams = &.{.{
        .name = "disk",
        .kind = .disk,
        .bytes = .{ .source = .from(&tracked, days.machine.disk.len) },
    }};
    _ = try hexz.build(options);
    try testing.expectEqual(Machine.page, tracked.read);
    try days.holds(null);
    options.parent = null;
    try testing.expectError(error.SourceFailed, hexz.build(options));
}

test "parents that cannot be" {
    var days: Days = try .init(null);
    defer days.deinit();
    var options = try days.options();
    options.parent = try days.machine.path("absent");
    try days.refused(error.ParentFailed, options);
    try expectFailure(.parent, "absent");
    options.parent = "a\x00b";
    try days.refused(error.InvalidArgument, options);
    options.parent = null;
    const first: hexz.Snapshot = try .open(days.first, .{});
    defer first.close();
    const many: [66]hexz.Snapshot = @splat(first);
    options.bases = many[0..65];
    try days.refused(error.ParentFailed, options);
    options.bases = &many;
    try days.refused(error.InvalidArgument, options);
}

/// Answers the passwords of both, and keeps what it was asked for.
const Asked = struct {
    purposes: [4]hexz.PasswordPurpose = undefined,
    count: usize = 0,

    fn ask(asked: *Asked, request: hexz.PasswordRequest, _: []u8) !?[]const u8 {
        if (asked.count == asked.purposes.len) return null;
        asked.purposes[asked.count] = request.purpose;
        asked.count += 1;
        if (request.purpose == .create) return "new";
        try testing.expect(std.mem.endsWith(u8, request.path.?, "day1.hxz"));
        return if (request.attempt == 0) "wrong" else "old";
    }
};

test "an encrypted parent is asked for before the new password" {
    const cheap: hexz.Kdf = .{ .memory_kib = 1024, .passes = 1, .lanes = 1 };
    var days: Days = try .init(.{ .password = .{ .bytes = "old" }, .kdf = cheap });
    defer days.deinit();
    var options = try days.options();
    options.parent = days.first;
    try days.refused(error.InvalidArgument, options);
    var asked: Asked = .{};
    options.encrypt = .{ .password = .{ .callback = .from(&asked, Asked.ask) }, .kdf = cheap };
    const report = try hexz.build(options);
    try testing.expectEqual(Machine.page, report.bytes_unique);
    try testing.expectEqualSlices(hexz.PasswordPurpose, &.{ .parent, .parent, .create }, asked.purposes[0..asked.count]);
    try days.holds(.{ .bytes = "new" });
    // One password for all of a chain.
    options.encrypt = .{ .password = .{ .bytes = "old" }, .kdf = cheap };
    _ = try hexz.build(options);
    try days.holds(.{ .bytes = "old" });
    options.encrypt = .{ .password = .{ .bytes = "other" }, .kdf = cheap };
    try testing.expectError(error.WrongPassword, hexz.build(options));
}
