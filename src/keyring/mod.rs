//! From a password to the keys of a file, and the slots between them.
//!
//! [`crypto`](crate::crypto) makes keys and knows no file; [`format`](crate::format) lays slots out
//! and knows no key. Here they meet, for builds, opening and rekeying alike.

pub(crate) mod create;
mod password;
mod unlock;

pub use create::{Encryption, add_slot, check_cost};
pub use password::{Answer, PASSWORD_MAX, Password, PasswordFn, Purpose, Request, ask};
pub use unlock::{Locked, SlotCopies, Unlocked, slot_cost, unlock_asking};
