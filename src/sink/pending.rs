//! A file that appears whole or not at all.
//!
//! It is written without a name (`O_TMPFILE`, open(2)) and linked into its folder when it is
//! complete, so that nothing, not even a kill, leaves half a file. Where the file system has no such
//! files, and for the instant of replacing an old file, it has the name of a temporary. Whether it
//! can be published is found out before the work begins, with empty files.

use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::attributes;
use super::place::{Existing, Place};
use super::publish::{Linked, link, rename_new, rename_over, try_link, try_rename};
use super::temporary::Temporary;
use crate::error::{Error, Result, Why};
use crate::lock::{self, Lock};

/// Names tried for a temporary that others took for a dead one's.
const ATTEMPTS: usize = 10;

/// Whether an output is to be on stable storage once it has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Yes; the flag would do without.
    Yes(&'static str),
    /// No.
    No,
}

/// An output file under way. Dropped without [`PendingFile::publish`], it leaves nothing behind.
pub struct PendingFile {
    place: Place,
    sync: Sync,
    /// The folder opened for reading, since only that can be synced.
    listed: Option<OwnedFd>,
    /// Before `temporary`, and so closed before that is removed: mounts that upload what was written
    /// when it is closed would make it anew.
    file: OwnedFd,
    temporary: Option<Temporary>,
}

impl PendingFile {
    /// Fails as [`PendingFile::create`] would for what is there now, and makes nothing.
    pub fn check(path: &Path, existing: Existing) -> Result<()> {
        Place::of(path, existing).map(|_| ())
    }

    /// Begins a file that will appear at `path`. Its mode is 0600 less the umask, or that of the file
    /// that it replaces.
    pub fn create(path: &Path, existing: Existing, sync: Sync) -> Result<Self> {
        let place = Place::of(path, existing)?;
        // One that may be written and entered, but not listed, is none the worse otherwise.
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let listed = retry_on_intr(|| fs::openat(&*place.folder, c".", flags, Mode::empty())).ok();
        let mut pending = match place.make_unnamed() {
            Ok(file) if try_link(&place, |living| Temporary::sweep(&place, living))? => {
                // For the instant in which it may have a temporary's name.
                lock::mark(&file);
                PendingFile {
                    place,
                    sync,
                    listed,
                    file,
                    temporary: None,
                }
            }
            _ => {
                let (file, temporary) = named(&place)?;
                Temporary::sweep(&place, temporary.name());
                let over = existing == Existing::Replace;
                try_rename(&place, over).map_err(|e| {
                    let what = "its file system can neither link nor rename a complete file into \
                                place; give a name on another one";
                    place.fail(what, e)
                })?;
                PendingFile {
                    place,
                    sync,
                    listed,
                    file,
                    temporary: Some(temporary),
                }
            }
        };
        pending.try_sync()?;
        Ok(pending)
    }

    /// Its path, for error texts.
    pub fn operand(&self) -> &str {
        &self.place.operand
    }

    /// Writes all of `data` at `offset`. May be called from several threads.
    pub fn write_all_at(&self, mut data: &[u8], mut offset: u64) -> Result<()> {
        while !data.is_empty() {
            match retry_on_intr(|| rustix::io::pwrite(&self.file, data, offset)) {
                Ok(0) => return Err(self.place.fail("cannot write", Errno::NOSPC)),
                Ok(n) => {
                    data = data.get(n..).unwrap_or_default();
                    offset += n as u64;
                }
                Err(e) => return Err(self.place.fail("cannot write", e)),
            }
        }
        Ok(())
    }

    /// Makes the file `len` bytes long; what was not written reads as zeros.
    pub fn set_len(&self, len: u64) -> Result<()> {
        retry_on_intr(|| fs::ftruncate(&self.file, len))
            .map_err(|e| self.place.fail("cannot size", e))
    }

    /// Gives the file its name, after making it durable if that was asked for.
    ///
    /// A failed fsync is final: the kernel may have dropped the pages that failed, so that a
    /// second one would lie (Rebello et al., "Can Applications Recover from fsync Failures?",
    /// USENIX ATC 2020).
    pub fn publish(mut self) -> Result<()> {
        if let Some(old) = self.place.check()?
            && FileType::from_raw_mode(old.st_mode) == FileType::RegularFile
        {
            attributes::pass_on(&self.file, &old, &self.place.path);
        }
        if self.sync != Sync::No {
            fs::fsync(&self.file).map_err(|e| self.place.fail("cannot sync", e))?;
        }
        self.flush()
            .map_err(|e| self.place.fail("cannot write back", e))?;
        let (place, name) = (&self.place, &self.place.name);
        if let Some(temporary) = &mut self.temporary {
            give(place, &self.file, temporary)?;
        } else {
            match link(place, self.file.as_fd(), name) {
                Ok(Linked::Ours) => {}
                Ok(Linked::Other) => return Err(linked_other(place)),
                Err(Errno::EXIST) if place.existing == Existing::Replace => {
                    let (_, mut temporary) = Temporary::make(place, |name| {
                        link(place, self.file.as_fd(), name).and_then(|linked| match linked {
                            Linked::Ours => Ok(()),
                            Linked::Other => Err(Errno::IO),
                        })
                    })?;
                    give(place, &self.file, &mut temporary)?;
                }
                Err(Errno::EXIST) => return Err(place.exists()),
                Err(e) => return Err(place.fail("cannot publish", e)),
            }
        }
        self.sync_folder()
    }

    /// Has the system tell now what it would tell when the file is closed, and nobody asks: a full
    /// disk or quota on a network file system, an upload that failed (close(2)).
    fn flush(&self) -> rustix::io::Result<()> {
        loop {
            let other = rustix::io::fcntl_dupfd_cloexec(&self.file, 0)?.into_raw_fd();
            // SAFETY: the descriptor is open, ours alone, and not used after this.
            if unsafe { libc::close(other) } == 0 {
                return Ok(());
            }
            // Closed in any case, but an interrupted one has not told (close(2), Linux).
            match std::io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => {}
                other => return Err(Errno::from_raw_os_error(other.unwrap_or(libc::EIO))),
            }
        }
    }

    /// Finds out now whether the file can be synced at all.
    fn try_sync(&mut self) -> Result<()> {
        let Sync::Yes(flag) = self.sync else {
            return Ok(());
        };
        // Not where it would only be a flush for nothing.
        let known = [
            libc::EXT4_SUPER_MAGIC,
            libc::XFS_SUPER_MAGIC,
            libc::BTRFS_SUPER_MAGIC,
            libc::F2FS_SUPER_MAGIC,
            libc::TMPFS_MAGIC,
        ];
        // Signed in one C library and not in another.
        let is = |kind, magic| i128::from(kind) == i128::from(magic);
        if fs::fstatfs(&self.file).is_ok_and(|s| known.iter().any(|k| is(s.f_type, *k))) {
            return Ok(());
        }
        match fs::fsync(&self.file) {
            Err(e) if cannot_sync(e) => {
                let what = format!("its file system cannot sync files; set {flag} to do without");
                Err(self.place.refuse(Why::System(what.into(), e.into())))
            }
            Err(e) => Err(self.place.fail("cannot sync", e)),
            Ok(()) => Ok(()),
        }
    }

    fn sync_folder(&self) -> Result<()> {
        if self.sync == Sync::No {
            return Ok(());
        }
        let done = match &self.listed {
            Some(folder) => fs::fsync(folder),
            // All of the file system, since its folder alone cannot be had.
            None => fs::syncfs(&self.file),
        };
        match done {
            // No such thing here, as on CIFS, vboxsf and some FUSE: names are as durable as they get.
            Err(e) if cannot_sync(e) => Ok(()),
            Err(e) => {
                let what = "it is complete and in place, but a power failure may still undo its \
                            name, since its folder cannot be synced";
                Err(self.place.fail(what, e))
            }
            Ok(()) => Ok(()),
        }
    }
}

/// Gives a file that has a temporary's name the output's.
fn give(place: &Place, file: &OwnedFd, temporary: &mut Temporary) -> Result<()> {
    let file = file.as_fd();
    if place.existing == Existing::Replace {
        // It may have changed since the beginning.
        place.check()?;
        return rename_over(place, file, temporary, &place.name)
            .map_err(|e| place.fail("cannot replace", e));
    }
    rename_new(place, file, temporary, &place.name).map_err(|e| match e {
        Errno::EXIST => place.exists(),
        e => place.fail("cannot publish", e),
    })
}

fn linked_other(place: &Place) -> Error {
    place.refuse(
        "another file was given its name, since /proc is not that of this thread; mount proc(5) \
         there",
    )
}

/// A temporary of ours alone.
fn named(place: &Place) -> Result<(OwnedFd, Temporary)> {
    for _ in 0..ATTEMPTS {
        let (file, mut temporary) = Temporary::make(place, |name| place.make(name))?;
        if lock::mark(&file) == Lock::Taken {
            // Its remover has it already.
            continue;
        }
        match place.stat(temporary.name()) {
            Ok(_) => return Ok((file, temporary)),
            Err(Errno::NOENT) => temporary.keep(),
            Err(e) => return Err(place.fail("cannot look at its temporary", e)),
        }
    }
    Err(place.fail("cannot keep a temporary beside it", Errno::EXIST))
}

/// What fsync answers for what cannot be synced, on file systems of various kinds.
fn cannot_sync(e: Errno) -> bool {
    matches!(
        e,
        Errno::INVAL | Errno::OPNOTSUPP | Errno::BADF | Errno::NOSYS
    )
}

#[cfg(test)]
mod tests;
