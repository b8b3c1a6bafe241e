//! A stream front to back, for what cannot seek: the calling thread writes, others decode ahead.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::Snapshot;
use super::super::team::{self, Beat};
use super::pieces::{Claim, Decoded, Piece, Pieces, Zeros, piece_len};
use super::{BUFFERS_MAX, ZEROS_MIN};
use crate::control::{Control, Phase};
use crate::error::{Result, try_push, try_with_capacity};
use crate::index::scratch::Lease;
use crate::sink::{Sink, Uncommitted};

/// How long a thread waits before it looks whether the call has ended.
const NAP: Duration = Duration::from_millis(20);
/// Pieces for each thread that are being decoded or wait for their turn, at most.
const AHEAD: usize = 2;

impl Snapshot {
    /// Writes a stream into a sink, front to back and on this thread alone. The
    /// calls do not depend on `threads`, which decode: the caller's is one of them, 0 means the CPUs
    /// of this process.
    pub fn extract_into(
        &self,
        stream: u32,
        sink: Box<dyn Sink>,
        threads: u32,
        control: &mut Control<'_>,
    ) -> Result<()> {
        let size = self.stream(stream)?.size;
        control.check()?;
        let mut sink = Uncommitted::new(sink);
        control.begin(Phase::Extract, size, 0)?;
        let threads = team(
            threads,
            size,
            self.chain.block_size_max(),
            self.chain.block_len_max(),
        );
        let zeros = Zeros {
            claimed: u64::MAX,
            apart: ZEROS_MIN,
        };
        let line = Line::new(Pieces::new(self, stream, size, zeros), threads)?;
        let written = || line.written.load(Ordering::Relaxed);
        let progress = || (line.done.load(Ordering::Relaxed), written());
        let lead = |beat: &mut Beat<'_>| line.lead(&mut *sink, beat);
        team::run_led(threads, control, progress, lead, |beat| line.help(beat))?;
        // The last look at the cancel handle: what is committed stays.
        control.end(written())?;
        sink.commit()
    }
}

/// Threads for `size` bytes of a stream, each with the pieces that it may be ahead, a stored block
/// and a decoded one.
fn team(requested: u32, size: u64, block_size: u32, block_len: u32) -> usize {
    let each = AHEAD * piece_len(block_size) as usize + 2 * block_len as usize;
    team::team_size(requested, size, each, BUFFERS_MAX)
}

/// Pieces on their way, shared by the threads of one extraction.
struct Line<'a> {
    pieces: Pieces<'a>,
    order: Mutex<Order>,
    /// A piece became ready or was written.
    moved: Condvar,
    /// Logical bytes that are written.
    done: AtomicU64,
    /// Bytes that the sink was given, but for zeros.
    written: AtomicU64,
}

struct Order {
    /// Number of the piece that is written next.
    next: u64,
    /// Pieces that wait for their turn, each in the slot of its number.
    ready: Vec<Option<Decoded>>,
    /// What was written, for its buffers.
    spare: Vec<Decoded>,
}

impl Order {
    /// The slot of a piece, of which no other one has it: fewer are claimed than there are slots.
    fn slot(&mut self, number: u64) -> Option<&mut Option<Decoded>> {
        let slots = self.ready.len() as u64;
        self.ready.get_mut((number % slots.max(1)) as usize)
    }

    fn is_ready(&mut self) -> bool {
        let next = self.next;
        self.slot(next).is_some_and(|slot| slot.is_some())
    }
}

/// What a thread found to do.
enum Step {
    Decoded,
    /// Nothing before the piece of that number is written.
    Wait(u64),
    /// Nothing any more: so many pieces there are.
    End(u64),
}

impl<'a> Line<'a> {
    fn new(pieces: Pieces<'a>, threads: usize) -> Result<Self> {
        let slots = match threads {
            1 => 1,
            threads => AHEAD * threads,
        };
        let mut ready = try_with_capacity(slots, "pieces of a stream")?;
        ready.resize_with(slots, || None);
        Ok(Line {
            pieces,
            order: Mutex::new(Order {
                next: 0,
                ready,
                spare: try_with_capacity(slots, "pieces of a stream")?,
            }),
            moved: Condvar::new(),
            done: AtomicU64::new(0),
            written: AtomicU64::new(0),
        })
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps while nothing moves, but not for long.
    fn wait(&self, order: MutexGuard<'_, Order>) {
        let slept = self.moved.wait_timeout(order, NAP);
        drop(slept.unwrap_or_else(PoisonError::into_inner));
    }

    /// What each thread does that helps: decodes until no piece is left.
    fn help(&self, beat: &mut Beat<'_>) -> Result<()> {
        let mut lease = self.pieces.lease();
        loop {
            beat()?;
            match self.decode_one(&mut lease, beat)? {
                Step::Decoded => {}
                Step::End(_) => return Ok(()),
                Step::Wait(next) => {
                    let order = self.order();
                    if order.next == next {
                        self.wait(order);
                    }
                }
            }
        }
    }

    /// What the calling thread does: writes what is next, and decodes while that is not there.
    fn lead(&self, sink: &mut dyn Sink, beat: &mut Beat<'_>) -> Result<()> {
        let mut lease = self.pieces.lease();
        let mut zeros = 0;
        loop {
            beat()?;
            let mut order = self.order();
            let next = order.next;
            let piece = order.slot(next).and_then(Option::take);
            drop(order);
            if let Some(piece) = piece {
                self.write(&piece, &mut zeros, sink, beat)?;
                let mut order = self.order();
                order.next += 1;
                try_push(&mut order.spare, piece, "pieces of a stream")?;
                drop(order);
                self.moved.notify_all();
                continue;
            }
            match self.decode_one(&mut lease, beat)? {
                Step::Decoded => {}
                Step::End(count) if count == next => break,
                Step::End(_) | Step::Wait(_) => {
                    let mut order = self.order();
                    if !order.is_ready() {
                        self.wait(order);
                    }
                }
            }
        }
        self.zeros(&mut zeros, sink, beat)
    }

    /// Decodes the next piece that nobody has claimed, unless it is too far ahead.
    fn decode_one(&self, lease: &mut Lease<'_>, beat: &mut Beat<'_>) -> Result<Step> {
        let order = self.order();
        let next = order.next;
        let limit = next + order.ready.len() as u64;
        drop(order);
        let (number, piece) = match self.pieces.claim(limit, beat)? {
            Claim::Piece(number, piece) => (number, piece),
            Claim::Wait => return Ok(Step::Wait(next)),
            Claim::End(count) => return Ok(Step::End(count)),
        };
        let mut decoded = self.order().spare.pop().unwrap_or_default();
        match piece {
            Piece::Data(range) => self.pieces.decode(range, &mut decoded, lease, beat)?,
            Piece::Zeros(range) => decoded.set_zeros(range)?,
        }
        if let Some(slot) = self.order().slot(number) {
            *slot = Some(decoded);
        }
        self.moved.notify_all();
        Ok(Step::Decoded)
    }

    /// Gives the sink a piece. Zeros wait for what comes after them, so that a run is told whole.
    fn write(
        &self,
        piece: &Decoded,
        zeros: &mut u64,
        sink: &mut dyn Sink,
        beat: &mut Beat<'_>,
    ) -> Result<()> {
        let mut pending = piece.range.start;
        for gap in &piece.gaps {
            self.data(piece, pending..gap.start, zeros, sink, beat)?;
            *zeros += gap.end - gap.start;
            pending = gap.end;
        }
        self.data(piece, pending..piece.range.end, zeros, sink, beat)
    }

    fn data(
        &self,
        piece: &Decoded,
        part: Range<u64>,
        zeros: &mut u64,
        sink: &mut dyn Sink,
        beat: &mut Beat<'_>,
    ) -> Result<()> {
        let data = piece.part(&part);
        if data.is_empty() {
            return Ok(());
        }
        self.zeros(zeros, sink, beat)?;
        beat()?;
        sink.write(data)?;
        self.written.fetch_add(data.len() as u64, Ordering::Relaxed);
        self.done.fetch_add(data.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn zeros(&self, zeros: &mut u64, sink: &mut dyn Sink, beat: &mut Beat<'_>) -> Result<()> {
        let mut len = std::mem::take(zeros);
        while len > 0 {
            let part = len.min(sink.zeroes_max().max(1));
            beat()?;
            sink.write_zeroes(part)?;
            self.done.fetch_add(part, Ordering::Relaxed);
            len -= part;
        }
        Ok(())
    }
}
