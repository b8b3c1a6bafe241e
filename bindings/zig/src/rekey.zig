//! Changing the passwords of an encrypted snapshot.

const c = @import("c.zig");
const Error = @import("status.zig").Error;
const check = @import("failure.zig").check;
const mirror = @import("mirror.zig");
const Cancel = @import("cancel.zig").Cancel;
const Text = @import("text.zig").Text;
const Encryption = @import("password.zig").Encryption;
const Keyring = @import("password.zig").Keyring;
const Password = @import("password.zig").Password;

/// What becomes of the passwords.
pub const PasswordChange = union(enum) {
    /// One more password; those that are there stay. At most eight.
    add: Encryption,
    /// In place of the password that opened the file.
    replace: Encryption,
    /// Removes the password that opened the file, unless it is the last (`error.InvalidState`).
    remove,
};

/// Adds, replaces or removes a password of an encrypted snapshot file, in place: killed at any moment,
/// the old or the new password opens it. `password` is one that opens it now. The root stays, and open
/// snapshots go on as before. It does not take the file's key from somebody who had it: against that,
/// build anew.
pub fn rekey(path: []const u8, password: Password, change: PasswordChange) Error!void {
    return rekeyWith(path, password, change, .{});
}

/// How to change passwords.
pub const RekeyOptions = struct {
    /// As `OpenOptions.kdf_memory_max_kib`, for the key slots that are there.
    kdf_memory_max_kib: u32 = 0,
    /// Stops the work when triggered, until the file begins to change.
    cancel: ?Cancel = null,
};

/// The same with options.
pub fn rekeyWith(path: []const u8, password: Password, change: PasswordChange, options: RekeyOptions) Error!void {
    var text: Text = .{};
    var keyring: Keyring = .{ .open = password };
    var opts = mirror.sized(c.hexz_rekey_opts);
    opts.path = try text.set(path);
    opts.password = Keyring.answer;
    opts.password_data = &keyring;
    opts.kdf_memory_max_kib = options.kdf_memory_max_kib;
    if (options.cancel) |cancel| opts.cancel = cancel.handle;
    opts.operation = switch (change) {
        .add => c.HEXZ_REKEY_ADD,
        .replace => c.HEXZ_REKEY_REPLACE,
        .remove => c.HEXZ_REKEY_REMOVE,
    };
    switch (change) {
        .add, .replace => |encryption| {
            keyring.create = encryption.password;
            opts.kdf_memory_kib = encryption.kdf.memory_kib;
            opts.kdf_passes = encryption.kdf.passes;
            opts.kdf_lanes = encryption.kdf.lanes;
        },
        .remove => {},
    }
    return check(c.hexz_snapshot_rekey(&opts));
}
