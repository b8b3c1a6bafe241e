//! More snapshots than one can lean on.

use super::by_place::dirty;
use super::*;
use crate::snapshot::testing::Draft;
use crate::source::ClaimKind;

/// A snapshot of these pages of text, named by the first of them.
fn base(case: &Case<'_>, pages: &[usize]) -> Chain {
    let mut draft = Draft::of_blocks(pages.len(), PAGE);
    for (block, page) in draft.blocks.iter_mut().zip(pages) {
        block.0 = text(*page, PAGE);
    }
    let name = format!("base-{}", pages[0]);
    std::fs::write(case.path(&name), draft.seal()).unwrap();
    case.chain(&name)
}

fn folding(bases: Vec<Chain>) -> Parents<'static> {
    Parents {
        bases,
        excess: Excess::Fold,
        ..Parents::default()
    }
}

#[test]
fn what_the_least_giving_have_is_stored_anew() {
    let folder = Folder::new("lean-least");
    let mut case = Case::new(&folder);
    let pages = |i: usize| match i {
        20 | 50 => vec![2 * i + 1],
        _ => vec![2 * i + 1, 2 * i + 2],
    };
    for (count, anew) in [(64, 0), (65, 1), (66, 2), (67, 4)] {
        let all: Vec<usize> = (0..count).flat_map(pages).collect();
        let content: Vec<u8> = all.iter().flat_map(|page| text(*page, PAGE)).collect();
        let bases = (0..count).map(|i| base(&case, &pages(i))).collect();
        let report = case.build("child", &content, folding(bases)).unwrap();
        assert_eq!(report.bytes_unique, anew * PAGE as u64, "{count}");
        let child = case.open("child").unwrap();
        assert_eq!(child.ancestor_count(), 64);
        case.is("child", &content);
    }
}

/// A chain with a page of news every night, for longer than a chain can be.
#[test]
fn a_nightly_chain_goes_on_past_64() {
    let folder = Folder::new("lean-nightly");
    let mut case = Case::new(&folder);
    let mut content = disk(1, 200);
    case.build("night-0", &content, Parents::default()).unwrap();
    for night in 1..=70 {
        let dirty_page = (night * 37) % 200;
        content[dirty_page * PAGE..][..PAGE].copy_from_slice(&text(5000 + night, PAGE));
        let path = case.path(&format!("night-{}", night - 1));
        let parents = || Parents {
            parent: Some(Parent::Path(&path)),
            excess: Excess::Fold,
            ..Parents::default()
        };
        let name = format!("night-{night}");
        let report = case.build(&name, &content, parents()).unwrap();
        let folded = usize::from(night > 64);
        assert!(
            report.bytes_unique <= ((1 + 2 * folded) * PAGE) as u64,
            "{night}: {report:?}"
        );
        let child = case.open(&name).unwrap();
        assert_eq!(child.ancestor_count(), night.min(64) as u32, "{night}");
        case.is(&name, &content);
        // Who knows what is dirty has it read from the parent where that is to be stored anew.
        let at = (dirty_page * PAGE) as u64;
        let runs = [
            (ClaimKind::Parent, at),
            (ClaimKind::Data, at + PAGE as u64),
            (ClaimKind::Parent, content.len() as u64),
        ];
        let input = dirty("disk", &runs, &content);
        let by_place = case
            .build_inputs("by-place", vec![input], parents())
            .unwrap();
        assert_eq!(by_place.root, report.root, "{night}");
    }
    // Refused without the flag.
    let path = case.path("night-70");
    let error = case.build("refused", &content, on(&path)).unwrap_err();
    assert!(matches!(error, Error::Parent(_)), "{error}");
    assert!(error.to_string().contains("HEXZ_BUILD_FOLD"), "{error}");
    assert!(!case.path("refused").exists());
}

/// What is too much is found before anybody is asked for a password of what is open already.
#[test]
fn too_many_are_refused_before_anybody_is_asked() {
    let folder = Folder::new("lean-unasked");
    let mut case = Case::new(&folder);
    case.encrypted = true;
    let content = disk(1, 20);
    case.build("first", &content, Parents::default()).unwrap();
    let parents = Parents {
        parent: Some(Parent::Open(case.chain("first"))),
        bases: (1..=64).map(|i| base(&case, &[i])).collect(),
        ..Parents::default()
    };
    let before = case.asked;
    let error = case.build("child", &content, parents).unwrap_err();
    assert!(matches!(error, Error::Parent(_)), "{error}");
    assert_eq!(case.asked, before);
}
