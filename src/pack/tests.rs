//! The whole pack core on sources whose maps are the cost.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::testing::{Imagined, Seen};
use super::*;
use crate::format::PAGE_4K;
use crate::profile;
use crate::sink::Sink;
use crate::source::Content;

const PAGE: u64 = PAGE_4K as u64;

/// Keeps what is written.
struct Kept(Rc<RefCell<Vec<u8>>>);

impl Sink for Kept {
    fn operand(&self) -> &str {
        "kept"
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

fn source(size: u64, map: fn(u64) -> (Content, u64)) -> (Imagined, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let source = Imagined {
        size,
        map,
        fill: |offset, buf| {
            for (i, page) in buf.chunks_mut(PAGE_4K).enumerate() {
                // Few enough pages to keep packing out of what is looked at here.
                page.fill(1 + (offset / PAGE + i as u64).wrapping_mul(0x9e37_79b9) as u8 % 250);
            }
        },
        seen: Arc::clone(&seen),
    };
    (source, seen)
}

fn pack_one(
    source: Imagined,
    cdc: bool,
    name: &str,
    control: &mut Control<'_>,
) -> (Result<Report>, Vec<u8>) {
    let options = Options {
        profile: profile::resolve(Some(name)).unwrap(),
        units: match cdc {
            true => UnitKind::Chunk,
            false => UnitKind::Page,
        },
        threads: 2,
        memory_limit: 0,
    };
    let stream = StreamInput {
        name: "disk".to_owned(),
        kind: 1,
        source: Box::new(source),
    };
    let kept = Rc::default();
    let sink = Uncommitted::new(Box::new(Kept(Rc::clone(&kept))));
    let report = pack(vec![stream], &options, None, None, sink, control);
    (report, kept.take())
}

/// Zeros, told a qcow2 cluster at a time.
fn clusters_of_zeros(offset: u64) -> (Content, u64) {
    (Content::Zero, (offset | 0xffff) + 1)
}

/// Data, told a qcow2 cluster at a time.
fn clusters_of_data(offset: u64) -> (Content, u64) {
    (Content::Data, (offset | 0xffff) + 1)
}

/// Every second page a hole.
fn every_second_page(offset: u64) -> (Content, u64) {
    let content = match offset / PAGE % 2 {
        0 => Content::Data,
        _ => Content::Zero,
    };
    (content, (offset / PAGE + 1) * PAGE)
}

const MAPS: [fn(u64) -> (Content, u64); 3] =
    [clusters_of_zeros, clusters_of_data, every_second_page];

#[test]
fn a_cancel_is_seen_before_the_next_look_at_a_map() {
    for map in MAPS {
        for cdc in [false, true] {
            for name in ["generic", "eda"] {
                for cancel_at in [1, 100, 5000] {
                    // Half a million looks and more where nobody cancels.
                    let (source, seen) = source(32 << 30, map);
                    seen.cancel_at.store(cancel_at, Relaxed);
                    let mut control = Control::new(Some(&seen.cancel), None);
                    let (report, _) = pack_one(source, cdc, name, &mut control);
                    assert!(matches!(report, Err(Error::Cancelled(_))), "{report:?}");
                    // What was looked at when it came is read to its end.
                    let late = seen.all() - cancel_at;
                    assert!(late <= 1, "{late} looks and reads after the cancel");
                }
            }
        }
    }
}

#[test]
fn progress_moves_over_a_fragmented_map() {
    for map in MAPS {
        for cdc in [false, true] {
            let (source, seen) = source(1 << 28, map);
            let mut reader = reader::Reader::new(&source, 0, 1 << 20, None, false, None);
            if cdc {
                let sizes = profile::resolve(None).unwrap().cdc;
                reader = reader::Reader::new(&source, 0, 1 << 20, Some(&sizes), false, None);
            }
            let pool = segment::BufferPool::new(1 << 20);
            let mut before = 0;
            while reader
                .next(&pool, &mut reader::ReadCost::default())
                .unwrap()
                .is_some()
            {
                let looks = seen.all() - before;
                assert!(looks <= 1024, "{looks} looks and reads for one item");
                before = seen.all();
            }
        }
    }
}

#[test]
fn a_long_run_is_one_extent_however_its_map_is_cut() {
    let whole: [fn(u64) -> (Content, u64); 2] =
        [|_| (Content::Zero, u64::MAX), |_| (Content::Data, u64::MAX)];
    for cdc in [false, true] {
        for (pieces, whole) in MAPS.into_iter().zip(whole) {
            let size = (40 << 20) + 1234;
            let pack = |map| {
                let (report, bytes) = pack_one(
                    source(size, map).0,
                    cdc,
                    "generic",
                    &mut Control::new(None, None),
                );
                (report.unwrap().root, bytes)
            };
            assert!(pack(pieces) == pack(whole), "cdc {cdc}");
        }
    }
    // 16 TiB of holes, in a look for each 16 MiB.
    let (report, bytes) = pack_one(
        source(1 << 44, |at| (Content::Zero, (at | 0xff_ffff) + 1)).0,
        false,
        "generic",
        &mut Control::new(None, None),
    );
    assert_eq!(report.unwrap().bytes_zero, 1 << 44);
    assert!(bytes.len() < 16 << 10, "{} bytes", bytes.len());
}
