//! Snapshots that lean on others: the golden files of a base and its child.

const std = @import("std");
const hexz = @import("hexz");
const Machine = @import("machine.zig").Machine;
const expectFailure = @import("machine.zig").expectFailure;
const expectStream = @import("machine.zig").expectStream;
const testing = std.testing;

const base_name = "thin-base-v1.hxz";
const child_name = "thin-child-v1.hxz";
const base_bytes = @embedFile(base_name);
const child_bytes = @embedFile(child_name);

/// A child alone in a folder, and its base there under another name.
const Chain = struct {
    machine: Machine,
    child: []const u8,
    base: [:0]const u8,
    disk: []const u8,
    base_root: hexz.Root,

    fn init() !Chain {
        var machine: Machine = try .initPages(1);
        errdefer machine.deinit();
        const gpa = machine.arena.allocator();
        var chain: Chain = .{
            .child = try put(&machine, "child.hxz", child_bytes),
            .base = try gpa.dupeSentinel(u8, try put(&machine, "moved.hxz", base_bytes), 0),
            .disk = undefined,
            .base_root = undefined,
            .machine = undefined,
        };
        const child: hexz.Snapshot = try .open(chain.child, .{ .parent = chain.base });
        defer child.close();
        const disk = try child.find("disk");
        const bytes = try gpa.alloc(u8, @intCast(disk.size));
        try disk.readAt(bytes, 0);
        chain.disk = bytes;
        const base: hexz.Snapshot = try .open(chain.base, .{});
        defer base.close();
        chain.base_root = (try base.info()).root;
        chain.machine = machine;
        return chain;
    }

    fn deinit(chain: *Chain) void {
        chain.machine.deinit();
    }

    fn put(machine: *Machine, name: []const u8, bytes: []const u8) ![]const u8 {
        try machine.tmp.dir.writeFile(testing.io, .{ .sub_path = name, .data = bytes });
        return machine.path(name);
    }

    fn opens(chain: *Chain, options: hexz.OpenOptions) !void {
        const snapshot: hexz.Snapshot = try .open(chain.child, options);
        defer snapshot.close();
        try expectStream(chain.disk, try snapshot.find("disk"));
        try snapshot.verify(.{});
    }

    /// That it is said whose root is missing.
    fn isMissing(chain: *Chain, options: hexz.OpenOptions) !void {
        try testing.expectError(error.ParentFailed, hexz.Snapshot.open(chain.child, options));
        try expectFailure(.parent, &std.fmt.bytesToHex(chain.base_root, .lower));
    }
};

/// A snapshot in memory.
const Held = struct {
    bytes: []const u8,

    pub fn readAt(held: *const Held, offset: u64, buffer: []u8) !void {
        @memcpy(buffer, held.bytes[@intCast(offset)..][0..buffer.len]);
    }
};

test "the disk of a child is what it was" {
    var chain: Chain = try .init();
    defer chain.deinit();
    var hash: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(chain.disk, &hash, .{});
    // tests/decoder/golden/thin.json
    const expected = "afc6fc8dc8908efc7f73590b4d19ed4113f29046b3d81fd66ef033c5bdc1867f";
    try testing.expectEqualStrings(expected, &std.fmt.bytesToHex(hash, .lower));
}

test "a parent is given by path, open, or lies beside its child" {
    var chain: Chain = try .init();
    defer chain.deinit();
    try chain.isMissing(.{});
    try chain.opens(.{ .parent = chain.base });
    try chain.isMissing(.{ .parent = chain.child });
    try testing.expectError(error.InvalidArgument, hexz.Snapshot.open(chain.child, .{ .parent = "a\x00b" }));

    const base: hexz.Snapshot = try .open(chain.base, .{});
    const both: hexz.OpenOptions = .{ .parent = chain.base, .parent_snapshot = base };
    try testing.expectError(error.InvalidArgument, hexz.Snapshot.open(chain.child, both));
    const snapshot: hexz.Snapshot = try .open(chain.child, .{ .parent_snapshot = base });
    defer snapshot.close();
    base.close();
    try chain.machine.tmp.dir.deleteFile(testing.io, "moved.hxz");
    try expectStream(chain.disk, try snapshot.find("disk"));

    _ = try Chain.put(&chain.machine, base_name, base_bytes);
    try chain.opens(.{});
    try chain.isMissing(.{ .no_hints = true });
}

/// Answers what it has.
const Store = struct {
    place: ?hexz.Ancestor = null,
    asked: usize = 0,
    root: hexz.Root = undefined,
    fail: ?anyerror = null,

    fn find(store: *Store, request: hexz.AncestorRequest) !?hexz.Ancestor {
        store.asked += 1;
        store.root = request.root;
        try testing.expectEqualStrings(base_name, request.hint.?);
        if (store.fail) |err| return err;
        return store.place;
    }
};

fn nowhere(_: hexz.AncestorRequest) error{}!?hexz.Ancestor {
    return null;
}

test "an ancestor is found by a function" {
    var chain: Chain = try .init();
    defer chain.deinit();
    const base: hexz.Snapshot = try .open(chain.base, .{});
    defer base.close();
    const held: Held = .{ .bytes = base_bytes };
    var store: Store = .{};
    const options: hexz.OpenOptions = .{ .ancestor = .from(&store, Store.find) };
    try chain.isMissing(options);
    try testing.expectEqual(chain.base_root, store.root);
    try chain.isMissing(.{ .ancestor = .plain(nowhere) });
    const places = [_]hexz.Ancestor{
        .{ .path = chain.base },
        .{ .snapshot = base },
        .{ .storage = .from(&held, held.bytes.len) },
    };
    for (places) |place| {
        store.place = place;
        try chain.opens(options);
    }
    try testing.expectEqual(1 + places.len, store.asked);

    const child: Held = .{ .bytes = child_bytes };
    const in_memory: hexz.Snapshot = try .openFrom(.from(&child, child.bytes.len), options);
    defer in_memory.close();
    try expectStream(chain.disk, try in_memory.find("disk"));

    store.place = .{ .path = "a\x00b" };
    try testing.expectError(error.CallbackFailed, hexz.Snapshot.open(chain.child, options));
    try testing.expectEqual(error.InvalidArgument, hexz.lastFailure().callback_error.?);
    store.fail = error.CatalogueGone;
    try testing.expectError(error.CallbackFailed, hexz.Snapshot.open(chain.child, options));
    try testing.expectEqual(error.CatalogueGone, hexz.lastFailure().callback_error.?);
}

test "ancestors and kinds of extents are told" {
    var chain: Chain = try .init();
    defer chain.deinit();
    const child: hexz.Snapshot = try .open(chain.child, .{ .parent = chain.base });
    defer child.close();
    const info = try child.info();
    try testing.expectEqual(1, info.ancestor_count);
    try testing.expectEqual(chain.base_root, info.parent_root);
    const ancestor = try child.ancestor(0);
    try testing.expectEqual(chain.base_root, ancestor.root);
    try testing.expectEqualStrings(base_name, ancestor.hint());
    try testing.expectEqual(base_bytes.len, ancestor.file_size);
    try testing.expectEqual(8192 + 8192 + 100 + 4096, ancestor.bytes_inherited);
    try testing.expectError(error.OutOfRange, child.ancestor(1));
    var extents = (try child.find("disk")).extents();
    for ([_]hexz.ExtentKind{ .parent, .data, .zero, .parent }) |kind| {
        try testing.expectEqual(kind, (try extents.next()).?.kind);
    }
    try testing.expectEqual(null, try extents.next());
}

test "one password opens a chain" {
    var machine: Machine = try .initPages(1);
    defer machine.deinit();
    const child = try Chain.put(&machine, "child.hxz", @embedFile("thin-sealed-child-v1.hxz"));
    const base = try Chain.put(&machine, "moved.hxz", @embedFile("thin-sealed-base-v1.hxz"));
    _ = try Chain.put(&machine, base_name, base_bytes);
    const snapshot: hexz.Snapshot = try .open(child, .{ .password = .{ .bytes = "password" }, .parent = base });
    defer snapshot.close();
    try testing.expectEqual(2, (try snapshot.info()).ancestor_count);
    try snapshot.verify(.{});
}

test "what a diff calls different is all that differs" {
    var chain: Chain = try .init();
    defer chain.deinit();
    const base: hexz.Snapshot = try .open(chain.base, .{});
    defer base.close();
    const child: hexz.Snapshot = try .open(chain.child, .{ .parent_snapshot = base });
    defer child.close();
    const from = try base.find("disk");
    const to = try child.find("disk");
    const patched = try testing.allocator.alloc(u8, chain.disk.len);
    defer testing.allocator.free(patched);
    @memset(patched, 0);
    const common: usize = @intCast(@min(from.size, to.size));
    try from.readAt(patched[0..common], 0);
    var differences = hexz.diff(from, to);
    var end: u64 = 0;
    var zeros: usize = 0;
    while (try differences.next()) |extent| {
        try testing.expectEqual(end, extent.offset);
        end += extent.len;
        const part = patched[@intCast(extent.offset)..@intCast(end)];
        switch (extent.kind) {
            .same => {},
            .data => @memcpy(part, chain.disk[@intCast(extent.offset)..@intCast(end)]),
            .zero => {
                zeros += 1;
                @memset(part, 0);
            },
            else => return error.TestUnexpectedKind,
        }
    }
    try testing.expectEqual(to.size, end);
    try testing.expect(zeros > 0);
    try testing.expect(std.mem.eql(u8, chain.disk, patched));

    var same = hexz.diff(to, to);
    same.offset = 5;
    try testing.expectEqual(hexz.Extent{ .kind = .same, .offset = 5, .len = to.size - 5 }, (try same.next()).?);
    var other = to;
    other.index = 9;
    var none = hexz.diff(other, to);
    try testing.expectError(error.NoSuchStream, none.next());
}
