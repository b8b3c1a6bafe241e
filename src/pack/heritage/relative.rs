//! One file that a new snapshot may lean on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::super::hash::unit_hash;
use super::{Sought, Spot};
use crate::crypto::{FileKey, Keys};
use crate::error::{Error, Result};
use crate::format::{PageKey, Target, TreeKind, UnitHash};
use crate::index::Index;
use crate::index::page::{Block, LeafExtent};
use crate::index::scratch::grow;
use crate::index::tree::Leaf;

/// Stretches of data space that are remembered as true, at most; then they are looked at anew.
const TRUE_MAX: usize = 4096;

/// How a file came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is the parent, or what the parent leans on. If its hashes lie, the parent is damaged.
    Parent,
    /// It is a base, or what a base leans on. If its hashes lie, it is left out.
    Base,
}

/// What a file's units are hashed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hashing {
    /// What the new snapshot's units are hashed with.
    Own,
    /// No key, where the new snapshot has one.
    Plain,
    /// A key that nothing can be compared with.
    Foreign,
}

impl Hashing {
    /// As somebody sees it who hashes with `own`.
    pub fn of(own: Option<&Keys>, theirs: Option<&Keys>) -> Self {
        match (own, theirs) {
            (None, None) => Hashing::Own,
            (Some(_), None) => Hashing::Plain,
            (Some(own), Some(theirs)) if own.hashes_units_as(theirs) => Hashing::Own,
            (_, Some(_)) => Hashing::Foreign,
        }
    }
}

/// A unit that was found by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub spot: Spot,
    /// First byte in the file's data space.
    pub data: u64,
}

/// Whether the hashes of a block's units are those of their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are.
    True,
    /// They are not, or the bytes are not to be had.
    Lies,
}

/// See the module.
pub struct Relative {
    pub index: Arc<Index>,
    /// Its file key, if it is encrypted.
    pub key: Option<FileKey>,
    pub hashing: Hashing,
    role: Role,
    /// One of too many: not leaned on.
    pub folded: bool,
    /// A base that lied once.
    dropped: bool,
    extents: Held,
    units: Held,
    blocks: Held,
    /// Stretches of data space whose blocks were decoded and hashed, each with its end.
    proven: BTreeMap<u64, u64>,
}

/// The last leaf of a tree, for who goes from one place to the next.
#[derive(Default)]
struct Held(Option<Leaf>);

impl Held {
    fn at(&mut self, index: &Index, kind: TreeKind, key: PageKey) -> Result<&Leaf> {
        let covers = |leaf: &Leaf| (leaf.span.first..leaf.span.limit).contains(&key);
        let leaf = match self.0.take().filter(covers) {
            Some(leaf) => leaf,
            None => index.leaf(kind, key)?,
        };
        Ok(self.0.insert(leaf))
    }
}

impl Relative {
    pub fn new(index: Arc<Index>, key: Option<FileKey>, role: Role) -> Self {
        Relative {
            index,
            key,
            hashing: Hashing::Foreign,
            role,
            folded: false,
            dropped: false,
            extents: Held::default(),
            units: Held::default(),
            blocks: Held::default(),
            proven: BTreeMap::new(),
        }
    }

    /// Whether units are looked for in it.
    pub fn is_of_use(&self) -> bool {
        !self.folded && !self.dropped && self.hashing != Hashing::Foreign
    }

    /// What comes of an attempt to look into it: damage of a base only leaves that out.
    pub fn tolerate<T>(&mut self, result: Result<Option<T>>) -> Result<Option<T>> {
        match (result, self.role) {
            (Err(Error::Corrupt { .. }), Role::Base) => {
                self.dropped = true;
                Ok(None)
            }
            (result, _) => result,
        }
    }

    /// What its stream has from `offset` on, if that is within it.
    pub fn run(&mut self, stream: u32, offset: u64) -> Result<Option<LeafExtent>> {
        let size = self.index.root.streams.get(stream as usize);
        if size.is_none_or(|stream| offset >= stream.size) {
            return Ok(None);
        }
        let key = PageKey { stream, at: offset };
        let leaf = self.extents.at(&self.index, TreeKind::Extents, key)?;
        Ok(leaf.extents()?.runs(offset).next())
    }

    /// Visits the units from that byte of data space on that begin before `end`, each with its
    /// bounds, for as long as `visit` says so.
    pub fn visit_units(
        &mut self,
        mut at: u64,
        end: u64,
        mut visit: impl FnMut(u64, u64, &UnitHash) -> Result<bool>,
    ) -> Result<()> {
        while at < end {
            let key = PageKey { stream: 0, at };
            let leaf = self.units.at(&self.index, TreeKind::Units, key)?;
            for unit in leaf.units()?.around(at) {
                if unit.start >= end || !visit(unit.start, unit.end, unit.hash)? {
                    return Ok(());
                }
                at = unit.end;
            }
        }
        Ok(())
    }

    /// The unit of that hash that begins in that range of a stream and lies in it as a whole: its
    /// first byte there, and in data space.
    pub fn find_unit(
        &mut self,
        stream: u32,
        range: Range<u64>,
        sought: &Sought<'_>,
        hash: &UnitHash,
    ) -> Result<Option<(u64, u64)>> {
        let mut at = range.start;
        while at < range.end
            && let Some(run) = self.run(stream, at)?
        {
            if let Target::Data(data) = run.target {
                let mut found = None;
                let end = data + run.len.min(range.end - run.at);
                self.visit_units(data, end, |start, end, theirs| {
                    let fits = start >= data
                        && end - start == sought.bytes.len() as u64
                        && start - data + sought.len <= run.len;
                    if fits && theirs == hash {
                        found = Some((run.at + start - data, start));
                    }
                    Ok(found.is_none())
                })?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            at = run.at + run.len;
        }
        Ok(None)
    }

    /// Whether the hashes in the block at that byte of data space are true. It is decoded for that,
    /// into `buffer`, and once only.
    pub fn judge(&mut self, at: u64, buffer: &mut Vec<u8>) -> Result<Verdict> {
        let before = self.proven.range(..=at).next_back();
        if before.is_some_and(|(_, end)| at < *end) {
            return Ok(Verdict::True);
        }
        let judged = self.prove(at, buffer);
        match self.tolerate(judged.map(Some))? {
            Some(block) => {
                self.remember(block.at, block.end());
                Ok(Verdict::True)
            }
            None => Ok(Verdict::Lies),
        }
    }

    /// Decodes the block at that byte of data space and hashes its units. One whose hash is another
    /// is damage.
    fn prove(&mut self, at: u64, buffer: &mut Vec<u8>) -> Result<Block> {
        let key = PageKey { stream: 0, at };
        let leaf = self.blocks.at(&self.index, TreeKind::Blocks, key)?;
        let block = leaf.blocks()?.from(at).first().copied();
        let block = block.ok_or_else(|| Error::Internal("a leaf of blocks has none".into()))?;
        grow(buffer, block.len(), "a decoded block")?;
        let bytes = buffer.get_mut(..block.len()).unwrap_or_default();
        let index = Arc::clone(&self.index);
        index.fetch(&block, index.pool.lease().scratch()?, bytes)?;
        let all_true = match &index.keys {
            Some(keys) => keys.with_unit_hash_key(|key| self.hashes_fit(&block, bytes, Some(key))),
            None => self.hashes_fit(&block, bytes, None),
        }?;
        match all_true {
            true => Ok(block),
            false => Err(index.bad_block(
                &block,
                "the hash of a unit is not that of its bytes: what leaned on it would read as \
                 something else"
                    .into(),
            )),
        }
    }

    fn hashes_fit(&mut self, block: &Block, bytes: &[u8], key: Option<&[u8; 32]>) -> Result<bool> {
        let (mut next, mut fit) = (block.at, true);
        self.visit_units(block.at, block.end(), |start, end, hash| {
            let unit = (start - block.at) as usize..(end - block.at) as usize;
            let unit = bytes.get(unit).filter(|_| start == next);
            fit = unit.is_some_and(|unit| unit_hash(unit, key) == *hash);
            next = end;
            Ok(fit)
        })?;
        Ok(fit)
    }

    fn remember(&mut self, start: u64, end: u64) {
        if self.proven.len() >= TRUE_MAX {
            self.proven.clear();
        }
        let end = self.proven.remove(&end).unwrap_or(end);
        match self.proven.range_mut(..start).next_back() {
            Some((_, before)) if *before == start => *before = end,
            _ => {
                self.proven.insert(start, end);
            }
        }
    }
}
