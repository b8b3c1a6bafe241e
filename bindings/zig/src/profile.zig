//! How data is packed.

const std = @import("std");
const c = @import("c.zig");
const Error = @import("status.zig").Error;
const check = @import("failure.zig").check;
const mirror = @import("mirror.zig");
const Text = @import("text.zig").Text;

pub const Compression = enum(u32) {
    /// Deduplicated only. The level is 0, without a dictionary.
    none = c.HEXZ_COMPRESSION_NONE,
    /// LZ4 block format: fastest to unpack. The level is 0, without a dictionary.
    lz4 = c.HEXZ_COMPRESSION_LZ4,
    /// Zstandard (RFC 8878), levels -7 to 22; level 0 is zstd's own default.
    zstd = c.HEXZ_COMPRESSION_ZSTD,
    _,
};

/// Pack parameters. Start from a named one, change some, and build with it:
///
///     var profile = try hexz.Profile.resolve("generic");
///     profile.block_size = 256 * 1024;
///     _ = try hexz.build(.{ ..., .profile = .{ .custom = profile } });
pub const Profile = struct {
    compression: Compression,
    /// More is smaller and slower.
    level: i32,
    /// Bytes that are compressed together, a power of two from 4 KiB to 16 MiB. More is smaller,
    /// less reads faster at random.
    block_size: u32,
    /// Trains a dictionary from a sample of the sources, and keeps it if it pays.
    dictionary: bool,
    /// Smallest chunk in bytes, 1 KiB to 1 MiB. The three matter with `BuildOptions.cdc` only; they are
    /// even and rise; all three 0 are the default: 16, 64 and 128 KiB.
    cdc_min: u32,
    /// Average chunk aimed at in bytes, at most 4 MiB.
    cdc_avg: u32,
    /// Largest chunk in bytes, at most 16 MiB.
    cdc_max: u32,
    /// HEXZ_PROFILE_ flags of hexz.h: none in this version.
    features: u32 = 0,

    /// The parameters behind a name.
    pub fn resolve(profile_name: []const u8) Error!Profile {
        var text: Text = .{};
        var out = mirror.sized(c.hexz_profile);
        try check(c.hexz_profile_resolve(try text.set(profile_name), &out));
        return mirror.fromC(Profile, out);
    }

    /// The name of profile number `index`; null past the last. Valid for ever.
    pub fn name(index: usize) ?[:0]const u8 {
        return std.mem.span(c.hexz_profile_name(index) orelse return null);
    }

    pub fn toC(profile: Profile) c.hexz_profile {
        var out = mirror.sized(c.hexz_profile);
        out.compression = @backingInt(profile.compression);
        out.level = profile.level;
        out.block_size = profile.block_size;
        out.dictionary = @intFromBool(profile.dictionary);
        out.cdc_min = profile.cdc_min;
        out.cdc_avg = profile.cdc_avg;
        out.cdc_max = profile.cdc_max;
        out.features = profile.features;
        return out;
    }
};

/// A profile by name, or parameters of your own.
pub const ProfileChoice = union(enum) {
    name: []const u8,
    custom: Profile,

    /// VM disks: lz4, 64 KiB.
    pub const generic: ProfileChoice = .{ .name = "generic" };
    /// Netlists, layouts, waveforms: zstd 3, 128 KiB, dictionary.
    pub const eda: ProfileChoice = .{ .name = "eda" };
    /// Firmware: zstd 3, 16 KiB, dictionary.
    pub const embedded: ProfileChoice = .{ .name = "embedded" };
    /// Weights and checkpoints: zstd 3, 1 MiB.
    pub const ml: ProfileChoice = .{ .name = "ml" };
};
