//! Which library this is.

use std::ffi::c_char;

use super::abi::{HEXZ_VERSION_MAJOR, HEXZ_VERSION_MINOR, HEXZ_VERSION_PATCH};

/// = The library
///
/// The version of the library that is loaded: major << 16 | minor << 8 | patch. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn hexz_version() -> u32 {
    HEXZ_VERSION_MAJOR << 16 | HEXZ_VERSION_MINOR << 8 | HEXZ_VERSION_PATCH
}

/// The same as a text, such as "0.1.0". Never NULL, valid for ever, any thread.
#[unsafe(no_mangle)]
pub extern "C" fn hexz_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_the_packages_version() {
        let header = format!("{HEXZ_VERSION_MAJOR}.{HEXZ_VERSION_MINOR}.{HEXZ_VERSION_PATCH}");
        assert_eq!(header, env!("CARGO_PKG_VERSION"));
        assert_eq!(hexz_version(), 0x00_01_00);
    }
}
