use super::*;
use crate::format::ExtentEntry;
use crate::snapshot::testing::thin::{Ancestor, Lean, inherited, open_among};
use crate::snapshot::testing::{Counted, Draft, data, options, text, zero};

/// All of a stream against another one.
fn all(now: &Snapshot, then: &Snapshot) -> Vec<(Change, u64)> {
    let (mut at, size) = (0, now.streams()[0].size);
    let mut out: Vec<(Change, u64)> = Vec::new();
    while at < size {
        let Difference {
            change,
            offset,
            len,
        } = now.difference(0, then, 0, at).unwrap();
        assert!(offset == at && len >= 1 && len <= size - at);
        match out.last_mut() {
            Some(last) if last.0 == change => last.1 += len,
            _ => out.push((change, len)),
        }
        at += len;
    }
    out
}

fn of(blocks: &[usize], entries: Vec<ExtentEntry>) -> Draft {
    let mut draft = Draft::of_blocks(blocks.len(), 4096);
    for (block, seed) in draft.blocks.iter_mut().zip(blocks) {
        block.0 = text(*seed, 4096);
    }
    draft.streams[0].1 = entries;
    draft
}

/// A day and the next one on it: page 1 is new, page 2 is zeros now, page 4 is longer than before.
fn days() -> (Draft, Draft) {
    let day1 = of(&[1, 2, 3, 4], vec![data(4 * 4096, 0)]);
    let day2 = of(
        &[11, 12],
        vec![
            inherited(4096, 0, 0),
            data(4096, 0),
            zero(4096),
            inherited(4096, 0, 3 * 4096),
            data(4096, 4096),
            zero(4096),
        ],
    );
    (day1, day2)
}

const CHANGES: [(Change, u64); 6] = [
    (Change::Same, 4096),
    (Change::Data, 4096),
    (Change::Zero, 4096),
    (Change::Same, 4096),
    (Change::Data, 4096),
    (Change::Same, 4096),
];

#[test]
fn in_a_chain_by_place_and_no_block_is_read() {
    let (day1, mut day2) = days();
    let first = day1.seal();
    day2.lean = Some(Lean::on(vec![Ancestor::of(&first, "")]));
    // Hashes that lie do not matter where places tell.
    let (storage, counts) = Counted::new(first.clone());
    let then = Snapshot::from_storage(Box::new(storage), &options(0), None).unwrap();
    let now = open_among(day2.seal(), std::slice::from_ref(&first)).unwrap();
    assert_eq!(all(&now, &then), CHANGES);
    let backwards = all(&then, &now);
    assert_eq!(
        backwards,
        [
            (Change::Same, 4096),
            (Change::Data, 2 * 4096),
            (Change::Same, 4096)
        ]
    );
    assert_eq!(all(&now, &now), [(Change::Same, 6 * 4096)]);
    // Blocks lie at the beginning of the file: any read of one would fail.
    counts.fail_at(4096);
    assert_eq!(all(&now, &then), CHANGES);
    let mut byte = [0];
    assert!(then.read(0, 0, &mut byte).is_err());
}

#[test]
fn unrelated_ones_by_the_hashes_of_their_units() {
    let (day1, _) = days();
    let flat = of(
        &[1, 11, 4, 12],
        vec![data(8192, 0), zero(4096), data(8192, 8192), zero(4096)],
    );
    let open = |file| open_among(file, &[]).unwrap();
    let (then, now) = (open(day1.seal()), open(flat.seal()));
    assert_eq!(all(&now, &then), CHANGES);
    // One key of units for both: equal hashes are equal bytes. With another one nothing is known.
    let (then, now) = (open(day1.encrypt_with(1)), open(flat.encrypt_with(1)));
    assert_eq!(all(&now, &then), CHANGES);
    let unknown = [
        (Change::Data, 2 * 4096),
        (Change::Zero, 4096),
        (Change::Data, 2 * 4096),
        (Change::Same, 4096),
    ];
    for (a, b) in [
        (day1.encrypt_with(1), flat.encrypt_with(2)),
        (day1.seal(), flat.encrypt_with(2)),
        (day1.encrypt_with(1), flat.seal()),
    ] {
        assert_eq!(all(&open(b), &open(a)), unknown);
    }
}

/// Whatever is said to be the same is, for random streams of pages and of chunks, from any offset;
/// and equal pages are found to be so.
#[test]
fn what_is_the_same_is_that_of_a_model() {
    let mut state = 88_172_645_463_325_252u64;
    let mut below = |end: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % end
    };
    for round in 0..200 {
        let mut make = || {
            let seeds: Vec<usize> = (0..4).map(|_| below(6) as usize).collect();
            let mut entries = Vec::new();
            for _ in 0..1 + below(10) {
                let pages = 1 + below(3);
                match below(3) {
                    0 => entries.push(zero(pages * 4096)),
                    _ => entries.push(data(pages * 4096, below(4 - pages + 1) * 4096)),
                }
            }
            let mut draft = of(&seeds, entries);
            draft.fanout = 1 + below(4) as usize;
            if round % 3 == 0 {
                draft.chunk = Some(1024 << below(3));
            }
            let content = draft.content(0, 0, draft.size(0) as usize);
            (open_among(draft.seal(), &[]).unwrap(), content, draft.chunk)
        };
        let (now, mut new, new_chunk) = make();
        let (then, mut old, old_chunk) = make();
        old.resize(old.len().max(new.len()), 0);
        new.truncate(now.streams()[0].size as usize);
        let mut at = below(new.len() as u64 / 2);
        while at < new.len() as u64 {
            let run = now.difference(0, &then, 0, at).unwrap();
            let range = at as usize..(at + run.len) as usize;
            let (new, old) = (&new[range.clone()], &old[range]);
            match run.change {
                Change::Same => assert!(new == old, "{round} {at}"),
                Change::Zero => assert!(new.iter().all(|byte| *byte == 0), "{round} {at}"),
                Change::Data if new_chunk == old_chunk => {
                    // Pages begin where pages do, so that equal ones are not missed.
                    let from = at.next_multiple_of(4096);
                    let pages = new.chunks_exact(4096).zip(old.chunks_exact(4096));
                    let differ = pages.filter(|(new, old)| new != old).count();
                    assert!(from != at || differ == new.len() / 4096, "{round} {at}");
                }
                Change::Data => {}
            }
            at += run.len;
        }
    }
}

#[test]
fn what_is_not_there_is_told() {
    let (day1, _) = days();
    let snapshot = open_among(day1.seal(), &[]).unwrap();
    let difference = |to, from, at| snapshot.difference(to, &snapshot, from, at);
    assert!(matches!(difference(1, 0, 0), Err(Error::NoStream(_))));
    assert!(matches!(difference(0, 1, 0), Err(Error::NoStream(_))));
    let beyond = difference(0, 0, 4 * 4096);
    assert!(matches!(beyond, Err(Error::OutOfRange(_))));
    assert_eq!(difference(0, 0, 4 * 4096 - 1).unwrap().len, 1);
}
