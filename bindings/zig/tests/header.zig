//! c.zig is written by hand: it must say what hexz.h says, no less.

const std = @import("std");
const hexz = @import("hexz");
const c = hexz.c;

extern const hexz_declarations_compared: c_uint;

test "every constant, field and function is as in hexz.h" {
    // That this linked shows it; each of them has at least one.
    try std.testing.expect(hexz_declarations_compared > 3 * 50);
}

test "nothing of hexz.h is missing" {
    var lines = std.mem.splitScalar(u8, @embedFile("hexz.h"), '\n');
    var found: usize = 0;
    while (lines.next()) |line| {
        const name = nameDeclaredBy(line) orelse continue;
        found += 1;
        if (!isDeclared(name)) {
            std.debug.print("c.zig lacks {s}\n", .{name});
            return error.Missing;
        }
    }
    try std.testing.expect(found > 80);
}

/// The constant or function of a line of the header; null: it has none, or not one for other languages.
fn nameDeclaredBy(line: []const u8) ?[]const u8 {
    if (std.mem.cutPrefix(u8, line, "#define ")) |rest| {
        const name = rest[0 .. std.mem.findAny(u8, rest, " (") orelse rest.len];
        const only_c = std.mem.eql(u8, name, "HEXZ_H") or std.mem.eql(u8, name, "HEXZ_INIT");
        return if (only_c) null else name;
    }
    const starts = [_][]const u8{ "hexz_status ", "void ", "uint32_t ", "int32_t ", "const char *" };
    for (starts) |start| if (std.mem.cutPrefix(u8, line, start)) |rest|
        return rest[0 .. std.mem.findScalar(u8, rest, '(') orelse return null];
    return null;
}

fn isDeclared(name: []const u8) bool {
    @setEvalBranchQuota(100_000);
    inline for (comptime std.meta.declarations(c)) |declared| {
        if (std.mem.eql(u8, declared, name)) return true;
    }
    return false;
}

test "every status has a name and an error of its own" {
    var seen: [64]hexz.Error = undefined;
    var count: usize = 0;
    inline for (comptime std.meta.declarations(c)) |name| {
        if (comptime std.mem.startsWith(u8, name, "HEXZ_ERR_")) {
            const status: hexz.Status = @fromBackingInt(@field(c, name));
            try std.testing.expectEqualStrings(name, status.name());
            const err = hexz.errorOf(status).?;
            try std.testing.expect(err != error.Unexpected);
            for (seen[0..count]) |other| try std.testing.expect(err != other);
            seen[count] = err;
            count += 1;
        }
    }
    try std.testing.expect(count >= 21);
    try std.testing.expectEqual(null, hexz.errorOf(.ok));
    const unknown: hexz.Status = @fromBackingInt(-9999);
    try std.testing.expectEqual(error.Unexpected, hexz.errorOf(unknown).?);
    try std.testing.expectEqualStrings("unknown status", unknown.name());
}

test "every value of hexz.h has a name in its enum" {
    const enums = .{
        .{ "HEXZ_FORMAT_", hexz.Format },
        .{ "HEXZ_STREAM_", hexz.StreamKind },
        .{ "HEXZ_COMPRESSION_", hexz.Compression },
        .{ "HEXZ_EXTENT_", hexz.ExtentKind },
        .{ "HEXZ_PASSWORD_", hexz.PasswordPurpose },
        .{ "HEXZ_PHASE_", hexz.Phase },
    };
    @setEvalBranchQuota(100_000);
    inline for (enums) |pair| {
        comptime var values = 0;
        inline for (comptime std.meta.declarations(c)) |name| {
            if (comptime std.mem.startsWith(u8, name, pair[0])) {
                values += 1;
                const value: pair[1] = @fromBackingInt(@field(c, name));
                try std.testing.expectEqualStrings(name[pair[0].len..], upper(@tagName(value)).slice());
            }
        }
        try std.testing.expectEqual(values, @typeInfo(pair[1]).@"enum".field_names.len);
    }
}

const Upper = struct {
    buffer: [64]u8,
    len: usize,

    fn slice(text: *const Upper) []const u8 {
        return text.buffer[0..text.len];
    }
};

fn upper(name: []const u8) Upper {
    var text: Upper = .{ .buffer = undefined, .len = name.len };
    _ = std.ascii.upperString(&text.buffer, name);
    return text;
}

test "reports have all that those of C have" {
    const pairs = .{
        .{ c.hexz_build_report, hexz.BuildReport },
        .{ c.hexz_info, hexz.Info },
        .{ c.hexz_profile, hexz.Profile },
        .{ c.hexz_progress, hexz.Progress },
        .{ c.hexz_extent, hexz.Extent },
        .{ c.hexz_stream_info, hexz.Stream },
    };
    inline for (pairs) |pair| {
        inline for (@typeInfo(pair[0]).@"struct".field_names) |field| {
            const own = comptime std.mem.eql(u8, field, "struct_size") or
                std.mem.startsWith(u8, field, "reserved");
            // A name in a buffer has a method.
            const has = @hasField(pair[1], field) or @hasDecl(pair[1], field);
            if (!own and !has) @compileError(@typeName(pair[1]) ++ " lacks " ++ field);
        }
    }
}

test "the library that is loaded is the one of the header" {
    try std.testing.expectEqual(hexz.header_version, hexz.version());
}
