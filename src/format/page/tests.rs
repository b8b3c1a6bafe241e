use super::super::{BLOCK_MAX, Codec, DATA_SPACE_MAX, PAGE_MAX, Pointer};
use super::*;

fn pointer() -> Pointer {
    Pointer {
        offset: 4096,
        stored_len: 9,
        decoded_len: 90,
        codec: Codec::Zstd,
        hash: [3; 32],
    }
}

#[test]
fn pages_come_back_as_they_went() {
    let extents = ExtentPage {
        key: PageKey {
            stream: 2,
            at: 8192,
        },
        entries: vec![
            ExtentEntry {
                len: 4096,
                target: Target::Data(65536),
            },
            ExtentEntry {
                len: 1 << 44,
                target: Target::Zero,
            },
            ExtentEntry {
                len: 7,
                target: Target::Parent(ParentPlace {
                    ancestor: 1,
                    stream: 3,
                    at: 5,
                }),
            },
        ],
    };
    assert_eq!(
        ExtentPage::decode(&extents.encode().unwrap()).unwrap(),
        extents
    );
    let entry = BlockEntry {
        stored_len: 9,
        decoded_len: 10,
        codec: Codec::Lz4,
        crc: 1,
        hash: [1; 32],
    };
    let blocks = BlockPage {
        at: 10,
        base: 4096,
        entries: vec![entry; BlockPage::CAPACITY],
    };
    let bytes = blocks.encode().unwrap();
    assert!(bytes.len() <= PAGE_MAX);
    assert_eq!(BlockPage::decode(&bytes).unwrap(), blocks);
    for (lens, cdc) in [(vec![], false), (vec![5, 6], true)] {
        let units = UnitPage {
            at: 4096,
            lens,
            hashes: vec![[1; 16], [2; 16]],
        };
        assert_eq!(
            UnitPage::decode(&units.encode().unwrap(), cdc).unwrap(),
            units
        );
    }
    let child = |at| ChildEntry {
        key: PageKey { stream: 0, at },
        pointer: pointer(),
    };
    let node = NodePage {
        level: 1,
        children: vec![child(0), child(9)],
    };
    let bytes = TreeKind::Blocks.encode_node(&node).unwrap();
    assert_eq!(TreeKind::Blocks.decode_node(&bytes, 1).unwrap(), node);
    assert!(TreeKind::Units.decode_node(&bytes, 1).is_err());
    assert!(TreeKind::Blocks.decode_node(&bytes, 2).is_err());
}

#[test]
fn hostile_numbers_are_refused() {
    let page = |len, target| ExtentPage {
        key: PageKey::default(),
        entries: vec![ExtentEntry { len, target }],
    };
    for bad in [
        page(0, Target::Zero),
        page(u64::MAX, Target::Zero),
        page(2, Target::Data(DATA_SPACE_MAX - 1)),
        page(
            2,
            Target::Parent(ParentPlace {
                ancestor: 0,
                stream: 0,
                at: u64::MAX,
            }),
        ),
    ] {
        assert!(
            ExtentPage::decode(&bad.encode().unwrap()).is_err(),
            "{bad:?}"
        );
    }
    let entry = BlockEntry {
        stored_len: 9,
        decoded_len: 10,
        codec: Codec::Lz4,
        crc: 1,
        hash: [1; 32],
    };
    for bad in [
        BlockEntry {
            stored_len: 0,
            ..entry
        },
        BlockEntry {
            stored_len: 10,
            ..entry
        },
        BlockEntry {
            codec: Codec::Stored,
            ..entry
        },
        BlockEntry {
            decoded_len: BLOCK_MAX + 1,
            ..entry
        },
    ] {
        let page = BlockPage {
            at: 0,
            base: 4096,
            entries: vec![bad],
        };
        assert!(
            BlockPage::decode(&page.encode().unwrap()).is_err(),
            "{bad:?}"
        );
    }
    let page = BlockPage {
        at: u64::MAX - 3,
        base: 4096,
        entries: vec![entry],
    };
    assert!(BlockPage::decode(&page.encode().unwrap()).is_err());
    let bytes = page.encode().unwrap();
    for cut in 0..bytes.len() {
        assert!(BlockPage::decode(&bytes[..cut]).is_err());
    }
}
