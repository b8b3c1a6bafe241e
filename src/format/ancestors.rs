//! The page of ancestors: the snapshots that a thin one leans on.

use super::bytes::{Reader, Writer};
use super::{Decoded, Hash};
use crate::error::{Result, try_with_capacity, try_zeroed};

const KIND_ANCESTORS: u8 = 5;
const INHERITED: u8 = 1;
/// Bytes in front of the ancestors, and of an ancestor without its hint.
const HEAD: usize = 72;
/// Bytes in a hint, at most.
const HINT_MAX: usize = 255;

/// An ancestor, as its child names it. Borrows from the bytes of the page, which hold keys: whoever
/// has those wipes them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AncestorEntry<'a> {
    /// Its root hash.
    pub root: Hash,
    /// The file key of an encrypted one.
    pub key: Option<&'a [u8; 32]>,
    /// A file name under which it may be found beside the child; empty without one.
    pub hint: &'a [u8],
}

/// The page of ancestors.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AncestorsPage<'a> {
    /// Root hash of the parent that the snapshot was built on; zeros without one.
    pub parent: Hash,
    /// The unit hash key, where it is the parent's and not the file's own.
    pub unit_hash_key: Option<&'a [u8; 32]>,
    /// The ancestors, in the order in which extents count them.
    pub entries: Vec<AncestorEntry<'a>>,
}

impl<'a> AncestorsPage<'a> {
    /// Ancestors that a snapshot may have.
    pub const COUNT_MAX: usize = 64;
    /// Decoded length, at most.
    pub const LEN_MAX: usize = 32 << 10;
    /// Bytes in the file that this page and the root page take together, tags included.
    pub const WITH_ROOT_MAX: u64 = 48 << 10;

    /// The decoded bytes of this page, with the keys in them.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = try_zeroed(self.len(), "a page of ancestors")?;
        self.encode_in(&mut bytes);
        Ok(bytes)
    }

    /// Bytes of this page.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        let entries = self.entries.iter().map(|entry| HEAD + entry.hint.len());
        HEAD + entries.sum::<usize>()
    }

    /// Fills in this page, in as many bytes as it has.
    pub fn encode_in(&self, bytes: &mut [u8]) {
        let mut w = Writer::new(bytes);
        w.u8(KIND_ANCESTORS);
        w.u8(match self.unit_hash_key {
            Some(_) => INHERITED,
            None => 0,
        });
        w.u16(self.entries.len() as u16);
        w.zeros(4);
        w.bytes(&self.parent);
        w.bytes(self.unit_hash_key.unwrap_or(&[0; 32]));
        for entry in &self.entries {
            w.bytes(&entry.root);
            w.bytes(entry.key.unwrap_or(&[0; 32]));
            w.u8(entry.key.is_some().into());
            w.u8(entry.hint.len() as u8);
            w.zeros(6);
            w.bytes(entry.hint);
        }
    }

    /// How many ancestors a page says that it has, more than there may be included.
    pub fn count(bytes: &[u8]) -> Decoded<usize> {
        let mut r = Reader::new(bytes);
        r.take(2)?;
        Ok(r.u16()?.into())
    }

    /// Decodes a page; `sealed` tells whether it is of an encrypted file.
    pub fn decode(bytes: &'a [u8], sealed: bool) -> Decoded<Self> {
        let mut r = Reader::new(bytes);
        if r.u8()? != KIND_ANCESTORS {
            return Err("the page of ancestors is none".into());
        }
        let inherited = match r.u8()? {
            0 => false,
            INHERITED if sealed => true,
            _ => return Err("the page of ancestors has flags that do not fit".into()),
        };
        let count = usize::from(r.u16()?);
        r.zeros(4, "page of ancestors")?;
        let parent = r.array()?;
        let unit_hash_key = key(r.key()?, inherited)?;
        if count > Self::COUNT_MAX {
            return Err("more ancestors than there may be".into());
        }
        let mut entries: Vec<AncestorEntry<'a>> = try_with_capacity(count, "ancestors")?;
        for _ in 0..count {
            let entry = AncestorEntry::decode(&mut r, sealed)?;
            if entries.iter().any(|other| other.root == entry.root) {
                return Err("two ancestors have one root".into());
            }
            entries.push(entry);
        }
        r.end("page of ancestors")?;
        Ok(AncestorsPage {
            parent,
            unit_hash_key,
            entries,
        })
    }
}

impl<'a> AncestorEntry<'a> {
    fn decode(r: &mut Reader<'a>, sealed: bool) -> Decoded<Self> {
        let root = r.array()?;
        let bytes = r.key()?;
        let encrypted = match r.u8()? {
            0 => false,
            1 if sealed => true,
            _ => return Err("an ancestor has flags that do not fit".into()),
        };
        let hint_len = usize::from(r.u8()?);
        r.zeros(6, "page of ancestors")?;
        let hint = r.take(hint_len)?;
        if root == [0; 32] {
            return Err("an ancestor has no root".into());
        }
        if !hint.is_empty() && !is_hint(hint) {
            return Err("the hint of an ancestor is no file name".into());
        }
        let key = key(bytes, encrypted)?;
        Ok(AncestorEntry { root, key, hint })
    }
}

/// Whether bytes may be recorded as a hint: they are one file name, and none that leads elsewhere
/// or that a terminal takes for more than text.
pub fn is_hint(name: &[u8]) -> bool {
    let plain = |byte: &u8| *byte >= 0x20 && *byte != 0x7f && *byte != b'/';
    !matches!(name, b"" | b"." | b"..") && name.len() <= HINT_MAX && name.iter().all(plain)
}

/// A key that is there exactly when it is said to be.
fn key(bytes: &[u8; 32], there: bool) -> Decoded<Option<&[u8; 32]>> {
    if (*bytes != [0; 32]) != there {
        return Err("a key in the page of ancestors does not fit its flag".into());
    }
    Ok(there.then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn sample(key: Option<&[u8; 32]>) -> AncestorsPage<'_> {
        AncestorsPage {
            parent: [1; 32],
            unit_hash_key: key,
            entries: vec![
                AncestorEntry {
                    root: [1; 32],
                    key,
                    hint: b"base.hxz",
                },
                AncestorEntry {
                    root: [2; 32],
                    key: None,
                    hint: b"",
                },
            ],
        }
    }

    fn is_refused(bytes: &[u8], sealed: bool) -> bool {
        AncestorsPage::decode(bytes, sealed).is_err()
    }

    fn changed(bytes: &[u8], at: usize, to: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    }

    /// docs/FORMAT.md, section 8.1, by hand.
    #[test]
    fn the_bytes_are_those_of_the_description() {
        let mut expected = vec![5, 1, 2, 0, 0, 0, 0, 0];
        expected.extend([1; 32]);
        expected.extend(KEY);
        expected.extend([1; 32]);
        expected.extend(KEY);
        expected.extend([1, 8, 0, 0, 0, 0, 0, 0]);
        expected.extend(b"base.hxz");
        expected.extend([2; 32]);
        expected.extend([0; 40]);
        assert_eq!(sample(Some(&KEY)).encode().unwrap(), expected);
        assert_eq!(expected.len(), 72 + 72 + 8 + 72);
    }

    #[test]
    fn comes_back_as_it_went() {
        for (page, sealed) in [
            (AncestorsPage::default(), false),
            (sample(None), false),
            (sample(None), true),
            (sample(Some(&KEY)), true),
        ] {
            let bytes = page.encode().unwrap();
            assert!(AncestorsPage::decode(&bytes, sealed).unwrap() == page);
            for cut in 0..bytes.len() {
                assert!(is_refused(&bytes[..cut], sealed), "cut at {cut}");
            }
            assert!(is_refused(&[&bytes[..], &[0]].concat(), sealed));
        }
    }

    #[test]
    fn the_fullest_one_fits() {
        let hint = [b'x'; 255];
        let entries = (1..=64).map(|i| AncestorEntry {
            root: [i; 32],
            key: Some(&KEY),
            hint: &hint,
        });
        let page = AncestorsPage {
            entries: entries.collect(),
            ..sample(Some(&KEY))
        };
        let bytes = page.encode().unwrap();
        assert!(bytes.len() <= AncestorsPage::LEN_MAX);
        assert!(AncestorsPage::decode(&bytes, true).unwrap() == page);
        // Counted before it is decoded, for who tells too many from other damage.
        let many = changed(&bytes, 2, &[65]);
        assert_eq!(AncestorsPage::count(&many).unwrap(), 65);
        assert!(is_refused(&many, true));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let plain = sample(None).encode().unwrap();
        let sealed = sample(Some(&KEY)).encode().unwrap();
        let first = 72;
        for (what, bytes, is_sealed) in [
            ("kind", changed(&plain, 0, &[4]), false),
            ("unknown flag", changed(&sealed, 1, &[3]), true),
            ("bit 0 in a plain file", changed(&plain, 1, &[1]), false),
            ("fewer ancestors", changed(&plain, 2, &[1]), false),
            ("more ancestors", changed(&plain, 2, &[3]), false),
            ("padding", changed(&plain, 4, &[1]), false),
            ("unit key without bit 0", changed(&plain, 40, &KEY), false),
            (
                "bit 0 without a unit key",
                changed(&sealed, 40, &[0; 32]),
                true,
            ),
            ("no root", changed(&plain, first, &[0; 32]), false),
            ("one root twice", changed(&plain, first, &[2; 32]), false),
            (
                "key without a flag",
                changed(&plain, first + 32, &KEY),
                false,
            ),
            (
                "flag without a key",
                changed(&plain, first + 64, &[1]),
                true,
            ),
            ("flag in a plain file", sealed.clone(), false),
            ("unknown flag", changed(&sealed, first + 64, &[2]), true),
            ("padding", changed(&plain, first + 66, &[1]), false),
            ("long hint", changed(&plain, first + 65, &[9]), false),
            ("short hint", changed(&plain, first + 65, &[7]), false),
        ] {
            assert!(is_refused(&bytes, is_sealed), "{what}");
        }
        for hint in [
            "a/b.hxz",
            "/ase.hxz",
            "b\nse.hxz",
            "b\0se.hxz",
            "b\u{7f}se.hxz",
        ] {
            let bytes = changed(&plain, first + 72, hint.as_bytes());
            assert!(is_refused(&bytes[..first + 72 + 80], false), "{hint:?}");
        }
    }

    #[test]
    fn a_hint_is_one_file_name() {
        let long = [b'x'; 256];
        for good in [
            &b"a"[..],
            b"base.hxz",
            b"...",
            b"\xff\xfe",
            b"a b",
            &long[..255],
        ] {
            assert!(is_hint(good), "{good:?}");
        }
        for bad in [
            &b""[..],
            b".",
            b"..",
            b"a/b",
            b"/",
            b"a\n",
            b"\x1b[m",
            b"\x7f",
            b"a\0",
            &long,
        ] {
            assert!(!is_hint(bad), "{bad:?}");
        }
    }
}
