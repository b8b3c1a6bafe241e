//! What thin snapshots read as, and what becomes of those that lead nowhere.

use super::testing::thin::{Ancestor, Lean, inherited, open_among, root_of};
use super::testing::{Draft, Folder, data, text, zero};
use super::{ExtentKind, ExtractMode, ExtractOptions, Holders, Snapshot, VerifyReport};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::format::{Codec, ExtentEntry, ParentPlace, Target};
use crate::sink::{Existing, Sync};

/// A generator that is the same everywhere (Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A snapshot with what its streams hold.
struct Made {
    file: Vec<u8>,
    content: Vec<Vec<u8>>,
    /// Which parts of its streams it has itself.
    own: Vec<Vec<(u64, u64)>>,
    key: Option<u8>,
}

/// One that takes what it can from others, at random.
fn make(random: &mut Random, bases: &[Made], chunked: bool, key: Option<u8>) -> Made {
    let mut draft = Draft::of_blocks(3 + random.below(3) as usize, 8192);
    let seed = random.below(1000) as usize;
    for (i, (bytes, _)) in draft.blocks.iter_mut().enumerate() {
        *bytes = text(seed + i, 8192);
    }
    draft.fanout = 2 + random.below(20) as usize;
    // Units of any length, but lengths that rules 4 and 5 of section 4.1 have nothing against.
    draft.chunk = chunked.then_some(4096);
    let space = draft.data_space();
    let step = if chunked { 1 } else { 4096 };
    let mut content = Vec::new();
    let mut own = Vec::new();
    draft.streams.clear();
    for name in ["disk", "memory", "blob"] {
        let (mut entries, mut bytes, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..1 + random.below(12) {
            let start = bytes.len() as u64;
            let mut len = (4096 + random.below(12_000)) / step * step;
            let ancestor = random.below(bases.len() as u64 + 2) as usize;
            let base = bases.get(ancestor).map(|base| {
                let stream = random.below(3) as usize;
                (base, stream, &base.own[stream])
            });
            match base {
                Some((base, stream, parts_of)) if !parts_of.is_empty() => {
                    let (from, to) = parts_of[random.below(parts_of.len() as u64) as usize];
                    let at = from + random.below(to - from) / step * step;
                    len = len.min((to - at) / step * step);
                    if len < 4096 {
                        continue;
                    }
                    let range = at as usize..(at + len) as usize;
                    bytes.extend_from_slice(&base.content[stream][range]);
                    entries.push(ExtentEntry {
                        len,
                        target: Target::Parent(ParentPlace {
                            ancestor: ancestor as u16,
                            stream: stream as u16,
                            at,
                        }),
                    });
                    continue;
                }
                _ => {}
            }
            if random.below(3) == 0 {
                entries.push(zero(len));
                bytes.resize(bytes.len() + len as usize, 0);
            } else {
                let at = random.below(space.len() as u64 - len) / step * step;
                entries.push(data(len, at));
                bytes.extend_from_slice(&space[at as usize..(at + len) as usize]);
            }
            parts.push((start, start + len));
        }
        draft.streams.push((name, entries));
        content.push(bytes);
        own.push(parts);
    }
    if !bases.is_empty() {
        draft.lean = Some(Lean::on(
            (bases.iter())
                .map(|base| Ancestor {
                    root: root_of(&base.file),
                    key: base.key,
                    hint: Vec::new(),
                })
                .collect(),
        ));
    }
    let file = match key {
        Some(key) => draft.encrypt_with(key),
        None => draft.seal(),
    };
    Made {
        file,
        content,
        own,
        key,
    }
}

fn files(made: &[Made]) -> Vec<Vec<u8>> {
    made.iter().map(|made| made.file.clone()).collect()
}

fn verify(snapshot: &Snapshot, threads: u32) -> (Result<()>, VerifyReport) {
    let mut report = VerifyReport::default();
    let result = snapshot.verify(threads, &mut Control::new(None, None), &mut report);
    (result, report)
}

fn is_as_made(snapshot: &Snapshot, made: &Made, random: &mut Random, reads: u64) {
    let mut buf = vec![0; 40_000];
    for _ in 0..reads {
        let stream = random.below(3) as usize;
        let content = &made.content[stream];
        let at = random.below(content.len() as u64 + 1) as usize;
        let len = random.below((content.len() - at) as u64 + 1).min(40_000) as usize;
        snapshot
            .read(stream as u32, at as u64, &mut buf[..len])
            .unwrap();
        assert!(buf[..len] == content[at..at + len], "{stream} {at} {len}");
    }
}

/// Random snapshots on random others, plain and sealed, of pages and of chunks, against a model.
#[test]
fn random_reads_are_those_of_a_model() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for round in 0..60 {
        let mut made: Vec<Made> = Vec::new();
        for i in 0..1 + random.below(6) {
            // Pages may lean on chunks only where those lie on pages.
            let chunked = round % 2 == 1;
            let sealed = round % 4 >= 2 && (i > 0 || round % 8 >= 4);
            let key = sealed.then_some(i as u8 + 1);
            let next = make(&mut random, &made, chunked, key);
            made.push(next);
        }
        let child = made.pop().unwrap();
        let snapshot = open_among(child.file.clone(), &files(&made)).unwrap();
        is_as_made(&snapshot, &child, &mut random, 60);
        let (result, _) = verify(&snapshot, 1 + round % 3);
        result.unwrap();
        is_as_extents_say(&snapshot, &child);
    }
}

fn is_as_extents_say(snapshot: &Snapshot, made: &Made) {
    for (stream, content) in made.content.iter().enumerate() {
        let (mut at, mut data_size) = (0, 0);
        while at < content.len() as u64 {
            let extent = snapshot.extent(stream as u32, at).unwrap();
            let own = made.own[stream].iter();
            let own = own.filter(|(from, to)| *from <= at && at < *to).count();
            assert_eq!(own == 0, extent.kind == ExtentKind::Parent, "{stream} {at}");
            if extent.kind != ExtentKind::Zero {
                data_size += extent.len;
            }
            at += extent.len;
        }
        assert_eq!(snapshot.streams()[stream].data_size, data_size);
    }
}

/// Each of a chain's snapshots has one page of its own and the rest from those before: any page is
/// read in one hop from whoever has it.
#[test]
fn a_chain_of_64_reads_right() {
    let pages = 65u64;
    let mut chain: Vec<Vec<u8>> = Vec::new();
    let mut content = vec![0u8; pages as usize * 4096];
    // Who has each page.
    let mut owner: Vec<Option<u16>> = vec![None; pages as usize];
    for i in 0..=64u64 {
        let mut draft = Draft::of_blocks(1, 4096);
        draft.blocks[0].0 = text(i as usize + 7, 4096);
        let page = (i * 37 % pages) as usize;
        content[page * 4096..][..4096].copy_from_slice(&draft.blocks[0].0);
        let entries = owner.iter().enumerate().map(|(at, who)| match who {
            _ if at == page => data(4096, 0),
            Some(who) => inherited(4096, *who, at as u64 * 4096),
            None => zero(4096),
        });
        draft.streams[0].1 = entries.collect();
        if i > 0 {
            let names = chain.iter().map(|file| Ancestor::of(file, "a"));
            draft.lean = Some(Lean::on(names.collect()));
        }
        owner[page] = Some(i as u16);
        chain.push(draft.seal());
    }
    let last = chain.pop().unwrap();
    let snapshot = open_among(last, &chain).unwrap();
    assert_eq!(snapshot.chain().ancestors.len(), 64);
    let mut random = Random(99);
    let mut buf = vec![0; 20_000];
    for _ in 0..2000 {
        let at = random.below(content.len() as u64) as usize;
        let len = random.below(20_000).min((content.len() - at) as u64) as usize;
        snapshot.read(0, at as u64, &mut buf[..len]).unwrap();
        assert!(buf[..len] == content[at..at + len], "{at} {len}");
    }
    verify(&snapshot, 2).0.unwrap();
    for index in 0..64 {
        let ancestor = snapshot.ancestor(index).unwrap();
        assert_eq!(ancestor.bytes_inherited, 4096);
        assert_eq!(ancestor.root, root_of(&chain[index as usize]));
        assert_eq!(ancestor.file_size, chain[index as usize].len() as u64);
        assert_eq!(ancestor.hint, b"a");
    }
}

/// A base whose last page leads on to another one.
fn three() -> [Vec<u8>; 2] {
    let first = Draft::of_blocks(2, 4096).seal();
    let mut second = Draft::of_blocks(2, 4096);
    second.streams[0].1 = vec![data(8192, 0), inherited(4096, 0, 4096), zero(4096)];
    second.lean = Some(Lean::on(vec![Ancestor::of(&first, "")]));
    [first, second.seal()]
}

/// A child of the second with that extent between two of its own pages.
fn leading(second: &[u8], entry: ExtentEntry) -> Draft {
    let mut draft = Draft::of_blocks(2, 4096);
    draft.streams[0].1 = vec![data(4096, 0), entry, data(4096, 4096)];
    draft.lean = Some(Lean::on(vec![Ancestor::of(second, "")]));
    draft
}

/// There is one hop and no more, so that no loop can be written down; and what leads elsewhere is
/// damage of the file that leads there, when it is read and when it is checked.
#[test]
fn what_an_ancestor_does_not_hold_itself_is_damage() {
    let [first, second] = three();
    let others = [first, second.clone()];
    let stream = |stream| ExtentEntry {
        len: 4096,
        target: Target::Parent(ParentPlace {
            ancestor: 0,
            stream,
            at: 0,
        }),
    };
    for (what, entry) in [
        ("leads on", inherited(4096, 0, 8192)),
        ("leads on at its end", inherited(8192, 0, 4096)),
        ("beyond the end", inherited(8192, 0, 12288)),
        ("far beyond the end", inherited(4096, 0, 1 << 40)),
        ("no such stream", stream(1)),
        ("no such stream", stream(u16::MAX)),
    ] {
        let draft = leading(&second, entry);
        let snapshot = open_among(draft.seal(), &others).unwrap();
        let mut buf = vec![7; entry.len as usize];
        let error = snapshot.read(0, 4096, &mut buf).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Corrupt { .. }), "{what}: {text}");
        assert!(buf.iter().all(|byte| *byte == 0), "{what}");
        let (result, report) = verify(&snapshot, 2);
        assert!(matches!(result, Err(Error::Corrupt { .. })), "{what}");
        assert_eq!(report.bad_stream, 0, "{what}");
        // What comes before is there.
        let bad = match what {
            "leads on at its end" | "beyond the end" => 8192,
            _ => 4096,
        };
        assert_eq!(report.bad_offset, bad, "{what}");
        assert_eq!((report.blocks_checked, report.blocks_bad), (2, 0), "{what}");
        // The rest reads well.
        let mut page = [0; 4096];
        snapshot.read(0, 0, &mut page).unwrap();
        assert_eq!(page[..], draft.content(0, 0, 4096));
    }
    for good in [inherited(8192, 0, 0), inherited(4096, 0, 12288)] {
        let snapshot = open_among(leading(&second, good).seal(), &others).unwrap();
        verify(&snapshot, 1).0.unwrap();
    }
}

/// Rules of a leaf: docs/FORMAT.md, sections 4.1 and 8.3.
#[test]
fn extents_of_ancestors_keep_the_rules_of_all_extents() {
    let [first, second] = three();
    let others = [first, second.clone()];
    let reads = |draft: &Draft| {
        let snapshot = open_among(draft.seal(), &others)?;
        let mut page = [0; 16];
        snapshot.read(0, 0, &mut page)?;
        verify(&snapshot, 1).0
    };
    let refused = |what: &str, draft: &Draft| {
        let result = reads(draft);
        assert!(
            matches!(result, Err(Error::Corrupt { .. })),
            "{what}: {result:?}"
        );
    };
    refused("no such ancestor", &leading(&second, inherited(4096, 1, 0)));
    refused(
        "not aligned there",
        &leading(&second, inherited(4096, 0, 1)),
    );
    refused("not aligned here", &leading(&second, inherited(4095, 0, 0)));
    let mut last = leading(&second, inherited(4096, 0, 0));
    last.streams[0].1.pop();
    last.streams[0].1[1].len = 4095;
    reads(&last).unwrap();

    // With chunks (the least is 1024 bytes), by turns: what is short, and what comes behind it.
    let chunked = |short: ExtentEntry, next: ExtentEntry| {
        let mut draft = leading(&second, short).chunked(4096);
        draft.streams[0].1[0] = data(4096, 0);
        draft.streams[0].1[2] = next;
        draft.streams[0].1.push(zero(4096));
        draft
    };
    let long = inherited(1024, 0, 3);
    let short = inherited(1023, 0, 3);
    for (what, before, next, good) in [
        ("short, zeros", short, zero(1024), true),
        ("short, parent", short, long, true),
        ("short, short parent", short, short, false),
        ("short, data", short, data(2048, 0), false),
        ("data, parent", data(1023, 0), long, true),
        ("data, short parent", data(1023, 0), short, false),
        ("zeros, parent", zero(1023), long, true),
        ("zeros, short parent", zero(1023), short, false),
        ("zeros, data", zero(1023), data(2048, 0), false),
        ("long, data", long, data(2048, 0), true),
    ] {
        for fanout in [50, 2] {
            let mut draft = chunked(before, next);
            draft.fanout = fanout;
            match good {
                true => reads(&draft).unwrap_or_else(|e| panic!("{what}: {e}")),
                false => refused(what, &draft),
            }
        }
    }
}

/// Many extents that lead to one long range of many extents: it is looked at once.
#[test]
fn a_check_costs_what_the_files_have() {
    let mut base = Draft::of_blocks(1, 4096);
    let many = 40_000u64;
    base.streams[0].1 = (0..many)
        .map(|i| {
            if i % 2 == 0 {
                data(4096, 0)
            } else {
                zero(4096)
            }
        })
        .collect();
    base.fanout = 700;
    let base = base.seal();
    let mut child = Draft::of_blocks(1, 4096);
    child.streams[0].1 = vec![inherited(many * 4096, 0, 0); many as usize];
    child.fanout = 700;
    child.lean = Some(Lean::on(vec![Ancestor::of(&base, "")]));
    let snapshot = open_among(child.seal(), &[base]).unwrap();
    // 1,600,000,000 extents one by one would be seen.
    verify(&snapshot, 1).0.unwrap();
    assert_eq!(
        snapshot.ancestor(0).unwrap().bytes_inherited,
        many * many * 4096
    );
}

#[test]
fn streams_are_written_out_whole() {
    let mut random = Random(5);
    let folder = Folder::new("thin-extract");
    for round in 0..8 {
        let chunked = round % 2 == 1;
        let bases = [make(&mut random, &[], chunked, None)];
        let child = make(&mut random, &bases, chunked, None);
        let snapshot = open_among(child.file.clone(), &files(&bases)).unwrap();
        let path = folder.path(&format!("out{round}"));
        for in_place in [false, true] {
            let options = ExtractOptions {
                path: &path,
                mode: match in_place {
                    false => ExtractMode::New(Existing::Refuse("none")),
                    true => ExtractMode::InPlace(Holders::Respected),
                },
                sync: Sync::No,
                threads: 2,
            };
            if in_place {
                std::fs::write(&path, vec![0xaa; 70_000]).unwrap();
            }
            snapshot
                .extract(0, &options, &mut Control::new(None, None))
                .unwrap();
            assert!(std::fs::read(&path).unwrap() == child.content[0], "{round}");
        }
    }
}

/// A block of an ancestor may be larger than any of the child.
#[test]
fn buffers_follow_from_the_largest_block_of_all() {
    let mut base = Draft::of_blocks(1, 1 << 20);
    base.blocks[0].1 = Codec::Zstd;
    let (content, file) = (base.data_space(), base.seal());
    let mut child = Draft::of_blocks(1, 4096);
    child.streams[0].1 = vec![data(4096, 0), inherited(1 << 20, 0, 0)];
    child.lean = Some(Lean::on(vec![Ancestor::of(&file, "")]));
    let snapshot = open_among(child.seal(), &[file]).unwrap();
    assert_eq!(snapshot.chain().block_len_max(), 1 << 20);
    let mut buf = vec![0; 1 << 20];
    snapshot.read(0, 4096, &mut buf).unwrap();
    assert!(buf == content);
    snapshot.read(0, 5000, &mut buf[..10_000]).unwrap();
    assert!(buf[..10_000] == content[904..10_904]);
}

/// Damage of an ancestor's blocks is told with the ancestor's name, and never shown.
#[test]
fn damage_of_an_ancestor_is_its_own() {
    let base = Draft::of_blocks(2, 4096).seal();
    let mut child = Draft::of_blocks(1, 4096);
    child.streams[0].1 = vec![data(4096, 0), inherited(8192, 0, 0)];
    child.lean = Some(Lean::on(vec![Ancestor::of(&base, "")]));
    let child = child.seal();
    let good = open_among(child.clone(), std::slice::from_ref(&base)).unwrap();
    let mut expected = vec![0; 12288];
    good.read(0, 0, &mut expected).unwrap();
    let body = 4096..base.len() - 4096;
    for at in body.step_by(11) {
        let mut bad = base.clone();
        bad[at] ^= 0x10;
        let Ok(snapshot) = open_among(child.clone(), &[bad]) else {
            continue;
        };
        let mut buf = vec![7; 12288];
        match snapshot.read(0, 0, &mut buf) {
            Ok(()) => assert!(buf == expected, "wrong bytes, byte {at}"),
            Err(Error::Corrupt { .. }) => assert!(buf.iter().all(|b| *b == 0)),
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}
