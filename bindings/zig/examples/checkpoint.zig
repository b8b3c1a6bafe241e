//! Takes an encrypted snapshot of a disk and the memory beside it, with a progress bar, ended by Ctrl-C;
//! then opens it as the file it just wrote, checks all of it, and says what is in it.
//!
//!     HEXZ_PASSWORD=... checkpoint DISK MEMORY OUTPUT

const std = @import("std");
const hexz = @import("hexz");

/// What a signal handler can reach.
var interrupt: ?hexz.Cancel = null;

fn onInterrupt(_: std.posix.SIG) callconv(.c) void {
    if (interrupt) |cancel| cancel.trigger();
}

/// Passes progress on to the terminal.
const Bar = struct {
    root: std.Progress.Node,
    node: std.Progress.Node = .none,
    phase: ?hexz.Phase = null,

    const unit = 1 << 20;

    fn update(bar: *Bar, progress: hexz.Progress) void {
        if (bar.phase != progress.phase) {
            bar.node.end();
            bar.node = bar.root.start(@tagName(progress.phase), @intCast(progress.total / unit));
            bar.phase = progress.phase;
        }
        bar.node.setCompletedItems(@intCast(progress.done / unit));
    }

    fn end(bar: *Bar) void {
        bar.node.end();
        bar.root.end();
    }
};

/// Reads the password from the environment, like a service that gets it from its unit.
const Environment = struct {
    map: *const std.process.Environ.Map,

    fn password(environment: *const Environment, _: hexz.PasswordRequest, _: []u8) error{NoPassword}!?[]const u8 {
        return environment.map.get("HEXZ_PASSWORD") orelse error.NoPassword;
    }
};

pub fn main(init: std.process.Init) !u8 {
    const args = try init.minimal.args.toSlice(init.arena.allocator());
    if (args.len != 4) {
        std.debug.print("usage: checkpoint DISK MEMORY OUTPUT\n", .{});
        return 2;
    }
    checkpoint(init, args[1], args[2], args[3]) catch |err| {
        const failure = hexz.lastFailure();
        std.debug.print("checkpoint: {f}\n", .{failure});
        if (failure.callback_error) |own| std.debug.print("checkpoint: because of {t}\n", .{own});
        return if (err == error.Canceled) 130 else 1;
    };
    return 0;
}

fn checkpoint(init: std.process.Init, disk: []const u8, memory: []const u8, output: []const u8) !void {
    const cancel: hexz.Cancel = try .init();
    defer cancel.deinit();
    interrupt = cancel;
    defer interrupt = null;
    std.posix.sigaction(.INT, &.{
        .handler = .{ .handler = onInterrupt },
        .mask = std.posix.sigemptyset(),
        .flags = 0,
    }, null);

    const environment: Environment = .{ .map = init.environ_map };
    const password: hexz.Password = .{ .callback = .from(&environment, Environment.password) };

    const root = root: {
        var bar: Bar = .{ .root = std.Progress.start(init.io, .{ .root_name = "checkpoint" }) };
        defer bar.end();
        const report = try hexz.build(.{
            .source = disk,
            .memory = memory,
            .output = output,
            .profile = .eda,
            .encrypt = .{ .password = password },
            .progress = .from(&bar, Bar.update),
            .cancel = cancel,
        });
        break :root report.root;
    };

    const snapshot: hexz.Snapshot = try .open(output, .{
        .password = password,
        .expect_root = root,
        .cancel = cancel,
    });
    defer snapshot.close();
    try snapshot.verify(.{ .cancel = cancel });

    var buffer: [4096]u8 = undefined;
    var stdout: std.Io.File.Writer = .initStreaming(.stdout(), init.io, &buffer);
    const w = &stdout.interface;
    const info = try snapshot.info();
    try w.print("root {x}\n{B} in {B}\n", .{ &info.root, info.logical_size, info.file_size });
    var streams = try snapshot.streams();
    while (try streams.next()) |stream| {
        try w.print("{s} ({t}): {B}, {B} of it zeros, ", .{ stream.name(), stream.kind, stream.size, stream.zero_size });
        var chunk: [64 * 1024]u8 = undefined;
        var reader = stream.reader(&.{});
        var hash: std.crypto.hash.sha2.Sha256 = .init(.{});
        while (true) {
            const n = try reader.interface.readSliceShort(&chunk);
            hash.update(chunk[0..n]);
            if (n < chunk.len) break;
        }
        try w.print("SHA-256 {x}\n", .{&hash.finalResult()});
    }
    try w.flush();
}
