//! What is held or changes meanwhile, and what passwords may cost.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const expectFailure = @import("machine.zig").expectFailure;
const expectStream = @import("machine.zig").expectStream;
const testing = std.testing;
const linux = std.os.linux;

const cheap: hexz.Kdf = .{ .memory_kib = 1024, .passes = 1, .lanes = 1 };

fn key(bytes: []const u8) hexz.Password {
    return .{ .bytes = bytes };
}

/// Holds a file as a machine that writes it does: by QEMU's lock, which belongs to the open file
/// (fcntl(2), F_OFD_SETLK).
fn hold(file: std.Io.File) !void {
    const Lock = extern struct { kind: i16, whence: i16 = 0, start: i64, len: i64, pid: i32 = 0 };
    const read_lock = 0;
    const set_lock = 37;
    const lock: Lock = .{ .kind = read_lock, .start = 101, .len = 1 };
    try testing.expectEqual(0, linux.fcntl(file.handle, set_lock, @intFromPtr(&lock)));
}

test "what a machine holds is left alone, unless by force" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const file = try machine.tmp.dir.openFile(testing.io, "disk.img", .{});
    defer file.close(testing.io);
    try hold(file);
    var options = try machine.options();
    try testing.expectError(error.SourceFailed, hexz.build(options));
    try expectFailure(.source, "HEXZ_BUILD_FORCE_SHARE");
    options.force_share = true;
    _ = try hexz.build(options);

    const snapshot: hexz.Snapshot = try .open(options.output, .{});
    defer snapshot.close();
    const memory = try snapshot.find("memory");
    try testing.expectError(error.OutputFailed, memory.extract(options.source, .{ .existing = .in_place }));
    try expectFailure(.output, "HEXZ_EXTRACT_FORCE_SHARE");
    try memory.extract(options.source, .{ .existing = .in_place, .force_share = true, .sync = false });
    try testing.expect(std.mem.eql(u8, machine.memory, try machine.read("disk.img")));
}

/// Has the disk written another second ago, at each report.
const Touching = struct {
    machine: *Machine,
    second: isize,

    fn update(touching: *Touching, _: hexz.Progress) !void {
        const time: linux.timespec = .{ .sec = touching.second, .nsec = 0 };
        const done = linux.utimensat(touching.machine.tmp.dir.handle, "disk.img", &.{ time, time }, 0);
        try testing.expectEqual(0, done);
    }
};

test "a source that changes is refused, unless that is allowed" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var touching: Touching = .{ .machine = &machine, .second = 1_000_000 };
    var options = try machine.options();
    options.progress = .from(&touching, Touching.update);
    try testing.expectError(error.SourceFailed, hexz.build(options));
    try expectFailure(.source, "HEXZ_BUILD_ALLOW_CHANGE");
    try testing.expect(!machine.exists("machine.hxz"));
    touching.second = 2_000_000;
    options.allow_change = true;
    _ = try hexz.build(options);
    const snapshot: hexz.Snapshot = try .open(options.output, .{});
    defer snapshot.close();
    try expectStream(machine.disk, try snapshot.find("disk"));
}

test "a password may cost no more than the caller gives" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    options.encrypt = .{ .password = key("one"), .kdf = .{ .memory_kib = 2048, .passes = 1, .lanes = 1 } };
    _ = try hexz.build(options);
    const path = options.output;
    const two: hexz.Encryption = .{ .password = key("two"), .kdf = cheap };
    const less: hexz.OpenOptions = .{ .password = key("one"), .kdf_memory_max_kib = 2047 };
    try testing.expectError(error.Unsupported, hexz.Snapshot.open(path, less));
    try expectFailure(.unsupported, "2048 KiB");
    try testing.expectError(
        error.Unsupported,
        hexz.rekeyWith(path, key("one"), .{ .add = two }, .{ .kdf_memory_max_kib = 2047 }),
    );
    try hexz.rekeyWith(path, key("one"), .{ .add = two }, .{ .kdf_memory_max_kib = 2048 });
    for ([_][]const u8{ "one", "two" }) |password| {
        const snapshot: hexz.Snapshot = try .open(path, .{ .password = key(password), .kdf_memory_max_kib = 2048 });
        snapshot.close();
    }
}

/// Cancels what asks for a password, and gives it.
const Leaving = struct {
    cancel: hexz.Cancel,
    asked: usize = 0,

    fn ask(leaving: *Leaving, _: hexz.PasswordRequest, _: []u8) !?[]const u8 {
        leaving.asked += 1;
        leaving.cancel.trigger();
        return "one";
    }
};

test "opening and rekeying stop while a password is asked for" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    options.encrypt = .{ .password = key("one"), .kdf = cheap };
    _ = try hexz.build(options);
    const before = try machine.read("machine.hxz");
    for (0..2) |way| {
        const cancel: hexz.Cancel = try .init();
        defer cancel.deinit();
        var leaving: Leaving = .{ .cancel = cancel };
        const password: hexz.Password = .{ .callback = .from(&leaving, Leaving.ask) };
        const two: hexz.Encryption = .{ .password = key("two"), .kdf = cheap };
        switch (way) {
            0 => try testing.expectError(
                error.Canceled,
                hexz.Snapshot.open(options.output, .{ .password = password, .cancel = cancel }),
            ),
            else => try testing.expectError(
                error.Canceled,
                hexz.rekeyWith(options.output, password, .{ .add = two }, .{ .cancel = cancel }),
            ),
        }
        try testing.expectEqual(1, leaving.asked);
    }
    try testing.expect(std.mem.eql(u8, before, try machine.read("machine.hxz")));
}
