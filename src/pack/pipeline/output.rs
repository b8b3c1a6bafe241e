//! Placed things in the order of the file; blocks are with the workers until they are compressed.

use std::collections::{HashMap, VecDeque};

use super::super::placed::{NewBlock, Placed};
use super::super::writer::{StoredBlock, StreamExtent, Writer};
use super::crew::{Job, PackJob, Packed};
use crate::error::{NoMemory, Result, try_push, try_push_back};

/// Placed things that wait for a block to be written, at most.
const READY_MAX: usize = 1 << 16;

/// See the module.
pub struct Output<'a, 's> {
    writer: &'a mut Writer<'s>,
    next: VecDeque<Next>,
    waiting_extents: usize,
    packed: HashMap<u64, Box<Packed>>,
    blocks_placed: u64,
    /// Bytes of data space that they fill.
    data_placed: u64,
    blocks_written: u64,
    spare: Vec<Vec<u8>>,
}

/// Blocks by number.
enum Next {
    Block(u64),
    Extents(Vec<StreamExtent>),
}

/// What came of an attempt to write.
pub enum Wrote {
    /// What comes next is not there yet.
    Nothing,
    /// Extents.
    Extents,
    /// A block.
    Block(NewBlock),
}

impl<'a, 's> Output<'a, 's> {
    /// Everything goes to `writer`.
    pub fn new(writer: &'a mut Writer<'s>) -> Self {
        Output {
            writer,
            next: VecDeque::new(),
            waiting_extents: 0,
            packed: HashMap::new(),
            blocks_placed: 0,
            data_placed: 0,
            blocks_written: 0,
            spare: Vec::new(),
        }
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.writer.position()
    }

    /// Whether all that was placed is written.
    pub fn is_finished(&self) -> bool {
        self.next.is_empty()
    }

    /// Whether there may be two blocks more, of `blocks_max` under way.
    pub fn has_room(&self, blocks_max: usize) -> bool {
        let under_way = (self.blocks_placed - self.blocks_written) as usize;
        under_way + 2 <= blocks_max && self.waiting_extents < READY_MAX
    }

    /// Takes what comes next in the file. Gives the work on it, if it is a block.
    pub fn placed(&mut self, placed: Placed) -> Result<Option<Job>> {
        match placed {
            Placed::Block(block) => {
                let out = self.spare.pop().unwrap_or_default();
                let (number, at) = (self.blocks_placed, self.data_placed);
                self.data_placed += block.data.bytes().len() as u64;
                let job = Box::new(PackJob { block, at, out });
                try_push_back(&mut self.next, Next::Block(number), "blocks on their way")?;
                self.blocks_placed += 1;
                Ok(Some(Job::Pack(number, job)))
            }
            Placed::Extents(extents) => {
                self.waiting_extents += extents.len();
                let next = Next::Extents(extents);
                try_push_back(&mut self.next, next, "extents on their way")?;
                Ok(None)
            }
        }
    }

    /// Takes a block back that was compressed.
    pub fn packed(&mut self, number: u64, packed: Box<Packed>) -> Result<()> {
        self.packed.try_reserve(1).map_err(|_| NoMemory {
            what: "packed blocks",
            bytes: 2 * self.packed.len() * size_of::<(u64, Box<Packed>)>(),
        })?;
        self.packed.insert(number, packed);
        Ok(())
    }

    /// Writes the next thing of the file, if it is there.
    pub fn write_one(&mut self) -> Result<Wrote> {
        let wrote = match self.next.front() {
            None => return Ok(Wrote::Nothing),
            Some(Next::Extents(extents)) => {
                for extent in extents {
                    self.writer.extent(extent)?;
                }
                self.waiting_extents -= extents.len();
                Wrote::Extents
            }
            Some(Next::Block(number)) => {
                let Some(packed) = self.packed.remove(number) else {
                    return Ok(Wrote::Nothing);
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
                Wrote::Block(block)
            }
        };
        self.next.pop_front();
        Ok(wrote)
    }
}
