//! Parts of a stream, read in ways that must agree.

use std::cell::RefCell;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use hexz::control::Control;
use hexz::error::Error;
use hexz::format::HEIGHT_MAX;
use hexz::sink::Sync;
use hexz::snapshot::{ExtentKind, ExtractMode, ExtractOptions, Holders, Snapshot};
use rustix::fs::{MemfdFlags, memfd_create};

use super::storage::Counted;
use super::{WINDOW, damaged};

/// Lengths of pieces; they meet pages, blocks and each other in every way.
const PIECES: [u64; 7] = [1, 4095, 4097, 513, 13_000, 37, 30_001];
/// Extents that are looked at in one stream.
const EXTENTS: usize = 64;
/// What a buffer holds before it is read into.
const BEFORE: u8 = 0xA5;
/// An aligned page without chunks costs a page for each level of two trees, a block and the
/// dictionary.
const PAGE: usize = 4096;
const PAGE_READS: usize = 2 * HEIGHT_MAX as usize + 2;

// Compared at once: in loops of this crate libFuzzer would trace each byte.
static ZEROS: [u8; WINDOW as usize] = [0; WINDOW as usize];

thread_local! {
    // Not made anew, so that their memory is not counted as the library's.
    static BUFFERS: RefCell<[Vec<u8>; 2]> =
        RefCell::new([vec![0; WINDOW as usize], vec![0; WINDOW as usize]]);
    static OUTPUT: File = memfd_create("output", MemfdFlags::CLOEXEC).expect("a file").into();
}

/// Bytes `start` to `end` of a stream.
pub struct Window {
    pub stream: u32,
    pub start: u64,
    pub end: u64,
}

/// Fills all of `buf`; whether that worked. What it holds otherwise is checked.
fn read(snapshot: &Snapshot, stream: u32, at: u64, buf: &mut [u8], whole: bool) -> bool {
    buf.fill(BEFORE);
    match snapshot.read(stream, at, buf) {
        Ok(()) => true,
        Err(e) => {
            assert!(
                !whole,
                "all was found in order, but {at} cannot be read: {e}"
            );
            damaged(&e);
            assert!(*buf == ZEROS[..buf.len()], "bytes of a read that failed");
            false
        }
    }
}

impl Window {
    /// A page, all at once, in pieces, and once more, from both handles.
    pub fn compare(&self, first: &Snapshot, second: &Snapshot, counts: &Counted, whole: bool) {
        BUFFERS.with_borrow_mut(|[all, buf]| {
            let all = &mut all[..(self.end - self.start) as usize];
            if all.len() >= PAGE && !first.info().cdc {
                counts.take();
                read(second, self.stream, self.start, &mut all[..PAGE], whole);
                let (reads, _) = counts.take();
                assert!(reads <= PAGE_READS, "{reads} reads for one page");
            }
            let all_read = read(second, self.stream, self.start, all, whole);
            for again in [false, true] {
                let mut at = self.start;
                for len in PIECES.iter().cycle() {
                    if at >= self.end {
                        break;
                    }
                    let end = self.end.min(at + len);
                    let len = (end - at) as usize;
                    let buf = &mut buf[..len];
                    let handle = if again { second } else { first };
                    if read(handle, self.stream, at, buf, whole) && all_read {
                        let from = (at - self.start) as usize;
                        assert!(all[from..from + len] == *buf, "bytes at {at} differ");
                    }
                    at = end;
                }
                if !all_read {
                    break;
                }
            }
        });
    }
}

/// What goes beyond the end is refused, and nothing is touched.
pub fn beyond_the_end(snapshot: &Snapshot, stream: u32, size: u64) {
    for (at, len) in [
        (size, 1),
        (size.saturating_sub(1), 2),
        (u64::MAX, 2),
        (size + 1, 0),
    ] {
        let mut buf = [BEFORE; 2];
        match snapshot.read(stream, at, &mut buf[..len]) {
            Err(Error::OutOfRange(_)) => assert_eq!(buf, [BEFORE; 2]),
            other => panic!("{len} bytes at {at} of {size}: {other:?}"),
        }
    }
    assert!(matches!(
        snapshot.extent(stream, size),
        Err(Error::OutOfRange(_))
    ));
    assert!(snapshot.read(stream, size, &mut []).is_ok());
}

/// They make progress and end within the stream; those of zeros read as zeros.
pub fn extents(snapshot: &Snapshot, stream: u32, size: u64, whole: bool) {
    let mut at = 0;
    for _ in 0..EXTENTS {
        if at >= size {
            return;
        }
        let extent = match snapshot.extent(stream, at) {
            Ok(extent) => extent,
            Err(e) => {
                assert!(!whole, "all was found in order, but no extent at {at}: {e}");
                return damaged(&e);
            }
        };
        assert!(extent.offset == at && extent.len > 0 && extent.len <= size - at);
        assert!(extent.kind != ExtentKind::Parent, "a parent where none is");
        let inside = at + extent.len / 2;
        let within = snapshot
            .extent(stream, inside)
            .expect("an extent within one");
        assert!(within.kind == extent.kind && inside + within.len >= at + extent.len);
        if extent.kind == ExtentKind::Zero {
            BUFFERS.with_borrow_mut(|[buf, _]| {
                let buf = &mut buf[..extent.len.min(WINDOW) as usize];
                read(snapshot, stream, at, buf, whole);
                assert!(*buf == ZEROS[..buf.len()], "zeros at {at} that are none");
            });
        }
        at += extent.len;
    }
}

/// A small stream into a file, which then holds what is read.
pub fn extract(snapshot: &Snapshot, stream: u32, size: u64, whole: bool) {
    if size == 0 || size > WINDOW {
        return;
    }
    let (done, file_len) = OUTPUT.with(|file| {
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let options = ExtractOptions {
            path: &path,
            mode: ExtractMode::InPlace(Holders::Overridden),
            sync: Sync::No,
            threads: 1,
        };
        let done = snapshot.extract(stream, &options, &mut Control::new(None, None));
        (done, file.metadata().expect("a file").len())
    });
    if let Err(e) = done {
        assert!(
            !whole,
            "all was found in order, but cannot be extracted: {e}"
        );
        return damaged(&e);
    }
    assert_eq!(file_len, size);
    BUFFERS.with_borrow_mut(|[all, buf]| {
        let (all, buf) = (&mut all[..size as usize], &mut buf[..size as usize]);
        OUTPUT
            .with(|file| file.read_exact_at(all, 0))
            .expect("a file is read");
        if read(snapshot, stream, 0, buf, whole) {
            assert!(all == buf, "extracted bytes differ");
        }
    });
}
