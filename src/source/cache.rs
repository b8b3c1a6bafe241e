//! The host's page cache: what reading a source brought in goes out again behind the reader, and
//! what was there before stays. A build reads a disk once; the pages that other programs use would
//! otherwise make room for it.
//!
//! Windows are looked at before anything is read that could bring them in (mincore(2) of a mapping
//! that is never touched: a file that shrinks would kill who touches one). Those of which nothing
//! was cached are dropped some way behind the reader (posix_fadvise(2)). Where the system does not
//! tell, nothing is dropped.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use rustix::fs::{Advice, fadvise};
use rustix::param::page_size;

use crate::error::try_zeroed;

/// Bytes of a window: the largest page of the cache is this large and aligned, so that none lies in
/// two windows, where neither could drop it.
const WINDOW: u64 = 2 << 20;
/// Windows that are looked at together, with a bit each.
const GROUP: u64 = u128::BITS as u64;
/// Farther than any kernel reads ahead, which is twice what an administrator set: 128 KiB as it
/// comes, some MiB where disks are far away.
const AHEAD: u64 = 128 << 20;
/// Bytes that are mapped at once for a look.
const LOOK: u64 = 32 << 20;
/// Windows that stay cached behind the newest one: an image is read here and there.
const KEPT: usize = 16;
/// Groups that are remembered, of 16 TiB in all; of what is read beyond, nothing is dropped.
const GROUPS_MAX: usize = 1 << 16;

/// What one open file has in the cache because of us.
#[derive(Default)]
pub struct PageCache(RefCell<State>);

#[derive(Default)]
struct State {
    /// For each group that was looked at, its windows of which nothing was cached then.
    ours: BTreeMap<u64, u128>,
    /// Those that were read last, in that order.
    recent: VecDeque<u64>,
    /// The system does not tell what is cached.
    untold: bool,
}

impl PageCache {
    /// To be called before `len` bytes are read at `offset` of a file of `size` bytes.
    pub fn before_read(&self, file: &OwnedFd, offset: u64, len: u64, size: u64) {
        let mut state = self.0.borrow_mut();
        let end = (offset + len + AHEAD).min(size);
        for group in offset / (GROUP * WINDOW)..end.div_ceil(GROUP * WINDOW) {
            if !state.untold && !state.ours.contains_key(&group) {
                state.look(file, group, size);
            }
        }
        for window in offset / WINDOW..(offset + len).div_ceil(WINDOW) {
            state.touch(window);
        }
        let reading = (len / WINDOW) as usize + 2;
        while state.recent.len() > KEPT.max(reading) {
            if let Some(window) = state.recent.pop_front() {
                forget(file, window, 1);
            }
        }
    }

    /// Drops what is left of ours, read ahead and never read included, when nothing more is read.
    pub fn give_back(&self, file: &OwnedFd) {
        for (group, ours) in self.0.take().ours {
            let mut window = 0;
            while window < GROUP {
                let rest = ours >> window;
                let run = u64::from(rest.trailing_ones()).min(GROUP - window);
                if run > 0 {
                    forget(file, group * GROUP + window, run);
                }
                window += run + 1;
            }
        }
    }
}

impl State {
    /// Finds out which windows of a group are not cached at all.
    fn look(&mut self, file: &OwnedFd, group: u64, size: u64) {
        let (from, until) = (group * GROUP * WINDOW, (group + 1) * GROUP * WINDOW);
        let per_window = (WINDOW as usize / page_size()).max(1);
        let (mut ours, mut window) = (0, 0);
        for at in (from..until.min(size)).step_by(LOOK as usize) {
            let Some(pages) = cached_pages(file, at, LOOK.min(size - at)) else {
                self.untold = true;
                return;
            };
            for pages in pages.chunks(per_window) {
                let uncached = pages.iter().all(|page| page & 1 == 0);
                ours |= u128::from(uncached) << window;
                window += 1;
            }
        }
        self.untold = self.ours.len() >= GROUPS_MAX;
        if !self.untold {
            self.ours.insert(group, ours);
        }
    }

    /// Moves a window of ours to the back of those that were read.
    fn touch(&mut self, window: u64) {
        let ours = self.ours.get(&(window / GROUP));
        if ours.is_none_or(|ours| ours >> (window % GROUP) & 1 == 0) {
            return;
        }
        if let Some(at) = self.recent.iter().rposition(|w| *w == window) {
            self.recent.remove(at);
        }
        self.recent.push_back(window);
    }
}

/// Drops windows from the cache. Advice: where it is not taken, the pages stay.
fn forget(file: &OwnedFd, window: u64, count: u64) {
    let len = NonZeroU64::new(count * WINDOW);
    let _ = fadvise(file, window * WINDOW, len, Advice::DontNeed);
}

/// A byte for each page of a range, whose lowest bit says whether it is cached. Linux tells who
/// owns the file or may write to it; to others it says that everything is.
fn cached_pages(file: &OwnedFd, offset: u64, len: u64) -> Option<Vec<u8>> {
    let len = usize::try_from(len).ok()?;
    let offset = libc::off_t::try_from(offset).ok()?;
    let mut pages = try_zeroed(len.div_ceil(page_size()), "a look at the page cache").ok()?;
    let (protection, flags) = (libc::PROT_READ, libc::MAP_SHARED | libc::MAP_NORESERVE);
    // SAFETY: a new mapping at a place that the kernel chooses touches nothing else, and no byte of
    // it is read.
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

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A file of noise, whose pages are on the disk and not in the cache, if there is a disk.
    fn cold(len: u64) -> Option<(OwnedFd, File)> {
        let name = format!("hexz-cold-{}-{len}", std::process::id());
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
        (cached(&file, 0, len) == 0).then_some((file, other))
    }

    /// Pages of a range that are cached.
    fn cached(file: &OwnedFd, offset: u64, len: u64) -> usize {
        let pages = cached_pages(file, offset, len).unwrap();
        pages.iter().filter(|p| **p & 1 == 1).count()
    }

    /// Reads as a source does.
    fn read(cache: &PageCache, file: &OwnedFd, offset: u64, len: u64, size: u64) {
        let mut bytes = vec![0; len as usize];
        cache.before_read(file, offset, len, size);
        rustix::io::pread(file, &mut bytes, offset).unwrap();
    }

    #[test]
    fn what_was_cached_before_stays_and_the_rest_goes() {
        let size = 20 * MIB + 100;
        let Some((file, other)) = cold(size) else {
            eprintln!("skipped: files here stay in the page cache");
            return;
        };
        let mut page = [0; 4096];
        other.read_exact_at(&mut page, 5 * MIB).unwrap();
        other.read_exact_at(&mut page, 13 * MIB + 8192).unwrap();
        let cache = PageCache::default();
        for at in (0..size).step_by(MIB as usize) {
            read(&cache, &file, at, MIB.min(size - at), size);
        }
        assert_eq!(cached(&file, 0, size), size.div_ceil(4096) as usize);
        cache.give_back(&file);
        assert_eq!(cached(&file, 5 * MIB, 4096), 1);
        assert_eq!(cached(&file, 13 * MIB + 8192, 4096), 1);
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
            eprintln!("skipped: files here stay in the page cache");
            return;
        };
        // What the kernel reads ahead would depend on the machine.
        fadvise(&file, 0, None, Advice::Random).unwrap();
        let cache = PageCache::default();
        let most = KEPT * (WINDOW / 4096) as usize;
        // From the beginning and from the end by turns, through the borders of groups.
        for at in (0..size / 2).step_by(MIB as usize) {
            read(&cache, &file, at, MIB, size);
            read(&cache, &file, size - at - MIB, MIB, size);
            assert!(cached(&file, 0, size) <= most, "at {at}");
        }
        assert_eq!(cached(&file, 0, size), most);
        cache.give_back(&file);
        assert_eq!(cached(&file, 0, size), 0);
    }

    #[test]
    fn what_the_kernel_read_ahead_goes_too() {
        let size = 96 * MIB;
        let Some((file, other)) = cold(size) else {
            eprintln!("skipped: files here stay in the page cache");
            return;
        };
        fadvise(&file, 0, None, Advice::Sequential).unwrap();
        let cache = PageCache::default();
        for at in (0..3 * MIB).step_by(1 << 16) {
            read(&cache, &file, at, 1 << 16, size);
        }
        // A page that is still on its way cannot be dropped; who reads it waits for it.
        for at in (0..size).step_by(4096) {
            if cached(&file, at, 4096) == 1 {
                other.read_exact_at(&mut [0], at).unwrap();
            }
        }
        cache.give_back(&file);
        assert_eq!(cached(&file, 0, size), 0);
    }
}
