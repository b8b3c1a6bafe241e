//! A file with all that it leans on.

use std::path::Path;
use std::sync::Arc;

use super::open::{FileKeys, OpenOptions, Opened, hex};
use super::page::{LeafExtent, NO_ANCESTOR};
use super::search::{AncestorSearch, Found, Hints, Search};
use super::storage::{FileStorage, Storage};
use super::{Caches, Index};
use crate::control::Control;
use crate::error::{Error, Result, try_with_capacity};
use crate::format::{Hash, ParentPlace, Target};
use crate::keyring::PasswordFn;

/// An opened file and the ancestors that it leans on: a set and not a line, since nothing leads
/// from one ancestor to the next. A clone shares the files, so that each lives as long as anybody
/// reads it.
#[derive(Clone)]
pub struct Chain {
    pub(crate) index: Arc<Index>,
    /// In the order in which extents count them; empty unless the file is thin.
    pub(crate) ancestors: Vec<Arc<Index>>,
}

impl Chain {
    /// Opens a file, in at most four reads and 64 KiB, and each of its ancestors in three.
    ///
    /// Magic, version, features and checksums are checked in this order, then the file's length,
    /// the root hash, and whether it is the expected one. Then `password` is asked if the file is
    /// encrypted; ancestors need none, since their child has their keys. A missing ancestor is
    /// [`Error::Parent`](crate::error::Error::Parent).
    pub fn open(options: &OpenOptions<'_>, password: Option<&mut PasswordFn<'_>>) -> Result<Chain> {
        Control::new(options.cancel, None).check()?;
        let storage = FileStorage::open(options.path)?;
        Chain::open_with_keys(storage, options, password).map(|(chain, _)| chain)
    }

    /// The same of a file that is open, for who makes a file that leans on it, and so needs the keys.
    pub(crate) fn open_with_keys(
        storage: FileStorage,
        options: &OpenOptions<'_>,
        password: Option<&mut PasswordFn<'_>>,
    ) -> Result<(Chain, FileKeys)> {
        let storage = Arc::new(storage);
        let beside = match options.ancestors.hints {
            Hints::Follow => Some(options.path.parent().unwrap_or(Path::new(""))),
            Hints::Ignore => None,
        };
        Chain::assemble(storage, beside, options, password)
    }

    /// Opens what lies in `storage`, which is beside nothing; the path in `options` is for asking
    /// only.
    pub fn from_storage(
        storage: Arc<dyn Storage>,
        options: &OpenOptions<'_>,
        password: Option<&mut PasswordFn<'_>>,
    ) -> Result<Chain> {
        Chain::assemble(storage, None, options, password).map(|(chain, _)| chain)
    }

    /// The file keys of an encrypted file that is open: it keeps none, so its password is asked for
    /// again.
    pub fn file_keys(
        &self,
        password: &mut PasswordFn<'_>,
        control: &Control<'_>,
    ) -> Result<FileKeys> {
        let options = OpenOptions {
            path: self.index.storage.path().unwrap_or(Path::new("")),
            cache_size: 0,
            expect_root: Some(self.index.hash),
            allow_plain: false,
            cancel: control.cancel(),
            kdf_memory_max_kib: 0,
            ancestors: AncestorSearch::default(),
        };
        let storage = Arc::clone(&self.index.storage);
        Ok(Opened::asking(storage, &options, Some(password), control)?.file_keys)
    }

    fn assemble(
        storage: Arc<dyn Storage>,
        beside: Option<&Path>,
        options: &OpenOptions<'_>,
        password: Option<&mut PasswordFn<'_>>,
    ) -> Result<(Chain, FileKeys)> {
        let control = Control::new(options.cancel, None);
        let mut opened = Opened::asking(storage, options, password, &control)?;
        let file_keys = std::mem::take(&mut opened.file_keys);
        let mut found = try_with_capacity(file_keys.ancestors.len(), "ancestors")?;
        if let Some(lineage) = &opened.lineage {
            let mut search = Search {
                child: opened.storage.operand(),
                beside,
                places: options.ancestors,
                control: &control,
                parent: None,
            };
            for (name, key) in lineage.ancestors.iter().zip(&file_keys.ancestors) {
                found.push(search.find(name, key.as_ref())?);
            }
        }
        // What they are read with is as large as the largest of them needs it.
        let lens = found.iter().map(Found::block_len_max);
        let block_len = lens.fold(opened.root.block_len_max(), u32::max);
        let caches = Caches::new(options.shares(), block_len as usize);
        let pinned = options.expect_root.is_some();
        let index = Arc::new(Index::new(opened, caches.beside(), pinned));
        let shared = |found| match found {
            // What it keeps in its cache was checked less than this one is told to.
            Found::Open(index) if pinned && !index.pinned => {
                Arc::new(index.to_pinned(caches.beside()))
            }
            Found::Open(index) => index,
            Found::New(opened) => Arc::new(Index::new(*opened, caches.beside(), pinned)),
        };
        let ancestors = found.into_iter().map(shared).collect();
        Ok((Chain { index, ancestors }, file_keys))
    }

    /// The file of that root, among these.
    pub(crate) fn with_root(&self, root: &Hash) -> Option<&Arc<Index>> {
        self.files().find(|index| index.hash == *root)
    }

    /// All these files, the one that leans on the others first.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Arc<Index>> {
        std::iter::once(&self.index).chain(&self.ancestors)
    }

    /// Hands `visit` the runs that an extent of kind parent leads to, in order, with the file that
    /// has them: data or zeros, since nothing leads on from there. Any other place is damage of this
    /// file, which is not found before `visit` was given what comes before it.
    pub(crate) fn inherited(
        &self,
        place: &ParentPlace,
        len: u64,
        visit: &mut dyn FnMut(&Index, &LeafExtent) -> Result<()>,
    ) -> Result<()> {
        let (ancestor, end) = self.range(place, len)?;
        let mut at = place.at;
        let mut before = None;
        while at < end {
            let leaf = ancestor.next_extent_leaf(place.stream.into(), at, &mut before)?;
            let runs = leaf.extents()?.runs(at);
            for run in runs.take_while(|run| run.at < end) {
                let run = self.own(ancestor, run, end)?;
                visit(ancestor, &run)?;
                at = run.at + run.len;
            }
        }
        Ok(())
    }

    /// The first of them.
    pub(crate) fn first_inherited(
        &self,
        place: &ParentPlace,
        len: u64,
    ) -> Result<(&Index, LeafExtent)> {
        let (ancestor, end) = self.range(place, len)?;
        let leaf = ancestor.extent_leaf(place.stream.into(), place.at)?;
        let run = leaf.extents()?.runs(place.at).next();
        let run = run.ok_or_else(|| self.lacks(ancestor))?;
        Ok((ancestor, self.own(ancestor, run, end)?))
    }

    /// The ancestor that a place is in, and where `len` bytes from there on end in its stream.
    fn range(&self, place: &ParentPlace, len: u64) -> Result<(&Index, u64)> {
        let ancestor = self.ancestors.get(usize::from(place.ancestor));
        let ancestor = ancestor.ok_or_else(|| self.index.corrupt(NO_ANCESTOR))?;
        let size = ancestor.root.streams.get(usize::from(place.stream));
        let size = size.map_or(0, |stream| stream.size);
        let end = place.at.checked_add(len).filter(|end| *end <= size);
        Ok((ancestor, end.ok_or_else(|| self.lacks(ancestor))?))
    }

    /// A run of an ancestor, up to `end`, if it does not lead on.
    fn own(&self, ancestor: &Index, run: LeafExtent, end: u64) -> Result<LeafExtent> {
        match run.target {
            Target::Parent(_) => Err(self.lacks(ancestor)),
            _ => Ok(LeafExtent {
                len: run.len.min(end - run.at),
                ..run
            }),
        }
    }

    fn lacks(&self, ancestor: &Index) -> Error {
        self.index.corrupt(format!(
            "an extent leads to bytes that the snapshot with root {} does not hold itself",
            hex(&ancestor.hash)
        ))
    }

    /// Bytes that were compressed together, in the file that has most.
    pub(crate) fn block_size_max(&self) -> u32 {
        let sizes = self.ancestors.iter().map(|a| a.root.block_size);
        sizes.fold(self.index.root.block_size, u32::max)
    }

    /// Bytes of the largest decoded block of all these files: buffers follow from it.
    pub(crate) fn block_len_max(&self) -> u32 {
        let lens = self.ancestors.iter().map(|a| a.root.block_len_max());
        lens.fold(self.index.root.block_len_max(), u32::max)
    }
}

#[cfg(test)]
mod tests;
