//! Where the bytes of a stream come from.

mod cache;
mod callback;
mod deferred;
mod holes;
mod qcow2;
mod raw;
mod recognise;
mod same;
mod stored;

use std::path::Path;
use std::sync::Arc;

pub use callback::{CallbackSource, Callbacks, Claim, ClaimKind};
pub use deferred::{Deferral, Deferred, Unpack};
pub use qcow2::{Decompressors, Qcow2Source};
pub use raw::RawSource;
pub use same::leads_to;
pub use stored::{Recipe, StoredBlocks};

use crate::error::{Error, Result};

/// What a disk image is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Found out from the first bytes; only formats that a guest cannot fake into reading other
    /// files are taken on their word.
    Auto,
    /// The bytes are the disk.
    Raw,
    /// QEMU's copy-on-write format.
    Qcow2,
}

/// What a run of a source holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Bytes to read.
    Data,
    /// Zeros; need not be read.
    Zero,
    /// What the parent has there; need not be read.
    Parent,
}

/// The stream of a parent that has the same name as a source's.
pub trait ParentStream: Send + Sync {
    /// Bytes in it; zeros are behind them.
    fn size(&self) -> u64;

    /// Whether what is at `offset`, which is below the size, can be taken by its place, and up to
    /// where that holds. Else what is the parent's is read like any other data.
    fn by_place(&self, offset: u64) -> Result<(bool, u64)>;

    /// Fills all of `buf` from `offset`, which lies with its end within the size.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;
}

/// What a file is, whatever its name: device and inode, and since some file systems have one inode
/// number for all, what else tells files apart while nobody writes to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Device that holds the file, or that the block device is.
    pub device: u64,
    /// Inode on it; 0 for a block device.
    pub inode: u64,
    /// Bytes in it; 0 for a block device.
    pub size: i64,
    /// When its contents and its inode changed last, seconds and nanoseconds; zeros likewise.
    pub changed: [(i64, i64); 2],
}

/// A stream's bytes at any offset. Used by one thread at a time, which need not be the one that
/// opened it.
pub trait Source: Send {
    /// What to call it in error texts.
    fn operand(&self) -> &str;

    /// Bytes in it.
    fn size(&self) -> u64;

    /// Fills all of `buf` from `offset`, which lies with its end within the size.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// What [`Source::read_deferring`] may leave.
    fn deferral(&self) -> Deferral {
        Deferral::Nothing
    }

    /// Bytes of memory that each thread takes at most which reads it.
    fn memory(&self) -> usize {
        0
    }

    /// As [`Source::read_at`], but may leave out of `buf` what any thread can fill in: that is added
    /// to `later`, with places that count from the start of `buf`.
    fn read_deferring(
        &self,
        offset: u64,
        buf: &mut [u8],
        _later: &mut Vec<Deferred>,
    ) -> Result<()> {
        self.read_at(offset, buf)
    }

    /// What is at `offset`, which is below the size, and up to where, which is beyond `offset` and
    /// at most the size.
    fn content_at(&self, offset: u64) -> Result<(Content, u64)>;

    /// Fails if the source changed since it was opened.
    fn check_unchanged(&self) -> Result<()>;

    /// The files that it reads, to tell when one is named twice.
    fn identities(&self) -> Vec<Identity>;

    /// Its blocks as they are stored, if there are any that `recipe` would give.
    fn stored_blocks(&self, _recipe: &Recipe<'_>) -> Result<Option<Box<dyn StoredBlocks>>> {
        Ok(None)
    }

    /// Says what the parent has, before anything is read. Without that there is no parent.
    fn lean_on(&mut self, _parent: Arc<dyn ParentStream>) {}

    /// Whether a path leads to a file that it reads, which may then not become the output.
    fn reads(&self, _path: &Path) -> rustix::io::Result<bool> {
        Ok(false)
    }
}

/// What is done about those that write to a source while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// Locked out, as far as they look at locks; and a change is an error.
    Refused,
    /// Locked out likewise; but a change is taken as it comes.
    LockedOut,
    /// Nothing: no lock, no look for changes.
    Allowed,
}

/// What a caller lets a source do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// What is done about those that write to it while it is read.
    pub writers: Writers,
    /// It may open the files that it names: those that back it, or hold its data.
    pub other_files: bool,
}

/// Opens a disk image.
pub fn open(path: &Path, format: Format, access: Access) -> Result<Box<dyn Source>> {
    let raw = RawSource::open(path, access)?;
    if format == Format::Raw {
        return Ok(Box::new(raw));
    }
    match (format, qcow2::is_image(&raw)?) {
        (Format::Qcow2, false) => Err(Error::source(
            raw.operand(),
            "is no qcow2 image, as the format asks; set HEXZ_FORMAT_RAW or HEXZ_FORMAT_AUTO",
        )),
        (Format::Qcow2, true) => Ok(Box::new(Qcow2Source::open(raw, path, access, true)?)),
        (_, is_qcow2) => {
            recognise::refuse_other_than_disk(&raw)?;
            match is_qcow2 {
                true => Ok(Box::new(Qcow2Source::open(raw, path, access, false)?)),
                false => Ok(Box::new(raw)),
            }
        }
    }
}

/// Opens a memory dump, whose bytes are the memory.
pub fn open_memory(path: &Path, access: Access) -> Result<Box<dyn Source>> {
    let raw = RawSource::open(path, access)?;
    recognise::refuse_other_than_memory(&raw)?;
    Ok(Box::new(raw))
}
