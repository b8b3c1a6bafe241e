//! Checks of what a caller passes, the same in every function.

use std::ffi::{CStr, OsStr, c_char};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use super::abi::*;
use crate::build::Excess;
use crate::crypto::KdfCost;
use crate::error::{Error, Result};
use crate::keyring::check_cost;

/// No struct of any version is longer: a larger size is no size.
const STRUCT_SIZE_MAX: usize = 4096;

/// A struct that begins with `struct_size` (the idea is Linux's: openat2(2), clone3(2)).
///
/// # Safety
///
/// `repr(C)`, without padding, its first field is `struct_size`, and all bits zero is a value.
pub unsafe trait Versioned: Copy {
    /// Its name in C.
    const NAME: &'static str;
    /// The least that is accepted, for ever: its size when it came. Headers from before the first
    /// release count, so that what was compiled against them goes on working.
    const FIRST_SIZE: usize;
}

macro_rules! versioned {
    ($($name:ident $first_size:literal),+ $(,)?) => {$(
        // SAFETY: abi.rs asserts the layout; integers, pointers and optional functions may be zero.
        unsafe impl Versioned for $name {
            const NAME: &'static str = stringify!($name);
            const FIRST_SIZE: usize = $first_size;
        }
    )+};
}

versioned! {
    hexz_profile 40, hexz_source 48, hexz_stream 40, hexz_sink 48, hexz_storage 48,
    hexz_build_report 176, hexz_build_opts 184, hexz_open_opts 96, hexz_info 136,
    hexz_ancestor_info 312, hexz_stream_info 112, hexz_extent 32, hexz_verify_report 40,
    hexz_verify_opts 48, hexz_extract_opts 80, hexz_rekey_opts 56, hexz_ram 40, hexz_live_opts 56,
    hexz_live_stats 72, hexz_pager_opts 80, hexz_pager_stats 64,
}

/// The arguments of one C function. Whatever is borrowed from the caller ends with it.
pub struct Args {
    function: &'static str,
}

impl Args {
    /// The arguments of that function.
    pub fn of(function: &'static str) -> Self {
        Args { function }
    }

    /// The error for an argument that makes no sense.
    pub fn invalid(&self, text: impl Display) -> Error {
        Error::InvalidArgument(format!("{}: {text}", self.function))
    }

    /// The error for a call that comes at the wrong time.
    pub fn state(&self, text: impl Display) -> Error {
        Error::State(format!("{}: {text}", self.function))
    }

    /// The error for a stream that is not there.
    pub fn no_stream(&self, index: u32, count: usize) -> Error {
        Error::NoStream(format!(
            "{}: there is no stream {index}; the snapshot has {count}, counted from 0",
            self.function
        ))
    }

    /// The error for more snapshots to lean on than one can name.
    pub fn too_many_ancestors(&self, count: usize, most: usize, excess: Excess) -> Error {
        let text = match excess {
            Excess::Refuse => format!(
                "a snapshot leans on at most {most} others: give fewer bases, or set \
                 HEXZ_BUILD_FOLD to have what the least of them give stored anew"
            ),
            Excess::Fold => {
                format!("HEXZ_BUILD_FOLD chooses among at most {most}: give fewer bases")
            }
        };
        let (function, text) = (self.function, text);
        Error::Parent(format!("{function}: opts.base_count is {count}; {text}").into())
    }

    /// The error for a feature that the ABI has a place for, and this version no code.
    pub fn later(&self, feature: &str) -> Error {
        Error::Unsupported(format!(
            "{}: {feature} will come in a later version; hexz {} does not have it yet",
            self.function,
            env!("CARGO_PKG_VERSION")
        ))
    }

    /// Refuses NULL.
    pub fn not_null<T>(&self, pointer: *const T, name: &str) -> Result<()> {
        match pointer.is_null() {
            true => Err(self.invalid(format_args!("{name} is NULL"))),
            false => Ok(()),
        }
    }

    /// Refuses bits other than `known`.
    pub fn flags(&self, flags: u64, known: u64, name: &str) -> Result<()> {
        match flags & !known {
            0 => Ok(()),
            bad => Err(self.invalid(format_args!("{name} has unknown bits {bad:#x}"))),
        }
    }

    /// Refuses values that have no meaning.
    pub fn constant(&self, value: u32, known: RangeInclusive<u32>, name: &str) -> Result<()> {
        match known.contains(&value) {
            true => Ok(()),
            false => Err(self.invalid(format_args!("{name} is {value}, which has no meaning"))),
        }
    }

    /// Refuses anything but zero in a reserved field.
    pub fn reserved(&self, value: usize, name: &str) -> Result<()> {
        match value {
            0 => Ok(()),
            _ => Err(self.invalid(format_args!("{name} is not zero; it is reserved"))),
        }
    }

    /// Costs of Argon2id: zero is the default of each, others must be within the bounds of the file
    /// format.
    pub fn kdf(&self, memory_kib: u32, passes: u32, lanes: u32) -> Result<KdfCost> {
        for (value, range, name) in [
            (memory_kib, 1 << 10..=1 << 20, "opts.kdf_memory_kib"),
            (passes, 1..=64, "opts.kdf_passes"),
            (lanes, 1..=16, "opts.kdf_lanes"),
        ] {
            if value != 0 && !range.contains(&value) {
                let (low, high) = (range.start(), range.end());
                return Err(self.invalid(format_args!(
                    "{name} is {value}; give {low} to {high}, or 0 for the default"
                )));
            }
        }
        let default = KdfCost::default();
        let or = |value, default| if value == 0 { default } else { value };
        let cost = KdfCost {
            memory_kib: or(memory_kib, default.memory_kib),
            passes: or(passes, default.passes),
            lanes: or(lanes, default.lanes),
        };
        check_cost(cost, 0).map_err(|e| self.invalid(e))?;
        Ok(cost)
    }

    /// Copies a struct of the size that it says. What an older caller does not have is zero; what a
    /// newer one has besides must be.
    ///
    /// # Safety
    ///
    /// NULL, or `struct_size` bytes to read.
    pub unsafe fn read<T: Versioned>(&self, from: *const T, name: &str) -> Result<T> {
        // SAFETY: as promised.
        let size = unsafe { self.size_of(from, name) }?;
        // SAFETY: a value of T may be all zeros.
        let mut value: T = unsafe { std::mem::zeroed() };
        let known = size.min(size_of::<T>());
        // SAFETY: `from` has `size` bytes, `value` has size_of::<T>().
        let tail = unsafe {
            ptr::copy_nonoverlapping(from.cast::<u8>(), ptr::from_mut(&mut value).cast(), known);
            std::slice::from_raw_parts(from.cast::<u8>().add(known), size - known)
        };
        if tail.iter().any(|byte| *byte != 0) {
            return Err(Error::Unsupported(format!(
                "{}: {name} sets a field of {} that hexz {} does not know; update the library, or \
                 leave at zero what a newer header adds",
                self.function,
                T::NAME,
                env!("CARGO_PKG_VERSION")
            )));
        }
        Ok(value)
    }

    /// Checks a struct that is written later.
    ///
    /// # Safety
    ///
    /// NULL, or `struct_size` bytes to write until the function returns.
    pub unsafe fn out<T: Versioned>(&self, to: *mut T, name: &str) -> Result<Out<T>> {
        // SAFETY: as promised.
        let size = unsafe { self.size_of(to, name) }?;
        Ok(Out { to, size })
    }

    unsafe fn size_of<T: Versioned>(&self, of: *const T, name: &str) -> Result<usize> {
        self.not_null(of, name)?;
        // SAFETY: it begins with its size. An odd address is the caller's mistake, but no reason to
        // make it worse.
        let size = unsafe { of.cast::<usize>().read_unaligned() };
        if (T::FIRST_SIZE..=STRUCT_SIZE_MAX).contains(&size) {
            return Ok(size);
        }
        Err(self.invalid(format_args!(
            "{name} has struct_size {size}, not {} to {STRUCT_SIZE_MAX}; initialise it with \
             HEXZ_INIT({})",
            T::FIRST_SIZE,
            T::NAME
        )))
    }

    /// The bytes of a C string; NULL is none.
    ///
    /// # Safety
    ///
    /// NULL, or a string ended by NUL that stays as it is until the function returns.
    pub unsafe fn bytes(&self, string: *const c_char) -> Option<&[u8]> {
        // SAFETY: as promised; the borrow ends with `self`, which is the function's own.
        (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_bytes())
    }

    /// A path, which is bytes as open(2) takes them; NULL is none.
    ///
    /// # Safety
    ///
    /// As for [`Args::bytes`].
    pub unsafe fn path(&self, string: *const c_char) -> Option<&Path> {
        // SAFETY: as promised.
        unsafe { self.bytes(string) }.map(|bytes| Path::new(OsStr::from_bytes(bytes)))
    }
}

/// A struct of the caller, checked, to be written at the end.
pub struct Out<T> {
    to: *mut T,
    size: usize,
}

impl<T: Versioned> Out<T> {
    /// Writes all of it but `struct_size`, which stays the caller's. What a newer caller has
    /// besides becomes zero; what an older one does not have is left out.
    pub fn write(self, value: &T) {
        let head = size_of::<usize>();
        let known = self.size.min(size_of::<T>());
        // SAFETY: `Args::out` was promised `size` bytes, at least FIRST_SIZE and so the head.
        unsafe {
            let (from, to) = (ptr::from_ref(value).cast::<u8>(), self.to.cast::<u8>());
            ptr::copy_nonoverlapping(from.add(head), to.add(head), known - head);
            to.add(known).write_bytes(0, self.size - known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGS: Args = Args {
        function: "hexz_test",
    };
    const SIZE: usize = size_of::<hexz_extent>();

    /// A caller's struct of any size, with a canary behind it.
    fn buffer(size: usize, fill: u8) -> Vec<u8> {
        let mut bytes = vec![fill; size.max(8)];
        bytes[..8].copy_from_slice(&size.to_ne_bytes());
        bytes.extend([0xa5; 16]);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<hexz_extent> {
        // SAFETY: every test gives the bytes that its struct_size tells, or a size to refuse.
        unsafe { ARGS.read(bytes.as_ptr().cast::<hexz_extent>(), "opts") }
    }

    fn write(bytes: &mut [u8], value: &hexz_extent) -> Result<()> {
        // SAFETY: as above.
        unsafe { ARGS.out(bytes.as_mut_ptr().cast::<hexz_extent>(), "out") }?.write(value);
        Ok(())
    }

    #[test]
    fn a_struct_is_read_whole() {
        let extent = read(&buffer(SIZE, 7)).unwrap();
        assert_eq!(
            (extent.struct_size, extent.offset),
            (SIZE, 0x0707_0707_0707_0707)
        );
    }

    /// What a struct looks like to a library in which it has grown.
    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Grown {
        known: hexz_extent,
        added: u64,
    }

    // SAFETY: 40 bytes, 32 of them known before.
    unsafe impl Versioned for Grown {
        const NAME: &'static str = "grown";
        const FIRST_SIZE: usize = SIZE;
    }

    #[test]
    fn an_older_callers_struct_has_zeros_for_the_rest() {
        let mut old = buffer(SIZE, 7);
        // SAFETY: SIZE bytes are there, and no more may be touched.
        let grown: Grown = unsafe { ARGS.read(old.as_ptr().cast(), "opts") }.unwrap();
        assert_eq!((grown.added, grown.known.len), (0, 0x0707_0707_0707_0707));
        let value = Grown {
            added: u64::MAX,
            ..grown
        };
        // SAFETY: as above.
        unsafe { ARGS.out(old.as_mut_ptr().cast::<Grown>(), "out") }
            .unwrap()
            .write(&value);
        assert_eq!(old[SIZE..], [0xa5; 16]);
        assert_eq!(old[8..SIZE], [7; SIZE - 8]);
    }

    #[test]
    fn a_newer_callers_tail_must_be_zero() {
        for size in [SIZE + 1, SIZE + 8, STRUCT_SIZE_MAX] {
            let mut bytes = buffer(size, 0);
            read(&bytes).unwrap();
            for at in [SIZE, size - 1] {
                bytes[at] = 1;
                let e = read(&bytes).map(|_| ()).unwrap_err();
                assert!(
                    matches!(&e, Error::Unsupported(t) if t.contains("hexz_extent")),
                    "{e}"
                );
                bytes[at] = 0;
            }
        }
    }

    #[test]
    fn a_newer_callers_tail_becomes_zero() {
        for size in [SIZE, SIZE + 1, SIZE + 8, STRUCT_SIZE_MAX] {
            let mut bytes = buffer(size, 0xff);
            let value = hexz_extent {
                struct_size: 1,
                kind: 2,
                reserved: 0,
                offset: 3,
                len: 4,
            };
            write(&mut bytes, &value).unwrap();
            assert_eq!(bytes[..8], size.to_ne_bytes());
            assert_eq!(bytes[24..32], 4u64.to_ne_bytes());
            assert!(bytes[SIZE..size].iter().all(|b| *b == 0));
            assert_eq!(bytes[size..], [0xa5; 16]);
        }
    }

    #[test]
    fn sizes_that_are_none_are_refused_by_the_size_alone() {
        for size in [0, 1, 8, SIZE - 1, STRUCT_SIZE_MAX + 1, usize::MAX] {
            let mut head = size.to_ne_bytes();
            let e = read(&head).map(|_| ()).unwrap_err();
            assert!(
                matches!(&e, Error::InvalidArgument(t) if t.contains("HEXZ_INIT")),
                "{e}"
            );
            let value = hexz_extent {
                struct_size: 0,
                kind: 0,
                reserved: 0,
                offset: 0,
                len: 0,
            };
            assert!(write(&mut head, &value).is_err());
            assert_eq!(head, size.to_ne_bytes());
        }
        // SAFETY: NULL is allowed.
        let e = unsafe { ARGS.read(ptr::null::<hexz_extent>(), "opts") }
            .map(|_| ())
            .unwrap_err();
        assert_eq!(e.to_string(), "hexz_test: opts is NULL");
    }

    #[test]
    fn strings() {
        // SAFETY: NULL or constants.
        unsafe {
            assert_eq!(ARGS.bytes(ptr::null()), None);
            assert_eq!(ARGS.bytes(c"".as_ptr()), Some(&b""[..]));
            let path = ARGS.path(c"\xff/a".as_ptr()).unwrap();
            assert_eq!(path.as_os_str().as_bytes(), b"\xff/a");
        }
    }

    #[test]
    fn flags_constants_and_costs() {
        assert!(ARGS.flags(3, 7, "f").is_ok());
        assert!(
            ARGS.flags(1 << 63, 7, "f")
                .unwrap_err()
                .to_string()
                .contains("0x8000000000000000")
        );
        assert!(ARGS.constant(2, 0..=2, "c").is_ok() && ARGS.constant(3, 0..=2, "c").is_err());
        assert!(ARGS.reserved(0, "r").is_ok() && ARGS.reserved(1 << 63, "r").is_err());
        assert!(
            ARGS.kdf(0, 0, 0).unwrap() == KdfCost::default() && ARGS.kdf(1 << 20, 4, 16).is_ok()
        );
        assert!(ARGS.kdf(1 << 20, 5, 1).is_err());
        assert!(ARGS.kdf(1023, 0, 0).is_err() && ARGS.kdf(0, 65, 0).is_err());
        assert!(ARGS.kdf(0, 0, 17).is_err());
    }
}
