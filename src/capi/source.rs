//! Sources in the host program: the foreign side of what the layers below read.

use std::ffi::c_void;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use super::abi::*;
use super::args::Args;
use crate::control::{self, Cancel};
use crate::error::{Error, Result, operand};
use crate::format::STREAM_SIZE_MAX;
use crate::source::{CallbackSource, Callbacks, Claim, ClaimKind};

type ReadAt = unsafe extern "C" fn(*mut c_void, u64, *mut c_void, usize) -> i32;
type ExtentAt = unsafe extern "C" fn(*mut c_void, u64, *mut u64, *mut u32) -> i32;

/// A checked hexz_source.
#[derive(Clone, Copy)]
pub struct HostSource {
    user_data: *mut c_void,
    size: u64,
    concurrent: bool,
    read_at: ReadAt,
    extent_at: Option<ExtentAt>,
}

/// Checks a source.
///
/// # Safety
///
/// As the header asks of a hexz_source.
pub unsafe fn check(args: &Args, source: *const hexz_source, what: &str) -> Result<HostSource> {
    // SAFETY: as promised.
    let source = unsafe { args.read(source, what) }?;
    args.flags(
        source.flags,
        HEXZ_SOURCE_CONCURRENT,
        &format!("{what}.flags"),
    )?;
    let Some(read_at) = source.read_at else {
        return Err(args.invalid(format_args!("{what}.read_at is NULL")));
    };
    if source.size > STREAM_SIZE_MAX {
        return Err(args.invalid(format_args!(
            "{what}.size is {}; a stream has at most {STREAM_SIZE_MAX} bytes",
            source.size
        )));
    }
    Ok(HostSource {
        user_data: source.user_data,
        size: source.size,
        concurrent: source.flags & HEXZ_SOURCE_CONCURRENT != 0,
        read_at,
        extent_at: source.extent_at,
    })
}

impl HostSource {
    /// It as the stream of that name, not called any more once `cancel` was triggered.
    pub fn open(self, name: &str, cancel: Option<&Cancel>) -> CallbackSource {
        let operand: Arc<str> = operand(Path::new(name)).into();
        let callbacks = Called {
            source: self,
            operand: Arc::clone(&operand),
            cancel: cancel.map_or(ptr::null(), ptr::from_ref),
        };
        CallbackSource::new(operand, self.size, self.concurrent, Arc::new(callbacks))
    }
}

/// A source and what its calls need.
struct Called {
    source: HostSource,
    operand: Arc<str>,
    cancel: *const Cancel,
}

// SAFETY: the header says that the callbacks come from threads of the library, from several at once
// only if HEXZ_SOURCE_CONCURRENT allows it, which CallbackSource keeps to; a switch may be looked at
// from any thread, and lives until the call returns, as does what reads the source.
unsafe impl Send for Called {}
// SAFETY: as above.
unsafe impl Sync for Called {}

impl Called {
    fn go_on(&self) -> Result<()> {
        // SAFETY: NULL, or the switch of a call that has not returned.
        control::check(unsafe { self.cancel.as_ref() })
    }

    fn done(&self, callback: &'static str, code: i32) -> Result<()> {
        match code {
            0 => Ok(()),
            code => Err(Error::Callback {
                operand: self.operand.to_string(),
                callback,
                code,
            }),
        }
    }
}

impl Callbacks for Called {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.go_on()?;
        let HostSource {
            user_data, read_at, ..
        } = self.source;
        // SAFETY: the header asks for a function that may be called so with this data while the
        // call that got it runs.
        let code = unsafe { read_at(user_data, offset, buf.as_mut_ptr().cast(), buf.len()) };
        self.done("read_at", code)
    }

    fn extent_at(&self, offset: u64, mut len: u64) -> Result<Claim> {
        let mut kind = 0;
        let Some(extent_at) = self.source.extent_at else {
            return Ok(Claim {
                kind: ClaimKind::Data,
                len,
            });
        };
        self.go_on()?;
        // SAFETY: as above.
        let code = unsafe { extent_at(self.source.user_data, offset, &mut len, &mut kind) };
        self.done("extent_at", code)?;
        let kind = match kind {
            HEXZ_EXTENT_DATA => ClaimKind::Data,
            HEXZ_EXTENT_ZERO => ClaimKind::Zero,
            HEXZ_EXTENT_PARENT => ClaimKind::Parent,
            other => ClaimKind::Unknown(other),
        };
        Ok(Claim { kind, len })
    }
}
