//! Regular files and block devices, taken as they are.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, CWD, FileType, Mode, OFlags, SeekFrom, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::cache::HostCache;
use super::holes::{Found, HoleMap, Look};
use super::{Access, Content, Identity, Source, Writers, leads_to};
use crate::error::{Error, Result, operand};
use crate::format::STREAM_SIZE_MAX;
use crate::lock::{self, Lock, Use};

/// A file or block device. Read with pread and never mapped: a file that shrinks under a mapping
/// would kill the host process.
pub struct RawSource {
    operand: String,
    file: OwnedFd,
    size: u64,
    opened: Stat,
    access: Access,
    cache: HostCache,
    holes: HoleMap,
}

impl RawSource {
    /// Opens the file at `path`. It is locked as QEMU does as long as it is open, unless it may be
    /// shared with a writer.
    pub fn open(path: &Path, access: Access) -> Result<Self> {
        let operand = operand(path);
        // Before it is opened, which alone may wake who waits at a FIFO, or start a watchdog; an image
        // may have named it.
        let found = fs::stat(path).map_err(|e| Error::source(&operand, ("cannot open", e)))?;
        refuse_other(&operand, &found)?;
        // Non-blocking, or what has its name since, a FIFO, would hold the caller.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = retry_on_intr(|| fs::openat(CWD, path, flags, Mode::empty()))
            .map_err(|e| Error::source(&operand, ("cannot open", e)))?;
        let opened =
            fs::fstat(&file).map_err(|e| Error::source(&operand, ("cannot look at it", e)))?;
        refuse_other(&operand, &opened)?;
        let size = match FileType::from_raw_mode(opened.st_mode) {
            FileType::BlockDevice => {
                fs::fcntl_setfl(&file, OFlags::empty())
                    .map_err(|e| Error::source(&operand, ("cannot prepare", e)))?;
                device_size(&file).map_err(|e| Error::source(&operand, ("cannot size", e)))?
            }
            _ => opened.st_size as u64,
        };
        if access.writers != Writers::Allowed {
            let locked = lock::hold(&file, Use::Read);
            let fail = |e| {
                let what = "cannot be locked against programs that may write it; set \
                            HEXZ_BUILD_FORCE_SHARE to take it as it comes";
                Error::source(&operand, (what, e))
            };
            if locked.map_err(fail)? == Lock::Taken {
                return Err(Error::source(
                    &operand,
                    "is locked by a program that may write it, such as the machine that runs from \
                     it; stop that, or set HEXZ_BUILD_FORCE_SHARE to take it as it comes",
                ));
            }
        }
        if size > STREAM_SIZE_MAX {
            let text = format!("{size} bytes are more than the {STREAM_SIZE_MAX} of a stream");
            return Err(Error::source(&operand, text));
        }
        // Advice only: a file system that takes none reads as before.
        let _ = fs::fadvise(&file, 0, None, fs::Advice::Sequential);
        let source = RawSource {
            operand,
            file,
            size,
            opened,
            access,
            cache: HostCache::default(),
            holes: HoleMap::default(),
        };
        source.check_size()?;
        Ok(source)
    }

    /// Refuses a file that has more or fewer bytes than it says, as those of /proc and /sys: what they
    /// hold is made while it is read. They occupy no blocks, as else only what is small, or a hole.
    fn check_size(&self) -> Result<()> {
        if !self.is_regular() || self.size > 0 && self.opened.st_blocks > 0 {
            return Ok(());
        }
        // The last byte, and one that should not be there.
        let last = self.size.min(1);
        let mut bytes = [0; 2];
        let found =
            retry_on_intr(|| rustix::io::pread(&self.file, &mut bytes[..], self.size - last));
        let found = found.map_err(|e| self.fail("cannot read", e))? as u64;
        let how = match found {
            _ if found < last => "fewer",
            // Somebody may be adding to it.
            _ if found > last && !self.may_change() => "more",
            _ => return Ok(()),
        };
        Err(Error::source(
            &self.operand,
            format!(
                "says that it has {} bytes and has {how}, as files of /proc and /sys do; copy what it \
                 holds to a file and give that",
                self.size
            ),
        ))
    }

    fn may_change(&self) -> bool {
        self.access.writers != Writers::Refused
    }

    /// lseek(2) for data and holes.
    fn look(&self, look: Look) -> Result<Found> {
        let (wanted, what) = match look {
            Look::Data(from) => (SeekFrom::Data(from), "cannot look for data"),
            Look::Hole(from) => (SeekFrom::Hole(from), "cannot look for holes"),
        };
        match fs::seek(&self.file, wanted) {
            Ok(at) => Ok(Found::At(at)),
            Err(Errno::NXIO) => self.check_end().map(|()| Found::None),
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(Found::Untold),
            Err(e) => Err(self.fail(what, e)),
        }
    }

    /// Beyond the end of a file that was cut there is no hole either: nothing is known of the bytes
    /// that were there. Where no change is allowed, it is told as one at the end.
    fn check_end(&self) -> Result<()> {
        if !self.may_change() {
            return Ok(());
        }
        let now = fs::fstat(&self.file).map_err(|e| self.fail("cannot look at it", e))?;
        match now.st_size as u64 {
            end if end < self.size => Err(self.cut(end)),
            _ => Ok(()),
        }
    }

    fn cut(&self, end: u64) -> Error {
        let text = format!(
            "ends at {end}, where it had {} bytes when it was opened; take a snapshot of something \
             that nobody writes",
            self.size
        );
        Error::source(&self.operand, text)
    }

    fn is_regular(&self) -> bool {
        FileType::from_raw_mode(self.opened.st_mode) == FileType::RegularFile
    }

    fn fail(&self, what: &'static str, e: Errno) -> Error {
        Error::source(&self.operand, (what, e))
    }
}

impl Drop for RawSource {
    fn drop(&mut self) {
        self.cache.give_back(&self.file);
    }
}

impl Source for RawSource {
    fn operand(&self) -> &str {
        &self.operand
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, mut offset: u64, mut buf: &mut [u8]) -> Result<()> {
        self.cache
            .before_read(&self.file, offset, buf.len() as u64, self.size);
        while !buf.is_empty() {
            match retry_on_intr(|| rustix::io::pread(&self.file, &mut *buf, offset)) {
                Ok(0) => return Err(self.cut(offset)),
                Ok(n) => {
                    buf = buf.get_mut(n..).unwrap_or_default();
                    offset += n as u64;
                }
                Err(e) => return Err(self.fail("cannot read", e)),
            }
        }
        Ok(())
    }

    fn content_at(&self, offset: u64) -> Result<(Content, u64)> {
        if !self.is_regular() {
            return Ok((Content::Data, self.size));
        }
        self.holes.at(offset, self.size, |look| self.look(look))
    }

    fn check_unchanged(&self) -> Result<()> {
        if self.may_change() {
            return Ok(());
        }
        let size = match self.is_regular() {
            true => None,
            false => Some(device_size(&self.file).map_err(|e| self.fail("cannot size", e))?),
        };
        let now = fs::fstat(&self.file).map_err(|e| self.fail("cannot look at it", e))?;
        // Not the time of the last change of the inode: a new mode, link or name is no new content.
        let stamps = |s: &Stat| (s.st_size, s.st_mtime, s.st_mtime_nsec);
        let same = match size {
            Some(size) => size == self.size,
            None => stamps(&now) == stamps(&self.opened),
        };
        if same {
            return Ok(());
        }
        Err(Error::source(
            &self.operand,
            "changed while it was read; stop what writes it, or set HEXZ_BUILD_ALLOW_CHANGE to take \
             it as it comes",
        ))
    }

    fn identities(&self) -> Vec<Identity> {
        vec![identity(&self.opened)]
    }

    fn reads(&self, path: &Path) -> rustix::io::Result<bool> {
        leads_to(path, self.file.as_fd())
    }
}

/// What the file behind a stat is, whatever its name.
fn identity(stat: &Stat) -> Identity {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::BlockDevice => Identity {
            device: stat.st_rdev,
            inode: 0,
            size: 0,
            changed: [(0, 0); 2],
        },
        _ => Identity {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size,
            changed: [
                (stat.st_mtime, stat.st_mtime_nsec),
                (stat.st_ctime, stat.st_ctime_nsec),
            ],
        },
    }
}

/// stat tells nothing of a block device's size.
fn device_size(file: &OwnedFd) -> rustix::io::Result<u64> {
    fs::seek(file, SeekFrom::End(0))
}

/// Refuses what has no bytes at offsets.
fn refuse_other(operand: &str, stat: &Stat) -> Result<()> {
    let what = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::BlockDevice => return Ok(()),
        FileType::Directory => "is a folder",
        FileType::Fifo => "is a FIFO",
        FileType::Socket => "is a socket",
        FileType::CharacterDevice => "is a character device",
        _ => "is of an unknown kind",
    };
    let text = format!("{what}; give a regular file or block device");
    Err(Error::source(operand, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_off_is_no_hole() {
        let path = std::env::temp_dir().join(format!("hexz-{}-cut-source", std::process::id()));
        std::fs::write(&path, vec![7; 1 << 20]).unwrap();
        // Nobody else would say that it changed.
        let access = Access {
            writers: Writers::LockedOut,
            other_files: false,
        };
        let source = RawSource::open(&path, access).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.set_len(8192).unwrap();
        assert_eq!(source.content_at(0).unwrap(), (Content::Data, 8192));
        for at in [8192, 1 << 19] {
            let looked = source.content_at(at).map_err(|e| e.to_string());
            assert!(
                looked.as_ref().is_err_and(|t| t.contains("ends at 8192")),
                "{looked:?}"
            );
        }
        assert!(source.read_at(4096, &mut [0; 8192]).is_err());
    }

    #[test]
    fn errors_do_not_command_the_terminal() {
        let path = Path::new("no such/\u{1b}[2J\u{9b}1m it's \\.raw");
        let access = Access {
            writers: Writers::Allowed,
            other_files: false,
        };
        let Err(error) = RawSource::open(path, access) else {
            panic!("{} is there", path.display());
        };
        let text = error.to_string();
        assert!(
            text.contains(r"'no such/\u{1b}[2J\u{9b}1m it's \.raw'"),
            "{text}"
        );
    }
}
