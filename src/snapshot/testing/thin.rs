//! Thin snapshots made by hand.

use std::sync::Arc;

use super::draft::{Alter, put, put_stored};
use super::{Counted, options};
use crate::crypto::{Keys, PieceKind, Place};
use crate::error::Result;
use crate::format::{
    AncestorEntry, AncestorsPage, ExtentEntry, Hash, Header, ParentPlace, Pointer, Target, incompat,
};
use crate::index::{Located, Wanted};
use crate::keyring::create::tests::fixed;
use crate::keyring::{Answer, Encryption, Request};
use crate::snapshot::{OpenOptions, Snapshot};

/// What a thin draft leans on.
pub struct Lean {
    pub parent: Hash,
    /// The byte of the file key whose unit hash key is inherited.
    pub inherited: Option<u8>,
    pub ancestors: Vec<Ancestor>,
    /// Whether the page of ancestors is stored as it is, as a writer does that has keys in it.
    pub stored: bool,
    /// Makes the page's bytes hostile.
    pub alter_page: Alter<Vec<u8>>,
    pub alter_pointer: Alter<Pointer>,
}

/// An ancestor as the child names it.
#[derive(Clone)]
pub struct Ancestor {
    pub root: Hash,
    /// The byte that its file key is made of.
    pub key: Option<u8>,
    pub hint: Vec<u8>,
}

impl Ancestor {
    /// Of these bytes, which are plain.
    pub fn of(file: &[u8], hint: &str) -> Ancestor {
        Ancestor {
            root: root_of(file),
            key: None,
            hint: hint.into(),
        }
    }
}

/// The root that a file's footer has.
pub fn root_of(file: &[u8]) -> Hash {
    file[file.len() - 4096 + 32..][..32].try_into().unwrap()
}

impl Lean {
    pub fn on(ancestors: Vec<Ancestor>) -> Lean {
        Lean {
            parent: ancestors.first().map_or([0; 32], |a| a.root),
            inherited: None,
            ancestors,
            stored: true,
            alter_page: Box::new(|_| ()),
            alter_pointer: Box::new(|_| ()),
        }
    }

    /// Makes the keys and the header those of a thin file.
    pub(super) fn seal(&self, encryption: &mut Encryption) {
        let Encryption { keys, header, .. } = encryption;
        header.incompat |= incompat::THIN;
        header.mac = keys.mac(Place::Header, &Header::mac_input(&header.encode()));
        if let Some(byte) = self.inherited {
            let parent = fixed(byte).keys;
            parent.with_unit_hash_key(|key| keys.inherit_unit_hash_key(key));
        }
    }

    /// Writes the page.
    pub(super) fn put(&self, out: &mut Vec<u8>, keys: Option<&Keys>) -> Pointer {
        let file_keys: Vec<_> = (self.ancestors.iter())
            .map(|a| a.key.map(|byte| [byte; 32]))
            .collect();
        let entries = self.ancestors.iter().zip(&file_keys);
        let entries = entries.map(|(a, key)| AncestorEntry {
            root: a.root,
            key: key.as_ref(),
            hint: &a.hint,
        });
        let inherited = self.inherited.map(|byte| {
            let keys = fixed(byte).keys;
            keys.with_unit_hash_key(|key| *key)
        });
        let page = AncestorsPage {
            parent: self.parent,
            unit_hash_key: inherited.as_ref(),
            entries: entries.collect(),
        };
        let mut bytes = page.encode().unwrap();
        (self.alter_page)(&mut bytes);
        let put = if self.stored { put_stored } else { put };
        let mut pointer = put(out, &bytes, PieceKind::Ancestors, keys);
        (self.alter_pointer)(&mut pointer);
        pointer
    }
}

/// An extent that leads to stream 0 of an ancestor.
pub fn inherited(len: u64, ancestor: u16, at: u64) -> ExtentEntry {
    ExtentEntry {
        len,
        target: Target::Parent(ParentPlace {
            ancestor,
            stream: 0,
            at,
        }),
    }
}

/// Opens a file with others at hand, found by their roots, as an encrypted one if need be.
pub fn open_among(child: Vec<u8>, others: &[Vec<u8>]) -> Result<Snapshot> {
    let find = |wanted: &Wanted<'_>| {
        let other = others.iter().find(|file| root_of(file) == *wanted.root);
        let storage = other.map(|file| Located::Storage(Arc::new(Counted::new(file.clone()).0)));
        Ok(storage)
    };
    let mut options = OpenOptions {
        allow_plain: true,
        ..options(0)
    };
    options.ancestors.find = Some(&find);
    let storage = Box::new(Counted::new(child).0);
    Snapshot::from_storage(storage, &options, Some(&mut password))
}

/// Knows what drafts are encrypted under.
pub fn password(_: &Request<'_>, buffer: &mut [u8]) -> Answer {
    buffer[..8].copy_from_slice(b"password");
    Answer::Given(8)
}
