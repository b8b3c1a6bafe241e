//! What the caller of a long operation can see and say: progress and cancellation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// At most 50 calls a second.
const INTERVAL: Duration = Duration::from_millis(20);

/// What an operation is doing, for progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Sampling the sources and training a dictionary.
    Train,
    /// Reading, deduplicating, compressing, writing.
    Pack,
    /// Making the output durable.
    Sync,
    /// Checking blocks.
    Verify,
    /// Writing streams out.
    Extract,
}

/// One progress report.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Logical bytes done in this phase.
    pub done: u64,
    /// Logical bytes of this phase; 0 when unknown.
    pub total: u64,
    /// Bytes written to the output so far.
    pub stored: u64,
}

/// The caller's progress function; a non-zero answer cancels the work.
pub type ProgressFn<'a> = dyn FnMut(&Progress) -> i32 + 'a;

/// A one-way switch that stops work on other threads.
#[derive(Debug, Default)]
pub struct Cancel(AtomicBool);

impl Cancel {
    /// Stops all work that watches this switch. Async-signal-safe.
    pub fn trigger(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Fails when the switch was triggered: what walks without a [`Control`] at hand looks here.
pub fn check(cancel: Option<&Cancel>) -> Result<()> {
    match cancel {
        Some(c) if c.is_triggered() => Err(Error::Cancelled("the cancel handle was triggered")),
        _ => Ok(()),
    }
}

/// Progress and cancellation of one running operation. Lives on the calling thread.
pub struct Control<'a> {
    cancel: Option<&'a Cancel>,
    progress: Option<&'a mut ProgressFn<'a>>,
    last: Option<Instant>,
    phase: Phase,
    total: u64,
}

impl<'a> Control<'a> {
    /// Watches `cancel` and reports to `progress`; either may be absent.
    pub fn new(cancel: Option<&'a Cancel>, progress: Option<&'a mut ProgressFn<'a>>) -> Self {
        Control {
            cancel,
            progress,
            last: None,
            phase: Phase::Pack,
            total: 0,
        }
    }

    /// The switch, for threads that help.
    pub fn cancel(&self) -> Option<&'a Cancel> {
        self.cancel
    }

    /// Fails when the caller cancelled.
    pub fn check(&self) -> Result<()> {
        check(self.cancel)
    }

    /// Begins a phase: the first report, at 0.
    pub fn begin(&mut self, phase: Phase, total: u64, stored: u64) -> Result<()> {
        self.phase = phase;
        self.total = total;
        self.report(0, stored)
    }

    /// Goes on with a phase that another control has begun, and whose last report was then.
    pub fn resume(&mut self, phase: Phase, total: u64, last: Option<Instant>) {
        self.phase = phase;
        self.total = total;
        self.last = last;
    }

    /// When the last report was made, if one was.
    pub fn last_report(&self) -> Option<Instant> {
        self.last
    }

    /// Checks for cancellation and reports, at most every 20 ms.
    pub fn advance(&mut self, done: u64, stored: u64) -> Result<()> {
        self.check()?;
        if self.progress.is_none() || self.last.is_some_and(|t| t.elapsed() < INTERVAL) {
            return Ok(());
        }
        // The report at the total is the phase's last one, and `end` makes it.
        if self.total != 0 && done >= self.total {
            return Ok(());
        }
        self.report(done, stored)
    }

    /// Ends a phase: the last report, at the total.
    pub fn end(&mut self, stored: u64) -> Result<()> {
        self.check()?;
        self.report(self.total, stored)
    }

    /// Ends a phase that can no longer be cancelled: the last report, whatever it answers.
    pub fn conclude(&mut self, stored: u64) {
        let progress = Progress {
            phase: self.phase,
            done: self.total,
            total: self.total,
            stored,
        };
        if let Some(report) = self.progress.as_mut() {
            report(&progress);
        }
    }

    fn report(&mut self, done: u64, stored: u64) -> Result<()> {
        self.check()?;
        if let Some(progress) = self.progress.as_mut() {
            self.last = Some(Instant::now());
            let code = progress(&Progress {
                phase: self.phase,
                done,
                total: self.total,
                stored,
            });
            if code != 0 {
                return Err(Error::CancelledByCallback(code));
            }
            // What the callback did with the switch counts as much as what it answers.
            self.check()?;
        }
        Ok(())
    }
}
