//! The floor under a build: a bare loop that reads, hashes units, compresses, checksums and writes,
//! with the crates, blocks and threads of a build, and does nothing else. No deduplication, no
//! zero detection, no order, no index. What a build takes more than this is its own.
//!
//! floor --codec lz4|zstd [--level N] [--block-size N] [--threads N] INPUT OUTPUT
//! prints `seconds BYTES_READ BYTES_WRITTEN`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use hexz::codec::{Encoder, Method};
use hexz::format::Codec;
use hexz::pack::unit_hash;
use hexz::profile::Compression;
use hexz::source::{Access, Content, Format, Writers};

/// Bytes that a thread takes at once, as a build reads them.
const SHARE: u64 = 1 << 20;

fn main() {
    let (mut codec, mut level, mut block, mut threads) = ("lz4".to_owned(), 3, 65536u64, 2);
    let mut paths = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| usage());
        match arg.as_str() {
            "--codec" => codec = value(),
            "--level" => level = number(&value()) as i32,
            "--block-size" => block = number(&value()),
            "--threads" => threads = number(&value()),
            "--bench" => {}
            _ => paths.push(arg),
        }
    }
    let ([input, output], true) = (&paths[..], block > 0) else {
        usage()
    };
    let method = match codec.as_str() {
        "lz4" => Method {
            compression: Compression::Lz4,
            level: 0,
        },
        "zstd" => Method {
            compression: Compression::Zstd,
            level,
        },
        _ => usage(),
    };
    let shares = shares(input);
    let file = File::open(input).unwrap();
    let out = File::create(output).unwrap();
    let (next, end, read) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut encoder = Encoder::new(method, None).unwrap();
                let (mut buf, mut packed, mut gathered) =
                    (vec![0; SHARE as usize], Vec::new(), Vec::new());
                while let Some((at, len)) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let bytes = &mut buf[..*len];
                    file.read_exact_at(bytes, *at).unwrap();
                    read.fetch_add(*len as u64, Ordering::Relaxed);
                    gathered.clear();
                    for block in bytes.chunks(block as usize) {
                        for unit in block.chunks(4096) {
                            std::hint::black_box(unit_hash(unit, None));
                        }
                        let codec = encoder.encode(block, &mut packed).unwrap();
                        let stored = if codec == Codec::Stored {
                            block
                        } else {
                            &packed
                        };
                        std::hint::black_box((crc32c::crc32c(stored), blake3::hash(stored)));
                        gathered.extend_from_slice(stored);
                    }
                    let at = end.fetch_add(gathered.len() as u64, Ordering::Relaxed);
                    out.write_all_at(&gathered, at).unwrap();
                }
            });
        }
    });
    println!(
        "{:.6} {} {}",
        start.elapsed().as_secs_f64(),
        read.into_inner(),
        end.into_inner()
    );
}

/// The input's data, holes left out as a build leaves them out, in shares.
fn shares(input: &str) -> Vec<(u64, usize)> {
    let access = Access {
        writers: Writers::Allowed,
        other_files: false,
    };
    let source = hexz::source::open(input.as_ref(), Format::Raw, access).unwrap();
    let (mut shares, mut at) = (Vec::new(), 0);
    while at < source.size() {
        let (content, end) = source.content_at(at).unwrap();
        while content == Content::Data && at < end {
            let len = (end - at).min(SHARE);
            shares.push((at, len as usize));
            at += len;
        }
        at = end;
    }
    shares
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| usage())
}

fn usage() -> ! {
    eprintln!(
        "usage: floor [--codec lz4|zstd] [--level N] [--block-size N] [--threads N] INPUT OUTPUT"
    );
    std::process::exit(2)
}
