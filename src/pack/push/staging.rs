//! What was pushed and is not packed yet: gathered to whole segments, so that neighbours get packed
//! together in whatever order they came.
//!
//! As long as segments can be handed on in the order of their streams, they are, complete, with zeros
//! for what was never written: as if the streams were read. Whoever goes back to what was handed on
//! already ends that: from then on only what was written is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::super::segment::{Buffer, BufferPool, Item, Segment, Unit, UnitContent};
use crate::error::{Error, Result, try_push, try_push_back, try_reserve};
use crate::format::PAGE_4K;

const PAGE: u64 = PAGE_4K as u64;
/// Segments and runs that wait at most.
const WAITING_MAX: usize = 512;

/// A stream, and a place in it.
type At = (u32, u64);

/// What is put somewhere.
#[derive(Clone, Copy)]
pub enum What<'d> {
    /// These bytes.
    Bytes(&'d [u8]),
    /// Zeros.
    Zero,
    /// What the parent has there.
    Inherited,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Unwritten,
    Data,
    Zero,
    Inherited,
}

/// What waits at a place.
enum Waiting {
    Segment(Gathered),
    /// Whole segments of one kind, up to there.
    Run(u64, Page),
}

impl Waiting {
    fn is_complete(&self) -> bool {
        match self {
            Waiting::Segment(gathered) => gathered.unwritten == 0,
            Waiting::Run(..) => true,
        }
    }
}

struct Gathered {
    /// None while no page is data.
    buffer: Option<Buffer>,
    pages: Vec<Page>,
    unwritten: usize,
}

/// See the module.
pub struct Staging {
    pool: Arc<BufferPool>,
    segment_len: u64,
    /// Buffers in `waiting` at most, and by now.
    buffers_max: usize,
    buffers: usize,
    sizes: Vec<u64>,
    waiting: BTreeMap<At, Waiting>,
    /// What was handed on ends here; nothing once that was out of order.
    handed_on: Option<At>,
    /// What is ready to be packed.
    ready: VecDeque<Item>,
}

impl Staging {
    /// Gathers in buffers of `pool`, of which so many at most are held.
    pub fn new(pool: Arc<BufferPool>, buffers_max: usize) -> Self {
        Staging {
            segment_len: pool.buffer_len() as u64,
            pool,
            buffers_max: buffers_max.max(1),
            buffers: 0,
            sizes: Vec::new(),
            waiting: BTreeMap::new(),
            handed_on: Some((0, 0)),
            ready: VecDeque::new(),
        }
    }

    /// Bytes of each stream.
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// There is one more stream.
    pub fn add_stream(&mut self, size: u64) -> Result<()> {
        try_push(&mut self.sizes, size, "streams")?;
        Ok(())
    }

    /// What is ready to be packed, in order.
    pub fn pop(&mut self) -> Option<Item> {
        self.ready.pop_front()
    }

    /// Bytes up to the next boundary of segments.
    pub fn to_boundary(&self, at: u64) -> u64 {
        self.segment_len - at % self.segment_len
    }

    /// Puts something at a place of a stream: at whole pages, and within its size. Takes one buffer
    /// for each segment of bytes at most.
    pub fn put(&mut self, stream: u32, at: u64, len: u64, what: What<'_>) -> Result<()> {
        let size = self.size(stream);
        let end = at + len;
        let mut from = at;
        while from < end {
            let begin = from / self.segment_len * self.segment_len;
            let segment_end = (begin + self.segment_len).min(size);
            let page = match what {
                What::Bytes(bytes) => {
                    let to = end.min(segment_end);
                    let part = bytes.get((from - at) as usize..(to - at) as usize);
                    self.write(stream, from, part.unwrap_or_default())?;
                    from = to;
                    continue;
                }
                What::Zero => Page::Zero,
                What::Inherited => Page::Inherited,
            };
            // As many whole segments as there are.
            let whole = match end {
                end if end == size => end,
                end => end / self.segment_len * self.segment_len,
            };
            if from == begin && whole > from {
                self.cover(stream, from, whole)?;
                let run = Waiting::Run(whole, page);
                self.waiting.insert((stream, from), run);
                from = whole;
            } else {
                let to = end.min(segment_end);
                self.open(stream, begin)?;
                self.mark(stream, from, to, page);
                from = to;
            }
            self.settle(stream, begin)?;
        }
        Ok(())
    }

    fn size(&self, stream: u32) -> u64 {
        self.sizes.get(stream as usize).copied().unwrap_or(0)
    }

    /// Bytes within one segment.
    fn write(&mut self, stream: u32, at: u64, bytes: &[u8]) -> Result<()> {
        let begin = at / self.segment_len * self.segment_len;
        self.open(stream, begin)?;
        let has_buffer = matches!(
            self.waiting.get(&(stream, begin)),
            Some(Waiting::Segment(Gathered {
                buffer: Some(_),
                ..
            }))
        );
        if !has_buffer {
            while self.buffers >= self.buffers_max {
                self.hand_on_first(Some((stream, begin)))?;
            }
            let taken = self.pool.take()?;
            if let Some(Waiting::Segment(gathered)) = self.waiting.get_mut(&(stream, begin)) {
                gathered.buffer = Some(taken);
                self.buffers += 1;
            }
        }
        if let Some(Waiting::Segment(Gathered {
            buffer: Some(buffer),
            ..
        })) = self.waiting.get_mut(&(stream, begin))
        {
            let from = (at - begin) as usize;
            // The last page of a stream is padded.
            let padded = bytes.len().next_multiple_of(PAGE_4K);
            let place = buffer.bytes.get_mut(from..from + padded);
            let (data, pad) = place
                .and_then(|place| place.split_at_mut_checked(bytes.len()))
                .ok_or_else(|| Error::Internal("a write leaves its segment".to_owned()))?;
            data.copy_from_slice(bytes);
            pad.fill(0);
        }
        self.mark(stream, at, at + bytes.len() as u64, Page::Data);
        self.settle(stream, begin)
    }

    /// Sees to it that a segment is waiting there.
    fn open(&mut self, stream: u32, begin: u64) -> Result<()> {
        let mut page = Page::Unwritten;
        let before = self.waiting.range(..=(stream, begin)).next_back();
        match before {
            Some((&(of, at), Waiting::Segment(_))) if (of, at) == (stream, begin) => return Ok(()),
            Some((&(of, at), &Waiting::Run(end, kind))) if of == stream && end > begin => {
                page = kind;
                self.split(of, at, end, kind, begin);
            }
            _ => {}
        }
        while self.waiting.len() >= WAITING_MAX {
            self.hand_on_first(None)?;
        }
        let len = self.segment_len.min(self.size(stream) - begin);
        let count = len.div_ceil(PAGE) as usize;
        let mut pages = Vec::new();
        try_reserve(&mut pages, count, "a segment that is gathered")?;
        pages.resize(count, page);
        let gathered = Gathered {
            buffer: None,
            unwritten: if page == Page::Unwritten { count } else { 0 },
            pages,
        };
        self.waiting
            .insert((stream, begin), Waiting::Segment(gathered));
        Ok(())
    }

    /// Takes the segment at `begin` out of a run.
    fn split(&mut self, stream: u32, at: u64, end: u64, kind: Page, begin: u64) {
        self.waiting.remove(&(stream, at));
        let behind = begin + self.segment_len;
        for (at, end) in [(at, begin), (behind, end)] {
            if at < end {
                self.waiting.insert((stream, at), Waiting::Run(end, kind));
            }
        }
    }

    /// Drops all that waits in some whole segments: it was never packed.
    fn cover(&mut self, stream: u32, from: u64, to: u64) -> Result<()> {
        for edge in [from, to] {
            let before = self.waiting.range(..(stream, edge)).next_back();
            if let Some((&(of, at), &Waiting::Run(end, kind))) = before
                && of == stream
                && end > edge
            {
                self.waiting.insert((of, at), Waiting::Run(edge, kind));
                self.waiting.insert((of, edge), Waiting::Run(end, kind));
            }
        }
        while let Some((&key, _)) = self.waiting.range((stream, from)..(stream, to)).next() {
            if let Some(Waiting::Segment(gathered)) = self.waiting.remove(&key) {
                self.buffers -= usize::from(gathered.buffer.is_some());
            }
        }
        while self.waiting.len() >= WAITING_MAX {
            self.hand_on_first(None)?;
        }
        Ok(())
    }

    fn mark(&mut self, stream: u32, from: u64, to: u64, page: Page) {
        let begin = from / self.segment_len * self.segment_len;
        if let Some(Waiting::Segment(gathered)) = self.waiting.get_mut(&(stream, begin)) {
            let first = ((from - begin) / PAGE) as usize;
            let end = (to - begin).div_ceil(PAGE) as usize;
            for place in gathered.pages.get_mut(first..end).unwrap_or_default() {
                gathered.unwritten -= usize::from(*place == Page::Unwritten);
                *place = page;
            }
        }
    }

    /// Hands on what is complete, after something was put at `begin`.
    fn settle(&mut self, stream: u32, begin: u64) -> Result<()> {
        if self.handed_on.is_none() {
            let key = (stream, begin);
            if self.waiting.get(&key).is_some_and(Waiting::is_complete) {
                self.hand_on(key)?;
            }
            return Ok(());
        }
        // In order, and with nothing left out that may still come.
        while let Some((&key, waiting)) = self.waiting.first_key_value() {
            if !waiting.is_complete() || !self.is_next(key) {
                break;
            }
            self.hand_on(key)?;
        }
        Ok(())
    }

    /// Hands on what waits first, complete or not, but for `kept`.
    fn hand_on_first(&mut self, kept: Option<At>) -> Result<()> {
        let first = self.waiting.keys().find(|key| Some(**key) != kept);
        match first.copied() {
            Some(key) => self.hand_on(key),
            None => Err(Error::Internal("too much waits, and nothing".to_owned())),
        }
    }

    fn hand_on(&mut self, key: At) -> Result<()> {
        let Some(waiting) = self.waiting.remove(&key) else {
            return Ok(());
        };
        if self.handed_on.is_some_and(|end| key < end) {
            self.handed_on = None;
        }
        self.zeros_up_to(key)?;
        let (stream, at) = key;
        match waiting {
            Waiting::Run(end, kind) => {
                self.run(stream, at, end - at, kind)?;
                self.ended((stream, end));
            }
            Waiting::Segment(gathered) => {
                self.buffers -= usize::from(gathered.buffer.is_some());
                let len = self.segment_len.min(self.size(stream) - at);
                self.segment(stream, at, len, gathered)?;
                self.ended((stream, at + len));
            }
        }
        Ok(())
    }

    fn ended(&mut self, end: At) {
        self.handed_on = self.handed_on.map(|_| end);
    }

    /// Whether what begins at `key` follows what was handed on, with nothing between.
    fn is_next(&self, key: At) -> bool {
        self.handed_on.is_some_and(|(stream, at)| {
            key == (stream, at) || key == (stream + 1, 0) && at == self.size(stream)
        })
    }

    /// As long as all is in order: zeros for what was left out before `key`, ends of streams among it.
    fn zeros_up_to(&mut self, key: At) -> Result<()> {
        let Some((mut stream, mut at)) = self.handed_on else {
            return Ok(());
        };
        while stream < key.0 {
            let size = self.size(stream);
            self.run(stream, at, size - at, Page::Zero)?;
            self.push(Item::End { stream })?;
            (stream, at) = (stream + 1, 0);
        }
        self.run(stream, at, key.1 - at, Page::Zero)?;
        self.handed_on = Some(key);
        Ok(())
    }

    /// A run without bytes.
    fn run(&mut self, stream: u32, offset: u64, len: u64, page: Page) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        self.push(match page {
            Page::Inherited => Item::Inherited {
                stream,
                offset,
                len,
            },
            _ => Item::Zeros {
                stream,
                offset,
                len,
            },
        })
    }

    fn segment(&mut self, stream: u32, at: u64, len: u64, gathered: Gathered) -> Result<()> {
        let mut units = Vec::new();
        let mut rest = gathered.pages.as_slice();
        let mut from = 0;
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|page| *page == first).count();
            let end = (from + same as u64 * PAGE).min(len);
            let content = match first {
                Page::Data => Some(UnitContent::Unknown),
                Page::Zero => Some(UnitContent::Zero),
                Page::Inherited => Some(UnitContent::Inherited),
                // While all is in order, it will not come any more.
                Page::Unwritten => self.handed_on.map(|_| UnitContent::Zero),
            };
            if let Some(content) = content {
                let unit = Unit {
                    at: from as u32,
                    len: (end - from) as u32,
                    content,
                };
                match gathered.buffer {
                    Some(_) => try_push(&mut units, unit, "the units of a segment")?,
                    None => {
                        let kind = match content {
                            UnitContent::Inherited => Page::Inherited,
                            _ => Page::Zero,
                        };
                        self.run(stream, at + from, end - from, kind)?;
                    }
                }
            }
            from = end;
            rest = rest.get(same..).unwrap_or_default();
        }
        match gathered.buffer {
            Some(buffer) => self.push(Item::Segment(Segment {
                stream,
                offset: at,
                units,
                buffer: Arc::new(buffer),
                deferred: Vec::new(),
            })),
            None => Ok(()),
        }
    }

    fn push(&mut self, item: Item) -> Result<()> {
        try_push_back(&mut self.ready, item, "what is ready to be packed")?;
        Ok(())
    }

    /// There is nothing more to come: hands on all that waits, and what was left out.
    pub fn finish(&mut self) -> Result<()> {
        while let Some((&key, _)) = self.waiting.first_key_value() {
            self.hand_on(key)?;
        }
        let Some(last) = self.sizes.len().checked_sub(1) else {
            return Ok(());
        };
        let stream = last as u32;
        self.zeros_up_to((stream, self.size(stream)))?;
        self.push(Item::End { stream })
    }
}
