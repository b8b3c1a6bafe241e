//! Link arguments of the shared library, and the name that programs look for at run time.

use std::env;
use std::os::unix::fs::symlink;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.toml");
    let soname = format!("libhexz.so.{}", abi_number());
    // Without a soname some build systems record the path that they linked against.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
    // Thread-locals of std have destructors in the library's code, which must not be unmapped by
    // dlclose while a thread that used it still runs (rust-lang/rust issue 91979).
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    link_soname(&soname);
}

/// The ABI's number, not the package's: docs/ABI.md.
fn abi_number() -> u32 {
    let manifest = include_str!("Cargo.toml");
    manifest
        .split_once("[package.metadata.abi]")
        .and_then(|(_, section)| {
            section
                .lines()
                .find_map(|line| line.strip_prefix("number = "))
        })
        .and_then(|number| number.parse().ok())
        .expect("Cargo.toml has the ABI's number")
}

/// Programs that were linked against target/release look for the soname there. Cargo makes no such
/// link; without it they would not start before an installation. If it cannot be made, nothing
/// else is lost.
fn link_soname(soname: &str) {
    let Ok(out) = env::var("OUT_DIR") else { return };
    // target/release/build/hexz-0123456789abcdef/out
    if let Some(profile) = Path::new(&out).ancestors().nth(3) {
        let _ = symlink("libhexz.so", profile.join(soname));
    }
}
