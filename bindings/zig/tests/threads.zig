//! What threads share, and what each has for itself.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const testing = std.testing;

fn readAround(stream: hexz.Stream, expected: []const u8, seed: u64) !void {
    var prng: std.Random.DefaultPrng = .init(seed);
    var buffer: [9000]u8 = undefined;
    for (0..400) |_| {
        const len = prng.random().uintAtMost(usize, buffer.len);
        const offset = prng.random().uintAtMost(usize, expected.len - len);
        try stream.readAt(buffer[0..len], offset);
        if (!std.mem.eql(u8, expected[offset..][0..len], buffer[0..len])) return error.WrongBytes;
    }
}

/// Runs a function on a thread and keeps what it returned.
fn On(comptime function: anytype) type {
    return struct {
        result: anyerror!void = {},

        fn run(on: *@This(), args: std.meta.ArgsTuple(@TypeOf(function))) void {
            on.result = @call(.auto, function, args);
        }
    };
}

test "threads read one snapshot at once, while it is verified" {
    var machine: Machine = try .init();
    defer machine.deinit();
    _ = try hexz.build(try machine.options());
    const snapshot: hexz.Snapshot = try .open(try machine.path("machine.hxz"), .{ .cache_size = 256 * 1024 });
    defer snapshot.close();
    const Reading = On(readAround);
    var readings: [4]Reading = @splat(.{});
    var threads: [4]std.Thread = undefined;
    for (&readings, &threads, 0..) |*reading, *thread, i| {
        const stream = try snapshot.find(if (i % 2 == 0) "disk" else "memory");
        const expected = if (i % 2 == 0) machine.disk else machine.memory;
        thread.* = try .spawn(.{}, Reading.run, .{ reading, .{ stream, expected, i } });
    }
    const verified = snapshot.verify(.{});
    for (threads) |thread| thread.join();
    try verified;
    for (readings) |reading| try reading.result;
}

fn failOften(snapshot: hexz.Snapshot, name: []const u8) !void {
    for (0..500) |_| {
        if (snapshot.find(name)) |_| return error.FoundIt else |_| {}
        if (std.mem.find(u8, hexz.lastFailure().text, name) == null) return error.TextOfAnotherThread;
    }
}

test "each thread has its own last failure" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const Failing = On(failOften);
    var one: Failing = .{};
    var two: Failing = .{};
    const first: std.Thread = try .spawn(.{}, Failing.run, .{ &one, .{ snapshot, "swap" } });
    const second: std.Thread = try .spawn(.{}, Failing.run, .{ &two, .{ snapshot, "firmware" } });
    first.join();
    second.join();
    try one.result;
    try two.result;
    // A thread on which nothing failed has none.
    const clean = struct {
        fn check() !void {
            const failure = hexz.lastFailure();
            if (failure.status != .ok or failure.text.len != 0) return error.NotClean;
        }
    };
    var none: On(clean.check) = .{};
    const third: std.Thread = try .spawn(.{}, On(clean.check).run, .{ &none, .{} });
    third.join();
    try none.result;
}

test "builds run side by side, by std.Io" {
    const io = testing.io;
    var machine: Machine = try .init();
    defer machine.deinit();
    var one = try machine.options();
    var two = one;
    one.output = try machine.path("one.hxz");
    two.output = try machine.path("two.hxz");
    var first = try io.concurrent(hexz.build, .{one});
    defer if (first.cancel(io)) |_| {} else |_| {};
    var second = try io.concurrent(hexz.build, .{two});
    defer if (second.cancel(io)) |_| {} else |_| {};
    try testing.expectEqual((try first.await(io)).root, (try second.await(io)).root);
}

/// Waits, once the work has begun, until its task is canceled.
const Patient = struct {
    begun: std.Io.Event = .unset,
    never: std.Io.Event = .unset,

    fn update(patient: *Patient, _: hexz.Progress) std.Io.Cancelable!void {
        patient.begun.set(testing.io);
        try patient.never.wait(testing.io);
    }
};

test "a canceled std.Io task ends its build by way of the progress callback" {
    const io = testing.io;
    var machine: Machine = try .init();
    defer machine.deinit();
    var patient: Patient = .{};
    var options = try machine.options();
    options.progress = .from(&patient, Patient.update);
    var building = try io.concurrent(hexz.build, .{options});
    patient.begun.waitUncancelable(io);
    try testing.expectError(error.Canceled, building.cancel(io));
    try testing.expect(!machine.exists("machine.hxz"));
}
