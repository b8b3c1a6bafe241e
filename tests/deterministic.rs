//! The same input and parameters give the same bytes, whatever the threads, the timing, or how the
//! input lies on its disk.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use hexz::build::{BuildRequest, Kind, Output, Parents, PathStream, build};
use hexz::control::Control;
use hexz::pack::{Options, Report, UnitKind};
use hexz::profile::{self, Profile};
use hexz::sink::{Existing, Sync};
use hexz::source::{Access, Format, Writers};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hexz-det-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

fn text(seed: u64, len: usize) -> Vec<u8> {
    let mut out = String::new();
    let mut x = seed;
    while out.len() < len {
        x = x
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        out += &format!(
            "NAND2X1 U{} ( .A(n{}), .B(n{}) );\n",
            x >> 44,
            x >> 50 & 255,
            x >> 40 & 127
        );
    }
    out.truncate(len);
    out.into_bytes()
}

/// 16 MiB with everything in it: holes, zeros, repeats, single pages of repeats, text, noise.
fn disk() -> Vec<u8> {
    let mut disk = Vec::new();
    for round in 0..4u64 {
        disk.extend(text(round, 1_500_000));
        disk.resize(disk.len().next_multiple_of(4096) + 300 * 4096, 0);
        disk.extend(noise(round / 2, 700_000));
        disk.resize(disk.len().next_multiple_of(4096), 0);
        for page in 0..200 {
            // Two old pages, one new, a zero page now and then.
            let from = (page * 37 % 300) * 4096;
            disk.extend_from_within(from..from + 4096);
            disk.extend_from_within(from + 8192..from + 12288);
            disk.extend(noise(1000 + round * 200 + page as u64, 4096));
            if page % 5 == 0 {
                disk.resize(disk.len() + 4096, 0);
            }
        }
    }
    disk.extend(b"a tail that fills no page");
    disk
}

/// Writes `bytes`; sparse leaves every page of zeros as a hole.
fn put(path: &Path, bytes: &[u8], sparse: bool) {
    let file = File::create(path).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (i, page) in bytes.chunks(4096).enumerate() {
        if !sparse || page.iter().any(|b| *b != 0) {
            file.write_all_at(page, i as u64 * 4096).unwrap();
        }
    }
}

struct Case<'a> {
    source: &'a Path,
    memory: Option<&'a Path>,
    output: &'a Path,
    profile: Profile,
    cdc: bool,
    threads: u32,
    memory_limit: u64,
}

fn pack(case: &Case<'_>) -> Report {
    let disk = PathStream {
        name: "disk",
        kind: Kind::Disk,
        path: case.source,
        format: Format::Auto,
        access: Access {
            writers: Writers::Refused,
            other_files: false,
        },
    };
    let memory = case.memory.map(|path| PathStream {
        name: "memory",
        kind: Kind::Memory,
        path,
        ..disk
    });
    let mut control = Control::new(None, None);
    let request = BuildRequest {
        streams: [Some(disk), memory]
            .iter()
            .flatten()
            .map(|s| s.open(&control).unwrap())
            .collect(),
        parents: Parents::default(),
        output: Output::File {
            path: case.output,
            existing: Existing::Replace,
            sync: Sync::No,
        },
        options: Options {
            profile: case.profile,
            units: match case.cdc {
                true => UnitKind::Chunk,
                false => UnitKind::Page,
            },
            threads: case.threads,
            memory_limit: case.memory_limit,
        },
    };
    build(request, None, &mut control).unwrap()
}

/// Profiles, and block sizes at both ends.
fn profiles() -> Vec<Profile> {
    let named = ["generic", "eda", "embedded", "ml"].map(|n| profile::resolve(Some(n)).unwrap());
    let mut all = named.to_vec();
    all.push(Profile {
        block_size: 4096,
        ..named[0]
    });
    all.push(Profile {
        block_size: 2 << 20,
        ..named[1]
    });
    all
}

#[test]
fn threads_do_not_show() {
    let folder = Folder::new("threads");
    let (source, memory) = (folder.path("disk"), folder.path("memory"));
    let disk = disk();
    put(&source, &disk, true);
    put(
        &memory,
        &[&disk[1 << 20..5 << 20], &noise(77, 1 << 20)[..]].concat(),
        false,
    );
    let output = folder.path("out");
    for profile in profiles() {
        for cdc in [false, true] {
            let mut first = None;
            for threads in [1, 2, 3, 8] {
                let memory = Some(memory.as_path());
                let (source, output) = (source.as_path(), output.as_path());
                let memory_limit = 0;
                let report = pack(&Case {
                    source,
                    memory,
                    output,
                    profile,
                    cdc,
                    threads,
                    memory_limit,
                });
                let bytes = fs::read(output).unwrap();
                assert_eq!(report.file_size, bytes.len() as u64);
                let (root, expected) = first.get_or_insert((report.root, bytes.clone()));
                assert_eq!(
                    report.root, *root,
                    "{threads} threads, cdc {cdc}, {profile:?}"
                );
                assert!(
                    bytes == *expected,
                    "{threads} threads, cdc {cdc}, {profile:?}"
                );
            }
        }
    }
}

#[test]
fn holes_do_not_show() {
    let folder = Folder::new("holes");
    let (sparse, full, output) = (
        folder.path("sparse"),
        folder.path("full"),
        folder.path("out"),
    );
    let disk = disk();
    put(&sparse, &disk, true);
    put(&full, &disk, false);
    for profile in profiles() {
        for cdc in [false, true] {
            let run = |source: &Path| {
                let memory = None;
                let (output, threads, memory_limit) = (output.as_path(), 2, 0);
                let report = pack(&Case {
                    source,
                    memory,
                    output,
                    profile,
                    cdc,
                    threads,
                    memory_limit,
                });
                (report, fs::read(output).unwrap())
            };
            let (from_sparse, from_full) = (run(&sparse), run(&full));
            assert!(from_sparse.1 == from_full.1, "cdc {cdc}, {profile:?}");
            assert_eq!(from_sparse.0.bytes_zero, from_full.0.bytes_zero);
            assert_eq!(from_full.0.bytes_read, disk.len() as u64);
            assert!(from_sparse.0.bytes_read < disk.len() as u64);
        }
    }
}

#[test]
fn counts_add_up() {
    let folder = Folder::new("counts");
    let (source, output) = (folder.path("disk"), folder.path("out"));
    let disk = disk();
    put(&source, &disk, true);
    for cdc in [false, true] {
        let report = pack(&Case {
            source: &source,
            memory: Some(&source),
            output: &output,
            profile: profile::resolve(None).unwrap(),
            cdc,
            threads: 2,
            memory_limit: 0,
        });
        let total = 2 * disk.len() as u64;
        assert_eq!(
            report.bytes_zero + report.bytes_duplicate + report.bytes_unique,
            total
        );
        // The second stream is the first one again: nothing of it is new.
        assert!(report.bytes_duplicate * 2 >= total - report.bytes_zero);
        assert!(report.bytes_stored <= report.bytes_unique + 4096);
        let blocks_and_index = report.bytes_stored + 12 * report.blocks * 46 + 65536;
        assert!(report.file_size > report.bytes_stored && report.file_size < blocks_and_index);
    }
}
