//! The first 4 KiB of a snapshot: what it is, and what a reader must know to read it.

use super::bytes::{Reader, Writer};
use super::{Decoded, Hash, PAGE_4K, VERSION};
use crate::error::Error;

/// PNG's idea (RFC 2083, section 12.12): a high bit, both line ends and a Ctrl-Z, so that a
/// transfer in text mode breaks the first bytes and is noticed at once.
pub const MAGIC: [u8; 8] = *b"\x89HXZ\r\n\x1a\n";
const MAC_AT: usize = 80;
const FIELDS_LEN: usize = 112;
const NAMES_AT: usize = 128;
const NAME_LEN: usize = 64;
const NAMES: usize = 60;
const CRC_AT: usize = PAGE_4K - 4;

/// Feature bits that a reader must know to read a file.
pub mod incompat {
    /// Everything but header, slots and footer is sealed.
    pub const ENCRYPTED: u64 = 1 << 0;
    /// Data is missing here and lies in an ancestor.
    pub const THIN: u64 = 1 << 1;
    /// Blocks are compressed against others.
    pub const REFERENCES: u64 = 1 << 2;
    /// Bits that this version reads.
    pub const KNOWN: u64 = ENCRYPTED | THIN;
    /// Every bit that has a meaning in this version of the format, with its name.
    pub const NAMES: [(u64, &str); 3] = [
        (ENCRYPTED, "encrypted"),
        (THIN, "thin"),
        (REFERENCES, "references"),
    ];
}

/// Feature bits that a reader may ignore.
pub mod compat {
    /// What this version writes. A file with other bits may have blocks of other compressors, which
    /// from the same bytes make others.
    pub const WRITTEN: u64 = 0;
}

/// The header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Features without which the file cannot be read.
    pub incompat: u64,
    /// Features that a reader may ignore.
    pub compat: u64,
    /// Tells encrypted files apart; zero in a plain file, whose bytes follow from its content.
    pub file_id: [u8; 16],
    /// Ties an encrypted file to its key; zero in a plain one.
    pub commitment: Hash,
    /// MAC of the header; zero in a plain file.
    pub mac: Hash,
}

impl Header {
    /// Whether the file is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.incompat & incompat::ENCRYPTED != 0
    }

    /// Whether it leans on ancestors.
    pub fn is_thin(&self) -> bool {
        self.incompat & incompat::THIN != 0
    }

    /// What the MAC of a header of these 4 KiB is of. Of its bytes, and not of its fields: of names
    /// there may be others than we would write.
    pub fn mac_input(bytes: &[u8; PAGE_4K]) -> [u8; PAGE_4K] {
        super::without_mac(*bytes, MAC_AT)
    }

    /// The 4 KiB of this header.
    pub fn encode(&self) -> [u8; PAGE_4K] {
        let mut page = [0; PAGE_4K];
        let mut w = Writer::new(&mut page);
        w.bytes(&MAGIC);
        w.u32(VERSION);
        w.u32(PAGE_4K as u32);
        w.u64(self.incompat);
        w.u64(self.compat);
        w.bytes(&self.file_id);
        w.bytes(&self.commitment);
        w.bytes(&self.mac);
        w.zeros_to(NAMES_AT);
        for (bit, name) in incompat::NAMES
            .iter()
            .filter(|(bit, _)| self.incompat & bit != 0)
        {
            let end = w.written().len() + NAME_LEN;
            w.u8(1);
            w.u8(bit.trailing_zeros() as u8);
            w.bytes(name.as_bytes());
            w.zeros_to(end);
        }
        w.zeros_to(CRC_AT);
        w.u32(crc32c::crc32c(w.written()));
        page
    }

    /// Decodes and checks, in this order: magic, version, incompat bits, checksum.
    ///
    /// `bytes` are the first 4 KiB of the file, or all of a shorter one. `operand` names it.
    pub fn decode(bytes: &[u8], operand: &str) -> Result<Self, Error> {
        let corrupt = |why| Error::Corrupt {
            operand: operand.to_owned(),
            why,
        };
        if !bytes.starts_with(&MAGIC) {
            let why = match bytes {
                [] => "the file is empty",
                _ => "it does not begin with the magic of one",
            };
            return Err(Error::NotSnapshot {
                operand: operand.to_owned(),
                why: why.into(),
            });
        }
        let cut = |_| corrupt("cut short within the header".into());
        let mut r = Reader::new(&bytes[MAGIC.len()..]);
        let version = r.u32().map_err(cut)?;
        if version != VERSION {
            return Err(Error::Unsupported(format!(
                "'{operand}': format version {version}; this hexz reads version {VERSION}, use a \
                 newer one"
            )));
        }
        let header_len = r.u32().map_err(cut)?;
        let incompat = r.u64().map_err(cut)?;
        let unknown = incompat & !incompat::KNOWN;
        if unknown != 0 {
            let bit = unknown.trailing_zeros();
            return Err(Error::Unsupported(format!(
                "'{operand}': needs feature '{}' (incompat bit {bit}), which this hexz lacks; use \
                 a newer one",
                feature_name(bytes, bit)
            )));
        }
        if bytes.len() < PAGE_4K {
            return Err(cut("".into()));
        }
        let (body, crc) = bytes[..PAGE_4K].split_at(CRC_AT);
        if crc32c::crc32c(body).to_le_bytes() != *crc {
            return Err(corrupt("the header's checksum does not fit".into()));
        }
        let header = Header {
            incompat,
            compat: r.u64().map_err(cut)?,
            file_id: r.array().map_err(cut)?,
            commitment: r.array().map_err(cut)?,
            mac: r.array().map_err(cut)?,
        };
        if header_len as usize != PAGE_4K {
            return Err(corrupt("the header's length does not fit".into()));
        }
        let keyless =
            (header.file_id, header.commitment, header.mac) == ([0; 16], [0; 32], [0; 32]);
        if !header.is_encrypted() && !keyless {
            return Err(corrupt(
                "a plain file has what only encrypted ones have".into(),
            ));
        }
        header.check_rest(&mut r).map_err(corrupt)?;
        Ok(header)
    }

    /// What follows the fields: padding, the names of the features that are set, padding.
    fn check_rest(&self, r: &mut Reader<'_>) -> Decoded<()> {
        r.zeros(NAMES_AT - FIELDS_LEN, "header")?;
        for _ in 0..NAMES {
            let (word, bit) = (r.u8()?, r.u8()?);
            let name = r.take(NAME_LEN - 2)?;
            let set = match word {
                0 if bit == 0 && name.iter().all(|b| *b == 0) => continue,
                1 => self.incompat,
                2 => self.compat,
                _ => 0,
            };
            if bit > 63 || set >> bit & 1 == 0 {
                return Err("the header names a feature that is not set".into());
            }
            let len = name.iter().position(|b| *b == 0).unwrap_or(name.len());
            let (text, padding) = name.split_at(len);
            if !text.is_ascii() || padding.iter().any(|b| *b != 0) {
                return Err("the header has a name that is not ASCII padded with zeros".into());
            }
        }
        r.zeros(CRC_AT - NAMES_AT - NAMES * NAME_LEN, "header")
    }
}

/// The name of a bit: ours if it has a meaning in this version, else the one that the file itself
/// gives it, so that an old reader can say what it lacks.
fn feature_name(header: &[u8], bit: u32) -> String {
    let known = incompat::NAMES.iter().find(|(known, _)| *known == 1 << bit);
    if let Some((_, name)) = known {
        return (*name).to_owned();
    }
    let entries = header
        .get(NAMES_AT..)
        .unwrap_or_default()
        .chunks_exact(NAME_LEN)
        .take(NAMES);
    for entry in entries {
        if entry[0] == 1 && u32::from(entry[1]) == bit {
            let name = entry[2..].split(|b| *b == 0).next().unwrap_or_default();
            let printable = |b: &u8| b.is_ascii_graphic() || *b == b' ';
            if !name.is_empty() && name.iter().all(printable) {
                return String::from_utf8_lossy(name).into_owned();
            }
        }
    }
    "unnamed".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reseal(mut bytes: [u8; PAGE_4K]) -> [u8; PAGE_4K] {
        let crc = crc32c::crc32c(&bytes[..CRC_AT]).to_le_bytes();
        bytes[CRC_AT..].copy_from_slice(&crc);
        bytes
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_refused() {
        let good = Header::default().encode();
        assert_eq!(Header::decode(&good, "t").unwrap(), Header::default());
        for at in 0..good.len() {
            let mut bad = good;
            bad[at] ^= 0x40;
            assert!(Header::decode(&bad, "t").is_err(), "byte {at}");
            assert!(Header::decode(&good[..at], "t").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn magic_then_version_then_features_then_checksum() {
        let good = Header::default().encode();
        let mut newer = good;
        newer[8] = 2;
        assert!(matches!(
            Header::decode(&newer, "t"),
            Err(Error::Unsupported(_))
        ));
        newer[0] = 0;
        assert!(matches!(
            Header::decode(&newer, "t"),
            Err(Error::NotSnapshot { .. })
        ));
        assert!(matches!(
            Header::decode(&[], "t"),
            Err(Error::NotSnapshot { .. })
        ));
        assert!(matches!(
            Header::decode(&good[..20], "t"),
            Err(Error::Corrupt { .. })
        ));
    }

    #[test]
    fn an_unknown_feature_is_named() {
        let mut future = Header::default().encode();
        future[16 + 5] = 1; // bit 40
        future[NAMES_AT] = 1;
        future[NAMES_AT + 1] = 40;
        future[NAMES_AT + 2..NAMES_AT + 7].copy_from_slice(b"magic");
        let text = Header::decode(&reseal(future), "t")
            .unwrap_err()
            .to_string();
        assert!(text.contains("'magic' (incompat bit 40)"), "{text}");
    }

    /// Whatever the file calls it, which nobody has checked at that point.
    #[test]
    fn a_feature_of_this_version_that_is_not_read_yet_has_its_name() {
        for (bit, name) in [(2, "references")] {
            for called in [&b""[..], b"sealed"] {
                let mut bytes = Header::default().encode();
                bytes[16] = 1 << bit;
                if !called.is_empty() {
                    bytes[NAMES_AT] = 1;
                    bytes[NAMES_AT + 1] = bit;
                    bytes[NAMES_AT + 2..NAMES_AT + 2 + called.len()].copy_from_slice(called);
                }
                let error = Header::decode(&reseal(bytes), "t").unwrap_err();
                assert!(matches!(error, Error::Unsupported(_)));
                let expected = format!("'{name}' (incompat bit {bit})");
                assert!(error.to_string().contains(&expected), "{error}");
            }
        }
    }

    #[test]
    fn padding_is_checked_even_under_a_good_checksum() {
        for at in [64, NAMES_AT, NAMES_AT + 3000, CRC_AT - 1] {
            let mut bad = Header::default().encode();
            bad[at] = 1;
            assert!(Header::decode(&reseal(bad), "t").is_err(), "byte {at}");
        }
    }
}
