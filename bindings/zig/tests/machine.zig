//! A small machine to take snapshots of: a disk and the memory beside it, in a folder of their own.

const std = @import("std");
const hexz = @import("hexz");
const testing = std.testing;
const io = testing.io;

pub const Machine = struct {
    arena: std.heap.ArenaAllocator,
    tmp: testing.TmpDir,
    folder: []const u8,
    disk: []u8,
    memory: []u8,

    pub const page = 4096;

    pub fn init() !Machine {
        return initPages(256);
    }

    /// A disk of `pages` pages and some bytes: a third of it random, a third text, a third zeros. Half of
    /// the memory is pages of the disk.
    pub fn initPages(pages: usize) !Machine {
        var arena: std.heap.ArenaAllocator = .init(testing.allocator);
        errdefer arena.deinit();
        var tmp = testing.tmpDir(.{});
        errdefer tmp.cleanup();
        const gpa = arena.allocator();
        var machine: Machine = .{
            .folder = try tmp.dir.realPathFileAlloc(io, ".", gpa),
            .disk = try gpa.alloc(u8, pages * page + 300),
            .memory = try gpa.alloc(u8, pages / 2 * page),
            .tmp = tmp,
            .arena = undefined,
        };
        machine.fill();
        try tmp.dir.writeFile(io, .{ .sub_path = "disk.img", .data = machine.disk });
        try tmp.dir.writeFile(io, .{ .sub_path = "memory.dump", .data = machine.memory });
        machine.arena = arena;
        return machine;
    }

    pub fn deinit(machine: *Machine) void {
        machine.tmp.cleanup();
        machine.arena.deinit();
    }

    fn fill(machine: *Machine) void {
        var prng: std.Random.DefaultPrng = .init(20261123);
        const random = prng.random();
        const third = machine.disk.len / 3;
        random.bytes(machine.disk[0..third]);
        for (machine.disk[third .. 2 * third], 0..) |*byte, i| byte.* = "assign q = d & en;\n"[(i / 3) % 19];
        @memset(machine.disk[2 * third ..], 0);
        machine.disk[machine.disk.len - 1] = 1;
        const half = machine.memory.len / 2;
        @memcpy(machine.memory[0..half], machine.disk[0..half]);
        random.bytes(machine.memory[half..]);
    }

    /// The path of a file in the machine's folder. Valid until `deinit`.
    pub fn path(machine: *Machine, name: []const u8) ![]const u8 {
        return std.fs.path.join(machine.arena.allocator(), &.{ machine.folder, name });
    }

    /// Options that build the snapshot "machine.hxz" of disk and memory.
    pub fn options(machine: *Machine) !hexz.BuildOptions {
        return .{
            .source = try machine.path("disk.img"),
            .memory = try machine.path("memory.dump"),
            .output = try machine.path("machine.hxz"),
            .sync = false,
        };
    }

    /// Builds as `options` says, and opens the snapshot.
    pub fn snapshot(machine: *Machine) !hexz.Snapshot {
        const build_options = try machine.options();
        _ = try hexz.build(build_options);
        return hexz.Snapshot.open(build_options.output, .{});
    }

    pub fn exists(machine: *Machine, name: []const u8) bool {
        machine.tmp.dir.access(io, name, .{}) catch return false;
        return true;
    }

    /// All of a file of the machine's folder. Valid until `deinit`.
    pub fn read(machine: *Machine, name: []const u8) ![]u8 {
        return machine.tmp.dir.readFileAlloc(io, name, machine.arena.allocator(), .unlimited);
    }
};

/// That the stream holds these bytes and no more.
pub fn expectStream(expected: []const u8, stream: hexz.Stream) !void {
    try testing.expectEqual(expected.len, stream.size);
    const bytes = try testing.allocator.alloc(u8, expected.len);
    defer testing.allocator.free(bytes);
    try stream.readAt(bytes, 0);
    try testing.expect(std.mem.eql(u8, expected, bytes));
}

/// That the last failure is of this status and its text has this in it.
pub fn expectFailure(status: hexz.Status, part: []const u8) !void {
    const failure = hexz.lastFailure();
    try testing.expectEqual(status, failure.status);
    if (std.mem.find(u8, failure.text, part) == null) {
        std.debug.print("no '{s}' in the text: {s}\n", .{ part, failure.text });
        return error.TestUnexpectedText;
    }
}
