//! Whatever the writer makes, its readers take: random parameters over random sources, verified,
//! read at random places and extracted.
//!
//! HEXZ_TEST_CASES: how many, in place of [`CASES`]. Each case is drawn from its number alone.

use std::fs;
use std::path::{Path, PathBuf};

use hexz::build::{BuildRequest, Kind, Output, Parents, PathStream, build};
use hexz::control::Control;
use hexz::error::Error;
use hexz::pack::{Options, UnitKind};
use hexz::profile::{CdcSizes, Compression, Profile};
use hexz::sink::{Existing, Sync};
use hexz::snapshot::{ExtractMode, ExtractOptions, OpenOptions, Snapshot, VerifyReport};
use hexz::source::{Access, Format, Writers};

const CASES: u64 = 150;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Numbers that follow from a seed (splitmix64: Steele, Lea, Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len() as u64) as usize]
    }

    /// Even, and mostly small.
    fn size(&mut self, least: u32, most: u32) -> u32 {
        let range = u64::from(most - least) >> self.below(12);
        least + (self.below(range + 1) as u32 & !1)
    }

    fn fill(&mut self, out: &mut Vec<u8>, len: usize) {
        let end = out.len() + len;
        while out.len() < end {
            out.extend_from_slice(&self.next().to_le_bytes());
        }
        out.truncate(end);
    }
}

/// Runs of zeros, noise, text, and of what came before, of lengths that pages and chunks do not
/// know; or nothing, or a few bytes.
fn content(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    let len = match random.below(8) {
        0 => random.below(3),
        1 => random.below(9000),
        _ => random.below(600_000),
    } as usize;
    while out.len() < len {
        let run = 1 + match random.below(4) {
            0 => random.below(64),
            1 => random.below(3000),
            2 => 4096 * (1 + random.below(8)) - 1,
            _ => random.below(60_000),
        } as usize;
        match random.below(5) {
            0 => out.resize(out.len() + run, 0),
            1 => random.fill(&mut out, run),
            2 => {
                let n = random.below(50);
                let line = format!("assign net_{n} = reg_{} & en;\n", n * 7);
                out.extend(line.bytes().cycle().take(run));
            }
            3 if !out.is_empty() => {
                let from = random.below(out.len() as u64) as usize;
                let to = (from + run).min(out.len());
                out.extend_from_within(from..to);
            }
            // As it is repeated on a disk: from page to page.
            _ => {
                out.resize(out.len().next_multiple_of(4096), 0);
                if out.len() >= 8192 {
                    let from = random.below(out.len() as u64 / 4096) as usize * 4096;
                    let to = (from + run.next_multiple_of(4096)).min(out.len());
                    out.extend_from_within(from..to);
                }
            }
        }
    }
    out.truncate(len);
    out
}

fn profile(random: &mut Random) -> Profile {
    let compression = random.of(&[Compression::None, Compression::Lz4, Compression::Zstd]);
    let zstd = compression == Compression::Zstd;
    let min = random.size(1024, 1 << 20);
    let avg = min + 2 + random.size(0, (4 << 20) - min - 2);
    let max = avg + 2 + random.size(0, (16 << 20) - avg - 2);
    Profile {
        compression,
        level: if zstd { random.of(&[-5, 1, 3, 9]) } else { 0 },
        block_size: 1 << random.of(&[12, 12, 13, 14, 16, 17, 20, 22, 24]),
        dictionary: zstd && random.below(2) == 0,
        cdc: CdcSizes { min, avg, max },
    }
}

/// Whether it was built, and not refused for want of memory.
fn case(number: u64, folder: &Path) -> bool {
    let mut random = Random(number);
    let paths = ["disk", "memory", "snapshot", "extracted"].map(|name| folder.join(name));
    let [disk, memory, output, extracted] = &paths;
    let contents = [content(&mut random), content(&mut random)];
    fs::write(disk, &contents[0]).unwrap();
    fs::write(memory, &contents[1]).unwrap();
    let streams = 1 + random.below(2) as usize;
    let profile = profile(&mut random);
    profile.validate().unwrap();
    let disk = PathStream {
        name: "disk",
        kind: Kind::Disk,
        path: disk,
        format: Format::Raw,
        access: Access {
            writers: Writers::Refused,
            other_files: false,
        },
    };
    let memory = PathStream {
        name: "memory",
        kind: Kind::Memory,
        path: memory,
        ..disk
    };
    let all = [disk, memory];
    let mut control = Control::new(None, None);
    let request = BuildRequest {
        streams: all[..streams]
            .iter()
            .map(|s| s.open(&control).unwrap())
            .collect(),
        parents: Parents::default(),
        output: Output::File {
            path: output,
            existing: Existing::Replace,
            sync: Sync::No,
        },
        options: Options {
            profile,
            units: match random.below(2) == 0 {
                true => UnitKind::Chunk,
                false => UnitKind::Page,
            },
            threads: random.of(&[1, 2, 3, 8]),
            memory_limit: random.of(&[0, 0, 16 << 20, 64 << 20, 512 << 20]),
        },
    };
    match build(request, None, &mut control) {
        Ok(_) => {}
        Err(Error::InvalidArgument(text)) if text.contains("memory_limit") => return false,
        Err(error) => panic!("case {number}: {error}"),
    }
    let options = OpenOptions {
        path: output,
        cache_size: random.of(&[0, 1, 1 << 20]),
        expect_root: None,
        allow_plain: false,
        cancel: None,
        kdf_memory_max_kib: 0,
        ancestors: Default::default(),
    };
    let open = Snapshot::open(&options, None);
    let snapshot = open.unwrap_or_else(|error| panic!("case {number}: {error}"));
    let threads = random.of(&[1, 2, 8]);
    let mut report = VerifyReport::default();
    let mut control = Control::new(None, None);
    let verified = snapshot.verify(threads, &mut control, &mut report);
    assert!(verified.is_ok(), "case {number}: {verified:?}");
    for (stream, content) in contents.iter().enumerate().take(streams) {
        for _ in 0..10 {
            let from = random.below(content.len() as u64 + 1) as usize;
            let len = random.below(70_000).min((content.len() - from) as u64) as usize;
            let mut buf = vec![0xaa; len];
            let read = snapshot.read(stream as u32, from as u64, &mut buf);
            assert!(read.is_ok(), "case {number}, {len} at {from}: {read:?}");
            assert!(buf == content[from..from + len], "case {number}");
        }
        let to = ExtractOptions {
            path: extracted,
            mode: ExtractMode::New(Existing::Replace),
            sync: Sync::No,
            threads,
        };
        let done = snapshot.extract(stream as u32, &to, &mut control);
        assert!(done.is_ok(), "case {number}: {done:?}");
        assert!(fs::read(extracted).unwrap() == *content, "case {number}");
    }
    true
}

#[test]
fn what_the_writer_makes_its_readers_take() {
    let folder = std::env::temp_dir().join(format!("hexz-rules-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let folder = Folder(folder);
    let cases = match std::env::var("HEXZ_TEST_CASES") {
        Ok(text) => text.parse().expect("HEXZ_TEST_CASES is a number"),
        Err(_) => CASES,
    };
    let built = (0..cases).filter(|number| case(*number, &folder.0)).count() as u64;
    assert!(built >= cases / 2, "{built} of {cases} were built");
}
