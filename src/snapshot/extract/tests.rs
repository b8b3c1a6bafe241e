use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use super::super::OpenOptions;
use super::super::testing::{Counted, Draft, Folder, data, open_bytes, options, zero};
use super::*;
use crate::control::{Cancel, Progress};

fn to(path: &Path) -> ExtractOptions<'_> {
    ExtractOptions {
        path,
        mode: ExtractMode::New(Existing::Refuse("FLAG")),
        sync: Sync::No,
        threads: 1,
    }
}

fn run(snapshot: &Snapshot, stream: u32, options: &ExtractOptions<'_>) -> Result<()> {
    snapshot.extract(stream, options, &mut Control::new(None, None))
}

/// Several pieces, zeros at both ends and within, blocks that cross pieces.
fn draft() -> Draft {
    let mut draft = Draft::of_blocks(60, 96 << 10);
    let len = 60 * (96 << 10);
    draft.streams = vec![
        (
            "disk",
            vec![
                zero(1 << 20),
                data(3_000_000 & !4095, 4096),
                zero(200_000 & !4095),
                data(4096, 0),
                zero(4096),
                data(len - 8192, 8192),
                zero(9 << 20),
            ],
        ),
        ("memory", vec![data(len, 0)]),
        ("nothing", vec![zero(5 << 20)]),
        ("empty", vec![]),
    ];
    draft
}

#[test]
fn streams_come_back_whole_and_sparse() {
    let folder = Folder::new("extract");
    let draft = draft();
    let snapshot = open_bytes(draft.seal()).unwrap();
    for stream in 0..4 {
        for threads in [1, 2, 5] {
            let path = folder.path(&format!("{stream}-{threads}"));
            run(
                &snapshot,
                stream as u32,
                &ExtractOptions {
                    threads,
                    ..to(&path)
                },
            )
            .unwrap();
            let size = draft.size(stream);
            assert!(std::fs::read(&path).unwrap() == draft.content(stream, 0, size as usize));
            let info = path.metadata().unwrap();
            let zeros: u64 = snapshot.streams()[stream].zero_size;
            assert!(
                info.blocks() * 512 <= size - zeros + (64 << 10),
                "{stream}: {info:?}"
            );
        }
    }
}

#[test]
fn a_huge_hole_costs_nothing() {
    let folder = Folder::new("hole");
    let mut draft = Draft::of_blocks(4, 4096);
    draft.streams[0].1 = vec![zero(4 << 40), data(16384, 0), zero(1 << 40)];
    let snapshot = open_bytes(draft.seal()).unwrap();
    let path = folder.path("out");
    run(&snapshot, 0, &to(&path)).unwrap();
    let info = path.metadata().unwrap();
    assert_eq!(info.size(), (5 << 40) + 16384);
    assert!(info.blocks() * 512 <= 64 << 10);
    let mut buf = vec![0; 16384];
    std::fs::File::open(&path)
        .unwrap()
        .read_exact_at(&mut buf, 4 << 40)
        .unwrap();
    assert_eq!(buf, draft.data_space());
}

#[test]
fn an_existing_file_is_refused_or_replaced() {
    let folder = Folder::new("existing");
    let path = folder.path("out");
    std::fs::write(&path, "old").unwrap();
    let draft = Draft::sample();
    let snapshot = open_bytes(draft.seal()).unwrap();
    assert!(matches!(
        run(&snapshot, 0, &to(&path)),
        Err(Error::Exists { .. })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    run(
        &snapshot,
        0,
        &ExtractOptions {
            mode: ExtractMode::New(Existing::Replace),
            sync: Sync::Yes("FLAG"),
            ..to(&path)
        },
    )
    .unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        draft.content(0, 0, draft.size(0) as usize)
    );
    assert_eq!(folder.count(), 1);
    let absent = folder.path("absent/out");
    assert!(matches!(
        run(&snapshot, 0, &to(&absent)),
        Err(Error::Output { .. })
    ));
    assert!(matches!(
        run(&snapshot, 9, &to(&path)),
        Err(Error::NoStream(_))
    ));
}

#[test]
fn in_place_writes_over_what_is_there_zeros_too() {
    let folder = Folder::new("in-place");
    let draft = draft();
    let snapshot = open_bytes(draft.seal()).unwrap();
    for stream in 0..4 {
        let size = draft.size(stream);
        for old in [0, size / 2, size, size + 100_000] {
            for threads in [1, 3] {
                let path = folder.path("file");
                std::fs::write(&path, vec![0xdd; old as usize]).unwrap();
                let options = ExtractOptions {
                    mode: ExtractMode::InPlace(Holders::Respected),
                    threads,
                    sync: Sync::Yes("FLAG"),
                    ..to(&path)
                };
                let before = path.metadata().unwrap();
                run(&snapshot, stream as u32, &options).unwrap();
                let after = path.metadata().unwrap();
                assert_eq!((before.ino(), after.size()), (after.ino(), size));
                assert!(std::fs::read(&path).unwrap() == draft.content(stream, 0, size as usize));
                std::fs::remove_file(&path).unwrap();
            }
        }
    }
}

#[test]
fn in_place_wants_a_file_or_device_that_is_there() {
    let folder = Folder::new("in-place-bad");
    let snapshot = open_bytes(Draft::sample().seal()).unwrap();
    let fifo = folder.path("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    for path in [
        folder.path("absent"),
        folder.path("."),
        fifo,
        PathBuf::from("/dev/null"),
    ] {
        let result = run(
            &snapshot,
            0,
            &ExtractOptions {
                mode: ExtractMode::InPlace(Holders::Respected),
                ..to(&path)
            },
        );
        assert!(
            matches!(result, Err(Error::Output { .. })),
            "{path:?}: {result:?}"
        );
    }
    assert_eq!(folder.count(), 1);
}

#[test]
fn the_snapshot_itself_is_no_output() {
    let folder = Folder::new("itself");
    let path = folder.path("snapshot");
    let bytes = Draft::sample().seal();
    std::fs::write(&path, &bytes).unwrap();
    std::fs::hard_link(&path, folder.path("hard")).unwrap();
    std::os::unix::fs::symlink("snapshot", folder.path("soft")).unwrap();
    let open = OpenOptions {
        path: &path,
        ..options(0)
    };
    let snapshot = Snapshot::open(&open, None).unwrap();
    for name in ["snapshot", "./snapshot", "hard", "soft"] {
        for mode in [
            ExtractMode::New(Existing::Replace),
            ExtractMode::InPlace(Holders::Respected),
        ] {
            let path = folder.path(name);
            let result = run(&snapshot, 0, &ExtractOptions { mode, ..to(&path) });
            assert!(
                matches!(result, Err(Error::InvalidArgument(_))),
                "{name}: {result:?}"
            );
        }
    }
    assert!(std::fs::read(&path).unwrap() == bytes);
}

#[test]
fn damage_failing_reads_and_cancelling_leave_nothing() {
    let folder = Folder::new("damage");
    let path = folder.path("out");
    let draft = draft();
    let (storage, handle) = Counted::new(draft.seal());
    let snapshot = Snapshot::from_storage(Box::new(storage), &options(0), None).unwrap();
    let at = snapshot
        .chain
        .index
        .block_leaf(3 << 20)
        .unwrap()
        .blocks()
        .unwrap()
        .from(3 << 20)[0]
        .file_at;
    for threads in [1, 4] {
        let options = ExtractOptions {
            threads,
            ..to(&path)
        };
        handle.fail_at(at);
        assert!(matches!(run(&snapshot, 0, &options), Err(Error::Io { .. })));
        handle.fail_at(u64::MAX);
        handle.change(|bytes| bytes[at as usize] ^= 1);
        assert!(matches!(
            run(&snapshot, 1, &options),
            Err(Error::Corrupt { .. })
        ));
        handle.change(|bytes| bytes[at as usize] ^= 1);
        let cancel = Cancel::default();
        let mut calls = 0;
        let mut progress = |_: &Progress| {
            calls += 1;
            cancel.trigger();
            0
        };
        let mut control = Control::new(Some(&cancel), Some(&mut progress));
        let result = snapshot.extract(0, &options, &mut control);
        assert!(matches!(result, Err(Error::Cancelled(_))));
        assert_eq!(calls, 1);
        // At the last report it is not too late.
        let mut progress = |p: &Progress| i32::from(p.done == p.total);
        let mut control = Control::new(None, Some(&mut progress));
        let result = snapshot.extract(0, &options, &mut control);
        assert!(matches!(result, Err(Error::CancelledByCallback(1))));
        assert_eq!(folder.count(), 0);
    }
}

#[test]
fn progress_counts_holes() {
    let folder = Folder::new("progress");
    let draft = draft();
    let snapshot = open_bytes(draft.seal()).unwrap();
    for stream in 0..4 {
        for in_place in [false, true] {
            let path = folder.path(&format!("{stream}-{in_place}"));
            if in_place {
                std::fs::write(&path, "").unwrap();
            }
            let mut seen = Vec::new();
            let mut progress = |p: &Progress| {
                assert_eq!(p.phase, Phase::Extract);
                seen.push((p.done, p.total, p.stored));
                0
            };
            let mut control = Control::new(None, Some(&mut progress));
            let mut options = to(&path);
            if in_place {
                options.mode = ExtractMode::InPlace(Holders::Respected);
            }
            snapshot.extract(stream, &options, &mut control).unwrap();
            let size = draft.size(stream as usize);
            let data = snapshot.streams()[stream as usize].data_size;
            assert!(seen.is_sorted());
            assert_eq!(seen.first(), Some(&(0, size, 0)));
            let (done, total, stored) = *seen.last().unwrap();
            assert_eq!((done, total), (size, size));
            assert!(stored >= data && stored <= data + if in_place { 8192 } else { 0 });
        }
    }
}
