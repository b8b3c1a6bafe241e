//! An index tree that grows from its leaves while they are written.

use crate::error::{Result, try_push};
use crate::format::{ChildEntry, NodePage, Pointer, Tree, TreeKind};

/// Children of one level that have no parent yet; a parent is made when one more would not fit.
pub struct TreeBuilder {
    kind: TreeKind,
    /// Level 0 holds leaves.
    levels: Vec<Vec<ChildEntry>>,
}

/// A node that is full and goes out: its level and bytes. The pointer to it is for `adopt`.
pub struct FullNode {
    level: usize,
    first: ChildEntry,
    /// The decoded page.
    pub bytes: Vec<u8>,
}

impl TreeBuilder {
    /// An empty tree.
    pub fn new(kind: TreeKind) -> Self {
        TreeBuilder {
            kind,
            levels: vec![Vec::new()],
        }
    }

    /// Takes a leaf that was written. A node that it makes full must be stored and `adopt`ed.
    pub fn add(&mut self, leaf: ChildEntry) -> Result<Option<FullNode>> {
        self.add_at(0, leaf)
    }

    /// Takes a node that was written, one level above its children.
    pub fn adopt(&mut self, node: FullNode, stored: Pointer) -> Result<Option<FullNode>> {
        self.add_at(
            node.level,
            ChildEntry {
                key: node.first.key,
                pointer: stored,
            },
        )
    }

    fn add_at(&mut self, level: usize, child: ChildEntry) -> Result<Option<FullNode>> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        let full = self.levels[level].len() == NodePage::CAPACITY;
        let node = if full { self.take_node(level)? } else { None };
        try_push(&mut self.levels[level], child, "a page of the index")?;
        Ok(node)
    }

    /// The lowest node that must still be stored, or `None` when only the top is left.
    pub fn finish_node(&mut self) -> Result<Option<FullNode>> {
        let filled = |level: &usize| !self.levels[*level].is_empty();
        let Some(level) = (0..self.levels.len()).find(filled) else {
            return Ok(None);
        };
        let is_top = self.levels[level].len() == 1 && level + 1 == self.levels.len();
        if is_top {
            Ok(None)
        } else {
            self.take_node(level)
        }
    }

    /// The finished tree, after `finish_node` gave nothing more.
    pub fn into_tree(self) -> Tree {
        match self.levels.last().and_then(|top| top.first()) {
            Some(top) => Tree {
                height: self.levels.len() as u32,
                top: Some(top.pointer),
            },
            None => Tree::default(),
        }
    }

    fn take_node(&mut self, level: usize) -> Result<Option<FullNode>> {
        let children = std::mem::take(&mut self.levels[level]);
        let Some(&first) = children.first() else {
            return Ok(None);
        };
        let node = NodePage {
            level: level as u8 + 1,
            children,
        };
        Ok(Some(FullNode {
            level: level + 1,
            first,
            bytes: self.kind.encode_node(&node)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Codec, PageKey};

    /// Builds a tree of `leaves` in a pretended file and walks it back.
    fn walk(leaves: u64) -> u32 {
        let mut builder = TreeBuilder::new(TreeKind::Units);
        let mut file: Vec<Vec<u8>> = vec![Vec::new(); 5000];
        let pointer = |at: usize| Pointer {
            offset: at as u64,
            stored_len: 1,
            decoded_len: 1,
            codec: Codec::Stored,
            hash: [0; 32],
        };
        let mut store = |builder: &mut TreeBuilder, mut node: Option<FullNode>| {
            while let Some(mut full) = node {
                file.push(std::mem::take(&mut full.bytes));
                node = builder.adopt(full, pointer(file.len() - 1)).unwrap();
            }
        };
        for at in 0..leaves {
            let leaf = ChildEntry {
                key: PageKey { stream: 0, at },
                pointer: pointer(4999),
            };
            let node = builder.add(leaf).unwrap();
            store(&mut builder, node);
        }
        while let Some(node) = builder.finish_node().unwrap() {
            store(&mut builder, Some(node));
        }
        let tree = builder.into_tree();
        let mut level = tree.height;
        let mut row: Vec<Pointer> = tree.top.into_iter().collect();
        while level > 1 {
            level -= 1;
            let nodes = row.iter().map(|p| {
                TreeKind::Units
                    .decode_node(&file[p.offset as usize], level)
                    .unwrap()
                    .children
            });
            let children: Vec<ChildEntry> = nodes.flatten().collect();
            assert!(children.is_sorted_by(|a, b| a.key < b.key));
            row = children.iter().map(|c| c.pointer).collect();
        }
        assert_eq!(row.len() as u64, leaves);
        tree.height
    }

    #[test]
    fn every_leaf_is_reached_in_order() {
        let n = NodePage::CAPACITY as u64;
        let heights: Vec<u32> = [0, 1, 2, n, n + 1, n * n, n * n + 1]
            .into_iter()
            .map(walk)
            .collect();
        assert_eq!(heights, [0, 1, 2, 2, 3, 3, 4]);
    }
}
