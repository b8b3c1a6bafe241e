//! What is wrong with an image, before the file that it was found in is known.

use crate::error::{Error, NoMemory};

/// Why an image is not read.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// It contradicts the format: damaged, cut short, or made to deceive.
    Damaged(String),
    /// It says what it is, and this library does not read that.
    Unsupported(String),
    /// Memory could not be had to look at it.
    NoMemory(NoMemory),
}

impl From<NoMemory> for Fault {
    fn from(no_memory: NoMemory) -> Self {
        Fault::NoMemory(no_memory)
    }
}

/// What the parts of this reader give that know no file.
pub type Checked<T> = std::result::Result<T, Fault>;

impl Fault {
    /// The same in the words that `tell` makes of its own.
    pub fn told(self, tell: impl FnOnce(String) -> String) -> Self {
        match self {
            Fault::Damaged(text) => Fault::Damaged(tell(text)),
            Fault::Unsupported(text) => Fault::Unsupported(tell(text)),
            no_memory @ Fault::NoMemory(_) => no_memory,
        }
    }

    /// The error for the file `operand`.
    pub fn of(self, operand: &str) -> Error {
        match self {
            Fault::Damaged(text) => Error::source(operand, text),
            Fault::Unsupported(text) => Error::Unsupported(format!("source '{operand}': {text}")),
            Fault::NoMemory(no_memory) => no_memory.into(),
        }
    }
}

/// A [`Fault::Damaged`] as a result.
pub fn damaged<T>(text: impl Into<String>) -> Checked<T> {
    Err(Fault::Damaged(text.into()))
}

/// A [`Fault::Unsupported`] as a result.
pub fn unsupported<T>(text: impl Into<String>) -> Checked<T> {
    Err(Fault::Unsupported(text.into()))
}

/// Bytes that an image holds for people, fit for an error text: a name may hold anything, control
/// sequences of terminals among it.
pub fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).escape_debug().to_string()
}
