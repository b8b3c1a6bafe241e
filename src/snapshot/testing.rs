//! Storage that can be watched, changed and made to fail, and snapshots made by hand to put there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use zstd::zstd_safe::train_from_buffer;

use super::{OpenOptions, Snapshot, Storage};
use crate::error::{Error, Result, Why};
use crate::keyring::{Answer, Request};

mod draft;
pub mod thin;

pub use draft::{Draft, Leaves, data, zero};

/// A folder of its own for a test, removed at its end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let name = format!("hexz-snapshot-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn count(&self) -> usize {
        std::fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Bytes in memory, and what happens to them.
#[derive(Clone)]
pub struct Counted(Arc<State>);

struct State {
    bytes: Mutex<Vec<u8>>,
    size: u64,
    reads: AtomicUsize,
    read: AtomicUsize,
    fail_at: AtomicU64,
    torn: Mutex<Option<Torn>>,
}

/// Bytes that so many reads see in place of those at `at`.
struct Torn {
    at: usize,
    bytes: Vec<u8>,
    reads: usize,
}

impl Counted {
    /// The storage, and a second handle on it.
    pub fn new(bytes: Vec<u8>) -> (Counted, Counted) {
        let counted = Counted(Arc::new(State {
            size: bytes.len() as u64,
            bytes: Mutex::new(bytes),
            reads: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
            fail_at: AtomicU64::new(u64::MAX),
            torn: Mutex::new(None),
        }));
        (counted.clone(), counted)
    }

    /// Reads so far, and bytes of them.
    pub fn get(&self) -> (usize, usize) {
        (
            self.0.reads.load(Ordering::Relaxed),
            self.0.read.load(Ordering::Relaxed),
        )
    }

    /// Changes the bytes under an open snapshot.
    pub fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.0.bytes.lock().unwrap());
    }

    /// Has the next reads of byte `at` find other bytes from there on, as if somebody were just
    /// writing.
    pub fn tear(&self, at: usize, bytes: Vec<u8>, reads: usize) {
        *self.0.torn.lock().unwrap() = Some(Torn { at, bytes, reads });
    }

    /// Makes each read that touches this byte fail; `u64::MAX` for none.
    pub fn fail_at(&self, byte: u64) {
        self.0.fail_at.store(byte, Ordering::Relaxed);
    }
}

impl Storage for Counted {
    fn operand(&self) -> &str {
        "memory"
    }

    fn size(&self) -> u64 {
        self.0.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        self.0.read.fetch_add(buf.len(), Ordering::Relaxed);
        let end = offset + buf.len() as u64;
        // What a caller must not show when the read fails.
        buf.fill(0xee);
        if (offset..end).contains(&self.0.fail_at.load(Ordering::Relaxed)) {
            let why = Why::System(
                "cannot read".into(),
                std::io::Error::from_raw_os_error(libc::EIO),
            );
            return Err(Error::io("memory", why));
        }
        assert!(end <= self.0.size, "a read beyond the end");
        let bytes = self.0.bytes.lock().unwrap();
        match bytes.get(offset as usize..end as usize) {
            Some(part) => buf.copy_from_slice(part),
            None => return Err(Error::corrupt("memory", "cut while open")),
        }
        let mut torn = self.0.torn.lock().unwrap();
        if let Some(Torn { at, bytes, reads }) = torn.as_mut().filter(|torn| torn.reads > 0)
            && (offset..end).contains(&(*at as u64))
        {
            let from = *at - offset as usize;
            buf[from..from + bytes.len()].copy_from_slice(bytes);
            *reads -= 1;
        }
        Ok(())
    }
}

pub fn options(cache_size: u64) -> OpenOptions<'static> {
    OpenOptions {
        path: Path::new(""),
        cache_size,
        expect_root: None,
        allow_plain: false,
        cancel: None,
        kdf_memory_max_kib: 0,
        ancestors: Default::default(),
    }
}

pub fn open_bytes(bytes: Vec<u8>) -> Result<Snapshot> {
    Snapshot::from_storage(Box::new(Counted::new(bytes).0), &options(0), None)
}

/// Opens what [`Draft::encrypt`] made.
pub fn open_encrypted(storage: Counted) -> Result<Snapshot> {
    let mut callback = |_: &Request<'_>, buffer: &mut [u8]| {
        buffer[..8].copy_from_slice(b"password");
        Answer::Given(8)
    };
    Snapshot::from_storage(Box::new(storage), &options(0), Some(&mut callback))
}

/// Repeats itself like text does; no two seeds give the same.
pub fn text(seed: usize, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for line in 0.. {
        if out.len() >= len {
            break;
        }
        out.extend_from_slice(
            format!("block {seed} line {line}: {}\n", line * seed % 89).as_bytes(),
        );
    }
    out.truncate(len);
    out
}

/// A dictionary for such text.
pub fn trained() -> Vec<u8> {
    static TRAINED: OnceLock<Vec<u8>> = OnceLock::new();
    TRAINED
        .get_or_init(|| {
            let samples: Vec<_> = (100..164).map(|seed| text(seed, 2048)).collect();
            let mut out = vec![0; 6000];
            let sizes = vec![2048; samples.len()];
            let len = train_from_buffer(&mut out[..], &samples.concat(), &sizes).unwrap();
            out.truncate(len);
            out
        })
        .clone()
}
