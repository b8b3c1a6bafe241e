//! Header extensions: what is not in the fixed part of the header.

use super::fault::{Checked, damaged};

const END: u32 = 0;
const BACKING_FORMAT: u32 = 0xe279_2aca;
const FEATURE_NAMES: u32 = 0x6803_f857;
const DATA_FILE: u32 = 0x4441_5441;

/// A feature name: type, bit number, and 46 bytes of name padded with zeros.
const FEATURE_ENTRY: usize = 48;
const INCOMPATIBLE: u8 = 0;

/// The extensions that matter to a reader; all others may be left aside.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Extensions<'a> {
    /// Name of the format that the backing file is in.
    pub backing_format: Option<&'a [u8]>,
    /// Name of the external data file.
    pub data_file: Option<&'a [u8]>,
    feature_names: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Parses the bytes between the fixed header and what follows the extensions.
    pub fn parse(area: &'a [u8]) -> Checked<Extensions<'a>> {
        let mut found = Extensions::default();
        let mut rest = area;
        while !rest.is_empty() {
            let Some((head, data)) = rest.split_first_chunk::<8>() else {
                return damaged("a header extension leaves its place");
            };
            let [kind @ .., l0, l1, l2, l3] = *head;
            let kind = u32::from_be_bytes(kind);
            if kind == END {
                break;
            }
            let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
            let Some(data_of) = data.get(..len) else {
                return damaged(format!(
                    "the header extension {kind:#010x} of {len} bytes leaves its place"
                ));
            };
            match kind {
                BACKING_FORMAT => once(&mut found.backing_format, data_of, "backing file formats")?,
                DATA_FILE => once(&mut found.data_file, data_of, "external data files")?,
                FEATURE_NAMES => found.feature_names = data_of,
                _ => {}
            }
            rest = data.get(len.next_multiple_of(8)..).unwrap_or_default();
        }
        Ok(found)
    }

    /// What the image itself calls an incompatible feature.
    pub fn incompatible_name(&self, bit: u32) -> Option<Vec<u8>> {
        let entry = self
            .feature_names
            .chunks_exact(FEATURE_ENTRY)
            .find(|entry| {
                entry.first() == Some(&INCOMPATIBLE)
                    && entry.get(1).is_some_and(|b| u32::from(*b) == bit)
            })?;
        let name = entry.get(2..)?;
        let len = name.iter().position(|b| *b == 0).unwrap_or(name.len());
        (len > 0).then(|| name.iter().take(len).copied().collect())
    }
}

/// Two answers to one question are none.
fn once<'a>(slot: &mut Option<&'a [u8]>, data: &'a [u8], what: &str) -> Checked<()> {
    match slot.replace(data) {
        None => Ok(()),
        Some(_) => damaged(format!("its header names two {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;

    fn extension(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut out = kind.to_be_bytes().to_vec();
        out.extend((data.len() as u32).to_be_bytes());
        out.extend(data);
        out.resize(out.len().next_multiple_of(8), 0xaa);
        out
    }

    #[test]
    fn strings_are_found_whatever_stands_between_them() {
        let mut area = extension(0x1234_5678, b"something new");
        area.extend(extension(BACKING_FORMAT, b"qcow2"));
        area.extend(extension(DATA_FILE, b"disk.raw"));
        area.extend(extension(END, b""));
        area.extend(extension(BACKING_FORMAT, b"behind the end"));
        let found = Extensions::parse(&area).unwrap();
        assert_eq!(found.backing_format, Some(&b"qcow2"[..]));
        assert_eq!(found.data_file, Some(&b"disk.raw"[..]));
    }

    #[test]
    fn the_last_extension_needs_neither_padding_nor_end() {
        let area = extension(BACKING_FORMAT, b"raw");
        let found = Extensions::parse(&area[..11]).unwrap();
        assert_eq!(found.backing_format, Some(&b"raw"[..]));
        assert_eq!(Extensions::parse(&[]).unwrap(), Extensions::default());
    }

    #[test]
    fn what_leaves_the_area_or_comes_twice_is_refused() {
        let whole = extension(DATA_FILE, b"a name of a file");
        for len in (1..8).chain(9..24) {
            let cut = Extensions::parse(&whole[..len]);
            assert!(matches!(cut, Err(Fault::Damaged(_))), "{len}: {cut:?}");
        }
        let huge = [0x44, 0x41, 0x54, 0x41, 0xff, 0xff, 0xff, 0xff, 0, 0];
        assert!(Extensions::parse(&huge).is_err());
        let twice = [whole.clone(), whole].concat();
        assert!(Extensions::parse(&twice).is_err());
    }

    #[test]
    fn features_have_the_names_of_the_table() {
        let mut table = Vec::new();
        for (kind, bit, name) in [(1, 7, "other kind"), (0, 7, "time travel"), (0, 8, "")] {
            let mut entry = vec![kind, bit];
            entry.extend(name.bytes());
            entry.resize(FEATURE_ENTRY, 0);
            table.extend(entry);
        }
        table.extend([0, 9]);
        table.extend([b'x'; 46]);
        table.extend([0, 10, b'c', b'u', b't']);
        let area = extension(FEATURE_NAMES, &table);
        let found = Extensions::parse(&area).unwrap();
        assert_eq!(found.incompatible_name(7), Some(b"time travel".to_vec()));
        assert_eq!(found.incompatible_name(8), None);
        assert_eq!(found.incompatible_name(9), Some(vec![b'x'; 46]));
        assert_eq!(found.incompatible_name(10), None);
    }
}
