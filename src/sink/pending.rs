//! A file that appears whole or not at all.
//!
//! It is written without a name (`O_TMPFILE`, open(2)) and linked into its folder when it is
//! complete, so that nothing, not even a kill, leaves half a file. Only a file system without
//! `O_TMPFILE`, and the instant of replacing an old file, need a named temporary.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Error, Result, Why};

/// Longest file name that file systems take, in bytes.
const NAME_MAX: usize = 255;
/// Names tried for a temporary before giving up.
const ATTEMPTS: usize = 100;

/// What to do about an output that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse; the text names the flag that would replace it.
    Refuse(&'static str),
    /// Replace it, at once and whole.
    Replace,
}

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

/// The folder and the name of an output, if it can be one.
fn place(path: &Path, existing: Existing) -> Result<(OwnedFd, &OsStr)> {
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

fn mode() -> Mode {
    Mode::RUSR | Mode::WUSR
}

/// `.NAME.hexz-XXXXXX`, short enough for a file system.
fn temporary_name(name: &OsStr) -> rustix::io::Result<OsString> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = [0; 6];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let suffix: Vec<u8> = b".hexz-"
        .iter()
        .copied()
        .chain(random.iter().map(|b| LETTERS[usize::from(b % 32)]))
        .collect();
    let keep = name.len().min(NAME_MAX - 1 - suffix.len());
    let mut full = vec![b'.'];
    full.extend_from_slice(name.as_bytes().get(..keep).unwrap_or_default());
    full.extend_from_slice(&suffix);
    Ok(OsStr::from_bytes(&full).to_owned())
}

/// Refuses what is there already, unless it is a regular file or symbolic link to be replaced.
fn check_existing(folder: &OwnedFd, name: &OsStr, existing: Existing, operand: &str) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs as stdfs;
    use std::path::PathBuf;

    /// A folder of its own for a test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hexz-{}-{name}", std::process::id()));
            stdfs::create_dir(&path).unwrap();
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = stdfs::read_dir(&self.0)
                .unwrap()
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            stdfs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn nothing_is_there_before_publishing_or_after_dropping() {
        let folder = Folder::new("drop");
        let path = folder.0.join("a");
        let pending = PendingFile::create(&path, Existing::Refuse("F")).unwrap();
        pending.write_all_at(b"half", 0).unwrap();
        assert!(folder.names().is_empty());
        drop(pending);
        assert!(folder.names().is_empty());
        let pending = PendingFile::create(&path, Existing::Refuse("F")).unwrap();
        pending.write_all_at(b"whole", 0).unwrap();
        pending.publish(true).unwrap();
        assert_eq!(folder.names(), ["a"]);
        assert_eq!(stdfs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn an_old_file_is_kept_or_replaced_whole() {
        let folder = Folder::new("old");
        let path = folder.0.join("a");
        let pending = PendingFile::create(&path, Existing::Refuse("F")).unwrap();
        stdfs::write(&path, "old").unwrap();
        assert!(matches!(pending.publish(true), Err(Error::Exists { .. })));
        assert!(PendingFile::create(&path, Existing::Refuse("F")).is_err());
        assert_eq!(stdfs::read(&path).unwrap(), b"old");
        let pending = PendingFile::create(&path, Existing::Replace).unwrap();
        pending.write_all_at(b"new", 0).unwrap();
        assert_eq!(stdfs::read(&path).unwrap(), b"old");
        pending.publish(true).unwrap();
        assert_eq!(stdfs::read(&path).unwrap(), b"new");
        assert_eq!(folder.names(), ["a"]);
    }

    #[test]
    fn a_named_temporary_serves_where_unnamed_files_do_not() {
        let folder = Folder::new("named");
        let path = folder.0.join("a");
        for existing in [Existing::Refuse("F"), Existing::Replace] {
            for publish in [false, true] {
                let mut pending = PendingFile::create(&path, existing).unwrap();
                let ((), name) = pending.named(|name| pending.link(name)).unwrap();
                pending.temporary = Some(name);
                assert!(folder.names().iter().any(|n| n.starts_with(".a.hexz-")));
                match publish {
                    true => pending.publish(false).unwrap(),
                    false => drop(pending),
                }
                assert!(folder.names().iter().all(|n| n == "a"));
            }
        }
        assert_eq!(folder.names(), ["a"]);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = Folder::new("link");
        let (path, target) = (folder.0.join("a"), folder.0.join("target"));
        stdfs::write(&target, "target").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        PendingFile::create(&path, Existing::Replace)
            .unwrap()
            .publish(false)
            .unwrap();
        assert_eq!(stdfs::read(&target).unwrap(), b"target");
        assert!(stdfs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let folder = Folder::new("kinds");
        stdfs::create_dir(folder.0.join("d")).unwrap();
        for bad in ["d", "d/", "d/..", "missing/a", "a/", "a/."] {
            let made = PendingFile::create(&folder.0.join(bad), Existing::Replace);
            assert!(matches!(made, Err(Error::Output { .. })), "{bad}");
        }
        for bad in ["", "/", "/dev/null"] {
            assert!(
                PendingFile::create(Path::new(bad), Existing::Replace).is_err(),
                "{bad}"
            );
        }
        let long = folder.0.join("n".repeat(255));
        PendingFile::create(&long, Existing::Replace)
            .unwrap()
            .publish(false)
            .unwrap();
        PendingFile::create(&long, Existing::Replace)
            .unwrap()
            .publish(false)
            .unwrap();
        assert_eq!(folder.names().len(), 2);
    }
}
