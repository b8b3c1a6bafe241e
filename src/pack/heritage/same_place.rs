//! What the parent has at the same place of the stream of the same name: found by comparing bytes,
//! which no hash can lie about, and which spares hashing what did not change. Any thread does it.

use std::sync::{PoisonError, RwLock};

use super::Spot;
use crate::control::{self, Cancel};
use crate::error::{Result, try_push};
use crate::format::Target;
use crate::index::{Chain, Index, scratch::grow};

/// Bytes of the parent that are decoded at once, at least: what is compared soon is in a near cache.
const VIEW: u64 = 64 << 10;

/// The parent's streams, for whoever compares with them.
pub struct SamePlace {
    pub chain: Chain,
    /// The parent's stream of the same name, for each stream of the child.
    pub streams: RwLock<Vec<Option<u32>>>,
    /// What the new snapshot calls the parent's files, the parent first; nothing where it does not
    /// lean on one.
    pub files: Vec<Option<u32>>,
}

impl SamePlace {
    /// Bytes that each thread takes, besides units of `unit` bytes at most.
    pub fn memory(chain: &Chain, unit: usize) -> usize {
        // What is compared, and a block on its way there, stored and decoded.
        let block = chain.block_len_max() as usize;
        unit.max(block).max(VIEW as usize) + 2 * block + (256 << 10)
    }

    /// The parent's stream of that name.
    pub fn same_name(parent: &Chain, name: &str) -> Option<u32> {
        let mut theirs = parent.index.root.streams.iter();
        let same = theirs.position(|s| s.name == name);
        same.map(|at| at as u32)
    }

    /// The child has one more stream.
    pub fn add_stream(&self, name: &str) -> Result<()> {
        let same = SamePlace::same_name(&self.chain, name);
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        try_push(&mut streams, same, "streams")?;
        Ok(())
    }

    /// For one thread.
    pub fn comparer<'a>(&'a self, cancel: Option<&'a Cancel>) -> Comparer<'a> {
        Comparer {
            same_place: self,
            cancel,
            stream: 0,
            from: 0,
            to: 0,
            spot: None,
            bytes: Vec::new(),
        }
    }

    /// What the parent has from `offset` on, and up to where: data in a file that is leaned on, or
    /// nothing of use.
    fn run(&self, stream: u32, offset: u64) -> Result<(u64, Option<Run<'_>>)> {
        let chain = &self.chain;
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let theirs = streams.get(stream as usize).copied().flatten();
        drop(streams);
        let Some(theirs) = theirs else {
            return Ok((u64::MAX, None));
        };
        let entry = chain.index.root.streams.get(theirs as usize);
        if entry.is_none_or(|entry| offset >= entry.size) {
            return Ok((u64::MAX, None));
        }
        let leaf = chain.index.extent_leaf(theirs, offset)?;
        let Some(run) = leaf.extents()?.runs(offset).next() else {
            return Ok((u64::MAX, None));
        };
        let mut end = run.at + run.len;
        let (index, number, stream, found) = match run.target {
            Target::Parent(place) => {
                // An extent of the parent may lead on: a child's leads to where the bytes are.
                let (index, found) = chain.first_inherited(&place, run.len)?;
                end = run.at + found.len;
                let number = usize::from(place.ancestor) + 1;
                (index, number, u32::from(place.stream), found)
            }
            _ => (&*chain.index, 0, theirs, run),
        };
        let file = self.files.get(number).copied().flatten();
        let run = match (found.target, file) {
            (Target::Data(data), Some(file)) => Some(Run {
                index,
                data,
                spot: Spot {
                    file,
                    stream: stream as u16,
                    at: found.at,
                },
            }),
            _ => None,
        };
        Ok((end, run))
    }
}

/// Data of a parent's stream.
struct Run<'a> {
    index: &'a Index,
    /// First byte in data space.
    data: u64,
    spot: Spot,
}

/// Compares a child's bytes with the parent's, best in the order of the stream.
pub struct Comparer<'a> {
    same_place: &'a SamePlace,
    cancel: Option<&'a Cancel>,
    /// What is at hand of the parent: of this stream, from here, up to there.
    stream: u32,
    from: u64,
    to: u64,
    /// Where that is, if it is data of a file that is leaned on.
    spot: Option<Spot>,
    bytes: Vec<u8>,
}

impl Comparer<'_> {
    /// Where the parent has `bytes`, if it has them at the same place. What lies between there and
    /// `until` is asked for next.
    pub fn find(
        &mut self,
        stream: u32,
        offset: u64,
        bytes: &[u8],
        until: u64,
    ) -> Result<Option<Spot>> {
        let end = offset + bytes.len() as u64;
        let at_hand = self.stream == stream && (self.from..self.to).contains(&offset);
        if !at_hand || (end > self.to && offset > self.from) {
            self.look(stream, offset, end, until)?;
        }
        let Some(spot) = self.spot.filter(|_| end <= self.to) else {
            return Ok(None);
        };
        let skip = offset - self.from;
        let theirs = self.bytes.get(skip as usize..).unwrap_or_default();
        Ok(theirs.starts_with(bytes).then_some(Spot {
            at: spot.at + skip,
            ..spot
        }))
    }

    /// Has the parent's bytes from `offset` on at hand, up to `end` at least if they are of one run,
    /// and to `until` at most.
    fn look(&mut self, stream: u32, offset: u64, end: u64, until: u64) -> Result<()> {
        // Whatever fails, nothing is at hand.
        (self.from, self.to, self.spot) = (0, 0, None);
        control::check(self.cancel)?;
        let (run_end, run) = self.same_place.run(stream, offset)?;
        let mut to = run_end.min(until);
        if let Some(run) = run.filter(|_| to >= end) {
            // Whole blocks, where blocks are windows: what is decoded then is decoded once.
            let view = VIEW.max(run.index.root.block_size.into());
            to = to.min((offset / view + 1).saturating_mul(view).max(end));
            let len = (to - offset) as usize;
            grow(&mut self.bytes, len, "what a parent has")?;
            let bytes = self.bytes.get_mut(..len).unwrap_or_default();
            let cancel = self.cancel;
            let mut lease = run.index.pool.lease();
            let beat = &mut || control::check(cancel);
            run.index.read_data(run.data, bytes, &mut lease, beat)?;
            self.spot = Some(run.spot);
        }
        (self.stream, self.from, self.to) = (stream, offset, to);
        Ok(())
    }
}
