//! The front of the pack core: keeps streams apart from the output, asks for a password, and hands
//! everything on.

mod paths;

use std::path::Path;

use rustix::io::Errno;

pub use paths::{Kind, PathStream};

use crate::control::Control;
use crate::crypto::KdfCost;
use crate::error::{Error, Result, operand};
use crate::keyring::{Encryption, PasswordFn, Purpose, Request, ask};
use crate::pack::{self, Options, Report, StreamInput};
use crate::sink::{Existing, FileSink, PendingFile, Sync, Uncommitted};

/// Streams into a snapshot.
pub struct BuildRequest<'a> {
    /// In the order that the snapshot has them.
    pub streams: Vec<StreamInput>,
    /// Where it goes.
    pub output: Output<'a>,
    /// How it is packed.
    pub options: Options,
}

/// Where a snapshot goes.
#[derive(Debug, Clone, Copy)]
pub enum Output<'a> {
    /// A file, which appears whole or not at all.
    File {
        /// Its name.
        path: &'a Path,
        /// What to do about one that is there already.
        existing: Existing,
        /// Whether it is durable when the call returns.
        sync: Sync,
    },
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
    request: BuildRequest<'_>,
    encrypt: Option<Encrypt<'_, '_>>,
    control: &mut Control<'_>,
) -> Result<Report> {
    control.check()?;
    let BuildRequest {
        streams,
        output,
        options,
    } = request;
    let Output::File {
        path,
        existing,
        sync,
    } = output;
    refuse_input_as_output(&streams, path)?;
    let mut encryption = None;
    if let Some(encrypt) = encrypt {
        // What cannot work is no reason to bother anybody.
        PendingFile::check(path, existing)?;
        pack::check_memory(&streams, &options)?;
        encryption = Some(ask_and_derive(path, encrypt, control)?);
    }
    let file = PendingFile::create(path, existing, sync)?;
    pack::pack(
        streams,
        &options,
        encryption.as_ref(),
        Uncommitted::new(Box::new(FileSink::new(file))),
        control,
    )
}

fn ask_and_derive(
    output: &Path,
    encrypt: Encrypt<'_, '_>,
    control: &Control<'_>,
) -> Result<Encryption> {
    let operand = operand(output);
    let request = Request {
        purpose: Purpose::Create,
        attempt: 0,
        operand: &operand,
        path: Some(output),
    };
    let password = ask(encrypt.password, &request)?;
    control.check()?;
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
                let operand = operand(output);
                return Err(Error::output(&operand, ("cannot look at it", e)));
            }
            Ok(true) => {
                return Err(Error::InvalidArgument(format!(
                    "output '{}': is the source '{}' by another name or the same; give another \
                     file",
                    operand(output),
                    stream.source.operand()
                )));
            }
        }
    }
    Ok(())
}
