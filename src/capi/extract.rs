//! Writing a stream out.

use super::abi::*;
use super::args::Args;
use super::callback::{ProgressCallback, with_control};
use super::guard::guard;
use super::sink::HostSink;
use super::{cancel, handle};
use crate::sink::{Existing, Sync};
use crate::snapshot::{ExtractMode, ExtractOptions, Holders};

/// Writes a stream out as a raw file with holes where it has zeros. The file appears when it is
/// complete, or not at all, under the guarantees that hexz_build() gives, with the same modes and the
/// same temporaries, unless HEXZ_EXTRACT_IN_PLACE is set. With a sink it goes there, front to back;
/// threads decode ahead, and the calls do not depend on them.
///
/// Returns when all is done; threads it started are gone then. The callbacks run on this thread,
/// and must not use this snapshot. Other threads may use it meanwhile.
///
/// Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUTPUT, _EXISTS, _CORRUPT, _IO, _CALLBACK,
/// _CANCELLED, _NO_MEMORY, _STATE, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_snapshot_extract(
    snapshot: *const hexz_snapshot,
    opts: *const hexz_extract_opts,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_snapshot_extract");
        // SAFETY: the header asks for a handle and a hexz_extract_opts with valid pointers in it.
        let (entered, opts, output, sink, cancel) = unsafe {
            let entered = handle::enter(&args, snapshot)?;
            let opts = args.read(opts, "opts")?;
            let sink = HostSink::check(&args, opts.sink, snapshot.cast())?;
            let output = args.path(opts.output);
            (entered, opts, output, sink, cancel::borrow(opts.cancel))
        };
        let known = HEXZ_EXTRACT_OVERWRITE
            | HEXZ_EXTRACT_NO_SYNC
            | HEXZ_EXTRACT_IN_PLACE
            | HEXZ_EXTRACT_FORCE_SHARE;
        args.flags(opts.flags, known, "opts.flags")?;
        args.reserved(opts.reserved, "opts.reserved")?;
        args.reserved(opts.reserved2, "opts.reserved2")?;
        let overwrite = opts.flags & HEXZ_EXTRACT_OVERWRITE != 0;
        let in_place = opts.flags & HEXZ_EXTRACT_IN_PLACE != 0;
        if overwrite && in_place {
            return Err(args.invalid(
                "opts.flags has both HEXZ_EXTRACT_OVERWRITE, which replaces a file, and \
                 HEXZ_EXTRACT_IN_PLACE, which writes into it",
            ));
        }
        if in_place && sink.is_some() {
            return Err(args.invalid(
                "opts.flags has HEXZ_EXTRACT_IN_PLACE, which is for a file (opts.output), and \
                 opts.sink is given",
            ));
        }
        let progress = ProgressCallback::new(opts.progress, opts.progress_data, snapshot.cast());
        let path = match (output, sink) {
            (Some(path), None) => path,
            (None, Some(sink)) => {
                return with_control(progress, cancel, |control| {
                    entered.extract_into(opts.stream, Box::new(sink), opts.threads, control)
                });
            }
            (Some(_), Some(_)) => {
                return Err(args.invalid("both opts.output and opts.sink are given"));
            }
            (None, None) => {
                return Err(args.invalid("neither opts.output nor opts.sink is given"));
            }
        };

        let options = ExtractOptions {
            path,
            mode: match (in_place, overwrite) {
                (true, _) => ExtractMode::InPlace(match opts.flags & HEXZ_EXTRACT_FORCE_SHARE {
                    0 => Holders::Respected,
                    _ => Holders::Overridden,
                }),
                (false, true) => ExtractMode::New(Existing::Replace),
                (false, false) => ExtractMode::New(Existing::Refuse("HEXZ_EXTRACT_OVERWRITE")),
            },
            sync: match opts.flags & HEXZ_EXTRACT_NO_SYNC {
                0 => Sync::Yes("HEXZ_EXTRACT_NO_SYNC"),
                _ => Sync::No,
            },
            threads: opts.threads,
        };
        with_control(progress, cancel, |control| {
            entered.extract(opts.stream, &options, control)
        })
    })
}
