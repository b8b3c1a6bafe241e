//! Builds and extractions into things of the program, and snapshots that lie in one.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const expectFailure = @import("machine.zig").expectFailure;
const expectStream = @import("machine.zig").expectStream;
const testing = std.testing;

/// Keeps what comes, and fails where it is told to.
const Taken = struct {
    bytes: std.ArrayList(u8) = .empty,
    writes: usize = 0,
    zeros: u64 = 0,
    commits: usize = 0,
    aborts: usize = 0,
    /// Number of the write that fails; 0: none.
    fail_at: usize = 0,
    fail_commit: bool = false,

    fn deinit(taken: *Taken) void {
        taken.bytes.deinit(testing.allocator);
    }

    pub fn write(taken: *Taken, bytes: []const u8) !void {
        taken.writes += 1;
        if (taken.writes == taken.fail_at) return error.BucketFull;
        try taken.bytes.appendSlice(testing.allocator, bytes);
    }

    pub fn writeZeroes(taken: *Taken, len: u64) !void {
        taken.zeros += len;
        try taken.bytes.appendNTimes(testing.allocator, 0, @intCast(len));
    }

    pub fn commit(taken: *Taken) !void {
        taken.commits += 1;
        if (taken.fail_commit) return error.BucketGone;
    }

    pub fn abort(taken: *Taken) void {
        taken.aborts += 1;
    }
};

/// The same with nothing but what is needed.
const Plain = struct {
    bytes: std.ArrayList(u8) = .empty,

    pub fn write(plain: *Plain, bytes: []const u8) std.mem.Allocator.Error!void {
        try plain.bytes.appendSlice(testing.allocator, bytes);
    }
};

/// A snapshot in memory.
const Held = struct {
    bytes: []const u8,
    fail: std.atomic.Value(bool) = .init(false),
    /// The one thread that does not fail.
    spared: ?std.Thread.Id = null,

    pub fn readAt(held: *Held, offset: u64, buffer: []u8) !void {
        if (held.fail.load(.monotonic) and held.spared != std.Thread.getCurrentId()) return error.NetworkGone;
        @memcpy(buffer, held.bytes[@intCast(offset)..][0..buffer.len]);
    }
};

test "a sink gets the file that a path gets, and a stream with its zeros" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const by_path = try machine.read("machine.hxz");
    options.output = "";
    var built: Taken = .{};
    defer built.deinit();
    options.sink = .from(&built);
    const report = try hexz.build(options);
    try testing.expectEqual(by_path.len, report.file_size);
    try testing.expect(std.mem.eql(u8, by_path, built.bytes.items));
    try testing.expectEqual([_]usize{ 1, 0 }, [_]usize{ built.commits, built.aborts });
    try testing.expectEqual(0, built.zeros);

    const disk = try snapshot.find("disk");
    for (1..4) |threads| {
        var back: Taken = .{};
        defer back.deinit();
        try disk.extractTo(.from(&back), .{ .threads = @intCast(threads) });
        try testing.expect(std.mem.eql(u8, machine.disk, back.bytes.items));
        try testing.expect(back.zeros > 0);
        try testing.expectEqual([_]usize{ 1, 0 }, [_]usize{ back.commits, back.aborts });
    }
    var plain: Plain = .{};
    defer plain.bytes.deinit(testing.allocator);
    try disk.extractTo(.from(&plain), .{});
    try testing.expect(std.mem.eql(u8, machine.disk, plain.bytes.items));
}

test "a std.Io.Writer is a sink" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const disk = try snapshot.find("disk");
    options.output = "";
    var built: std.Io.Writer.Allocating = .init(testing.allocator);
    defer built.deinit();
    options.sink = .to(&built.writer);
    _ = try hexz.build(options);
    try testing.expect(std.mem.eql(u8, try machine.read("machine.hxz"), built.written()));
    var back: std.Io.Writer.Allocating = .init(testing.allocator);
    defer back.deinit();
    try disk.extractTo(.to(&back.writer), .{});
    try testing.expect(std.mem.eql(u8, machine.disk, back.written()));

    // What it has in its buffer is flushed at the end.
    const file = try machine.tmp.dir.createFile(testing.io, "out.raw", .{});
    defer file.close(testing.io);
    var buffer: [5000]u8 = undefined;
    var writer = file.writer(testing.io, &buffer);
    try disk.extractTo(.to(&writer.interface), .{});
    try testing.expect(std.mem.eql(u8, machine.disk, try machine.read("out.raw")));

    var small: [100_000]u8 = undefined;
    var fixed: std.Io.Writer = .fixed(&small);
    try testing.expectError(error.CallbackFailed, disk.extractTo(.to(&fixed), .{}));
    try testing.expectEqual(error.WriteFailed, hexz.lastFailure().callback_error.?);
}

test "what a sink returns comes out, and it is aborted" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const disk = try snapshot.find("disk");
    var options = try machine.options();
    options.output = "";
    for ([_]bool{ true, false }) |build| {
        for ([_]bool{ true, false }) |commit| {
            var taken: Taken = .{ .fail_at = if (commit) 0 else 1, .fail_commit = commit };
            defer taken.deinit();
            options.sink = .from(&taken);
            if (build)
                try testing.expectError(error.CallbackFailed, hexz.build(options))
            else
                try testing.expectError(error.CallbackFailed, disk.extractTo(.from(&taken), .{}));
            const expected: anyerror = if (commit) error.BucketGone else error.BucketFull;
            try testing.expectEqual(expected, hexz.lastFailure().callback_error.?);
            try testing.expectEqual(1, taken.aborts);
            try testing.expectEqual(@intFromBool(commit), taken.commits);
        }
    }
    // What is refused does not touch it.
    var untouched: Taken = .{};
    options.sink = .from(&untouched);
    options.output = try machine.path("both.hxz");
    try testing.expectError(error.InvalidArgument, hexz.build(options));
    options.output = "";
    options.source = try machine.path("absent");
    try testing.expectError(error.SourceFailed, hexz.build(options));
    options.sink = null;
    try testing.expectError(error.InvalidArgument, hexz.build(try noOutput(&machine)));
    try testing.expectEqual(0, untouched.writes + untouched.commits + untouched.aborts);
}

fn noOutput(machine: *Machine) !hexz.BuildOptions {
    var options = try machine.options();
    options.output = "";
    return options;
}

test "a snapshot is read from a storage, on any thread" {
    var machine: Machine = try .initPages(4096);
    defer machine.deinit();
    _ = try hexz.build(try machine.options());
    var held: Held = .{ .bytes = try machine.read("machine.hxz") };
    for ([_]bool{ false, true }) |concurrent| {
        var storage: hexz.Storage = .from(&held, held.bytes.len);
        storage.concurrent = concurrent;
        // Nothing is kept, so that each read asks the storage.
        const snapshot: hexz.Snapshot = try .openFrom(storage, .{ .cache_size = 1 });
        defer snapshot.close();
        const disk = try snapshot.find("disk");
        try expectStream(machine.disk, disk);
        try snapshot.verify(.{});

        held.fail.store(true, .monotonic);
        var byte: [1]u8 = undefined;
        try testing.expectError(error.CallbackFailed, disk.readAt(&byte, 0));
        try testing.expectEqual(error.NetworkGone, hexz.lastFailure().callback_error.?);
        var taken: Taken = .{};
        defer taken.deinit();
        try testing.expectError(error.CallbackFailed, disk.extractTo(.from(&taken), .{ .threads = 4 }));
        try testing.expectEqual(error.NetworkGone, hexz.lastFailure().callback_error.?);
        // Only threads of the library fail, if there are some and they come to read.
        held.spared = std.Thread.getCurrentId();
        snapshot.verify(.{ .threads = 4 }) catch |err| {
            try testing.expectEqual(error.CallbackFailed, err);
            try testing.expectEqual(error.NetworkGone, hexz.lastFailure().callback_error.?);
        };
        held.spared = null;
        held.fail.store(false, .monotonic);
        try expectStream(machine.disk, disk);
    }
    // Cut, and nothing.
    for ([_]usize{ 1, held.bytes.len }) |less| {
        const storage: hexz.Storage = .from(&held, held.bytes.len - less);
        if (hexz.Snapshot.openFrom(storage, .{})) |snapshot| {
            snapshot.close();
            return error.TestUnexpectedSuccess;
        } else |err| try testing.expect(err == error.Corrupt or err == error.NotSnapshot);
    }
    held.fail.store(true, .monotonic);
    const storage: hexz.Storage = .from(&held, held.bytes.len);
    try testing.expectError(error.CallbackFailed, hexz.Snapshot.openFrom(storage, .{}));
    try testing.expectEqual(error.NetworkGone, hexz.lastFailure().callback_error.?);
    try expectFailure(.callback, "opts.storage");
}
