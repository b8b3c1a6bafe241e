//! Content-defined chunks: FastCDC (Xia et al., "The Design of Fast Content-Defined Chunking for
//! Data Deduplication Based Storage Systems", IEEE TPDS 31(9), 2020).

use fastcdc::v2020::{Normalization, cut, select_masks};

use super::segment::{Unit, UnitContent};
use crate::profile::CdcSizes;

/// How strongly chunk sizes are drawn to the average. Decides bytes on disk.
const NORMALIZATION: Normalization = Normalization::Level1;

/// Cuts at content. Sizes were validated with the profile.
pub struct Chunker {
    sizes: CdcSizes,
    mask_small: u64,
    mask_large: u64,
}

impl Chunker {
    /// Cuts chunks of these sizes.
    pub fn new(sizes: &CdcSizes) -> Self {
        let (mask_small, mask_large) = select_masks(sizes.avg as usize, NORMALIZATION);
        Chunker {
            sizes: *sizes,
            mask_small,
            mask_large,
        }
    }

    /// Chunks that so many bytes make at most, those apart that end where the bytes do.
    pub fn most(&self, len: usize) -> usize {
        len / self.sizes.min as usize
    }

    /// Cuts `bytes` from `at` to the end.
    pub fn cut_all(&self, bytes: &[u8], mut at: usize, units: &mut Vec<Unit>) {
        while at < bytes.len() {
            at = self.cut_one(bytes, at, units);
        }
    }

    /// Cuts `bytes` from `at` as long as what comes behind them cannot change the cut, and tells
    /// where that ended.
    pub fn cut_certain(&self, bytes: &[u8], mut at: usize, units: &mut Vec<Unit>) -> usize {
        while bytes.len() - at >= self.sizes.max as usize {
            at = self.cut_one(bytes, at, units);
        }
        at
    }

    fn cut_one(&self, bytes: &[u8], at: usize, units: &mut Vec<Unit>) -> usize {
        let CdcSizes { min, avg, max } = self.sizes;
        let rest = bytes.get(at..).unwrap_or_default();
        let (_, len) = cut(
            rest,
            min as usize,
            avg as usize,
            max as usize,
            self.mask_small,
            self.mask_large,
            self.mask_small << 1,
            self.mask_large << 1,
        );
        // Whatever the crate says, a chunk has a byte, ends in its bytes, and is not too large.
        let len = len.clamp(1, rest.len().min(max as usize));
        units.push(Unit {
            at: at as u32,
            len: len as u32,
            content: UnitContent::Unknown,
        });
        at + len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile;

    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new()
            .update(b"golden cut points")
            .finalize_xof()
            .fill(&mut bytes);
        bytes
    }

    fn lens(bytes: &[u8], sizes: &CdcSizes) -> Vec<u32> {
        let mut units = Vec::new();
        Chunker::new(sizes).cut_all(bytes, 0, &mut units);
        units.iter().map(|u| u.len).collect()
    }

    /// Where chunks end decides bytes on disk: a change here is a change of the format.
    #[test]
    fn golden_cut_points() {
        let sizes = profile::resolve(None).unwrap().cdc;
        assert_eq!(lens(&noise(1 << 20), &sizes), GOLDEN);
        assert_eq!(lens(&[7; 300 << 10], &sizes), [131072, 131072, 45056]);
        assert_eq!(lens(&noise(100), &sizes), [100]);
    }

    const GOLDEN: [u32; 15] = [
        70475, 94389, 124985, 69731, 66985, 73382, 50087, 51138, 72074, 130277, 74992, 66778,
        37042, 54961, 11280,
    ];

    #[test]
    fn cutting_in_pieces_cuts_the_same() {
        let bytes = noise(3 << 20);
        for sizes in [
            profile::resolve(None).unwrap().cdc,
            CdcSizes {
                min: 1024,
                avg: 4096,
                max: 16384,
            },
        ] {
            let whole = lens(&bytes, &sizes);
            let chunker = Chunker::new(&sizes);
            let (mut pieces, mut from) = (Vec::new(), 0);
            for to in (0..bytes.len()).step_by(700_001) {
                let mut units = Vec::new();
                let rest = &bytes[from..to];
                from += chunker.cut_certain(rest, 0, &mut units);
                pieces.extend(units.iter().map(|u| u.len));
            }
            pieces.extend(lens(&bytes[from..], &sizes));
            assert_eq!(pieces, whole);
        }
    }
}
