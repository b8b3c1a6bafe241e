//! Samples of the sources to train a dictionary on.

use super::hash::is_zero;
use super::runs::Runs;
use crate::control::Control;
use crate::error::{Result, try_grow, try_zeroed};
use crate::format::PAGE_4K;
use crate::source::{Content, Source};

/// Bytes of a sample at most: a dictionary helps the beginning of a block.
const SAMPLE_MAX: usize = 128 << 10;
/// Bytes read at once while looking for data among zeros.
const LOOK: usize = 128 << 10;

/// Takes samples of at most `block_size` bytes, `max` in all, spread evenly over the sources.
///
/// Where a sample is taken depends on the contents alone and not on holes, or a sparse file and
/// its full copy would get different dictionaries: at each of the evenly spread places, from the
/// first page on that is not zero.
pub fn samples(
    sources: &[Box<dyn Source>],
    block_size: usize,
    max: usize,
    control: &mut Control<'_>,
) -> Result<Vec<Vec<u8>>> {
    let len = block_size.min(SAMPLE_MAX);
    let total: u64 = sources.iter().map(|s| s.size()).sum();
    let count = ((max / len) as u64).min(total.div_ceil(len as u64)).max(1);
    let stride = total.div_ceil(count).next_multiple_of(len as u64).max(1);
    let mut samples = Vec::new();
    let (mut done, mut look) = (0, Vec::new());
    for source in sources {
        let size = source.size();
        let mut from = 0;
        while from < size {
            control.advance(done + from, 0)?;
            let end = (from + stride).min(size);
            let look_on = |at| control.advance(done + at, 0);
            if let Some(at) = first_data(source.as_ref(), from, end, &mut look, look_on)? {
                let mut sample = try_zeroed((end - at).min(len as u64) as usize, "a sample")?;
                source.read_at(at, &mut sample)?;
                samples.push(sample);
            }
            from = end;
        }
        done += size;
    }
    Ok(samples)
}

/// The first page with data in `from..end`, which may be far: `look_on` says whether to look on.
fn first_data(
    source: &dyn Source,
    from: u64,
    end: u64,
    look: &mut Vec<u8>,
    mut look_on: impl FnMut(u64) -> Result<()>,
) -> Result<Option<u64>> {
    let mut runs = Runs::from(source, from);
    while let Some(run) = runs.next()? {
        if run.start >= end {
            break;
        }
        let mut at = run.start;
        while run.content == Content::Data && at < run.end.min(end) {
            look_on(at)?;
            let len = (run.end.min(end) - at).min(LOOK as u64) as usize;
            try_grow(look, len, "a look at a source")?;
            source.read_at(at, look)?;
            if let Some(page) = look.chunks(PAGE_4K).position(|page| !is_zero(page)) {
                return Ok(Some(at + (page * PAGE_4K) as u64));
            }
            at += look.len() as u64;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::control::{Cancel, Phase};
    use crate::error::Error;
    use crate::source::Identity;

    /// A device full of zeros, whose reader cancels after a while.
    struct Zeros<'a> {
        reads: Cell<u32>,
        cancel: &'a Cancel,
    }

    const CANCELLED_AT: u32 = 10;

    impl Source for Zeros<'_> {
        fn operand(&self) -> &str {
            "zeros"
        }
        fn size(&self) -> u64 {
            1 << 34
        }
        fn read_at(&self, _: u64, buf: &mut [u8]) -> Result<()> {
            buf.fill(0);
            self.reads.set(self.reads.get() + 1);
            if self.reads.get() == CANCELLED_AT {
                self.cancel.trigger();
            }
            Ok(())
        }
        fn content_at(&self, _: u64) -> Result<(Content, u64)> {
            Ok((Content::Data, self.size()))
        }
        fn check_unchanged(&self) -> Result<()> {
            Ok(())
        }
        fn identities(&self) -> Vec<Identity> {
            Vec::new()
        }
    }

    #[test]
    fn looking_for_data_among_zeros_can_be_cancelled() {
        let cancel = Cancel::default();
        let zeros = Zeros {
            reads: Cell::new(0),
            cancel: &cancel,
        };
        let mut control = Control::new(Some(&cancel), None);
        control.begin(Phase::Train, zeros.size(), 0).unwrap();
        let mut look = Vec::new();
        let found = first_data(&zeros, 0, zeros.size(), &mut look, |at| {
            control.advance(at, 0)
        });
        assert!(matches!(found, Err(Error::Cancelled(_))));
        assert_eq!(zeros.reads.get(), CANCELLED_AT);
    }
}
