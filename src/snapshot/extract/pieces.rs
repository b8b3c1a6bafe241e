//! A stream in pieces, which threads claim in order and decode in any.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::super::Snapshot;
use super::super::team::{Beat, PIECE};
use crate::error::{Error, Result, try_grow, try_push};
use crate::format::Target;
use crate::index::scratch::Lease;
use crate::index::tree::Leaf;

/// Data is claimed in pieces that end at multiples of this, and so at the ends of blocks.
pub(super) fn piece_len(block_size: u32) -> u64 {
    PIECE.max(block_size.into())
}

/// What becomes of zeros.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zeros {
    /// Bytes of them that are claimed at once, at most.
    pub claimed: u64,
    /// Among data, runs that are at least this long are gaps; shorter ones are data.
    pub apart: u64,
}

/// The pieces of one stream, shared by the threads that claim them.
pub(super) struct Pieces<'a> {
    snapshot: &'a Snapshot,
    stream: u32,
    size: u64,
    /// See [`piece_len`].
    piece: u64,
    zeros: Zeros,
    cursor: Mutex<Cursor>,
}

#[derive(Default)]
struct Cursor {
    at: u64,
    leaf: Option<Leaf>,
    /// Pieces that were claimed.
    count: u64,
}

/// What there is to do next.
pub(super) enum Claim {
    /// A piece, and its number from 0.
    Piece(u64, Piece),
    /// The piece of that number may not be claimed yet.
    Wait,
    /// Nothing: so many pieces there were.
    End(u64),
}

pub(super) enum Piece {
    /// Begins with data, and may have zeros in it.
    Data(Range<u64>),
    Zeros(Range<u64>),
}

/// A piece of the stream as bytes.
#[derive(Default)]
pub(super) struct Decoded {
    /// Where it is.
    pub range: Range<u64>,
    /// Zeros in it that are not among its bytes.
    pub gaps: Vec<Range<u64>>,
    /// Its bytes, those of gaps anything; only ever grows.
    bytes: Vec<u8>,
}

impl Decoded {
    /// Makes it a piece of zeros.
    pub fn set_zeros(&mut self, range: Range<u64>) -> Result<()> {
        self.gaps.clear();
        try_push(&mut self.gaps, range.clone(), "the zeros of a piece")?;
        self.range = range;
        Ok(())
    }

    /// The bytes of a part of it, which has no gap.
    pub fn part(&self, part: &Range<u64>) -> &[u8] {
        let place = place(&self.range, part);
        self.bytes.get(place).unwrap_or_default()
    }
}

impl<'a> Pieces<'a> {
    pub fn new(snapshot: &'a Snapshot, stream: u32, size: u64, zeros: Zeros) -> Self {
        Pieces {
            piece: piece_len(snapshot.chain.block_size_max()),
            snapshot,
            stream,
            size,
            zeros,
            cursor: Mutex::default(),
        }
    }

    /// What a thread decodes with.
    pub fn lease(&self) -> Lease<'a> {
        self.snapshot.chain.index.pool.lease()
    }

    /// Claims the next piece, if its number is less than `limit`.
    pub fn claim(&self, limit: u64, beat: &mut Beat<'_>) -> Result<Claim> {
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let at = cursor.at;
        if at >= self.size {
            return Ok(Claim::End(cursor.count));
        }
        if cursor.count >= limit {
            return Ok(Claim::Wait);
        }
        let leaf = match cursor.leaf.take() {
            Some(leaf) => leaf,
            None => {
                beat()?;
                self.snapshot.chain.index.extent_leaf(self.stream, at)?
            }
        };
        let page = leaf.extents()?;
        let Some(run) = page.runs(at).next() else {
            return Err(Error::Internal("an empty leaf".into()));
        };
        let piece = match run.target {
            Target::Zero => {
                cursor.at = (run.at + run.len).min(at.saturating_add(self.zeros.claimed));
                Piece::Zeros(at..cursor.at)
            }
            Target::Data(_) | Target::Parent(_) => {
                cursor.at = (at / self.piece + 1)
                    .saturating_mul(self.piece)
                    .min(self.size);
                Piece::Data(at..cursor.at)
            }
        };
        if cursor.at < page.end() {
            cursor.leaf = Some(leaf);
        }
        cursor.count += 1;
        Ok(Claim::Piece(cursor.count - 1, piece))
    }

    /// Decodes a piece that begins with data.
    pub fn decode(
        &self,
        range: Range<u64>,
        into: &mut Decoded,
        lease: &mut Lease<'_>,
        beat: &mut Beat<'_>,
    ) -> Result<()> {
        let len = (range.end - range.start) as usize;
        let Decoded { gaps, bytes, .. } = into;
        gaps.clear();
        if bytes.len() < len {
            try_grow(bytes, len, "a piece of a stream")?;
        }
        let mut at = range.start;
        let mut before = None;
        while at < range.end {
            let leaf = self
                .snapshot
                .chain
                .index
                .next_extent_leaf(self.stream, at, &mut before)?;
            for run in leaf
                .extents()?
                .runs(at)
                .take_while(|run| run.at < range.end)
            {
                beat()?;
                let part = run.at..range.end.min(run.at + run.len);
                let out = bytes.get_mut(place(&range, &part)).unwrap_or_default();
                at = part.end;
                match run.target {
                    Target::Zero if part.end - part.start >= self.zeros.apart => {
                        try_push(gaps, part, "the zeros of a piece")?;
                    }
                    target => self.snapshot.read_target(target, out, lease, beat)?,
                }
            }
        }
        into.range = range;
        Ok(())
    }
}

/// Where a part of a piece is in the buffer that holds the piece.
fn place(range: &Range<u64>, part: &Range<u64>) -> Range<usize> {
    (part.start - range.start) as usize..(part.end - range.start) as usize
}
