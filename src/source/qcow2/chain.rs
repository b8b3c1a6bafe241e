//! Opens an image and the files that back it.

use std::path::Path;

use super::Layer;
use super::fault::{Fault, shown};
use super::image::{Backing, Image};
use crate::error::Result;
use crate::source::{Access, Identity, RawSource, Source};

/// Backing files below one image, at most.
const DEPTH_MAX: usize = 64;

/// The formats that a backing file may be in. What is in none is never guessed: a guest that may
/// write to a raw backing file could turn it into an image that opens any file.
enum Format {
    Raw,
    Qcow2,
}

/// The image in `file`, which was opened by the name `path`, and below it what it is based on.
pub fn open(file: RawSource, path: &Path, access: Access) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    let mut seen: Vec<Identity> = Vec::new();
    let (mut file, mut path) = (file, path.to_owned());
    loop {
        let (image, backing) = Image::open(file, &path, access)?;
        for opened in image.files() {
            note(&mut seen, opened)?;
        }
        let operand = image.file().operand().to_owned();
        layers.push(Layer::Image(Box::new(image)));
        let Some(backing) = backing else {
            return Ok(layers);
        };
        let format = format_of(&backing, access).map_err(|fault| fault.of(&operand))?;
        if layers.len() > DEPTH_MAX {
            let text = format!(
                "is at the end of a chain of {DEPTH_MAX} backing files and has one more, {}; \
                 shorten the chain with qemu-img commit or rebase",
                name(&backing)
            );
            return Err(Fault::Unsupported(text).of(&operand));
        }
        let below = RawSource::open(&backing.path, access.share)?;
        match format {
            Format::Raw => {
                note(&mut seen, &below)?;
                layers.push(Layer::Raw(Box::new(below)));
                return Ok(layers);
            }
            Format::Qcow2 => (file, path) = (below, backing.path),
        }
    }
}

fn name(backing: &Backing) -> String {
    use std::os::unix::ffi::OsStrExt;
    format!("'{}'", shown(backing.path.as_os_str().as_bytes()))
}

fn format_of(backing: &Backing, access: Access) -> std::result::Result<Format, Fault> {
    if !access.other_files {
        return Err(Fault::Damaged(format!(
            "has a backing file, {}; set HEXZ_BUILD_ALLOW_BACKING to follow it",
            name(backing)
        )));
    }
    match backing.format.as_deref() {
        Some(b"raw") => Ok(Format::Raw),
        Some(b"qcow2") => Ok(Format::Qcow2),
        Some(other) => Err(Fault::Unsupported(format!(
            "its backing file {} is in the format '{}'; raw and qcow2 are read",
            name(backing),
            shown(other)
        ))),
        None => Err(Fault::Unsupported(format!(
            "does not say in which format its backing file {} is, and it is not guessed; record \
             it with qemu-img rebase -u -F FORMAT -b FILE",
            name(backing)
        ))),
    }
}

/// Refuses a file that the chain has already, by whatever name.
fn note(seen: &mut Vec<Identity>, file: &RawSource) -> Result<()> {
    for identity in file.identities() {
        if seen.contains(&identity) {
            let text = "is in its own backing chain twice: the images name each other in a circle, \
                        or share a file that none can share";
            return Err(Fault::Damaged(text.to_owned()).of(file.operand()));
        }
        seen.push(identity);
    }
    Ok(())
}
