//! Files that are no disk, found out from their first and last bytes. Whoever gives one hardly means
//! that a machine shall have these bytes as its disk.
//!
//! Each mark is one that no disk has by chance. The first bytes of a disk are a jump of its boot
//! code, zeros, or the beginning of a file system or of another layer (LVM, RAID); so four fixed bytes
//! at its very beginning are a strong mark, unless they could be code: where they could, or where fewer
//! are fixed, fields behind them have to make sense too.

use super::RawSource;
use super::Source;
use super::qcow2;
use crate::error::{Error, Result, try_zeroed};
use crate::format::MAGIC as SNAPSHOT_MAGIC;

/// First bytes that are looked at: a VMDK descriptor begins with comments of any length.
const HEAD: usize = 4096;
/// Last bytes that are looked at: a footer has 512.
const TAIL: usize = 512;

/// What a file is, if it is no disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// What it is, for a sentence that begins with "is".
    pub name: &'static str,
    /// What makes a disk of it, for a sentence too.
    pub tool: &'static str,
}

struct Ends {
    head: Vec<u8>,
    tail: Vec<u8>,
}

struct Row {
    kind: Kind,
    is: fn(&Ends) -> bool,
}

const fn row(name: &'static str, tool: &'static str, is: fn(&Ends) -> bool) -> Row {
    let kind = Kind { name, tool };
    Row { kind, is }
}

/// qcow2, which is read as a disk, but is no memory dump.
const QCOW2: Row = row(
    "a qcow2 image",
    "give what the machine's memory was dumped to",
    |ends| ends.starts(&qcow2::MAGIC) && !qcow1(ends),
);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("a VMDK image", "convert it with qemu-img convert -f vmdk -O qcow2", vmdk),
    row("a VHDX image", "convert it with qemu-img convert -f vhdx -O qcow2", |e| e.starts(b"vhdxfile")),
    // Eight letters, in a copy of the footer in front of what grows; what is of fixed size has the
    // footer alone, where a disk with a partition table has its backup copy ("EFI PART") or data.
    row("a VHD image", "convert it with qemu-img convert -f vpc -O qcow2",
        |e| e.starts(b"conectix") || e.tail.starts_with(b"conectix")),
    row("a VDI image", "convert it with qemu-img convert -f vdi -O qcow2", vdi),
    row("a QED image", "convert it with qemu-img convert -f qed -O qcow2", |e| e.starts(b"QED\0")),
    row("a Parallels image", "convert it with qemu-img convert -f parallels -O qcow2",
        |e| e.starts(b"WithoutFreeSpace") || e.starts(b"WithouFreSpacExt")),
    row("a qcow image of version 1", "convert it with qemu-img convert -f qcow -O qcow2", qcow1),
    row("an Apple disk image", "convert it with qemu-img convert -f dmg -O qcow2", dmg),
    row("an Android sparse image", "unpack it with simg2img", android_sparse),
    row("an encrypted LUKS container", "open it with cryptsetup and give the device in /dev/mapper",
        |e| e.starts(b"LUKS\xba\xbe")),
    row("a hexz snapshot", "take the disk out of it with hexz extract", |e| e.starts(&SNAPSHOT_MAGIC)),
    row("compressed with gzip", "unpack it with gunzip", gzip),
    row("compressed with xz", "unpack it with unxz", |e| e.starts(b"\xfd7zXZ\0")),
    row("compressed with zstd", "unpack it with unzstd", zstd),
    row("compressed with bzip2", "unpack it with bunzip2", bzip2),
    row("compressed with lz4", "unpack it with unlz4", lz4),
    row("a 7z archive", "unpack it with 7z x", |e| e.starts(b"7z\xbc\xaf\x27\x1c")),
    row("a zip archive", "unpack it with unzip", zip),
    row("a tar archive", "unpack it with tar -xf", tar),
];

/// Refuses a source whose format nobody stated and that is something else than a disk.
pub fn refuse_other_than_disk(source: &RawSource) -> Result<()> {
    match kind_of(&Ends::of(source)?, TABLE) {
        None => Ok(()),
        Some(Kind { name, tool }) => Err(Error::source(
            source.operand(),
            format!(
                "is {name} and no disk; {tool}, or set HEXZ_FORMAT_RAW to take its bytes as they are"
            ),
        )),
    }
}

/// Refuses what holds no memory of a machine. Raw dumps and dumps in ELF are like none of these.
pub fn refuse_other_than_memory(source: &RawSource) -> Result<()> {
    let ends = Ends::of(source)?;
    let found = kind_of(&ends, TABLE).or(kind_of(&ends, &[QCOW2]));
    match found {
        None => Ok(()),
        Some(Kind { name, tool }) => Err(Error::source(
            source.operand(),
            format!(
                "is {name} and no memory dump; {tool}, or give it as the source with \
                 HEXZ_FORMAT_RAW if its bytes as they are shall be kept"
            ),
        )),
    }
}

fn kind_of(ends: &Ends, table: &[Row]) -> Option<Kind> {
    table.iter().find(|row| (row.is)(ends)).map(|row| row.kind)
}

impl Ends {
    fn of(source: &RawSource) -> Result<Self> {
        let part = |at: u64, len: usize| -> Result<Vec<u8>> {
            let len = (source.size() - at).min(len as u64);
            let mut bytes = try_zeroed(len as usize, "a look at a source")?;
            source.read_at(at, &mut bytes)?;
            Ok(bytes)
        };
        Ok(Ends {
            head: part(0, HEAD)?,
            tail: part(source.size().saturating_sub(TAIL as u64), TAIL)?,
        })
    }

    fn starts(&self, magic: &[u8]) -> bool {
        self.head.starts_with(magic)
    }

    fn has(&self, at: usize, bytes: &[u8]) -> bool {
        self.head.get(at..).is_some_and(|b| b.starts_with(bytes))
    }

    fn byte(&self, at: usize) -> u8 {
        self.head.get(at).copied().unwrap_or_default()
    }
}

/// Sparse extents of VMware's hosts and servers, old and new, by the letters and numbers that begin
/// them; and the text that describes an image, which QEMU knows by its first line that is no comment.
fn vmdk(ends: &Ends) -> bool {
    const SE_SPARSE: [u8; 8] = 0xcafe_babe_u64.to_le_bytes();
    if [&b"KDMV"[..], b"COWD", &SE_SPARSE]
        .iter()
        .any(|m| ends.starts(m))
    {
        return true;
    }
    let text = ends.head.trim_ascii_start();
    if !text.starts_with(b"#") {
        return false;
    }
    let mut lines = text.split(|b| matches!(b, b'\n' | b'\r'));
    let comment = lines.next().unwrap_or_default();
    let comment = comment.strip_prefix(b"#").unwrap_or(comment);
    let version = lines
        .map(|line| line.trim_ascii())
        .find(|line| !line.is_empty() && !line.starts_with(b"#"));
    let is_version = |line: &[u8]| {
        let parts = line.split_at_checked(b"version".len());
        parts.is_some_and(|(word, rest)| {
            word.eq_ignore_ascii_case(b"version") && rest.trim_ascii_start().starts_with(b"=")
        })
    };
    let comment = comment.trim_ascii();
    comment.eq_ignore_ascii_case(b"disk descriptorfile") || version.is_some_and(is_version)
}

/// The signature lies where a boot sector has code, so the version behind it has to be one of the two
/// that there were.
fn vdi(ends: &Ends) -> bool {
    ends.has(0x40, b"\x7f\x10\xda\xbe")
        && (ends.has(0x44, &[1, 0, 1, 0]) || ends.has(0x44, &[1, 0, 0, 0]))
}

fn qcow1(ends: &Ends) -> bool {
    ends.starts(&qcow2::MAGIC) && ends.has(4, &[0, 0, 0, 1])
}

/// A trailer of a name, its version and its own length.
fn dmg(ends: &Ends) -> bool {
    ends.tail.starts_with(b"koly\0\0\0\x04\0\0\x02\0")
}

/// A number, and the only major version that there was.
fn android_sparse(ends: &Ends) -> bool {
    ends.starts(b"\x3a\xff\x26\xed\x01\x00")
}

/// RFC 1952: two bytes are fixed and could be code ("pop ds; mov"). The method is deflate; of the
/// flags three are reserved; what its compressor and system say of themselves has few values.
fn gzip(ends: &Ends) -> bool {
    let (flags, extra, system) = (ends.byte(3), ends.byte(8), ends.byte(9));
    ends.starts(b"\x1f\x8b\x08")
        && ends.head.len() > 10
        && flags & 0xe0 == 0
        && matches!(extra, 0 | 2 | 4)
        && matches!(system, 0..=13 | 255)
}

/// RFC 8878. A file may begin with frames to be skipped, as that of pzstd does: they have a magic of
/// sixteen values, so the frame behind them has to be there too.
fn zstd(ends: &Ends) -> bool {
    let mut rest = ends.head.as_slice();
    while let Some((&[first, second, third, fourth, l0, l1, l2, l3], behind)) =
        rest.split_first_chunk()
    {
        if (first & 0xf0, second, third, fourth) != (0x50, 0x2a, 0x4d, 0x18) {
            break;
        }
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        rest = behind.get(len..).unwrap_or_default();
    }
    rest.starts_with(b"\x28\xb5\x2f\xfd")
}

/// Three letters, a digit, and six bytes that begin a block (the digits of pi) or, in a file of
/// nothing, end it (those of its root).
fn bzip2(ends: &Ends) -> bool {
    let block = |magic| ends.has(4, magic);
    ends.starts(b"BZh")
        && matches!(ends.byte(3), b'1'..=b'9')
        && (block(b"\x31\x41\x59\x26\x53\x59") || block(b"\x17\x72\x45\x38\x50\x90"))
}

/// A number, then flags of which two are the version and one is reserved.
fn lz4(ends: &Ends) -> bool {
    ends.starts(b"\x04\x22\x4d\x18") && ends.byte(4) & 0xc2 == 0x40
}

/// A first member, whose needed version is below 10; the end of an archive of nothing; and what
/// archives in parts put in front of either.
fn zip(ends: &Ends) -> bool {
    let spanned = ends.starts(b"PK\x07\x08PK") || ends.starts(b"PK00PK");
    let member = ends.starts(b"PK\x03\x04") && ends.byte(4) < 100;
    let empty = ends.starts(b"PK\x05\x06\0\0\0\0");
    spanned || member || empty
}

/// POSIX and GNU tar, eight bytes each: those of before had no magic.
fn tar(ends: &Ends) -> bool {
    ends.has(257, b"ustar\x0000") || ends.has(257, b"ustar  \0")
}

#[cfg(test)]
mod tests;
