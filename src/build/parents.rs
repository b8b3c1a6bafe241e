//! What a new snapshot leans on: opened, with the keys that it needs of an encrypted one.

use std::path::Path;
use std::sync::Arc;

use super::fold;
use crate::control::Control;
use crate::error::{Error, Result, operand, try_push, try_with_capacity};
use crate::format::{AncestorsPage, Hash, Target};
use crate::index::{AncestorSearch, Chain, FileKeys, FileStorage, OpenOptions};
use crate::keyring::{PasswordFn, Purpose, Request};
use crate::pack::{Heritage, Kin, StreamInput, UnitKind};
use crate::snapshot::Snapshot;
use crate::source::ParentStream;

/// Bytes of cache for a parent that is opened by path: it is gone through front to back.
const CACHE: u64 = 4 << 20;

/// Snapshots whose content need not be stored again.
#[derive(Default)]
pub struct Parents<'a> {
    /// Looked at at the same place first, then anywhere.
    pub parent: Option<Parent<'a>>,
    /// Looked at anywhere only.
    pub bases: Vec<Chain>,
    /// What is done about too many of them.
    pub excess: Excess,
}

/// What becomes of more snapshots than one may lean on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Excess {
    /// They are refused.
    #[default]
    Refuse,
    /// What the least-giving ones have shall be stored anew.
    Fold,
}

/// A snapshot that another one is built on.
pub enum Parent<'a> {
    /// In this file.
    Path(&'a Path),
    /// Open already.
    Open(Chain),
}

/// A stream of the parent, for sources of which some is the parent's.
struct InParent {
    snapshot: Arc<Snapshot>,
    /// The one of the same name.
    stream: Option<u32>,
    by_place: ByPlace,
}

/// What of the parent can be taken by its place.
#[derive(Clone)]
enum ByPlace {
    Nothing,
    All,
    /// What lies in none of these files.
    NotIn(Arc<[Hash]>),
}

impl ParentStream for InParent {
    fn size(&self) -> u64 {
        let stream = self
            .stream
            .and_then(|at| self.snapshot.streams().get(at as usize));
        stream.map_or(0, |stream| stream.size)
    }

    fn by_place(&self, offset: u64) -> Result<(bool, u64)> {
        let folded = match &self.by_place {
            ByPlace::Nothing => return Ok((false, u64::MAX)),
            ByPlace::All => return Ok((true, u64::MAX)),
            ByPlace::NotIn(folded) => folded,
        };
        let chain = &self.snapshot.chain;
        let Some(stream) = self.stream else {
            return Ok((true, u64::MAX));
        };
        let leaf = chain.index.extent_leaf(stream, offset)?;
        let Some(run) = leaf.extents()?.runs(offset).next() else {
            return Ok((true, u64::MAX));
        };
        let file = match run.target {
            Target::Zero => None,
            Target::Data(_) => Some(&chain.index),
            Target::Parent(place) => chain.ancestors.get(usize::from(place.ancestor)),
        };
        let is_folded = file.is_some_and(|file| folded.contains(&file.hash));
        Ok((!is_folded, run.at + run.len))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        match self.stream {
            Some(stream) => self.snapshot.read(stream, offset, buf),
            None => Err(Error::Internal("a stream that there is not".to_owned())),
        }
    }
}

/// A parent as those streams see it that are cut into units.
pub struct View {
    snapshot: Arc<Snapshot>,
    by_place: ByPlace,
}

/// Lets the sources of streams that are cut into `units` take bytes from the parent.
pub fn lean(
    streams: &mut [StreamInput],
    heritage: &Heritage,
    parent: &Chain,
    units: UnitKind,
) -> Result<()> {
    let view = View::of(parent, heritage, units)?;
    for stream in streams {
        stream.source.lean_on(view.stream(&stream.name));
    }
    Ok(())
}

impl View {
    /// The parent that streams cut into `units` lean on.
    pub fn of(parent: &Chain, heritage: &Heritage, units: UnitKind) -> Result<Self> {
        let snapshot = Arc::new(Snapshot::new(parent.clone()));
        // Rules 3 and 4 of docs/FORMAT.md, section 4.1: what lies in chunks begins and ends anywhere, and
        // chunks may not be followed by anything.
        let mut by_place = ByPlace::Nothing;
        if units == UnitKind::Page && !parent.index.root.is_cdc() {
            let mut folded = Vec::new();
            for root in heritage.folded() {
                try_push(&mut folded, *root, "ancestors")?;
            }
            by_place = match folded.is_empty() {
                true => ByPlace::All,
                false => ByPlace::NotIn(folded.into()),
            };
        }
        Ok(View { snapshot, by_place })
    }

    /// Its stream of that name, whether it has one or not.
    pub fn stream(&self, name: &str) -> Arc<dyn ParentStream> {
        let mut streams = self.snapshot.streams().iter();
        let same = streams.position(|s| s.name == name);
        Arc::new(InParent {
            snapshot: Arc::clone(&self.snapshot),
            stream: same.map(|at| at as u32),
            by_place: self.by_place.clone(),
        })
    }
}

impl Parents<'_> {
    /// Opens them, for a child that is encrypted if there is somebody to ask for a password. Who
    /// knows that is asked for the password of each encrypted one whose key no other one has: an
    /// open snapshot keeps none.
    pub fn open(
        self,
        password: Option<&mut PasswordFn<'_>>,
        control: &Control<'_>,
    ) -> Result<Option<Heritage>> {
        if self.parent.is_none() && self.bases.is_empty() {
            return Ok(None);
        }
        let mut asking = password.map(|password| {
            |request: &Request<'_>, buffer: &mut [u8]| {
                let purpose = Purpose::Parent;
                password(
                    &Request {
                        purpose,
                        ..*request
                    },
                    buffer,
                )
            }
        });
        let mut password = asking.as_mut().map(|asking| asking as &mut PasswordFn<'_>);
        let parent = match self.parent {
            None => None,
            Some(Parent::Path(path)) => Some(open(path, password.as_deref_mut(), control)?),
            Some(Parent::Open(chain)) => Some(Opened { chain, keys: None }),
        };
        let chain = parent.as_ref().map(|parent| &parent.chain);
        let mut hashing = chain.and_then(|chain| chain.index.keys.clone());
        let mut bases = Vec::new();
        for chain in self.bases {
            match (&hashing, &chain.index.keys) {
                // Its units cannot be told from others.
                (Some(ours), Some(theirs)) if !ours.hashes_units_as(theirs) => continue,
                (None, Some(theirs)) => hashing = Some(theirs.clone()),
                _ => {}
            }
            try_push(&mut bases, chain, "bases")?;
        }
        // Before anybody is asked about those that are open already.
        let chains = || chain.into_iter().chain(&bases);
        let count = fold::roots(chains())?.len();
        let folded = match (count > AncestorsPage::COUNT_MAX, self.excess) {
            (false, _) => Vec::new(),
            (true, Excess::Refuse) => return Err(too_many(count)),
            (true, Excess::Fold) => {
                fold::least_giving(chains(), AncestorsPage::COUNT_MAX, control)?
            }
        };
        let mut kin = try_with_capacity(bases.len(), "bases")?;
        let parent = match parent {
            None => None,
            Some(Opened {
                chain,
                keys: Some(keys),
            }) => Some(Kin { chain, keys }),
            Some(Opened { chain, keys: None }) => {
                Some(keyed(chain, password.as_deref_mut(), control)?)
            }
        };
        for chain in bases {
            kin.push(keyed(chain, password.as_deref_mut(), control)?);
        }
        let mut heritage = Heritage::new(parent, kin)?;
        heritage.fold(&folded);
        Ok(Some(heritage))
    }
}

/// A parent that is open, with its keys if it was opened here.
struct Opened {
    chain: Chain,
    keys: Option<FileKeys>,
}

fn too_many(count: usize) -> Error {
    let max = AncestorsPage::COUNT_MAX;
    Error::Parent(
        format!(
            "parent, bases and what they lean on are {count} snapshots, and one leans on {max} at \
             most; give fewer bases, build without a parent, or set HEXZ_BUILD_FOLD to have what \
             the least of them give stored anew"
        )
        .into(),
    )
}

/// Opens the parent's file.
fn open(
    path: &Path,
    password: Option<&mut PasswordFn<'_>>,
    control: &Control<'_>,
) -> Result<Opened> {
    let options = OpenOptions {
        path,
        cache_size: CACHE,
        expect_root: None,
        allow_plain: true,
        cancel: control.cancel(),
        kdf_memory_max_kib: 0,
        ancestors: AncestorSearch::default(),
    };
    let storage = FileStorage::open(path).map_err(|error| match error {
        // Whoever names a parent that is not there gets told what is not there. What cannot be read
        // is another matter.
        Error::Io { operand, why } => Error::parent(&operand, why.within("the parent")),
        other => other,
    })?;
    let plain_child = password.is_none();
    match Chain::open_with_keys(storage, &options, password) {
        Ok((chain, keys)) => Ok(Opened {
            chain,
            keys: Some(keys),
        }),
        Err(Error::PasswordRequired { .. }) if plain_child => Err(laid_open(&operand(path))),
        Err(other) => Err(other),
    }
}

/// An open snapshot with its keys.
fn keyed(
    chain: Chain,
    password: Option<&mut PasswordFn<'_>>,
    control: &Control<'_>,
) -> Result<Kin> {
    let keys = match (&chain.index.keys, password) {
        (None, _) => FileKeys::default(),
        (Some(_), None) => return Err(laid_open(chain.index.operand())),
        (Some(_), Some(password)) => chain.file_keys(password, control)?,
    };
    Ok(Kin { chain, keys })
}

/// A plain snapshot would lay open what it takes from an encrypted one.
fn laid_open(parent: &str) -> Error {
    Error::InvalidArgument(format!(
        "'{parent}' is encrypted, and what leans on it would not be; set HEXZ_BUILD_ENCRYPT"
    ))
}
