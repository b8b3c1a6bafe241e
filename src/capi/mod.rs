//! The C ABI and nothing else: checks of arguments, the panic guard, error texts. All code that
//! touches foreign pointers is here.
//!
//! `include/hexz.h` is made from these files. The doc comments of what is exported are the manual
//! that C programmers read there: plain text, no markup, for people who never see this code. That
//! manual states what a caller must uphold, so there are no `# Safety` sections.
#![allow(clippy::missing_safety_doc)]

// What crosses the boundary.
#[allow(non_camel_case_types, missing_docs)]
pub mod abi;
pub mod args;
pub mod build;
mod build_opts;
pub mod builder;
mod callback;
pub mod cancel;
pub mod error;
pub mod extract;
mod guard;
mod handle;
pub mod live;
pub mod pager;
pub mod profile;
mod ram;
pub mod rekey;
mod sink;
pub mod snapshot;
mod source;
mod storage;
mod streams;
pub mod verify;
pub mod version;
