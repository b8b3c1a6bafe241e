//! What is not leaned on.

use super::by_place::dirty;
use super::*;
use crate::snapshot::testing::{Draft, open_bytes};
use crate::source::ClaimKind;

/// Snapshots with the hashes of two units swapped: a check of the file alone does not tell.
#[test]
fn hashes_that_lie_are_never_leaned_on() {
    lies(false);
}

/// Whoever knows the keys can lie as well: all tags are right.
#[test]
fn sealed_hashes_that_lie_are_never_leaned_on() {
    lies(true);
}

fn lies(encrypted: bool) {
    let folder = Folder::new(if encrypted {
        "lean-sealed-lies"
    } else {
        "lean-lies"
    });
    let mut case = Case::new(&folder);
    case.encrypted = encrypted;
    let mut draft = Draft::of_blocks(4, 4 * PAGE);
    let space = draft.data_space();
    draft.alter_leaves = Box::new(|leaves| leaves.units[0].hashes.swap(4, 13));
    let bytes = match encrypted {
        true => draft.encrypt(),
        false => draft.seal(),
    };
    std::fs::write(case.path("lies"), bytes).unwrap();
    let swapped = |space: &[u8]| {
        let mut out = space.to_vec();
        out[4 * PAGE..5 * PAGE].copy_from_slice(&space[13 * PAGE..14 * PAGE]);
        out[13 * PAGE..14 * PAGE].copy_from_slice(&space[4 * PAGE..5 * PAGE]);
        out
    };
    let path = case.path("lies");
    // At the same place, and elsewhere.
    let shifted = [&text(1234, PAGE), &space[..]].concat();
    for content in [swapped(&space), shifted.clone()] {
        let error = case.build("child", &content, on(&path)).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("lies"), "{error}");
        assert!(!case.path("child").exists());
        // A base is left out, with what was found in it before it was known to lie.
        let parents = Parents {
            bases: vec![case.chain("lies")],
            ..Parents::default()
        };
        let report = case.build("child", &content, parents).unwrap();
        assert!(report.bytes_unique >= 8 * PAGE as u64, "{report:?}");
        assert!(report.bytes_inherited <= 8 * PAGE as u64, "{report:?}");
        case.is("child", &content);
        std::fs::remove_file(case.path("child")).unwrap();
    }
    // What a source says is its parent's, and what did not change, is there whatever its hashes are.
    let end = space.len() as u64;
    let inputs = [
        dirty("disk", &[(ClaimKind::Parent, end)], &space),
        dirty("disk", &[(ClaimKind::Data, end)], &space),
    ];
    for input in inputs {
        let report = case.build_inputs("child", vec![input], on(&path)).unwrap();
        assert_eq!(report.bytes_inherited, end);
        case.is("child", &space);
    }
    // A child that leans on it shows its lies as they are.
    case.build("middle", &space, on(&path)).unwrap();
    let middle = case.path("middle");
    let error = case.build("child", &shifted, on(&middle)).unwrap_err();
    assert!(error.to_string().contains("lies"), "{error}");
    // Of two bases, the other one is not to blame.
    case.build("true", &space, Parents::default()).unwrap();
    let bases = vec![case.chain("lies"), case.chain("true")];
    let only = Parents {
        bases,
        ..Parents::default()
    };
    case.build("child", &shifted, only).unwrap();
    case.is("child", &shifted);
}

#[test]
fn a_parent_that_is_not_there_and_one_that_is_the_output_are_told() {
    let folder = Folder::new("lean-missing");
    let mut case = Case::new(&folder);
    let content = disk(1, 20);
    let path = case.path("nowhere");
    let error = case.build("child", &content, on(&path)).unwrap_err();
    assert!(matches!(error, Error::Parent(_)), "{error}");
    assert_eq!(error.errno(), libc::ENOENT);
    assert!(error.to_string().contains("nowhere"), "{error}");
    case.build("first", &content, Parents::default()).unwrap();
    let path = case.path("first");
    let before = case.bytes("first");
    let error = case.build("first", &content, on(&path)).unwrap_err();
    assert!(matches!(error, Error::InvalidArgument(_)), "{error}");
    assert!(case.bytes("first") == before);
}

/// 65 files are one too many, told before any is read.
#[test]
fn more_than_64_others_are_refused() {
    let folder = Folder::new("lean-many");
    let mut case = Case::new(&folder);
    let content = disk(1, 20);
    let bases = |count: usize| -> Vec<Chain> {
        let one = |i| {
            let mut draft = Draft::of_blocks(1, PAGE);
            draft.blocks[0].0 = text(i + 1, PAGE);
            open_bytes(draft.seal()).unwrap().chain().clone()
        };
        // Each twice, which counts once.
        (0..count).chain(0..count).map(one).collect()
    };
    for (count, excess) in [
        (64, Excess::Refuse),
        (65, Excess::Refuse),
        (64, Excess::Fold),
        (65, Excess::Fold),
    ] {
        let parents = Parents {
            bases: bases(count),
            excess,
            ..Parents::default()
        };
        let built = case.build("child", &content, parents);
        match (count, excess) {
            (64, _) => assert!(built.is_ok(), "{built:?}"),
            (_, Excess::Refuse) => assert!(matches!(built, Err(Error::Parent(_))), "{built:?}"),
            (_, Excess::Fold) => assert!(built.is_ok(), "{built:?}"),
        }
    }
}
