//! Every extent, and where in the streams damage is.

use std::sync::atomic::Ordering;

use super::super::damage::{BadRange, Found, first_bad};
use super::super::team::Beat;
use super::inherited::Inherited;
use super::{Check, damage_text};
use crate::control::Control;
use crate::error::{Error, Result, try_with_capacity};
use crate::format::{ExtentEntry, PageKey, Target, TreeKind};
use crate::index::page::ExtentLeaf;
use crate::index::tree::Broken;

/// Leaves of extents that are walked again to place damage, whatever was checked so far; and blocks
/// that have to be checked for each one more. A file of tiny blocks, every other one bad, to which no
/// extent refers, would have all its extents walked again for each few of them.
const WALKED_MIN: u64 = 4096;
const BLOCKS_FOR_A_LEAF: u64 = 64;

impl Check<'_> {
    /// Notes a damaged range of data space.
    pub fn bad_data(
        &self,
        range: BadRange,
        why: String,
        count: impl FnOnce(&mut Found),
        beat: &mut Beat<'_>,
    ) -> Result<()> {
        let ranges = self.damage.range(range, why, count)?;
        if !ranges.is_empty() {
            self.locate(ranges, beat)?;
        }
        Ok(())
    }

    /// Finds the first place of a stream that refers to one of the ranges, if it comes before the
    /// first one known; unless too much was walked for that already.
    fn locate(&self, ranges: Vec<BadRange>, beat: &mut Beat<'_>) -> Result<()> {
        let mut span = self.index.span(TreeKind::Extents);
        if let Some(known) = self.damage.known_place() {
            span.limit = span.limit.min(known);
        }
        while span.first < span.limit {
            beat()?;
            if !self.may_walk() {
                self.damage.keep_coarser(ranges);
                return Ok(());
            }
            let kind = TreeKind::Extents;
            span.first = match self.index.descend(&self.pages, kind, span.first, |_| ()) {
                Ok(leaf) => {
                    if let Some(place) = first_place(leaf.extents()?, &ranges) {
                        self.damage.place(place);
                        return Ok(());
                    }
                    leaf.span.limit
                }
                // `extents` tells of it.
                Err(Broken { span, error }) => damage_text(error).map(|_| span.limit)?,
            };
        }
        Ok(())
    }

    /// Whether the work on blocks pays for one more leaf.
    fn may_walk(&self) -> bool {
        let paid = WALKED_MIN + self.checked.load(Ordering::Relaxed) / BLOCKS_FOR_A_LEAF;
        self.walked.fetch_add(1, Ordering::Relaxed) < paid
    }

    /// Walks all extents: whether they add up to what the root page says, and where the damage
    /// that was found so far is.
    pub fn extents(&self, control: &Control<'_>) -> Result<()> {
        let ranges = self.damage.take_ranges();
        let streams = &self.index.root.streams;
        let mut sums = try_with_capacity(streams.len(), "sums of streams")?;
        sums.resize(streams.len(), (0u64, 0u64));
        let mut span = self.index.span(TreeKind::Extents);
        let mut whole = true;
        let mut inherited = Inherited::new(self.chain, &self.damage);
        // The last extent of the leaf before, if that is of the same stream.
        let mut before: Option<(u32, ExtentEntry)> = None;
        while span.first < span.limit {
            control.check()?;
            span.first = match self.leaf(TreeKind::Extents, span.first) {
                Ok(leaf) => {
                    let page = leaf.extents()?;
                    if let Some(place) = first_place(page, &ranges) {
                        self.damage.place(place);
                    }
                    let (stream, bounds) = (page.key.stream, self.index.bounds());
                    let last = before.filter(|(of, _)| *of == stream).map(|(_, last)| last);
                    if let Err(why) = page.check_seam(last, &bounds) {
                        self.damage.elsewhere(why.to_string());
                        self.damage.place(page.key);
                    }
                    before = page.last().map(|last| (stream, last));
                    let sum = sums.get_mut(page.key.stream as usize);
                    let (data, zero) = sum.ok_or_else(|| Error::Internal("a lost sum".into()))?;
                    for run in page.runs(page.key.at) {
                        match run.target {
                            Target::Data(_) => *data += run.len,
                            Target::Zero => *zero += run.len,
                            Target::Parent(place) => {
                                *data += run.len;
                                let key = PageKey { stream, at: run.at };
                                inherited.add(key, &place, run.len, control)?;
                            }
                        }
                    }
                    leaf.span.limit
                }
                Err(Broken { span: lost, error }) => {
                    whole = false;
                    before = None;
                    self.damage.elsewhere(damage_text(error)?);
                    self.damage.place(span.first);
                    lost.limit
                }
            };
        }
        inherited.check(control)?;
        for (stream, (data, zero)) in streams.iter().zip(sums) {
            if whole && (stream.data_size, stream.zero_size) != (data, zero) {
                let name = stream.name.escape_debug();
                self.damage
                    .elsewhere(format!("the extents of stream '{name}' do not add up"));
            }
        }
        Ok(())
    }
}

/// The first place of a leaf that refers to one of the ranges.
fn first_place(leaf: &ExtentLeaf, ranges: &[BadRange]) -> Option<PageKey> {
    if ranges.is_empty() {
        return None;
    }
    let at = leaf
        .runs(leaf.key.at)
        .find_map(|run| first_bad(&run, ranges))?;
    Some(PageKey {
        stream: leaf.key.stream,
        at,
    })
}
