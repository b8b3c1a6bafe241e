//! A key for each sealed piece, AES-256-GCM (NIST SP 800-38D) with it.
//!
//! The key follows from all that is sealed and from its place, so that no key ever seals two
//! messages: not when a machine is cloned in the middle of a build, and not however many pieces a
//! file has. The nonce can then always be the same.

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};

use super::Tag;
use super::keys::{Keys, keyed};
use super::secret::{SHALLOW, leaving_nothing};
use crate::error::{Error, Result};

/// Bytes that a sealed piece is longer than before.
pub const TAG_LEN: usize = 16;
const DATA_LEN: usize = 40;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PieceKind {
    /// The dictionary.
    Dictionary = 1,
    /// A page of an index tree.
    Page = 2,
    /// The root page.
    Root = 3,
    /// A block.
    Block = 4,
    /// The page of ancestors.
    Ancestors = 5,
}

/// What is known of a piece without opening it, and held against it when it is opened: it cannot
/// stand for another, elsewhere, or in another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// How it is compressed.
    pub codec: u8,
    /// Its first byte in data space (blocks) or in the file (others).
    pub ordinal: u64,
    /// Bytes before sealing.
    pub len: u32,
    /// Bytes when decoded.
    pub decoded_len: u32,
}

impl Piece {
    fn associated_data(&self, file_id: &[u8; 16]) -> [u8; DATA_LEN] {
        let mut data = [0; DATA_LEN];
        data[..16].copy_from_slice(file_id);
        data[16] = self.kind as u8;
        data[17] = self.codec;
        data[24..32].copy_from_slice(&self.ordinal.to_le_bytes());
        data[32..36].copy_from_slice(&self.len.to_le_bytes());
        data[36..].copy_from_slice(&self.decoded_len.to_le_bytes());
        data
    }
}

/// AES-256-GCM with a key that seals this one message. Leaves the key behind, as its reverse does:
/// for use within [`leaving_nothing`].
pub(super) fn gcm_seal(key: &[u8; 32], data: &[u8], message: &mut [u8]) -> Result<[u8; TAG_LEN]> {
    let tag = Aes256Gcm::new(key.into()).encrypt_inout_detached(
        &Nonce::default(),
        data,
        InOutBuf::from(message),
    );
    // Only a message of 64 GiB is refused.
    tag.map(Into::into)
        .map_err(|_| Error::Internal("a piece is too long to be sealed".to_owned()))
}

/// The reverse: whether the tag fits, and then `message` is open.
pub(super) fn gcm_open(
    key: &[u8; 32],
    data: &[u8],
    message: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> bool {
    let done = Aes256Gcm::new(key.into()).decrypt_inout_detached(
        &Nonce::default(),
        data,
        InOutBuf::from(message),
        tag.into(),
    );
    done.is_ok()
}

impl Keys {
    /// The key of a piece: follows from all that is sealed with it.
    fn piece_key(&self, data: &[u8; DATA_LEN], hash: &Tag) -> Tag {
        keyed(self.sealing_key(), &[data, hash])
    }

    /// Seals a piece in place; its tag belongs behind it. `hash` is its [`Keys::piece_hash`].
    pub fn seal(&self, piece: &Piece, hash: &Tag, bytes: &mut [u8]) -> Result<[u8; TAG_LEN]> {
        self.check_alive()?;
        let data = piece.associated_data(&self.file_id);
        leaving_nothing::<SHALLOW, _>(|| {
            let key = self.piece_key(&data, hash);
            #[cfg(test)]
            tests::record(&key, &data, bytes);
            gcm_seal(&key, &data, bytes)
        })
    }

    /// Opens a sealed piece in place, the tag behind it: its bytes, or nothing if it is not what
    /// was sealed there. What `sealed` then holds is worth nothing.
    pub fn open<'a>(
        &self,
        piece: &Piece,
        hash: &Tag,
        sealed: &'a mut [u8],
    ) -> Result<Option<&'a mut [u8]>> {
        self.check_alive()?;
        let Some((bytes, tag)) = sealed.split_last_chunk_mut::<TAG_LEN>() else {
            return Ok(None);
        };
        let data = piece.associated_data(&self.file_id);
        if bytes.len() != piece.len as usize {
            return Ok(None);
        }
        let open = leaving_nothing::<SHALLOW, _>(|| {
            gcm_open(&self.piece_key(&data, hash), &data, bytes, tag)
        });
        Ok(open.then_some(bytes))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    use super::super::FileKey;
    use super::*;

    thread_local! {
        /// Keys that this thread sealed with, and hashes of what, while a test looks.
        static SEALED: RefCell<Option<Vec<(Tag, Tag)>>> = const { RefCell::new(None) };
    }

    pub fn record(key: &Tag, data: &[u8], bytes: &[u8]) {
        SEALED.with(|sealed| {
            if let Some(sealed) = sealed.borrow_mut().as_mut() {
                let message = blake3::Hasher::new().update(data).update(bytes).finalize();
                // Turned over: what is searched in memory for keys must not find them here.
                sealed.push((key.map(|byte| !byte), *message.as_bytes()));
            }
        });
    }

    /// The key of each piece that `work` seals on this thread, each bit of it turned over, and a
    /// hash of the message.
    pub fn sealed_by(work: impl FnOnce()) -> Vec<(Tag, Tag)> {
        SEALED.with(|sealed| *sealed.borrow_mut() = Some(Vec::new()));
        work();
        SEALED.with(|sealed| sealed.borrow_mut().take()).unwrap()
    }

    /// Test cases 13 to 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", which NIST
    /// took over; those with our nonce are 13 and 14.
    #[test]
    fn gcm_vectors() {
        let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let tag = gcm_seal(&[0; 32], &[], &mut []).unwrap();
        assert_eq!(hex(&tag), "530f8afbc74536b9a963b4f1c4cb738b");
        let mut message = [0; 16];
        let tag = gcm_seal(&[0; 32], &[], &mut message).unwrap();
        assert_eq!(hex(&message), "cea7403d4d606b6e074ec5d3baf39d18");
        assert_eq!(hex(&tag), "d0d1c8a799996bf0265b98b5d48ab919");
        assert!(gcm_open(&[0; 32], &[], &mut message, &tag) && message == [0; 16]);
    }

    /// Test case 16, which has associated data and ends within a block: of the crate, since we have
    /// another nonce.
    #[test]
    fn gcm_vector_with_associated_data() {
        let bytes = |hex: &str| -> Vec<u8> {
            let digits = hex.as_bytes().chunks(2);
            digits
                .map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap())
                .collect()
        };
        let half = bytes("feffe9928665731c6d6a8f9467308308");
        let key: [u8; 32] = [half.clone(), half].concat().try_into().unwrap();
        let nonce: [u8; 12] = bytes("cafebabefacedbaddecaf888").try_into().unwrap();
        let data = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let mut message = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        let tag = Aes256Gcm::new(&key.into())
            .encrypt_inout_detached(&nonce.into(), &data, InOutBuf::from(&mut message[..]))
            .unwrap();
        let sealed = bytes(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
             8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        );
        assert_eq!(message, sealed);
        assert_eq!(tag[..], bytes("76fc6ece0f4e1768cddf8853bb2d551b"));
    }

    fn piece() -> Piece {
        Piece {
            kind: PieceKind::Block,
            codec: 2,
            ordinal: 4096,
            len: 100,
            decoded_len: 200,
        }
    }

    fn sealed(keys: &Keys, piece: &Piece) -> (Tag, Vec<u8>) {
        let mut bytes = vec![7; 100];
        let hash = keys.piece_hash(&bytes);
        let tag = keys.seal(piece, &hash, &mut bytes).unwrap();
        bytes.extend(tag);
        (hash, bytes)
    }

    #[test]
    fn a_piece_opens_as_what_it_was_sealed_and_as_nothing_else() {
        let keys = FileKey::fixed(1).keys([9; 16]).unwrap();
        let (hash, good) = sealed(&keys, &piece());
        let open = |keys: &Keys, piece: &Piece, hash: &Tag, sealed: &[u8]| {
            let mut copy = sealed.to_vec();
            keys.open(piece, hash, &mut copy)
                .unwrap()
                .map(|b| b.to_vec())
        };
        assert_eq!(open(&keys, &piece(), &hash, &good), Some(vec![7; 100]));
        for other in [
            Piece {
                kind: PieceKind::Page,
                ..piece()
            },
            Piece {
                codec: 3,
                ..piece()
            },
            Piece {
                ordinal: 0,
                ..piece()
            },
            Piece { len: 99, ..piece() },
            Piece {
                decoded_len: 201,
                ..piece()
            },
        ] {
            assert_eq!(open(&keys, &other, &hash, &good), None, "{other:?}");
        }
        for other in [
            FileKey::fixed(1).keys([8; 16]).unwrap(),
            FileKey::fixed(2).keys([9; 16]).unwrap(),
        ] {
            assert_eq!(open(&other, &piece(), &hash, &good), None);
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(open(&keys, &piece(), &hash, &bad), None, "byte {at}");
        }
        for at in 0..32 {
            let mut bad = hash;
            bad[at] ^= 1;
            assert_eq!(open(&keys, &piece(), &bad, &good), None, "hash {at}");
        }
        for cut in 0..good.len() {
            assert_eq!(
                open(&keys, &piece(), &hash, &good[..cut]),
                None,
                "cut {cut}"
            );
        }
    }

    /// The keys of a build of a million blocks that all hold the same, and those of a clone of it
    /// that goes on with other data.
    #[test]
    fn every_sealing_key_is_distinct() {
        let keys = FileKey::fixed(3).keys([4; 16]).unwrap();
        let seal = |ordinal, content: &[u8]| {
            let piece = Piece {
                ordinal,
                len: content.len() as u32,
                ..piece()
            };
            let mut bytes = content.to_vec();
            let hash = keys.piece_hash(&bytes);
            keys.seal(&piece, &hash, &mut bytes).unwrap();
        };
        let sealed = sealed_by(|| {
            for block in 0..1_000_000u64 {
                seal(block * 4096, b"the same");
            }
            // Both clones stand at the same place with the same keys, and see other data.
            for block in 500_000..600_000u64 {
                seal(block * 4096, b"not same");
            }
            // Of what may differ, only the piece's own meaning does.
            for decoded_len in 1000..2000 {
                let mut bytes = *b"the same";
                let hash = keys.piece_hash(&bytes);
                let other = Piece {
                    ordinal: 0,
                    len: 8,
                    decoded_len,
                    ..piece()
                };
                keys.seal(&other, &hash, &mut bytes).unwrap();
            }
        });
        let mut all: Vec<Tag> = sealed.into_iter().map(|(key, _)| key).collect();
        let count = all.len();
        assert_eq!(count, 1_101_000);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
