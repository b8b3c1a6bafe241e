//! Pages of the three index trees: leaves of extents, blocks and unit hashes, and the nodes above.
//!
//! A leaf holds its entries column by column, so that what hardly changes from entry to entry
//! compresses to nothing, and lengths only: positions are sums from the page's first one, so that
//! gaps and overlaps cannot be written down at all.

use super::bytes::{Reader, Writer};
use super::{BLOCK_MAX, DATA_SPACE_MAX, HEIGHT_MAX, STREAM_SIZE_MAX, STREAMS_MAX};
use super::{Codec, Decoded, Hash, PAGE_4K, PAGE_MAX, Pointer, UnitHash, codec};
use crate::error::{Result, try_with_capacity, try_zeroed};

const HEAD: usize = 32;
/// What memory is for.
const PAGE: &str = "a page of the index";
const KIND_EXTENTS: u8 = 1;
const KIND_BLOCKS: u8 = 2;
const KIND_UNITS: u8 = 3;

/// Where a page begins: in a stream for extents (`at` is a logical offset), or in data space for
/// blocks and units (`stream` is 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PageKey {
    /// Index of the stream.
    pub stream: u32,
    /// First byte.
    pub at: u64,
}

/// Where the bytes of an extent are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// In data space from this byte on.
    Data(u64),
    /// Nowhere: they are zero.
    Zero,
    /// In an ancestor's stream, from this byte on.
    Parent {
        /// Index into the ancestors of the root page.
        ancestor: u16,
        /// Index of the ancestor's stream.
        stream: u16,
        /// Offset in it.
        at: u64,
    },
}

/// A run of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtentEntry {
    /// Bytes, at least 1.
    pub len: u64,
    /// Where they are.
    pub target: Target,
}

/// A leaf of the extents: consecutive runs of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtentPage {
    /// Stream and logical offset of the first run.
    pub key: PageKey,
    /// The runs.
    pub entries: Vec<ExtentEntry>,
}

/// A stored block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockEntry {
    /// Bytes in the file, without the tag if they are sealed.
    pub stored_len: u32,
    /// Bytes in data space.
    pub decoded_len: u32,
    /// How it is stored.
    pub codec: Codec,
    /// CRC-32C of the stored bytes; 0 if they are sealed.
    pub crc: u32,
    /// BLAKE3 of the stored bytes, keyed if they are sealed.
    pub hash: Hash,
}

/// A leaf of the block table: blocks that follow each other in data space and in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockPage {
    /// First byte in data space.
    pub at: u64,
    /// First byte in the file.
    pub base: u64,
    /// The blocks.
    pub entries: Vec<BlockEntry>,
}

/// A leaf of the unit hashes, in the order of data space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitPage {
    /// First byte in data space.
    pub at: u64,
    /// Lengths of the units in bytes; empty when every unit is 4 KiB.
    pub lens: Vec<u32>,
    /// Hashes of the units.
    pub hashes: Vec<UnitHash>,
}

/// A child of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildEntry {
    /// The child's first key.
    pub key: PageKey,
    /// Where it is stored.
    pub pointer: Pointer,
}

/// A node above the leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodePage {
    /// 1 above leaves, rising towards the root.
    pub level: u8,
    /// The children, keys rising.
    pub children: Vec<ChildEntry>,
}

/// Entries that a page of [`PAGE_MAX`] bytes holds, each `len` bytes wide.
const fn capacity(len: usize) -> usize {
    (PAGE_MAX - HEAD) / len
}

/// What a page begins with.
struct Lead {
    kind: u8,
    level: u8,
    key: PageKey,
    base: u64,
}

impl Lead {
    /// The bytes of a page of `count` entries, each `len` bytes wide, which `fill` writes.
    fn page(self, count: usize, len: usize, fill: impl FnOnce(&mut Writer<'_>)) -> Result<Vec<u8>> {
        let mut bytes = try_zeroed(HEAD + count * len, PAGE)?;
        let mut w = Writer::new(&mut bytes);
        w.u8(self.kind);
        w.u8(self.level);
        w.u16(0);
        w.u32(count as u32);
        w.u32(self.key.stream);
        w.u32(0);
        w.u64(self.key.at);
        w.u64(self.base);
        fill(&mut w);
        Ok(bytes)
    }
}

struct Head<'a> {
    count: usize,
    key: PageKey,
    base: u64,
    rest: Reader<'a>,
}

fn read_head(bytes: &[u8], kind: u8, level: u8, entry_len: usize) -> Decoded<Head<'_>> {
    let mut r = Reader::new(bytes);
    if (r.u8()?, r.u8()?) != (kind, level) {
        return Err("an index page is of another kind or level than its place says".into());
    }
    r.zeros(2, "index page")?;
    let count = r.u32()? as usize;
    let stream = r.u32()?;
    r.zeros(4, "index page")?;
    let key = PageKey {
        stream,
        at: r.u64()?,
    };
    let base = r.u64()?;
    if count == 0 || count > capacity(entry_len) || r.left() != count * entry_len {
        return Err("an index page's count does not fit its length".into());
    }
    Ok(Head {
        count,
        key,
        base,
        rest: r,
    })
}

/// Reads a column of `n` values.
fn column<T>(n: usize, mut read: impl FnMut() -> Decoded<T>) -> Decoded<Vec<T>> {
    let mut values = try_with_capacity(n, PAGE)?;
    for _ in 0..n {
        values.push(read()?);
    }
    Ok(values)
}

impl ExtentPage {
    const ENTRY: usize = 8 + 8 + 1 + 2 + 2;
    /// Runs that fit a page.
    pub const CAPACITY: usize = capacity(Self::ENTRY);

    /// The decoded bytes of this page.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let parts = |e: &ExtentEntry| match e.target {
            Target::Data(at) => (1u8, at, 0, 0),
            Target::Zero => (2, 0, 0, 0),
            Target::Parent {
                ancestor,
                stream,
                at,
            } => (3, at, ancestor, stream),
        };
        let lead = Lead {
            kind: KIND_EXTENTS,
            level: 0,
            key: self.key,
            base: 0,
        };
        lead.page(self.entries.len(), Self::ENTRY, |w| {
            self.entries.iter().for_each(|e| w.u64(e.len));
            self.entries.iter().for_each(|e| w.u64(parts(e).1));
            self.entries.iter().for_each(|e| w.u8(parts(e).0));
            self.entries.iter().for_each(|e| w.u16(parts(e).2));
            self.entries.iter().for_each(|e| w.u16(parts(e).3));
        })
    }

    /// Decodes a page, and checks all that can be checked without its surroundings.
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        let Head {
            count,
            key,
            base,
            rest: mut r,
        } = read_head(bytes, KIND_EXTENTS, 0, Self::ENTRY)?;
        let lens = column(count, || r.u64())?;
        let targets = column(count, || r.u64())?;
        let kinds = column(count, || r.u8())?;
        let ancestors = column(count, || r.u16())?;
        let streams = column(count, || r.u16())?;
        let mut end = key.at;
        let mut entries = try_with_capacity(count, PAGE)?;
        for i in 0..count {
            let (len, at) = (lens[i], targets[i]);
            let target = match (kinds[i], at, ancestors[i], streams[i]) {
                (1, at, 0, 0) => Target::Data(at),
                (2, 0, 0, 0) => Target::Zero,
                (3, at, ancestor, stream) => Target::Parent {
                    ancestor,
                    stream,
                    at,
                },
                _ => return Err("an extent's kind does not fit its target".into()),
            };
            let bounded = |v: u64, max| v.checked_add(len).is_some_and(|end| end <= max);
            let max = if kinds[i] == 1 {
                DATA_SPACE_MAX
            } else {
                STREAM_SIZE_MAX
            };
            if len == 0 || !bounded(at, max) || !bounded(end, STREAM_SIZE_MAX) {
                return Err("an extent's length is out of range".into());
            }
            end += len;
            entries.push(ExtentEntry { len, target });
        }
        if base != 0 || key.stream as usize >= STREAMS_MAX {
            return Err("an extent page's head does not fit".into());
        }
        Ok(ExtentPage { key, entries })
    }
}

impl BlockPage {
    const ENTRY: usize = 4 + 4 + 1 + 1 + 4 + 32;
    /// Blocks that fit a page.
    pub const CAPACITY: usize = capacity(Self::ENTRY);

    /// The decoded bytes of this page.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let lead = Lead {
            kind: KIND_BLOCKS,
            level: 0,
            key: PageKey {
                stream: 0,
                at: self.at,
            },
            base: self.base,
        };
        lead.page(self.entries.len(), Self::ENTRY, |w| {
            self.entries.iter().for_each(|e| w.u32(e.stored_len));
            self.entries.iter().for_each(|e| w.u32(e.decoded_len));
            self.entries.iter().for_each(|e| w.u8(e.codec as u8));
            w.zeros(self.entries.len()); // filters: none yet
            self.entries.iter().for_each(|e| w.u32(e.crc));
            self.entries.iter().for_each(|e| w.bytes(&e.hash));
        })
    }

    /// Decodes a page, and checks all that can be checked without its surroundings.
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        let Head {
            count,
            key,
            base,
            rest: mut r,
        } = read_head(bytes, KIND_BLOCKS, 0, Self::ENTRY)?;
        let stored_lens = column(count, || r.u32())?;
        let decoded_lens = column(count, || r.u32())?;
        let codecs = column(count, || codec(r.u8()?))?;
        if column(count, || r.u8())?.iter().any(|filter| *filter != 0) {
            return Err("a block has a filter that this version does not know".into());
        }
        let crcs = column(count, || r.u32())?;
        let hashes = column(count, || r.array())?;
        let (mut at, mut file) = (key.at, base);
        let mut entries = try_with_capacity(count, PAGE)?;
        for i in 0..count {
            let (stored_len, decoded_len) = (stored_lens[i], decoded_lens[i]);
            let fits = match codecs[i] {
                Codec::Stored => stored_len == decoded_len,
                _ => stored_len < decoded_len,
            };
            at = at.saturating_add(decoded_len.into());
            file = file.saturating_add(stored_len.into());
            if !fits || stored_len == 0 || decoded_len > BLOCK_MAX {
                return Err("a block's lengths do not fit".into());
            }
            entries.push(BlockEntry {
                stored_len,
                decoded_len,
                codec: codecs[i],
                crc: crcs[i],
                hash: hashes[i],
            });
        }
        let placed = base >= PAGE_4K as u64 && file < u64::MAX && at <= DATA_SPACE_MAX;
        if !placed || key.stream != 0 {
            return Err("a block page's head does not fit".into());
        }
        Ok(BlockPage {
            at: key.at,
            base,
            entries,
        })
    }
}

impl UnitPage {
    /// 4 KiB units that fit a page.
    pub const CAPACITY: usize = capacity(Self::entry(false));
    /// Units with a length of their own that fit a page.
    pub const CAPACITY_CDC: usize = capacity(Self::entry(true));

    const fn entry(cdc: bool) -> usize {
        if cdc { 4 + 16 } else { 16 }
    }

    /// The decoded bytes of this page.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let lead = Lead {
            kind: KIND_UNITS,
            level: 0,
            key: PageKey {
                stream: 0,
                at: self.at,
            },
            base: 0,
        };
        let entry = Self::entry(!self.lens.is_empty());
        lead.page(self.hashes.len(), entry, |w| {
            self.lens.iter().for_each(|len| w.u32(*len));
            self.hashes.iter().for_each(|hash| w.bytes(hash));
        })
    }

    /// Decodes a page; `cdc` tells whether units have lengths of their own.
    pub fn decode(bytes: &[u8], cdc: bool) -> Decoded<Self> {
        let Head {
            count,
            key,
            base,
            rest: mut r,
        } = read_head(bytes, KIND_UNITS, 0, Self::entry(cdc))?;
        let lens = if cdc {
            column(count, || r.u32())?
        } else {
            Vec::new()
        };
        let hashes = column(count, || r.array())?;
        if lens.iter().any(|len| *len == 0 || *len > BLOCK_MAX) {
            return Err("a unit's length is out of range".into());
        }
        let page = UnitPage {
            at: key.at,
            lens,
            hashes,
        };
        if base != 0 || key.stream != 0 || key.at > DATA_SPACE_MAX || page.end() > DATA_SPACE_MAX {
            return Err("a unit page's head does not fit".into());
        }
        Ok(page)
    }

    /// Data space where the next page begins.
    pub fn end(&self) -> u64 {
        if self.lens.is_empty() {
            return self.at + (self.hashes.len() * PAGE_4K) as u64;
        }
        self.at + self.lens.iter().map(|len| u64::from(*len)).sum::<u64>()
    }
}

impl NodePage {
    const ENTRY: usize = 16 + Pointer::LEN;
    /// Children that fit a page.
    pub const CAPACITY: usize = capacity(Self::ENTRY);

    /// The decoded bytes of this page; `tree` is the kind of its leaves.
    fn encode_kind(&self, kind: u8) -> Result<Vec<u8>> {
        let lead = Lead {
            kind,
            level: self.level,
            key: self.children.first().map_or(PageKey::default(), |c| c.key),
            base: 0,
        };
        lead.page(self.children.len(), Self::ENTRY, |w| {
            for child in &self.children {
                w.u32(child.key.stream);
                w.u32(0);
                w.u64(child.key.at);
                child.pointer.encode(w);
            }
        })
    }

    fn decode_kind(bytes: &[u8], kind: u8, level: u8) -> Decoded<Self> {
        let Head {
            count,
            key,
            base,
            rest: mut r,
        } = read_head(bytes, kind, level, Self::ENTRY)?;
        let children = column(count, || {
            let stream = r.u32()?;
            r.zeros(4, "index page")?;
            let key = PageKey {
                stream,
                at: r.u64()?,
            };
            Ok(ChildEntry {
                key,
                pointer: Pointer::decode(&mut r, PAGE_MAX)?,
            })
        })?;
        let rising = children.windows(2).all(|pair| pair[0].key < pair[1].key);
        let plain = kind == KIND_EXTENTS || children.iter().all(|c| c.key.stream == 0);
        if !rising || !plain || base != 0 || children.first().map(|c| c.key) != Some(key) {
            return Err("an index page's keys do not fit".into());
        }
        Ok(NodePage { level, children })
    }
}

/// Which of the three trees a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TreeKind {
    /// Logical runs of the streams.
    Extents = KIND_EXTENTS,
    /// Stored blocks.
    Blocks = KIND_BLOCKS,
    /// Hashes of the units.
    Units = KIND_UNITS,
}

impl TreeKind {
    /// The decoded bytes of a node of this tree.
    pub fn encode_node(self, node: &NodePage) -> Result<Vec<u8>> {
        node.encode_kind(self as u8)
    }

    /// Decodes a node of this tree that must be of that level, 1 to [`HEIGHT_MAX`] - 1.
    pub fn decode_node(self, bytes: &[u8], level: u32) -> Decoded<NodePage> {
        if level == 0 || level >= HEIGHT_MAX {
            return Err("an index tree is too high".into());
        }
        NodePage::decode_kind(bytes, self as u8, level as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer() -> Pointer {
        Pointer {
            offset: 4096,
            stored_len: 9,
            decoded_len: 90,
            codec: Codec::Zstd,
            hash: [3; 32],
        }
    }

    #[test]
    fn pages_come_back_as_they_went() {
        let extents = ExtentPage {
            key: PageKey {
                stream: 2,
                at: 8192,
            },
            entries: vec![
                ExtentEntry {
                    len: 4096,
                    target: Target::Data(65536),
                },
                ExtentEntry {
                    len: 1 << 44,
                    target: Target::Zero,
                },
                ExtentEntry {
                    len: 7,
                    target: Target::Parent {
                        ancestor: 1,
                        stream: 3,
                        at: 5,
                    },
                },
            ],
        };
        assert_eq!(
            ExtentPage::decode(&extents.encode().unwrap()).unwrap(),
            extents
        );
        let entry = BlockEntry {
            stored_len: 9,
            decoded_len: 10,
            codec: Codec::Lz4,
            crc: 1,
            hash: [1; 32],
        };
        let blocks = BlockPage {
            at: 10,
            base: 4096,
            entries: vec![entry; BlockPage::CAPACITY],
        };
        let bytes = blocks.encode().unwrap();
        assert!(bytes.len() <= PAGE_MAX);
        assert_eq!(BlockPage::decode(&bytes).unwrap(), blocks);
        for (lens, cdc) in [(vec![], false), (vec![5, 6], true)] {
            let units = UnitPage {
                at: 4096,
                lens,
                hashes: vec![[1; 16], [2; 16]],
            };
            assert_eq!(
                UnitPage::decode(&units.encode().unwrap(), cdc).unwrap(),
                units
            );
        }
        let child = |at| ChildEntry {
            key: PageKey { stream: 0, at },
            pointer: pointer(),
        };
        let node = NodePage {
            level: 1,
            children: vec![child(0), child(9)],
        };
        let bytes = TreeKind::Blocks.encode_node(&node).unwrap();
        assert_eq!(TreeKind::Blocks.decode_node(&bytes, 1).unwrap(), node);
        assert!(TreeKind::Units.decode_node(&bytes, 1).is_err());
        assert!(TreeKind::Blocks.decode_node(&bytes, 2).is_err());
    }

    #[test]
    fn hostile_numbers_are_refused() {
        let page = |len, target| ExtentPage {
            key: PageKey::default(),
            entries: vec![ExtentEntry { len, target }],
        };
        for bad in [
            page(0, Target::Zero),
            page(u64::MAX, Target::Zero),
            page(2, Target::Data(DATA_SPACE_MAX - 1)),
            page(
                2,
                Target::Parent {
                    ancestor: 0,
                    stream: 0,
                    at: u64::MAX,
                },
            ),
        ] {
            assert!(
                ExtentPage::decode(&bad.encode().unwrap()).is_err(),
                "{bad:?}"
            );
        }
        let entry = BlockEntry {
            stored_len: 9,
            decoded_len: 10,
            codec: Codec::Lz4,
            crc: 1,
            hash: [1; 32],
        };
        for bad in [
            BlockEntry {
                stored_len: 0,
                ..entry
            },
            BlockEntry {
                stored_len: 10,
                ..entry
            },
            BlockEntry {
                codec: Codec::Stored,
                ..entry
            },
            BlockEntry {
                decoded_len: BLOCK_MAX + 1,
                ..entry
            },
        ] {
            let page = BlockPage {
                at: 0,
                base: 4096,
                entries: vec![bad],
            };
            assert!(
                BlockPage::decode(&page.encode().unwrap()).is_err(),
                "{bad:?}"
            );
        }
        let page = BlockPage {
            at: u64::MAX - 3,
            base: 4096,
            entries: vec![entry],
        };
        assert!(BlockPage::decode(&page.encode().unwrap()).is_err());
        let bytes = page.encode().unwrap();
        for cut in 0..bytes.len() {
            assert!(BlockPage::decode(&bytes[..cut]).is_err());
        }
    }
}
