//! Changing passwords in place: only the key slots are written, never a block.

use std::path::Path;

use crate::control::Control;
use crate::crypto::{KdfCost, Place};
use crate::error::{Error, Result, Why, operand};
use crate::format::{SLOTS, SLOTS_AT};
use crate::index::FileStorage;
use crate::index::open::{Ends, Slots};
use crate::keyring::{
    Locked, PasswordFn, Purpose, Request, Unlocked, add_slot, ask, check_cost, slot_cost,
    unlock_asking,
};

/// What to do with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Adds one; the others stay.
    Add,
    /// Puts a new one in the place of the one that opened the file.
    Replace,
    /// Removes the one that opened the file, wherever it is; not the last.
    Remove,
}

/// A change of passwords.
#[derive(Debug, Clone, Copy)]
pub struct RekeyRequest<'a> {
    /// The snapshot file.
    pub path: &'a Path,
    /// What to do.
    pub operation: Operation,
    /// What guessing the new password costs.
    pub cost: KdfCost,
    /// KiB that a password which is there may cost; 0 for what the format allows.
    pub memory_max_kib: u32,
}

/// Asks for a password that opens the file, then for the new one if there is one, and writes the key
/// slots: the copy that did not count, made durable, then the other. Killed at any moment, the file
/// opens with the old password or the new one.
///
/// A password that opens several slots is removed from all. Once the file begins to change, the
/// caller can no longer cancel.
pub fn rekey(
    request: &RekeyRequest<'_>,
    callback: &mut PasswordFn<'_>,
    control: &Control<'_>,
) -> Result<()> {
    control.check()?;
    let RekeyRequest {
        path,
        operation,
        cost,
        memory_max_kib,
    } = *request;
    let operand = operand(path);
    let storage = FileStorage::open_to_change(path)?;
    let ends = Ends::read(&storage, Slots::Read, control)?;
    let Some(copies) = &ends.slots else {
        return Err(Error::NotEncrypted {
            operand,
            way_out: "so it has no password to change",
        });
    };
    let all = operation != Operation::Add;
    copies.newest(&ends.header, &operand)?;
    let locked = Locked {
        header: &ends.header,
        header_bytes: &ends.header_bytes,
        copies,
        operand: &operand,
        path: Some(path),
        memory_max_kib,
    };
    let before = copies.0;
    let unlocked = unlock_asking(&locked, all, callback, control)?;
    let Unlocked {
        keys,
        file_key,
        mut slots,
        copy,
        opened,
    } = unlocked;
    // A file that does not open is not made worse.
    ends.root(Some(&keys), &operand)?;

    if all {
        let stay = slots.slots.iter_mut().zip(opened);
        stay.filter(|(_, opened)| *opened)
            .for_each(|(slot, _)| *slot = None);
    }
    if operation == Operation::Remove {
        if slots.slots.iter().all(Option::is_none) {
            return Err(Error::State(format!(
                "'{operand}': this is its last password, without which nobody could open it; add \
                 another one first"
            )));
        }
    } else {
        let at = match slots.slots.iter().position(Option::is_none) {
            Some(free) => opened
                .iter()
                .position(|opened| all && *opened)
                .unwrap_or(free),
            None => {
                return Err(Error::State(format!(
                    "'{operand}': has {SLOTS} passwords, and no file can have more; remove one first"
                )));
            }
        };
        let besides = slots.slots.iter().flatten().map(slot_cost).sum();
        check_cost(cost, besides)?;
        let asking = Request {
            purpose: Purpose::Create,
            attempt: 0,
            operand: &operand,
            path: Some(path),
        };
        let password = ask(callback, &asking)?;
        let go_on = || control.check();
        add_slot(
            &mut slots,
            at,
            &file_key,
            password.bytes(),
            cost,
            &operand,
            &go_on,
        )?;
    }
    slots.generation = slots
        .generation
        .checked_add(1)
        .ok_or_else(|| Error::corrupt(&operand, "the generation of its key slots is the last"))?;
    slots.mac = keys.mac(Place::Slots, &slots.mac_input());
    let bytes = slots.encode();
    control.check()?;
    let other = 1 - copy.min(1);
    let [first, second] = [SLOTS_AT[other], SLOTS_AT[1 - other]];
    let fail = |why: Why, text| Error::output(&operand, why.within(text));
    storage.change(first, &bytes).map_err(|why| {
        // What was written may be seen, though it may not last: back to what it was, if that works.
        match storage.change(first, &before[other]) {
            Ok(()) => fail(why, "the passwords are as they were"),
            Err(_) => fail(
                why,
                "the old password opens it or the new one does, and a power failure may change \
                 that; try which, and change it again",
            ),
        }
    })?;
    storage.change(second, &bytes).map_err(|why| {
        fail(
            why,
            "the password is changed, but one copy of the key slots is as it was; change it once \
             more to write both",
        )
    })
}
