//! libhexz
pub mod build;
pub mod codec;
pub mod control;
pub mod error;
pub mod format;
pub mod pack;
pub mod panic;
pub mod profile;
pub mod sink;
pub mod source;
pub mod workers;
