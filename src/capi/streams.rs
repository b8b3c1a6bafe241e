//! The streams of a build: checked, then opened.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::abi::*;
use super::args::Args;
use super::handle;
use super::source::{self, HostSource};
use crate::build::{Kind, PathStream};
use crate::control::{Cancel, Control};
use crate::error::{NoMemory, Result, operand, try_reserve};
use crate::format::{NAME_MAX, STREAMS_MAX};
use crate::pack::StreamInput;
use crate::snapshot::{Snapshot, StreamSource};
use crate::source::{Access, Format};

/// A stream that was asked for, checked.
pub struct Stream<'a> {
    name: &'a str,
    kind: Kind,
    from: Origin<'a>,
}

/// Where the bytes of a stream come from.
enum Origin<'a> {
    Path(&'a Path, Format),
    Source(HostSource),
    Snapshot(Arc<Snapshot>, u32),
    Live,
}

impl Stream<'_> {
    /// Whether it is memory that is being written.
    pub fn is_live(&self) -> bool {
        matches!(self.from, Origin::Live)
    }

    fn open(
        &self,
        access: Access,
        cancel: Option<&Cancel>,
        control: &Control<'_>,
    ) -> Result<Option<StreamInput>> {
        let source: Box<dyn crate::source::Source> = match &self.from {
            Origin::Path(path, format) => {
                let stream = PathStream {
                    name: self.name,
                    kind: self.kind,
                    path,
                    format: *format,
                    access,
                };
                return stream.open(control).map(Some);
            }
            Origin::Source(source) => Box::new(source.open(self.name, cancel)),
            Origin::Snapshot(snapshot, stream) => {
                Box::new(StreamSource::new(Arc::clone(snapshot), *stream)?)
            }
            Origin::Live => return Ok(None),
        };
        Ok(Some(StreamInput {
            name: self.name.to_owned(),
            kind: self.kind as u8,
            source,
        }))
    }
}

/// Opens streams in their order.
pub fn open(
    streams: &[Stream<'_>],
    access: Access,
    cancel: Option<&Cancel>,
    control: &Control<'_>,
) -> Result<Vec<StreamInput>> {
    let mut open = Vec::new();
    try_reserve(&mut open, streams.len(), "the streams of a build")?;
    for stream in streams {
        open.extend(stream.open(access, cancel, control)?);
    }
    Ok(open)
}

/// Checks the streams of a build; disk and memory come first.
///
/// # Safety
///
/// As the header asks of hexz_build_opts.
pub unsafe fn check<'a>(args: &'a Args, opts: &hexz_build_opts) -> Result<Vec<Stream<'a>>> {
    // SAFETY: as promised.
    let (disk, memory) = unsafe { (args.path(opts.source), args.path(opts.memory)) };
    let mut streams = Vec::new();
    if let Some(path) = disk {
        streams.push(Stream {
            name: "disk",
            kind: Kind::Disk,
            from: Origin::Path(path, format(opts.source_format)),
        });
    }
    if let Some(path) = memory {
        streams.push(Stream {
            name: "memory",
            kind: Kind::Memory,
            from: Origin::Path(path, Format::Auto),
        });
    }
    if opts.stream_count > STREAMS_MAX - streams.len() {
        return Err(args.invalid(format_args!(
            "opts.stream_count is {}; a snapshot has at most {STREAMS_MAX} streams, disk and \
             memory among them",
            opts.stream_count
        )));
    }
    if opts.stream_count > 0 {
        args.not_null(opts.streams, "opts.streams")?;
    }
    let mut names: HashSet<&str> = streams.iter().map(|stream| stream.name).collect();
    try_reserve(&mut streams, opts.stream_count, "the streams of a build")?;
    let room = names.try_reserve(opts.stream_count);
    room.map_err(|_| NoMemory {
        what: "names of streams",
        bytes: opts.stream_count * size_of::<&str>(),
    })?;
    for i in 0..opts.stream_count {
        let what = format!("opts.streams[{i}]");
        // SAFETY: as promised: stream_count pointers.
        let stream = unsafe { check_one(args, *opts.streams.add(i), &what) }?;
        if !names.insert(stream.name) {
            let name = operand(Path::new(stream.name));
            return Err(args.invalid(format_args!("{what}: there is another stream '{name}'")));
        }
        streams.push(stream);
    }
    if disk.is_none() && opts.stream_count == 0 {
        return Err(args.invalid("opts.source is NULL, and there are no streams"));
    }
    Ok(streams)
}

unsafe fn check_one<'a>(
    args: &'a Args,
    stream: *const hexz_stream,
    what: &str,
) -> Result<Stream<'a>> {
    // SAFETY: as the header asks of a hexz_stream.
    let (stream, name, path) = unsafe {
        let stream = args.read(stream, what)?;
        let path = args.path(stream.path);
        (stream, args.bytes(stream.name), path)
    };
    let name = check_name(args, name, &format!("{what}.name"))?;
    let kind = check_kind(args, stream.kind, &format!("{what}.kind"))?;
    args.constant(
        stream.format,
        0..=HEXZ_FORMAT_QCOW2,
        &format!("{what}.format"),
    )?;
    args.reserved(stream.reserved as usize, &format!("{what}.reserved"))?;
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
    // SAFETY: as above.
    let from = unsafe { check_from(args, &stream, path, what) }?;
    Ok(Stream { name, kind, from })
}

/// The name of a stream, called `what` among the arguments.
pub fn check_name<'a>(args: &Args, name: Option<&'a [u8]>, what: &str) -> Result<&'a str> {
    let name = name.ok_or_else(|| args.invalid(format_args!("{what} is NULL")))?;
    let fits = (1..=NAME_MAX).contains(&name.len());
    let name = std::str::from_utf8(name).ok().filter(|_| fits);
    name.ok_or_else(|| args.invalid(format_args!("{what} is not 1 to {NAME_MAX} bytes of UTF-8")))
}

/// An HEXZ_STREAM_ value or 0, called `what` among the arguments.
pub fn check_kind(args: &Args, kind: u32, what: &str) -> Result<Kind> {
    args.constant(kind, 0..=HEXZ_STREAM_BLOB, what)?;
    Ok(match kind {
        HEXZ_STREAM_DISK => Kind::Disk,
        HEXZ_STREAM_MEMORY => Kind::Memory,
        _ => Kind::Blob,
    })
}

/// The one of four that is given.
unsafe fn check_from<'a>(
    args: &'a Args,
    stream: &hexz_stream,
    path: Option<&'a Path>,
    what: &str,
) -> Result<Origin<'a>> {
    let given = [
        path.is_some(),
        !stream.source.is_null(),
        !stream.snapshot.is_null(),
        !stream.live.is_null(),
    ];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(args.invalid(format_args!(
            "{what} has more than one of path, source, snapshot and live; give one"
        )));
    }
    if let Some(path) = path {
        return Ok(Origin::Path(path, format(stream.format)));
    }
    if !stream.source.is_null() {
        // SAFETY: as the header asks.
        let source = unsafe { source::check(args, stream.source, &format!("{what}.source")) }?;
        return Ok(Origin::Source(source));
    }
    if !stream.snapshot.is_null() {
        // SAFETY: as the header asks.
        let snapshot = unsafe { handle::enter(args, stream.snapshot) }?;
        let count = snapshot.streams().len();
        if stream.snapshot_stream as usize >= count {
            return Err(args.no_stream(stream.snapshot_stream, count));
        }
        return Ok(Origin::Snapshot(snapshot.share(), stream.snapshot_stream));
    }
    if !stream.live.is_null() {
        return Ok(Origin::Live);
    }
    Err(args.invalid(format_args!(
        "{what} has no bytes; give one of path, source, snapshot and live"
    )))
}

/// An HEXZ_FORMAT_ value that was checked, or is checked before it is used.
fn format(value: u32) -> Format {
    match value {
        HEXZ_FORMAT_RAW => Format::Raw,
        HEXZ_FORMAT_QCOW2 => Format::Qcow2,
        _ => Format::Auto,
    }
}
