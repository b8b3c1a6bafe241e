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
mod name;
mod table;

use std::path::Path;

use self::compressed::{Place, Unpacker};
use self::entry::Mapping;
use self::image::Image;
use super::{Access, Content, Identity, RawSource, Source};
use crate::error::{Error, Result, try_reserve};

pub use self::compressed::{Decompressors, PackedCluster};
pub use self::header::MAGIC;

/// A disk in an image and what backs it.
pub struct Qcow2Source {
    /// The image first, then what is below. Never empty.
    layers: Vec<Layer>,
    size: u64,
    unpacker: Unpacker,
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
    /// In a file, from an offset on.
    File(&'a RawSource, u64),
    /// In a compressed cluster.
    Packed(&'a Image, Place),
}

impl Qcow2Source {
    /// Opens the image in `file`, which was opened by the name `path`.
    pub fn open(file: RawSource, path: &Path, access: Access) -> Result<Self> {
        let layers = chain::open(file, path, access)?;
        let size = layers.first().map_or(0, Layer::size);
        Ok(Qcow2Source {
            layers,
            size,
            unpacker: Unpacker::new(),
        })
    }

    /// Where the bytes at `offset` are, and up to where; no further than needed to reach `until`.
    fn find(&self, offset: u64, until: u64) -> Result<(Bytes<'_>, u64)> {
        let mut end = self.size.min(until);
        for (number, layer) in self.layers.iter().enumerate() {
            // Behind the end of a backing file the disk is zeros, whatever lies below that.
            if offset >= layer.size() {
                break;
            }
            end = end.min(layer.size());
            let image = match layer {
                Layer::Raw(file) => return Ok((Bytes::File(file, offset), end)),
                Layer::Image(image) => image,
            };
            let (mapping, run_end) = image.lookup(offset, end)?;
            end = end.min(run_end);
            let bytes = match mapping {
                Mapping::Unallocated => continue,
                Mapping::Zero => Bytes::Zeros,
                Mapping::Data(host) => Bytes::File(image.data(), host),
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
        mut later: Option<&mut Vec<PackedCluster>>,
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
                Bytes::File(file, host) => file.read_at(host, part)?,
                Bytes::Packed(image, place) => {
                    let into = (at - offset) as usize;
                    let packed = match later {
                        Some(_) => PackedCluster::read(image, &place, into, len)?,
                        None => None,
                    };
                    match (packed, &mut later) {
                        (Some(packed), Some(later)) => {
                            try_reserve(later, 1, "packed clusters")?;
                            later.push(packed);
                        }
                        _ => self.unpacker.read(image, &place, part)?,
                    }
                }
            }
            (at, rest) = (end, more);
        }
        Ok(())
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

    fn leaves_packed(&self) -> bool {
        self.layers
            .iter()
            .any(|layer| matches!(layer, Layer::Image(_)))
    }

    fn read_packed(
        &self,
        offset: u64,
        buf: &mut [u8],
        later: &mut Vec<PackedCluster>,
    ) -> Result<()> {
        self.read(offset, buf, Some(later))
    }

    fn content_at(&self, offset: u64) -> Result<(Content, u64)> {
        let (bytes, end) = self.find(offset, self.size)?;
        match bytes {
            Bytes::Zeros => Ok((Content::Zero, end)),
            Bytes::Packed(..) => Ok((Content::Data, end)),
            // An image that was preallocated has holes in clusters that nobody wrote.
            Bytes::File(file, host) => {
                let (content, host_end) = file.content_at(host)?;
                Ok((content, end.min(offset + (host_end - host))))
            }
        }
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
