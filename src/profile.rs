//! Names to pack parameters, and the limits of each parameter.

use crate::error::{Error, Result};

/// Smallest and largest block, in bytes; a block is a power of two.
pub const BLOCK_MIN: u32 = 4096;
/// See [`BLOCK_MIN`].
pub const BLOCK_MAX: u32 = 16 << 20;
/// Smallest chunk size that can be asked for, in bytes: no snapshot may have a smaller one.
const CDC_MIN: u32 = crate::format::CDC_MIN;
/// Largest chunk, in bytes: a chunk is never split over blocks.
const CDC_MAX: u32 = BLOCK_MAX;
/// Largest average that the chunker takes, in bytes.
const CDC_AVG_MAX: u32 = 4 << 20;
/// Largest minimum that the chunker takes, in bytes.
const CDC_MIN_MAX: u32 = 1 << 20;
/// Fast levels of zstd: below -7 it hardly compresses.
const ZSTD_LEVELS: std::ops::RangeInclusive<i32> = -7..=22;

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Stored as they are.
    None,
    /// LZ4 block format.
    Lz4,
    /// Zstandard frames (RFC 8878).
    Zstd,
}

impl Compression {
    /// Its number in a root page.
    pub fn number(self) -> u8 {
        match self {
            Compression::None => 0,
            Compression::Lz4 => 1,
            Compression::Zstd => 2,
        }
    }
}

/// Sizes of content-defined chunks, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CdcSizes {
    /// No chunk is smaller, but the last before zeros or the end.
    pub min: u32,
    /// What the chunker aims at.
    pub avg: u32,
    /// No chunk is larger.
    pub max: u32,
}

/// Pack parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Codec of the blocks.
    pub compression: Compression,
    /// Level of the codec; 0 for all but zstd.
    pub level: i32,
    /// Bytes that are compressed together.
    pub block_size: u32,
    /// Whether to train a dictionary.
    pub dictionary: bool,
    /// Chunk sizes, used when content-defined chunking is asked for.
    pub cdc: CdcSizes,
}

const CDC_DEFAULT: CdcSizes = CdcSizes {
    min: 16 << 10,
    avg: 64 << 10,
    max: 128 << 10,
};

/// The profiles there are; the first is the default.
const TABLE: [(&str, Profile); 4] = [
    (
        "generic",
        Profile {
            compression: Compression::Lz4,
            level: 0,
            block_size: 64 << 10,
            dictionary: false,
            cdc: CDC_DEFAULT,
        },
    ),
    (
        "eda",
        Profile {
            compression: Compression::Zstd,
            level: 3,
            block_size: 128 << 10,
            dictionary: true,
            cdc: CDC_DEFAULT,
        },
    ),
    (
        "embedded",
        Profile {
            compression: Compression::Zstd,
            level: 3,
            block_size: 16 << 10,
            dictionary: true,
            cdc: CDC_DEFAULT,
        },
    ),
    (
        "ml",
        Profile {
            compression: Compression::Zstd,
            level: 3,
            block_size: 1 << 20,
            dictionary: false,
            cdc: CDC_DEFAULT,
        },
    ),
];

/// Name of profile number `index`, if there is one.
pub fn name(index: usize) -> Option<&'static str> {
    TABLE.get(index).map(|(name, _)| *name)
}

/// The profile of that name; no name means the default. Names are exact, lower case.
pub fn resolve(name: Option<&str>) -> Result<Profile> {
    let name = name.unwrap_or(TABLE[0].0);
    TABLE
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, p)| *p)
        .ok_or_else(|| Error::UnknownProfile {
            name: name.to_owned(),
            known: TABLE.map(|(n, _)| n).join(", "),
        })
}

impl Profile {
    /// Checks every parameter against its limits.
    pub fn validate(&self) -> Result<()> {
        let fail = |text: String| Err(Error::InvalidArgument(text));
        if !self.block_size.is_power_of_two() || !(BLOCK_MIN..=BLOCK_MAX).contains(&self.block_size)
        {
            return fail(format!(
                "profile: block_size {} is not a power of two from {BLOCK_MIN} to {BLOCK_MAX}",
                self.block_size
            ));
        }
        match self.compression {
            Compression::Zstd if !ZSTD_LEVELS.contains(&self.level) => fail(format!(
                "profile: zstd level {} is not from {} to {}",
                self.level,
                ZSTD_LEVELS.start(),
                ZSTD_LEVELS.end()
            )),
            Compression::None | Compression::Lz4 if self.level != 0 => fail(format!(
                "profile: level {} without zstd; lz4 and none have level 0 only",
                self.level
            )),
            Compression::None | Compression::Lz4 if self.dictionary => {
                fail("profile: only zstd takes a dictionary; set dictionary to 0".to_owned())
            }
            _ => self.cdc.validate(),
        }
    }
}

impl CdcSizes {
    /// The sizes of a profile that leaves them at zero.
    pub const DEFAULT: CdcSizes = CDC_DEFAULT;

    fn validate(&self) -> Result<()> {
        let CdcSizes { min, avg, max } = *self;
        let ordered = min < avg && avg < max;
        let bounded =
            (CDC_MIN..=CDC_MIN_MAX).contains(&min) && avg <= CDC_AVG_MAX && max <= CDC_MAX;
        // The chunker steps two bytes at a time; odd sizes would be rounded silently.
        let even = (min | avg | max) & 1 == 0;
        if ordered && bounded && even {
            return Ok(());
        }
        Err(Error::InvalidArgument(format!(
            "profile: cdc sizes {min}/{avg}/{max} must be even and rise from min ({CDC_MIN} to \
             {CDC_MIN_MAX}) over avg (to {CDC_AVG_MAX}) to max (to {CDC_MAX})"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_of_the_table_is_valid() {
        for (name, profile) in TABLE {
            profile.validate().unwrap();
            assert_eq!(resolve(Some(name)).unwrap(), profile);
        }
        assert_eq!(resolve(None).unwrap(), TABLE[0].1);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        for bad in ["", "Generic", "eda ", "xyz"] {
            let text = resolve(Some(bad)).unwrap_err().to_string();
            for (name, _) in TABLE {
                assert!(text.contains(name), "{text}");
            }
        }
    }

    #[test]
    fn limits_hold() {
        let good = resolve(Some("eda")).unwrap();
        let bad = [
            Profile {
                block_size: 0,
                ..good
            },
            Profile {
                block_size: 2048,
                ..good
            },
            Profile {
                block_size: 65535,
                ..good
            },
            Profile {
                block_size: 32 << 20,
                ..good
            },
            Profile { level: 23, ..good },
            Profile {
                compression: Compression::Lz4,
                ..good
            },
            Profile {
                compression: Compression::Lz4,
                level: 0,
                ..good
            },
            Profile {
                cdc: CdcSizes {
                    min: 64 << 10,
                    avg: 16 << 10,
                    max: 128 << 10,
                },
                ..good
            },
            Profile {
                cdc: CdcSizes {
                    min: CDC_MIN - 2,
                    avg: 4096,
                    max: 8192,
                },
                ..good
            },
            Profile {
                cdc: CdcSizes {
                    min: 1025,
                    avg: 4096,
                    max: 8192,
                },
                ..good
            },
            Profile {
                cdc: CdcSizes {
                    min: 1024,
                    avg: 4096,
                    max: 32 << 20,
                },
                ..good
            },
        ];
        for profile in bad {
            assert!(profile.validate().is_err(), "{profile:?}");
        }
    }
}
