//! Slices of L1 and L2 tables, as they are needed: a table may have 32 MiB, a chain 257 images, and
//! a disk is read front to back.

use std::cell::RefCell;

use crate::error::{Error, Result, try_zeroed};
use crate::source::{RawSource, Source};

/// Slices that are kept: where a reader is, and where the search for the end of its run is.
const SLOTS: usize = 2;
/// Bytes in a slice, at most.
const SLICE: u64 = 16 << 10;

struct Slice {
    /// Where it lies in the file.
    offset: u64,
    bytes: Vec<u8>,
}

/// Reads tables of one kind and keeps what was used last.
pub struct TableReader {
    /// The last used one first.
    slices: RefCell<Vec<Slice>>,
}

/// A table, or the part of one that matters: `len` bytes at `offset` of a file.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// First byte.
    pub offset: u64,
    /// Bytes in it, all of them in the file.
    pub len: u64,
}

impl TableReader {
    /// With nothing kept.
    pub fn new() -> Self {
        TableReader {
            slices: RefCell::new(Vec::new()),
        }
    }

    /// The big-endian number at `at` in the table, which lies in it with its end.
    pub fn number(&self, file: &RawSource, table: Table, at: u64) -> Result<u64> {
        let from = at / SLICE * SLICE;
        let mut slices = self.slices.borrow_mut();
        let wanted = table.offset + from;
        match slices.iter().position(|s| s.offset == wanted) {
            Some(0) => {}
            Some(i) => slices.swap(0, i),
            None => {
                let len = (table.len - from).min(SLICE);
                let mut bytes = try_zeroed(len as usize, "a table of a qcow2 image")?;
                file.read_at(wanted, &mut bytes)?;
                slices.truncate(SLOTS - 1);
                let slice = Slice {
                    offset: wanted,
                    bytes,
                };
                slices.insert(0, slice);
            }
        }
        let number = slices
            .first()
            .and_then(|s| s.bytes.get((at - from) as usize..)?.first_chunk())
            .ok_or_else(|| Error::Internal(format!("entry at {at} leaves its table")))?;
        Ok(u64::from_be_bytes(*number))
    }
}
