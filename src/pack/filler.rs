//! Blocks that take up room.
//!
//! Blocks and pages tile a snapshot file, and each byte of it is covered by a hash. A page that was
//! written and then given up is therefore overwritten with blocks of exactly its length, to which no
//! extent leads: a page of 4 KiB each, in the form of LZ4 that is so many bytes long.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::format::PAGE_4K;

/// Bytes that one takes up at most and, alone, at least.
const LONGEST: usize = 4000;
const SHORTEST: usize = 26;
/// Literals at the end of an LZ4 block: its last five bytes are such.
const TAIL: Range<usize> = 5..40;

/// A block that is as long as it has to be.
pub struct Filler {
    /// The bytes to store.
    pub stored: Vec<u8>,
    /// What they decode to.
    pub page: [u8; PAGE_4K],
}

/// Into what lengths `len` bytes are parted, where each block has `tag` bytes more than it stores.
pub fn parts(len: usize, tag: usize) -> impl Iterator<Item = usize> {
    let count = len.div_ceil(LONGEST + tag).max(1);
    (0..count).map(move |i| len * (i + 1) / count - len * i / count - tag.min(len))
}

impl Filler {
    /// One of `len` stored bytes.
    pub fn new(len: usize) -> Result<Self> {
        for tail in TAIL {
            let literals = (1..PAGE_4K - tail - 4).find(|first| size(*first, tail) == len);
            if let Some(first) = literals {
                return Ok(Filler::of(first, tail, len));
            }
        }
        Err(Error::Internal(format!(
            "{len} bytes cannot be taken up: {SHORTEST} to {LONGEST} can"
        )))
    }

    /// `first` literals, one match that repeats the last of them, and `tail` literals.
    fn of(first: usize, tail: usize, len: usize) -> Self {
        let mut page = [0; PAGE_4K];
        let run = PAGE_4K - first - tail;
        for (i, byte) in page.iter_mut().enumerate() {
            // Anything but a page of zeros.
            *byte = match i {
                i if i < first || i >= first + run => (i * 37 % 255 + 1) as u8,
                _ => ((first - 1) * 37 % 255 + 1) as u8,
            };
        }
        let mut stored = Vec::with_capacity(len);
        stored.push((nibble(first) << 4) | nibble(run - 4));
        extend(&mut stored, first);
        stored.extend(page.iter().take(first));
        stored.extend([1, 0]);
        extend(&mut stored, run - 4);
        stored.push(nibble(tail) << 4);
        extend(&mut stored, tail);
        stored.extend(page.iter().skip(first + run));
        Filler { stored, page }
    }
}

fn size(first: usize, tail: usize) -> usize {
    let run = PAGE_4K - first - tail;
    1 + more(first) + first + 2 + more(run - 4) + 1 + more(tail) + tail
}

/// Bytes of a length beside its nibble.
fn more(length: usize) -> usize {
    match length {
        ..15 => 0,
        _ => 1 + (length - 15) / 255,
    }
}

fn nibble(length: usize) -> u8 {
    length.min(15) as u8
}

fn extend(stored: &mut Vec<u8>, length: usize) {
    if let Some(mut rest) = length.checked_sub(15) {
        while rest >= 255 {
            stored.push(255);
            rest -= 255;
        }
        stored.push(rest as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_is_taken_up_and_decodes_to_a_page() {
        for len in SHORTEST..=LONGEST {
            let filler = Filler::new(len).unwrap();
            assert_eq!(filler.stored.len(), len);
            let mut page = [0; PAGE_4K];
            let decoded = lz4_flex::block::decompress_into(&filler.stored, &mut page).unwrap();
            assert!(decoded == PAGE_4K && page == filler.page, "{len}");
        }
        for tag in [0, 16] {
            for len in 60..20_000 {
                let parts: Vec<usize> = parts(len, tag).collect();
                assert_eq!(parts.iter().map(|part| part + tag).sum::<usize>(), len);
                assert!(
                    parts.iter().all(|part| (SHORTEST..=LONGEST).contains(part)),
                    "{len}"
                );
            }
        }
    }
}
