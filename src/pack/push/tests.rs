//! What the C tests cannot see: that the thread that packs is not waited for in vain, and what a
//! builder holds.

use super::*;
use crate::pack::{Report, UnitKind};
use crate::profile;
use crate::sink::{Existing, FileSink, PendingFile, Sync};

fn options(units: UnitKind, memory_limit: u64) -> Options {
    Options {
        profile: profile::resolve(Some("generic")).unwrap(),
        units,
        threads: 2,
        memory_limit,
    }
}

fn begin(name: &str, options: Options) -> (Push, std::path::PathBuf) {
    let path = std::env::temp_dir().join(format!("hexz-{}-push-{name}", std::process::id()));
    let file = PendingFile::create(&path, Existing::Replace, Sync::No).unwrap();
    let push = Push::begin(PushRequest {
        options,
        encryption: None,
        heritage: None,
        output: PushOutput::File(FileSink::new(file)),
        sink: None,
        spill: Some(SpillFolder::beside(&path).unwrap()),
    });
    (push.unwrap(), path)
}

fn finish(mut push: Push) -> Report {
    push.finish(&mut Control::new(None, None)).unwrap()
}

/// Bytes that are no zeros and differ from page to page.
fn page(number: u64) -> [u8; PAGE_4K] {
    let mut page = [7; PAGE_4K];
    page[..8].copy_from_slice(&number.to_le_bytes());
    page
}

/// Whatever is pushed, buffers are out only as far as the plan has them, and all come back.
#[test]
fn buffers_stay_within_the_plan() {
    for units in [UnitKind::Page, UnitKind::Chunk] {
        let (mut push, path) = begin("buffers", options(units, 64 << 20));
        let plan = plan(
            &options(units, 64 << 20),
            None,
            pushing(&options(units, 0), false),
        );
        let all = plan.unwrap().gather.all;
        let mut control = Control::new(None, None);
        push.add_stream("disk", 1, 64 << 20, None).unwrap();
        for number in 0..16384 {
            let at = match units {
                UnitKind::Page => number * 5003 % 16384,
                UnitKind::Chunk => number,
            };
            push.write(0, at * PAGE, &page(at), &mut control).unwrap();
            assert!(push.shared.buffers_out() <= all);
        }
        let shared = Arc::clone(&push.shared);
        finish(push);
        assert_eq!(shared.buffers_out(), 0);
        std::fs::remove_file(path).unwrap();
    }
}

/// What is written again before it is packed leaves nothing dead.
#[test]
fn what_was_not_packed_is_written_over() {
    let (mut push, path) = begin("over", options(UnitKind::Page, 0));
    let mut control = Control::new(None, None);
    push.add_stream("disk", 1, 1 << 20, None).unwrap();
    for round in 0..50 {
        for at in [3, 9, 4] {
            push.write(0, at * PAGE, &page(100 * round + at), &mut control)
                .unwrap();
        }
    }
    let report = finish(push);
    assert_eq!((report.bytes_dead, report.bytes_unique), (0, 3 * PAGE));
    std::fs::remove_file(path).unwrap();
}

/// A stretch that is pushed in order, and then one page of it again: the pages of extents that were
/// written by then are given up, and their room is taken up.
#[test]
fn extents_that_were_written_are_given_up() {
    let (mut push, path) = begin("given-up", options(UnitKind::Page, 0));
    let mut control = Control::new(None, None);
    let size = 5000 * PAGE;
    push.add_stream("disk", 1, size, None).unwrap();
    // Every other page is zeros, so that each is an extent.
    for at in (0..5000).step_by(2) {
        push.write(0, at * PAGE, &page(at % 8), &mut control)
            .unwrap();
    }
    push.zero(0, 0, size, &mut control).unwrap();
    push.write(0, 8 * PAGE, &page(8), &mut control).unwrap();
    let report = finish(push);
    assert!(report.bytes_dead > 0);
    assert_eq!(report.bytes_zero, size - PAGE);
    std::fs::remove_file(path).unwrap();
}
