//! Blocks to stored bytes.

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use zstd::zstd_safe::zstd_sys;
use zstd::zstd_safe::{CCtx, CDict, CParameter, compress_bound, get_error_name};

use crate::error::{Error, NoMemory, Result, try_grow, try_with_capacity};
use crate::format::Codec;
use crate::profile::{Compression, Profile};

/// A block must shrink by a 64th to be worth decoding on every read.
const WORTH_SHIFT: u32 = 6;

/// A dictionary, digested for encoding at one level. Shared by all encoders of a build.
pub struct EncodeDictionary(CDict<'static>);

impl EncodeDictionary {
    /// Digests a dictionary; a copy of it is kept.
    pub fn new(bytes: &[u8], level: i32) -> Result<Self> {
        let no_memory = NoMemory {
            what: "a dictionary",
            bytes: bytes.len(),
        };
        CDict::try_create(bytes, level)
            .map(EncodeDictionary)
            .ok_or(no_memory.into())
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.0.sizeof()
    }
}

/// How an encoder compresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// The codec.
    pub compression: Compression,
    /// Its level.
    pub level: i32,
}

impl From<&Profile> for Method {
    fn from(p: &Profile) -> Self {
        Method {
            compression: p.compression,
            level: p.level,
        }
    }
}

/// An encoding context. Reused from block to block, by one thread at a time.
pub struct Encoder<'d> {
    zstd: Option<CCtx<'d>>,
    codec: Codec,
    /// For short blocks and for others; none for another codec. Without its feature "alloc" the
    /// crate keeps them in the values: its own allocations end the process when they fail.
    lz4: Vec<CompressTable>,
}

impl<'d> Encoder<'d> {
    /// A new context, for zstd with a dictionary if there is one.
    pub fn new(method: Method, dictionary: Option<&'d EncodeDictionary>) -> Result<Self> {
        let (mut zstd, mut codec) = (None, Codec::Zstd);
        if method.compression == Compression::Zstd {
            let no_memory = NoMemory {
                what: "a zstd encoder",
                bytes: 1 << 20,
            };
            let mut ctx = CCtx::try_create().ok_or(no_memory)?;
            // Lengths and checksums are in the block table: the frame need not repeat them.
            for parameter in [
                CParameter::CompressionLevel(method.level),
                CParameter::ContentSizeFlag(false),
                CParameter::ChecksumFlag(false),
                CParameter::DictIdFlag(false),
            ] {
                ctx.set_parameter(parameter).map_err(zstd_error)?;
            }
            if let Some(dictionary) = dictionary {
                ctx.ref_cdict(&dictionary.0).map_err(zstd_error)?;
                codec = Codec::ZstdDictionary;
            }
            zstd = Some(ctx);
        }
        let mut lz4 = Vec::new();
        if method.compression == Compression::Lz4 {
            lz4 = try_with_capacity(2, "an lz4 encoder")?;
            lz4.push(CompressTable::small());
            lz4.push(CompressTable::large());
        }
        Ok(Encoder { zstd, codec, lz4 })
    }

    /// Compresses `block`, or tells that it is better stored as it is: then `out` is left empty,
    /// so that the caller can write `block` itself without a copy.
    pub fn encode(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<Codec> {
        let (codec, len) = match (self.zstd.as_mut(), &mut self.lz4[..]) {
            (_, [small, large]) => {
                try_grow(
                    out,
                    get_maximum_output_size(block.len()),
                    "a compressed block",
                )?;
                // By length, and not the table as the last block left it: what is stored must not
                // depend on which thread had which block before.
                let table = if block.len() < usize::from(u16::MAX) {
                    small
                } else {
                    large
                };
                let len = compress_into_with_table(block, out, table)
                    .map_err(|e| Error::Internal(format!("lz4: {e}")))?;
                (Codec::Lz4, len)
            }
            (Some(ctx), _) => {
                try_grow(out, compress_bound(block.len()), "a compressed block")?;
                let len = ctx.compress2(&mut out[..], block).map_err(zstd_error)?;
                (self.codec, len)
            }
            _ => (Codec::Stored, block.len()),
        };
        if len + (block.len() >> WORTH_SHIFT).max(1) > block.len() {
            out.clear();
            return Ok(Codec::Stored);
        }
        out.truncate(len);
        Ok(codec)
    }
}

fn zstd_error(code: usize) -> Error {
    if is_no_memory(code) {
        return NoMemory {
            what: "zstd's tables at least",
            bytes: 1 << 20,
        }
        .into();
    }
    Error::Internal(format!("zstd: {}", get_error_name(code)))
}

/// Whether zstd failed for want of memory.
pub(super) fn is_no_memory(code: usize) -> bool {
    // SAFETY: a pure function of a number.
    let error = unsafe { zstd_sys::ZSTD_getErrorCode(code) };
    error == zstd_sys::ZSTD_ErrorCode::ZSTD_error_memory_allocation
}

/// Bytes of memory that one encoder takes for blocks of that size, output buffer apart.
pub fn encoder_memory(method: Method, block_size: u32, dictionary: bool) -> usize {
    match method.compression {
        Compression::None => 0,
        Compression::Lz4 => 32 << 10,
        Compression::Zstd => {
            let dict_len = if dictionary {
                crate::format::DICTIONARY_MAX
            } else {
                0
            };
            // SAFETY: both are pure functions of numbers; any level is clamped by zstd itself.
            unsafe {
                let params = zstd_sys::ZSTD_getCParams(method.level, block_size.into(), dict_len);
                zstd_sys::ZSTD_estimateCCtxSize_usingCParams(params)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words and numbers, with noise in between that does not shrink.
    fn sample(len: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut noise = blake3::Hasher::new().finalize_xof();
        for line in 0u32.. {
            if out.len() >= len {
                break;
            }
            out.extend_from_slice(format!("net_{} = reg_{};\n", line % 97, line * 7).as_bytes());
            let mut bytes = [0; 9];
            noise.fill(&mut bytes);
            out.extend_from_slice(&bytes);
        }
        out.truncate(len);
        out
    }

    /// Whether blocks of another snapshot are copied rests on it. If a newer crate fails here, its
    /// bytes are as good, but others: `format::compat::WRITTEN` gets a bit, and docs/FORMAT.md,
    /// section 6.1, says what it stands for, before these values are changed.
    #[test]
    fn compressors_make_the_bytes_that_they_made() {
        let dictionary = sample(4000);
        let mut made = String::new();
        for (compression, level) in [
            (Compression::Lz4, 0),
            (Compression::Zstd, -5),
            (Compression::Zstd, 1),
            (Compression::Zstd, 3),
            (Compression::Zstd, 9),
            (Compression::Zstd, 19),
        ] {
            let method = Method { compression, level };
            for len in [16 << 10, 128 << 10] {
                let mut all = blake3::Hasher::new();
                let digested = EncodeDictionary::new(&dictionary, level).unwrap();
                let mut out = Vec::new();
                for dictionary in [None, Some(&digested)] {
                    let mut encoder = Encoder::new(method, dictionary).unwrap();
                    encoder.encode(&sample(len), &mut out).unwrap();
                    assert!(!out.is_empty());
                    all.update(&out);
                }
                made += &format!(
                    "{compression:?} {level} {len} {}\n",
                    all.finalize().to_hex()
                );
            }
        }
        assert_eq!(made, MADE);
    }

    const MADE: &str = "\
Lz4 0 16384 85b5b559b0d2dfaa1946450f0b7b8692013278c2439a702568e5273d714f7385
Lz4 0 131072 b81fb0853308ae874e7798b3bad04e7ba5e61777380d566bbfc0d953e2a3b1cf
Zstd -5 16384 30a68bc8658b834661116edecee8aa68c4632a72b23baca6693339eb2af84c2c
Zstd -5 131072 a83d2da449b10575a175bf04a81b3c627a04dd7372dda3b049d647143ba3cd46
Zstd 1 16384 7ea94b4ea5be2841408e7a3719c507f90b618d523fa1d448600529f38bbefe50
Zstd 1 131072 756070991964846587bae1ee5e88dd931d6954ad9a162bc81905eb2eb01bad2d
Zstd 3 16384 b180e2d1979163176635c2c317cd1e6b31f040b9926fa554ca3b55d0c8feaaa8
Zstd 3 131072 47fc3ec2ea761c9d7e4d22a8f975be2c53e04f82f0ba19dbb2a234567e870187
Zstd 9 16384 55ab5740e4320f818207208301e67a6e5b9eb7bd08d26e69893150742bbf0ba4
Zstd 9 131072 72ecc0da63e8c74fba760763524f5eb0e33573bcb5231fa420c479131f82b8ee
Zstd 19 16384 14e81f2f49310c58b78abe8790fbebbaf622e881d88d65af4605a087513e0934
Zstd 19 131072 6e155a8bea4e82f82f2e70a0c207595daa3f5626275566bc9c20ca6595390efd
";
}
