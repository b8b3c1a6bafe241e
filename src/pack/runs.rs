//! A source as runs of pages: data to be read, and holes.

use crate::error::Result;
use crate::format::PAGE_4K;
use crate::source::{Content, Source};

const PAGE: u64 = PAGE_4K as u64;

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
pub struct Runs<'a> {
    source: &'a dyn Source,
    /// Where the next look at the source goes: at a page, or the end.
    at: u64,
    /// What was found and may still grow.
    pending: Option<Run>,
}

impl<'a> Runs<'a> {
    /// From the source's start.
    pub fn new(source: &'a dyn Source) -> Self {
        Self::from(source, 0)
    }

    /// From `at`, which is at a page.
    pub fn from(source: &'a dyn Source, at: u64) -> Self {
        Runs {
            source,
            at,
            pending: None,
        }
    }

    /// The next run, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<Run>> {
        let size = self.source.size();
        while self.at < size {
            let (content, end) = self.source.content_at(self.at)?;
            let end = end.clamp(self.at + 1, size);
            let run = match content {
                // A page that is data in part is data.
                Content::Zero if down(end, size) > self.at => Run {
                    content,
                    start: self.at,
                    end: down(end, size),
                },
                Content::Zero => Run {
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
        let mut runs = Runs::new(&source);
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
}
