//! Stored bytes back to blocks.

use zstd::zstd_safe::{DCtx, DDict, find_frame_compressed_size, get_error_name};

use super::encode::is_no_memory;
use crate::error::{NoMemory, Result, Why};
use crate::format::Codec;

/// RFC 8878, section 3.1.1.
const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// RFC 8878, section 5.
const DICTIONARY_MAGIC: [u8; 4] = 0xec30_a437_u32.to_le_bytes();
/// A frame of no content, which any dictionary decodes.
const EMPTY_FRAME: [u8; 9] = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];
/// Bytes of the window that a frame may declare. We decode a block in one piece and need none, but
/// a reader that decodes in steps does.
const WINDOW_MAX: u64 = 1 << 27;
/// About what a decoder takes.
const DECODER_MEMORY: usize = 96 << 10;

/// A dictionary, digested for decoding. Shared by all decoders of a snapshot.
pub struct DecodeDictionary(DDict<'static>);

impl DecodeDictionary {
    /// Digests a dictionary, of which a copy is kept; `None` if it is none. The library itself
    /// would take anything without the magic for a dictionary of plain content.
    pub fn new(bytes: &[u8]) -> Result<Option<Self>> {
        // Nor is one too short for its id looked at by the library.
        if !bytes.starts_with(&DICTIONARY_MAGIC) || bytes.len() < 8 {
            return Ok(None);
        }
        if let Some(digested) = DDict::try_create(bytes) {
            return Ok(Some(DecodeDictionary(digested)));
        }
        // It does not say why it made none: decoding with it does.
        let mut decoder = Decoder::new()?;
        let used = decoder
            .zstd
            .decompress_using_dict(&mut [0u8; 1][..], &EMPTY_FRAME, bytes);
        match used {
            Err(code) if !is_no_memory(code) => Ok(None),
            _ => Err(NoMemory {
                what: "a dictionary",
                bytes: bytes.len(),
            }
            .into()),
        }
    }
}

/// A decoding context. Reused from block to block, by one thread at a time.
pub struct Decoder {
    zstd: DCtx<'static>,
}

impl Decoder {
    /// A new context.
    pub fn new() -> Result<Self> {
        let no_memory = NoMemory {
            what: "a zstd decoder",
            bytes: DECODER_MEMORY,
        };
        Ok(Decoder {
            zstd: DCtx::try_create().ok_or(no_memory)?,
        })
    }

    /// Bytes of memory that it takes.
    #[cfg(test)]
    pub fn memory(&self) -> usize {
        self.zstd.sizeof()
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
            Codec::Zstd | Codec::ZstdDictionary if window(stored) > WINDOW_MAX => {
                return Err("zstd: a window of more than 2^27 bytes".into());
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

/// The window that a frame declares (RFC 8878, section 3.1.1.1.2); 0 if it has a single segment,
/// which is its own window and no larger than its content.
fn window(frame: &[u8]) -> u64 {
    match frame.get(4..6) {
        Some(&[descriptor, window]) if descriptor & 0x20 == 0 => {
            let base = 1u64 << (10 + (window >> 3));
            base + base / 8 * u64::from(window & 7)
        }
        _ => 0,
    }
}

fn zstd_why(code: usize) -> Why {
    if is_no_memory(code) {
        return NoMemory {
            what: "a zstd decoder",
            bytes: DECODER_MEMORY,
        }
        .into();
    }
    Why::Text(format!("zstd: {}", get_error_name(code)))
}
