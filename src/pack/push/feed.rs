//! What was pushed, as the pipeline takes it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use super::super::feed::{Fed, Feed};
use super::super::plan::{CHUNKS_LEN, Plan};
use super::super::reader::{ReadCost, Reader};
use super::super::segment::{Buffer, BufferPool, Item, Segment, UnitContent};
use super::shared::{Pushed, Shared};
use crate::control::Cancel;
use crate::error::{Error, Result, try_push, try_push_back};
use crate::format::StreamEntry;
use crate::profile::CdcSizes;
use crate::source::{Content, Identity, Source};

/// Tells the host when buffers have come free.
struct Freed<'a> {
    shared: &'a Shared,
    pool: &'a BufferPool,
    seen: usize,
}

impl Freed<'_> {
    fn advanced(&mut self, placed: u64, written: u64) {
        let given_back = self.pool.given_back();
        let freed = given_back != self.seen;
        self.seen = given_back;
        self.shared.advanced(placed, written, freed);
    }
}

/// Segments as they are gathered.
pub struct Pages<'a> {
    shared: &'a Shared,
    freed: Freed<'a>,
}

impl<'a> Pages<'a> {
    /// What comes through `shared`, in buffers of `pool`.
    pub fn new(shared: &'a Shared, pool: &'a BufferPool) -> Self {
        Pages {
            shared,
            freed: Freed {
                shared,
                pool,
                seen: 0,
            },
        }
    }
}

impl Feed for Pages<'_> {
    fn next(&mut self, cost: &mut ReadCost) -> Result<Fed> {
        Ok(match self.shared.pop() {
            (Some(Pushed::Stream(entry)), _) => Fed::Stream(entry),
            (Some(Pushed::Item(item)), _) => {
                if let Item::Segment(segment) = &item {
                    cost.bytes += data_len(segment);
                }
                Fed::Item(item)
            }
            (None, true) => Fed::End,
            (None, false) => Fed::Nothing,
        })
    }

    fn wait(&mut self) {
        self.shared.wait_for_host();
    }

    fn advanced(&mut self, placed: u64, written: u64) {
        self.freed.advanced(placed, written);
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }
}

fn data_len(segment: &Segment) -> u64 {
    let data = segment.units.iter();
    let data = data.filter(|unit| unit.content == UnitContent::Unknown);
    data.map(|unit| u64::from(unit.len)).sum()
}

/// What was pushed front to back, cut into chunks.
pub struct Chunks<'a> {
    shared: &'a Shared,
    freed: Freed<'a>,
    source: &'a Front,
    sizes: Vec<u64>,
    /// The stream that is read, or is to be read next.
    stream: u32,
    reader: Option<Reader<'a>>,
    /// Nothing more comes for this stream.
    complete: bool,
    pool: Arc<BufferPool>,
    plan: Plan,
    cdc: &'a CdcSizes,
    cancel: Option<&'a Cancel>,
}

/// What is known of a stream and not read yet.
#[derive(Default)]
pub struct Front {
    size: Cell<u64>,
    runs: RefCell<VecDeque<Run>>,
}

struct Run {
    at: u64,
    end: u64,
    /// A buffer, and where in it the run begins; none for zeros.
    data: Option<(Arc<Buffer>, usize)>,
}

impl<'a> Chunks<'a> {
    /// What comes through `shared`, in buffers of `pool`; it lies in `source` until it is cut.
    pub fn new(
        shared: &'a Shared,
        pool: &'a BufferPool,
        source: &'a Front,
        plan: Plan,
        cdc: &'a CdcSizes,
    ) -> Self {
        Chunks {
            shared,
            freed: Freed {
                shared,
                pool,
                seen: 0,
            },
            source,
            sizes: Vec::new(),
            stream: 0,
            reader: None,
            complete: false,
            pool: BufferPool::new(plan.segment_len),
            plan,
            cdc,
            cancel: Some(&shared.stop),
        }
    }

    /// Reads what is ready, if that is enough.
    fn read(&mut self, cost: &mut ReadCost) -> Result<Option<Item>> {
        let at = self.reader.as_ref().map_or(0, Reader::at);
        if !self.complete && self.source.known_up_to() < at + self.plan.gather.ready {
            return Ok(None);
        }
        let source: &'a Front = self.source;
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let stream = self.stream as usize;
                source
                    .size
                    .set(self.sizes.get(stream).copied().unwrap_or(0));
                none.insert(Reader::with_step(
                    source,
                    self.stream,
                    CHUNKS_LEN,
                    Some(self.cdc),
                    false,
                    self.cancel,
                ))
            }
        };
        let item = reader.next(&self.pool, cost)?;
        source.drop_up_to(reader.at());
        if item.is_none() {
            source.runs.borrow_mut().clear();
            self.reader = None;
            self.complete = false;
            self.stream += 1;
        }
        Ok(item)
    }
}

impl Feed for Chunks<'_> {
    fn next(&mut self, cost: &mut ReadCost) -> Result<Fed> {
        loop {
            if self.pool.out() >= self.plan.segments {
                return Ok(Fed::Nothing);
            }
            let stream = self.stream;
            if let Some(item) = self.read(cost)? {
                return Ok(Fed::Item(item));
            }
            if self.stream != stream {
                continue;
            }
            match self.shared.pop() {
                (Some(Pushed::Stream(entry)), _) => {
                    try_push(&mut self.sizes, entry.size, "streams")?;
                    return Ok(Fed::Stream(entry));
                }
                (Some(Pushed::Item(item)), _) => match item {
                    Item::End { .. } => self.complete = true,
                    item => self.source.add(item)?,
                },
                (None, true) => return Ok(Fed::End),
                (None, false) => return Ok(Fed::Nothing),
            }
        }
    }

    fn wait(&mut self) {
        self.shared.wait_for_host();
    }

    fn advanced(&mut self, placed: u64, written: u64) {
        self.freed.advanced(placed, written);
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }
}

impl Front {
    fn known_up_to(&self) -> u64 {
        self.runs.borrow().back().map_or(0, |run| run.end)
    }

    fn add(&self, item: Item) -> Result<()> {
        let mut runs = self.runs.borrow_mut();
        let mut add = |at, end, data| {
            let run = Run { at, end, data };
            try_push_back(&mut runs, run, "what is to be cut")
        };
        match item {
            Item::Zeros { offset, len, .. } => add(offset, offset + len, None)?,
            Item::Segment(segment) => {
                for unit in &segment.units {
                    let at = segment.offset + u64::from(unit.at);
                    let data = match unit.content {
                        UnitContent::Unknown => {
                            Some((Arc::clone(&segment.buffer), unit.at as usize))
                        }
                        _ => None,
                    };
                    add(at, at + u64::from(unit.len), data)?;
                }
            }
            Item::Inherited { .. } | Item::End { .. } => {
                return Err(Error::Internal("chunks of what is the parent's".to_owned()));
            }
        }
        Ok(())
    }

    fn drop_up_to(&self, at: u64) {
        let mut runs = self.runs.borrow_mut();
        while runs.len() > 1 && runs.front().is_some_and(|run| run.end <= at) {
            runs.pop_front();
        }
    }

    /// Gives `take` the run at `offset`.
    fn at<R>(&self, offset: u64, take: impl FnOnce(&Run) -> R) -> Result<R> {
        let runs = self.runs.borrow();
        let behind = runs.partition_point(|run| run.end <= offset);
        let found = runs.get(behind).filter(|run| run.at <= offset);
        found
            .map(take)
            .ok_or_else(|| Error::Internal(format!("what is at {offset} is not there yet")))
    }
}

impl Source for Front {
    fn operand(&self) -> &str {
        "what was pushed"
    }

    fn size(&self) -> u64 {
        self.size.get()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let part = self.at(at, |run| {
                let len = (rest.len() as u64).min(run.end - at) as usize;
                let part = rest.get_mut(..len).unwrap_or_default();
                match &run.data {
                    None => part.fill(0),
                    Some((buffer, begin)) => {
                        let from = begin + (at - run.at) as usize;
                        let bytes = buffer.bytes.get(from..from + len);
                        part.copy_from_slice(bytes.unwrap_or_default());
                    }
                }
                len
            })?;
            rest = rest.get_mut(part..).unwrap_or_default();
            at += part as u64;
        }
        Ok(())
    }

    fn content_at(&self, offset: u64) -> Result<(Content, u64)> {
        self.at(offset, |run| match run.data {
            None => (Content::Zero, run.end),
            Some(_) => (Content::Data, run.end),
        })
    }

    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    fn identities(&self) -> Vec<Identity> {
        Vec::new()
    }
}

/// A stream as the root page has it.
pub fn entry(name: &str, kind: u8, size: u64) -> StreamEntry {
    StreamEntry {
        name: name.to_owned(),
        kind,
        size,
        data_size: 0,
        zero_size: 0,
        stored_size: 0,
    }
}
