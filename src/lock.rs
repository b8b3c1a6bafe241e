//! Locks on bytes of a file that belong to the open file and not to the process (fcntl(2), open file
//! description locks), and bind only those who look.
//!
//! Two kinds. QEMU's on image files, as its block/file-posix.c has them: each permission on an image
//! has a byte in the file, locked by who uses the permission; and a second byte, locked by who does
//! not let others use it. And our own, far beyond any end, where they are in nobody's way: a mark on
//! an output under way, and a probe that tells whether two open files are one.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicI64, Ordering};

use rustix::io::Errno;

/// Byte of the first permission, for who uses it.
const USED: i64 = 100;
/// The same for who denies it to others.
const DENIED: i64 = 200;

/// Permissions, by number.
const CONSISTENT_READ: i64 = 0;
const WRITE: i64 = 1;
const WRITE_UNCHANGED: i64 = 2;
const RESIZE: i64 = 3;

/// Byte that whoever writes an output holds.
const MARK: i64 = 1 << 62;
/// Bytes for probes, each of which takes one of its own.
const PROBE: i64 = MARK + 1;

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Reading, while nobody writes.
    Read,
    /// Writing, while nobody reads or writes.
    Write,
}

/// What came of trying to lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Nobody else does what was excluded, and who asks is told not to until the file is closed.
    Held,
    /// Somebody does, or lets nobody do what was asked for.
    Taken,
    /// The file system has no such locks, as the first one showed.
    Unknown,
}

/// Locks a file for a use, as long as it is open, like a QEMU that does the same. Locks that fail
/// after one was granted are an error: nobody can tell then who uses the file.
pub fn hold(file: impl AsFd, what: Use) -> Result<Lock, Errno> {
    let (used, denied): (&[i64], &[i64]) = match what {
        Use::Read => (&[CONSISTENT_READ], &[WRITE, RESIZE]),
        Use::Write => (
            &[CONSISTENT_READ, WRITE, RESIZE],
            &[CONSISTENT_READ, WRITE, WRITE_UNCHANGED, RESIZE],
        ),
    };
    let file = file.as_fd();
    let take = |byte| match command(file, libc::F_OFD_SETLK, libc::F_RDLCK, byte) {
        // Not open for reading, as a file that may only be written cannot be.
        Err(Errno::BADF) => command(file, libc::F_OFD_SETLK, libc::F_WRLCK, byte),
        done => done,
    };
    let is_taken = |byte| {
        let kind = command(file, libc::F_OFD_GETLK, libc::F_WRLCK, byte)?;
        Ok(kind != libc::F_UNLCK)
    };
    // First ours, then a look at those of others: of two that begin at once, one sees the other.
    let ours = used.iter().map(|p| USED + p);
    let mut granted = false;
    for byte in ours.chain(denied.iter().map(|p| DENIED + p)) {
        match take(byte) {
            Ok(_) => granted = true,
            Err(Errno::AGAIN | Errno::ACCESS) => return Ok(Lock::Taken),
            Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK) if !granted => {
                return Ok(Lock::Unknown);
            }
            Err(e) => return Err(e),
        }
    }
    let theirs = used.iter().map(|p| DENIED + p);
    for byte in theirs.chain(denied.iter().map(|p| USED + p)) {
        if is_taken(byte)? {
            return Ok(Lock::Taken);
        }
    }
    Ok(Lock::Held)
}

/// Marks a file, open for writing, as under way until it is closed. [`Lock::Taken`] means that
/// somebody is about to remove it, for want of a mark.
pub fn mark(file: impl AsFd) -> Lock {
    told(command(
        file.as_fd(),
        libc::F_OFD_SETLK,
        libc::F_WRLCK,
        MARK,
    ))
}

/// Keeps a file, open for reading, from being marked until it is closed; [`Lock::Taken`] if it is.
pub fn keep_unmarked(file: impl AsFd) -> Lock {
    told(command(
        file.as_fd(),
        libc::F_OFD_SETLK,
        libc::F_RDLCK,
        MARK,
    ))
}

/// Whether somebody else has marked the file.
pub fn is_marked(file: impl AsFd) -> Result<bool, Errno> {
    Ok(command(file.as_fd(), libc::F_OFD_GETLK, libc::F_WRLCK, MARK)? != libc::F_UNLCK)
}

/// Whether two open files, both open for reading, are one; an error means that locks do not tell.
pub fn are_one(one: impl AsFd, other: impl AsFd) -> Result<bool, Errno> {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    let turn = NEXT.fetch_add(1, Ordering::Relaxed) & 0xFFFF;
    // Others that probe the same file at once have another process or another turn.
    let byte = PROBE + (i64::from(std::process::id()) << 16) + turn;
    let (one, other) = (one.as_fd(), other.as_fd());
    let is_locked = || {
        let kind = command(other, libc::F_OFD_GETLK, libc::F_WRLCK, byte)?;
        Ok(kind != libc::F_UNLCK)
    };
    if is_locked()? {
        return Err(Errno::AGAIN);
    }
    command(one, libc::F_OFD_SETLK, libc::F_RDLCK, byte)?;
    let locked = is_locked();
    command(one, libc::F_OFD_SETLK, libc::F_UNLCK, byte)?;
    locked
}

fn told(done: Result<i32, Errno>) -> Lock {
    match done {
        Ok(_) => Lock::Held,
        Err(Errno::AGAIN | Errno::ACCESS) => Lock::Taken,
        Err(_) => Lock::Unknown,
    }
}

/// One fcntl on one byte; gives back the type of lock that the system answers with.
fn command(file: BorrowedFd<'_>, what: i32, kind: i32, byte: i64) -> Result<i32, Errno> {
    let mut lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    loop {
        // SAFETY: the descriptor is open, and these commands take a flock, which lives on.
        if unsafe { libc::fcntl(file.as_raw_fd(), what, &raw mut lock) } == 0 {
            return Ok(i32::from(lock.l_type));
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR) => {}
            other => return Err(Errno::from_raw_os_error(other.unwrap_or(libc::EIO))),
        }
    }
}
