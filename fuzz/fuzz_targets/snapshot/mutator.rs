//! Changes that know where a snapshot keeps its numbers, and that can add and take away entries and
//! pages: then all that lies behind moves, and what points there follows.

use libfuzzer_sys::fuzzer_mutate;

use super::layout::{
    BLOCKS, CHILD, CHILD_POINTER, EXTENTS, HEAD, Layout, POINTERS, Page, STREAMS, number,
};
use super::random::Random;
use super::seeds;
use hexz::format::{MAGIC, PAGE_4K, SLOTS_AT};

/// Fields of the root page, of a page's head, of a pointer, of a stream, of a node's entry, of a key
/// slot, of the header and of the footer: where, and bytes.
type Fields = &'static [(usize, usize)];
const ROOT: Fields = &[
    (0, 1),
    (1, 1),
    (2, 2),
    (4, 4),
    (8, 4),
    (12, 4),
    (16, 4),
    (20, 4),
    (24, 8),
    (32, 8),
    (40, 8),
    (48, 8),
    (168, 4),
    (232, 4),
    (296, 4),
];
const PAGE_HEAD: Fields = &[
    (0, 1),
    (1, 1),
    (2, 2),
    (4, 4),
    (8, 4),
    (12, 4),
    (16, 8),
    (24, 8),
];
const POINTER: Fields = &[(0, 8), (8, 4), (12, 4), (16, 1), (17, 1), (24, 8)];
const STREAM: Fields = &[
    (0, 1),
    (1, 1),
    (2, 2),
    (8, 8),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 1),
];
const SLOT: Fields = &[
    (0, 1),
    (4, 4),
    (8, 4),
    (12, 4),
    (16, 8),
    (48, 8),
    (80, 8),
    (112, 8),
    (128, 8),
];
const SLOTS: Fields = &[(0, 1), (8, 4), (16, 8), (24, 8), (72, 8)];
const HEADER: Fields = &[
    (0, 1),
    (8, 4),
    (12, 4),
    (16, 8),
    (24, 8),
    (32, 8),
    (112, 8),
    (128, 8),
    (192, 8),
];
const FOOTER: Fields = &[(0, 8), (8, 4), (12, 4), (24, 8), (64, 8), (128, 8)];

/// Changes `data[..size]`, and gives its new size, `max_size` at most.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random(u64::from(seed));
    let is_snapshot = data[..size].starts_with(&MAGIC);
    if !is_snapshot || random.below(500) == 0 {
        let made = seeds::make(&mut random);
        if made.len() <= max_size {
            data[..made.len()].copy_from_slice(&made);
            return made.len();
        }
    }
    if random.below(8) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut file = File(data[..size].to_vec());
    for _ in 0..1 + random.below(3) {
        let Some(layout) = Layout::of(&file.0) else {
            return fuzzer_mutate(data, size, max_size);
        };
        file.change(&layout, &mut random);
    }
    if file.0.len() > max_size {
        return size;
    }
    data[..file.0.len()].copy_from_slice(&file.0);
    file.0.len()
}

struct File(Vec<u8>);

impl File {
    fn read(&self, at: usize, len: usize) -> u64 {
        number(&self.0, at, len)
    }

    fn write(&mut self, at: usize, len: usize, value: u64) {
        if let Some(field) = self.0.get_mut(at..at + len) {
            field.copy_from_slice(&value.to_le_bytes()[..len]);
        }
    }

    fn change(&mut self, layout: &Layout, random: &mut Random) {
        match random.below(32) {
            0..2 => self.change_body(layout, random),
            2..5 => self.move_border(layout, random),
            5..9 => self.change_entries(layout, random),
            9 => self.copy_pointer(layout, random),
            10 => self.copy_page(layout, random),
            _ => self.change_field(layout, random),
        }
    }

    /// A field of anything: where, and its length.
    fn field(&self, layout: &Layout, random: &mut Random) -> (usize, usize) {
        let page = layout.pages.get(random.below(layout.pages.len()));
        let (at, fields) = match (random.below(16), page) {
            (0, _) => (0, HEADER),
            (1, _) => (layout.footer_at, FOOTER),
            (2, _) if layout.sealed => {
                let copy = random.of(&SLOTS_AT) as usize;
                match random.below(4) {
                    0 => (copy, SLOTS),
                    _ => (copy + 128 + random.of(&[0, 0, 0, 256]), SLOT),
                }
            }
            (2..4, _) => (layout.root_at + random.of(&POINTERS), POINTER),
            (4..6, _) => {
                let streams = layout.streams(&self.0);
                let first = layout.root_at + STREAMS;
                (
                    *streams.get(random.below(streams.len())).unwrap_or(&first),
                    STREAM,
                )
            }
            (6..8, Some(page)) => (page.at, PAGE_HEAD),
            (8.., Some(page)) if page.count > 0 => {
                let entry = random.below(page.count);
                if page.columns == [CHILD] {
                    let at = page.value_at(0, entry);
                    match random.below(2) {
                        0 => (at, &[(0, 4), (4, 4), (8, 8)][..]),
                        _ => (at + CHILD_POINTER, POINTER),
                    }
                } else {
                    let column = random.below(page.columns.len());
                    return (page.value_at(column, entry), page.columns[column].min(8));
                }
            }
            _ => (layout.root_at, ROOT),
        };
        let (offset, len) = random.of(fields);
        (at + offset, len)
    }

    fn change_field(&mut self, layout: &Layout, random: &mut Random) {
        let (at, len) = self.field(layout, random);
        let old = self.read(at, len);
        let new = match random.below(12) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << (len * 8 - 1),
            3 => self.0.len() as u64 - random.of(&[0, 16, PAGE_4K as u64]),
            4 => old ^ 1 << random.below(len * 8),
            5 => old.wrapping_add(1),
            6 => old.wrapping_sub(1),
            7 => old.wrapping_add(PAGE_4K as u64),
            8 => old.wrapping_sub(PAGE_4K as u64),
            9 => random.next() % 16,
            10 => 1 << random.below(len * 8),
            _ => {
                let (from, from_len) = self.field(layout, random);
                self.read(from, from_len)
            }
        };
        self.write(at, len, new);
    }

    /// A byte of a block or dictionary.
    fn change_body(&mut self, layout: &Layout, random: &mut Random) {
        if let Some(piece) = layout.pieces.get(random.below(layout.pieces.len())) {
            let reach = random
                .of(&[8, 64, piece.len as usize])
                .min(piece.len as usize);
            let at = piece.at + random.below(reach);
            if let Some(byte) = self.0.get_mut(at) {
                let (bit, other) = (random.below(8), random.next() as u8);
                *byte = random.of(&[*byte ^ 1 << bit, 0, 255, other]);
            }
        }
    }

    fn leaf(&self, layout: &Layout, random: &mut Random) -> Option<Page> {
        let leaves: Vec<&Page> = layout.pages.iter().filter(|page| page.level == 0).collect();
        leaves.get(random.below(leaves.len())).map(|page| **page)
    }

    /// What one entry loses in length its neighbour gets, so that they still tile what they did.
    fn move_border(&mut self, layout: &Layout, random: &mut Random) {
        let Some(page) = self.leaf(layout, random) else {
            return;
        };
        // Of extents the length, of blocks both, of chunks theirs.
        let column = if page.columns == BLOCKS {
            random.below(2)
        } else {
            0
        };
        let len = page.columns[column];
        if page.count < 2 || len > 8 {
            return;
        }
        let entry = random.below(page.count - 1);
        let (one, other) = (
            page.value_at(column, entry),
            page.value_at(column, entry + 1),
        );
        let by = random.of(&[1, 16, 512, 1024, PAGE_4K as u64]);
        let by = random.of(&[by, by.wrapping_neg()]);
        self.write(one, len, self.read(one, len).wrapping_add(by));
        self.write(other, len, self.read(other, len).wrapping_sub(by));
        // So that it goes on where it did.
        if page.columns == EXTENTS && random.below(2) == 0 {
            let target = page.value_at(1, entry + 1);
            self.write(target, 8, self.read(target, 8).wrapping_add(by));
        }
    }

    /// One entry of a page more, less, or in another's place.
    fn change_entries(&mut self, layout: &Layout, random: &mut Random) {
        let Some(page) = layout.pages.get(random.below(layout.pages.len())).copied() else {
            return;
        };
        if page.count == 0 {
            return;
        }
        let (from, to) = (random.below(page.count), random.below(page.count));
        let mut order: Vec<usize> = (0..page.count).collect();
        match random.below(3) {
            0 => order.insert(to, from),
            1 if page.count > 1 => drop(order.remove(from)),
            _ => order.swap(from, to),
        }
        let mut new = self.0[page.at..page.at + HEAD].to_vec();
        new[4..8].copy_from_slice(&(order.len() as u32).to_le_bytes());
        for (column, width) in page.columns.iter().enumerate() {
            for entry in &order {
                let at = page.value_at(column, *entry);
                new.extend_from_slice(&self.0[at..at + width]);
            }
        }
        let len = new.len() as u64;
        for at in [8, 12] {
            self.write(page.pointer_at + at, 4, len);
        }
        self.splice(layout, page.at, page.len, &new);
    }

    fn pointers(&self, layout: &Layout) -> Vec<usize> {
        let nodes = layout.pages.iter().filter(|page| page.columns == [CHILD]);
        let children = nodes
            .flat_map(|page| (0..page.count).map(|entry| page.value_at(0, entry) + CHILD_POINTER));
        let roots = POINTERS.iter().map(|at| layout.root_at + at);
        roots.chain(children).collect()
    }

    fn copy_pointer(&mut self, layout: &Layout, random: &mut Random) {
        let pointers = self.pointers(layout);
        let (from, to) = (random.of(&pointers), random.of(&pointers));
        self.0.copy_within(from..from + 56, to);
    }

    /// A page once more, in front of the root page, which one pointer then leads to.
    fn copy_page(&mut self, layout: &Layout, random: &mut Random) {
        let Some(page) = layout.pages.get(random.below(layout.pages.len())).copied() else {
            return;
        };
        let mut new = self.0[page.at..page.at + page.len].to_vec();
        if layout.sealed {
            new.extend([0; 16]);
        }
        let pointers = self.pointers(layout);
        let any = random.of(&pointers);
        let pointer_at = random.of(&[page.pointer_at, any]);
        for at in [8, 12] {
            self.write(pointer_at + at, 4, page.len as u64);
        }
        self.write(pointer_at, 8, layout.root_at as u64);
        // What points to where the root page was, still does.
        self.write(
            layout.footer_at + 24,
            8,
            (layout.root_at + new.len()) as u64,
        );
        self.0.splice(layout.root_at..layout.root_at, new);
    }

    /// Puts `new` in place of what is at `at`; what lies behind moves.
    fn splice(&mut self, layout: &Layout, at: usize, len: usize, new: &[u8]) {
        let bases = layout.pages.iter().filter(|page| page.columns == BLOCKS);
        let bases = bases.map(|page| page.at + 24);
        let offsets: Vec<usize> = self
            .pointers(layout)
            .into_iter()
            .chain(bases)
            .chain([layout.footer_at + 24])
            .collect();
        for place in offsets {
            // Within the page itself they have moved.
            let place = match place > at && place < at + len {
                true => continue,
                false => place,
            };
            let offset = self.read(place, 8);
            if offset > at as u64 && offset <= layout.footer_at as u64 {
                let moved = offset
                    .wrapping_add(new.len() as u64)
                    .wrapping_sub(len as u64);
                self.write(place, 8, moved);
            }
        }
        self.0.splice(at..at + len, new.iter().copied());
    }
}
