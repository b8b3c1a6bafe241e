//! The key of a file, and the keys that follow from it.

use super::secret::{DEEP, SHALLOW, Secret, leaving_nothing};
use super::{Tag, random, same};
use crate::error::{Error, Result};

const COMMITMENT: &str = "hexz 2026-11-22 file key commitment v1";
const MAC: &str = "hexz 2026-11-22 mac v1";
const PIECE_HASH: &str = "hexz 2026-11-22 piece hash v1";
const SEALING: &str = "hexz 2026-11-22 sealing v1";
const UNIT_HASH: &str = "hexz 2026-11-22 unit hash v1";

/// Which of a file's keys units are hashed with.
const UNIT_HASH_KEY: usize = 3;

/// What a MAC is of, so that none stands for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Place {
    /// The header.
    Header = 1,
    /// The key slots.
    Slots = 2,
    /// The footer.
    Footer = 3,
}

/// The random key of a file. All else follows from it, so it lives only until it did.
pub struct FileKey(pub(super) Secret<32>);

impl FileKey {
    /// A new one; `operand` is the file that it is for.
    pub fn random(operand: &str) -> Result<Self> {
        let mut key = Secret::zeroed()?;
        random(&mut key[..], operand)?;
        #[cfg(test)]
        tests::note(&key);
        Ok(FileKey(key))
    }

    /// A key that another file holds.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self> {
        let mut key = Secret::zeroed()?;
        key.copy_from_slice(bytes);
        Ok(FileKey(key))
    }

    /// For the page of ancestors of a file that leans on this one's.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key that a test knows.
    #[cfg(test)]
    pub fn fixed(byte: u8) -> Self {
        let mut key = Secret::zeroed().unwrap();
        key.fill(byte);
        FileKey(key)
    }

    /// What ties a file to this key and no other, which GCM alone does not (Dodis, Grubbs,
    /// Ristenpart and Woodage, "Fast Message Franking", CRYPTO 2018).
    pub fn commitment(&self) -> Tag {
        let mut commitment = [0; 32];
        derive(COMMITMENT, &self.0[..], &mut commitment);
        commitment
    }

    /// The keys of the file with that id.
    pub fn keys(&self, file_id: [u8; 16]) -> Result<Keys> {
        let mut secret = Secret::<128>::zeroed()?;
        let (keys, _) = secret.as_chunks_mut::<32>();
        for (key, context) in keys.iter_mut().zip([MAC, PIECE_HASH, SEALING, UNIT_HASH]) {
            derive(context, &self.0[..], key);
            #[cfg(test)]
            tests::note(key);
        }
        Ok(Keys { file_id, secret })
    }
}

/// `blake3::derive_key`, with nothing left behind.
pub(super) fn derive(context: &str, from: &[u8], key: &mut Tag) {
    leaving_nothing::<SHALLOW, _>(|| {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(from);
        key.copy_from_slice(hasher.finalize().as_bytes());
    });
}

/// `blake3::keyed_hash` over parts. Leaves the key behind: for use within [`leaving_nothing`].
pub(super) fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> Tag {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// The keys of an open file.
pub struct Keys {
    pub(super) file_id: [u8; 16],
    /// The keys for MACs, piece hashes, sealing and unit hashes.
    secret: Secret<128>,
}

impl Keys {
    fn key(&self, index: usize) -> &[u8; 32] {
        let (keys, _) = self.secret.as_chunks::<32>();
        keys.get(index).unwrap_or(&[0; 32])
    }

    /// Hashes units with another file's key from here on, as a snapshot does that has it from its
    /// parent.
    pub fn inherit_unit_hash_key(&mut self, key: &[u8; 32]) {
        let (keys, _) = self.secret.as_chunks_mut::<32>();
        if let Some(own) = keys.get_mut(UNIT_HASH_KEY) {
            own.copy_from_slice(key);
        }
    }

    /// Whether units of both files are hashed with one key, so that equal units have equal hashes.
    pub fn hashes_units_as(&self, other: &Keys) -> bool {
        same(self.key(UNIT_HASH_KEY), other.key(UNIT_HASH_KEY))
    }

    /// Fails in a forked child, where the keys are wiped.
    pub fn check_alive(&self) -> Result<()> {
        match self.secret.is_wiped() {
            false => Ok(()),
            true => Err(Error::State(
                "the keys of an encrypted snapshot do not follow into a forked child; open it \
                 again there"
                    .to_owned(),
            )),
        }
    }

    /// The MAC of 4 KiB in the clear, in which the places of MAC and checksum are zero.
    pub fn mac(&self, place: Place, page: &[u8]) -> Tag {
        leaving_nothing::<SHALLOW, _>(|| keyed(self.key(0), &[&[place as u8], page]))
    }

    /// The hash of a piece before it is sealed: says nothing to whoever lacks the key.
    pub fn piece_hash(&self, piece: &[u8]) -> Tag {
        leaving_nothing::<DEEP, _>(|| keyed(self.key(1), &[piece]))
    }

    pub(super) fn sealing_key(&self) -> &[u8; 32] {
        self.key(2)
    }

    /// Does what needs the key that units are hashed with. Once for many units: each call wipes.
    pub fn with_unit_hash_key<R>(&self, work: impl FnOnce(&[u8; 32]) -> R) -> R {
        leaving_nothing::<DEEP, _>(|| work(self.key(UNIT_HASH_KEY)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Keys that this thread made, the last ones first: a file key behind four that follow from
        /// it. Each bit of them is turned over, so that a search for a key does not find what it
        /// searches with.
        pub static LAST: Cell<[Tag; 5]> = const { Cell::new([[0; 32]; 5]) };
    }

    pub fn note(key: &Tag) {
        let [a, b, c, d, _] = LAST.get();
        LAST.set([key.map(|byte| !byte), a, b, c, d]);
    }

    /// From the BLAKE3 reference implementation's test_vectors.json, input of 1 and 1024 bytes.
    #[test]
    fn blake3_vectors() {
        let input: Vec<u8> = (0..1024u32).map(|i| (i % 251) as u8).collect();
        let hex = |tag: &Tag| tag.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hex(blake3::hash(&input[..1]).as_bytes()),
            "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"
        );
        assert_eq!(
            hex(blake3::hash(&input).as_bytes()),
            "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"
        );
        let key = b"whats the Elvish word for friend";
        assert_eq!(
            hex(blake3::keyed_hash(key, &input).as_bytes()),
            "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4"
        );
        let mut derived = [0; 32];
        derive(
            "BLAKE3 2019-12-27 16:29:52 test vectors context",
            &input,
            &mut derived,
        );
        assert_eq!(
            hex(&derived),
            "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a6896843027066"[..64]
        );
    }

    #[test]
    fn every_key_is_another() {
        let file_key = FileKey::fixed(5);
        let keys = file_key.keys([1; 16]).unwrap();
        let mut all: Vec<Tag> = (0..4).map(|i| *keys.key(i)).collect();
        all.push(file_key.commitment());
        all.push(*file_key.0);
        all.extend([Place::Header, Place::Slots, Place::Footer].map(|p| keys.mac(p, &[0; 4096])));
        for (i, a) in all.iter().enumerate() {
            assert!(
                *a != [0; 32] && all.iter().skip(i + 1).all(|b| a != b),
                "{i}"
            );
        }
        assert!(keys.check_alive().is_ok());
    }
}
