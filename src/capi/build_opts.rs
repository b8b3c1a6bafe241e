//! The checks of hexz_build_opts that all ways to build share.

use std::ffi::c_void;
use std::path::Path;

use super::abi::*;
use super::args::Args;
use super::callback::PasswordCallback;
use super::handle;
use super::profile;
use super::sink::{self, HostSink};
use crate::build::{self, Excess, Parent, Parents};
use crate::crypto::KdfCost;
use crate::error::{Error, Result, operand, try_push};
use crate::index::Chain;
use crate::pack::{Options, UnitKind};
use crate::profile::Profile;
use crate::sink::{Existing, Sync};

const FLAGS: u64 = HEXZ_BUILD_ENCRYPT
    | HEXZ_BUILD_CDC
    | HEXZ_BUILD_OVERWRITE
    | HEXZ_BUILD_NO_SYNC
    | HEXZ_BUILD_ALLOW_BACKING
    | HEXZ_BUILD_FORCE_SHARE
    | HEXZ_BUILD_ALLOW_CHANGE
    | HEXZ_BUILD_FOLD;

/// No more ancestors than this may a snapshot have, and each base is one.
const ANCESTORS_MAX: usize = 64;
/// Bases of a build that folds what is too much: all are gone through.
const BASES_MAX: usize = 1024;

/// Where a snapshot goes.
pub enum Output<'a> {
    /// A file.
    Path(&'a Path),
    /// The host program's sink.
    Sink(HostSink),
}

/// What is asked for, whatever the sources are.
pub struct Target<'a> {
    /// Pack parameters.
    pub profile: Profile,
    /// What it leans on.
    pub parents: Parents<'a>,
    /// Where it goes.
    pub output: Output<'a>,
    /// Who gives the password, and what guessing it costs, if it is encrypted.
    pub encrypt: Option<(PasswordCallback, KdfCost)>,
}

impl<'a> Output<'a> {
    /// What is made of it with these flags.
    pub fn with(self, flags: u64) -> build::Output<'a> {
        match self {
            Output::Sink(sink) => build::Output::Sink(Box::new(sink)),
            Output::Path(path) => build::Output::File {
                path,
                existing: match flags & HEXZ_BUILD_OVERWRITE {
                    0 => Existing::Refuse("HEXZ_BUILD_OVERWRITE"),
                    _ => Existing::Replace,
                },
                sync: match flags & HEXZ_BUILD_NO_SYNC {
                    0 => Sync::Yes("HEXZ_BUILD_NO_SYNC"),
                    _ => Sync::No,
                },
            },
        }
    }
}

/// How it is packed.
pub fn options(profile: Profile, opts: &hexz_build_opts) -> Options {
    Options {
        profile,
        units: match opts.flags & HEXZ_BUILD_CDC {
            0 => UnitKind::Page,
            _ => UnitKind::Chunk,
        },
        threads: opts.threads,
        memory_limit: opts.memory_limit,
    }
}

/// Checks all but the sources. The sink is one of a call on `handle` (NULL for a call on none).
///
/// # Safety
///
/// As the header asks of hexz_build_opts.
pub unsafe fn check<'a>(
    args: &'a Args,
    opts: &hexz_build_opts,
    handle: *const c_void,
) -> Result<Target<'a>> {
    args.flags(opts.flags, FLAGS, "opts.flags")?;
    args.reserved(opts.reserved, "opts.reserved")?;
    args.reserved(opts.reserved2 as usize, "opts.reserved2")?;
    args.constant(
        opts.source_format,
        0..=HEXZ_FORMAT_QCOW2,
        "opts.source_format",
    )?;
    let cost = args.kdf(opts.kdf_memory_kib, opts.kdf_passes, opts.kdf_lanes)?;
    // SAFETY: as promised.
    let (path, sink, parent) = unsafe {
        let sink = HostSink::check(args, opts.sink, handle)?;
        (args.path(opts.output), sink, args.path(opts.parent))
    };
    let output = match (path, sink) {
        (Some(path), None) => Output::Path(path),
        (None, Some(sink)) => Output::Sink(sink),
        (Some(_), Some(_)) => return Err(args.invalid("both opts.output and opts.sink are given")),
        (None, None) => return Err(args.invalid("neither opts.output nor opts.sink is given")),
    };
    if parent.is_some() && !opts.parent_snapshot.is_null() {
        return Err(args.invalid("both opts.parent and opts.parent_snapshot are given"));
    }
    // SAFETY: as promised.
    let mut parents = unsafe { check_bases(args, opts) }?;
    if let Some(path) = parent {
        parents.parent = Some(Parent::Path(path));
    }
    let has_parent = parent.is_some() || !opts.parent_snapshot.is_null();
    if opts.password.is_some() && opts.flags & HEXZ_BUILD_ENCRYPT == 0 && !has_parent {
        return Err(args.invalid(
            "opts.password is given, but nothing would be encrypted; set HEXZ_BUILD_ENCRYPT, or \
             leave it NULL",
        ));
    }
    // SAFETY: as promised.
    let profile = unsafe { check_profile(args, opts) }?;
    let mut encrypt = None;
    if opts.flags & HEXZ_BUILD_ENCRYPT != 0 {
        match PasswordCallback::new(opts.password, opts.password_data) {
            Some(callback) => encrypt = Some((callback, cost)),
            None => {
                let operand = match &output {
                    Output::Path(path) => operand(path),
                    Output::Sink(_) => sink::NAME.to_owned(),
                };
                return Err(Error::PasswordRequired { operand, code: 0 });
            }
        }
    }
    Ok(Target {
        profile,
        parents,
        output,
        encrypt,
    })
}

/// Checks the open snapshots that a build may lean on.
unsafe fn check_bases<'a>(args: &Args, opts: &hexz_build_opts) -> Result<Parents<'a>> {
    if opts.base_count > 0 {
        args.not_null(opts.bases, "opts.bases")?;
    }
    let excess = match opts.flags & HEXZ_BUILD_FOLD {
        0 => Excess::Refuse,
        _ => Excess::Fold,
    };
    let most = match excess {
        Excess::Refuse => ANCESTORS_MAX,
        Excess::Fold => BASES_MAX,
    };
    if opts.base_count > most {
        return Err(args.too_many_ancestors(opts.base_count, most, excess));
    }
    // SAFETY: as the header asks: base_count pointers.
    let bases = (0..opts.base_count).map(|i| unsafe { *opts.bases.add(i) });
    let parent = (!opts.parent_snapshot.is_null()).then_some(opts.parent_snapshot);
    let mut parents = Parents {
        excess,
        ..Parents::default()
    };
    for (i, base) in bases.enumerate() {
        args.not_null(base, &format!("opts.bases[{i}]"))?;
        // SAFETY: as the header asks: an open snapshot.
        let base = unsafe { check_lean(args, opts, base, &format!("opts.bases[{i}]")) }?;
        try_push(&mut parents.bases, base, "bases")?;
    }
    if let Some(parent) = parent {
        // SAFETY: as above.
        let parent = unsafe { check_lean(args, opts, parent, "opts.parent_snapshot") }?;
        parents.parent = Some(Parent::Open(parent));
    }
    Ok(parents)
}

/// A plain snapshot would lay open what it takes from an encrypted one.
unsafe fn check_lean(
    args: &Args,
    opts: &hexz_build_opts,
    on: *const hexz_snapshot,
    name: &str,
) -> Result<Chain> {
    // SAFETY: as the header asks: an open snapshot.
    let snapshot = unsafe { handle::enter(args, on) }?;
    match snapshot.info().encrypted && opts.flags & HEXZ_BUILD_ENCRYPT == 0 {
        true => Err(args.invalid(format_args!(
            "{name} is encrypted, and what leans on it would not be; set HEXZ_BUILD_ENCRYPT"
        ))),
        false => Ok(snapshot.chain().clone()),
    }
}

unsafe fn check_profile(args: &Args, opts: &hexz_build_opts) -> Result<Profile> {
    if opts.custom.is_null() {
        // SAFETY: as the header asks.
        return profile::named(unsafe { args.bytes(opts.profile) });
    }
    if !opts.profile.is_null() {
        return Err(args.invalid("both opts.profile and opts.custom are given"));
    }
    // SAFETY: as the header asks.
    profile::custom(args, &unsafe { args.read(opts.custom, "opts.custom") }?)
}
