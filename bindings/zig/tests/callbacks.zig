//! Progress and cancelling.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const testing = std.testing;

/// Keeps what it was told, and checks that it is in order.
const Meter = struct {
    thread: std.Thread.Id,
    calls: usize = 0,
    latest: hexz.Progress = .{ .phase = .train, .done = 0, .total = 0, .stored = 0 },
    phases: [8]hexz.Phase = undefined,
    phase_count: usize = 0,

    fn update(meter: *Meter, progress: hexz.Progress) !void {
        if (meter.thread != std.Thread.getCurrentId()) return error.OtherThread;
        if (progress.done > progress.total) return error.BeyondTheTotal;
        if (meter.calls == 0 or progress.phase != meter.latest.phase) {
            meter.phases[meter.phase_count] = progress.phase;
            meter.phase_count += 1;
        } else if (progress.done < meter.latest.done) return error.Backwards;
        meter.calls += 1;
        meter.latest = progress;
    }

    fn init() Meter {
        return .{ .thread = std.Thread.getCurrentId() };
    }

    fn saw(meter: *const Meter, phase: hexz.Phase) bool {
        return std.mem.findScalar(hexz.Phase, meter.phases[0..meter.phase_count], phase) != null;
    }
};

test "progress of a build, a verify and an extract" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    const total = machine.disk.len + machine.memory.len;

    var build_meter: Meter = .init();
    options.progress = .from(&build_meter, Meter.update);
    const report = try hexz.build(options);
    try testing.expect(build_meter.saw(.pack) and build_meter.calls >= 2);
    try testing.expect(build_meter.latest.stored <= report.file_size);

    const snapshot: hexz.Snapshot = try .open(options.output, .{});
    defer snapshot.close();
    var verify_meter: Meter = .init();
    try snapshot.verify(.{ .progress = .from(&verify_meter, Meter.update) });
    try testing.expectEqual(hexz.Phase.verify, verify_meter.latest.phase);
    try testing.expectEqual(verify_meter.latest.total, verify_meter.latest.done);
    try testing.expectEqual(total, verify_meter.latest.total);

    var extract_meter: Meter = .init();
    const disk = try snapshot.find("disk");
    try disk.extract(try machine.path("out.raw"), .{ .progress = .from(&extract_meter, Meter.update) });
    try testing.expect(extract_meter.saw(.extract));
}

test "callbacks that return nothing, that have no context, or a constant one" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const callbacks = struct {
        var calls: usize = 0;

        fn plainly(_: hexz.Progress) void {
            calls += 1;
        }

        fn constant(step: *const usize, _: hexz.Progress) error{Never}!void {
            calls += step.*;
        }
    };
    callbacks.calls = 0;
    try snapshot.verify(.{ .progress = .plain(callbacks.plainly) });
    try testing.expect(callbacks.calls >= 2);
    const step: usize = 1000;
    try snapshot.verify(.{ .progress = .from(&step, callbacks.constant) });
    try testing.expect(callbacks.calls >= 2000);
}

const Refusal = struct {
    calls: usize = 0,

    fn update(refusal: *Refusal, _: hexz.Progress) !void {
        refusal.calls += 1;
        return error.DiskQuotaOfMine;
    }
};

test "an error from progress stops the work, and comes out again" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    var refusal: Refusal = .{};
    options.progress = .from(&refusal, Refusal.update);
    try testing.expectError(error.Canceled, hexz.build(options));
    try testing.expectEqual(1, refusal.calls);
    try testing.expectEqual(error.DiskQuotaOfMine, hexz.lastFailure().callback_error.?);
    try testing.expectEqual(hexz.Status.cancelled, hexz.lastFailure().status);
    try testing.expect(!machine.exists("machine.hxz"));

    options.progress = null;
    _ = try hexz.build(options);
    const snapshot: hexz.Snapshot = try .open(options.output, .{});
    defer snapshot.close();
    try testing.expectError(error.Canceled, snapshot.verify(.{ .progress = .from(&refusal, Refusal.update) }));
    try testing.expectEqual(error.DiskQuotaOfMine, hexz.lastFailure().callback_error.?);
    const disk = try snapshot.find("disk");
    const output = try machine.path("out.raw");
    try testing.expectError(error.Canceled, disk.extract(output, .{ .progress = .from(&refusal, Refusal.update) }));
    try testing.expect(!machine.exists("out.raw"));
}

/// Fails at another call meanwhile, and then triggers a switch or fails itself.
const Nested = struct {
    inner: hexz.Snapshot,
    cancel: ?hexz.Cancel,

    fn update(nested: *Nested, _: hexz.Progress) !void {
        var refusal: Refusal = .{};
        try testing.expectError(error.Canceled, nested.inner.verify(.{ .progress = .from(&refusal, Refusal.update) }));
        try testing.expectEqual(error.DiskQuotaOfMine, hexz.lastFailure().callback_error.?);
        if (nested.cancel) |cancel| cancel.trigger() else return error.Outer;
    }
};

test "a callback's own failures are not taken for those of the call it is in" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const inner = try machine.snapshot();
    defer inner.close();
    const outer: hexz.Snapshot = try .open(try machine.path("machine.hxz"), .{});
    defer outer.close();
    const cancel: hexz.Cancel = try .init();
    defer cancel.deinit();
    var nested: Nested = .{ .inner = inner, .cancel = null };
    try testing.expectError(error.Canceled, outer.verify(.{ .progress = .from(&nested, Nested.update) }));
    try testing.expectEqual(error.Outer, hexz.lastFailure().callback_error.?);
    nested.cancel = cancel;
    const options: hexz.VerifyOptions = .{ .progress = .from(&nested, Nested.update), .cancel = cancel };
    try testing.expectError(error.Canceled, outer.verify(options));
    try testing.expectEqual(null, hexz.lastFailure().callback_error);
}

/// Uses the snapshot that the call works on, which it must not.
const Intruder = struct {
    snapshot: hexz.Snapshot,
    other: hexz.Snapshot,
    denied: usize = 0,

    fn update(intruder: *Intruder, _: hexz.Progress) !void {
        var byte: [1]u8 = undefined;
        const disk = try intruder.other.find("disk");
        try disk.readAt(&byte, 0);
        var own = disk;
        own.snapshot = intruder.snapshot;
        try testing.expectError(error.InvalidState, own.readAt(&byte, 0));
        intruder.denied += 1;
    }
};

test "a callback may use other snapshots, but not its own" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const other: hexz.Snapshot = try .open(try machine.path("machine.hxz"), .{});
    defer other.close();
    var intruder: Intruder = .{ .snapshot = snapshot, .other = other };
    try snapshot.verify(.{ .progress = .from(&intruder, Intruder.update) });
    try testing.expect(intruder.denied >= 2);
}

test "a triggered switch stops all calls, and stays triggered" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    _ = try hexz.build(options);
    const snapshot: hexz.Snapshot = try .open(options.output, .{});
    defer snapshot.close();
    const cancel: hexz.Cancel = try .init();
    defer cancel.deinit();
    try snapshot.verify(.{ .cancel = cancel });

    cancel.trigger();
    cancel.trigger();
    options.cancel = cancel;
    options.output = try machine.path("other.hxz");
    try testing.expectError(error.Canceled, hexz.build(options));
    try testing.expectEqual(null, hexz.lastFailure().callback_error);
    try testing.expect(!machine.exists("other.hxz"));
    try testing.expectError(error.Canceled, hexz.Snapshot.open(try machine.path("machine.hxz"), .{ .cancel = cancel }));
    var report: hexz.VerifyReport = .{ .blocks_checked = 77 };
    try testing.expectError(error.Canceled, snapshot.verify(.{ .cancel = cancel, .report = &report }));
    try testing.expectEqual(0, report.blocks_checked);
    const disk = try snapshot.find("disk");
    try testing.expectError(error.Canceled, disk.extract(try machine.path("out.raw"), .{ .cancel = cancel }));
    try testing.expect(!machine.exists("out.raw"));
}

/// Holds the work up until another thread has cancelled it.
const Gate = struct {
    reached: std.Io.Event = .unset,
    cancelled: std.Io.Event = .unset,
    calls: usize = 0,

    fn update(gate: *Gate, _: hexz.Progress) !void {
        gate.calls += 1;
        gate.reached.set(testing.io);
        try gate.cancelled.wait(testing.io);
    }

    fn cancelFromOutside(gate: *Gate, cancel: hexz.Cancel) void {
        gate.reached.waitUncancelable(testing.io);
        cancel.trigger();
        gate.cancelled.set(testing.io);
    }
};

test "another thread cancels a build under way" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    const cancel: hexz.Cancel = try .init();
    defer cancel.deinit();
    var gate: Gate = .{};
    options.cancel = cancel;
    options.progress = .from(&gate, Gate.update);
    const thread: std.Thread = try .spawn(.{}, Gate.cancelFromOutside, .{ &gate, cancel });
    defer thread.join();
    try testing.expectError(error.Canceled, hexz.build(options));
    try testing.expect(gate.calls >= 1);
    try testing.expect(!machine.exists("machine.hxz"));
}
