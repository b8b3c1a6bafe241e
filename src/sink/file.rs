//! A file as a sink.

use super::{PendingFile, Sink};
use crate::error::{Error, Result};

/// A [`PendingFile`] written front to back.
pub struct FileSink {
    operand: String,
    /// Until it is committed or aborted.
    file: Option<PendingFile>,
    at: u64,
    /// Whether it ends with zeros that are not written.
    ends_in_hole: bool,
}

impl FileSink {
    /// Writes to `file`.
    pub fn new(file: PendingFile) -> Self {
        FileSink {
            operand: file.operand().to_owned(),
            file: Some(file),
            at: 0,
            ends_in_hole: false,
        }
    }

    fn gone(&self) -> Error {
        Error::Internal(format!("'{}' was committed or aborted", self.operand))
    }
}

impl Sink for FileSink {
    fn operand(&self) -> &str {
        &self.operand
    }

    fn write(&mut self, data: &[u8]) -> Result<()> {
        let file = self.file.as_ref().ok_or_else(|| self.gone())?;
        file.write_all_at(data, self.at)?;
        self.at += data.len() as u64;
        self.ends_in_hole &= data.is_empty();
        Ok(())
    }

    fn write_zeroes(&mut self, len: u64) -> Result<()> {
        self.at += len;
        self.ends_in_hole |= len > 0;
        Ok(())
    }

    fn rewrite(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let file = self.file.as_ref().ok_or_else(|| self.gone())?;
        file.write_all_at(data, offset)
    }

    fn commit(&mut self) -> Result<()> {
        let file = self.file.take().ok_or_else(|| self.gone())?;
        if self.ends_in_hole {
            file.set_len(self.at)?;
        }
        file.publish()
    }

    fn abort(&mut self) {
        self.file = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Existing, Sync};
    use super::*;

    #[test]
    fn zeros_are_holes_and_count_to_the_length() {
        let path = std::env::temp_dir().join(format!("hexz-{}-holes", std::process::id()));
        for (parts, wanted) in [
            (
                &[(b"ab".as_slice(), 3), (b"c", 0)][..],
                b"ab\0\0\0c".as_slice(),
            ),
            (&[(b"", 2), (b"c", 2)], b"\0\0c\0\0"),
            (&[(b"", 4)], b"\0\0\0\0"),
            (&[], b""),
        ] {
            let file = PendingFile::create(&path, Existing::Replace, Sync::No).unwrap();
            let mut sink = FileSink::new(file);
            for (data, zeros) in parts {
                sink.write(data).unwrap();
                sink.write_zeroes(*zeros).unwrap();
            }
            sink.commit().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), wanted);
        }
        std::fs::remove_file(&path).unwrap();
        let file = PendingFile::create(&path, Existing::Replace, Sync::No).unwrap();
        let mut sink = FileSink::new(file);
        sink.write(b"ab").unwrap();
        sink.abort();
        assert!(!path.exists());
        assert!(sink.write(b"c").is_err() && sink.commit().is_err());
    }
}
