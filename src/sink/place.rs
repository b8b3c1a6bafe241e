//! Where an output goes: its folder and its name there, and what may be replaced.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Error, Result};

/// What to do about an output that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse; the text names the flag that would replace it.
    Refuse(&'static str),
    /// Replace it, at once and whole.
    Replace,
}

/// The folder and the name of an output, if it can be one.
pub fn place(path: &Path, existing: Existing) -> Result<(OwnedFd, &OsStr)> {
    let operand = path.display().to_string();
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
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let folder = retry_on_intr(|| fs::openat(CWD, parent, flags, Mode::empty()))
        .map_err(|e| Error::output(&operand, ("cannot open its folder", e)))?;
    check_existing(&folder, name, existing, &operand)?;
    Ok((folder, name))
}

/// Refuses what is there already, unless it is a regular file or symbolic link to be replaced.
pub fn check_existing(
    folder: &OwnedFd,
    name: &OsStr,
    existing: Existing,
    operand: &str,
) -> Result<()> {
    let stat = match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(e) => return Err(Error::output(operand, ("cannot look at it", e))),
    };
    let what = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Symlink => match existing {
            Existing::Replace => return Ok(()),
            Existing::Refuse(flag) => {
                return Err(Error::Exists {
                    operand: operand.to_owned(),
                    flag,
                });
            }
        },
        FileType::Directory => "is a folder",
        FileType::Fifo => "is a FIFO",
        FileType::Socket => "is a socket",
        FileType::BlockDevice => "is a block device",
        FileType::CharacterDevice => "is a character device",
        FileType::Unknown => "is no regular file",
    };
    Err(Error::output(
        operand,
        format!("{what}; give the name of a regular file"),
    ))
}
