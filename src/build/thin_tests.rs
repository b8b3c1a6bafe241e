//! Thin snapshots as builds make them: what is in a child and what is not, and that it reads as its
//! source whatever its parent is.

mod by_place;
mod fold;
mod refused;

use std::path::{Path, PathBuf};

use super::*;
use crate::error::Error;
use crate::index::Chain;
use crate::keyring::Answer;
use crate::keyring::create::tests::CHEAP;
use crate::pack::UnitKind;
use crate::profile;
use crate::snapshot::testing::{Folder, options, text};
use crate::snapshot::{Snapshot, VerifyReport};
use crate::source::{Content, Identity, Source};

const PAGE: usize = 4096;

struct Memory(Vec<u8>);

impl Source for Memory {
    fn operand(&self) -> &str {
        "memory"
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        buf.copy_from_slice(&self.0[offset as usize..][..buf.len()]);
        Ok(())
    }

    fn content_at(&self, _: u64) -> Result<(Content, u64)> {
        Ok((Content::Data, self.size()))
    }

    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    fn identities(&self) -> Vec<Identity> {
        Vec::new()
    }
}

/// A build to be changed and run.
pub(super) struct Case<'a> {
    folder: &'a Folder,
    pub profile: &'static str,
    pub units: UnitKind,
    pub threads: u32,
    memory_limit: u64,
    pub encrypted: bool,
    /// How often the password was asked for.
    asked: u32,
}

impl<'a> Case<'a> {
    pub fn new(folder: &'a Folder) -> Self {
        Case {
            folder,
            profile: "generic",
            units: UnitKind::Page,
            threads: 2,
            memory_limit: 0,
            encrypted: false,
            asked: 0,
        }
    }

    pub fn build(&mut self, name: &str, content: &[u8], parents: Parents<'_>) -> Result<Report> {
        self.build_streams(name, &[("disk", content)], parents)
    }

    pub fn build_streams(
        &mut self,
        name: &str,
        streams: &[(&str, &[u8])],
        parents: Parents<'_>,
    ) -> Result<Report> {
        let streams = streams.iter().map(|(name, content)| StreamInput {
            name: (*name).to_owned(),
            kind: 1,
            source: Box::new(Memory(content.to_vec())),
        });
        self.build_inputs(name, streams.collect(), parents)
    }

    pub fn build_inputs(
        &mut self,
        name: &str,
        streams: Vec<StreamInput>,
        parents: Parents<'_>,
    ) -> Result<Report> {
        let output = self.folder.path(name);
        let request = BuildRequest {
            streams,
            parents,
            output: Output::File {
                path: &output,
                existing: Existing::Replace,
                sync: Sync::No,
            },
            options: Options {
                profile: profile::resolve(Some(self.profile)).unwrap(),
                units: self.units,
                threads: self.threads,
                memory_limit: self.memory_limit,
            },
        };
        let asked = &mut self.asked;
        let mut password = |request: &Request<'_>, buffer: &mut [u8]| {
            let (purpose, asked_for) = (request.purpose, operand(&output));
            match purpose {
                Purpose::Create => assert_eq!(request.operand, asked_for),
                purpose => assert_eq!(purpose, Purpose::Parent),
            }
            *asked += 1;
            buffer[..8].copy_from_slice(b"password");
            Answer::Given(8)
        };
        let encrypt = self.encrypted.then_some(Encrypt {
            password: &mut password,
            cost: CHEAP,
        });
        build(request, encrypt, &mut Control::new(None, None))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Opens a snapshot, which finds what it leans on beside it, with the password if it has one.
    pub fn open(&self, name: &str) -> Result<Snapshot> {
        let path = self.path(name);
        let options = crate::index::OpenOptions {
            path: &path,
            allow_plain: true,
            ..options(0)
        };
        let mut password = |request: &Request<'_>, buffer: &mut [u8]| {
            // One password opens the chain, and only the child asks for it.
            assert_eq!((request.attempt, request.path), (0, Some(&*path)));
            buffer[..8].copy_from_slice(b"password");
            Answer::Given(8)
        };
        Snapshot::open(&options, Some(&mut password))
    }

    fn chain(&self, name: &str) -> Chain {
        self.open(name).unwrap().chain().clone()
    }

    pub fn is(&self, name: &str, content: &[u8]) {
        let snapshot = self.open(name).unwrap();
        reads_as(&snapshot, 0, content);
        let mut report = VerifyReport::default();
        let control = &mut Control::new(None, None);
        snapshot.verify(2, control, &mut report).unwrap();
    }
}

fn reads_as(snapshot: &Snapshot, stream: u32, content: &[u8]) {
    let mut back = vec![0xaa; content.len()];
    snapshot.read(stream, 0, &mut back).unwrap();
    assert!(back == content);
}

pub(super) fn on(path: &Path) -> Parents<'_> {
    Parents {
        parent: Some(Parent::Path(path)),
        ..Parents::default()
    }
}

/// Text, zeros, copies and a short end: no two seeds give a page alike.
pub(super) fn disk(seed: usize, pages: usize) -> Vec<u8> {
    let mut disk = Vec::new();
    for page in 0..pages {
        match page % 16 {
            3 | 4 => disk.resize(disk.len() + PAGE, 0),
            9 if page > 16 => disk.extend_from_within(PAGE..2 * PAGE),
            _ => disk.extend(text(seed * 100_003 + page, PAGE)),
        }
    }
    disk.extend(text(seed, 700));
    disk
}

/// A generator that is the same everywhere (Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

#[test]
fn where_nothing_changed_a_child_is_a_few_kib() {
    let folder = Folder::new("lean-same");
    let mut case = Case::new(&folder);
    let content = disk(1, 600);
    for units in [UnitKind::Page, UnitKind::Chunk] {
        case.units = units;
        let first = case.build("first", &content, Parents::default()).unwrap();
        let path = case.path("first");
        let report = case.build("child", &content, on(&path)).unwrap();
        assert_eq!((report.blocks, report.bytes_unique), (0, 0), "{units:?}");
        assert_eq!(report.bytes_duplicate, 0, "{units:?}");
        assert_eq!(
            report.bytes_inherited + report.bytes_zero,
            content.len() as u64
        );
        assert!(report.file_size < 12 << 10, "{}", report.file_size);
        case.is("child", &content);
        let child = case.open("child").unwrap();
        assert_eq!(child.info().parent_root, first.root);
        let lineage = child.chain().index.lineage.as_ref().unwrap();
        assert_eq!(lineage.ancestors[0].hint, b"first");
    }
}

#[test]
fn one_page_changed_is_one_page_stored() {
    let folder = Folder::new("lean-one");
    let mut case = Case::new(&folder);
    let mut content = disk(1, 600);
    case.build("first", &content, Parents::default()).unwrap();
    content[100 * PAGE..][..PAGE].copy_from_slice(&text(77, PAGE));
    let path = case.path("first");
    let report = case.build("child", &content, on(&path)).unwrap();
    assert_eq!((report.blocks, report.bytes_unique), (1, PAGE as u64));
    case.is("child", &content);
}

/// Bytes are compared at the same place, so that it does not matter what they were cut into, nor
/// where the parent's stream ends.
#[test]
fn units_of_another_kind_are_found_at_the_same_place() {
    let folder = Folder::new("lean-kinds");
    let mut case = Case::new(&folder);
    // In one extent, which is all that a chunk may lie in.
    let content = text(1, 300 * PAGE + 123);
    for (theirs, ours) in [
        (UnitKind::Chunk, UnitKind::Page),
        (UnitKind::Page, UnitKind::Chunk),
        (UnitKind::Page, UnitKind::Page),
        (UnitKind::Chunk, UnitKind::Chunk),
    ] {
        case.units = theirs;
        case.build("first", &content, Parents::default()).unwrap();
        case.units = ours;
        let path = case.path("first");
        let report = case.build("child", &content, on(&path)).unwrap();
        assert_eq!(report.bytes_unique, 0, "{theirs:?} {ours:?}");
        case.is("child", &content);
        // Shorter and longer in the middle of a page.
        for len in [content.len() - 300, content.len() - 3 * PAGE - 77] {
            case.units = theirs;
            case.build("short", &content[..len], Parents::default())
                .unwrap();
            case.units = ours;
            for (parent, child) in [("short", &content[..]), ("first", &content[..len])] {
                let path = case.path(parent);
                case.build("child", child, on(&path)).unwrap();
                case.is("child", child);
            }
        }
    }
}

/// Content that is not where it was, but in the parent, in one of its other streams, or in a base.
#[test]
fn what_moved_is_found_elsewhere() {
    let folder = Folder::new("lean-moved");
    let mut case = Case::new(&folder);
    let (content, other) = (disk(1, 300), disk(2, 300));
    for units in [UnitKind::Page, UnitKind::Chunk] {
        case.units = units;
        let streams: [(&str, &[u8]); 2] = [("memory", &content), ("disk", &other)];
        case.build_streams("first", &streams, Parents::default())
            .unwrap();
        let base = disk(3, 200);
        case.build("base", &base, Parents::default()).unwrap();
        let new = text(99, PAGE);
        let (content, other) = (&content[..300 * PAGE], &other[..300 * PAGE]);
        let moved = [&new, content, &new, &base[PAGE..200 * PAGE], other].concat();
        let path = case.path("first");
        let parents = Parents {
            bases: vec![case.chain("base")],
            ..on(&path)
        };
        let report = case.build("child", &moved, parents).unwrap();
        case.is("child", &moved);
        match units {
            UnitKind::Page => assert_eq!(report.bytes_unique, PAGE as u64),
            // Up to the first cut that is the same again.
            UnitKind::Chunk => assert!(report.bytes_unique < moved.len() as u64 / 4),
        }
        let bases = vec![case.chain("base"), case.chain("first")];
        let only = Parents {
            bases,
            ..Parents::default()
        };
        let based = case.build("child", &moved, only).unwrap();
        assert_eq!(based.bytes_unique, report.bytes_unique);
        assert_eq!(case.open("child").unwrap().info().parent_root, [0; 32]);
        case.is("child", &moved);
    }
}

/// Files that lead to others are resolved: what the middle one has from the first is the first's.
#[test]
fn a_chain_of_three_is_one_hop_deep() {
    let folder = Folder::new("lean-chain");
    let mut case = Case::new(&folder);
    let mut content = disk(1, 200);
    let mut names: Vec<&str> = Vec::new();
    for (i, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        content[(20 + i) * PAGE..][..PAGE].copy_from_slice(&text(50 + i, PAGE));
        let before: Option<PathBuf> = names.last().map(|name| case.path(name));
        let parents = before.as_deref().map_or_else(Parents::default, on);
        let report = case.build(name, &content, parents).unwrap();
        if i > 0 {
            assert_eq!(report.bytes_unique, PAGE as u64, "{name}");
        }
        names.push(name);
        case.is(name, &content);
    }
    let last = case.chain("d");
    assert_eq!(last.ancestors.len(), 3);
    // Only those are named that give something.
    std::fs::copy(case.path("b"), case.path("other")).unwrap();
    let path = case.path("d");
    case.build("e", &content[..10 * PAGE], on(&path)).unwrap();
    let lean = case.chain("e");
    let roots: Vec<_> = lean.ancestors.iter().map(|a| a.hash).collect();
    assert_eq!(roots, [case.chain("a").index.hash]);
    std::fs::remove_file(case.path("a")).unwrap();
    let Err(error) = case.open("d") else {
        panic!("it opens without what it leans on");
    };
    assert!(matches!(error, Error::Parent(_)), "{error}");
}

/// Neither threads nor the way in show, nor a table that is too small for all there is.
#[test]
fn the_same_bytes_whatever_the_threads() {
    let folder = Folder::new("lean-threads");
    let mut case = Case::new(&folder);
    let content = disk(1, 3000);
    let mut changed = content.clone();
    changed.splice(700 * PAGE..700 * PAGE, disk(5, 90));
    changed[2500 * PAGE..][..PAGE].copy_from_slice(&text(7, PAGE));
    for units in [UnitKind::Page, UnitKind::Chunk] {
        case.units = units;
        case.build("first", &content, Parents::default()).unwrap();
        case.build("base", &disk(5, 100), Parents::default())
            .unwrap();
        for memory_limit in [0, 32 << 20] {
            case.memory_limit = memory_limit;
            let mut files = Vec::new();
            for threads in [1, 2, 5] {
                case.threads = threads;
                let path = case.path("first");
                let bases = vec![case.chain("base")];
                let parents = Parents { bases, ..on(&path) };
                case.build("child", &changed, parents).unwrap();
                files.push(case.bytes("child"));
            }
            let parents = Parents {
                parent: Some(Parent::Open(case.chain("first"))),
                bases: vec![case.chain("base")],
                ..Parents::default()
            };
            case.build("child", &changed, parents).unwrap();
            files.push(case.bytes("child"));
            assert!(files.iter().all(|file| *file == files[0]), "{units:?}");
            case.is("child", &changed);
        }
        case.memory_limit = 0;
    }
}

#[test]
fn one_password_opens_an_encrypted_chain() {
    let folder = Folder::new("lean-sealed");
    let mut case = Case::new(&folder);
    let mut content = disk(1, 300);
    case.build("plain", &content, Parents::default()).unwrap();
    case.encrypted = true;
    // What is plain is no secret: it is found by place and by content.
    content.splice(100 * PAGE..100 * PAGE, text(8, PAGE));
    let path = case.path("plain");
    let report = case.build("a", &content, on(&path)).unwrap();
    assert_eq!((report.bytes_unique, case.asked), (PAGE as u64, 1));
    case.is("a", &content);
    // Keys are not given to a compressor, which would keep them.
    let pointer = case.chain("a").index.root.ancestors.unwrap();
    assert_eq!(pointer.codec, crate::format::Codec::Stored);
    // By path and open already, with the key of units that the first one made.
    for (name, before) in [("b", "a"), ("c", "b")] {
        content.splice(50 * PAGE..50 * PAGE, text(9 + name.len(), PAGE));
        content[70 * PAGE..][..PAGE].copy_from_slice(&text(name.as_bytes()[0].into(), PAGE));
        let path = case.path(before);
        case.asked = 0;
        let report = case.build(name, &content, on(&path)).unwrap();
        assert!(report.bytes_unique <= 2 * PAGE as u64, "{report:?}");
        assert_eq!(case.asked, 2);
        case.is(name, &content);
        let parents = Parents {
            parent: Some(Parent::Open(case.chain(before))),
            ..Parents::default()
        };
        let again = case.build(name, &content, parents).unwrap();
        assert_eq!(again.bytes_unique, report.bytes_unique);
        case.is(name, &content);
    }
    // Of another family: its units cannot be told from others, and nobody is asked for its password.
    case.build("other", &content, Parents::default()).unwrap();
    let path = case.path("c");
    let bases = vec![case.chain("other")];
    case.asked = 0;
    case.build("d", &content, Parents { bases, ..on(&path) })
        .unwrap();
    assert_eq!(case.asked, 2);
    assert_eq!(case.chain("d").ancestors.len(), 4);
    case.is("d", &content);
    case.encrypted = false;
    for parents in [
        on(&path),
        Parents {
            bases: vec![case.chain("other")],
            ..Parents::default()
        },
    ] {
        let error = case.build("e", &content, parents).unwrap_err();
        assert!(matches!(error, Error::InvalidArgument(_)), "{error}");
        assert!(!case.path("e").exists());
    }
}

/// Random disks out of random pieces of others, on random parents and bases, plain and encrypted,
/// against their sources.
#[test]
fn random_children_read_as_their_sources() {
    let folder = Folder::new("lean-random");
    let mut random = Random(0x0dd0_1234_5678_9abd);
    for round in 0..12 {
        let mut case = Case::new(&folder);
        case.units = match round % 2 {
            0 => UnitKind::Page,
            _ => UnitKind::Chunk,
        };
        case.encrypted = round % 4 >= 2;
        let mut made: Vec<(String, Vec<u8>)> = Vec::new();
        for i in 0..6 {
            let mut content = Vec::new();
            for _ in 0..1 + random.below(12) {
                let len = 1 + random.below(90_000);
                let len = if random.below(3) > 0 {
                    len.next_multiple_of(PAGE)
                } else {
                    len
                };
                let (kind, other) = (random.below(5), random.below(i + 1));
                match made
                    .get(other)
                    .filter(|(_, bytes)| kind < 3 && bytes.len() > PAGE)
                {
                    Some((_, bytes)) => {
                        let at = random.below(bytes.len() / PAGE) * PAGE;
                        content.extend_from_slice(&bytes[at..bytes.len().min(at + len)]);
                    }
                    None if kind == 3 => content.resize(content.len() + len, 0),
                    None => content.extend(text(random.below(1 << 20), len)),
                }
            }
            let mut parents = Parents::default();
            let path = (i > 0).then(|| case.path(&made[random.below(i)].0));
            if let Some(path) = path.as_deref().filter(|_| random.below(4) > 0) {
                parents.parent = Some(Parent::Path(path));
            }
            for _ in 0..random.below(3).min(i) {
                parents.bases.push(case.chain(&made[random.below(i)].0));
            }
            let name = format!("{round}-{i}");
            case.profile = ["generic", "eda", "embedded", "ml"][random.below(4)];
            case.threads = 1 + random.below(4) as u32;
            let report = case.build(&name, &content, parents).unwrap();
            let told = report.bytes_zero
                + report.bytes_duplicate
                + report.bytes_inherited
                + report.bytes_unique;
            assert_eq!(told, content.len() as u64);
            case.is(&name, &content);
            made.push((name, content));
        }
    }
}
