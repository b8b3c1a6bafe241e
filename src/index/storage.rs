//! Where the bytes of a snapshot are: positioned reads of something that has a length.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, CWD, FileType, FlockOperation, Mode, OFlags, SeekFrom, Stat};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Error, Result, Why, operand};

/// Bytes that can be read at any offset, from many threads at once.
pub trait Storage: Send + Sync {
    /// What to call it in error texts.
    fn operand(&self) -> &str;

    /// Length in bytes; does not change.
    fn size(&self) -> u64;

    /// Fills all of `buf` from `offset`, or fails; `buf` may then hold anything.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// Where it is, if it has a path.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// Whether this thread is within a read of it, from where nothing that leans on it can be used:
    /// who answers the read might wait for itself.
    fn is_within(&self) -> bool {
        false
    }

    /// The open file that it is, if it is one.
    fn file(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A regular file or block device. Never mapped: a file that shrinks under a mapping would kill
/// the host process.
pub(crate) struct FileStorage {
    operand: String,
    path: PathBuf,
    file: File,
    size: u64,
}

impl FileStorage {
    /// Opens it for reading.
    pub fn open(path: &Path) -> Result<Self> {
        FileStorage::with(path, OFlags::RDONLY)
    }

    /// Opens it for [`FileStorage::change`] too, and keeps others that do so out.
    pub fn open_to_change(path: &Path) -> Result<Self> {
        let storage = FileStorage::with(path, OFlags::RDWR)?;
        match retry_on_intr(|| fs::flock(&storage.file, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => Ok(storage),
            Err(Errno::WOULDBLOCK) => {
                let why = ("is being changed by another process", Errno::WOULDBLOCK);
                Err(Error::io(&storage.operand, why))
            }
            // Only others that lock are kept out anyway: a file system may lack it.
            Err(_) => Ok(storage),
        }
    }

    /// Writes over a part of the file, and makes that durable.
    pub fn change(&self, offset: u64, bytes: &[u8]) -> std::result::Result<(), Why> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(|e| ("cannot write", e))?;
        Ok(self.file.sync_data().map_err(|e| ("cannot sync", e))?)
    }

    /// Opens a name that a file of any origin gave: nothing is followed, and it is a regular file.
    pub fn open_hint(path: &Path) -> Result<Self> {
        let storage = FileStorage::with(path, OFlags::RDONLY | OFlags::NOFOLLOW)?;
        let fail = |why| Error::io(&storage.operand, why);
        let stat = fs::fstat(&storage.file).map_err(|e| fail(("cannot look at it", e).into()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(storage),
            _ => Err(fail(Why::from("is no regular file"))),
        }
    }

    fn with(path: &Path, access: OFlags) -> Result<Self> {
        let operand = operand(path);
        let fail = |what| {
            let operand = &operand;
            move |e| Error::io(operand, (what, e))
        };
        // Before it is opened, which alone may wake who waits at a FIFO, or start a watchdog.
        let found = fs::stat(path).map_err(fail("cannot open"))?;
        refuse_other(&operand, &found)?;
        // Non-blocking, or what has its name since, a FIFO, would hold the caller.
        let flags = access | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = retry_on_intr(|| fs::openat(CWD, path, flags, Mode::empty()))
            .map_err(fail("cannot open"))?;
        let stat = fs::fstat(&file).map_err(fail("cannot look at it"))?;
        refuse_other(&operand, &stat)?;
        let size = match FileType::from_raw_mode(stat.st_mode) {
            // stat tells nothing of a device's size.
            FileType::BlockDevice => {
                fs::seek(&file, SeekFrom::End(0)).map_err(fail("cannot size"))?
            }
            _ => stat.st_size as u64,
        };
        fs::fcntl_setfl(&file, OFlags::empty()).map_err(fail("cannot prepare"))?;
        Ok(FileStorage {
            operand,
            path: path.to_owned(),
            file: file.into(),
            size,
        })
    }
}

/// Refuses what no snapshot can be in.
fn refuse_other(operand: &str, stat: &Stat) -> Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::BlockDevice => Ok(()),
        _ => Err(Error::io(
            operand,
            "is neither a regular file nor a block device",
        )),
    }
}

impl Storage for FileStorage {
    fn operand(&self) -> &str {
        &self.operand
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.file
            .read_exact_at(buf, offset)
            .map_err(|e| match e.kind() {
                ErrorKind::UnexpectedEof => Error::corrupt(
                    &self.operand,
                    format!(
                        "cut while open: it ends before byte {}",
                        offset + buf.len() as u64
                    ),
                ),
                _ => Error::io(&self.operand, ("cannot read", e)),
            })
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::testing::Folder;

    #[test]
    fn what_cannot_be_a_snapshot_is_told_and_never_waited_for() {
        let folder = Folder::new("storage");
        let fifo = folder.path("fifo");
        fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for (path, errno) in [
            (fifo, 0),
            (folder.path("."), 0),
            ("/dev/null".into(), 0),
            (folder.path("absent"), libc::ENOENT),
            (folder.path("fifo/below"), libc::ENOTDIR),
        ] {
            let error = FileStorage::open(&path).err().unwrap();
            assert!(matches!(error, Error::Io { .. }), "{error}");
            assert_eq!(error.errno(), errno, "{error}");
            assert!(error.to_string().contains(&path.display().to_string()));
        }
    }

    #[test]
    fn a_file_cut_while_open_is_damage() {
        let folder = Folder::new("cut");
        let path = folder.path("a");
        std::fs::write(&path, [7; 100]).unwrap();
        let storage = FileStorage::open(&path).unwrap();
        assert_eq!(storage.size(), 100);
        let mut buf = [0; 60];
        storage.read_at(40, &mut buf).unwrap();
        assert_eq!(buf, [7; 60]);
        std::fs::write(&path, [7; 50]).unwrap();
        assert!(matches!(
            storage.read_at(40, &mut buf),
            Err(Error::Corrupt { .. })
        ));
    }
}
