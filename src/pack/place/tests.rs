//! Packs in memory and puts together again.

use super::super::hash::hash_segment;
use std::sync::Arc;

use super::super::map::WAITING_MAX;
use super::super::segment::BufferPool;
use super::known::RUN_UNITS;
use super::*;
use crate::format::{PAGE_4K, Target};

const SEGMENT: usize = 1 << 20;

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

fn kind(chunk: Option<usize>) -> UnitKind {
    match chunk {
        None => UnitKind::Page,
        Some(_) => UnitKind::Chunk,
    }
}

/// Packs `disk` and puts it together again from blocks and extents.
fn pack(placer: &mut Placer, disk: &[u8], chunk: Option<usize>) -> (Vec<u8>, Vec<usize>) {
    pack_with(placer, disk, chunk, |_| {})
}

/// Zeros as a hole gives them: a single unit, however many pages it has.
fn join_zeros(units: &mut Vec<Unit>) {
    units.dedup_by(|next, last| {
        let both = (next.content, last.content) == (UnitContent::Zero, UnitContent::Zero);
        if both {
            last.len += next.len;
        }
        both
    });
}

/// As `pack`, with `change` made to the units of each segment once they are hashed.
fn pack_with(
    placer: &mut Placer,
    disk: &[u8],
    chunk: Option<usize>,
    change: impl Fn(&mut Vec<Unit>),
) -> (Vec<u8>, Vec<usize>) {
    let pool = BufferPool::new(SEGMENT);
    for (i, bytes) in disk.chunks(SEGMENT).enumerate() {
        let mut buffer = pool.take().unwrap();
        buffer.bytes[..bytes.len()].copy_from_slice(bytes);
        let step = chunk.unwrap_or(SEGMENT);
        let units = (0..bytes.len()).step_by(step).map(|at| Unit {
            at: at as u32,
            len: step.min(bytes.len() - at) as u32,
            content: UnitContent::Unknown,
        });
        let mut segment = Segment {
            stream: 0,
            offset: (i * SEGMENT) as u64,
            units: units.collect(),
            buffer: Arc::new(buffer),
            deferred: Vec::new(),
        };
        hash_segment(&mut segment, kind(chunk), None, None).unwrap();
        change(&mut segment.units);
        let mut at = 0;
        while at < segment.units.len() {
            at = placer.step(&segment, at).unwrap();
        }
    }
    placer.end_stream(0).unwrap();
    let (mut data, mut blocks, mut back) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(placed) = placer.pop() {
        match placed {
            Placed::Block(block) => {
                blocks.push(block.data.bytes().len());
                data.extend_from_slice(block.data.bytes());
            }
            Placed::Extents(extents) => {
                for extent in extents {
                    let len = extent.len as usize;
                    match extent.target {
                        // The file has the block before: it was placed before.
                        Target::Data(at) => {
                            back.extend_from_slice(&data[at as usize..at as usize + len]);
                        }
                        _ => back.resize(back.len() + len, 0),
                    }
                }
            }
        }
    }
    (back, blocks)
}

fn placer(
    slots: usize,
    runs: Option<usize>,
    block_size: usize,
    units: UnitKind,
) -> Placer<'static> {
    let runs = runs.map(|slots| DedupTable::new(slots, "test").unwrap());
    Placer::new(
        DedupTable::new(slots, "test").unwrap(),
        runs,
        block_size,
        units,
    )
}

/// Fragments of all kinds: own windows, pooled windows, copies within a window, zeros.
fn fragments() -> Vec<u8> {
    let mut disk = Vec::new();
    for i in 0..3000u64 {
        let seed = match i % 7 {
            0..4 => i,
            4 => i / 2,
            5 => i - 1,
            _ => i % 40,
        };
        disk.extend(if i % 11 == 0 {
            vec![0; 4096]
        } else {
            noise(seed, 4096)
        });
    }
    for i in 10_000..10_064 {
        disk.extend(noise(i, 4096));
    }
    disk.extend(noise(20_000, 4096));
    disk.extend(noise(20_000, 4096));
    disk
}

#[test]
fn what_is_placed_comes_back_for_any_block_size() {
    let disk = fragments();
    for block_size in [4096, 16 << 10, 64 << 10, 1 << 20] {
        let mut placer = placer(100_000, None, block_size, UnitKind::Page);
        let (back, blocks) = pack(&mut placer, &disk, None);
        assert!(back == disk, "blocks of {block_size}");
        assert!(blocks.iter().all(|len| *len <= block_size));
        let counts = placer.counts();
        let unique: usize = blocks.iter().sum();
        assert_eq!(counts.unique, unique as u64);
        assert_eq!(
            counts.zero + counts.duplicate + counts.unique,
            disk.len() as u64
        );
    }
}

#[test]
fn chunks_are_never_split_and_come_back() {
    let disk = fragments();
    for chunk in [5000, 60_000, 100_000] {
        let mut placer = placer(100_000, None, 64 << 10, UnitKind::Chunk);
        let (back, blocks) = pack(&mut placer, &disk, Some(chunk));
        assert!(back == disk, "chunks of {chunk}");
        assert!(blocks.iter().all(|len| *len <= chunk.max(64 << 10)));
    }
}

#[test]
fn many_extents_close_the_pool_early() {
    // After 100 units to point to, windows of known units in an order that joins nothing.
    let known: Vec<Vec<u8>> = (0..100).map(|i| noise(i, 4096)).collect();
    let mut disk: Vec<u8> = known.concat();
    disk.extend(noise(7777, 4096));
    for i in 0..3 * WAITING_MAX {
        disk.extend_from_slice(&known[i * 37 % 100]);
    }
    let (back, _) = pack(
        &mut placer(100_000, None, 64 << 10, UnitKind::Page),
        &disk,
        None,
    );
    assert!(back == disk);
}

#[test]
fn what_the_first_table_forgets_the_second_finds_by_runs() {
    let run = RUN_UNITS * PAGE_4K;
    let mut disk = noise(1, 64 * run);
    disk.extend(noise(2, 3000 * PAGE_4K).iter().take(2992 * PAGE_4K));
    let first_again = disk.len();
    disk.extend_from_within(..64 * run);
    // Not aligned as it was: found as single units only.
    disk.extend(noise(3, PAGE_4K));
    disk.extend_from_within(..8 * run);
    assert!(first_again.is_multiple_of(run));
    let mut with = placer(3000, Some(500), 64 << 10, UnitKind::Page);
    let (back, _) = pack(&mut with, &disk, None);
    assert!(back == disk);
    assert_eq!(with.counts().duplicate, 64 * run as u64);
    let mut without = placer(3000, None, 64 << 10, UnitKind::Page);
    let (back, _) = pack(&mut without, &disk, None);
    assert!(back == disk);
    // It stored the 64 runs again, and still knows that copy of the last 8.
    assert_eq!(without.counts().duplicate, 8 * run as u64);
}

#[test]
fn tables_that_forget_all_the_time_lose_nothing_but_copies() {
    let disk = [fragments(), fragments()].concat();
    for chunk in [None, Some(9000)] {
        let mut placer = placer(16, Some(16), 64 << 10, kind(chunk));
        let (back, _) = pack(&mut placer, &disk, chunk);
        assert!(back == disk, "{chunk:?}");
    }
}

#[test]
fn holes_and_zeros_are_placed_alike_when_the_table_forgets() {
    // Zero pages among old ones and new ones, so that what is forgotten when decides what is known.
    let mut disk = Vec::new();
    for i in 0..6000u64 {
        disk.extend(match i % 5 {
            0 | 1 => vec![0; 4096],
            2 => noise((i / 5).saturating_sub(i % 1700), 4096),
            _ => noise(i / 2, 4096),
        });
    }
    for slots in [1800, 2500, 4000] {
        let mut zeros = placer(slots, Some(200), 64 << 10, UnitKind::Page);
        let mut holes = placer(slots, Some(200), 64 << 10, UnitKind::Page);
        let from_zeros = pack(&mut zeros, &disk, None);
        let from_holes = pack_with(&mut holes, &disk, None, join_zeros);
        assert!(from_zeros == from_holes, "{slots} slots");
        assert_eq!(zeros.counts().unique, holes.counts().unique);
        assert!(from_zeros.0 == disk);
    }
}
