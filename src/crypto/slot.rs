//! The file key under a password.

use super::kdf::KdfCost;
use super::keys::{FileKey, derive};
use super::seal::{TAG_LEN, gcm_open, gcm_seal};
use super::secret::{DEEP, SHALLOW, Secret, leaving_nothing};
use super::{Tag, random, same};
use crate::error::Result;

const COMMITMENT: &str = "hexz 2026-11-22 slot commitment v1";
const WRAPPING: &str = "hexz 2026-11-22 slot wrapping v1";
const DATA_LEN: usize = 60;

/// A file key, wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrappedKey {
    /// What a guess costs.
    pub cost: KdfCost,
    /// Random, so that no table of guesses serves twice.
    pub salt: [u8; 32],
    /// Tells whether a password is this slot's, before GCM is asked: GCM alone lets one text open
    /// under two keys, and many guesses be tried at once (Len, Grubbs and Ristenpart,
    /// "Partitioning Oracle Attacks", USENIX Security 2021).
    pub commitment: Tag,
    /// The file key, encrypted.
    pub wrapped: [u8; 32],
    /// Its tag.
    pub tag: [u8; TAG_LEN],
}

/// What became of opening a slot.
pub enum Opened {
    /// The password is not this slot's.
    OtherPassword,
    /// The password is right, but the slot was changed, or is of another file.
    Forged,
    /// The file key.
    Key(FileKey),
}

impl WrappedKey {
    /// Wraps a key under a password, with a new salt. `go_on`: see [`KdfCost::derive`].
    pub fn wrap(
        key: &FileKey,
        file_id: &[u8; 16],
        password: &[u8],
        cost: KdfCost,
        operand: &str,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let mut slot = WrappedKey {
            cost,
            salt: [0; 32],
            commitment: [0; 32],
            wrapped: [0; 32],
            tag: [0; TAG_LEN],
        };
        random(&mut slot.salt, operand)?;
        let derived = leaving_nothing::<DEEP, _>(|| cost.derive(password, &slot.salt, go_on))?;
        derive(COMMITMENT, &derived[..], &mut slot.commitment);
        let mut copy = Secret::<32>::zeroed()?;
        copy.copy_from_slice(&key.0[..]);
        let data = slot.associated_data(file_id);
        let wrapping_key = slot.wrapping_key(&derived, file_id)?;
        slot.tag = leaving_nothing::<SHALLOW, _>(|| gcm_seal(&wrapping_key, &data, &mut copy[..]))?;
        slot.wrapped = *copy;
        Ok(slot)
    }

    /// Opens it with a password. `go_on`: see [`KdfCost::derive`].
    pub fn open(
        &self,
        file_id: &[u8; 16],
        password: &[u8],
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Opened> {
        let derived = leaving_nothing::<DEEP, _>(|| self.cost.derive(password, &self.salt, go_on))?;
        let mut commitment = [0; 32];
        derive(COMMITMENT, &derived[..], &mut commitment);
        if !same(&commitment, &self.commitment) {
            return Ok(Opened::OtherPassword);
        }
        let wrapping_key = self.wrapping_key(&derived, file_id)?;
        let mut key = Secret::zeroed()?;
        key.copy_from_slice(&self.wrapped);
        let data = self.associated_data(file_id);
        let fits = leaving_nothing::<SHALLOW, _>(|| {
            gcm_open(&wrapping_key, &data, &mut key[..], &self.tag)
        });
        Ok(match fits {
            true => Opened::Key(FileKey(key)),
            false => Opened::Forged,
        })
    }

    fn associated_data(&self, file_id: &[u8; 16]) -> [u8; DATA_LEN] {
        let mut data = [0; DATA_LEN];
        data[..16].copy_from_slice(file_id);
        data[16..20].copy_from_slice(&self.cost.memory_kib.to_le_bytes());
        data[20..24].copy_from_slice(&self.cost.passes.to_le_bytes());
        data[24..28].copy_from_slice(&self.cost.lanes.to_le_bytes());
        data[28..].copy_from_slice(&self.salt);
        data
    }

    fn wrapping_key(&self, derived: &[u8; 32], file_id: &[u8; 16]) -> Result<Secret<32>> {
        let mut from = Secret::<{ 32 + DATA_LEN }>::zeroed()?;
        from[..32].copy_from_slice(derived);
        from[32..].copy_from_slice(&self.associated_data(file_id));
        let mut key = Secret::zeroed()?;
        derive(WRAPPING, &from[..], &mut key);
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_ON: &dyn Fn() -> Result<()> = &|| Ok(());

    const CHEAP: KdfCost = KdfCost {
        memory_kib: 1024,
        passes: 1,
        lanes: 1,
    };

    fn is_key(opened: Opened) -> bool {
        matches!(opened, Opened::Key(key) if *key.0 == [6; 32])
    }

    #[test]
    fn the_right_password_opens_it_in_its_own_file() {
        let id = [1; 16];
        let slot =
            WrappedKey::wrap(&FileKey::fixed(6), &id, b"pass\0word ", CHEAP, "t", GO_ON).unwrap();
        assert!(is_key(slot.open(&id, b"pass\0word ", GO_ON).unwrap()));
        for wrong in [&b"pass\0word"[..], b"", b"pass", b"pass\0word  "] {
            assert!(matches!(
                slot.open(&id, wrong, GO_ON).unwrap(),
                Opened::OtherPassword
            ));
        }
        // Copied from another file.
        assert!(matches!(
            slot.open(&[2; 16], b"pass\0word ", GO_ON).unwrap(),
            Opened::Forged
        ));
        let again =
            WrappedKey::wrap(&FileKey::fixed(6), &id, b"pass\0word ", CHEAP, "t", GO_ON).unwrap();
        assert!(slot.salt != again.salt && slot.wrapped != again.wrapped);
    }

    #[test]
    fn every_field_counts() {
        let id = [1; 16];
        let good = WrappedKey::wrap(&FileKey::fixed(6), &id, b"p", CHEAP, "t", GO_ON).unwrap();
        let opens = |slot: WrappedKey| is_key(slot.open(&id, b"p", GO_ON).unwrap());
        assert!(opens(good));
        let with = |change: fn(&mut WrappedKey)| {
            let mut slot = good;
            change(&mut slot);
            slot
        };
        for bad in [
            with(|s| s.cost.memory_kib = 1025),
            with(|s| s.cost.passes = 2),
            with(|s| s.cost.lanes = 2),
            with(|s| s.salt[31] ^= 1),
            with(|s| s.commitment[0] ^= 1),
            with(|s| s.wrapped[0] ^= 1),
            with(|s| s.tag[15] ^= 1),
        ] {
            assert!(!opens(bad), "{bad:?}");
        }
    }
}
