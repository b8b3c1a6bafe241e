//! What a source leaves to be done by whoever has time.

use super::Decompressors;
use crate::error::{Error, Result};

/// What a source leaves to be done later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deferral {
    /// Nothing: what was read is there.
    Nothing,
    /// Reading, which takes no memory until then.
    Reading,
    /// Unpacking of what was read, which has not many more bytes than what it unpacks to.
    Unpacking,
}

/// Fills in bytes of a stream, from what was read for them or by reading them.
pub trait Unpack: Send {
    /// Fills all of `out`, with contexts that belong to the thread.
    fn unpack(&self, out: &mut [u8], decompressors: &mut Decompressors) -> Result<()>;
}

/// A part of a buffer that is still to be filled, which any thread can do.
pub struct Deferred {
    /// Where in the buffer it begins.
    at: usize,
    len: usize,
    work: Box<dyn Unpack>,
}

impl Deferred {
    /// `work` is to fill `len` bytes at `at` of the buffer that was read into.
    pub fn new(at: usize, len: usize, work: Box<dyn Unpack>) -> Self {
        Deferred { at, len, work }
    }

    /// Moves its place on by `by`.
    pub fn shift(&mut self, by: usize) {
        self.at += by;
    }

    /// Fills its place in `buffer`.
    pub fn unpack(&self, buffer: &mut [u8], decompressors: &mut Decompressors) -> Result<()> {
        let part = buffer
            .get_mut(self.at..self.at + self.len)
            .ok_or_else(|| Error::Internal("what was deferred leaves its buffer".to_owned()))?;
        self.work.unpack(part, decompressors)
    }
}
