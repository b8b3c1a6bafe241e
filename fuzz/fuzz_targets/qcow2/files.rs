//! The image under test, and the files that it may name.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::fcntl_dupfd_cloexec;

/// Where tools/fuzz.sh puts the files that seeds name.
const FOLDER: &str = "HEXZ_FUZZ_FILES";
/// The image's own name there; a seed has it for its backing file.
const IMAGE: &str = "image";
/// The descriptor of the image: the same in all processes that share the folder.
const DESCRIPTOR: i32 = 100;
/// What is written, or left a hole: reading must find holes in a file too.
const PAGE: usize = 4 << 10;
// Compared at once: in loops of this crate libFuzzer would trace each byte.
static ZEROS: [u8; PAGE] = [0; PAGE];

pub struct Files {
    /// In memory, and so without a name of its own.
    file: File,
    image: PathBuf,
}

impl Files {
    /// With an empty image.
    pub fn new() -> Self {
        let Some(folder) = std::env::var_os(FOLDER) else {
            panic!("{FOLDER} is not set; run this by tools/fuzz.sh");
        };
        let file = memfd_create("image", MemfdFlags::CLOEXEC).expect("a file in memory");
        let file = fcntl_dupfd_cloexec(&file, DESCRIPTOR).expect("another descriptor");
        assert_eq!(
            file.as_raw_fd(),
            DESCRIPTOR,
            "descriptor {DESCRIPTOR} is free"
        );
        let image = Path::new(&folder).join(IMAGE);
        match symlink(format!("/proc/self/fd/{DESCRIPTOR}"), &image) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                panic!("cannot make {}: {e}", image.display())
            }
            _ => {}
        }
        Files {
            file: file.into(),
            image,
        }
    }

    /// Path of the image.
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// Makes the image these bytes; pages of zeros become holes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.file.set_len(0).expect("a file is cut");
        self.file.set_len(bytes.len() as u64).expect("a file grows");
        for (i, page) in bytes.chunks(PAGE).enumerate() {
            if page != &ZEROS[..page.len()] {
                self.file
                    .write_all_at(page, (i * PAGE) as u64)
                    .expect("a file is written");
            }
        }
    }
}
