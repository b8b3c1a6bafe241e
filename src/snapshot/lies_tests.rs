//! Snapshots whose maker lies, at random: each number of root page, leaves and nodes may be another
//! one, and all hashes and tags are right. Nothing panics, the work is bounded, and what a check lets
//! pass is readable everywhere.

use std::cell::Cell;

use super::testing::{Counted, Draft, Leaves, open_encrypted, options};
use super::{Snapshot, VerifyReport};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::format::{Codec, NodePage, ParentPlace, Pointer, RootPage, Target, TreeKind};

/// Drafts, each plain and encrypted. HEXZ_TEST_CASES for more.
const CASES: u64 = 300;

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
struct Random(Cell<u64>);

impl Random {
    fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut z = self.0.get();
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// A number that might be in the place of `v`.
    fn odd(&self, v: u64) -> u64 {
        let edges = [
            0,
            1,
            v.wrapping_add(1),
            v.wrapping_sub(1),
            v.wrapping_mul(2),
            v / 2,
            v ^ 1 << self.below(64),
            v.wrapping_add(4096),
            v.wrapping_sub(4096),
            1023,
            1 << self.below(64),
            u64::MAX >> self.below(64),
            1 << 47,
            i64::MAX as u64 & !4095,
            u64::MAX - 4095,
        ];
        edges[self.below(edges.len())]
    }

    fn u64(&self, v: &mut u64) {
        *v = self.odd(*v);
    }

    fn u32(&self, v: &mut u32) {
        *v = self.odd((*v).into()) as u32;
    }

    fn pick<'a, T>(&self, of: &'a mut [T]) -> Option<&'a mut T> {
        let i = self.below(of.len());
        of.get_mut(i)
    }
}

fn lie_in_pointer(r: &Random, pointer: &mut Pointer) {
    match r.below(4) {
        0 => r.u64(&mut pointer.offset),
        1 => r.u32(&mut pointer.stored_len),
        2 => r.u32(&mut pointer.decoded_len),
        _ => pointer.codec = [Codec::Stored, Codec::Zstd][r.below(2)],
    }
}

fn lie_in_root(r: &Random, root: &mut RootPage) {
    match r.below(12) {
        0 => r.u32(&mut root.block_size),
        1 => r.u32(&mut root.cdc[r.below(3)]),
        2 => root.cdc = [0; 3],
        3 => r.u64(&mut root.data_size),
        4 => r.u64(&mut root.blocks),
        5 => r.u64(&mut root.units),
        6 => r.u64(&mut root.stored_size),
        7 => r.u32(&mut root.trees[r.below(3)].height),
        8 => {
            if let Some(top) = &mut root.trees[r.below(3)].top {
                lie_in_pointer(r, top);
            }
        }
        9 => {
            if let Some(dictionary) = &mut root.dictionary {
                lie_in_pointer(r, dictionary);
            }
        }
        10 => {
            let other = root.trees[r.below(3)];
            root.trees[r.below(3)] = other;
        }
        _ => {
            if let Some(stream) = r.pick(&mut root.streams) {
                // Often one that still adds up.
                let size = r.odd(stream.size);
                let data = stream.data_size.min(size);
                (stream.size, stream.data_size, stream.zero_size) = (size, data, size - data);
                if r.below(3) == 0 {
                    r.u64(&mut stream.stored_size);
                }
            }
        }
    }
}

fn lie_in_leaves(r: &Random, leaves: &mut Leaves) {
    match r.below(3) {
        0 => {
            let Some(page) = r.pick(&mut leaves.extents) else {
                return;
            };
            match r.below(5) {
                0 => r.u64(&mut page.key.at),
                1 => r.u32(&mut page.key.stream),
                2 => page.entries.truncate(1 + r.below(page.entries.len())),
                3 => page.entries.extend_from_within(..),
                _ => {
                    let Some(entry) = r.pick(&mut page.entries) else {
                        return;
                    };
                    match (&mut entry.target, r.below(4)) {
                        (_, 0) => r.u64(&mut entry.len),
                        (Target::Data(at), 1) => r.u64(at),
                        (target, 2) => {
                            let (ancestor, stream) = (r.next() as u16, r.next() as u16);
                            let at = r.next() >> r.below(64);
                            *target = Target::Parent(ParentPlace {
                                ancestor,
                                stream,
                                at,
                            });
                        }
                        (target, _) => *target = Target::Data(r.odd(4096)),
                    }
                }
            }
        }
        1 => {
            let Some((page, bodies)) = r.pick(&mut leaves.blocks) else {
                return;
            };
            match r.below(5) {
                0 => r.u64(&mut page.at),
                1 => r.u64(&mut page.base),
                2 => page.entries.truncate(1 + r.below(page.entries.len())),
                3 => bodies.truncate(r.below(bodies.len())),
                _ => {
                    let Some(entry) = r.pick(&mut page.entries) else {
                        return;
                    };
                    match r.below(3) {
                        0 => r.u32(&mut entry.stored_len),
                        1 => r.u32(&mut entry.decoded_len),
                        _ => {
                            let codecs = [
                                Codec::Stored,
                                Codec::Lz4,
                                Codec::Zstd,
                                Codec::ZstdDictionary,
                            ];
                            entry.codec = codecs[r.below(4)];
                        }
                    }
                }
            }
        }
        _ => {
            let Some(page) = r.pick(&mut leaves.units) else {
                return;
            };
            match r.below(4) {
                0 => r.u64(&mut page.at),
                1 | 2 => {
                    let left = 1 + r.below(page.hashes.len());
                    page.hashes.truncate(left);
                    page.lens.truncate(left);
                }
                _ => {
                    if let Some(len) = r.pick(&mut page.lens) {
                        r.u32(len);
                    }
                }
            }
        }
    }
}

fn lie_in_node(r: &Random, node: &mut NodePage) {
    match r.below(5) {
        0 => node.level = r.odd(node.level.into()) as u8,
        1 => node.children.truncate(1 + r.below(node.children.len())),
        2 => node.children.reverse(),
        _ => {
            let first = node.children.first().map(|child| child.pointer);
            if let Some(child) = r.pick(&mut node.children) {
                match r.below(4) {
                    0 => r.u64(&mut child.key.at),
                    1 => r.u32(&mut child.key.stream),
                    2 => child.pointer = first.unwrap_or(child.pointer),
                    _ => lie_in_pointer(r, &mut child.pointer),
                }
            }
        }
    }
}

/// A draft with one to three lies.
fn draft(seed: u64) -> Draft {
    let r = Random(Cell::new(seed));
    let mut draft = match r.below(5) {
        0 => Draft::ragged(3000),
        1 => Draft::of_blocks(40, 8192),
        2 => Draft::of_blocks(5, 65536).chunked(5000),
        3 => Draft::of_blocks(0, 4096),
        _ => Draft::sample(),
    };
    for _ in 0..1 + r.below(3) {
        let (mine, chance) = (Random(Cell::new(r.next())), r.below(4) as u64);
        match r.below(3) {
            0 => draft.alter_root = Box::new(move |root: &mut RootPage| lie_in_root(&mine, root)),
            1 => {
                draft.alter_leaves =
                    Box::new(move |leaves: &mut Leaves| lie_in_leaves(&mine, leaves));
            }
            _ => {
                draft.alter_node = Box::new(move |node: &mut (TreeKind, NodePage)| {
                    if mine.next() % (chance + 1) == 0 {
                        lie_in_node(&mine, &mut node.1);
                    }
                });
            }
        }
    }
    draft
}

/// Everything that one can do with it; whether all of it went well.
fn use_all(snapshot: &Snapshot) -> (bool, Result<()>) {
    let mut fine = true;
    for stream in 0..snapshot.info().stream_count {
        let size = snapshot.streams()[stream as usize].size;
        for at in [0, 1, 4095, size / 2, size.saturating_sub(5000)] {
            let mut buf = vec![0xaa; size.saturating_sub(at).min(20_000) as usize];
            let read = snapshot.read(stream, at.min(size), &mut buf);
            assert!(read.is_ok() || buf.iter().all(|byte| *byte == 0 || *byte == 0xaa));
            fine &= read.is_ok() || at > size;
            if at < size {
                fine &= snapshot.extent(stream, at).is_ok();
            }
        }
    }
    let mut report = VerifyReport::default();
    let checked = snapshot.verify(2, &mut Control::new(None, None), &mut report);
    (fine, checked)
}

#[test]
fn a_liar_makes_nobody_panic_or_work_for_long() {
    let cases = std::env::var("HEXZ_TEST_CASES").map_or(CASES, |n| n.parse().unwrap());
    let (mut opened, mut passed) = (0, 0);
    for seed in 0..cases {
        let draft = draft(seed);
        for encrypted in [false, true] {
            let about = format!("seed {seed}, encrypted: {encrypted}");
            let (bytes, snapshot, counts);
            if encrypted {
                bytes = draft.encrypt();
                let (storage, other) = Counted::new(bytes);
                (snapshot, counts) = (open_encrypted(storage), other);
            } else {
                bytes = draft.seal();
                let (storage, other) = Counted::new(bytes);
                snapshot = Snapshot::from_storage(Box::new(storage), &options(0), None);
                counts = other;
            }
            let snapshot = match snapshot {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    assert!(matches!(error, Error::Corrupt { .. }), "{about}: {error}");
                    continue;
                }
            };
            opened += 1;
            let (fine, checked) = use_all(&snapshot);
            let (reads, read) = counts.get();
            assert!(
                reads < 5000 && read < 32 << 20,
                "{about}: {reads} reads, {read} bytes"
            );
            match checked {
                Ok(()) => {
                    passed += 1;
                    assert!(fine, "{about}: passes, and is not readable");
                }
                Err(error) => {
                    assert!(matches!(error, Error::Corrupt { .. }), "{about}: {error}");
                }
            }
        }
    }
    // Most lies are found late, and some are none.
    assert!(
        opened > cases / 4 && passed > cases / 50,
        "{opened} opened, {passed} passed"
    );
}
