//! Calls back into the host program.

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use super::abi::*;
use super::args::Args;
use super::handle;
use super::storage::HostStorage;
use crate::control::{Cancel, Control, Phase, Progress, ProgressFn};
use crate::error::{Error, Result};
use crate::index::{Located, Storage, Wanted};
use crate::keyring::{Answer, Purpose, Request};

thread_local! {
    /// Handles in whose callbacks this thread is, innermost last.
    static WITHIN: RefCell<Vec<*const c_void>> = const { RefCell::new(Vec::new()) };
}

/// Whether this thread is in a callback of `handle`, which may not use it then.
pub fn is_within(handle: *const c_void) -> bool {
    WITHIN
        .try_with(|within| within.borrow().contains(&handle))
        .unwrap_or(false)
}

/// Marks a callback of a handle, or of what it leans on, while it runs.
pub struct Within;

impl Within {
    /// The callback begins; it ends when this is dropped.
    pub fn enter(handle: *const c_void) -> Self {
        let _ = WITHIN.try_with(|within| within.borrow_mut().push(handle));
        Within
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        let _ = WITHIN.try_with(|within| within.borrow_mut().pop());
    }
}

/// A progress callback and its data.
pub struct ProgressCallback {
    function: unsafe extern "C" fn(*mut c_void, *const hexz_progress) -> i32,
    user_data: *mut c_void,
    handle: *const c_void,
}

impl ProgressCallback {
    /// The callback, if there is one, of a call on `handle` (NULL for a call on none).
    pub fn new(
        function: hexz_progress_fn,
        user_data: *mut c_void,
        handle: *const c_void,
    ) -> Option<Self> {
        function.map(|function| ProgressCallback {
            function,
            user_data,
            handle,
        })
    }

    fn call(&self, progress: &Progress) -> i32 {
        let progress = hexz_progress {
            struct_size: size_of::<hexz_progress>(),
            phase: match progress.phase {
                Phase::Train => HEXZ_PHASE_TRAIN,
                Phase::Pack => HEXZ_PHASE_PACK,
                Phase::Sync => HEXZ_PHASE_SYNC,
                Phase::Verify => HEXZ_PHASE_VERIFY,
                Phase::Extract => HEXZ_PHASE_EXTRACT,
            },
            reserved: 0,
            done: progress.done,
            total: progress.total,
            stored: progress.stored,
        };
        let _within = Within::enter(self.handle);
        // SAFETY: the header asks for a function that may be called so with this data while the
        // call that got it runs; Control lives on its thread.
        unsafe { (self.function)(self.user_data, &progress) }
    }
}

/// Does `work` under the caller's progress callback and cancel handle.
pub fn with_control<R>(
    progress: Option<ProgressCallback>,
    cancel: Option<&Cancel>,
    work: impl FnOnce(&mut Control<'_>) -> Result<R>,
) -> Result<R> {
    let mut call = progress.map(|callback| move |now: &Progress| callback.call(now));
    let progress = call.as_mut().map(|call| -> &mut ProgressFn<'_> { call });
    work(&mut Control::new(cancel, progress))
}

/// An ancestor callback and its data.
pub struct AncestorCallback {
    function: unsafe extern "C" fn(*mut c_void, *mut hexz_ancestor) -> i32,
    user_data: *mut c_void,
}

impl AncestorCallback {
    /// The callback, if there is one.
    pub fn new(function: hexz_ancestor_fn, user_data: *mut c_void) -> Option<Self> {
        function.map(|function| AncestorCallback {
            function,
            user_data,
        })
    }

    /// Asks for an ancestor; `child` names who leans on it.
    pub fn find(&self, args: &Args, child: &str, wanted: &Wanted<'_>) -> Result<Option<Located>> {
        // A hint with a NUL in it is damage, and never gets here.
        let hint = CString::new(wanted.hint).unwrap_or_default();
        let mut asked = hexz_ancestor {
            struct_size: size_of::<hexz_ancestor>(),
            root: wanted.root.as_ptr(),
            hint: match wanted.hint.is_empty() {
                true => ptr::null(),
                false => hint.as_ptr(),
            },
            path: ptr::null(),
            storage: ptr::null(),
            snapshot: ptr::null(),
        };
        // SAFETY: the header asks for a function that may be called so with this data while the
        // call that got it runs; what holds raw pointers stays on its thread.
        let code = unsafe { (self.function)(self.user_data, &mut asked) };
        match code {
            0 => {}
            1.. => return Ok(None),
            _ => {
                return Err(Error::Callback {
                    operand: child.to_owned(),
                    callback: "ancestor",
                    code,
                });
            }
        }
        // SAFETY: the header asks that what is filled in lives until the call ends.
        let path = unsafe { args.path(asked.path) };
        let storage = !asked.storage.is_null();
        match (path, storage, asked.snapshot.is_null()) {
            (Some(path), false, true) => Ok(Some(Located::Path(path.to_owned()))),
            (None, false, false) => {
                // SAFETY: as above: a handle.
                let snapshot = unsafe { handle::enter(args, asked.snapshot) }?;
                Ok(Some(Located::Open(snapshot.chain().clone())))
            }
            (None, true, true) => {
                // SAFETY: as above: a storage.
                let storage =
                    unsafe { HostStorage::take(args, asked.storage, "ancestor.storage") }?;
                Ok(storage.map(|storage| Located::Storage(Arc::from(storage as Box<dyn Storage>))))
            }
            _ => Err(args.invalid(
                "opts.ancestor returned 0 and set none of path, storage and snapshot, or more than \
                 one",
            )),
        }
    }
}

/// A password callback and its data.
#[derive(Clone, Copy)]
pub struct PasswordCallback {
    function: unsafe extern "C" fn(
        *mut c_void,
        *const hexz_password_request,
        *mut c_char,
        usize,
        *mut usize,
    ) -> i32,
    user_data: *mut c_void,
}

impl PasswordCallback {
    /// The callback, if there is one.
    pub fn new(function: hexz_password_fn, user_data: *mut c_void) -> Option<Self> {
        function.map(|function| PasswordCallback {
            function,
            user_data,
        })
    }

    /// It as the layers below take it.
    pub fn function(self) -> impl FnMut(&Request<'_>, &mut [u8]) -> Answer {
        move |request, buffer| self.call(request, buffer)
    }

    fn call(&self, request: &Request<'_>, buffer: &mut [u8]) -> Answer {
        // A path came in as a C string: there is no NUL in it.
        let path = request
            .path
            .map(|path| CString::new(path.as_os_str().as_bytes()).unwrap_or_default());
        let request = hexz_password_request {
            struct_size: size_of::<hexz_password_request>(),
            purpose: match request.purpose {
                Purpose::Create => HEXZ_PASSWORD_CREATE,
                Purpose::Parent => HEXZ_PASSWORD_PARENT,
                Purpose::Open => HEXZ_PASSWORD_OPEN,
            },
            attempt: request.attempt,
            path: path.as_ref().map_or(ptr::null(), |path| path.as_ptr()),
        };
        let mut len = 0;
        // SAFETY: the header asks for a function that may be called so with this data while the
        // call that got it runs; a closure that holds raw pointers stays on its thread.
        let code = unsafe {
            (self.function)(
                self.user_data,
                &request,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &mut len,
            )
        };
        match code {
            0 => Answer::Given(len),
            1.. => Answer::Declined(code),
            _ => Answer::Failed(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn answer(user_data: *mut c_void, progress: *const hexz_progress) -> i32 {
        // SAFETY: this test's own data, and a struct that is valid during the call.
        let (handle, progress) = unsafe { (*user_data.cast::<[*const c_void; 2]>(), &*progress) };
        assert!(is_within(handle[0]) && !is_within(handle[1]));
        assert_eq!((progress.phase, progress.total), (HEXZ_PHASE_VERIFY, 9));
        42
    }

    #[test]
    fn a_callback_is_within_its_own_handle_only() {
        let (own, other) = (1u8, 2u8);
        let mut handles = [&raw const own, &raw const other].map(|p| p.cast::<c_void>());
        let own = handles[0];
        let callback = ProgressCallback::new(Some(answer), (&raw mut handles).cast(), own);
        let outcome = with_control(callback, None, |control| control.begin(Phase::Verify, 9, 0));
        assert!(matches!(outcome, Err(Error::CancelledByCallback(42))));
        assert!(!is_within(own));
    }
}
