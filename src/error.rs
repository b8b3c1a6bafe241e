//! The one error type, and the status that each error has in the C API.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::Path;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on an operand failed: the system said so, or we did.
#[derive(Debug)]
pub enum Why {
    /// A system call failed; the text says which.
    System(Cow<'static, str>, io::Error),
    /// What was found wrong, and the way out.
    Text(String),
    /// Memory could not be had, which says nothing of the operand: see [`Why::or`].
    NoMemory(NoMemory),
}

/// Memory that could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "out of memory: {bytes} bytes for {what}; lower memory_limit, cache size, threads or block size"
)]
pub struct NoMemory {
    /// What it was for.
    pub what: &'static str,
    /// How much was asked for.
    pub bytes: usize,
}

impl From<NoMemory> for Why {
    fn from(no_memory: NoMemory) -> Self {
        Why::NoMemory(no_memory)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::System(what, e) => write!(f, "{what}: {e}"),
            Why::Text(text) => f.write_str(text),
            Why::NoMemory(no_memory) => no_memory.fmt(f),
        }
    }
}

impl Why {
    /// The same with `text` before it.
    pub fn within(self, text: &str) -> Self {
        match self {
            Why::System(what, e) => Why::System(format!("{text}: {what}").into(), e),
            Why::Text(what) => Why::Text(format!("{text}: {what}")),
            Why::NoMemory(no_memory) => Why::NoMemory(no_memory),
        }
    }

    /// What `blame` makes of it, unless there was no memory: that is nobody's fault.
    pub fn or(self, blame: impl FnOnce(Why) -> Error) -> Error {
        match self {
            Why::NoMemory(no_memory) => no_memory.into(),
            why => blame(why),
        }
    }
}

impl From<String> for Why {
    fn from(text: String) -> Self {
        Why::Text(text)
    }
}

impl From<&str> for Why {
    fn from(text: &str) -> Self {
        Why::Text(text.to_owned())
    }
}

impl<E: Into<io::Error>> From<(&'static str, E)> for Why {
    fn from((what, e): (&'static str, E)) -> Self {
        Why::System(what.into(), e.into())
    }
}

/// Everything that can go wrong. Each variant is one status of the C API.
///
/// Operands are kept as text: paths are bytes, and an error text is for people.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller asked for something that makes no sense.
    #[error("{0}")]
    InvalidArgument(String),
    /// No profile has this name.
    #[error("unknown profile '{name}': use one of {known}")]
    UnknownProfile {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A source or memory dump cannot be opened or read, changed meanwhile, or is locked.
    #[error("source '{operand}': {why}")]
    Source {
        /// Path or name of the source.
        operand: String,
        /// What happened.
        why: Why,
    },
    /// An output cannot be created, written, synced or published.
    #[error("output '{operand}': {why}")]
    Output {
        /// Path or name of the output.
        operand: String,
        /// What happened.
        why: Why,
    },
    /// The output is there and overwriting was not asked for.
    #[error("output '{operand}': already exists; choose another name or set {flag}")]
    Exists {
        /// Path of the output.
        operand: String,
        /// The flag that would replace it.
        flag: &'static str,
    },
    /// A password is needed and there is nobody to ask, or nobody who knows it.
    #[error("'{operand}': a password is needed; {}", declined(*.code))]
    PasswordRequired {
        /// The snapshot.
        operand: String,
        /// What the callback returned; 0 without one.
        code: i32,
    },
    /// What the callback gave cannot be a password.
    #[error("'{operand}': a password of {len} bytes; give 1 to {max}")]
    InvalidPassword {
        /// The snapshot.
        operand: String,
        /// Its length.
        len: usize,
        /// The longest there may be.
        max: usize,
    },
    /// No key slot opens with the password.
    #[error("'{operand}': wrong password; give the one it was built with or rekeyed to")]
    WrongPassword {
        /// The snapshot.
        operand: String,
        /// What the callback returned when it gave up; 0 if it was not asked again.
        code: i32,
    },
    /// A callback of the caller failed.
    #[error("'{operand}': the {callback} callback failed and returned {code}")]
    Callback {
        /// What was asked for.
        operand: String,
        /// Which one.
        callback: &'static str,
        /// What it returned.
        code: i32,
    },
    /// The file has no hexz magic.
    #[error("'{operand}': not a hexz snapshot: {why}")]
    NotSnapshot {
        /// The file.
        operand: String,
        /// What was found.
        why: Why,
    },
    /// A feature that this version does not have.
    #[error("{0}")]
    Unsupported(String),
    /// The snapshot is damaged.
    #[error("'{operand}': damaged: {why}; restore the file from a good copy")]
    Corrupt {
        /// The snapshot.
        operand: String,
        /// What does not fit.
        why: Why,
    },
    /// A snapshot that another one leans on cannot be had, is not the right one, or they are too
    /// many. Which root is needed, and where it was looked for.
    #[error("{0}")]
    Parent(Why),
    /// A read goes beyond the end of a stream.
    #[error("{0}")]
    OutOfRange(String),
    /// No stream has this name or index.
    #[error("{0}")]
    NoStream(String),
    /// The caller cancelled.
    #[error("cancelled: {0}")]
    Cancelled(&'static str),
    /// The caller's progress callback cancelled by returning non-zero.
    #[error("cancelled: the progress callback returned {0}")]
    CancelledByCallback(i32),
    /// Memory could not be had.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// A call out of order.
    #[error("{0}")]
    State(String),
    /// A password was offered for a snapshot that has none.
    #[error("'{operand}': is not encrypted, {way_out}")]
    NotEncrypted {
        /// The snapshot.
        operand: String,
        /// What to do about it.
        way_out: &'static str,
    },
    /// A bug in this library, caught.
    #[error("internal error: {0}; this is a bug in hexz, please report it")]
    Internal(String),
    /// Opening or reading a snapshot failed in the system.
    #[error("'{operand}': {why}")]
    Io {
        /// The snapshot.
        operand: String,
        /// What happened.
        why: Why,
    },
}

impl Error {
    /// A source error.
    pub fn source(operand: &str, why: impl Into<Why>) -> Self {
        why.into().or(|why| Error::Source {
            operand: operand.to_owned(),
            why,
        })
    }

    /// The same with `text` before the reason, if it is a source error.
    pub fn within(self, text: &str) -> Self {
        match self {
            Error::Source { operand, why } => Error::Source {
                operand,
                why: why.within(text),
            },
            other => other,
        }
    }

    /// An output error.
    pub fn output(operand: &str, why: impl Into<Why>) -> Self {
        why.into().or(|why| Error::Output {
            operand: operand.to_owned(),
            why,
        })
    }

    /// Damage in a snapshot.
    pub fn corrupt(operand: &str, why: impl Into<Why>) -> Self {
        why.into().or(|why| Error::Corrupt {
            operand: operand.to_owned(),
            why,
        })
    }

    /// A snapshot that another one leans on and that is not to be had.
    pub fn parent(operand: &str, why: impl Into<Why>) -> Self {
        let why = why.into().within(&format!("'{operand}'"));
        why.or(Error::Parent)
    }

    /// A system failure on a snapshot.
    pub fn io(operand: &str, why: impl Into<Why>) -> Self {
        why.into().or(|why| Error::Io {
            operand: operand.to_owned(),
            why,
        })
    }

    /// The system's errno behind this error, or 0.
    pub fn errno(&self) -> i32 {
        match self {
            Error::Source {
                why: Why::System(_, e),
                ..
            }
            | Error::Output {
                why: Why::System(_, e),
                ..
            }
            | Error::NotSnapshot {
                why: Why::System(_, e),
                ..
            }
            | Error::Corrupt {
                why: Why::System(_, e),
                ..
            }
            | Error::Parent(Why::System(_, e))
            | Error::Io {
                why: Why::System(_, e),
                ..
            } => e.raw_os_error().unwrap_or(0),
            Error::Exists { .. } => libc::EEXIST,
            Error::NoMemory(_) => libc::ENOMEM,
            _ => 0,
        }
    }

    /// What a callback of the caller returned to cause this error, or 0.
    pub fn callback_code(&self) -> i32 {
        match self {
            Error::CancelledByCallback(code)
            | Error::PasswordRequired { code, .. }
            | Error::WrongPassword { code, .. }
            | Error::Callback { code, .. } => *code,
            _ => 0,
        }
    }
}

fn declined(code: i32) -> String {
    match code {
        0 => "give a password callback".to_owned(),
        code => format!("the password callback declined and returned {code}"),
    }
}

/// A path as an operand. Somebody else may have chosen it, an image or whoever can make files, so
/// that what a terminal would obey, or take for a new line, is escaped.
pub fn operand(path: &Path) -> String {
    let mut shown = String::new();
    for c in path.display().to_string().chars() {
        match c.is_control() {
            true => shown.extend(c.escape_debug()),
            false => shown.push(c),
        }
    }
    shown
}

/// Adds to `v`, which grows as pushing makes it grow, but fails where that would end the process.
pub fn try_push<T>(v: &mut Vec<T>, item: T, what: &'static str) -> Result<(), NoMemory> {
    if v.len() == v.capacity() {
        let bytes = (v.len() + 1).saturating_mul(size_of::<T>());
        v.try_reserve(1).map_err(|_| NoMemory { what, bytes })?;
    }
    v.push(item);
    Ok(())
}

/// The same at the end of a queue.
pub fn try_push_back<T>(
    queue: &mut VecDeque<T>,
    item: T,
    what: &'static str,
) -> Result<(), NoMemory> {
    let bytes = (queue.len() + 1).saturating_mul(size_of::<T>());
    let no_memory = |_| NoMemory { what, bytes };
    queue.try_reserve(1).map_err(no_memory)?;
    queue.push_back(item);
    Ok(())
}

/// A zeroed buffer of `len` bytes, or an error instead of an abort of the host process.
pub fn try_zeroed(len: usize, what: &'static str) -> Result<Vec<u8>, NoMemory> {
    let mut v = Vec::new();
    try_grow(&mut v, len, what)?;
    Ok(v)
}

/// Makes `v` exactly `len` bytes long; new bytes are zero.
pub fn try_grow(v: &mut Vec<u8>, len: usize, what: &'static str) -> Result<(), NoMemory> {
    try_reserve(v, len.saturating_sub(v.len()), what)?;
    v.resize(len, 0);
    Ok(())
}

/// An empty vector with room for `len` values.
pub fn try_with_capacity<T>(len: usize, what: &'static str) -> Result<Vec<T>, NoMemory> {
    let mut v = Vec::new();
    try_reserve(&mut v, len, what)?;
    Ok(v)
}

/// Makes room for `more` in `v`, so that adding them cannot fail.
pub fn try_reserve<T>(v: &mut Vec<T>, more: usize, what: &'static str) -> Result<(), NoMemory> {
    v.try_reserve_exact(more).map_err(|_| NoMemory {
        what,
        bytes: (v.len() + more).saturating_mul(size_of::<T>()),
    })
}
