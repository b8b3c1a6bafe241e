//! Compressed clusters, unpacked once each when a disk is read in order.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::zstd_safe::{self, DCtx};

use super::entry::Packed;
use super::fault::{Checked, Fault, damaged};
use super::header::Compression;
use super::image::Image;
use crate::error::{Error, Result, try_grow};
use crate::source::Source;

/// Unpacked clusters that are kept: one is read in parts, and in a chain some take turns.
const KEPT: usize = 4;

/// Unpacks for one reader.
pub struct Unpacker {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    inflate: Option<Decompress>,
    zstd: Option<DCtx<'static>>,
    packed: Vec<u8>,
    /// The last used one first.
    clusters: Vec<Cluster>,
}

struct Cluster {
    /// Which image of the chain, and where in it.
    key: (usize, u64),
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
        let key = (place.layer, place.packed.offset);
        match state.clusters.iter().position(|c| c.key == key) {
            Some(i) => state
                .clusters
                .get_mut(..=i)
                .unwrap_or_default()
                .rotate_right(1),
            None => state.unpack(image, place, key)?,
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
    fn unpack(&mut self, image: &Image, place: &Place, key: (usize, u64)) -> Result<()> {
        let Packed { offset, len } = place.packed;
        // The last sector may be there in part: its length is known to a sector only.
        let len = len.min(image.file().size().saturating_sub(offset)) as usize;
        try_grow(&mut self.packed, len, "a compressed cluster")?;
        image.file().read_at(offset, &mut self.packed)?;

        let mut bytes = match self.clusters.len() {
            KEPT => self.clusters.pop().map(|c| c.bytes).unwrap_or_default(),
            _ => Vec::new(),
        };
        try_grow(&mut bytes, image.cluster() as usize, "an unpacked cluster")?;
        let unpacked = match image.compression() {
            Compression::Deflate => {
                let inflate = self.inflate.get_or_insert_with(|| Decompress::new(false));
                inflate_cluster(inflate, &self.packed, &mut bytes)
            }
            Compression::Zstd => {
                let context = match &mut self.zstd {
                    Some(context) => context,
                    none => none.insert(DCtx::try_create().ok_or(Error::NoMemory {
                        what: "a zstd context",
                        bytes: 0,
                    })?),
                };
                unzstd_cluster(context, &self.packed, &mut bytes)
            }
        };
        unpacked.map_err(|fault: Fault| image.blame(place.offset, fault))?;
        self.clusters.insert(0, Cluster { key, bytes });
        Ok(())
    }
}

/// Inflates to exactly the cluster. Bytes behind the stream's end are another cluster's.
fn inflate_cluster(inflate: &mut Decompress, packed: &[u8], cluster: &mut [u8]) -> Checked<()> {
    inflate.reset(false);
    let status = inflate.decompress(packed, cluster, FlushDecompress::Finish);
    let ended = match status {
        Ok(Status::StreamEnd) => true,
        Ok(_) if inflate.total_out() == cluster.len() as u64 => {
            // Full, and the mark of the end was not looked at yet.
            let rest = packed
                .get(inflate.total_in() as usize..)
                .unwrap_or_default();
            let status = inflate.decompress(rest, &mut [0], FlushDecompress::Finish);
            matches!(status, Ok(Status::StreamEnd))
        }
        Ok(_) => false,
        Err(e) => return damaged(format!("a compressed cluster does not inflate: {e}")),
    };
    match (ended, inflate.total_out() == cluster.len() as u64) {
        (true, true) => Ok(()),
        (true, false) => wrong_size(inflate.total_out(), cluster.len()),
        (false, _) => damaged(format!(
            "a compressed cluster inflates to more than the {} bytes of a cluster, or is cut short",
            cluster.len()
        )),
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
