//! A file that appears whole or not at all.
//!
//! It is written without a name (`O_TMPFILE`, open(2)) and linked into its folder when it is
//! complete, so that nothing, not even a kill, leaves half a file. Only a file system without
//! `O_TMPFILE`, and the instant of replacing an old file, need a named temporary.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use super::place::{Existing, check_existing, place};
use super::temporary::temporary_name;
use crate::error::{Error, Result, Why};

/// Names tried for a temporary before giving up.
const ATTEMPTS: usize = 100;

/// An output file under way. Dropped without [`PendingFile::publish`], it leaves nothing behind.
pub struct PendingFile {
    operand: String,
    folder: OwnedFd,
    name: OsString,
    file: OwnedFd,
    existing: Existing,
    /// Name of the temporary in `folder`, while there is one.
    temporary: Option<OsString>,
}

impl PendingFile {
    /// Fails as [`PendingFile::create`] would for what is there now, and makes nothing.
    pub fn check(path: &Path, existing: Existing) -> Result<()> {
        place(path, existing).map(|_| ())
    }

    /// Begins a file that will appear at `path`. Its mode is 0600 less the umask.
    pub fn create(path: &Path, existing: Existing) -> Result<Self> {
        let operand = path.display().to_string();
        let fail = |why: Why| Error::Output {
            operand: operand.clone(),
            why,
        };
        let (folder, name) = place(path, existing)?;
        let mut pending = PendingFile {
            folder: folder
                .try_clone()
                .map_err(|e| fail(("cannot open its folder", e).into()))?,
            name: name.to_owned(),
            file: folder,
            existing,
            operand,
            temporary: None,
        };
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match retry_on_intr(|| fs::openat(&pending.folder, c".", flags, mode())) {
            Ok(file) => pending.file = file,
            // What open(2) gives where O_TMPFILE is not known or not supported.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => {
                let (file, temporary) = pending.named(|name| {
                    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
                    retry_on_intr(|| fs::openat(&pending.folder, name, flags, mode()))
                })?;
                pending.file = file;
                pending.temporary = Some(temporary);
            }
            Err(e) => return Err(pending.fail("cannot create", e)),
        }
        Ok(pending)
    }

    /// Its path, for error texts.
    pub fn operand(&self) -> &str {
        &self.operand
    }

    /// Writes all of `data` at `offset`. May be called from several threads.
    pub fn write_all_at(&self, mut data: &[u8], mut offset: u64) -> Result<()> {
        while !data.is_empty() {
            match retry_on_intr(|| rustix::io::pwrite(&self.file, data, offset)) {
                Ok(0) => return Err(self.fail("cannot write", Errno::NOSPC)),
                Ok(n) => {
                    data = data.get(n..).unwrap_or_default();
                    offset += n as u64;
                }
                Err(e) => return Err(self.fail("cannot write", e)),
            }
        }
        Ok(())
    }

    /// Makes the file `len` bytes long; what was not written reads as zeros.
    pub fn set_len(&self, len: u64) -> Result<()> {
        retry_on_intr(|| fs::ftruncate(&self.file, len)).map_err(|e| self.fail("cannot size", e))
    }

    /// Gives the file its name, after making it durable if `sync` is set.
    ///
    /// A failed fsync is final: the kernel may have dropped the pages that failed, so that a
    /// second one would lie (Rebello et al., "Can Applications Recover from fsync Failures?",
    /// USENIX ATC 2020).
    pub fn publish(mut self, sync: bool) -> Result<()> {
        if sync {
            fs::fsync(&self.file).map_err(|e| self.fail("cannot sync", e))?;
        }
        match self.existing {
            Existing::Refuse(flag) => self.publish_new().map_err(|e| match e {
                Errno::EXIST => Error::Exists {
                    operand: self.operand.clone(),
                    flag,
                },
                e => self.fail("cannot publish", e),
            })?,
            Existing::Replace => self.publish_over()?,
        }
        if sync {
            let what = "it is complete and in place, but a power failure may still undo its name, \
                        since its folder cannot be synced";
            fs::fsync(&self.folder).map_err(|e| self.fail(what, e))?;
        }
        Ok(())
    }

    fn publish_new(&mut self) -> rustix::io::Result<()> {
        let Some(temporary) = &self.temporary else {
            return self.link(&self.name);
        };
        let (folder, name) = (&self.folder, &self.name);
        match fs::renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE) {
            Ok(()) => self.temporary = None,
            // The file system has no such rename: a link refuses to replace as well, and the
            // temporary's own name goes away when `self` does.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::linkat(folder, temporary, folder, name, AtFlags::empty())?;
            }
            Err(e) => return Err(e),
        }
        Ok(())
    }

    fn publish_over(&mut self) -> Result<()> {
        if self.temporary.is_none() {
            match self.link(&self.name) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) => {}
                Err(e) => return Err(self.fail("cannot publish", e)),
            }
            let ((), temporary) = self.named(|name| self.link(name))?;
            self.temporary = Some(temporary);
        }
        if let Some(temporary) = &self.temporary {
            // It may have changed since `create` looked.
            check_existing(&self.folder, &self.name, self.existing, &self.operand)?;
            fs::renameat(&self.folder, temporary, &self.folder, &self.name)
                .map_err(|e| self.fail("cannot replace", e))?;
        }
        self.temporary = None;
        Ok(())
    }

    /// Links the unnamed file into its folder.
    fn link(&self, name: &OsStr) -> rustix::io::Result<()> {
        // Through /proc, since AT_EMPTY_PATH wants a capability on older kernels (open(2)).
        let by_proc = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        match fs::linkat(CWD, by_proc, &self.folder, name, AtFlags::SYMLINK_FOLLOW) {
            Err(Errno::NOENT) => fs::linkat(
                self.file.as_fd(),
                c"",
                &self.folder,
                name,
                AtFlags::EMPTY_PATH,
            ),
            done => done,
        }
    }

    /// Runs `make` with names for a temporary until one is free.
    fn named<T>(&self, make: impl Fn(&OsStr) -> rustix::io::Result<T>) -> Result<(T, OsString)> {
        for _ in 0..ATTEMPTS {
            let name = temporary_name(&self.name).map_err(|e| self.fail("cannot name", e))?;
            match make(&name) {
                Ok(made) => return Ok((made, name)),
                Err(Errno::EXIST) => {}
                Err(e) => return Err(self.fail("cannot create a temporary beside it", e)),
            }
        }
        Err(self.fail("cannot create a temporary beside it", Errno::EXIST))
    }

    fn fail(&self, what: &'static str, e: Errno) -> Error {
        Error::output(&self.operand, (what, e))
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nothing is left to tell if this fails: the work has already failed or is done.
            let _ = fs::unlinkat(&self.folder, temporary, AtFlags::empty());
        }
    }
}

fn mode() -> Mode {
    Mode::RUSR | Mode::WUSR
}

#[cfg(test)]
mod tests;
