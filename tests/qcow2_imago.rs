//! The images of tests/qcow2 as a second reader of them sees them, the crate imago: byte for byte
//! what QEMU and we read, or refused for a feature that it is known not to have. tests/qcow2/run.sh
//! makes the images and runs this: see tests/qcow2/imago.py.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use hexz::source::{self, Access, Content, Format, Writers};
use imago::qcow2::Qcow2;
use imago::{FormatAccess, FormatDriverBuilder, PermissiveImplicitOpenGate};

/// Bits of the incompatible features that imago refuses, in any file of a chain.
const LACKING: [(u32, &str); 3] = [
    (0, "left dirty by a writer that died"),
    (3, "compressed with zstd"),
    (4, "subclusters"),
];
/// Set when the images are the whole table, and all that should be in it must be there.
const WHOLE: &str = "HEXZ_IMAGO_WHOLE";
/// So many of the whole table are compared at least.
const COMPARED: usize = 110;
const MAGIC: &[u8] = b"QFI\xfb";

/// What became of an image.
enum Outcome {
    /// All three read the same.
    Same,
    /// imago refused it, as it must, for what these bits say.
    Refused(BTreeSet<u32>),
}

/// The bits of `LACKING` that are set in files of the chain, each of which is an image or raw.
fn lacking(folder: &Path) -> io::Result<BTreeSet<u32>> {
    let mut bits = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "qcow2") {
            let mut header = [0; 80];
            File::open(&path)?.read_exact(&mut header)?;
            assert_eq!(&header[..4], MAGIC, "{}", path.display());
            let features = match header[7] {
                2 => 0,
                _ => u64::from_be_bytes(*header.last_chunk().unwrap()),
            };
            let set = |bit: &u32| features >> bit & 1 == 1;
            bits.extend(LACKING.iter().map(|(bit, _)| *bit).filter(set));
        }
    }
    Ok(bits)
}

fn by_hexz(path: &Path) -> hexz::error::Result<Vec<u8>> {
    let access = Access {
        writers: Writers::Refused,
        other_files: true,
    };
    let source = source::open(path, Format::Qcow2, access)?;
    // What is said to be zeros is not read, so it must not be anything else.
    let mut disk = vec![0; source.size() as usize];
    let mut at = 0;
    while at < source.size() {
        let (content, end) = source.content_at(at)?;
        if content == Content::Data {
            source.read_at(at, &mut disk[at as usize..end as usize])?;
        }
        at = end;
    }
    Ok(disk)
}

fn by_imago(path: &Path) -> io::Result<Vec<u8>> {
    let image = Qcow2::<imago::file::File>::builder_path(path);
    let image = FormatAccess::new(image.open(PermissiveImplicitOpenGate::default())?);
    // Not zeros, so that what is not written shows.
    let mut disk = vec![0xa5; image.size() as usize];
    image.read(disk.as_mut_slice(), 0)?;
    Ok(disk)
}

/// The bits that imago names where it refuses an image.
fn named(refusal: &io::Error) -> BTreeSet<u32> {
    let text = refusal.to_string();
    let Some((_, list)) = text.split_once("incompatible feature(s) ") else {
        return BTreeSet::new();
    };
    let words = list.split(", ").filter_map(|item| item.split(' ').next());
    words.filter_map(|bit| bit.parse().ok()).collect()
}

fn difference(who: &str, disk: &[u8], wanted: &[u8]) -> Result<(), String> {
    if disk == wanted {
        return Ok(());
    }
    let at = disk.iter().zip(wanted).position(|(a, b)| a != b);
    let (len, wanted_len) = (disk.len(), wanted.len());
    Err(format!(
        "{who} reads {len} bytes, qemu-img {wanted_len}, which differ from {at:?} on"
    ))
}

/// Reads top.qcow2 in `folder`, where qemu.raw is what QEMU reads in it.
fn compare(folder: &Path) -> Result<Outcome, String> {
    let told = |who: &str, why: &dyn ToString| format!("{who}: {}", why.to_string());
    let top = folder.join("top.qcow2");
    let wanted = fs::read(folder.join("qemu.raw")).map_err(|e| told("qemu.raw", &e))?;
    let ours = by_hexz(&top).map_err(|e| told("hexz", &e))?;
    difference("hexz", &ours, &wanted)?;

    let lacking = lacking(folder).map_err(|e| told("header", &e))?;
    let theirs = catch_unwind(AssertUnwindSafe(|| by_imago(&top)))
        .map_err(|_| "imago panicked".to_owned())?;
    match theirs {
        Ok(disk) if lacking.is_empty() => {
            difference("imago", &disk, &wanted)?;
            Ok(Outcome::Same)
        }
        Ok(_) => Err(format!(
            "imago reads it, although it lacked the features {lacking:?}: take them out of LACKING"
        )),
        // One file of the chain is named, the first that it opened.
        Err(refusal)
            if refusal.kind() == ErrorKind::InvalidData
                && named(&refusal).intersection(&lacking).next().is_some() =>
        {
            Ok(Outcome::Refused(lacking))
        }
        Err(refusal) => Err(told("imago", &refusal)),
    }
}

#[test]
#[ignore = "needs images of qemu-img: run tests/qcow2/run.sh"]
fn images_read_as_imago_reads_them() {
    let (mut same, mut refusals, mut faults) = (0, Vec::new(), 0);
    for folder in io::stdin().lock().lines() {
        // The image may go as soon as this is said.
        match compare(Path::new(&folder.unwrap())) {
            Ok(Outcome::Same) => {
                same += 1;
                println!("imago same");
            }
            Ok(Outcome::Refused(bits)) => {
                println!("imago refuses {bits:?}");
                refusals.push(bits);
            }
            Err(fault) => {
                faults += 1;
                println!("imago fault {fault:?}");
            }
        }
        io::stdout().flush().unwrap();
    }

    let images = same + refusals.len() + faults;
    let whole = std::env::var_os(WHOLE).is_some();
    println!("imago: {images} images, {same} read as qemu-img and hexz read them");
    for (bit, what) in LACKING {
        let all = refusals.iter().filter(|bits| bits.contains(&bit)).count();
        // Only where it is alone does it show that this is what imago lacks.
        let alone = refusals.iter().filter(|bits| bits.iter().eq([&bit]));
        let alone = alone.count();
        println!("imago: {all} refused that are {what}, {alone} for nothing else");
        assert!(alone > 0 || !whole, "none that are only {what}");
    }
    assert_eq!(faults, 0, "images were read otherwise than they should be");
    assert!(same >= COMPARED || !whole, "only {same} compared");
}
