//! A snapshot file opened: where its bytes are, what its two ends say, and its trees of pages.

pub(crate) mod cache;
pub(crate) mod open;
pub(crate) mod page;
mod storage;
pub(crate) mod tree;

pub use open::OpenOptions;
pub(crate) use storage::FileStorage;
pub use storage::Storage;
