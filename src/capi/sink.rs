//! A receiver of bytes in the host program.

use std::ffi::c_void;

use super::abi::*;
use super::args::Args;
use super::callback::Within;
use crate::error::{Error, Result};
use crate::sink::Sink;

/// What a sink is called in texts.
pub const NAME: &str = "opts.sink";

/// For what takes no zeros but by writing them.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

type Write = unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> i32;

/// A hexz_sink. The layers below keep it on the thread of the call that got it: it holds raw
/// pointers.
pub struct HostSink {
    sink: hexz_sink,
    write: Write,
    handle: *const c_void,
}

impl HostSink {
    /// The sink of a call on `handle` (NULL for a call on none), checked; NULL is none.
    ///
    /// # Safety
    ///
    /// As the header asks of a hexz_sink, until the call that got it returns.
    pub unsafe fn check(
        args: &Args,
        sink: *const hexz_sink,
        handle: *const c_void,
    ) -> Result<Option<Self>> {
        if sink.is_null() {
            return Ok(None);
        }
        // SAFETY: as promised.
        let sink = unsafe { args.read(sink, NAME) }?;
        match sink.write {
            Some(write) => Ok(Some(HostSink {
                sink,
                write,
                handle,
            })),
            None => Err(args.invalid(format_args!("{NAME}.write is NULL"))),
        }
    }
}

impl Sink for HostSink {
    fn operand(&self) -> &str {
        NAME
    }

    fn write(&mut self, data: &[u8]) -> Result<()> {
        let _within = Within::enter(self.handle);
        // SAFETY: the header asks for a function that may be called so with this data while the call
        // that got it runs.
        let code = unsafe { (self.write)(self.sink.user_data, data.as_ptr().cast(), data.len()) };
        answered("write", code)
    }

    fn zeroes_max(&self) -> u64 {
        match self.sink.write_zeroes {
            Some(_) => u64::MAX,
            None => ZEROS.len() as u64,
        }
    }

    fn write_zeroes(&mut self, mut len: u64) -> Result<()> {
        if let Some(write_zeroes) = self.sink.write_zeroes {
            let _within = Within::enter(self.handle);
            // SAFETY: as above.
            let code = unsafe { write_zeroes(self.sink.user_data, len) };
            return answered("write_zeroes", code);
        }
        while len > 0 {
            let part = ZEROS.get(..len.min(ZEROS.len() as u64) as usize);
            let part = part.unwrap_or_default();
            self.write(part)?;
            len -= part.len() as u64;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let Some(commit) = self.sink.commit else {
            return Ok(());
        };
        let _within = Within::enter(self.handle);
        // SAFETY: as above.
        answered("commit", unsafe { commit(self.sink.user_data) })
    }

    fn abort(&mut self) {
        if let Some(abort) = self.sink.abort {
            let _within = Within::enter(self.handle);
            // SAFETY: as above.
            unsafe { abort(self.sink.user_data) }
        }
    }
}

fn answered(callback: &'static str, code: i32) -> Result<()> {
    match code {
        0 => Ok(()),
        code => Err(Error::Callback {
            operand: NAME.to_owned(),
            callback,
            code,
        }),
    }
}
