//! What the host program hands in as callbacks: sources, streams, sinks. This version checks them
//! and uses none.

use std::collections::HashSet;

use super::abi::*;
use super::args::Args;
use super::handle;
use crate::error::{NoMemory, Result};
use crate::format::{NAME_MAX, STREAM_SIZE_MAX, STREAMS_MAX};

/// Checks a sink; NULL is none.
///
/// # Safety
///
/// As the header asks of a hexz_sink.
pub unsafe fn check_sink(args: &Args, sink: *const hexz_sink) -> Result<()> {
    if sink.is_null() {
        return Ok(());
    }
    // SAFETY: as promised.
    let sink = unsafe { args.read(sink, "opts.sink") }?;
    match sink.write {
        Some(_) => Ok(()),
        None => Err(args.invalid("opts.sink.write is NULL")),
    }
}

/// Checks the streams of a build.
///
/// # Safety
///
/// As the header asks of hexz_build_opts.
pub unsafe fn check_streams(args: &Args, opts: &hexz_build_opts) -> Result<()> {
    let mut names: HashSet<&[u8]> = HashSet::new();
    for (given, name) in [(opts.source, "disk"), (opts.memory, "memory")] {
        if !given.is_null() {
            names.insert(name.as_bytes());
        }
    }
    if opts.stream_count > STREAMS_MAX - names.len() {
        return Err(args.invalid(format_args!(
            "opts.stream_count is {}; a snapshot has at most {STREAMS_MAX} streams, disk and \
             memory among them",
            opts.stream_count
        )));
    }
    if opts.stream_count > 0 {
        args.not_null(opts.streams, "opts.streams")?;
    }
    let room = names.try_reserve(opts.stream_count);
    room.map_err(|_| NoMemory {
        what: "names of streams",
        bytes: opts.stream_count * size_of::<&[u8]>(),
    })?;
    for i in 0..opts.stream_count {
        let what = format!("opts.streams[{i}]");
        // SAFETY: as promised: stream_count pointers.
        let name = unsafe { check_stream(args, *opts.streams.add(i), &what) }?;
        if !names.insert(name) {
            let name = String::from_utf8_lossy(name);
            return Err(args.invalid(format_args!("{what}: there is another stream '{name}'")));
        }
    }
    Ok(())
}

/// Checks a stream; its name.
unsafe fn check_stream<'a>(
    args: &'a Args,
    stream: *const hexz_stream,
    what: &str,
) -> Result<&'a [u8]> {
    // SAFETY: as the header asks of a hexz_stream.
    let (stream, name, path) = unsafe {
        let stream = args.read(stream, what)?;
        let path = args.path(stream.path);
        (stream, args.bytes(stream.name), path)
    };
    let name = name.ok_or_else(|| args.invalid(format_args!("{what}.name is NULL")))?;
    if name.is_empty() || name.len() > NAME_MAX || std::str::from_utf8(name).is_err() {
        return Err(args.invalid(format_args!(
            "{what}.name is not 1 to {NAME_MAX} bytes of UTF-8"
        )));
    }
    args.constant(stream.kind, 0..=HEXZ_STREAM_BLOB, &format!("{what}.kind"))?;
    args.constant(
        stream.format,
        0..=HEXZ_FORMAT_QCOW2,
        &format!("{what}.format"),
    )?;
    args.reserved(stream.reserved as usize, &format!("{what}.reserved"))?;
    let given = [
        path.is_some(),
        !stream.source.is_null(),
        !stream.snapshot.is_null(),
        !stream.live.is_null(),
    ];
    match given.iter().filter(|given| **given).count() {
        1 => {}
        0 => {
            return Err(args.invalid(format_args!(
                "{what} has no bytes; give one of path, source, snapshot and live"
            )));
        }
        _ => {
            return Err(args.invalid(format_args!(
                "{what} has more than one of path, source, snapshot and live; give one"
            )));
        }
    }
    if stream.format != HEXZ_FORMAT_AUTO && path.is_none() {
        return Err(args.invalid(format_args!(
            "{what}.format is given; it is for a path alone"
        )));
    }
    if stream.snapshot_stream != 0 && stream.snapshot.is_null() {
        return Err(args.invalid(format_args!(
            "{what}.snapshot_stream is given without a snapshot"
        )));
    }
    if !stream.source.is_null() {
        // SAFETY: as above.
        unsafe { check_source(args, stream.source, &format!("{what}.source")) }?;
    }
    if !stream.snapshot.is_null() {
        // SAFETY: as above.
        let snapshot = unsafe { handle::enter(args, stream.snapshot) }?;
        let count = snapshot.streams().len();
        if stream.snapshot_stream as usize >= count {
            return Err(args.no_stream(stream.snapshot_stream, count));
        }
    }
    Ok(name)
}

unsafe fn check_source(args: &Args, source: *const hexz_source, what: &str) -> Result<()> {
    // SAFETY: as the header asks of a hexz_source.
    let source = unsafe { args.read(source, what) }?;
    args.flags(
        source.flags,
        HEXZ_SOURCE_CONCURRENT,
        &format!("{what}.flags"),
    )?;
    if source.read_at.is_none() {
        return Err(args.invalid(format_args!("{what}.read_at is NULL")));
    }
    if source.size > STREAM_SIZE_MAX {
        return Err(args.invalid(format_args!(
            "{what}.size is {}; a stream has at most {STREAM_SIZE_MAX} bytes",
            source.size
        )));
    }
    Ok(())
}
