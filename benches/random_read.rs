//! Random reads of 4 KiB in process, against the least that any reader must do: pread one block,
//! check it, decode it, copy 4 KiB. Index pages are warm on both sides, decoded blocks are not
//! kept; one thread; rounds take turns. With an encrypted snapshot of the same source, reads of that
//! one too.
//!
//! random_read SNAPSHOT [ENCRYPTED PASSWORD-FILE]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use hexz::codec::Decoder;
use hexz::format::{BlockEntry, BlockPage, Footer, NodePage, Pointer, RootPage, TreeKind};
use hexz::keyring::{Answer, PasswordFn, Request};
use hexz::snapshot::{ExtentKind, OpenOptions, Snapshot};

const READ: usize = 4096;
const READS: usize = 20_000;
const ROUNDS: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let (path, encrypted) = match &args[..] {
        [path] => (path, None),
        [path, encrypted, password] => (path, Some((encrypted, std::fs::read(password).unwrap()))),
        _ => {
            eprintln!("usage: random_read SNAPSHOT [ENCRYPTED PASSWORD-FILE]");
            std::process::exit(2);
        }
    };
    let snapshot = open(path, None);
    let encrypted = encrypted.map(|(path, password)| open(path, Some(&password)));
    let pages = data_pages(&snapshot);
    let bare = Bare::open(path);
    let (mut ours, mut theirs, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms pages and the system's cache on all sides, and does not count.
    for round in 0..=ROUNDS as u64 {
        let a = read_all(&snapshot, &pages, round);
        let b = bare.read_all(round);
        let c = encrypted.as_ref().map(|s| read_all(s, &pages, round));
        if round > 0 {
            ours.push(a);
            theirs.push(b);
            sealed.extend(c);
        }
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let micros = |t: Duration| t.as_secs_f64() * 1e6 / READS as f64;
    println!(
        "{READS} reads of 4 KiB: hexz {:.1} us each, pread + check + decode {:.1} us, ratio {:.2}",
        micros(ours),
        micros(theirs),
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
    if !sealed.is_empty() {
        let sealed = median(sealed);
        println!(
            "the same from the encrypted snapshot: {:.1} us each, plain against encrypted {:.2}",
            micros(sealed),
            ours.as_secs_f64() / sealed.as_secs_f64()
        );
    }
}

fn open(path: &str, password: Option<&[u8]>) -> Snapshot {
    let options = OpenOptions {
        path: Path::new(path),
        // A quarter is for pages: enough for all of them here; the rest keeps few of the blocks.
        cache_size: 8 << 20,
        expect_root: None,
        allow_plain: false,
        cancel: None,
        kdf_memory_max_kib: 0,
        ancestors: Default::default(),
    };
    let mut callback = password.map(|password| {
        move |_: &Request<'_>, buffer: &mut [u8]| {
            buffer[..password.len()].copy_from_slice(password);
            Answer::Given(password.len())
        }
    });
    let callback = callback.as_mut().map(|f| -> &mut PasswordFn<'_> { f });
    Snapshot::open(&options, callback).unwrap()
}

/// Every page of the first stream that holds data.
fn data_pages(snapshot: &Snapshot) -> Vec<u64> {
    let (mut at, mut pages) = (0, Vec::new());
    while at < snapshot.streams()[0].size {
        let extent = snapshot.extent(0, at).unwrap();
        if extent.kind == ExtentKind::Data {
            pages.extend((at..at + extent.len - READ as u64 + 1).step_by(READ));
        }
        at += extent.len;
    }
    pages
}

/// A number below `n`, from a generator that both sides start alike.
fn below(state: &mut u64, n: usize) -> usize {
    *state = state
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    ((u128::from(*state) * n as u128) >> 64) as usize
}

fn read_all(snapshot: &Snapshot, pages: &[u64], seed: u64) -> Duration {
    let (mut state, mut buf) = (seed, vec![0; READ]);
    let start = Instant::now();
    for _ in 0..READS {
        snapshot
            .read(0, pages[below(&mut state, pages.len())], &mut buf)
            .unwrap();
        std::hint::black_box(&buf);
    }
    start.elapsed()
}

/// The bare loop: knows where every block is.
struct Bare {
    file: File,
    blocks: Vec<(u64, BlockEntry)>,
}

impl Bare {
    fn open(path: &str) -> Self {
        let file = File::open(path).unwrap();
        let len = file.metadata().unwrap().len();
        let footer = Footer::decode(&bytes(&file, len - 4096, 4096), len).unwrap();
        let root = bytes(&file, footer.root_offset, footer.root_len as usize);
        let tree = *RootPage::decode(&root, false)
            .unwrap()
            .tree(TreeKind::Blocks);
        let mut row: Vec<Pointer> = tree.top.into_iter().collect();
        for level in (1..tree.height).rev() {
            let node = |p: &Pointer| -> NodePage {
                TreeKind::Blocks
                    .decode_node(&page(&file, p), level)
                    .unwrap()
            };
            row = row
                .iter()
                .flat_map(|p| node(p).children)
                .map(|c| c.pointer)
                .collect();
        }
        let mut blocks = Vec::new();
        for pointer in &row {
            let leaf = BlockPage::decode(&page(&file, pointer)).unwrap();
            let mut at = leaf.base;
            for entry in leaf.entries {
                blocks.push((at, entry));
                at += u64::from(entry.stored_len);
            }
        }
        Bare { file, blocks }
    }

    fn read_all(&self, seed: u64) -> Duration {
        let (mut state, mut buf) = (seed, vec![0; READ]);
        let (mut stored, mut block) = (vec![0; 1 << 24], vec![0; 1 << 24]);
        let mut decoder = Decoder::new().unwrap();
        let start = Instant::now();
        for _ in 0..READS {
            let (at, entry) = &self.blocks[below(&mut state, self.blocks.len())];
            let stored = &mut stored[..entry.stored_len as usize];
            self.file.read_exact_at(stored, *at).unwrap();
            assert_eq!(crc32c::crc32c(stored), entry.crc);
            let block = &mut block[..entry.decoded_len as usize];
            decoder.decode(entry.codec, None, stored, block).unwrap();
            buf.copy_from_slice(&block[..READ]);
            std::hint::black_box(&buf);
        }
        start.elapsed()
    }
}

fn bytes(file: &File, at: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, at).unwrap();
    bytes
}

fn page(file: &File, p: &Pointer) -> Vec<u8> {
    let stored = bytes(file, p.offset, p.stored_len as usize);
    let mut decoded = vec![0; p.decoded_len as usize];
    Decoder::new()
        .unwrap()
        .decode(p.codec, None, &stored, &mut decoded)
        .unwrap();
    decoded
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
