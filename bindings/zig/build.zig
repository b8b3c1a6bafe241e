const std = @import("std");

/// Makes the module "hexz", and the steps `test` and `fmt` of the binding itself.
pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});
    const libdir = b.option(std.Build.LazyPath, "libdir", "Folder of libhexz (default: pkg-config, then the system's)");
    const linkage = b.option(std.lang.LinkMode, "linkage", "Link libhexz.so or libhexz.a (default: dynamic)") orelse .dynamic;

    const hexz = b.addModule("hexz", .{
        .root_source_file = b.path("src/hexz.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
    });
    if (libdir) |folder| {
        hexz.addLibraryPath(folder);
        if (linkage == .dynamic) hexz.addRPath(folder);
    }
    hexz.linkSystemLibrary("hexz", .{
        .use_pkg_config = if (libdir == null) .yes else .no,
        .preferred_link_mode = linkage,
        .search_strategy = .mode_first,
    });
    // Rust's standard library unwinds with it; Zig brings its own copy.
    if (linkage == .static) hexz.linkSystemLibrary("gcc_s", .{});

    addTests(b, target, optimize, hexz);

    const documented = b.addLibrary(.{ .name = "hexz", .root_module = hexz });
    b.step("docs", "Make the documentation of the module, in zig-out/docs").dependOn(
        &b.addInstallDirectory(.{
            .source_dir = documented.getEmittedDocs(),
            .install_dir = .prefix,
            .install_subdir = "docs",
        }).step,
    );
}

fn addTests(
    b: *std.Build,
    target: std.Build.ResolvedTarget,
    optimize: std.lang.Optimize,
    hexz: *std.Build.Module,
) void {
    const include = b.option(std.Build.LazyPath, "include", "Folder of hexz.h, for the tests (default: ../../include)") orelse
        b.path("../../include");
    const filters = b.option([]const []const u8, "test-filter", "Only run tests whose names contain this") orelse &.{};

    const tests = b.addTest(.{
        .filters = filters,
        .root_module = b.createModule(.{
            .root_source_file = b.path("tests/all.zig"),
            .target = target,
            .optimize = optimize,
            .imports = &.{.{ .name = "hexz", .module = hexz }},
        }),
    });
    // hexz.h and c.zig are held against each other by the C compiler, and by name in the tests.
    const declarations = b.addExecutable(.{
        .name = "declarations",
        .root_module = b.createModule(.{
            .root_source_file = b.path("tests/declarations.zig"),
            .target = b.graph.host,
            // Debug information would refer to the functions, and this does not link the library.
            .strip = true,
            .imports = &.{.{
                .name = "c",
                .module = b.createModule(.{ .root_source_file = b.path("src/c.zig") }),
            }},
        }),
    });
    const comparison = b.addRunArtifact(declarations).captureStdOut(.{ .basename = "declarations.c" });
    tests.root_module.addCSourceFile(.{ .file = comparison, .flags = &.{"-std=c11"} });
    tests.root_module.addIncludePath(include);
    tests.root_module.addAnonymousImport("hexz.h", .{ .root_source_file = include.path(b, "hexz.h") });

    for ([_][]const u8{ "thin-base-v1.hxz", "thin-child-v1.hxz", "thin-sealed-child-v1.hxz", "thin-sealed-base-v1.hxz" }) |golden| {
        const path = b.pathJoin(&.{ "../../tests/decoder/golden", golden });
        tests.root_module.addAnonymousImport(golden, .{ .root_source_file = b.path(path) });
    }

    const run_tests = b.addRunArtifact(tests);
    // The library may have changed although this program has not, and std.testing.tmpDir makes its
    // folders below the working directory.
    run_tests.has_side_effects = true;
    run_tests.setCwd(.cache_root);
    b.step("test", "Run the tests of this binding").dependOn(&run_tests.step);

    const fmt = b.addFmt(.{ .paths = b.pathList(&.{ "build.zig", "build.zig.zon", "src", "tests", "examples" }), .check = true });
    b.step("fmt", "Check the formatting").dependOn(&fmt.step);
}
