//! Passwords: given, asked for, wrong, changed.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const expectStream = @import("machine.zig").expectStream;
const testing = std.testing;

/// As cheap as it may be, for tests only.
const cheap: hexz.Kdf = .{ .memory_kib = 1024, .passes = 1, .lanes = 1 };

fn key(bytes: []const u8) hexz.Password {
    return .{ .bytes = bytes };
}

/// Builds an encrypted snapshot and gives its path.
fn encrypt(machine: *Machine, password: hexz.Password) ![]const u8 {
    var options = try machine.options();
    options.encrypt = .{ .password = password, .kdf = cheap };
    _ = try hexz.build(options);
    return options.output;
}

fn opens(path: []const u8, password: []const u8) hexz.Error!void {
    const snapshot: hexz.Snapshot = try .open(path, .{ .password = key(password) });
    snapshot.close();
}

test "an encrypted snapshot opens with its password only" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const path = try encrypt(&machine, key("correct horse"));
    const snapshot: hexz.Snapshot = try .open(path, .{ .password = key("correct horse") });
    defer snapshot.close();
    try testing.expect((try snapshot.info()).encrypted);
    try expectStream(machine.disk, try snapshot.find("disk"));
    try snapshot.verify(.{});

    try testing.expectError(error.WrongPassword, opens(path, "correct horse "));
    try testing.expectError(error.PasswordRequired, hexz.Snapshot.open(path, .{}));
    try testing.expectError(error.InvalidPassword, opens(path, ""));
    const long: [1025]u8 = @splat('x');
    try testing.expectError(error.InvalidPassword, opens(path, &long));
}

test "passwords are bytes, up to 1024 of them" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var password: [1024]u8 = undefined;
    for (&password, 0..) |*byte, i| byte.* = @truncate(i);
    const path = try encrypt(&machine, key(&password));
    try opens(path, &password);
    password[1023] ^= 1;
    try testing.expectError(error.WrongPassword, opens(path, &password));
}

test "passwords that no build takes" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const long: [1025]u8 = @splat('x');
    try testing.expectError(error.InvalidPassword, encrypt(&machine, key("")));
    try testing.expectError(error.InvalidPassword, encrypt(&machine, key(&long)));
    var options = try machine.options();
    options.encrypt = .{ .password = key("a"), .kdf = .{ .memory_kib = 7 } };
    try testing.expectError(error.InvalidArgument, hexz.build(options));
    try testing.expect(!machine.exists("machine.hxz"));
}

test "a password for a plain snapshot" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const options = try machine.options();
    _ = try hexz.build(options);
    try testing.expectError(error.NotEncrypted, opens(options.output, "secret"));
    const snapshot: hexz.Snapshot = try .open(options.output, .{ .password = key("secret"), .allow_plain = true });
    defer snapshot.close();
    try testing.expect(!(try snapshot.info()).encrypted);
}

/// Answers a list of passwords, one at each asking, and then declines.
const Terminal = struct {
    answers: []const []const u8,
    asked: u32 = 0,
    purpose: hexz.PasswordPurpose = .parent,

    fn ask(terminal: *Terminal, request: hexz.PasswordRequest, buffer: []u8) !?[]const u8 {
        try testing.expectEqual(1024, buffer.len);
        terminal.purpose = request.purpose;
        if (request.purpose == .open) {
            try testing.expectEqual(terminal.asked, request.attempt);
            try testing.expect(std.mem.endsWith(u8, request.path.?, "machine.hxz"));
        }
        defer terminal.asked += 1;
        if (terminal.asked == terminal.answers.len) return null;
        const answer = terminal.answers[terminal.asked];
        // In the buffer, where it will be wiped, or anywhere else.
        if (terminal.asked % 2 == 0) return answer;
        @memcpy(buffer[0..answer.len], answer);
        return buffer[0..answer.len];
    }

    fn password(terminal: *Terminal) hexz.Password {
        return .{ .callback = .from(terminal, ask) };
    }
};

test "a callback is asked up to three times" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var creator: Terminal = .{ .answers = &.{"third"} };
    const path = try encrypt(&machine, creator.password());
    try testing.expectEqual(1, creator.asked);
    try testing.expectEqual(hexz.PasswordPurpose.create, creator.purpose);

    const cases = [_]struct { []const []const u8, ?hexz.Error, u32 }{
        .{ &.{ "first", "second", "third" }, null, 3 },
        .{ &.{ "first", "third" }, null, 2 },
        .{ &.{ "first", "second", "3rd", "third" }, error.WrongPassword, 3 },
        .{ &.{"first"}, error.WrongPassword, 2 },
        .{ &.{}, error.PasswordRequired, 1 },
    };
    for (cases) |case| {
        const answers, const expected, const asked = case;
        var terminal: Terminal = .{ .answers = answers };
        const result = hexz.Snapshot.open(path, .{ .password = terminal.password() });
        if (expected) |err| try testing.expectError(err, result) else (try result).close();
        try testing.expectEqual(asked, terminal.asked);
        try testing.expectEqual(hexz.PasswordPurpose.open, terminal.purpose);
    }
}

fn failing(_: hexz.PasswordRequest, _: []u8) error{KeyringLocked}!?[]const u8 {
    return error.KeyringLocked;
}

test "an error from a password callback comes out again" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const locked: hexz.Password = .{ .callback = .plain(failing) };
    try testing.expectError(error.CallbackFailed, encrypt(&machine, locked));
    try testing.expectEqual(error.KeyringLocked, hexz.lastFailure().callback_error.?);
    try testing.expect(!machine.exists("machine.hxz"));
    const path = try encrypt(&machine, key("a"));
    try testing.expectError(error.CallbackFailed, hexz.Snapshot.open(path, .{ .password = locked }));
    try testing.expectEqual(error.KeyringLocked, hexz.lastFailure().callback_error.?);
    try testing.expectError(error.WrongPassword, opens(path, "b"));
    try testing.expectEqual(null, hexz.lastFailure().callback_error);
}

test "passwords are added, replaced and removed" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const path = try encrypt(&machine, key("one"));
    const before: hexz.Snapshot = try .open(path, .{ .password = key("one") });
    defer before.close();

    try hexz.rekey(path, key("one"), .{ .add = .{ .password = key("two"), .kdf = cheap } });
    try opens(path, "one");
    try opens(path, "two");
    try hexz.rekey(path, key("one"), .{ .replace = .{ .password = key("three"), .kdf = cheap } });
    try testing.expectError(error.WrongPassword, opens(path, "one"));
    try opens(path, "two");
    try hexz.rekey(path, key("two"), .remove);
    try testing.expectError(error.WrongPassword, opens(path, "two"));
    try testing.expectError(error.InvalidState, hexz.rekey(path, key("three"), .remove));

    const after: hexz.Snapshot = try .open(path, .{ .password = key("three") });
    defer after.close();
    try testing.expectEqual((try before.info()).root, (try after.info()).root);
    try expectStream(machine.disk, try before.find("disk"));
    try expectStream(machine.disk, try after.find("disk"));
}

test "rekeys that are refused change nothing" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const path = try encrypt(&machine, key("one"));
    const bytes = try machine.read("machine.hxz");
    const new: hexz.Encryption = .{ .password = key("new"), .kdf = cheap };
    const locked: hexz.Encryption = .{ .password = .{ .callback = .plain(failing) }, .kdf = cheap };
    const empty: hexz.Encryption = .{ .password = key("") };
    try testing.expectError(error.WrongPassword, hexz.rekey(path, key("two"), .{ .add = new }));
    try testing.expectError(error.InvalidPassword, hexz.rekey(path, key("one"), .{ .add = empty }));
    try testing.expectError(error.CallbackFailed, hexz.rekey(path, key("one"), .{ .replace = locked }));
    try testing.expectEqual(error.KeyringLocked, hexz.lastFailure().callback_error.?);
    try testing.expectError(error.NotSnapshot, hexz.rekey(try machine.path("disk.img"), key("one"), .remove));
    try testing.expectError(error.IoFailed, hexz.rekey(try machine.path("absent"), key("one"), .remove));
    try testing.expect(std.mem.eql(u8, bytes, try machine.read("machine.hxz")));
}
