//! Paths as streams.

use std::path::Path;

use crate::control::Control;
use crate::error::Result;
use crate::pack::StreamInput;
use crate::source::{self, Access, Format};

/// Kinds of streams as the format has them.
const DISK: u8 = 1;
const MEMORY: u8 = 2;

/// A disk image, and a memory dump beside it.
#[derive(Debug, Clone, Copy)]
pub struct Paths<'a> {
    /// The disk image; becomes the stream "disk".
    pub disk: &'a Path,
    /// What it is written in. A memory dump is always raw.
    pub format: Format,
    /// A memory dump; becomes the stream "memory".
    pub memory: Option<&'a Path>,
    /// What they may do, and what may be done to them.
    pub access: Access,
}

/// Opens them, the disk first.
pub fn open(paths: &Paths<'_>, control: &Control<'_>) -> Result<Vec<StreamInput>> {
    control.check()?;
    let mut streams = vec![StreamInput {
        name: "disk".to_owned(),
        kind: DISK,
        source: source::open(paths.disk, paths.format, paths.access)?,
    }];
    if let Some(path) = paths.memory {
        streams.push(StreamInput {
            name: "memory".to_owned(),
            kind: MEMORY,
            source: source::open_memory(path, paths.access)?,
        });
    }
    Ok(streams)
}
