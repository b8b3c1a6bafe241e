//! A stream as a std.Io.Reader.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const testing = std.testing;
const io = testing.io;

test "reads all, with and without a buffer" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const disk = try snapshot.find("disk");
    var buffer: [5000]u8 = undefined;
    for ([_][]u8{ &.{}, buffer[0..1], buffer[0..100], &buffer }) |part| {
        var reader = disk.reader(part);
        const all = try reader.interface.allocRemaining(testing.allocator, .unlimited);
        defer testing.allocator.free(all);
        try testing.expect(std.mem.eql(u8, machine.disk, all));
        try testing.expectEqual(machine.disk.len, reader.logicalPos());
        var more: [1]u8 = undefined;
        try testing.expectEqual(0, try reader.interface.readSliceShort(&more));
        try testing.expectEqual(null, reader.err);
    }
}

test "streams into a writer" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    var reader = (try snapshot.find("memory")).reader(&.{});
    const file = try machine.tmp.dir.createFile(io, "copy.raw", .{});
    defer file.close(io);
    var buffer: [10_000]u8 = undefined;
    var writer = file.writer(io, &buffer);
    const copied = try reader.interface.streamRemaining(&writer.interface);
    try writer.interface.flush();
    try testing.expectEqual(machine.memory.len, copied);
    try testing.expect(std.mem.eql(u8, machine.memory, try machine.read("copy.raw")));
}

test "peeks, takes, discards and seeks" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    var buffer: [64]u8 = undefined;
    var reader = (try snapshot.find("disk")).reader(&buffer);
    const r = &reader.interface;

    try testing.expectEqualSlices(u8, machine.disk[0..40], try r.peek(40));
    try testing.expectEqual(machine.disk[0], try r.takeByte());
    try testing.expectEqual(1, reader.logicalPos());
    reader.seekTo(30); // within the buffer
    try testing.expectEqual(30, reader.logicalPos());
    try testing.expectEqualSlices(u8, machine.disk[30..60], try r.take(30));
    try r.discardAll(100_000); // beyond it
    try testing.expectEqual(100_060, reader.logicalPos());
    try testing.expectEqual(std.mem.readInt(u64, machine.disk[100_060..][0..8], .little), try r.takeInt(u64, .little));
    reader.seekTo(5); // back
    var large: [9000]u8 = undefined;
    try r.readSliceAll(&large);
    try testing.expectEqualSlices(u8, machine.disk[5..][0..9000], &large);
    reader.seekTo(machine.disk.len - 3);
    try testing.expectEqual(3, try r.readSliceShort(&large));
    try testing.expectError(error.EndOfStream, r.takeByte());
    reader.seekTo(machine.disk.len + 10);
    try testing.expectError(error.EndOfStream, r.takeByte());
    try testing.expectError(error.EndOfStream, r.discardAll(1));
    reader.seekTo(0);
    try testing.expectEqual(machine.disk[0], try r.takeByte());
}

test "says why it failed" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const options = try machine.options();
    _ = try hexz.build(options);
    const snapshot: hexz.Snapshot = try .open(options.output, .{});
    defer snapshot.close();
    // The first blocks lie behind the header and the key slots.
    const file = try machine.tmp.dir.openFile(io, "machine.hxz", .{ .mode = .read_write });
    defer file.close(io);
    const damage: [60_000]u8 = @splat(0xaa);
    try file.writePositionalAll(io, &damage, 20_000);
    var reader = (try snapshot.find("disk")).reader(&.{});
    var first: [16]u8 = undefined;
    try testing.expectError(error.ReadFailed, reader.interface.readSliceAll(&first));
    try testing.expectEqual(error.Corrupt, reader.err.?);
}
