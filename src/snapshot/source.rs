//! A stream of a snapshot as a source: what flattens, converts, encrypts anew and merges.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use super::stored::Twins;
use super::{ExtentKind, Snapshot};
use crate::error::{Result, try_push};
use crate::source::{
    Content, Decompressors, Deferral, Deferred, Identity, Recipe, Source, StoredBlocks, Unpack,
    leads_to,
};

/// A stream of an open snapshot, which stays open as long as this is there. Its zeros are known and
/// not read; the rest is decoded by whoever has time. Blocks that come out as they are stored are
/// copied.
pub struct StreamSource {
    snapshot: Arc<Snapshot>,
    stream: u32,
    size: u64,
}

impl StreamSource {
    /// The stream of that index.
    pub fn new(snapshot: Arc<Snapshot>, stream: u32) -> Result<Self> {
        let size = snapshot.stream(stream)?.size;
        Ok(StreamSource {
            snapshot,
            stream,
            size,
        })
    }
}

impl Source for StreamSource {
    fn operand(&self) -> &str {
        self.snapshot.chain.index.operand()
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.snapshot.read(self.stream, offset, buf)
    }

    fn deferral(&self) -> Deferral {
        Deferral::Reading
    }

    fn memory(&self) -> usize {
        // A stored block, and a decoded one on its way into the cache.
        2 * self.snapshot.chain.block_len_max() as usize
    }

    fn read_deferring(&self, offset: u64, buf: &mut [u8], later: &mut Vec<Deferred>) -> Result<()> {
        let decoding = Box::new(Decoding {
            snapshot: Arc::clone(&self.snapshot),
            stream: self.stream,
            offset,
        });
        let decoding = Deferred::new(0, buf.len(), decoding);
        Ok(try_push(later, decoding, "reads of a source")?)
    }

    fn content_at(&self, offset: u64) -> Result<(Content, u64)> {
        let extent = self.snapshot.extent(self.stream, offset)?;
        let content = match extent.kind {
            ExtentKind::Zero => Content::Zero,
            ExtentKind::Data | ExtentKind::Parent => Content::Data,
        };
        Ok((content, extent.offset + extent.len))
    }

    fn stored_blocks(&self, recipe: &Recipe<'_>) -> Result<Option<Box<dyn StoredBlocks>>> {
        let twins = Twins::new(&self.snapshot, self.stream, recipe)?;
        Ok(twins.map(|twins| Box::new(twins) as Box<dyn StoredBlocks>))
    }

    /// What the file holds is checked when it is read.
    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    fn identities(&self) -> Vec<Identity> {
        Vec::new()
    }

    fn reads(&self, path: &Path) -> rustix::io::Result<bool> {
        for index in self.snapshot.chain.files() {
            if let Some(file) = index.storage.file()
                && leads_to(path, file.as_fd())?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A read that any thread may do.
struct Decoding {
    snapshot: Arc<Snapshot>,
    stream: u32,
    offset: u64,
}

impl Unpack for Decoding {
    fn unpack(&self, out: &mut [u8], _: &mut Decompressors) -> Result<()> {
        self.snapshot.read(self.stream, self.offset, out)
    }
}
