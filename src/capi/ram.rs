//! Runs of memory that the host program hands in.

use super::abi::*;
use super::args::Args;
use crate::error::{Result, try_push};
use crate::format::STREAM_SIZE_MAX;

/// Checks the regions of a handle; where the last of them ends in the stream.
///
/// # Safety
///
/// As the header asks of regions and region_count.
pub unsafe fn check(
    args: &Args,
    regions: *const *const hexz_ram,
    count: usize,
    page_size: u64,
) -> Result<u64> {
    args.not_null(regions, "opts.regions")?;
    if count == 0 {
        return Err(args.invalid("opts.region_count is 0; give the memory"));
    }
    let (mut memory, mut stream) = (Vec::new(), Vec::new());
    for i in 0..count {
        let what = format!("opts.regions[{i}]");
        // SAFETY: as promised: `count` pointers to structs.
        let region = unsafe { args.read(*regions.add(i), &what) }?;
        let len = check_region(args, &region, &what, page_size)?;
        let (begin, what) = (region.addr as u64, "a list of regions");
        try_push(&mut memory, (begin, begin + len, i), what)?;
        let run = (region.offset, region.offset + len, i);
        try_push(&mut stream, run, what)?;
    }
    check_disjoint(args, &mut memory, "in memory")?;
    check_disjoint(args, &mut stream, "in the stream")?;
    Ok(stream.last().map_or(0, |last| last.1))
}

/// Checks one; its length.
fn check_region(args: &Args, region: &hexz_ram, what: &str, page_size: u64) -> Result<u64> {
    args.reserved(region.reserved as usize, &format!("{what}.reserved"))?;
    args.not_null(region.addr.cast_const(), &format!("{what}.addr"))?;
    let page = match region.page_size {
        0 => page_size,
        size if size.is_power_of_two() && u64::from(size) >= page_size => size.into(),
        size => {
            return Err(args.invalid(format_args!(
                "{what}.page_size is {size}; give a power of two, {page_size} or more, or 0 for \
                 the system's"
            )));
        }
    };
    if region.len == 0 {
        return Err(args.invalid(format_args!("{what}.len is 0; leave the region out")));
    }
    for (value, name) in [
        (region.addr as u64, "addr"),
        (region.len, "len"),
        (region.offset, "offset"),
    ] {
        if value % page != 0 {
            return Err(args.invalid(format_args!(
                "{what}.{name} is {value}, no multiple of its pages of {page} bytes"
            )));
        }
    }
    let fits = |from: u64, most: u64| from.checked_add(region.len).is_some_and(|end| end <= most);
    match fits(region.addr as u64, u64::MAX) && fits(region.offset, STREAM_SIZE_MAX) {
        true => Ok(region.len),
        false => Err(args.invalid(format_args!(
            "{what}: {} bytes reach beyond the end of memory or of the longest stream",
            region.len
        ))),
    }
}

/// Sorts (begin, end, index) and refuses two that overlap.
fn check_disjoint(args: &Args, runs: &mut [(u64, u64, usize)], place: &str) -> Result<()> {
    runs.sort_unstable();
    match runs.windows(2).find(|pair| pair[1].0 < pair[0].1) {
        Some(pair) => Err(args.invalid(format_args!(
            "opts.regions[{}] and opts.regions[{}] overlap {place}",
            pair[0].2, pair[1].2
        ))),
        None => Ok(()),
    }
}
