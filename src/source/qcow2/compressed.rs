//! Compressed clusters, unpacked once each when a disk is read in order.

mod later;

use std::cell::RefCell;

pub use later::PackedCluster;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use zstd::zstd_safe::{self, DCtx};

use super::entry::Packed;
use super::fault::{Checked, damaged};
use super::header::Compression;
use super::image::Image;
use crate::error::{Error, NoMemory, Result, try_grow, try_push};
use crate::source::Source;

/// Unpacked clusters that are kept: one is read in parts, and in a chain some take turns.
const KEPT: usize = 4;

/// Unpacks for one reader.
pub struct Unpacker {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    decompressors: Decompressors,
    packed: Vec<u8>,
    /// The last used one first.
    clusters: Vec<Cluster>,
}

/// What decompressing needs, for one thread, made when it is needed.
#[derive(Default)]
pub struct Decompressors {
    /// None or one: a vector can fail to find room, which a box cannot.
    inflate: Vec<DecompressorOxide>,
    zstd: Option<DCtx<'static>>,
}

struct Cluster {
    /// Which image of the chain, and where in it. With the length, or an entry that cuts the cluster
    /// short would be read or refused by what was read before.
    key: (usize, Packed),
    bytes: Vec<u8>,
}

/// A compressed cluster of a chain, and where on the disk it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of the image in its chain.
    pub layer: usize,
    /// Where it lies in the image.
    pub packed: Packed,
    /// Where the wanted bytes begin in the cluster.
    pub within: u64,
    /// Where the wanted bytes begin on the disk, for error texts.
    pub offset: u64,
}

impl Unpacker {
    /// With nothing unpacked.
    pub fn new() -> Self {
        Unpacker {
            state: RefCell::default(),
        }
    }

    /// Fills `buf`, which ends within the cluster, from what `image` has at `place`.
    pub fn read(&self, image: &Image, place: &Place, buf: &mut [u8]) -> Result<()> {
        let mut state = self.state.borrow_mut();
        let key = (place.layer, place.packed);
        match state.clusters.iter().position(|c| c.key == key) {
            Some(i) => state
                .clusters
                .get_mut(..=i)
                .unwrap_or_default()
                .rotate_right(1),
            None if buf.len() as u64 == image.cluster() => return state.unpack(image, place, buf),
            None => state.keep(image, place, key)?,
        }
        let from = state.clusters.first().and_then(|cluster| {
            let within = place.within as usize;
            cluster.bytes.get(within..within.checked_add(buf.len())?)
        });
        match from {
            Some(bytes) => buf.copy_from_slice(bytes),
            None => return Err(Error::Internal("a read leaves its cluster".to_owned())),
        }
        Ok(())
    }
}

impl State {
    /// Unpacks a cluster to the front of what is kept.
    fn keep(&mut self, image: &Image, place: &Place, key: (usize, Packed)) -> Result<()> {
        let mut bytes = match self.clusters.len() {
            KEPT => self.clusters.pop().map(|c| c.bytes).unwrap_or_default(),
            _ => Vec::new(),
        };
        try_grow(&mut bytes, image.cluster() as usize, "an unpacked cluster")?;
        self.unpack(image, place, &mut bytes)?;
        self.clusters.insert(0, Cluster { key, bytes });
        Ok(())
    }

    /// Unpacks a whole cluster.
    fn unpack(&mut self, image: &Image, place: &Place, cluster: &mut [u8]) -> Result<()> {
        fetch(image, place.packed, &mut self.packed)?;
        self.decompressors
            .unpack(image.compression(), &self.packed, cluster)?
            .map_err(|fault| image.blame(place.offset, fault))
    }
}

/// Reads the bytes of a compressed cluster.
fn fetch(image: &Image, Packed { offset, len }: Packed, packed: &mut Vec<u8>) -> Result<()> {
    // The last sector may be there in part: its length is known to a sector only.
    let len = len.min(image.file().size().saturating_sub(offset)) as usize;
    try_grow(packed, len, "a compressed cluster")?;
    image.file().read_at(offset, packed)
}

impl Decompressors {
    /// Unpacks a whole cluster. Both what is wrong with it and what is wrong here are errors.
    fn unpack(
        &mut self,
        compression: Compression,
        packed: &[u8],
        cluster: &mut [u8],
    ) -> Result<Checked<()>> {
        Ok(match compression {
            Compression::Deflate => {
                if self.inflate.is_empty() {
                    let what = "an inflating decompressor";
                    try_push(&mut self.inflate, DecompressorOxide::new(), what)?;
                }
                match self.inflate.first_mut() {
                    Some(inflate) => inflate_cluster(inflate, packed, cluster),
                    None => return Err(Error::Internal("a lost decompressor".to_owned())),
                }
            }
            Compression::Zstd => {
                let context = match &mut self.zstd {
                    Some(context) => context,
                    none => none.insert(DCtx::try_create().ok_or(NoMemory {
                        what: "a zstd context",
                        bytes: 0,
                    })?),
                };
                unzstd_cluster(context, packed, cluster)
            }
        })
    }
}

/// Inflates to exactly the cluster, which is its own window. Bytes behind the stream's end are
/// another cluster's.
fn inflate_cluster(
    inflate: &mut DecompressorOxide,
    packed: &[u8],
    cluster: &mut [u8],
) -> Checked<()> {
    inflate.init();
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, _, len) = decompress(inflate, packed, cluster, 0, flags);
    match status {
        TINFLStatus::Done if len == cluster.len() => Ok(()),
        TINFLStatus::Done => wrong_size(len as u64, cluster.len()),
        TINFLStatus::HasMoreOutput
        | TINFLStatus::NeedsMoreInput
        | TINFLStatus::FailedCannotMakeProgress => damaged(format!(
            "a compressed cluster inflates to more than the {} bytes of a cluster, or is cut short",
            cluster.len()
        )),
        _ => damaged("a compressed cluster does not inflate: it is no stream of deflate"),
    }
}

/// Decompresses frames until the cluster is full. One call for a frame works in the cluster itself,
/// however large a window the frame asks for.
fn unzstd_cluster(context: &mut DCtx<'_>, packed: &[u8], cluster: &mut [u8]) -> Checked<()> {
    let fail = |code| {
        let why = zstd_safe::get_error_name(code);
        damaged(format!("a compressed cluster does not decompress: {why}"))
    };
    let (mut rest, mut done) = (packed, 0);
    while done < cluster.len() {
        if rest.is_empty() {
            return wrong_size(done as u64, cluster.len());
        }
        let frame = match zstd_safe::find_frame_compressed_size(rest) {
            Ok(len) => rest.get(..len).unwrap_or(rest),
            Err(code) => return fail(code),
        };
        let room = cluster.get_mut(done..).unwrap_or_default();
        match context.decompress(room, frame) {
            Ok(len) => done += len,
            Err(code) => return fail(code),
        }
        rest = rest.get(frame.len()..).unwrap_or_default();
    }
    Ok(())
}

fn wrong_size(is: u64, cluster: usize) -> Checked<()> {
    damaged(format!(
        "a compressed cluster holds {is} bytes in place of the {cluster} of a cluster"
    ))
}

#[cfg(test)]
mod tests;
