//! Prints a C program that does not compile unless hexz.h says of every constant, field and function
//! in c.zig what c.zig says. build.zig compiles it into the tests.

const std = @import("std");
const c = @import("c");

pub fn main(init: std.process.Init) !void {
    var buffer: [4096]u8 = undefined;
    var out: std.Io.File.Writer = .initStreaming(.stdout(), init.io, &buffer);
    const w = &out.interface;
    try w.writeAll(
        \\#include <hexz.h>
        \\#define SAME(type, place) _Static_assert(_Generic((place), type: 1, default: 0), #place)
        \\#define EQUAL(a, b) _Static_assert((a) == (b), #a)
        \\
    );
    @setEvalBranchQuota(100_000);
    var checks: usize = 0;
    inline for (comptime std.meta.declarations(c)) |name| {
        const Declared = @TypeOf(@field(c, name));
        switch (@typeInfo(Declared)) {
            .type => checks += try printType(w, name, @field(c, name)),
            .@"fn" => {
                try w.print("SAME(" ++ comptime spellPointerTo(Declared) ++ ", &{s});\n", .{name});
                checks += 1;
            },
            else => {
                try w.print("EQUAL({s}, {d});\n", .{ name, @field(c, name) });
                checks += 1;
            },
        }
    }
    try w.print("const unsigned hexz_declarations_compared = {d};\n", .{checks});
    try w.flush();
}

fn printType(w: *std.Io.Writer, comptime name: []const u8, comptime T: type) !usize {
    const info = switch (@typeInfo(T)) {
        .@"struct" => |info| info,
        // Opaque types and callback types come up in the fields and functions that use them.
        else => return 0,
    };
    try w.print("EQUAL(sizeof({s}), {d});\n", .{ name, @sizeOf(T) });
    inline for (info.field_names, info.field_types) |field, Field| {
        try w.print("EQUAL(offsetof({s}, {s}), {d});\n", .{ name, field, @offsetOf(T, field) });
        try w.print("EQUAL(sizeof((({s} *)0)->{s}), {d});\n", .{ name, field, @sizeOf(Field) });
        if (@typeInfo(Field) == .array) continue;
        try w.print("SAME(" ++ comptime spell(Field) ++ ", (({s} *)0)->{s});\n", .{ name, field });
    }
    return 1 + info.field_names.len;
}

/// A type as C spells it.
fn spell(comptime T: type) []const u8 {
    return switch (@typeInfo(T)) {
        .void => "void",
        .int => switch (T) {
            u8 => "uint8_t",
            i32 => "int32_t",
            u32 => "uint32_t",
            u64 => "uint64_t",
            usize => "size_t",
            else => @compileError("no C spelling for " ++ @typeName(T)),
        },
        .optional => |info| spell(info.child),
        .pointer => |info| if (@typeInfo(info.child) == .@"fn")
            spellPointerTo(info.child)
        else
            spellPointee(info) ++ (if (info.attrs.@"const") " const *" else " *"),
        .@"struct", .@"opaque" => if (T == anyopaque) "void" else lastPart(@typeName(T)),
        else => @compileError("no C spelling for " ++ @typeName(T)),
    };
}

fn spellPointee(comptime info: std.lang.Type.Pointer) []const u8 {
    // Text is a pointer to many bytes, bytes are a pointer to an array of them.
    if (info.size == .many and info.child == u8) return "char";
    return switch (@typeInfo(info.child)) {
        .array => |array| spell(array.child),
        else => spell(info.child),
    };
}

fn spellPointerTo(comptime Function: type) []const u8 {
    const info = @typeInfo(Function).@"fn";
    var text: []const u8 = spell(info.return_type.?) ++ " (*)(";
    for (info.param_types, 0..) |Parameter, i| {
        text = text ++ (if (i == 0) "" else ", ") ++ spell(Parameter.?);
    }
    return text ++ (if (info.param_types.len == 0) "void)" else ")");
}

fn lastPart(comptime name: []const u8) []const u8 {
    return name[std.mem.findScalarLast(u8, name, '.').? + 1 ..];
}
