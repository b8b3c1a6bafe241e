//! Streams that are pushed: the pack core fed by calls.
//!
//! What is pushed is copied and gathered to segments by the thread that calls; a thread of the
//! builder packs them and writes the file, so that a call need not wait for either while there is
//! room. A sink of the host is called by the thread that calls, for which what is packed waits.

mod feed;
mod order;
mod packer;
mod shared;
mod staging;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use packer::Output as PushOutput;
use packer::{Output, Packer, Packing};
use shared::{Pushed, Shared, State};
use staging::{Staging, What};

use super::map::{Anywhere, Spill};
use super::pipeline::Log;
use super::plan::{Demand, Plan, Pushing};
use super::reader::segment_len;
use super::segment::BufferPool;
use super::{Heritage, Options, Report};
use crate::control::{Control, Phase};
use crate::error::{Error, Result, try_push, try_zeroed};
use crate::format::{PAGE_4K, STREAM_SIZE_MAX, STREAMS_MAX};
use crate::keyring::Encryption;
use crate::sink::{SpillFolder, Uncommitted};
use crate::source::{Deferral, ParentStream};
use crate::workers::thread_count;

const PAGE: u64 = PAGE_4K as u64;
/// How long a call waits before it looks for a cancellation again.
const NAP: Duration = Duration::from_millis(20);
/// Bytes of a parent that are read at once.
const READ: u64 = 256 << 10;
/// A stream, and a place in it.
type At = (u32, u64);

/// What is needed to begin.
pub struct PushRequest {
    /// How to pack. There is no dictionary.
    pub options: Options,
    /// The keys of an encrypted file.
    pub encryption: Option<Encryption>,
    /// What need not be stored.
    pub heritage: Option<Heritage>,
    /// Where it goes.
    pub output: PushOutput,
    /// The host's sink, if it goes there.
    pub sink: Option<Uncommitted>,
    /// Where to spill, if streams may come in any order.
    pub spill: Option<SpillFolder>,
}

/// A snapshot that is pushed. Dropped before it is finished, it leaves nothing.
pub struct Push {
    shared: Arc<Shared>,
    staging: Staging,
    packing: Packing,
    sink: Option<Uncommitted>,
    streams: Vec<Stream>,
    logical: u64,
    has_parent: bool,
    /// Where the next byte may be, if streams come front to back.
    front: Option<At>,
    begun: Instant,
    /// Once the first report was made, when the last one was.
    reported: Option<Option<Instant>>,
    stage: Stage,
}

struct Stream {
    name: String,
    parent: Option<Arc<dyn ParentStream>>,
}

enum Stage {
    Open,
    /// What made it fail.
    Failed(String),
    Finished,
}

fn pushing(options: &Options, sink: bool) -> Pushing {
    match options.chunk_sizes().is_some() || sink {
        true => Pushing::InOrder,
        false => Pushing::Anywhere,
    }
}

fn plan(options: &Options, heritage: Option<&Heritage>, pushing: Pushing) -> Result<Plan> {
    let segment_len = segment_len(options.profile.block_size, options.chunk_sizes());
    let demand = Demand {
        profile: &options.profile,
        cdc: options.chunk_sizes(),
        logical: 0,
        threads: thread_count(options.threads),
        memory_limit: options.memory_limit,
        deferral: Deferral::Nothing,
        per_thread: heritage.map_or(0, |h| h.memory_per_thread(segment_len)),
        inheritable: heritage.map_or(0, Heritage::unit_count),
        heritage: heritage.map_or(0, Heritage::memory),
        pushing: Some(pushing),
    };
    demand.plan()
}

/// Fails as [`Push::begin`] would if the memory limit is too little. `sink` says that the output is one.
pub fn check_push_memory(options: &Options, heritage: Option<&Heritage>, sink: bool) -> Result<()> {
    plan(options, heritage, pushing(options, sink)).map(|_| ())
}

impl Push {
    /// Begins: starts the thread that packs.
    pub fn begin(mut request: PushRequest) -> Result<Self> {
        // What a dictionary would be trained on is not there yet.
        request.options.profile.dictionary = false;
        let options = request.options;
        let pushing = pushing(&options, request.sink.is_some());
        let plan = plan(&options, request.heritage.as_ref(), pushing)?;
        let pool = BufferPool::new(plan.gather.len);
        let operand = match &request.output {
            Output::File(file) => crate::sink::Sink::operand(file).to_owned(),
            Output::Host(name) => name.clone(),
        };
        let shared = Arc::new(Shared::new(Arc::clone(&pool), plan.gather.all, &operand)?);
        let log = (pushing == Pushing::Anywhere).then(|| {
            let spill = Spill::new(request.spill, request.encryption.is_some());
            Log::new(Anywhere::new(plan.extents, spill))
        });
        let has_parent = (request.heritage.as_ref()).is_some_and(|h| h.parent().is_some());
        let packer = Packer {
            options,
            plan,
            encryption: request.encryption,
            heritage: request.heritage,
            log,
            output: request.output,
            pool: Arc::clone(&pool),
            shared: Arc::clone(&shared),
        };
        Ok(Push {
            packing: packer.start()?,
            shared,
            staging: Staging::new(pool, plan.gather.held),
            sink: request.sink,
            streams: Vec::new(),
            logical: 0,
            has_parent,
            front: (pushing == Pushing::InOrder).then_some((0, 0)),
            begun: Instant::now(),
            reported: None,
            stage: Stage::Open,
        })
    }

    /// A descriptor that is readable while [`Push::try_write`] need not wait, and after a failure.
    /// None with a sink: only calls that wait call that.
    pub fn ready_fd(&self) -> Option<i32> {
        match self.sink {
            None => Some(self.shared.ready_fd()),
            Some(_) => None,
        }
    }

    /// One more stream of `size` bytes, all of them zero; its number. `parent` is the parent's of that
    /// name, if there is a parent.
    pub fn add_stream(
        &mut self,
        name: &str,
        kind: u8,
        size: u64,
        parent: Option<Arc<dyn ParentStream>>,
    ) -> Result<u32> {
        self.check_open()?;
        if self.streams.len() >= STREAMS_MAX {
            return Err(Error::InvalidArgument(format!(
                "a snapshot has at most {STREAMS_MAX} streams, and there are so many"
            )));
        }
        if self.streams.iter().any(|stream| stream.name == name) {
            return Err(Error::InvalidArgument(format!(
                "there is another stream '{}'; give each one a name of its own",
                crate::error::operand(name.as_ref())
            )));
        }
        let logical = self.logical.checked_add(size);
        let logical = logical.filter(|_| size <= STREAM_SIZE_MAX);
        let Some(logical) = logical else {
            return Err(Error::InvalidArgument(format!(
                "a stream of {size} bytes is too large: one has at most {STREAM_SIZE_MAX}, and all \
                 together less than 2^64"
            )));
        };
        let added = self.add(name, kind, size, parent);
        self.or_fail(added)?;
        self.logical = logical;
        Ok(self.streams.len() as u32 - 1)
    }

    fn add(
        &mut self,
        name: &str,
        kind: u8,
        size: u64,
        parent: Option<Arc<dyn ParentStream>>,
    ) -> Result<()> {
        let stream = Stream {
            name: name.to_owned(),
            parent,
        };
        try_push(&mut self.streams, stream, "streams")?;
        self.staging.add_stream(size)?;
        self.shared
            .push(Pushed::Stream(feed::entry(name, kind, size)))
    }

    /// Writes `data`, over whatever was there.
    pub fn write(
        &mut self,
        stream: u32,
        offset: u64,
        data: &[u8],
        control: &mut Control<'_>,
    ) -> Result<()> {
        self.check(stream, offset, data.len() as u64)?;
        let done = self.working(control, |push, control| {
            push.copy(stream, offset, data, control)
        });
        self.or_fail(done)?;
        self.pass(stream, offset, data.len() as u64);
        Ok(())
    }

    /// The same if that need not wait; whether it was done.
    pub fn try_write(
        &mut self,
        stream: u32,
        offset: u64,
        data: &[u8],
        control: &Control<'_>,
    ) -> Result<bool> {
        self.check(stream, offset, data.len() as u64)?;
        let done = control.check().and_then(|()| {
            let over = {
                let mut state = self.shared.lock();
                self.shared.show(&mut state);
                match state.over {
                    false if !self.shared.has_room(&state) => return Ok(false),
                    over => over,
                }
            };
            if over {
                return Err(self.packing_failed());
            }
            self.put(stream, offset, data.len() as u64, What::Bytes(data))?;
            Ok(true)
        });
        let done = self.or_fail(done)?;
        if done {
            self.pass(stream, offset, data.len() as u64);
        }
        Ok(done)
    }

    /// Makes a range zeros.
    pub fn zero(
        &mut self,
        stream: u32,
        offset: u64,
        len: u64,
        control: &mut Control<'_>,
    ) -> Result<()> {
        self.check(stream, offset, len)?;
        let done = self.working(control, |push, control| {
            push.wait_for_room(control)?;
            push.put(stream, offset, len, What::Zero)
        });
        self.or_fail(done)?;
        self.pass(stream, offset, len);
        Ok(())
    }

    /// Makes a range what the parent has there, zeros beyond its end.
    pub fn inherit(
        &mut self,
        stream: u32,
        offset: u64,
        len: u64,
        control: &mut Control<'_>,
    ) -> Result<()> {
        self.check(stream, offset, len)?;
        if !self.has_parent {
            return Err(Error::InvalidArgument(
                "there is no parent to take anything from; give one when the builder is made"
                    .to_owned(),
            ));
        }
        let done = self.working(control, |push, control| {
            push.take_over(stream, offset, offset + len, control)
        });
        self.or_fail(done)?;
        self.pass(stream, offset, len);
        Ok(())
    }

    fn take_over(
        &mut self,
        stream: u32,
        offset: u64,
        end: u64,
        control: &mut Control<'_>,
    ) -> Result<()> {
        let parent = self.streams.get(stream as usize);
        let Some(parent) = parent.and_then(|stream| stream.parent.clone()) else {
            return Err(Error::Internal("a stream without its parent's".to_owned()));
        };
        let size = parent.size();
        let theirs = end.min(size).max(offset);
        let mut at = offset;
        while at < theirs {
            let (by_place, until) = parent.by_place(at)?;
            let until = until.min(theirs);
            let whole = match until {
                until if until == self.size(stream) => until,
                until => until / PAGE * PAGE,
            };
            if by_place && whole > at {
                self.wait_for_room(control)?;
                self.put(stream, at, whole - at, What::Inherited)?;
                at = whole;
                continue;
            }
            // A page that is the parent's only in part is data.
            let len = (until.next_multiple_of(PAGE).min(end) - at).min(READ);
            let mut bytes = try_zeroed(len as usize, "what is read of a parent")?;
            let read = (theirs - at).min(len) as usize;
            parent.read_at(at, bytes.get_mut(..read).unwrap_or_default())?;
            self.copy(stream, at, &bytes, control)?;
            at += len;
        }
        if at < end {
            self.wait_for_room(control)?;
            self.put(stream, at, end - at, What::Zero)?;
        }
        Ok(())
    }

    /// Completes the snapshot, and gives it its name.
    pub fn finish(&mut self, control: &mut Control<'_>) -> Result<Report> {
        self.check_open()?;
        if self.streams.is_empty() {
            return Err(Error::State(
                "the builder has no stream; add one, or free it".to_owned(),
            ));
        }
        let done = self.working(control, Push::complete);
        let report = self.or_fail(done)?;
        self.stage = Stage::Finished;
        Ok(report)
    }

    fn complete(&mut self, control: &mut Control<'_>) -> Result<Report> {
        self.staging.finish()?;
        self.hand_over()?;
        self.shared.close();
        self.wait(control, |_, _| false)?;
        let (done, file) = self.packing.outcome()?;
        while self.deliver()? {}
        let sink = match file {
            Some(file) => Some(Uncommitted::new(Box::new(file))),
            None => self.sink.take(),
        };
        let sink = sink.ok_or_else(|| Error::Internal("a builder without an output".to_owned()))?;
        let file_size = done.written.file_size;
        control.end(file_size)?;
        let syncing = Instant::now();
        control.begin(Phase::Sync, self.logical, file_size)?;
        sink.commit()?;
        control.conclude(file_size);
        Ok(done.report(syncing.elapsed(), self.begun.elapsed()))
    }

    /// Does `work` under a control that goes on where that of the last call ended.
    fn working<R>(
        &mut self,
        control: &mut Control<'_>,
        work: impl FnOnce(&mut Self, &mut Control<'_>) -> Result<R>,
    ) -> Result<R> {
        control.check()?;
        match self.reported {
            None => control.begin(Phase::Pack, self.logical, 0)?,
            Some(last) => control.resume(Phase::Pack, self.logical, last),
        }
        self.reported = Some(control.last_report());
        let done = work(self, control);
        self.reported = Some(control.last_report());
        done
    }

    /// Copies bytes, segment by segment.
    fn copy(
        &mut self,
        stream: u32,
        offset: u64,
        mut data: &[u8],
        control: &mut Control<'_>,
    ) -> Result<()> {
        let mut at = offset;
        while !data.is_empty() {
            self.wait_for_room(control)?;
            let len = (data.len() as u64).min(self.staging.to_boundary(at));
            let Some((part, rest)) = data.split_at_checked(len as usize) else {
                return Err(Error::Internal("a write beyond its end".to_owned()));
            };
            self.put(stream, at, len, What::Bytes(part))?;
            (at, data) = (at + len, rest);
        }
        Ok(())
    }

    /// Puts something somewhere: there is room for it.
    fn put(&mut self, stream: u32, at: u64, len: u64, what: What<'_>) -> Result<()> {
        self.staging.put(stream, at, len, what)?;
        self.hand_over()?;
        self.shared.show(&mut self.shared.lock());
        Ok(())
    }

    fn hand_over(&mut self) -> Result<()> {
        while let Some(item) = self.staging.pop() {
            self.shared.push(Pushed::Item(item))?;
        }
        Ok(())
    }

    fn wait_for_room(&mut self, control: &mut Control<'_>) -> Result<()> {
        self.wait(control, Shared::has_room)?;
        let over = self.shared.lock().over;
        match over {
            false => Ok(()),
            true => Err(self.packing_failed()),
        }
    }

    /// Waits until `enough`, or packing has ended. Calls the host meanwhile.
    fn wait(
        &mut self,
        control: &mut Control<'_>,
        enough: impl Fn(&Shared, &State) -> bool,
    ) -> Result<()> {
        loop {
            while self.deliver()? {
                control.check()?;
            }
            let (placed, written) = self.shared.progress();
            control.advance(placed.min(self.logical), written)?;
            let state = self.shared.lock();
            if state.over || enough(&self.shared, &state) {
                return Ok(());
            }
            if !state.has_output() {
                self.shared.wait_for_packer(state, NAP);
            }
        }
    }

    /// Gives the host's sink what waits for it; whether there was something.
    fn deliver(&mut self) -> Result<bool> {
        let Some(sink) = &mut self.sink else {
            return Ok(false);
        };
        match self.shared.take() {
            Some(bytes) => sink.write(&bytes).map(|()| true),
            None => Ok(false),
        }
    }

    /// Why packing ended before all was pushed.
    fn packing_failed(&mut self) -> Error {
        match self.packing.outcome() {
            Err(e) => e,
            Ok(_) => Error::Internal("packing ended early".to_owned()),
        }
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        self.shared.abandon();
        self.packing.join();
    }
}
