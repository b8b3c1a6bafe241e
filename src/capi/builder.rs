//! The push builder: this version has its functions and checks their arguments.

use std::ffi::{c_char, c_void};
use std::ptr;

use libc::size_t;

use super::abi::*;
use super::args::Args;
use super::build_opts;
use super::guard::guard;
use crate::error::Result;

const FEATURE: &str = "the push builder (hexz_builder)";

/// Bytes that a try takes at most.
const TRY_MAX: usize = 1 << 20;

/// = Building piece by piece
///
/// Not in this version: HEXZ_ERR_UNSUPPORTED.
///
/// Begins a snapshot whose bytes the host program pushes. opts as for hexz_build(), without source,
/// memory, streams and report, which are HEXZ_ERR_INVALID_ARGUMENT; what it points to must live
/// until the builder is freed. The builder belongs to one thread at a time. *out is NULL on
/// failure; else freed by hexz_builder_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_new(
    opts: *const hexz_build_opts,
    out: *mut *mut hexz_builder,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_builder_new");
        args.not_null(out, "out")?;
        // SAFETY: the header asks for a place to write a pointer to, and a hexz_build_opts with
        // valid pointers in it.
        let opts = unsafe {
            out.write(ptr::null_mut());
            args.read(opts, "opts")?
        };
        for (given, name) in [
            (!opts.source.is_null(), "source"),
            (!opts.memory.is_null(), "memory"),
            (!opts.streams.is_null() || opts.stream_count > 0, "streams"),
            (!opts.report.is_null(), "report"),
        ] {
            if given {
                return Err(args.invalid(format_args!(
                    "opts.{name} is given; a builder's streams are pushed, and its report is \
                     hexz_builder_finish's"
                )));
            }
        }
        // SAFETY: as above.
        unsafe { build_opts::check(&args, &opts) }?;
        Err(args.later(FEATURE))
    })
}

/// Not in this version. Adds a stream of size bytes, all zero; *stream becomes its index. name is 1
/// to 63 bytes of UTF-8, kind an HEXZ_STREAM_ value or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_stream(
    builder: *mut hexz_builder,
    name: *const c_char,
    kind: u32,
    size: u64,
    stream: *mut u32,
) -> hexz_status {
    let _ = (name, kind, size, stream);
    refuse("hexz_builder_stream", builder)
}

/// Not in this version. Writes len bytes of data at offset; the last write to a place wins. offset
/// and len are multiples of 4096, but at the end of the stream. data is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_write(
    builder: *mut hexz_builder,
    stream: u32,
    offset: u64,
    data: *const c_void,
    len: size_t,
) -> hexz_status {
    let _ = (stream, offset, data, len);
    refuse("hexz_builder_write", builder)
}

/// Not in this version. As hexz_builder_write(), but where that would wait for threads, output or
/// callbacks it takes nothing and returns HEXZ_ERR_AGAIN at once: for event loops and coroutines. At
/// most 1 MiB at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_try_write(
    builder: *mut hexz_builder,
    stream: u32,
    offset: u64,
    data: *const c_void,
    len: size_t,
) -> hexz_status {
    let _ = (stream, offset);
    guard(|| -> Result<()> {
        let args = Args::of("hexz_builder_try_write");
        args.not_null(builder, "builder")?;
        if len > 0 {
            args.not_null(data, "data")?;
        }
        if len > TRY_MAX {
            return Err(args.invalid(format_args!(
                "len is {len}; give at most {TRY_MAX} bytes at a time, or use hexz_builder_write"
            )));
        }
        Err(args.later(FEATURE))
    })
}

/// Not in this version. *fd becomes an eventfd(2) that is readable when a hexz_builder_try_write()
/// is worth it, and after a failure. The library's: poll it, do not read it; it is closed with the
/// builder.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_ready_fd(
    builder: *const hexz_builder,
    fd: *mut i32,
) -> hexz_status {
    guard(|| -> Result<()> {
        let args = Args::of("hexz_builder_ready_fd");
        args.not_null(builder, "builder")?;
        args.not_null(fd, "fd")?;
        Err(args.later(FEATURE))
    })
}

/// Not in this version. Makes len bytes at offset zero, as hexz_builder_write() would.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_zero(
    builder: *mut hexz_builder,
    stream: u32,
    offset: u64,
    len: u64,
) -> hexz_status {
    let _ = (stream, offset, len);
    refuse("hexz_builder_zero", builder)
}

/// Not in this version. Takes len bytes at offset from the parent, without reading them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_inherit(
    builder: *mut hexz_builder,
    stream: u32,
    offset: u64,
    len: u64,
) -> hexz_status {
    let _ = (stream, offset, len);
    refuse("hexz_builder_inherit", builder)
}

/// Not in this version. Completes the snapshot and fills in report, unless it is NULL. After that
/// the builder can only be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_finish(
    builder: *mut hexz_builder,
    report: *mut hexz_build_report,
) -> hexz_status {
    let _ = report;
    refuse("hexz_builder_finish", builder)
}

/// Frees a builder; one that was not finished leaves nothing behind. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_free(builder: *mut hexz_builder) {
    // No builder was ever made, so there is none to free.
    let _ = builder;
}

/// No caller can have a builder: hexz_builder_new gives none out.
fn refuse(function: &'static str, builder: *const hexz_builder) -> hexz_status {
    guard(|| -> Result<()> {
        let args = Args::of(function);
        args.not_null(builder, "builder")?;
        Err(args.later(FEATURE))
    })
}
