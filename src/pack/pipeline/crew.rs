//! Work that any thread can do: segments unpacked and hashed, blocks compressed. The calling thread
//! has a hand free for it when there is nothing else to do.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::super::hash::hash_segment;
use super::super::heritage::{Comparer, SamePlace};
use super::super::placed::NewBlock;
use super::super::seal::seal;
use super::super::segment::{Segment, UnitKind};
use super::NAP;
use crate::codec::{EncodeDictionary, Encoder, Method};
use crate::control::Cancel;
use crate::crypto::{Keys, Piece, PieceKind};
use crate::error::{Error, Result};
use crate::format::{BlockEntry, Codec, PAGE_4K};
use crate::panic::guarded;
use crate::source::{Decompressors, StoredBlocks};

/// Work for any thread.
pub enum Job {
    Hash(u64, Segment),
    Pack(u64, Box<PackJob>),
}

pub struct PackJob {
    pub block: NewBlock,
    /// First byte in data space.
    pub at: u64,
    pub out: Vec<u8>,
}

/// Work that is done.
pub enum Done {
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
pub struct Hashing {
    pub unpacking: Duration,
    pub hashing: Duration,
}

pub struct Packed {
    pub block: NewBlock,
    /// The stored form; empty when the block is stored as it is.
    pub out: Vec<u8>,
    pub entry: BlockEntry,
    /// Whether a source had it as it is stored now.
    pub copied: bool,
    pub sealing: Duration,
}

/// What every worker needs.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// How to compress.
    pub method: Method,
    /// The dictionary, if one was trained.
    pub dictionary: Option<&'a EncodeDictionary>,
    /// What the sources have stored already, made by the same recipe, by number of the stream.
    pub stored: &'a [Option<Box<dyn StoredBlocks>>],
    /// What units are.
    pub units: UnitKind,
    /// The keys of an encrypted file.
    pub keys: Option<&'a Keys>,
    /// The parent, if there is one.
    pub same_place: Option<&'a SamePlace>,
    /// Stops the work.
    pub cancel: Option<&'a Cancel>,
}

/// A thread's own contexts.
pub struct Worker<'a> {
    encoder: Encoder<'a>,
    stored: &'a [Option<Box<dyn StoredBlocks>>],
    decompressors: Decompressors,
    units: UnitKind,
    keys: Option<&'a Keys>,
    parent: Option<Comparer<'a>>,
    cancel: Option<&'a Cancel>,
}

impl<'a> Worker<'a> {
    pub fn new(work: Work<'a>) -> Result<Self> {
        Ok(Worker {
            encoder: Encoder::new(work.method, work.dictionary)?,
            stored: work.stored,
            decompressors: Decompressors::default(),
            units: work.units,
            keys: work.keys,
            parent: work.same_place.map(|parent| parent.comparer(work.cancel)),
            cancel: work.cancel,
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
        segment.complete(&mut self.decompressors, self.cancel)?;
        #[cfg(test)]
        super::super::testing::panic_at(
            &segment.buffer.bytes,
            super::super::testing::PANIC_HASHING,
        );
        let unpacking = start.elapsed();
        match self.keys {
            Some(keys) => {
                let parent = self.parent.as_mut();
                keys.with_unit_hash_key(|key| {
                    hash_segment(segment, self.units, Some(key), parent)
                })?;
            }
            None => hash_segment(segment, self.units, None, self.parent.as_mut())?,
        }
        Ok(Hashing {
            unpacking,
            hashing: start.elapsed().saturating_sub(unpacking),
        })
    }

    fn pack(&mut self, PackJob { block, at, mut out }: PackJob) -> Result<Packed> {
        let bytes = block.data.bytes();
        #[cfg(test)]
        super::super::testing::panic_at(bytes, super::super::testing::PANIC_PACKING);
        let taken = self.take(&block, &mut out)?;
        let codec = match taken {
            Some(codec) => codec,
            None => self.encoder.encode(bytes, &mut out)?,
        };
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
            copied: taken.is_some(),
            sealing,
        })
    }

    /// Takes the block from a source that has it as it would be stored.
    fn take(&self, block: &NewBlock, out: &mut Vec<u8>) -> Result<Option<Codec>> {
        match self.stored.get(block.first.stream as usize) {
            Some(Some(stored)) => stored.take(block.first.offset, block.data.bytes(), out),
            _ => Ok(None),
        }
    }

    /// Works until there is nothing more to come.
    pub fn serve(mut self, jobs: &Receiver<Job>, done: &Sender<Done>) {
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

/// The calling thread's end of the queues, and its own hand.
pub struct Crew<'a> {
    pub worker: Worker<'a>,
    /// The only sender of jobs: dropped, it ends the workers.
    pub jobs: Sender<Job>,
    pub queue: Receiver<Job>,
    pub done: Receiver<Done>,
}

impl Crew<'_> {
    /// Hands a job to whoever is free first.
    pub fn submit(&self, job: Job) -> Result<()> {
        self.jobs
            .send(job)
            .map_err(|_| Error::Internal("nobody takes jobs".to_owned()))
    }

    /// What is done, if anything is.
    pub fn next_done(&self) -> Option<Done> {
        self.done.try_recv().ok()
    }

    /// Waits for something to be done, for a while. Nobody can be gone: whoever starts the workers
    /// keeps a sender too.
    pub fn wait(&self) -> Option<Done> {
        self.done.recv_timeout(NAP).ok()
    }

    /// Does a job of the workers, if there is one.
    pub fn help(&mut self) -> Option<Done> {
        let job = self.queue.try_recv().ok()?;
        Some(self.worker.run(job))
    }

    /// What the workers have not begun, they need not begin.
    pub fn dismiss(&self) {
        while self.queue.try_recv().is_ok() {}
    }
}
