//! Paths as streams.

use std::path::Path;

use crate::control::Control;
use crate::error::Result;
use crate::pack::StreamInput;
use crate::source::{self, Access, Format};

/// Kinds of streams, as the format has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A disk.
    Disk = 1,
    /// Memory of a machine.
    Memory = 2,
    /// Anything else.
    Blob = 3,
}

/// A regular file or block device that becomes a stream.
#[derive(Debug, Clone, Copy)]
pub struct PathStream<'a> {
    /// What the stream is called.
    pub name: &'a str,
    /// What it is.
    pub kind: Kind,
    /// The file.
    pub path: &'a Path,
    /// What it is written in. [`Format::Auto`] looks at disks alone: memory and blobs are their
    /// bytes.
    pub format: Format,
    /// What it may do, and what may be done to it.
    pub access: Access,
}

impl PathStream<'_> {
    /// Opens it.
    pub fn open(&self, control: &Control<'_>) -> Result<StreamInput> {
        control.check()?;
        let source = match (self.format, self.kind) {
            (Format::Auto, Kind::Memory) => source::open_memory(self.path, self.access),
            (Format::Auto, Kind::Blob) => source::open(self.path, Format::Raw, self.access),
            (format, _) => source::open(self.path, format, self.access),
        };
        Ok(StreamInput {
            name: self.name.to_owned(),
            kind: self.kind as u8,
            source: source?,
        })
    }
}
