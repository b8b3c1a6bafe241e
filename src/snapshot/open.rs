//! Opening a snapshot to read its streams.

use super::Snapshot;
use crate::error::Result;
use crate::index::cache::Cache;
use crate::index::{Index, OpenOptions, Storage};
use crate::keyring::PasswordFn;

impl Snapshot {
    /// Opens a snapshot, in at most four reads and 64 KiB.
    ///
    /// Magic, version, features and checksums are checked in this order, then the file's length,
    /// the root hash, and whether it is the expected one. Then `password` is asked if the file is
    /// encrypted.
    pub fn open(
        options: &OpenOptions<'_>,
        password: Option<&mut PasswordFn<'_>>,
    ) -> Result<Snapshot> {
        Ok(Snapshot::new(Index::open(options, password)?, options))
    }

    /// Opens a snapshot that lies in `storage`, whatever the path in `options`.
    pub fn from_storage(
        storage: Box<dyn Storage>,
        options: &OpenOptions<'_>,
        password: Option<&mut PasswordFn<'_>>,
    ) -> Result<Snapshot> {
        let index = Index::from_storage(storage, options, password)?;
        Ok(Snapshot::new(index, options))
    }

    fn new(index: Index, options: &OpenOptions<'_>) -> Snapshot {
        let (_, blocks) = options.shares();
        let block_len = index.root.block_len_max() as usize;
        Snapshot {
            blocks: Cache::new(blocks, block_len),
            index,
        }
    }
}
