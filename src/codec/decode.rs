//! Stored bytes back to blocks.

use zstd::zstd_safe::{DCtx, DDict, find_frame_compressed_size, get_error_name};

use crate::error::{Error, Result, Why};
use crate::format::Codec;

/// RFC 8878, section 3.1.1.
const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// A dictionary, digested for decoding. Shared by all decoders of a snapshot.
pub struct DecodeDictionary(DDict<'static>);

impl DecodeDictionary {
    /// Digests a dictionary; a copy of it is kept.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let no_memory = Error::NoMemory {
            what: "a dictionary",
            bytes: bytes.len(),
        };
        DDict::try_create(bytes)
            .map(DecodeDictionary)
            .ok_or(no_memory)
    }
}

/// A decoding context. Reused from block to block, by one thread at a time.
pub struct Decoder {
    zstd: DCtx<'static>,
}

impl Decoder {
    /// A new context.
    pub fn new() -> Result<Self> {
        let no_memory = Error::NoMemory {
            what: "a zstd decoder",
            bytes: 96 << 10,
        };
        Ok(Decoder {
            zstd: DCtx::try_create().ok_or(no_memory)?,
        })
    }

    /// Decodes `stored` into exactly `out`, or fails; `out` may hold anything after a failure.
    pub fn decode(
        &mut self,
        codec: Codec,
        dictionary: Option<&DecodeDictionary>,
        stored: &[u8],
        out: &mut [u8],
    ) -> std::result::Result<(), Why> {
        let len = match codec {
            Codec::Stored if stored.len() == out.len() => {
                out.copy_from_slice(stored);
                stored.len()
            }
            Codec::Stored => stored.len(),
            Codec::Lz4 => lz4_flex::block::decompress_into(stored, out)
                .map_err(|e| Why::Text(format!("lz4: {e}")))?,
            Codec::Zstd | Codec::ZstdDictionary if !is_one_frame(stored) => {
                return Err("zstd: not exactly one frame".into());
            }
            Codec::Zstd => self.zstd.decompress(out, stored).map_err(zstd_why)?,
            Codec::ZstdDictionary => {
                let dictionary =
                    dictionary.ok_or("a block needs a dictionary, but none is there")?;
                self.zstd
                    .decompress_using_ddict(out, stored, &dictionary.0)
                    .map_err(zstd_why)?
            }
        };
        if len != out.len() {
            return Err(format!("{len} bytes decoded where {} were declared", out.len()).into());
        }
        Ok(())
    }
}

/// The library would take several frames, and skip those that hold nothing: bytes that no content
/// depends on.
fn is_one_frame(stored: &[u8]) -> bool {
    stored.starts_with(&ZSTD_MAGIC) && find_frame_compressed_size(stored) == Ok(stored.len())
}

fn zstd_why(code: usize) -> Why {
    Why::Text(format!("zstd: {}", get_error_name(code)))
}
