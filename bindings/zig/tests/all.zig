test {
    _ = @import("header.zig");
    _ = @import("roundtrip.zig");
    _ = @import("reader.zig");
    _ = @import("errors.zig");
    _ = @import("callbacks.zig");
    _ = @import("encryption.zig");
    _ = @import("options.zig");
    _ = @import("streams.zig");
    _ = @import("sinks.zig");
    _ = @import("thin.zig");
    _ = @import("lean.zig");
    _ = @import("builder.zig");
    _ = @import("threads.zig");
    _ = @import("hostile.zig");
}
