//! Regular files and block devices, taken as they are.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, CWD, FileType, Mode, OFlags, SeekFrom, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::cache::PageCache;
use super::{Content, Identity, Source, leads_to};
use crate::error::{Error, Result};
use crate::format::STREAM_SIZE_MAX;
use crate::lock::{self, Lock, Use};

/// A file or block device. Read with pread and never mapped: a file that shrinks under a mapping
/// would kill the host process.
pub struct RawSource {
    operand: String,
    file: OwnedFd,
    size: u64,
    opened: Stat,
    /// Whether a writer is tolerated.
    share: bool,
    cache: PageCache,
}

impl RawSource {
    /// Opens the file at `path`. With `share`, neither QEMU's locks nor changes while it is read
    /// matter; without, the file is locked as long as it is open.
    pub fn open(path: &Path, share: bool) -> Result<Self> {
        let operand = operand(path);
        // Non-blocking, or a FIFO would hold the caller before we can tell what it is.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = retry_on_intr(|| fs::openat(CWD, path, flags, Mode::empty()))
            .map_err(|e| Error::source(&operand, ("cannot open", e)))?;
        let opened =
            fs::fstat(&file).map_err(|e| Error::source(&operand, ("cannot look at it", e)))?;
        let size = match FileType::from_raw_mode(opened.st_mode) {
            FileType::RegularFile => opened.st_size as u64,
            FileType::BlockDevice => {
                fs::fcntl_setfl(&file, OFlags::empty())
                    .map_err(|e| Error::source(&operand, ("cannot prepare", e)))?;
                device_size(&file).map_err(|e| Error::source(&operand, ("cannot size", e)))?
            }
            other => {
                let text = format!("{}; give a regular file or block device", describe(other));
                return Err(Error::source(&operand, text));
            }
        };
        if !share {
            let locked = lock::hold(&file, Use::Read);
            if locked.map_err(|e| Error::source(&operand, ("cannot lock", e)))? == Lock::Taken {
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
        Ok(RawSource {
            operand,
            file,
            size,
            opened,
            share,
            cache: PageCache::default(),
        })
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
                Ok(0) => {
                    let text = format!(
                        "ends at {offset}, where it had {} bytes when it was opened; take a \
                         snapshot of something that nobody writes",
                        self.size
                    );
                    return Err(Error::source(&self.operand, text));
                }
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
        let data = match fs::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(data) => data.min(self.size),
            // Beyond the last data: a hole up to the end (lseek(2)).
            Err(Errno::NXIO) => self.size,
            // The file system tells nothing of holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok((Content::Data, self.size)),
            Err(e) => return Err(self.fail("cannot look for data", e)),
        };
        if data > offset {
            return Ok((Content::Zero, data));
        }
        match fs::seek(&self.file, SeekFrom::Hole(offset)) {
            Ok(hole) if hole > offset => Ok((Content::Data, hole.min(self.size))),
            Ok(_) | Err(Errno::NXIO | Errno::INVAL) => Ok((Content::Data, self.size)),
            Err(e) => Err(self.fail("cannot look for holes", e)),
        }
    }

    fn check_unchanged(&self) -> Result<()> {
        if self.share {
            return Ok(());
        }
        let size = match self.is_regular() {
            true => None,
            false => Some(device_size(&self.file).map_err(|e| self.fail("cannot size", e))?),
        };
        let now = fs::fstat(&self.file).map_err(|e| self.fail("cannot look at it", e))?;
        let stamps = |s: &Stat| {
            (
                s.st_size,
                s.st_mtime,
                s.st_mtime_nsec,
                s.st_ctime,
                s.st_ctime_nsec,
            )
        };
        let same = match size {
            Some(size) => size == self.size,
            None => stamps(&now) == stamps(&self.opened),
        };
        if same {
            return Ok(());
        }
        Err(Error::source(
            &self.operand,
            "changed while it was read; stop what writes it, or set HEXZ_BUILD_FORCE_SHARE to take \
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

/// A path fit for error texts. An image may have chosen it, so what a terminal would obey is escaped.
fn operand(path: &Path) -> String {
    let mut shown = String::new();
    for c in path.display().to_string().chars() {
        match c.is_control() {
            true => shown.extend(c.escape_debug()),
            false => shown.push(c),
        }
    }
    shown
}

/// stat tells nothing of a block device's size.
fn device_size(file: &OwnedFd) -> rustix::io::Result<u64> {
    fs::seek(file, SeekFrom::End(0))
}

fn describe(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "is a folder",
        FileType::Fifo => "is a FIFO",
        FileType::Socket => "is a socket",
        FileType::CharacterDevice => "is a character device",
        _ => "is of an unknown kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_do_not_command_the_terminal() {
        let path = Path::new("no such/\u{1b}[2J\u{9b}1m it's \\.raw");
        let Err(error) = RawSource::open(path, true) else {
            panic!("{} is there", path.display());
        };
        let text = error.to_string();
        assert!(
            text.contains(r"'no such/\u{1b}[2J\u{9b}1m it's \.raw'"),
            "{text}"
        );
    }
}
