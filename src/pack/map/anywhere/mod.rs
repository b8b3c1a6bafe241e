//! Extents that come in any order: the last one of a place wins.
//!
//! The newest are in memory, each place once. When they are too many they go into a file as a sorted
//! run, and runs are merged when there are many of them: so it is a log-structured merge tree (O'Neil
//! et al., Acta Informatica 33, 1996) that is read once, at the end.
//!
//! What was placed and is then placed anew is stored and dead: it is counted from the blocks, which
//! are remembered for that.

mod merge;
mod spill;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use merge::Merged;
pub use spill::Spill;
use spill::{Chunk, RECORD, Spilled};

use super::super::writer::StreamExtent;
use crate::error::{Result, try_push, try_zeroed};
use crate::format::{PAGE_4K, Target};

/// Runs of one level that are merged into one of the next.
const FANOUT: usize = 16;
/// Units that are looked at together for being dead: one bit each.
const PASS: u64 = 32 << 20;
/// Bytes that an extent takes in memory, about.
pub const ENTRY: usize = 96;
/// Bytes of a block in the list of them.
const BLOCK: usize = 8;

/// A stream, and a place in it.
type At = (u32, u64);

/// See the module.
pub struct Anywhere {
    recent: BTreeMap<At, Piece>,
    /// Extents in memory at most.
    capacity: usize,
    spill: Spill,
    /// Runs in the file; the later in a level the newer, and the lower the level the newer.
    levels: Vec<Vec<Spilled>>,
    /// Blocks: decoded and stored length of each.
    blocks: Vec<u8>,
    blocks_spilled: Spilled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub len: u64,
    pub target: Target,
}

impl Anywhere {
    /// Keeps so many extents in memory.
    pub fn new(capacity: usize, spill: Spill) -> Self {
        Anywhere {
            recent: BTreeMap::new(),
            capacity: capacity.max(16),
            spill,
            levels: Vec::new(),
            blocks: Vec::new(),
            blocks_spilled: Spilled::default(),
        }
    }

    /// Takes an extent, over whatever was at its place.
    pub fn extent(&mut self, extent: &StreamExtent) -> Result<()> {
        let StreamExtent {
            stream,
            at,
            len,
            target,
        } = *extent;
        let end = at + len;
        if let Some((&(of, start), last)) = self.recent.range_mut(..(stream, at)).next_back()
            && of == stream
            && start + last.len >= at
        {
            let last_end = start + last.len;
            if last_end > end {
                let rest = Piece {
                    len: last_end - end,
                    target: last.target.skip(end - start),
                };
                last.len = at - start;
                self.recent.insert((stream, end), rest);
            } else if last.target.skip(at - start) == target {
                // Where it goes on.
                last.len = end - start;
                self.clear(stream, at, end);
                return Ok(());
            } else {
                last.len = at - start;
            }
        }
        self.clear(stream, at, end);
        self.recent.insert((stream, at), Piece { len, target });
        if self.recent.len() >= self.capacity {
            self.spill()?;
        }
        Ok(())
    }

    /// Takes out what begins from `at` on, up to `end`.
    fn clear(&mut self, stream: u32, at: u64, end: u64) {
        while let Some((&key, &piece)) = self.recent.range((stream, at)..(stream, end)).next() {
            self.recent.remove(&key);
            let piece_end = key.1 + piece.len;
            if piece_end > end {
                let rest = Piece {
                    len: piece_end - end,
                    target: piece.target.skip(end - key.1),
                };
                self.recent.insert((stream, end), rest);
            }
        }
    }

    /// Takes note of the next block of data space.
    pub fn block(&mut self, decoded_len: u32, stored_len: u32) -> Result<()> {
        for len in [decoded_len, stored_len] {
            for byte in len.to_le_bytes() {
                try_push(&mut self.blocks, byte, "lengths of blocks")?;
            }
        }
        if self.blocks.len() >= Chunk::MAX / BLOCK * BLOCK {
            self.spill
                .append(&mut self.blocks_spilled, &mut self.blocks)?;
        }
        Ok(())
    }

    /// Writes what is in memory as a run.
    fn spill(&mut self) -> Result<()> {
        let mut run = Spilled::default();
        let mut records = Vec::new();
        for (&(stream, at), piece) in &self.recent {
            let extent = StreamExtent {
                stream,
                at,
                len: piece.len,
                target: piece.target,
            };
            self.spill.record(&mut run, &mut records, &extent)?;
        }
        self.spill.append(&mut run, &mut records)?;
        self.recent.clear();
        self.add_run(0, run)
    }

    fn add_run(&mut self, level: usize, run: Spilled) -> Result<()> {
        if self.levels.len() == level {
            try_push(&mut self.levels, Vec::new(), "levels of runs")?;
        }
        let Some(runs) = self.levels.get_mut(level) else {
            return Ok(());
        };
        try_push(runs, run, "runs of extents")?;
        if runs.len() < FANOUT {
            return Ok(());
        }
        let runs = std::mem::take(runs);
        let mut merged = Spilled::default();
        let mut records = Vec::new();
        let mut all = Merged::new(&self.spill, None, runs.iter().rev())?;
        while let Some(extent) = all.next()? {
            self.spill.record(&mut merged, &mut records, &extent)?;
        }
        self.spill.append(&mut merged, &mut records)?;
        for run in &runs {
            self.spill.discard(run);
        }
        self.add_run(level + 1, merged)
    }

    /// All extents in order, none over another.
    pub fn merged(&self) -> Result<Merged<'_>> {
        let runs = self.levels.iter().flat_map(|runs| runs.iter().rev());
        Merged::new(&self.spill, Some(&self.recent), runs)
    }

    /// Stored bytes that no extent refers to. Of a block that is dead in part it is that part's share.
    pub fn dead(&self) -> Result<u64> {
        let mut pass = Pass {
            begin: 0,
            end: 0,
            used: Vec::new(),
        };
        let (mut dead, mut unit) = (0, 0);
        let mut blocks = self.spill.read(&self.blocks_spilled);
        let mut buffer = Vec::new();
        loop {
            let spilled = blocks.next(&self.spill, &mut buffer)?;
            let bytes = if spilled { &buffer } else { &self.blocks };
            for block in bytes.as_chunks::<BLOCK>().0 {
                let [a, b, c, d, e, f, g, h] = *block;
                let decoded = u64::from(u32::from_le_bytes([a, b, c, d]));
                let stored = u64::from(u32::from_le_bytes([e, f, g, h]));
                let units = decoded.div_ceil(PAGE_4K as u64);
                let mut unused = 0;
                for _ in 0..units {
                    if unit >= pass.end {
                        self.mark(&mut pass, unit)?;
                    }
                    unused += u64::from(!pass.is_used(unit));
                    unit += 1;
                }
                dead += stored * unused / units.max(1);
            }
            if !spilled {
                return Ok(dead);
            }
        }
    }

    /// Marks the units from `begin` on that an extent refers to.
    fn mark(&self, pass: &mut Pass, begin: u64) -> Result<()> {
        if pass.used.is_empty() {
            pass.used = try_zeroed((PASS / 8) as usize, "a map of what is dead")?;
        }
        pass.used.fill(0);
        (pass.begin, pass.end) = (begin, begin + PASS);
        let mut all = self.merged()?;
        while let Some(extent) = all.next()? {
            if let Target::Data(at) = extent.target {
                let first = at / PAGE_4K as u64;
                let end = (at + extent.len).div_ceil(PAGE_4K as u64);
                for unit in first.max(pass.begin)..end.min(pass.end) {
                    pass.set(unit);
                }
            }
        }
        Ok(())
    }
}

/// Some units of data space, and which of them are referred to.
struct Pass {
    begin: u64,
    end: u64,
    used: Vec<u8>,
}

impl Pass {
    fn set(&mut self, unit: u64) {
        let bit = unit - self.begin;
        if let Some(byte) = self.used.get_mut((bit / 8) as usize) {
            *byte |= 1 << (bit % 8);
        }
    }

    fn is_used(&self, unit: u64) -> bool {
        let bit = unit - self.begin;
        let byte = self.used.get((bit / 8) as usize).copied().unwrap_or(0);
        byte & (1 << (bit % 8)) != 0
    }
}

const _: () = assert!(Chunk::MAX.is_multiple_of(RECORD) && Chunk::MAX.is_multiple_of(BLOCK));
