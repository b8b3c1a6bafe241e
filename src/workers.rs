//! Threads that help the calling one, in somebody else's process.

use std::io;
use std::mem::MaybeUninit;
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

use crate::panic::silently;

/// Given explicitly, or std would read it from an environment variable.
const STACK_SIZE: usize = 1 << 20;
/// Threads at most: more never help, and each has buffers.
pub const THREADS_MAX: usize = 256;

/// Threads that use CPU, the caller's included: what was asked for, or the CPUs that this process
/// may use.
pub fn thread_count(requested: u32) -> usize {
    let count = match requested {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        n => n as usize,
    };
    count.min(THREADS_MAX)
}

/// Starts a thread that receives no signals: those belong to the host's own threads. A panic in it
/// prints nothing, and goes on in the thread that joins.
pub fn spawn_scoped<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    let before = SignalMask::block_all()?;
    let handle = builder().spawn_scoped(scope, move || silently(work));
    before.restore();
    handle
}

/// The same for a thread that outlives the call, and is joined later.
pub fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let before = SignalMask::block_all()?;
    let handle = builder().spawn(move || silently(work));
    before.restore();
    handle
}

fn builder() -> Builder {
    Builder::new()
        .name("hexz".to_owned())
        .stack_size(STACK_SIZE)
}

/// A thread inherits the mask of the one that starts it; so block, start, restore.
struct SignalMask(libc::sigset_t);

impl SignalMask {
    fn block_all() -> io::Result<Self> {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: sigfillset initialises the set it is given, pthread_sigmask only reads it and
        // initialises `before` when it succeeds, which is checked.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            match libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) {
                0 => Ok(SignalMask(before.assume_init())),
                e => Err(io::Error::from_raw_os_error(e)),
            }
        }
    }

    fn restore(self) {
        // SAFETY: the set was initialised by pthread_sigmask. It fails only for a bad `how`.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}
