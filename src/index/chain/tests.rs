use std::cell::Cell;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;
use crate::error::Error;
use crate::index::open::hex;
use crate::index::{AncestorSearch, Located, Wanted};
use crate::snapshot::testing::thin::{Ancestor, Lean, inherited, open_among, password, root_of};
use crate::snapshot::testing::{Counted, Draft, Folder, data, options};
use crate::snapshot::{Snapshot, VerifyReport};

/// A base of two blocks, and a child that takes the second of them from it.
struct Pair {
    folder: Folder,
    base: Vec<u8>,
    child: Vec<u8>,
}

fn child_of(base: &[u8], hint: &str) -> Draft {
    let mut child = Draft::of_blocks(1, 4096);
    child.streams[0].1 = vec![data(4096, 0), inherited(4096, 0, 4096)];
    child.lean = Some(Lean::on(vec![Ancestor::of(base, hint)]));
    child
}

impl Pair {
    fn new(name: &str) -> Pair {
        let base = Draft::of_blocks(2, 4096).seal();
        let child = child_of(&base, "base.hxz").seal();
        let folder = Folder::new(name);
        std::fs::write(folder.path("child.hxz"), &child).unwrap();
        std::fs::write(folder.path("base.hxz"), &base).unwrap();
        Pair {
            folder,
            base,
            child,
        }
    }

    fn open(&self, ancestors: AncestorSearch<'_>) -> Result<Snapshot> {
        let path = self.folder.path("child.hxz");
        let options = OpenOptions {
            path: &path,
            ancestors,
            ..options(0)
        };
        Snapshot::open(&options, None)
    }

    /// As it is on the disk, with nothing said.
    fn plainly(&self) -> Result<Snapshot> {
        self.open(AncestorSearch::default())
    }

    fn rename(&self, from: &str, to: &str) -> PathBuf {
        std::fs::rename(self.folder.path(from), self.folder.path(to)).unwrap();
        self.folder.path(to)
    }
}

fn is_whole(snapshot: &Snapshot) {
    let mut bytes = vec![0; 8192];
    snapshot.read(0, 0, &mut bytes).unwrap();
    let (own, theirs) = (Draft::of_blocks(1, 4096), Draft::of_blocks(2, 4096));
    assert_eq!(bytes[..4096], own.content(0, 0, 4096));
    assert_eq!(bytes[4096..], theirs.content(0, 4096, 4096));
    let mut report = VerifyReport::default();
    snapshot
        .verify(1, &mut Control::new(None, None), &mut report)
        .unwrap();
}

fn parent_error(result: Result<Snapshot>) -> Error {
    match result.err() {
        Some(error @ Error::Parent(_)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_name_that_a_child_records_is_looked_for_beside_it() {
    let pair = Pair::new("hint");
    is_whole(&pair.plainly().unwrap());
    let info = pair.plainly().unwrap().info();
    assert_eq!(info.parent_root, root_of(&pair.base));
    // From the folder itself, where the path has no folder in it.
    assert_eq!(Path::new("child.hxz").parent(), Some(Path::new("")));
}

#[test]
fn each_place_is_looked_at_in_its_turn() {
    let pair = Pair::new("order");
    let elsewhere = pair.rename("base.hxz", "moved");
    let asked = Cell::new(0);
    let root = root_of(&pair.base);
    let find = |wanted: &Wanted<'_>| {
        asked.set(asked.get() + 1);
        assert_eq!((*wanted.root, wanted.hint), (root, &b"base.hxz"[..]));
        Ok(Some(Located::Path(elsewhere.clone())))
    };
    let mut search = AncestorSearch {
        find: Some(&find),
        ..Default::default()
    };
    is_whole(&pair.open(search).unwrap());
    assert_eq!(asked.get(), 1);

    search.path = Some(&elsewhere);
    is_whole(&pair.open(search).unwrap());
    assert_eq!(asked.get(), 1, "the parent's path comes first");

    let options = OpenOptions {
        path: &elsewhere,
        ..options(0)
    };
    let parent = Snapshot::open(&options, None).unwrap();
    let absent = pair.folder.path("absent");
    search.path = Some(&absent);
    let child = pair
        .open(AncestorSearch {
            snapshot: Some(parent.chain()),
            ..search
        })
        .unwrap();
    assert_eq!(asked.get(), 1, "what is open comes first");
    // Closed at once: the child has what it needs.
    drop(parent);
    std::fs::remove_file(&elsewhere).unwrap();
    is_whole(&child);

    // What the parent leans on itself is at hand too.
    search.snapshot = Some(child.chain());
    is_whole(&pair.open(search).unwrap());

    let storage = || Located::Storage(Arc::new(Counted::new(pair.base.clone()).0));
    let find = |_: &Wanted<'_>| Ok(Some(storage()));
    let search = AncestorSearch {
        find: Some(&find),
        ..Default::default()
    };
    is_whole(&pair.open(search).unwrap());

    // Unknown there: the hint is next.
    std::fs::write(pair.folder.path("base.hxz"), &pair.base).unwrap();
    let find = |_: &Wanted<'_>| Ok(None);
    let search = AncestorSearch {
        find: Some(&find),
        ..Default::default()
    };
    is_whole(&pair.open(search).unwrap());
}

#[test]
fn a_failing_callback_ends_the_search() {
    let pair = Pair::new("callback");
    let find = |_: &Wanted<'_>| {
        Err(Error::Callback {
            operand: "child".into(),
            callback: "ancestor",
            code: -5,
        })
    };
    let search = AncestorSearch {
        find: Some(&find),
        ..Default::default()
    };
    let error = pair.open(search).err().unwrap();
    assert_eq!(error.callback_code(), -5);
}

#[test]
fn what_is_missing_is_told_with_where_it_was_looked() {
    let pair = Pair::new("missing");
    std::fs::remove_file(pair.folder.path("base.hxz")).unwrap();
    let root = hex(&root_of(&pair.base));
    let error = parent_error(pair.plainly());
    assert_eq!(error.errno(), libc::ENOENT);
    let text = error.to_string();
    let place = pair.folder.path("base.hxz").display().to_string();
    assert!(text.contains(&root) && text.contains(&place), "{text}");
    assert!(text.contains("child.hxz"), "{text}");

    let ignoring = AncestorSearch {
        hints: Hints::Ignore,
        ..Default::default()
    };
    let error = parent_error(pair.open(ignoring));
    assert_eq!(error.errno(), 0);
    let text = error.to_string();
    assert!(
        text.contains(&root) && text.contains("'base.hxz'"),
        "{text}"
    );
    assert!(!text.contains(&place), "{text}");

    let absent = pair.folder.path("absent");
    let named = AncestorSearch {
        path: Some(&absent),
        ..Default::default()
    };
    let error = parent_error(pair.open(named));
    assert_eq!(error.errno(), libc::ENOENT);
    let text = error.to_string();
    assert!(text.contains(&root) && text.contains("absent"), "{text}");

    let find = |_: &Wanted<'_>| Ok(Some(Located::Path(absent.clone())));
    let asking = AncestorSearch {
        find: Some(&find),
        ..Default::default()
    };
    let error = parent_error(pair.open(asking));
    assert_eq!(error.errno(), libc::ENOENT, "{error}");

    // In storage a child is beside nothing.
    std::fs::write(pair.folder.path("base.hxz"), &pair.base).unwrap();
    parent_error(open_among(pair.child.clone(), &[]));
    is_whole(&open_among(pair.child.clone(), std::slice::from_ref(&pair.base)).unwrap());
}

#[test]
fn another_snapshot_in_its_place_is_told_by_both_roots() {
    let pair = Pair::new("other");
    let other = Draft::of_blocks(3, 4096).seal();
    let elsewhere = pair.rename("base.hxz", "other");
    std::fs::write(pair.folder.path("base.hxz"), &other).unwrap();
    std::fs::write(&elsewhere, &other).unwrap();
    let options = OpenOptions {
        path: &elsewhere,
        ..options(0)
    };
    let open = Snapshot::open(&options, None).unwrap();
    let find_path = |_: &Wanted<'_>| Ok(Some(Located::Path(elsewhere.clone())));
    let find_open = |_: &Wanted<'_>| Ok(Some(Located::Open(open.chain().clone())));
    for (what, search) in [
        ("hint", AncestorSearch::default()),
        (
            "path",
            AncestorSearch {
                path: Some(&elsewhere),
                hints: Hints::Ignore,
                ..Default::default()
            },
        ),
        (
            "snapshot",
            AncestorSearch {
                snapshot: Some(open.chain()),
                hints: Hints::Ignore,
                ..Default::default()
            },
        ),
        (
            "callback, path",
            AncestorSearch {
                find: Some(&find_path),
                ..Default::default()
            },
        ),
        (
            "callback, open",
            AncestorSearch {
                find: Some(&find_open),
                ..Default::default()
            },
        ),
    ] {
        let text = parent_error(pair.open(search)).to_string();
        for root in [&pair.base, &other] {
            assert!(text.contains(&hex(&root_of(root))), "{what}: {text}");
        }
    }
}

#[test]
fn a_damaged_ancestor_is_never_read() {
    let pair = Pair::new("damaged");
    let footer = &pair.base[pair.base.len() - 4096..];
    let root_at = u64::from_le_bytes(footer[24..32].try_into().unwrap()) as usize;
    let tell = |bad: &[u8], what: String| {
        std::fs::write(pair.folder.path("base.hxz"), bad).unwrap();
        let error = pair.plainly().err().unwrap();
        let known = matches!(
            error,
            Error::Parent(_) | Error::Corrupt { .. } | Error::Unsupported(_)
        );
        assert!(known, "{what}: {error}");
        error
    };
    for at in (0..4096)
        .step_by(13)
        .chain((root_at..pair.base.len()).step_by(7))
    {
        let mut bad = pair.base.clone();
        bad[at] ^= 1;
        tell(&bad, format!("byte {at}"));
    }
    for len in [0, 1, 8, 4095, 4096, 8191, 8192, pair.base.len() - 1] {
        tell(&pair.base[..len], format!("cut at {len}"));
    }
    let mut bad = pair.base.clone();
    bad[root_at + 100] ^= 1;
    let error = tell(&bad, "root page".into());
    assert!(matches!(error, Error::Corrupt { .. }));
    let text = error.to_string();
    assert!(text.contains(&hex(&root_of(&pair.base))), "{text}");
    assert!(text.contains("child.hxz"), "{text}");
}

#[test]
fn a_hint_leads_to_regular_files_only() {
    let pair = Pair::new("kinds");
    let real = pair.rename("base.hxz", "real");
    let place = pair.folder.path("base.hxz");
    symlink(&real, &place).unwrap();
    let error = parent_error(pair.plainly());
    assert_eq!(error.errno(), libc::ELOOP, "{error}");
    std::fs::remove_file(&place).unwrap();
    mknodat(CWD, &place, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    parent_error(pair.plainly());
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    parent_error(pair.plainly());
    std::fs::remove_dir(&place).unwrap();
    std::fs::hard_link(&real, &place).unwrap();
    is_whole(&pair.plainly().unwrap());
}

#[test]
fn no_more_than_64() {
    let base = Draft::of_blocks(2, 4096).seal();
    let mut names: Vec<_> = (1..=64)
        .map(|i| Ancestor {
            root: [i; 32],
            key: None,
            hint: Vec::new(),
        })
        .collect();
    names[0] = Ancestor::of(&base, "");
    let mut draft = child_of(&base, "");
    draft.lean = Some(Lean::on(names.clone()));
    // All are there, and all but one are the same file by another root.
    let text = parent_error(open_among(draft.seal(), std::slice::from_ref(&base))).to_string();
    assert!(text.contains(&hex(&[2; 32])), "{text}");
    names.push(Ancestor {
        root: [65; 32],
        key: None,
        hint: Vec::new(),
    });
    draft.lean = Some(Lean::on(names));
    let text = parent_error(open_among(draft.seal(), &[base])).to_string();
    assert!(text.contains("65") && text.contains("64"), "{text}");
}

fn corrupt(result: Result<Snapshot>, what: &str) -> String {
    match result.err() {
        Some(error @ Error::Corrupt { .. }) => error.to_string(),
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn one_password_opens_all() {
    let mut base = Draft::of_blocks(2, 4096);
    base.streams[0].1 = vec![data(8192, 0)];
    let (plain, sealed) = (base.seal(), base.encrypt_with(1));
    let lean = |key, file: &[u8]| {
        let mut draft = child_of(file, "");
        draft.lean.as_mut().unwrap().ancestors[0].key = key;
        draft
    };
    let others = [plain.clone(), sealed.clone()];
    for inherited in [None, Some(1)] {
        for stored in [true, false] {
            let mut draft = lean(Some(1), &sealed);
            let parts = draft.lean.as_mut().unwrap();
            (parts.inherited, parts.stored) = (inherited, stored);
            is_whole(&open_among(draft.encrypt_with(2), &others).unwrap());
        }
    }
    is_whole(&open_among(lean(None, &plain).encrypt_with(2), &others).unwrap());

    // The wrong key, a key for a plain one, none for a sealed one.
    let child = lean(Some(3), &sealed).encrypt_with(2);
    corrupt(open_among(child, &others), "wrong key");
    let child = lean(Some(1), &plain).encrypt_with(2);
    corrupt(open_among(child, &others), "key for a plain one");
    let child = lean(None, &sealed).encrypt_with(2);
    corrupt(open_among(child, &others), "no key");
    let child = lean(None, &sealed).seal();
    corrupt(open_among(child, &others), "plain child of a sealed one");
    // The same file under another password and key is another file.
    let other = base.encrypt_with(4);
    let text = parent_error(open_among(lean(Some(1), &sealed).encrypt_with(2), &[other]));
    assert!(text.to_string().contains(&hex(&root_of(&sealed))), "{text}");
}

/// What is open already needs the key in the child to be its own as well.
#[test]
fn the_key_of_an_open_ancestor_is_held_against_the_child() {
    let sealed = Draft::of_blocks(2, 4096).encrypt_with(1);
    let storage = || Box::new(Counted::new(sealed.clone()).0);
    let parent = Snapshot::from_storage(storage(), &options(0), Some(&mut password)).unwrap();
    for (key, good) in [(Some(1), true), (Some(2), false), (None, false)] {
        let mut draft = child_of(&sealed, "");
        draft.lean.as_mut().unwrap().ancestors[0].key = key;
        let mut options = options(0);
        options.ancestors.snapshot = Some(parent.chain());
        let storage = Box::new(Counted::new(draft.encrypt_with(9)).0);
        let opened = Snapshot::from_storage(storage, &options, Some(&mut password));
        match good {
            true => is_whole(&opened.unwrap()),
            false => drop(corrupt(opened, "another key")),
        }
    }
}

#[test]
fn four_reads_and_64_kib_however_much_there_is_to_say() {
    let base = Draft::of_blocks(2, 4096).seal();
    let mut draft = child_of(&base, &"x".repeat(255));
    // 63 bytes of name: the largest root page.
    let names: Vec<&'static str> = (0..255)
        .map(|i| -> &'static str { format!("{i:063}").leak() })
        .collect();
    draft
        .streams
        .extend(names.iter().map(|name| (*name, vec![])));
    let lean = draft.lean.as_mut().unwrap();
    let hint = |i| vec![b'y'; if i < 44 { 255 } else { 0 }];
    lean.ancestors.extend((1..64).map(|i| Ancestor {
        root: [i; 32],
        key: None,
        hint: hint(i),
    }));
    for (sealed, file) in [(false, draft.seal()), (true, draft.encrypt_with(2))] {
        let (storage, counts) = Counted::new(file);
        let mut options = options(0);
        let find = |_: &Wanted<'_>| {
            Ok(Some(Located::Storage(Arc::new(
                Counted::new(base.clone()).0,
            ))))
        };
        options.ancestors.find = Some(&find);
        let ask: Option<&mut PasswordFn<'_>> = match sealed {
            true => Some(&mut password),
            false => None,
        };
        // The first is found; the second is another one, since these are no roots.
        let opened = Snapshot::from_storage(Box::new(storage), &options, ask);
        parent_error(opened);
        let (reads, read) = counts.get();
        let expected = if sealed { 4 } else { 3 };
        assert!(reads == expected && read <= 64 << 10, "{reads} {read}");
        assert!(
            read > 40 << 10,
            "{read}: the pages are not as large as meant"
        );
    }
}

#[test]
fn a_page_of_ancestors_lies_where_it_must_and_is_what_it_must() {
    let base = Draft::of_blocks(2, 4096).seal();
    let with = |change: &dyn Fn(&mut Draft)| {
        let mut draft = child_of(&base, "base");
        change(&mut draft);
        [draft.seal(), draft.encrypt_with(2)]
            .map(|file| open_among(file, std::slice::from_ref(&base)))
    };
    for opened in with(&|_| ()) {
        is_whole(&opened.unwrap());
    }
    let lean =
        |change: fn(&mut Lean)| move |draft: &mut Draft| change(draft.lean.as_mut().unwrap());
    for (what, change) in [
        (
            "elsewhere",
            &lean(|l| l.alter_pointer = Box::new(|p| p.offset -= 1)) as &dyn Fn(&mut Draft),
        ),
        (
            "shorter",
            &lean(|l| l.alter_pointer = Box::new(|p| p.stored_len -= 1)),
        ),
        (
            "hash",
            &lean(|l| l.alter_pointer = Box::new(|p| p.hash[3] ^= 1)),
        ),
        (
            "kind",
            &lean(|l| l.alter_page = Box::new(|page| page[0] = 4)),
        ),
        (
            "left over",
            &lean(|l| l.alter_page = Box::new(|page| page.push(0))),
        ),
        ("path", &lean(|l| l.ancestors[0].hint = b"../base".to_vec())),
        (
            "one root twice",
            &lean(|l| l.ancestors.push(l.ancestors[0].clone())),
        ),
        ("no root", &lean(|l| l.ancestors[0].root = [0; 32])),
        ("no pointer", &|draft: &mut Draft| {
            draft.alter_root = Box::new(|root| root.ancestors = None)
        }),
    ] {
        for opened in with(change) {
            corrupt(opened, what);
        }
    }
    // A page of ancestors in a file that is not thin.
    let mut draft = Draft::of_blocks(2, 4096);
    draft.alter_root = Box::new(|root| root.ancestors = root.trees[0].top);
    corrupt(open_among(draft.seal(), &[]), "not thin");
}

/// A child that is read under a known root trusts no checksum, whoever opened the ancestor.
#[test]
fn what_an_open_ancestor_keeps_is_not_trusted_by_who_knows_the_root() {
    let mut base = Draft::of_blocks(2, 4096);
    base.alter_leaves = Box::new(|leaves| leaves.blocks[0].0.entries[1].hash[0] ^= 1);
    let base = base.seal();
    let child = child_of(&base, "").seal();
    let storage = Box::new(Counted::new(base).0);
    let parent = Snapshot::from_storage(storage, &options(0), None).unwrap();
    let mut page = [0; 100];
    parent.read(0, 5000, &mut page).unwrap();
    for (expect_root, good) in [(None, true), (Some(root_of(&child)), false)] {
        let mut options = OpenOptions {
            expect_root,
            ..options(0)
        };
        options.ancestors.snapshot = Some(parent.chain());
        let storage = Box::new(Counted::new(child.clone()).0);
        let snapshot = Snapshot::from_storage(storage, &options, None).unwrap();
        let read = snapshot.read(0, 5000, &mut page);
        assert_eq!(read.is_ok(), good, "{read:?}");
        assert!(good || page == [0; 100]);
    }
}
