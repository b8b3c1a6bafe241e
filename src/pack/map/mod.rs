//! Where the runs of streams are: takes extents as they are found, and gives them, and the blocks
//! between them, in the order of the file.

mod anywhere;
mod in_order;

pub use anywhere::{Anywhere, ENTRY as ANYWHERE_ENTRY, Spill};
pub use in_order::InOrder;
#[cfg(test)]
pub use in_order::WAITING_MAX;

use super::place::Place;
use super::placed::{NewBlock, Placed};
use crate::error::Result;
use crate::format::ParentPlace;

/// Where the bytes of a run are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: they are zeros.
    Zero,
    /// In the new snapshot.
    Here(Place),
    /// In an ancestor.
    Parent(ParentPlace),
}

/// A run of a stream, and where its bytes are by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Index of the stream.
    pub stream: u32,
    /// First byte.
    pub at: u64,
    /// Bytes.
    pub len: u64,
    /// Where they are.
    pub origin: Origin,
}

/// See the module.
pub trait ExtentMap {
    /// Takes a run of a stream.
    fn extent(&mut self, run: Run) -> Result<Room>;

    /// Takes the next block of data space.
    fn block(&mut self, block: NewBlock) -> Result<()>;

    /// The pool has closed as a block at `base`, which was taken before.
    fn pool_closed(&mut self, base: u64) -> Result<()>;

    /// What comes next in the file, if it is known.
    fn pop(&mut self) -> Option<Placed>;
}

/// Whether more extents may wait for the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// More may.
    Left,
    /// No more until it closes.
    None,
}
