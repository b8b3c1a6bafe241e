//! What the host program hands in as callbacks: sinks. This version checks them and uses none.

use super::abi::*;
use super::args::Args;
use crate::error::Result;

/// Checks a sink; NULL is none.
///
/// # Safety
///
/// As the header asks of a hexz_sink.
pub unsafe fn check_sink(args: &Args, sink: *const hexz_sink) -> Result<()> {
    if sink.is_null() {
        return Ok(());
    }
    // SAFETY: as promised.
    let sink = unsafe { args.read(sink, "opts.sink") }?;
    match sink.write {
        Some(_) => Ok(()),
        None => Err(args.invalid("opts.sink.write is NULL")),
    }
}
