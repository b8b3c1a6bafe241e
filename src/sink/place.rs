//! Where an output goes: its folder and its name there, and what may be replaced.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat, StatxAttributes, StatxFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Error, Result, Why, operand};

/// What to do about an output that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse; the text names the flag that would replace it.
    Refuse(&'static str),
    /// Replace it, at once and whole.
    Replace,
}

/// A folder and a name in it that an output may have.
pub(super) struct Place {
    pub operand: String,
    pub path: PathBuf,
    /// Opened by path alone (`O_PATH`), for which it need not be readable.
    pub folder: Arc<OwnedFd>,
    pub name: OsString,
    pub existing: Existing,
}

impl Place {
    /// The place that `path` names, if an output can be there.
    pub fn of(path: &Path, existing: Existing) -> Result<Self> {
        let operand = operand(path);
        let (Some(name), false) = (
            path.file_name(),
            // Path takes "a/." for "a", open(2) does not.
            [&b"/"[..], b"/."]
                .iter()
                .any(|end| path.as_os_str().as_bytes().ends_with(end)),
        ) else {
            return Err(Error::output(&operand, "not the name of a file"));
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        let folder = retry_on_intr(|| fs::openat(CWD, parent, flags, Mode::empty()))
            .map_err(|e| Error::output(&operand, ("cannot open its folder", e)))?;
        let place = Place {
            folder: Arc::new(folder),
            name: name.to_owned(),
            path: path.to_owned(),
            existing,
            operand,
        };
        if place.check()?.is_some() {
            place.check_replaceable()?;
        }
        Ok(place)
    }

    /// What is there already, if it may be replaced.
    pub fn check(&self) -> Result<Option<Stat>> {
        let stat = match self.stat(&self.name) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(self.fail("cannot look at it", e)),
        };
        let what = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Symlink => match self.existing {
                Existing::Replace => return Ok(Some(stat)),
                Existing::Refuse(_) => return Err(self.exists()),
            },
            FileType::Directory => "is a folder",
            FileType::Fifo => "is a FIFO",
            FileType::Socket => "is a socket",
            FileType::BlockDevice => "is a block device",
            FileType::CharacterDevice => "is a character device",
            FileType::Unknown => "is no regular file",
        };
        Err(self.refuse(format!("{what}; give the name of a regular file")))
    }

    /// Finds out, before the work, what would keep the system from giving the name away.
    fn check_replaceable(&self) -> Result<()> {
        let (folder, name) = (&*self.folder, &self.name);
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        if let Ok(found) = fs::statx(folder, name, flags, StatxFlags::empty())
            && found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
        {
            return Err(self.refuse(
                "is a mount point, as a single file that is bound into a container, and cannot be \
                 replaced; mount its folder instead",
            ));
        }
        // As if it were a folder: ENOTDIR if it might be removed, else what forbids that, such as
        // another's file in a sticky folder. A file is never removed so (unlink(2)).
        match fs::unlinkat(folder, name, AtFlags::REMOVEDIR) {
            Err(e @ (Errno::PERM | Errno::ACCESS | Errno::ROFS)) => {
                Err(self.fail("cannot replace", e))
            }
            _ => Ok(()),
        }
    }

    /// What has a name in the folder; links are not followed.
    pub fn stat(&self, name: &OsStr) -> rustix::io::Result<Stat> {
        fs::statat(&*self.folder, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Opens what has a name in the folder, if it is a regular file.
    pub fn open(&self, name: &OsStr) -> Option<OwnedFd> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = retry_on_intr(|| fs::openat(&*self.folder, name, flags, Mode::empty())).ok()?;
        let stat = fs::fstat(&file).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some(file)
    }

    /// Makes a file that was not there, with mode 0600 less the umask.
    pub fn make(&self, name: &OsStr) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        retry_on_intr(|| fs::openat(&*self.folder, name, flags, mode()))
    }

    /// Makes a file that is only to have the name for a while, and closes it; what it is then.
    ///
    /// Mounts that upload on close do so late if nothing was written (close(2) does not wait for
    /// FUSE's release), and would put it over what has the name by then. So a byte is.
    pub fn occupy(&self, name: &OsStr) -> rustix::io::Result<Stat> {
        let file = self.make(name)?;
        write_byte(&file);
        fs::fstat(&file).inspect_err(|_| self.remove(name))
    }

    /// Makes a file without a name, where the file system has such.
    pub fn make_unnamed(&self) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        retry_on_intr(|| fs::openat(&*self.folder, c".", flags, mode()))
    }

    /// Removes a name; that it may fail is the caller's to know.
    pub fn remove(&self, name: &OsStr) {
        let _ = fs::unlinkat(&*self.folder, name, AtFlags::empty());
    }

    pub fn exists(&self) -> Error {
        match self.existing {
            Existing::Refuse(flag) => Error::Exists {
                operand: self.operand.clone(),
                flag,
            },
            Existing::Replace => self.fail("cannot replace", Errno::EXIST),
        }
    }

    pub fn fail(&self, what: &'static str, e: Errno) -> Error {
        self.refuse((what, e))
    }

    pub fn refuse(&self, why: impl Into<Why>) -> Error {
        Error::output(&self.operand, why)
    }
}

/// Has a file written to; where no byte can be, that it is closed late is the least.
pub(super) fn write_byte(file: &OwnedFd) {
    let _ = retry_on_intr(|| rustix::io::pwrite(file, &[0], 0));
}

fn mode() -> Mode {
    Mode::RUSR | Mode::WUSR
}
