//! All units of all files that a new snapshot may lean on, by their hashes.
//!
//! An extent leads to a place in a stream, and not to data space: so the table has for each unit a
//! page of a stream that it begins in, counted over the streams of all files one behind the other.

use std::sync::Arc;

use super::super::table::{DedupTable, Value};
use super::Sought;
use super::relative::{Hashing, Relative, Spot};
use crate::control::{self, Cancel};
use crate::error::{Result, try_push};
use crate::format::{PAGE_4K, Target, UnitHash};

const PAGE: u64 = PAGE_4K as u64;
/// Pages that can be counted.
const PAGES_MAX: Value = (1 << 48) - 1;
/// Units of a file are visited so many times over at most, and [`VISITS_LEAST`]: of what a few blocks
/// hold, a hostile file may have any number of extents.
const VISITS: u64 = 16;
const VISITS_LEAST: u64 = 1 << 20;
/// Units between two looks at the switch that cancels.
const LOOK: u64 = 1 << 14;

/// See the module.
pub struct Elsewhere {
    table: DedupTable,
    streams: Vec<Span>,
}

/// A stream among all of them.
#[derive(Clone, Copy)]
struct Span {
    /// Number of its first page.
    first: Value,
    file: usize,
    stream: u32,
}

impl Elsewhere {
    /// Goes through all files, from the first on, until the table is full: what is in it does not
    /// depend on who asks for what.
    pub fn new(relatives: &mut [Relative], slots: usize, cancel: Option<&Cancel>) -> Result<Self> {
        let mut elsewhere = Elsewhere {
            table: DedupTable::new(slots, "the parent's units")?,
            streams: Vec::new(),
        };
        let mut next = 0;
        for (file, relative) in relatives.iter_mut().enumerate() {
            if !relative.is_of_use() {
                continue;
            }
            let walked = elsewhere.add(file, relative, &mut next, cancel);
            relative.tolerate(walked.map(Some))?;
        }
        Ok(elsewhere)
    }

    /// Adds the units of a file.
    fn add(
        &mut self,
        file: usize,
        relative: &mut Relative,
        next: &mut Value,
        cancel: Option<&Cancel>,
    ) -> Result<()> {
        let index = Arc::clone(&relative.index);
        let units = index.root.units.saturating_mul(VISITS);
        let mut left = units.max(VISITS_LEAST);
        for (stream, entry) in (0..).zip(&index.root.streams) {
            let pages = entry.size.div_ceil(PAGE);
            if pages > PAGES_MAX - *next || self.table.is_full() {
                return Ok(());
            }
            let first = *next;
            *next += pages;
            let span = Span {
                first,
                file,
                stream,
            };
            try_push(&mut self.streams, span, "streams")?;
            let mut at = 0;
            while let Some(run) = relative.run(stream, at)? {
                control::check(cancel)?;
                at = run.at + run.len;
                let Target::Data(data) = run.target else {
                    continue;
                };
                relative.visit_units(data, data + run.len, |start, _, hash| {
                    // One that begins before the run is not all there. Of one that ends behind it, the
                    // padded last page of a stream, as much is there as others have of it.
                    if start >= data {
                        let page = first + (run.at + start - data) / PAGE;
                        self.table.reserve(1, page);
                        self.table.lookup_or_insert(hash, page)?;
                    }
                    if left.is_multiple_of(LOOK) {
                        control::check(cancel)?;
                    }
                    left = left.saturating_sub(1);
                    Ok(left > 0 && !self.table.is_full())
                })?;
                if left == 0 || self.table.is_full() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Where a unit is, as its hash says.
    pub fn find(&self, relatives: &mut [Relative], sought: &Sought<'_>) -> Result<Option<Spot>> {
        for hashing in [Hashing::Own, Hashing::Plain] {
            if !relatives.iter().any(|r| r.hashing == hashing) {
                continue;
            }
            let Some(hash) = sought.hash_for(hashing) else {
                continue;
            };
            if let Some(page) = self.table.find(hash)
                && let Some(spot) = self.unit_at(relatives, page, sought, hash)?
            {
                return Ok(Some(spot));
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
    ) -> Result<Option<Spot>> {
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
        Ok(found.map(|(at, data)| Spot {
            file,
            stream,
            at,
            data,
        }))
    }
}
