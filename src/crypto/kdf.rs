//! From a password to a key: Argon2id (RFC 9106).

use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::secret::{Pages, Secret};
use crate::error::{Error, Result};

/// Memory times passes, in KiB, that all slots of a file may cost together: what a hostile file
/// can make us spend.
pub const WORK_MAX: u64 = 4 << 20;

/// What a guess at the password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes. They are worked on by one thread, one after the other.
    pub lanes: u32,
}

impl Default for KdfCost {
    /// The second choice that RFC 9106 recommends (section 4): for machines without 2 GiB to spare.
    fn default() -> Self {
        KdfCost {
            memory_kib: 64 << 10,
            passes: 3,
            lanes: 4,
        }
    }
}

impl KdfCost {
    /// Whether each number is one that may be asked for.
    pub fn is_bounded(&self) -> bool {
        (1 << 10..=1 << 20).contains(&self.memory_kib)
            && (1..=64).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
    }

    /// Memory times passes, in KiB.
    pub fn work(&self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }

    /// The key of a password. The cost must be bounded. Takes the memory only while it runs. Leaves
    /// the key behind on the stack: for use within [`leaving_nothing`](super::secret::leaving_nothing).
    pub fn derive(&self, password: &[u8], salt: &[u8; 32]) -> Result<Secret<32>> {
        let refused = |e| Error::Internal(format!("Argon2id refuses {self:?}: {e}"));
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32));
        let params = params.map_err(refused)?;
        let count = params.block_count();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Secret::zeroed()?;
        // Whoever sees the memory afterwards could go on from there without the password.
        let mut pages = Pages::new(count * Block::SIZE, "the key derivation (kdf_memory_kib)")?;
        // SAFETY: so many blocks were mapped; a block is plain numbers, for which zero will do, and
        // is aligned to less than a page.
        let blocks =
            unsafe { std::slice::from_raw_parts_mut(pages.start().cast::<Block>(), count) };
        let done = argon2.hash_password_into_with_memory(password, salt, &mut key[..], blocks);
        done.map_err(refused)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9106, section 5.3. Its vector has a secret and associated data, which we do not use: this
    /// holds the crate against it, and the next test our use of the crate against another's.
    #[test]
    fn the_rfc_vector() {
        let params = argon2::ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
            .output_len(32)
            .build()
            .unwrap();
        let argon2 =
            Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut tag = [0; 32];
        argon2
            .hash_password_into(&[1; 32], &[2; 16], &mut tag)
            .unwrap();
        let expected = [
            0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b,
            0x53, 0xc9, 0xd0, 0x1e, 0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9,
            0x6b, 0x01, 0xe6, 0x59,
        ];
        assert_eq!(tag, expected);
    }

    #[test]
    fn our_memory_gives_what_the_crates_own_gives() {
        for (memory_kib, passes, lanes) in [(1024, 1, 1), (1024, 2, 16), (4100, 3, 4)] {
            let cost = KdfCost {
                memory_kib,
                passes,
                lanes,
            };
            let params = Params::new(memory_kib, passes, lanes, Some(32)).unwrap();
            let mut expected = [0; 32];
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into(b"correct horse", &[9; 32], &mut expected)
                .unwrap();
            assert_eq!(
                *cost.derive(b"correct horse", &[9; 32]).unwrap(),
                expected,
                "{cost:?}"
            );
            assert_ne!(*cost.derive(b"correct horsf", &[9; 32]).unwrap(), expected);
        }
    }

    #[test]
    fn bounds() {
        let good = KdfCost::default();
        assert!(good.is_bounded() && good.work() == 192 << 10);
        for (memory_kib, passes, lanes) in [
            (1023, 1, 1),
            ((1 << 20) + 1, 1, 1),
            (u32::MAX, 1, 1),
            (1024, 0, 1),
            (1024, 65, 1),
            (1024, 1, 0),
            (1024, 1, 17),
        ] {
            let cost = KdfCost {
                memory_kib,
                passes,
                lanes,
            };
            assert!(!cost.is_bounded(), "{cost:?}");
        }
    }
}
