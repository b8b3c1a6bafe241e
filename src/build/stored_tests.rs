//! Blocks out of a snapshot that are stored again as they are: the file is the one that packing the
//! same bytes gives, whatever the snapshot says of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::thin_tests::{Case, disk, on};
use super::*;
use crate::codec::{Encoder, Method};
use crate::error::Error;
use crate::format::Codec;
use crate::index::Storage;
use crate::pack::UnitKind;
use crate::profile::Compression;
use crate::snapshot::testing::{Counted, Draft, Folder, data, options, text};
use crate::snapshot::{Snapshot, StreamSource};

const PAGE: usize = 4096;

fn streams(snapshot: Snapshot) -> Vec<StreamInput> {
    let snapshot = Arc::new(snapshot);
    (0..snapshot.streams().len() as u32)
        .map(|stream| StreamInput {
            name: snapshot.streams()[stream as usize].name.clone(),
            kind: 1,
            source: Box::new(StreamSource::new(Arc::clone(&snapshot), stream).unwrap()),
        })
        .collect()
}

/// Builds `name` of all streams of the snapshot `from`.
fn convert(case: &mut Case<'_>, name: &str, from: &str) -> Report {
    let streams = streams(case.open(from).unwrap());
    case.build_inputs(name, streams, Parents::default())
        .unwrap()
}

fn of_bytes(bytes: Vec<u8>) -> Vec<StreamInput> {
    let storage = Counted::new(bytes).0;
    streams(Snapshot::from_storage(Box::new(storage), &options(1 << 20), None).unwrap())
}

/// Text, noise that is stored as it is, pages that are pooled, zeros, and what repeats.
fn content() -> Vec<u8> {
    let mut content = disk(1, 900);
    content.resize(content.len().next_multiple_of(PAGE), 0);
    let mut noise = vec![0; 300 * PAGE];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    content.extend(noise);
    for page in 0..60 {
        let from = page % 200 * PAGE;
        content.extend_from_within(from..from + 12 * PAGE);
        content.extend(text(70_000 + page, 4 * PAGE));
    }
    content.extend(text(5, 700));
    content
}

#[test]
fn every_way_gives_the_same_file() {
    let folder = Folder::new("stored-same");
    let content = content();
    let mut case = Case::new(&folder);
    for profile in ["generic", "eda", "embedded", "ml"] {
        for units in [UnitKind::Page, UnitKind::Chunk] {
            (case.profile, case.units, case.threads) = (profile, units, 2);
            let about = format!("{profile} {units:?}");
            let built = case.build("path", &content, Parents::default()).unwrap();
            assert_eq!(built.blocks_copied, 0, "{about}");
            let expected = case.bytes("path");
            let info = case.open("path").unwrap().info();
            assert!(profile != "embedded" || info.dictionary_size > 0, "{about}");
            for threads in [1, 2, 4] {
                case.threads = threads;
                let report = convert(&mut case, "again", "path");
                assert!(case.bytes("again") == expected, "{about} {threads}");
                assert_eq!(report.blocks_copied, report.blocks, "{about} {threads}");
            }
            // Sealed, under another password's keys, and opened again.
            case.encrypted = true;
            for (name, from) in [("sealed", "path"), ("resealed", "sealed")] {
                let report = convert(&mut case, name, from);
                assert_eq!(report.blocks_copied, report.blocks, "{about} {name}");
                case.is(name, &content);
            }
            case.encrypted = false;
            let report = convert(&mut case, "opened", "resealed");
            assert!(case.bytes("opened") == expected, "{about}");
            assert_eq!(report.blocks_copied, report.blocks, "{about}");
        }
    }
}

#[test]
fn other_parameters_copy_nothing() {
    let folder = Folder::new("stored-other");
    let content = content();
    let mut case = Case::new(&folder);
    for from in ["generic", "eda", "embedded", "ml"] {
        case.profile = from;
        case.build("from", &content, Parents::default()).unwrap();
        for to in ["generic", "eda", "embedded", "ml"] {
            case.profile = to;
            case.build("path", &content, Parents::default()).unwrap();
            let report = convert(&mut case, "converted", "from");
            assert!(case.bytes("converted") == case.bytes("path"), "{from} {to}");
            let all = if from == to { report.blocks } else { 0 };
            assert_eq!(report.blocks_copied, all, "{from} {to}");
        }
    }
}

/// What a child has of its ancestors, several files deep, comes out as if it had been one file.
#[test]
fn a_flattened_chain_is_the_flat_file() {
    let folder = Folder::new("stored-flat");
    let mut case = Case::new(&folder);
    for (profile, units) in [
        ("generic", UnitKind::Page),
        ("embedded", UnitKind::Page),
        ("generic", UnitKind::Chunk),
    ] {
        (case.profile, case.units, case.threads) = (profile, units, 2);
        let mut content = content();
        case.build("day-0", &content, Parents::default()).unwrap();
        for day in 1..4 {
            for page in 0..40 {
                let at = (page * 97 + day * 31) % 900 * PAGE;
                content[at..at + PAGE].copy_from_slice(&text(900_000 + day * 100 + page, PAGE));
            }
            let parent = case.path(&format!("day-{}", day - 1));
            case.build(&format!("day-{day}"), &content, on(&parent))
                .unwrap();
        }
        case.build("path", &content, Parents::default()).unwrap();
        for threads in [1, 3] {
            case.threads = threads;
            let report = convert(&mut case, "flat", "day-3");
            assert!(
                case.bytes("flat") == case.bytes("path"),
                "{profile} {units:?}"
            );
            // The dictionary was trained on what is there now.
            let some = profile == "generic";
            assert_eq!(report.blocks_copied > 0, some, "{profile} {units:?}");
            assert!(report.blocks_copied < report.blocks, "{profile} {units:?}");
        }
    }
}

/// Two snapshots in one, and one stream of it out again.
#[test]
fn merged_and_split() {
    let folder = Folder::new("stored-merged");
    let mut case = Case::new(&folder);
    let (first, second) = (content(), disk(9, 300));
    case.build("a", &first, Parents::default()).unwrap();
    case.build("b", &second, Parents::default()).unwrap();
    let both: [(&str, &[u8]); 2] = [("a", &first), ("b", &second)];
    case.build_streams("path", &both, Parents::default())
        .unwrap();
    let mut inputs = streams(case.open("a").unwrap());
    inputs.extend(streams(case.open("b").unwrap()));
    inputs[0].name = "a".into();
    inputs[1].name = "b".into();
    let report = case
        .build_inputs("merged", inputs, Parents::default())
        .unwrap();
    assert!(case.bytes("merged") == case.bytes("path"));
    assert_eq!(report.blocks_copied, report.blocks);
    let mut alone = streams(case.open("merged").unwrap()).remove(1);
    alone.name = "disk".into();
    let report = case
        .build_inputs("split", vec![alone], Parents::default())
        .unwrap();
    assert!(case.bytes("split") == case.bytes("b"));
    assert_eq!(report.blocks_copied, report.blocks);
}

/// Three blocks of 64 KiB as the generic profile makes them.
fn generic_draft() -> Draft {
    let mut draft = Draft::of_blocks(3, 1 << 16);
    for block in &mut draft.blocks {
        block.1 = Codec::Lz4;
    }
    draft
}

/// What building from that file copies, held against what building its content gives.
fn copied_of(case: &mut Case<'_>, draft: &Draft) -> u64 {
    let content = draft.content(0, 0, draft.size(0) as usize);
    case.build("path", &content, Parents::default()).unwrap();
    let report = case
        .build_inputs("out", of_bytes(draft.seal()), Parents::default())
        .unwrap();
    assert!(case.bytes("out") == case.bytes("path"));
    report.blocks_copied
}

/// Lies that cost a copy, or nothing at all: the file is the one that the content gives.
#[test]
fn a_lying_snapshot_makes_no_other_file() {
    let folder = Folder::new("stored-lies");
    let mut case = Case::new(&folder);
    assert_eq!(copied_of(&mut case, &generic_draft()), 3);
    // Unit hashes that are others': they are not believed, nor asked for.
    let mut draft = generic_draft();
    draft.alter_leaves = Box::new(|leaves| {
        let hashes = &mut leaves.units[0].hashes;
        hashes.rotate_left(1);
        hashes[3] = [0; 16];
    });
    assert_eq!(copied_of(&mut case, &draft), 3);
    // A block table with a hash that is not the stored bytes'.
    let mut draft = generic_draft();
    draft.alter_leaves = Box::new(|leaves| leaves.blocks[0].0.entries[1].hash = [7; 32]);
    assert_eq!(copied_of(&mut case, &draft), 3);
    // Other parameters than the blocks were made with: they are compressed.
    for (compression, level) in [(1, 1), (2, 0), (0, 0)] {
        let mut draft = generic_draft();
        draft.alter_root =
            Box::new(move |root| (root.compression, root.level) = (compression, level));
        assert_eq!(copied_of(&mut case, &draft), 0);
    }
    let mut draft = generic_draft();
    draft.compat = 1;
    assert_eq!(copied_of(&mut case, &draft), 0);
    // A codec that the profile does not give.
    let mut draft = generic_draft();
    draft.blocks[1].1 = Codec::Zstd;
    assert_eq!(copied_of(&mut case, &draft), 2);
    // A first unit at the right place, but other units behind it.
    let mut draft = generic_draft();
    let (block, half) = (1u64 << 16, 1u64 << 15);
    draft.streams[0].1 = vec![
        data(half, 0),
        data(half, block + half),
        data(block, 2 * block),
    ];
    assert_eq!(copied_of(&mut case, &draft), 1);
    // A short last page whose padding is no zeros.
    let mut draft = generic_draft();
    draft.streams[0].1 = vec![data(3 * block - 96, 0)];
    assert_eq!(copied_of(&mut case, &draft), 2);
}

/// Stored bytes of another compressor that decode to the right content, from a file that does not
/// say so, are taken: the content is right, the file another one, and the same for any threads.
#[test]
fn undeclared_bytes_of_another_compressor_keep_the_content() {
    let folder = Folder::new("stored-foreign");
    let mut case = Case::new(&folder);
    case.profile = "ml";
    let mut draft = Draft::of_blocks(2, 1 << 20);
    let bodies: Vec<Vec<u8>> = (0..2)
        .map(|i| {
            draft.blocks[i].1 = Codec::Zstd;
            let method = Method {
                compression: Compression::Zstd,
                level: 9,
            };
            let mut out = Vec::new();
            let mut encoder = Encoder::new(method, None).unwrap();
            encoder.encode(&draft.blocks[i].0, &mut out).unwrap();
            out
        })
        .collect();
    let total: usize = bodies.iter().map(Vec::len).sum();
    draft.alter_leaves = Box::new(move |leaves| {
        let (page, stored) = &mut leaves.blocks[0];
        for ((entry, stored), body) in page.entries.iter_mut().zip(stored).zip(&bodies) {
            entry.stored_len = body.len() as u32;
            entry.crc = crc32c::crc32c(body);
            entry.hash = *blake3::hash(body).as_bytes();
            stored.clone_from(body);
        }
    });
    let mut files = Vec::new();
    for (level, copied) in [(3, 2), (9, 0)] {
        draft.alter_root = Box::new(move |root| {
            (root.compression, root.level) = (2, level);
            root.stored_size = total as u64;
            root.streams[0].stored_size = total as u64;
        });
        for threads in [1, 2] {
            case.threads = threads;
            let inputs = of_bytes(draft.seal());
            let report = case
                .build_inputs("out", inputs, Parents::default())
                .unwrap();
            assert_eq!(report.blocks_copied, copied);
            case.is("out", &draft.content(0, 0, draft.size(0) as usize));
            files.push(case.bytes("out"));
        }
    }
    assert!(files[0] == files[1] && files[2] == files[3] && files[0] != files[2]);
}

/// Storage of which one read, counted from when the build began, gives a byte that is not there.
struct Turning {
    bytes: Vec<u8>,
    reads: Arc<AtomicU64>,
    bad: u64,
}

impl Storage for Turning {
    fn operand(&self) -> &str {
        "turning"
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        buf.copy_from_slice(&self.bytes[offset as usize..][..buf.len()]);
        if self.reads.fetch_add(1, Ordering::Relaxed) == self.bad
            && let Some(byte) = buf.get_mut(buf.len() / 2)
        {
            *byte ^= 0x40;
        }
        Ok(())
    }
}

/// A block is read once for its content and once to be copied; whichever read goes wrong is found.
#[test]
fn a_file_that_changes_between_two_reads_makes_no_other_file() {
    let folder = Folder::new("stored-turning");
    let mut case = Case::new(&folder);
    case.threads = 1;
    let draft = generic_draft();
    copied_of(&mut case, &draft);
    let bytes = draft.seal();
    let reads = Arc::new(AtomicU64::new(0));
    let mut run = |bad| {
        reads.store(u64::MAX / 2, Ordering::Relaxed);
        let storage = Turning {
            bytes: bytes.clone(),
            reads: Arc::clone(&reads),
            bad,
        };
        let snapshot = Snapshot::from_storage(Box::new(storage), &options(0), None).unwrap();
        let inputs = streams(snapshot);
        reads.store(0, Ordering::Relaxed);
        let built = case.build_inputs("out", inputs, Parents::default());
        (
            built,
            case.bytes("out") == case.bytes("path"),
            reads.load(Ordering::Relaxed),
        )
    };
    let (built, same, all) = run(u64::MAX);
    assert!(built.unwrap().blocks_copied == 3 && same);
    assert!(all >= 6, "{all}");
    let mut failed = 0;
    for bad in 0..all {
        match run(bad) {
            (Ok(_), same, _) => assert!(same, "read {bad}"),
            (Err(Error::Corrupt { .. }), ..) => failed += 1,
            (Err(e), ..) => panic!("read {bad}: {e}"),
        }
    }
    assert!(failed >= 6, "{failed} of {all}");
}
