//! What a new snapshot need not store, since others have it: the parent, at the same place or
//! anywhere, what the parent leans on itself, and bases.
//!
//! What is at the same place of the parent's stream of the same name is found by comparing bytes; a
//! unit that is not is found by its hash, through a table of all units of all these files. A hash may
//! lie, since whoever made the file chose it: so what it finds is leaned on only once its block was
//! decoded and hashed again.

mod elsewhere;
mod relative;
mod same_place;

use std::cell::OnceCell;
use std::sync::{Arc, RwLock};

use elsewhere::Elsewhere;
use relative::{Found, Hashing, Relative, Role, Verdict};
pub use same_place::{Comparer, SamePlace};

use super::hash::unit_hash;
use super::segment::UnitKind;
use super::writer::Lineage;
use crate::control::{self, Cancel};
use crate::crypto::Keys;
use crate::error::{Error, Result, try_push, try_with_capacity};
use crate::format::{
    AncestorEntry, AncestorsPage, Hash, PAGE_4K, ParentPlace, StreamEntry, Target, UnitHash,
    is_hint,
};
use crate::index::{Chain, FileKeys, Index};

/// Memory that each file takes for what is held of its index, at most.
const FILE: usize = 3 * crate::index::PAGE_WEIGHT + 4096;

/// Bytes of an ancestor that are looked at for one run of the parent's, so that a cancel is seen.
const LOOKED_AT_MAX: u64 = 1 << 30;

/// An open snapshot with the file keys that a child of it needs.
pub struct Kin {
    /// It, and what it leans on.
    pub chain: Chain,
    /// Where the child is encrypted.
    pub keys: FileKeys,
}

/// See the module.
pub struct Heritage {
    /// Each file once, the parent first.
    relatives: Vec<Relative>,
    parent: Option<Parent>,
    /// Relatives that an extent leads to, in the order in which extents count them.
    named: Vec<usize>,
    elsewhere: Option<Elsewhere>,
    /// Whether all is in there that can be.
    complete: bool,
    /// Slots of the table of what is elsewhere.
    slots: usize,
    /// What to call the new snapshot in error texts.
    output: String,
    units: UnitKind,
    /// A block on its way to be hashed.
    block: Vec<u8>,
}

/// The parent's own view of its streams.
struct Parent {
    chain: Chain,
    /// The parent's stream of the same name, for each stream of the child.
    streams: Vec<Option<u32>>,
}

/// A place in one of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Number of the file.
    pub file: u32,
    /// Index of its stream.
    pub stream: u16,
    /// First byte there.
    pub at: u64,
}

/// A unit that is looked for.
pub struct Sought<'a> {
    /// Bytes of the stream.
    pub len: u64,
    /// Its bytes as they would be stored.
    pub bytes: &'a [u8],
    /// Its hash in the new snapshot.
    pub hash: &'a UnitHash,
    /// Its hash in a plain one.
    plain: OnceCell<UnitHash>,
}

impl<'a> Sought<'a> {
    /// `len` bytes of a stream, stored as `bytes` if they are new.
    pub fn new(len: u64, bytes: &'a [u8], hash: &'a UnitHash) -> Self {
        Sought {
            len,
            bytes,
            hash,
            plain: OnceCell::new(),
        }
    }

    /// Its hash in files that hash so; nothing where that takes a key which there is not.
    fn hash_for(&self, hashing: Hashing) -> Option<&UnitHash> {
        match hashing {
            Hashing::Own => Some(self.hash),
            Hashing::Plain => Some(self.plain.get_or_init(|| unit_hash(self.bytes, None))),
            Hashing::Foreign => None,
        }
    }
}

impl Heritage {
    /// All that the parent and the bases have.
    pub fn new(parent: Option<Kin>, bases: Vec<Kin>) -> Result<Self> {
        let mut heritage = Heritage {
            relatives: Vec::new(),
            parent: None,
            named: Vec::new(),
            elsewhere: None,
            complete: false,
            slots: 0,
            output: String::new(),
            units: UnitKind::Page,
            block: Vec::new(),
        };
        if let Some(kin) = parent {
            heritage.parent = Some(Parent {
                chain: kin.chain.clone(),
                streams: Vec::new(),
            });
            heritage.adopt(kin, Role::Parent)?;
        }
        for kin in bases {
            heritage.adopt(kin, Role::Base)?;
        }
        Ok(heritage)
    }

    fn adopt(&mut self, Kin { chain, keys }: Kin, role: Role) -> Result<()> {
        let mut file_keys = std::iter::once(keys.own).chain(keys.ancestors);
        for index in chain.files() {
            let key = file_keys.next().flatten();
            if self.number(&index.hash).is_none() {
                let relative = Relative::new(Arc::clone(index), key, role);
                try_push(&mut self.relatives, relative, "ancestors")?;
            }
        }
        Ok(())
    }

    fn number(&self, root: &Hash) -> Option<usize> {
        self.relatives.iter().position(|r| r.index.hash == *root)
    }

    /// The parent, if there is one.
    pub(crate) fn parent(&self) -> Option<&Chain> {
        self.parent.as_ref().map(|parent| &parent.chain)
    }

    /// The files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Index> {
        self.relatives.iter().map(|relative| &*relative.index)
    }

    /// Leaves the files of these roots out: what they have is stored anew.
    pub fn fold(&mut self, roots: &[Hash]) {
        for relative in &mut self.relatives {
            relative.folded = roots.contains(&relative.index.hash);
        }
    }

    /// Roots of the files that are left out.
    pub(crate) fn folded(&self) -> impl Iterator<Item = &Hash> {
        let folded = self.relatives.iter().filter(|r| r.folded);
        folded.map(|relative| &relative.index.hash)
    }

    /// The keys of the file whose unit hash key an encrypted child inherits.
    pub fn hashing(&self) -> Option<&Keys> {
        self.files().find_map(|index| index.keys.as_deref())
    }

    /// Units that there may be in all files.
    pub fn unit_count(&self) -> u64 {
        let leaned_on = self.relatives.iter().filter(|r| !r.folded);
        let counts = leaned_on.map(|relative| relative.index.root.units);
        counts.fold(0, u64::saturating_add)
    }

    /// Bytes of memory that looking into the files takes, the table of their units apart.
    pub fn memory(&self) -> usize {
        let lens = self
            .files()
            .map(|index| index.root.block_len_max() as usize);
        let leaned_on = self.relatives.iter().filter(|r| !r.folded).count();
        // The parent's extents are looked at even if it is folded. A stored block, and a decoded one.
        (leaned_on + 1) * FILE + 2 * lens.max().unwrap_or(0)
    }

    /// Makes it ready for a child with these streams, cut into `units` and hashed with `keys`, and for
    /// a table of so many slots. Error texts call it `output`.
    pub fn prepare(
        &mut self,
        output: &str,
        streams: &[StreamEntry],
        units: UnitKind,
        keys: Option<&Keys>,
        slots: usize,
    ) -> Result<()> {
        self.slots = slots;
        self.output = output.to_owned();
        self.units = units;
        for stream in streams {
            self.add_stream(&stream.name)?;
        }
        for relative in &mut self.relatives {
            relative.hashing = Hashing::of(keys, relative.index.keys.as_deref());
        }
        Ok(())
    }

    /// The child has one more stream.
    pub fn add_stream(&mut self, name: &str) -> Result<()> {
        if let Some(parent) = &mut self.parent {
            let same = SamePlace::same_name(&parent.chain, name);
            try_push(&mut parent.streams, same, "streams")?;
        }
        Ok(())
    }

    /// Bytes that each thread takes to compare units of `unit` bytes at most with the parent's.
    pub fn memory_per_thread(&self, unit: usize) -> usize {
        let chain = self.parent.as_ref().map(|parent| &parent.chain);
        chain.map_or(0, |chain| SamePlace::memory(chain, unit))
    }

    /// The parent, for whoever compares with it once all is prepared.
    pub fn same_place(&self) -> Result<Option<SamePlace>> {
        let Some(Parent { chain, streams }) = &self.parent else {
            return Ok(None);
        };
        let mut files = Vec::new();
        for index in chain.files() {
            let file = self.number(&index.hash).filter(|at| {
                let relative = self.relatives.get(*at);
                relative.is_some_and(|relative| !relative.folded)
            });
            try_push(&mut files, file.map(|at| at as u32), "ancestors")?;
        }
        let mut pairs = try_with_capacity(streams.len(), "streams")?;
        pairs.extend_from_slice(streams);
        Ok(Some(SamePlace {
            chain: chain.clone(),
            streams: RwLock::new(pairs),
            files,
        }))
    }

    /// What an extent calls a spot.
    pub fn place(&mut self, spot: &Spot) -> Result<ParentPlace> {
        Ok(ParentPlace {
            ancestor: self.name(spot.file as usize)?,
            stream: spot.stream,
            at: spot.at,
        })
    }

    /// What the parent has at a place of the stream of the same name, for how many bytes of `len`:
    /// zeros, or a place. Nothing of it is read. Beyond the parent's end are zeros.
    pub fn taken(
        &mut self,
        stream: u32,
        offset: u64,
        len: u64,
    ) -> Result<(u64, Option<ParentPlace>)> {
        let (Some(parent), Some(first)) = (&self.parent, self.relatives.first_mut()) else {
            return Err(Error::Internal("a run of a parent without one".to_owned()));
        };
        let theirs = parent.streams.get(stream as usize).copied().flatten();
        let run = match theirs {
            Some(theirs) => first.run(theirs, offset)?,
            None => None,
        };
        let (Some(theirs), Some(run)) = (theirs, run) else {
            return Ok((len, None));
        };
        let mut len = len.min(run.len);
        let (file, stream, at) = match run.target {
            Target::Zero => return Ok((len, None)),
            Target::Data(_) => (0, theirs as u16, offset),
            Target::Parent(place) => {
                // The parent may lie: what leads on from there would be damage of the child.
                len = len.min(LOOKED_AT_MAX);
                parent.chain.inherited(&place, len, &mut |_, _| Ok(()))?;
                let root = parent.chain.ancestors.get(usize::from(place.ancestor));
                let file = root.and_then(|index| self.number(&index.hash));
                let file = file.ok_or_else(|| Error::Internal("an ancestor is gone".to_owned()))?;
                (file, place.stream, place.at)
            }
        };
        let ancestor = self.name(file)?;
        Ok((
            len,
            Some(ParentPlace {
                ancestor,
                stream,
                at,
            }),
        ))
    }

    /// Goes on through the files, so that units can be looked for anywhere. Tells whether it is through.
    pub fn learn(&mut self) -> Result<bool> {
        if !self.complete {
            let elsewhere = match self.elsewhere.take() {
                Some(elsewhere) => elsewhere,
                None => Elsewhere::new(self.slots, &self.output)?,
            };
            let elsewhere = self.elsewhere.insert(elsewhere);
            self.complete = elsewhere.advance(&mut self.relatives)?;
        }
        Ok(self.complete)
    }

    /// That unit, wherever it is.
    pub fn anywhere(
        &mut self,
        sought: &Sought<'_>,
        cancel: Option<&Cancel>,
    ) -> Result<Option<ParentPlace>> {
        while !self.learn()? {
            control::check(cancel)?;
        }
        let Some(elsewhere) = &self.elsewhere else {
            return Ok(None);
        };
        match elsewhere.find(&mut self.relatives, sought)? {
            Some(found) => {
                control::check(cancel)?;
                self.lean_on(&found, sought)
            }
            None => Ok(None),
        }
    }

    /// The place in an extent's form, if what is there is what its hash says.
    fn lean_on(&mut self, found: &Found, sought: &Sought<'_>) -> Result<Option<ParentPlace>> {
        let Found { spot, data } = found;
        // Rule 3 of docs/FORMAT.md, section 4.1: of chunks there are some that begin anywhere.
        let fits = self.units == UnitKind::Chunk || spot.at.is_multiple_of(PAGE_4K as u64);
        if !fits || spot.at.checked_add(sought.len).is_none() {
            return Ok(None);
        }
        let Some(relative) = self.relatives.get_mut(spot.file as usize) else {
            return Ok(None);
        };
        match relative.judge(*data, &mut self.block)? {
            Verdict::True => self.place(spot).map(Some),
            Verdict::Lies => Ok(None),
        }
    }

    /// What extents call a file.
    fn name(&mut self, file: usize) -> Result<u16> {
        if let Some(known) = self.named.iter().position(|named| *named == file) {
            return Ok(known as u16);
        }
        try_push(&mut self.named, file, "ancestors")?;
        Ok((self.named.len() - 1) as u16)
    }

    /// What the new snapshot, which has these keys, leans on.
    pub fn lineage(&self, keys: Option<&Keys>) -> Result<Lineage<'_>> {
        let mut page = AncestorsPage {
            parent: (self.parent.as_ref()).map_or([0; 32], |parent| parent.chain.index.hash),
            ..AncestorsPage::default()
        };
        for relative in self.named.iter().filter_map(|at| self.relatives.get(*at)) {
            let path = relative.index.storage.path();
            let name = path.and_then(|path| path.file_name());
            let name = name.map_or(&[][..], |name| name.as_encoded_bytes());
            let entry = AncestorEntry {
                root: relative.index.hash,
                key: relative.key.as_ref().map(|key| key.bytes()),
                hint: if is_hint(name) { name } else { &[] },
            };
            try_push(&mut page.entries, entry, "ancestors")?;
        }
        Ok(Lineage {
            page,
            inherits_key: keys.is_some() && self.hashing().is_some(),
        })
    }
}
