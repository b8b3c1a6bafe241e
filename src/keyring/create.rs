//! The keys of a new file.

use crate::crypto::{FileKey, KdfCost, Keys, Place, WORK_MAX, WrappedKey, random};
use crate::error::{Error, Result};
use crate::format::{Header, KeySlot, SLOTS, SlotPage, incompat};

/// All that a build needs to encrypt.
pub struct Encryption {
    /// The keys.
    pub keys: Keys,
    /// The header of the file.
    pub header: Header,
    /// Its key slots.
    pub slots: SlotPage,
}

impl Encryption {
    /// A new file key, under one password. `operand` is the output.
    /// `go_on` is asked while the password's key is made: its error ends the work.
    pub fn new(
        password: &[u8],
        cost: KdfCost,
        operand: &str,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let mut file_id = [0; 16];
        random(&mut file_id, operand)?;
        let file_key = FileKey::random(operand)?;
        Encryption::with_key(&file_key, file_id, password, cost, operand, go_on)
    }

    /// Makes the file one that leans on others, whose units it hashes with that file's key if there
    /// is one.
    pub fn lean(&mut self, hashing: Option<&Keys>) {
        self.header.incompat |= incompat::THIN;
        let header = Header::mac_input(&self.header.encode());
        self.header.mac = self.keys.mac(Place::Header, &header);
        if let Some(other) = hashing {
            other.with_unit_hash_key(|key| self.keys.inherit_unit_hash_key(key));
        }
    }

    fn with_key(
        file_key: &FileKey,
        file_id: [u8; 16],
        password: &[u8],
        cost: KdfCost,
        operand: &str,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let keys = file_key.keys(file_id)?;
        let mut header = Header {
            incompat: incompat::ENCRYPTED,
            file_id,
            commitment: file_key.commitment(),
            ..Header::default()
        };
        header.mac = keys.mac(Place::Header, &Header::mac_input(&header.encode()));
        let mut slots = SlotPage {
            generation: 1,
            file_id,
            slots: [None; SLOTS],
            mac: [0; 32],
        };
        let wrapped = WrappedKey::wrap(file_key, &file_id, password, cost, operand, go_on)?;
        slots.slots[0] = Some(slot(&wrapped));
        slots.mac = keys.mac(Place::Slots, &slots.mac_input());
        Ok(Encryption {
            keys,
            header,
            slots,
        })
    }
}

/// Puts a file key under one more password, into that slot.
pub fn add_slot(
    slots: &mut SlotPage,
    at: usize,
    file_key: &FileKey,
    password: &[u8],
    cost: KdfCost,
    operand: &str,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let wrapped = WrappedKey::wrap(file_key, &slots.file_id, password, cost, operand, go_on)?;
    match slots.slots.get_mut(at) {
        Some(place) => *place = Some(slot(&wrapped)),
        None => return Err(Error::Internal("a key slot that there is not".to_owned())),
    }
    Ok(())
}

/// Fails when a cost, with `besides` for other slots, is more than a reader will pay.
pub fn check_cost(cost: KdfCost, besides: u64) -> Result<()> {
    let work = cost.work().saturating_add(besides);
    if work <= WORK_MAX {
        return Ok(());
    }
    Err(Error::InvalidArgument(format!(
        "kdf_memory_kib times kdf_passes is {work} over all passwords; no reader does more than \
         {WORK_MAX}: give less memory or fewer passes, or replace a costly password first"
    )))
}

fn slot(wrapped: &WrappedKey) -> KeySlot {
    KeySlot {
        memory_kib: wrapped.cost.memory_kib,
        passes: wrapped.cost.passes,
        lanes: wrapped.cost.lanes,
        salt: wrapped.salt,
        commitment: wrapped.commitment,
        wrapped: wrapped.wrapped,
        tag: wrapped.tag,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What guessing costs in tests: the least.
    pub const CHEAP: KdfCost = KdfCost {
        memory_kib: 1024,
        passes: 1,
        lanes: 1,
    };

    /// The same keys every time, under "password".
    pub fn fixed(byte: u8) -> Encryption {
        Encryption::with_key(
            &FileKey::fixed(byte),
            [byte; 16],
            b"password",
            CHEAP,
            "test",
            &|| Ok(()),
        )
        .unwrap()
    }

    #[test]
    fn two_files_share_nothing() {
        let [a, b] = [(); 2].map(|()| Encryption::new(b"p", CHEAP, "t", &|| Ok(())).unwrap());
        assert_ne!(a.header.file_id, b.header.file_id);
        assert_ne!(a.header.commitment, b.header.commitment);
        assert_ne!(
            a.slots.slots[0].unwrap().salt,
            b.slots.slots[0].unwrap().salt
        );
    }

    #[test]
    fn what_no_reader_pays_is_not_written() {
        let cost = KdfCost {
            memory_kib: 1 << 20,
            passes: 4,
            lanes: 1,
        };
        assert!(check_cost(cost, 0).is_ok());
        assert!(matches!(
            check_cost(cost, 1),
            Err(Error::InvalidArgument(_))
        ));
    }
}
