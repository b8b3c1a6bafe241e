//! Opens an image and the files that back it.

use std::path::Path;

use super::fault::{Checked, Fault, shown};
use super::image::{Backing, Image};
use super::name::Others;
use super::{Layer, is_image};
use crate::error::{Result, try_push, try_zeroed};
use crate::source::{Access, Identity, RawSource, Source};

/// Backing files below one image, at most.
const DEPTH_MAX: usize = 256;
/// What memory is for.
const CHAIN: &str = "a backing chain";
/// First bytes that tell files apart: images that name different files differ there.
const HEAD: u64 = 512;

/// The formats that a backing file may be in.
#[derive(Clone, Copy)]
enum Format {
    Raw,
    Qcow2,
}

/// The image in `file`, which was opened by the name `path`, and below it what it is based on.
///
/// A backing file of which no image says what it is, is qcow2 if the caller `stated` that. Else it is
/// taken for qcow2 if it begins so and names no further file: a guest could have written such a
/// header into its raw disk, and have no more from it than another disk made of its own bytes. It is
/// never guessed to be raw: such a guest would be taken at its word the next time.
pub fn open(file: RawSource, path: &Path, access: Access, stated: bool) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    let mut seen = Vec::new();
    let (mut file, mut path) = (file, path.to_owned());
    let mut others = match access.other_files {
        true => Others::Opened,
        false => Others::Unasked,
    };
    loop {
        let (image, backing) = Image::open(file, &path, access, others)?;
        for opened in image.files() {
            note(&mut seen, opened)?;
        }
        let operand = image.file().operand().to_owned();
        try_push(&mut layers, Layer::Image(Box::new(image)), CHAIN)?;
        let Some(backing) = backing else {
            return Ok(layers);
        };
        let blame = |fault: Fault| fault.of(&operand);
        let what = format!("has a backing file, {}", name(&backing));
        others.check(&what, "follow").map_err(blame)?;
        let format = format_of(&backing).map_err(blame)?;
        if layers.len() > DEPTH_MAX {
            let text = format!(
                "is at the end of a chain of {DEPTH_MAX} backing files and has one more, {}; \
                 shorten the chain with qemu-img commit or rebase",
                name(&backing)
            );
            return Err(blame(Fault::Unsupported(text)));
        }
        let below = RawSource::open(&backing.named.path, access)
            .map_err(|e| e.within(&format!("the backing file of '{operand}'")))?;
        let format = match format {
            Some(format) => format,
            None if stated => Format::Qcow2,
            None if is_image(&below)? => {
                others = Others::Guessed;
                Format::Qcow2
            }
            None => return Err(blame(unsaid(&backing))),
        };
        match format {
            Format::Raw => {
                note(&mut seen, &below)?;
                try_push(&mut layers, Layer::Raw(Box::new(below)), CHAIN)?;
                return Ok(layers);
            }
            Format::Qcow2 => (file, path) = (below, backing.named.path),
        }
    }
}

fn name(backing: &Backing) -> String {
    use std::os::unix::ffi::OsStrExt;
    format!("'{}'", shown(backing.named.path.as_os_str().as_bytes()))
}

/// What the header says, which QEMU takes before what the name says.
fn format_of(backing: &Backing) -> Checked<Option<Format>> {
    let by_name = backing.named.format.as_deref().map(str::as_bytes);
    match backing.format.as_deref().or(by_name) {
        None => Ok(None),
        // The protocols of files and block devices: their bytes are the disk.
        Some(b"raw" | b"file" | b"host_device") => Ok(Some(Format::Raw)),
        Some(b"qcow2") => Ok(Some(Format::Qcow2)),
        Some(other) => Err(Fault::Unsupported(format!(
            "its backing file {} is in the format '{}'; raw and qcow2 are read",
            name(backing),
            shown(other)
        ))),
    }
}

fn unsaid(backing: &Backing) -> Fault {
    Fault::Unsupported(format!(
        "does not say in which format its backing file {} is, and that it is raw is not guessed; record \
         it with qemu-img rebase -u -F FORMAT -b FILE",
        name(backing)
    ))
}

/// What tells a file from others.
struct Seen {
    identity: Vec<Identity>,
    size: u64,
    head: Vec<u8>,
}

/// Refuses a file that the chain has already, by whatever name. Not by its identity alone: there are
/// file systems, in user space above all, that give one to all files.
fn note(seen: &mut Vec<Seen>, file: &RawSource) -> Result<()> {
    let mut head = try_zeroed(file.size().min(HEAD) as usize, "the beginning of a file")?;
    file.read_at(0, &mut head)?;
    let this = Seen {
        identity: file.identities(),
        size: file.size(),
        head,
    };
    let is_same = |other: &Seen| {
        other.identity == this.identity && other.size == this.size && other.head == this.head
    };
    if seen.iter().any(is_same) {
        let text = "is in its own backing chain twice: the images name each other in a circle, \
                    or share a file that none can share";
        return Err(Fault::Damaged(text.to_owned()).of(file.operand()));
    }
    try_push(seen, this, CHAIN)?;
    Ok(())
}
