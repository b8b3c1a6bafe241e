//! Link arguments of the shared library.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The ABI's number, not the package's: programs find the library by it. Without it some build
    // systems record the path that they linked against.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libhexz.so.0");
    // Thread-locals of std have destructors in the library's code, which must not be unmapped by
    // dlclose while a thread that used it still runs (rust-lang/rust issue 91979).
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
