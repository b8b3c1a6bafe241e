//! Any bytes as a snapshot: opened, asked, checked, read and extracted in several ways, which must
//! agree.
//!
//! An input is taken as it is, and then with all its checksums, MACs and tags made right ([`mend`]),
//! without which nothing behind them would ever be reached. libFuzzer looks after panics, hangs and the
//! memory of the process. What is asserted here is what the library promises beyond that: how much it
//! reads and holds, that what a check of all finds in order can be read, that bytes do not depend
//! on how they are read, and errors that are meant for a damaged file.
#![no_main]

mod layout;
#[path = "../memory.rs"]
mod memory;
mod mend;
mod mutator;
#[path = "../random.rs"]
mod random;
mod seeds;
mod storage;
#[path = "../texts.rs"]
mod texts;
mod window;

use std::path::Path;
use std::sync::Once;

use hexz::control::Control;
use hexz::error::{Error, Result};
use hexz::format::{BLOCK_MAX, Hash, NAME_MAX, STREAM_SIZE_MAX, STREAMS_MAX};
use hexz::keyring::{Answer, Request};
use hexz::snapshot::{OpenOptions, Snapshot, VerifyReport};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};

use self::layout::{Layout, number};
use self::random::Random;
use self::storage::Counted;
use self::window::Window;

/// Bytes of a stream that are read in one place.
const WINDOW: u64 = 64 << 10;
/// Streams that are looked at.
const STREAMS: u32 = 4;
/// Cache of the first handle; the second one has as good as none.
const CACHE: u64 = 256 << 10;
/// KiB that a password may cost.
const KDF_MAX: u32 = 2048;
/// What an input may take besides its own length and its largest block, some times each.
const MEMORY_MAX: usize = 256 << 10;
/// What an open may take: docs/FORMAT.md, section 2.
const OPEN_READS: usize = 4;
const OPEN_BYTES: usize = 64 << 10;

static SEEDS: Once = Once::new();
/// Seeds that are looked at first.
const SEEDS_TRIED: u64 = 60;

fuzz_target!(|input: &[u8]| -> Corpus {
    SEEDS.call_once(seeds_are_whole);
    texts::begin();
    look(input);
    match mend::mend(input) {
        Some(mended) => {
            look(&mended);
            Corpus::Keep
        }
        None => Corpus::Reject,
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutator::mutate(data, size, max_size, seed)
});

/// Without that, no change of a seed would tell anything.
fn seeds_are_whole() {
    for seed in 0..SEEDS_TRIED {
        let made = seeds::make(&mut Random(seed));
        let mended = mend::mend(&made).expect("a seed has a root page");
        assert_eq!(look(&mended), Some(true), "seed {seed} is not in order");
    }
}

/// Whether all is in order, if it opens.
fn look(bytes: &[u8]) -> Option<bool> {
    let storage = Counted::new(bytes.to_vec());
    memory::watch(memory_max(bytes), || snapshot(&storage, bytes))
}

/// For two handles: their caches, some pages and buffers, and a few of the largest blocks that the
/// file says it has.
fn memory_max(bytes: &[u8]) -> usize {
    let block = Layout::of(bytes).map_or(0, |layout| {
        let fields = [8, 20].map(|at| number(bytes, layout.root_at + at, 4));
        fields.into_iter().fold(0, u64::max).min(BLOCK_MAX.into())
    });
    MEMORY_MAX + 4 * bytes.len() + 4 * block as usize
}

fn open(storage: &Counted, cache_size: u64, root: Option<Hash>) -> Result<Snapshot> {
    let options = OpenOptions {
        path: Path::new("memory"),
        cache_size,
        expect_root: root,
        allow_plain: true,
        cancel: None,
        kdf_memory_max_kib: KDF_MAX,
        ancestors: Default::default(),
    };
    let mut password = |request: &Request<'_>, buf: &mut [u8]| match request.attempt {
        0 => {
            buf[..mend::PASSWORD.len()].copy_from_slice(mend::PASSWORD);
            Answer::Given(mend::PASSWORD.len())
        }
        _ => Answer::Declined(1),
    };
    storage.take();
    let opened = Snapshot::from_storage(Box::new(storage.clone()), &options, Some(&mut password));
    let (reads, read) = storage.take();
    assert!(
        reads <= OPEN_READS && read <= OPEN_BYTES,
        "opened with {reads} reads of {read} bytes"
    );
    opened
}

fn snapshot(storage: &Counted, bytes: &[u8]) -> Option<bool> {
    let first = match open(storage, CACHE, None) {
        Ok(snapshot) => snapshot,
        Err(e) => {
            refused_to_open(&e);
            return None;
        }
    };
    let info = first.info();
    let streams = first.streams();
    assert_eq!(info.file_size, bytes.len() as u64);
    assert!(info.stream_count as usize == streams.len() && streams.len() <= STREAMS_MAX);
    let mut other = info.root;
    other[0] ^= 1;
    match open(storage, 1, Some(other)) {
        Ok(_) => panic!("opened with another root"),
        Err(e) => damaged(&e),
    }
    let second = open(storage, 1, Some(info.root)).expect("what opened opens again");
    assert!(second.info() == info && second.streams() == streams);

    let whole = verify(&first, storage, bytes.len());
    for (index, stream) in streams.iter().enumerate().take(STREAMS as usize) {
        assert!(!stream.name.is_empty() && stream.name.len() <= NAME_MAX);
        assert!(stream.size <= STREAM_SIZE_MAX);
        assert_eq!(first.find(stream.name.as_bytes()).ok(), Some(index as u32));
        window::beyond_the_end(&first, index as u32, stream.size);
        window::extents(&first, index as u32, stream.size, whole);
        for window in windows(index as u32, stream.size) {
            window.compare(&first, &second, storage, whole);
        }
        window::extract(&second, index as u32, stream.size, whole);
    }
    // What was read meanwhile changes nothing.
    assert_eq!(verify(&second, storage, bytes.len()), whole);
    Some(whole)
}

/// Whether all is in order.
fn verify(snapshot: &Snapshot, storage: &Counted, len: usize) -> bool {
    let mut report = VerifyReport::default();
    storage.take();
    let checked = snapshot.verify(1, &mut Control::new(None, None), &mut report);
    let (_, read) = storage.take();
    assert!(
        read <= 3 * len + OPEN_BYTES,
        "{read} bytes are read to check a file of {len}"
    );
    assert!(report.blocks_bad <= report.blocks_checked.max(snapshot.info().blocks));
    match checked {
        Ok(()) => {
            let nothing = VerifyReport {
                blocks_checked: snapshot.info().blocks,
                ..VerifyReport::default()
            };
            assert_eq!(report, nothing);
            true
        }
        Err(e) => {
            damaged(&e);
            if let Some(stream) = snapshot.streams().get(report.bad_stream as usize) {
                assert!(report.bad_offset < stream.size, "{report:?}");
            }
            false
        }
    }
}

/// The beginning of a stream, its end, and a place between: they may be as long as they like.
fn windows(stream: u32, size: u64) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for start in [0, size / 3 * 2, size.saturating_sub(WINDOW)] {
        let start = start / 4096 * 4096;
        let start = windows.last().map_or(start, |w| start.max(w.end));
        let end = size.min(start + WINDOW);
        if start < end {
            windows.push(Window { stream, start, end });
        }
    }
    windows
}

fn refused_to_open(error: &Error) {
    match error {
        // Nothing is beside it that it could lean on.
        Error::NotSnapshot { .. }
        | Error::Unsupported(_)
        | Error::Parent(_)
        | Error::WrongPassword { .. } => {
            texts::look(error);
        }
        other => damaged(other),
    }
}

fn damaged(error: &Error) {
    assert!(
        matches!(error, Error::Corrupt { .. }),
        "an error that no file should cause: {error}"
    );
    texts::look(error);
}
