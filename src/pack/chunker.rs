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
