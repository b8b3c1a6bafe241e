//! Images of qemu-img, changed at random: each is refused, or reads as qemu-img reads it, without a
//! panic, in few steps and little memory. tests/qcow2/mutations.sh makes the images and runs this.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use hexz::error::Result;
use hexz::source::{self, Access, Content, Format, Writers};

/// No image here needs more: clusters have 64 KiB at most.
const MEMORY_MAX: usize = 4 << 20;
/// Disks that grew by a mutation are read up to here.
const READ_MAX: u64 = 16 << 20;
/// Runs of a disk, at most: more than there are subclusters in `READ_MAX`.
const RUNS_MAX: usize = 1 << 17;
/// One in so many mutations that still read as before is read by qemu-img too.
const SAMPLE: u64 = 400;
/// So many of those that read otherwise are read by qemu-img at least, and one in a hundred.
const COMPARED: u64 = 500;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is the system's; this counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: as our caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as our caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// An image, a copy of it that is changed, and the disk in it.
struct Seed {
    name: String,
    bytes: Vec<u8>,
    /// Places where something is.
    filled: Vec<usize>,
    /// Where zstd frames begin, in an image that has them. Damage in one that zstd does not notice
    /// gives other bytes with other versions of zstd, so that QEMU's say nothing of ours.
    frames: usize,
    mutant: PathBuf,
    file: File,
    disk: Vec<u8>,
}

impl Seed {
    fn new(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let mutant = path.with_extension("mutant");
        fs::write(&mutant, &bytes).unwrap();
        let file = OpenOptions::new().write(true).open(&mutant).unwrap();
        let filled = (0..bytes.len()).filter(|i| bytes[*i] != 0).collect();
        let mut disk = vec![0; READ_MAX as usize];
        let len = read(&mutant, &mut disk).unwrap().unwrap();
        disk.truncate(len);
        let frames = match (bytes[7], bytes[104]) {
            // Behind the L2 table, of which there is one.
            (3, 1) => {
                let number = |at: usize| u64::from_be_bytes(*bytes[at..].first_chunk().unwrap());
                let l1 = number(40) as usize;
                assert_eq!(bytes[36..40], [0, 0, 0, 1]);
                (number(l1) << 8 >> 8) as usize + (1 << bytes[23])
            }
            _ => bytes.len(),
        };
        Seed {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            filled,
            frames,
            disk,
            bytes,
            mutant,
            file,
        }
    }

    /// Changes the copy, and tells whether QEMU must read it as we do.
    fn mutate(&self, random: &mut Random) -> bool {
        let mut alike = true;
        for _ in 0..1 + random.below(3) {
            let at = match random.below(4) {
                0 => random.below(120),
                _ => self.filled[random.below(self.filled.len())],
            };
            let word = at / 8 * 8;
            let (at, new) = match random.below(5) {
                0 => (at, vec![self.bytes[at] ^ 1 << random.below(8)]),
                1 => (at, vec![random.next() as u8]),
                // What stands elsewhere in the file: an entry that points where another does.
                2 => {
                    let from = self.filled[random.below(self.filled.len())] / 8 * 8;
                    let end = (from + 8).min(self.bytes.len());
                    (word, self.bytes[from..end].to_vec())
                }
                // A bit of a number, and numbers at the edges.
                3 => {
                    let bit = 1u64 << random.below(64);
                    (word, bit.to_be_bytes().to_vec())
                }
                _ => {
                    let edge = [0, u64::MAX, 1 << 63, self.bytes.len() as u64, 1 << 62, 512];
                    let edge = edge[random.below(edge.len())];
                    (word, edge.to_be_bytes().to_vec())
                }
            };
            alike &= at + new.len() <= self.frames;
            self.file.write_all_at(&new, at as u64).unwrap();
        }
        let len = match random.below(20) {
            0 => random.below(self.bytes.len()),
            _ => self.bytes.len(),
        };
        self.file.set_len(len as u64).unwrap();
        alike
    }

    fn restore(&self) {
        self.file.set_len(self.bytes.len() as u64).unwrap();
        self.file.write_all_at(&self.bytes, 0).unwrap();
    }

    /// What qemu-img reads in the copy, or nothing.
    fn by_qemu(&self) -> Option<Vec<u8>> {
        let raw = self.mutant.with_extension("raw");
        let done = Command::new("qemu-img")
            .args(["convert", "-f", "qcow2", "-O", "raw"])
            .args([self.mutant.file_name()?, raw.file_name()?])
            .current_dir(self.mutant.parent()?)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        done.success().then(|| fs::read(&raw).unwrap())
    }
}

/// The disk into the beginning of `buf`, and its length, or nothing if only a part fits.
fn read(path: &Path, buf: &mut [u8]) -> Result<Option<usize>> {
    let access = Access {
        writers: Writers::Allowed,
        other_files: true,
    };
    let source = source::open(path, Format::Qcow2, access)?;
    let size = source.size();
    let len = size.min(buf.len() as u64) as usize;
    let disk = &mut buf[..len];
    let (mut at, mut runs) = (0, 0);
    while at < disk.len() as u64 {
        let (content, end) = source.content_at(at)?;
        assert!(
            end > at && end <= size,
            "a run from {at} to {end} of {size}"
        );
        runs += 1;
        assert!(runs <= RUNS_MAX, "runs of nothing");
        let end = end.min(disk.len() as u64);
        let part = &mut disk[at as usize..end as usize];
        match content {
            Content::Data => source.read_at(at, part)?,
            Content::Zero => part.fill(0),
            Content::Parent => panic!("an image has no parent"),
        }
        at = end;
    }
    Ok((size == len as u64).then_some(len))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
#[ignore = "needs images of qemu-img: run tests/qcow2/mutations.sh"]
fn damaged_images_are_refused_or_read_as_qemu_does() {
    let folder = std::env::var_os("HEXZ_QCOW2_SEEDS").expect("HEXZ_QCOW2_SEEDS is set");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "qcow2"))
        .collect();
    paths.sort();
    let seeds: Vec<Seed> = paths.iter().map(|path| Seed::new(path)).collect();
    let first = number("HEXZ_MUTATIONS_FROM").unwrap_or(0);
    let count = number("HEXZ_MUTATIONS").expect("HEXZ_MUTATIONS is set");

    let mut buf = vec![0; READ_MAX as usize];
    let every = (count / (2 * COMPARED + count / 50)).max(1);
    let (mut refused, mut compared, mut odd, mut peak) = (0u64, 0u64, 0u64, 0);
    for i in first..first + count {
        let mut random = Random(i);
        let seed = &seeds[random.below(seeds.len())];
        let alike = seed.mutate(&mut random);
        let before = NOW.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let reading = AssertUnwindSafe(|| read(&seed.mutant, &mut buf));
        let ours = std::panic::catch_unwind(reading)
            .unwrap_or_else(|_| panic!("mutation {i} of {} panicked", seed.name));
        peak = peak.max(PEAK.load(Ordering::Relaxed) - before);
        let disk = ours.as_ref().ok().copied().flatten().map(|len| &buf[..len]);

        let differs = disk.is_some_and(|d| d != seed.disk);
        odd += u64::from(differs);
        match disk {
            None => refused += u64::from(ours.is_err()),
            Some(_) if !alike => {}
            Some(disk) if i % SAMPLE == 0 || count == 1 || differs && odd.is_multiple_of(every) => {
                if let Some(wanted) = seed.by_qemu() {
                    compared += 1;
                    assert!(
                        disk == wanted,
                        "mutation {i} of {}: {} bytes read, {} of qemu-img, which \
                         differ from {:?} on",
                        seed.name,
                        disk.len(),
                        wanted.len(),
                        disk.iter().zip(&wanted).position(|(a, b)| a != b)
                    );
                }
            }
            Some(_) => {}
        }
        seed.restore();
    }
    println!(
        "qcow2: {count} mutations, {refused} refused, {odd} read otherwise than before, {compared} \
         compared to qemu-img, {} KiB of memory at most",
        peak >> 10
    );
    assert!(
        peak <= MEMORY_MAX + READ_MAX as usize,
        "{peak} bytes of memory"
    );
    assert!(
        count < 1000 || refused > 0 && compared > 0,
        "nothing was tried"
    );
}
