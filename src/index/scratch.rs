//! What a thread decodes with, kept for the next time.

use std::sync::{Mutex, PoisonError};

use crate::codec::Decoder;
use crate::error::{Result, try_grow, try_push};

/// Contexts and buffers that one thread decodes with.
pub(crate) struct Scratch {
    pub decoder: Decoder,
    /// Stored bytes; only ever grows.
    pub stored: Vec<u8>,
    /// A block's bytes, on their way into the cache or out of it.
    pub block: Vec<u8>,
}

/// A scratch for one call or thread, had when it is first needed and given back at the end.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    scratch: Option<Scratch>,
}

impl Lease<'_> {
    pub fn scratch(&mut self) -> Result<&mut Scratch> {
        let scratch = match self.scratch.take() {
            Some(scratch) => scratch,
            None => self.pool.take()?,
        };
        Ok(self.scratch.insert(scratch))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.pool.put(scratch);
        }
    }
}

/// Idle scratches. Bounded: what is beyond the bounds is freed.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Scratch>>,
}

impl Pool {
    /// Idle contexts at most; each takes about 160 KiB.
    const COUNT_MAX: usize = 16;
    /// Bytes of buffers in idle scratches at most.
    pub const BYTES_MAX: usize = 4 << 20;

    pub fn lease(&self) -> Lease<'_> {
        Lease {
            pool: self,
            scratch: None,
        }
    }

    fn take(&self) -> Result<Scratch> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(scratch) => Ok(scratch),
            None => Ok(Scratch {
                decoder: Decoder::new()?,
                stored: Vec::new(),
                block: Vec::new(),
            }),
        }
    }

    fn put(&self, mut scratch: Scratch) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let held: usize = idle.iter().map(Scratch::bytes).sum();
        if held + scratch.bytes() > Self::BYTES_MAX {
            scratch.stored = Vec::new();
            scratch.block = Vec::new();
        }
        if idle.len() < Self::COUNT_MAX {
            // Without memory to keep it by, it is not kept.
            let _ = try_push(&mut idle, scratch, "a list of buffers");
        }
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.idle.lock().unwrap().iter().map(Scratch::bytes).sum()
    }
}

impl Scratch {
    fn bytes(&self) -> usize {
        self.stored.capacity() + self.block.capacity()
    }

    /// The first `len` bytes of the buffer for stored bytes.
    pub fn stored(&mut self, len: usize) -> Result<&mut [u8]> {
        grow(&mut self.stored, len, "stored blocks")?;
        Ok(self.stored.get_mut(..len).unwrap_or_default())
    }
}

/// Makes a reused buffer at least `len` bytes long.
pub(crate) fn grow(buf: &mut Vec<u8>, len: usize, what: &'static str) -> Result<()> {
    if buf.len() < len {
        // The old bytes are worth nothing: do not have them copied.
        if buf.capacity() < len {
            *buf = Vec::new();
        }
        try_grow(buf, len, what)?;
    }
    Ok(())
}
