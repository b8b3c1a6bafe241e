//! An existing file or block device, written over where it is.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{self, CWD, FallocateFlags, FileType, Mode, OFlags, SeekFrom, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::team::Beat;
use crate::error::{Error, Result, Why, operand};
use crate::lock::{self, Lock, Use};

/// Zeros for what cannot be zeroed by the system.
static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// Who holds an output that is written over, such as a machine that runs from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holders {
    /// It is refused while somebody does.
    Respected,
    /// It is written all the same.
    Overridden,
}

/// The file, opened for writing.
pub(super) struct InPlace {
    operand: String,
    file: File,
    stat: Stat,
}

impl InPlace {
    /// Opens what is there already. Where holders are respected a block device is claimed, which
    /// fails while somebody else has it: mounted, or as part of another device (open(2), O_EXCL).
    pub fn open(path: &Path, holders: Holders) -> Result<Self> {
        let operand = operand(path);
        let fail = |what| {
            let operand = &operand;
            move |e: Errno| Error::output(operand, (what, e))
        };
        let is_device =
            |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice;
        // Before it is opened, which alone may wake who waits at a FIFO, or start a watchdog.
        let found = fs::stat(path).map_err(fail("cannot open"))?;
        refuse_other(&operand, &found)?;
        // Non-blocking, or what has its name since, a FIFO, would hold the caller.
        let mut flags = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        if holders == Holders::Respected && is_device(&found) {
            flags |= OFlags::EXCL;
        }
        let open = |access| retry_on_intr(|| fs::openat(CWD, path, flags | access, Mode::empty()));
        // For reading too, which shared locks need; a file that may only be written goes without.
        let file = match open(OFlags::RDWR) {
            Err(Errno::ACCESS) => open(OFlags::WRONLY),
            opened => opened,
        };
        let file = file.map_err(|e| match e {
            Errno::BUSY if is_device(&found) => fail(
                "is in use: mounted, swapped to, or a part of another device; stop that, or set \
                 HEXZ_EXTRACT_FORCE_SHARE to write over it all the same",
            )(e),
            e => fail("cannot open")(e),
        })?;
        let stat = fs::fstat(&file).map_err(fail("cannot look at it"))?;
        if is_device(&stat) != is_device(&found) {
            return Err(Error::output(&operand, "was replaced while it was opened"));
        }
        refuse_other(&operand, &stat)?;
        fs::fcntl_setfl(&file, OFlags::empty()).map_err(fail("cannot prepare"))?;
        Ok(InPlace {
            file: file.into(),
            operand,
            stat,
        })
    }

    /// Keeps out whoever reads or writes the file with QEMU's locks, until it is closed.
    pub fn lock(&self) -> Result<()> {
        match lock::hold(&self.file, Use::Write) {
            Ok(Lock::Held | Lock::Unknown) => Ok(()),
            Ok(Lock::Taken) => Err(self.fail(
                "is locked by a program that uses it, such as the machine that runs from it; stop \
                 that, or set HEXZ_EXTRACT_FORCE_SHARE to write over it all the same",
            )),
            Err(e) => Err(self.fail((
                "cannot be locked against programs that use it; set HEXZ_EXTRACT_FORCE_SHARE to \
                 write over it all the same",
                e,
            ))),
        }
    }

    /// Makes a file `len` bytes long; checks that a device is as long at least.
    pub fn set_len(&self, len: u64) -> Result<()> {
        if FileType::from_raw_mode(self.stat.st_mode) == FileType::RegularFile {
            return retry_on_intr(|| fs::ftruncate(&self.file, len))
                .map_err(|e| self.fail(("cannot size", e)));
        }
        // stat tells nothing of a device's size.
        let size =
            fs::seek(&self.file, SeekFrom::End(0)).map_err(|e| self.fail(("cannot size", e)))?;
        if size < len {
            let text =
                format!("has {size} bytes, fewer than the {len} of the stream; use a larger one");
            return Err(self.fail(text));
        }
        Ok(())
    }

    pub fn write(&self, data: &[u8], offset: u64) -> Result<()> {
        self.file
            .write_all_at(data, offset)
            .map_err(|e| self.fail(("cannot write", e)))
    }

    /// Makes a range read as zeros, with holes where the file system or device has them.
    pub fn zero(&self, mut offset: u64, mut len: u64, beat: &mut Beat<'_>) -> Result<()> {
        let ways = [
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            FallocateFlags::ZERO_RANGE,
        ];
        for way in ways {
            match retry_on_intr(|| fs::fallocate(&self.file, way, offset, len)) {
                Ok(()) => return Ok(()),
                // Unknown here, or for this device, or not with these odd bounds (fallocate(2)).
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => {}
                Err(e) => return Err(self.fail(("cannot zero", e))),
            }
        }
        while len > 0 {
            beat()?;
            let part = ZEROS
                .get(..len.min(ZEROS.len() as u64) as usize)
                .unwrap_or_default();
            self.write(part, offset)?;
            offset += part.len() as u64;
            len -= part.len() as u64;
        }
        Ok(())
    }

    pub fn sync(&self) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|e| self.fail(("cannot sync", e)))
    }

    fn fail(&self, why: impl Into<Why>) -> Error {
        Error::output(&self.operand, why)
    }
}

/// Refuses what cannot be written over.
fn refuse_other(operand: &str, stat: &Stat) -> Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::BlockDevice => Ok(()),
        _ => Err(Error::output(
            operand,
            "is neither a regular file nor a block device, which can be written in place",
        )),
    }
}
