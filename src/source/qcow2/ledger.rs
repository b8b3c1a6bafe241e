//! How much the active map of an image names, against how much its files have. In an image that some
//! program wrote each cluster of the disk has a place of its own; a map that names one place over and
//! over makes terabytes of a small file.

use std::cell::Cell;

use super::entry::Packed;
use super::fault::{Checked, damaged};
use super::header::Compression;

/// The end of packed bytes is known to a sector only.
const SECTOR: u64 = 512;

/// Sums of what was met so far.
#[derive(Default)]
pub struct Ledger {
    standard: Cell<u64>,
    packed: Cell<u64>,
}

impl Ledger {
    /// Begins anew.
    pub fn clear(&self) {
        self.standard.set(0);
        self.packed.set(0);
    }

    /// Adds `len` bytes of standard clusters, which lie in a file of `size`.
    pub fn add_standard(&self, len: u64, size: u64) -> Checked<()> {
        add(&self.standard, len, size, "standard")
    }

    /// Adds a compressed cluster of `cluster` bytes, which lies in a file of `size`.
    pub fn add_packed(
        &self,
        packed: Packed,
        compression: Compression,
        cluster: u64,
        size: u64,
    ) -> Checked<()> {
        add(
            &self.packed,
            least(packed, compression, cluster),
            size,
            "packed",
        )
    }
}

/// Bytes that a compressed cluster has at least: its last sector may be another's but for one byte, and
/// no cluster can be packed further than its compression goes (deflate: 258 bytes for two bits, RFC
/// 1951; zstd: 128 KiB for a block of four bytes, RFC 8878).
fn least(packed: Packed, compression: Compression, cluster: u64) -> u64 {
    let ratio = match compression {
        Compression::Deflate => 1032,
        Compression::Zstd => 32 << 10,
    };
    let surely = packed.len.saturating_sub(SECTOR - 1);
    surely.max(cluster / ratio).max(1)
}

fn add(sum: &Cell<u64>, len: u64, size: u64, what: &str) -> Checked<()> {
    let named = sum.get().saturating_add(len);
    sum.set(named);
    if named <= size {
        return Ok(());
    }
    damaged(format!(
        "its map names more {what} bytes than the {size} that the file with them has: clusters share \
         their places, as no program leaves them; repair a copy (qemu-img check -r all), or convert it \
         with qemu-img convert if it is meant so"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;

    #[test]
    fn a_file_is_named_once() {
        let ledger = Ledger::default();
        assert_eq!(ledger.add_standard(600, 1000), Ok(()));
        assert_eq!(ledger.add_standard(400, 1000), Ok(()));
        assert!(matches!(
            ledger.add_standard(1, 1000),
            Err(Fault::Damaged(_))
        ));
        ledger.clear();
        assert_eq!(ledger.add_standard(1000, 1000), Ok(()));
        assert!(ledger.add_standard(u64::MAX, 1000).is_err());
    }

    #[test]
    fn packed_clusters_count_what_they_have_at_least() {
        let at = |len| Packed { offset: 0, len };
        let cases = [
            // What lies in one sector may share it with many.
            (at(512), Compression::Deflate, 1 << 9, 1),
            (at(512), Compression::Deflate, 1 << 16, 63),
            (at(512), Compression::Zstd, 1 << 16, 2),
            (at(512), Compression::Zstd, 1 << 21, 64),
            (at(1), Compression::Zstd, 1 << 9, 1),
            (at(5000), Compression::Deflate, 1 << 16, 4489),
        ];
        for (packed, compression, cluster, wanted) in cases {
            assert_eq!(least(packed, compression, cluster), wanted, "{packed:?}");
        }
    }
}
