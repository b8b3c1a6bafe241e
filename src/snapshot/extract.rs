//! Writing a stream out: as a file of its own, or front to back.

mod in_order;
mod pieces;

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use pieces::{Claim, Decoded, Piece, Pieces, Zeros, piece_len};

use super::Snapshot;
use super::in_place::{Holders, InPlace};
use super::team::{self, Beat};
use crate::control::{Control, Phase};
use crate::error::{Error, Result, operand};
use crate::sink::{Existing, PendingFile, Sync};
use crate::source::leads_to;

/// Bytes that the buffers of all threads take together, unless two threads take more.
const BUFFERS_MAX: usize = 20 << 20;
/// Zeros that are claimed at once.
const ZEROS_PIECE: u64 = 64 << 20;
/// Shorter runs of zeros are written along with the data around them, where zeros are not holes
/// anyway.
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

impl Output {
    fn zeros(&self) -> Zeros {
        match self {
            // Never written, and so holes.
            Output::New(_) => Zeros {
                claimed: u64::MAX,
                apart: 0,
            },
            Output::Old(_) => Zeros {
                claimed: ZEROS_PIECE,
                apart: ZEROS_MIN,
            },
        }
    }
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
            pieces: Pieces::new(self, stream, size, output.zeros()),
            output: &output,
            done: AtomicU64::new(0),
            written: AtomicU64::new(0),
        };
        let (block_size, block_len) = (self.chain.block_size_max(), self.chain.block_len_max());
        let (threads, _) = team(options.threads, size, block_size, block_len);
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
        let is_it = |file| leads_to(path, file) == Ok(true);
        // What it leans on is as much a part of it.
        let mut files = self.chain.files();
        let Some(index) = files.find(|index| index.storage.file().is_some_and(is_it)) else {
            return Ok(());
        };
        Err(Error::InvalidArgument(format!(
            "output '{}': is the snapshot '{}' itself; give another file",
            operand(path),
            index.operand()
        )))
    }
}

/// Threads for `size` bytes of a stream, and the bytes of each one's buffers: a piece, a stored
/// block and a decoded one.
pub(super) fn team(requested: u32, size: u64, block_size: u32, block_len: u32) -> (usize, usize) {
    let each = piece_len(block_size) as usize + 2 * block_len as usize;
    let threads = team::team_size(requested, size, each, BUFFERS_MAX);
    (threads, each)
}

/// One extraction, shared by its threads.
struct Copy<'a> {
    pieces: Pieces<'a>,
    output: &'a Output,
    /// Logical bytes that are written or skipped.
    done: AtomicU64,
    /// Bytes written.
    written: AtomicU64,
}

impl Copy<'_> {
    /// What each thread does: claims pieces until none is left.
    fn work(&self, beat: &mut Beat<'_>) -> Result<()> {
        let mut lease = self.pieces.lease();
        let mut decoded = Decoded::default();
        loop {
            beat()?;
            let range = match self.pieces.claim(u64::MAX, beat)? {
                Claim::Piece(_, Piece::Data(range)) => {
                    self.pieces.decode(range, &mut decoded, &mut lease, beat)?;
                    self.data(&decoded, beat)?;
                    decoded.range.clone()
                }
                Claim::Piece(_, Piece::Zeros(range)) => {
                    self.zeros(&range, beat)?;
                    range
                }
                Claim::Wait | Claim::End(_) => return Ok(()),
            };
            self.done
                .fetch_add(range.end - range.start, Ordering::Relaxed);
        }
    }

    /// Writes a piece, but for its gaps.
    fn data(&self, piece: &Decoded, beat: &mut Beat<'_>) -> Result<()> {
        let mut pending = piece.range.start;
        for gap in &piece.gaps {
            self.write(piece, pending..gap.start)?;
            self.zeros(gap, beat)?;
            pending = gap.end;
        }
        self.write(piece, pending..piece.range.end)
    }

    /// Writes a part of a piece.
    fn write(&self, piece: &Decoded, part: Range<u64>) -> Result<()> {
        let data = piece.part(&part);
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

#[cfg(test)]
mod tests;
