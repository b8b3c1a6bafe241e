//! Memory for secrets.

use std::arch::asm;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use zeroize::Zeroize;

use crate::error::{NoMemory, Result};

/// Memory of its own from the kernel: left out of core dumps, all zero in a forked child, and
/// given back to the kernel wiped.
pub(super) struct Pages {
    start: NonNull<u8>,
    len: usize,
    wiped: bool,
}

// SAFETY: the memory belongs to this value alone, as a Vec's does.
unsafe impl Send for Pages {}
// SAFETY: it is only written through &mut.
unsafe impl Sync for Pages {}

impl Pages {
    /// `len` zero bytes, at least 1, aligned to a page of memory.
    pub fn new(len: usize, what: &'static str) -> Result<Self> {
        let no_memory = NoMemory { what, bytes: len };
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new private mapping at a place that the kernel chooses touches nothing else.
        let mapped = unsafe { mmap_anonymous(ptr::null_mut(), len, protection, MapFlags::PRIVATE) };
        let start = mapped.ok().and_then(|start| NonNull::new(start.cast()));
        let pages = Pages {
            start: start.ok_or(no_memory)?,
            len,
            wiped: false,
        };
        for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
            // SAFETY: the mapping is ours. Both only say what becomes of its copies; a kernel
            // that lacks one (WIPEONFORK came with 4.14) leaves the rest as good as it was.
            let _ = unsafe { madvise(pages.start.as_ptr().cast(), len, advice) };
        }
        Ok(pages)
    }

    pub fn start(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Says that whoever wrote to it has wiped it: to wipe what was never touched would only bring
    /// it into being.
    pub fn set_wiped(&mut self) {
        self.wiped = true;
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes were mapped, zeroed by the kernel, and live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if !self.wiped {
            self.wipe();
        }
        // SAFETY: mapped by `new` and not used after this.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

impl Pages {
    fn wipe(&mut self) {
        // Unmapping alone would do for this process. A page that another reference still pins, as
        // io_uring or a debugger may, is wiped too by this.
        // By words, since each volatile store counts: Argon2id has 64 MiB of them.
        // SAFETY: any bytes are a word.
        let (before, words, after) = unsafe { self.bytes_mut().align_to_mut::<u64>() };
        before.zeroize();
        words.zeroize();
        after.zeroize();
    }
}

/// `N` secret bytes, zero at first. No Debug and no Clone: nobody prints or spreads them by
/// mistake.
pub struct Secret<const N: usize> {
    /// One byte more, which is 1: a forked child finds it wiped.
    pages: Pages,
}

impl<const N: usize> Secret<N> {
    /// Zeros, to be filled in place.
    pub fn zeroed() -> Result<Self> {
        let mut pages = Pages::new(N + 1, "a key")?;
        if let Some(alive) = pages.bytes_mut().last_mut() {
            *alive = 1;
        }
        Ok(Secret { pages })
    }

    /// Whether this process is a forked child of the one that had the secret.
    pub fn is_wiped(&self) -> bool {
        self.pages.bytes().last() != Some(&1)
    }
}

impl<const N: usize> Deref for Secret<N> {
    type Target = [u8; N];

    fn deref(&self) -> &[u8; N] {
        self.pages.bytes().first_chunk().unwrap_or(&[0; N])
    }
}

impl<const N: usize> DerefMut for Secret<N> {
    fn deref_mut(&mut self) -> &mut [u8; N] {
        // SAFETY: N + 1 bytes are mapped, and a [u8; N] has no alignment.
        unsafe { &mut *self.pages.start().cast() }
    }
}

/// So many secret bytes as it turns out, zero at first.
pub struct SecretBytes {
    pages: Pages,
    len: usize,
}

impl SecretBytes {
    /// `len` zeros, at least one; `what` they are for.
    pub fn zeroed(len: usize, what: &'static str) -> Result<Self> {
        let pages = Pages::new(len, what)?;
        Ok(SecretBytes { pages, len })
    }

    /// Leaves out what is behind the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.pages.bytes().get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for SecretBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        self.pages.bytes_mut().get_mut(..len).unwrap_or_default()
    }
}

/// Stack that AES-GCM, and BLAKE3 of little, take at most, with room for the frame of a signal that
/// comes meanwhile and holds all registers. A test measures it.
pub(super) const SHALLOW: usize = 10 << 10;
/// The same for BLAKE3 of what is as long as a piece can be, and for Argon2id.
pub(super) const DEEP: usize = 32 << 10;
/// At the top of the frame that wipes lies what it does not wipe: registers that it saves itself.
const GAP: usize = 256;

/// Does what needs a key, and leaves nothing of it behind: ciphers and hash functions keep keys and
/// what follows from them (AES's round keys, GHASH's powers, chaining values) in places of their own
/// that no zeroize reaches, on the stack and in registers, from where they get into whatever is
/// copied next. All that uses a key of a file does it in here. (libgcrypt does the same and calls it
/// burning the stack.)
///
/// `N` bytes of stack below the caller are wiped: [`SHALLOW`] or [`DEEP`]. Costs a tenth of a
/// microsecond for each 8 KiB.
pub(super) fn leaving_nothing<const N: usize, R>(work: impl FnOnce() -> R) -> R {
    let done = below(work);
    // First: a signal that comes while the stack is wiped puts them below.
    wipe_registers();
    wipe::<N>();
    done
}

/// So that the frame of `work` begins within what is wiped.
#[inline(never)]
fn below<R>(work: impl FnOnce() -> R) -> R {
    let mut gap = MaybeUninit::<[u8; GAP]>::uninit();
    opaque(gap.as_mut_ptr().cast());
    let done = further_below(work);
    opaque(gap.as_mut_ptr().cast());
    done
}

#[inline(never)]
fn further_below<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[inline(never)]
fn wipe<const N: usize>() {
    let mut frame = MaybeUninit::<[u8; N]>::uninit();
    // SAFETY: the whole of a place that is ours.
    unsafe { frame.as_mut_ptr().write_bytes(0, 1) };
    opaque(frame.as_mut_ptr().cast());
}

/// For all that the compiler knows, what lies there is read and written here.
fn opaque(place: *mut u8) {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {} */", in(reg) place, options(nostack, preserves_flags)) };
}

/// Vector registers keep round keys until somebody needs the register; until then a signal, or the
/// dynamic linker when a function is called for the first time, puts them onto the stack.
#[cfg(target_arch = "x86_64")]
fn wipe_registers() {
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the CPU has AVX-512, and all vector registers are declared as changed.
        unsafe {
            asm!(
                "vzeroall",
                "vpxord zmm16, zmm16, zmm16",
                "vpxord zmm17, zmm17, zmm17",
                "vpxord zmm18, zmm18, zmm18",
                "vpxord zmm19, zmm19, zmm19",
                "vpxord zmm20, zmm20, zmm20",
                "vpxord zmm21, zmm21, zmm21",
                "vpxord zmm22, zmm22, zmm22",
                "vpxord zmm23, zmm23, zmm23",
                "vpxord zmm24, zmm24, zmm24",
                "vpxord zmm25, zmm25, zmm25",
                "vpxord zmm26, zmm26, zmm26",
                "vpxord zmm27, zmm27, zmm27",
                "vpxord zmm28, zmm28, zmm28",
                "vpxord zmm29, zmm29, zmm29",
                "vpxord zmm30, zmm30, zmm30",
                "vpxord zmm31, zmm31, zmm31",
                clobber_abi("C"),
                options(nomem, nostack, preserves_flags),
            )
        }
    } else if is_x86_feature_detected!("avx") {
        // SAFETY: the CPU has AVX, and all vector registers are declared as changed.
        unsafe {
            asm!(
                "vzeroall",
                clobber_abi("C"),
                options(nomem, nostack, preserves_flags)
            )
        }
    } else {
        // SAFETY: every x86-64 has SSE2, and all vector registers are declared as changed.
        unsafe {
            asm!(
                "pxor xmm0, xmm0",
                "pxor xmm1, xmm1",
                "pxor xmm2, xmm2",
                "pxor xmm3, xmm3",
                "pxor xmm4, xmm4",
                "pxor xmm5, xmm5",
                "pxor xmm6, xmm6",
                "pxor xmm7, xmm7",
                "pxor xmm8, xmm8",
                "pxor xmm9, xmm9",
                "pxor xmm10, xmm10",
                "pxor xmm11, xmm11",
                "pxor xmm12, xmm12",
                "pxor xmm13, xmm13",
                "pxor xmm14, xmm14",
                "pxor xmm15, xmm15",
                clobber_abi("C"),
                options(nomem, nostack, preserves_flags),
            )
        }
    }
}

/// As for x86-64. v8 to v15 belong to the caller by their lower halves, which the compiler saves.
#[cfg(target_arch = "aarch64")]
fn wipe_registers() {
    // SAFETY: all vector registers are declared as changed.
    unsafe {
        asm!(
            "movi v0.16b, #0", "movi v1.16b, #0", "movi v2.16b, #0", "movi v3.16b, #0",
            "movi v4.16b, #0", "movi v5.16b, #0", "movi v6.16b, #0", "movi v7.16b, #0",
            "movi v8.16b, #0", "movi v9.16b, #0", "movi v10.16b, #0", "movi v11.16b, #0",
            "movi v12.16b, #0", "movi v13.16b, #0", "movi v14.16b, #0", "movi v15.16b, #0",
            "movi v16.16b, #0", "movi v17.16b, #0", "movi v18.16b, #0", "movi v19.16b, #0",
            "movi v20.16b, #0", "movi v21.16b, #0", "movi v22.16b, #0", "movi v23.16b, #0",
            "movi v24.16b, #0", "movi v25.16b, #0", "movi v26.16b, #0", "movi v27.16b, #0",
            "movi v28.16b, #0", "movi v29.16b, #0", "movi v30.16b, #0", "movi v31.16b, #0",
            out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            clobber_abi("C"),
            options(nomem, nostack, preserves_flags),
        )
    }
}

/// Elsewhere nothing is known of the registers.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn wipe_registers() {}

#[cfg(test)]
mod tests {
    use super::super::keys::{FileKey, keyed};
    use super::super::seal::{gcm_open, gcm_seal};
    use super::super::{KdfCost, Piece, PieceKind, WrappedKey};
    use super::*;

    const PAINTED: usize = 256 << 10;
    const PAINT: u64 = 0x5EC2_E7A1_A2CE_5001;

    /// The words of this thread's stack below `place`, the nearest ones first. Beyond what is in use:
    /// the frame of whoever asks has only a few words.
    fn below_words(place: &mut u64) -> impl Iterator<Item = *mut u64> {
        let start: *mut u64 = place;
        (64..PAINTED / 8).map(move |i| start.wrapping_sub(i))
    }

    #[inline(never)]
    fn paint(place: &mut u64) {
        for word in below_words(place) {
            // SAFETY: the stack of `on_large_stack` reaches further, and nothing there is in use.
            unsafe { word.write_volatile(PAINT) };
        }
    }

    /// Bytes below `place` down to the last one that was written over.
    #[inline(never)]
    fn depth(place: &mut u64) -> usize {
        let start: *mut u64 = place;
        // SAFETY: as above; any bytes are a number.
        let used = below_words(place).filter(|word| unsafe { word.read_volatile() } != PAINT);
        used.last().map_or(0, |word| start.addr() - word.addr())
    }

    fn on_large_stack(work: impl FnOnce(&mut u64) + Send) {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(2 * PAINTED);
            let thread = thread.spawn_scoped(scope, || work(std::hint::black_box(&mut 0)));
            thread.unwrap().join().unwrap();
        });
    }

    /// The kernel puts all registers of a thread that gets a signal below its stack: 3632 bytes with
    /// AVX-512, and the 128 bytes in between that x86-64 lets functions use.
    const SIGNAL: usize = 4096;

    /// How deep `work` goes, without wiping.
    fn depth_of(place: &mut u64, work: impl FnOnce()) -> usize {
        paint(place);
        further_below(work);
        depth(place)
    }

    fn piece(len: usize) -> Piece {
        Piece {
            kind: PieceKind::Block,
            codec: 0,
            ordinal: 0,
            len: len as u32,
            decoded_len: len as u32,
        }
    }

    /// Both are measured at the sizes at which they are used: the longest piece has 16 MiB.
    #[test]
    fn more_is_wiped_than_is_used() {
        on_large_stack(measure);
    }

    fn measure(place: &mut u64) {
        let (key, longest) = ([7; 32], 16 << 20);
        let mut bytes = vec![1; longest];
        let (mut shallow, mut deep) = (0, 0);
        for len in [0, 1, 32, 64, 4096, 16 << 10, 65_536, longest - 1, longest] {
            let message = &mut bytes[..len];
            shallow = shallow.max(depth_of(place, || {
                gcm_seal(&key, &[0; 40], message).unwrap();
            }));
            shallow = shallow.max(depth_of(place, || {
                gcm_open(&key, &[0; 40], message, &[0; 16]);
            }));
            deep = deep.max(depth_of(place, || {
                keyed(&key, &[message]);
            }));
        }
        shallow = shallow.max(depth_of(place, || {
            keyed(&key, &[&[0; 40], &[0; 32]]);
            keyed(&key, &[&[0], &[0; 4096]]);
            blake3::derive_key("hexz tests", &[0; 92]);
        }));
        for (memory_kib, passes, lanes) in [(1024, 1, 1), (8192, 3, 4)] {
            let cost = KdfCost {
                memory_kib,
                passes,
                lanes,
            };
            deep = deep.max(depth_of(place, || {
                cost.derive(&[3; 1024], &[4; 32], &|| Ok(())).unwrap();
            }));
        }
        println!("shallow {shallow}, deep {deep}");
        assert!(shallow > 1000 && shallow + SIGNAL <= SHALLOW, "{shallow}");
        assert!(deep > shallow && deep + SIGNAL <= DEEP, "{deep}");
    }

    /// Each use of a key is followed by wiping, as deep as is promised.
    #[test]
    fn each_use_wipes() {
        on_large_stack(look);
    }

    fn look(place: &mut u64) {
        let keys = FileKey::fixed(1).keys([9; 16]).unwrap();
        let mut bytes = vec![1; 70_000];
        let uses: [(&str, usize, &mut dyn FnMut()); 4] = [
            ("piece hash", DEEP, &mut || {
                keys.piece_hash(&[5; 70_000]);
            }),
            ("seal", SHALLOW, &mut || {
                keys.seal(&piece(70_000), &[3; 32], &mut bytes).unwrap();
            }),
            ("unit hash", DEEP, &mut || {
                keys.with_unit_hash_key(|key| blake3::keyed_hash(key, &[6; 4096]));
            }),
            ("wrap", DEEP, &mut || {
                let cost = KdfCost {
                    memory_kib: 1024,
                    passes: 1,
                    lanes: 1,
                };
                WrappedKey::wrap(&FileKey::fixed(2), &[0; 16], b"p", cost, "t", &|| Ok(()))
                    .unwrap();
            }),
        ];
        for (name, wiped, work) in uses {
            paint(place);
            work();
            let depth = depth(place);
            assert!(depth >= wiped, "{name}: {depth} of {wiped}");
        }
    }

    #[test]
    fn a_forked_child_finds_it_wiped() {
        let mut secret = Secret::<32>::zeroed().unwrap();
        secret.fill(7);
        assert!(!secret.is_wiped() && *secret == [7; 32]);
        // SAFETY: the child only looks at memory and leaves.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let wiped = secret.is_wiped() && *secret == [0; 32];
            // SAFETY: ends the child without running what the parent has set up.
            unsafe { libc::_exit(if wiped { 0 } else { 1 }) };
        }
        let mut status = -1;
        // SAFETY: our own child, and a place to write to.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
        assert!(!secret.is_wiped());
    }
}
