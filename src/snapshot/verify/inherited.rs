//! What a thin snapshot takes from others: whether they have it themselves.

use crate::control::Control;
use crate::error::{Result, try_push};
use crate::format::{PageKey, ParentPlace, Target, TreeKind};
use crate::index::page::LeafExtent;
use crate::index::tree::Broken;
use crate::index::{Chain, Index};
use crate::snapshot::damage::{BadRange, Damage, first_bad};

use super::damage_text;

/// Ranges that are looked at together, and bad ones that are placed together.
const RANGES_MAX: usize = 64 << 10;

/// A range of an ancestor's stream, and where it comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    ancestor: u16,
    stream: u16,
    at: u64,
    len: u64,
    key: PageKey,
}

/// Collects ranges, so that what many extents lead to is walked over once: a few bytes of index may
/// name the same long range any number of times.
pub(super) struct Inherited<'a> {
    chain: &'a Chain,
    damage: &'a Damage,
    ranges: Vec<Range>,
}

impl<'a> Inherited<'a> {
    pub fn new(chain: &'a Chain, damage: &'a Damage) -> Self {
        Inherited {
            chain,
            damage,
            ranges: Vec::new(),
        }
    }

    /// Adds an extent that begins at `key`.
    pub fn add(
        &mut self,
        key: PageKey,
        place: &ParentPlace,
        len: u64,
        control: &Control<'_>,
    ) -> Result<()> {
        let range = Range {
            ancestor: place.ancestor,
            stream: place.stream,
            at: place.at,
            len,
            key,
        };
        try_push(&mut self.ranges, range, "ranges of ancestors")?;
        match self.ranges.len() < RANGES_MAX {
            true => Ok(()),
            false => self.check(control),
        }
    }

    /// Checks what was added.
    pub fn check(&mut self, control: &Control<'_>) -> Result<()> {
        let mut ranges = std::mem::take(&mut self.ranges);
        ranges.sort_unstable();
        let of_one_stream = |a: &Range, b: &Range| (a.ancestor, a.stream) == (b.ancestor, b.stream);
        for ranges in ranges.chunk_by(of_one_stream) {
            self.of_stream(ranges, control)?;
        }
        ranges.clear();
        self.ranges = ranges;
        Ok(())
    }

    /// Checks ranges of one ancestor's stream.
    fn of_stream(&self, ranges: &[Range], control: &Control<'_>) -> Result<()> {
        let Some(Range {
            ancestor, stream, ..
        }) = ranges.first()
        else {
            return Ok(());
        };
        // A leaf with a number beyond the last ancestor is not decoded.
        let Some(index) = self.chain.ancestors.get(usize::from(*ancestor)) else {
            return Ok(());
        };
        let mut bad = Vec::new();
        let mut at = 0;
        for range in ranges {
            let end = range.at.saturating_add(range.len);
            at = at.max(range.at);
            self.walk(index, (*stream).into(), at..end, &mut bad, control)?;
            at = at.max(end);
            if bad.len() >= RANGES_MAX {
                self.place(ranges, &bad);
                bad.clear();
            }
        }
        self.place(ranges, &bad);
        Ok(())
    }

    /// Notes what an ancestor does not hold itself of a range of its stream.
    fn walk(
        &self,
        index: &Index,
        stream: u32,
        range: std::ops::Range<u64>,
        bad: &mut Vec<BadRange>,
        control: &Control<'_>,
    ) -> Result<()> {
        let size = index.root.streams.get(stream as usize);
        let size = size.map_or(0, |stream| stream.size);
        let mut note = |from: u64, to: u64| -> Result<()> {
            if from < to {
                try_push(bad, (from, to), "damaged ranges")?;
            }
            Ok(())
        };
        note(range.start.max(size), range.end)?;
        let end = range.end.min(size);
        let mut at = range.start;
        while at < end {
            control.check()?;
            let key = PageKey { stream, at };
            at = match index.descend(&index.pages, TreeKind::Extents, key, |_| ()) {
                Ok(leaf) => {
                    let page = leaf.extents()?;
                    for run in page.runs(at).take_while(|run| run.at < end) {
                        if let Target::Parent(_) = run.target {
                            note(run.at, end.min(run.at + run.len))?;
                        }
                    }
                    page.end()
                }
                Err(Broken { span, error }) => {
                    let name = index.operand().escape_debug();
                    let text = format!("'{name}', which it leans on: {}", damage_text(error)?);
                    self.damage.elsewhere(text);
                    let limit = match span.limit.stream == stream {
                        true => span.limit.at.min(end),
                        false => end,
                    };
                    note(at, limit)?;
                    limit
                }
            };
        }
        Ok(())
    }

    /// Tells of the first extent that leads to one of the bad ranges.
    fn place(&self, ranges: &[Range], bad: &[BadRange]) {
        let mut first: Option<PageKey> = None;
        for range in ranges {
            let run = LeafExtent {
                at: range.key.at,
                len: range.len,
                target: Target::Data(range.at),
            };
            if let Some(at) = first_bad(&run, bad) {
                let key = PageKey { at, ..range.key };
                first = Some(first.map_or(key, |known| known.min(key)));
            }
        }
        if let Some(first) = first {
            self.damage.elsewhere(
                "an extent leads to bytes that its ancestor does not hold itself".into(),
            );
            self.damage.place(first);
        }
    }
}
