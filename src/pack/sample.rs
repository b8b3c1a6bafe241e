//! Samples of the sources to train a dictionary on.

use super::hash::is_zero;
use super::runs::Runs;
use crate::control::Control;
use crate::error::{Result, try_zeroed};
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
            if let Some(at) = first_data(source.as_ref(), from, end, &mut look)? {
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

/// The first page with data in `from..end`.
fn first_data(source: &dyn Source, from: u64, end: u64, look: &mut Vec<u8>) -> Result<Option<u64>> {
    let mut runs = Runs::from(source, from);
    while let Some(run) = runs.next()? {
        if run.start >= end {
            break;
        }
        let mut at = run.start;
        while run.content == Content::Data && at < run.end.min(end) {
            look.resize((run.end.min(end) - at).min(LOOK as u64) as usize, 0);
            source.read_at(at, look)?;
            if let Some(page) = look.chunks(PAGE_4K).position(|page| !is_zero(page)) {
                return Ok(Some(at + (page * PAGE_4K) as u64));
            }
            at += look.len() as u64;
        }
    }
    Ok(None)
}
