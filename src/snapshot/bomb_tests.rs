//! Small files that ask for much work or memory, whole in all their hashes: each breaks a rule of
//! docs/FORMAT.md, and costs next to nothing until that is found. Work is counted, never timed.

use super::testing::{
    Counted, Draft, Leaves, data, open_bytes, open_encrypted, options, text, trained, zero,
};
use super::{Snapshot, Storage, VerifyReport};
use crate::codec::{DecodeDictionary, Decoder};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::format::{BLOCK_MAX, Codec, ExtentEntry, RootPage};

fn verify(snapshot: &Snapshot) -> (Result<()>, VerifyReport) {
    let mut report = VerifyReport::default();
    let result = snapshot.verify(2, &mut Control::new(None, None), &mut report);
    (result, report)
}

/// The draft as a plain file, and as one that somebody encrypted who has the password: what it says
/// is a lie, and every tag right.
fn forms(draft: &Draft) -> [(Result<Snapshot>, Counted); 2] {
    let (plain, plain_counts) = Counted::new(draft.seal());
    let (sealed, sealed_counts) = Counted::new(draft.encrypt());
    [
        (
            Snapshot::from_storage(Box::new(plain), &options(0), None),
            plain_counts,
        ),
        (open_encrypted(sealed), sealed_counts),
    ]
}

/// What opening says of both forms, or reading at that place and checking all, which must agree; and
/// how many reads of the file and bytes of them the read took.
fn read_at(draft: &Draft, at: u64, len: usize) -> [(Result<()>, (usize, usize)); 2] {
    forms(draft).map(|(snapshot, counts)| {
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(error) => return (Err(error), (0, 0)),
        };
        let before = counts.get();
        let mut buf = vec![0xaa; len];
        let result = snapshot.read(0, at, &mut buf);
        let after = counts.get();
        assert!(result.is_ok() || buf.iter().all(|b| *b == 0));
        let (checked, _) = verify(&snapshot);
        let both = (&result, &checked);
        let agree = matches!(both, (Ok(()), Ok(())) | (_, Err(Error::Corrupt { .. })));
        assert!(agree, "{both:?}");
        (result, (after.0 - before.0, after.1 - before.1))
    })
}

/// The most that either form took.
fn refused(name: &str, expected: &str, draft: &Draft) -> (usize, usize) {
    let len = draft.size(0).min(64 << 10) as usize;
    let [plain, sealed] = read_at(draft, 0, len).map(|(result, cost)| match result {
        Err(Error::Corrupt { why, .. }) if why.to_string().contains(expected) => cost,
        other => panic!("{name}: {other:?}"),
    });
    (plain.0.max(sealed.0), plain.1.max(sealed.1))
}

fn taken(name: &str, draft: &Draft) {
    let len = draft.size(0).min(64 << 10) as usize;
    for (result, _) in read_at(draft, 0, len) {
        assert!(result.is_ok(), "{name}: {result:?}");
    }
    for (snapshot, _) in forms(draft) {
        let (result, _) = verify(&snapshot.unwrap());
        assert!(result.is_ok(), "{name}: {result:?}");
    }
}

/// Blocks of 64 KiB, as runs of a stream.
fn runs(entries: Vec<ExtentEntry>) -> Draft {
    let mut draft = Draft::of_blocks(4, 64 << 10);
    draft.streams[0].1 = entries;
    draft
}

fn chunked(entries: Vec<ExtentEntry>) -> Draft {
    runs(entries).chunked(4096)
}

/// The attack that took 4.6 s for 4 KiB: bytes that lie in turn in two blocks of 16 MiB, in a file
/// that says 64 KiB.
#[test]
fn bytes_in_turn_from_blocks_larger_than_the_file_says() {
    for chunk in [None, Some(1 << 20)] {
        let mut draft = Draft::of_blocks(2, BLOCK_MAX as usize);
        draft.block_size = 64 << 10;
        draft.chunk = chunk;
        draft.streams[0].1 = (0..4096u64)
            .map(|i| data(1, i + (i % 2) * u64::from(BLOCK_MAX)))
            .collect();
        draft.fanout = 700;
        let (reads, bytes) = refused("in turn", "", &draft);
        // One page for each level of two trees at most, and no block.
        assert!(reads <= 6 && bytes < 64 << 10, "{reads} reads, {bytes}");
        // The blocks honest about their size, and still the bytes in turn.
        draft.block_size = BLOCK_MAX;
        let (reads, bytes) = refused("in turn, of large blocks", "extent", &draft);
        assert!(reads <= 6 && bytes < 64 << 10, "{reads} reads, {bytes}");
    }
}

#[test]
fn blocks_are_no_larger_than_the_root_page_says() {
    let mut draft = Draft::of_blocks(3, 128 << 10);
    taken("as large as it says", &draft);
    draft.blocks.push((text(9, 4096), Codec::Stored));
    draft.blocks[3].0.truncate(4096);
    // Enough blocks for the data space, so that only the block itself is too large.
    draft
        .blocks
        .extend((10..16).map(|i| (text(i, 4096), Codec::Lz4)));
    draft.block_size = 64 << 10;
    refused("larger", "larger than", &draft);
    let mut draft = draft.chunked(4096);
    // The largest chunk counts too.
    draft.alter_root = Box::new(|root| root.cdc = [1024, 2048, 128 << 10]);
    taken("a chunk is as large", &draft);
    draft.alter_root = Box::new(|root| root.cdc = [1024, 2048, (128 << 10) - 1]);
    refused("a chunk is smaller", "larger than", &draft);
}

#[test]
fn without_chunks_all_is_aligned() {
    const P: u64 = 4096;
    taken(
        "pages",
        &runs(vec![data(P, P), zero(3 * P), data(2 * P, 0)]),
    );
    taken("a short end", &runs(vec![data(P, P), zero(P), data(7, 0)]));
    taken("a short end of zeros", &runs(vec![data(P, P), zero(7)]));
    for (name, entries) in [
        ("a short run", vec![data(P - 1, 0), data(P, P)]),
        ("one byte", vec![data(1, 0), data(P - 1, P), data(P, P)]),
        ("data from an odd place", vec![data(P, 1), data(P, P)]),
        (
            "the last one from an odd place",
            vec![data(P, 0), data(5, 100)],
        ),
        ("short zeros", vec![zero(1), zero(P - 1), data(P, P)]),
        (
            "zeros and data",
            vec![zero(100), data(P - 100, 0), data(P, P)],
        ),
    ] {
        refused(name, "aligned", &runs(entries));
    }
    // A page's padding lies in data space too.
    let mut draft = Draft::of_blocks(2, 8192);
    draft.chunk = Some(4096);
    draft.blocks[1].0.truncate(5000);
    draft.streams[0].1 = vec![data(4096, 0), data(100, 12288)];
    draft.alter_root = Box::new(|root| root.cdc = [0; 3]);
    refused("half a page", "", &draft);
    let mut draft = Draft::of_blocks(3, 8192);
    draft.alter_leaves = Box::new(|leaves| {
        let entries = &mut leaves.blocks[0].0.entries;
        entries[0].decoded_len -= 100;
        entries[2].decoded_len += 100;
    });
    draft.block_size = 16384;
    refused("a block of odd length", "aligned", &draft);
}

#[test]
fn with_chunks_short_runs_are_where_a_run_of_data_ends() {
    const M: u64 = 1024;
    for (name, entries) in [
        ("odd places", vec![data(5000, 77), data(M, 3), data(M, 9)]),
        ("short at the end", vec![data(M, 5), data(M - 1, 3)]),
        ("short before zeros", vec![data(3, 5), zero(M), data(3, 7)]),
        ("zeros at the end", vec![data(3, 5), zero(3)]),
    ] {
        for fanout in [1, 2, 50] {
            let mut draft = chunked(entries.clone());
            draft.fanout = fanout;
            taken(&format!("{name}, {fanout} a page"), &draft);
        }
    }
    for (name, entries) in [
        ("short before data", vec![data(M - 1, 5), data(M, 9)]),
        (
            "bytes in turn",
            vec![data(1, 1), data(1, 70000), data(1, 2)],
        ),
        (
            "bytes and zeros in turn",
            vec![data(1, 1), zero(1), data(1, 2)],
        ),
        (
            "short zeros before zeros",
            vec![zero(1), zero(M), data(M, 2)],
        ),
        ("short zeros before data", vec![zero(M - 1), data(M, 2)]),
    ] {
        // Within a page, and from page to page.
        for fanout in [1, 2, 50] {
            let mut draft = chunked(entries.clone());
            draft.fanout = fanout;
            refused(&format!("{name}, {fanout} a page"), "short extent", &draft);
        }
    }
    // The least chunk that the root page names counts for data.
    let mut draft = chunked(vec![data(5000, 5), data(5000, 3)]);
    draft.alter_root = Box::new(|root| root.cdc = [5001, 8192, 65536]);
    refused("shorter than the least chunk", "short extent", &draft);
    draft.alter_root = Box::new(|root| root.cdc = [5000, 8192, 65536]);
    taken("as long as the least chunk", &draft);
}

/// One entry a page: what a page cannot tell is told where a read goes on to the next one.
#[test]
fn short_runs_in_pages_of_their_own_cost_one_block() {
    let mut draft = chunked((0..600).map(|i| data(1, (i % 4) * 65536)).collect());
    draft.fanout = 60;
    draft.alter_leaves = Box::new(|leaves| {
        let all = std::mem::take(&mut leaves.extents);
        leaves.extents = all
            .into_iter()
            .flat_map(|page| {
                (0..page.entries.len()).map(move |i| {
                    let mut single = page.clone();
                    single.key.at += i as u64;
                    single.entries = vec![page.entries[i]];
                    single
                })
            })
            .collect();
    });
    let (reads, _) = refused("a page each", "short extent", &draft);
    assert!(reads <= 24, "{reads} reads");
}

/// The attack that made 734 KB decode to 21 TiB.
#[test]
fn leaves_that_share_their_blocks_are_decoded_once_at_most() {
    let mut draft = Draft::of_blocks(0, 65536);
    draft.block_size = 65536;
    draft.fanout = 8;
    draft.blocks = vec![(vec![7; 65536], Codec::Zstd); 800];
    draft.streams[0].1 = vec![data(800 << 16, 0)];
    draft.alter_leaves = Box::new(|leaves| {
        for (page, bodies) in leaves.blocks.iter_mut().skip(1) {
            page.base = 4096;
            bodies.clear();
        }
    });
    // The root page says what the leaves say together, or about what one leaf says.
    let one = |root: &mut RootPage| {
        root.stored_size = root.blocks;
        root.streams[0].stored_size = root.blocks;
    };
    for (alter, most) in [(None, 800), (Some(one), 64)] {
        if let Some(alter) = alter {
            draft.alter_root = Box::new(alter);
        }
        for (snapshot, counts) in forms(&draft) {
            let snapshot = snapshot.unwrap();
            let len = counts.size() as usize;
            let (result, report) = verify(&snapshot);
            assert!(matches!(result, Err(Error::Corrupt { .. })), "{result:?}");
            let (_, read) = counts.get();
            assert!(read < 3 * len + (64 << 10), "{read} of {len}");
            assert!(report.blocks_checked <= most, "{report:?}");
            // What is sealed for one place opens in no other, so that those are bad besides.
            let bad = report.blocks_bad;
            match snapshot.info().encrypted {
                false => assert_eq!(report.blocks_checked + bad, 800),
                true => assert_eq!(bad, 800 - 8),
            }
        }
    }
}

#[test]
fn no_more_blocks_than_the_root_page_says() {
    let mut draft = Draft::of_blocks(40, 4096);
    draft.fanout = 4;
    draft.block_size = 1 << 20;
    draft.alter_root = Box::new(|root| root.blocks = 10);
    for (snapshot, _) in forms(&draft) {
        let (result, report) = verify(&snapshot.unwrap());
        let text = result.unwrap_err().to_string();
        assert!(text.contains("than the root page says"), "{text}");
        assert_eq!((report.blocks_checked, report.bad_stream), (8, 0));
        assert_eq!(report.bad_offset, 8 * 4096);
    }
}

#[test]
fn stored_bytes_that_the_file_cannot_hold() {
    let mut draft = Draft::of_blocks(0, 65536);
    draft.blocks = vec![(vec![7; 65536], Codec::Zstd); 3];
    draft.block_size = 65536;
    draft.streams[0].1 = vec![data(3 << 16, 0)];
    taken("as many as there are", &draft);
    draft.alter_root = Box::new(|root| {
        root.stored_size = 100_000;
        root.streams[0].stored_size = 100_000;
    });
    for (snapshot, _) in forms(&draft) {
        let error = snapshot.err().unwrap();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
}

#[test]
fn a_dictionary_that_is_none_is_damage_and_no_lack_of_memory() {
    let good = Draft::sample();
    taken("a good one", &good);
    let real = trained();
    let mut entropy = real.clone();
    entropy[8..40].fill(0xff);
    for (name, bytes) in [
        ("without the magic", text(77, 6000)),
        ("nothing but the magic", real[..4].to_vec()),
        ("a magic and an id", real[..8].to_vec()),
        ("tables that lie", entropy),
        ("cut in its tables", real[..60].to_vec()),
        ("nothing but zeros", vec![0; 6000]),
    ] {
        let mut draft = Draft::sample();
        // The blocks were made with the right one.
        draft.stored_dictionary = Some(bytes);
        for (snapshot, _) in forms(&draft) {
            let snapshot = snapshot.unwrap();
            let mut buf = vec![0; 8192];
            // Block 3 needs it.
            let at = 3 * 8192;
            let error = snapshot.read(0, at, &mut buf).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{name}: {error}");
            let (result, report) = verify(&snapshot);
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{name}: {error}");
            let counts = (report.blocks_checked, report.blocks_bad);
            assert_eq!(counts, (12, 2), "{name}");
        }
    }
    // Needed by no block, and damage all the same.
    let mut draft = Draft::of_blocks(3, 4096);
    draft.stored_dictionary = Some(text(77, 600));
    let snapshot = open_bytes(draft.seal()).unwrap();
    let (result, report) = verify(&snapshot);
    assert!(
        result
            .unwrap_err()
            .to_string()
            .contains("dictionary at byte")
    );
    assert_eq!((report.blocks_checked, report.blocks_bad), (3, 0));
}

#[test]
fn a_dictionary_that_lies_about_its_size() {
    for more in [-1, 1, 1000] {
        let mut draft = Draft::sample();
        draft.alter_root = Box::new(move |root| {
            let pointer = root.dictionary.as_mut().unwrap();
            pointer.decoded_len = pointer.decoded_len.wrapping_add_signed(more);
        });
        for (snapshot, _) in forms(&draft) {
            let Ok(snapshot) = snapshot else {
                continue;
            };
            let (result, report) = verify(&snapshot);
            assert!(matches!(result, Err(Error::Corrupt { .. })), "{result:?}");
            assert_eq!((report.blocks_checked, report.blocks_bad), (12, 2));
        }
    }
}

/// A frame of one raw block that declares a window of so many bytes as 2^log.
fn frame(log: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3];
    let head = (content.len() as u32) << 3 | 1;
    frame.extend_from_slice(&head.to_le_bytes()[..3]);
    frame.extend_from_slice(content);
    frame
}

#[test]
fn a_window_costs_no_memory_and_has_a_bound() {
    let content = text(3, 4096);
    let mut decoder = Decoder::new().unwrap();
    let mut out = vec![0; 4096];
    let before = decoder.memory();
    for log in [10, 17, 24, 27] {
        let stored = frame(log, &content);
        decoder
            .decode(Codec::Zstd, None, &stored, &mut out)
            .unwrap();
        assert!(out == content);
        assert_eq!(decoder.memory(), before, "2^{log}");
    }
    for log in [28, 31, 41] {
        let stored = frame(log, &content);
        let decoded = decoder.decode(Codec::Zstd, None, &stored, &mut out);
        let why = decoded.unwrap_err().to_string();
        // Beyond what zstd itself knows, it is no frame.
        assert!(log == 41 || why.contains("window"), "2^{log}: {why}");
    }
    // An eighth more than the most.
    let mut stored = frame(27, &content);
    stored[5] |= 1;
    assert!(
        decoder
            .decode(Codec::Zstd, None, &stored, &mut out)
            .is_err()
    );
    let dictionary = DecodeDictionary::new(&trained()).unwrap().unwrap();
    for (log, fits) in [(27, true), (28, false)] {
        let stored = frame(log, &content);
        let codec = Codec::ZstdDictionary;
        let decoded = decoder.decode(codec, Some(&dictionary), &stored, &mut out);
        assert_eq!(decoded.is_ok(), fits);
    }
    assert_eq!(decoder.memory(), before);
}

/// What the threads of a check or an extraction hold together, for every size that there can be.
#[test]
fn buffers_of_all_threads_fit_their_limit() {
    for block in (12..=24).map(|log| 1u32 << log) {
        for cdc in [[0; 3], [1024, 2048, 4096], [1 << 20, 4 << 20, BLOCK_MAX]] {
            let mut root = sample_root();
            root.block_size = block;
            root.cdc = cdc;
            for threads in [1, 2, 3, 32, 256] {
                for (team, each) in [
                    super::verify::team(threads, &root),
                    super::extract::team(threads, 1 << 40, root.block_size, root.block_len_max()),
                ] {
                    let held = team * each;
                    assert!((1..=threads as usize).contains(&team));
                    assert!(held <= 64 << 20, "{block} {cdc:?} {threads}: {held}");
                    let largest = root.block_len_max() as usize;
                    assert!(each >= 2 * largest);
                    // And no fewer than fit.
                    if largest <= 4 << 20 && threads >= 2 {
                        assert!(team >= 2);
                    }
                }
            }
        }
    }
}

fn sample_root() -> RootPage {
    let mut root = open_bytes(Draft::of_blocks(1, 4096).seal())
        .unwrap()
        .chain
        .index
        .root
        .clone();
    root.data_size = 1 << 40;
    root
}

/// A leaf may not name the same blocks twice in turn with another either.
#[test]
fn overlaps_are_damage_even_where_all_adds_up() {
    let mut draft = Draft::of_blocks(6, 4096);
    draft.blocks = vec![(text(1, 4096), Codec::Stored); 6];
    draft.fanout = 2;
    taken("no overlap", &draft);
    draft.alter_leaves = Box::new(|leaves: &mut Leaves| leaves.blocks[2].0.base = 4096);
    for (snapshot, _) in forms(&draft) {
        let (result, _) = verify(&snapshot.unwrap());
        assert!(matches!(result, Err(Error::Corrupt { .. })), "{result:?}");
    }
}
