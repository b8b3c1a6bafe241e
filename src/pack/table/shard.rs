//! One part of the table: open addressing in memory that grows with what it holds.

use super::Value;
use crate::error::{Result, try_reserve};
use crate::format::UnitHash;

/// Bytes of a slot: 16 of hash, 6 of place + 1; a slot of zeros is empty.
pub const SLOT: usize = 22;
/// Share of the slots in use from which on there is no room: probing gets long.
const TIGHT_PERCENT: usize = 85;
/// Times that a shard doubles.
const DOUBLINGS: u32 = 8;
/// Slots of the smallest shard that there is.
const SLOTS_MIN: usize = 16;

/// Where a hash would best lie, as a share of the slots in units of 2^-64.
pub type Home = u64;

/// See the module.
#[derive(Default)]
pub struct Shard {
    slots: Vec<[u8; SLOT]>,
    used: usize,
    /// What lay below was taken out.
    floor: Value,
}

impl Shard {
    /// The slot of a hash, and what is there; else the empty slot where it would go.
    pub fn probe(&self, hash: &UnitHash, home: Home) -> (usize, Option<Value>) {
        let mut at = self.first(home);
        for _ in 0..self.slots.len() {
            match self.get(at) {
                None => return (at, None),
                Some((h, place)) if h == hash => return (at, Some(place)),
                Some(_) => at = self.next(at),
            }
        }
        (at, None)
    }

    /// Whether one more can be taken without probing getting long.
    pub fn has_room(&self) -> bool {
        self.used < self.slots.len() * TIGHT_PERCENT / 100
    }

    /// Whether one more can be taken at all: a slot stays empty, where probing ends.
    pub fn is_full(&self) -> bool {
        self.used + 1 >= self.slots.len()
    }

    /// Puts a new one into the empty slot that probing gave.
    pub fn insert(&mut self, at: usize, hash: &UnitHash, place: Value) {
        self.used += 1;
        self.put(at, hash, place);
    }

    /// Overwrites the slot that probing gave.
    pub fn put(&mut self, at: usize, hash: &UnitHash, place: Value) {
        if let Some(slot) = self.slots.get_mut(at) {
            slot[..16].copy_from_slice(hash);
            slot[16..].copy_from_slice(&(place + 1).to_le_bytes()[..6]);
        }
    }

    /// Makes room: doubles up to `max` slots, and then takes out what lies below `floor`. Either
    /// goes over these slots once, and forgets nothing that is not below `floor`.
    pub fn make_room(
        &mut self,
        max: usize,
        floor: Value,
        home_of: impl Fn(&UnitHash) -> Home,
    ) -> Result<()> {
        if self.slots.len() < max {
            let least = max.div_ceil(1 << DOUBLINGS).max(SLOTS_MIN);
            self.grow((self.slots.len() * 2).max(least).min(max), floor, home_of)
        } else {
            if self.floor < floor {
                self.sweep(floor, home_of);
            }
            Ok(())
        }
    }

    /// Moves to so many slots.
    pub fn grow(
        &mut self,
        count: usize,
        floor: Value,
        home_of: impl Fn(&UnitHash) -> Home,
    ) -> Result<()> {
        let mut grown = Shard {
            floor,
            ..Shard::default()
        };
        try_reserve(&mut grown.slots, count, "the deduplication table")?;
        grown.slots.resize(count, [0; SLOT]);
        for (hash, place) in (0..self.slots.len()).filter_map(|at| self.get(at)) {
            if place >= floor {
                let (at, _) = grown.probe(hash, home_of(hash));
                grown.insert(at, hash, place);
            }
        }
        *self = grown;
        Ok(())
    }

    /// Takes forgotten entries out, in place: beginning behind an empty slot, every entry is
    /// taken and put back, which moves it towards its home and never past what is still to come.
    fn sweep(&mut self, floor: Value, home_of: impl Fn(&UnitHash) -> Home) {
        let Some(start) = (0..self.slots.len()).find(|at| self.get(*at).is_none()) else {
            return;
        };
        let mut at = start;
        self.used = 0;
        for _ in 0..self.slots.len() {
            at = self.next(at);
            let Some((hash, place)) = self.get(at).map(|(h, p)| (*h, p)) else {
                continue;
            };
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = [0; SLOT];
            }
            if place >= floor {
                let (to, _) = self.probe(&hash, home_of(&hash));
                self.insert(to, &hash, place);
            }
        }
        self.floor = floor;
    }

    /// Bytes of its slots.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * SLOT
    }

    fn first(&self, home: Home) -> usize {
        ((u128::from(home) * self.slots.len() as u128) >> 64) as usize
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() {
            0
        } else {
            at + 1
        }
    }

    fn get(&self, at: usize) -> Option<(&UnitHash, Value)> {
        let (hash, place) = self.slots.get(at)?.split_first_chunk::<16>()?;
        let mut wide = [0; 8];
        wide[..6].copy_from_slice(place);
        let place = u64::from_le_bytes(wide).checked_sub(1)?;
        Some((hash, place))
    }
}
