//! Changing passwords: this version has the function and checks its arguments.

use super::abi::*;
use super::args::Args;
use super::guard::guard;
use crate::error::Error;

/// = Passwords
///
/// Not in this version: HEXZ_ERR_UNSUPPORTED.
///
/// Adds, replaces or removes a password of an encrypted snapshot file, in place: only its key slots
/// change, and killed at any moment the old or the new password opens it. It does not take the key
/// from somebody who had it. The last password stays: removing it is HEXZ_ERR_STATE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_rekey(opts: *const hexz_rekey_opts) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_rekey");
        // SAFETY: the header asks for a hexz_rekey_opts with valid pointers in it.
        let (opts, path) = unsafe {
            let opts = args.read(opts, "opts")?;
            (opts, args.path(opts.path))
        };
        let path = path.ok_or_else(|| args.invalid("opts.path is NULL"))?;
        args.flags(opts.flags, 0, "opts.flags")?;
        args.constant(
            opts.operation,
            HEXZ_REKEY_ADD..=HEXZ_REKEY_REMOVE,
            "opts.operation",
        )?;
        args.kdf(opts.kdf_memory_kib, opts.kdf_passes, opts.kdf_lanes)?;
        if opts.password.is_none() {
            let operand = path.display().to_string();
            return Err(Error::PasswordRequired { operand });
        }
        Err(args.later("changing passwords"))
    })
}
