//! Changing passwords.

use super::abi::*;
use super::args::Args;
use super::callback::{PasswordCallback, with_control};
use super::cancel;
use super::guard::guard;
use crate::error::{Error, operand};
use crate::snapshot::{Operation, RekeyRequest, rekey};

/// = Passwords
///
/// Adds, replaces or removes a password of an encrypted snapshot file, in place: only its key slots
/// change, 8 KiB, and killed at any moment the old or the new password opens it. The root hash stays.
/// Open handles, here and elsewhere, go on as before; a second change at the same time is
/// HEXZ_ERR_IO.
///
/// The callback is asked with HEXZ_PASSWORD_OPEN for a password that opens the file (again after a
/// wrong one, three times at most), and to add or replace with HEXZ_PASSWORD_CREATE for the new one.
/// HEXZ_REKEY_REPLACE and HEXZ_REKEY_REMOVE are about the password that opened the file; if it was
/// added more than once, all of it goes. The kdf_ fields are for the new password, as in
/// hexz_build_opts. kdf_memory_max_kib bounds what the passwords that are there may cost, as in
/// hexz_open_opts.
///
/// opts->cancel is seen within 100 ms while keys are made, and until the file begins to change: the
/// file is then as it was.
///
/// It does not take the file's key from somebody who had it, nor from an older copy of the file:
/// against those, build anew.
///
/// Errors: HEXZ_ERR_INVALID_ARGUMENT, _PASSWORD_REQUIRED, _INVALID_PASSWORD, _WRONG_PASSWORD,
/// _CALLBACK, _NOT_ENCRYPTED, _STATE (removing the last password, adding a ninth), _NOT_SNAPSHOT,
/// _UNSUPPORTED (kdf_memory_max_kib among the reasons), _CORRUPT, _CANCELLED, _IO (it cannot be opened for writing, or another process changes it),
/// _OUTPUT (writing or syncing failed; the text says whether the change was made), _NO_MEMORY,
/// _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_rekey(opts: *const hexz_rekey_opts) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_rekey");
        // SAFETY: the header asks for a hexz_rekey_opts with valid pointers in it.
        let (opts, path, cancel) = unsafe {
            let opts = args.read(opts, "opts")?;
            (opts, args.path(opts.path), cancel::borrow(opts.cancel))
        };
        let path = path.ok_or_else(|| args.invalid("opts.path is NULL"))?;
        args.flags(opts.flags, 0, "opts.flags")?;
        args.reserved(opts.reserved as usize, "opts.reserved")?;
        args.constant(
            opts.operation,
            HEXZ_REKEY_ADD..=HEXZ_REKEY_REMOVE,
            "opts.operation",
        )?;
        let cost = args.kdf(opts.kdf_memory_kib, opts.kdf_passes, opts.kdf_lanes)?;
        let Some(callback) = PasswordCallback::new(opts.password, opts.password_data) else {
            let operand = operand(path);
            return Err(Error::PasswordRequired { operand, code: 0 });
        };
        let request = RekeyRequest {
            path,
            operation: match opts.operation {
                HEXZ_REKEY_ADD => Operation::Add,
                HEXZ_REKEY_REPLACE => Operation::Replace,
                _ => Operation::Remove,
            },
            cost,
            memory_max_kib: opts.kdf_memory_max_kib,
        };
        with_control(None, cancel, |control| {
            rekey(&request, &mut callback.function(), control)
        })
    })
}
