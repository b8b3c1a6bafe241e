use super::super::testing::{Counted, Draft, data, open_bytes, options, text, zero};
use super::super::{ExtentKind, Snapshot};
use crate::error::Error;
use crate::format::Codec;
use crate::index::open::PAGES_MIN;
use crate::index::scratch::Pool;

fn check(snapshot: &Snapshot, draft: &Draft, stream: usize, at: u64, len: usize) {
    let mut buf = vec![0xaa; len];
    snapshot.read(stream as u32, at, &mut buf).unwrap();
    assert!(
        buf == draft.content(stream, at, len),
        "stream {stream}: {len} bytes at {at}"
    );
}

/// Small numbers in an order of no meaning.
fn scatter() -> impl Iterator<Item = u64> {
    let mut x = 88172645463325252u64;
    std::iter::repeat_with(move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x >> 20
    })
}

#[test]
fn what_was_written_is_read_at_any_place() {
    for draft in [
        Draft::sample(),
        Draft::ragged(1000),
        Draft::of_blocks(40, 5 * 4096),
    ] {
        let bytes = draft.seal();
        for cache_size in [0, 1, 9000, 40_000] {
            let (storage, _) = Counted::new(bytes.clone());
            let snapshot =
                Snapshot::from_storage(Box::new(storage), &options(cache_size), None).unwrap();
            for stream in 0..draft.streams.len() {
                let size = draft.size(stream).min(1 << 20);
                check(&snapshot, &draft, stream, 0, size as usize);
                let mut numbers = scatter();
                let mut next = || numbers.next().unwrap();
                for _ in 0..200 {
                    let at = next() % (size + 1);
                    let len = next() % (size - at + 1);
                    check(&snapshot, &draft, stream, at, len as usize);
                    check(&snapshot, &draft, stream, at, len.min(100) as usize);
                }
                let end = draft.size(stream);
                let tail = end.min(5000);
                check(&snapshot, &draft, stream, end - tail, tail as usize);
            }
        }
    }
}

#[test]
fn a_name_that_is_no_utf8_is_no_streams() {
    let mut draft = Draft::of_blocks(1, 4096);
    draft.streams[0].0 = "\u{fffd}";
    let snapshot = open_bytes(draft.seal()).unwrap();
    assert_eq!(snapshot.find("\u{fffd}".as_bytes()).unwrap(), 0);
    for name in [&b"\xff"[..], b"\xef\xbf", b""] {
        let error = snapshot.find(name).unwrap_err();
        assert!(matches!(error, Error::NoStream(_)), "{error}");
    }
}

#[test]
fn the_end_is_exact() {
    let draft = Draft::sample();
    let snapshot = open_bytes(draft.seal()).unwrap();
    for stream in 0..3 {
        let size = draft.size(stream);
        let stream = stream as u32;
        snapshot.read(stream, size, &mut []).unwrap();
        snapshot.read(stream, 0, &mut []).unwrap();
        for (at, len) in [
            (size, 1),
            (size + 1, 0),
            (size.saturating_sub(1), 2),
            (u64::MAX, 1),
        ] {
            let mut buf = vec![7; len];
            let result = snapshot.read(stream, at, &mut buf);
            assert!(matches!(result, Err(Error::OutOfRange(_))), "{len} at {at}");
            assert_eq!(buf, vec![7; len]);
        }
        assert!(matches!(
            snapshot.extent(stream, size),
            Err(Error::OutOfRange(_))
        ));
    }
    assert!(matches!(
        snapshot.read(3, 0, &mut []),
        Err(Error::NoStream(_))
    ));
    assert!(matches!(snapshot.extent(3, 0), Err(Error::NoStream(_))));
}

#[test]
fn extents_tell_data_from_zeros() {
    let mut draft = Draft::of_blocks(3, 4096);
    draft.streams[0].1 = vec![
        data(8192, 4096),
        data(4096, 0),
        zero(4096),
        zero(8192),
        data(4096, 8192),
        zero(1 << 50),
    ];
    let snapshot = open_bytes(draft.seal()).unwrap();
    let runs = [
        (12288, ExtentKind::Data),
        (12288, ExtentKind::Zero),
        (4096, ExtentKind::Data),
    ];
    let mut start = 0;
    for (len, kind) in runs {
        for at in (start..start + len).step_by(13) {
            let extent = snapshot.extent(0, at).unwrap();
            assert_eq!(
                (extent.kind, extent.offset, extent.len),
                (kind, at, start + len - at)
            );
        }
        start += len;
    }
    let last = snapshot.extent(0, start + 5).unwrap();
    assert_eq!((last.kind, last.len), (ExtentKind::Zero, (1 << 50) - 5));
    // Over page ends neighbours may share a kind, but nothing is lost.
    let draft = Draft::sample();
    let snapshot = open_bytes(draft.seal()).unwrap();
    for stream in [0, 2] {
        let mut at = 0;
        while at < draft.size(stream) {
            let extent = snapshot.extent(stream as u32, at).unwrap();
            assert!(extent.len >= 1 && extent.offset == at);
            let len = extent.len.min(50_000) as usize;
            let any = draft.content(stream, at, len).iter().any(|b| *b != 0);
            assert_eq!(any, extent.kind == ExtentKind::Data);
            at += extent.len;
        }
        assert_eq!(at, draft.size(stream));
    }
}

#[test]
fn a_changed_block_is_never_shown() {
    let draft = Draft::of_blocks(9, 8192);
    let (storage, handle) = Counted::new(draft.seal());
    let snapshot = Snapshot::from_storage(Box::new(storage), &options(1 << 20), None).unwrap();
    // The blocks lie one behind the other after the header.
    let end = 4096 + draft.blocks.len() * 1000;
    for at in (4096..end).step_by(313) {
        handle.change(|bytes| bytes[at] ^= 1);
        let bad: Vec<u64> = (0..9u64)
            .filter(|block| {
                // In whole blocks, which nothing keeps.
                let mut buf = vec![0xaa; 8192];
                let result = snapshot.read(0, block * 8192, &mut buf);
                match &result {
                    Ok(()) => assert_eq!(buf, draft.content(0, block * 8192, 8192)),
                    Err(error) => {
                        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
                        assert_eq!(buf, vec![0; 8192]);
                    }
                }
                result.is_err()
            })
            .collect();
        assert_eq!(bad.len(), 1, "byte {at}");
        let mut all = vec![0xaa; 9 * 8192];
        assert!(snapshot.read(0, 0, &mut all).is_err());
        assert_eq!(all, vec![0; 9 * 8192]);
        let mut part = [0xaa; 10];
        assert!(snapshot.read(0, bad[0] * 8192 + 5, &mut part).is_err());
        assert_eq!(part, [0; 10]);
        handle.change(|bytes| bytes[at] ^= 1);
    }
    check(&snapshot, &draft, 0, 0, 9 * 8192);
}

#[test]
fn a_forged_checksum_is_caught_when_the_root_is_known() {
    // Both blocks have one length, so that one can stand in for the other; its checksum in the
    // table is made to fit, its hash is not.
    let mut draft = Draft::of_blocks(2, 4096);
    draft.blocks = vec![
        (text(1, 4096), Codec::Stored),
        (text(2, 4096), Codec::Stored),
    ];
    draft.alter_leaves = Box::new(|leaves| {
        let (page, bodies) = &mut leaves.blocks[0];
        bodies[0] = bodies[1].clone();
        page.entries[0].crc = page.entries[1].crc;
    });
    let bytes = draft.seal();
    let snapshot = open_bytes(bytes.clone()).unwrap();
    let root = snapshot.info().root;
    for (at, len) in [(0, 4096), (5, 6)] {
        let mut buf = vec![0xaa; len];
        snapshot.read(0, at, &mut buf).unwrap();
        let mut options = options(0);
        options.expect_root = Some(root);
        let pinned =
            Snapshot::from_storage(Box::new(Counted::new(bytes.clone()).0), &options, None)
                .unwrap();
        let error = pinned.read(0, at, &mut buf).unwrap_err();
        assert!(error.to_string().contains("hash"), "{error}");
        assert_eq!(buf, vec![0; len]);
        pinned.read(0, 4096, &mut buf).unwrap();
    }
}

#[test]
fn failing_reads_are_io_errors_and_leave_zeros() {
    let draft = Draft::sample();
    let bytes = draft.seal();
    let (storage, handle) = Counted::new(bytes.clone());
    let snapshot = Snapshot::from_storage(Box::new(storage), &options(1), None).unwrap();
    let size = draft.size(0) as usize;
    let mut failed = 0;
    for at in (4096..bytes.len() - 4096).step_by(100) {
        handle.fail_at(at as u64);
        let mut buf = vec![0xaa; size];
        match snapshot.read(0, 0, &mut buf) {
            Ok(()) => assert!(buf == draft.content(0, 0, size)),
            Err(error) => {
                failed += 1;
                assert_eq!(error.errno(), libc::EIO, "{error}");
                assert!(matches!(error, Error::Io { .. }));
                assert_eq!(buf, vec![0; size]);
            }
        }
    }
    assert!(failed > 10);
    handle.fail_at(u64::MAX);
    check(&snapshot, &draft, 0, 0, size);
}

#[test]
fn a_cold_read_costs_a_page_a_level_and_a_block_and_a_warm_one_nothing() {
    let draft = Draft::sample();
    let (storage, counts) = Counted::new(draft.seal());
    let snapshot = Snapshot::from_storage(Box::new(storage), &options(0), None).unwrap();
    let levels: u32 = snapshot.chain.index.root.trees[..2]
        .iter()
        .map(|tree| tree.height)
        .sum();
    assert!(levels >= 5);
    let before = counts.get().0;
    // From block 5, and without the dictionary.
    let mut buf = [0; 100];
    let at = 5 * 8192 + 10;
    snapshot.read(0, at, &mut buf).unwrap();
    assert_eq!(counts.get().0 - before, levels as usize + 1);
    let before = counts.get().0;
    for _ in 0..10 {
        snapshot.read(0, at, &mut buf).unwrap();
    }
    assert_eq!(counts.get().0, before);
    assert_eq!(buf[..], draft.content(0, at, 100));
}

#[test]
fn caches_keep_to_their_bounds() {
    let draft = Draft::of_blocks(300, 4096);
    let (bytes, content) = (draft.seal(), draft.data_space());
    for cache_size in [1u64, 10_000, 100_000, 2 << 20] {
        let (storage, _) = Counted::new(bytes.clone());
        let snapshot =
            Snapshot::from_storage(Box::new(storage), &options(cache_size), None).unwrap();
        for at in scatter().take(2000) {
            let at = at as usize % (content.len() - 50);
            let mut buf = [0; 50];
            snapshot.read(0, at as u64, &mut buf).unwrap();
            assert_eq!(buf, content[at..at + 50]);
            let held = snapshot.chain.index.cached() + snapshot.chain.index.pages.weight();
            assert!(
                held as u64 <= cache_size + PAGES_MIN,
                "{held} of {cache_size}"
            );
            assert!(snapshot.chain.index.pool.bytes() <= Pool::BYTES_MAX);
        }
    }
}

#[test]
fn large_buffers_are_not_kept() {
    let mut draft = Draft::of_blocks(2, 8 << 20);
    draft.block_size = 8 << 20;
    let snapshot = open_bytes(draft.seal()).unwrap();
    for at in [0, 9 << 20, 1, 10 << 20] {
        check(&snapshot, &draft, 0, at, 1000);
    }
    assert!(snapshot.chain.index.pool.bytes() <= Pool::BYTES_MAX);
}

#[test]
fn many_threads_read_at_once() {
    let draft = Draft::sample();
    for cache_size in [1, 30_000] {
        let (storage, _) = Counted::new(draft.seal());
        let snapshot =
            Snapshot::from_storage(Box::new(storage), &options(cache_size), None).unwrap();
        let whole = [
            draft.content(0, 0, 90_000),
            vec![],
            draft.content(2, 0, 90_000),
        ];
        std::thread::scope(|scope| {
            for thread in 0..4usize {
                let (snapshot, whole) = (&snapshot, &whole);
                scope.spawn(move || {
                    let stream = if thread % 2 == 0 { 0 } else { 2 };
                    for number in scatter().skip(thread * 1000).take(2000) {
                        let at = number % 80_000;
                        let mut buf = vec![0; number as usize % 9000];
                        snapshot.read(stream, at, &mut buf).unwrap();
                        let at = at as usize;
                        assert!(buf == whole[stream as usize][at..at + buf.len()]);
                    }
                });
            }
        });
    }
}
