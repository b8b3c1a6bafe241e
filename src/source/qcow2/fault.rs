//! What is wrong with an image, before the file that it was found in is known.

use crate::error::Error;

/// Why an image is not read.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// It contradicts the format: damaged, cut short, or made to deceive.
    Damaged(String),
    /// It says what it is, and this library does not read that.
    Unsupported(String),
}

/// What the parts of this reader give that know no file.
pub type Checked<T> = std::result::Result<T, Fault>;

impl Fault {
    /// The error for the file `operand`.
    pub fn of(self, operand: &str) -> Error {
        match self {
            Fault::Damaged(text) => Error::source(operand, text),
            Fault::Unsupported(text) => Error::Unsupported(format!("source '{operand}': {text}")),
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
