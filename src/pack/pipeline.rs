//! Threads of the pack core. The calling thread reads, places and writes, all in order; workers
//! unpack and hash segments and compress blocks, in any order; and while there is nothing for it to do, the
//! calling thread works too. Every queue is bounded by what the plan allows to be under way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::hash::hash_segment;
use super::place::Placer;
use super::placed::{BlockData, Counts, NewBlock, Placed};
use super::plan::Plan;
use super::reader::{ReadCost, Reader};
use super::seal::seal;
use super::segment::{BufferPool, Item, Segment, UnitKind};
use super::writer::{StoredBlock, StreamExtent, Writer};
use crate::codec::{EncodeDictionary, Encoder, Method};
use crate::control::Control;
use crate::crypto::{Keys, Piece, PieceKind};
use crate::error::{Error, NoMemory, Result, try_push, try_push_back};
use crate::format::{BlockEntry, Codec, PAGE_4K};
use crate::panic::guarded;
use crate::profile::CdcSizes;
use crate::source::{Decompressors, Source};
use crate::workers::spawn_scoped;

/// How long the calling thread waits before it looks for a cancellation again.
const NAP: Duration = Duration::from_millis(20);
/// Placed things that wait for a block to be written, at most.
const READY_MAX: usize = 1 << 16;

/// Work for any thread.
enum Job {
    Hash(u64, Segment),
    Pack(u64, Box<PackJob>),
}

struct PackJob {
    block: NewBlock,
    /// First byte in data space.
    at: u64,
    out: Vec<u8>,
}

/// Work that is done.
enum Done {
    Hashed(u64, Segment, Hashing),
    Packed(u64, Box<Packed>, Duration),
    Failed(Error),
}

/// An unbounded channel of the crate takes memory for so many messages at once, each with a word
/// beside it and all with one more, and ends the process where there is none. A bounded one takes
/// it for all that it may hold.
const AT_ONCE: usize = 31;
const _: () = assert!(AT_ONCE * (size_of::<Job>() + 8) + 8 < PAGE_4K);
const _: () = assert!(AT_ONCE * (size_of::<Done>() + 8) + 8 < PAGE_4K);

/// What a segment took.
struct Hashing {
    unpacking: Duration,
    hashing: Duration,
}

struct Packed {
    block: NewBlock,
    /// The stored form; empty when the block is stored as it is.
    out: Vec<u8>,
    entry: BlockEntry,
    sealing: Duration,
}

/// Time spent, summed over all threads.
#[derive(Debug, Default, Clone, Copy)]
pub struct Costs {
    /// What reading took, with unpacking what was read.
    pub read: ReadCost,
    /// Finding zeros and hashing units.
    pub hash: Duration,
    /// Compressing blocks and hashing what is stored.
    pub compress: Duration,
    /// Sealing blocks.
    pub seal: Duration,
}

/// What every worker needs.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// How to compress.
    pub method: Method,
    /// The dictionary, if one was trained.
    pub dictionary: Option<&'a EncodeDictionary>,
    /// What units are.
    pub units: UnitKind,
    /// The keys of an encrypted file.
    pub keys: Option<&'a Keys>,
}

/// A thread's own contexts.
struct Worker<'a> {
    encoder: Encoder<'a>,
    decompressors: Decompressors,
    units: UnitKind,
    keys: Option<&'a Keys>,
}

impl<'a> Worker<'a> {
    fn new(work: Work<'a>) -> Result<Self> {
        Ok(Worker {
            encoder: Encoder::new(work.method, work.dictionary)?,
            decompressors: Decompressors::default(),
            units: work.units,
            keys: work.keys,
        })
    }

    fn run(&mut self, job: Job) -> Done {
        let start = Instant::now();
        match job {
            Job::Hash(number, mut segment) => match self.hash(&mut segment) {
                Ok(took) => Done::Hashed(number, segment, took),
                Err(e) => Done::Failed(e),
            },
            Job::Pack(number, job) => match self.pack(*job) {
                Ok(packed) => Done::Packed(number, Box::new(packed), start.elapsed()),
                Err(e) => Done::Failed(e),
            },
        }
    }

    fn hash(&mut self, segment: &mut Segment) -> Result<Hashing> {
        let start = Instant::now();
        segment.unpack(&mut self.decompressors)?;
        #[cfg(test)]
        super::testing::panic_at(&segment.buffer.bytes, super::testing::PANIC_HASHING);
        let unpacking = start.elapsed();
        match self.keys {
            Some(keys) => {
                keys.with_unit_hash_key(|key| hash_segment(segment, self.units, Some(key)))?;
            }
            None => hash_segment(segment, self.units, None)?,
        }
        Ok(Hashing {
            unpacking,
            hashing: start.elapsed().saturating_sub(unpacking),
        })
    }

    fn pack(&mut self, PackJob { block, at, mut out }: PackJob) -> Result<Packed> {
        let bytes = block.data.bytes();
        #[cfg(test)]
        super::testing::panic_at(bytes, super::testing::PANIC_PACKING);
        let codec = self.encoder.encode(bytes, &mut out)?;
        let stored = if codec == Codec::Stored { bytes } else { &out };
        let mut entry = BlockEntry {
            stored_len: stored.len() as u32,
            decoded_len: bytes.len() as u32,
            codec,
            crc: 0,
            hash: [0; 32],
        };
        let mut sealing = Duration::ZERO;
        match self.keys {
            None => {
                entry.crc = crc32c::crc32c(stored);
                entry.hash = *blake3::hash(stored).as_bytes();
            }
            Some(keys) => {
                let start = Instant::now();
                let piece = Piece {
                    kind: PieceKind::Block,
                    codec: codec as u8,
                    ordinal: at,
                    len: entry.stored_len,
                    decoded_len: entry.decoded_len,
                };
                entry.hash = seal(keys, &piece, bytes, &mut out)?;
                sealing = start.elapsed();
            }
        }
        Ok(Packed {
            block,
            out,
            entry,
            sealing,
        })
    }

    /// Works until there is nothing more to come.
    fn serve(mut self, jobs: &Receiver<Job>, done: &Sender<Done>) {
        for job in jobs {
            // The calling thread waits for each job: a panic must reach it as a result.
            let result = guarded(|| self.run(job))
                .unwrap_or_else(|text| Done::Failed(Error::Internal(text)));
            if done.send(result).is_err() {
                return;
            }
        }
    }
}

/// Placed things in the order of the file; blocks are with the workers by number.
enum Next {
    Block(u64),
    Extents(Vec<StreamExtent>),
}

/// The calling thread's side.
struct Caller<'a, 's, 'c> {
    /// Sources that were not begun yet.
    sources: &'a [Box<dyn Source>],
    /// Number of the next one.
    stream: u32,
    plan: Plan,
    cdc: Option<&'a CdcSizes>,
    control: &'a mut Control<'c>,
    writer: &'a mut Writer<'s>,
    placer: Placer,
    worker: Worker<'a>,
    jobs: Sender<Job>,
    queue: Receiver<Job>,
    done: Receiver<Done>,
    pool: Arc<BufferPool>,
    reader: Option<Reader<'a>>,
    /// Items in order; segments are with the workers until they are hashed.
    items: VecDeque<(u64, Option<Item>)>,
    items_read: u64,
    /// Unit of the first item's segment that is placed next.
    cursor: usize,
    next: VecDeque<Next>,
    waiting_extents: usize,
    packed: HashMap<u64, Box<Packed>>,
    blocks_placed: u64,
    /// Bytes of data space that they fill.
    data_placed: u64,
    blocks_written: u64,
    spare: Vec<Vec<u8>>,
    placed_bytes: u64,
    costs: Costs,
}

/// Packs all sources through `placer` into `writer`.
#[allow(clippy::too_many_arguments)]
pub fn run<'c>(
    sources: &[Box<dyn Source>],
    work: Work<'_>,
    plan: Plan,
    cdc: Option<&CdcSizes>,
    placer: Placer,
    writer: &mut Writer<'_>,
    control: &mut Control<'c>,
) -> Result<(Costs, Counts)> {
    // Every segment or block under way is one job or one result, which the plan bounds: no send
    // ever waits, and the channels need no bound of their own.
    let (jobs, queue) = unbounded();
    let (done_in, done) = unbounded();
    thread::scope(|scope| {
        for _ in 1..plan.threads {
            let worker = Worker::new(work)?;
            let (queue, done_in) = (queue.clone(), done_in.clone());
            // Fewer threads are no failure: the bytes are the same.
            if spawn_scoped(scope, move || worker.serve(&queue, &done_in)).is_err() {
                break;
            }
        }
        let caller = Caller {
            sources,
            stream: 0,
            plan,
            cdc,
            control,
            writer,
            placer,
            worker: Worker::new(work)?,
            jobs,
            queue,
            done,
            pool: BufferPool::new(plan.segment_len),
            reader: None,
            items: VecDeque::new(),
            items_read: 0,
            cursor: 0,
            next: VecDeque::new(),
            waiting_extents: 0,
            packed: HashMap::new(),
            blocks_placed: 0,
            data_placed: 0,
            blocks_written: 0,
            spare: Vec::new(),
            placed_bytes: 0,
            costs: Costs::default(),
        };
        // Dropping the caller drops the only sender of jobs, which ends the workers.
        caller.run()
    })
}

impl Caller<'_, '_, '_> {
    fn run(mut self) -> Result<(Costs, Counts)> {
        let driven = self.drive();
        if driven.is_err() {
            // What the workers have not begun, they need not begin.
            while self.queue.try_recv().is_ok() {}
        }
        driven.map(|()| (self.costs, self.placer.counts()))
    }

    fn drive(&mut self) -> Result<()> {
        loop {
            self.control
                .advance(self.placed_bytes, self.writer.position())?;
            while let Ok(done) = self.done.try_recv() {
                self.take(done)?;
            }
            // What frees memory comes first, what takes memory last.
            if self.write_one()? || self.place_one()? || self.read_one()? || self.help()? {
                continue;
            }
            if self.is_finished() {
                return Ok(());
            }
            match self.done.recv_timeout(NAP) {
                Ok(done) => self.take(done)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Internal("the workers are gone".to_owned()));
                }
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.sources.is_empty()
            && self.reader.is_none()
            && self.items.is_empty()
            && self.next.is_empty()
    }

    fn take(&mut self, done: Done) -> Result<()> {
        match done {
            Done::Hashed(number, segment, took) => {
                self.costs.read.time += took.unpacking;
                self.costs.hash += took.hashing;
                let item = self.items.iter_mut().find(|(n, _)| *n == number);
                let (_, item) =
                    item.ok_or_else(|| Error::Internal("a segment came twice".to_owned()))?;
                *item = Some(Item::Segment(segment));
            }
            Done::Packed(number, packed, time) => {
                self.costs.compress += time.saturating_sub(packed.sealing);
                self.costs.seal += packed.sealing;
                self.packed.try_reserve(1).map_err(|_| NoMemory {
                    what: "packed blocks",
                    bytes: 2 * self.packed.len() * size_of::<(u64, Box<Packed>)>(),
                })?;
                self.packed.insert(number, packed);
            }
            Done::Failed(e) => return Err(e),
        }
        Ok(())
    }

    /// Writes the next thing of the file, if it is there.
    fn write_one(&mut self) -> Result<bool> {
        match self.next.front() {
            None => return Ok(false),
            Some(Next::Extents(extents)) => {
                for extent in extents {
                    self.writer.extent(extent)?;
                }
                self.waiting_extents -= extents.len();
            }
            Some(Next::Block(number)) => {
                let Some(packed) = self.packed.remove(number) else {
                    return Ok(false);
                };
                let Packed {
                    block, out, entry, ..
                } = *packed;
                let bytes = block.data.bytes();
                self.writer.block(&StoredBlock {
                    stored: if out.is_empty() { bytes } else { &out },
                    entry,
                    stream: block.stream as usize,
                    hashes: &block.hashes,
                    lens: &block.lens,
                })?;
                self.blocks_written += 1;
                try_push(&mut self.spare, out, "a list of buffers")?;
                if let BlockData::Owned(bytes) = block.data {
                    self.placer.recycle(bytes);
                }
            }
        }
        self.next.pop_front();
        Ok(true)
    }

    /// Places the next window or item, if it is hashed and there is room for its blocks.
    fn place_one(&mut self) -> Result<bool> {
        let under_way = (self.blocks_placed - self.blocks_written) as usize;
        // A step gives a block and closes the pool, at most.
        if under_way + 2 > self.plan.blocks || self.waiting_extents >= READY_MAX {
            return Ok(false);
        }
        let Some((_, Some(item))) = self.items.front() else {
            return Ok(false);
        };
        let complete = match item {
            Item::Zeros { stream, len } => {
                self.placed_bytes += len;
                self.placer.zeros(*stream, *len)?;
                true
            }
            Item::End { stream } => {
                self.placer.end_stream(*stream)?;
                true
            }
            Item::Segment(segment) => {
                let from = self.cursor;
                self.cursor = self.placer.step(segment, from)?;
                let placed = segment.units.get(from..self.cursor).unwrap_or_default();
                self.placed_bytes += placed.iter().map(|u| u64::from(u.len)).sum::<u64>();
                self.cursor >= segment.units.len()
            }
        };
        if complete {
            self.items.pop_front();
            self.cursor = 0;
        }
        while let Some(placed) = self.placer.pop() {
            match placed {
                Placed::Block(block) => {
                    let out = self.spare.pop().unwrap_or_default();
                    let at = self.data_placed;
                    self.data_placed += block.data.bytes().len() as u64;
                    let job = Box::new(PackJob { block, at, out });
                    self.submit(Job::Pack(self.blocks_placed, job))?;
                    let next = Next::Block(self.blocks_placed);
                    try_push_back(&mut self.next, next, "blocks on their way")?;
                    self.blocks_placed += 1;
                }
                Placed::Extents(extents) => {
                    self.waiting_extents += extents.len();
                    let next = Next::Extents(extents);
                    try_push_back(&mut self.next, next, "extents on their way")?;
                }
            }
        }
        Ok(true)
    }

    /// Reads the next item, if a buffer is free.
    fn read_one(&mut self) -> Result<bool> {
        if self.pool.out() >= self.plan.segments {
            return Ok(false);
        }
        if self.reader.is_none() {
            let Some((source, rest)) = self.sources.split_first() else {
                return Ok(false);
            };
            self.reader = Some(Reader::new(
                source.as_ref(),
                self.stream,
                self.plan.segment_len,
                self.cdc,
                self.plan.leave_packed,
                self.control.cancel(),
            ));
            self.sources = rest;
            self.stream += 1;
        }
        let Some(reader) = &mut self.reader else {
            return Ok(false);
        };
        let number = self.items_read;
        match reader.next(&self.pool, &mut self.costs.read)? {
            None => {
                self.reader = None;
                return Ok(true);
            }
            Some(Item::Segment(segment)) => {
                try_push_back(&mut self.items, (number, None), "segments on their way")?;
                self.submit(Job::Hash(number, segment))?;
            }
            Some(item) => {
                let item = (number, Some(item));
                try_push_back(&mut self.items, item, "runs of zeros on their way")?;
            }
        }
        self.items_read += 1;
        Ok(true)
    }

    /// Does a job of the workers, if there is one.
    fn help(&mut self) -> Result<bool> {
        let Ok(job) = self.queue.try_recv() else {
            return Ok(false);
        };
        let done = self.worker.run(job);
        self.take(done)?;
        Ok(true)
    }

    fn submit(&self, job: Job) -> Result<()> {
        self.jobs
            .send(job)
            .map_err(|_| Error::Internal("nobody takes jobs".to_owned()))
    }
}
