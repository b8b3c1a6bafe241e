//! What outgrows memory, in a file: in chunks that are checked when they are read, and sealed where the
//! snapshot is.

use std::cell::RefCell;

use super::super::super::seal::seal;
use super::super::super::writer::StreamExtent;
use crate::crypto::{FileKey, Keys, Piece, PieceKind, TAG_LEN, random};
use crate::error::{Error, Result, try_grow, try_push, try_reserve};
use crate::format::{ParentPlace, Target};
use crate::sink::{SpillFile, SpillFolder};

/// Bytes of an extent.
pub const RECORD: usize = 32;

const ZERO: u8 = 0;
const DATA: u8 = 1;
const PARENT: u8 = 2;

/// A file that is made when it is needed.
pub struct Spill {
    folder: Option<SpillFolder>,
    sealed: bool,
    open: RefCell<Option<Open>>,
}

struct Open {
    file: SpillFile,
    /// The keys that seal it, which nobody else ever has.
    keys: Option<Keys>,
    /// Where the next chunk goes.
    end: u64,
}

/// Some bytes of the file.
#[derive(Debug, Clone, Copy)]
pub struct Chunk {
    at: u64,
    len: u32,
    /// Of the bytes: their CRC-32C, or their keyed hash where they are sealed.
    hash: [u8; 32],
}

impl Chunk {
    /// Bytes in one at most.
    pub const MAX: usize = 64 << 10;
}

/// A list of chunks.
#[derive(Debug, Default)]
pub struct Spilled(Vec<Chunk>);

/// A list of chunks that is being read.
pub struct Reading<'a> {
    chunks: std::slice::Iter<'a, Chunk>,
    bytes: Vec<u8>,
    at: usize,
}

impl Spill {
    /// In a file of `folder`; without one there is nothing to be spilled.
    pub fn new(folder: Option<SpillFolder>, sealed: bool) -> Self {
        Spill {
            folder,
            sealed,
            open: RefCell::default(),
        }
    }

    /// Adds an extent to `records`, which go to the end of `run` when they make a chunk.
    pub fn record(
        &self,
        run: &mut Spilled,
        records: &mut Vec<u8>,
        extent: &StreamExtent,
    ) -> Result<()> {
        try_reserve(records, RECORD, "extents to be spilled")?;
        records.extend_from_slice(&encode(extent));
        match records.len() {
            Chunk::MAX.. => self.append(run, records),
            _ => Ok(()),
        }
    }

    /// Moves `bytes` to the end of `run`.
    pub fn append(&self, run: &mut Spilled, bytes: &mut Vec<u8>) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut open = self.open.borrow_mut();
        let open = match &mut *open {
            Some(open) => open,
            none => none.insert(self.make()?),
        };
        let (at, len) = (open.end, bytes.len() as u32);
        let mut hash = [0; 32];
        match &open.keys {
            Some(keys) => hash = seal(keys, &piece(at, len), &[], bytes)?,
            None => {
                let crc = crc32c::crc32c(bytes).to_le_bytes();
                hash.iter_mut().zip(crc).for_each(|(to, byte)| *to = byte);
            }
        }
        open.file.write_all_at(bytes, at)?;
        open.end += bytes.len() as u64;
        bytes.clear();
        try_push(&mut run.0, Chunk { at, len, hash }, "runs of extents")?;
        Ok(())
    }

    fn make(&self) -> Result<Open> {
        let Some(folder) = &self.folder else {
            return Err(Error::Internal("there is no folder to spill to".to_owned()));
        };
        let file = folder.make()?;
        let mut keys = None;
        if self.sealed {
            let mut id = [0; 16];
            random(&mut id, file.operand())?;
            keys = Some(FileKey::random(file.operand())?.keys(id)?);
        }
        Ok(Open { file, keys, end: 0 })
    }

    /// What `run` holds is not needed any more.
    pub fn discard(&self, run: &Spilled) {
        if let Some(open) = &*self.open.borrow() {
            for chunk in &run.0 {
                open.file.discard(chunk.at, chunk.len.into());
            }
        }
    }

    /// Begins to read `run`.
    pub fn read<'a>(&self, run: &'a Spilled) -> Reading<'a> {
        Reading {
            chunks: run.0.iter(),
            bytes: Vec::new(),
            at: 0,
        }
    }

    fn load(&self, chunk: &Chunk, bytes: &mut Vec<u8>) -> Result<()> {
        let open = self.open.borrow();
        let Some(open) = &*open else {
            return Err(Error::Internal("nothing was spilled".to_owned()));
        };
        let tag = if open.keys.is_some() { TAG_LEN } else { 0 };
        bytes.clear();
        try_grow(bytes, chunk.len as usize + tag, "spilled extents")?;
        open.file.read_exact_at(bytes, chunk.at)?;
        let whole = match &open.keys {
            Some(keys) => {
                let opened = keys.open(&piece(chunk.at, chunk.len), &chunk.hash, bytes)?;
                let whole = opened.is_some();
                bytes.truncate(chunk.len as usize);
                whole
            }
            None => chunk.hash.starts_with(&crc32c::crc32c(bytes).to_le_bytes()),
        };
        match whole {
            true => Ok(()),
            false => Err(Error::output(
                open.file.operand(),
                "what was spilled there reads differently; look after its disk",
            )),
        }
    }
}

impl Reading<'_> {
    /// The next chunk's bytes, if there is one.
    pub fn next(&mut self, spill: &Spill, bytes: &mut Vec<u8>) -> Result<bool> {
        match self.chunks.next() {
            Some(chunk) => spill.load(chunk, bytes).map(|()| true),
            None => Ok(false),
        }
    }

    /// The next extent.
    pub fn next_record(&mut self, spill: &Spill) -> Result<Option<StreamExtent>> {
        if self.at >= self.bytes.len() {
            let Some(chunk) = self.chunks.next() else {
                return Ok(None);
            };
            spill.load(chunk, &mut self.bytes)?;
            self.at = 0;
        }
        let record = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk());
        self.at += RECORD;
        match record.and_then(decode) {
            Some(extent) => Ok(Some(extent)),
            None => Err(Error::Internal(
                "a record was spilled that is none".to_owned(),
            )),
        }
    }
}

/// What a chunk is to the seal.
fn piece(at: u64, len: u32) -> Piece {
    Piece {
        kind: PieceKind::Page,
        codec: 0,
        ordinal: at,
        len,
        decoded_len: len,
    }
}

fn encode(extent: &StreamExtent) -> [u8; RECORD] {
    let (kind, ancestor, stream, at) = match extent.target {
        Target::Zero => (ZERO, 0, 0, 0),
        Target::Data(at) => (DATA, 0, 0, at),
        Target::Parent(place) => (PARENT, place.ancestor, place.stream, place.at),
    };
    let mut record = [0; RECORD];
    let fields: [&[u8]; 6] = [
        &extent.at.to_le_bytes(),
        &extent.len.to_le_bytes(),
        &at.to_le_bytes(),
        &(extent.stream as u16).to_le_bytes(),
        &ancestor.to_le_bytes(),
        &stream.to_le_bytes(),
    ];
    let bytes = fields.into_iter().flatten().chain([&kind]);
    record
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, byte)| *to = *byte);
    record
}

fn decode(record: &[u8; RECORD]) -> Option<StreamExtent> {
    let (words, rest) = record.as_chunks::<8>();
    let [at, len, place, rest_word] = *words.first_chunk::<4>()?;
    debug_assert!(rest.is_empty());
    let [a, b, c, d, e, f, kind, _] = rest_word;
    let place = u64::from_le_bytes(place);
    Some(StreamExtent {
        stream: u16::from_le_bytes([a, b]).into(),
        at: u64::from_le_bytes(at),
        len: u64::from_le_bytes(len),
        target: match kind {
            ZERO => Target::Zero,
            DATA => Target::Data(place),
            PARENT => Target::Parent(ParentPlace {
                ancestor: u16::from_le_bytes([c, d]),
                stream: u16::from_le_bytes([e, f]),
                at: place,
            }),
            _ => return None,
        },
    })
}
