//! All units of all files that a new snapshot may lean on, by their hashes.
//!
//! An extent leads to a place in a stream, and not to data space: so the table has for each unit a
//! page of a stream that it begins in, counted over the streams of all files one behind the other.

use std::sync::Arc;

use super::super::table::{DedupTable, Value};
use super::relative::{Found, Hashing, Relative};
use super::{Sought, Spot};
use crate::error::{Result, try_push};
use crate::format::{PAGE_4K, Target, UnitHash};

const PAGE: u64 = PAGE_4K as u64;
/// Pages that can be counted.
const PAGES_MAX: Value = (1 << 48) - 1;
/// Units of a file are visited so many times over at most, and [`VISITS_LEAST`]: of what a few blocks
/// hold, a hostile file may have any number of extents.
const VISITS: u64 = 16;
const VISITS_LEAST: u64 = 1 << 20;
/// Units and runs of one step, at most.
const STEP: u64 = 1 << 14;

/// See the module.
pub struct Elsewhere {
    table: DedupTable,
    streams: Vec<Span>,
    /// Number of the page behind them.
    next: Value,
    walk: Walk,
}

/// How far the files were gone through.
#[derive(Default)]
struct Walk {
    file: usize,
    stream: u32,
    at: u64,
    /// Units of the file that may be visited yet.
    left: u64,
}

/// A stream among all of them.
#[derive(Clone, Copy)]
struct Span {
    /// Number of its first page.
    first: Value,
    file: usize,
    stream: u32,
}

/// Whether there is more to come.
#[derive(PartialEq, Eq)]
enum Rest {
    More,
    Nothing,
}

impl Elsewhere {
    /// A table for so many units, with nothing in it, for the output of that name.
    pub fn new(slots: usize, output: &str) -> Result<Self> {
        Ok(Elsewhere {
            table: DedupTable::new(slots, output)?,
            streams: Vec::new(),
            next: 0,
            walk: Walk::default(),
        })
    }

    /// Goes on through all files, from the first to the last, until the table is full: what is in it
    /// then does not depend on who asks for what. Tells whether it is complete.
    pub fn advance(&mut self, relatives: &mut [Relative]) -> Result<bool> {
        let mut budget = STEP;
        while let Some(relative) = relatives.get_mut(self.walk.file) {
            if self.table.is_full() {
                return Ok(true);
            }
            let mut rest = Rest::Nothing;
            if relative.is_of_use() {
                let walked = self.walk(relative, &mut budget);
                rest = relative
                    .tolerate(walked.map(Some))?
                    .unwrap_or(Rest::Nothing);
            }
            if rest == Rest::More {
                return Ok(false);
            }
            self.walk = Walk {
                file: self.walk.file + 1,
                ..Walk::default()
            };
        }
        Ok(true)
    }

    /// Adds units of the file that the walk is in.
    fn walk(&mut self, relative: &mut Relative, budget: &mut u64) -> Result<Rest> {
        let index = Arc::clone(&relative.index);
        while let Some(entry) = index.root.streams.get(self.walk.stream as usize) {
            let Walk {
                file, stream, at, ..
            } = self.walk;
            if at == 0 {
                if stream == 0 {
                    let units = index.root.units.saturating_mul(VISITS);
                    self.walk.left = units.max(VISITS_LEAST);
                }
                let pages = entry.size.div_ceil(PAGE);
                if pages > PAGES_MAX - self.next {
                    return Ok(Rest::Nothing);
                }
                let first = self.next;
                let span = Span {
                    first,
                    file,
                    stream,
                };
                try_push(&mut self.streams, span, "streams")?;
                self.next += pages;
            }
            let Some(run) = relative.run(stream, at)? else {
                (self.walk.stream, self.walk.at) = (stream + 1, 0);
                continue;
            };
            self.walk.at = run.at + run.len;
            if let Target::Data(data) = run.target {
                self.add(relative, run.at, data, run.len, budget)?;
            }
            if self.walk.left == 0 || self.table.is_full() {
                return Ok(Rest::Nothing);
            }
            *budget = budget.saturating_sub(1);
            if *budget == 0 {
                return Ok(Rest::More);
            }
        }
        Ok(Rest::Nothing)
    }

    /// Adds the units of a run, or as many of them as the budget allows.
    fn add(
        &mut self,
        relative: &mut Relative,
        at: u64,
        data: u64,
        len: u64,
        budget: &mut u64,
    ) -> Result<()> {
        // The run's stream was the last one to be begun.
        let first = self.streams.last().map_or(0, |span| span.first);
        let Elsewhere { table, walk, .. } = self;
        relative.visit_units(data, data + len, |start, end, hash| {
            // One that begins before the run is not all there. Of one that ends behind it, the
            // padded last page of a stream, as much is there as others have of it.
            if start >= data {
                let page = first + (at + start - data) / PAGE;
                table.reserve(1, page);
                table.lookup_or_insert(hash, page)?;
            }
            walk.left = walk.left.saturating_sub(1);
            *budget = budget.saturating_sub(1);
            if *budget == 0 && end < data + len {
                walk.at = at + (end - data);
            }
            Ok(*budget > 0 && walk.left > 0 && !table.is_full())
        })
    }

    /// Where a unit is, as its hash says.
    pub fn find(&self, relatives: &mut [Relative], sought: &Sought<'_>) -> Result<Option<Found>> {
        for hashing in [Hashing::Own, Hashing::Plain] {
            if !relatives.iter().any(|r| r.hashing == hashing) {
                continue;
            }
            let Some(hash) = sought.hash_for(hashing) else {
                continue;
            };
            if let Some(page) = self.table.find(hash)
                && let Some(found) = self.unit_at(relatives, page, sought, hash)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The unit with that hash that begins in a page.
    fn unit_at(
        &self,
        relatives: &mut [Relative],
        page: Value,
        sought: &Sought<'_>,
        hash: &UnitHash,
    ) -> Result<Option<Found>> {
        let behind = self.streams.partition_point(|span| span.first <= page);
        let span = behind.checked_sub(1).and_then(|at| self.streams.get(at));
        let Some(Span {
            first,
            file,
            stream,
        }) = span.copied()
        else {
            return Ok(None);
        };
        let Some(relative) = relatives.get_mut(file).filter(|r| r.is_of_use()) else {
            return Ok(None);
        };
        let from = (page - first) * PAGE;
        let found = relative.find_unit(stream, from..from + PAGE, sought, hash);
        let found = relative.tolerate(found)?;
        Ok(found.map(|(at, data)| Found {
            spot: Spot {
                file: file as u32,
                stream: stream as u16,
                at,
            },
            data,
        }))
    }
}
