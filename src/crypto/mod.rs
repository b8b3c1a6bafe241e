//! From a password to a sealed piece of a snapshot. Knows no files and no layout: docs/FORMAT.md,
//! section 7, says where what is made here lies, and docs/SECURITY.md why it is made so.

mod argon2id;
mod kdf;
pub(crate) mod keys;
pub(crate) mod seal;
mod secret;
mod slot;

pub use kdf::{KdfCost, WORK_MAX};
pub use keys::{FileKey, Keys, Place};
pub use seal::{Piece, PieceKind, TAG_LEN};
pub use secret::{Secret, SecretBytes};
pub use slot::{Opened, WrappedKey};

/// 32 bytes of a keyed hash, commitment or MAC.
pub type Tag = [u8; 32];

/// Whether two values are equal, in a time that does not tell where they differ.
pub fn same(a: &Tag, b: &Tag) -> bool {
    blake3::Hash::from_bytes(*a) == blake3::Hash::from_bytes(*b)
}

/// Fills `out` from the kernel's random numbers; `operand` is what they are for.
pub fn random(out: &mut [u8], operand: &str) -> crate::error::Result<()> {
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::io::retry_on_intr(|| rustix::rand::getrandom(&mut *rest, flags))
            .map_err(|e| crate::error::Error::output(operand, ("cannot get random numbers", e)))?;
    }
    Ok(())
}
