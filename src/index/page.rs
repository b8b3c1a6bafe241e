//! Index pages as they are held in memory: checked, with the sums that a binary search needs.

use crate::error::{NoMemory, Why, try_with_capacity};
use crate::format::{
    BlockEntry, BlockPage, CDC_MIN, Decoded, ExtentEntry, ExtentPage, NodePage, PAGE_4K, PageKey,
    ParentPlace, Pointer, RootPage, SEAL_LEN, Target, TreeKind, UnitHash, UnitPage,
};

/// A page and where it came from.
pub(crate) struct Loaded {
    pub pointer: Pointer,
    pub kind: TreeKind,
    pub level: u32,
    pub page: Page,
}

pub(crate) enum Page {
    Node(NodePage),
    Extents(ExtentLeaf),
    Blocks(BlockLeaf),
    Units(UnitLeaf),
}

/// Consecutive runs of one stream.
pub(crate) struct ExtentLeaf {
    pub key: PageKey,
    /// Where each run begins in the stream, and at last where the page ends.
    starts: Vec<u64>,
    entries: Vec<ExtentEntry>,
}

/// An extent, or its rest from some byte on, and where that is in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeafExtent {
    pub at: u64,
    pub len: u64,
    pub target: Target,
}

/// Blocks that follow each other in data space and in the file.
pub(crate) struct BlockLeaf {
    pub at: u64,
    pub end: u64,
    pub file_at: u64,
    pub file_end: u64,
    pub blocks: Vec<Block>,
}

/// A block and its two places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// First byte in data space.
    pub at: u64,
    /// First byte in the file.
    pub file_at: u64,
    /// Bytes in the file, the tag of a sealed block included.
    pub file_len: u32,
    pub entry: BlockEntry,
}

/// Units that follow each other in data space.
pub(crate) struct UnitLeaf {
    pub at: u64,
    /// Where each unit ends in data space; empty when all are 4 KiB.
    ends: Vec<u64>,
    pub hashes: Vec<UnitHash>,
}

/// A unit and its place in data space.
pub(crate) struct Unit<'a> {
    pub start: u64,
    pub end: u64,
    pub hash: &'a UnitHash,
}

/// What a page is held against: the bounds that the root page and the footer set.
pub(crate) struct Bounds<'a> {
    pub root: &'a RootPage,
    /// Whether pieces are sealed.
    pub sealed: bool,
    /// Where blocks and pages begin in the file.
    pub file_start: u64,
    /// Where blocks and pages end in the file, which is where the root page begins.
    pub file_end: u64,
    /// Ancestors that the file has.
    pub ancestors: usize,
}

/// What memory is for.
const PAGE: &str = "a page of the index";
pub(super) const NO_ANCESTOR: &str = "an extent refers to an ancestor that there is not";
const NOT_ALIGNED: &str = "an extent or block is not aligned to pages of 4096 bytes";

fn aligned(at: u64) -> bool {
    at.is_multiple_of(PAGE_4K as u64)
}

/// The rules that keep a few bytes of a stream from lying in many blocks: docs/FORMAT.md,
/// section 4.1.
impl Bounds<'_> {
    /// Checks where an extent of a stream of that size begins and ends.
    fn check_extent(&self, at: u64, entry: &ExtentEntry, size: u64) -> Decoded<()> {
        if self.root.is_cdc() {
            return Ok(());
        }
        let from = match entry.target {
            Target::Data(from) | Target::Parent(ParentPlace { at: from, .. }) => from,
            Target::Zero => 0,
        };
        let ends = aligned(entry.len) || at.checked_add(entry.len) == Some(size);
        if !aligned(at) || !aligned(from) || !ends {
            return Err(NOT_ALIGNED.into());
        }
        Ok(())
    }

    /// Checks that an extent may be followed by that one: with chunks a short one ends a run of
    /// data, or its stream, or comes before what an ancestor has.
    fn check_next(&self, entry: &ExtentEntry, next: &ExtentEntry) -> Decoded<()> {
        if !self.root.is_cdc() {
            return Ok(());
        }
        let chunk = self.root.cdc[0].into();
        let fits = match (entry.target, next.target) {
            (_, Target::Parent(_)) if next.len >= chunk => true,
            (Target::Zero, _) => entry.len >= CDC_MIN.into(),
            (_, next) => entry.len >= chunk || next == Target::Zero,
        };
        match fits {
            true => Ok(()),
            false => Err(Why::from(
                "a short extent is followed by another than it may be",
            )),
        }
    }
}

impl Bounds<'_> {
    /// Bytes that a piece of so many stored bytes takes in the file.
    pub fn file_len(&self, stored_len: u32) -> u32 {
        match self.sealed {
            true => stored_len.saturating_add(SEAL_LEN),
            false => stored_len,
        }
    }

    /// Checks that a page or dictionary lies in the file's body.
    pub fn check(&self, pointer: &Pointer) -> Decoded<()> {
        let file_len = self.file_len(pointer.stored_len);
        match pointer.offset.checked_add(file_len.into()) {
            Some(end) if pointer.offset >= self.file_start && end <= self.file_end => Ok(()),
            _ => Err("it lies outside the file's body".into()),
        }
    }
}

impl Page {
    /// Decodes a page, and checks all that can be checked without its neighbours.
    pub fn decode(kind: TreeKind, level: u32, bytes: &[u8], bounds: &Bounds<'_>) -> Decoded<Self> {
        Ok(match kind {
            _ if level > 0 => Page::Node(kind.decode_node(bytes, level)?),
            TreeKind::Extents => {
                Page::Extents(ExtentLeaf::new(ExtentPage::decode(bytes)?, bounds)?)
            }
            TreeKind::Blocks => Page::Blocks(BlockLeaf::new(BlockPage::decode(bytes)?, bounds)?),
            TreeKind::Units => Page::Units(UnitLeaf::new(UnitPage::decode(
                bytes,
                bounds.root.is_cdc(),
            )?)?),
        })
    }

    pub fn first(&self) -> PageKey {
        let in_data_space = |at| PageKey { stream: 0, at };
        match self {
            // A decoded node has children.
            Page::Node(node) => node.children.first().map_or(PageKey::default(), |c| c.key),
            Page::Extents(leaf) => leaf.key,
            Page::Blocks(leaf) => in_data_space(leaf.at),
            Page::Units(leaf) => in_data_space(leaf.at),
        }
    }

    /// Bytes of memory.
    pub fn weight(&self) -> usize {
        let heap = match self {
            Page::Node(node) => size_of_val(&node.children[..]),
            Page::Extents(leaf) => size_of_val(&leaf.starts[..]) + size_of_val(&leaf.entries[..]),
            Page::Blocks(leaf) => size_of_val(&leaf.blocks[..]),
            Page::Units(leaf) => size_of_val(&leaf.ends[..]) + size_of_val(&leaf.hashes[..]),
        };
        size_of::<Loaded>() + heap
    }
}

impl ExtentLeaf {
    fn new(page: ExtentPage, bounds: &Bounds<'_>) -> Decoded<Self> {
        let stream = bounds.root.streams.get(page.key.stream as usize);
        let size = stream.ok_or("a page of extents of no stream")?.size;
        let mut at = page.key.at;
        let mut starts = try_with_capacity(page.entries.len() + 1, PAGE)?;
        for (i, entry) in page.entries.iter().enumerate() {
            bounds.check_extent(at, entry, size)?;
            if let Some(next) = page.entries.get(i + 1) {
                bounds.check_next(entry, next)?;
            }
            starts.push(at);
            at = at.saturating_add(entry.len);
            match entry.target {
                Target::Zero => {}
                Target::Data(from) => {
                    if from
                        .checked_add(entry.len)
                        .is_none_or(|end| end > bounds.root.data_size)
                    {
                        return Err("an extent refers to data beyond the last block".into());
                    }
                }
                // That the ancestor has bytes there is seen when they are read.
                Target::Parent(place) => {
                    if usize::from(place.ancestor) >= bounds.ancestors {
                        return Err(NO_ANCESTOR.into());
                    }
                }
            }
        }
        if at > size {
            return Err("extents go beyond their stream's end".into());
        }
        starts.push(at);
        Ok(ExtentLeaf {
            key: page.key,
            starts,
            entries: page.entries,
        })
    }

    /// Where the page ends in its stream.
    pub fn end(&self) -> u64 {
        self.starts.last().copied().unwrap_or(self.key.at)
    }

    /// Holds the page against the last extent of the one before it.
    pub fn check_seam(&self, before: Option<ExtentEntry>, bounds: &Bounds<'_>) -> Decoded<()> {
        match (before, self.entries.first()) {
            (Some(before), Some(next)) => bounds.check_next(&before, next),
            _ => Ok(()),
        }
    }

    /// The last extent.
    pub fn last(&self) -> Option<ExtentEntry> {
        self.entries.last().copied()
    }

    /// The runs from that offset on, the first one cut to begin there.
    pub fn runs(&self, from: u64) -> impl Iterator<Item = LeafExtent> {
        let index = self
            .starts
            .partition_point(|start| *start <= from)
            .saturating_sub(1);
        let entries = self.entries.get(index..).unwrap_or_default();
        let starts = self.starts.get(index..).unwrap_or_default();
        starts.iter().zip(entries).map(move |(&start, entry)| {
            let skip = from.saturating_sub(start).min(entry.len);
            LeafExtent {
                at: start + skip,
                len: entry.len - skip,
                target: entry.target.skip(skip),
            }
        })
    }
}

impl BlockLeaf {
    fn new(page: BlockPage, bounds: &Bounds<'_>) -> Decoded<Self> {
        let (mut at, mut file_at) = (page.at, page.base);
        let mut blocks = try_with_capacity(page.entries.len(), PAGE)?;
        for entry in page.entries {
            if bounds.sealed && entry.crc != 0 {
                return Err("a sealed block has a checksum".into());
            }
            if entry.decoded_len > bounds.root.block_len_max() {
                return Err("a block is larger than the root page allows".into());
            }
            if !bounds.root.is_cdc() && !aligned(entry.decoded_len.into()) {
                return Err(NOT_ALIGNED.into());
            }
            let file_len = bounds.file_len(entry.stored_len);
            blocks.push(Block {
                at,
                file_at,
                file_len,
                entry,
            });
            at = at.saturating_add(entry.decoded_len.into());
            file_at = file_at.saturating_add(file_len.into());
        }
        if page.base < bounds.file_start || file_at > bounds.file_end {
            return Err("a block lies outside the file's body".into());
        }
        Ok(BlockLeaf {
            at: page.at,
            end: at,
            file_at: page.base,
            file_end: file_at,
            blocks,
        })
    }

    /// Index of the block that holds that byte of data space.
    pub fn index(&self, at: u64) -> usize {
        self.blocks
            .partition_point(|block| block.at <= at)
            .saturating_sub(1)
    }

    /// The blocks from the one that holds that byte of data space on.
    pub fn from(&self, at: u64) -> &[Block] {
        self.blocks.get(self.index(at)..).unwrap_or_default()
    }
}

impl Block {
    pub fn len(&self) -> usize {
        self.entry.decoded_len as usize
    }

    /// Bytes in the file.
    pub fn file_len(&self) -> usize {
        self.file_len as usize
    }

    /// Where it ends in data space.
    pub fn end(&self) -> u64 {
        self.at + u64::from(self.entry.decoded_len)
    }
}

impl UnitLeaf {
    fn new(page: UnitPage) -> Result<Self, NoMemory> {
        let mut ends = try_with_capacity(page.lens.len(), PAGE)?;
        ends.extend(page.lens.iter().scan(page.at, |at, len| {
            *at += u64::from(*len);
            Some(*at)
        }));
        Ok(UnitLeaf {
            at: page.at,
            ends,
            hashes: page.hashes,
        })
    }

    /// Where the page ends in data space.
    pub fn end(&self) -> u64 {
        self.unit_end(self.hashes.len().saturating_sub(1))
    }

    fn unit_end(&self, index: usize) -> u64 {
        let fixed = || self.at + (index as u64 + 1) * PAGE_4K as u64;
        self.ends.get(index).copied().unwrap_or_else(fixed)
    }

    /// The units from the one that holds that byte of data space on.
    pub fn around(&self, at: u64) -> impl Iterator<Item = Unit<'_>> {
        let first = match self.ends.is_empty() {
            true => (at.saturating_sub(self.at) / PAGE_4K as u64) as usize,
            false => self.ends.partition_point(|end| *end <= at),
        };
        let hashes = self.hashes.get(first..).unwrap_or_default();
        hashes.iter().enumerate().map(move |(i, hash)| Unit {
            start: match first + i {
                0 => self.at,
                index => self.unit_end(index - 1),
            },
            end: self.unit_end(first + i),
            hash,
        })
    }

    /// The units from the one that begins at that byte of data space on, each with its end; or
    /// nothing when none begins there.
    pub fn from(&self, at: u64) -> impl Iterator<Item = (u64, &UnitHash)> {
        let first = match self.ends.is_empty() {
            true => (at - self.at).div_ceil(PAGE_4K as u64) as usize,
            false => self.ends.partition_point(|end| *end <= at),
        };
        let start = if first == 0 {
            self.at
        } else {
            self.unit_end(first - 1)
        };
        let units = if start == at {
            self.hashes.get(first..)
        } else {
            None
        };
        units
            .unwrap_or_default()
            .iter()
            .enumerate()
            .map(move |(i, hash)| (self.unit_end(first + i), hash))
    }
}
