//! The front of the pack core: keeps streams apart from the output, asks for a password, and hands
//! everything on.

mod fold;
mod parents;
mod paths;
mod push;
#[cfg(test)]
mod stored_tests;
#[cfg(test)]
mod thin_tests;

use std::os::fd::AsFd;
use std::path::Path;

use rustix::io::Errno;

pub use parents::{Excess, Parent, Parents};
pub use paths::{Kind, PathStream};
pub use push::{Builder, BuilderRequest};

use crate::control::Control;
use crate::crypto::KdfCost;
use crate::error::{Error, Result, operand};
use crate::keyring::{Encryption, PasswordFn, Purpose, Request, ask};
use crate::pack::{self, Heritage, Options, Report, StreamInput};
use crate::sink::{Existing, FileSink, PendingFile, Sink, Sync, Uncommitted};
use crate::source::leads_to;

/// Streams into a snapshot.
pub struct BuildRequest<'a> {
    /// In the order that the snapshot has them.
    pub streams: Vec<StreamInput>,
    /// What it leans on.
    pub parents: Parents<'a>,
    /// Where it goes.
    pub output: Output<'a>,
    /// How it is packed.
    pub options: Options,
}

/// Where a snapshot goes.
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
    /// The host program, which hears of it once what can be refused was not.
    Sink(Box<dyn Sink>),
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
        mut streams,
        parents,
        output,
        options,
    } = request;
    if let Output::File { path, .. } = output {
        refuse_input_as_output(&streams, path)?;
    }
    let check = |heritage: Option<&Heritage>| pack::check_memory(&streams, &options, heritage);
    let (heritage, encryption) = prepare(parents, &output, encrypt, &check, control)?;
    if let Some(heritage) = &heritage
        && let Some(parent) = heritage.parent()
    {
        parents::lean(&mut streams, heritage, parent, options.units)?;
    }
    let sink: Box<dyn Sink> = match output {
        Output::File {
            path,
            existing,
            sync,
        } => Box::new(FileSink::new(PendingFile::create(path, existing, sync)?)),
        Output::Sink(sink) => sink,
    };
    let sink = Uncommitted::new(sink);
    let encryption = encryption.as_ref();
    pack::pack(streams, &options, encryption, heritage, sink, control)
}

/// All that comes before an output is made: what the snapshot leans on, and its keys. `check` says
/// whether there is memory enough, first for a snapshot that leans on nothing.
fn prepare(
    parents: Parents<'_>,
    output: &Output<'_>,
    mut encrypt: Option<Encrypt<'_, '_>>,
    check: &dyn Fn(Option<&Heritage>) -> Result<()>,
    control: &Control<'_>,
) -> Result<(Option<Heritage>, Option<Encryption>)> {
    check(None)?;
    // What cannot work is no reason to bother anybody.
    if let Output::File { path, existing, .. } = *output
        && encrypt.is_some()
    {
        PendingFile::check(path, existing)?;
    }
    let password = encrypt.as_mut().map(|encrypt| &mut *encrypt.password);
    let heritage = parents.open(password, control)?;
    if let Some(heritage) = &heritage {
        if let Output::File { path, .. } = *output {
            refuse_parent_as_output(heritage, path)?;
        }
        check(Some(heritage))?;
    }
    let mut encryption = None;
    if let Some(encrypt) = encrypt {
        let mut made = ask_and_derive(output, encrypt, control)?;
        if let Some(heritage) = &heritage {
            made.lean(heritage.hashing());
        }
        encryption = Some(made);
    }
    Ok((heritage, encryption))
}

fn ask_and_derive(
    output: &Output<'_>,
    encrypt: Encrypt<'_, '_>,
    control: &Control<'_>,
) -> Result<Encryption> {
    let (operand, path) = match output {
        Output::File { path, .. } => (operand(path), Some(*path)),
        Output::Sink(sink) => (sink.operand().to_owned(), None),
    };
    let request = Request {
        purpose: Purpose::Create,
        attempt: 0,
        operand: &operand,
        path,
    };
    let password = ask(encrypt.password, &request)?;
    control.check()?;
    let go_on = || control.check();
    let encryption = Encryption::new(password.bytes(), encrypt.cost, &operand, &go_on)?;
    control.check()?;
    Ok(encryption)
}

/// The files of the parent, of what that leans on and of bases.
fn refuse_parent_as_output(heritage: &Heritage, output: &Path) -> Result<()> {
    for index in heritage.files() {
        let file = index.storage.file();
        let same = file.map_or(Ok(false), |file| leads_to(output, file.as_fd()));
        if is_there(same, output)? {
            return Err(Error::InvalidArgument(format!(
                "output '{}': is the snapshot '{}', which it would lean on, by another name or the \
                 same; give another file",
                operand(output),
                index.operand()
            )));
        }
    }
    Ok(())
}

/// What was found out about an output, which need not be there: creating it says what is wrong, if
/// anything.
fn is_there(found: rustix::io::Result<bool>, output: &Path) -> Result<bool> {
    match found {
        Ok(same) => Ok(same),
        // Nothing there, or nothing that leads there.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => Ok(false),
        Err(e) => Err(Error::output(&operand(output), ("cannot look at it", e))),
    }
}

/// Links are followed: one that leads to an input would be replaced and not followed, but whoever
/// names it hardly means that.
fn refuse_input_as_output(streams: &[StreamInput], output: &Path) -> Result<()> {
    for stream in streams {
        if is_there(stream.source.reads(output), output)? {
            return Err(Error::InvalidArgument(format!(
                "output '{}': is the source '{}' by another name or the same; give another file",
                operand(output),
                stream.source.operand()
            )));
        }
    }
    Ok(())
}
