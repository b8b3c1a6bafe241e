//! qcow2 images, versions 2 and 3, read only; an own reader from the public specification
//! (docs/interop/qcow2.rst of QEMU).
//!
//! All that a file says is hostile: a guest may write a qcow2 header into its raw disk. So numbers
//! are checked before they are used, no memory is taken because a file says so, other files are
//! opened only when the caller allows it, and what contradicts the format is an error, never
//! zeros.

mod chain;
mod compressed;
mod entry;
mod extensions;
mod fault;
mod header;
mod image;
mod json;
mod ledger;
mod name;
mod table;

use std::cell::Cell;
use std::path::Path;

use self::compressed::{PackedCluster, Place, Unpacker};
use self::entry::Mapping;
use self::image::Image;
use super::{Access, Content, Deferral, Deferred, Identity, RawSource, Source};
use crate::error::{Error, Result, try_push};

pub use self::compressed::Decompressors;
pub use self::header::MAGIC;

/// Clusters that one answer on a map goes through, at most, whatever the number of layers, but for one
/// in each: so that a caller can cancel between two.
const LOOKS_MAX: usize = 4096;

/// A disk in an image and what backs it.
pub struct Qcow2Source {
    /// The image first, then what is below. Never empty.
    layers: Vec<Layer>,
    size: u64,
    unpacker: Unpacker,
    /// Up to where the ledgers of the images have what their maps name.
    noted: Cell<u64>,
}

/// Whether a file begins as an image does.
pub fn is_image(file: &RawSource) -> Result<bool> {
    let mut magic = [0; MAGIC.len()];
    if file.size() < magic.len() as u64 {
        return Ok(false);
    }
    file.read_at(0, &mut magic)?;
    Ok(magic == MAGIC)
}

/// One file of a chain.
enum Layer {
    Image(Box<Image>),
    Raw(Box<RawSource>),
}

/// Where bytes of the disk are.
enum Bytes<'a> {
    /// Nowhere: zeros.
    Zeros,
    /// In a file, from an offset on; and the image that says so, if one does.
    File(&'a RawSource, u64, Option<&'a Image>),
    /// In a compressed cluster.
    Packed(&'a Image, Place),
}

impl Qcow2Source {
    /// Opens the image in `file`, which was opened by the name `path`. With `stated`, the caller
    /// said that it is one, and that what backs it is too, unless the images say otherwise.
    pub fn open(file: RawSource, path: &Path, access: Access, stated: bool) -> Result<Self> {
        let layers = chain::open(file, path, access, stated)?;
        let size = layers.first().map_or(0, Layer::size);
        Ok(Qcow2Source {
            layers,
            size,
            unpacker: Unpacker::new(),
            noted: Cell::new(0),
        })
    }

    /// Where the bytes at `offset` are, and up to where; no further than needed to reach `until`.
    fn find(&self, offset: u64, until: u64) -> Result<(Bytes<'_>, u64)> {
        let mut end = self.size.min(until);
        let mut looks = LOOKS_MAX;
        for (number, layer) in self.layers.iter().enumerate() {
            // Behind the end of a backing file the disk is zeros, whatever lies below that.
            if offset >= layer.size() {
                break;
            }
            end = end.min(layer.size());
            let image = match layer {
                Layer::Raw(file) => return Ok((Bytes::File(file, offset, None), end)),
                Layer::Image(image) => image,
            };
            let (mapping, run_end) = image.lookup(offset, end, &mut looks)?;
            end = end.min(run_end);
            let bytes = match mapping {
                Mapping::Unallocated => continue,
                Mapping::Zero => Bytes::Zeros,
                Mapping::Data(host) => Bytes::File(image.data(), host, Some(image)),
                Mapping::Compressed(packed) => Bytes::Packed(
                    image,
                    Place {
                        layer: number,
                        packed,
                        within: offset % image.cluster(),
                        offset,
                    },
                ),
            };
            return Ok((bytes, end));
        }
        Ok((Bytes::Zeros, end))
    }

    /// Fills `buf` from `offset`, but for what it adds to `later`, if that is there.
    fn read(
        &self,
        offset: u64,
        buf: &mut [u8],
        mut later: Option<&mut Vec<Deferred>>,
    ) -> Result<()> {
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let until = at + rest.len() as u64;
            let (bytes, end) = self.find(at, until)?;
            let len = end.saturating_sub(at) as usize;
            let Some((part, more)) = rest.split_at_mut_checked(len).filter(|_| len > 0) else {
                return Err(Error::Internal(format!("a run at {at} ends at {end}")));
            };
            match bytes {
                Bytes::Zeros => part.fill(0),
                Bytes::File(file, host, _) => file.read_at(host, part)?,
                Bytes::Packed(image, place) => {
                    let into = (at - offset) as usize;
                    let packed = match later {
                        Some(_) => PackedCluster::read(image, &place, len)?,
                        None => None,
                    };
                    match (packed, &mut later) {
                        (Some(packed), Some(later)) => {
                            let packed = Deferred::new(into, len, Box::new(packed));
                            try_push(later, packed, "packed clusters")?;
                        }
                        _ => self.unpacker.read(image, &place, part)?,
                    }
                }
            }
            (at, rest) = (end, more);
        }
        Ok(())
    }

    /// Puts down what the maps name from `offset` to `end`, once in each walk from the beginning.
    fn note(&self, bytes: &Bytes<'_>, offset: u64, end: u64) -> Result<()> {
        if offset == 0 {
            self.noted.set(0);
            self.images().for_each(|image| image.ledger().clear());
        }
        let from = offset.max(self.noted.get());
        if from >= end {
            return Ok(());
        }
        self.noted.set(end);
        match bytes {
            Bytes::File(_, _, Some(image)) => image.note_standard(offset, end - from),
            // Only where it begins, or a cluster that is met in parts would count for each.
            Bytes::Packed(image, place) if place.within == 0 && from == offset => {
                image.note_packed(offset, place.packed)
            }
            _ => Ok(()),
        }
    }

    fn images(&self) -> impl Iterator<Item = &Image> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Image(image) => Some(&**image),
            Layer::Raw(_) => None,
        })
    }

    fn files(&self) -> impl Iterator<Item = &RawSource> {
        self.layers.iter().flat_map(|layer| {
            let (raw, image) = match layer {
                Layer::Raw(file) => (Some(&**file), None),
                Layer::Image(image) => (None, Some(image.files())),
            };
            raw.into_iter().chain(image.into_iter().flatten())
        })
    }
}

impl Layer {
    fn size(&self) -> u64 {
        match self {
            Layer::Raw(file) => file.size(),
            Layer::Image(image) => image.size(),
        }
    }
}

impl Source for Qcow2Source {
    fn operand(&self) -> &str {
        self.files().next().map_or("", Source::operand)
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.read(offset, buf, None)
    }

    fn deferral(&self) -> Deferral {
        let is_image = |layer: &Layer| matches!(layer, Layer::Image(_));
        match self.layers.iter().any(is_image) {
            true => Deferral::Unpacking,
            false => Deferral::Nothing,
        }
    }

    fn read_deferring(&self, offset: u64, buf: &mut [u8], later: &mut Vec<Deferred>) -> Result<()> {
        self.read(offset, buf, Some(later))
    }

    fn content_at(&self, offset: u64) -> Result<(Content, u64)> {
        let (bytes, end) = self.find(offset, self.size)?;
        let (content, end) = match bytes {
            Bytes::Zeros => (Content::Zero, end),
            Bytes::Packed(..) => (Content::Data, end),
            // An image that was preallocated has holes in clusters that nobody wrote.
            Bytes::File(file, host, _) => {
                let (content, host_end) = file.content_at(host)?;
                (content, end.min(offset + (host_end - host)))
            }
        };
        self.note(&bytes, offset, end)?;
        Ok((content, end))
    }

    fn check_unchanged(&self) -> Result<()> {
        self.files().try_for_each(Source::check_unchanged)
    }

    fn identities(&self) -> Vec<Identity> {
        self.files().flat_map(Source::identities).collect()
    }

    fn reads(&self, path: &Path) -> rustix::io::Result<bool> {
        for file in self.files() {
            if file.reads(path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
