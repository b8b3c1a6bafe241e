//! What is behind a hexz_snapshot.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::abi::hexz_snapshot;
use super::args::Args;
use super::callback::{Within, is_within};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

struct Handle {
    /// Builds that read it hold it too: the handle may be freed before them.
    snapshot: Arc<Snapshot>,
    /// A call on it panicked: nothing it holds is trusted any more.
    dead: AtomicBool,
}

/// The snapshot as a handle, to be freed by [`free`].
pub fn new(snapshot: Snapshot) -> *mut hexz_snapshot {
    Box::into_raw(Box::new(Handle {
        snapshot: Arc::new(snapshot),
        dead: AtomicBool::new(false),
    }))
    .cast()
}

/// The snapshot in use by one call.
pub struct Entered<'a>(&'a Handle);

impl Entered<'_> {
    /// The snapshot, to be kept beyond the handle.
    pub fn share(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.snapshot)
    }
}

impl Deref for Entered<'_> {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0.snapshot
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.dead.store(true, Ordering::Relaxed);
        }
    }
}

/// The snapshot of a handle, unless the handle cannot be used.
///
/// # Safety
///
/// NULL, or a handle of [`new`] that is not freed before the function returns.
pub unsafe fn enter<'a>(args: &'a Args, handle: *const hexz_snapshot) -> Result<Entered<'a>> {
    args.not_null(handle, "snapshot")?;
    check_outside(args, handle)?;
    // SAFETY: as promised.
    let handle = unsafe { &*handle.cast::<Handle>() };
    check_outside_storage(args, &handle.snapshot)?;
    if handle.dead.load(Ordering::Relaxed) {
        return Err(args.state("an earlier call on this snapshot failed internally; close it"));
    }
    Ok(Entered(handle))
}

/// Closes a handle. In its own callback it stays open: the call that is under way uses it.
///
/// # Safety
///
/// As for [`enter`], and no other call uses the handle.
pub unsafe fn free(args: &Args, handle: *mut hexz_snapshot) -> Result<()> {
    if handle.is_null() {
        return Ok(());
    }
    check_outside(args, handle)?;
    // SAFETY: as promised.
    check_outside_storage(args, &unsafe { &*handle.cast::<Handle>() }.snapshot)?;
    // The callback that gives its storage back cannot use it any more.
    let _within = Within::enter(handle.cast());
    // SAFETY: as promised.
    drop(unsafe { Box::from_raw(handle.cast::<Handle>()) });
    Ok(())
}

fn check_outside(args: &Args, handle: *const hexz_snapshot) -> Result<()> {
    match is_within(handle.cast()) {
        true => Err(own_callback(args)),
        false => Ok(()),
    }
}

/// What a storage calls may not lean on it: the read that is under way would wait for itself.
fn check_outside_storage(args: &Args, snapshot: &Snapshot) -> Result<()> {
    match snapshot.is_within_storage() {
        true => Err(own_callback(args)),
        false => Ok(()),
    }
}

fn own_callback(args: &Args) -> Error {
    args.state("called on a snapshot from its own callback; use another handle")
}
