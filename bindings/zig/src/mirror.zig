//! Structs of C and their counterparts in Zig.

/// An options struct of C, or one that C fills in: zero but for its size.
pub fn sized(comptime C: type) C {
    return .{ .struct_size = @sizeOf(C) };
}

/// A struct of C as the struct of Zig whose fields have the same names: 0 and 1 become bool,
/// constants their enum.
pub fn fromC(comptime Zig: type, value: anytype) Zig {
    const fields = @typeInfo(Zig).@"struct";
    var result: Zig = undefined;
    inline for (fields.field_names, fields.field_types) |name, Field| {
        @field(result, name) = convert(Field, @field(value, name));
    }
    return result;
}

fn convert(comptime Field: type, value: anytype) Field {
    return switch (@typeInfo(Field)) {
        .bool => value != 0,
        .@"enum" => @fromBackingInt(value),
        else => value,
    };
}
