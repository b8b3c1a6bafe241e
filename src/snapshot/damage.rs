//! Damage as it is found, in any order and in bounded memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Result, try_push};
use crate::format::{PageKey, Target};
use crate::index::page::LeafExtent;

/// Ranges of data space kept at most; more are placed in their streams at once and forgotten.
const RANGES_MAX: usize = 64 << 10;

/// A damaged range of data space, from its first byte to behind its last.
pub(super) type BadRange = (u64, u64);

/// All damage of one check.
#[derive(Default)]
pub(super) struct Damage(Mutex<Found>);

/// What is known of the damage.
#[derive(Default)]
pub(super) struct Found {
    pub blocks_bad: u64,
    /// Whether pages of blocks are bad, so that nobody knows how many blocks they held.
    pub blocks_lost: bool,
    /// Ranges that are not placed yet.
    pub ranges: Vec<BadRange>,
    /// The first damaged place of a stream, as far as known.
    pub place: Option<PageKey>,
    /// What is wrong, with where it is in data space: the first is told.
    pub why: Option<(u64, String)>,
}

impl Damage {
    /// Notes a bad range. Gives all ranges back once there are too many: the caller finds their
    /// first place and tells it to [`Damage::place`].
    pub fn range(
        &self,
        range: BadRange,
        why: String,
        count: impl FnOnce(&mut Found),
    ) -> Result<Vec<BadRange>> {
        let mut found = self.lock();
        count(&mut found);
        found.tell(range.0, why);
        match found.ranges.last_mut() {
            Some(last) if last.1 == range.0 => last.1 = range.1,
            _ => try_push(&mut found.ranges, range, "a list of damage")?,
        }
        if found.ranges.len() < RANGES_MAX {
            return Ok(Vec::new());
        }
        merge(&mut found.ranges);
        Ok(match found.ranges.len() < RANGES_MAX / 2 {
            true => Vec::new(),
            false => std::mem::take(&mut found.ranges),
        })
    }

    /// Takes back ranges that are not placed yet, joined by twos with what lies between them: then
    /// what is found to refer to them comes no later than what refers to damage.
    pub fn keep_coarser(&self, mut ranges: Vec<BadRange>) {
        merge(&mut ranges);
        let mut odd = false;
        ranges.dedup_by(|next, kept| {
            odd = !odd;
            if odd {
                kept.1 = next.1;
            }
            odd
        });
        self.lock().ranges.append(&mut ranges);
    }

    /// Notes damage that is in no place of data space.
    pub fn elsewhere(&self, why: String) {
        self.lock().tell(u64::MAX, why);
    }

    /// Notes a damaged place of a stream.
    pub fn place(&self, place: PageKey) {
        let mut found = self.lock();
        found.place = Some(found.place.map_or(place, |known| known.min(place)));
    }

    /// Whether nothing is damaged so far.
    pub fn is_none(&self) -> bool {
        self.lock().why.is_none()
    }

    /// The first damaged place known so far: no later one is worth looking for.
    pub fn known_place(&self) -> Option<PageKey> {
        self.lock().place
    }

    /// The ranges that are not placed yet, sorted.
    pub fn take_ranges(&self) -> Vec<BadRange> {
        let mut ranges = std::mem::take(&mut self.lock().ranges);
        merge(&mut ranges);
        ranges
    }

    pub fn into_found(self) -> Found {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    fn tell(&mut self, at: u64, why: String) {
        if self.why.as_ref().is_none_or(|(known, _)| at < *known) {
            self.why = Some((at, why));
        }
    }
}

/// Sorts ranges and makes one of those that touch.
fn merge(ranges: &mut Vec<BadRange>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let touch = next.0 <= kept.1;
        if touch {
            kept.1 = kept.1.max(next.1);
        }
        touch
    });
}

/// The first offset of a run that refers to one of the ranges, which are sorted.
pub(super) fn first_bad(run: &LeafExtent, ranges: &[BadRange]) -> Option<u64> {
    let Target::Data(at) = run.target else {
        return None;
    };
    let next = ranges.partition_point(|range| range.1 <= at);
    let bad = ranges.get(next)?.0.max(at) - at;
    (bad < run.len).then_some(run.at + bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_ranges_come_back_sorted_and_merged() {
        let damage = Damage::default();
        let mut back = Vec::new();
        let mut given = 0u64;
        while back.is_empty() {
            // From the end to the beginning, every other place.
            let at = (RANGES_MAX as u64 * 2 - given) * 2;
            let count = |found: &mut Found| found.blocks_bad += 1;
            back = damage.range((at, at + 1), format!("{at}"), count).unwrap();
            given += 1;
            assert!(given <= RANGES_MAX as u64);
        }
        assert_eq!(back.len(), RANGES_MAX);
        assert!(back.is_sorted());
        assert!(damage.take_ranges().is_empty());
        let found = damage.into_found();
        assert_eq!(found.blocks_bad, given);
        assert_eq!(found.why.unwrap().0, back[0].0);
    }

    #[test]
    fn coarser_ranges_are_half_as_many_and_leave_nothing_out() {
        for count in [0, 1, 2, 3, 4, 7, 1000] {
            let fine: Vec<BadRange> = (0..count).map(|i| (i * 10, i * 10 + 3)).collect();
            let damage = Damage::default();
            damage.keep_coarser(fine.clone());
            let coarse = damage.take_ranges();
            assert_eq!(coarse.len(), fine.len().div_ceil(2), "{count}");
            let within = |r: &BadRange| coarse.iter().any(|c| c.0 <= r.0 && r.1 <= c.1);
            assert!(fine.iter().all(within), "{coarse:?}");
        }
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let damage = Damage::default();
        for range in [(10, 20), (20, 30), (5, 7), (40, 50), (30, 35), (42, 43)] {
            let back = damage.range(range, String::new(), |_| ()).unwrap();
            assert!(back.is_empty());
        }
        assert_eq!(damage.take_ranges(), [(5, 7), (10, 35), (40, 50)]);
    }

    #[test]
    fn the_first_bad_byte_of_a_run() {
        let ranges = [(100, 200), (300, 400)];
        let run = |at, len| LeafExtent {
            at: 7,
            len,
            target: Target::Data(at),
        };
        for (at, len, bad) in [
            (0, 100, None),
            (0, 101, Some(107)),
            (150, 10, Some(7)),
            (200, 100, None),
            (199, 1, Some(7)),
            (200, 200, Some(107)),
            (400, 1, None),
        ] {
            assert_eq!(first_bad(&run(at, len), &ranges), bad, "{at} {len}");
        }
        let zero = LeafExtent {
            at: 7,
            len: 1000,
            target: Target::Zero,
        };
        assert_eq!(first_bad(&zero, &ranges), None);
    }
}
