//! Little-endian cursors over a byte slice. Reading past the end is an error, never a panic.

use super::Decoded;

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub fn take(&mut self, n: usize) -> Decoded<&'a [u8]> {
        let (head, rest) = self
            .rest
            .split_at_checked(n)
            .ok_or("a structure is cut short")?;
        self.rest = rest;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let mut a = [0; N];
        a.copy_from_slice(self.take(N)?);
        Ok(a)
    }

    /// 32 bytes that stay where they are: a key is not copied.
    pub fn key(&mut self) -> Decoded<&'a [u8; 32]> {
        let bytes = self.take(32)?;
        Ok(bytes.first_chunk().ok_or("a structure is cut short")?)
    }

    pub fn u8(&mut self) -> Decoded<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub fn u16(&mut self) -> Decoded<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Decoded<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Decoded<i32> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Decoded<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Padding: must be zero, so that no byte of a file goes unchecked.
    pub fn zeros(&mut self, n: usize, place: &str) -> Decoded<()> {
        if self.take(n)?.iter().any(|b| *b != 0) {
            return Err(format!("padding in the {place} is not zero").into());
        }
        Ok(())
    }

    pub fn end(&self, place: &str) -> Decoded<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(format!("{} bytes too many in the {place}", self.rest.len()).into())
    }

    pub fn left(&self) -> usize {
        self.rest.len()
    }
}

/// Writes into room that is all zero, and just as much as is needed.
pub(super) struct Writer<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    pub fn new(room: &'a mut [u8]) -> Self {
        Writer { room, at: 0 }
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        self.room.get(..self.at).unwrap_or_default()
    }

    pub fn u8(&mut self, v: u8) {
        self.bytes(&[v]);
    }

    pub fn u16(&mut self, v: u16) {
        self.bytes(&v.to_le_bytes());
    }

    pub fn u32(&mut self, v: u32) {
        self.bytes(&v.to_le_bytes());
    }

    pub fn i32(&mut self, v: i32) {
        self.bytes(&v.to_le_bytes());
    }

    pub fn u64(&mut self, v: u64) {
        self.bytes(&v.to_le_bytes());
    }

    pub fn bytes(&mut self, v: &[u8]) {
        let end = self.at + v.len();
        match self.room.get_mut(self.at..end) {
            Some(place) => place.copy_from_slice(v),
            None => debug_assert!(false, "{end} bytes in {}", self.room.len()),
        }
        self.at = end;
    }

    pub fn zeros(&mut self, n: usize) {
        self.zeros_to(self.at + n);
    }

    pub fn zeros_to(&mut self, len: usize) {
        debug_assert!(self.at <= len && len <= self.room.len());
        self.at = len;
    }
}
