//! Which calls may come when, and where: what does not belong is refused before anything changes.

use super::{PAGE, Push, Stage};
use crate::error::{Error, Result};

impl Push {
    pub(super) fn or_fail<R>(&mut self, done: Result<R>) -> Result<R> {
        done.inspect_err(|e| {
            self.stage = Stage::Failed(e.to_string());
            self.shared.abandon();
        })
    }

    pub(super) fn check_open(&self) -> Result<()> {
        match &self.stage {
            Stage::Open => Ok(()),
            Stage::Failed(why) => Err(Error::State(format!(
                "the builder failed before, and can only be freed: {why}"
            ))),
            Stage::Finished => Err(Error::State(
                "the builder is finished, and can only be freed".to_owned(),
            )),
        }
    }

    pub(super) fn size(&self, stream: u32) -> u64 {
        let size = self.staging.sizes().get(stream as usize);
        size.copied().unwrap_or(0)
    }

    /// Whether something may be put there.
    pub(super) fn check(&self, stream: u32, offset: u64, len: u64) -> Result<()> {
        self.check_open()?;
        let Some(known) = self.streams.get(stream as usize) else {
            return Err(Error::NoStream(format!(
                "there is no stream {stream}; the builder has {}, counted from 0",
                self.streams.len()
            )));
        };
        let (size, name) = (
            self.size(stream),
            crate::error::operand(known.name.as_ref()),
        );
        let Some(end) = offset.checked_add(len).filter(|end| *end <= size) else {
            return Err(Error::OutOfRange(format!(
                "stream '{name}': {len} bytes at {offset} go beyond its end at {size}"
            )));
        };
        if !offset.is_multiple_of(PAGE) && offset != size
            || !end.is_multiple_of(PAGE) && end != size
        {
            return Err(Error::InvalidArgument(format!(
                "stream '{name}': {len} bytes at {offset}; begin and end at multiples of {PAGE}, or \
                 at the stream's end, which is {size}"
            )));
        }
        match self.front {
            Some((of, at)) if len > 0 && (stream, offset) < (of, at) => Err(Error::State(format!(
                "stream '{name}': offset {offset} lies before what came already: chunks, and all \
                 that goes to a sink, are pushed front to back, stream by stream; the next byte \
                 may be at {at} of stream {of}"
            ))),
            _ => Ok(()),
        }
    }

    /// What was put there is behind us, if streams come front to back.
    pub(super) fn pass(&mut self, stream: u32, offset: u64, len: u64) {
        if let Some(front) = &mut self.front
            && len > 0
        {
            *front = (stream, offset + len);
        }
    }
}
