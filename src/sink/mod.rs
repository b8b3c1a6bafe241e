//! Where a snapshot goes.

mod attributes;
mod pending;
mod place;
mod publish;
mod temporary;

pub use pending::{PendingFile, Sync};
pub use place::Existing;

use crate::error::Result;

/// Takes the bytes of a snapshot front to back. Dropped without [`Sink::commit`], it leaves
/// nothing behind.
pub trait Sink {
    /// What to call it in error texts.
    fn operand(&self) -> &str;

    /// Takes all of `data`.
    fn write(&mut self, data: &[u8]) -> Result<()>;

    /// Makes all that was written durable, if asked for, and visible.
    fn commit(self: Box<Self>) -> Result<()>;
}

/// A [`PendingFile`] written front to back.
pub struct FileSink {
    file: PendingFile,
    at: u64,
}

impl FileSink {
    /// Writes to `file`.
    pub fn new(file: PendingFile) -> Self {
        FileSink { file, at: 0 }
    }
}

impl Sink for FileSink {
    fn operand(&self) -> &str {
        self.file.operand()
    }

    fn write(&mut self, data: &[u8]) -> Result<()> {
        self.file.write_all_at(data, self.at)?;
        self.at += data.len() as u64;
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<()> {
        self.file.publish()
    }
}
