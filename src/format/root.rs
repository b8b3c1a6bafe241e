//! The root page: parameters, streams, and the tops of the three index trees.

use super::bytes::{Reader, Writer};
use super::page::TreeKind;
use super::{
    AncestorsPage, BLOCK_MAX, CDC_MIN, DATA_SPACE_MAX, DICTIONARY_MAX, Decoded, HEIGHT_MAX, Hash,
    Header, NAME_MAX, PAGE_4K, PAGE_MAX, Pointer, STREAM_SIZE_MAX, STREAMS_MAX, VERSION,
};
use crate::error::{Result, try_with_capacity, try_zeroed};

const KIND_ROOT: u8 = 4;
/// Bytes in front of the streams, and of a stream without its name.
const HEAD: usize = 56 + 2 * Pointer::LEN + 3 * (8 + Pointer::LEN);
const STREAM: usize = 40;

/// An index tree: nothing, a leaf, or nodes above leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tree {
    /// Levels; 0 for an empty tree, 1 when the top is a leaf.
    pub height: u32,
    /// The top page; `None` for an empty tree.
    pub top: Option<Pointer>,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEntry {
    /// 1 to 63 bytes of UTF-8, unique.
    pub name: String,
    /// 1 disk, 2 memory, 3 blob.
    pub kind: u8,
    /// Logical bytes.
    pub size: u64,
    /// Logical bytes in data extents.
    pub data_size: u64,
    /// Logical bytes in zero extents.
    pub zero_size: u64,
    /// Bytes of the stored blocks that this stream brought in.
    pub stored_size: u64,
}

/// The root page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootPage {
    /// Compression that was asked for: 0 none, 1 lz4, 2 zstd. Each block says its own.
    pub compression: u8,
    /// Level that was asked for.
    pub level: i32,
    /// Bytes that were compressed together.
    pub block_size: u32,
    /// Chunk sizes least, average, most; zeros when units are 4 KiB pages.
    pub cdc: [u32; 3],
    /// Bytes in data space: the decoded length of all blocks.
    pub data_size: u64,
    /// Blocks.
    pub blocks: u64,
    /// Unique units.
    pub units: u64,
    /// Stored bytes of all blocks.
    pub stored_size: u64,
    /// The dictionary, if there is one.
    pub dictionary: Option<Pointer>,
    /// The page of ancestors of a thin snapshot.
    pub ancestors: Option<Pointer>,
    /// Tops of the trees, in the order extents, blocks, units.
    pub trees: [Tree; 3],
    /// The streams in order.
    pub streams: Vec<StreamEntry>,
}

impl RootPage {
    /// Whether units are content-defined chunks.
    pub fn is_cdc(&self) -> bool {
        self.cdc[2] != 0
    }

    /// Bytes of a decoded block at most: a chunk is never split. All buffers for blocks follow
    /// from it.
    pub fn block_len_max(&self) -> u32 {
        self.block_size.max(self.cdc[2])
    }

    /// The tree of that kind.
    pub fn tree(&self, kind: TreeKind) -> &Tree {
        &self.trees[kind as usize - 1]
    }

    /// The bytes of this page.
    pub fn encode(&self) -> Result<Vec<u8>> {
        self.encode_in(self.len())
    }

    /// The bytes of this page as they are sealed: zeros behind it hide how long it is.
    pub fn encode_padded(&self) -> Result<Vec<u8>> {
        self.encode_in(self.len().next_multiple_of(PAGE_4K))
    }

    fn len(&self) -> usize {
        let streams = self.streams.iter().map(|s| STREAM + s.name.len());
        HEAD + streams.sum::<usize>()
    }

    fn encode_in(&self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = try_zeroed(len, "the root page")?;
        let mut w = Writer::new(&mut bytes);
        w.u8(KIND_ROOT);
        w.u8(self.compression);
        w.u16(self.streams.len() as u16);
        w.i32(self.level);
        w.u32(self.block_size);
        self.cdc.iter().for_each(|size| w.u32(*size));
        w.u64(self.data_size);
        w.u64(self.blocks);
        w.u64(self.units);
        w.u64(self.stored_size);
        encode_pointer(&mut w, &self.dictionary);
        encode_pointer(&mut w, &self.ancestors);
        for tree in &self.trees {
            w.u32(tree.height);
            w.u32(0);
            encode_pointer(&mut w, &tree.top);
        }
        for stream in &self.streams {
            w.u8(stream.kind);
            w.u8(stream.name.len() as u8);
            w.zeros(6);
            w.u64(stream.size);
            w.u64(stream.data_size);
            w.u64(stream.zero_size);
            w.u64(stream.stored_size);
            w.bytes(stream.name.as_bytes());
        }
        Ok(bytes)
    }

    /// Decodes a root page and checks all that can be checked without the other pages. `padded`
    /// is how it is sealed.
    pub fn decode(bytes: &[u8], padded: bool) -> Decoded<Self> {
        let mut r = Reader::new(bytes);
        if r.u8()? != KIND_ROOT {
            return Err("the root page is none".into());
        }
        let compression = r.u8()?;
        let stream_count = usize::from(r.u16()?);
        let (level, block_size) = (r.i32()?, r.u32()?);
        let cdc = [r.u32()?, r.u32()?, r.u32()?];
        let (data_size, blocks, units, stored_size) = (r.u64()?, r.u64()?, r.u64()?, r.u64()?);
        let dictionary = decode_pointer(&mut r, DICTIONARY_MAX)?;
        let ancestors = decode_pointer(&mut r, AncestorsPage::LEN_MAX)?;
        let mut trees = [Tree::default(); 3];
        for tree in &mut trees {
            tree.height = r.u32()?;
            r.zeros(4, "root page")?;
            tree.top = decode_pointer(&mut r, PAGE_MAX)?;
            if tree.top.is_some() != (tree.height > 0) || tree.height > HEIGHT_MAX {
                return Err("an index tree's height does not fit".into());
            }
        }
        if stream_count > STREAMS_MAX {
            return Err("too many streams".into());
        }
        let mut streams: Vec<StreamEntry> = try_with_capacity(stream_count, "streams")?;
        for _ in 0..stream_count {
            let stream = StreamEntry::decode(&mut r)?;
            if streams.iter().any(|s| s.name == stream.name) {
                return Err("two streams have one name".into());
            }
            streams.push(stream);
        }
        match padded {
            false => r.end("root page")?,
            true if bytes.len().is_multiple_of(PAGE_4K) && r.left() < PAGE_4K => {
                r.zeros(r.left(), "root page")?;
            }
            true => return Err("the root page's length does not fit".into()),
        }
        let page = RootPage {
            compression,
            level,
            block_size,
            cdc,
            data_size,
            blocks,
            units,
            stored_size,
            dictionary,
            ancestors,
            trees,
            streams,
        };
        page.check()?;
        Ok(page)
    }

    fn check(&self) -> Decoded<()> {
        const MISFIT: &str = "the root page has fields that do not fit";
        let sized = self.block_size.is_power_of_two()
            && (PAGE_4K as u32..=BLOCK_MAX).contains(&self.block_size);
        // First, since the counts are held against the largest block.
        if !sized {
            return Err(MISFIT.into());
        }
        let chunked = self.cdc == [0; 3]
            || (self.cdc[0] >= CDC_MIN
                && self.cdc.windows(2).all(|pair| pair[0] < pair[1])
                && self.cdc[2] <= BLOCK_MAX);
        let brought = self
            .streams
            .iter()
            .try_fold(0u64, |sum, s| sum.checked_add(s.stored_size));
        let [extents, blocks, units] = &self.trees;
        // All or nothing: blocks hold the data space, units tile it, extents tile the streams.
        let empty = self.data_size == 0;
        let filled = [
            blocks.height == 0,
            units.height == 0,
            self.blocks == 0,
            self.units == 0,
        ]
        .iter()
        .all(|none| *none == empty);
        let streamed = self.streams.iter().all(|s| s.size == 0) == (extents.height == 0);
        let counted = self.blocks <= self.data_size
            && self.units >= self.blocks
            && self.data_size <= DATA_SPACE_MAX
            && self.stored_size <= self.data_size
            && self.stored_size >= self.blocks
            && self.data_size.div_ceil(self.block_len_max().into()) <= self.blocks
            && brought == Some(self.stored_size)
            && (self.is_cdc() || Some(self.data_size) == self.units.checked_mul(PAGE_4K as u64));
        if self.compression > 2 || !chunked || !filled || !streamed || !counted {
            return Err(MISFIT.into());
        }
        Ok(())
    }
}

impl StreamEntry {
    fn decode(r: &mut Reader<'_>) -> Decoded<Self> {
        let kind = r.u8()?;
        let name_len = usize::from(r.u8()?);
        r.zeros(6, "root page")?;
        let (size, data_size, zero_size, stored_size) = (r.u64()?, r.u64()?, r.u64()?, r.u64()?);
        if name_len == 0 || name_len > NAME_MAX {
            return Err("a stream's name is too short or too long".into());
        }
        let name = std::str::from_utf8(r.take(name_len)?)
            .map_err(|_| "a stream's name is not UTF-8")?
            .to_owned();
        let parts = data_size.checked_add(zero_size);
        if !(1..=3).contains(&kind)
            || size > STREAM_SIZE_MAX
            || name.contains('\0')
            || parts != Some(size)
        {
            return Err(format!(
                "stream '{}' has fields that do not fit",
                name.escape_debug()
            )
            .into());
        }
        Ok(StreamEntry {
            name,
            kind,
            size,
            data_size,
            zero_size,
            stored_size,
        })
    }
}

fn encode_pointer(w: &mut Writer<'_>, pointer: &Option<Pointer>) {
    match pointer {
        Some(p) => p.encode(w),
        None => w.zeros(Pointer::LEN),
    }
}

fn decode_pointer(r: &mut Reader<'_>, max: usize) -> Decoded<Option<Pointer>> {
    let bytes = r.take(Pointer::LEN)?;
    if bytes.iter().all(|b| *b == 0) {
        return Ok(None);
    }
    Pointer::decode(&mut Reader::new(bytes), max).map(Some)
}

/// The root hash: it names all bytes that a snapshot's streams hold, since the root page holds
/// the hashes of the pages below it, and those the hashes of the blocks.
///
/// BLAKE3 in key derivation mode keeps it apart from every other hash in the file (BLAKE3 paper,
/// section 2.3).
pub fn root_hash(header: &Header, stored_root_page: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("hexz 2026-11-22 snapshot root v1");
    hasher.update(&VERSION.to_le_bytes());
    hasher.update(&header.incompat.to_le_bytes());
    hasher.update(&header.compat.to_le_bytes());
    hasher.update(&header.file_id);
    // Or a second key could open other contents under one root.
    if header.is_encrypted() {
        hasher.update(&header.commitment);
    }
    hasher.update(stored_root_page);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::Codec;
    use super::*;

    fn sample() -> RootPage {
        let pointer = Pointer {
            offset: 4096,
            stored_len: 64,
            decoded_len: 64,
            codec: Codec::Stored,
            hash: [9; 32],
        };
        let tree = Tree {
            height: 1,
            top: Some(pointer),
        };
        let stream = |name: &str| StreamEntry {
            name: name.into(),
            kind: 1,
            size: 8192,
            data_size: 4096,
            zero_size: 4096,
            stored_size: 100,
        };
        RootPage {
            compression: 2,
            level: 3,
            block_size: 65536,
            cdc: [0; 3],
            data_size: 4096,
            blocks: 1,
            units: 1,
            stored_size: 200,
            dictionary: Some(pointer),
            ancestors: None,
            trees: [tree; 3],
            streams: vec![stream("disk"), stream("memory")],
        }
    }

    #[test]
    fn comes_back_as_it_went_and_fits() {
        let mut page = sample();
        assert_eq!(
            RootPage::decode(&page.encode().unwrap(), false).unwrap(),
            page
        );
        page.ancestors = page.dictionary;
        let bytes = page.encode().unwrap();
        assert_eq!(RootPage::decode(&bytes, false).unwrap(), page);
        assert_eq!(bytes[112..168], bytes[56..112]);
        let padded = page.encode_padded().unwrap();
        assert_eq!(RootPage::decode(&padded, true).unwrap(), page);
        assert!(RootPage::decode(&padded, false).is_err());
        assert!(RootPage::decode(&page.encode().unwrap(), true).is_err());
        let stream = page.streams[0].clone();
        page.streams = (0..STREAMS_MAX)
            .map(|i| StreamEntry {
                stored_size: if i == 0 { 200 } else { 0 },
                name: format!("{i:063}"),
                ..stream.clone()
            })
            .collect();
        let bytes = page.encode().unwrap();
        assert!(bytes.len() <= super::super::ROOT_MAX);
        assert_eq!(RootPage::decode(&bytes, false).unwrap(), page);
    }

    #[test]
    fn the_largest_block_is_a_block_or_a_chunk() {
        let mut page = sample();
        assert_eq!(page.block_len_max(), 65536);
        page.cdc = [CDC_MIN, 4096, 1 << 20];
        assert_eq!(
            RootPage::decode(&page.encode().unwrap(), false).unwrap(),
            page
        );
        assert_eq!(page.block_len_max(), 1 << 20);
        page.cdc[2] = 8192;
        assert_eq!(page.block_len_max(), 65536);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let good = sample();
        let mut twice = good.clone();
        twice.streams[1].name = "disk".into();
        let mut torn = good.clone();
        torn.streams[0].zero_size = u64::MAX;
        let mut headless = good.clone();
        headless.trees[1] = Tree::default();
        for bad in [
            twice,
            torn,
            headless,
            RootPage {
                block_size: 5000,
                ..good.clone()
            },
            // No block has a length then.
            RootPage {
                block_size: 0,
                ..good.clone()
            },
            RootPage {
                data_size: 8192,
                ..good.clone()
            },
            RootPage {
                blocks: u64::MAX,
                ..good.clone()
            },
            RootPage {
                units: u64::MAX,
                ..good.clone()
            },
            RootPage {
                cdc: [3, 2, 1],
                ..good.clone()
            },
            RootPage {
                cdc: [CDC_MIN - 1, 4096, 8192],
                ..good.clone()
            },
            // More than so many blocks can hold, and fewer bytes than so many blocks have.
            RootPage {
                data_size: 8192 << 10,
                units: 2048,
                ..good.clone()
            },
            RootPage {
                block_size: 4096,
                data_size: 8192,
                units: 2,
                ..good.clone()
            },
            RootPage {
                cdc: [1024, 2048, 4096],
                data_size: 65536,
                blocks: 201,
                units: 201,
                ..good.clone()
            },
            RootPage {
                compression: 3,
                ..good.clone()
            },
        ] {
            assert!(
                RootPage::decode(&bad.encode().unwrap(), false).is_err(),
                "{bad:?}"
            );
        }
        let bytes = good.encode().unwrap();
        for cut in 0..bytes.len() {
            assert!(
                RootPage::decode(&bytes[..cut], false).is_err(),
                "cut at {cut}"
            );
        }
    }
}
