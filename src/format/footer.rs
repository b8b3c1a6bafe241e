//! The last 4 KiB of a snapshot, which alone tell where it ends and where its root page is.

use super::bytes::{Reader, Writer};
use super::{Decoded, Hash, PAGE_4K, ROOT_MAX, SEAL_LEN, VERSION};

const MAGIC: [u8; 8] = *b"\x89HXE\r\n\x1a\n";
const MAC_AT: usize = 96;
const CRC_AT: usize = PAGE_4K - 4;

/// The footer's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footer {
    /// Length of the whole file, footer included.
    pub file_len: u64,
    /// Where the root page is; it ends where the footer begins.
    pub root_offset: u64,
    /// Length of the root page as stored, the tag included if it is sealed.
    pub root_len: u32,
    /// See [`super::root_hash`].
    pub root: Hash,
    /// Hash of the root page before it was sealed; zero in a plain file.
    pub piece_hash: Hash,
    /// MAC of the footer; zero in a plain file.
    pub mac: Hash,
}

impl Footer {
    /// What the MAC is of.
    pub fn mac_input(&self) -> [u8; PAGE_4K] {
        super::without_mac(self.encode(), MAC_AT)
    }

    /// The 4 KiB of this footer.
    pub fn encode(&self) -> [u8; PAGE_4K] {
        let mut page = [0; PAGE_4K];
        let mut w = Writer::new(&mut page);
        w.bytes(&MAGIC);
        w.u32(VERSION);
        w.u32(self.root_len);
        w.u64(self.file_len);
        w.u64(self.root_offset);
        w.bytes(&self.root);
        w.bytes(&self.piece_hash);
        w.bytes(&self.mac);
        w.zeros_to(CRC_AT);
        w.u32(crc32c::crc32c(w.written()));
        page
    }

    /// Decodes the last 4 KiB of a file that is `file_len` bytes long.
    pub fn decode(bytes: &[u8], file_len: u64) -> Decoded<Self> {
        let mut r = Reader::new(bytes);
        if r.array()? != MAGIC {
            return Err("no footer at its end: the file was cut or lengthened".into());
        }
        let (body, crc) = bytes
            .split_at_checked(CRC_AT)
            .ok_or("the footer is cut short")?;
        if crc32c::crc32c(body).to_le_bytes() != *crc {
            return Err("the footer's checksum does not fit".into());
        }
        let version = r.u32()?;
        let root_len = r.u32()?;
        let footer = Footer {
            file_len: r.u64()?,
            root_offset: r.u64()?,
            root_len,
            root: r.array()?,
            piece_hash: r.array()?,
            mac: r.array()?,
        };
        r.zeros(r.left().saturating_sub(4), "footer")?;
        if version != VERSION {
            return Err("header and footer are of different versions".into());
        }
        if footer.file_len != file_len {
            return Err(format!(
                "the footer is of a file of {} bytes, this one has {file_len}",
                footer.file_len
            )
            .into());
        }
        let root_end = footer.root_offset.checked_add(root_len.into());
        if footer.root_offset < PAGE_4K as u64
            || root_len as usize > ROOT_MAX + SEAL_LEN as usize
            || root_end.and_then(|end| end.checked_add(PAGE_4K as u64)) != Some(file_len)
        {
            return Err("the root page does not lie in front of the footer".into());
        }
        Ok(footer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_is_refused() {
        let footer = Footer {
            file_len: 20_000,
            root_offset: 15_804,
            root_len: 100,
            root: [7; 32],
            piece_hash: [8; 32],
            mac: [9; 32],
        };
        let good = footer.encode();
        assert_eq!(Footer::decode(&good, 20_000).unwrap(), footer);
        assert!(Footer::decode(&good, 20_001).is_err());
        for at in 0..good.len() {
            let mut bad = good;
            bad[at] ^= 1;
            assert!(Footer::decode(&bad, 20_000).is_err(), "byte {at}");
            assert!(Footer::decode(&good[..at], 20_000).is_err(), "cut at {at}");
        }
    }
}
