//! Whether a name leads to a file that is open already.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::retry_on_intr;

use crate::lock;

/// Looks at a file that keeps changing before giving up.
const ATTEMPTS: usize = 3;

/// Whether `path` leads to the open `file`, by whatever name. Links are followed.
///
/// Another device or inode: no. The same: not yet yes, since some file systems (FUSE, network) have
/// one inode number for all. Other attributes at a moment when the file's stand still: no. A lock on
/// the one that is not seen on the other: no. What cannot be told apart is taken for one.
pub fn leads_to(path: &Path, file: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    let there = fs::statat(CWD, path, AtFlags::empty())?;
    let ours = fs::fstat(file)?;
    let kind = FileType::from_raw_mode(ours.st_mode);
    if kind != FileType::from_raw_mode(there.st_mode) {
        return Ok(false);
    }
    if kind == FileType::BlockDevice {
        return Ok(ours.st_rdev == there.st_rdev);
    }
    if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino) {
        return Ok(false);
    }
    for _ in 0..ATTEMPTS {
        let before = attributes(&fs::fstat(file)?);
        let there = attributes(&fs::statat(CWD, path, AtFlags::empty())?);
        if before != attributes(&fs::fstat(file)?) {
            continue;
        }
        if there != before {
            return Ok(false);
        }
        // Names of one file may be files apart to the kernel (FUSE), and so to its locks.
        if ours.st_nlink > 1 {
            return Ok(true);
        }
        break;
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match retry_on_intr(|| fs::openat(CWD, path, flags, Mode::empty())) {
        Ok(there) => Ok(lock::are_one(file, there.as_fd()).unwrap_or(true)),
        Err(_) => Ok(true),
    }
}

fn attributes(stat: &Stat) -> [i64; 9] {
    [
        stat.st_size,
        stat.st_mtime,
        stat.st_mtime_nsec,
        stat.st_ctime,
        stat.st_ctime_nsec,
        stat.st_mode.into(),
        stat.st_uid.into(),
        stat.st_gid.into(),
        stat.st_nlink as i64,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn names_of_one_file_are_told_from_files_alike() {
        let folder = std::env::temp_dir().join(format!("hexz-{}-same", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let at = |name| folder.join(name);
        for name in ["a", "b"] {
            std::fs::write(at(name), "alike").unwrap();
        }
        std::fs::hard_link(at("a"), at("hard")).unwrap();
        std::os::unix::fs::symlink("hard", at("soft")).unwrap();
        let (a, b) = (File::open(at("a")).unwrap(), File::open(at("b")).unwrap());
        for name in ["a", "hard", "soft"] {
            assert_eq!(leads_to(&at(name), a.as_fd()), Ok(true), "{name}");
            assert_eq!(leads_to(&at(name), b.as_fd()), Ok(false), "{name}");
            // What attributes and inodes do not tell, locks do.
            let there = File::open(at(name)).unwrap();
            assert_eq!(lock::are_one(&a, &there), Ok(true));
            assert_eq!(lock::are_one(&there, &a), Ok(true));
            assert_eq!(lock::are_one(&b, &there), Ok(false));
        }
        assert!(leads_to(&at("absent"), a.as_fd()).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
