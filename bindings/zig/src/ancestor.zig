//! What a snapshot leans on, and where that is.

const std = @import("std");
const c = @import("c.zig");
const throw = @import("failure.zig").throw;
const whole = @import("text.zig").whole;
const Root = @import("snapshot.zig").Root;
const Snapshot = @import("snapshot.zig").Snapshot;
const Storage = @import("storage.zig").Storage;

/// What a snapshot leans on, from `Snapshot.ancestor`.
pub const AncestorInfo = struct {
    root: Root,
    /// Logical bytes that come from it.
    bytes_inherited: u64,
    /// Bytes of its file.
    file_size: u64,
    hint_buffer: [256]u8,

    /// The file name that it had when the child was built; empty if none is recorded. From a file of any
    /// origin: mind what you print.
    pub fn hint(info: *const AncestorInfo) []const u8 {
        return std.mem.sliceTo(&info.hint_buffer, 0);
    }
};

/// An ancestor that is looked for. Valid while the callback runs.
pub const AncestorRequest = struct {
    root: Root,
    /// The file name that it had when the child was built; null if none is recorded. From a file of any
    /// origin: mind what you print and open.
    hint: ?[:0]const u8,
};

/// Where an ancestor is. A path and what it lies in live until the opening is over.
pub const Ancestor = union(enum) {
    path: [:0]const u8,
    storage: Storage,
    /// Open already. It may be closed once the opening is over.
    snapshot: Snapshot,
};

/// A function, and what it is about, that finds ancestors by their roots. Runs on the thread that made the
/// call. The snapshot is not open yet: any other may be opened and used there.
pub const AncestorCallback = struct {
    context: ?*anyopaque,
    function: *const fn (context: ?*anyopaque, request: AncestorRequest) anyerror!?Ancestor,

    /// `function` is `fn (context, AncestorRequest) !?Ancestor`. Null says that it is unknown here: the search
    /// goes on. An error ends the opening with `error.CallbackFailed`; `lastFailure().callback_error` is that
    /// error then. `context` is a pointer to one thing, which must live until the opening is over.
    ///
    ///     .ancestor = .from(&store, Store.find)
    pub fn from(context: anytype, comptime function: anytype) AncestorCallback {
        const Context = @TypeOf(context);
        const adapter = struct {
            fn call(data: ?*anyopaque, request: AncestorRequest) anyerror!?Ancestor {
                const own: Context = @ptrCast(@alignCast(data.?));
                return function(own, request);
            }
        };
        return .{ .context = @ptrCast(@constCast(context)), .function = adapter.call };
    }

    /// The same without a context: `function` is `fn (AncestorRequest) !?Ancestor`.
    pub fn plain(comptime function: anytype) AncestorCallback {
        const adapter = struct {
            fn call(_: ?*anyopaque, request: AncestorRequest) anyerror!?Ancestor {
                return function(request);
            }
        };
        return .{ .context = null, .function = adapter.call };
    }
};

/// The ancestors of one opening, on its stack: answers the library when it asks.
pub const Finder = struct {
    callback: AncestorCallback,
    storages: [most]c.hexz_storage = undefined,
    count: usize = 0,

    /// A snapshot leans on no more.
    const most = 64;

    pub fn answer(data: ?*anyopaque, asked: *c.hexz_ancestor) callconv(.c) i32 {
        const finder: *Finder = @ptrCast(@alignCast(data.?));
        const found = finder.find(asked) catch |err| return throw(err);
        return if (found) 0 else unknown;
    }

    fn find(finder: *Finder, asked: *c.hexz_ancestor) anyerror!bool {
        const callback = finder.callback;
        const place = try callback.function(callback.context, .{
            .root = asked.root.?.*,
            .hint = if (asked.hint) |hint| std.mem.span(hint) else null,
        }) orelse return false;
        switch (place) {
            .path => |path| asked.path = try whole(path),
            .snapshot => |snapshot| asked.snapshot = snapshot.handle,
            .storage => |storage| {
                if (finder.count == most) return error.TooManyAncestors;
                finder.storages[finder.count] = storage.toC();
                asked.storage = &finder.storages[finder.count];
                finder.count += 1;
            },
        }
        return true;
    }

    const unknown = 1;
};
