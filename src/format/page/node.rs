//! Nodes above the leaves, and the trees that they make.

use super::super::{Decoded, HEIGHT_MAX, PAGE_MAX, Pointer};
use super::{
    Head, KIND_BLOCKS, KIND_EXTENTS, KIND_UNITS, Lead, PageKey, capacity, column, read_head,
};
use crate::error::Result;

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
