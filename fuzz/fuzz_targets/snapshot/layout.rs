//! Where a snapshot has its pages and pieces, as far as its bytes say so: what makes no sense is left
//! out, and nothing is held against anything. docs/FORMAT.md has the numbers.
//!
//! Inputs are snapshots in the clear: pages are stored as they are, and those that are said to be
//! encrypted have room for the tags but are not sealed yet ([`mend`](super::mend)).

use hexz::crypto::{PieceKind, TAG_LEN};
use hexz::format::{PAGE_4K, SLOTS_AT, incompat};

/// Levels of a tree that are looked at, and pieces.
const DEPTH_MAX: usize = 9;
const PIECES_MAX: usize = 2000;

pub const HEAD: usize = 32;
pub const CHILD: usize = 72;
/// Where a node's entry has its pointer, and a pointer its hash.
pub const CHILD_POINTER: usize = 16;
pub const POINTER_HASH: usize = 24;
/// Where the root page has its pointers: dictionary, trees.
pub const POINTERS: [usize; 4] = [56, 168 + 8, 168 + 64 + 8, 168 + 128 + 8];
pub const STREAMS: usize = 360;
const STREAM: usize = 40;
/// Widths of the columns of leaves of extents, blocks, units, and units of chunks.
pub const EXTENTS: &[usize] = &[8, 8, 1, 2, 2];
pub const BLOCKS: &[usize] = &[4, 4, 1, 1, 4, 32];
pub const UNITS: &[usize] = &[16];
pub const CHUNKS: &[usize] = &[4, 16];

pub struct Layout {
    pub sealed: bool,
    pub root_at: usize,
    /// Without its tag.
    pub root_end: usize,
    pub footer_at: usize,
    /// Children before their parents.
    pub pieces: Vec<Piece>,
    pub pages: Vec<Page>,
}

/// Bytes that something has the hash of.
pub struct Piece {
    pub kind: PieceKind,
    pub at: usize,
    pub len: u32,
    pub decoded_len: u32,
    pub codec: u8,
    pub ordinal: u64,
    /// Where the hash is.
    pub hash_at: usize,
    /// Where a block's checksum is.
    pub crc_at: Option<usize>,
}

/// A page of a tree that is stored as it is.
#[derive(Clone, Copy)]
pub struct Page {
    pub at: usize,
    pub len: usize,
    pub pointer_at: usize,
    pub level: u8,
    /// As many as fit.
    pub count: usize,
    pub columns: &'static [usize],
}

impl Page {
    /// Where a value of a leaf is.
    pub fn value_at(&self, column: usize, entry: usize) -> usize {
        let before: usize = self.columns[..column].iter().sum();
        self.at + HEAD + before * self.count + self.columns[column] * entry
    }
}

/// A little-endian number; 0 beyond the end.
pub fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    let mut value = [0; 8];
    if let Some(field) = at.checked_add(len).and_then(|end| bytes.get(at..end)) {
        value[..len].copy_from_slice(field);
    }
    u64::from_le_bytes(value)
}

impl Layout {
    /// Nothing if it has no root page.
    pub fn of(bytes: &[u8]) -> Option<Layout> {
        let footer_at = bytes.len().checked_sub(PAGE_4K)?;
        let sealed = number(bytes, 16, 8) & incompat::ENCRYPTED != 0;
        let root_at = usize::try_from(number(bytes, footer_at + 24, 8)).ok()?;
        let tag = if sealed { TAG_LEN } else { 0 };
        let root_end = root_at
            .checked_add(number(bytes, footer_at + 12, 4) as usize)?
            .checked_sub(tag)?;
        let begin = match sealed {
            true => SLOTS_AT[1] as usize + PAGE_4K,
            false => PAGE_4K,
        };
        if root_at < begin || root_end > footer_at || root_end < root_at + STREAMS {
            return None;
        }
        let layout = Layout {
            sealed,
            root_at,
            root_end,
            footer_at,
            pieces: Vec::new(),
            pages: Vec::new(),
        };
        let chunks = number(bytes, root_at + 12, 4) != 0;
        let mut walk = Walk {
            bytes,
            layout,
            chunks,
        };
        let [dictionary, trees @ ..] = POINTERS.map(|at| root_at + at);
        walk.pointed(dictionary, PieceKind::Dictionary);
        for at in trees {
            walk.tree(at, 0);
        }
        Some(walk.layout)
    }

    /// Where each stream's entry is in the root page.
    pub fn streams(&self, bytes: &[u8]) -> Vec<usize> {
        let count = number(bytes, self.root_at + 2, 2);
        let mut at = self.root_at + STREAMS;
        let mut found = Vec::new();
        for _ in 0..count {
            if at + STREAM > self.root_end {
                break;
            }
            found.push(at);
            at += STREAM + number(bytes, at + 1, 1) as usize;
        }
        found
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    layout: Layout,
    chunks: bool,
}

impl Walk<'_> {
    /// Where what a pointer leads to lies, if that is in the file.
    fn target(&self, pointer_at: usize) -> Option<(usize, usize)> {
        let at = usize::try_from(number(self.bytes, pointer_at, 8)).ok()?;
        let len = number(self.bytes, pointer_at + 8, 4) as usize;
        let end = at.checked_add(len)?;
        (len > 0 && end <= self.layout.footer_at).then_some((at, len))
    }

    fn pointed(&mut self, pointer_at: usize, kind: PieceKind) {
        if let Some((at, len)) = self.target(pointer_at) {
            self.layout.pieces.push(Piece {
                kind,
                at,
                len: len as u32,
                decoded_len: number(self.bytes, pointer_at + 12, 4) as u32,
                codec: number(self.bytes, pointer_at + 16, 1) as u8,
                ordinal: at as u64,
                hash_at: pointer_at + POINTER_HASH,
                crc_at: None,
            });
        }
    }

    fn tree(&mut self, pointer_at: usize, depth: usize) {
        let Some((at, len)) = self.target(pointer_at) else {
            return;
        };
        let seen = self.layout.pages.iter().any(|page| page.at == at);
        let stored = number(self.bytes, pointer_at + 16, 1) == 0;
        if stored && !seen && len > HEAD && depth < DEPTH_MAX {
            self.page(at, len, pointer_at, depth);
        }
        self.pointed(pointer_at, PieceKind::Page);
    }

    fn page(&mut self, at: usize, len: usize, pointer_at: usize, depth: usize) {
        let (tree, level) = (self.bytes[at], self.bytes[at + 1]);
        let columns = match (tree, level) {
            (_, 1..) => &[CHILD][..],
            (1, _) => EXTENTS,
            (2, _) => BLOCKS,
            (3, _) if self.chunks => CHUNKS,
            (3, _) => UNITS,
            _ => return,
        };
        let fits = (len - HEAD) / columns.iter().sum::<usize>();
        let page = Page {
            at,
            len,
            pointer_at,
            level,
            count: (number(self.bytes, at + 4, 4) as usize).min(fits),
            columns,
        };
        self.layout.pages.push(page);
        match (tree, level) {
            (_, 1..) => {
                for entry in 0..page.count {
                    if self.layout.pieces.len() > PIECES_MAX {
                        break;
                    }
                    self.tree(page.value_at(0, entry) + CHILD_POINTER, depth + 1);
                }
            }
            (2, _) => self.blocks(&page),
            _ => {}
        }
    }

    fn blocks(&mut self, page: &Page) {
        let mut ordinal = number(self.bytes, page.at + 16, 8);
        let mut at = number(self.bytes, page.at + 24, 8);
        let tag = if self.layout.sealed {
            TAG_LEN as u64
        } else {
            0
        };
        for entry in 0..page.count {
            let len = number(self.bytes, page.value_at(0, entry), 4) as u32;
            let decoded_len = number(self.bytes, page.value_at(1, entry), 4) as u32;
            let Some(end) = at.checked_add(u64::from(len) + tag) else {
                return;
            };
            if end <= self.layout.footer_at as u64 {
                self.layout.pieces.push(Piece {
                    kind: PieceKind::Block,
                    at: at as usize,
                    len,
                    decoded_len,
                    codec: self.bytes[page.value_at(2, entry)],
                    ordinal,
                    hash_at: page.value_at(5, entry),
                    crc_at: Some(page.value_at(4, entry)),
                });
            }
            at = end;
            ordinal = ordinal.wrapping_add(decoded_len.into());
        }
    }
}
