//! How a complete file gets its name, on file systems of all kinds.
//!
//! Best first: a file without a name is linked. Where there is none, a temporary is renamed, which
//! must not replace anything (renameat2(2)); or linked, which cannot; or the name is taken with a
//! file of one byte, over which the temporary is then renamed. What a file system lacks it says with any
//! errno: EINVAL, ENOSYS, EPERM (vfat), EIO (rclone), EPERM from seccomp. So whatever fails, the
//! next is tried.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{self, AtFlags, CWD, RenameFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::place::{Place, write_byte};
use super::temporary::Temporary;
use crate::error::Result;
use crate::lock;

/// What became of a link.
pub(super) enum Linked {
    /// The name is the file's.
    Ours,
    /// Something else was given the name, and may have it still.
    Other,
}

/// Links a file that has no name.
///
/// By descriptor alone if that works; older kernels want a capability for it (open(2),
/// AT_EMPTY_PATH). Otherwise through /proc: in a thread with a file table of its own /proc/self is
/// another table, in which the same number is another file, or none. What /proc is, is not known
/// either. So what has the name then is compared with what was to get it.
pub(super) fn link(
    place: &Place,
    file: BorrowedFd<'_>,
    name: &OsStr,
) -> rustix::io::Result<Linked> {
    let before = fs::fstat(file)?;
    let folder = &*place.folder;
    let direct = retry_on_intr(|| fs::linkat(file, c"", folder, name, AtFlags::EMPTY_PATH));
    match direct {
        Ok(()) => {}
        Err(Errno::EXIST) if is_linked(file, &before) => {}
        Err(Errno::EXIST) => return Err(Errno::EXIST),
        Err(e) => {
            let by_proc = format!("/proc/thread-self/fd/{}", file.as_raw_fd());
            let flags = AtFlags::SYMLINK_FOLLOW;
            match retry_on_intr(|| fs::linkat(CWD, &by_proc, folder, name, flags)) {
                Ok(()) => {}
                Err(Errno::EXIST) if is_linked(file, &before) => {}
                Err(Errno::EXIST) => return Err(Errno::EXIST),
                // Without /proc only the first answer says something.
                Err(Errno::NOENT) => return Err(e),
                Err(e) => return Err(e),
            }
        }
    }
    let there = place.stat(name);
    if there.is_ok_and(|there| same_inode(&there, &before)) || is_linked(file, &before) {
        return Ok(Linked::Ours);
    }
    if let Ok(there) = there
        && there.st_nlink > 1
    {
        // It has another name, so that nothing is lost but the wrong one.
        place.remove(name);
    }
    Ok(Linked::Other)
}

/// Whether a file without a name was given one since: it has it, or it had it and somebody
/// replaced it at once, which is no failure.
fn is_linked(file: BorrowedFd<'_>, before: &Stat) -> bool {
    fs::fstat(file).is_ok_and(|now| {
        now.st_nlink > before.st_nlink
            || (now.st_ctime, now.st_ctime_nsec) != (before.st_ctime, before.st_ctime_nsec)
    })
}

/// Gives the file at `from` the name `to`, unless something has it: [`Errno::EXIST`].
pub(super) fn rename_new(
    place: &Place,
    file: BorrowedFd<'_>,
    from: &mut Temporary,
    to: &OsStr,
) -> rustix::io::Result<()> {
    let folder = &*place.folder;
    let flags = RenameFlags::NOREPLACE;
    match retry_on_intr(|| fs::renameat_with(folder, from.name(), folder, to, flags)) {
        Ok(()) => {
            from.keep();
            return Ok(());
        }
        Err(e) if fails(place, file, to, e)? => {}
        Err(_) => return Ok(()),
    }
    let flags = AtFlags::empty();
    match retry_on_intr(|| fs::linkat(folder, from.name(), folder, to, flags)) {
        // The other name goes when `from` does.
        Ok(()) => return Ok(()),
        Err(e) if fails(place, file, to, e)? => {}
        Err(_) => return Ok(()),
    }
    let taken = place.occupy(to)?;
    rename_over(place, file, from, to).inspect_err(|_| {
        if let Ok(there) = place.stat(to)
            && same_inode(&taken, &there)
            && taken.st_size == there.st_size
        {
            place.remove(to);
        }
    })
}

/// Gives the file at `from` the name `to`, and takes it from what has it.
pub(super) fn rename_over(
    place: &Place,
    file: BorrowedFd<'_>,
    from: &mut Temporary,
    to: &OsStr,
) -> rustix::io::Result<()> {
    let folder = &*place.folder;
    match retry_on_intr(|| fs::renameat(folder, from.name(), folder, to)) {
        Err(e) if !is_ours(place, file, to) => Err(e),
        _ => {
            from.keep();
            Ok(())
        }
    }
}

/// Whether a failure is one; fails if it is the last word. A server may have done what it was
/// asked and only its answer was lost, or the call was interrupted.
fn fails(place: &Place, file: BorrowedFd<'_>, to: &OsStr, e: Errno) -> rustix::io::Result<bool> {
    match (is_ours(place, file, to), e) {
        (true, _) => Ok(false),
        (false, Errno::EXIST) => Err(e),
        (false, _) => Ok(true),
    }
}

/// Whether a name is that of the file, which is marked. Device and inode alone do not tell: some
/// file systems have one inode number for all.
fn is_ours(place: &Place, file: BorrowedFd<'_>, name: &OsStr) -> bool {
    let (Ok(ours), Ok(there)) = (fs::fstat(file), place.stat(name)) else {
        return false;
    };
    same_inode(&ours, &there)
        && ours.st_size == there.st_size
        && place
            .open(name)
            .is_none_or(|there| lock::is_marked(there) != Ok(false))
}

fn same_inode(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Whether files without names can be linked here: one that is empty is, beside the output. The
/// name is then there for `meanwhile`, and its file marked.
pub(super) fn try_link(place: &Place, meanwhile: impl FnOnce(&OsStr)) -> Result<bool> {
    let Ok(file) = place.make_unnamed() else {
        return Ok(false);
    };
    lock::mark(&file);
    let made = Temporary::make(place, |name| match link(place, file.as_fd(), name)? {
        Linked::Ours => Ok(()),
        Linked::Other => Err(Errno::IO),
    });
    let Ok(((), temporary)) = made else {
        return Ok(false);
    };
    meanwhile(temporary.name());
    Ok(true)
}

/// Whether temporaries can be renamed here, as an output will be, with a pair of one byte each.
pub(super) fn try_rename(place: &Place, over: bool) -> rustix::io::Result<()> {
    /// Another build may take them for what a dead one left.
    const ATTEMPTS: usize = 10;
    let mut last = Errno::NOENT;
    for _ in 0..ATTEMPTS {
        let made = (|| {
            let (file, mut from) = Temporary::make(place, |name| place.make(name)).ok()?;
            lock::mark(&file);
            write_byte(&file);
            let (_, to) = Temporary::make(place, |name| place.occupy(name)).ok()?;
            if !over && let Err(e) = fs::unlinkat(&*place.folder, to.name(), AtFlags::empty()) {
                return Some(Err(e));
            }
            let renamed = match over {
                true => rename_over(place, file.as_fd(), &mut from, to.name()),
                false => rename_new(place, file.as_fd(), &mut from, to.name()),
            };
            // Closed before they are removed, as an output is.
            drop(file);
            Some(renamed)
        })();
        match made {
            Some(Err(e @ (Errno::NOENT | Errno::EXIST))) => last = e,
            Some(done) => return done,
            // They cannot even be made; what makes the output's own says why.
            None => return Ok(()),
        }
    }
    Err(last)
}
