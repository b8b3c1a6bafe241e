//! The ordered end of the pack core: blocks, extents and unit hashes come in, a file goes out.
//!
//! Index pages go out between the blocks as they fill, so that the memory for an index does not
//! grow with the source. A leaf of the block table is written right behind its blocks, which
//! therefore lie back to back in the file; other pages wait for that moment.

mod ancestors;
mod give_up;

use std::time::{Duration, Instant};

use give_up::GivenUp;

use super::seal::seal;
use super::tree::{FullNode, TreeBuilder};
use crate::codec::{Encoder, Method};
use crate::crypto::{Keys, Piece, PieceKind, Place};
use crate::error::{Result, try_push, try_reserve};
use crate::format::{
    AncestorsPage, BlockEntry, BlockPage, ChildEntry, Codec, ExtentEntry, ExtentPage, Footer, Hash,
    Header, PAGE_4K, PageKey, Pointer, RootPage, StreamEntry, Target, Tree, TreeKind, UnitHash,
    UnitPage, compat, incompat, root_hash,
};
use crate::keyring::Encryption;
use crate::profile::Compression;
use crate::sink::Sink;

/// Bytes gathered before the sink is asked to write.
const GATHER: usize = 512 << 10;
/// Finished pages that may wait for the block page before that goes out early.
const WAITING_MAX: usize = 64;
/// Memory that a writer takes at most: what it gathers, and pages on their way, for planning.
pub const MEMORY: usize = 3 << 20;

/// A block, ready to be written.
pub struct StoredBlock<'a> {
    /// The bytes to store, sealed if the file is encrypted.
    pub stored: &'a [u8],
    /// What they say of themselves in the block table.
    pub entry: BlockEntry,
    /// Stream that brought the block in.
    pub stream: usize,
    /// Hashes of its units.
    pub hashes: &'a [UnitHash],
    /// Lengths of its units if they are chunks, else empty.
    pub lens: &'a [u32],
}

/// A run of a stream, placed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamExtent {
    /// Index of the stream.
    pub stream: u32,
    /// First byte of the stream.
    pub at: u64,
    /// Bytes.
    pub len: u64,
    /// Where they are.
    pub target: Target,
}

/// What the root page needs besides what the writer counts.
pub struct RootParameters {
    /// Compression, level, block size and chunk sizes as the root page has them.
    pub compression: u8,
    /// See [`RootPage::level`].
    pub level: i32,
    /// See [`RootPage::block_size`].
    pub block_size: u32,
    /// See [`RootPage::cdc`].
    pub cdc: [u32; 3],
    /// Names, kinds and sizes of the streams; the writer fills in the rest.
    pub streams: Vec<StreamEntry>,
    /// Whether there will be a page of ancestors.
    pub thin: bool,
}

/// What a thin snapshot leans on.
pub struct Lineage<'a> {
    /// The page, all but the key that units are hashed with.
    pub page: AncestorsPage<'a>,
    /// Whether the file has that key from another one.
    pub inherits_key: bool,
}

/// What was written.
pub struct Written {
    /// Length of the file.
    pub file_size: u64,
    /// Stored bytes of all blocks.
    pub stored_size: u64,
    /// Blocks.
    pub blocks: u64,
    /// The root hash.
    pub root: Hash,
    /// Time spent in the sink.
    pub write_time: Duration,
}

/// See the module.
pub struct Writer<'s> {
    sink: &'s mut dyn Sink,
    keys: Option<&'s Keys>,
    gathered: Vec<u8>,
    /// Where the next byte goes in the file.
    at: u64,
    page_encoder: Encoder<'static>,
    page_buffer: Vec<u8>,
    header: Header,
    parameters: RootParameters,
    dictionary: Option<Pointer>,
    trees: [TreeBuilder; 3],
    extents: ExtentPage,
    /// Where the next extent begins in its stream.
    logical: u64,
    blocks: BlockPage,
    units: UnitPage,
    waiting: Vec<(TreeKind, PageKey, Vec<u8>)>,
    /// Where pages and nodes of extents lie, if they may be given up.
    given_up: Option<GivenUp>,
    data_size: u64,
    block_count: u64,
    unit_count: u64,
    stored_size: u64,
    write_time: Duration,
}

impl<'s> Writer<'s> {
    /// Begins a file: the header, the key slots of an encrypted one, and the dictionary if there
    /// is one.
    pub fn new(
        sink: &'s mut dyn Sink,
        parameters: RootParameters,
        dictionary: Option<&[u8]>,
        encryption: Option<&'s Encryption>,
    ) -> Result<Self> {
        let mut header = encryption.map_or_else(Header::default, |encryption| encryption.header);
        header.compat = compat::WRITTEN;
        if parameters.thin {
            header.incompat |= incompat::THIN;
        }
        let mut gathered = Vec::new();
        try_reserve(&mut gathered, GATHER, "what waits to be written")?;
        let mut writer = Writer {
            sink,
            keys: encryption.map(|encryption| &encryption.keys),
            gathered,
            at: 0,
            page_encoder: Encoder::new(
                Method {
                    compression: Compression::Zstd,
                    level: 3,
                },
                None,
            )?,
            page_buffer: Vec::new(),
            header,
            parameters,
            dictionary: None,
            trees: [TreeKind::Extents, TreeKind::Blocks, TreeKind::Units].map(TreeBuilder::new),
            extents: ExtentPage::default(),
            logical: 0,
            blocks: BlockPage::default(),
            units: UnitPage::default(),
            waiting: Vec::new(),
            given_up: None,
            data_size: 0,
            block_count: 0,
            unit_count: 0,
            stored_size: 0,
            write_time: Duration::ZERO,
        };
        let header = writer.header.encode();
        writer.put(&header)?;
        if let Some(Encryption { slots, .. }) = encryption {
            let copy = slots.encode();
            writer.put(&copy)?;
            writer.put(&copy)?;
        }
        if let Some(dictionary) = dictionary {
            writer.dictionary = Some(writer.store(PieceKind::Dictionary, dictionary)?);
        }
        Ok(writer)
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Takes the next block of data space.
    pub fn block(&mut self, block: &StoredBlock<'_>) -> Result<()> {
        if self.blocks.entries.is_empty() {
            self.blocks.at = self.data_size;
            self.blocks.base = self.at;
        }
        self.put(block.stored)?;
        try_push(&mut self.blocks.entries, block.entry, "a page of the index")?;
        let mut lens = block.lens.iter();
        let cdc = self.parameters.cdc[2] != 0;
        let capacity = if cdc {
            UnitPage::CAPACITY_CDC
        } else {
            UnitPage::CAPACITY
        };
        for hash in block.hashes {
            if let Some(len) = lens.next() {
                try_push(&mut self.units.lens, *len, "a page of the index")?;
            }
            try_push(&mut self.units.hashes, *hash, "a page of the index")?;
            if self.units.hashes.len() == capacity {
                self.end_units()?;
            }
        }
        self.data_size += u64::from(block.entry.decoded_len);
        self.block_count += 1;
        self.unit_count += block.hashes.len() as u64;
        let stored_len = u64::from(block.entry.stored_len);
        self.stored_size += stored_len;
        if let Some(stream) = self.parameters.streams.get_mut(block.stream) {
            stream.stored_size += stored_len;
        }
        if self.blocks.entries.len() == BlockPage::CAPACITY {
            self.end_blocks()?;
        }
        Ok(())
    }

    /// Takes the next run of the streams, which follow each other in order.
    pub fn extent(&mut self, extent: &StreamExtent) -> Result<()> {
        let StreamExtent {
            stream,
            len,
            target,
            ..
        } = *extent;
        if self.extents.key.stream != stream {
            self.end_extents()?;
            self.logical = 0;
            self.extents.key = PageKey { stream, at: 0 };
        }
        if let Some(entry) = self.parameters.streams.get_mut(stream as usize) {
            match target {
                Target::Zero => entry.zero_size += len,
                Target::Data(_) | Target::Parent(_) => entry.data_size += len,
            }
        }
        self.logical += len;
        if let Some(last) = self.extents.entries.last_mut()
            && continues(last, &target)
        {
            last.len += len;
            return Ok(());
        }
        if self.extents.entries.len() == ExtentPage::CAPACITY {
            self.end_extents()?;
            self.extents.key = PageKey {
                stream,
                at: self.logical - len,
            };
        }
        let entry = ExtentEntry { len, target };
        try_push(&mut self.extents.entries, entry, "a page of the index")?;
        Ok(())
    }

    /// The streams so far.
    pub fn streams(&self) -> &[StreamEntry] {
        &self.parameters.streams
    }

    /// Takes one more stream.
    pub fn add_stream(&mut self, entry: StreamEntry) -> Result<()> {
        try_push(&mut self.parameters.streams, entry, "streams")?;
        Ok(())
    }

    /// Writes what is left: pages, nodes, the page of ancestors of a thin file, root page, footer.
    pub fn finish(mut self, lineage: Option<Lineage<'_>>) -> Result<Written> {
        self.end_extents()?;
        self.end_units()?;
        self.end_blocks()?;
        let mut trees = [Tree::default(); 3];
        for (at, kind) in [TreeKind::Extents, TreeKind::Blocks, TreeKind::Units]
            .into_iter()
            .enumerate()
        {
            while let Some(node) = self.trees[at].finish_node()? {
                self.grow(at, Some(node))?;
            }
            trees[at] = std::mem::replace(&mut self.trees[at], TreeBuilder::new(kind)).into_tree();
        }
        let RootParameters {
            compression,
            level,
            block_size,
            cdc,
            ref mut streams,
            ..
        } = self.parameters;
        let mut root_page = RootPage {
            compression,
            level,
            block_size,
            cdc,
            data_size: self.data_size,
            blocks: self.block_count,
            units: self.unit_count,
            stored_size: self.stored_size,
            dictionary: self.dictionary,
            ancestors: None,
            trees,
            streams: std::mem::take(streams),
        };
        if let Some(lineage) = lineage {
            root_page.ancestors = Some(self.ancestors(lineage, &root_page)?);
        }
        let mut page = Vec::new();
        let mut piece_hash = [0; 32];
        match self.keys {
            None => page = root_page.encode()?,
            Some(keys) => {
                let bytes = root_page.encode_padded()?;
                let piece = Piece {
                    kind: PieceKind::Root,
                    codec: Codec::Stored as u8,
                    ordinal: self.at,
                    len: bytes.len() as u32,
                    decoded_len: bytes.len() as u32,
                };
                piece_hash = seal(keys, &piece, &bytes, &mut page)?;
            }
        }
        let root = root_hash(&self.header, &page);
        let mut footer = Footer {
            file_len: self.at + (page.len() + PAGE_4K) as u64,
            root_offset: self.at,
            root_len: page.len() as u32,
            root,
            piece_hash,
            mac: [0; 32],
        };
        if let Some(keys) = self.keys {
            footer.mac = keys.mac(Place::Footer, &footer.mac_input());
        }
        self.put(&page)?;
        self.put(&footer.encode())?;
        self.flush()?;
        Ok(Written {
            file_size: self.at,
            stored_size: self.stored_size,
            blocks: self.block_count,
            root,
            write_time: self.write_time,
        })
    }

    fn end_extents(&mut self) -> Result<()> {
        if self.extents.entries.is_empty() {
            return Ok(());
        }
        let bytes = self.extents.encode()?;
        self.extents.entries.clear();
        self.page(TreeKind::Extents, self.extents.key, bytes)
    }

    fn end_units(&mut self) -> Result<()> {
        if self.units.hashes.is_empty() {
            return Ok(());
        }
        let (bytes, at, end) = (self.units.encode()?, self.units.at, self.units.end());
        self.units.lens.clear();
        self.units.hashes.clear();
        self.units.at = end;
        self.page(TreeKind::Units, PageKey { stream: 0, at }, bytes)
    }

    /// A finished page of extents or units goes out now if no block waits for its page.
    fn page(&mut self, kind: TreeKind, key: PageKey, bytes: Vec<u8>) -> Result<()> {
        if self.blocks.entries.is_empty() {
            return self.leaf(kind, key, &bytes);
        }
        try_push(&mut self.waiting, (kind, key, bytes), "a page of the index")?;
        if self.waiting.len() >= WAITING_MAX {
            self.end_blocks()
        } else {
            Ok(())
        }
    }

    fn end_blocks(&mut self) -> Result<()> {
        if !self.blocks.entries.is_empty() {
            let bytes = self.blocks.encode()?;
            self.blocks.entries.clear();
            self.leaf(
                TreeKind::Blocks,
                PageKey {
                    stream: 0,
                    at: self.blocks.at,
                },
                &bytes,
            )?;
        }
        for (kind, key, bytes) in std::mem::take(&mut self.waiting) {
            self.leaf(kind, key, &bytes)?;
        }
        Ok(())
    }

    /// Writes a leaf, and the nodes that it makes full.
    fn leaf(&mut self, kind: TreeKind, key: PageKey, bytes: &[u8]) -> Result<()> {
        let pointer = self.store(PieceKind::Page, bytes)?;
        let at = kind as usize - 1;
        self.note(at, &pointer)?;
        let full = self.trees[at].add(ChildEntry { key, pointer })?;
        self.grow(at, full)
    }

    /// Writes a node that is complete, and those above that it makes full.
    fn grow(&mut self, tree: usize, mut node: Option<FullNode>) -> Result<()> {
        while let Some(mut full) = node {
            let pointer = self.store(PieceKind::Page, &std::mem::take(&mut full.bytes))?;
            self.note(tree, &pointer)?;
            node = self.trees[tree].adopt(full, pointer)?;
        }
        Ok(())
    }

    /// Writes a page or the dictionary, compressed if that makes it smaller.
    fn store(&mut self, kind: PieceKind, bytes: &[u8]) -> Result<Pointer> {
        let mut buffer = std::mem::take(&mut self.page_buffer);
        let codec = self.page_encoder.encode(bytes, &mut buffer)?;
        let stored = if buffer.is_empty() { bytes } else { &buffer };
        let mut pointer = Pointer {
            offset: self.at,
            stored_len: stored.len() as u32,
            decoded_len: bytes.len() as u32,
            codec,
            hash: [0; 32],
        };
        match self.keys {
            None => {
                pointer.hash = *blake3::hash(stored).as_bytes();
                self.put(stored)?;
            }
            Some(keys) => {
                let piece = Piece {
                    kind,
                    codec: codec as u8,
                    ordinal: pointer.offset,
                    len: pointer.stored_len,
                    decoded_len: pointer.decoded_len,
                };
                pointer.hash = seal(keys, &piece, bytes, &mut buffer)?;
                self.put(&buffer)?;
            }
        }
        self.page_buffer = buffer;
        Ok(pointer)
    }

    /// Many small pieces become few large writes; a large one goes out without a copy.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.at += bytes.len() as u64;
        if self.gathered.len() + bytes.len() > GATHER {
            self.flush()?;
        }
        if bytes.len() >= GATHER {
            return self.write_out(bytes);
        }
        self.gathered.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        if !gathered.is_empty() {
            self.write_out(&gathered)?;
        }
        self.gathered = gathered;
        self.gathered.clear();
        Ok(())
    }

    fn write_out(&mut self, bytes: &[u8]) -> Result<()> {
        let start = Instant::now();
        let done = self.sink.write(bytes);
        self.write_time += start.elapsed();
        done
    }
}

/// Whether `target` is where `last` goes on.
fn continues(last: &ExtentEntry, target: &Target) -> bool {
    match (last.target, *target) {
        (Target::Zero, Target::Zero) => true,
        (Target::Data(a), Target::Data(b)) => a + last.len == b,
        (Target::Parent(_), Target::Parent(b)) => last.target.skip(last.len) == Target::Parent(b),
        _ => false,
    }
}
