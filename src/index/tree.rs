//! From a place to the leaf of an index tree that covers it.
//!
//! A file may be hostile: each page is held against its parent, so that a tree that passes tiles
//! what it should tile, and a walk from leaf to leaf always ends.

use std::sync::Arc;

use super::Index;
use super::cache::Cache;
use super::page::{BlockLeaf, ExtentLeaf, Loaded, Page, UnitLeaf};
use crate::crypto::{Piece, PieceKind};
use crate::error::{Error, Result, Why, try_zeroed};
use crate::format::{Codec, ExtentEntry, PageKey, Pointer, TreeKind};

pub(crate) type PageCache = Cache<Loaded>;

/// The keys that a page must cover, from its first to where the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub first: PageKey,
    pub limit: PageKey,
}

/// A leaf, held by its reader however soon it falls out of the cache.
#[derive(Clone)]
pub(crate) struct Leaf {
    loaded: Arc<Loaded>,
    pub span: Span,
}

/// A page that could not be had, and what it would have covered.
pub(crate) struct Broken {
    pub span: Span,
    pub error: Error,
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        broken.error
    }
}

impl Leaf {
    /// The leaf as one of the extents. A descent in that tree gives nothing else.
    pub fn extents(&self) -> Result<&ExtentLeaf> {
        match &self.loaded.page {
            Page::Extents(leaf) => Ok(leaf),
            _ => Err(Error::Internal("a page of extents is none".into())),
        }
    }

    /// See [`Leaf::extents`].
    pub fn blocks(&self) -> Result<&BlockLeaf> {
        match &self.loaded.page {
            Page::Blocks(leaf) => Ok(leaf),
            _ => Err(Error::Internal("a page of blocks is none".into())),
        }
    }

    /// See [`Leaf::extents`].
    pub fn units(&self) -> Result<&UnitLeaf> {
        match &self.loaded.page {
            Page::Units(leaf) => Ok(leaf),
            _ => Err(Error::Internal("a page of units is none".into())),
        }
    }
}

impl Index {
    /// The leaf that covers a place, which must lie within its stream or data space.
    pub(crate) fn leaf(&self, kind: TreeKind, key: PageKey) -> Result<Leaf> {
        Ok(self.descend(&self.pages, kind, key, |_| ())?)
    }

    /// The leaf of the blocks that holds that byte of data space.
    pub(crate) fn block_leaf(&self, at: u64) -> Result<Leaf> {
        self.leaf(TreeKind::Blocks, PageKey { stream: 0, at })
    }

    /// The leaf of the extents that covers an offset, which is below the stream's size.
    pub(crate) fn extent_leaf(&self, stream: u32, offset: u64) -> Result<Leaf> {
        self.leaf(TreeKind::Extents, PageKey { stream, at: offset })
    }

    /// The same for who walks from leaf to leaf: `before` is the last extent of the one before, and
    /// becomes that of this one.
    pub(crate) fn next_extent_leaf(
        &self,
        stream: u32,
        offset: u64,
        before: &mut Option<ExtentEntry>,
    ) -> Result<Leaf> {
        let leaf = self.extent_leaf(stream, offset)?;
        let page = leaf.extents()?;
        page.check_seam(before.take(), &self.bounds())
            .map_err(|why| self.corrupt(why))?;
        *before = page.last();
        Ok(leaf)
    }

    /// What a tree covers.
    pub(crate) fn span(&self, kind: TreeKind) -> Span {
        match kind {
            TreeKind::Extents => Span {
                first: self.next_stream(0),
                limit: PageKey {
                    stream: self.root.streams.len() as u32,
                    at: 0,
                },
            },
            TreeKind::Blocks | TreeKind::Units => Span {
                first: PageKey::default(),
                limit: PageKey {
                    stream: 0,
                    at: self.root.data_size,
                },
            },
        }
    }

    /// Finds the leaf that covers `key`. `visit` is given each page that begins exactly there: a
    /// walk from the first key and on from each leaf's limit visits every page once.
    pub(crate) fn descend(
        &self,
        cache: &PageCache,
        kind: TreeKind,
        key: PageKey,
        mut visit: impl FnMut(&Pointer),
    ) -> std::result::Result<Leaf, Broken> {
        let tree = self.root.tree(kind);
        let mut span = self.span(kind);
        let broken = |span, error| Broken { span, error };
        let Some(mut pointer) = tree.top else {
            return Err(broken(span, self.corrupt("an index tree is missing")));
        };
        for level in (0..tree.height).rev() {
            let loaded = self
                .page(cache, kind, level, &pointer)
                .map_err(|e| broken(span, e))?;
            if span.first == key {
                visit(&pointer);
            }
            let misfit = |text: &str| {
                let why = Why::from(text).within(&page_text(kind, &pointer));
                broken(span, self.corrupt(why))
            };
            if loaded.page.first() != span.first {
                return Err(misfit("it begins elsewhere than its parent says"));
            }
            let Page::Node(node) = &loaded.page else {
                if !self.fills(&loaded.page, &span) {
                    return Err(misfit("it ends elsewhere than the next one begins"));
                }
                return Ok(Leaf { loaded, span });
            };
            if node
                .children
                .last()
                .is_none_or(|last| last.key >= span.limit)
            {
                return Err(misfit("a child begins beyond its end"));
            }
            let next = node.children.partition_point(|child| child.key <= key);
            let Some(child) = next.checked_sub(1).and_then(|i| node.children.get(i)) else {
                return Err(misfit("no child covers a place"));
            };
            let limit = node
                .children
                .get(next)
                .map_or(span.limit, |sibling| sibling.key);
            span = Span {
                first: child.key,
                limit,
            };
            pointer = child.pointer;
        }
        Err(broken(span, self.corrupt("an index tree has no leaves")))
    }

    /// Whether a leaf ends exactly where the next one begins, or with its stream.
    fn fills(&self, leaf: &Page, span: &Span) -> bool {
        let Page::Extents(extents) = leaf else {
            let end = match leaf {
                Page::Blocks(blocks) => blocks.end,
                Page::Units(units) => units.end(),
                Page::Extents(_) | Page::Node(_) => return false,
            };
            return end == span.limit.at;
        };
        let stream = extents.key.stream;
        if span.limit.stream == stream {
            return extents.end() == span.limit.at;
        }
        let size = self.root.streams.get(stream as usize).map(|s| s.size);
        size == Some(extents.end()) && span.limit == self.next_stream(stream + 1)
    }

    /// Where extents go on: the first stream from `stream` on that holds anything.
    fn next_stream(&self, stream: u32) -> PageKey {
        let rest = self.root.streams.iter().skip(stream as usize);
        let empty = rest.take_while(|s| s.size == 0).count() as u32;
        let end = self.root.streams.len() as u32;
        PageKey {
            stream: stream.saturating_add(empty).min(end),
            at: 0,
        }
    }

    /// A page from the cache or the file.
    fn page(
        &self,
        cache: &PageCache,
        kind: TreeKind,
        level: u32,
        pointer: &Pointer,
    ) -> Result<Arc<Loaded>> {
        // A hostile file may point at one page in two ways: then it is read again.
        let same = |l: &Loaded| l.pointer == *pointer && l.kind == kind && l.level == level;
        if let Some(hit) = cache.get(pointer.offset).filter(|hit| same(hit)) {
            return Ok(hit);
        }
        let misfit = |why: Why| self.corrupt(why.within(&page_text(kind, pointer)));
        let bytes = self.pointed(PieceKind::Page, pointer, misfit)?;
        let page = Page::decode(kind, level, &bytes, &self.bounds()).map_err(misfit)?;
        let weight = page.weight();
        let loaded = Arc::new(Loaded {
            pointer: *pointer,
            kind,
            level,
            page,
        });
        cache.insert(pointer.offset, Arc::clone(&loaded), weight);
        Ok(loaded)
    }

    /// The checked and decoded bytes behind a pointer.
    pub(crate) fn pointed(
        &self,
        kind: PieceKind,
        pointer: &Pointer,
        misfit: impl Fn(Why) -> Error,
    ) -> Result<Vec<u8>> {
        let bounds = self.bounds();
        bounds.check(pointer).map_err(&misfit)?;
        let file_len = bounds.file_len(pointer.stored_len);
        let mut stored = try_zeroed(file_len as usize, "an index page")?;
        self.storage.read_at(pointer.offset, &mut stored)?;
        let hash = match &self.keys {
            None => *blake3::hash(&stored).as_bytes(),
            Some(keys) => {
                let piece = Piece {
                    kind,
                    codec: pointer.codec as u8,
                    ordinal: pointer.offset,
                    len: pointer.stored_len,
                    decoded_len: pointer.decoded_len,
                };
                let opened = keys.open(&piece, &pointer.hash, &mut stored)?;
                let opened = opened.ok_or_else(|| misfit("its tag does not fit".into()))?;
                keys.piece_hash(opened)
            }
        };
        stored.truncate(pointer.stored_len as usize);
        if hash != pointer.hash {
            return Err(misfit("its hash does not fit".into()));
        }
        if pointer.codec == Codec::Stored {
            return Ok(stored);
        }
        let mut decoded = try_zeroed(pointer.decoded_len as usize, "an index page")?;
        self.pool
            .lease()
            .scratch()?
            .decoder
            .decode(pointer.codec, None, &stored, &mut decoded)
            .map_err(misfit)?;
        Ok(decoded)
    }
}

fn page_text(kind: TreeKind, pointer: &Pointer) -> String {
    let kind = match kind {
        TreeKind::Extents => "extents",
        TreeKind::Blocks => "blocks",
        TreeKind::Units => "unit hashes",
    };
    format!("page of {kind} at byte {}", pointer.offset)
}

#[cfg(test)]
mod tests;
