//! Snapshots made by hand, page by page, plain or sealed.

use super::thin::Lean;
use super::{text, trained};
use crate::codec::{EncodeDictionary, Encoder, Method};
use crate::crypto::{Keys, Piece, PieceKind, Place};
use crate::format::{
    BlockEntry, BlockPage, ChildEntry, Codec, ExtentEntry, ExtentPage, Footer, Header, NodePage,
    PAGE_4K, PageKey, Pointer, RootPage, SLOTS_AT, StreamEntry, Target, Tree, TreeKind, UnitPage,
    incompat, root_hash,
};
use crate::keyring::Encryption;
use crate::keyring::create::tests::fixed;
use crate::profile::Compression;

/// Leaves of all trees before they are laid out.
pub struct Leaves {
    pub extents: Vec<ExtentPage>,
    pub blocks: Vec<(BlockPage, Vec<Vec<u8>>)>,
    pub units: Vec<UnitPage>,
}

pub(super) type Alter<T> = Box<dyn Fn(&mut T)>;

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
    /// Bits of the header that a reader may ignore.
    pub compat: u64,
    /// What a thin one leans on.
    pub lean: Option<Lean>,
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
            compat: 0,
            lean: None,
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

    fn leaves(&self, keys: Option<&Keys>) -> Leaves {
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
                    let hash = match keys {
                        Some(keys) => keys.with_unit_hash_key(|key| blake3::keyed_hash(key, unit)),
                        None => blake3::hash(unit),
                    };
                    hashes.push(hash.as_bytes()[..16].try_into().unwrap());
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
        self.write(None)
    }

    /// The bytes of an encrypted file under the password "password": all tags are right.
    pub fn encrypt(&self) -> Vec<u8> {
        self.encrypt_with(77)
    }

    /// The same with a file key that is made of that byte.
    pub fn encrypt_with(&self, byte: u8) -> Vec<u8> {
        let mut encryption = fixed(byte);
        if let Some(lean) = &self.lean {
            lean.seal(&mut encryption);
        }
        self.write(Some(&encryption))
    }

    fn write(&self, encryption: Option<&Encryption>) -> Vec<u8> {
        let mut leaves = self.leaves(encryption.map(|e| &e.keys));
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
        let plain = || Header {
            incompat: self.lean.as_ref().map_or(0, |_| incompat::THIN),
            compat: self.compat,
            ..Header::default()
        };
        let header = encryption.map_or_else(plain, |e| e.header);
        let keys = encryption.map(|e| &e.keys);
        let mut out = header.encode().to_vec();
        for _ in SLOTS_AT {
            out.extend(encryption.iter().flat_map(|e| e.slots.encode()));
        }
        let mut tops: [Vec<ChildEntry>; 3] = Default::default();
        for (mut page, bodies) in leaves.blocks {
            // A base that a test chose stays.
            if page.base == 0 {
                page.base = out.len() as u64;
            }
            let key = PageKey {
                stream: 0,
                at: page.at,
            };
            match keys {
                Some(keys) => seal_blocks(keys, &mut page, &bodies, &mut out),
                None => bodies.iter().for_each(|body| out.extend_from_slice(body)),
            }
            tops[1].push(ChildEntry {
                key,
                pointer: put(&mut out, &page.encode().unwrap(), PieceKind::Page, keys),
            });
        }
        let dictionary = self.stored_dictionary.as_ref().or(self.dictionary.as_ref());
        let dictionary = dictionary.map(|bytes| put(&mut out, bytes, PieceKind::Dictionary, keys));
        for page in leaves.units {
            let key = PageKey {
                stream: 0,
                at: page.at,
            };
            tops[2].push(ChildEntry {
                key,
                pointer: put(&mut out, &page.encode().unwrap(), PieceKind::Page, keys),
            });
        }
        for page in leaves.extents {
            tops[0].push(ChildEntry {
                key: page.key,
                pointer: put(&mut out, &page.encode().unwrap(), PieceKind::Page, keys),
            });
        }
        let kinds = [TreeKind::Extents, TreeKind::Blocks, TreeKind::Units];
        let trees = std::array::from_fn(|i| self.tree(&mut out, kinds[i], tops[i].clone(), keys));
        out.resize(out.len() + self.slack, 0);
        let ancestors = self.lean.as_ref().map(|lean| lean.put(&mut out, keys));
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
            ancestors,
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
        let (mut page, mut piece_hash) = (root.encode().unwrap(), [0; 32]);
        if let Some(keys) = keys {
            page = root.encode_padded().unwrap();
            let piece = Piece {
                kind: PieceKind::Root,
                codec: Codec::Stored as u8,
                ordinal: out.len() as u64,
                len: page.len() as u32,
                decoded_len: page.len() as u32,
            };
            piece_hash = keys.piece_hash(&page);
            let tag = keys.seal(&piece, &piece_hash, &mut page).unwrap();
            page.extend_from_slice(&tag);
        }
        let mut footer = Footer {
            file_len: (out.len() + page.len() + PAGE_4K) as u64,
            root_offset: out.len() as u64,
            root_len: page.len() as u32,
            root: root_hash(&header, &page),
            piece_hash,
            mac: [0; 32],
        };
        if let Some(keys) = keys {
            footer.mac = keys.mac(Place::Footer, &footer.mac_input());
        }
        out.extend_from_slice(&page);
        out.extend_from_slice(&footer.encode());
        out
    }

    fn tree(
        &self,
        out: &mut Vec<u8>,
        kind: TreeKind,
        mut tops: Vec<ChildEntry>,
        keys: Option<&Keys>,
    ) -> Tree {
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
                    pointer: put(
                        out,
                        &kind.encode_node(&node.1).unwrap(),
                        PieceKind::Page,
                        keys,
                    ),
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

/// Writes the blocks of a page as an encrypted file has them, each with its own tag, whatever the
/// page says of their lengths.
fn seal_blocks(keys: &Keys, page: &mut BlockPage, bodies: &[Vec<u8>], out: &mut Vec<u8>) {
    let mut at = page.at;
    let mut bodies = bodies.iter();
    for entry in &mut page.entries {
        entry.crc = 0;
        // Without a body the entry leads to what another page wrote.
        if let Some(body) = bodies.next() {
            let mut body = body.clone();
            let piece = Piece {
                kind: PieceKind::Block,
                codec: entry.codec as u8,
                ordinal: at,
                len: entry.stored_len,
                decoded_len: entry.decoded_len,
            };
            entry.hash = keys.piece_hash(&body);
            let tag = keys.seal(&piece, &entry.hash, &mut body).unwrap();
            out.extend_from_slice(&body);
            out.extend_from_slice(&tag);
        }
        at = at.wrapping_add(entry.decoded_len.into());
    }
}

/// Writes a page or dictionary, compressed if it gets smaller, and sealed if there are keys.
pub(super) fn put(
    out: &mut Vec<u8>,
    bytes: &[u8],
    kind: PieceKind,
    keys: Option<&Keys>,
) -> Pointer {
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
    match codec {
        Codec::Stored => put_stored(out, bytes, kind, keys),
        _ => put_as(out, packed, (codec, bytes.len()), kind, keys),
    }
}

/// The same as it is.
pub(super) fn put_stored(
    out: &mut Vec<u8>,
    bytes: &[u8],
    kind: PieceKind,
    keys: Option<&Keys>,
) -> Pointer {
    put_as(
        out,
        bytes.to_vec(),
        (Codec::Stored, bytes.len()),
        kind,
        keys,
    )
}

fn put_as(
    out: &mut Vec<u8>,
    mut stored: Vec<u8>,
    (codec, decoded_len): (Codec, usize),
    kind: PieceKind,
    keys: Option<&Keys>,
) -> Pointer {
    let mut pointer = Pointer {
        offset: out.len() as u64,
        stored_len: stored.len() as u32,
        decoded_len: decoded_len as u32,
        codec,
        hash: *blake3::hash(&stored).as_bytes(),
    };
    if let Some(keys) = keys {
        let piece = Piece {
            kind,
            codec: codec as u8,
            ordinal: pointer.offset,
            len: pointer.stored_len,
            decoded_len: pointer.decoded_len,
        };
        pointer.hash = keys.piece_hash(&stored);
        let tag = keys.seal(&piece, &pointer.hash, &mut stored).unwrap();
        stored.extend_from_slice(&tag);
    }
    out.extend_from_slice(&stored);
    pointer
}
