//! Samples of the sources to train a dictionary on.

use std::ops::Range;

use super::hash::is_zero;
use super::runs::Runs;
use crate::control::{self, Cancel, Control};
use crate::error::{Result, try_grow, try_push, try_zeroed};
use crate::format::PAGE_4K;
use crate::source::{Content, Source};

/// Bytes of a sample at most: a dictionary helps the beginning of a block.
const SAMPLE_MAX: usize = 128 << 10;
/// Bytes read at once while looking for data among zeros.
const LOOK: usize = 128 << 10;
/// At each place data is looked for in so many times a sample's bytes: among zeros without end
/// there is nothing to train on, and it would cost reading them all once more.
const LOOK_AHEAD: u64 = 16;

/// Takes samples of at most `block_size` bytes, `max` in all, spread evenly over the sources.
///
/// Where a sample is taken depends on the contents alone and not on holes, or a sparse file and
/// its full copy would get different dictionaries: at each of the evenly spread places, from the
/// first page on that is not zero, which must be within [`LOOK_AHEAD`] samples of the place. So no
/// more is read than 17 times `max`, however large the sources are.
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
    let cancel = control.cancel();
    let mut samples = Vec::new();
    let (mut done, mut look) = (0, Vec::new());
    for source in sources {
        let size = source.size();
        let mut from = 0;
        while from < size {
            control.advance(done + from, 0)?;
            let end = (from + stride).min(size);
            let ahead = from..end.min(from + LOOK_AHEAD * len as u64);
            if let Some(at) = first_data(source.as_ref(), ahead, &mut look, cancel)? {
                let mut sample = try_zeroed((end - at).min(len as u64) as usize, "a sample")?;
                source.read_at(at, &mut sample)?;
                try_push(&mut samples, sample, "samples to train on")?;
            }
            from = end;
        }
        done += size;
    }
    Ok(samples)
}

/// The first page with data in that range, which begins at a page.
fn first_data(
    source: &dyn Source,
    range: Range<u64>,
    look: &mut Vec<u8>,
    cancel: Option<&Cancel>,
) -> Result<Option<u64>> {
    let mut runs = Runs::new(source, range.start, LOOK as u64, cancel);
    while let Some(run) = runs.next()? {
        if run.start >= range.end {
            break;
        }
        let end = run.end.min(range.end);
        let mut at = run.start;
        while run.content == Content::Data && at < end {
            control::check(cancel)?;
            let len = (end - at).min(LOOK as u64) as usize;
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
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;

    use super::super::testing::{Imagined, Seen};
    use super::*;
    use crate::error::Error;

    /// Samples a disk of which only one page has data, and tells what that took. The disk is full
    /// of zeros, or has holes in their place.
    fn sample(size: u64, full: bool, cancel_at: u64) -> (Result<Vec<Vec<u8>>>, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        seen.cancel_at.store(cancel_at, Relaxed);
        let sources: [Box<dyn Source>; 1] = [Box::new(Imagined {
            size,
            map: match full {
                true => |_| (Content::Data, u64::MAX),
                false => |at| match at / PAGE_4K as u64 {
                    ..300 => (Content::Zero, 300 * PAGE_4K as u64),
                    300 => (Content::Data, 301 * PAGE_4K as u64),
                    _ => (Content::Zero, u64::MAX),
                },
            },
            fill: |offset, buf| {
                let at = (300 * PAGE_4K as u64 + 1).checked_sub(offset);
                if let Some(byte) = at.and_then(|at| buf.get_mut(at as usize)) {
                    *byte = 1;
                }
            },
            seen: Arc::clone(&seen),
        })];
        let mut control = Control::new(Some(&seen.cancel), None);
        (samples(&sources, 128 << 10, 8 << 20, &mut control), seen)
    }

    #[test]
    fn looking_for_data_among_zeros_can_be_cancelled() {
        let (samples, seen) = sample(1 << 34, true, 10);
        assert!(matches!(samples, Err(Error::Cancelled(_))));
        assert_eq!(seen.all(), 10);
    }

    #[test]
    fn a_bounded_part_of_zeros_is_read() {
        for size in [1 << 28, 1 << 30, 1 << 34] {
            let (samples, seen) = sample(size, true, 0);
            assert_eq!(samples.unwrap().len(), 1);
            let bytes = seen.bytes.load(Relaxed);
            assert!(bytes <= 17 * (8 << 20), "{bytes} of {size} read");
        }
    }

    #[test]
    fn zeros_and_holes_give_the_same_samples() {
        for size in [1 << 23, 1 << 27, 1 << 33] {
            let [full, sparse] = [true, false].map(|full| sample(size, full, 0).0.unwrap());
            assert_eq!(full.len(), 1);
            assert!(full == sparse);
        }
    }
}
