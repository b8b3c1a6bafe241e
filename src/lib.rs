//! libhexz: disk images and memory dumps into one snapshot file.
//!
//! The stable face of this crate is its C ABI (`include/hexz.h`, made from [`capi`]). The Rust
//! modules are public for the tests, benches and fuzzers of this repository only and change freely.
//!
//! Arrows point down: `capi` → `build` → `pack`, `snapshot` → `index` → `keyring`, `source`, `sink`,
//! `codec` → `crypto`, `format` → `error`. tests/floors.rs has the floors of all modules.

// A library in somebody's process may not die of what it is given.
#![deny(clippy::unwrap_used, clippy::expect_used)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("hexz is built and tested on 64-bit Linux only");

pub mod build;
pub mod capi;
pub mod codec;
pub mod control;
pub mod crypto;
pub mod error;
pub mod format;
pub mod index;
pub mod keyring;
pub mod lock;
pub mod pack;
pub mod panic;
pub mod profile;
pub mod sink;
pub mod snapshot;
pub mod source;
pub mod workers;
