//! Sources that know themselves what their parent has.

use super::*;
use crate::source::{CallbackSource, Callbacks, Claim, ClaimKind};

/// A host that knows which runs are the parent's, and refuses to be asked for those.
struct Dirty {
    /// Each up to where, in order.
    runs: Vec<(ClaimKind, u64)>,
    bytes: Vec<u8>,
}

impl Callbacks for Dirty {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let (at, end) = (offset, offset + buf.len() as u64);
        let mut start = 0;
        for (kind, stop) in &self.runs {
            let asked = start < end && at < *stop;
            assert!(!asked || *kind == ClaimKind::Data, "{kind:?} was asked for");
            start = *stop;
        }
        buf.copy_from_slice(&self.bytes[offset as usize..][..buf.len()]);
        Ok(())
    }

    fn extent_at(&self, offset: u64, _: u64) -> Result<Claim> {
        let run = self.runs.iter().find(|(_, stop)| offset < *stop);
        let (kind, stop) = run.unwrap();
        Ok(Claim {
            kind: *kind,
            len: stop - offset,
        })
    }
}

pub(super) fn dirty(name: &str, runs: &[(ClaimKind, u64)], bytes: &[u8]) -> StreamInput {
    let host = Dirty {
        runs: runs.to_vec(),
        bytes: bytes.to_vec(),
    };
    let size = bytes.len() as u64;
    let source = CallbackSource::new("host".into(), size, true, std::sync::Arc::new(host));
    StreamInput {
        name: name.to_owned(),
        kind: 1,
        source: Box::new(source),
    }
}

/// What a dirty bitmap says is the parent's is taken as it is: its blocks are not even read.
#[test]
fn what_is_taken_by_place_is_not_read() {
    let folder = Folder::new("lean-place");
    let mut case = Case::new(&folder);
    let content = disk(1, 400);
    case.build("base", &content, Parents::default()).unwrap();
    let mut middle = content.clone();
    middle[30 * PAGE..][..PAGE].copy_from_slice(&text(5, PAGE));
    let path = case.path("base");
    case.build("first", &middle, on(&path)).unwrap();
    // A block that is damaged is found by whoever reads it.
    let mut bytes = case.bytes("base");
    bytes[4096 + 200] ^= 1;
    std::fs::write(case.path("base"), &bytes).unwrap();
    let mut changed = middle;
    changed[200 * PAGE..][..PAGE].copy_from_slice(&text(6, PAGE));
    let (from, to) = (200 * PAGE as u64, 201 * PAGE as u64);
    let size = changed.len() as u64;
    let runs = [
        (ClaimKind::Parent, from),
        (ClaimKind::Data, to),
        (ClaimKind::Parent, size),
    ];
    let path = case.path("first");
    let input = dirty("disk", &runs, &changed);
    let report = case.build_inputs("child", vec![input], on(&path)).unwrap();
    assert_eq!(report.bytes_read, PAGE as u64);
    assert_eq!(report.bytes_unique, PAGE as u64);
    assert_eq!(
        report.bytes_inherited + report.bytes_zero,
        size - PAGE as u64
    );
    bytes[4096 + 200] ^= 1;
    std::fs::write(case.path("base"), &bytes).unwrap();
    case.is("child", &changed);
    assert_eq!(case.chain("child").ancestors.len(), 3 - 1);
    // Without a parent there is nothing to take.
    let input = dirty("disk", &runs, &changed);
    let error = case.build_inputs("none", vec![input], Parents::default());
    assert!(matches!(error, Err(Error::Source { .. })), "{error:?}");
}

/// Runs that begin and end anywhere, beyond the parent's end and in streams that it has not: as if one
/// answer covered all, with pages and with chunks, whatever the parent is cut into.
#[test]
fn what_the_parent_has_is_composed() {
    let folder = Folder::new("lean-composed");
    let mut random = Random(0x1357_9bdf_0246_8ace);
    for round in 0..24 {
        let mut case = Case::new(&folder);
        let kinds = [UnitKind::Page, UnitKind::Chunk];
        case.units = kinds[round & 1];
        let content = disk(round, 60 + random.below(60));
        case.build("first", &content, Parents::default()).unwrap();
        let path = case.path("first");
        let mut middle = content;
        middle[10 * PAGE..][..PAGE].copy_from_slice(&text(5, PAGE));
        middle.truncate(middle.len() - random.below(3 * PAGE));
        case.build("second", &middle, on(&path)).unwrap();
        case.units = kinds[round >> 1 & 1];
        let mut inputs = Vec::new();
        let mut contents = Vec::new();
        for name in ["disk", "other"] {
            let size = middle.len() + random.below(5 * PAGE) - 2 * PAGE;
            let (mut runs, mut bytes) = (Vec::new(), Vec::new());
            while bytes.len() < size {
                let step = if random.below(2) == 0 { 1 } else { PAGE };
                let len = (1 + random.below(60_000 / step)) * step;
                let (at, end) = (bytes.len(), (bytes.len() + len).min(size));
                let kind = match random.below(5) {
                    0 => ClaimKind::Data,
                    1 => ClaimKind::Zero,
                    _ => ClaimKind::Parent,
                };
                match kind {
                    ClaimKind::Data => bytes.extend(text(random.below(1 << 20), end - at)),
                    ClaimKind::Parent if name == "disk" => {
                        let theirs = middle.len().min(end).max(at);
                        bytes.extend_from_slice(middle.get(at..theirs).unwrap_or_default());
                    }
                    _ => {}
                }
                bytes.resize(end, 0);
                runs.push((kind, end as u64));
            }
            inputs.push(dirty(name, &runs, &bytes));
            contents.push(bytes);
        }
        let path = case.path("second");
        case.build_inputs("child", inputs, on(&path)).unwrap();
        let child = case.open("child").unwrap();
        for (stream, bytes) in contents.iter().enumerate() {
            reads_as(&child, stream as u32, bytes);
        }
        let mut report = VerifyReport::default();
        child
            .verify(1, &mut Control::new(None, None), &mut report)
            .unwrap();
    }
}
