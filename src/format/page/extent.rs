//! Leaves of extents: the runs of a stream and where each one lies.

use super::super::{DATA_SPACE_MAX, Decoded, STREAM_SIZE_MAX, STREAMS_MAX};
use super::{Head, KIND_EXTENTS, Lead, PAGE, PageKey, capacity, column, read_head};
use crate::error::{Result, try_with_capacity};

/// Where the bytes of an extent are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// In data space from this byte on.
    Data(u64),
    /// Nowhere: they are zero.
    Zero,
    /// In an ancestor's stream, from this place on.
    Parent(ParentPlace),
}

/// A place in an ancestor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentPlace {
    /// Index into the page of ancestors.
    pub ancestor: u16,
    /// Index of the ancestor's stream.
    pub stream: u16,
    /// Offset in it.
    pub at: u64,
}

impl Target {
    /// The same `skip` bytes further on.
    pub fn skip(self, skip: u64) -> Self {
        match self {
            Target::Data(at) => Target::Data(at + skip),
            Target::Zero => Target::Zero,
            Target::Parent(place) => Target::Parent(ParentPlace {
                at: place.at + skip,
                ..place
            }),
        }
    }
}

/// A run of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtentEntry {
    /// Bytes, at least 1.
    pub len: u64,
    /// Where they are.
    pub target: Target,
}

/// A leaf of the extents: consecutive runs of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtentPage {
    /// Stream and logical offset of the first run.
    pub key: PageKey,
    /// The runs.
    pub entries: Vec<ExtentEntry>,
}

impl ExtentPage {
    const ENTRY: usize = 8 + 8 + 1 + 2 + 2;
    /// Runs that fit a page.
    pub const CAPACITY: usize = capacity(Self::ENTRY);

    /// The decoded bytes of this page.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let parts = |e: &ExtentEntry| match e.target {
            Target::Data(at) => (1u8, at, 0, 0),
            Target::Zero => (2, 0, 0, 0),
            Target::Parent(place) => (3, place.at, place.ancestor, place.stream),
        };
        let lead = Lead {
            kind: KIND_EXTENTS,
            level: 0,
            key: self.key,
            base: 0,
        };
        lead.page(self.entries.len(), Self::ENTRY, |w| {
            self.entries.iter().for_each(|e| w.u64(e.len));
            self.entries.iter().for_each(|e| w.u64(parts(e).1));
            self.entries.iter().for_each(|e| w.u8(parts(e).0));
            self.entries.iter().for_each(|e| w.u16(parts(e).2));
            self.entries.iter().for_each(|e| w.u16(parts(e).3));
        })
    }

    /// Decodes a page, and checks all that can be checked without its surroundings.
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        let Head {
            count,
            key,
            base,
            rest: mut r,
        } = read_head(bytes, KIND_EXTENTS, 0, Self::ENTRY)?;
        let lens = column(count, || r.u64())?;
        let targets = column(count, || r.u64())?;
        let kinds = column(count, || r.u8())?;
        let ancestors = column(count, || r.u16())?;
        let streams = column(count, || r.u16())?;
        let mut end = key.at;
        let mut entries = try_with_capacity(count, PAGE)?;
        for i in 0..count {
            let (len, at) = (lens[i], targets[i]);
            let target = match (kinds[i], at, ancestors[i], streams[i]) {
                (1, at, 0, 0) => Target::Data(at),
                (2, 0, 0, 0) => Target::Zero,
                (3, at, ancestor, stream) => Target::Parent(ParentPlace {
                    ancestor,
                    stream,
                    at,
                }),
                _ => return Err("an extent's kind does not fit its target".into()),
            };
            let bounded = |v: u64, max| v.checked_add(len).is_some_and(|end| end <= max);
            let max = if kinds[i] == 1 {
                DATA_SPACE_MAX
            } else {
                STREAM_SIZE_MAX
            };
            if len == 0 || !bounded(at, max) || !bounded(end, STREAM_SIZE_MAX) {
                return Err("an extent's length is out of range".into());
            }
            end += len;
            entries.push(ExtentEntry { len, target });
        }
        if base != 0 || key.stream as usize >= STREAMS_MAX {
            return Err("an extent page's head does not fit".into());
        }
        Ok(ExtentPage { key, entries })
    }
}
