//! Any extents in any order against a model of pages.

use super::*;
use crate::sink::SpillFolder;

const PAGE: u64 = PAGE_4K as u64;
const PAGES: usize = 200;

/// Numbers from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn folder() -> SpillFolder {
    SpillFolder::open(&std::env::temp_dir()).unwrap()
}

/// What each page of two streams is, and which units are used of how many blocks of four.
fn play(seed: u64, sealed: bool, extents: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut map = Anywhere::new(16, Spill::new(Some(folder()), sealed));
    let mut model = vec![[None; PAGES]; 2];
    let mut data = 0;
    for _ in 0..extents {
        let stream = dice.roll(2);
        let at = dice.roll(PAGES as u64);
        let len = 1 + dice.roll((PAGES as u64 - at).min(30));
        let target = match dice.roll(4) {
            0 => Target::Zero,
            1 => Target::Parent(crate::format::ParentPlace {
                ancestor: dice.roll(3) as u16,
                stream: dice.roll(3) as u16,
                at: dice.roll(1000) * PAGE,
            }),
            2 if data > 0 => Target::Data(dice.roll(data) * PAGE),
            _ => Target::Data(data * PAGE),
        };
        if let Target::Data(place) = target {
            data = data.max(place / PAGE + len);
        }
        let extent = StreamExtent {
            stream: stream as u32,
            at: at * PAGE,
            len: len * PAGE,
            target,
        };
        map.extent(&extent).unwrap();
        for page in 0..len {
            model[stream as usize][(at + page) as usize] = Some(target.skip(page * PAGE));
        }
    }
    let mut found = vec![[None; PAGES]; 2];
    let mut all = map.merged().unwrap();
    let mut last = (0, 0);
    while let Some(extent) = all.next().unwrap() {
        assert!((extent.stream, extent.at) >= last && extent.len > 0);
        last = (extent.stream, extent.at + extent.len);
        for page in 0..extent.len / PAGE {
            let at = (extent.at / PAGE + page) as usize;
            found[extent.stream as usize][at] = Some(extent.target.skip(page * PAGE));
        }
    }
    assert!(found == model, "seed {seed}");
    let blocks = data.div_ceil(4);
    for block in 0..blocks {
        map.block(4 * PAGE_4K as u32, 1000 + block as u32).unwrap();
    }
    let mut used = vec![false; 4 * blocks as usize];
    for target in model.iter().flatten().flatten() {
        if let Target::Data(place) = target {
            used[(place / PAGE) as usize] = true;
        }
    }
    let blocks = used.chunks(4).enumerate();
    let dead = blocks.map(|(block, units)| {
        (1000 + block as u64) * units.iter().filter(|used| !**used).count() as u64 / 4
    });
    assert_eq!(map.dead().unwrap(), dead.sum::<u64>(), "seed {seed}");
}

#[test]
fn the_last_extent_of_a_place_wins_whatever_was_spilled() {
    for seed in 0..400 {
        play(seed, false, 10);
        play(seed, false, 300);
    }
    for seed in 0..20 {
        play(seed, true, 300);
        // Merged runs of merged runs.
        play(seed, false, 6000);
    }
}

#[test]
fn what_is_in_order_is_joined() {
    let mut map = Anywhere::new(16, Spill::new(None, false));
    for page in 0..100_000 {
        let extent = StreamExtent {
            stream: 0,
            at: page * PAGE,
            len: PAGE,
            target: Target::Data(page * PAGE),
        };
        map.extent(&extent).unwrap();
    }
    assert_eq!(map.recent.len(), 1);
}
