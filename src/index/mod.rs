//! Snapshot files opened: where their bytes are, what their two ends say, their trees of pages, and
//! the ancestors that a thin one leans on.
//!
//! Reading streams stands on it, and so does building on a parent, which looks into one without
//! reading its streams.

mod ancestors;
mod block;
pub(crate) mod cache;
pub(crate) mod chain;
pub(crate) mod data;
pub(crate) mod open;
pub(crate) mod page;
pub(crate) mod scratch;
pub(crate) mod search;
mod storage;
pub(crate) mod tree;

use std::sync::{Arc, OnceLock};

pub(crate) use ancestors::Lineage;
pub use chain::Chain;
pub use open::{CACHE_DEFAULT, FileKeys, OpenOptions};
pub use search::{AncestorSearch, FindAncestor, Hints, Located, Wanted};
pub(crate) use storage::FileStorage;
pub use storage::Storage;

use crate::codec::DecodeDictionary;
use crate::crypto::Keys;
use crate::error::{Error, Why};
use crate::format::{Hash, Header, PAGE_4K, RootPage, SLOTS_AT};
use cache::Cache;
use open::Opened;
use page::Bounds;
use scratch::Pool;
use tree::PageCache;

/// What a page takes in memory, at most.
pub(crate) const PAGE_WEIGHT: usize = 34 << 10;

/// An opened snapshot file. May be used from many threads at once.
pub(crate) struct Index {
    pub storage: Arc<dyn Storage>,
    pub header: Header,
    /// The keys of an encrypted one.
    pub keys: Option<Arc<Keys>>,
    pub hash: Hash,
    pub root: RootPage,
    /// Where blocks and pages end in the file.
    pub body_end: u64,
    /// What a thin one says of its ancestors. Whoever opened it as a [`Chain`] has them as well.
    pub lineage: Option<Arc<Lineage>>,
    /// Whether the caller knows the root: then no checksum without a key is trusted.
    pub pinned: bool,
    pub pages: PageCache,
    /// Decoded blocks by their place in data space.
    blocks: Cache<Vec<u8>>,
    /// What pages and blocks are decoded with.
    pub pool: Arc<Pool>,
    dictionary: OnceLock<DecodeDictionary>,
}

/// What files that are opened together have together.
pub(crate) struct Caches {
    pages: PageCache,
    blocks: Cache<Vec<u8>>,
    pool: Arc<Pool>,
}

impl Caches {
    /// With so many bytes for pages and for blocks, none of which is longer than `block_len`.
    fn new((pages, blocks): (usize, usize), block_len: usize) -> Self {
        Caches {
            pages: Cache::new(pages, PAGE_WEIGHT),
            blocks: Cache::new(blocks, block_len),
            pool: Arc::default(),
        }
    }

    /// The share of one more file.
    fn beside(&self) -> Self {
        Caches {
            pages: self.pages.beside(),
            blocks: self.blocks.beside(),
            pool: Arc::clone(&self.pool),
        }
    }
}

impl Index {
    fn new(opened: Opened, caches: Caches, pinned: bool) -> Self {
        Index {
            storage: opened.storage,
            header: opened.header,
            keys: opened.keys.map(Arc::new),
            hash: opened.hash,
            root: opened.root,
            body_end: opened.body_end,
            lineage: opened.lineage.map(Arc::new),
            pinned,
            pages: caches.pages,
            blocks: caches.blocks,
            pool: caches.pool,
            dictionary: OnceLock::new(),
        }
    }

    /// The same file for who knows its root, with nothing decoded yet.
    fn to_pinned(&self, caches: Caches) -> Self {
        Index {
            storage: Arc::clone(&self.storage),
            header: self.header,
            keys: self.keys.clone(),
            hash: self.hash,
            root: self.root.clone(),
            body_end: self.body_end,
            lineage: self.lineage.clone(),
            pinned: true,
            pages: caches.pages,
            blocks: caches.blocks,
            pool: caches.pool,
            dictionary: OnceLock::new(),
        }
    }

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
            ancestors: self.lineage.as_ref().map_or(0, |l| l.ancestors.len()),
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
