//! Sources to segments: reads data, skips holes, and cuts chunks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chunker::Chunker;
use super::hash::is_zero;
use super::runs::{Run, Runs};
use super::segment::{BufferPool, Item, Segment, Unit, UnitContent};
use crate::control::{self, Cancel};
use crate::error::{Error, Result, try_push, try_reserve};
use crate::format::PAGE_4K;
use crate::profile::CdcSizes;
use crate::source::{Content, Deferred, Source};

/// Bytes in a segment, if blocks or chunks do not need more.
const SEGMENT: usize = 1 << 20;

/// Bytes in a segment's buffer. With chunks, what cannot be cut yet waits for the next segment,
/// and must stay a small part.
pub fn segment_len(block_size: u32, cdc: Option<&CdcSizes>) -> usize {
    match cdc {
        Some(sizes) => (4 * sizes.max as usize).next_multiple_of(PAGE_4K),
        None => block_size as usize,
    }
    .max(SEGMENT)
}

/// Reads one stream.
pub struct Reader<'a> {
    source: &'a dyn Source,
    stream: u32,
    runs: Runs<'a>,
    run: Option<Run>,
    /// Where in `run` we are.
    at: u64,
    chunker: Option<Chunker>,
    /// Whether segments of pages may have parts that are filled in later.
    defer: bool,
    cancel: Option<&'a Cancel>,
    /// End of a run of data that was read and could not be cut yet.
    carry: Vec<u8>,
    done: bool,
}

/// What reading has cost so far.
#[derive(Debug, Default, Clone, Copy)]
pub struct ReadCost {
    /// Bytes read.
    pub bytes: u64,
    /// Time in the source.
    pub time: Duration,
}

impl<'a> Reader<'a> {
    /// Reads `source` as stream number `stream`, in segments of `segment_len` bytes, in chunks if
    /// `cdc` says their sizes. Segments of pages may come without what workers can fill in if
    /// `defer`. Looks at `cancel` before each read and each look at the source's map.
    pub fn new(
        source: &'a dyn Source,
        stream: u32,
        segment_len: usize,
        cdc: Option<&CdcSizes>,
        defer: bool,
        cancel: Option<&'a Cancel>,
    ) -> Self {
        Reader::with_step(source, stream, segment_len, cdc, defer, cancel)
    }

    /// As [`Reader::new`], of chunks; the map is not looked at further than some `step`s ahead of what is
    /// read.
    pub fn with_step(
        source: &'a dyn Source,
        stream: u32,
        step: usize,
        cdc: Option<&CdcSizes>,
        defer: bool,
        cancel: Option<&'a Cancel>,
    ) -> Self {
        Reader {
            source,
            stream,
            runs: Runs::new(source, 0, step as u64, cancel),
            run: None,
            at: 0,
            chunker: cdc.map(Chunker::new),
            defer,
            cancel,
            carry: Vec::new(),
            done: false,
        }
    }

    /// Up to where the source was read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next item; after [`Item::End`] there is none.
    pub fn next(&mut self, pool: &Arc<BufferPool>, cost: &mut ReadCost) -> Result<Option<Item>> {
        if self.done {
            return Ok(None);
        }
        let Some(run) = self.run()? else {
            self.done = true;
            return Ok(Some(Item::End {
                stream: self.stream,
            }));
        };
        if run.content != Content::Data {
            // Fixed windows need all that is in a segment's range at once, so that a hole in the
            // middle of a window looks as zeros there do.
            let end = match self.chunker {
                None if run.end < self.source.size() => run.end / seg(pool) * seg(pool),
                _ => run.end,
            };
            if end > self.at {
                let (stream, offset, len) = (self.stream, self.at, end - self.at);
                self.at = end;
                return Ok(Some(match run.content {
                    Content::Parent => Item::Inherited {
                        stream,
                        offset,
                        len,
                    },
                    _ => Item::Zeros {
                        stream,
                        offset,
                        len,
                    },
                }));
            }
        }
        match self.chunker.take() {
            None => self.pages(pool, cost).map(Some),
            Some(chunker) => {
                let item = self.chunks(&chunker, run, pool, cost);
                self.chunker = Some(chunker);
                item.map(Some)
            }
        }
    }

    /// The run that we are in.
    fn run(&mut self) -> Result<Option<Run>> {
        if self.run.is_none_or(|run| self.at == run.end) {
            self.run = self.runs.next()?;
            if let Some(run) = self.run {
                self.at = run.start;
            }
        }
        Ok(self.run)
    }

    /// A segment of pages: all that lies up to the next segment boundary.
    fn pages(&mut self, pool: &Arc<BufferPool>, cost: &mut ReadCost) -> Result<Item> {
        let start = self.at;
        let end = (start / seg(pool) + 1) * seg(pool);
        let mut buffer = pool.take()?;
        let (mut units, mut deferred) = (Vec::new(), Vec::new());
        while self.at < end {
            let Some(run) = self.run()? else { break };
            let (at, stop) = ((self.at - start) as usize, run.end.min(end));
            let len = (stop - self.at) as usize;
            let content = match run.content {
                Content::Zero => UnitContent::Zero,
                Content::Parent => UnitContent::Inherited,
                Content::Data => {
                    let bytes = slice(&mut buffer.bytes, at, len)?;
                    let first = deferred.len();
                    self.read(self.at, bytes, Some(&mut deferred), cost)?;
                    deferred.iter_mut().skip(first).for_each(|d| d.shift(at));
                    // The last unit of a stream is padded to a page.
                    slice(
                        &mut buffer.bytes,
                        at + len,
                        len.next_multiple_of(PAGE_4K) - len,
                    )?
                    .fill(0);
                    UnitContent::Unknown
                }
            };
            let unit = Unit {
                at: at as u32,
                len: len as u32,
                content,
            };
            try_push(&mut units, unit, "the units of a segment")?;
            self.at = stop;
        }
        let buffer = Arc::new(buffer);
        Ok(Item::Segment(Segment {
            stream: self.stream,
            offset: start,
            units,
            buffer,
            deferred,
        }))
    }

    /// A segment of chunks: what can be cut of the run that we are in, from what was carried.
    fn chunks(
        &mut self,
        chunker: &Chunker,
        run: Run,
        pool: &Arc<BufferPool>,
        cost: &mut ReadCost,
    ) -> Result<Item> {
        let mut buffer = pool.take()?;
        let carried = self.carry.len();
        slice(&mut buffer.bytes, 0, carried)?.copy_from_slice(&self.carry);
        let end = carried + (buffer.bytes.len() - carried) / PAGE_4K * PAGE_4K;
        let offset = self.at - carried as u64;
        let (mut filled, mut more) = (carried, Some(run));
        while let Some(run) = more.filter(|_| filled < end) {
            let len = (run.end - self.at).min((end - filled) as u64) as usize;
            let bytes = slice(&mut buffer.bytes, filled, len)?;
            self.read(self.at, bytes, None, cost)?;
            filled += len;
            self.at += len as u64;
            // Data that goes on was only cut to keep the walk short: no chunk ends there.
            more = self.run()?.filter(|run| run.content == Content::Data);
        }
        let filled = buffer.bytes.get(..filled).unwrap_or_default();
        let mut units = Vec::new();
        // A page of zeros makes a unit, and ends another one.
        let most = 2 * (filled.len() / PAGE_4K + 1) + chunker.most(filled.len());
        try_reserve(&mut units, most, "the units of a segment")?;
        // A stretch without zero pages, which what was carried is the start of.
        let mut stretch = 0;
        let mut page = carried;
        while page < filled.len() {
            let end = (page + PAGE_4K).min(filled.len());
            if is_zero(&filled[page..end]) {
                chunker.cut_all(&filled[..page], stretch, &mut units);
                units.push(Unit {
                    at: page as u32,
                    len: (end - page) as u32,
                    content: UnitContent::Zero,
                });
                stretch = end;
            }
            page = end;
        }
        let cut = match more {
            Some(_) => chunker.cut_certain(filled, stretch, &mut units),
            None => {
                chunker.cut_all(filled, stretch, &mut units);
                filled.len()
            }
        };
        self.carry.clear();
        try_reserve(&mut self.carry, filled.len() - cut, "a carried chunk")?;
        self.carry.extend_from_slice(&filled[cut..]);
        let buffer = Arc::new(buffer);
        Ok(Item::Segment(Segment {
            stream: self.stream,
            offset,
            units,
            buffer,
            deferred: Vec::new(),
        }))
    }

    fn read(
        &self,
        at: u64,
        buf: &mut [u8],
        later: Option<&mut Vec<Deferred>>,
        cost: &mut ReadCost,
    ) -> Result<()> {
        control::check(self.cancel)?;
        let start = Instant::now();
        match later.filter(|_| self.defer) {
            Some(later) => self.source.read_deferring(at, buf, later)?,
            None => self.source.read_at(at, buf)?,
        }
        cost.time += start.elapsed();
        cost.bytes += buf.len() as u64;
        Ok(())
    }
}

/// Length of a segment, as a logical offset.
fn seg(pool: &BufferPool) -> u64 {
    pool.buffer_len() as u64
}

/// A part of a buffer; runs and segments are cut so that it is always there.
fn slice(bytes: &mut [u8], at: usize, len: usize) -> Result<&mut [u8]> {
    bytes
        .get_mut(at..at + len)
        .ok_or_else(|| Error::Internal(format!("a run of {len} bytes at {at} leaves its segment")))
}
