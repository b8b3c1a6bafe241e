//! Writing a stream out as a file of its own.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Snapshot;
use super::in_place::{Holders, InPlace};
use super::team::{self, Beat, PIECE};
use crate::control::{Control, Phase};
use crate::error::{Error, Result, operand, try_grow};
use crate::format::{RootPage, Target};
use crate::index::scratch::Lease;
use crate::index::tree::Leaf;
use crate::sink::{Existing, PendingFile, Sync};
use crate::source::leads_to;

/// Bytes that the buffers of all threads take together, unless two threads take more.
const BUFFERS_MAX: usize = 20 << 20;
/// Zeros that are claimed at once.
const ZEROS_PIECE: u64 = 64 << 20;
/// Shorter runs of zeros are written in place along with the data around them.
const ZEROS_MIN: u64 = 64 << 10;

/// Where and how to write a stream out.
#[derive(Clone, Copy)]
pub struct ExtractOptions<'a> {
    /// The output.
    pub path: &'a Path,
    /// Whether that is made or written over.
    pub mode: ExtractMode,
    /// Whether the output is durable when the call returns.
    pub sync: Sync,
    /// Threads that use CPU, the caller's included; 0 means the CPUs of this process. Fewer are
    /// used when blocks are so large that their buffers would take much memory.
    pub threads: u32,
}

/// What becomes of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtractMode {
    /// A new file, which appears whole or not at all; with what to do about one that is there.
    New(Existing),
    /// An existing regular file, which becomes as long as the stream, or block device, which must be
    /// as long at least, is written over. Not atomic: a failure leaves some of the old bytes and some
    /// of the new.
    InPlace(Holders),
}

enum Output {
    New(PendingFile),
    Old(InPlace),
}

impl Snapshot {
    /// Writes a stream to a file that appears whole or not at all, with holes where the stream has
    /// zeros; or over an existing one, see [`ExtractMode::InPlace`].
    ///
    /// Failures of the output are [`Error::Output`], and [`Error::InvalidArgument`] when it is the
    /// snapshot itself, by whatever name; failures of the snapshot are those of reading.
    pub fn extract(
        &self,
        stream: u32,
        options: &ExtractOptions<'_>,
        control: &mut Control<'_>,
    ) -> Result<()> {
        let size = self.stream(stream)?.size;
        control.check()?;
        let output = match options.mode {
            ExtractMode::InPlace(holders) => {
                let output = InPlace::open(options.path, holders)?;
                self.refuse_itself(options.path)?;
                if holders == Holders::Respected {
                    output.lock()?;
                }
                output.set_len(size)?;
                Output::Old(output)
            }
            ExtractMode::New(existing) => {
                self.refuse_itself(options.path)?;
                let output = PendingFile::create(options.path, existing, options.sync)?;
                output.set_len(size)?;
                Output::New(output)
            }
        };
        control.begin(Phase::Extract, size, 0)?;
        let copy = Copy {
            snapshot: self,
            stream,
            size,
            piece: piece_len(&self.index.root),
            output: &output,
            cursor: Mutex::default(),
            done: AtomicU64::new(0),
            written: AtomicU64::new(0),
        };
        let (threads, _) = team(options.threads, size, &self.index.root);
        let written = || copy.written.load(Ordering::Relaxed);
        let progress = || (copy.done.load(Ordering::Relaxed), written());
        let copied = team::run(threads, control, progress, |beat| copy.work(beat));
        copied?;
        // The last look at the cancel handle: once the output has its name, it stays.
        control.end(written())?;
        match output {
            Output::New(file) => file.publish(),
            Output::Old(_) if options.sync == Sync::No => Ok(()),
            Output::Old(file) => file.sync(),
        }
    }

    /// What cannot be looked at is told by what creates or opens it.
    fn refuse_itself(&self, path: &Path) -> Result<()> {
        match self.index.storage.file() {
            Some(file) if leads_to(path, file) == Ok(true) => {}
            _ => return Ok(()),
        }
        Err(Error::InvalidArgument(format!(
            "output '{}': is the snapshot '{}' itself; give another file",
            operand(path),
            self.index.operand()
        )))
    }
}

/// Data is claimed in pieces that end at multiples of this, and so at the ends of blocks.
fn piece_len(root: &RootPage) -> u64 {
    PIECE.max(root.block_size.into())
}

/// Threads for `size` bytes of a stream, and the bytes of each one's buffers: a piece, a stored
/// block and a decoded one.
pub(super) fn team(requested: u32, size: u64, root: &RootPage) -> (usize, usize) {
    let each = piece_len(root) as usize + 2 * root.block_len_max() as usize;
    let threads = team::team_size(requested, size, each, BUFFERS_MAX);
    (threads, each)
}

/// One extraction, shared by its threads.
struct Copy<'a> {
    snapshot: &'a Snapshot,
    stream: u32,
    size: u64,
    /// See [`piece_len`].
    piece: u64,
    output: &'a Output,
    cursor: Mutex<Cursor>,
    /// Logical bytes that are written or skipped.
    done: AtomicU64,
    /// Bytes written.
    written: AtomicU64,
}

#[derive(Default)]
struct Cursor {
    at: u64,
    leaf: Option<Leaf>,
}

enum Claim {
    /// Begins with data, and may have zeros in it.
    Data(Range<u64>),
    Zeros(Range<u64>),
}

/// What one thread works with.
struct Buffers<'a> {
    /// A piece of the stream.
    data: Vec<u8>,
    lease: Lease<'a>,
}

impl Copy<'_> {
    /// What each thread does: claims pieces until none is left.
    fn work(&self, beat: &mut Beat<'_>) -> Result<()> {
        let mut buffers = Buffers {
            data: Vec::new(),
            lease: self.snapshot.index.pool.lease(),
        };
        loop {
            beat()?;
            let range = match self.claim(beat)? {
                None => return Ok(()),
                Some(Claim::Data(range)) => {
                    self.data(&range, &mut buffers, beat)?;
                    range
                }
                Some(Claim::Zeros(range)) => {
                    self.zeros(&range, beat)?;
                    range
                }
            };
            self.done
                .fetch_add(range.end - range.start, Ordering::Relaxed);
        }
    }

    fn claim(&self, beat: &mut Beat<'_>) -> Result<Option<Claim>> {
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        while cursor.at < self.size {
            let at = cursor.at;
            let leaf = match cursor.leaf.take() {
                Some(leaf) => leaf,
                None => {
                    beat()?;
                    self.snapshot.index.extent_leaf(self.stream, at)?
                }
            };
            let page = leaf.extents()?;
            let Some(run) = page.runs(at).next() else {
                return Err(Error::Internal("an empty leaf".into()));
            };
            let run_end = run.at + run.len;
            let sparse = matches!(self.output, Output::New(_));
            let piece = match run.target {
                Target::Zero if sparse => {
                    self.done.fetch_add(run.len, Ordering::Relaxed);
                    cursor.at = run_end;
                    None
                }
                Target::Zero => {
                    cursor.at = run_end.min(at.saturating_add(ZEROS_PIECE));
                    Some(Claim::Zeros(at..cursor.at))
                }
                Target::Data(_) | Target::Parent { .. } => {
                    cursor.at = (at / self.piece + 1)
                        .saturating_mul(self.piece)
                        .min(self.size);
                    Some(Claim::Data(at..cursor.at))
                }
            };
            if cursor.at < page.end() {
                cursor.leaf = Some(leaf);
            }
            if piece.is_some() {
                return Ok(piece);
            }
        }
        Ok(None)
    }

    fn data(
        &self,
        range: &Range<u64>,
        buffers: &mut Buffers<'_>,
        beat: &mut Beat<'_>,
    ) -> Result<()> {
        let len = (range.end - range.start) as usize;
        let Buffers { data: buf, lease } = buffers;
        if buf.len() < len {
            try_grow(buf, len, "a piece of a stream")?;
        }
        let mut at = range.start;
        // Where the data begins that is in `buf` and not yet written.
        let mut pending = at;
        let mut before = None;
        while at < range.end {
            let leaf = self
                .snapshot
                .index
                .next_extent_leaf(self.stream, at, &mut before)?;
            for run in leaf
                .extents()?
                .runs(at)
                .take_while(|run| run.at < range.end)
            {
                beat()?;
                let part = run.at..range.end.min(run.at + run.len);
                let in_buf = place(range, &part);
                match run.target {
                    Target::Data(from) => {
                        let out = buf.get_mut(in_buf).unwrap_or_default();
                        self.snapshot.read_data(from, out, lease, beat)?;
                    }
                    Target::Zero if self.takes_zeros(&part) => {
                        buf.get_mut(in_buf).unwrap_or_default().fill(0);
                    }
                    Target::Zero => {
                        self.write(range, pending..part.start, buf)?;
                        self.zeros(&part, beat)?;
                        pending = part.end;
                    }
                    Target::Parent { .. } => return Err(self.snapshot.index.parentless()),
                }
                at = part.end;
            }
        }
        self.write(range, pending..range.end, buf)
    }

    /// Whether zeros are cheaper written than left out.
    fn takes_zeros(&self, part: &Range<u64>) -> bool {
        matches!(self.output, Output::Old(_)) && part.end - part.start < ZEROS_MIN
    }

    /// Writes a part of the piece that `buf` holds.
    fn write(&self, range: &Range<u64>, part: Range<u64>, buf: &[u8]) -> Result<()> {
        let data = buf.get(place(range, &part)).unwrap_or_default();
        if data.is_empty() {
            return Ok(());
        }
        match self.output {
            Output::New(file) => file.write_all_at(data, part.start)?,
            Output::Old(file) => file.write(data, part.start)?,
        }
        self.written.fetch_add(data.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn zeros(&self, part: &Range<u64>, beat: &mut Beat<'_>) -> Result<()> {
        match self.output {
            // Never written, and so a hole.
            Output::New(_) => Ok(()),
            Output::Old(file) => file.zero(part.start, part.end - part.start, beat),
        }
    }
}

/// Where a part of a piece is in the buffer that holds the piece.
fn place(range: &Range<u64>, part: &Range<u64>) -> Range<usize> {
    (part.start - range.start) as usize..(part.end - range.start) as usize
}

#[cfg(test)]
mod tests;
