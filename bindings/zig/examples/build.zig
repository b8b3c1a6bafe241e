const std = @import("std");

/// What a program that uses hexz needs in its build.zig.
pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});
    const hexz = b.dependency("hexz", .{
        .target = target,
        .optimize = optimize,
        // Both may be left out for a libhexz that is installed.
        .libdir = b.option(std.Build.LazyPath, "libdir", "Folder of libhexz (default: pkg-config, then the system's)"),
        .linkage = b.option(std.lang.LinkMode, "linkage", "Link libhexz.so or libhexz.a (default: dynamic)"),
    }).module("hexz");

    for ([_][]const u8{ "quick", "checkpoint" }) |name| {
        b.installArtifact(b.addExecutable(.{
            .name = name,
            .root_module = b.createModule(.{
                .root_source_file = b.path(b.fmt("{s}.zig", .{name})),
                .target = target,
                .optimize = optimize,
                .imports = &.{.{ .name = "hexz", .module = hexz }},
            }),
        }));
    }
}
