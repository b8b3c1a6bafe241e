//! Where two streams differ, as far as their indexes tell.

use super::Snapshot;
use crate::error::{Error, Result};
use crate::format::{PageKey, Target, TreeKind};
use crate::index::{Chain, Index};

/// Runs that are joined at most: a call ends however many there are.
const STEPS_MAX: usize = 1024;

/// How what a stream holds stands to what another one holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The bytes are the same.
    Same,
    /// They may differ.
    Data,
    /// They may differ, and are zeros now.
    Zero,
}

/// A run of a stream against another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// What is known of it.
    pub change: Change,
    /// Where it begins in the stream, in bytes: where it was asked for.
    pub offset: u64,
    /// Bytes from there on, at least 1. What follows may stand the same.
    pub len: u64,
}

/// What lies at a place of a stream, for `len` bytes.
struct Place<'a> {
    len: u64,
    /// The file that stores it, and where in data space; nothing for zeros.
    stored: Option<(&'a Index, u64)>,
}

impl Snapshot {
    /// How what this snapshot has at `offset` of a stream, which must be below its size, stands to
    /// what `from` has there; beyond the end of its stream are zeros. Only indexes are read.
    pub fn difference(
        &self,
        stream: u32,
        from: &Snapshot,
        from_stream: u32,
        offset: u64,
    ) -> Result<Difference> {
        from.stream(from_stream)?;
        self.check_range(stream, offset, 1)?;
        let size = self.stream(stream)?.size;
        let step = |at| -> Result<(Change, u64)> {
            let now = place(&self.chain, stream, at)?;
            let then = place(&from.chain, from_stream, at)?;
            compare(&now, &then)
        };
        let (change, mut len) = step(offset)?;
        for _ in 1..STEPS_MAX {
            if offset + len >= size {
                break;
            }
            let (next, more) = step(offset + len)?;
            if next != change {
                break;
            }
            len += more;
        }
        Ok(Difference {
            change,
            offset,
            len,
        })
    }
}

fn place(chain: &Chain, stream: u32, offset: u64) -> Result<Place<'_>> {
    let index = &*chain.index;
    let size = index
        .root
        .streams
        .get(stream as usize)
        .map_or(0, |s| s.size);
    if offset >= size {
        return Ok(Place {
            len: u64::MAX,
            stored: None,
        });
    }
    let leaf = index.extent_leaf(stream, offset)?;
    let run = leaf.extents()?.runs(offset).next();
    let run = run.ok_or_else(|| Error::Internal("an empty leaf".into()))?;
    let (index, run) = match run.target {
        Target::Parent(place) => chain.first_inherited(&place, run.len)?,
        _ => (index, run),
    };
    let stored = match run.target {
        Target::Data(at) => Some((index, at)),
        _ => None,
    };
    Ok(Place {
        len: run.len,
        stored,
    })
}

/// How `now` stands to `then`, and for how many bytes.
fn compare(now: &Place<'_>, then: &Place<'_>) -> Result<(Change, u64)> {
    let len = now.len.min(then.len);
    match (now.stored, then.stored) {
        (None, None) => Ok((Change::Same, len)),
        (None, Some(_)) => Ok((Change::Zero, len)),
        (Some(_), None) => Ok((Change::Data, len)),
        (Some((a, a_at)), Some((b, b_at))) if a.hash == b.hash && a_at == b_at => {
            Ok((Change::Same, len))
        }
        (Some(now), Some(then)) if comparable(now.0, then.0) => compare_units(now, then, len),
        (Some(_), Some(_)) => Ok((Change::Data, len)),
    }
}

/// Whether equal units have equal hashes in both files.
fn comparable(a: &Index, b: &Index) -> bool {
    match (&a.keys, &b.keys) {
        (None, None) => true,
        (Some(a), Some(b)) => a.hashes_units_as(b),
        _ => false,
    }
}

/// Compares `len` bytes of data space by the hashes of the units that they lie in, as far as one
/// page of hashes goes and all stands the same.
fn compare_units(
    (a, a_at): (&Index, u64),
    (b, b_at): (&Index, u64),
    len: u64,
) -> Result<(Change, u64)> {
    let leaf = |index: &Index, at| index.leaf(TreeKind::Units, PageKey { stream: 0, at });
    let (a_leaf, b_leaf) = (leaf(a, a_at)?, leaf(b, b_at)?);
    let (mut a_units, mut b_units) = (a_leaf.units()?.around(a_at), b_leaf.units()?.around(b_at));
    let (mut a_unit, mut b_unit) = (a_units.next(), b_units.next());
    let mut known: Option<(Change, u64)> = None;
    while let (Some(x), Some(y)) = (&a_unit, &b_unit) {
        let done = known.map_or(0, |(_, done)| done);
        if done >= len {
            break;
        }
        let (x_at, y_at) = (a_at + done, b_at + done);
        let alike = x_at - x.start == y_at - y.start && x.end - x.start == y.end - y.start;
        let change = match alike && x.hash == y.hash {
            true => Change::Same,
            false => Change::Data,
        };
        if known.is_some_and(|(known, _)| known != change) {
            break;
        }
        let (x_left, y_left) = (x.end - x_at, y.end - y_at);
        known = Some((change, (done + x_left.min(y_left)).min(len)));
        if x_left <= y_left {
            a_unit = a_units.next();
        }
        if y_left <= x_left {
            b_unit = b_units.next();
        }
    }
    known.ok_or_else(|| Error::Internal("no unit lies where there is one".into()))
}

#[cfg(test)]
mod tests;
