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
