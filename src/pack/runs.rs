//! A source as runs of pages: data to be read, and holes.

use crate::control::{self, Cancel};
use crate::error::Result;
use crate::format::PAGE_4K;
use crate::source::{Content, Source};

const PAGE: u64 = PAGE_4K as u64;
/// Looks at the source for one run at most: how a map is cut is its maker's choice.
const LOOKS: usize = 4096;

/// A run of a source. Begins and ends at pages of 4 KiB, but at the source's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// What it holds.
    pub content: Content,
    /// First byte.
    pub start: u64,
    /// Behind the last byte.
    pub end: u64,
}

/// Walks a source. A page with any data in it is data, and runs of one kind are joined, so that
/// how a file system cuts its extents does not show in a snapshot.
///
/// Joined up to a step, not for ever: a map may have billions of entries of one kind, and whoever
/// walks must get to see a cancellation and to report progress. So neighbours may be of one kind;
/// the one before then ends at a multiple of the step, or took [`LOOKS`] to find.
pub struct Runs<'a> {
    source: &'a dyn Source,
    step: u64,
    cancel: Option<&'a Cancel>,
    /// Where the next look at the source goes: at a page, or the end.
    at: u64,
    /// What was found and may still grow.
    pending: Option<Run>,
}

impl<'a> Runs<'a> {
    /// From `at`, which is at a page. Runs that reach over a multiple of `step`, which is one of
    /// pages, are not joined further.
    pub fn new(source: &'a dyn Source, at: u64, step: u64, cancel: Option<&'a Cancel>) -> Self {
        Runs {
            source,
            step,
            cancel,
            at,
            pending: None,
        }
    }

    /// The next run, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<Run>> {
        let size = self.source.size();
        for _ in 0..LOOKS {
            if self.at >= size {
                break;
            }
            control::check(self.cancel)?;
            let (content, end) = self.source.content_at(self.at)?;
            let end = end.clamp(self.at + 1, size);
            let run = match content {
                // A page that is data in part is data.
                Content::Zero | Content::Parent if down(end, size) > self.at => Run {
                    content,
                    start: self.at,
                    end: down(end, size),
                },
                Content::Zero | Content::Parent => Run {
                    content: Content::Data,
                    start: self.at,
                    end: up(self.at + 1, size),
                },
                Content::Data => Run {
                    content,
                    start: self.at,
                    end: up(end, size),
                },
            };
            self.at = run.end;
            if let Some(run) = self.push(run) {
                return Ok(Some(run));
            }
            if self.at < size
                && let Some(run) = self.split()
            {
                return Ok(Some(run));
            }
        }
        Ok(self.pending.take())
    }

    /// Joins a run to the one before, or gives that one out.
    fn push(&mut self, run: Run) -> Option<Run> {
        match &mut self.pending {
            Some(last) if last.content == run.content => {
                last.end = run.end;
                None
            }
            last => last.replace(run),
        }
    }

    /// Gives out what reaches over a step, up to there; the rest may still grow.
    fn split(&mut self) -> Option<Run> {
        let run = self.pending?;
        let cut = run.end / self.step * self.step;
        if cut <= run.start {
            return None;
        }
        self.pending = (cut < run.end).then_some(Run { start: cut, ..run });
        Some(Run { end: cut, ..run })
    }
}

/// The page boundary at or below, but the source's end is one too.
fn down(at: u64, size: u64) -> u64 {
    if at == size { at } else { at / PAGE * PAGE }
}

/// The page boundary at or above, or the source's end.
fn up(at: u64, size: u64) -> u64 {
    at.next_multiple_of(PAGE).min(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Identity;

    const STEP: u64 = 1 << 20;

    /// A source that only tells where data is.
    struct Map(Vec<(Content, u64)>);

    impl Source for Map {
        fn operand(&self) -> &str {
            "map"
        }
        fn size(&self) -> u64 {
            self.0.last().map_or(0, |(_, end)| *end)
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> Result<()> {
            unreachable!("runs read nothing")
        }
        fn content_at(&self, offset: u64) -> Result<(Content, u64)> {
            Ok(*self.0.iter().find(|(_, end)| *end > offset).unwrap())
        }
        fn check_unchanged(&self) -> Result<()> {
            Ok(())
        }
        fn identities(&self) -> Vec<Identity> {
            Vec::new()
        }
    }

    fn runs(map: &[(Content, u64)]) -> Vec<(Content, u64, u64)> {
        let source = Map(map.to_vec());
        let mut runs = Runs::new(&source, 0, STEP, None);
        let mut all = Vec::new();
        while let Some(run) = runs.next().unwrap() {
            all.push((run.content, run.start, run.end));
        }
        all
    }

    #[test]
    fn runs_are_whole_pages_and_joined() {
        use Content::{Data, Zero};
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[(Zero, 5)]), [(Zero, 0, 5)]);
        assert_eq!(runs(&[(Data, 5)]), [(Data, 0, 5)]);
        assert_eq!(
            runs(&[(Data, 4096), (Data, 8192), (Zero, 12288), (Zero, 20480)]),
            [(Data, 0, 8192), (Zero, 8192, 20480)]
        );
        // Holes of 1 KiB file systems that fill no page are data.
        assert_eq!(
            runs(&[(Zero, 1024), (Data, 5120), (Zero, 8192)]),
            [(Data, 0, 8192)]
        );
        assert_eq!(
            runs(&[(Zero, 9000), (Data, 9001), (Zero, 30000)]),
            [(Zero, 0, 8192), (Data, 8192, 12288), (Zero, 12288, 30000)]
        );
        assert_eq!(runs(&[(Data, 4097), (Zero, 8191)]), [(Data, 0, 8191)]);
        assert_eq!(
            runs(&[(Data, 4096), (Zero, 8191)]),
            [(Data, 0, 4096), (Zero, 4096, 8191)]
        );
    }

    #[test]
    fn long_runs_are_given_out_in_steps() {
        use Content::{Data, Zero};
        let end = 3 * STEP + 8192;
        let pieces: Vec<_> = (1..=end / 4096).map(|n| (Data, n * 4096)).collect();
        let steps = [(Data, 0, STEP), (Data, STEP, 2 * STEP)];
        let rest = [(Data, 2 * STEP, 3 * STEP), (Data, 3 * STEP, end)];
        assert_eq!(runs(&pieces), [steps, rest].concat());
        // What one look finds stays together as far as it goes, and its rest is joined to the next.
        assert_eq!(
            runs(&[
                (Zero, 2 * STEP + 4096),
                (Zero, 2 * STEP + 8192),
                (Data, end)
            ]),
            [
                (Zero, 0, 2 * STEP),
                (Zero, 2 * STEP, 2 * STEP + 8192),
                (Data, 2 * STEP + 8192, end)
            ]
        );
    }
}
