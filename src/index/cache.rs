//! A bounded cache in shards, so that threads seldom meet at one lock.
//!
//! Replacement is second chance (Corbato, "A Paging Experiment with the Multics System", 1968):
//! a hit only sets a flag, so that it costs a look-up and no reordering.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS_MAX: usize = 16;
/// A shard holds at least this many values of the largest size, or hits would depend on luck.
const SHARD_VALUES_MIN: usize = 4;
/// What a slot, its place in the map and the value's own head take.
const OVERHEAD: usize = 128;

/// Values of one file by offset, weighed in bytes, in a cache that files may have together. Values
/// are shared: one that falls out lives on until its last reader is done with it.
pub(crate) struct Cache<V> {
    shared: Arc<Shared<V>>,
    /// Tells this file's values from those of others.
    file: u32,
}

struct Shared<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    shard_capacity: usize,
    files: AtomicU32,
}

/// What a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    file: u32,
    at: u64,
}

struct Shard<V> {
    places: HashMap<Key, usize>,
    slots: Vec<Slot<V>>,
    hand: usize,
    weight: usize,
}

struct Slot<V> {
    key: Key,
    value: Arc<V>,
    weight: usize,
    used: bool,
}

impl<V> Cache<V> {
    /// Holds at most `capacity` bytes of values that are mostly no larger than `value_max`.
    pub fn new(capacity: usize, value_max: usize) -> Self {
        let value_max = value_max.saturating_add(OVERHEAD);
        let count = (capacity / SHARD_VALUES_MIN / value_max).clamp(1, SHARDS_MAX);
        let shard = || {
            Mutex::new(Shard {
                places: HashMap::new(),
                slots: Vec::new(),
                hand: 0,
                weight: 0,
            })
        };
        Cache {
            shared: Arc::new(Shared {
                shards: (0..count).map(|_| shard()).collect(),
                shard_capacity: capacity / count,
                files: AtomicU32::new(1),
            }),
            file: 0,
        }
    }

    /// The place of one more file in the same cache: it holds no more than before.
    pub fn beside(&self) -> Self {
        Cache {
            file: self.shared.files.fetch_add(1, Ordering::Relaxed),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The value of that key, if it is here.
    pub fn get(&self, at: u64) -> Option<Arc<V>> {
        let key = self.key(at);
        let mut shard = self.shard(key)?;
        let place = *shard.places.get(&key)?;
        let slot = shard.slots.get_mut(place)?;
        slot.used = true;
        Some(Arc::clone(&slot.value))
    }

    /// Keeps a value of `weight` bytes. Gives back what fell out for it (one of several), or the
    /// value itself if it is too large to be kept, so that its memory can be used again.
    pub fn insert(&self, at: u64, value: Arc<V>, weight: usize) -> Option<Arc<V>> {
        let key = self.key(at);
        let weight = weight.saturating_add(OVERHEAD);
        if weight > self.shared.shard_capacity {
            return Some(value);
        }
        let mut shard = self.shard(key)?;
        let mut fallen = shard
            .places
            .get(&key)
            .copied()
            .and_then(|place| shard.remove(place));
        while shard.weight + weight > self.shared.shard_capacity {
            fallen = Some(shard.evict()?);
        }
        // Without memory to keep it by, it is not kept.
        if shard.slots.try_reserve(1).is_err() || shard.places.try_reserve(1).is_err() {
            return Some(value);
        }
        let place = shard.slots.len();
        shard.places.insert(key, place);
        shard.slots.push(Slot {
            key,
            value,
            weight,
            used: false,
        });
        shard.weight += weight;
        fallen
    }

    fn key(&self, at: u64) -> Key {
        Key {
            file: self.file,
            at,
        }
    }

    fn shard(&self, key: Key) -> Option<MutexGuard<'_, Shard<V>>> {
        let shards = &self.shared.shards;
        // Fibonacci hashing (Knuth, TAOCP 6.4): offsets are mostly multiples of powers of two.
        let mixed = key
            .at
            .wrapping_add(key.file.into())
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            >> 32;
        let shard = shards.get(mixed as usize % shards.len())?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub fn weight(&self) -> usize {
        let shards = self.shared.shards.iter();
        shards.map(|s| s.lock().unwrap().weight).sum()
    }
}

impl<V> Shard<V> {
    /// Drops a value that was not used since the hand last passed it.
    fn evict(&mut self) -> Option<Arc<V>> {
        loop {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let slot = self.slots.get_mut(self.hand)?;
            if !std::mem::take(&mut slot.used) {
                return self.remove(self.hand);
            }
            self.hand += 1;
        }
    }

    fn remove(&mut self, place: usize) -> Option<Arc<V>> {
        if place >= self.slots.len() {
            return None;
        }
        let slot = self.slots.swap_remove(place);
        self.places.remove(&slot.key);
        if let Some(moved) = self.slots.get(place) {
            self.places.insert(moved.key, place);
        }
        self.weight -= slot.weight;
        Some(slot.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_heavier_than_its_capacity() {
        for (capacity, value) in [(0, 100), (100, 100), (10_000, 100), (1 << 20, 4000)] {
            let cache = Cache::new(capacity, value);
            for key in 0..2000u64 {
                cache.insert(key * 4096, Arc::new(key), value);
                assert!(cache.weight() <= capacity, "{capacity} {key}");
            }
            let kept = (0..2000u64)
                .filter(|key| cache.get(key * 4096).is_some())
                .count();
            let fits = capacity / (value + OVERHEAD);
            assert!(
                kept <= fits && kept >= fits * 9 / 10,
                "{capacity}: {kept} of {fits}"
            );
        }
    }

    #[test]
    fn what_is_too_large_comes_back() {
        let cache = Cache::new(1000, 100);
        let value = Arc::new(7);
        assert_eq!(cache.insert(0, Arc::clone(&value), 1000), Some(value));
        assert!(cache.get(0).is_none());
    }

    #[test]
    fn what_is_used_stays() {
        let cache = Cache::new(10 * (100 + OVERHEAD), 1 << 20);
        for key in 0..1000u64 {
            cache.insert(key, Arc::new(key), 100);
            assert_eq!(cache.get(0).as_deref(), Some(&0), "after {key}");
        }
        assert_eq!(cache.get(1), None);
    }

    #[test]
    fn a_key_has_one_value_and_frees_what_it_replaces() {
        let cache = Cache::new(10_000, 100);
        for round in 0..100 {
            let fallen = cache.insert(5, Arc::new(round), 100);
            assert_eq!(fallen.as_deref().copied(), (round > 0).then(|| round - 1));
            assert_eq!(cache.weight(), 100 + OVERHEAD);
        }
        assert_eq!(cache.get(5).as_deref(), Some(&99));
    }

    #[test]
    fn files_share_its_bytes_and_not_their_values() {
        let first = Cache::new(10_000, 100);
        let second = first.beside();
        let third = second.beside();
        for (i, cache) in [&first, &second, &third].into_iter().enumerate() {
            assert!(cache.get(4096).is_none());
            cache.insert(4096, Arc::new(i), 100);
        }
        for (i, cache) in [&first, &second, &third].into_iter().enumerate() {
            assert_eq!(cache.get(4096).as_deref(), Some(&i));
            assert_eq!(cache.weight(), 3 * (100 + OVERHEAD));
        }
        for key in 0..1000 {
            second.insert(key, Arc::new(7), 100);
            assert!(first.weight() <= 10_000);
        }
    }

    #[test]
    fn threads_share_it() {
        let cache = Cache::new(64 * (100 + OVERHEAD), 100);
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let cache = &cache;
                scope.spawn(move || {
                    for i in 0..20_000u64 {
                        let key = (i * 7 + thread) % 200;
                        match cache.get(key) {
                            Some(value) => assert_eq!(*value, key),
                            None => drop(cache.insert(key, Arc::new(key), 100)),
                        }
                    }
                });
            }
        });
        assert!(cache.weight() <= 64 * (100 + OVERHEAD));
    }
}
