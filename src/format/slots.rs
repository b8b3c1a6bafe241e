//! The 4 KiB that hold an encrypted file's key slots. Twice in the file, so that passwords can be
//! changed in place and a kill at any moment leaves one whole copy.

use super::bytes::{Reader, Writer};
use super::{Decoded, Hash, PAGE_4K, VERSION};

const MAGIC: [u8; 8] = *b"\x89HXK\r\n\x1a\n";
const MAC_AT: usize = 40;
const SLOTS_FROM: usize = 128;
const SLOT_LEN: usize = 256;
const CRC_AT: usize = PAGE_4K - 4;
const ARGON2ID: u8 = 1;

/// Passwords that a file can have.
pub const SLOTS: usize = 8;

/// A slot: the file key under a password. What the numbers mean is no business of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySlot {
    /// Memory of Argon2id in KiB.
    pub memory_kib: u32,
    /// Passes of Argon2id.
    pub passes: u32,
    /// Lanes of Argon2id.
    pub lanes: u32,
    /// Salt.
    pub salt: [u8; 32],
    /// Commitment to the password's key.
    pub commitment: Hash,
    /// The file key, encrypted.
    pub wrapped: [u8; 32],
    /// Its tag.
    pub tag: [u8; 16],
}

/// One copy of the slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotPage {
    /// Rises with each change; the higher one of the two copies counts.
    pub generation: u64,
    /// As in the header.
    pub file_id: [u8; 16],
    /// The slots; at least one is used.
    pub slots: [Option<KeySlot>; SLOTS],
    /// MAC of this copy.
    pub mac: Hash,
}

impl SlotPage {
    /// The 4 KiB of one copy.
    pub fn encode(&self) -> [u8; PAGE_4K] {
        let mut page = [0; PAGE_4K];
        let mut w = Writer::new(&mut page);
        w.bytes(&MAGIC);
        w.u32(VERSION);
        w.u32(0);
        w.u64(self.generation);
        w.bytes(&self.file_id);
        w.bytes(&self.mac);
        w.zeros_to(SLOTS_FROM);
        for slot in &self.slots {
            let end = w.written().len() + SLOT_LEN;
            if let Some(slot) = slot {
                w.u8(ARGON2ID);
                w.zeros(3);
                w.u32(slot.memory_kib);
                w.u32(slot.passes);
                w.u32(slot.lanes);
                w.bytes(&slot.salt);
                w.bytes(&slot.commitment);
                w.bytes(&slot.wrapped);
                w.bytes(&slot.tag);
            }
            w.zeros_to(end);
        }
        w.zeros_to(CRC_AT);
        w.u32(crc32c::crc32c(w.written()));
        page
    }

    /// Decodes a copy. Numbers of Argon2id are not judged here.
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        if !is_whole(bytes) {
            return Err("the key slots' checksum does not fit".into());
        }
        let mut r = Reader::new(bytes);
        r.take(MAGIC.len())?;
        if r.u32()? != VERSION {
            return Err("header and key slots are of different versions".into());
        }
        r.zeros(4, "key slots")?;
        let mut page = SlotPage {
            generation: r.u64()?,
            file_id: r.array()?,
            mac: r.array()?,
            slots: [None; SLOTS],
        };
        r.zeros(SLOTS_FROM - MAC_AT - 32, "key slots")?;
        for slot in &mut page.slots {
            *slot = KeySlot::decode(&mut Reader::new(r.take(SLOT_LEN)?))?;
        }
        r.zeros(CRC_AT - SLOTS_FROM - SLOTS * SLOT_LEN, "key slots")?;
        if page.slots.iter().all(Option::is_none) {
            return Err("an encrypted file without key slots".into());
        }
        Ok(page)
    }

    /// What the MAC is of.
    pub fn mac_input(&self) -> [u8; PAGE_4K] {
        super::without_mac(self.encode(), MAC_AT)
    }
}

impl KeySlot {
    fn decode(r: &mut Reader<'_>) -> Decoded<Option<Self>> {
        match r.u8()? {
            0 => {
                r.zeros(SLOT_LEN - 1, "key slot that is not used")?;
                return Ok(None);
            }
            ARGON2ID => r.zeros(3, "key slot")?,
            kind => return Err(format!("a key slot of unknown kind {kind}").into()),
        }
        let slot = KeySlot {
            memory_kib: r.u32()?,
            passes: r.u32()?,
            lanes: r.u32()?,
            salt: r.array()?,
            commitment: r.array()?,
            wrapped: r.array()?,
            tag: r.array()?,
        };
        r.zeros(r.left(), "key slot")?;
        Ok(Some(slot))
    }
}

/// Whether these 4 KiB were written to the end.
fn is_whole(bytes: &[u8]) -> bool {
    let Some((body, crc)) = bytes.split_at_checked(CRC_AT) else {
        return false;
    };
    body.starts_with(&MAGIC) && crc32c::crc32c(body).to_le_bytes() == *crc
}

/// Index of the copy that counts: the whole one of the highest generation, the first one if both
/// are equal; none when neither was written to the end.
pub fn newest(copies: [&[u8]; 2]) -> Option<usize> {
    let generation = |copy: &[u8]| {
        let at = MAGIC.len() + 8;
        let bytes = copy.get(at..at + 8).filter(|_| is_whole(copy))?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    match copies.map(generation) {
        [None, None] => None,
        [first, second] if second > first => Some(1),
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(generation: u64) -> SlotPage {
        let slot = KeySlot {
            memory_kib: 1 << 16,
            passes: 3,
            lanes: 4,
            salt: [1; 32],
            commitment: [2; 32],
            wrapped: [3; 32],
            tag: [4; 16],
        };
        let mut slots = [None; SLOTS];
        slots[7] = Some(slot);
        let mut page = SlotPage {
            generation,
            file_id: [5; 16],
            slots,
            mac: [0; 32],
        };
        page.mac = *blake3::hash(&page.mac_input()).as_bytes();
        page
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_refused() {
        let good = page(1).encode();
        assert_eq!(SlotPage::decode(&good).unwrap(), page(1));
        for at in 0..good.len() {
            let mut bad = good;
            bad[at] ^= 0x10;
            assert!(SlotPage::decode(&bad).is_err(), "byte {at}");
            assert!(SlotPage::decode(&good[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn padding_kinds_and_macs_are_checked_under_a_good_checksum() {
        let is_authentic = |page: SlotPage| *blake3::hash(&page.mac_input()).as_bytes() == page.mac;
        let good = page(1).encode();
        assert!(is_authentic(page(1)));
        for at in MAGIC.len()..CRC_AT {
            let mut bad = good;
            bad[at] ^= 1;
            let crc = crc32c::crc32c(&bad[..CRC_AT]).to_le_bytes();
            bad[CRC_AT..].copy_from_slice(&crc);
            if let Ok(page) = SlotPage::decode(&bad) {
                assert!(!is_authentic(page), "byte {at}");
            }
        }
        let mut none = page(1);
        none.slots = [None; SLOTS];
        assert!(SlotPage::decode(&none.encode()).is_err());
    }

    #[test]
    fn the_newest_whole_copy_counts() {
        let [a, b] = [page(1).encode(), page(2).encode()];
        let mut torn = b;
        torn[3000] ^= 1;
        assert_eq!(newest([&a, &a]), Some(0));
        assert_eq!(newest([&a, &b]), Some(1));
        assert_eq!(newest([&b, &a]), Some(0));
        assert_eq!(newest([&a, &torn]), Some(0));
        assert_eq!(newest([&torn, &a]), Some(1));
        assert_eq!(newest([&torn, &torn]), None);
        assert_eq!(newest([&[], &a[..100]]), None);
    }
}
