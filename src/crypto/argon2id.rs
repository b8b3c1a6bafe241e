//! Argon2id, version 0x13 (RFC 9106), as far as we use it, in one thread, and able to stop.
//!
//! The crate `argon2` runs all passes in one call, which nothing can end: its loop is private, and
//! what it hashes first depends on the number of passes, so that passes cannot be asked for one by
//! one. A gigabyte under 4 passes takes seconds, for which a cancelled host will not wait. So the
//! loop is here; the tests hold it against that crate, for many costs, and against the RFC.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Blake2b512, Digest};
use zeroize::Zeroize;

use super::kdf::KdfCost;
use crate::error::Result;

/// Blocks between two looks at whether to go on: 1 MiB.
const LOOK: usize = 1 << 10;
const SLICES: usize = 4;
const WORDS: usize = 128;
/// The type of Argon2id, and its version.
const ID: u32 = 2;
const VERSION: u32 = 0x13;

/// Bytes of a block of memory.
pub const BLOCK_SIZE: usize = 8 * WORDS;

/// A block of memory.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Block([u64; WORDS]);

impl Block {
    const ZERO: Block = Block([0; WORDS]);

    #[inline(always)]
    fn xor(&mut self, other: &Block) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            *to ^= from;
        }
    }

    fn bytes(&self) -> [u8; BLOCK_SIZE] {
        let mut bytes = [0; BLOCK_SIZE];
        for (to, word) in bytes.chunks_exact_mut(8).zip(&self.0) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// How many blocks a cost takes: rounded down to whole slices of lanes (section 3.2, step 3).
pub fn block_count(cost: &KdfCost) -> usize {
    let unit = SLICES * cost.lanes as usize;
    (cost.memory_kib as usize / unit).max(2) * unit
}

/// What is hashed.
pub struct Inputs<'a> {
    /// The password.
    pub password: &'a [u8],
    /// The salt.
    pub salt: &'a [u8],
    /// A key of the host's, which we do not use.
    pub secret: &'a [u8],
    /// Associated data, which we do not use either.
    pub data: &'a [u8],
}

/// Hashes into `out`. `blocks` are at least [`block_count`] of them, and hold what leads to the key
/// afterwards, as the stack does. `go_on` is asked after each megabyte, and its error ends the work:
/// then the blocks were wiped, those that were never touched left alone.
#[inline(never)]
pub fn hash(
    cost: &KdfCost,
    inputs: &Inputs<'_>,
    blocks: &mut [Block],
    go_on: &dyn Fn() -> Result<()>,
    out: &mut [u8; 32],
) -> Result<()> {
    let lanes = cost.lanes as usize;
    let shape = Shape {
        lanes,
        lane: block_count(cost) / lanes,
        segment: block_count(cost) / lanes / SLICES,
        passes: cost.passes as usize,
        compress: compress_for_this_cpu(),
    };
    let first = first_hash(cost, inputs);
    let mut index = [0; 8];
    for lane in 0..lanes {
        for column in 0..2 {
            index[..4].copy_from_slice(&(column as u32).to_le_bytes());
            index[4..].copy_from_slice(&(lane as u32).to_le_bytes());
            blocks[lane * shape.lane + column] = long_hash(&[&first, &index]);
        }
    }
    for pass in 0..shape.passes {
        for slice in 0..SLICES {
            for lane in 0..lanes {
                let segment = Segment { pass, slice, lane };
                if let Err(e) = shape.fill(&segment, blocks, go_on) {
                    shape.wipe(&segment, blocks);
                    return Err(e);
                }
            }
        }
    }
    let mut last = Block::ZERO;
    for lane in 1..=lanes {
        last.xor(&blocks[lane * shape.lane - 1]);
    }
    let digest = Blake2b::<U32>::new()
        .chain_update(32u32.to_le_bytes())
        .chain_update(last.bytes())
        .finalize();
    out.copy_from_slice(&digest);
    Ok(())
}

/// H0 of section 3.2.
fn first_hash(cost: &KdfCost, inputs: &Inputs<'_>) -> [u8; 64] {
    let mut hash = Blake2b512::new();
    for number in [cost.lanes, 32, cost.memory_kib, cost.passes, VERSION, ID] {
        hash.update(number.to_le_bytes());
    }
    for text in [inputs.password, inputs.salt, inputs.secret, inputs.data] {
        hash.update((text.len() as u32).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

/// H' of section 3.3, for a block: 30 hashes of which half is used, and one that is used whole.
fn long_hash(parts: &[&[u8]]) -> Block {
    let mut hash = Blake2b512::new_with_prefix((BLOCK_SIZE as u32).to_le_bytes());
    for part in parts {
        hash.update(part);
    }
    let mut digest: [u8; 64] = hash.finalize().into();
    let mut block = Block::ZERO;
    let (halves, whole) = block.0.split_at_mut(WORDS - 8);
    for half in halves.chunks_exact_mut(4) {
        words(half, &digest);
        digest = Blake2b512::digest(digest).into();
    }
    words(whole, &digest);
    block
}

fn words(to: &mut [u64], from: &[u8; 64]) {
    for (word, bytes) in to.iter_mut().zip(from.chunks_exact(8)) {
        *word = bytes.iter().rev().fold(0, |w, b| w << 8 | u64::from(*b));
    }
}

/// The memory as a matrix.
struct Shape {
    lanes: usize,
    /// Blocks in a lane, and in a segment: a slice of it.
    lane: usize,
    segment: usize,
    passes: usize,
    compress: Compress,
}

struct Segment {
    pass: usize,
    slice: usize,
    lane: usize,
}

impl Shape {
    /// Computes the blocks of a segment from those before it (sections 3.4.1 and 3.4.2).
    fn fill(
        &self,
        segment: &Segment,
        blocks: &mut [Block],
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        let Segment { pass, slice, lane } = *segment;
        // Where the password must not show in which places are read: the first half of the first
        // pass.
        let independent = pass == 0 && slice < SLICES / 2;
        let mut addresses = Addresses::new(self, segment);
        // The first two blocks of each lane are there.
        let begin = if pass == 0 && slice == 0 { 2 } else { 0 };
        for at in begin..self.segment {
            if (at - begin).is_multiple_of(LOOK) {
                go_on()?;
            }
            let column = slice * self.segment + at;
            let current = lane * self.lane + column;
            let previous = lane * self.lane + (column + self.lane - 1) % self.lane;
            let random = match independent {
                true => addresses.at(at, self.compress),
                false => blocks[previous].0[0],
            };
            let from = self.reference(segment, at, random);
            let block = (self.compress)(&blocks[previous], &blocks[from]);
            match pass {
                0 => blocks[current] = block,
                _ => blocks[current].xor(&block),
            }
        }
        Ok(())
    }

    /// Wipes what was filled up to a segment.
    fn wipe(&self, last: &Segment, blocks: &mut [Block]) {
        let filled = match last.pass {
            0 => (last.slice + 1) * self.segment,
            _ => self.lane,
        };
        for lane in blocks.chunks_mut(self.lane) {
            let filled = filled.min(lane.len());
            lane[..filled].iter_mut().for_each(|b| b.0.zeroize());
        }
    }

    /// Which block is mixed in (section 3.4.2).
    fn reference(&self, segment: &Segment, at: usize, random: u64) -> usize {
        let Segment { pass, slice, lane } = *segment;
        let first = pass == 0 && slice == 0;
        let from = match first {
            true => lane,
            false => (random >> 32) as usize % self.lanes,
        };
        // Whole slices that are there; and of the own lane what is there of this one, but for the
        // block right before. Of other lanes the last block is left out if it is just that.
        let slices = if pass == 0 { slice } else { SLICES - 1 } * self.segment;
        let area = match from == lane {
            true => slices + at - 1,
            false => slices - usize::from(at == 0),
        };
        let x = ((random & 0xffff_ffff) * (random & 0xffff_ffff)) >> 32;
        let back = ((area as u64 * x) >> 32) as usize;
        let begin = match pass {
            0 => 0,
            _ => (slice + 1) % SLICES * self.segment,
        };
        from * self.lane + (begin + area - 1 - back) % self.lane
    }
}

/// Random numbers that depend on the cost alone.
struct Addresses {
    input: Block,
    block: Block,
}

impl Addresses {
    const COUNTER: usize = 6;

    fn new(shape: &Shape, segment: &Segment) -> Self {
        let mut input = Block::ZERO;
        let values = [
            segment.pass,
            segment.lane,
            segment.slice,
            shape.lanes * shape.lane,
            shape.passes,
            ID as usize,
        ];
        for (to, value) in input.0.iter_mut().zip(values) {
            *to = value as u64;
        }
        Addresses {
            input,
            block: Block::ZERO,
        }
    }

    /// The number for a place, asked for in order.
    fn at(&mut self, at: usize, compress: Compress) -> u64 {
        if at.is_multiple_of(WORDS) || self.input.0[Self::COUNTER] == 0 {
            self.input.0[Self::COUNTER] += 1;
            self.block = compress(&Block::ZERO, &self.input);
            self.block = compress(&Block::ZERO, &self.block);
        }
        self.block.0[at % WORDS]
    }
}

type Compress = fn(&Block, &Block) -> Block;

fn compress_for_this_cpu() -> Compress {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return |a, b| {
            // SAFETY: this CPU has it.
            unsafe { compress_avx2(a, b) }
        };
    }
    compress
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn compress_avx2(a: &Block, b: &Block) -> Block {
    compress(a, b)
}

/// G of section 3.5: two blocks into one, by rows and then by columns of a matrix of 8 times 8
/// pairs of words.
#[inline(always)]
fn compress(a: &Block, b: &Block) -> Block {
    let mut r = *a;
    r.xor(b);
    let mut z = r;
    for row in 0..8 {
        permute(&mut z.0, |i| 16 * row + i);
    }
    for column in 0..8 {
        permute(&mut z.0, |i| 16 * (i / 2) + 2 * column + i % 2);
    }
    z.xor(&r);
    z
}

/// P of section 3.6 on the 16 words at `place`: columns of a matrix of 4 times 4, then diagonals.
#[inline(always)]
fn permute(words: &mut [u64; WORDS], place: impl Fn(usize) -> usize) {
    let mut v = [0; 16];
    for (i, value) in v.iter_mut().enumerate() {
        *value = words[place(i)];
    }
    mix(&mut v, 0, 4, 8, 12);
    mix(&mut v, 1, 5, 9, 13);
    mix(&mut v, 2, 6, 10, 14);
    mix(&mut v, 3, 7, 11, 15);
    mix(&mut v, 0, 5, 10, 15);
    mix(&mut v, 1, 6, 11, 12);
    mix(&mut v, 2, 7, 8, 13);
    mix(&mut v, 3, 4, 9, 14);
    for (i, value) in v.iter().enumerate() {
        words[place(i)] = *value;
    }
}

/// GB of section 3.6: BLAKE2b's mixing with multiplications.
#[inline(always)]
fn mix(v: &mut [u64; 16], a: usize, b: usize, c: usize, d: usize) {
    for (first, second) in [(32, 24), (16, 63)] {
        v[a] = add(v[a], v[b]);
        v[d] = (v[d] ^ v[a]).rotate_right(first);
        v[c] = add(v[c], v[d]);
        v[b] = (v[b] ^ v[c]).rotate_right(second);
    }
}

#[inline(always)]
fn add(x: u64, y: u64) -> u64 {
    let product = (x & 0xffff_ffff) * (y & 0xffff_ffff);
    x.wrapping_add(y).wrapping_add(product << 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9106, section 5.3.
    #[test]
    fn the_rfc_vector() {
        let cost = KdfCost {
            memory_kib: 32,
            passes: 3,
            lanes: 4,
        };
        let inputs = Inputs {
            password: &[1; 32],
            salt: &[2; 16],
            secret: &[3; 8],
            data: &[4; 12],
        };
        let mut blocks = vec![Block::ZERO; block_count(&cost)];
        let mut tag = [0; 32];
        hash(&cost, &inputs, &mut blocks, &|| Ok(()), &mut tag).unwrap();
        let expected = [
            0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b,
            0x53, 0xc9, 0xd0, 0x1e, 0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9,
            0x6b, 0x01, 0xe6, 0x59,
        ];
        assert_eq!(tag, expected);
    }

    #[test]
    fn what_is_stopped_is_wiped() {
        let cost = KdfCost {
            memory_kib: 8 << 10,
            passes: 2,
            lanes: 2,
        };
        let inputs = Inputs {
            password: b"p",
            salt: &[2; 16],
            secret: &[],
            data: &[],
        };
        for stop in 1..=16 {
            let looks = std::cell::Cell::new(0);
            let mut blocks = vec![Block::ZERO; block_count(&cost)];
            let go_on = || {
                looks.set(looks.get() + 1);
                match looks.get() == stop {
                    true => Err(crate::error::Error::Cancelled("by the test")),
                    false => Ok(()),
                }
            };
            assert!(hash(&cost, &inputs, &mut blocks, &go_on, &mut [0; 32]).is_err());
            assert!(blocks.iter().all(|b| b.0 == Block::ZERO.0), "{stop}");
        }
    }

    #[test]
    fn every_cpu_gives_the_same() {
        let [mut a, mut b] = [Block::ZERO; 2];
        for i in 0..WORDS as u64 {
            a.0[i as usize] = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            b.0[i as usize] = !i.wrapping_mul(0xd134_2543_de82_ef95);
        }
        assert_eq!(compress_for_this_cpu()(&a, &b).0, compress(&a, &b).0);
    }
}
