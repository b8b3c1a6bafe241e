//! Sorted runs of extents into one, in which newer ones hide older ones.

use std::collections::{BTreeMap, btree_map};

use super::super::super::writer::StreamExtent;
use super::spill::{Reading, Spill, Spilled};
use super::{At, Piece};
use crate::error::{Result, try_push};

/// See the module.
pub struct Merged<'a> {
    spill: &'a Spill,
    /// The newest first.
    runs: Vec<Run<'a>>,
}

/// A run, and what of it comes next.
struct Run<'a> {
    rest: Rest<'a>,
    head: Option<StreamExtent>,
}

enum Rest<'a> {
    Memory(btree_map::Iter<'a, At, Piece>),
    File(Reading<'a>),
}

impl<'a> Merged<'a> {
    /// What is in memory is newer than `runs`, of which the newest comes first.
    pub fn new(
        spill: &'a Spill,
        recent: Option<&'a BTreeMap<At, Piece>>,
        runs: impl Iterator<Item = &'a Spilled>,
    ) -> Result<Self> {
        let recent = recent.map(|recent| Rest::Memory(recent.iter()));
        let files = runs.map(|run| Rest::File(spill.read(run)));
        let mut merged = Merged {
            spill,
            runs: Vec::new(),
        };
        for rest in recent.into_iter().chain(files) {
            let mut run = Run { rest, head: None };
            run.advance(spill)?;
            try_push(&mut merged.runs, run, "runs of extents")?;
        }
        Ok(merged)
    }

    /// The next extent.
    pub fn next(&mut self) -> Result<Option<StreamExtent>> {
        let heads = self.runs.iter().filter_map(|run| run.head);
        let Some((stream, at)) = heads.map(|head| (head.stream, head.at)).min() else {
            return Ok(None);
        };
        // The newest that begins here: what is older shows where it ends, what is newer ends it.
        let mut end = u64::MAX;
        let mut found = None;
        for head in self.runs.iter().filter_map(|run| run.head) {
            if head.stream != stream {
                continue;
            }
            if head.at == at {
                end = end.min(head.at + head.len);
                found = Some(head);
                break;
            }
            end = end.min(head.at);
        }
        let Some(found) = found else {
            return Ok(None);
        };
        for run in &mut self.runs {
            run.skip_to(self.spill, stream, end)?;
        }
        Ok(Some(StreamExtent {
            len: end - at,
            ..found
        }))
    }
}

impl Run<'_> {
    fn advance(&mut self, spill: &Spill) -> Result<()> {
        self.head = match &mut self.rest {
            Rest::Memory(iter) => iter.next().map(|(&(stream, at), piece)| StreamExtent {
                stream,
                at,
                len: piece.len,
                target: piece.target,
            }),
            Rest::File(reading) => reading.next_record(spill)?,
        };
        Ok(())
    }

    /// Drops what lies before `to` in the stream.
    fn skip_to(&mut self, spill: &Spill, stream: u32, to: u64) -> Result<()> {
        while let Some(head) = &mut self.head {
            if head.stream != stream || head.at >= to {
                break;
            }
            let end = head.at + head.len;
            if end > to {
                head.target = head.target.skip(to - head.at);
                (head.at, head.len) = (to, end - to);
                break;
            }
            self.advance(spill)?;
        }
        Ok(())
    }
}
