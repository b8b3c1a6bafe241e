//! Leaves of unit hashes.

use super::super::{BLOCK_MAX, DATA_SPACE_MAX, Decoded, PAGE_4K, UnitHash};
use super::{Head, KIND_UNITS, Lead, PageKey, capacity, column, read_head};
use crate::error::Result;

/// A leaf of the unit hashes, in the order of data space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitPage {
    /// First byte in data space.
    pub at: u64,
    /// Lengths of the units in bytes; empty when every unit is 4 KiB.
    pub lens: Vec<u32>,
    /// Hashes of the units.
    pub hashes: Vec<UnitHash>,
}

impl UnitPage {
    /// 4 KiB units that fit a page.
    pub const CAPACITY: usize = capacity(Self::entry(false));
    /// Units with a length of their own that fit a page.
    pub const CAPACITY_CDC: usize = capacity(Self::entry(true));

    const fn entry(cdc: bool) -> usize {
        if cdc { 4 + 16 } else { 16 }
    }

    /// The decoded bytes of this page.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let lead = Lead {
            kind: KIND_UNITS,
            level: 0,
            key: PageKey {
                stream: 0,
                at: self.at,
            },
            base: 0,
        };
        let entry = Self::entry(!self.lens.is_empty());
        lead.page(self.hashes.len(), entry, |w| {
            self.lens.iter().for_each(|len| w.u32(*len));
            self.hashes.iter().for_each(|hash| w.bytes(hash));
        })
    }

    /// Decodes a page; `cdc` tells whether units have lengths of their own.
    pub fn decode(bytes: &[u8], cdc: bool) -> Decoded<Self> {
        let Head {
            count,
            key,
            base,
            rest: mut r,
        } = read_head(bytes, KIND_UNITS, 0, Self::entry(cdc))?;
        let lens = if cdc {
            column(count, || r.u32())?
        } else {
            Vec::new()
        };
        let hashes = column(count, || r.array())?;
        if lens.iter().any(|len| *len == 0 || *len > BLOCK_MAX) {
            return Err("a unit's length is out of range".into());
        }
        let page = UnitPage {
            at: key.at,
            lens,
            hashes,
        };
        if base != 0 || key.stream != 0 || key.at > DATA_SPACE_MAX || page.end() > DATA_SPACE_MAX {
            return Err("a unit page's head does not fit".into());
        }
        Ok(page)
    }

    /// Data space where the next page begins.
    pub fn end(&self) -> u64 {
        if self.lens.is_empty() {
            return self.at + (self.hashes.len() * PAGE_4K) as u64;
        }
        self.at + self.lens.iter().map(|len| u64::from(*len)).sum::<u64>()
    }
}
