//! The deduplication table: hash of a unit to the place where its bytes are.
//!
//! Its memory is bounded: when it is full, the oldest entries are forgotten. What is forgotten
//! depends on the order of insertion only, never on where entries happen to lie, so that neither
//! the random key of the table nor its size by then shows in a snapshot.
//!
//! It is made of shards that grow one by one, so that it takes what its entries take and no step
//! goes over more than one of them: neither growing nor sweeping holds anybody up.

mod shard;

use std::collections::VecDeque;

use shard::{Home, SLOT, Shard};

use crate::crypto::random;
use crate::error::{Result, try_push_back, try_reserve};
use crate::format::UnitHash;

/// Where a unit's bytes are, in a form that is less than 2^48 - 1 and rises with data space.
pub type Value = u64;

/// A mark is kept for each so many insertions, and forgetting goes in such steps.
const STEP: u64 = 1024;
/// Slots of a shard at most. With so many, chance fills none much more than the others: it takes
/// some 15 standard deviations for one to be full before the table is.
const SHARD_SLOTS: usize = 1 << 14;

/// Bytes of memory for a table of `slots`.
pub const fn memory(slots: usize) -> usize {
    slots * SLOT
}

/// Slots that remember `entries` for certain.
pub fn slots_for(entries: u64) -> u64 {
    (entries + 2 * STEP) * 100 / VISIBLE_PERCENT + 16
}

/// Share of the slots whose entries are remembered; the rest keeps probing short.
const VISIBLE_PERCENT: u64 = 72;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The unit is known and lies there.
    Known(Value),
    /// The unit was new and is known now.
    New,
}

/// See the module.
pub struct DedupTable {
    shards: Vec<Shard>,
    /// Slots of each shard at most.
    shard_max: usize,
    key: (u64, u64),
    visible_max: u64,
    inserted: u64,
    forgotten: u64,
    /// Where data space ended at every [`STEP`]th insertion, oldest first: what was inserted later
    /// lies behind it.
    marks: VecDeque<Value>,
    /// What lies below is forgotten.
    floor: Value,
    /// Data space at the last [`DedupTable::reserve`].
    data_end: Value,
}

impl DedupTable {
    /// A table in that many slots at most. `operand` is what the build is named in errors.
    pub fn new(slots: usize, operand: &str) -> Result<Self> {
        let slots = slots.max(16);
        let mut key = [0; 16];
        // A guest that writes the image could else choose units that fall into one slot.
        random(&mut key, operand)?;
        let (a, b) = halves(&key);
        let count = slots.div_ceil(SHARD_SLOTS);
        let mut shards = Vec::new();
        try_reserve(&mut shards, count, "the deduplication table")?;
        shards.resize_with(count, Shard::default);
        Ok(DedupTable {
            shards,
            shard_max: slots / count,
            key: (a, b),
            visible_max: slots as u64 * VISIBLE_PERCENT / 100,
            inserted: 0,
            forgotten: 0,
            marks: VecDeque::new(),
            floor: 0,
            data_end: 0,
        })
    }

    /// Remembers only what a table of `slots`, which are no more than it has, would remember.
    pub fn limit(&mut self, slots: usize) {
        self.visible_max = slots as u64 * VISIBLE_PERCENT / 100;
    }

    /// Whether anything was forgotten yet.
    pub fn has_forgotten(&self) -> bool {
        self.floor > 0
    }

    /// Whether the next insertion makes it forget.
    pub fn is_full(&self) -> bool {
        self.inserted - self.forgotten >= self.visible_max
    }

    /// Forgets what must be for `n` insertions. `data_end` is where data space ends now: what is
    /// inserted from here on will lie behind it.
    pub fn reserve(&mut self, n: usize, data_end: Value) {
        self.data_end = data_end;
        while self.inserted - self.forgotten + n as u64 > self.visible_max {
            self.marks.pop_front();
            match self.marks.front() {
                Some(mark) => {
                    self.floor = *mark;
                    self.forgotten += STEP;
                }
                // More than the whole table at once: it starts anew.
                None => {
                    self.floor = data_end;
                    self.forgotten = self.inserted;
                    break;
                }
            }
        }
    }

    /// Looks a unit up, and inserts it at `place` if it is not known.
    pub fn lookup_or_insert(&mut self, hash: &UnitHash, place: Value) -> Result<Lookup> {
        let (key, count, floor) = (self.key, self.shards.len(), self.floor);
        let (number, home) = locate(hash, key, count);
        let Some(shard) = self.shards.get_mut(number) else {
            return Ok(Lookup::New);
        };
        let (mut at, found) = shard.probe(hash, home);
        if let Some(known) = found.filter(|known| *known >= floor) {
            return Ok(Lookup::Known(known));
        }
        if found.is_none() && !shard.has_room() {
            shard.make_room(self.shard_max, floor, |hash| locate(hash, key, count).1)?;
            at = shard.probe(hash, home).0;
            // Only a table of a few slots gets there: this unit is not remembered.
            if shard.is_full() {
                return Ok(Lookup::New);
            }
        }
        if self.inserted.is_multiple_of(STEP) {
            try_push_back(&mut self.marks, self.data_end, "the deduplication table")?;
        }
        self.inserted += 1;
        match found {
            Some(_) => shard.put(at, hash, place),
            None => shard.insert(at, hash, place),
        }
        Ok(Lookup::New)
    }

    /// Where a unit lies, if it is known.
    pub fn find(&self, hash: &UnitHash) -> Option<Value> {
        let (number, home) = locate(hash, self.key, self.shards.len());
        let place = self.shards.get(number)?.probe(hash, home).1?;
        (place >= self.floor).then_some(place)
    }

    /// Moves a unit that is known.
    pub fn relocate(&mut self, hash: &UnitHash, place: Value) {
        let (number, home) = locate(hash, self.key, self.shards.len());
        if let Some(shard) = self.shards.get_mut(number)
            && let (at, Some(_)) = shard.probe(hash, home)
        {
            shard.put(at, hash, place);
        }
    }
}

/// The shard of a hash, and its home there.
fn locate(hash: &UnitHash, key: (u64, u64), shards: usize) -> (usize, Home) {
    let (a, b) = halves(hash);
    let product = u128::from(a ^ key.0) * u128::from(b ^ key.1);
    let mixed = (product >> 64) as u64 ^ product as u64;
    let share = u128::from(mixed) * shards as u128;
    ((share >> 64) as usize, share as u64)
}

fn halves(bytes: &[u8; 16]) -> (u64, u64) {
    let v = u128::from_le_bytes(*bytes);
    (v as u64, (v >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(i: u64) -> UnitHash {
        let mut h = [0; 16];
        h.copy_from_slice(&blake3::hash(&i.to_le_bytes()).as_bytes()[..16]);
        h
    }

    #[test]
    fn remembers_what_it_promises_and_forgets_the_oldest() {
        let entries = 50_000;
        let mut table = DedupTable::new(slots_for(entries) as usize, "test").unwrap();
        assert!(table.visible_max >= entries);
        for i in 0..5 * entries {
            table.reserve(1, i * 4096);
            let lookup = table.lookup_or_insert(&hash(i), 1 << 47).unwrap();
            assert_eq!(lookup, Lookup::New, "{i} was never inserted");
            table.relocate(&hash(i), i * 4096);
            for back in [1, entries / 2, entries - 2 * STEP] {
                if let Some(old) = i.checked_sub(back) {
                    assert_eq!(table.find(&hash(old)), Some(old * 4096), "{i} - {back}");
                }
            }
        }
        assert!(table.has_forgotten());
        assert_eq!(table.find(&hash(1)), None);
        table.reserve(1, 5 * entries * 4096);
        let mut look = |place| table.lookup_or_insert(&hash(1), place).unwrap();
        assert_eq!(look(7 << 40), Lookup::New);
        assert_eq!(look(9), Lookup::Known(7 << 40));
    }

    #[test]
    fn answers_do_not_depend_on_its_random_key() {
        let run = || {
            let mut table = DedupTable::new(4000, "test").unwrap();
            let mut place = 0;
            (0..40_000u64)
                .map(|i| {
                    let unit = (i * i) % 7919 + i / 3;
                    table.reserve(1, place);
                    match table.lookup_or_insert(&hash(unit), place).unwrap() {
                        Lookup::Known(known) => Some(known),
                        Lookup::New => {
                            place += 4096;
                            None
                        }
                    }
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn a_unit_can_move() {
        let mut table = DedupTable::new(100, "test").unwrap();
        table.reserve(1, 0);
        table.lookup_or_insert(&hash(1), 1 << 47).unwrap();
        table.relocate(&hash(1), 4096);
        table.relocate(&hash(2), 8192);
        assert_eq!(
            (table.find(&hash(1)), table.find(&hash(2))),
            (Some(4096), None)
        );
    }

    impl DedupTable {
        /// Bytes of all slots that there are by now.
        fn bytes(&self) -> usize {
            self.shards.iter().map(Shard::bytes).sum()
        }

        /// As large as it gets, from the start.
        fn grown(slots: usize) -> Self {
            let mut table = DedupTable::new(slots, "test").unwrap();
            let (key, count) = (table.key, table.shards.len());
            for shard in &mut table.shards {
                shard
                    .grow(table.shard_max, 0, |hash| locate(hash, key, count).1)
                    .unwrap();
            }
            table
        }
    }

    /// What it was and still is to be: the answers of a table of any size that forgets by count.
    /// Each entry knows where it lies; what is below the floor is not there.
    #[derive(Default)]
    struct Model {
        entries: std::collections::HashMap<u64, Value>,
        marks: VecDeque<Value>,
        inserted: u64,
        forgotten: u64,
        floor: Value,
    }

    impl Model {
        fn look(&mut self, unit: u64, place: Value, visible_max: u64) -> Lookup {
            while self.inserted - self.forgotten + 1 > visible_max {
                self.marks.pop_front();
                self.floor = *self.marks.front().unwrap_or(&place);
                self.forgotten += STEP;
                if self.marks.is_empty() {
                    self.forgotten = self.inserted;
                }
            }
            match self.entries.get(&unit) {
                Some(known) if *known >= self.floor => Lookup::Known(*known),
                _ => {
                    if self.inserted.is_multiple_of(STEP) {
                        self.marks.push_back(place);
                    }
                    self.inserted += 1;
                    self.entries.insert(unit, place);
                    Lookup::New
                }
            }
        }
    }

    #[test]
    fn growing_and_sweeping_in_steps_change_no_answer() {
        for (slots, looks) in [(300, 20_000u64), (4000, 40_000), (50_000, 300_000)] {
            let mut growing = DedupTable::new(slots, "test").unwrap();
            let mut grown = DedupTable::grown(slots);
            let mut model = Model::default();
            let (mut place, mut x, mut known) = (0, 7u64, 0);
            for i in 0..looks {
                x = x
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                // New ones, some of late, some of long ago.
                let unit = match x >> 62 {
                    0 => i - (x >> 33) % (i + 1).min(50),
                    1 => i - (x >> 33) % (i + 1).min(2 * slots as u64),
                    _ => i,
                };
                let expected = model.look(unit, place, growing.visible_max);
                for table in [&mut growing, &mut grown] {
                    table.reserve(1, place);
                    let got = table.lookup_or_insert(&hash(unit), place).unwrap();
                    assert_eq!(got, expected, "look {i} of {slots} slots");
                }
                match expected {
                    Lookup::New => place += 4096,
                    Lookup::Known(_) => known += 1,
                }
                // A unit moves when the pool closes, to behind where it was.
                if i % 5 == 0
                    && model
                        .entries
                        .get(&unit)
                        .is_some_and(|at| *at >= model.floor)
                {
                    let to = place;
                    place += 4096;
                    model.entries.insert(unit, to);
                    growing.relocate(&hash(unit), to);
                    grown.relocate(&hash(unit), to);
                }
            }
            assert!(growing.has_forgotten() && known > looks / 10);
            assert_eq!(growing.bytes(), grown.bytes());
        }
    }

    #[test]
    fn it_takes_what_its_entries_take() {
        // As for 1 TB with the default memory: 65,536 units are 256 MiB.
        let mut table = DedupTable::new(6_000_000, "test").unwrap();
        for i in 0..65_536 {
            table.reserve(1, i * 4096);
            table.lookup_or_insert(&hash(i), i * 4096).unwrap();
        }
        assert!(table.bytes() <= 65_536 * SLOT * 3, "{}", table.bytes());
        assert!(memory(6_000_000) > 40 * table.bytes());
    }
}
