//! What the thread that pushes and the one that packs have in common.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::retry_on_intr;

use super::super::segment::{BufferPool, Item};
use crate::control::Cancel;
use crate::error::{Error, Result, try_push_back};
use crate::format::StreamEntry;

/// Things that may wait to be packed; then nothing more is taken.
const WAITING_MAX: usize = 1024;
/// Bytes of the file that may wait for the host's sink.
const OUTPUT_MAX: usize = 1 << 20;

/// What is pushed.
pub enum Pushed {
    /// One more stream.
    Stream(StreamEntry),
    /// Something of a stream.
    Item(Item),
}

/// See the module.
pub struct Shared {
    state: Mutex<State>,
    /// The one that pushes waits here.
    host: Condvar,
    /// The one that packs waits here.
    packer: Condvar,
    pool: Arc<BufferPool>,
    /// Buffers that may be out.
    buffers: usize,
    /// Stops the one that packs.
    pub stop: Cancel,
    placed: AtomicU64,
    written: AtomicU64,
    ready: OwnedFd,
}

/// What is guarded.
#[derive(Default)]
pub struct State {
    pushed: VecDeque<Pushed>,
    closed: bool,
    /// Whether packing has ended, well or not.
    pub over: bool,
    /// Bytes for a sink of the host.
    output: VecDeque<Vec<u8>>,
    output_len: usize,
    /// Whether `ready` is readable.
    shown: bool,
}

impl Shared {
    /// For buffers of `pool`, of which so many may be out.
    pub fn new(pool: Arc<BufferPool>, buffers: usize, operand: &str) -> Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let ready =
            eventfd(0, flags).map_err(|e| Error::output(operand, ("cannot make an eventfd", e)))?;
        let shared = Shared {
            state: Mutex::default(),
            host: Condvar::new(),
            packer: Condvar::new(),
            pool,
            buffers,
            stop: Cancel::default(),
            placed: AtomicU64::new(0),
            written: AtomicU64::new(0),
            ready,
        };
        shared.show(&mut shared.lock());
        Ok(shared)
    }

    /// The guarded part.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write of two segments at most need not wait.
    pub fn has_room(&self, state: &State) -> bool {
        self.pool.out() + 2 <= self.buffers && state.pushed.len() < WAITING_MAX
    }

    /// Buffers that are out.
    #[cfg(test)]
    pub fn buffers_out(&self) -> usize {
        self.pool.out()
    }

    /// Is readable while a write need not wait, and once packing has ended.
    pub fn ready_fd(&self) -> i32 {
        self.ready.as_raw_fd()
    }

    /// Makes the descriptor tell what is so now. Only under the lock, so that nothing is missed.
    pub fn show(&self, state: &mut State) {
        let shown = state.over || self.has_room(state);
        if shown == state.shown {
            return;
        }
        // Neither waits nor fails: the count is 0 or 1.
        let done = match shown {
            true => retry_on_intr(|| rustix::io::write(&self.ready, &1u64.to_ne_bytes())),
            false => retry_on_intr(|| rustix::io::read(&self.ready, &mut [0; 8])),
        };
        if done.is_ok() {
            state.shown = shown;
        }
    }

    /// Hands something on to be packed.
    pub fn push(&self, pushed: Pushed) -> Result<()> {
        let mut state = self.lock();
        try_push_back(&mut state.pushed, pushed, "what is to be packed")?;
        self.packer.notify_one();
        Ok(())
    }

    /// There is nothing more to come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.packer.notify_one();
    }

    /// Has the one that packs stop.
    pub fn abandon(&self) {
        self.stop.trigger();
        let _state = self.lock();
        self.packer.notify_one();
    }

    /// Waits for the one that packs, for a while.
    pub fn wait_for_packer(&self, state: MutexGuard<'_, State>, time: Duration) {
        let waited = self.host.wait_timeout(state, time);
        drop(waited.map_err(PoisonError::into_inner));
    }

    /// Bytes of streams placed, and of the file written.
    pub fn progress(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.placed), read(&self.written))
    }

    /// What comes next to be packed; whether there is nothing more to come.
    pub fn pop(&self) -> (Option<Pushed>, bool) {
        let mut state = self.lock();
        let was_full = state.pushed.len() >= WAITING_MAX;
        let next = state.pushed.pop_front();
        if was_full {
            self.show(&mut state);
            self.host.notify_one();
        }
        let ended = next.is_none() && state.closed;
        (next, ended)
    }

    /// Waits until there is something to be packed.
    pub fn wait_for_host(&self) {
        let mut state = self.lock();
        while state.pushed.is_empty() && !state.closed && !self.stop.is_triggered() {
            state = self
                .packer
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells how far packing has come; `freed` says that buffers have come free.
    pub fn advanced(&self, placed: u64, written: u64, freed: bool) {
        self.placed.store(placed, Ordering::Relaxed);
        self.written.store(written, Ordering::Relaxed);
        if freed {
            let mut state = self.lock();
            self.show(&mut state);
            self.host.notify_one();
        }
    }

    /// Packing has ended.
    pub fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        self.show(&mut state);
        self.host.notify_one();
    }

    /// Gives bytes to the host's sink, which the host calls when it comes by.
    pub fn give(&self, bytes: Vec<u8>) -> Result<()> {
        let mut state = self.lock();
        while state.output_len > 0 && state.output_len + bytes.len() > OUTPUT_MAX {
            if self.stop.is_triggered() {
                return Err(Error::Cancelled("the builder was given up"));
            }
            state = self
                .packer
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.output_len += bytes.len();
        try_push_back(&mut state.output, bytes, "what waits for the sink")?;
        self.host.notify_one();
        Ok(())
    }

    /// What the host's sink gets next.
    pub fn take(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let bytes = state.output.pop_front()?;
        state.output_len -= bytes.len();
        self.packer.notify_one();
        Some(bytes)
    }
}

impl State {
    /// Whether something waits for the host's sink.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }
}
