//! Temporaries beside an output: their names, and those that dead builds left.
//!
//! Whoever writes one has it marked ([`lock::mark`]), so that only what nobody writes is swept up.

use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use rustix::fs::{self, AtFlags, Mode, OFlags, RawDir};
use rustix::io::{Errno, retry_on_intr};

use super::place::Place;
use crate::error::{Error, Result};
use crate::lock::{self, Lock};

/// Longest file name where the file system tells none, and longest that is tried, in bytes.
const NAME_MAX: usize = 255;
/// Names tried for a temporary before giving up.
const ATTEMPTS: usize = 100;
/// Names looked at in a folder for what was left, so that a huge one holds nobody up.
const SWEPT_MAX: usize = 100_000;

const INFIX: &[u8] = b".hexz-";
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const LETTERS_LEN: usize = 6;

/// A name beside an output, removed when this is dropped.
pub(super) struct Temporary {
    folder: Arc<OwnedFd>,
    name: Option<OsString>,
}

impl Temporary {
    /// Its name; empty when it has none any more.
    pub fn name(&self) -> &OsStr {
        self.name.as_deref().unwrap_or_default()
    }

    /// It has become something else, or was moved away.
    pub fn keep(&mut self) {
        self.name = None;
    }

    /// Removes it now; if that fails, nobody tries again.
    pub fn remove(mut self) -> rustix::io::Result<()> {
        match self.name.take() {
            Some(name) => fs::unlinkat(&*self.folder, name, AtFlags::empty()),
            None => Ok(()),
        }
    }

    /// Runs `make` with names for a temporary of `place` until one is free.
    pub fn make<T>(
        place: &Place,
        make: impl Fn(&OsStr) -> rustix::io::Result<T>,
    ) -> Result<(T, Temporary)> {
        let mut refused = Errno::EXIST;
        'lengths: for len in lengths(place) {
            for _ in 0..ATTEMPTS {
                let name = name(&place.name, len).map_err(|e| place.fail("cannot name", e))?;
                match make(&name) {
                    Ok(made) => {
                        let temporary = Temporary {
                            folder: place.folder.clone(),
                            name: Some(name),
                        };
                        return Ok((made, temporary));
                    }
                    Err(Errno::EXIST) => {}
                    // Not every file system says in advance how long a name may be.
                    Err(e @ (Errno::NAMETOOLONG | Errno::INVAL)) => {
                        refused = e;
                        continue 'lengths;
                    }
                    Err(e) => return Err(fail(place, e)),
                }
            }
            refused = Errno::EXIST;
        }
        Err(fail(place, refused))
    }

    /// Removes the temporaries of `place` that are marked by nobody, as builds that were killed
    /// left them. `living` is the one that this build has; if its mark cannot be seen, marks tell
    /// nothing here, and nothing is removed.
    pub fn sweep(place: &Place, living: &OsStr) {
        let seen = place
            .open(living)
            .is_some_and(|file| lock::is_marked(file) == Ok(true));
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let listed = retry_on_intr(|| fs::openat(&*place.folder, c".", flags, Mode::empty()));
        let (true, Ok(listed)) = (seen, listed) else {
            return;
        };
        let lengths = lengths(place);
        let mut buf = [const { MaybeUninit::uninit() }; 16 << 10];
        let mut names = RawDir::new(listed, &mut buf);
        for _ in 0..SWEPT_MAX {
            let Some(Ok(entry)) = names.next() else {
                return;
            };
            let found = entry.file_name().to_bytes();
            if found != living.as_bytes() && is_name(&place.name, found, &lengths) {
                sweep_one(place, OsStr::from_bytes(found));
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // Nothing is left to tell if this fails: the work has already failed or is done.
            let _ = fs::unlinkat(&*self.folder, name, AtFlags::empty());
        }
    }
}

fn sweep_one(place: &Place, name: &OsStr) {
    let Some(file) = place.open(name) else {
        return;
    };
    // Held until it is gone: who has just made it and comes to mark it sees that, and makes another.
    if lock::keep_unmarked(&file) == Lock::Held
        && let (Ok(ours), Ok(there)) = (fs::fstat(&file), place.stat(name))
        && (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
    {
        place.remove(name);
    }
}

fn fail(place: &Place, e: Errno) -> Error {
    match e {
        Errno::NAMETOOLONG => place.fail("its name is too long for its file system", e),
        e => place.fail("cannot create a temporary beside it", e),
    }
}

/// How long a temporary's name may be: as the file system says, and no longer than the output's,
/// which must fit in any case.
fn lengths(place: &Place) -> Vec<usize> {
    let told = fs::fstatfs(&*place.folder).map_or(0, |s| usize::try_from(s.f_namelen).unwrap_or(0));
    let most = match told {
        0 => NAME_MAX,
        told => told.min(NAME_MAX),
    };
    let shorter = place.name.len();
    match shorter < most {
        true => vec![most, shorter],
        false => vec![most],
    }
}

/// `.NAME.hexz-XXXXXX`, at most `len` bytes if that can be.
fn name(of: &OsStr, len: usize) -> rustix::io::Result<OsString> {
    let mut random = [0; LETTERS_LEN];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let mut full = stem(of, len);
    full.extend(random.iter().map(|b| LETTERS[usize::from(b % 32)]));
    Ok(OsStr::from_bytes(&full).to_owned())
}

/// What the names of temporaries of at most `len` bytes begin with. The output's name is cut at a
/// character, since some file systems take nothing but UTF-8; what is not UTF-8 anyway, anywhere.
fn stem(of: &OsStr, len: usize) -> Vec<u8> {
    let room = len.saturating_sub(1 + INFIX.len() + LETTERS_LEN);
    let kept = match of.to_str() {
        Some(text) => (0..=room.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0),
        None => room.min(of.len()),
    };
    let kept = of.as_bytes().get(..kept).unwrap_or_default();
    [b".", kept, INFIX].concat()
}

/// Whether a file of that name is a temporary of the output.
fn is_name(of: &OsStr, found: &[u8], lengths: &[usize]) -> bool {
    let Some((begin, end)) = found.split_at_checked(found.len().saturating_sub(LETTERS_LEN)) else {
        return false;
    };
    end.len() == LETTERS_LEN
        && end.iter().all(|b| LETTERS.contains(b))
        && lengths.iter().any(|len| stem(of, *len) == begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_characters_and_known_again() {
        let snow = "\u{96ea}".repeat(83);
        for (of, len, want) in [
            ("a", 255, ".a.hexz-".len()),
            (&snow, 255, 1 + 240 + 6),
            (&snow, 20, 1 + 6 + 6),
            (&snow, 3, 1 + 6),
            ("abcdefghij", 16, 1 + 3 + 6),
        ] {
            let of = OsStr::new(of);
            let stem = stem(of, len);
            assert_eq!(stem.len(), want);
            assert!(std::str::from_utf8(&stem).is_ok());
            let made = name(of, len).unwrap();
            assert!(made.as_bytes().starts_with(&stem));
            assert_eq!(made.len(), want + 6);
            assert!(is_name(of, made.as_bytes(), &[len]));
            assert!(!is_name(OsStr::new("b"), made.as_bytes(), &[255]));
        }
        let bytes = OsStr::from_bytes(&[0xFF; 30]);
        assert_eq!(stem(bytes, 20).len(), 1 + 7 + 6);
        for other in [
            "",
            ".a",
            ".a.hexz-",
            ".a.hexz-abcde",
            ".a.hexz-abcdeF",
            ".a.hexz-abcdefg",
            "a.hexz-abcdef",
        ] {
            assert!(
                !is_name(OsStr::new("a"), other.as_bytes(), &[255]),
                "{other}"
            );
        }
    }
}
