//! What an output takes over from the file that it replaces, as editors have it: mode, owner, group
//! and access control list, as far as the system lets it.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, Gid, Mode, Stat, Uid, XattrFlags};
use rustix::io::Errno;

use crate::error::try_zeroed;

/// The list beyond the mode's nine bits (acl(5)).
const ACL: &str = "system.posix_acl_access";

/// Gives `file` what `old` has, which is at `path`. What is not allowed is left: a group that cannot
/// be set gives no rights to another one.
pub(super) fn pass_on(file: &OwnedFd, old: &Stat, path: &Path) {
    // Never what runs as somebody: set-user-ID, set-group-ID.
    let mut mode = old.st_mode & 0o777;
    // The owner first, since changing it takes bits from the mode (chown(2)).
    let (owner, group) = (Uid::from_raw(old.st_uid), Gid::from_raw(old.st_gid));
    let has_group = fs::fchown(file, Some(owner), Some(group)).is_ok()
        || fs::fchown(file, None, Some(group)).is_ok()
        || fs::fstat(file).is_ok_and(|now| now.st_gid == old.st_gid);
    // With a list the mode's group bits are what the list may grant at most.
    if !(has_group & copy_acl(file, path)) {
        mode &= 0o707 | (mode & 0o007) << 3;
    }
    let _ = fs::fchmod(file, Mode::from_raw_mode(mode));
}

/// Whether the file now has the list that the old one has, or neither has any.
fn copy_acl(file: &OwnedFd, path: &Path) -> bool {
    match fs::lgetxattr_query(path, ACL) {
        Ok(len) => {
            let Ok(mut acl) = try_zeroed(len, "an access control list") else {
                return false;
            };
            fs::lgetxattr(path, ACL, &mut *acl) == Ok(len)
                && fs::fsetxattr(file, ACL, &acl, XattrFlags::empty()).is_ok()
        }
        // None; the folder may have given the new one a list.
        Err(Errno::NODATA) => matches!(
            fs::fremovexattr(file, ACL),
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP)
        ),
        Err(e) => matches!(e, Errno::OPNOTSUPP | Errno::NOSYS),
    }
}
