//! QEMU's locks on image files, as its block/file-posix.c has them: each permission on an image has
//! a byte in the file, far before any end, locked by who uses the permission; and a second byte,
//! locked by who does not let others use it. They belong to the open file, not to the process, and
//! bind only those who look.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;

/// Byte of the first permission, for who uses it.
const USED: i64 = 100;
/// The same for who denies it to others.
const DENIED: i64 = 200;

/// Permissions, by number.
const CONSISTENT_READ: i64 = 0;
const WRITE: i64 = 1;
const RESIZE: i64 = 3;

/// What came of trying to lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Nobody else writes, and who asks is told not to until the file is closed.
    Held,
    /// Somebody writes it, or lets nobody read.
    Taken,
    /// The file system has no such locks.
    Unknown,
}

/// Locks a file for reading, as long as it is open, like a QEMU that reads it.
pub fn hold(file: &OwnedFd) -> Result<Lock, Errno> {
    // First ours, then a look at those of others: of two that begin at once, one sees the other.
    for byte in [USED + CONSISTENT_READ, DENIED + WRITE, DENIED + RESIZE] {
        match command(file, libc::F_OFD_SETLK, libc::F_RDLCK, byte) {
            Ok(_) => {}
            Err(Errno::AGAIN | Errno::ACCESS) => return Ok(Lock::Taken),
            Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK) => {
                return Ok(Lock::Unknown);
            }
            Err(e) => return Err(e),
        }
    }
    for byte in [DENIED + CONSISTENT_READ, USED + WRITE, USED + RESIZE] {
        if command(file, libc::F_OFD_GETLK, libc::F_WRLCK, byte)? != libc::F_UNLCK {
            return Ok(Lock::Taken);
        }
    }
    Ok(Lock::Held)
}

/// One fcntl on one byte; gives back the type of lock that the system answers with.
fn command(file: &OwnedFd, what: i32, kind: i32, byte: i64) -> Result<i32, Errno> {
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
