//! A snapshot file opened: where its bytes are, what its two ends say, and its trees of pages.
//!
//! Reading streams stands on it, and so does building on a parent, which looks into one without
//! reading its streams.

mod block;
pub(crate) mod cache;
pub(crate) mod open;
pub(crate) mod page;
pub(crate) mod scratch;
mod storage;
pub(crate) mod tree;

use std::sync::OnceLock;

pub use open::{CACHE_DEFAULT, OpenOptions};
pub(crate) use storage::FileStorage;
pub use storage::Storage;

use crate::codec::DecodeDictionary;
use crate::crypto::Keys;
use crate::error::{Error, Why};
use crate::format::{Hash, Header, PAGE_4K, RootPage, SLOTS_AT};
use page::Bounds;
use scratch::Pool;
use tree::PageCache;

/// What a page takes in memory, at most.
pub(crate) const PAGE_WEIGHT: usize = 34 << 10;

/// An opened snapshot file. May be used from many threads at once.
pub(crate) struct Index {
    pub storage: Box<dyn Storage>,
    pub header: Header,
    /// The keys of an encrypted one.
    pub keys: Option<Keys>,
    pub hash: Hash,
    pub root: RootPage,
    /// Where blocks and pages end in the file.
    pub body_end: u64,
    /// Whether the caller knows the root: then no checksum without a key is trusted.
    pub pinned: bool,
    pub pages: PageCache,
    /// What pages and blocks are decoded with.
    pub pool: Pool,
    dictionary: OnceLock<DecodeDictionary>,
}

impl Index {
    /// What to call the file in error texts.
    pub fn operand(&self) -> &str {
        self.storage.operand()
    }

    pub fn bounds(&self) -> Bounds<'_> {
        Bounds {
            root: &self.root,
            sealed: self.keys.is_some(),
            file_start: self.body_start(),
            file_end: self.body_end,
        }
    }

    /// Where blocks and pages begin in the file.
    pub fn body_start(&self) -> u64 {
        body_start(&self.header)
    }

    pub fn corrupt(&self, why: impl Into<Why>) -> Error {
        Error::corrupt(self.operand(), why)
    }
}

/// Where blocks and pages begin in a file with that header.
fn body_start(header: &Header) -> u64 {
    match header.is_encrypted() {
        true => SLOTS_AT[1] + PAGE_4K as u64,
        false => PAGE_4K as u64,
    }
}
