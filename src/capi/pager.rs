//! Memory that is filled from a snapshot when it is touched: this version has its functions and
//! checks their arguments.

use std::ffi::c_void;
use std::ptr;

use libc::size_t;

use super::abi::*;
use super::args::Args;
use super::guard::guard;
use super::{handle, ram};
use crate::error::Result;

const FEATURE: &str = "memory that is filled when it is touched (hexz_pager)";

/// = Memory that is filled when it is touched
///
/// Not in this version: HEXZ_ERR_UNSUPPORTED. Freed before hexz_pager_fill() succeeded, what was
/// not touched of the memory reads as zeros.
///
/// Fills memory from a stream of a snapshot, each block when one of its pages is first touched, by
/// threads of the pager, so that a machine runs on before its memory is there. The pager makes the
/// userfaultfd(2) for regions of this process; with HEXZ_PAGER_UFFD it serves one that another
/// process registered its regions on, and handed over. Pages that their owner gives back
/// (MADV_DONTNEED, MADV_REMOVE) are zeros from then on. fork(2) and mremap(2) of a region are not
/// supported. A page that cannot be had is SIGBUS for whoever touches it, never zeros.
///
/// The handle is the caller's: freed by hexz_pager_free(). The snapshot may be closed first. *out
/// is NULL on failure. Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _STATE, _UNSUPPORTED,
/// _NO_MEMORY, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_pager_new(
    snapshot: *const hexz_snapshot,
    opts: *const hexz_pager_opts,
    out: *mut *mut hexz_pager,
) -> hexz_status {
    guard(|| -> Result<()> {
        let args = Args::of("hexz_pager_new");
        args.not_null(out, "out")?;
        // SAFETY: the header asks for a place to write a pointer to, a handle, and a
        // hexz_pager_opts with valid pointers in it.
        let (snapshot, opts) = unsafe {
            out.write(ptr::null_mut());
            (handle::enter(&args, snapshot)?, args.read(opts, "opts")?)
        };
        args.flags(opts.flags, HEXZ_PAGER_UFFD, "opts.flags")?;
        args.reserved(opts.reserved as usize, "opts.reserved")?;
        let page_size = rustix::param::page_size() as u64;
        // SAFETY: as above.
        unsafe { ram::check(&args, opts.regions, opts.region_count, page_size) }?;
        match (opts.flags & HEXZ_PAGER_UFFD != 0, opts.uffd) {
            (true, ..0) => {
                return Err(args.invalid(format_args!(
                    "opts.uffd is {}, which is no descriptor, and HEXZ_PAGER_UFFD is set",
                    opts.uffd
                )));
            }
            (false, 1..) => {
                return Err(args.invalid(
                    "opts.uffd is given without HEXZ_PAGER_UFFD, which says that the regions are \
                     its owner's",
                ));
            }
            _ => {}
        }
        if opts.trace_len > 0 {
            args.not_null(opts.trace, "opts.trace")?;
        }
        let count = snapshot.streams().len();
        if opts.stream as usize >= count {
            return Err(args.no_stream(opts.stream, count));
        }
        Err(args.later(FEATURE))
    })
}

/// Not in this version. Fills in all that is left. progress (or NULL) runs on this thread, with
/// HEXZ_PHASE_EXTRACT; cancel (or NULL) is not used after the call. After HEXZ_OK the memory is
/// ordinary memory, and the pager may be freed. Goes on past damage, which is HEXZ_ERR_CORRUPT at
/// the end. Errors: HEXZ_ERR_INVALID_ARGUMENT, _CORRUPT, _IO (an owner that died among the
/// reasons), _CANCELLED, _NO_MEMORY, _STATE, _UNSUPPORTED, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_pager_fill(
    pager: *mut hexz_pager,
    progress: hexz_progress_fn,
    progress_data: *mut c_void,
    cancel: *const hexz_cancel,
) -> hexz_status {
    let _ = (progress, progress_data, cancel);
    guard(|| -> Result<()> {
        let args = Args::of("hexz_pager_fill");
        args.not_null(pager, "pager")?;
        Err(args.later(FEATURE))
    })
}

/// Not in this version. Writes the order in which the memory was asked for so far into buf, for
/// hexz_pager_opts.trace of later runs, on any machine; *len becomes its bytes. A capacity that is
/// too small is HEXZ_ERR_INVALID_ARGUMENT, with nothing written; buf NULL with capacity 0 asks for
/// the length alone. Any thread, any time. Errors: HEXZ_ERR_INVALID_ARGUMENT, _UNSUPPORTED,
/// _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_pager_trace(
    pager: *const hexz_pager,
    buf: *mut c_void,
    capacity: size_t,
    len: *mut size_t,
) -> hexz_status {
    guard(|| -> Result<()> {
        let args = Args::of("hexz_pager_trace");
        args.not_null(pager, "pager")?;
        args.not_null(len, "len")?;
        if capacity > 0 {
            args.not_null(buf.cast_const(), "buf")?;
        }
        Err(args.later(FEATURE))
    })
}

/// Not in this version. Tells what the pager did so far. Any thread, any time. Errors:
/// HEXZ_ERR_INVALID_ARGUMENT, _UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_pager_stats_get(
    pager: *const hexz_pager,
    out: *mut hexz_pager_stats,
) -> hexz_status {
    guard(|| -> Result<()> {
        let args = Args::of("hexz_pager_stats_get");
        args.not_null(pager, "pager")?;
        // SAFETY: the header asks for a struct.
        unsafe { args.out(out, "out") }?;
        Err(args.later(FEATURE))
    })
}

/// Frees a pager that no call uses any more, and ends its threads. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_pager_free(pager: *mut hexz_pager) {
    // No pager was ever made, so there is none to free.
    let _ = pager;
}
