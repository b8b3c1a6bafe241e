//! The deduplication table: hash of a unit to the place where its bytes are.
//!
//! Its memory is bounded: when it is full, the oldest entries are forgotten. What is forgotten
//! depends on the order of insertion only, never on where entries happen to lie, so that the
//! random key of the table does not show in a snapshot.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::VecDeque;
use std::ptr::NonNull;

use crate::crypto::random;
use crate::error::{Error, Result};
use crate::format::UnitHash;

/// Where a unit's bytes are. Less than 2^48.
pub type Place = u64;

const SLOT: usize = 22;
/// A mark is kept for each so many insertions, and forgetting goes in such steps.
const STEP: u64 = 1024;

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
/// Share of the slots in use at which forgotten entries are swept out.
const SWEEP_PERCENT: usize = 85;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The unit is known and lies there.
    Known(Place),
    /// The unit was new and is known now; the slot is good until the next sweep.
    New(usize),
}

/// See the module.
pub struct DedupTable {
    slots: Slots,
    used: usize,
    key: (u64, u64),
    visible_max: u64,
    inserted: u64,
    forgotten: u64,
    /// Where data space ended at every [`STEP`]th insertion, oldest first: what was inserted later
    /// lies behind it.
    marks: VecDeque<Place>,
    /// What lies below is forgotten.
    floor: Place,
    /// Data space at the last [`DedupTable::reserve`].
    data_end: Place,
}

impl DedupTable {
    /// A table in that many slots. `operand` is what the build is named in errors.
    pub fn new(slots: usize, operand: &str) -> Result<Self> {
        let slots = slots.max(16);
        let mut key = [0; 16];
        // A guest that writes the image could else choose units that fall into one slot.
        random(&mut key, operand)?;
        let (a, b) = halves(&key);
        Ok(DedupTable {
            slots: Slots::new(slots)?,
            used: 0,
            key: (a, b),
            visible_max: slots as u64 * VISIBLE_PERCENT / 100,
            inserted: 0,
            forgotten: 0,
            marks: VecDeque::new(),
            floor: 0,
            data_end: 0,
        })
    }

    /// Whether anything was forgotten yet.
    pub fn has_forgotten(&self) -> bool {
        self.floor > 0
    }

    /// Makes room for `n` insertions, so that slots stay good for as many. `data_end` is where
    /// data space ends now: what is inserted from here on will lie behind it.
    pub fn reserve(&mut self, n: usize, data_end: Place) {
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
        if self.used + n > self.slots.count * SWEEP_PERCENT / 100 {
            self.sweep();
        }
    }

    /// Looks a unit up, and inserts it at `place` if it is not known.
    pub fn lookup_or_insert(&mut self, hash: &UnitHash, place: Place) -> Lookup {
        let (at, found) = self.probe(hash);
        match found {
            Some(known) if known >= self.floor => return Lookup::Known(known),
            Some(_) => {}
            // `reserve` keeps it from getting full; if it were, this unit would not be remembered.
            None if self.used + 1 >= self.slots.count => return Lookup::New(usize::MAX),
            None => self.used += 1,
        }
        if self.inserted.is_multiple_of(STEP) {
            self.marks.push_back(self.data_end);
        }
        self.inserted += 1;
        self.slots.put(at, hash, place);
        Lookup::New(at)
    }

    /// Where a unit lies, if it is known.
    pub fn find(&self, hash: &UnitHash) -> Option<Place> {
        self.probe(hash).1.filter(|place| *place >= self.floor)
    }

    /// Moves the unit in a slot that [`Lookup::New`] gave.
    pub fn set(&mut self, slot: usize, place: Place) {
        if slot < self.slots.count {
            self.slots.set_place(slot, place);
        }
    }

    /// Moves a unit that is known.
    pub fn relocate(&mut self, hash: &UnitHash, place: Place) {
        if let (at, Some(_)) = self.probe(hash) {
            self.slots.set_place(at, place);
        }
    }

    /// The slot of a hash, and what is there; else the empty slot where it would go.
    fn probe(&self, hash: &UnitHash) -> (usize, Option<Place>) {
        let mut at = self.home(hash);
        for _ in 0..self.slots.count {
            match self.slots.get(at) {
                None => return (at, None),
                Some((h, place)) if h == hash => return (at, Some(place)),
                Some(_) => at = self.next(at),
            }
        }
        (at, None)
    }

    fn home(&self, hash: &UnitHash) -> usize {
        let (a, b) = halves(hash);
        let product = u128::from(a ^ self.key.0) * u128::from(b ^ self.key.1);
        let mixed = (product >> 64) as u64 ^ product as u64;
        ((u128::from(mixed) * self.slots.count as u128) >> 64) as usize
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 == self.slots.count {
            0
        } else {
            at + 1
        }
    }

    /// Takes forgotten entries out, in place: beginning behind an empty slot, every entry is
    /// taken and put back, which moves it towards its home and never past what is still to come.
    fn sweep(&mut self) {
        let Some(start) = (0..self.slots.count).find(|at| self.slots.get(*at).is_none()) else {
            return;
        };
        let mut at = start;
        self.used = 0;
        for _ in 0..self.slots.count {
            at = self.next(at);
            let Some((hash, place)) = self.slots.get(at).map(|(h, p)| (*h, p)) else {
                continue;
            };
            self.slots.clear(at);
            if place >= self.floor {
                let (home, _) = self.probe(&hash);
                self.slots.put(home, &hash, place);
                self.used += 1;
            }
        }
    }
}

fn halves(bytes: &[u8; 16]) -> (u64, u64) {
    let v = u128::from_le_bytes(*bytes);
    (v as u64, (v >> 64) as u64)
}

/// Slots of 16 bytes of hash and 6 of place + 1; a slot of zeros is empty.
///
/// From the system's zeroed memory, so that a table for a large sparse source costs only the
/// pages that it touches, and a failed allocation is an error.
struct Slots {
    bytes: NonNull<[u8; SLOT]>,
    count: usize,
}

// SAFETY: it owns its memory alone, as a Box would.
unsafe impl Send for Slots {}

impl Slots {
    fn new(count: usize) -> Result<Self> {
        let no_memory = || Error::NoMemory {
            what: "the deduplication table",
            bytes: count.saturating_mul(SLOT),
        };
        let layout = Layout::array::<[u8; SLOT]>(count).map_err(|_| no_memory())?;
        // SAFETY: the layout is not empty, since the table has 16 slots at least.
        let bytes = unsafe { alloc_zeroed(layout) };
        let bytes = NonNull::new(bytes.cast()).ok_or_else(no_memory)?;
        Ok(Slots { bytes, count })
    }

    fn slot(&self, at: usize) -> &[u8; SLOT] {
        assert!(at < self.count);
        // SAFETY: within the allocation, which is initialised to zeros.
        unsafe { self.bytes.add(at).as_ref() }
    }

    fn slot_mut(&mut self, at: usize) -> &mut [u8; SLOT] {
        assert!(at < self.count);
        // SAFETY: as in `slot`, and `self` is borrowed exclusively.
        unsafe { self.bytes.add(at).as_mut() }
    }

    fn get(&self, at: usize) -> Option<(&UnitHash, Place)> {
        let (hash, place) = self.slot(at).split_first_chunk::<16>()?;
        let mut wide = [0; 8];
        wide[..6].copy_from_slice(place);
        let place = u64::from_le_bytes(wide).checked_sub(1)?;
        Some((hash, place))
    }

    fn put(&mut self, at: usize, hash: &UnitHash, place: Place) {
        self.slot_mut(at)[..16].copy_from_slice(hash);
        self.set_place(at, place);
    }

    fn set_place(&mut self, at: usize, place: Place) {
        self.slot_mut(at)[16..].copy_from_slice(&(place + 1).to_le_bytes()[..6]);
    }

    fn clear(&mut self, at: usize) {
        *self.slot_mut(at) = [0; SLOT];
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        if let Ok(layout) = Layout::array::<[u8; SLOT]>(self.count) {
            // SAFETY: allocated in `new` with this very layout.
            unsafe { dealloc(self.bytes.as_ptr().cast(), layout) };
        }
    }
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
            let Lookup::New(slot) = table.lookup_or_insert(&hash(i), 1 << 47) else {
                panic!("{i} was never inserted");
            };
            table.set(slot, i * 4096);
            for back in [1, entries / 2, entries - 2 * STEP] {
                if let Some(old) = i.checked_sub(back) {
                    assert_eq!(table.find(&hash(old)), Some(old * 4096), "{i} - {back}");
                }
            }
        }
        assert!(table.has_forgotten());
        assert_eq!(table.find(&hash(1)), None);
        table.reserve(1, 5 * entries * 4096);
        assert!(matches!(
            table.lookup_or_insert(&hash(1), 7 << 40),
            Lookup::New(_)
        ));
        assert_eq!(table.lookup_or_insert(&hash(1), 9), Lookup::Known(7 << 40));
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
                    match table.lookup_or_insert(&hash(unit), place) {
                        Lookup::Known(known) => Some(known),
                        Lookup::New(_) => {
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
        table.lookup_or_insert(&hash(1), 1 << 47);
        table.relocate(&hash(1), 4096);
        table.relocate(&hash(2), 8192);
        assert_eq!(
            (table.find(&hash(1)), table.find(&hash(2))),
            (Some(4096), None)
        );
    }
}
