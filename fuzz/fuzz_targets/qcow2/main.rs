//! Any bytes as a qcow2 image: opened and read in several ways, which must agree.
//!
//! libFuzzer looks after panics, hangs and the memory of the process. What is asserted here is what
//! the library promises beyond that: runs make progress and end within the disk, runs of zeros
//! read as zeros, bytes do not depend on how and in which order they are read, what is refused is
//! refused with an error that is meant for it and fit for a terminal, and memory stays small.
#![no_main]

mod files;
#[path = "../memory.rs"]
mod memory;
mod mutator;
#[path = "../random.rs"]
mod random;
#[path = "../texts.rs"]
mod texts;
mod window;

use std::cell::RefCell;
use std::path::Path;

use hexz::error::{Error, Result};
use hexz::source::{self, Access, Format, Source, Writers};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};

use self::files::Files;
use self::window::Window;

const MAGIC: &[u8] = b"QFI\xfb";
/// Bytes of the disk that are read in one place.
const WINDOW: u64 = 128 << 10;
/// Unpacked clusters that a reader may keep, and one in work.
const CLUSTERS: usize = 5;
/// What a reader may take besides those.
const MEMORY_MAX: usize = 1 << 20;

thread_local! {
    static FILES: RefCell<Files> = RefCell::new(Files::new());
}

fuzz_target!(|input: &[u8]| -> Corpus {
    FILES.with_borrow_mut(|files| {
        files.write(input);
        texts::begin();
        match input.starts_with(MAGIC) {
            true => {
                memory::watch(memory_max(input), || image(files.image()));
                Corpus::Keep
            }
            false => {
                anything_else(files.image(), input);
                Corpus::Reject
            }
        }
    })
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutator::mutate(data, size, max_size, seed)
});

/// For two readers.
fn memory_max(image: &[u8]) -> usize {
    let cluster_bits = image.get(23).map_or(0, |bits| (*bits).min(21));
    // The largest of the backing files' clusters are smaller.
    let cluster = 1usize << cluster_bits.max(12);
    2 * (CLUSTERS * cluster + image.len() + MEMORY_MAX)
}

fn open(path: &Path, format: Format, other_files: bool) -> Result<Box<dyn Source>> {
    let access = Access {
        writers: Writers::Allowed,
        other_files,
    };
    source::open(path, format, access)
}

/// What is no qcow2 image is raw bytes for who says so, and refused if the caller says that it is one.
/// Unasked it is raw, or refused for what it seems to be.
fn anything_else(path: &Path, input: &[u8]) {
    refused(open(path, Format::Qcow2, true).map(drop).unwrap_err());
    if let Err(named) = open(path, Format::Auto, true) {
        refused(named);
    }
    let raw = open(path, Format::Raw, true).expect("raw is what anything may be");
    assert_eq!(raw.size(), input.len() as u64);
    let mut bytes = vec![0; input.len()];
    raw.read_at(0, &mut bytes).expect("a file is read");
    assert!(bytes == input, "a raw file reads otherwise");
}

fn image(path: &Path) {
    let alone = open(path, Format::Auto, false);
    let followed = open(path, Format::Auto, true);
    let (first, second) = match (alone, followed) {
        (Ok(alone), Ok(followed)) => (followed, alone),
        (Err(alone), Ok(followed)) => {
            refused(alone);
            let again = open(path, Format::Qcow2, true).expect("what opened opens again");
            (followed, again)
        }
        (Err(alone), Err(followed)) => {
            refused(alone);
            refused(followed);
            return;
        }
        (Ok(_), Err(followed)) => panic!("refused when more is allowed: {followed}"),
    };
    assert_eq!(first.size(), second.size());
    assert!(!first.identities().is_empty());
    for window in windows(first.size()) {
        window.compare(&*first, &*second);
    }
    first.check_unchanged().expect("nobody changed it");
}

/// The beginning of a disk, its end, and a place between: disks may claim to be as large as they
/// like.
fn windows(size: u64) -> Vec<Window> {
    let starts = [0, size / 3 * 2, size.saturating_sub(WINDOW)];
    let mut windows: Vec<Window> = Vec::new();
    for start in starts {
        let start = start / window::SECTOR * window::SECTOR;
        let start = windows.last().map_or(start, |w| start.max(w.end));
        let end = size.min(start + WINDOW);
        if start < end {
            windows.push(Window { start, end });
        }
    }
    windows
}

/// Looks at an error that an image may cause.
fn refused(error: Error) {
    assert!(
        matches!(error, Error::Source { .. } | Error::Unsupported(_)),
        "an error that no image should cause: {error}"
    );
    texts::look(&error);
}
