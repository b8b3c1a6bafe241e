//! What goes in comes out.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const expectStream = @import("machine.zig").expectStream;
const testing = std.testing;

test "disk and memory come back byte for byte" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const options = try machine.options();
    const report = try hexz.build(options);
    try testing.expectEqual(report.file_size, (try machine.read("machine.hxz")).len);
    try testing.expect(report.bytes_duplicate >= machine.memory.len / 2);
    try testing.expect(report.bytes_zero > 0 and report.bytes_unique > 0 and report.blocks > 0);
    try testing.expect(report.total_ns > 0);

    const snapshot: hexz.Snapshot = try .open(options.output, .{});
    defer snapshot.close();
    const info = try snapshot.info();
    try testing.expectEqual(report.root, info.root);
    try testing.expectEqual(report.file_size, info.file_size);
    try testing.expectEqual(report.blocks, info.blocks);
    try testing.expectEqual(machine.disk.len + machine.memory.len, info.logical_size);
    try testing.expectEqual(hexz.Compression.lz4, info.compression);
    try testing.expectEqual(65536, info.block_size);
    try testing.expect(!info.encrypted and !info.cdc);
    const no_parent: hexz.Root = @splat(0);
    try testing.expectEqual(no_parent, info.parent_root);

    try expectStream(machine.disk, try snapshot.find("disk"));
    try expectStream(machine.memory, try snapshot.find("memory"));
}

test "streams are listed in order" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const expected = [_]struct { []const u8, hexz.StreamKind, usize }{
        .{ "disk", .disk, machine.disk.len },
        .{ "memory", .memory, machine.memory.len },
    };
    var streams = try snapshot.streams();
    for (expected, 0..) |one, index| {
        const name, const kind, const size = one;
        const stream = (try streams.next()).?;
        try testing.expectEqual(index, stream.index);
        try testing.expectEqualStrings(name, stream.name());
        try testing.expectEqual(kind, stream.kind);
        try testing.expectEqual(size, stream.size);
        try testing.expectEqual(size, stream.data_size + stream.zero_size);
        try testing.expect(stream.stored_size > 0);
    }
    try testing.expectEqual(null, try streams.next());
    try testing.expectEqual(1, (try snapshot.stream(1)).index);
}

test "reads at any offset and of any length" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const disk = try snapshot.find("disk");
    var prng: std.Random.DefaultPrng = .init(1);
    var buffer: [20_000]u8 = undefined;
    for (0..300) |_| {
        const offset = prng.random().uintLessThan(usize, machine.disk.len);
        const len = prng.random().uintAtMost(usize, @min(buffer.len, machine.disk.len - offset));
        try disk.readAt(buffer[0..len], offset);
        try testing.expect(std.mem.eql(u8, machine.disk[offset..][0..len], buffer[0..len]));
    }
    try disk.readAt(buffer[0..0], machine.disk.len);
}

test "extents cover the stream, and say what is zero" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const disk = try snapshot.find("disk");
    var sums = [_]u64{ 0, 0 };
    var end: u64 = 0;
    var extents = disk.extents();
    while (try extents.next()) |extent| {
        try testing.expectEqual(end, extent.offset);
        try testing.expect(extent.len > 0);
        end += extent.len;
        const bytes = machine.disk[extent.offset..][0..extent.len];
        switch (extent.kind) {
            .data => sums[0] += extent.len,
            .zero => {
                sums[1] += extent.len;
                try testing.expect(std.mem.allEqual(u8, bytes, 0));
            },
            else => return error.UnexpectedKind,
        }
    }
    try testing.expectEqual(machine.disk.len, end);
    try testing.expectEqual(disk.data_size, sums[0]);
    try testing.expectEqual(disk.zero_size, sums[1]);
    try testing.expect(sums[1] > machine.disk.len / 4);

    extents.offset = machine.disk.len - 10;
    try testing.expectEqual(10, (try extents.next()).?.len);
    try testing.expectEqual(null, try extents.next());
    try testing.expectError(error.OutOfRange, disk.extentAt(machine.disk.len));
}

test "a stream is extracted, refused, replaced and overwritten" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    const disk = try snapshot.find("disk");
    const memory = try snapshot.find("memory");
    const output = try machine.path("out.raw");
    try disk.extract(output, .{ .sync = false });
    try testing.expect(std.mem.eql(u8, machine.disk, try machine.read("out.raw")));
    try testing.expectError(error.OutputExists, memory.extract(output, .{ .sync = false }));
    try testing.expect(std.mem.eql(u8, machine.disk, try machine.read("out.raw")));
    try memory.extract(output, .{ .existing = .overwrite, .sync = false, .threads = 1 });
    try testing.expect(std.mem.eql(u8, machine.memory, try machine.read("out.raw")));
    try disk.extract(output, .{ .existing = .in_place });
    try testing.expect(std.mem.eql(u8, machine.disk, try machine.read("out.raw")));
}

test "each profile, chunks and a profile of one's own" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var own = try hexz.Profile.resolve("generic");
    try testing.expectEqual(hexz.Compression.lz4, own.compression);
    own.compression = .zstd;
    own.level = 5;
    own.block_size = 32 * 1024;
    const cases = [_]struct { hexz.ProfileChoice, u32, bool }{
        .{ .generic, 64, false }, .{ .eda, 128, false },             .{ .embedded, 16, false },
        .{ .ml, 1024, true },     .{ .{ .custom = own }, 32, true },
    };
    for (cases) |case| {
        const profile, const block_kib, const cdc = case;
        var options = try machine.options();
        options.profile = profile;
        options.cdc = cdc;
        options.overwrite = true;
        options.format = .raw;
        _ = try hexz.build(options);
        const snapshot: hexz.Snapshot = try .open(options.output, .{ .cache_size = 1 << 20 });
        defer snapshot.close();
        const info = try snapshot.info();
        try testing.expectEqual(block_kib * 1024, info.block_size);
        try testing.expectEqual(cdc, info.cdc);
        try expectStream(machine.disk, try snapshot.find("disk"));
        try snapshot.verify(.{});
    }
}

test "profiles have names, and names have profiles" {
    var count: usize = 0;
    while (hexz.Profile.name(count)) |name| : (count += 1) {
        const profile = try hexz.Profile.resolve(name);
        try testing.expect(profile.block_size >= 4096);
    }
    try testing.expect(count >= 4);
    try testing.expect((try hexz.Profile.resolve("eda")).dictionary);
    try testing.expect(!(try hexz.Profile.resolve("ml")).dictionary);
}

test "the same input gives the same bytes, whatever the threads" {
    var machine: Machine = try .init();
    defer machine.deinit();
    var options = try machine.options();
    options.threads = 1;
    const one = try hexz.build(options);
    options.threads = 3;
    options.output = try machine.path("again.hxz");
    const three = try hexz.build(options);
    try testing.expectEqual(one.root, three.root);
    try testing.expect(std.mem.eql(u8, try machine.read("machine.hxz"), try machine.read("again.hxz")));
}

test "verify reports what it looked at" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const snapshot = try machine.snapshot();
    defer snapshot.close();
    var report: hexz.VerifyReport = undefined;
    try snapshot.verify(.{ .threads = 2, .report = &report });
    try testing.expectEqual((try snapshot.info()).blocks, report.blocks_checked);
    try testing.expectEqual(0, report.blocks_bad);
    try testing.expectEqual(null, report.bad);
}

test "the root that was expected, and another" {
    var machine: Machine = try .init();
    defer machine.deinit();
    const options = try machine.options();
    var root = (try hexz.build(options)).root;
    const snapshot: hexz.Snapshot = try .open(options.output, .{ .expect_root = root });
    defer snapshot.close();
    try expectStream(machine.disk, try snapshot.find("disk"));
    root[31] ^= 1;
    try testing.expectError(error.Corrupt, hexz.Snapshot.open(options.output, .{ .expect_root = root }));
}
