//! Encrypted files as the pack core writes them, and what becomes of them when somebody who has no
//! key moves things about.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::testing::{Counted, Folder, options, text};
use super::{Snapshot, VerifyReport};
use crate::control::{Cancel, Control};
use crate::crypto::Place;
use crate::crypto::seal::tests::sealed_by;
use crate::error::{Error, Result};
use crate::format::{KeySlot, PAGE_4K, PageKey, SLOTS, SLOTS_AT, SlotPage, TreeKind};
use crate::index::page::Block;
use crate::keyring::create::tests::fixed;
use crate::keyring::{Answer, Encryption, Request};
use crate::pack::{self, Options, StreamInput, UnitKind};
use crate::profile::{self, Compression, Profile};
use crate::sink::{Sink, Uncommitted};
use crate::source::{Content, Identity, Source};

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

struct Collected(Rc<RefCell<Vec<u8>>>);

impl Sink for Collected {
    fn operand(&self) -> &str {
        "collected"
    }

    fn write(&mut self, data: &[u8]) -> Result<()> {
        self.0.borrow_mut().extend_from_slice(data);
        Ok(())
    }

    fn write_zeroes(&mut self, len: u64) -> Result<()> {
        let mut bytes = self.0.borrow_mut();
        let len = bytes.len() + len as usize;
        bytes.resize(len, 0);
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    fn abort(&mut self) {}
}

fn build(
    input: &[u8],
    profile: Profile,
    units: UnitKind,
    threads: u32,
    keys: &Encryption,
) -> Vec<u8> {
    let streams = vec![StreamInput {
        name: "disk".into(),
        kind: 1,
        source: Box::new(Memory(input.to_vec())),
    }];
    let options = Options {
        profile,
        units,
        threads,
        memory_limit: 0,
    };
    let out = Rc::new(RefCell::new(Vec::new()));
    let sink = Uncommitted::new(Box::new(Collected(Rc::clone(&out))));
    pack::pack(
        streams,
        &options,
        Some(keys),
        None,
        sink,
        &mut Control::new(None, None),
    )
    .unwrap();
    out.take()
}

fn open_as(bytes: Vec<u8>, password: &[u8]) -> Result<Snapshot> {
    let mut callback = |_: &Request<'_>, buffer: &mut [u8]| {
        buffer[..password.len()].copy_from_slice(password);
        Answer::Given(password.len())
    };
    let storage = Box::new(Counted::new(bytes).0);
    Snapshot::from_storage(storage, &options(0), Some(&mut callback))
}

fn open(bytes: Vec<u8>) -> Result<Snapshot> {
    open_as(bytes, b"password")
}

fn read(snapshot: &Snapshot, len: usize) -> Result<Vec<u8>> {
    let mut buf = vec![0; len];
    snapshot.read(0, 0, &mut buf).map(|()| buf)
}

fn verify(snapshot: &Snapshot) -> Result<()> {
    let mut report = VerifyReport::default();
    snapshot.verify(1, &mut Control::new(None, None), &mut report)
}

fn named(name: &str) -> Profile {
    profile::resolve(Some(name)).unwrap()
}

/// Blocks of equal length, so that they can be exchanged.
fn uncompressed() -> Profile {
    Profile {
        compression: Compression::None,
        level: 0,
        block_size: 4096,
        ..named("generic")
    }
}

/// Bytes that neither repeat nor compress.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

fn blocks(snapshot: &Snapshot) -> Vec<Block> {
    let leaf = snapshot.chain.index.block_leaf(0).unwrap();
    leaf.blocks().unwrap().blocks.clone()
}

fn place(block: &Block) -> std::ops::Range<usize> {
    block.file_at as usize..block.file_at as usize + block.file_len()
}

/// It says damage, and shows nothing that was not there.
fn is_noticed(bytes: Vec<u8>, good: &[u8]) -> bool {
    let snapshot = match open(bytes) {
        Ok(snapshot) => snapshot,
        Err(error) => return matches!(error, Error::Corrupt { .. }),
    };
    for at in (0..good.len()).step_by(4096) {
        let mut page = [0; 4096];
        if snapshot.read(0, at as u64, &mut page).is_ok() {
            assert!(page == good[at..at + 4096], "wrong bytes at {at}");
        }
    }
    matches!(verify(&snapshot), Err(Error::Corrupt { .. }))
}

#[test]
fn round_trips_whatever_the_profile_and_the_threads() {
    let mut input = text(1, 900_000);
    input.extend(noise(1, 300_000));
    input.resize(2 << 20, 0);
    let keys = fixed(1);
    for name in ["generic", "eda", "embedded", "ml"] {
        for units in [UnitKind::Page, UnitKind::Chunk] {
            let bytes = build(&input, named(name), units, 1, &keys);
            assert!(
                bytes == build(&input, named(name), units, 3, &keys),
                "{name}"
            );
            let snapshot = open(bytes.clone()).unwrap();
            assert!(snapshot.info().encrypted);
            assert!(read(&snapshot, input.len()).unwrap() == input, "{name}");
            verify(&snapshot).unwrap();
            let error = open_as(bytes, b"passwore").err().unwrap();
            assert!(matches!(error, Error::WrongPassword { .. }), "{error}");
        }
    }
}

#[test]
fn opened_in_few_reads() {
    let bytes = build(
        &noise(1, 4 << 20),
        uncompressed(),
        UnitKind::Page,
        1,
        &fixed(1),
    );
    let (storage, counts) = Counted::new(bytes);
    let mut callback = |_: &Request<'_>, buffer: &mut [u8]| {
        buffer[..8].copy_from_slice(b"password");
        Answer::Given(8)
    };
    Snapshot::from_storage(Box::new(storage), &options(0), Some(&mut callback)).unwrap();
    let (reads, read) = counts.get();
    assert!(
        reads <= 4 && read <= 64 << 10,
        "{reads} reads, {read} bytes"
    );
}

#[test]
fn two_blocks_swapped_or_one_doubled() {
    let input = noise(2, 16 * 4096);
    let bytes = build(&input, uncompressed(), UnitKind::Page, 1, &fixed(2));
    let places: Vec<_> = blocks(&open(bytes.clone()).unwrap())
        .iter()
        .map(place)
        .collect();
    assert!(!is_noticed(bytes.clone(), &input));
    let (a, b) = (places[3].clone(), places[9].clone());
    let mut swapped = bytes.clone();
    swapped[a.clone()].copy_from_slice(&bytes[b.clone()]);
    assert!(is_noticed(swapped.clone(), &input));
    swapped[b].copy_from_slice(&bytes[a]);
    assert!(is_noticed(swapped, &input));
}

#[test]
fn anything_replayed_from_another_snapshot_under_the_same_password() {
    let input = noise(3, 90 * 4096);
    let ours = build(&input, uncompressed(), UnitKind::Page, 1, &fixed(3));
    let theirs = build(&input, uncompressed(), UnitKind::Page, 1, &fixed(4));
    assert_eq!(ours.len(), theirs.len());
    // Blocks, pages of all trees, root page: whatever lies there.
    for at in (12288..ours.len()).step_by(4096) {
        let mut mixed = ours.clone();
        let end = (at + 4096).min(ours.len());
        mixed[at..end].copy_from_slice(&theirs[at..end]);
        assert!(is_noticed(mixed, &input), "from byte {at} on");
    }
    // The whole file but header and slots; but the footer; and the slots alone.
    for range in [12288..ours.len(), 0..ours.len() - 4096, 4096..12288] {
        let mut mixed = ours.clone();
        mixed[range.clone()].copy_from_slice(&theirs[range.clone()]);
        assert!(is_noticed(mixed, &input), "{range:?}");
    }
}

/// A machine that is cloned in the middle of a build: one file key, one file id, and from some point
/// on other data. No key may ever seal two messages, and no piece of the one pass in the other.
#[test]
fn two_builds_continued_from_one_state() {
    let common = noise(5, 64 * 4096);
    let inputs = [6, 7].map(|seed| [common.clone(), noise(seed, 64 * 4096)].concat());
    let keys = fixed(5);
    let mut messages = HashMap::new();
    let mut shared = 0;
    let files = inputs.clone().map(|input| {
        let mut file = Vec::new();
        let sealed = sealed_by(|| file = build(&input, uncompressed(), UnitKind::Page, 1, &keys));
        // 128 blocks, a page of each tree, the root page.
        assert_eq!(sealed.len(), 128 + 3 + 1);
        for (key, message) in sealed {
            match messages.insert(key, message) {
                None => {}
                Some(before) => {
                    assert_eq!(before, message, "a key sealed two messages");
                    shared += 1;
                }
            }
        }
        file
    });
    // What was the same is the same: the blocks before the clone, and the one page of extents.
    assert_eq!(shared, 64 + 1);
    let [ours, theirs] = &files;
    for block in &blocks(&open(ours.clone()).unwrap())[64..] {
        let mut mixed = ours.clone();
        mixed[place(block)].copy_from_slice(&theirs[place(block)]);
        assert!(is_noticed(mixed, &inputs[0]), "block at {}", block.at);
    }
}

#[test]
fn hashes_of_units_and_pieces_are_keyed() {
    let input = noise(8, 32 * 4096);
    let file = build(&input, uncompressed(), UnitKind::Page, 1, &fixed(8));
    let snapshot = open(file.clone()).unwrap();
    let leaf = snapshot
        .chain
        .index
        .leaf(TreeKind::Units, PageKey::default());
    let leaf = leaf.unwrap();
    let hashes = &leaf.units().unwrap().hashes;
    for (unit, hash) in input.chunks(4096).zip(hashes) {
        let plain = *blake3::hash(unit).as_bytes();
        assert_ne!(hash[..], plain[..16]);
        assert!(!file.windows(16).any(|window| window == &plain[..16]));
    }
    for (unit, block) in input.chunks(4096).zip(blocks(&snapshot)) {
        assert_ne!(block.entry.hash, *blake3::hash(unit).as_bytes());
        assert_eq!(block.entry.crc, 0);
    }
}

#[test]
fn a_password_is_asked_three_times_and_its_path_is_told() {
    let bytes = build(
        &noise(9, 4096),
        uncompressed(),
        UnitKind::Page,
        1,
        &fixed(9),
    );
    let folder = Folder::new("asked");
    let path = &folder.path("file.hxz");
    std::fs::write(path, bytes).unwrap();
    let mut asked = Vec::new();
    let mut callback = |request: &Request<'_>, buffer: &mut [u8]| {
        assert_eq!(request.path, Some(path.as_path()));
        asked.push(request.attempt);
        buffer[0] = b'?';
        Answer::Given(1)
    };
    let options = super::OpenOptions { path, ..options(0) };
    let error = Snapshot::open(&options, Some(&mut callback));
    assert!(matches!(error, Err(Error::WrongPassword { .. })));
    assert_eq!(asked, [0, 1, 2]);
}

/// A check that reads the slots while somebody changes a password sees one copy half written.
#[test]
fn slots_that_are_being_written_are_no_damage() {
    let file = build(
        &noise(12, 4096),
        uncompressed(),
        UnitKind::Page,
        1,
        &fixed(12),
    );
    for at in SLOTS_AT.map(|at| at as usize) {
        let half: Vec<u8> = vec![0x55; PAGE_4K / 2];
        let (storage, other) = Counted::new(file.clone());
        let mut callback = |_: &Request<'_>, buffer: &mut [u8]| {
            buffer[..8].copy_from_slice(b"password");
            Answer::Given(8)
        };
        let snapshot =
            Snapshot::from_storage(Box::new(storage), &options(0), Some(&mut callback)).unwrap();
        other.tear(at, half.clone(), 1);
        verify(&snapshot).unwrap();
        // What stays so is damage.
        other.tear(at, half, usize::MAX);
        let error = verify(&snapshot).unwrap_err();
        assert!(
            error.to_string().contains("copy of the key slots"),
            "{error}"
        );
    }
}

/// A file whose both copies of the slots are what `change` makes of them, checksum and all.
fn with_slots(file: &[u8], change: impl Fn(&mut SlotPage)) -> Vec<u8> {
    let mut file = file.to_vec();
    for at in SLOTS_AT.map(|at| at as usize) {
        let copy = &mut file[at..at + PAGE_4K];
        let mut page = SlotPage::decode(copy).unwrap();
        change(&mut page);
        copy.copy_from_slice(&page.encode());
    }
    file
}

#[test]
fn every_field_of_a_slot_edited() {
    let file = build(
        &noise(10, 4096),
        uncompressed(),
        UnitKind::Page,
        1,
        &fixed(10),
    );
    let outcome = |change: fn(&mut KeySlot)| {
        let edited = with_slots(&file, |page| {
            page.slots.iter_mut().flatten().for_each(change);
        });
        open(edited).err().map(|error| error.to_string())
    };
    assert_eq!(outcome(|_| ()), None);
    let costs: [fn(&mut KeySlot); 5] = [
        |slot| slot.memory_kib = u32::MAX, // 4 TiB
        |slot| slot.memory_kib = 1023,
        |slot| slot.passes = 65,
        |slot| slot.lanes = 0,
        |slot| (slot.memory_kib, slot.passes) = (1 << 20, 5),
    ];
    for (i, change) in costs.into_iter().enumerate() {
        let text = outcome(change).unwrap();
        assert!(
            text.contains("more than a password may cost"),
            "{i}: {text}"
        );
    }
    let others: [fn(&mut KeySlot); 6] = [
        |slot| slot.memory_kib += 1,
        |slot| slot.passes += 1,
        |slot| slot.lanes += 1,
        |slot| slot.salt[0] ^= 1,
        |slot| slot.commitment[31] ^= 1,
        |slot| slot.wrapped[7] ^= 1,
    ];
    for (i, change) in others.into_iter().enumerate() {
        let text = outcome(change).unwrap();
        assert_eq!(text.contains("wrong password"), i < 5, "{i}: {text}");
        assert_eq!(
            text.contains("a key slot was changed"),
            i == 5,
            "{i}: {text}"
        );
    }
}

/// Nobody is asked for a password that could do nothing.
#[test]
fn a_cost_beyond_bounds_is_refused_before_anybody_is_asked() {
    let file = build(
        &noise(11, 4096),
        uncompressed(),
        UnitKind::Page,
        1,
        &fixed(11),
    );
    let edited = with_slots(&file, |page| {
        let slot = page.slots[0].map(|slot| KeySlot {
            memory_kib: u32::MAX,
            ..slot
        });
        page.slots = [slot; SLOTS];
    });
    let mut callback = |_: &Request<'_>, _: &mut [u8]| panic!("asked");
    let storage = Box::new(Counted::new(edited).0);
    let error = Snapshot::from_storage(storage, &options(0), Some(&mut callback));
    assert!(matches!(error, Err(Error::Corrupt { .. })));
}

#[test]
fn a_slot_copied_from_another_file_or_doubled() {
    let [ours, theirs] = [12, 13].map(|seed| {
        build(
            &noise(12, 4096),
            uncompressed(),
            UnitKind::Page,
            1,
            &fixed(seed),
        )
    });
    let at = SLOTS_AT[0] as usize;
    let slot = SlotPage::decode(&theirs[at..at + PAGE_4K]).unwrap().slots[0];
    // In the place of ours, and beside it: opened by ours, the MAC tells.
    let copied = with_slots(&ours, |page| page.slots[0] = slot);
    let added = with_slots(&ours, |page| page.slots[5] = slot);
    let doubled = with_slots(&ours, |page| page.slots[1] = page.slots[0]);
    let older = with_slots(&ours, |page| page.generation = 0);
    for (file, told) in [
        (copied, "a key slot was changed"),
        (added, "MAC"),
        (doubled, "MAC"),
        (older, "MAC"),
    ] {
        let error = open(file).err().unwrap();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn one_torn_copy_of_the_slots_opens_and_verify_tells() {
    let file = build(
        &noise(14, 4096),
        uncompressed(),
        UnitKind::Page,
        1,
        &fixed(14),
    );
    for at in SLOTS_AT.map(|at| at as usize) {
        let mut torn = file.clone();
        torn[at + 2000..at + PAGE_4K].fill(0);
        let snapshot = open(torn).unwrap();
        read(&snapshot, 4096).unwrap();
        let error = verify(&snapshot).unwrap_err();
        assert!(
            error.to_string().contains("copy of the key slots"),
            "{error}"
        );
    }
}

/// What is plain cannot pass for encrypted, nor the other way round.
#[test]
fn encryption_is_not_switched_off() {
    let mut file = build(
        &noise(15, 4096),
        uncompressed(),
        UnitKind::Page,
        1,
        &fixed(15),
    );
    file[16] = 0;
    let crc = crc32c::crc32c(&file[..PAGE_4K - 4]).to_le_bytes();
    file[PAGE_4K - 4..PAGE_4K].copy_from_slice(&crc);
    assert!(matches!(open(file), Err(Error::Corrupt { .. })));
}

/// The header's MAC is of its bytes, names of features and all, whatever another writer puts there.
#[test]
fn names_of_features_are_authenticated_and_free() {
    let keys = fixed(16);
    let input = noise(16, 4096);
    let file = build(&input, uncompressed(), UnitKind::Page, 1, &keys);
    let renamed = |mac: bool, change: fn(&mut [u8])| {
        let mut file = file.clone();
        let header = &mut file[..PAGE_4K];
        change(header);
        if mac {
            header[80..112].fill(0);
            header[PAGE_4K - 4..].fill(0);
            let tag = keys.keys.mac(Place::Header, header);
            header[80..112].copy_from_slice(&tag);
        }
        let crc = crc32c::crc32c(&header[..PAGE_4K - 4]).to_le_bytes();
        header[PAGE_4K - 4..].copy_from_slice(&crc);
        open(file)
    };
    let nameless: fn(&mut [u8]) = |header| header[128..192].fill(0);
    let other: fn(&mut [u8]) = |header| header[130..139].copy_from_slice(b"harmless ");
    for change in [nameless, other] {
        let error = renamed(false, change).err().unwrap();
        assert!(error.to_string().contains("header's MAC"), "{error}");
        let snapshot = renamed(true, change).unwrap();
        assert!(read(&snapshot, input.len()).unwrap() == input);
        verify(&snapshot).unwrap();
    }
}

#[test]
fn cancelling_stops_before_the_next_slot() {
    let file = build(
        &noise(17, 4096),
        uncompressed(),
        UnitKind::Page,
        1,
        &fixed(17),
    );
    let cancel = Cancel::default();
    let mut asked = 0;
    let mut callback = |_: &Request<'_>, buffer: &mut [u8]| {
        asked += 1;
        cancel.trigger();
        buffer[..8].copy_from_slice(b"password");
        Answer::Given(8)
    };
    let options = super::OpenOptions {
        cancel: Some(&cancel),
        ..options(0)
    };
    let storage = Box::new(Counted::new(file).0);
    let opened = Snapshot::from_storage(storage, &options, Some(&mut callback));
    assert!(matches!(opened, Err(Error::Cancelled(_))));
    assert_eq!(asked, 1);
}
