use super::super::testing::{Counted, Draft, Leaves, data, open_bytes, options, text, zero};
use super::*;
use crate::control::{Cancel, Progress};
use crate::format::Codec;
use crate::index::page::Block;

fn verify(snapshot: &Snapshot, threads: u32) -> (Result<()>, VerifyReport) {
    let mut report = VerifyReport::default();
    let result = snapshot.verify(threads, &mut Control::new(None, None), &mut report);
    (result, report)
}

fn corrupt(snapshot: &Snapshot, threads: u32) -> (String, VerifyReport) {
    let (result, report) = verify(snapshot, threads);
    match result {
        Err(Error::Corrupt { why, .. }) => (why.to_string(), report),
        other => panic!("{other:?}, {report:?}"),
    }
}

/// Enough blocks for several pieces.
fn large() -> Draft {
    let mut draft = Draft::of_blocks(90, 64 << 10);
    draft.fanout = 25;
    draft.streams = vec![
        (
            "disk",
            vec![
                zero(4096),
                data(64 << 10, 80 << 16),
                data(10 << 16, 5 << 16),
            ],
        ),
        (
            "memory",
            vec![data(70 << 16, 0), zero(1 << 40), data(20 << 16, 70 << 16)],
        ),
    ];
    draft
}

#[test]
fn the_undamaged_pass_with_any_number_of_threads() {
    for draft in [
        Draft::sample(),
        Draft::ragged(1000),
        Draft::of_blocks(0, 4096),
        Draft::of_blocks(1, 4096),
        large(),
        large().chunked(50_000),
    ] {
        let snapshot = open_bytes(draft.seal()).unwrap();
        for threads in [0, 1, 2, 8] {
            let (result, report) = verify(&snapshot, threads);
            result.unwrap();
            let blocks_checked = draft.blocks.len() as u64;
            assert_eq!(
                report,
                VerifyReport {
                    blocks_checked,
                    ..VerifyReport::default()
                }
            );
        }
    }
}

#[test]
fn every_changed_byte_is_reported_and_no_other_bytes_are_read() {
    for (draft, step) in [(Draft::sample(), 1), (Draft::ragged(3000), 7)] {
        let good = draft.seal();
        let (disk, memory) = (
            draft.content(0, 0, draft.size(0) as usize),
            draft.content(2, 0, 50_000),
        );
        for at in (4096..good.len() - 4096).step_by(step) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            let Ok(snapshot) = open_bytes(bytes) else {
                continue;
            };
            let (why, _) = corrupt(&snapshot, 1);
            assert!(!why.is_empty());
            if at % 16 != 0 {
                continue;
            }
            for (stream, content) in [(0, &disk), (2, &memory)] {
                let mut buf = vec![0xaa; content.len()];
                match snapshot.read(stream, 0, &mut buf) {
                    Ok(()) => assert!(buf == *content, "byte {at}"),
                    Err(_) => assert!(buf.iter().all(|b| *b == 0), "byte {at}"),
                }
            }
        }
    }
}

#[test]
fn bad_blocks_are_counted_and_the_first_is_placed() {
    let draft = large();
    let good = draft.seal();
    let snapshot = open_bytes(good.clone()).unwrap();
    let blocks: Vec<Block> = (0..90u64)
        .map(|i| {
            snapshot
                .chain
                .index
                .block_leaf(i << 16)
                .unwrap()
                .blocks()
                .unwrap()
                .from(i << 16)[0]
        })
        .collect();
    let disk = |at| (0, at);
    let memory = |at| (1, at);
    for (bad, place) in [
        (vec![0], memory(0)),
        (vec![89], memory((1 << 40) + (89 << 16))),
        (vec![80], disk(4096)),
        (vec![5], disk(4096 + (1 << 16))),
        (vec![14, 80, 3], disk(4096)),
        (vec![14, 88, 3], disk(4096 + (10 << 16))),
        (vec![16, 75, 74], memory(16 << 16)),
        ((0..90).collect(), disk(4096)),
    ] {
        let mut bytes = good.clone();
        for i in &bad {
            bytes[blocks[*i].file_at as usize + 9] ^= 4;
        }
        let snapshot = open_bytes(bytes).unwrap();
        for threads in [1, 3] {
            let (why, report) = corrupt(&snapshot, threads);
            assert_eq!((report.bad_stream, report.bad_offset), place, "{bad:?}");
            assert_eq!(
                (report.blocks_checked, report.blocks_bad),
                (90, bad.len() as u64)
            );
            let first = blocks[*bad.iter().min().unwrap()].file_at;
            assert!(
                why.contains(&format!("block at byte {first}: its checksum")),
                "{why}"
            );
        }
    }
}

#[test]
fn damage_in_no_stream_is_damage() {
    let mut draft = Draft::of_blocks(3, 4096);
    // Nothing refers to the second block.
    draft.streams[0].1 = vec![data(4096, 0), data(4096, 8192)];
    let good = draft.seal();
    let at = open_bytes(good.clone())
        .unwrap()
        .chain
        .index
        .block_leaf(4096)
        .unwrap()
        .blocks()
        .unwrap()
        .blocks[1]
        .file_at;
    let mut bytes = good;
    bytes[at as usize] ^= 1;
    let (_, report) = corrupt(&open_bytes(bytes).unwrap(), 1);
    let expected = VerifyReport {
        blocks_checked: 3,
        blocks_bad: 1,
        ..VerifyReport::default()
    };
    assert_eq!(report, expected);
}

#[test]
fn a_bad_page_takes_its_range_and_no_more() {
    let draft = large();
    let good = draft.seal();
    let snapshot = open_bytes(good.clone()).unwrap();
    let page_of = |kind, key| {
        let mut last = 0;
        let mut span = snapshot.chain.index.span(kind);
        while span.first < span.limit {
            let visit = |p: &crate::format::Pointer| last = p.offset as usize;
            let leaf =
                snapshot
                    .chain
                    .index
                    .descend(&snapshot.chain.index.pages, kind, span.first, visit);
            let leaf = leaf.map_err(Error::from).unwrap();
            if leaf.span.limit > key {
                break;
            }
            span.first = leaf.span.limit;
        }
        last
    };
    let key = |stream, at| PageKey { stream, at };
    let break_at = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        open_bytes(bytes).unwrap()
    };
    // The second page of blocks: 25 of them cannot be found.
    let at = page_of(TreeKind::Blocks, key(0, 30 << 16));
    let (why, report) = corrupt(&break_at(at), 2);
    assert!(
        why.contains(&format!("page of blocks at byte {at}")),
        "{why}"
    );
    assert_eq!((report.blocks_checked, report.blocks_bad), (65, 25));
    assert_eq!((report.bad_stream, report.bad_offset), (1, 25 << 16));
    // The only page of the second stream's extents.
    let at = page_of(TreeKind::Extents, key(1, 0));
    let (why, report) = corrupt(&break_at(at), 2);
    assert!(why.contains("page of extents"), "{why}");
    assert_eq!((report.blocks_checked, report.blocks_bad), (90, 0));
    assert_eq!((report.bad_stream, report.bad_offset), (1, 0));
    // A page of unit hashes: all can still be read, and yet the file is damaged.
    let at = page_of(TreeKind::Units, key(0, 40 << 16));
    let (why, report) = corrupt(&break_at(at), 2);
    assert!(why.contains("page of unit hashes"), "{why}");
    assert_eq!((report.blocks_checked, report.blocks_bad), (90, 0));
    assert_eq!((report.bad_stream, report.bad_offset), (u32::MAX, u64::MAX));
}

/// All hashes and checksums are good; only counting finds these.
#[test]
fn files_that_do_not_add_up() {
    let leaves = |alter: fn(&mut Leaves)| Draft {
        alter_leaves: Box::new(alter),
        ..Draft::sample()
    };
    let root = |alter: fn(&mut crate::format::RootPage)| Draft {
        alter_root: Box::new(alter),
        ..Draft::sample()
    };
    for (name, draft, expected) in [
        (
            "slack",
            Draft {
                slack: 1,
                ..Draft::sample()
            },
            "tile the file",
        ),
        (
            "an unused dictionary twice",
            {
                let mut draft = Draft::of_blocks(3, 4096);
                draft.alter_root = Box::new(|root| root.dictionary = root.trees[1].top);
                draft
            },
            "no Zstandard dictionary",
        ),
        (
            "stored size",
            root(|r| {
                r.stored_size += 1;
                r.streams[0].stored_size += 1;
            }),
            "add up",
        ),
        ("blocks", root(|r| r.blocks += 1), "add up"),
        (
            "data and zeros",
            root(|r| {
                r.streams[0].data_size -= 1;
                r.streams[0].zero_size += 1;
            }),
            "stream 'disk' do not add up",
        ),
        (
            "a unit's hash",
            leaves(|l| l.units[2].hashes[1][3] ^= 1),
            "hash of a unit",
        ),
        (
            "two units swapped",
            leaves(|l| l.units[1].hashes.swap(0, 2)),
            "hash of a unit",
        ),
    ] {
        let snapshot = open_bytes(draft.seal()).unwrap();
        let (why, report) = corrupt(&snapshot, 2);
        assert!(why.contains(expected), "{name}: {why}");
        assert_eq!(report.blocks_checked, draft.blocks.len() as u64, "{name}");
    }
    // The units of one block reach into the next.
    let mut draft = Draft::of_blocks(2, 4096).chunked(4096);
    draft.alter_leaves = Box::new(|l| l.units[0].lens = vec![4097, 4095]);
    let (why, report) = corrupt(&open_bytes(draft.seal()).unwrap(), 1);
    assert!(why.contains("a unit goes beyond it"), "{why}");
    assert_eq!(report.blocks_bad, 2);
}

/// Two blocks of one content could share their stored bytes: nothing a reader could notice, but the
/// bytes in their stead would be unchecked.
#[test]
fn bytes_that_nothing_covers_are_found_behind_an_overlap() {
    let mut draft = Draft::of_blocks(4, 4096);
    draft.fanout = 2;
    draft.blocks = vec![(text(1, 4096), Codec::Stored); 4];
    let snapshot = open_bytes(draft.seal()).unwrap();
    verify(&snapshot, 1).0.unwrap();
    draft.alter_leaves = Box::new(|l| l.blocks[1].0.base = 4096);
    let snapshot = open_bytes(draft.seal()).unwrap();
    let mut buf = vec![0; 16384];
    snapshot.read(0, 0, &mut buf).unwrap();
    assert!(corrupt(&snapshot, 1).0.contains("tile the file"));
}

#[test]
fn what_is_cached_is_not_trusted() {
    let draft = Draft::sample();
    let (storage, handle) = Counted::new(draft.seal());
    let snapshot = Snapshot::from_storage(Box::new(storage), &options(0), None).unwrap();
    let mut buf = vec![0; draft.size(0) as usize];
    snapshot.read(0, 0, &mut buf).unwrap();
    verify(&snapshot, 2).0.unwrap();
    let dictionary = snapshot.chain.index.root.dictionary.unwrap();
    let pages = snapshot
        .chain
        .index
        .root
        .trees
        .map(|tree| tree.top.unwrap());
    let footer = snapshot.chain.index.body_end + 1;
    let places = [dictionary.offset, 4096, 7, footer]
        .into_iter()
        .chain(pages.map(|p| p.offset));
    for at in places {
        handle.change(|bytes| bytes[at as usize] ^= 1);
        corrupt(&snapshot, 2);
        handle.change(|bytes| bytes[at as usize] ^= 1);
    }
    verify(&snapshot, 2).0.unwrap();
    let dictionary_blocks = 2;
    handle.change(|bytes| bytes[dictionary.offset as usize] ^= 1);
    assert_eq!(corrupt(&snapshot, 2).1.blocks_bad, dictionary_blocks);
}

#[test]
fn a_file_cut_while_open_is_damaged_where_it_was_cut() {
    let draft = large();
    let (storage, handle) = Counted::new(draft.seal());
    let snapshot = Snapshot::from_storage(Box::new(storage), &options(0), None).unwrap();
    let leaf = snapshot.chain.index.block_leaf(89 << 16).unwrap();
    let last = leaf.blocks().unwrap().blocks[14];
    // What comes behind the last blocks is cut, the index among it.
    handle.change(|bytes| bytes.truncate(last.file_at as usize - 1));
    let (_, report) = corrupt(&snapshot, 2);
    assert_eq!(report.blocks_bad + report.blocks_checked, 90);
}

#[test]
fn failing_reads_end_it() {
    let draft = large();
    let (storage, handle) = Counted::new(draft.seal());
    let snapshot = Snapshot::from_storage(Box::new(storage), &options(0), None).unwrap();
    for threads in [1, 4] {
        let leaf = snapshot.chain.index.block_leaf(50 << 16).unwrap();
        handle.fail_at(leaf.blocks().unwrap().blocks[3].file_at);
        let (result, _) = verify(&snapshot, threads);
        assert!(matches!(result, Err(Error::Io { .. })), "{result:?}");
    }
}

#[test]
fn progress_rises_to_the_logical_size_and_cancels() {
    let draft = large();
    let snapshot = open_bytes(draft.seal()).unwrap();
    let total = draft.size(0) + draft.size(1);
    for threads in [1, 3] {
        let mut seen = Vec::new();
        let mut progress = |p: &Progress| {
            assert_eq!((p.phase, p.total), (Phase::Verify, total));
            seen.push(p.done);
            0
        };
        let mut report = VerifyReport::default();
        let mut control = Control::new(None, Some(&mut progress));
        snapshot.verify(threads, &mut control, &mut report).unwrap();
        assert!(seen.is_sorted());
        assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&total)));

        let cancel = Cancel::default();
        let mut progress = |_: &Progress| {
            cancel.trigger();
            0
        };
        let mut control = Control::new(Some(&cancel), Some(&mut progress));
        let result = snapshot.verify(threads, &mut control, &mut report);
        assert!(matches!(result, Err(Error::Cancelled(_))));
        let mut progress = |_: &Progress| 5;
        let mut control = Control::new(None, Some(&mut progress));
        let result = snapshot.verify(threads, &mut control, &mut report);
        assert!(matches!(result, Err(Error::CancelledByCallback(5))));
    }
}

/// More damage than is kept in memory is still placed exactly.
#[test]
fn more_bad_ranges_than_are_kept() {
    // Blocks of four bytes; the streams take them from the end, every even one is bad.
    let count = 140_000usize;
    let mut draft = Draft::of_blocks(0, 4);
    draft = draft.chunked(4);
    draft.block_size = 4096;
    draft.fanout = 200;
    draft.blocks = (0..count)
        .map(|i| ((i as u32).to_le_bytes().to_vec(), Codec::Stored))
        .collect();
    let len = count as u64 * 4;
    // A good block, then from a bad one on backwards through data space in halves.
    draft.streams[0].1 = vec![
        data(4, 4),
        zero(1024),
        data(len / 2, len / 2),
        data(len / 2, 0),
    ];
    draft.alter_leaves = Box::new(|leaves| {
        let mut i = 0u32;
        for (page, _) in &mut leaves.blocks {
            for entry in &mut page.entries {
                entry.crc ^= u32::from(i.is_multiple_of(2));
                i += 1;
            }
        }
    });
    let snapshot = open_bytes(draft.seal()).unwrap();
    let (_, report) = corrupt(&snapshot, 2);
    assert_eq!(
        (report.blocks_checked, report.blocks_bad),
        (count as u64, count as u64 / 2)
    );
    assert_eq!((report.bad_stream, report.bad_offset), (0, 4 + 1024));
}

/// Every other one of many tiny blocks is bad, and no extent refers to any: to place the damage, all
/// extents were walked for each 65536 of them. Extents may be walked once more besides, and a leaf
/// for each 64 blocks.
#[test]
fn damage_that_nothing_refers_to_is_not_looked_for_again_and_again() {
    const BLOCKS: usize = 600_000;
    const LEAVES: u64 = 20_000;
    let mut draft = Draft::of_blocks(0, 4096).chunked(1);
    draft.block_size = 4096;
    draft.fanout = 180;
    draft.blocks = vec![(vec![7], Codec::Stored); BLOCKS];
    draft.streams[0].1 = vec![zero(1024); LEAVES as usize];
    draft.alter_leaves = Box::new(|leaves| {
        for (page, _) in &mut leaves.blocks {
            let odd = page.entries.iter_mut().skip(1).step_by(2);
            odd.for_each(|entry| entry.crc ^= 1);
        }
        let page = leaves.extents[0].clone();
        leaves.extents = (0..LEAVES)
            .map(|i| {
                let mut single = page.clone();
                single.key.at = i * 1024;
                single.entries.truncate(1);
                single
            })
            .collect();
    });
    let (storage, counts) = Counted::new(draft.seal());
    let snapshot = Snapshot::from_storage(Box::new(storage), &options(0), None).unwrap();
    let (result, report) = verify(&snapshot, 2);
    assert!(matches!(result, Err(Error::Corrupt { .. })), "{result:?}");
    let half = BLOCKS as u64 / 2;
    assert_eq!((report.blocks_checked, report.blocks_bad), (2 * half, half));
    assert_eq!(report.bad_stream, u32::MAX);
    // Leaves and nodes of extents; of the two other trees, each page once; blocks by the megabyte,
    // and at the end of each page.
    let extents = LEAVES as usize * 102 / 100;
    let others = 3 * BLOCKS / 180 * 102 / 100;
    let again = 4096 + BLOCKS / 64;
    let (reads, _) = counts.get();
    assert!(reads < extents + others + again + 100, "{reads} reads");
}
