//! Training a dictionary, and finding out whether it pays.

use zstd::zstd_safe::train_from_buffer;

use super::encode::{EncodeDictionary, Encoder, Method, is_no_memory};
use crate::error::{NoMemory, Result, try_reserve, try_zeroed};
use crate::format::DICTIONARY_MAX;

/// Bytes to train on at most: four times as much took four times as long and saved no more.
pub const TRAIN_MAX: usize = 8 << 20;
/// Samples shorter than this tell nothing; fewer than [`SAMPLES_MIN`] train nothing.
const SAMPLES_MIN: usize = 16;
/// What a dictionary must save on blocks that it was not trained on.
const PAYS_PERCENT: u64 = 2;
/// Every fourth sample is kept from training, to judge by.
const JUDGE_EVERY: usize = 4;

/// Trains a dictionary on the samples, which are blocks as they will be compressed.
///
/// `None` when there is too little to train on, or when it saves less than 2% of blocks that it
/// was not trained on, its own length counted against `total` bytes to come.
pub fn train(samples: &[&[u8]], method: Method, total: u64) -> Result<Option<Vec<u8>>> {
    let judged = |i: &usize| i % JUDGE_EVERY == JUDGE_EVERY - 1;
    let (mut trained, mut sizes): (Vec<&[u8]>, Vec<usize>) = Default::default();
    try_reserve(&mut trained, samples.len(), "samples to train on")?;
    try_reserve(&mut sizes, samples.len(), "samples to train on")?;
    trained.extend(
        (0..samples.len())
            .filter(|i| !judged(i))
            .map(|i| samples[i]),
    );
    if trained.len() < SAMPLES_MIN {
        return Ok(None);
    }
    sizes.extend(trained.iter().map(|s| s.len()));
    let mut together = Vec::new();
    try_reserve(&mut together, sizes.iter().sum(), "samples to train on")?;
    trained.iter().for_each(|s| together.extend_from_slice(s));
    let mut dictionary = try_zeroed(DICTIONARY_MAX, "a dictionary")?;
    // Failure to train means that the samples have nothing in common: no dictionary, no error.
    match train_from_buffer(&mut dictionary[..], &together, &sizes) {
        Ok(len) => dictionary.truncate(len),
        // What is stored must not depend on how much memory there was.
        Err(code) if is_no_memory(code) => {
            return Err(NoMemory {
                what: "training a dictionary, samples at least",
                bytes: together.len(),
            }
            .into());
        }
        Err(_) => return Ok(None),
    }
    drop(together);
    let digested = EncodeDictionary::new(&dictionary, method.level)?;
    let mut without = Encoder::new(method, None)?;
    let mut within = Encoder::new(method, Some(&digested))?;
    let mut out = Vec::new();
    let (mut plain, mut with) = (0u64, 0u64);
    let mut raw = 0u64;
    for sample in (0..samples.len()).filter(judged).map(|i| samples[i]) {
        raw += sample.len() as u64;
        plain += stored_len(&mut without, sample, &mut out)?;
        with += stored_len(&mut within, sample, &mut out)?;
    }
    // The dictionary itself is stored once for all that is to come.
    let own = (dictionary.len() as u128 * u128::from(raw) / u128::from(total.max(1))) as u64;
    let pays = (with + own) * 100 <= plain * (100 - PAYS_PERCENT);
    Ok(pays.then_some(dictionary))
}

fn stored_len(encoder: &mut Encoder<'_>, block: &[u8], out: &mut Vec<u8>) -> Result<u64> {
    encoder.encode(block, out)?;
    Ok(if out.is_empty() {
        block.len()
    } else {
        out.len()
    } as u64)
}

#[cfg(test)]
mod tests {
    use super::super::{DecodeDictionary, Decoder};
    use super::*;
    use crate::format::Codec;
    use crate::profile::Compression;

    const METHOD: Method = Method {
        compression: Compression::Zstd,
        level: 3,
    };

    fn records(seed: u64, len: usize) -> Vec<u8> {
        let mut text = String::new();
        let mut x = seed;
        while text.len() < len {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let (a, b) = (x >> 33 & 0xfff, x >> 50);
            text += &format!("wire [31:0] net_{a}_q; assign net_{a}_q = reg_{b} & en_{a};\n");
        }
        text.truncate(len);
        text.into_bytes()
    }

    #[test]
    fn a_dictionary_that_pays_is_kept_and_decodes() {
        let blocks: Vec<_> = (0..200).map(|i| records(i, 4096)).collect();
        let samples: Vec<&[u8]> = blocks.iter().map(|b| &b[..]).collect();
        let bytes = train(&samples, METHOD, 100 << 20).unwrap().unwrap();
        let digested = EncodeDictionary::new(&bytes, METHOD.level).unwrap();
        let mut out = Vec::new();
        let codec = Encoder::new(METHOD, Some(&digested))
            .unwrap()
            .encode(samples[0], &mut out)
            .unwrap();
        assert_eq!(codec, Codec::ZstdDictionary);
        let dictionary = DecodeDictionary::new(&bytes).unwrap().unwrap();
        let mut back = vec![0; samples[0].len()];
        let mut decoder = Decoder::new().unwrap();
        decoder
            .decode(codec, Some(&dictionary), &out, &mut back)
            .unwrap();
        assert_eq!(back, samples[0]);
        assert!(decoder.decode(codec, None, &out, &mut back).is_err());
        // For hardly more data than itself, the same dictionary does not pay.
        assert_eq!(train(&samples, METHOD, 1 << 10).unwrap(), None);
    }

    #[test]
    fn too_little_and_noise_train_nothing() {
        assert_eq!(train(&[], METHOD, 1 << 30).unwrap(), None);
        let noise: Vec<Vec<u8>> = (0u32..64)
            .map(|i| {
                let mut block = vec![0; 4096];
                blake3::Hasher::new()
                    .update(&i.to_le_bytes())
                    .finalize_xof()
                    .fill(&mut block);
                block
            })
            .collect();
        let samples: Vec<&[u8]> = noise.iter().map(|b| &b[..]).collect();
        assert_eq!(train(&samples, METHOD, 1 << 30).unwrap(), None);
    }
}
