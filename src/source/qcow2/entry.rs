//! Entries of L1 and L2 tables. Meaning of the bits: docs/interop/qcow2.rst of QEMU, "Cluster
//! mapping" and "Extended L2 Entries".

use super::fault::{Checked, damaged};
use super::header::Header;

/// Where L1 and L2 entries keep an offset.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const L1_RESERVED: u64 = 0x7f00_0000_0000_01ff;
const L2_RESERVED: u64 = 0x3f00_0000_0000_01fe;
/// Standard clusters: reads as zeros.
const ZERO: u64 = 1;
const COMPRESSED: u64 = 1 << 62;
/// Nobody else uses the cluster.
const COPIED: u64 = 1 << 63;
const SECTOR: u64 = 512;
/// Subclusters of a cluster.
const SUBCLUSTERS: u32 = 32;

/// What a piece of the disk is, as one image of a chain has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// As in the backing file; zeros without one.
    Unallocated,
    /// Zeros.
    Zero,
    /// Bytes of the file with the data, from this offset on.
    Data(u64),
    /// Bytes of a compressed cluster.
    Compressed(Packed),
}

/// Where a compressed cluster lies. Its end is known to a sector only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// First byte, anywhere in the image.
    pub offset: u64,
    /// Bytes that it has at most.
    pub len: u64,
}

/// A cluster as its L2 entry describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cluster {
    /// All of it is one thing; [`Mapping::Data`] has the cluster's own beginning.
    Whole(Mapping),
    /// Some subclusters are allocated or zero, and others are not.
    Split {
        /// Where the cluster lies, if any subcluster is allocated.
        host: u64,
        /// One bit for each allocated subcluster.
        allocated: u32,
        /// One bit for each subcluster of zeros.
        zero: u32,
    },
}

/// What the entries of an image need to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    version: u32,
    /// A cluster has 2 to the power of this many bytes.
    pub cluster_bits: u32,
    /// Whether entries of L2 tables have 16 bytes.
    pub extended_l2: bool,
    external_data: bool,
}

impl Geometry {
    /// That of an image.
    pub fn of(header: &Header) -> Self {
        Geometry {
            version: header.version,
            cluster_bits: header.cluster_bits,
            extended_l2: header.extended_l2,
            external_data: header.external_data,
        }
    }

    /// Bytes in a cluster.
    pub fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Bytes in an entry of an L2 table.
    pub fn l2_entry(&self) -> u64 {
        if self.extended_l2 { 16 } else { 8 }
    }

    /// Clusters that an L2 table describes.
    pub fn l2_entries(&self) -> u64 {
        self.cluster() / self.l2_entry()
    }

    /// Where the L2 table of an L1 entry lies, or none.
    pub fn l2_table(&self, entry: u64) -> Checked<Option<u64>> {
        let offset = entry & OFFSET;
        if entry & L1_RESERVED != 0 {
            return damaged(format!("the L1 entry {entry:#018x} has reserved bits set"));
        }
        if !offset.is_multiple_of(self.cluster()) {
            return damaged(format!(
                "the L2 table at {offset} begins at no cluster boundary"
            ));
        }
        Ok((offset != 0).then_some(offset))
    }

    /// What an L2 entry says of the cluster that begins at `guest` on the disk. `bitmap` is the
    /// second half of an extended entry.
    pub fn cluster_of(&self, guest: u64, entry: u64, bitmap: u64) -> Checked<Cluster> {
        if entry & COMPRESSED != 0 {
            return self.compressed(entry);
        }
        let host = entry & OFFSET;
        let reserved = match self.extended_l2 {
            true => L2_RESERVED | ZERO,
            false => L2_RESERVED,
        };
        if entry & reserved != 0 {
            return damaged(format!("the L2 entry {entry:#018x} has reserved bits set"));
        }
        if !host.is_multiple_of(self.cluster()) {
            return damaged(format!(
                "the L2 entry {entry:#018x} points to no cluster boundary"
            ));
        }
        if self.version < 3 && entry & ZERO != 0 {
            return damaged("has a zero cluster, which version 2 does not know");
        }
        // Offset 0 is the header's own, but the first cluster of a data file.
        let allocated = host != 0 || self.external_data && entry & COPIED != 0;
        if allocated && self.external_data && host != guest {
            return damaged(format!(
                "places a cluster at {host} of its data file instead of at {guest}"
            ));
        }
        if self.extended_l2 {
            return split(allocated, host, bitmap);
        }
        Ok(Cluster::Whole(match (entry & ZERO != 0, allocated) {
            (true, _) => Mapping::Zero,
            (false, true) => Mapping::Data(host),
            (false, false) => Mapping::Unallocated,
        }))
    }

    fn compressed(&self, entry: u64) -> Checked<Cluster> {
        if self.external_data {
            return damaged("has a compressed cluster, which cannot be beside a data file");
        }
        let offset_bits = 62 - (self.cluster_bits - 8);
        let offset = entry & ((1 << offset_bits) - 1);
        let more_sectors = (entry & (COMPRESSED - 1)) >> offset_bits;
        if entry & COPIED != 0 || offset >> 56 != 0 {
            return damaged(format!(
                "the L2 entry {entry:#018x} of a compressed cluster has reserved bits set"
            ));
        }
        Ok(Cluster::Whole(Mapping::Compressed(Packed {
            offset,
            len: (more_sectors + 1) * SECTOR - offset % SECTOR,
        })))
    }
}

fn split(in_file: bool, host: u64, bitmap: u64) -> Checked<Cluster> {
    let (allocated, zero) = (bitmap as u32, (bitmap >> 32) as u32);
    if allocated & zero != 0 && in_file || allocated != 0 && !in_file {
        return damaged(format!(
            "the subcluster bitmap {bitmap:#018x} is impossible: {}",
            match in_file {
                true => "subclusters are data and zeros at once",
                false => "subclusters are data, and the cluster lies nowhere",
            }
        ));
    }
    Ok(match (allocated, zero) {
        (0, 0) => Cluster::Whole(Mapping::Unallocated),
        (u32::MAX, _) => Cluster::Whole(Mapping::Data(host)),
        (_, u32::MAX) => Cluster::Whole(Mapping::Zero),
        _ => Cluster::Split {
            host,
            allocated,
            zero,
        },
    })
}

impl Cluster {
    /// What is at `within` the cluster, and up to where in the cluster.
    pub fn at(&self, within: u64, geometry: &Geometry) -> (Mapping, u64) {
        match *self {
            Cluster::Whole(Mapping::Data(host)) => {
                (Mapping::Data(host + within), geometry.cluster())
            }
            Cluster::Whole(mapping) => (mapping, geometry.cluster()),
            Cluster::Split {
                host,
                allocated,
                zero,
            } => {
                let bits = geometry.cluster_bits - SUBCLUSTERS.ilog2();
                let first = (within >> bits) as u32;
                let is = |map: u32, i: u32| map >> i & 1 == 1;
                let kind = |i| (is(allocated, i), is(zero, i));
                let end = (first..SUBCLUSTERS)
                    .find(|i| kind(*i) != kind(first))
                    .unwrap_or(SUBCLUSTERS);
                let mapping = match kind(first) {
                    (true, _) => Mapping::Data(host + within),
                    (false, true) => Mapping::Zero,
                    (false, false) => Mapping::Unallocated,
                };
                (mapping, u64::from(end) << bits)
            }
        }
    }
}

impl Mapping {
    /// Whether what lies `distance` further on, as `next` has it, goes on with this.
    pub fn goes_on(&self, distance: u64, next: Mapping) -> bool {
        match (self, next) {
            (Mapping::Unallocated, Mapping::Unallocated) | (Mapping::Zero, Mapping::Zero) => true,
            (Mapping::Data(here), Mapping::Data(there)) => {
                here.checked_add(distance) == Some(there)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
