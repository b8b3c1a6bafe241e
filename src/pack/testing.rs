//! Sources that tests imagine: any size, any map, and every look at them counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::control::Cancel;
use crate::error::Result;
use crate::source::{Content, Identity, Source};

/// What makes whoever hashes a segment panic that begins with it, and whoever packs such a block.
pub const PANIC_HASHING: &[u8] = b"whoever hashes this panics";
pub const PANIC_PACKING: &[u8] = b"whoever packs this panics";

/// Panics where a test put that into a source.
pub fn panic_at(bytes: &[u8], mark: &[u8]) {
    if bytes.starts_with(mark) {
        panic!("a thread met what {}", String::from_utf8_lossy(mark));
    }
}

/// What was done with a source.
#[derive(Default)]
pub struct Seen {
    /// Looks at its map.
    pub looks: AtomicU64,
    /// Reads of its bytes.
    pub reads: AtomicU64,
    /// Bytes that they gave.
    pub bytes: AtomicU64,
    /// Triggered with the look or read of this number, if it is not 0.
    pub cancel: Cancel,
    /// Looks and reads together until then.
    pub cancel_at: AtomicU64,
}

impl Seen {
    /// Looks and reads so far.
    pub fn all(&self) -> u64 {
        self.looks.load(Relaxed) + self.reads.load(Relaxed)
    }

    fn count(&self, what: &AtomicU64) {
        what.fetch_add(1, Relaxed);
        if self.all() == self.cancel_at.load(Relaxed) {
            self.cancel.trigger();
        }
    }
}

/// A source that is nowhere.
pub struct Imagined {
    /// Bytes.
    pub size: u64,
    /// What lies at an offset, and up to where.
    pub map: fn(u64) -> (Content, u64),
    /// Fills in what lies at an offset; zeros are there before.
    pub fill: fn(u64, &mut [u8]),
    /// Shared with the test, since whoever packs a source owns it.
    pub seen: Arc<Seen>,
}

impl Source for Imagined {
    fn operand(&self) -> &str {
        "imagined"
    }
    fn size(&self) -> u64 {
        self.size
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.seen.count(&self.seen.reads);
        self.seen.bytes.fetch_add(buf.len() as u64, Relaxed);
        buf.fill(0);
        (self.fill)(offset, buf);
        Ok(())
    }
    fn content_at(&self, offset: u64) -> Result<(Content, u64)> {
        self.seen.count(&self.seen.looks);
        let (content, end) = (self.map)(offset);
        Ok((content, end.min(self.size)))
    }
    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }
    fn identities(&self) -> Vec<Identity> {
        Vec::new()
    }
}
