//! Names of temporaries.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Longest file name that file systems take, in bytes.
const NAME_MAX: usize = 255;

/// `.NAME.hexz-XXXXXX`, short enough for a file system.
pub fn temporary_name(name: &OsStr) -> rustix::io::Result<OsString> {
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
