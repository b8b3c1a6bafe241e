//! Clusters that are read in order and unpacked by whoever has time.

use std::sync::Arc;

use super::{Decompressors, Place, fetch};
use crate::error::Result;
use crate::source::Unpack;
use crate::source::qcow2::header::Compression;
use crate::source::qcow2::image::{Image, blame};

/// Below this, handing a cluster on costs more than unpacking it.
const WORTH_IT: usize = 4096;

/// The bytes of a compressed cluster, on the way to their place in a buffer.
pub struct PackedCluster {
    packed: Vec<u8>,
    compression: Compression,
    /// The image, and where on the disk the cluster begins, for error texts.
    operand: Arc<str>,
    offset: u64,
}

impl PackedCluster {
    /// Reads the cluster at `place`, of which `len` bytes are wanted; none if it should be unpacked
    /// at once.
    pub fn read(image: &Image, place: &Place, len: usize) -> Result<Option<Self>> {
        // Packed bytes are memory that nobody planned for if they are more than the unpacked.
        let is_usual = place.packed.len <= image.cluster() + 512;
        if len < WORTH_IT || len as u64 != image.cluster() || !is_usual {
            return Ok(None);
        }
        let mut packed = Vec::new();
        fetch(image, place.packed, &mut packed)?;
        Ok(Some(PackedCluster {
            packed,
            compression: image.compression(),
            operand: image.operand(),
            offset: place.offset,
        }))
    }
}

impl Unpack for PackedCluster {
    fn unpack(&self, cluster: &mut [u8], decompressors: &mut Decompressors) -> Result<()> {
        decompressors
            .unpack(self.compression, &self.packed, cluster)?
            .map_err(|fault| blame(&self.operand, self.offset, fault))
    }
}
