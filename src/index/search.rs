//! Where the ancestors of a thin snapshot are looked for, by their roots.

use std::fmt::Write;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Index;
use super::ancestors::AncestorName;
use super::chain::Chain;
use super::open::{Ends, Opened, Slots, hex};
use super::storage::{FileStorage, Storage};
use crate::control::Control;
use crate::crypto::{FileKey, same};
use crate::error::{Error, Result, Why, operand};
use crate::format::Hash;

/// Where to look, in this order.
#[derive(Clone, Copy, Default)]
pub struct AncestorSearch<'a> {
    /// The parent, open already, and what it has itself.
    pub snapshot: Option<&'a Chain>,
    /// The parent's file.
    pub path: Option<&'a Path>,
    /// Whoever knows more.
    pub find: Option<&'a FindAncestor<'a>>,
    /// The names that the snapshot itself records.
    pub hints: Hints,
}

/// Whether recorded names of ancestors are followed, for a snapshot that is opened by path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hints {
    /// They are, to regular files beside the snapshot.
    #[default]
    Follow,
    /// Not at all.
    Ignore,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its root.
    pub root: &'a Hash,
    /// A file name that it may have, from a file of any origin; empty without one.
    pub hint: &'a [u8],
}

/// Where an ancestor is.
pub enum Located {
    /// In this file.
    Path(PathBuf),
    /// Here.
    Storage(Arc<dyn Storage>),
    /// Open already.
    Open(Chain),
}

/// Finds an ancestor; nothing where it is unknown.
pub type FindAncestor<'a> = dyn Fn(&Wanted<'_>) -> Result<Option<Located>> + 'a;

/// An ancestor that was found.
pub(super) enum Found {
    Open(Arc<Index>),
    New(Box<Opened>),
}

impl Found {
    pub fn block_len_max(&self) -> u32 {
        match self {
            Found::Open(index) => index.root.block_len_max(),
            Found::New(opened) => opened.root.block_len_max(),
        }
    }
}

/// The search for all ancestors of one file.
pub(super) struct Search<'a> {
    /// What to call the file in error texts.
    pub child: &'a str,
    /// The folder that hints are names in, if they are followed.
    pub beside: Option<&'a Path>,
    pub places: AncestorSearch<'a>,
    pub control: &'a Control<'a>,
    /// The file at `places.path`, read at its first use.
    pub parent: Option<Candidate>,
}

/// A file that may be an ancestor.
pub(super) struct Candidate {
    storage: Arc<dyn Storage>,
    ends: Ends,
}

/// Where an ancestor was not, for the error's text.
#[derive(Default)]
struct Looked {
    places: String,
    /// The last place, if the system said why there is nothing.
    failed: Option<io::Error>,
}

impl Looked {
    fn add(&mut self, place: &str, why: &str) {
        self.settle();
        let _ = write!(self.places, "{place} {why}; ");
    }

    fn other(&mut self, place: &str, root: &Hash) {
        self.add(place, &format!("has root {}", hex(root)));
    }

    fn failed(&mut self, place: &str, why: Why) {
        self.settle();
        match why {
            Why::System(what, e) => {
                let _ = write!(self.places, "{place}: {what}");
                self.failed = Some(e);
            }
            other => {
                let _ = write!(self.places, "{place}: {other}; ");
            }
        }
    }

    /// Only the last failure of the system is told as one.
    fn settle(&mut self) {
        if let Some(e) = self.failed.take() {
            let _ = write!(self.places, ": {e}; ");
        }
    }
}

impl Search<'_> {
    /// The ancestor of that name, opened with the file key that the child has for it.
    pub fn find(&mut self, name: &AncestorName, key: Option<&FileKey>) -> Result<Found> {
        self.control.check()?;
        let mut looked = Looked::default();
        if let Some(chain) = self.places.snapshot {
            if let Some(index) = chain.with_root(&name.root) {
                return self.open_already(index, key);
            }
            let place = format!("the parent '{}'", chain.index.operand());
            looked.other(&place, &chain.index.hash);
        }
        if let Some(found) = self.at_path(name, key, &mut looked)? {
            return Ok(found);
        }
        if let Some(found) = self.asking(name, key, &mut looked)? {
            return Ok(found);
        }
        if let Some(found) = self.beside(name, key, &mut looked)? {
            return Ok(found);
        }
        let hint = match &name.hint[..] {
            [] => String::new(),
            hint => format!(
                " (file name '{}')",
                String::from_utf8_lossy(hint).escape_debug()
            ),
        };
        let text = format!(
            "leans on the snapshot with root {}{hint}, which was not found; say where it is",
            hex(&name.root)
        );
        let Looked { places, failed } = looked;
        let text = match (places.trim_end_matches("; "), &failed) {
            ("", _) => text,
            (places, _) => format!("{text}. Looked at: {places}"),
        };
        Err(Error::parent(
            self.child,
            match failed {
                Some(e) => Why::System(text.into(), e),
                None => Why::Text(text),
            },
        ))
    }

    /// The file that the caller calls the parent.
    fn at_path(
        &mut self,
        name: &AncestorName,
        key: Option<&FileKey>,
        looked: &mut Looked,
    ) -> Result<Option<Found>> {
        let Some(path) = self.places.path else {
            return Ok(None);
        };
        let place = format!("the parent '{}'", operand(path));
        let candidate = match self.parent.take() {
            Some(candidate) => candidate,
            None => self.read_named(path, &place, name)?,
        };
        if candidate.ends.footer.root == name.root {
            return self.open(candidate, name, key).map(Some);
        }
        looked.other(&place, &candidate.ends.footer.root);
        self.parent = Some(candidate);
        Ok(None)
    }

    /// Whoever knows more.
    fn asking(
        &self,
        name: &AncestorName,
        key: Option<&FileKey>,
        looked: &mut Looked,
    ) -> Result<Option<Found>> {
        let Some(find) = self.places.find else {
            return Ok(None);
        };
        let wanted = Wanted {
            root: &name.root,
            hint: &name.hint,
        };
        let candidate = match find(&wanted)? {
            None => {
                looked.add("the ancestor callback", "does not know it");
                return Ok(None);
            }
            Some(Located::Open(chain)) => {
                return match chain.with_root(&name.root) {
                    Some(index) => self.open_already(index, key).map(Some),
                    None => Err(self.other(name, chain.index.operand(), &chain.index.hash)),
                };
            }
            Some(Located::Path(path)) => {
                let shown = operand(&path);
                let place = format!("'{shown}', which the ancestor callback gave");
                self.read_named(&path, &place, name)?
            }
            Some(Located::Storage(storage)) => self.read(storage, name)?,
        };
        let root = candidate.ends.footer.root;
        match root == name.root {
            true => self.open(candidate, name, key).map(Some),
            false => Err(self.other(name, candidate.storage.operand(), &root)),
        }
    }

    /// The name that the child records. What is there need not be what once was: only damage of a
    /// snapshot ends the search.
    fn beside(
        &self,
        name: &AncestorName,
        key: Option<&FileKey>,
        looked: &mut Looked,
    ) -> Result<Option<Found>> {
        let Some(folder) = self.beside.filter(|_| !name.hint.is_empty()) else {
            return Ok(None);
        };
        let path = folder.join(std::ffi::OsStr::from_bytes(&name.hint));
        let place = format!("'{}'", operand(&path));
        let storage = match FileStorage::open_hint(&path) {
            Ok(storage) => Arc::new(storage),
            Err(Error::Io { why, .. }) => {
                looked.failed(&place, why);
                return Ok(None);
            }
            Err(other) => return Err(other),
        };
        let candidate = match self.read(storage, name) {
            Ok(candidate) => candidate,
            Err(Error::NotSnapshot { why, .. }) => {
                looked.failed(&place, why.within("not a hexz snapshot"));
                return Ok(None);
            }
            Err(other) => return Err(other),
        };
        if candidate.ends.footer.root == name.root {
            return self.open(candidate, name, key).map(Some);
        }
        looked.other(&place, &candidate.ends.footer.root);
        Ok(None)
    }

    /// A file that the caller named: that it is not there is said at once.
    fn read_named(&self, path: &Path, place: &str, name: &AncestorName) -> Result<Candidate> {
        let fail = |why: Why| {
            let wanted = format!(
                "leans on the snapshot with root {}; {place}",
                hex(&name.root)
            );
            Error::parent(self.child, why.within(&wanted))
        };
        let storage = match FileStorage::open(path) {
            Ok(storage) => Arc::new(storage),
            Err(Error::Io { why, .. }) => return Err(fail(why)),
            Err(other) => return Err(other),
        };
        match self.read(storage, name) {
            Err(Error::NotSnapshot { why, .. }) => Err(fail(why.within("not a hexz snapshot"))),
            result => result,
        }
    }

    fn read(&self, storage: Arc<dyn Storage>, name: &AncestorName) -> Result<Candidate> {
        let ends = Ends::read(&*storage, Slots::Skip, self.control);
        let ends = ends.map_err(|error| self.as_ancestor(error, name))?;
        Ok(Candidate { storage, ends })
    }

    /// Opens the file that has the root.
    fn open(
        &self,
        candidate: Candidate,
        name: &AncestorName,
        key: Option<&FileKey>,
    ) -> Result<Found> {
        let Candidate { storage, ends } = candidate;
        let keys = match key {
            None if ends.header.is_encrypted() => return Err(self.key_misfit(&name.root)),
            None => None,
            Some(key) => {
                let keys = ends.keys_of(key, storage.operand());
                let keys = keys.map_err(|error| self.as_ancestor(error, name))?;
                Some(keys.ok_or_else(|| self.key_misfit(&name.root))?)
            }
        };
        let opened = ends.open(storage, keys);
        let opened = opened.map_err(|error| self.as_ancestor(error, name))?;
        Ok(Found::New(Box::new(opened)))
    }

    fn open_already(&self, index: &Arc<Index>, key: Option<&FileKey>) -> Result<Found> {
        let commitment = key.map_or([0; 32], FileKey::commitment);
        match same(&commitment, &index.header.commitment) {
            true => Ok(Found::Open(Arc::clone(index))),
            false => Err(self.key_misfit(&index.hash)),
        }
    }

    fn key_misfit(&self, root: &Hash) -> Error {
        Error::corrupt(
            self.child,
            format!(
                "page of ancestors: it has no key, or the wrong one, for the snapshot with root {}",
                hex(root)
            ),
        )
    }

    fn other(&self, name: &AncestorName, given: &str, root: &Hash) -> Error {
        Error::parent(
            self.child,
            format!(
                "leans on the snapshot with root {}, but the ancestor callback gave '{}' with root \
                 {}",
                hex(&name.root),
                given,
                hex(root)
            ),
        )
    }

    /// Damage of an ancestor, with what makes it one.
    fn as_ancestor(&self, error: Error, name: &AncestorName) -> Error {
        let role = || {
            format!(
                "as the snapshot with root {} that '{}' leans on",
                hex(&name.root),
                self.child
            )
        };
        match error {
            Error::Corrupt { operand, why } => Error::Corrupt {
                operand,
                why: why.within(&role()),
            },
            other => other,
        }
    }
}
