use crate::control::Control;
use crate::error::{Error, Result};
use crate::format::{ExtentEntry, NodePage, PageKey, ParentPlace, RootPage, Target, TreeKind};
use crate::snapshot::testing::{Draft, Leaves, data, open_bytes, zero};
use crate::snapshot::{Snapshot, VerifyReport};

/// Reads all there is to read, with and without the first leaf known.
fn read_all(snapshot: &Snapshot) -> Result<()> {
    for stream in 0..snapshot.streams().len() as u32 {
        let size = snapshot.streams()[stream as usize].size;
        let mut at = 0;
        let mut buf = vec![0; 3000];
        while at < size.min(200_000) {
            let len = (size - at).min(3000);
            snapshot.read(stream, at, &mut buf[..len as usize])?;
            at += len;
        }
        if size > 0 {
            snapshot.read(stream, size - 1, &mut buf[..1])?;
        }
    }
    Ok(())
}

fn verify(snapshot: &Snapshot) -> Result<()> {
    snapshot.verify(
        2,
        &mut Control::new(None, None),
        &mut VerifyReport::default(),
    )
}

/// A snapshot that is whole in itself, with good hashes, but lies: neither reading nor checking
/// may follow it. Reading may only notice where it comes by.
fn refused(name: &str, draft: Draft) {
    let snapshot = match open_bytes(draft.seal()) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            assert!(matches!(error, Error::Corrupt { .. }), "{name}: {error}");
            return;
        }
    };
    let error = read_all(&snapshot).expect_err(name);
    assert!(matches!(error, Error::Corrupt { .. }), "{name}: {error}");
    let error = verify(&snapshot).expect_err(name);
    assert!(matches!(error, Error::Corrupt { .. }), "{name}: {error}");
}

fn leaves(alter: impl Fn(&mut Leaves) + 'static) -> Draft {
    Draft {
        alter_leaves: Box::new(alter),
        ..Draft::sample()
    }
}

fn nodes(alter: impl Fn(TreeKind, &mut NodePage) + 'static) -> Draft {
    Draft {
        alter_node: Box::new(move |(kind, node)| alter(*kind, node)),
        ..Draft::sample()
    }
}

fn root(alter: impl Fn(&mut RootPage) + 'static) -> Draft {
    Draft {
        alter_root: Box::new(alter),
        ..Draft::sample()
    }
}

#[test]
fn the_sample_itself_is_good() {
    let snapshot = open_bytes(Draft::sample().seal()).unwrap();
    assert!(
        snapshot
            .chain
            .index
            .root
            .trees
            .iter()
            .all(|tree| tree.height >= 2)
    );
    assert!(
        snapshot
            .chain
            .index
            .root
            .trees
            .iter()
            .any(|tree| tree.height >= 3)
    );
    read_all(&snapshot).unwrap();
    verify(&snapshot).unwrap();
}

#[test]
fn leaves_that_lie() {
    refused(
        "data beyond the end",
        leaves(|l| l.extents[1].entries[1] = data(4096, 1 << 40)),
    );
    refused(
        "data over the end",
        leaves(|l| l.extents[0].entries[0] = data(4096, 11 * 8192 + 4096 - 100)),
    );
    let parent = Target::Parent(ParentPlace {
        ancestor: 0,
        stream: 0,
        at: 0,
    });
    refused(
        "a parent",
        leaves(move |l| {
            l.extents[2].entries[0] = ExtentEntry {
                len: 4096,
                target: parent,
            }
        }),
    );
    refused(
        "a gap of extents",
        leaves(|l| l.extents[1].entries[0].len -= 1),
    );
    refused(
        "an overlap of extents",
        leaves(|l| l.extents[1].entries[0].len += 1),
    );
    refused(
        "extents beyond the stream",
        leaves(|l| {
            l.extents.last_mut().unwrap().entries.push(zero(1));
        }),
    );
    refused(
        "extents short of the stream",
        leaves(|l| {
            l.extents.last_mut().unwrap().entries.pop();
        }),
    );
    refused("a missing leaf", leaves(|l| drop(l.extents.remove(2))));
    refused(
        "a stream without leaves",
        leaves(|l| l.extents.retain(|page| page.key.stream == 0)),
    );
    refused(
        "no leaf of the first stream",
        leaves(|l| {
            l.extents.retain(|page| page.key.stream == 2);
        }),
    );
    refused(
        "extents of an empty stream",
        leaves(|l| {
            let mut page = l.extents[0].clone();
            page.key.stream = 1;
            let place = l
                .extents
                .iter()
                .position(|page| page.key.stream == 2)
                .unwrap();
            l.extents.insert(place, page);
        }),
    );
    refused(
        "a stream that is not there",
        leaves(|l| {
            l.extents.last_mut().unwrap().key.stream = 9;
        }),
    );
    refused("a gap of blocks", leaves(|l| l.blocks[1].0.at += 4096));
    refused(
        "a block too short",
        leaves(|l| l.blocks[0].0.entries[1].decoded_len -= 1),
    );
    refused(
        "a block too long",
        leaves(|l| l.blocks[0].0.entries[1].decoded_len += 1),
    );
    refused(
        "a missing block",
        leaves(|l| l.blocks[2].0.entries.truncate(2)),
    );
    refused("blocks in the header", leaves(|l| l.blocks[1].0.base = 100));
    refused(
        "blocks beyond the end",
        leaves(|l| l.blocks[1].0.base = 1 << 40),
    );
    refused(
        "blocks far beyond the end",
        leaves(|l| l.blocks[1].0.base = u64::MAX - 10),
    );
    refused("blocks elsewhere", leaves(|l| l.blocks[1].0.base = 4096));
}

#[test]
fn blocks_that_do_not_decode_to_their_length() {
    // Lengths that tile, each a little wrong.
    refused(
        "two lengths swapped",
        leaves(|l| {
            let entries = &mut l.blocks[0].0.entries;
            entries[0].decoded_len += 1;
            entries[2].decoded_len -= 1;
        }),
    );
    refused(
        "garbage under a good checksum",
        leaves(|l| {
            let (page, bodies) = &mut l.blocks[0];
            bodies[2].fill(0xab);
            page.entries[2].crc = crc32c::crc32c(&bodies[2]);
            page.entries[2].hash = *blake3::hash(&bodies[2]).as_bytes();
        }),
    );
    refused(
        "another dictionary",
        Draft {
            alter_root: Box::new(|root| root.dictionary = root.trees[0].top),
            ..Draft::sample()
        },
    );
    refused("no dictionary", root(|root| root.dictionary = None));
}

#[test]
fn nodes_that_lie() {
    for kind in [TreeKind::Extents, TreeKind::Blocks] {
        let at = move |alter: fn(&mut NodePage)| {
            nodes(move |k, node| {
                if k == kind && node.level == 1 && node.children.len() > 2 {
                    alter(node);
                }
            })
        };
        refused(
            "a key that is not the child's",
            at(|node| node.children[1].key.at += 1),
        );
        refused(
            "a first key that is not the node's",
            at(|node| node.children[0].key.at += 1),
        );
        refused(
            "two children swapped",
            at(|node| {
                let (a, b) = (node.children[0].pointer, node.children[1].pointer);
                node.children[0].pointer = b;
                node.children[1].pointer = a;
            }),
        );
        refused(
            "one child twice",
            at(|node| node.children[1].pointer = node.children[0].pointer),
        );
        refused("a child dropped", at(|node| _ = node.children.remove(1)));
        refused(
            "a child outside the file",
            at(|node| node.children[1].pointer.offset = 1 << 50),
        );
        refused(
            "a child at the end of numbers",
            at(|node| {
                node.children[1].pointer.offset = u64::MAX - 5000;
            }),
        );
        refused(
            "a child that hashes otherwise",
            at(|node| node.children[1].pointer.hash[0] ^= 1),
        );
        refused(
            "a child beyond the node's end",
            at(|node| {
                let mut child = *node.children.last().unwrap();
                child.key.at = u64::MAX / 2;
                node.children.push(child);
            }),
        );
    }
    // A page of one tree in the other.
    refused(
        "a tree of another kind",
        root(|root| root.trees[0] = root.trees[1]),
    );
    refused(
        "a tree that is too high",
        root(|root| root.trees[1].height += 1),
    );
    refused(
        "a tree that is too low",
        root(|root| root.trees[0].height -= 1),
    );
}

#[test]
fn streams_that_lie() {
    refused(
        "a longer stream",
        root(|root| {
            root.streams[0].size += 1;
            root.streams[0].zero_size += 1;
        }),
    );
    refused(
        "a shorter stream",
        root(|root| {
            root.streams[0].size -= 1;
            root.streams[0].zero_size -= 1;
        }),
    );
    refused(
        "less data space",
        root(|root| {
            root.data_size -= 4096;
            root.units -= 1;
        }),
    );
    refused(
        "more data space",
        root(|root| {
            root.data_size += 4096;
            root.units += 1;
        }),
    );
    refused(
        "one stream more",
        root(|root| {
            let mut stream = root.streams[0].clone();
            stream.name = "more".into();
            root.streams.push(stream);
        }),
    );
}

#[test]
fn a_page_may_be_used_in_one_way_only_even_when_it_is_cached() {
    // The same page as a leaf of extents and as the top of the blocks: once it is cached as the
    // one, it must still not pass as the other.
    let mut draft = Draft::of_blocks(1, 4096);
    draft.alter_root = Box::new(|root| root.trees[1] = root.trees[0]);
    let snapshot = open_bytes(draft.seal()).unwrap();
    snapshot.extent(0, 0).unwrap();
    for _ in 0..2 {
        let error = snapshot.read(0, 0, &mut [0; 9]).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
}

#[test]
fn a_walk_visits_each_page_once() {
    let snapshot = open_bytes(Draft::sample().seal()).unwrap();
    for kind in [TreeKind::Extents, TreeKind::Blocks, TreeKind::Units] {
        let mut seen = Vec::new();
        let super::Span {
            first: mut key,
            limit,
        } = snapshot.chain.index.span(kind);
        while key < limit {
            let visit = |p: &crate::format::Pointer| seen.push(p.offset);
            let leaf = snapshot
                .chain
                .index
                .descend(&snapshot.chain.index.pages, kind, key, visit);
            let leaf = leaf.map_err(Error::from).unwrap();
            assert_eq!(leaf.span.first, key);
            key = leaf.span.limit;
        }
        let visits = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(visits, seen.len(), "{kind:?}");
        assert!(visits > 5);
    }
    let end = PageKey { stream: 3, at: 0 };
    assert_eq!(snapshot.chain.index.span(TreeKind::Extents).limit, end);
}
