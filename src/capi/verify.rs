//! Verifying a snapshot.

use super::abi::*;
use super::args::Args;
use super::callback::{ProgressCallback, with_control};
use super::guard::guard;
use super::{cancel, handle};
use crate::error::Error;
use crate::snapshot::VerifyReport;

/// Checks all of this snapshot's file: every block, every hash, every page of the index. Damage
/// does not stop it, so that the report is complete. A parent is verified by itself.
///
/// Returns when all is done; threads it started are gone then. The callbacks run on this thread,
/// and must not use this snapshot. Other threads may use it meanwhile.
///
/// Errors: HEXZ_ERR_CORRUPT with the report filled in, _INVALID_ARGUMENT, _IO, _CALLBACK, _CANCELLED,
/// _NO_MEMORY, _STATE, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_verify(
    snapshot: *const hexz_snapshot,
    opts: *const hexz_verify_opts,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_verify");
        // SAFETY: the header asks for a handle and a hexz_verify_opts with valid pointers in it.
        let (entered, opts, report, cancel) = unsafe {
            let entered = handle::enter(&args, snapshot)?;
            let opts = args.read(opts, "opts")?;
            let report = match opts.report.is_null() {
                true => None,
                false => Some(args.out(opts.report, "opts.report")?),
            };
            (entered, opts, report, cancel::borrow(opts.cancel))
        };
        args.reserved(opts.reserved as usize, "opts.reserved")?;

        let mut found = VerifyReport::default();
        let progress = ProgressCallback::new(opts.progress, opts.progress_data, snapshot.cast());
        let outcome = with_control(progress, cancel, |control| {
            entered.verify(opts.threads, control, &mut found)
        });

        if let (Some(report), Ok(()) | Err(Error::Corrupt { .. })) = (report, &outcome) {
            report.write(&hexz_verify_report {
                struct_size: size_of::<hexz_verify_report>(),
                bad_stream: found.bad_stream,
                reserved: 0,
                bad_offset: found.bad_offset,
                blocks_checked: found.blocks_checked,
                blocks_bad: found.blocks_bad,
            });
        }
        outcome
    })
}
