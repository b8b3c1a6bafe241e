//! Memory for secrets.

use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use zeroize::Zeroize;

use crate::error::{Error, Result};

/// Memory of its own from the kernel: left out of core dumps, all zero in a forked child, and
/// given back to the kernel wiped.
pub(super) struct Pages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory belongs to this value alone, as a Vec's does.
unsafe impl Send for Pages {}
// SAFETY: it is only written through &mut.
unsafe impl Sync for Pages {}

impl Pages {
    /// `len` zero bytes, at least 1, aligned to a page of memory.
    pub fn new(len: usize, what: &'static str) -> Result<Self> {
        let no_memory = Error::NoMemory { what, bytes: len };
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new private mapping at a place that the kernel chooses touches nothing else.
        let mapped = unsafe { mmap_anonymous(ptr::null_mut(), len, protection, MapFlags::PRIVATE) };
        let start = mapped.ok().and_then(|start| NonNull::new(start.cast()));
        let pages = Pages {
            start: start.ok_or(no_memory)?,
            len,
        };
        for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
            // SAFETY: the mapping is ours. Both only say what becomes of its copies; a kernel
            // that lacks one (WIPEONFORK came with 4.14) leaves the rest as good as it was.
            let _ = unsafe { madvise(pages.start.as_ptr().cast(), len, advice) };
        }
        Ok(pages)
    }

    pub fn start(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes were mapped, zeroed by the kernel, and live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // Unmapping alone would do for this process. A page that another reference still pins, as
        // io_uring or a debugger may, is wiped too by this.
        // By words, since each volatile store counts: Argon2id has 64 MiB of them.
        // SAFETY: any bytes are a word.
        let (before, words, after) = unsafe { self.bytes_mut().align_to_mut::<u64>() };
        before.zeroize();
        words.zeroize();
        after.zeroize();
        // SAFETY: mapped by `new` and not used after this.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// `N` secret bytes, zero at first. No Debug and no Clone: nobody prints or spreads them by
/// mistake.
pub struct Secret<const N: usize> {
    /// One byte more, which is 1: a forked child finds it wiped.
    pages: Pages,
}

impl<const N: usize> Secret<N> {
    /// Zeros, to be filled in place.
    pub fn zeroed() -> Result<Self> {
        let mut pages = Pages::new(N + 1, "a key")?;
        if let Some(alive) = pages.bytes_mut().last_mut() {
            *alive = 1;
        }
        Ok(Secret { pages })
    }

    /// Whether this process is a forked child of the one that had the secret.
    pub fn is_wiped(&self) -> bool {
        self.pages.bytes().last() != Some(&1)
    }
}

impl<const N: usize> Deref for Secret<N> {
    type Target = [u8; N];

    fn deref(&self) -> &[u8; N] {
        self.pages.bytes().first_chunk().unwrap_or(&[0; N])
    }
}

impl<const N: usize> DerefMut for Secret<N> {
    fn deref_mut(&mut self) -> &mut [u8; N] {
        // SAFETY: N + 1 bytes are mapped, and a [u8; N] has no alignment.
        unsafe { &mut *self.pages.start().cast() }
    }
}

/// Overwrites what functions that have returned left on this thread's stack: hash functions keep
/// pieces of passwords and keys in buffers of their own, which no zeroize reaches. (libgcrypt does
/// the same and calls it burning the stack.) Costs about a microsecond: once for each piece of work,
/// not for each read.
#[inline(never)]
pub fn wipe_stack() {
    // More than the frames of Argon2id, BLAKE3 and AES-GCM take together.
    let mut frame = [0u8; 32 << 10];
    frame.zeroize();
    std::hint::black_box(&mut frame);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forked_child_finds_it_wiped() {
        let mut secret = Secret::<32>::zeroed().unwrap();
        secret.fill(7);
        assert!(!secret.is_wiped() && *secret == [7; 32]);
        // SAFETY: the child only looks at memory and leaves.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let wiped = secret.is_wiped() && *secret == [0; 32];
            // SAFETY: ends the child without running what the parent has set up.
            unsafe { libc::_exit(if wiped { 0 } else { 1 }) };
        }
        let mut status = -1;
        // SAFETY: our own child, and a place to write to.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
        assert!(!secret.is_wiped());
    }
}
