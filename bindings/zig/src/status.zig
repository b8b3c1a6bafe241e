//! What a call returns in C, and the error that it becomes in Zig.

const std = @import("std");
const c = @import("c.zig");

/// The statuses of the C library. A later library may have more.
pub const Status = enum(c.hexz_status) {
    ok = c.HEXZ_OK,
    invalid_argument = c.HEXZ_ERR_INVALID_ARGUMENT,
    unknown_profile = c.HEXZ_ERR_UNKNOWN_PROFILE,
    source = c.HEXZ_ERR_SOURCE,
    output = c.HEXZ_ERR_OUTPUT,
    exists = c.HEXZ_ERR_EXISTS,
    password_required = c.HEXZ_ERR_PASSWORD_REQUIRED,
    invalid_password = c.HEXZ_ERR_INVALID_PASSWORD,
    wrong_password = c.HEXZ_ERR_WRONG_PASSWORD,
    not_snapshot = c.HEXZ_ERR_NOT_SNAPSHOT,
    unsupported = c.HEXZ_ERR_UNSUPPORTED,
    corrupt = c.HEXZ_ERR_CORRUPT,
    out_of_range = c.HEXZ_ERR_OUT_OF_RANGE,
    no_stream = c.HEXZ_ERR_NO_STREAM,
    parent = c.HEXZ_ERR_PARENT,
    cancelled = c.HEXZ_ERR_CANCELLED,
    callback = c.HEXZ_ERR_CALLBACK,
    no_memory = c.HEXZ_ERR_NO_MEMORY,
    state = c.HEXZ_ERR_STATE,
    internal = c.HEXZ_ERR_INTERNAL,
    io = c.HEXZ_ERR_IO,
    not_encrypted = c.HEXZ_ERR_NOT_ENCRYPTED,
    again = c.HEXZ_ERR_AGAIN,
    _,

    /// The name in C, such as "HEXZ_ERR_SOURCE".
    pub fn name(status: Status) [:0]const u8 {
        return std.mem.span(c.hexz_status_name(@backingInt(status)));
    }
};

/// All that any function of this binding fails with. `lastFailure` has the particulars.
pub const Error = error{
    /// The call makes no sense: a value out of bounds, two things that exclude each other, an
    /// output that is an input, a path with a NUL byte.
    InvalidArgument,
    /// No profile has this name; the text lists the names there are.
    UnknownProfile,
    /// The source or memory dump cannot be opened or read, changed meanwhile, or is locked.
    SourceFailed,
    /// The output cannot be created, written, synced or published.
    OutputFailed,
    /// The output is there already, and was not touched.
    OutputExists,
    /// The snapshot is encrypted, and no password was given, or the callback declined.
    PasswordRequired,
    /// A password of no bytes or of more than 1024.
    InvalidPassword,
    /// No key slot opens with the password.
    WrongPassword,
    /// The file is empty or does not begin as a snapshot does.
    NotSnapshot,
    /// A feature that this version of the library does not have.
    Unsupported,
    /// The snapshot is damaged, or its root is not the expected one.
    Corrupt,
    /// A place beyond the end of the stream.
    OutOfRange,
    /// No stream has this name or index.
    NoSuchStream,
    /// A parent is missing, is the wrong one, or the chain of parents loops or is too long.
    ParentFailed,
    /// By a `Cancel`, or by a progress callback that returned an error. Spelled as in `std.Io`.
    Canceled,
    /// A callback other than progress returned an error: `Failure.callback_error`.
    CallbackFailed,
    /// Memory could not be had.
    OutOfMemory,
    /// A call out of order, such as one on a snapshot from its own callback.
    InvalidState,
    /// A bug in the library, caught.
    Internal,
    /// The system failed to open, read or lock a snapshot: `Failure.errno`.
    IoFailed,
    /// A password was given for a plain snapshot, without `OpenOptions.allow_plain`.
    NotEncrypted,
    /// A push builder would have to wait: not in this version.
    WouldBlock,
    /// A status that this binding does not know: the library is newer.
    Unexpected,
};

/// The error that stands for a status; null for `ok`.
pub fn errorOf(status: Status) ?Error {
    return switch (status) {
        .ok => null,
        .invalid_argument => error.InvalidArgument,
        .unknown_profile => error.UnknownProfile,
        .source => error.SourceFailed,
        .output => error.OutputFailed,
        .exists => error.OutputExists,
        .password_required => error.PasswordRequired,
        .invalid_password => error.InvalidPassword,
        .wrong_password => error.WrongPassword,
        .not_snapshot => error.NotSnapshot,
        .unsupported => error.Unsupported,
        .corrupt => error.Corrupt,
        .out_of_range => error.OutOfRange,
        .no_stream => error.NoSuchStream,
        .parent => error.ParentFailed,
        .cancelled => error.Canceled,
        .callback => error.CallbackFailed,
        .no_memory => error.OutOfMemory,
        .state => error.InvalidState,
        .internal => error.Internal,
        .io => error.IoFailed,
        .not_encrypted => error.NotEncrypted,
        .again => error.WouldBlock,
        _ => error.Unexpected,
    };
}
