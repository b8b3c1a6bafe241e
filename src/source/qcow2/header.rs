//! The fixed part of an image's header. Bytes and meaning: docs/interop/qcow2.rst of QEMU, "Header";
//! limits beyond it are those of QEMU's reader.

use std::ops::Range;

use super::fault::{Checked, damaged, shown, unsupported};
use crate::format::STREAM_SIZE_MAX;

/// First bytes of every image.
pub const MAGIC: [u8; 4] = *b"QFI\xfb";
/// What of a file [`Header::parse`] wants to see: all fields that have a meaning today.
pub const HEADER_LEN: usize = 112;

const HEADER_LEN_V2: u32 = 72;
const HEADER_LEN_V3: u32 = 104;
const CLUSTER_BITS: Range<u32> = 9..22;
/// 32 subclusters of at least a sector.
const CLUSTER_BITS_EXTENDED: u32 = 14;
const L1_BYTES_MAX: u64 = 32 << 20;
const BACKING_NAME_MAX: u32 = 1023;
const SECTOR: u64 = 512;

/// Incompatible feature bits, by number.
mod incompat {
    pub const DIRTY: u32 = 0;
    pub const CORRUPT: u32 = 1;
    pub const EXTERNAL_DATA: u32 = 2;
    pub const COMPRESSION: u32 = 3;
    pub const EXTENDED_L2: u32 = 4;
    /// Refcounts that a writer left to be rebuilt (dirty) concern no reader.
    pub const KNOWN: u64 =
        1 << DIRTY | 1 << CORRUPT | 1 << EXTERNAL_DATA | 1 << COMPRESSION | 1 << EXTENDED_L2;
}

/// Autoclear bit: the external data file is the disk, without the image too.
const RAW_DATA: u64 = 1 << 1;

/// How clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Raw deflate.
    Deflate,
    /// Zstandard frames.
    Zstd,
}

/// The fixed part of a header, its numbers checked against each other but not against the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// A cluster has 2 to the power of this many bytes.
    pub cluster_bits: u32,
    /// Bytes of the disk, in whole sectors of 512: what the header has beyond them is dropped, as
    /// QEMU does.
    pub size: u64,
    /// Where the active L1 table lies; at a cluster boundary.
    pub l1_offset: u64,
    /// Entries in it; they cover the size.
    pub l1_entries: u64,
    /// How clusters are compressed.
    pub compression: Compression,
    /// Entries of L2 tables have 16 bytes, for subclusters.
    pub extended_l2: bool,
    /// Clusters lie in another file, at their guest offset.
    pub external_data: bool,
    /// Where the header extensions lie; they may leave the range free.
    pub extensions: Range<u64>,
    /// Where the name of the backing file lies, if there is one.
    pub backing_name: Option<Range<u64>>,
    incompatible: u64,
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    let field = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    field.map_or(0, u32::from_be_bytes)
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from(be32(bytes, at)) << 32 | u64::from(be32(bytes, at + 4))
}

impl Header {
    /// Parses the first [`HEADER_LEN`] bytes of a file, or all that it has. Fields behind the end
    /// of a short header read as zero, which the format has mean that they are absent.
    pub fn parse(bytes: &[u8]) -> Checked<Header> {
        if bytes.get(..4) != Some(&MAGIC) {
            return damaged("has no qcow2 magic");
        }
        if bytes.len() < HEADER_LEN_V2 as usize {
            return damaged("ends inside its header; it is cut short");
        }
        let version = be32(bytes, 4);
        match version {
            2 | 3 => {}
            1 => {
                return unsupported(
                    "is a qcow image of version 1; convert it: qemu-img convert -O qcow2",
                );
            }
            other => return unsupported(format!("has qcow2 version {other}; 2 and 3 are read")),
        }
        // Before all else: what is read as data from an encrypted image is noise.
        match be32(bytes, 32) {
            0 => {}
            1 => return encrypted("AES"),
            2 => return encrypted("LUKS"),
            other => return unsupported(format!("has the unknown crypt_method {other}")),
        }
        let cluster_bits = be32(bytes, 20);
        if !CLUSTER_BITS.contains(&cluster_bits) {
            return damaged(format!(
                "has clusters of 2^{cluster_bits} bytes, where 2^9 to 2^21 are possible"
            ));
        }
        let length = header_length(bytes, version, cluster_bits)?;
        // Fields that the header does not reach are absent.
        let bytes = bytes.get(..length as usize).unwrap_or(bytes);
        let incompatible = be64(bytes, 72);
        let has = |bit: u32| incompatible >> bit & 1 == 1;
        if has(incompat::EXTENDED_L2) && cluster_bits < CLUSTER_BITS_EXTENDED {
            return damaged(format!(
                "has subclusters in clusters of 2^{cluster_bits} bytes; they need 2^14"
            ));
        }
        let size = be64(bytes, 24);
        let (l1_offset, l1_entries) = (be64(bytes, 40), u64::from(be32(bytes, 36)));
        let extended_l2 = has(incompat::EXTENDED_L2);
        check_size(size)?;
        check_l1(size, l1_offset, l1_entries, cluster_bits, extended_l2)?;

        let backing_name = backing_name(bytes, cluster_bits)?;
        if backing_name.is_some() && be64(bytes, 88) & RAW_DATA != 0 {
            return damaged("has a raw external data file and a backing file, which contradict");
        }
        let end = backing_name
            .as_ref()
            .map_or(1 << cluster_bits, |name| name.start);
        Ok(Header {
            version,
            cluster_bits,
            size: size / SECTOR * SECTOR,
            l1_offset,
            l1_entries,
            compression: compression(bytes, has(incompat::COMPRESSION))?,
            extended_l2,
            external_data: has(incompat::EXTERNAL_DATA),
            extensions: u64::from(length)..end.max(u64::from(length)),
            backing_name,
            incompatible,
        })
    }

    /// Refuses what the feature bits ask for and we lack; `name_of` knows names of bits, from the
    /// image itself, so that even one from the future can be called by its name.
    pub fn check_features(&self, name_of: impl Fn(u32) -> Option<Vec<u8>>) -> Checked<()> {
        let unknown: Vec<String> = (0..u64::BITS)
            .filter(|bit| (self.incompatible & !incompat::KNOWN) >> bit & 1 == 1)
            .map(|bit| match name_of(bit) {
                Some(name) => format!("'{}' (bit {bit})", shown(&name)),
                None => format!("bit {bit}, which the image has no name for"),
            })
            .collect();
        if !unknown.is_empty() {
            return unsupported(format!(
                "uses features that this version does not read: {}; convert it with the program \
                 that wrote it",
                unknown.join(", ")
            ));
        }
        if self.incompatible >> incompat::CORRUPT & 1 == 1 {
            return damaged(
                "is marked corrupt by the program that wrote it; repair a copy (qemu-img check -r \
                 all) and look at what is left",
            );
        }
        Ok(())
    }
}

fn encrypted<T>(method: &str) -> Checked<T> {
    unsupported(format!(
        "is encrypted ({method}), which is not read; convert it to a plain image with qemu-img \
         convert, or take its bytes as they are with HEXZ_FORMAT_RAW"
    ))
}

fn header_length(bytes: &[u8], version: u32, cluster_bits: u32) -> Checked<u32> {
    if version == 2 {
        return Ok(HEADER_LEN_V2);
    }
    let length = be32(bytes, 100);
    match length {
        _ if bytes.len() < HEADER_LEN_V3 as usize => {
            damaged("ends inside its header; it is cut short")
        }
        _ if length < HEADER_LEN_V3 || !length.is_multiple_of(8) || length > 1 << cluster_bits => {
            damaged(format!(
                "has a header of {length} bytes, where a multiple of 8 from 104 to a cluster is \
                 possible"
            ))
        }
        _ => Ok(length),
    }
}

fn check_size(size: u64) -> Checked<()> {
    if size > STREAM_SIZE_MAX {
        return unsupported(format!(
            "its disk of {size} bytes is larger than the {STREAM_SIZE_MAX} of a stream"
        ));
    }
    Ok(())
}

fn check_l1(size: u64, offset: u64, entries: u64, cluster_bits: u32, wide: bool) -> Checked<()> {
    if entries * 8 > L1_BYTES_MAX {
        return damaged(format!(
            "has an L1 table of {entries} entries, where {} are possible",
            L1_BYTES_MAX / 8
        ));
    }
    if !offset.is_multiple_of(1 << cluster_bits) {
        return damaged(format!(
            "its L1 table at {offset} begins at no cluster boundary"
        ));
    }
    let bits = l1_coverage_bits(cluster_bits, wide);
    if entries < size.div_ceil(1 << bits) {
        return damaged(format!(
            "its L1 table of {entries} entries is too small for a disk of {size} bytes"
        ));
    }
    Ok(())
}

/// An entry of the L1 table covers 2 to the power of this many bytes of the disk.
pub fn l1_coverage_bits(cluster_bits: u32, extended_l2: bool) -> u32 {
    let entry_bits = if extended_l2 { 4 } else { 3 };
    2 * cluster_bits - entry_bits
}

fn backing_name(bytes: &[u8], cluster_bits: u32) -> Checked<Option<Range<u64>>> {
    let (offset, len) = (be64(bytes, 8), be32(bytes, 16));
    if offset == 0 {
        return Ok(None);
    }
    if len == 0 || len > BACKING_NAME_MAX {
        return damaged(format!(
            "the name of its backing file has {len} bytes, where 1 to {BACKING_NAME_MAX} are \
             possible"
        ));
    }
    match offset.checked_add(u64::from(len)) {
        Some(end) if end <= 1 << cluster_bits => Ok(Some(offset..end)),
        _ => damaged(format!(
            "the name of its backing file at {offset} leaves the first cluster"
        )),
    }
}

fn compression(bytes: &[u8], other_than_deflate: bool) -> Checked<Compression> {
    let kind = bytes.get(104).copied().unwrap_or(0);
    match (kind, other_than_deflate) {
        (0, false) => Ok(Compression::Deflate),
        (1, true) => Ok(Compression::Zstd),
        (0 | 1, _) => damaged(format!(
            "its compression type {kind} contradicts its feature bit for that"
        )),
        _ => unsupported(format!(
            "has the compression type {kind}; deflate (0) and zstd (1) are read"
        )),
    }
}

#[cfg(test)]
mod tests;
