//! Disk images and memory dumps in one snapshot file: deduplicated, compressed, readable at any
//! offset without unpacking.
//!
//!     const report = try hexz.build(.{ .source = "disk.img", .memory = "memory.dump", .output = "machine.hxz" });
//!
//!     const snapshot = try hexz.Snapshot.open("machine.hxz", .{});
//!     defer snapshot.close();
//!     const disk = try snapshot.find("disk");
//!     try disk.readAt(&buffer, offset);
//!
//! These rules hold for every function:
//!
//! Errors. All are in `Error`. `lastFailure` has the text, the errno, and the error of a callback.
//!
//! Memory. Nothing here takes an allocator: what a call is given stays the caller's and is not needed
//! after it, but for a `Builder`. `Snapshot.close`, `Builder.deinit` and `Cancel.deinit` free what the C library holds.
//!
//! Paths are bytes, as open(2) takes them, relative to the working directory. Sizes, offsets and lengths
//! are in bytes unless they say otherwise.
//!
//! Threads. `Snapshot`, `Stream` and `Cancel` may be used by many threads at once, a `Reader` and a `Builder` by one. Calls
//! block the thread they are made on; with `std.Io`, make long ones by `io.concurrent`.
//!
//! Callbacks run on the thread that made the call, but those of a concurrent `Source` and of a `Storage`. A panic in one ends the process, as Zig's do.

const std = @import("std");

/// The declarations of hexz.h, for what is not wrapped here.
pub const c = @import("c.zig");

pub const Error = @import("status.zig").Error;
pub const Status = @import("status.zig").Status;
pub const errorOf = @import("status.zig").errorOf;
pub const Failure = @import("failure.zig").Failure;
pub const lastFailure = @import("failure.zig").lastFailure;

pub const build = @import("build.zig").build;
pub const BuildOptions = @import("build.zig").BuildOptions;
pub const BuildReport = @import("build.zig").BuildReport;
pub const Format = @import("build.zig").Format;
pub const Builder = @import("builder.zig").Builder;
pub const PushedStream = @import("builder.zig").PushedStream;
pub const PushWriter = @import("builder.zig").PushWriter;
pub const StreamInput = @import("source.zig").StreamInput;
pub const Source = @import("source.zig").Source;
pub const SourceExtent = @import("source.zig").SourceExtent;
pub const Sink = @import("sink.zig").Sink;
pub const Compression = @import("profile.zig").Compression;
pub const Profile = @import("profile.zig").Profile;
pub const ProfileChoice = @import("profile.zig").ProfileChoice;

pub const Snapshot = @import("snapshot.zig").Snapshot;
pub const OpenOptions = @import("snapshot.zig").OpenOptions;
pub const Storage = @import("storage.zig").Storage;
pub const Info = @import("snapshot.zig").Info;
pub const Root = @import("snapshot.zig").Root;
pub const StreamIterator = @import("snapshot.zig").StreamIterator;
pub const Ancestor = @import("ancestor.zig").Ancestor;
pub const AncestorCallback = @import("ancestor.zig").AncestorCallback;
pub const AncestorInfo = @import("ancestor.zig").AncestorInfo;
pub const AncestorRequest = @import("ancestor.zig").AncestorRequest;
pub const VerifyOptions = @import("snapshot.zig").VerifyOptions;
pub const VerifyReport = @import("snapshot.zig").VerifyReport;

pub const Stream = @import("stream.zig").Stream;
pub const StreamKind = @import("stream.zig").StreamKind;
pub const Existing = @import("stream.zig").Existing;
pub const ExtractOptions = @import("stream.zig").ExtractOptions;
pub const Reader = @import("reader.zig").Reader;
pub const Extent = @import("extent.zig").Extent;
pub const ExtentIterator = @import("extent.zig").ExtentIterator;
pub const ExtentKind = @import("extent.zig").ExtentKind;
pub const diff = @import("extent.zig").diff;
pub const DiffIterator = @import("extent.zig").DiffIterator;

pub const Encryption = @import("password.zig").Encryption;
pub const Kdf = @import("password.zig").Kdf;
pub const Password = @import("password.zig").Password;
pub const PasswordCallback = @import("password.zig").PasswordCallback;
pub const PasswordPurpose = @import("password.zig").PasswordPurpose;
pub const PasswordRequest = @import("password.zig").PasswordRequest;
pub const PasswordChange = @import("rekey.zig").PasswordChange;
pub const rekey = @import("rekey.zig").rekey;
pub const rekeyWith = @import("rekey.zig").rekeyWith;
pub const RekeyOptions = @import("rekey.zig").RekeyOptions;

pub const Cancel = @import("cancel.zig").Cancel;
pub const Phase = @import("progress.zig").Phase;
pub const Progress = @import("progress.zig").Progress;
pub const ProgressCallback = @import("progress.zig").ProgressCallback;

/// The version of the header that this was compiled with.
pub const header_version: std.SemanticVersion = .{
    .major = c.HEXZ_VERSION_MAJOR,
    .minor = c.HEXZ_VERSION_MINOR,
    .patch = c.HEXZ_VERSION_PATCH,
};

/// The version of the library that is loaded.
pub fn version() std.SemanticVersion {
    const packed_version = c.hexz_version();
    return .{
        .major = packed_version >> 16,
        .minor = packed_version >> 8 & 0xff,
        .patch = packed_version & 0xff,
    };
}
