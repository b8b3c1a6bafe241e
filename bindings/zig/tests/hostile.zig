//! Files that somebody damaged: always an error, never wrong bytes.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const testing = std.testing;
const io = testing.io;

/// Opens, verifies and reads. Damage must be found by open or verify, and every read gives the right
/// bytes or an error.
fn examine(path: []const u8, expected: []const u8, scratch: []u8) !void {
    const snapshot = hexz.Snapshot.open(path, .{}) catch |err| return expectRefusal(err);
    defer snapshot.close();
    if (snapshot.find("disk")) |disk| {
        if (disk.size == expected.len) {
            if (disk.readAt(scratch, 0)) {
                if (!std.mem.eql(u8, expected, scratch)) return error.WrongBytes;
            } else |err| try expectRefusal(err);
        }
        var extents = disk.extents();
        while (extents.next() catch null) |extent| {
            if (extent.len == 0 or extent.len > disk.size) return error.ImpossibleExtent;
        }
    } else |err| try expectRefusal(err);
    if (snapshot.verify(.{ .threads = 1 })) return error.DamageNotFound else |err| try expectRefusal(err);
}

fn expectRefusal(err: hexz.Error) !void {
    switch (err) {
        error.Corrupt, error.NotSnapshot, error.Unsupported, error.PasswordRequired, error.NoSuchStream => {},
        else => return err,
    }
    if (hexz.lastFailure().text.len == 0) return error.NoText;
}

test "bytes changed all over the file" {
    var machine: Machine = try .initPages(16);
    defer machine.deinit();
    var options = try machine.options();
    options.memory = null;
    _ = try hexz.build(options);
    const scratch = try testing.allocator.alloc(u8, machine.disk.len);
    defer testing.allocator.free(scratch);
    const bytes = try machine.read("machine.hxz");
    const file = try machine.tmp.dir.openFile(io, "machine.hxz", .{ .mode = .read_write });
    defer file.close(io);
    var changed: usize = 0;
    var at: usize = 0;
    while (at < bytes.len) : (at += if (at < 256 or bytes.len - at < 2048) 1 else 23) {
        try file.writePositionalAll(io, &.{bytes[at] ^ 0x41}, at);
        examine(options.output, machine.disk, scratch) catch |err| {
            std.debug.print("byte {d} of {d}\n", .{ at, bytes.len });
            return err;
        };
        try file.writePositionalAll(io, bytes[at..][0..1], at);
        changed += 1;
    }
    try testing.expect(changed > 1000);
    const whole: hexz.Snapshot = try .open(options.output, .{});
    defer whole.close();
    try whole.verify(.{});
}

test "files cut short or made longer" {
    var machine: Machine = try .initPages(16);
    defer machine.deinit();
    var options = try machine.options();
    options.memory = null;
    _ = try hexz.build(options);
    const bytes = try machine.read("machine.hxz");
    const path = try machine.path("cut.hxz");
    var len: usize = 0;
    while (len < bytes.len) : (len += if (len < 100) 1 else 311) {
        try machine.tmp.dir.writeFile(io, .{ .sub_path = "cut.hxz", .data = bytes[0..len] });
        if (hexz.Snapshot.open(path, .{})) |_| return error.Opened else |err| try expectRefusal(err);
    }
    const longer = try std.mem.concat(machine.arena.allocator(), u8, &.{ bytes, "more" });
    try machine.tmp.dir.writeFile(io, .{ .sub_path = "cut.hxz", .data = longer });
    try testing.expectError(error.Corrupt, hexz.Snapshot.open(path, .{}));
}

test "verify tells where the damage is" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const disk = try snapshot.find("disk");
    const bytes = try machine.read("machine.hxz");
    // The first page of the disk is random, so it is stored as it is.
    const place = std.mem.find(u8, bytes, machine.disk[0..4096]).?;
    const file = try machine.tmp.dir.openFile(io, "machine.hxz", .{ .mode = .read_write });
    defer file.close(io);
    try file.writePositionalAll(io, "damage", place + 10);
    var report: hexz.VerifyReport = .{};
    try testing.expectError(error.Corrupt, snapshot.verify(.{ .report = &report }));
    try testing.expectEqual(1, report.blocks_bad);
    try testing.expectEqual((try snapshot.info()).blocks, report.blocks_checked);
    try testing.expectEqual(disk.index, report.bad.?.stream);
    try testing.expectEqual(0, report.bad.?.offset);
    var buffer: [16]u8 = undefined;
    try testing.expectError(error.Corrupt, disk.readAt(&buffer, 0));
}
