use super::*;
use crate::snapshot::Snapshot;
use crate::snapshot::testing::{Counted, Draft, Folder, open_bytes};

fn good() -> Vec<u8> {
    Draft::sample().seal()
}

#[test]
fn two_reads_and_few_bytes_whatever_the_size() {
    for blocks in [0, 1, 400] {
        let bytes = Draft::of_blocks(blocks, 4096).seal();
        let (storage, counts) = Counted::new(bytes);
        let snapshot = open_storage(Box::new(storage), None).unwrap();
        assert_eq!(snapshot.info().blocks, blocks as u64);
        let (reads, read) = counts.get();
        assert!(
            reads <= 4 && read <= 64 << 10,
            "{blocks} blocks: {reads} reads, {read} bytes"
        );
    }
}

fn open_storage(storage: Box<dyn Storage>, root: Option<Hash>) -> Result<Snapshot> {
    let options = OpenOptions {
        path: Path::new(""),
        cache_size: 0,
        expect_root: root,
        allow_plain: false,
        cancel: None,
        kdf_memory_max_kib: 0,
        ancestors: Default::default(),
    };
    Snapshot::from_storage(storage, &options, None)
}

#[test]
fn every_cut_and_every_longer_file_is_refused() {
    let good = good();
    open_bytes(good.clone()).unwrap();
    for len in (0..9000.min(good.len())).chain((9000..good.len()).step_by(97)) {
        let error = open_bytes(good[..len].to_vec()).err().unwrap();
        match len {
            0..8 => assert!(matches!(error, Error::NotSnapshot { .. }), "{len}: {error}"),
            _ => assert!(matches!(error, Error::Corrupt { .. }), "{len}: {error}"),
        }
    }
    for more in [1, 4095, 4096, 50_000] {
        let mut long = good.clone();
        long.resize(good.len() + more, 0);
        assert!(
            matches!(open_bytes(long), Err(Error::Corrupt { .. })),
            "{more} more"
        );
    }
    let mut twice = good.clone();
    twice.extend_from_slice(&good);
    assert!(matches!(open_bytes(twice), Err(Error::Corrupt { .. })));
}

#[test]
fn every_changed_byte_of_header_root_page_and_footer_is_refused() {
    let good = good();
    let footer = Footer::decode(&good[good.len() - PAGE_4K..], good.len() as u64).unwrap();
    let root_at = footer.root_offset as usize;
    for at in (0..PAGE_4K).chain(root_at..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        assert!(open_bytes(bad).is_err(), "byte {at}");
    }
}

#[test]
fn the_expected_root_is_held_against_the_file() {
    let bytes = good();
    let root = open_bytes(bytes.clone()).unwrap().info().root;
    let open = |root| open_storage(Box::new(Counted::new(bytes.clone()).0), Some(root));
    assert!(open(root).unwrap().chain.index.pinned);
    let mut other = root;
    other[31] ^= 1;
    let error = open(other).err().unwrap();
    assert!(matches!(error, Error::Corrupt { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&hex(&root)) && text.contains(&hex(&other)),
        "{text}"
    );
}

#[test]
fn the_order_of_checks_is_magic_version_features_checksums() {
    let mut bytes = good();
    bytes[100] = 1;
    assert!(matches!(
        open_bytes(bytes.clone()),
        Err(Error::Corrupt { .. })
    ));
    bytes[16] = 0x80;
    assert!(matches!(
        open_bytes(bytes.clone()),
        Err(Error::Unsupported(_))
    ));
    bytes[8] = 9;
    let text = open_bytes(bytes.clone()).err().unwrap().to_string();
    assert!(text.contains("version 9"), "{text}");
    bytes[3] = 0;
    assert!(matches!(open_bytes(bytes), Err(Error::NotSnapshot { .. })));
}

#[test]
fn from_a_file_and_cancelled() {
    let folder = Folder::new("open");
    let path = folder.path("a");
    std::fs::write(&path, good()).unwrap();
    let cancel = Cancel::default();
    let options = OpenOptions {
        path: &path,
        cache_size: 1,
        expect_root: None,
        allow_plain: false,
        cancel: Some(&cancel),
        kdf_memory_max_kib: 0,
        ancestors: Default::default(),
    };
    let snapshot = Snapshot::open(&options, None).unwrap();
    assert_eq!(snapshot.find(b"disk").unwrap(), 0);
    let error = snapshot.find(b"tape").unwrap_err();
    assert!(
        matches!(&error, Error::NoStream(text) if text.contains("'disk'")),
        "{error}"
    );
    cancel.trigger();
    assert!(matches!(
        Snapshot::open(&options, None),
        Err(Error::Cancelled(_))
    ));
}
