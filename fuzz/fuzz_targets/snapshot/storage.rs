//! A snapshot in memory that counts how often and how much it is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hexz::error::Result;
use hexz::snapshot::Storage;

/// A handle on it; clones share the counts.
#[derive(Clone)]
pub struct Counted(Arc<State>);

struct State {
    bytes: Vec<u8>,
    reads: AtomicUsize,
    read: AtomicUsize,
}

impl Counted {
    pub fn new(bytes: Vec<u8>) -> Self {
        Counted(Arc::new(State {
            bytes,
            reads: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
        }))
    }

    /// Reads since the last time that this was asked, and bytes of them.
    pub fn take(&self) -> (usize, usize) {
        let State { reads, read, .. } = &*self.0;
        (
            reads.swap(0, Ordering::Relaxed),
            read.swap(0, Ordering::Relaxed),
        )
    }
}

impl Storage for Counted {
    fn operand(&self) -> &str {
        "memory"
    }

    fn size(&self) -> u64 {
        self.0.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        self.0.read.fetch_add(buf.len(), Ordering::Relaxed);
        let at = usize::try_from(offset).expect("an offset within the file");
        match self.0.bytes.get(at..at + buf.len()) {
            Some(part) => buf.copy_from_slice(part),
            None => panic!("a read of {} bytes at {offset}, beyond the end", buf.len()),
        }
        Ok(())
    }
}
