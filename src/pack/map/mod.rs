//! Where the runs of streams are: takes extents as they are found, and gives them, and the blocks
//! between them, in the order of the file.

mod in_order;

#[cfg(test)]
pub use in_order::WAITING_MAX;
pub use in_order::{InOrder, Room};
