//! What travels from the reader over the hashing workers to the placer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::heritage::Spot;
use crate::control::{self, Cancel};
use crate::error::{Error, Result, try_grow, try_push};
use crate::format::UnitHash;
use crate::source::{Decompressors, Deferred};

/// Buffers of one size that are used again and again; knows how many are out.
pub struct BufferPool {
    len: usize,
    free: Mutex<Vec<Vec<u8>>>,
    out: AtomicUsize,
    given_back: AtomicUsize,
}

impl BufferPool {
    /// Buffers of `len` bytes each.
    pub fn new(len: usize) -> Arc<Self> {
        Arc::new(BufferPool {
            len,
            free: Mutex::default(),
            out: AtomicUsize::new(0),
            given_back: AtomicUsize::new(0),
        })
    }

    /// A buffer, with whatever was in it.
    pub fn take(self: &Arc<Self>) -> Result<Buffer> {
        let mut bytes = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut bytes = bytes.take().unwrap_or_default();
        try_grow(&mut bytes, self.len, "a read buffer")?;
        self.out.fetch_add(1, Ordering::Relaxed);
        Ok(Buffer {
            bytes,
            pool: Arc::clone(self),
        })
    }

    /// Bytes in each buffer.
    pub fn buffer_len(&self) -> usize {
        self.len
    }

    /// Buffers that came back so far.
    pub fn given_back(&self) -> usize {
        self.given_back.load(Ordering::Relaxed)
    }

    /// Buffers that are in use.
    pub fn out(&self) -> usize {
        self.out.load(Ordering::Relaxed)
    }
}

/// A buffer that goes back to its pool.
pub struct Buffer {
    /// The bytes.
    pub bytes: Vec<u8>,
    pool: Arc<BufferPool>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let free = &self.pool.free;
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        // Without memory to keep it by, it is not kept.
        let _ = try_push(&mut free, bytes, "a list of buffers");
        drop(free);
        self.pool.out.fetch_sub(1, Ordering::Relaxed);
        self.pool.given_back.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is deduplicated: of one kind in all of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitKind {
    /// Pages of 4 KiB.
    Page,
    /// Content-defined chunks.
    Chunk,
}

/// What a unit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitContent {
    /// Zeros.
    Zero,
    /// What the parent has at the same place.
    Inherited,
    /// Data that was not looked at yet.
    Unknown,
    /// Data that the parent has at the same place, which is here.
    Unchanged(Spot),
    /// Data with this hash.
    Data(UnitHash),
}

/// A run of a segment: a unit, or zeros or what is the parent's, of any length.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// Where it begins in the segment's buffer.
    pub at: u32,
    /// Logical bytes.
    pub len: u32,
    /// What it holds.
    pub content: UnitContent,
}

/// A stretch of a stream that holds data.
pub struct Segment {
    /// Index of the stream.
    pub stream: u32,
    /// Logical offset of its first byte.
    pub offset: u64,
    /// The units, which tile it. Before hashing, runs of pages that are not looked at yet.
    pub units: Vec<Unit>,
    /// The bytes; those of units that are no data may be anything.
    pub buffer: Arc<Buffer>,
    /// What of the bytes is not there yet, before hashing.
    pub deferred: Vec<Deferred>,
}

impl Segment {
    /// Completes the bytes, while nobody else has the buffer. Looks at `cancel` before each of them.
    pub fn complete(
        &mut self,
        decompressors: &mut Decompressors,
        cancel: Option<&Cancel>,
    ) -> Result<()> {
        if self.deferred.is_empty() {
            return Ok(());
        }
        let buffer = Arc::get_mut(&mut self.buffer)
            .ok_or_else(|| Error::Internal("a segment is shared too early".to_owned()))?;
        for deferred in self.deferred.drain(..) {
            control::check(cancel)?;
            deferred.unpack(&mut buffer.bytes, decompressors)?;
        }
        Ok(())
    }
}

/// What the reader gives, in the order of the streams.
pub enum Item {
    /// Zeros, however long.
    Zeros {
        /// Index of the stream.
        stream: u32,
        /// First byte.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// What the parent has at the same place, however long.
    Inherited {
        /// Index of the stream.
        stream: u32,
        /// First byte.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Data.
    Segment(Segment),
    /// A stream is complete.
    End {
        /// Index of the stream.
        stream: u32,
    },
}
