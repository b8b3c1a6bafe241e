//! A part of a disk, read in ways that must agree.

use std::cell::RefCell;

use hexz::error::Result;
use hexz::source::{Content, Decompressors, Source};

use super::{WINDOW, refused};

/// Whether a sector can be read is the same in whatever piece it is read.
pub const SECTOR: u64 = 512;
/// Faults found by the search for runs, at most: each one may have looked at thousands of clusters.
const FAULTS_MAX: usize = 8;
/// Lengths of pieces; they meet sectors, clusters and each other in every way.
const PIECES: [u64; 7] = [1, 511, 4097, 513, 13_000, 37, 70_001];

// Compared at once: in loops of this crate libFuzzer would trace each byte.
static ZEROS: [u8; WINDOW as usize] = [0; WINDOW as usize];

/// Bytes `start` to `end` of a disk, whole sectors.
#[derive(Debug)]
pub struct Window {
    pub start: u64,
    pub end: u64,
}

/// What was read.
#[derive(Default)]
struct Read {
    bytes: Vec<u8>,
    /// For each sector, 1 if it could be read. Bytes, which are searched without a loop of ours.
    good: Vec<u8>,
}

thread_local! {
    // Not made anew, so that its memory is not counted as the library's.
    static READ: RefCell<(Read, Vec<u8>)> = RefCell::default();
}

impl Window {
    /// Reads sectors backwards from `second`, then run by run and in odd pieces from `first`.
    pub fn compare(&self, first: &dyn Source, second: &dyn Source) {
        READ.with_borrow_mut(|(read, buf)| {
            self.sectors_backwards(second, read);
            buf.resize(read.bytes.len(), 0);
            self.runs(first, read, buf);
            self.pieces(first, read, buf);
        });
    }

    fn sectors_backwards(&self, source: &dyn Source, read: &mut Read) {
        let len = (self.end - self.start) as usize;
        read.bytes.clear();
        read.bytes.resize(len, 0);
        read.good.clear();
        read.good.resize(len.div_ceil(SECTOR as usize), 0);
        let sectors = read.bytes.chunks_mut(SECTOR as usize);
        for (i, sector) in sectors.enumerate().rev() {
            match source.read_at(self.start + i as u64 * SECTOR, sector) {
                Ok(()) => read.good[i] = 1,
                Err(e) => refused(e),
            }
        }
    }

    fn runs(&self, source: &dyn Source, read: &Read, buf: &mut [u8]) {
        let (mut at, mut faults) = (self.start, 0);
        while at < self.end && faults < FAULTS_MAX {
            let (content, run_end) = match source.content_at(at) {
                Ok(found) => found,
                Err(e) => {
                    refused(e);
                    faults += 1;
                    at = (at / SECTOR + 1) * SECTOR;
                    continue;
                }
            };
            assert!(
                run_end > at && run_end <= source.size(),
                "a run from {at} to {run_end} of {}",
                source.size()
            );
            let end = run_end.min(self.end);
            if content == Content::Zero {
                assert!(
                    self.all_good(read, at, end),
                    "zeros from {at} to {end} that cannot be read"
                );
                let bytes = &read.bytes[self.within(at, end)];
                let zeros = bytes == &ZEROS[..bytes.len()];
                assert!(zeros, "zeros from {at} to {end} that are none");
            }
            self.piece(source, read, buf, at, end);
            // Whoever asks in the middle of a run hears the same.
            if let Ok((inside, inside_end)) = source.content_at(at + (end - at) / 2) {
                assert!(
                    inside == content && inside_end >= run_end,
                    "{content:?} from {at} to {run_end}, but {inside:?} in it to {inside_end}"
                );
            }
            at = end;
        }
    }

    fn pieces(&self, source: &dyn Source, read: &Read, buf: &mut [u8]) {
        let mut at = self.start;
        for len in PIECES.iter().cycle() {
            if at >= self.end {
                break;
            }
            let end = self.end.min(at + len);
            self.piece(source, read, buf, at, end);
            at = end;
        }
    }

    /// Reads from `at` to `end`, which must give what its sectors gave, in both ways there are.
    fn piece(&self, source: &dyn Source, read: &Read, buf: &mut [u8], at: u64, end: u64) {
        let buf = &mut buf[self.within(at, end)];
        let result = source.read_at(at, buf);
        self.judge(read, at, end, result, buf);
        buf.fill(0);
        let mut later = Vec::new();
        let result = source.read_deferring(at, buf, &mut later).and_then(|()| {
            let mut decompressors = Decompressors::default();
            later
                .iter()
                .try_for_each(|cluster| cluster.unpack(buf, &mut decompressors))
        });
        self.judge(read, at, end, result, buf);
    }

    fn judge(&self, read: &Read, at: u64, end: u64, result: Result<()>, bytes: &[u8]) {
        let wanted = &read.bytes[self.within(at, end)];
        match result {
            Ok(()) => {
                assert!(
                    self.all_good(read, at, end),
                    "{at} to {end} can be read at once, but not its sectors"
                );
                assert!(
                    bytes == wanted,
                    "{at} to {end} reads otherwise at once than its sectors, from byte {:?} on",
                    bytes.iter().zip(wanted).position(|(a, b)| a != b)
                );
            }
            Err(e) => {
                assert!(
                    !self.all_good(read, at, end),
                    "the sectors of {at} to {end} can be read, but not at once: {e}"
                );
                refused(e);
            }
        }
    }

    fn within(&self, at: u64, end: u64) -> std::ops::Range<usize> {
        (at - self.start) as usize..(end - self.start) as usize
    }

    fn all_good(&self, read: &Read, at: u64, end: u64) -> bool {
        let range = self.within(at, end);
        let sector = SECTOR as usize;
        !read.good[range.start / sector..range.end.div_ceil(sector)].contains(&0)
    }
}
