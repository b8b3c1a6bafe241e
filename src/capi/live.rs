//! Memory as a source while it is written: this version has its functions and checks their
//! arguments.

use std::ptr;

use super::abi::*;
use super::args::Args;
use super::guard::guard;
use super::ram;
use crate::error::Result;
use crate::format::STREAM_SIZE_MAX;

const FEATURE: &str = "snapshots of live memory (hexz_live)";

/// The least memory_limit: less would save no run of pages whole.
const MEMORY_LIMIT_MIN: u64 = 256 << 10;

/// = Memory while it is written
///
/// Not in this version: HEXZ_ERR_UNSUPPORTED.
///
/// Takes memory of this process as a source of builds (hexz_stream.live) that goes on being
/// written: the host stops its machine, calls hexz_live_freeze(), lets it run on, and builds
/// meanwhile; the stream is the memory as it was at the freeze. Pages are protected by
/// userfaultfd(2) and saved before they are written over. Starts a thread, which hexz_live_free()
/// ends.
///
/// What the protection does not see: pinned pages that a device or the kernel writes (io_uring's
/// registered buffers, VFIO), another mapping of the same memory, write(2) into it, holes punched
/// into it. Tell those by hexz_live_changed() and hexz_live_discard().
///
/// The handle is the caller's: freed by hexz_live_free(). *out is NULL on failure. Errors:
/// HEXZ_ERR_INVALID_ARGUMENT (regions that overlap or are no whole pages among the reasons),
/// _UNSUPPORTED (no userfaultfd, memory that cannot be protected), _NO_MEMORY, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_live_new(
    opts: *const hexz_live_opts,
    out: *mut *mut hexz_live,
) -> hexz_status {
    guard(|| -> Result<()> {
        let args = Args::of("hexz_live_new");
        args.not_null(out, "out")?;
        // SAFETY: the header asks for a place to write a pointer to, and a hexz_live_opts with
        // valid pointers in it.
        let (opts, end) = unsafe {
            out.write(ptr::null_mut());
            let opts = args.read(opts, "opts")?;
            args.flags(opts.flags, HEXZ_LIVE_TRACK, "opts.flags")?;
            let page_size = rustix::param::page_size() as u64;
            let end = ram::check(&args, opts.regions, opts.region_count, page_size)?;
            (opts, end)
        };
        if opts.size != 0 && !(end..=STREAM_SIZE_MAX).contains(&opts.size) {
            return Err(args.invalid(format_args!(
                "opts.size is {}; give 0, or {end} to {STREAM_SIZE_MAX}: the regions end there",
                opts.size
            )));
        }
        if opts.memory_limit != 0 && opts.memory_limit < MEMORY_LIMIT_MIN {
            return Err(args.invalid(format_args!(
                "opts.memory_limit is {}; give {MEMORY_LIMIT_MIN} or more, or 0 for the default",
                opts.memory_limit
            )));
        }
        Err(args.later(FEATURE))
    })
}

/// Not in this version. Makes the stream what the memory is now, and returns as soon as every page
/// is protected. Nobody writes the memory during the call. Not during a build that reads it, nor
/// beside hexz_live_thaw() and hexz_live_free(). Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE (frozen
/// already), _UNSUPPORTED, _NO_MEMORY, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_live_freeze(live: *mut hexz_live) -> hexz_status {
    refuse("hexz_live_freeze", live)
}

/// Not in this version. Lets go of the frozen memory. The end of a build that read it does the same,
/// unless the build was refused before it began. Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE (a build
/// reads it), _UNSUPPORTED, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_live_thaw(live: *mut hexz_live) -> hexz_status {
    refuse("hexz_live_thaw", live)
}

/// Not in this version. Says that len bytes at offset of the stream were written in a way that the
/// protection does not see (KVM's or vhost's dirty log). Any thread, any time. Errors:
/// HEXZ_ERR_INVALID_ARGUMENT, _OUT_OF_RANGE (offset + len is beyond the end), _UNSUPPORTED,
/// _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_live_changed(
    live: *mut hexz_live,
    offset: u64,
    len: u64,
) -> hexz_status {
    let _ = (offset, len);
    refuse("hexz_live_changed", live)
}

/// Not in this version. Saves what the frozen stream still needs of len bytes at offset, which are
/// about to be given back to the system (a balloon: MADV_DONTNEED, MADV_REMOVE). Any thread, any
/// time. Errors: as hexz_live_changed(), and _NO_MEMORY, _IO (the spill file).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_live_discard(
    live: *mut hexz_live,
    offset: u64,
    len: u64,
) -> hexz_status {
    let _ = (offset, len);
    refuse("hexz_live_discard", live)
}

/// Not in this version. Tells what the handle did so far. Any thread, any time. Errors:
/// HEXZ_ERR_INVALID_ARGUMENT, _UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_live_stats_get(
    live: *const hexz_live,
    out: *mut hexz_live_stats,
) -> hexz_status {
    guard(|| -> Result<()> {
        let args = Args::of("hexz_live_stats_get");
        args.not_null(live, "live")?;
        // SAFETY: the header asks for a struct.
        unsafe { args.out(out, "out") }?;
        Err(args.later(FEATURE))
    })
}

/// Frees a live handle that no call uses any more, and lets go of frozen memory. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_live_free(live: *mut hexz_live) {
    // No handle was ever made, so there is none to free.
    let _ = live;
}

/// No caller can have a handle: hexz_live_new gives none out.
fn refuse(function: &'static str, live: *const hexz_live) -> hexz_status {
    guard(|| -> Result<()> {
        let args = Args::of(function);
        args.not_null(live, "live")?;
        Err(args.later(FEATURE))
    })
}
