//! Unnamed files for what outgrows memory: gone with the process that has them, however it ends.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::place::{Existing, Place};
use super::temporary::Temporary;
use crate::error::{Error, Result, operand};

/// A folder where spill files can be made, held open so that its name need not stay what it is.
pub struct SpillFolder {
    place: Place,
}

/// A file without a name.
pub struct SpillFile {
    operand: String,
    file: OwnedFd,
}

impl SpillFolder {
    /// The folder of that name.
    pub fn open(folder: &Path) -> Result<Self> {
        let operand = operand(folder);
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| fs::openat(CWD, folder, flags, Mode::empty()));
        let opened = opened.map_err(|e| {
            Error::output(&operand, ("cannot open the folder for what is spilled", e))
        })?;
        Ok(SpillFolder {
            place: Place {
                operand,
                path: folder.to_owned(),
                folder: Arc::new(opened),
                name: OsStr::new("spill").to_owned(),
                existing: Existing::Replace,
            },
        })
    }

    /// The folder that an output at `path` will be in.
    pub fn beside(path: &Path) -> Result<Self> {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => SpillFolder::open(parent),
            _ => SpillFolder::open(Path::new(".")),
        }
    }

    /// A new file there.
    pub fn make(&self) -> Result<SpillFile> {
        let place = &self.place;
        let mode = Mode::RUSR | Mode::WUSR;
        let flags = OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
        let unnamed =
            retry_on_intr(|| fs::openat(&*place.folder, c".", flags | OFlags::TMPFILE, mode));
        let file = match unnamed {
            Ok(file) => file,
            Err(e @ (Errno::NOSPC | Errno::DQUOT | Errno::ACCESS | Errno::ROFS)) => {
                return Err(place.fail("cannot make a file for what is spilled", e));
            }
            // A file system without unnamed files: it loses its name at once.
            Err(_) => {
                let (file, named) = Temporary::make(place, |name| {
                    let flags = flags | OFlags::CREATE;
                    retry_on_intr(|| fs::openat(&*place.folder, name, flags, mode))
                })?;
                // With a name it would stay, and grow in everybody's sight.
                named.remove().map_err(|e| {
                    place.fail("cannot remove the name of a file for what is spilled", e)
                })?;
                file
            }
        };
        Ok(SpillFile {
            operand: place.operand.clone(),
            file,
        })
    }
}

impl SpillFile {
    /// What to call it in error texts.
    pub fn operand(&self) -> &str {
        &self.operand
    }

    /// Writes all of `data` at `offset`.
    pub fn write_all_at(&self, mut data: &[u8], mut offset: u64) -> Result<()> {
        while !data.is_empty() {
            let written = retry_on_intr(|| rustix::io::pwrite(&self.file, data, offset));
            match written.and_then(|n| if n == 0 { Err(Errno::NOSPC) } else { Ok(n) }) {
                Ok(n) => {
                    data = data.get(n..).unwrap_or_default();
                    offset += n as u64;
                }
                Err(e) => return Err(self.fail("cannot write what is spilled", e)),
            }
        }
        Ok(())
    }

    /// Fills all of `buf` from `offset`.
    pub fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> Result<()> {
        while !buf.is_empty() {
            let read = retry_on_intr(|| rustix::io::pread(&self.file, &mut *buf, offset));
            match read.and_then(|n| if n == 0 { Err(Errno::IO) } else { Ok(n) }) {
                Ok(n) => {
                    buf = buf.get_mut(n..).unwrap_or_default();
                    offset += n as u64;
                }
                Err(e) => return Err(self.fail("cannot read what was spilled", e)),
            }
        }
        Ok(())
    }

    /// Gives back the room of what is not needed any more, where the file system can.
    pub fn discard(&self, offset: u64, len: u64) {
        let flags = fs::FallocateFlags::PUNCH_HOLE | fs::FallocateFlags::KEEP_SIZE;
        // Room is all that this is about.
        let _ = fs::fallocate(&self.file, flags, offset, len);
    }

    fn fail(&self, what: &'static str, e: Errno) -> Error {
        Error::output(&self.operand, (what, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_no_name_and_keeps_what_is_written() {
        let folder = std::env::temp_dir().join(format!("hexz-{}-spill", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        for place in [
            SpillFolder::open(&folder),
            SpillFolder::beside(&folder.join("out.hxz")),
        ] {
            let file = place.unwrap().make().unwrap();
            file.write_all_at(b"abcdef", 4096).unwrap();
            file.discard(0, 4096);
            let mut buf = [0; 3];
            file.read_exact_at(&mut buf, 4097).unwrap();
            assert_eq!(&buf, b"bcd");
            assert!(file.read_exact_at(&mut buf, 4100).is_err());
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        }
        std::fs::remove_dir(&folder).unwrap();
        let e = SpillFolder::open(&folder).map(|_| ()).unwrap_err();
        assert!(e.to_string().contains("what is spilled"), "{e}");
    }
}
