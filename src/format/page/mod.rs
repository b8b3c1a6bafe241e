//! Pages of the three index trees: leaves of extents, blocks and unit hashes, and the nodes above.
//!
//! A leaf holds its entries column by column, so that what hardly changes from entry to entry
//! compresses to nothing, and lengths only: positions are sums from the page's first one, so that
//! gaps and overlaps cannot be written down at all.

mod block;
mod extent;
mod node;
#[cfg(test)]
mod tests;
mod unit;

pub use block::{BlockEntry, BlockPage};
pub use extent::{ExtentEntry, ExtentPage, ParentPlace, Target};
pub use node::{ChildEntry, NodePage, TreeKind};
pub use unit::UnitPage;

use super::bytes::{Reader, Writer};
use super::{Decoded, PAGE_MAX};
use crate::error::{Result, try_with_capacity, try_zeroed};

const HEAD: usize = 32;

/// What memory is for.
const PAGE: &str = "a page of the index";

const KIND_EXTENTS: u8 = 1;
const KIND_BLOCKS: u8 = 2;
const KIND_UNITS: u8 = 3;

/// Where a page begins: in a stream for extents (`at` is a logical offset), or in data space for
/// blocks and units (`stream` is 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PageKey {
    /// Index of the stream.
    pub stream: u32,
    /// First byte.
    pub at: u64,
}

/// Entries that a page of [`PAGE_MAX`] bytes holds, each `len` bytes wide.
const fn capacity(len: usize) -> usize {
    (PAGE_MAX - HEAD) / len
}

/// What a page begins with.
struct Lead {
    kind: u8,
    level: u8,
    key: PageKey,
    base: u64,
}

impl Lead {
    /// The bytes of a page of `count` entries, each `len` bytes wide, which `fill` writes.
    fn page(self, count: usize, len: usize, fill: impl FnOnce(&mut Writer<'_>)) -> Result<Vec<u8>> {
        let mut bytes = try_zeroed(HEAD + count * len, PAGE)?;
        let mut w = Writer::new(&mut bytes);
        w.u8(self.kind);
        w.u8(self.level);
        w.u16(0);
        w.u32(count as u32);
        w.u32(self.key.stream);
        w.u32(0);
        w.u64(self.key.at);
        w.u64(self.base);
        fill(&mut w);
        Ok(bytes)
    }
}

struct Head<'a> {
    count: usize,
    key: PageKey,
    base: u64,
    rest: Reader<'a>,
}

fn read_head(bytes: &[u8], kind: u8, level: u8, entry_len: usize) -> Decoded<Head<'_>> {
    let mut r = Reader::new(bytes);
    if (r.u8()?, r.u8()?) != (kind, level) {
        return Err("an index page is of another kind or level than its place says".into());
    }
    r.zeros(2, "index page")?;
    let count = r.u32()? as usize;
    let stream = r.u32()?;
    r.zeros(4, "index page")?;
    let key = PageKey {
        stream,
        at: r.u64()?,
    };
    let base = r.u64()?;
    if count == 0 || count > capacity(entry_len) || r.left() != count * entry_len {
        return Err("an index page's count does not fit its length".into());
    }
    Ok(Head {
        count,
        key,
        base,
        rest: r,
    })
}

/// Reads a column of `n` values.
fn column<T>(n: usize, mut read: impl FnMut() -> Decoded<T>) -> Decoded<Vec<T>> {
    let mut values = try_with_capacity(n, PAGE)?;
    for _ in 0..n {
        values.push(read()?);
    }
    Ok(values)
}
