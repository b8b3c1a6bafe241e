//! The push builder.

use std::ffi::{c_char, c_void};
use std::process;
use std::ptr;
use std::sync::{Mutex, MutexGuard, TryLockError};

use libc::size_t;

use super::abi::*;
use super::args::Args;
use super::build::write_report;
use super::build_opts;
use super::callback::{ProgressCallback, with_control};
use super::cancel;
use super::error;
use super::guard::{guard, guard_void};
use super::streams::{check_kind, check_name};
use crate::build::{Builder, BuilderRequest, Encrypt};
use crate::control::{Cancel, Control};
use crate::error::{Error, Result};

/// Bytes that a try takes at most.
const TRY_MAX: usize = 1 << 20;

/// What is behind a hexz_builder.
struct Handle {
    /// Held by the call under way, so that no other one, its own callbacks' among them, gets in.
    builder: Mutex<Option<Builder>>,
    /// None with a sink.
    ready_fd: Option<i32>,
    progress: hexz_progress_fn,
    progress_data: *mut c_void,
    cancel: *const hexz_cancel,
    /// The thread that packs lives in this process only.
    process: u32,
}

/// = Building piece by piece
///
/// Begins a snapshot whose bytes the host program pushes, in any order: hexz_builder_stream() adds a
/// stream, hexz_builder_write(), hexz_builder_zero() and hexz_builder_inherit() say what is in it, and
/// hexz_builder_finish() completes the file, which appears then or not at all. What is never written
/// is zeros. opts as for hexz_build(), without source, memory, streams and report, which are
/// HEXZ_ERR_INVALID_ARGUMENT; what progress, sink and cancel point to must live until the builder is
/// freed, all else is copied.
///
/// The last write to a place wins. With HEXZ_BUILD_CDC and with a sink, though, streams are pushed front
/// to back, one after the other; going back is HEXZ_ERR_STATE, and what is left out is zeros. What is
/// pushed in order gives the same file as a build of the same bytes by path with the same options,
/// except that no dictionary is trained, since nobody knows what is still to come. Out of order it
/// reads the same, and may be a little larger: what was stored already and is then overwritten stays
/// in the file, and hexz_build_report.bytes_dead counts it. What waits is bounded by memory_limit; the
/// map of what came out of order goes, where that is too little for it, into an unnamed file in
/// opts.spill, sealed under a key of its own if the snapshot is encrypted.
///
/// A thread of the builder packs and writes the file meanwhile, with threads - 1 further ones that help
/// it; all are gone when the builder is freed. The password is asked for by this call, progress is told
/// and the sink called by the calls that may wait: write, zero, inherit, finish. bytes_read of the
/// report are the bytes that were pushed and packed.
///
/// The builder belongs to one thread at a time: a second call meanwhile, one from its own callbacks
/// among them, is HEXZ_ERR_STATE. So is any call but hexz_builder_free() once one has failed, other
/// than with HEXZ_ERR_AGAIN or for what it was given (_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE,
/// _STATE), which change nothing. A triggered cancel makes the next call fail, and one that waits. A
/// failure of the thread that packs (HEXZ_ERR_OUTPUT for a full disk) is told by the next call. A
/// forked child cannot use it: HEXZ_ERR_STATE.
///
/// The builder is the caller's, freed by hexz_builder_free(). *out is NULL on failure. Errors: as
/// hexz_build(), but for _SOURCE and _NO_STREAM.
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
        let mut handle = Box::new(Handle {
            builder: Mutex::new(None),
            ready_fd: None,
            progress: opts.progress,
            progress_data: opts.progress_data,
            cancel: opts.cancel,
            process: process::id(),
        });
        // SAFETY: as above; the handle stays where it is.
        let (target, cancel, spill) = unsafe {
            let handle: *const Handle = &*handle;
            let target = build_opts::check(&args, &opts, handle.cast())?;
            (target, cancel::borrow(opts.cancel), args.path(opts.spill))
        };
        let request = BuilderRequest {
            parents: target.parents,
            output: target.output.with(opts.flags),
            options: build_opts::options(target.profile, &opts),
            spill,
        };
        let mut encrypt = target
            .encrypt
            .map(|(callback, cost)| (callback.function(), cost));
        let encrypt = encrypt.as_mut().map(|(password, cost)| Encrypt {
            password,
            cost: *cost,
        });
        let builder = Builder::begin(request, encrypt, &Control::new(cancel, None))?;
        handle.ready_fd = builder.ready_fd();
        handle.builder = Mutex::new(Some(builder));
        // SAFETY: as above.
        unsafe { out.write(Box::into_raw(handle).cast()) };
        Ok(())
    })
}

/// Adds a stream of size bytes, all zero, also after others were written to; *stream becomes its index,
/// from 0. name is 1 to 63 bytes of UTF-8 that no other stream has, kind an HEXZ_STREAM_ value or 0 for
/// a blob. Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE, _NO_MEMORY, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_stream(
    builder: *mut hexz_builder,
    name: *const c_char,
    kind: u32,
    size: u64,
    stream: *mut u32,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_builder_stream");
        args.not_null(stream, "stream")?;
        // SAFETY: the header asks for a string, and a builder.
        let (name, entered) = unsafe {
            let name = check_name(&args, args.bytes(name), "name")?;
            (name, Entered::of(&args, builder)?)
        };
        let kind = check_kind(&args, kind, "kind")?;
        let added = entered.with(&args, |builder, _| {
            builder.add_stream(name, kind as u8, size)
        })?;
        // SAFETY: the header asks for a place to write a number to.
        unsafe { stream.write(added) };
        Ok(())
    })
}

/// Writes len bytes of data at offset of the stream; the last write to a place wins. offset and
/// offset + len are multiples of 4096 or the end of the stream. data is copied. Waits while there is
/// no room. Errors: HEXZ_ERR_INVALID_ARGUMENT, _NO_STREAM, _OUT_OF_RANGE, _STATE, _OUTPUT, _CORRUPT,
/// _IO and _CALLBACK (a parent or base; the sink), _CANCELLED, _UNSUPPORTED, _NO_MEMORY, _INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_write(
    builder: *mut hexz_builder,
    stream: u32,
    offset: u64,
    data: *const c_void,
    len: size_t,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_builder_write");
        // SAFETY: the header asks for a builder, and len bytes of data.
        let (entered, data) = unsafe { (Entered::of(&args, builder)?, bytes(&args, data, len)?) };
        entered.with(&args, |builder, control| {
            builder.push().write(stream, offset, data, control)
        })
    })
}

/// As hexz_builder_write(), but where that would wait for threads, output or callbacks it takes nothing
/// and returns HEXZ_ERR_AGAIN at once: for event loops and coroutines, which then wait for
/// hexz_builder_ready_fd(). At most 1 MiB at a time. It calls no callback; so with a sink, which only
/// calls that may wait call, HEXZ_ERR_AGAIN means to go on with hexz_builder_write().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_try_write(
    builder: *mut hexz_builder,
    stream: u32,
    offset: u64,
    data: *const c_void,
    len: size_t,
) -> hexz_status {
    let mut again = false;
    let status = guard(|| {
        let args = Args::of("hexz_builder_try_write");
        // SAFETY: the header asks for a builder, and len bytes of data.
        let (entered, data) = unsafe { (Entered::of(&args, builder)?, bytes(&args, data, len)?) };
        if len > TRY_MAX {
            return Err(args.invalid(format_args!(
                "len is {len}; give at most {TRY_MAX} bytes at a time, or use hexz_builder_write"
            )));
        }
        let cancel = entered.cancel();
        let control = Control::new(cancel, None);
        let done = entered
            .enter(&args)?
            .try_write(stream, offset, data, &control)?;
        again = !done;
        Ok(())
    });
    match again {
        true => error::record_again("hexz_builder_try_write"),
        false => status,
    }
}

/// *fd becomes an eventfd(2) that is readable while a hexz_builder_try_write() is worth it, and after a
/// failure. The library's: poll it (POLLIN, level or edge), do not read it; the same for as long as the
/// builder lives, closed with it. HEXZ_ERR_UNSUPPORTED with a sink: see hexz_builder_try_write().
/// Errors: HEXZ_ERR_INVALID_ARGUMENT, _STATE, _UNSUPPORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_ready_fd(
    builder: *const hexz_builder,
    fd: *mut i32,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_builder_ready_fd");
        args.not_null(fd, "fd")?;
        // SAFETY: the header asks for a builder.
        let entered = unsafe { Entered::of(&args, builder) }?;
        let Some(ready) = entered.0.ready_fd else {
            return Err(Error::Unsupported(
                "hexz_builder_ready_fd: only calls that may wait call the sink, so that nothing \
                 comes to be ready; use hexz_builder_write"
                    .to_owned(),
            ));
        };
        // SAFETY: the header asks for a place to write a number to.
        unsafe { fd.write(ready) };
        Ok(())
    })
}

/// Makes len bytes at offset zero, as hexz_builder_write() would, however many. Errors: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_zero(
    builder: *mut hexz_builder,
    stream: u32,
    offset: u64,
    len: u64,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_builder_zero");
        // SAFETY: the header asks for a builder.
        unsafe { Entered::of(&args, builder) }?.with(&args, |builder, control| {
            builder.push().zero(stream, offset, len, control)
        })
    })
}

/// Takes len bytes at offset from the stream of the same name of opts.parent or opts.parent_snapshot,
/// without reading them: for a hypervisor that writes only what its dirty bitmap says. What the parent
/// has not is zeros. With chunks, here or there, they are read. Errors: as hexz_builder_write();
/// HEXZ_ERR_INVALID_ARGUMENT without a parent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_inherit(
    builder: *mut hexz_builder,
    stream: u32,
    offset: u64,
    len: u64,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_builder_inherit");
        // SAFETY: the header asks for a builder.
        unsafe { Entered::of(&args, builder) }?.with(&args, |builder, control| {
            builder.push().inherit(stream, offset, len, control)
        })
    })
}

/// Completes the snapshot, gives it its name, and fills in report, unless it is NULL; its struct_size
/// is set by you. After that the builder can only be freed. A builder without streams is
/// HEXZ_ERR_STATE, and goes on. Errors: as hexz_builder_write(), and HEXZ_ERR_EXISTS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_finish(
    builder: *mut hexz_builder,
    report: *mut hexz_build_report,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_builder_finish");
        // SAFETY: the header asks for a builder, and NULL or a hexz_build_report.
        let (entered, report) = unsafe {
            let report = (!report.is_null()).then(|| args.out(report, "report"));
            (Entered::of(&args, builder)?, report.transpose()?)
        };
        let done = entered.with(&args, Builder::finish)?;
        if let Some(report) = report {
            write_report(report, &done);
        }
        Ok(())
    })
}

/// Frees a builder. One that was not finished leaves nothing behind; its sink is aborted. NULL does
/// nothing. While a call is under way, in a callback of it for one, it does nothing either.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_builder_free(builder: *mut hexz_builder) {
    guard_void(|| {
        if builder.is_null() {
            return Ok(());
        }
        let args = Args::of("hexz_builder_free");
        // SAFETY: the header asks for a handle of hexz_builder_new, freed once.
        let handle = unsafe { &*builder.cast::<Handle>() };
        if handle.process != process::id() {
            // Its thread and its files are the parent process's.
            return Ok(());
        }
        match handle.builder.try_lock() {
            Ok(mut held) => drop(held.take()),
            Err(TryLockError::Poisoned(held)) => drop(held.into_inner().take()),
            Err(TryLockError::WouldBlock) => return Err(in_use(&args)),
        }
        // SAFETY: as above; nobody uses it any more.
        drop(unsafe { Box::from_raw(builder.cast::<Handle>()) });
        Ok(())
    });
}

/// A builder that a call was given.
struct Entered<'a>(&'a Handle);

impl<'a> Entered<'a> {
    /// # Safety
    ///
    /// NULL, or a handle of hexz_builder_new that is not freed before the function returns.
    unsafe fn of(args: &Args, builder: *const hexz_builder) -> Result<Self> {
        args.not_null(builder, "builder")?;
        // SAFETY: as promised.
        let handle = unsafe { &*builder.cast::<Handle>() };
        match handle.process == process::id() {
            true => Ok(Entered(handle)),
            false => Err(args
                .state("a builder does not follow into a forked child; begin another one there")),
        }
    }

    fn cancel(&self) -> Option<&'a Cancel> {
        // SAFETY: the header asks for NULL, or a handle that lives as long as the builder.
        unsafe { cancel::borrow(self.0.cancel) }
    }

    /// The builder for this call alone.
    fn enter(&self, args: &Args) -> Result<Held<'a>> {
        match self.0.builder.try_lock() {
            Ok(held) => Ok(Held(held)),
            Err(TryLockError::WouldBlock) => Err(in_use(args)),
            Err(TryLockError::Poisoned(_)) => {
                Err(args.state("an earlier call on this builder failed internally; free it"))
            }
        }
    }

    /// Does `work` for this call alone, under the caller's progress callback and cancel handle.
    fn with<R>(
        &self,
        args: &Args,
        work: impl FnOnce(&mut Builder, &mut Control<'_>) -> Result<R>,
    ) -> Result<R> {
        let mut held = self.enter(args)?;
        let handle: *const Handle = self.0;
        let Handle {
            progress,
            progress_data,
            ..
        } = *self.0;
        let progress = ProgressCallback::new(progress, progress_data, handle.cast());
        with_control(progress, self.cancel(), |control| {
            work(held.get()?, control)
        })
    }
}

/// A builder that no other call can use.
struct Held<'a>(MutexGuard<'a, Option<Builder>>);

impl Held<'_> {
    fn get(&mut self) -> Result<&mut Builder> {
        self.0
            .as_mut()
            .ok_or_else(|| Error::Internal("a handle without a builder".to_owned()))
    }

    fn try_write(
        &mut self,
        stream: u32,
        offset: u64,
        data: &[u8],
        control: &Control<'_>,
    ) -> Result<bool> {
        self.get()?.push().try_write(stream, offset, data, control)
    }
}

fn in_use(args: &Args) -> Error {
    args.state(
        "the builder is in another call: it belongs to one thread at a time, and its callbacks may \
         not use it",
    )
}

/// # Safety
///
/// `data` has `len` bytes, which live as long as the call.
unsafe fn bytes<'a>(args: &Args, data: *const c_void, len: usize) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    args.not_null(data, "data")?;
    if isize::try_from(len).is_err() {
        return Err(args.invalid(format_args!("len is {len}; no memory is so large")));
    }
    // SAFETY: as promised.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) })
}
