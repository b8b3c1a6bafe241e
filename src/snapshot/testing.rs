//! Snapshots made by hand, page by page, and storage that can be watched, changed and made to fail.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use zstd::zstd_safe::train_from_buffer;

use super::{OpenOptions, Snapshot, Storage};
use crate::codec::{EncodeDictionary, Encoder, Method};
use crate::error::{Error, Result, Why};
use crate::format::{
    BlockEntry, BlockPage, ChildEntry, Codec, ExtentEntry, ExtentPage, Footer, Header, NodePage,
    PAGE_4K, PageKey, Pointer, RootPage, StreamEntry, Target, Tree, TreeKind, UnitPage, root_hash,
};
use crate::profile::Compression;

/// A folder of its own for a test, removed at its end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let name = format!("hexz-snapshot-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn count(&self) -> usize {
        std::fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Bytes in memory, and what happens to them.
#[derive(Clone)]
pub struct Counted(Arc<State>);

struct State {
    bytes: Mutex<Vec<u8>>,
    size: u64,
    reads: AtomicUsize,
    read: AtomicUsize,
    fail_at: AtomicU64,
}

impl Counted {
    /// The storage, and a second handle on it.
    pub fn new(bytes: Vec<u8>) -> (Counted, Counted) {
        let counted = Counted(Arc::new(State {
            size: bytes.len() as u64,
            bytes: Mutex::new(bytes),
            reads: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
            fail_at: AtomicU64::new(u64::MAX),
        }));
        (counted.clone(), counted)
    }

    /// Reads so far, and bytes of them.
    pub fn get(&self) -> (usize, usize) {
        (
            self.0.reads.load(Ordering::Relaxed),
            self.0.read.load(Ordering::Relaxed),
        )
    }

    /// Changes the bytes under an open snapshot.
    pub fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.0.bytes.lock().unwrap());
    }

    /// Makes each read that touches this byte fail; `u64::MAX` for none.
    pub fn fail_at(&self, byte: u64) {
        self.0.fail_at.store(byte, Ordering::Relaxed);
    }
}

impl Storage for Counted {
    fn operand(&self) -> &str {
        "memory"
    }

    fn size(&self) -> u64 {
        self.0.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        self.0.read.fetch_add(buf.len(), Ordering::Relaxed);
        let end = offset + buf.len() as u64;
        // What a caller must not show when the read fails.
        buf.fill(0xee);
        if (offset..end).contains(&self.0.fail_at.load(Ordering::Relaxed)) {
            let why = Why::System(
                "cannot read".into(),
                std::io::Error::from_raw_os_error(libc::EIO),
            );
            return Err(Error::io("memory", why));
        }
        assert!(end <= self.0.size, "a read beyond the end");
        let bytes = self.0.bytes.lock().unwrap();
        match bytes.get(offset as usize..end as usize) {
            Some(part) => buf.copy_from_slice(part),
            None => return Err(Error::corrupt("memory", "cut while open")),
        }
        Ok(())
    }
}

pub fn options(cache_size: u64) -> OpenOptions<'static> {
    OpenOptions {
        path: Path::new(""),
        cache_size,
        expect_root: None,
        allow_plain: false,
        cancel: None,
        kdf_memory_max_kib: 0,
    }
}

pub fn open_bytes(bytes: Vec<u8>) -> Result<Snapshot> {
    Snapshot::from_storage(Box::new(Counted::new(bytes).0), &options(0), None)
}

/// Repeats itself like text does; no two seeds give the same.
pub fn text(seed: usize, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for line in 0.. {
        if out.len() >= len {
            break;
        }
        out.extend_from_slice(
            format!("block {seed} line {line}: {}\n", line * seed % 89).as_bytes(),
        );
    }
    out.truncate(len);
    out
}

/// A dictionary for such text.
pub fn trained() -> Vec<u8> {
    static TRAINED: OnceLock<Vec<u8>> = OnceLock::new();
    TRAINED
        .get_or_init(|| {
            let samples: Vec<_> = (100..164).map(|seed| text(seed, 2048)).collect();
            let mut out = vec![0; 6000];
            let sizes = vec![2048; samples.len()];
            let len = train_from_buffer(&mut out[..], &samples.concat(), &sizes).unwrap();
            out.truncate(len);
            out
        })
        .clone()
}

/// Leaves of all trees before they are laid out.
pub struct Leaves {
    pub extents: Vec<ExtentPage>,
    pub blocks: Vec<(BlockPage, Vec<Vec<u8>>)>,
    pub units: Vec<UnitPage>,
}

type Alter<T> = Box<dyn Fn(&mut T)>;

/// A snapshot before it is written. `alter_*` make it hostile: all hashes are computed after them.
pub struct Draft {
    /// Decoded bytes and codec of each block.
    pub blocks: Vec<(Vec<u8>, Codec)>,
    pub streams: Vec<(&'static str, Vec<ExtentEntry>)>,
    /// Lengths of the units of each block; 4 KiB without.
    pub chunk: Option<u32>,
    pub dictionary: Option<Vec<u8>>,
    /// What the file has in its place.
    pub stored_dictionary: Option<Vec<u8>>,
    pub block_size: u32,
    /// Entries of a leaf and children of a node.
    pub fanout: usize,
    pub alter_leaves: Alter<Leaves>,
    pub alter_node: Alter<(TreeKind, NodePage)>,
    pub alter_root: Alter<RootPage>,
    /// Bytes that nothing refers to, put in front of the root page.
    pub slack: usize,
}

pub fn data(len: u64, at: u64) -> ExtentEntry {
    ExtentEntry {
        len,
        target: Target::Data(at),
    }
}

pub fn zero(len: u64) -> ExtentEntry {
    ExtentEntry {
        len,
        target: Target::Zero,
    }
}

impl Draft {
    /// One stream of `count` blocks of `len` bytes, one after the other.
    pub fn of_blocks(count: usize, len: usize) -> Draft {
        let codecs = [Codec::Lz4, Codec::Stored, Codec::Zstd];
        let total = (count * len) as u64;
        Draft {
            blocks: (0..count).map(|i| (text(i, len), codecs[i % 3])).collect(),
            streams: vec![(
                "disk",
                if count == 0 {
                    vec![]
                } else {
                    vec![data(total, 0)]
                },
            )],
            chunk: None,
            dictionary: None,
            stored_dictionary: None,
            block_size: (len as u32).next_power_of_two().max(4096),
            fanout: 50,
            alter_leaves: Box::new(|_| ()),
            alter_node: Box::new(|_| ()),
            alter_root: Box::new(|_| ()),
            slack: 0,
        }
    }

    /// A bit of everything: three levels of pages, all codecs, a dictionary, an empty stream, zeros,
    /// runs within blocks and over several, and one that is used twice.
    pub fn sample() -> Draft {
        let mut draft = Draft::ragged(1);
        draft.chunk = None;
        for (_, entries) in &mut draft.streams {
            let last = entries.len();
            for (i, entry) in entries.iter_mut().enumerate() {
                if i + 1 < last {
                    entry.len &= !4095;
                }
                if let Target::Data(at) = &mut entry.target {
                    *at &= !4095;
                }
            }
        }
        draft
    }

    /// The same with runs that begin and end anywhere, in chunks of that many bytes.
    pub fn ragged(chunk: u32) -> Draft {
        let mut draft = Draft::of_blocks(12, 8192);
        draft.blocks[3].1 = Codec::ZstdDictionary;
        draft.blocks[7].1 = Codec::ZstdDictionary;
        draft.blocks[11].0.truncate(4096);
        draft.dictionary = Some(trained());
        draft.chunk = Some(chunk);
        draft.fanout = 3;
        draft.streams = vec![
            ("disk", vec![]),
            ("empty", vec![]),
            (
                "memory",
                vec![
                    zero(4096),
                    data(3 * 8192 + 5, 8192 + 77),
                    zero(1 << 44),
                    data(1, 0),
                ],
            ),
        ];
        let disk = &mut draft.streams[0].1;
        for i in 0..10u64 {
            disk.push(data(4096, i * 8192 + 4096));
            disk.push(zero(4096 + i));
        }
        disk.push(data(8192, 8192));
        disk.push(data(4096, 8192 * 11));
        draft
    }

    /// The same cut into chunks of that many bytes.
    pub fn chunked(mut self, chunk: u32) -> Draft {
        self.chunk = Some(chunk);
        self
    }

    pub fn data_space(&self) -> Vec<u8> {
        self.blocks
            .iter()
            .flat_map(|(bytes, _)| bytes)
            .copied()
            .collect()
    }

    /// What a range of a stream must read as.
    pub fn content(&self, stream: usize, from: u64, len: usize) -> Vec<u8> {
        let space = self.data_space();
        let mut out = vec![0; len];
        let mut at = 0;
        for entry in &self.streams[stream].1 {
            let start = at.max(from);
            let end = (at + entry.len).min(from + len as u64);
            if let Target::Data(target) = entry.target
                && start < end
            {
                let source = (target + start - at) as usize..(target + end - at) as usize;
                out[(start - from) as usize..(end - from) as usize].copy_from_slice(&space[source]);
            }
            at += entry.len;
        }
        out
    }

    pub fn size(&self, stream: usize) -> u64 {
        self.streams[stream].1.iter().map(|e| e.len).sum()
    }

    fn leaves(&self) -> Leaves {
        let method = |level| Method {
            compression: Compression::Zstd,
            level,
        };
        let dictionary = self
            .dictionary
            .as_ref()
            .map(|d| EncodeDictionary::new(d, 3).unwrap());
        let stored = |bytes: &[u8], codec| {
            let mut out = Vec::new();
            let lz4 = Method {
                compression: Compression::Lz4,
                level: 0,
            };
            let mut encoder = match codec {
                Codec::Stored => return bytes.to_vec(),
                Codec::Lz4 => Encoder::new(lz4, None),
                Codec::Zstd => Encoder::new(method(3), None),
                Codec::ZstdDictionary => Encoder::new(method(3), dictionary.as_ref()),
            }
            .unwrap();
            assert_eq!(encoder.encode(bytes, &mut out).unwrap(), codec);
            out
        };
        let (mut at, mut blocks, mut lens, mut hashes) = (0, Vec::new(), Vec::new(), Vec::new());
        for group in self.blocks.chunks(self.fanout) {
            let mut page = BlockPage {
                at,
                base: 0,
                entries: Vec::new(),
            };
            let mut bodies = Vec::new();
            for (bytes, codec) in group {
                let body = stored(bytes, *codec);
                page.entries.push(BlockEntry {
                    stored_len: body.len() as u32,
                    decoded_len: bytes.len() as u32,
                    codec: *codec,
                    crc: crc32c::crc32c(&body),
                    hash: *blake3::hash(&body).as_bytes(),
                });
                at += bytes.len() as u64;
                bodies.push(body);
                for unit in bytes.chunks(self.chunk.map_or(PAGE_4K, |len| len as usize)) {
                    lens.push(unit.len() as u32);
                    hashes.push(blake3::hash(unit).as_bytes()[..16].try_into().unwrap());
                }
            }
            blocks.push((page, bodies));
        }
        let mut units = Vec::new();
        let mut at = 0;
        for (lens, hashes) in lens.chunks(self.fanout).zip(hashes.chunks(self.fanout)) {
            let own = if self.chunk.is_some() {
                lens.to_vec()
            } else {
                Vec::new()
            };
            units.push(UnitPage {
                at,
                lens: own,
                hashes: hashes.to_vec(),
            });
            at += lens.iter().map(|len| u64::from(*len)).sum::<u64>();
        }
        let mut extents = Vec::new();
        for (stream, (_, entries)) in self.streams.iter().enumerate() {
            let mut at = 0;
            for entries in entries.chunks(self.fanout) {
                let key = PageKey {
                    stream: stream as u32,
                    at,
                };
                at += entries.iter().map(|e| e.len).sum::<u64>();
                extents.push(ExtentPage {
                    key,
                    entries: entries.to_vec(),
                });
            }
        }
        Leaves {
            extents,
            blocks,
            units,
        }
    }

    /// The bytes of the file.
    pub fn seal(&self) -> Vec<u8> {
        let mut leaves = self.leaves();
        let data_size: u64 = self
            .blocks
            .iter()
            .map(|(bytes, _)| bytes.len() as u64)
            .sum();
        let units = leaves
            .units
            .iter()
            .map(|page| page.hashes.len() as u64)
            .sum();
        let stored_size = leaves
            .blocks
            .iter()
            .flat_map(|(_, bodies)| bodies)
            .map(|b| b.len() as u64)
            .sum();
        (self.alter_leaves)(&mut leaves);
        let header = Header::default();
        let mut out = header.encode();
        let mut tops: [Vec<ChildEntry>; 3] = Default::default();
        for (mut page, bodies) in leaves.blocks {
            // A base that a test chose stays.
            if page.base == 0 {
                page.base = out.len() as u64;
            }
            bodies.iter().for_each(|body| out.extend_from_slice(body));
            let key = PageKey {
                stream: 0,
                at: page.at,
            };
            tops[1].push(ChildEntry {
                key,
                pointer: put(&mut out, &page.encode()),
            });
        }
        let dictionary = self.stored_dictionary.as_ref().or(self.dictionary.as_ref());
        let dictionary = dictionary.map(|bytes| put(&mut out, bytes));
        for page in leaves.units {
            let key = PageKey {
                stream: 0,
                at: page.at,
            };
            tops[2].push(ChildEntry {
                key,
                pointer: put(&mut out, &page.encode()),
            });
        }
        for page in leaves.extents {
            tops[0].push(ChildEntry {
                key: page.key,
                pointer: put(&mut out, &page.encode()),
            });
        }
        let kinds = [TreeKind::Extents, TreeKind::Blocks, TreeKind::Units];
        let trees = std::array::from_fn(|i| self.tree(&mut out, kinds[i], tops[i].clone()));
        out.resize(out.len() + self.slack, 0);
        let sum = |entries: &[ExtentEntry], zero| {
            let wanted = entries
                .iter()
                .filter(|e| (e.target == Target::Zero) == zero);
            wanted.map(|e| e.len).sum()
        };
        let mut root = RootPage {
            compression: 1,
            level: 0,
            block_size: self.block_size,
            cdc: if self.chunk.is_some() {
                [1024, 2048, 1 << 20]
            } else {
                [0; 3]
            },
            data_size,
            blocks: self.blocks.len() as u64,
            units,
            stored_size,
            dictionary,
            trees,
            streams: (self.streams.iter())
                .enumerate()
                .map(|(i, (name, entries))| StreamEntry {
                    name: (*name).into(),
                    kind: 1,
                    size: self.size(i),
                    data_size: sum(entries, false),
                    zero_size: sum(entries, true),
                    stored_size: if i == 0 { stored_size } else { 0 },
                })
                .collect(),
        };
        (self.alter_root)(&mut root);
        let page = root.encode();
        let footer = Footer {
            file_len: (out.len() + page.len() + PAGE_4K) as u64,
            root_offset: out.len() as u64,
            root_len: page.len() as u32,
            root: root_hash(&header, &page),
            piece_hash: [0; 32],
            mac: [0; 32],
        };
        out.extend_from_slice(&page);
        out.extend_from_slice(&footer.encode());
        out
    }

    fn tree(&self, out: &mut Vec<u8>, kind: TreeKind, mut tops: Vec<ChildEntry>) -> Tree {
        let mut height = u32::from(!tops.is_empty());
        while tops.len() > 1 {
            let mut nodes = Vec::new();
            for children in tops.chunks(self.fanout.max(2)) {
                let node = NodePage {
                    level: height as u8,
                    children: children.to_vec(),
                };
                let mut node = (kind, node);
                (self.alter_node)(&mut node);
                let key = children[0].key;
                nodes.push(ChildEntry {
                    key,
                    pointer: put(out, &kind.encode_node(&node.1)),
                });
            }
            tops = nodes;
            height += 1;
        }
        Tree {
            height,
            top: tops.first().map(|top| top.pointer),
        }
    }
}

/// Writes a page, compressed if it gets smaller.
fn put(out: &mut Vec<u8>, bytes: &[u8]) -> Pointer {
    let mut encoder = Encoder::new(
        Method {
            compression: Compression::Zstd,
            level: 1,
        },
        None,
    )
    .unwrap();
    let mut packed = Vec::new();
    let codec = encoder.encode(bytes, &mut packed).unwrap();
    let stored = if codec == Codec::Stored {
        bytes
    } else {
        &packed
    };
    let pointer = Pointer {
        offset: out.len() as u64,
        stored_len: stored.len() as u32,
        decoded_len: bytes.len() as u32,
        codec,
        hash: *blake3::hash(stored).as_bytes(),
    };
    out.extend_from_slice(stored);
    pointer
}
