//! From a password to a key: Argon2id (RFC 9106).

use super::argon2id::{BLOCK_SIZE, Block, Inputs, block_count, hash};
use super::secret::{Pages, Secret};
use crate::error::Result;

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

    /// The key of a password. The cost must be bounded. Takes the memory only while it runs, and
    /// asks `go_on` every few milliseconds: its error ends the work. Leaves the key behind on the
    /// stack: for use within [`leaving_nothing`](super::secret::leaving_nothing).
    pub fn derive(
        &self,
        password: &[u8],
        salt: &[u8; 32],
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Secret<32>> {
        let count = block_count(self);
        let mut key = Secret::zeroed()?;
        // Whoever sees the memory afterwards could go on from there without the password.
        let mut pages = Pages::new(count * BLOCK_SIZE, "the key derivation (kdf_memory_kib)")?;
        // SAFETY: so many blocks were mapped; a block is plain numbers, for which zero will do, and
        // is aligned to less than a page.
        let blocks =
            unsafe { std::slice::from_raw_parts_mut(pages.start().cast::<Block>(), count) };
        let inputs = Inputs {
            password,
            salt,
            secret: &[],
            data: &[],
        };
        if let Err(e) = hash(self, &inputs, blocks, go_on, &mut key) {
            pages.set_wiped();
            return Err(e);
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use argon2::{Algorithm, Argon2, Params, Version};

    use crate::error::Error;

    const GO_ON: &dyn Fn() -> Result<()> = &|| Ok(());

    #[test]
    fn it_gives_what_another_implementation_gives() {
        let memories = [1024, 1025, 1087, 4100, 9000];
        let lanes = [1, 2, 3, 4, 7, 16];
        let mut cases = 0;
        for (memory_kib, lanes) in memories.iter().flat_map(|m| lanes.map(|p| (*m, p))) {
            for passes in 1..=3 {
                let cost = KdfCost {
                    memory_kib,
                    passes,
                    lanes,
                };
                let password: Vec<u8> = (0..cases % 1025).map(|i| i as u8).collect();
                let salt = [cases as u8; 32];
                let params = Params::new(memory_kib, passes, lanes, Some(32)).unwrap();
                let mut expected = [0; 32];
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into(&password, &salt, &mut expected)
                    .unwrap();
                let key = cost.derive(&password, &salt, GO_ON).unwrap();
                assert_eq!(*key, expected, "{cost:?}");
                cases += 1;
            }
        }
        assert_eq!(cases, 90);
        let other = KdfCost::default();
        let [a, b] = [b"a", b"b"].map(|p| *other.derive(p, &[9; 32], GO_ON).unwrap());
        assert_ne!(a, b);
    }

    #[test]
    fn it_stops_soon_wherever_it_is() {
        use std::cell::Cell;
        let cost = KdfCost {
            memory_kib: 8 << 10,
            passes: 3,
            lanes: 2,
        };
        let looks = Cell::new(0);
        let count = || {
            looks.set(looks.get() + 1);
            Ok(())
        };
        let key = *cost.derive(b"p", &[1; 32], &count).unwrap();
        let all = looks.get();
        // At least one for each megabyte of each pass.
        assert!(all >= 24, "{all}");
        for stop in 1..=all {
            let looks = Cell::new(0);
            let stopped = cost.derive(b"p", &[1; 32], &|| {
                looks.set(looks.get() + 1);
                match looks.get() == stop {
                    true => Err(Error::Cancelled("by the test")),
                    false => Ok(()),
                }
            });
            assert!(matches!(stopped, Err(Error::Cancelled("by the test"))));
            assert_eq!(looks.get(), stop);
        }
        assert_eq!(*cost.derive(b"p", &[1; 32], GO_ON).unwrap(), key);
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
