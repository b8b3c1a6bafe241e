//! Statuses, and this thread's last failure.

use std::cell::RefCell;
use std::ffi::{CString, c_char};

use super::abi::*;
use crate::error::Error;

struct Failure {
    text: CString,
    errno: i32,
    callback_code: i32,
}

thread_local! {
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Makes `e` this thread's last failure.
pub fn record(e: &Error) -> hexz_status {
    let failure = Failure {
        text: CString::new(e.to_string().replace('\0', "\u{fffd}")).unwrap_or_default(),
        errno: e.errno(),
        callback_code: e.callback_code(),
    };
    // A thread that is ending may have lost its thread-locals: then the status has to do.
    let _ = LAST.try_with(|last| last.replace(Some(failure)));
    status(e)
}

fn status(e: &Error) -> hexz_status {
    match e {
        Error::InvalidArgument(_) => HEXZ_ERR_INVALID_ARGUMENT,
        Error::UnknownProfile { .. } => HEXZ_ERR_UNKNOWN_PROFILE,
        Error::Source { .. } => HEXZ_ERR_SOURCE,
        Error::Output { .. } => HEXZ_ERR_OUTPUT,
        Error::Exists { .. } => HEXZ_ERR_EXISTS,
        Error::PasswordRequired { .. } => HEXZ_ERR_PASSWORD_REQUIRED,
        Error::InvalidPassword { .. } => HEXZ_ERR_INVALID_PASSWORD,
        Error::WrongPassword { .. } => HEXZ_ERR_WRONG_PASSWORD,
        Error::Callback { .. } => HEXZ_ERR_CALLBACK,
        Error::NotSnapshot { .. } => HEXZ_ERR_NOT_SNAPSHOT,
        Error::Unsupported(_) => HEXZ_ERR_UNSUPPORTED,
        Error::Corrupt { .. } => HEXZ_ERR_CORRUPT,
        Error::Parent(_) => HEXZ_ERR_PARENT,
        Error::OutOfRange(_) => HEXZ_ERR_OUT_OF_RANGE,
        Error::NoStream(_) => HEXZ_ERR_NO_STREAM,
        Error::Cancelled(_) | Error::CancelledByCallback(_) => HEXZ_ERR_CANCELLED,
        Error::NoMemory(_) => HEXZ_ERR_NO_MEMORY,
        Error::State(_) => HEXZ_ERR_STATE,
        Error::Internal(_) => HEXZ_ERR_INTERNAL,
        Error::Io { .. } => HEXZ_ERR_IO,
        Error::NotEncrypted { .. } => HEXZ_ERR_NOT_ENCRYPTED,
    }
}

/// Makes a try that had to wait this thread's last failure, as far as its text goes.
pub fn record_again(function: &str) -> hexz_status {
    record(&Error::State(format!(
        "{function}: would have to wait; go on when hexz_builder_ready_fd's descriptor is readable"
    )));
    HEXZ_ERR_AGAIN
}

fn last<R>(default: R, read: impl FnOnce(&Failure) -> R) -> R {
    LAST.try_with(|last| last.borrow().as_ref().map(read))
        .ok()
        .flatten()
        .unwrap_or(default)
}

/// = Errors
///
/// The name of a status, such as "HEXZ_ERR_SOURCE". Any value is fine: one that is not known has
/// the name "unknown status". Never NULL, valid for ever, any thread.
#[unsafe(no_mangle)]
pub extern "C" fn hexz_status_name(status: hexz_status) -> *const c_char {
    let name = match status {
        HEXZ_OK => c"HEXZ_OK",
        HEXZ_ERR_INVALID_ARGUMENT => c"HEXZ_ERR_INVALID_ARGUMENT",
        HEXZ_ERR_UNKNOWN_PROFILE => c"HEXZ_ERR_UNKNOWN_PROFILE",
        HEXZ_ERR_SOURCE => c"HEXZ_ERR_SOURCE",
        HEXZ_ERR_OUTPUT => c"HEXZ_ERR_OUTPUT",
        HEXZ_ERR_EXISTS => c"HEXZ_ERR_EXISTS",
        HEXZ_ERR_PASSWORD_REQUIRED => c"HEXZ_ERR_PASSWORD_REQUIRED",
        HEXZ_ERR_INVALID_PASSWORD => c"HEXZ_ERR_INVALID_PASSWORD",
        HEXZ_ERR_WRONG_PASSWORD => c"HEXZ_ERR_WRONG_PASSWORD",
        HEXZ_ERR_NOT_SNAPSHOT => c"HEXZ_ERR_NOT_SNAPSHOT",
        HEXZ_ERR_UNSUPPORTED => c"HEXZ_ERR_UNSUPPORTED",
        HEXZ_ERR_CORRUPT => c"HEXZ_ERR_CORRUPT",
        HEXZ_ERR_OUT_OF_RANGE => c"HEXZ_ERR_OUT_OF_RANGE",
        HEXZ_ERR_NO_STREAM => c"HEXZ_ERR_NO_STREAM",
        HEXZ_ERR_PARENT => c"HEXZ_ERR_PARENT",
        HEXZ_ERR_CANCELLED => c"HEXZ_ERR_CANCELLED",
        HEXZ_ERR_CALLBACK => c"HEXZ_ERR_CALLBACK",
        HEXZ_ERR_NO_MEMORY => c"HEXZ_ERR_NO_MEMORY",
        HEXZ_ERR_STATE => c"HEXZ_ERR_STATE",
        HEXZ_ERR_INTERNAL => c"HEXZ_ERR_INTERNAL",
        HEXZ_ERR_IO => c"HEXZ_ERR_IO",
        HEXZ_ERR_NOT_ENCRYPTED => c"HEXZ_ERR_NOT_ENCRYPTED",
        HEXZ_ERR_AGAIN => c"HEXZ_ERR_AGAIN",
        _ => c"unknown status",
    };
    name.as_ptr()
}

/// The text of this thread's last failure: what was tried, on which operand, why, and what to do
/// about it. UTF-8; bytes of a path that are not come as U+FFFD.
///
/// Never NULL; empty while no call has failed on this thread. The library's: valid until this
/// thread's next call that fails, or its end. A call that succeeds leaves it as it is, so look at
/// the status first.
#[unsafe(no_mangle)]
pub extern "C" fn hexz_last_error() -> *const c_char {
    last(c"".as_ptr(), |failure| failure.text.as_ptr())
}

/// The system's errno behind this thread's last failure; 0 if the system had no part in it, or
/// nothing has failed.
#[unsafe(no_mangle)]
pub extern "C" fn hexz_last_errno() -> i32 {
    last(0, |failure| failure.errno)
}

/// What a callback of yours returned to cause this thread's last failure; 0 if none did.
#[unsafe(no_mangle)]
pub extern "C" fn hexz_last_callback_code() -> i32 {
    last(0, |failure| failure.callback_code)
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::io;

    use super::*;

    fn text() -> String {
        // SAFETY: the text is valid until this thread's next failure, and copied at once.
        unsafe { CStr::from_ptr(hexz_last_error()) }
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn each_thread_has_its_own() {
        record(&Error::InvalidArgument("mine".into()));
        let other = std::thread::spawn(|| {
            assert_eq!(
                (text(), hexz_last_errno(), hexz_last_callback_code()),
                ("".into(), 0, 0)
            );
            let e = io::Error::from_raw_os_error(libc::ENOSPC);
            assert_eq!(record(&Error::output("a", ("write", e))), HEXZ_ERR_OUTPUT);
            assert_eq!(hexz_last_errno(), libc::ENOSPC);
            assert_eq!(record(&Error::CancelledByCallback(-3)), HEXZ_ERR_CANCELLED);
            assert_eq!((hexz_last_errno(), hexz_last_callback_code()), (0, -3));
        });
        other.join().unwrap();
        assert_eq!(
            (text(), hexz_last_errno(), hexz_last_callback_code()),
            ("mine".into(), 0, 0)
        );
    }

    #[test]
    fn an_interior_nul_does_not_cut_the_text() {
        record(&Error::NoStream("a\0b".into()));
        assert_eq!(text(), "a\u{fffd}b");
    }

    /// Outlives LAST, as a destructor of the host's own thread-local may.
    struct Late;

    impl Drop for Late {
        fn drop(&mut self) {
            assert_eq!(record(&Error::NoStream("late".into())), HEXZ_ERR_NO_STREAM);
            assert!(!hexz_last_error().is_null());
            assert_eq!(hexz_last_errno(), 0);
        }
    }

    #[test]
    fn a_thread_that_ends_may_still_fail() {
        thread_local!(static LATE: Late = const { Late });
        let ending = std::thread::spawn(|| {
            LATE.with(|_| record(&Error::NoStream("early".into())));
        });
        ending.join().unwrap();
    }

    #[test]
    fn every_status_has_its_name() {
        let name = |status| {
            // SAFETY: names are constants.
            unsafe { CStr::from_ptr(hexz_status_name(status)) }
                .to_str()
                .unwrap()
        };
        let names: std::collections::HashSet<_> = (-22..=0).map(name).collect();
        assert_eq!(names.len(), 23);
        assert!(names.iter().all(|n| n.starts_with("HEXZ_")));
        for unknown in [1, -23, i32::MIN, i32::MAX] {
            assert_eq!(name(unknown), "unknown status");
        }
    }
}
