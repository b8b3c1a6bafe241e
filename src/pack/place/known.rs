//! What is known: where the bytes of units are, by their hashes.

use super::super::hash::unit_hash;
use super::super::segment::{Segment, Unit, UnitContent};
use super::super::table::{DedupTable, Lookup, Value};
use crate::error::Result;
use crate::format::{DATA_SPACE_MAX, PAGE_4K, UnitHash};

/// Units of 4 KiB in an aligned run that the second table remembers when the first forgets; a
/// run never spans blocks.
pub const RUN_UNITS: usize = 16;

/// Where a unit's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In data space, from this byte on.
    Settled(u64),
    /// In the open pool, from this byte on: in data space once that closes.
    Pooled(u64),
    /// With the unit of this number in the window that is being looked at.
    InWindow(u64),
}

/// In a table's value, of a place that is not settled: the rest says where. Places in data space are
/// below, so that no table forgets what is not settled.
const POOLED: Value = DATA_SPACE_MAX;
const IN_WINDOW: Value = POOLED | POOLED >> 1;

impl From<Place> for Value {
    fn from(place: Place) -> Value {
        match place {
            Place::Settled(at) => at,
            Place::Pooled(at) => POOLED | at,
            Place::InWindow(number) => IN_WINDOW | number,
        }
    }
}

impl From<Value> for Place {
    fn from(value: Value) -> Place {
        match value {
            ..POOLED => Place::Settled(value),
            POOLED..IN_WINDOW => Place::Pooled(value - POOLED),
            _ => Place::InWindow(value - IN_WINDOW),
        }
    }
}

/// The units of a snapshot that are not forgotten.
pub struct Known {
    units: DedupTable,
    /// Aligned runs of 64 KiB: reaches further back than `units`, with one entry for 16.
    runs: Option<DedupTable>,
    /// Units in a run of that table.
    run_units: usize,
}

impl Known {
    /// Nothing is known yet. No run is longer than a block of `block_size` bytes.
    pub fn new(units: DedupTable, runs: Option<DedupTable>, block_size: usize) -> Self {
        Known {
            units,
            runs,
            run_units: RUN_UNITS.min(block_size / PAGE_4K),
        }
    }

    /// Remembers no more units than a table of `slots` would.
    pub fn limit(&mut self, slots: usize) {
        self.units.limit(slots);
    }

    /// Makes room for `n` units, which will lie behind `data_end`.
    pub fn reserve(&mut self, n: usize, data_end: u64) {
        self.units.reserve(n, data_end);
    }

    /// Where a unit is; a new one is known from here on, to be at `place`.
    pub fn look_up_or_add(&mut self, hash: &UnitHash, place: Place) -> Result<Option<Place>> {
        Ok(match self.units.lookup_or_insert(hash, place.into())? {
            Lookup::Known(value) => Some(value.into()),
            Lookup::New => None,
        })
    }

    /// Where a unit is, if it is known.
    pub fn find(&self, hash: &UnitHash) -> Option<Place> {
        self.units.find(hash).map(Place::from)
    }

    /// Moves a unit that is known.
    pub fn relocate(&mut self, hash: &UnitHash, place: Place) {
        self.units.relocate(hash, place.into());
    }

    /// The aligned run at the front of `units` and its place in data space, if only the second table
    /// knows it.
    pub fn run<'u>(&self, segment: &Segment, units: &'u [Unit]) -> Option<(&'u [Unit], u64)> {
        let runs = self.runs.as_ref().filter(|_| self.units.has_forgotten())?;
        let first = units.first()?;
        match first.content {
            UnitContent::Data(hash) if self.units.find(&hash).is_none() => {}
            _ => return None,
        }
        let run = units.get(..self.run_units)?;
        Some((run, runs.find(&run_hash(segment, run)?)?))
    }

    /// Whether runs are remembered.
    pub fn has_runs(&self) -> bool {
        self.runs.is_some()
    }

    /// Remembers a run of new units, if it is aligned. `data_end` is where data space ends.
    pub fn remember_run(
        &mut self,
        segment: &Segment,
        run: &[Unit],
        place: u64,
        data_end: u64,
    ) -> Result<bool> {
        let (Some(runs), Some(hash)) = (&mut self.runs, run_hash(segment, run)) else {
            return Ok(false);
        };
        runs.reserve(1, data_end);
        runs.lookup_or_insert(&hash, place)?;
        Ok(true)
    }

    /// Units in a run.
    pub fn run_units(&self) -> usize {
        self.run_units
    }
}

/// The hash of units that make an aligned run of data, over their hashes.
fn run_hash(segment: &Segment, units: &[Unit]) -> Option<UnitHash> {
    let first = segment.offset + u64::from(units.first()?.at);
    if !first.is_multiple_of((units.len() * PAGE_4K) as u64) {
        return None;
    }
    let mut hashes = [0; 16 * RUN_UNITS];
    for (unit, hash) in units.iter().zip(hashes.chunks_exact_mut(16)) {
        let UnitContent::Data(of_unit) = unit.content else {
            return None;
        };
        if unit.len as usize != PAGE_4K {
            return None;
        }
        hash.copy_from_slice(&of_unit);
    }
    Some(unit_hash(hashes.get(..16 * units.len())?, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_in_a_table() {
        assert_eq!(size_of::<Place>(), 16);
        for at in [0, 1, 4096, 1 << 40] {
            for place in [Place::Settled(at), Place::Pooled(at), Place::InWindow(at)] {
                let value = Value::from(place);
                assert!(value < (1 << 48) - 1, "{place:?}");
                assert_eq!(Place::from(value), place);
            }
        }
        assert_eq!(Place::from(POOLED - 1), Place::Settled(POOLED - 1));
    }
}
