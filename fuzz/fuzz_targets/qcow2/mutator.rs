//! Changes that know where an image keeps its numbers. libFuzzer's own know nothing of that: in an
//! image of 200 KiB they would hit an entry of a table once in a thousand times.

use libfuzzer_sys::fuzzer_mutate;

use super::MAGIC;
use super::random::Random;

const HEADER: usize = 112;
const COMPRESSED: u64 = 1 << 62;
const COPIED: u64 = 1 << 63;
/// Where an entry keeps an offset.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// Fields of the header: where, and bytes.
const FIELDS: [(usize, usize); 16] = [
    (4, 4),   // version
    (8, 8),   // backing file: offset
    (16, 4),  // and length of its name
    (20, 4),  // cluster bits
    (24, 8),  // size
    (32, 4),  // encryption
    (36, 4),  // L1 table: entries
    (40, 8),  // and offset
    (48, 8),  // refcount table
    (60, 4),  // snapshots
    (72, 8),  // incompatible features
    (80, 8),  // compatible ones
    (88, 8),  // and those that writers clear
    (96, 4),  // width of refcounts
    (100, 4), // length of the header
    (104, 1), // compression
];

/// Changes `data[..size]`, and gives its new size, `max_size` at most.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random(u64::from(seed));
    let is_image = size >= HEADER && data.starts_with(MAGIC);
    if !is_image || size > max_size || random.below(4) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut image = Image {
        cluster_bits: number(data, 20, 4).clamp(9, 21) as u32,
        bytes: data,
        size,
        max_size,
    };
    for _ in 0..1 + random.below(3) {
        match random.below(16) {
            0 => image.cut(&mut random),
            1 => image.grow(&mut random),
            2 => image.copy(&mut random),
            3 => image.change_byte(&mut random),
            4..8 => image.change_field(&mut random),
            _ => image.change_entry(&mut random),
        }
    }
    image.size
}

struct Image<'a> {
    /// As many as there is room for.
    bytes: &'a mut [u8],
    size: usize,
    max_size: usize,
    cluster_bits: u32,
}

impl Image<'_> {
    fn cluster(&self) -> usize {
        1 << self.cluster_bits
    }

    fn read(&self, at: usize, len: usize) -> u64 {
        number(&self.bytes[..self.size], at, len)
    }

    fn write(&mut self, at: usize, len: usize, value: u64) {
        if let Some(field) = self.bytes[..self.size].get_mut(at..at + len) {
            field.copy_from_slice(&value.to_be_bytes()[8 - len..]);
        }
    }

    /// Where a table begins, as one of its own kind says, if that is in the image.
    fn inside(&self, offset: u64) -> Option<usize> {
        (offset != 0 && offset < self.size as u64).then_some(offset as usize)
    }

    fn l1(&self) -> Option<usize> {
        self.inside(self.read(40, 8))
    }

    /// Where an entry of the L1 table is.
    fn l1_entry(&self, random: &mut Random) -> Option<usize> {
        let entries = (self.read(36, 4) as usize).min((self.size - self.l1()?) / 8);
        Some(self.l1()? + random.below(entries) * 8)
    }

    /// Where an entry of an L2 table is, or a half of one.
    fn l2_entry(&self, random: &mut Random) -> Option<usize> {
        let at = self.l1_entry(random)?;
        let table = self.inside(self.read(at, 8) & OFFSET)?;
        // The disk is small, or only its beginning is read.
        let entries = random.of(&[4, 32, self.cluster() / 8]);
        Some(table + random.below(entries) * 8)
    }

    fn cut(&mut self, random: &mut Random) {
        let size = match random.below(2) {
            0 => (self.size - 1) / self.cluster() * self.cluster(),
            _ => self.size.saturating_sub(random.below(1024)),
        };
        self.size = size.max(HEADER);
    }

    /// Appends a cluster: zeros, or a copy of another.
    fn grow(&mut self, random: &mut Random) {
        let cluster = self.cluster();
        let end = self.size.next_multiple_of(cluster);
        if end + cluster > self.max_size {
            return;
        }
        self.bytes[self.size..end + cluster].fill(0);
        if random.below(2) == 0 {
            let from = random.below(end / cluster) * cluster;
            self.bytes.copy_within(from..from + cluster, end);
        }
        self.size = end + cluster;
    }

    /// A piece of a table to another place of a table.
    fn copy(&mut self, random: &mut Random) {
        let (Some(from), Some(to)) = (self.l2_entry(random), self.l2_entry(random)) else {
            return;
        };
        if let Some(room) = self.size.checked_sub(from.max(to)) {
            let len = room.min(8 << random.below(6));
            self.bytes.copy_within(from..from + len, to);
        }
    }

    /// A byte of what follows the header's fields, or of what an entry points to.
    fn change_byte(&mut self, random: &mut Random) {
        let at = match self.l2_entry(random).filter(|_| random.below(2) == 0) {
            None => HEADER + random.below(400),
            Some(entry) => {
                let entry = self.read(entry, 8);
                let from = match entry & COMPRESSED {
                    0 => entry & OFFSET,
                    _ => entry & ((1 << (70 - self.cluster_bits)) - 1),
                };
                from.saturating_add(random.below(64) as u64) as usize
            }
        };
        if let Some(byte) = self.bytes[..self.size].get_mut(at) {
            *byte ^= 1 << random.below(8);
        }
    }

    fn change_field(&mut self, random: &mut Random) {
        let (at, len) = random.of(&FIELDS);
        let now = self.read(at, len);
        let value = match random.below(6) {
            0 => now ^ 1 << random.below(len * 8),
            1 => now.wrapping_add(random.of(&[1, 8, 512, self.cluster() as u64])),
            2 => now.wrapping_sub(random.of(&[1, 8, 512, self.cluster() as u64])),
            3 => random.below(self.size) as u64,
            4 => random.of(&[0, 1, 2, 1 << 32, 1 << 62, u64::MAX]),
            _ => match at {
                20 => 9 + random.below(13) as u64,
                24 => (random.next() >> random.below(64)) & !511,
                72 => random.of(&[0, 1, 4, 8, 16, 20, 24]),
                _ => now << 1,
            },
        };
        self.write(at, len, value);
        if at == 72 {
            // The two say the same, or the image is refused before anything else of it is read.
            self.write(104, 1, value >> 3 & 1);
        }
    }

    fn change_entry(&mut self, random: &mut Random) {
        let at = match random.below(6) {
            0 => self.l1_entry(random),
            _ => self.l2_entry(random),
        };
        let Some(at) = at else { return };
        // What it is, or what another one is: two that share a cluster are of interest.
        let from = self.l2_entry(random).filter(|_| random.below(3) == 0);
        let now = self.read(from.unwrap_or(at), 8);
        let place = random.below(self.size / self.cluster() + 2) as u64;
        let host = place << self.cluster_bits;
        let value = match random.below(11) {
            0 => now ^ 1 << random.below(64),
            1 => now ^ random.of(&[1, COMPRESSED, COPIED, 1 << 32]),
            2 => now.wrapping_add(self.cluster() as u64),
            3 => host,
            4 => host | COPIED,
            5 => host | random.of(&[1, COPIED | 1]),
            // A compressed cluster, anywhere and of some sectors.
            6 => {
                let sectors = (random.below(3) as u64) << (70 - self.cluster_bits);
                COMPRESSED | sectors | random.below(self.size) as u64
            }
            // The same one, of other sectors.
            7 => now ^ 1 << (70 - self.cluster_bits),
            // A bitmap of subclusters.
            8 => random.next() & random.next(),
            9 => now,
            _ => random.of(&[0, u64::MAX, u64::from(u32::MAX), !0 << 32]),
        };
        self.write(at, 8, value);
    }
}

/// A big-endian number; zero behind the end.
fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    let field = bytes.get(at..at + len).unwrap_or_default();
    field.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}
