//! Cancel handles.

use std::ptr;

use super::abi::{hexz_cancel, hexz_status};
use super::args::Args;
use super::guard::{guard, guard_void};
use crate::control::Cancel;

/// = Cancelling
///
/// Makes a cancel handle: a switch that stops the calls that were given it, from any thread. A call
/// stops within about 100 ms and returns HEXZ_ERR_CANCELLED, with nothing left behind; one that has
/// begun to give its output its name completes. The handle stays triggered, and any number of calls
/// may share it.
///
/// The caller's: freed by hexz_cancel_free(). *out is NULL on failure. Errors:
/// HEXZ_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_cancel_new(out: *mut *mut hexz_cancel) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_cancel_new");
        args.not_null(out, "out")?;
        // SAFETY: the header asks for a place to write a pointer to.
        unsafe { out.write(ptr::null_mut()) };
        let handle = Box::into_raw(Box::new(Cancel::default()));
        // SAFETY: as above.
        unsafe { out.write(handle.cast()) };
        Ok(())
    })
}

/// Triggers a cancel handle. From any thread, any number of times, in a callback and in a signal
/// handler too (it is async-signal-safe). NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_cancel_trigger(cancel: *const hexz_cancel) {
    // SAFETY: the header asks for NULL or a handle. No guard: a signal handler may do no more.
    if let Some(cancel) = unsafe { borrow(cancel) } {
        cancel.trigger();
    }
}

/// Frees a cancel handle that no call uses any more. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_cancel_free(cancel: *mut hexz_cancel) {
    guard_void(|| {
        if !cancel.is_null() {
            // SAFETY: the header asks for a handle of hexz_cancel_new, freed once.
            drop(unsafe { Box::from_raw(cancel.cast::<Cancel>()) });
        }
        Ok(())
    });
}

/// The switch in a handle; NULL is none.
///
/// # Safety
///
/// NULL, or a handle of hexz_cancel_new that is not freed while the switch is used.
pub unsafe fn borrow<'a>(cancel: *const hexz_cancel) -> Option<&'a Cancel> {
    // SAFETY: as promised; a handle is a boxed Cancel.
    unsafe { cancel.cast::<Cancel>().as_ref() }
}
