//! Blocks to stored bytes and back: lz4, zstd, stored as is; dictionaries.

mod decode;
mod dictionary;
mod encode;

pub use decode::{DecodeDictionary, Decoder};
pub use dictionary::{TRAIN_MAX, train};
pub use encode::{EncodeDictionary, Encoder, Method, encoder_memory};
