//! A snapshot file in the host program's care.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use super::abi::*;
use super::args::Args;
use super::callback::{Within, is_within};
use crate::error::{Error, Result};
use crate::index::Storage;

type ReadAt = unsafe extern "C" fn(*mut c_void, u64, *mut c_void, usize) -> i32;

/// A hexz_storage, given back when it is dropped: by the last that leans on it.
pub struct HostStorage {
    operand: String,
    read_at: ReadAt,
    size: u64,
    /// Whoever holds it reads; none where several threads may.
    turn: Option<Mutex<()>>,
    release: Release,
}

/// Gives a storage back to the host program when it is dropped.
struct Release {
    function: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
    user_data: *mut c_void,
}

impl Drop for Release {
    fn drop(&mut self) {
        if let Some(release) = self.function {
            // SAFETY: the header asks for a function that may be called so with this data, once.
            unsafe { release(self.user_data) };
        }
    }
}

// SAFETY: the header says that read_at is called from any thread, and `turn` lets one in at a time
// unless the host program allows more.
unsafe impl Send for HostStorage {}
// SAFETY: as above.
unsafe impl Sync for HostStorage {}

impl HostStorage {
    /// Takes over the storage that is called `name` among the arguments; NULL is none. A struct that
    /// is refused is not taken over, and so not given back.
    ///
    /// # Safety
    ///
    /// As the header asks of a hexz_storage.
    pub unsafe fn take(
        args: &Args,
        storage: *const hexz_storage,
        name: &str,
    ) -> Result<Option<Box<Self>>> {
        if storage.is_null() {
            return Ok(None);
        }
        // SAFETY: as promised.
        let storage = unsafe { args.read(storage, name) }?;
        args.flags(
            storage.flags,
            HEXZ_SOURCE_CONCURRENT,
            &format!("{name}.flags"),
        )?;
        let Some(read_at) = storage.read_at else {
            return Err(args.invalid(format_args!("{name}.read_at is NULL")));
        };
        // Offsets stay positive in a signed number, as those of files.
        if i64::try_from(storage.size).is_err() {
            return Err(args.invalid(format_args!(
                "{name}.size is {}; no file has more than {} bytes",
                storage.size,
                i64::MAX
            )));
        }
        let turn = match storage.flags & HEXZ_SOURCE_CONCURRENT {
            0 => Some(Mutex::new(())),
            _ => None,
        };
        Ok(Some(Box::new(HostStorage {
            operand: name.to_owned(),
            read_at,
            size: storage.size,
            turn,
            release: Release {
                function: storage.release,
                user_data: storage.user_data,
            },
        })))
    }

    /// What tells this storage from others, whatever they have in common.
    fn id(&self) -> *const c_void {
        ptr::from_ref(self).cast()
    }
}

impl Storage for HostStorage {
    fn operand(&self) -> &str {
        &self.operand
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn is_within(&self) -> bool {
        is_within(self.id())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let _turn = self
            .turn
            .as_ref()
            .map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        let _within = Within::enter(self.id());
        let (to, len) = (buf.as_mut_ptr().cast(), buf.len());
        // SAFETY: the header asks for a function that may be called so with this data until the
        // storage is given back, which is when `self` is dropped.
        match unsafe { (self.read_at)(self.release.user_data, offset, to, len) } {
            0 => Ok(()),
            code => Err(Error::Callback {
                operand: self.operand.clone(),
                callback: "read_at",
                code,
            }),
        }
    }
}
