//! The front of the pack core for paths: opens the inputs, keeps them apart from the output, and
//! hands everything on.

use std::path::Path;

use rustix::io::Errno;

use crate::control::Control;
use crate::crypto::KdfCost;
use crate::error::{Error, Result};
use crate::keyring::{Encryption, PasswordFn, Purpose, Request, ask};
use crate::pack::{self, Options, Report, StreamInput};
use crate::profile::Profile;
use crate::sink::{Existing, FileSink, PendingFile, Sync};
use crate::source::{self, Access, Format};

/// Kinds of streams as the format has them.
const DISK: u8 = 1;
const MEMORY: u8 = 2;

/// A disk image, and a memory dump beside it, into a snapshot file.
#[derive(Debug, Clone, Copy)]
pub struct BuildRequest<'a> {
    /// The disk image; becomes the stream "disk".
    pub source: &'a Path,
    /// A memory dump; becomes the stream "memory".
    pub memory: Option<&'a Path>,
    /// Where the snapshot appears.
    pub output: &'a Path,
    /// What the disk image is written in. A memory dump is always raw.
    pub source_format: Format,
    /// Validated pack parameters.
    pub profile: Profile,
    /// Whether to cut content-defined chunks.
    pub cdc: bool,
    /// Whether to replace an output that is there.
    pub overwrite: bool,
    /// Whether the output is durable when the call returns.
    pub sync: bool,
    /// Whether sources are neither locked nor checked for changes.
    pub share: bool,
    /// Whether sources are locked, but not checked for changes.
    pub allow_change: bool,
    /// Whether a disk image may open the files that it names.
    pub other_files: bool,
    /// Threads that may use CPU, the caller's included; 0 for all there are.
    pub threads: u32,
    /// Bytes of memory; 0 for the default.
    pub memory_limit: u64,
}

/// Who gives the password of an encrypted snapshot, and what guessing it shall cost.
pub struct Encrypt<'a, 'p> {
    /// Asked once, before the sources are read or an output is made.
    pub password: &'a mut PasswordFn<'p>,
    /// Within its bounds.
    pub cost: KdfCost,
}

/// Builds a snapshot. On any error the output is what it was before.
pub fn build(
    request: &BuildRequest<'_>,
    encrypt: Option<Encrypt<'_, '_>>,
    control: &mut Control<'_>,
) -> Result<Report> {
    control.check()?;
    let access = Access {
        share: request.share,
        allow_change: request.allow_change,
        other_files: request.other_files,
    };
    let disk = source::open(request.source, request.source_format, access)?;
    let mut streams = vec![StreamInput {
        name: "disk".to_owned(),
        kind: DISK,
        source: disk,
    }];
    if let Some(path) = request.memory {
        let memory = source::open_memory(path, access)?;
        streams.push(StreamInput {
            name: "memory".to_owned(),
            kind: MEMORY,
            source: memory,
        });
    }
    refuse_input_as_output(&streams, request.output)?;
    let existing = match request.overwrite {
        true => Existing::Replace,
        false => Existing::Refuse("HEXZ_BUILD_OVERWRITE"),
    };
    let options = Options {
        profile: request.profile,
        cdc: request.cdc,
        threads: request.threads,
        memory_limit: request.memory_limit,
    };
    let mut encryption = None;
    if let Some(encrypt) = encrypt {
        // What cannot work is no reason to bother anybody.
        PendingFile::check(request.output, existing)?;
        pack::check_memory(&streams, &options)?;
        encryption = Some(ask_and_derive(request.output, encrypt, control)?);
    }
    let sync = match request.sync {
        true => Sync::Yes("HEXZ_BUILD_NO_SYNC"),
        false => Sync::No,
    };
    let file = PendingFile::create(request.output, existing, sync)?;
    pack::pack(
        streams,
        &options,
        encryption.as_ref(),
        Box::new(FileSink::new(file)),
        control,
    )
}

fn ask_and_derive(
    output: &Path,
    encrypt: Encrypt<'_, '_>,
    control: &Control<'_>,
) -> Result<Encryption> {
    let request = Request {
        purpose: Purpose::Create,
        attempt: 0,
        path: output,
    };
    let password = ask(encrypt.password, &request)?;
    control.check()?;
    let operand = output.display().to_string();
    let go_on = || control.check();
    let encryption = Encryption::new(password.bytes(), encrypt.cost, &operand, &go_on)?;
    control.check()?;
    Ok(encryption)
}

/// Links are followed: one that leads to an input would be replaced and not followed, but whoever
/// names it hardly means that.
fn refuse_input_as_output(streams: &[StreamInput], output: &Path) -> Result<()> {
    for stream in streams {
        match stream.source.reads(output) {
            Ok(false) => {}
            // Nothing there, or nothing that leads there: creating it says what is wrong, if anything.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => return Ok(()),
            Err(e) => {
                let operand = output.display().to_string();
                return Err(Error::output(&operand, ("cannot look at it", e)));
            }
            Ok(true) => {
                return Err(Error::InvalidArgument(format!(
                    "output '{}': is the source '{}' by another name or the same; give another \
                     file",
                    output.display(),
                    stream.source.operand()
                )));
            }
        }
    }
    Ok(())
}
