//! What feeds the pipeline: whole sources that are read.

mod sources;

pub use sources::Sources;

use super::reader::ReadCost;
use super::segment::Item;
use crate::error::Result;
use crate::format::StreamEntry;
use crate::source::{Recipe, StoredBlocks};

/// Gives items in the order in which they are to be placed.
pub trait Feed {
    /// The next item, if there is one by now, and a buffer for it.
    fn next(&mut self, cost: &mut ReadCost) -> Result<Fed>;

    /// What each stream has stored already that `recipe` would give; nothing for those behind the
    /// last.
    fn stored_blocks(&self, _recipe: &Recipe<'_>) -> Result<Vec<Option<Box<dyn StoredBlocks>>>> {
        Ok(Vec::new())
    }

    /// Waits until there may be a next one. Nothing else is under way meanwhile.
    fn wait(&mut self) {}

    /// So many bytes of streams were placed by now, and so many of the file written.
    fn advanced(&mut self, _placed: u64, _written: u64) {}

    /// Fails if what was given is not what is there, once all was given.
    fn check(&self) -> Result<()>;
}

/// What a feed gives.
pub enum Fed {
    /// Nothing now.
    Nothing,
    /// The next item.
    Item(Item),
    /// One more stream, behind those that there are.
    Stream(StreamEntry),
    /// There is nothing more to come.
    End,
}
