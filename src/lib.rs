//! libhexz
pub mod control;
pub mod error;
pub mod format;
pub mod profile;
