//! Where a file has data and where holes, remembered. lseek(2) looks for the end of a run from where it
//! is asked, however far that is (page by page on tmpfs, extent by extent on XFS): asked at each of the
//! scattered clusters of an image, it would go through the whole file for each.
//!
//! So the file is gone through once, from its beginning up to what was asked for, and a bounded number
//! of runs is remembered, the longest: a short one that was forgotten is cheap to look for again.

use std::cell::RefCell;
use std::cmp::Reverse;

use super::Content;
use crate::error::{Result, try_reserve};

/// Runs that are remembered, of 24 bytes: a chain may have some hundred files.
const RUNS_MAX: usize = 2048;
/// Steps of one answer, at most: a caller can cancel between two answers, and where lseek goes over a
/// network it takes its time.
const STEPS_MAX: usize = 128;
/// What is called data at a time where nobody has looked for its end yet.
const UNKNOWN: u64 = 1 << 20;

/// What to look for with lseek(2), from where on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The next byte of data.
    Data(u64),
    /// The next hole; the end of the file is one.
    Hole(u64),
}

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The first such byte.
    At(u64),
    /// There is none up to the end of the file.
    None,
    /// The file system tells nothing of holes.
    Untold,
}

/// The runs of one file, as far as they are known.
#[derive(Default)]
pub struct HoleMap(RefCell<State>);

#[derive(Default)]
struct State {
    /// In order, with gaps where one was forgotten.
    runs: Vec<KnownRun>,
    /// Up to here all was looked at.
    known: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KnownRun {
    start: u64,
    end: u64,
    content: Content,
}

impl HoleMap {
    /// What is at `offset` of a file of `size` bytes, and up to where, which `look` is asked for.
    /// What is said to be data may have holes, where a file has very many of them.
    pub fn at(
        &self,
        offset: u64,
        size: u64,
        mut look: impl FnMut(Look) -> Result<Found>,
    ) -> Result<(Content, u64)> {
        let mut state = self.0.borrow_mut();
        for _ in 0..STEPS_MAX {
            if state.known > offset {
                break;
            }
            state.step(size, &mut look)?;
        }
        let beyond = state.known <= offset;
        if let Some(run) = state.run_at(offset) {
            return Ok((run.content, run.end));
        }
        let (run, data) = next_hole(offset, size, &mut look)?;
        Ok(match (run, data) {
            (Some(hole), _) => (Content::Zero, hole.end),
            // The end of data may be far away, and the way to it would be gone again and again.
            (None, _) if beyond => (Content::Data, offset.saturating_add(UNKNOWN).min(size)),
            (None, _) => (Content::Data, end_of_data(offset, size, &mut look)?),
        })
    }
}

impl State {
    fn run_at(&self, offset: u64) -> Option<KnownRun> {
        let behind = self.runs.partition_point(|run| run.start <= offset);
        let run = self.runs.get(behind.checked_sub(1)?)?;
        (offset < run.end).then_some(*run)
    }

    /// Looks at a hole and the data behind it.
    fn step(&mut self, size: u64, look: &mut impl FnMut(Look) -> Result<Found>) -> Result<()> {
        self.make_room()?;
        let (hole, data) = next_hole(self.known, size, look)?;
        if let Some(hole) = hole {
            self.remember(hole);
        }
        if data < size {
            let end = end_of_data(data, size, look)?;
            self.remember(KnownRun {
                start: data,
                end,
                content: Content::Data,
            });
        }
        Ok(())
    }

    /// Makes room for what a step finds, of what came before it.
    fn make_room(&mut self) -> Result<()> {
        if self.runs.len() + 2 > RUNS_MAX {
            // In place, since memory may be short: the longer half stays.
            let length = |run: &KnownRun| Reverse(run.end - run.start);
            self.runs.sort_unstable_by_key(length);
            self.runs.truncate(RUNS_MAX / 2);
            self.runs.sort_unstable_by_key(|run| run.start);
        }
        if self.runs.len() + 2 > self.runs.capacity() {
            let more = self.runs.len().max(4);
            try_reserve(&mut self.runs, more, "a map of holes")?;
        }
        Ok(())
    }

    fn remember(&mut self, run: KnownRun) {
        self.known = run.end;
        self.runs.push(run);
    }
}

/// The hole at `from`, if there is one, and where the data behind it begins: at `size` if there is
/// none.
fn next_hole(
    from: u64,
    size: u64,
    look: &mut impl FnMut(Look) -> Result<Found>,
) -> Result<(Option<KnownRun>, u64)> {
    let data = match look(Look::Data(from))? {
        Found::At(data) => data.clamp(from, size),
        Found::None => size,
        Found::Untold => from,
    };
    let hole = KnownRun {
        start: from,
        end: data,
        content: Content::Zero,
    };
    Ok(((data > from).then_some(hole), data))
}

/// Where the data ends that begins at `from`, or goes on there.
fn end_of_data(from: u64, size: u64, look: &mut impl FnMut(Look) -> Result<Found>) -> Result<u64> {
    Ok(match look(Look::Hole(from))? {
        Found::At(hole) if hole > from => hole.min(size),
        // The file was changed between two looks, or tells nothing: what is left is read.
        Found::At(_) | Found::None | Found::Untold => size,
    })
}

#[cfg(test)]
mod tests;
