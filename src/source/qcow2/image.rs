//! One image file: its header, and where it says that the disk's bytes are.

use std::cell::Cell;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::entry::{Geometry, Mapping, Packed};
use super::extensions::Extensions;
use super::fault::{Checked, Fault, damaged, shown};
use super::header::{Compression, HEADER_LEN, Header, l1_coverage_bits};
use super::ledger::Ledger;
use super::name::{self, Named, Others};
use super::table::{Table, TableReader};
use crate::error::{Error, Result, try_zeroed};
use crate::source::{Access, RawSource, Source};

/// An image, read only.
pub struct Image {
    file: RawSource,
    operand: Arc<str>,
    /// Where standard clusters lie, if not in the image.
    data: Option<RawSource>,
    geometry: Geometry,
    compression: Compression,
    size: u64,
    l1: Table,
    l1_reader: TableReader,
    l2_reader: TableReader,
    ledger: Ledger,
    /// The last runs that are not allocated here, the last used one first: where the search for the
    /// end of a run is, and where a reader is. What lies below may be in small pieces, and for each
    /// of them the way to the end of such a run would be gone again.
    unallocated: Cell<[(u64, u64); 2]>,
    /// Looks at clusters so far.
    #[cfg(test)]
    pub looked: Cell<u64>,
}

/// What an image says of its backing file.
pub struct Backing {
    /// Its name, and the format that the name says.
    pub named: Named,
    /// Name of the format that the header says it is in.
    pub format: Option<Vec<u8>>,
}

impl Image {
    /// Opens the image in `file`, which was opened by the name `path`, and its data file, if
    /// `others` allows one. The backing file is only named.
    pub fn open(
        file: RawSource,
        path: &Path,
        access: Access,
        others: Others,
    ) -> Result<(Image, Option<Backing>)> {
        let blame = |fault: Fault| fault.of(file.operand());
        let first = read(&file, 0..HEADER_LEN as u64)?;
        let header = Header::parse(&first).map_err(blame)?;
        let area = read(&file, header.extensions.clone())?;
        let extensions = Extensions::parse(&area).map_err(blame)?;
        header
            .check_features(|bit| extensions.incompatible_name(bit))
            .map_err(blame)?;
        let l1 = Table {
            offset: header.l1_offset,
            len: header.l1_entries * 8,
        };
        check_inside(&file, "L1 table", l1.offset, l1.len).map_err(blame)?;

        let backing = match header.backing_name.clone() {
            None => None,
            Some(range) => {
                let len = range.end - range.start;
                let name = "name of the backing file";
                check_inside(&file, name, range.start, len).map_err(blame)?;
                let name = read(&file, range)?;
                Some(Backing {
                    named: name::resolve(path, &name, "backing file").map_err(blame)?,
                    format: extensions.backing_format.map(<[u8]>::to_vec),
                })
            }
        };
        let data = match header.external_data {
            false => None,
            true => Some(open_data(
                &file,
                path,
                extensions.data_file,
                access,
                others,
            )?),
        };
        let image = Image {
            data,
            geometry: Geometry::of(&header),
            compression: header.compression,
            size: header.size,
            l1,
            l1_reader: TableReader::new(),
            l2_reader: TableReader::new(),
            ledger: Ledger::default(),
            unallocated: Cell::default(),
            #[cfg(test)]
            looked: Cell::new(0),
            operand: Arc::from(file.operand()),
            file,
        };
        Ok((image, backing))
    }

    /// The image file itself.
    pub fn file(&self) -> &RawSource {
        &self.file
    }

    /// The file with the standard clusters.
    pub fn data(&self) -> &RawSource {
        self.data.as_ref().unwrap_or(&self.file)
    }

    /// The files that were opened.
    pub fn files(&self) -> impl Iterator<Item = &RawSource> {
        [Some(&self.file), self.data.as_ref()].into_iter().flatten()
    }

    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes in a cluster.
    pub fn cluster(&self) -> u64 {
        self.geometry.cluster()
    }

    /// How its clusters are compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// What its map was met to name.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Puts down that its map has `len` bytes of standard clusters at `offset` of the disk.
    pub fn note_standard(&self, offset: u64, len: u64) -> Result<()> {
        let noted = self.ledger.add_standard(len, self.data().size());
        noted.map_err(|fault| self.blame(offset, fault))
    }

    /// Puts down that its map has a compressed cluster at `offset` of the disk.
    pub fn note_packed(&self, offset: u64, packed: Packed) -> Result<()> {
        let (cluster, size) = (self.cluster(), self.file.size());
        let noted = self
            .ledger
            .add_packed(packed, self.compression, cluster, size);
        noted.map_err(|fault| self.blame(offset, fault))
    }

    /// What is at `offset` of the disk, which is below the size, and up to where. The search for
    /// the end of a run goes no further than it needs to reach `until`, and takes no more than `looks`
    /// at clusters, which it counts down.
    pub fn lookup(&self, offset: u64, until: u64, looks: &mut usize) -> Result<(Mapping, u64)> {
        if let Some(end) = self.known_unallocated(offset) {
            return Ok((Mapping::Unallocated, end));
        }
        let (mapping, mut end) = self.cluster_at(offset)?;
        while end < until.min(self.size) && *looks > 0 {
            *looks -= 1;
            let (next, next_end) = self.cluster_at(end)?;
            if !mapping.goes_on(end - offset, next) {
                break;
            }
            end = next_end;
        }
        let fits = match mapping {
            Mapping::Data(host) => check_inside(self.data(), "cluster", host, end - offset),
            Mapping::Compressed(Packed { offset, .. }) => {
                check_inside(&self.file, "compressed cluster", offset, 1)
            }
            Mapping::Unallocated | Mapping::Zero => Ok(()),
        };
        fits.map_err(|fault| self.blame(offset, fault))?;
        if mapping == Mapping::Unallocated {
            let [last, _] = self.unallocated.get();
            self.unallocated.set([(offset, end), last]);
        }
        Ok((mapping, end))
    }

    /// The end of the run of `offset`, if it is known to be unallocated.
    fn known_unallocated(&self, offset: u64) -> Option<u64> {
        let [last, before] = self.unallocated.get();
        let has = |run: (u64, u64)| (run.0..run.1).contains(&offset);
        if has(last) {
            return Some(last.1);
        }
        if has(before) {
            self.unallocated.set([before, last]);
            return Some(before.1);
        }
        None
    }

    /// What is at `offset`, at most up to the end of its cluster, or of a whole L2 table that is
    /// not there.
    fn cluster_at(&self, offset: u64) -> Result<(Mapping, u64)> {
        #[cfg(test)]
        self.looked.set(self.looked.get() + 1);
        let blame = |fault| self.blame(offset, fault);
        let g = &self.geometry;
        let bits = l1_coverage_bits(g.cluster_bits, g.extended_l2);
        let index = offset >> bits;
        let entry = self.l1_reader.number(&self.file, self.l1, index * 8)?;
        let Some(table) = g.l2_table(entry).map_err(blame)? else {
            return Ok((Mapping::Unallocated, self.size.min((index + 1) << bits)));
        };
        check_inside(&self.file, "L2 table", table, g.cluster()).map_err(blame)?;
        let table = Table {
            offset: table,
            len: g.cluster(),
        };
        let start = offset & !(g.cluster() - 1);
        let at = (offset >> g.cluster_bits) % g.l2_entries() * g.l2_entry();
        let entry = self.l2_reader.number(&self.file, table, at)?;
        let bitmap = match g.extended_l2 {
            true => self.l2_reader.number(&self.file, table, at + 8)?,
            false => 0,
        };
        let cluster = g.cluster_of(start, entry, bitmap).map_err(blame)?;
        let (mapping, end) = cluster.at(offset - start, g);
        Ok((mapping, self.size.min(start + end)))
    }

    /// What to call it in error texts.
    pub fn operand(&self) -> Arc<str> {
        Arc::clone(&self.operand)
    }

    /// The error for a fault that concerns the disk at `offset`.
    pub fn blame(&self, offset: u64, fault: Fault) -> Error {
        blame(&self.operand, offset, fault)
    }
}

/// The error for a fault in the image `operand` that concerns the disk at `offset`.
pub fn blame(operand: &str, offset: u64, fault: Fault) -> Error {
    let located = |text: String| format!("at offset {offset} of the disk: {text}");
    fault.told(located).of(operand)
}

/// Zeros in place of what is missing would be a wrong disk, so a file that is cut short is refused,
/// where QEMU reads on.
fn check_inside(file: &RawSource, what: &str, offset: u64, len: u64) -> Checked<()> {
    if offset
        .checked_add(len)
        .is_some_and(|end| end <= file.size())
    {
        return Ok(());
    }
    damaged(format!(
        "its {what} of {len} bytes at {offset} is beyond the end of '{}' at {}: the file is cut \
         short or damaged; get a whole copy",
        file.operand(),
        file.size()
    ))
}

/// What `file` has of a range.
fn read(file: &RawSource, range: Range<u64>) -> Result<Vec<u8>> {
    let len = range.end.min(file.size()).saturating_sub(range.start);
    let mut bytes = try_zeroed(len as usize, "the header of a qcow2 image")?;
    file.read_at(range.start, &mut bytes)?;
    Ok(bytes)
}

fn open_data(
    image: &RawSource,
    path: &Path,
    name: Option<&[u8]>,
    access: Access,
    others: Others,
) -> Result<RawSource> {
    let blame = |fault: Fault| fault.of(image.operand());
    let Some(name) = name else {
        return Err(blame(Fault::Damaged(
            "keeps its data in another file and does not name it; name it with qemu-img amend -o \
             data_file=NAME"
                .to_owned(),
        )));
    };
    let data = name::resolve(path, name, "data file").map_err(blame)?;
    if data.format.is_some() {
        return Err(blame(Fault::Unsupported(format!(
            "its data file '{}' has a format, where a plain file is followed",
            shown(name)
        ))));
    }
    let what = format!("keeps its data in another file, '{}'", shown(name));
    others.check(&what, "read").map_err(blame)?;
    let opened = RawSource::open(&data.path, access);
    opened.map_err(|e| e.within(&format!("the data file of '{}'", image.operand())))
}
