//! Small snapshots to begin with, each a bit of everything: codecs, a dictionary, pages or chunks,
//! trees of several levels, streams with zeros and with data that is used twice.
//!
//! Not by the library's writer: that makes no trees of many levels of so little data, and stores its
//! pages compressed, where no mutator can reach their numbers.

use std::sync::OnceLock;

use hexz::codec::{EncodeDictionary, Encoder, Method};
use hexz::crypto::TAG_LEN;
use hexz::format::{
    BlockEntry, BlockPage, ChildEntry, Codec, ExtentEntry, ExtentPage, Footer, Header, KeySlot,
    NodePage, PAGE_4K, PageKey, Pointer, RootPage, SlotPage, StreamEntry, Target, Tree, TreeKind,
    UnitPage, incompat,
};
use hexz::profile::Compression;

use super::mend::{FILE_ID, SLOT};
use super::random::Random;

const PAGE: u64 = PAGE_4K as u64;
const CHUNK_MIN: u32 = 1024;
const DICTIONARY_LEN: usize = 3000;
const ROOM: &str = "room for a small page";

/// The file so far.
struct File {
    bytes: Vec<u8>,
    /// Room behind each piece.
    tag: usize,
    /// Whether the dictionary is compressed, and pages that have no hash in them, which mending does
    /// not reach then.
    packed: bool,
}

impl File {
    fn put(&mut self, bytes: &[u8]) -> Pointer {
        self.put_with(bytes, Codec::Stored)
    }

    fn put_packed(&mut self, bytes: &[u8]) -> Pointer {
        let codec = match self.packed {
            true => Codec::Zstd,
            false => Codec::Stored,
        };
        self.put_with(bytes, codec)
    }

    fn put_with(&mut self, bytes: &[u8], codec: Codec) -> Pointer {
        let (codec, stored) = pack(bytes, codec);
        let pointer = Pointer {
            offset: self.bytes.len() as u64,
            stored_len: stored.len() as u32,
            decoded_len: bytes.len() as u32,
            codec,
            hash: [0; 32],
        };
        self.put_stored(&stored);
        pointer
    }

    fn put_stored(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len() + self.tag, 0);
    }

    fn tree(&mut self, kind: TreeKind, mut tops: Vec<ChildEntry>, fanout: usize) -> Tree {
        let mut height = u32::from(!tops.is_empty());
        while tops.len() > 1 {
            let nodes = tops.chunks(fanout);
            let nodes = nodes.map(|children| {
                let node = NodePage {
                    level: height as u8,
                    children: children.to_vec(),
                };
                ChildEntry {
                    key: children[0].key,
                    pointer: self.put(&kind.encode_node(&node).expect(ROOM)),
                }
            });
            tops = nodes.collect();
            height += 1;
        }
        Tree {
            height,
            top: tops.first().map(|top| top.pointer),
        }
    }
}

/// Repeats itself like text does; no two seeds give the same.
fn text(seed: usize, len: usize) -> Vec<u8> {
    let lines = (0..).map(|line| format!("block {seed} line {line}: {}\n", line * seed % 89));
    let mut out: Vec<u8> = lines.take(len / 16 + 1).collect::<String>().into();
    out.truncate(len);
    out
}

fn dictionary() -> &'static [u8] {
    static TRAINED: OnceLock<Vec<u8>> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let samples: Vec<_> = (100..164).map(|seed| text(seed, 2048)).collect();
        zstd::dict::from_samples(&samples, DICTIONARY_LEN).expect("a dictionary is trained")
    })
}

/// Stored bytes of a block or page, and the codec that they came out with.
fn pack(bytes: &[u8], codec: Codec) -> (Codec, Vec<u8>) {
    let with = (codec == Codec::ZstdDictionary)
        .then(|| EncodeDictionary::new(dictionary(), 3).expect("a dictionary is taken"));
    let (compression, level) = match codec {
        Codec::Stored => return (codec, bytes.to_vec()),
        Codec::Lz4 => (Compression::Lz4, 0),
        Codec::Zstd | Codec::ZstdDictionary => (Compression::Zstd, 3),
    };
    let mut encoder =
        Encoder::new(Method { compression, level }, with.as_ref()).expect("an encoder");
    let mut out = Vec::new();
    match encoder.encode(bytes, &mut out).expect("a block is packed") {
        Codec::Stored => (Codec::Stored, bytes.to_vec()),
        codec => (codec, out),
    }
}

/// Units of one block, in bytes.
fn units(random: &mut Random, block_size: u32, chunks: bool) -> Vec<u32> {
    if !chunks {
        return vec![PAGE_4K as u32; 1 + random.below((block_size / PAGE_4K as u32) as usize)];
    }
    let mut lens = Vec::new();
    let mut left = block_size;
    while left >= CHUNK_MIN && (lens.is_empty() || random.below(3) > 0) {
        let len = CHUNK_MIN + random.below((left - CHUNK_MIN + 1).min(3000) as usize) as u32;
        lens.push(len);
        left -= len;
    }
    lens
}

/// Extents of one stream.
fn extents(random: &mut Random, data_size: u64, chunks: bool) -> Vec<ExtentEntry> {
    let step = if chunks { 1 } else { PAGE };
    let least = if chunks { u64::from(CHUNK_MIN) } else { PAGE };
    let mut entries: Vec<ExtentEntry> = (0..random.of(&[0, 1, 4, 9]))
        .map(|i| {
            if data_size < least || (i + random.below(2)) % 2 == 1 {
                let len = random.of(&[PAGE, 16 * PAGE, 1 << 30, 1 << 40]);
                let target = Target::Zero;
                return ExtentEntry { len, target };
            }
            let at = random.next() % (data_size - least + 1) / step * step;
            let len = least + random.next() % (data_size - at - least + 1) / step * step;
            let target = Target::Data(at);
            ExtentEntry { len, target }
        })
        .collect();
    if let Some(last) = entries.last_mut() {
        last.len -= random.next() % 2 * (random.next() % least.min(last.len));
    }
    entries
}

/// Any of them, in the clear as all inputs are.
pub fn make(random: &mut Random) -> Vec<u8> {
    let sealed = random.below(3) == 0;
    let chunks = random.below(3) == 0;
    let block_size = random.of(&[4096, 8192]);
    let fanout = random.of(&[2, 3, 50]);
    let codecs = match random.below(2) {
        0 => &[
            Codec::Stored,
            Codec::Lz4,
            Codec::Zstd,
            Codec::ZstdDictionary,
        ][..],
        _ => &[Codec::Stored, Codec::Lz4, Codec::Zstd][..],
    };
    let header = Header {
        incompat: if sealed { incompat::ENCRYPTED } else { 0 },
        file_id: if sealed { FILE_ID } else { [0; 16] },
        ..Header::default()
    };
    let mut file = File {
        bytes: header.encode().into(),
        tag: if sealed { TAG_LEN } else { 0 },
        packed: random.below(8) == 0,
    };
    if sealed {
        let slots = slots();
        file.bytes.extend([&slots[..], &slots[..]].concat());
    }

    let (mut at, mut stored_size, mut lens) = (0, 0, Vec::new());
    let (mut pages, mut leaves) = (Vec::new(), Vec::new());
    let count = random.of(&[0, 1, 2, 3, 5]);
    let blocks: Vec<_> = (0..count)
        .map(|seed| {
            let units = units(random, block_size, chunks);
            let decoded: u32 = units.iter().sum();
            lens.extend(units);
            let (codec, body) = pack(&text(seed, decoded as usize), random.of(codecs));
            (decoded, codec, body)
        })
        .collect();
    for group in blocks.chunks(fanout) {
        let mut page = BlockPage {
            at,
            base: file.bytes.len() as u64,
            entries: Vec::new(),
        };
        for (decoded_len, codec, body) in group {
            page.entries.push(BlockEntry {
                stored_len: body.len() as u32,
                decoded_len: *decoded_len,
                codec: *codec,
                crc: 0,
                hash: [0; 32],
            });
            at += u64::from(*decoded_len);
            stored_size += body.len() as u64;
            file.put_stored(body);
        }
        let key = PageKey {
            stream: 0,
            at: page.at,
        };
        pages.push((key, page.encode().expect(ROOM)));
    }
    let data_size = at;
    let dictionary = (codecs.len() == 4).then(|| file.put_packed(dictionary()));
    let mut put_all = |file: &mut File, pages: Vec<(PageKey, Vec<u8>)>, kind| {
        let tops = pages.iter().map(|(key, page)| ChildEntry {
            key: *key,
            pointer: match kind {
                TreeKind::Blocks => file.put(page),
                TreeKind::Extents | TreeKind::Units => file.put_packed(page),
            },
        });
        let tops: Vec<_> = tops.collect();
        leaves.push(file.tree(kind, tops, fanout));
    };

    // Of each unit the hash, so that a check finds all in order.
    let whole: Vec<u8> = blocks
        .iter()
        .enumerate()
        .flat_map(|(seed, (len, ..))| text(seed, *len as usize))
        .collect();
    let mut unit_pages = Vec::new();
    let mut at = 0;
    for lens in lens.chunks(fanout) {
        let key = PageKey { stream: 0, at };
        let hashes = lens.iter().map(|len| {
            let unit = &whole[at as usize..at as usize + *len as usize];
            at += u64::from(*len);
            match sealed {
                true => super::mend::unit_hash(unit),
                false => blake3::hash(unit).as_bytes()[..16].try_into().expect("16"),
            }
        });
        let page = UnitPage {
            at: key.at,
            hashes: hashes.collect(),
            lens: if chunks { lens.to_vec() } else { Vec::new() },
        };
        unit_pages.push((key, page.encode().expect(ROOM)));
    }

    let names = ["disk", "memory", "blob"];
    let mut streams = Vec::new();
    let mut extent_pages = Vec::new();
    for (i, name) in names[..random.of(&[1, 1, 2, 3])].iter().enumerate() {
        let entries = extents(random, data_size, chunks);
        let sum = |zero| {
            let wanted = entries
                .iter()
                .filter(|e| (e.target == Target::Zero) == zero);
            wanted.map(|e| e.len).sum()
        };
        let (zero, data): (u64, u64) = (sum(true), sum(false));
        streams.push(StreamEntry {
            name: (*name).into(),
            kind: i as u8 + 1,
            size: zero + data,
            data_size: data,
            zero_size: zero,
            stored_size: if i == 0 { stored_size } else { 0 },
        });
        let mut at = 0;
        for entries in entries.chunks(fanout) {
            let key = PageKey {
                stream: i as u32,
                at,
            };
            at += entries.iter().map(|e| e.len).sum::<u64>();
            let page = ExtentPage {
                key,
                entries: entries.to_vec(),
            };
            extent_pages.push((key, page.encode().expect(ROOM)));
        }
    }
    put_all(&mut file, extent_pages, TreeKind::Extents);
    put_all(&mut file, pages, TreeKind::Blocks);
    put_all(&mut file, unit_pages, TreeKind::Units);

    let root = RootPage {
        compression: 1,
        level: 0,
        block_size,
        cdc: if chunks {
            [CHUNK_MIN, 2048, 16384]
        } else {
            [0; 3]
        },
        data_size,
        blocks: count as u64,
        units: lens.len() as u64,
        stored_size,
        dictionary,
        ancestors: None,
        trees: leaves.try_into().expect("three trees"),
        streams,
    };
    let page = match sealed {
        true => root.encode_padded(),
        false => root.encode(),
    }
    .expect(ROOM);
    let root_offset = file.bytes.len() as u64;
    file.put_stored(&page);
    let footer = Footer {
        file_len: (file.bytes.len() + PAGE_4K) as u64,
        root_offset,
        root_len: (page.len() + file.tag) as u32,
        root: [0; 32],
        piece_hash: [0; 32],
        mac: [0; 32],
    };
    file.bytes.extend(footer.encode());
    file.bytes
}

fn slots() -> [u8; PAGE_4K] {
    let mut page = SlotPage {
        generation: 1,
        file_id: FILE_ID,
        slots: [None; 8],
        mac: [0; 32],
    };
    page.slots[0] = Some(KeySlot {
        memory_kib: SLOT.cost.memory_kib,
        passes: SLOT.cost.passes,
        lanes: SLOT.cost.lanes,
        salt: SLOT.salt,
        commitment: SLOT.commitment,
        wrapped: SLOT.wrapped,
        tag: SLOT.tag,
    });
    page.encode()
}
