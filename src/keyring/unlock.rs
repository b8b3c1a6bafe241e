//! From key slots and a password to the keys of a file.

use std::path::Path;

use super::password::{Password, PasswordFn, Purpose, Request, ask};
use crate::control::Control;
use crate::crypto::{FileKey, KdfCost, Keys, Opened, Place, WORK_MAX, WrappedKey, same};
use crate::error::{Error, Result};
use crate::format::{Header, KeySlot, PAGE_4K, SLOTS, SlotPage, newest};

/// Askings for one password.
const ATTEMPTS: u32 = 3;

/// Both copies of the key slots, as the file has them.
pub struct SlotCopies(pub [[u8; PAGE_4K]; 2]);

/// What an encrypted file has in the clear before its body.
pub struct Locked<'a> {
    /// The header.
    pub header: &'a Header,
    /// Its 4 KiB, as the file has them.
    pub header_bytes: &'a [u8; PAGE_4K],
    /// The key slots.
    pub copies: &'a SlotCopies,
    /// What to call the file in error texts.
    pub operand: &'a str,
    /// Where it is, if it has a path.
    pub path: Option<&'a Path>,
    /// KiB that making a key may take; 0 for what the format allows.
    pub memory_max_kib: u32,
}

/// A file, open.
pub struct Unlocked {
    /// Its keys.
    pub keys: Keys,
    /// The key that they come from, for other passwords.
    pub file_key: FileKey,
    /// The slots that count.
    pub slots: SlotPage,
    /// Which copy they were.
    pub copy: usize,
    /// Which of them open with the password; only the first that does, unless all were asked for.
    pub opened: [bool; SLOTS],
}

impl SlotCopies {
    /// The copy that counts, checked before it costs anything.
    pub fn newest(&self, header: &Header, operand: &str) -> Result<(usize, SlotPage)> {
        let corrupt = |why: &str| Error::corrupt(operand, why);
        let copies = [&self.0[0][..], &self.0[1][..]];
        let index = newest(copies)
            .ok_or_else(|| corrupt("the checksums of both copies of the key slots do not fit"))?;
        let bytes = copies.get(index).copied().unwrap_or_default();
        let page = SlotPage::decode(bytes).map_err(|why| Error::corrupt(operand, why))?;
        if page.file_id != header.file_id {
            return Err(corrupt("its key slots are of another file"));
        }
        let mut work = 0u64;
        for slot in page.slots.iter().flatten() {
            let cost = cost(slot);
            if !cost.is_bounded() {
                return Err(corrupt("a key slot asks for more than a password may cost"));
            }
            work = work.saturating_add(cost.work());
        }
        if work > WORK_MAX {
            return Err(corrupt(
                "its key slots together ask for more than a password may cost",
            ));
        }
        Ok((index, page))
    }

    /// What is wrong with the copies, for a check of the whole file; both must be there.
    pub fn check(&self, header: &Header, keys: &Keys, operand: &str) -> Result<()> {
        for (copy, name) in self.0.iter().zip(["first", "second"]) {
            let corrupt = |why| {
                let why = format!(
                    "{name} copy of the key slots: {why}; rekeying writes both copies anew"
                );
                Error::corrupt(operand, why)
            };
            let page = SlotPage::decode(copy).map_err(|why| corrupt(why.to_string()))?;
            let authentic = same(&keys.mac(Place::Slots, &page.mac_input()), &page.mac);
            if page.file_id != header.file_id || !authentic {
                return Err(corrupt("its MAC does not fit".to_owned()));
            }
        }
        Ok(())
    }
}

/// Tries a password on the slots in turn, on all of them if `all` is set: nothing if none opens.
/// What opens is held against header and MACs.
fn unlock(
    locked: &Locked<'_>,
    password: &Password,
    all: bool,
    control: &Control<'_>,
) -> Result<Option<Unlocked>> {
    let Locked {
        header,
        header_bytes,
        copies,
        operand,
        ..
    } = locked;
    let corrupt = |why: &str| Error::corrupt(operand, why);
    let (copy, slots) = copies.newest(header, operand)?;
    let mut found = None;
    let mut opened = [false; SLOTS];
    for (slot, opened) in slots.slots.iter().zip(&mut opened) {
        let Some(slot) = slot else { continue };
        check_memory(slot, locked.memory_max_kib, operand)?;
        match wrapped(slot).open(&header.file_id, password.bytes(), &|| control.check())? {
            Opened::OtherPassword => continue,
            Opened::Forged => return Err(corrupt("a key slot was changed")),
            Opened::Key(file_key) => {
                *opened = true;
                if found.is_none() {
                    found = Some(file_key);
                }
            }
        }
        if !all {
            break;
        }
    }
    let Some(file_key) = found else {
        return Ok(None);
    };
    if !same(&file_key.commitment(), &header.commitment) {
        return Err(corrupt("its key slots hold the key of another file"));
    }
    let keys = file_key.keys(header.file_id)?;
    let header_mac = keys.mac(Place::Header, &Header::mac_input(header_bytes));
    if !same(&header_mac, &header.mac) {
        return Err(corrupt("the header's MAC does not fit"));
    }
    if !same(&keys.mac(Place::Slots, &slots.mac_input()), &slots.mac) {
        return Err(corrupt("the key slots' MAC does not fit"));
    }
    Ok(Some(Unlocked {
        keys,
        file_key,
        slots,
        copy,
        opened,
    }))
}

/// Asks for the password until it is right, three times at most, and unlocks.
pub fn unlock_asking(
    locked: &Locked<'_>,
    all: bool,
    callback: &mut PasswordFn<'_>,
    control: &Control<'_>,
) -> Result<Unlocked> {
    let operand = locked.operand;
    // What cannot work is no reason to bother anybody.
    let (_, slots) = locked.copies.newest(locked.header, operand)?;
    if let Some(first) = slots.slots.iter().flatten().next() {
        check_memory(first, locked.memory_max_kib, operand)?;
    }
    for attempt in 0..ATTEMPTS {
        let request = Request {
            purpose: Purpose::Open,
            attempt,
            operand,
            path: locked.path,
        };
        let password = ask(callback, &request)?;
        let unlocked = unlock(locked, &password, all, control)?;
        control.check()?;
        if let Some(unlocked) = unlocked {
            return Ok(unlocked);
        }
    }
    Err(Error::WrongPassword {
        operand: operand.to_owned(),
        code: 0,
    })
}

/// Refuses a slot that asks for more memory than the caller gives, before it is taken.
fn check_memory(slot: &KeySlot, max_kib: u32, operand: &str) -> Result<()> {
    match max_kib {
        0 => Ok(()),
        max if slot.memory_kib <= max => Ok(()),
        max => Err(Error::Unsupported(format!(
            "'{operand}': its password costs {} KiB of memory, and kdf_memory_max_kib is {max}; \
             give more, or open it where there is more and change the password to a cheaper one",
            slot.memory_kib
        ))),
    }
}

/// Memory times passes of a slot, in KiB.
pub fn slot_cost(slot: &KeySlot) -> u64 {
    cost(slot).work()
}

fn cost(slot: &KeySlot) -> KdfCost {
    KdfCost {
        memory_kib: slot.memory_kib,
        passes: slot.passes,
        lanes: slot.lanes,
    }
}

fn wrapped(slot: &KeySlot) -> WrappedKey {
    WrappedKey {
        cost: cost(slot),
        salt: slot.salt,
        commitment: slot.commitment,
        wrapped: slot.wrapped,
        tag: slot.tag,
    }
}
