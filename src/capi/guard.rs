//! The panic guard around every C function that can fail.

use super::abi::{HEXZ_OK, hexz_status};
use super::error;
use crate::error::{Error, Result};
use crate::panic::guarded;

/// Runs a C function's body: its error, or its panic, becomes this thread's last error.
pub fn guard(body: impl FnOnce() -> Result<()>) -> hexz_status {
    let outcome = guarded(|| match body() {
        Ok(()) => HEXZ_OK,
        Err(e) => error::record(&e),
    });
    outcome.unwrap_or_else(|text| error::record(&Error::Internal(text)))
}

/// The same for a function without a status.
pub fn guard_void(body: impl FnOnce() -> Result<()>) {
    guard(body);
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::process::Command;

    use super::*;
    use crate::capi::abi::{HEXZ_ERR_INTERNAL, HEXZ_ERR_STATE};
    use crate::capi::error::hexz_last_error;

    const CHILD: &str = "HEXZ_TEST_PANIC_CHILD";

    fn last_error() -> String {
        // SAFETY: the text is valid until this thread's next failure, and copied at once.
        unsafe { CStr::from_ptr(hexz_last_error()) }
            .to_string_lossy()
            .into_owned()
    }

    #[test]
    fn an_error_becomes_its_status() {
        assert_eq!(guard(|| Ok(())), HEXZ_OK);
        assert_eq!(
            guard(|| Err(Error::State("not now".into()))),
            HEXZ_ERR_STATE
        );
        assert_eq!(last_error(), "not now");
    }

    #[test]
    fn a_panic_becomes_internal_and_prints_nothing() {
        if std::env::var_os(CHILD).is_some() {
            assert_eq!(guard(|| panic!("secret plan")), HEXZ_ERR_INTERNAL);
            assert!(last_error().contains("secret plan"));
            return;
        }
        // In a process of its own, where nothing captures what is printed.
        let name = "capi::guard::tests::a_panic_becomes_internal_and_prints_nothing";
        let exe = std::env::current_exe().unwrap();
        let mut child = Command::new(exe);
        child
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(CHILD, "1");
        let output = child.output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|b| String::from_utf8(b).unwrap());
        assert!(
            output.status.success() && out.contains("1 passed"),
            "{out}{err}"
        );
        assert!(!out.contains("secret plan") && err.is_empty(), "{out}{err}");
    }
}
