//! Opening a snapshot to read its streams.

use std::sync::OnceLock;

use super::Snapshot;
use crate::error::Result;
use crate::index::{Chain, OpenOptions, Storage};
use crate::keyring::PasswordFn;

impl Snapshot {
    /// Opens a snapshot, as [`Chain::open`] says.
    pub fn open(
        options: &OpenOptions<'_>,
        password: Option<&mut PasswordFn<'_>>,
    ) -> Result<Snapshot> {
        let chain = Chain::open(options, password)?;
        Ok(Snapshot::new(chain))
    }

    /// Opens a snapshot that lies in `storage`, whatever the path in `options`.
    pub fn from_storage(
        storage: Box<dyn Storage>,
        options: &OpenOptions<'_>,
        password: Option<&mut PasswordFn<'_>>,
    ) -> Result<Snapshot> {
        let chain = Chain::from_storage(storage.into(), options, password)?;
        Ok(Snapshot::new(chain))
    }

    /// To read the streams of what is open.
    pub fn new(chain: Chain) -> Self {
        Snapshot {
            chain,
            inherited: OnceLock::new(),
        }
    }

    /// The file and what it leans on, to be shared.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }
}
