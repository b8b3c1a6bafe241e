//! The threads of one call: the first failure stops them all.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use crate::control::{Cancel, Control};
use crate::error::{Error, Result, try_reserve};
use crate::workers::{spawn_scoped, thread_count};

/// What one claim of work is at least, in bytes: little enough to share out evenly, and enough
/// that claiming costs nothing.
pub(super) const PIECE: u64 = 1 << 20;
/// Threads that work even if they take more memory than they should, but never more than
/// [`BUFFERS_MAX`]: one is not to wait for the other's I/O.
const THREADS_MIN: usize = 2;
/// Bytes that the buffers of all threads of a call take together at most, but for those of one
/// thread, which always works.
pub(super) const BUFFERS_MAX: usize = 64 << 20;

/// Called by each thread between steps of its work; says whether to go on.
pub(super) type Beat<'b> = dyn FnMut() -> Result<()> + 'b;

/// Threads for work on `total` bytes, the caller's included: as many as were asked for (0: the CPUs
/// of this process), if there is work for them, and `memory` for their buffers of `each` bytes.
pub(super) fn team_size(requested: u32, total: u64, each: usize, memory: usize) -> usize {
    let pieces = usize::try_from(total / PIECE).unwrap_or(usize::MAX);
    let fit = |memory: usize| memory / each.max(1);
    let memory = fit(memory).max(THREADS_MIN.min(fit(BUFFERS_MAX)));
    thread_count(requested).min(pieces).min(memory).max(1)
}

/// Runs `work` on `threads` threads, the calling one included, which alone reports progress:
/// `progress` gives what is done and what is stored. Fewer threads are no failure.
pub(super) fn run(
    threads: usize,
    control: &mut Control<'_>,
    progress: impl Fn() -> (u64, u64),
    work: impl Fn(&mut Beat<'_>) -> Result<()> + Sync,
) -> Result<()> {
    run_led(threads, control, progress, &work, &work)
}

/// The same, with other work for the calling thread than for those that help it.
pub(super) fn run_led(
    threads: usize,
    control: &mut Control<'_>,
    progress: impl Fn() -> (u64, u64),
    lead: impl FnOnce(&mut Beat<'_>) -> Result<()>,
    help: impl Fn(&mut Beat<'_>) -> Result<()> + Sync,
) -> Result<()> {
    let team = Team {
        cancel: control.cancel(),
        stop: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        let _stop = team.stop_if_panicking();
        let mut helpers: Vec<ScopedJoinHandle<'_, ()>> = Vec::new();
        try_reserve(&mut helpers, threads, "the threads of a call")?;
        for _ in 1..threads {
            let helper = || {
                let _stop = team.stop_if_panicking();
                team.settle(help(&mut || team.check()));
            };
            match spawn_scoped(scope, helper) {
                Ok(handle) => helpers.push(handle),
                Err(_) => break,
            }
        }
        team.settle(lead(&mut || {
            team.check()?;
            let (done, stored) = progress();
            control.advance(done, stored)
        }));
        // The scope would only say that some thread panicked.
        for helper in helpers {
            if let Err(panic) = helper.join() {
                resume_unwind(panic);
            }
        }
        Ok::<(), Error>(())
    })?;
    match team
        .failure
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

struct Team<'a> {
    cancel: Option<&'a Cancel>,
    stop: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl Team<'_> {
    fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            // Never seen by a caller: the failure that stopped us is already kept.
            return Err(Error::Cancelled("another thread failed"));
        }
        Control::new(self.cancel, None).check()
    }

    fn stop_if_panicking(&self) -> StopIfPanicking<'_> {
        StopIfPanicking(&self.stop)
    }

    fn settle(&self, result: Result<()>) {
        if let Err(error) = result {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// A panic goes on in who joins, which is only once all threads have ended: so end them.
struct StopIfPanicking<'a>(&'a AtomicBool);

impl Drop for StopIfPanicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn no_more_threads_than_work_and_memory() {
        assert_eq!(team_size(8, 0, 1, 100), 1);
        assert_eq!(team_size(8, 3 * PIECE, 1, 100), 3);
        assert_eq!(team_size(8, 100 * PIECE, 25, 100), 4);
        assert_eq!(team_size(8, 100 * PIECE, BUFFERS_MAX / 2, 100), THREADS_MIN);
        assert_eq!(team_size(8, 100 * PIECE, BUFFERS_MAX / 2 + 1, 100), 1);
        assert_eq!(team_size(8, 100 * PIECE, usize::MAX, 100), 1);
        assert_eq!(team_size(1, 100 * PIECE, 1, 100), 1);
        assert_eq!(team_size(8, u64::MAX, 0, 100), 8);
        assert!(team_size(0, u64::MAX, 0, 100) >= 1);
    }

    #[test]
    fn the_first_failure_stops_all_and_is_the_result() {
        for threads in [1, 2, 5] {
            let steps = AtomicU64::new(0);
            let mut control = Control::new(None, None);
            let result = run(
                threads,
                &mut control,
                || (0, 0),
                |beat| {
                    loop {
                        beat()?;
                        if steps.fetch_add(1, Ordering::Relaxed) == 1000 {
                            return Err(Error::OutOfRange("seven".into()));
                        }
                    }
                },
            );
            assert!(matches!(result, Err(Error::OutOfRange(text)) if text == "seven"));
        }
    }

    #[test]
    fn a_panic_stops_all_and_goes_on_in_the_caller() {
        for of_caller in [false, true] {
            let caller = std::thread::current().id();
            let steps = AtomicU64::new(0);
            let text = crate::panic::guarded(|| {
                let mut control = Control::new(None, None);
                run(
                    4,
                    &mut control,
                    || (0, 0),
                    |beat| {
                        if (std::thread::current().id() == caller) == of_caller {
                            panic!("one of them");
                        }
                        // Ends within a million steps only if it is told to.
                        for _ in 0..1_000_000 {
                            beat()?;
                            steps.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(std::time::Duration::from_millis(1));
                        }
                        Ok(())
                    },
                )
            });
            let text = text.unwrap_err();
            assert!(text.starts_with("one of them at "), "{text}");
            assert!(steps.into_inner() < 1_000_000);
        }
    }

    #[test]
    fn a_callback_that_cancels_stops_all() {
        for threads in [1, 3] {
            let mut calls = 0;
            let mut progress = |_: &crate::control::Progress| {
                calls += 1;
                if calls > 2 { 42 } else { 0 }
            };
            let mut control = Control::new(None, Some(&mut progress));
            control
                .begin(crate::control::Phase::Verify, 100, 0)
                .unwrap();
            let result = run(
                threads,
                &mut control,
                || (1, 0),
                |beat| {
                    loop {
                        beat()?;
                        std::thread::yield_now();
                    }
                },
            );
            assert!(matches!(result, Err(Error::CancelledByCallback(42))));
        }
    }
}
