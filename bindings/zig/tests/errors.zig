//! Each wrong use has its error, and a text that says what to do.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const expectFailure = @import("machine.zig").expectFailure;
const testing = std.testing;

test "a source that is not there" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    options.source = try machine.path("absent.img");
    try testing.expectError(error.SourceFailed, hexz.build(options));
    try expectFailure(.source, "absent.img");
    try testing.expectEqual(std.posix.E.NOENT, hexz.lastFailure().errno);
    try testing.expectEqual(null, hexz.lastFailure().callback_error);
    try testing.expect(!machine.exists("machine.hxz"));
    try testing.expectFmt(hexz.lastFailure().text, "{f}", .{hexz.lastFailure()});
}

test "an output that is there, that cannot be, or that is an input" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    _ = try hexz.build(options);
    try testing.expectError(error.OutputExists, hexz.build(options));
    try expectFailure(.exists, "machine.hxz");
    options.overwrite = true;
    _ = try hexz.build(options);

    options.output = try machine.path("absent/machine.hxz");
    try testing.expectError(error.OutputFailed, hexz.build(options));
    try testing.expectEqual(std.posix.E.NOENT, hexz.lastFailure().errno);
    options.output = options.source;
    try testing.expectError(error.InvalidArgument, hexz.build(options));
    try testing.expect(std.mem.eql(u8, machine.disk, try machine.read("disk.img")));
}

test "profiles that do not exist or make no sense" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    options.profile = .{ .name = "fastest" };
    try testing.expectError(error.UnknownProfile, hexz.build(options));
    try expectFailure(.unknown_profile, "embedded");
    try testing.expectError(error.UnknownProfile, hexz.Profile.resolve(""));
    var own = try hexz.Profile.resolve("generic");
    own.block_size = 5000;
    options.profile = .{ .custom = own };
    try testing.expectError(error.InvalidArgument, hexz.build(options));
    options.profile = .generic;
    options.memory_limit = 1;
    try testing.expectError(error.InvalidArgument, hexz.build(options));
}

test "files that are no snapshots" {
    var machine: Machine = try .init();
    defer machine.deinit();
    try testing.expectError(error.IoFailed, hexz.Snapshot.open(try machine.path("absent.hxz"), .{}));
    try testing.expectEqual(std.posix.E.NOENT, hexz.lastFailure().errno);
    try testing.expectError(error.NotSnapshot, hexz.Snapshot.open(try machine.path("disk.img"), .{}));
    try expectFailure(.not_snapshot, "disk.img");
    try machine.tmp.dir.writeFile(testing.io, .{ .sub_path = "empty.hxz", .data = "" });
    try testing.expectError(error.NotSnapshot, hexz.Snapshot.open(try machine.path("empty.hxz"), .{}));
    if (hexz.Snapshot.open(machine.folder, .{})) |_| return error.OpenedAFolder else |_| {}
}

test "places and streams that are not there" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    try testing.expectError(error.NoSuchStream, snapshot.find("swap"));
    try expectFailure(.no_stream, "swap");
    try testing.expectError(error.NoSuchStream, snapshot.stream(2));
    const disk = try snapshot.find("disk");
    var buffer: [10]u8 = undefined;
    try testing.expectError(error.OutOfRange, disk.readAt(&buffer, disk.size - 9));
    try testing.expectError(error.OutOfRange, disk.readAt(&buffer, std.math.maxInt(u64)));
    try testing.expectError(error.OutOfRange, disk.extentAt(disk.size));
    try testing.expectError(error.OutputFailed, disk.extract(try machine.path("absent/out"), .{}));
}

test "paths that C would cut or the system refuse" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    options.source = try std.mem.concat(machine.arena.allocator(), u8, &.{ options.source, "\x00.qcow2" });
    try testing.expectError(error.InvalidArgument, hexz.build(options));
    try expectFailure(.invalid_argument, "NUL");
    const long: [5000]u8 = @splat('a');
    try testing.expectError(error.InvalidArgument, hexz.Snapshot.open(&long, .{}));
    try expectFailure(.invalid_argument, "longer");
    // The longest that fits is the system's to refuse.
    try testing.expectError(error.IoFailed, hexz.Snapshot.open(long[0..4095], .{}));
    try testing.expectEqual(std.posix.E.NAMETOOLONG, hexz.lastFailure().errno);
}

test "a success leaves the last failure, and the next failure replaces it" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    try testing.expectError(error.InvalidArgument, snapshot.find("a\x00b"));
    try expectFailure(.invalid_argument, "NUL");
    try testing.expectError(error.NoSuchStream, snapshot.find("swap"));
    try expectFailure(.no_stream, "swap");
    _ = try snapshot.find("disk");
    try expectFailure(.no_stream, "swap");
    try testing.expectError(error.OutOfRange, (try snapshot.find("disk")).extentAt(1 << 60));
    try expectFailure(.out_of_range, "disk");
}
