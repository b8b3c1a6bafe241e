const std = @import("std");
const hexz = @import("hexz");

pub fn main() !void {
    errdefer std.debug.print("{f}\n", .{hexz.lastFailure()});
    _ = try hexz.build(.{ .source = "disk.img", .memory = "memory.dump", .output = "machine.hxz" });

    const snapshot: hexz.Snapshot = try .open("machine.hxz", .{});
    defer snapshot.close();
    const disk = try snapshot.find("disk");
    var sector: [512]u8 = undefined;
    try disk.readAt(&sector, 0);
    std.debug.print("{d} bytes, the first is {x}\n", .{ disk.size, sector[0] });
}
