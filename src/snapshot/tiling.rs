//! Whether runs tile a range exactly, found in constant memory and in any order.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

/// Collects runs `start..end`, none of them empty.
///
/// They tile `from..to` exactly if and only if their starts and `to` are the same numbers, counted
/// with repetition, as their ends and `from`: take runs as edges between numbers, then each number
/// but the two has as many edges in as out, so that the edges fall into paths from `from` to `to`
/// (Euler), and since edges only lead forward, there is one path and no cycle. The two collections
/// are compared by the sum of a keyed hash (Clarke et al., "Incremental Multiset Hash Functions",
/// ASIACRYPT 2003); the key is drawn when the check begins, so that no file can be made for it.
pub(super) struct Tiling {
    key: RandomState,
    sum: AtomicU64,
}

impl Tiling {
    pub fn new() -> Self {
        Tiling {
            key: RandomState::new(),
            sum: AtomicU64::new(0),
        }
    }

    /// Adds the run of `len` bytes at `start`.
    pub fn add(&self, start: u64, len: u64) {
        let edge = self.edge(start, start.saturating_add(len));
        self.sum.fetch_add(edge, Ordering::Relaxed);
    }

    /// Whether the runs that were added tile `from..to`.
    pub fn tiles(&self, from: u64, to: u64) -> bool {
        self.sum.load(Ordering::Relaxed) == self.edge(from, to)
    }

    fn edge(&self, start: u64, end: u64) -> u64 {
        self.key
            .hash_one(end)
            .wrapping_sub(self.key.hash_one(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles(runs: &[(u64, u64)]) -> bool {
        let tiling = Tiling::new();
        runs.iter()
            .for_each(|(start, len)| tiling.add(*start, *len));
        tiling.tiles(10, 100)
    }

    #[test]
    fn exact_tilings_pass_in_any_order_and_nothing_else_does() {
        assert!(tiles(&[(10, 90)]));
        assert!(tiles(&[(50, 50), (10, 5), (15, 35)]));
        for bad in [
            &[][..],
            &[(10, 89)],
            &[(10, 40), (51, 49)],                     // a gap
            &[(10, 40), (49, 51)],                     // an overlap
            &[(10, 40), (30, 20), (50, 50)],           // an overlap inside
            &[(10, 40), (40, 10), (60, 40)],           // an overlap as long as a gap
            &[(10, 90), (20, 5)],                      // one too many
            &[(10, 90), (10, 90)],                     // one twice
            &[(10, 40), (10, 40), (50, 50), (50, 50)], // all twice
            &[(0, 100)],
            &[(10, 100)],
        ] {
            assert!(!tiles(bad), "{bad:?}");
        }
    }
}
