//! Asking the host program for a password.

use std::path::Path;

use crate::crypto::Secret;
use crate::error::{Error, Result};

/// Bytes in a password, at most.
pub const PASSWORD_MAX: usize = 1024;

/// What a password is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be set.
    Create,
    /// To open what has one.
    Open,
    /// To open what a new snapshot leans on.
    Parent,
}

/// One asking.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What for.
    pub purpose: Purpose,
    /// How often it was asked before.
    pub attempt: u32,
    /// What to call the snapshot in error texts.
    pub operand: &'a str,
    /// Where it is, if it has a path.
    pub path: Option<&'a Path>,
}

/// What the host answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// So many bytes are in the buffer, or it says so.
    Given(usize),
    /// It does not know; a positive number of its own.
    Declined(i32),
    /// It failed; a negative number of its own.
    Failed(i32),
}

/// The host's way of giving passwords: fills the buffer, which is [`PASSWORD_MAX`] bytes long.
pub type PasswordFn<'a> = dyn FnMut(&Request<'_>, &mut [u8]) -> Answer + 'a;

/// A password, wiped when it is dropped.
pub struct Password {
    buffer: Secret<PASSWORD_MAX>,
    len: usize,
}

impl Password {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

/// Asks once.
pub fn ask(callback: &mut PasswordFn<'_>, request: &Request<'_>) -> Result<Password> {
    let operand = || request.operand.to_owned();
    let mut buffer = Secret::zeroed()?;
    match callback(request, &mut buffer[..]) {
        Answer::Given(len @ 1..=PASSWORD_MAX) => Ok(Password { buffer, len }),
        Answer::Given(len) => Err(Error::InvalidPassword {
            operand: operand(),
            len,
            max: PASSWORD_MAX,
        }),
        Answer::Declined(code) if request.attempt == 0 => Err(Error::PasswordRequired {
            operand: operand(),
            code,
        }),
        Answer::Declined(code) => Err(Error::WrongPassword {
            operand: operand(),
            code,
        }),
        Answer::Failed(code) => Err(Error::Callback {
            operand: operand(),
            callback: "password",
            code,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(attempt: u32, answer: Answer) -> Result<Vec<u8>> {
        let request = Request {
            purpose: Purpose::Open,
            attempt,
            operand: "a.hxz",
            path: Some(Path::new("a.hxz")),
        };
        let mut callback = |seen: &Request<'_>, buffer: &mut [u8]| {
            assert_eq!((seen.attempt, buffer.len()), (attempt, PASSWORD_MAX));
            assert!(buffer.iter().all(|byte| *byte == 0));
            buffer.fill(7);
            answer
        };
        ask(&mut callback, &request).map(|password| password.bytes().to_vec())
    }

    #[test]
    fn each_answer_has_its_outcome() {
        for len in [1, PASSWORD_MAX] {
            assert_eq!(answered(0, Answer::Given(len)).unwrap(), vec![7; len]);
        }
        for len in [0, PASSWORD_MAX + 1, usize::MAX] {
            let error = answered(0, Answer::Given(len)).unwrap_err();
            assert!(matches!(error, Error::InvalidPassword { .. }), "{error}");
        }
        let error = answered(0, Answer::Declined(4)).unwrap_err();
        assert!(matches!(error, Error::PasswordRequired { code: 4, .. }));
        let error = answered(2, Answer::Declined(5)).unwrap_err();
        assert!(matches!(error, Error::WrongPassword { code: 5, .. }));
        let error = answered(1, Answer::Failed(-6)).unwrap_err();
        assert!(matches!(error, Error::Callback { code: -6, .. }));
        assert_eq!(error.callback_code(), -6);
    }
}
