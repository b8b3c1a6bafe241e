//! The host's page cache: what was not in it before a source was read goes out again behind the
//! reader, and what was there stays. A build reads a disk once; the pages that other programs use
//! would otherwise make room for it.
//!
//! Windows are looked at before anything is read that could bring them in: by cachestat(2), and
//! where that is missing (before Linux 6.5) by mincore(2) of a mapping that nobody could touch, since
//! a file that shrinks would kill who does. Those of which nothing was cached are dropped some way
//! behind the reader (posix_fadvise(2)). Where the system does not tell, nothing is dropped.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use rustix::fs::{Advice, fadvise};
use rustix::param::page_size;

use crate::error::try_zeroed;

/// Bytes of a window: with pages of 4 KiB the largest folio of the cache is this large and aligned,
/// so that none lies in two windows, where neither could drop it.
const WINDOW: u64 = 2 << 20;
/// Windows that are looked at together, with a bit each.
const GROUP: u64 = u32::BITS as u64;
/// How far the kernel reads ahead: twice what an administrator set, twice, since it begins the next
/// part early. 128 KiB are usual, and 8 MiB where disks are far away.
const AHEAD: u64 = 32 << 20;
/// Windows that stay cached behind the newest one: an image is read here and there.
const KEPT: usize = 32;
/// Windows that are dropped at a time, since those beside each other are dropped by one call.
const BATCH: usize = 32;
/// Groups that are remembered, of 16 TiB in all; of what is read beyond, nothing is dropped.
const GROUPS_MAX: usize = 1 << 18;

/// What one open file has in the cache because of us.
#[derive(Default)]
pub struct HostCache(RefCell<State>);

#[derive(Default)]
struct State {
    groups: BTreeMap<u64, Group>,
    /// Windows of ours that were read last, in that order.
    recent: VecDeque<u64>,
    /// The system does not tell what is cached.
    untold: bool,
}

/// A bit for each window of a group.
#[derive(Clone, Copy)]
struct Group {
    /// Nothing of it was cached when it was looked at.
    ours: u32,
    /// It was read, or the kernel may have read it ahead.
    reached: u32,
}

impl HostCache {
    /// To be called before `len` bytes are read at `offset` of a file of `size` bytes.
    pub fn before_read(&self, file: &OwnedFd, offset: u64, len: u64, size: u64) {
        let mut state = self.0.borrow_mut();
        let end = (offset + len + AHEAD).min(size);
        for group in offset / (GROUP * WINDOW)..end.div_ceil(GROUP * WINDOW) {
            if !state.untold && !state.groups.contains_key(&group) {
                state.look(file, group, size);
            }
        }
        for window in offset / WINDOW..(offset + len).div_ceil(WINDOW) {
            state.touch(window);
        }
        let reading = (len / WINDOW) as usize + 2;
        if state.recent.len() > KEPT.max(reading) + BATCH {
            let mut oldest = [0; BATCH];
            oldest
                .iter_mut()
                .zip(state.recent.drain(..BATCH))
                .for_each(|(to, from)| *to = from);
            oldest.sort_unstable();
            for run in oldest.chunk_by(|a, b| a + 1 == *b) {
                let first = run.first().copied().unwrap_or_default();
                forget(file, first, run.len() as u64);
            }
        }
    }

    /// Drops what is left of ours, read ahead and never read included, when nothing more is read.
    pub fn give_back(&self, file: &OwnedFd) {
        for (number, group) in self.0.take().groups {
            let mut window = 0;
            while window < GROUP {
                let rest = (group.ours & group.reached) >> window;
                let run = u64::from(rest.trailing_ones());
                if run > 0 {
                    forget(file, number * GROUP + window, run);
                }
                window += run + 1;
            }
        }
    }
}

impl State {
    /// Finds out which windows of a group are not cached at all.
    fn look(&mut self, file: &OwnedFd, group: u64, size: u64) {
        let start = group * GROUP * WINDOW;
        let len = (GROUP * WINDOW).min(size - start);
        match uncached(file, start, len) {
            Some(ours) if self.groups.len() < GROUPS_MAX => {
                let reached = 0;
                self.groups.insert(group, Group { ours, reached });
            }
            _ => self.untold = true,
        }
    }

    /// Moves a window of ours to the back of those that were read.
    fn touch(&mut self, window: u64) {
        if !self.reach(window) {
            return;
        }
        match self.recent.iter().rposition(|w| *w == window) {
            Some(at) => {
                self.recent.remove(at);
            }
            None => {
                for ahead in 1..=AHEAD / WINDOW {
                    self.reach(window + ahead);
                }
            }
        }
        // One that is not noted here stays cached until `give_back`.
        if self.recent.try_reserve(1).is_ok() {
            self.recent.push_back(window);
        }
    }

    /// Notes that a window is cached from now on. Whether it is ours.
    fn reach(&mut self, window: u64) -> bool {
        let Some(group) = self.groups.get_mut(&(window / GROUP)) else {
            return false;
        };
        let bit = 1 << (window % GROUP);
        group.reached |= bit;
        group.ours & bit != 0
    }
}

/// Drops windows from the cache. Advice: where it is not taken, the pages stay.
fn forget(file: &OwnedFd, window: u64, count: u64) {
    let len = NonZeroU64::new(count * WINDOW);
    let _ = fadvise(file, window * WINDOW, len, Advice::DontNeed);
}

/// A bit for each window of a range, set if none of it is cached.
fn uncached(file: &OwnedFd, start: u64, len: u64) -> Option<u32> {
    match cached_count(file, start, len) {
        Some(0) => return Some(u32::MAX),
        Some(_) => {
            let mut ours = 0;
            for (number, at) in (0..len).step_by(WINDOW as usize).enumerate() {
                let none = cached_count(file, start + at, WINDOW.min(len - at))? == 0;
                ours |= u32::from(none) << number;
            }
            return Some(ours);
        }
        None => {}
    }
    let pages = cached_pages(file, start, len)?;
    let per_window = (WINDOW as usize / page_size()).max(1);
    let windows = pages.chunks(per_window).enumerate();
    Some(windows.fold(0, |ours, (number, pages)| {
        let none = pages.iter().all(|page| page & 1 == 0);
        ours | u32::from(none) << number
    }))
}

/// How many pages of a range are cached, if the system has a call that tells.
fn cached_count(file: &OwnedFd, offset: u64, len: u64) -> Option<u64> {
    /// cachestat(2), the same number on all architectures.
    const CACHESTAT: libc::c_long = 451;
    let range = [offset, len];
    // Pages that are cached, dirty, under write-back, evicted, recently evicted.
    let mut counts = [0u64; 5];
    // SAFETY: the call reads two and writes five numbers of 64 bits, and no flags are defined.
    let status = unsafe {
        libc::syscall(
            CACHESTAT,
            file.as_raw_fd(),
            range.as_ptr(),
            counts.as_mut_ptr(),
            0,
        )
    };
    (status == 0).then_some(counts[0])
}

/// A byte for each page of a range, whose lowest bit says whether it is cached. Linux tells who
/// owns the file or may write to it; to others it says that everything is.
fn cached_pages(file: &OwnedFd, offset: u64, len: u64) -> Option<Vec<u8>> {
    let len = usize::try_from(len).ok()?;
    let offset = libc::off_t::try_from(offset).ok()?;
    let mut pages = try_zeroed(len.div_ceil(page_size()), "a look at the page cache").ok()?;
    // Without access, or a host that locks its memory (mlockall) would have it all read in.
    let (protection, flags) = (libc::PROT_NONE, libc::MAP_SHARED | libc::MAP_NORESERVE);
    // SAFETY: a new mapping at a place that the kernel chooses touches nothing else, and no byte of
    // it can be read.
    let start = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            protection,
            flags,
            file.as_raw_fd(),
            offset,
        )
    };
    if start == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the range is mapped, and `pages` has a byte for each page of it.
    let told = unsafe { libc::mincore(start, len, pages.as_mut_ptr()) } == 0;
    // SAFETY: mapped above and known to nobody else.
    unsafe { libc::munmap(start, len) };
    told.then_some(pages)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::os::unix::fs::FileExt;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A file of noise, whose pages are on the disk and not in the cache, if there is a disk.
    fn cold(len: u64) -> Option<(OwnedFd, File)> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("hexz-cold-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        let noise: Vec<u8> = (0..MIB as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for at in 0..len.div_ceil(MIB) {
            let part = &noise[..(len - at * MIB).min(MIB) as usize];
            file.write_all_at(part, at * MIB).unwrap();
        }
        file.sync_all().unwrap();
        // Nothing is read ahead of what the tests read.
        let other = File::open(&path).unwrap();
        fadvise(&other, 0, None, Advice::Random).unwrap();
        std::fs::remove_file(&path).unwrap();
        let file = OwnedFd::from(file);
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        let cold = cached(&file, 0, len) == 0;
        if !cold {
            eprintln!("skipped: files here stay in the page cache");
        }
        cold.then_some((file, other))
    }

    /// Pages of a range that are cached.
    fn cached(file: &OwnedFd, offset: u64, len: u64) -> usize {
        let within = offset % page_size() as u64;
        let pages = cached_pages(file, offset - within, len + within).unwrap();
        pages.iter().filter(|p| **p & 1 == 1).count()
    }

    /// Reads as a source does.
    fn read(cache: &HostCache, file: &OwnedFd, offset: u64, len: u64, size: u64) {
        let mut bytes = vec![0; len as usize];
        cache.before_read(file, offset, len, size);
        rustix::io::pread(file, &mut bytes, offset).unwrap();
    }

    #[test]
    fn what_was_cached_before_stays_and_the_rest_goes() {
        let size = 20 * MIB + 100;
        let Some((file, other)) = cold(size) else {
            return;
        };
        let mut page = [0; 4096];
        other.read_exact_at(&mut page, 5 * MIB).unwrap();
        other.read_exact_at(&mut page, 13 * MIB + 8192).unwrap();
        let cache = HostCache::default();
        for at in (0..size).step_by(MIB as usize) {
            read(&cache, &file, at, MIB.min(size - at), size);
        }
        assert!(cached(&file, 0, size) > 10 * MIB as usize / page_size());
        cache.give_back(&file);
        assert!(cached(&file, 5 * MIB, 1) == 1 && cached(&file, 13 * MIB, 1 << 16) >= 1);
        for (from, until) in [(0, 4), (6, 12), (14, 20)] {
            assert_eq!(
                cached(&file, from * MIB, (until - from) * MIB),
                0,
                "{from} MiB"
            );
        }
        assert_eq!(cached(&file, 20 * MIB, 100), 0);
    }

    #[test]
    fn while_a_file_is_read_a_bounded_part_of_it_is_cached() {
        let size = 320 * MIB;
        let Some((file, _)) = cold(size) else {
            return;
        };
        // What the kernel reads ahead would depend on the machine.
        fadvise(&file, 0, None, Advice::Random).unwrap();
        let cache = HostCache::default();
        let most = (KEPT + BATCH) * WINDOW as usize / page_size();
        // From the beginning and from the end by turns, through the borders of groups.
        for at in (0..size / 2).step_by(MIB as usize) {
            read(&cache, &file, at, MIB, size);
            read(&cache, &file, size - at - MIB, MIB, size);
            assert!(cached(&file, 0, size) <= most, "at {at}");
        }
        assert!(cached(&file, 0, size) > 0);
        cache.give_back(&file);
        assert_eq!(cached(&file, 0, size), 0);
    }

    #[test]
    fn what_was_never_near_what_is_read_stays() {
        let size = 320 * MIB;
        let Some((file, other)) = cold(size) else {
            return;
        };
        let cache = HostCache::default();
        read(&cache, &file, 0, MIB, size);
        // Somebody else reads meanwhile, in a part that was looked at already.
        other.read_exact_at(&mut [0], 50 * MIB).unwrap();
        cache.give_back(&file);
        assert_eq!(cached(&file, 0, 30 * MIB), 0);
        assert_eq!(cached(&file, 50 * MIB, 1), 1);
    }

    #[test]
    fn both_ways_of_asking_tell_the_same() {
        let size = 70 * MIB + 5;
        let Some((file, other)) = cold(size) else {
            return;
        };
        for at in [0, 7 * MIB, 63 * MIB, size - 1] {
            other.read_exact_at(&mut [0], at).unwrap();
        }
        if cached_count(&file, 0, size).is_none() {
            eprintln!("skipped: no cachestat(2)");
            return;
        }
        for (start, len) in [(0, size), (MIB, 40 * MIB), (64 * MIB, size - 64 * MIB)] {
            let count = cached_count(&file, start, len).unwrap();
            assert_eq!(count as usize, cached(&file, start, len), "{start} {len}");
        }
    }

    #[test]
    fn what_the_kernel_read_ahead_is_ours_too() {
        let size = 96 * MIB;
        let Some((file, _)) = cold(size) else {
            return;
        };
        fadvise(&file, 0, None, Advice::Sequential).unwrap();
        let cache = HostCache::default();
        for at in (0..3 * MIB).step_by(1 << 16) {
            read(&cache, &file, at, 1 << 16, size);
        }
        // Not by giving it back: what is still on its way cannot be dropped.
        for window in 0..size / WINDOW {
            if cached(&file, window * WINDOW, WINDOW) > 0 {
                let group = cache.0.borrow().groups[&(window / GROUP)];
                let ours = group.ours & group.reached;
                assert!(ours >> (window % GROUP) & 1 == 1, "window {window}");
            }
        }
    }
}
