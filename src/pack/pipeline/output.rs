//! Placed things in the order of the file; blocks are with the workers until they are compressed.

use std::collections::VecDeque;

use super::super::map::Anywhere;
use super::super::placed::{NewBlock, Placed};
use super::super::writer::{StoredBlock, StreamExtent, Writer};
use super::crew::{Job, PackJob, Packed};
use crate::error::{Error, Result, try_push, try_push_back};
use crate::format::{StreamEntry, Target};

/// Placed things that wait for a block to be written, at most.
const READY_MAX: usize = 1 << 16;

/// See the module.
pub struct Output<'a, 's> {
    writer: &'a mut Writer<'s>,
    log: Option<&'a mut Log>,
    next: VecDeque<Next>,
    waiting_extents: usize,
    /// Blocks from the next one to be written on, as far as they are compressed.
    packed: VecDeque<Option<Box<Packed>>>,
    blocks_placed: u64,
    /// Bytes of data space that they fill.
    data_placed: u64,
    blocks_written: u64,
    spare: Vec<Vec<u8>>,
}

/// Extents that may come in any order. As long as they are in order, they are written as they come;
/// all of them are kept all the same, since nobody knows whether the next one is in order.
pub struct Log {
    /// All of them.
    pub all: Anywhere,
    /// Where the next one is if it is in order; nothing once one was not.
    next: Option<(u32, u64)>,
}

impl Log {
    /// Nothing came yet.
    pub fn new(all: Anywhere) -> Self {
        Log {
            all,
            next: Some((0, 0)),
        }
    }

    /// Whether extents were not in order, so that the writer has none of them.
    pub fn is_scattered(&self) -> bool {
        self.next.is_none()
    }

    fn extent(&mut self, extent: &StreamExtent, writer: &mut Writer<'_>) -> Result<()> {
        self.all.extent(extent)?;
        let Some((stream, at)) = self.next else {
            return Ok(());
        };
        // Whoever goes on to another stream has completed this one.
        if (extent.stream == stream && extent.at == at)
            || (extent.stream > stream && extent.at == 0)
        {
            self.next = Some((extent.stream, extent.at + extent.len));
            return writer.extent(extent);
        }
        self.next = None;
        writer.give_up_extents();
        Ok(())
    }

    /// Gives the writer all extents in order, with zeros between them.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<()> {
        let sizes: Vec<u64> = writer.streams().iter().map(|s| s.size).collect();
        let mut all = self.all.merged()?;
        let mut next = all.next()?;
        for (stream, size) in sizes.into_iter().enumerate() {
            let stream = stream as u32;
            let mut at = 0;
            while at < size {
                let here = next.filter(|extent| extent.stream == stream);
                let until = here.map_or(size, |extent| extent.at);
                if until > at {
                    writer.extent(&StreamExtent {
                        stream,
                        at,
                        len: until - at,
                        target: Target::Zero,
                    })?;
                }
                at = until;
                if let Some(extent) = here {
                    writer.extent(&extent)?;
                    at += extent.len;
                    next = all.next()?;
                }
            }
        }
        match next {
            None => Ok(()),
            Some(_) => Err(Error::Internal("an extent of no stream".to_owned())),
        }
    }
}

enum Next {
    Block,
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
    /// Everything goes to `writer`; extents into `log` too, if they may be out of order.
    pub fn new(writer: &'a mut Writer<'s>, log: Option<&'a mut Log>) -> Self {
        Output {
            writer,
            log,
            next: VecDeque::new(),
            waiting_extents: 0,
            packed: VecDeque::new(),
            blocks_placed: 0,
            data_placed: 0,
            blocks_written: 0,
            spare: Vec::new(),
        }
    }

    /// Takes one more stream.
    pub fn add_stream(&mut self, entry: StreamEntry) -> Result<()> {
        self.writer.add_stream(entry)
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
                try_push_back(&mut self.next, Next::Block, "blocks on their way")?;
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
        let at = (number - self.blocks_written) as usize;
        while self.packed.len() <= at {
            try_push_back(&mut self.packed, None, "packed blocks")?;
        }
        if let Some(place) = self.packed.get_mut(at) {
            *place = Some(packed);
        }
        Ok(())
    }

    /// Writes the next thing of the file, if it is there.
    pub fn write_one(&mut self) -> Result<Wrote> {
        let wrote = match self.next.front() {
            None => return Ok(Wrote::Nothing),
            Some(Next::Extents(extents)) => {
                for extent in extents {
                    match &mut self.log {
                        Some(log) => log.extent(extent, self.writer)?,
                        None => self.writer.extent(extent)?,
                    }
                }
                self.waiting_extents -= extents.len();
                Wrote::Extents
            }
            Some(Next::Block) => {
                let Some(packed) = self.packed.front_mut().and_then(Option::take) else {
                    return Ok(Wrote::Nothing);
                };
                self.packed.pop_front();
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
                if let Some(log) = &mut self.log {
                    log.all.block(entry.decoded_len, entry.stored_len)?;
                }
                self.blocks_written += 1;
                try_push(&mut self.spare, out, "a list of buffers")?;
                Wrote::Block(block)
            }
        };
        self.next.pop_front();
        Ok(wrote)
    }
}
