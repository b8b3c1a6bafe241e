//! What feeds the pipeline: whole sources that are read.

mod sources;

pub use sources::Sources;

use super::reader::ReadCost;
use super::segment::Item;
use crate::error::Result;
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

    /// Fails if what was given is not what is there, once all was given.
    fn check(&self) -> Result<()>;
}

/// What a feed gives.
pub enum Fed {
    /// Nothing now.
    Nothing,
    /// The next item.
    Item(Item),
    /// There is nothing more to come.
    End,
}
