//! Threads of the pack core. The calling thread reads, places and writes, all in order; workers
//! unpack and hash segments and compress blocks, in any order; and while there is nothing for it to
//! do, the calling thread works too. Every queue is bounded by what the plan allows to be under way.

mod crew;
mod input;
mod output;

use std::thread;
use std::time::Duration;

use crossbeam_channel::unbounded;

use super::feed::Feed;
use super::heritage::SamePlace;
use super::place::Placer;
use super::placed::{BlockData, Counts};
use super::plan::Plan;
use super::reader::ReadCost;
use super::segment::Item;
use super::writer::Writer;
use crate::control::Control;
use crate::error::Result;
use crate::workers::spawn_scoped;
pub use crew::Work;
use crew::{Crew, Done, Job, Worker};
use input::{Input, Step};
pub use output::Log;
use output::{Output, Wrote};

/// How long the calling thread waits before it looks for a cancellation again.
const NAP: Duration = Duration::from_millis(20);

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
    /// Blocks that a source had as they are stored now.
    pub copied: u64,
}

/// The calling thread's side.
struct Caller<'a, 's, 'c> {
    plan: Plan,
    control: &'a mut Control<'c>,
    crew: Crew<'a>,
    input: Input<'a>,
    placer: Placer<'a>,
    same_place: Option<&'a SamePlace>,
    output: Output<'a, 's>,
    /// Unit of the first item's segment that is placed next, or byte of what is the parent's.
    cursor: usize,
    placed_bytes: u64,
    /// Jobs that are not done.
    under_way: usize,
    costs: Costs,
}

/// Packs all that `feed` gives through `placer` into `writer`, extents into `log` too.
#[allow(clippy::too_many_arguments)]
pub fn run<'c>(
    feed: &mut dyn Feed,
    work: Work<'_>,
    plan: Plan,
    placer: Placer<'_>,
    writer: &mut Writer<'_>,
    log: Option<&mut Log>,
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
            plan,
            crew: Crew {
                worker: Worker::new(work)?,
                jobs,
                queue,
                done,
            },
            input: Input::new(feed),
            control,
            placer,
            same_place: work.same_place,
            output: Output::new(writer, log),
            cursor: 0,
            placed_bytes: 0,
            under_way: 0,
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
            self.crew.dismiss();
        }
        driven.map(|()| (self.costs, self.placer.counts()))
    }

    fn drive(&mut self) -> Result<()> {
        loop {
            self.control
                .advance(self.placed_bytes, self.output.position())?;
            self.input
                .advanced(self.placed_bytes, self.output.position());
            while let Some(done) = self.crew.next_done() {
                self.take(done)?;
            }
            // What frees memory comes first, what takes memory last.
            if self.write_one()? || self.place_one()? || self.read_one()? || self.help()? {
                continue;
            }
            if self.input.is_finished() && self.output.is_finished() {
                return Ok(());
            }
            if self.under_way == 0 {
                self.input.wait();
            } else if let Some(done) = self.crew.wait() {
                self.take(done)?;
            }
        }
    }

    fn take(&mut self, done: Done) -> Result<()> {
        self.under_way -= 1;
        match done {
            Done::Hashed(number, segment, took) => {
                self.costs.read.time += took.unpacking;
                self.costs.hash += took.hashing;
                self.input.hashed(number, segment)?;
            }
            Done::Packed(number, packed, time) => {
                self.costs.compress += time.saturating_sub(packed.sealing);
                self.costs.seal += packed.sealing;
                self.costs.copied += u64::from(packed.copied);
                self.output.packed(number, packed)?;
            }
            Done::Failed(e) => return Err(e),
        }
        Ok(())
    }

    /// Writes the next thing of the file, if it is there.
    fn write_one(&mut self) -> Result<bool> {
        match self.output.write_one()? {
            Wrote::Nothing => return Ok(false),
            Wrote::Extents => {}
            Wrote::Block(block) => {
                if let BlockData::Owned(bytes) = block.data {
                    self.placer.recycle(bytes);
                }
            }
        }
        Ok(true)
    }

    /// Places the next window or item, if it is hashed and there is room for its blocks.
    fn place_one(&mut self) -> Result<bool> {
        // A step gives a block and closes the pool, at most.
        if !self.output.has_room(self.plan.blocks) {
            return Ok(false);
        }
        let Some(item) = self.input.front() else {
            return Ok(false);
        };
        let complete = match item {
            Item::Zeros {
                stream,
                offset,
                len,
            } => {
                self.placed_bytes += len;
                self.placer.zeros(*stream, *offset, *len)?;
                true
            }
            Item::Inherited {
                stream,
                offset,
                len,
            } => {
                let done = self.cursor as u64;
                let placed = self.placer.inherited(*stream, offset + done, len - done)?;
                self.placed_bytes += placed;
                self.cursor += placed as usize;
                done + placed >= *len
            }
            Item::End { stream } => {
                self.placer.end_stream(*stream)?;
                true
            }
            Item::Segment(segment) => {
                if !self.placer.is_ready_for(segment)? {
                    return Ok(true);
                }
                let from = self.cursor;
                self.cursor = self.placer.step(segment, from)?;
                let placed = segment.units.get(from..self.cursor).unwrap_or_default();
                self.placed_bytes += placed.iter().map(|u| u64::from(u.len)).sum::<u64>();
                self.cursor >= segment.units.len()
            }
        };
        if complete {
            self.input.pop();
            self.cursor = 0;
        }
        while let Some(placed) = self.placer.pop() {
            if let Some(job) = self.output.placed(placed)? {
                self.submit(job)?;
            }
        }
        Ok(true)
    }

    fn submit(&mut self, job: Job) -> Result<()> {
        self.under_way += 1;
        self.crew.submit(job)
    }

    /// Reads the next item, if there is one and a buffer for it.
    fn read_one(&mut self) -> Result<bool> {
        match self.input.read_one(&mut self.costs.read)? {
            Step::Nothing => return Ok(false),
            Step::Read => {}
            Step::Stream(entry) => {
                if let Some(parent) = self.same_place {
                    parent.add_stream(&entry.name)?;
                }
                self.placer.add_stream(&entry)?;
                self.output.add_stream(entry)?;
            }
            Step::Job(job) => self.submit(job)?,
        }
        Ok(true)
    }

    /// Does a job of the workers, if there is one.
    fn help(&mut self) -> Result<bool> {
        let Some(done) = self.crew.help() else {
            return Ok(false);
        };
        self.take(done)?;
        Ok(true)
    }
}
