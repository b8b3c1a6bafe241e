//! Profiles.

use std::ffi::{CStr, c_char};

use libc::size_t;

use super::abi::*;
use super::args::Args;
use super::guard::guard;
use crate::error::{Error, Result};
use crate::profile::{self, CdcSizes, Compression, Profile};

/// The names in C's form, in the order of the profiles; a test holds them against those.
const NAMES: [&CStr; 4] = [c"generic", c"eda", c"embedded", c"ml"];

/// = Profiles
///
/// Fills in the pack parameters of a profile: "generic" (VM disks; lz4, 64 KiB), "eda" (netlists,
/// layouts, waveforms; zstd 3, 128 KiB, dictionary), "embedded" (firmware; zstd 3, 16 KiB,
/// dictionary) or "ml" (weights; zstd 3, 1 MiB). NULL is "generic".
///
/// Only needed to look at the parameters, or to change some and build with
/// hexz_build_opts.custom. Any thread.
///
/// Errors: HEXZ_ERR_UNKNOWN_PROFILE, the text lists the names; HEXZ_ERR_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hexz_profile_resolve(
    name: *const c_char,
    out: *mut hexz_profile,
) -> hexz_status {
    guard(|| {
        let args = Args::of("hexz_profile_resolve");
        // SAFETY: the header asks for a string and a struct.
        let (out, name) = unsafe { (args.out(out, "out")?, args.bytes(name)) };
        out.write(&to_c(&named(name)?));
        Ok(())
    })
}

/// The name of profile number index, counted from 0; NULL past the last. Valid for ever, any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn hexz_profile_name(index: size_t) -> *const c_char {
    NAMES
        .get(index)
        .map_or(std::ptr::null(), |name| name.as_ptr())
}

/// The profile of that name. A name that is no UTF-8 is as unknown as any other.
pub fn named(name: Option<&[u8]>) -> Result<Profile> {
    profile::resolve(name.map(String::from_utf8_lossy).as_deref())
}

/// A caller's own profile, checked.
pub fn custom(args: &Args, c: &hexz_profile) -> Result<Profile> {
    args.constant(
        c.compression,
        0..=HEXZ_COMPRESSION_ZSTD,
        "opts.custom.compression",
    )?;
    args.constant(c.dictionary, 0..=1, "opts.custom.dictionary")?;
    let known = HEXZ_PROFILE_REFERENCES | HEXZ_PROFILE_FLOAT;
    args.flags(c.features.into(), known.into(), "opts.custom.features")?;
    let profile = Profile {
        compression: match c.compression {
            HEXZ_COMPRESSION_NONE => Compression::None,
            HEXZ_COMPRESSION_LZ4 => Compression::Lz4,
            _ => Compression::Zstd,
        },
        level: c.level,
        block_size: c.block_size,
        dictionary: c.dictionary == 1,
        cdc: match [c.cdc_min, c.cdc_avg, c.cdc_max] {
            [0, 0, 0] => CdcSizes::DEFAULT,
            [min, avg, max] => CdcSizes { min, avg, max },
        },
    };
    profile.validate().map_err(|e| match e {
        Error::InvalidArgument(text) => args.invalid(format_args!("opts.custom: {text}")),
        other => other,
    })?;
    if c.features & HEXZ_PROFILE_REFERENCES != 0 {
        return Err(args.later("compression against resembling blocks (HEXZ_PROFILE_REFERENCES)"));
    }
    if c.features & HEXZ_PROFILE_FLOAT != 0 {
        return Err(args.later("compression by byte planes (HEXZ_PROFILE_FLOAT)"));
    }
    Ok(profile)
}

fn to_c(profile: &Profile) -> hexz_profile {
    hexz_profile {
        struct_size: size_of::<hexz_profile>(),
        compression: match profile.compression {
            Compression::None => HEXZ_COMPRESSION_NONE,
            Compression::Lz4 => HEXZ_COMPRESSION_LZ4,
            Compression::Zstd => HEXZ_COMPRESSION_ZSTD,
        },
        level: profile.level,
        block_size: profile.block_size,
        dictionary: profile.dictionary.into(),
        cdc_min: profile.cdc.min,
        cdc_avg: profile.cdc.avg,
        cdc_max: profile.cdc.max,
        features: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_profiles() {
        for (i, name) in NAMES.iter().enumerate() {
            assert_eq!(name.to_str().ok(), profile::name(i));
        }
        assert_eq!(profile::name(NAMES.len()), None);
        assert!(
            hexz_profile_name(NAMES.len()).is_null() && hexz_profile_name(usize::MAX).is_null()
        );
    }

    #[test]
    fn a_resolved_profile_is_a_valid_custom_one() {
        let args = Args::of("hexz_test");
        for name in NAMES {
            let resolved = named(Some(name.to_bytes())).unwrap();
            assert_eq!(custom(&args, &to_c(&resolved)).unwrap(), resolved);
            let without_cdc = hexz_profile {
                cdc_min: 0,
                cdc_avg: 0,
                cdc_max: 0,
                ..to_c(&resolved)
            };
            assert_eq!(custom(&args, &without_cdc).unwrap(), resolved);
        }
    }

    #[test]
    fn values_that_mean_nothing_are_refused() {
        let args = Args::of("hexz_test");
        let good = to_c(&named(Some(b"eda")).unwrap());
        for bad in [
            hexz_profile {
                compression: 3,
                ..good
            },
            hexz_profile {
                dictionary: 2,
                ..good
            },
            hexz_profile {
                features: 4,
                ..good
            },
            hexz_profile { cdc_min: 0, ..good },
            hexz_profile { level: 23, ..good },
        ] {
            let e = custom(&args, &bad).unwrap_err();
            assert!(
                matches!(&e, Error::InvalidArgument(t) if t.contains("opts.custom")),
                "{e}"
            );
        }
        for later in [HEXZ_PROFILE_REFERENCES, HEXZ_PROFILE_FLOAT, 3] {
            let e = custom(
                &args,
                &hexz_profile {
                    features: later,
                    ..good
                },
            );
            assert!(matches!(e, Err(Error::Unsupported(_))), "{later}");
        }
    }
}
