//! The pack core: streams of bytes in, one snapshot out. Every way in uses it.
//!
//! A source is read in segments and cut into units, which are deduplicated; new units are packed
//! into blocks, which are compressed; and blocks, extents and hashes are written in order. The
//! bytes of a snapshot depend on the sources and parameters only, not on threads or timing.

mod chunker;
mod feed;
mod filler;
mod hash;
mod heritage;
mod map;
mod pipeline;
mod place;
mod placed;
mod plan;
mod push;
mod reader;
mod runs;
mod sample;
mod seal;
mod segment;
mod session;
mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod writer;

use std::time::{Duration, Instant};

pub use chunker::Chunker;
pub use hash::{is_zero, unit_hash};
pub use heritage::{Heritage, Kin};
pub use plan::MEMORY_LIMIT_DEFAULT;
pub use push::{Push, PushOutput, PushRequest, check_push_memory};
pub use segment::{Unit, UnitContent, UnitKind};

use feed::Sources;
use session::Session;

use crate::codec::{self, Method};
use crate::control::{Control, Phase};
use crate::error::{Error, Result, try_with_capacity};
use crate::format::{Hash, StreamEntry};
use crate::keyring::Encryption;
use crate::profile::{CdcSizes, Profile};
use crate::sink::Uncommitted;
use crate::source::{Deferral, Source};
use crate::workers::thread_count;

/// A stream to pack.
pub struct StreamInput {
    /// 1 to 63 bytes of UTF-8, unique in the snapshot.
    pub name: String,
    /// 1 disk, 2 memory, 3 blob.
    pub kind: u8,
    /// Its bytes.
    pub source: Box<dyn Source>,
}

/// How to pack.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Validated parameters.
    pub profile: Profile,
    /// What streams are cut into.
    pub units: UnitKind,
    /// Threads that may use CPU, the caller's included; 0 for all there are.
    pub threads: u32,
    /// Bytes of memory; 0 for the default.
    pub memory_limit: u64,
}

impl Options {
    /// Sizes of chunks, if chunks are cut.
    fn chunk_sizes(&self) -> Option<&CdcSizes> {
        match self.units {
            UnitKind::Page => None,
            UnitKind::Chunk => Some(&self.profile.cdc),
        }
    }
}

/// What packing did. Bytes of sources are logical ones.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Bytes read from the sources; holes are not.
    pub bytes_read: u64,
    /// Bytes in zero runs.
    pub bytes_zero: u64,
    /// Bytes found elsewhere in this snapshot.
    pub bytes_duplicate: u64,
    /// Bytes that are in the parent.
    pub bytes_inherited: u64,
    /// Bytes that are new.
    pub bytes_unique: u64,
    /// Stored bytes of all blocks.
    pub bytes_stored: u64,
    /// Stored bytes that no stream refers to.
    pub bytes_dead: u64,
    /// Blocks.
    pub blocks: u64,
    /// Those of them that a source had as they are stored now, and that were not compressed.
    pub blocks_copied: u64,
    /// Length of the snapshot file.
    pub file_size: u64,
    /// The root hash.
    pub root: Hash,
    /// Nanoseconds in the sources.
    pub read_ns: u64,
    /// Nanoseconds of hashing units, summed over threads.
    pub hash_ns: u64,
    /// Nanoseconds of compressing, summed over threads.
    pub compress_ns: u64,
    /// Nanoseconds of sealing, summed over threads.
    pub seal_ns: u64,
    /// Nanoseconds in the sink.
    pub write_ns: u64,
    /// Nanoseconds of making the output durable and visible.
    pub sync_ns: u64,
    /// Nanoseconds from start to end.
    pub total_ns: u64,
}

/// Fails as [`pack`] would if the memory limit is too little.
pub fn check_memory(
    streams: &[StreamInput],
    options: &Options,
    heritage: Option<&Heritage>,
) -> Result<()> {
    plan(streams, options, heritage).map(|_| ())
}

fn plan(
    streams: &[StreamInput],
    options: &Options,
    heritage: Option<&Heritage>,
) -> Result<plan::Plan> {
    let deferral = streams.iter().map(|s| s.source.deferral());
    let reading = streams.iter().map(|s| s.source.memory());
    let profile = &options.profile;
    let segment_len = reader::segment_len(profile.block_size, options.chunk_sizes());
    let comparing = heritage.map_or(0, |h| h.memory_per_thread(segment_len));
    let demand = plan::Demand {
        profile,
        cdc: options.chunk_sizes(),
        logical: total_size(streams)?,
        threads: thread_count(options.threads),
        memory_limit: options.memory_limit,
        deferral: deferral.max().unwrap_or(Deferral::Nothing),
        per_thread: reading.max().unwrap_or(0) + comparing,
        inheritable: heritage.map_or(0, Heritage::unit_count),
        heritage: heritage.map_or(0, Heritage::memory),
        pushing: None,
    };
    demand.plan()
}

/// Bytes of all streams.
pub fn total_size(streams: &[StreamInput]) -> Result<u64> {
    let mut sizes = streams.iter().map(|s| s.source.size());
    sizes
        .try_fold(0u64, |sum, size| sum.checked_add(size))
        .ok_or_else(|| {
            Error::InvalidArgument("the streams are more than 2^64 bytes together".to_owned())
        })
}

/// Packs the streams into the sink and commits it; encrypted, if there are keys for it, and without
/// what is in `heritage`, if there is any: the keys are made for that then ([`Encryption::lean`]).
pub fn pack(
    streams: Vec<StreamInput>,
    options: &Options,
    encryption: Option<&Encryption>,
    mut heritage: Option<Heritage>,
    mut sink: Uncommitted,
    control: &mut Control<'_>,
) -> Result<Report> {
    let start = Instant::now();
    let Options { profile, .. } = options;
    let logical = total_size(&streams)?;
    let cdc = options.chunk_sizes();
    let plan = plan(&streams, options, heritage.as_ref())?;
    let method = Method::from(profile);
    let mut entries = try_with_capacity(streams.len(), "streams")?;
    let mut sources = try_with_capacity(streams.len(), "streams")?;
    for StreamInput { name, kind, source } in streams {
        entries.push(StreamEntry {
            name,
            kind,
            size: source.size(),
            data_size: 0,
            zero_size: 0,
            stored_size: 0,
        });
        sources.push(source);
    }
    let mut trained = None;
    if profile.dictionary {
        control.begin(Phase::Train, logical, 0)?;
        let block_size = profile.block_size as usize;
        let samples = sample::samples(&sources, block_size, plan.train, control)?;
        let mut parts: Vec<&[u8]> = try_with_capacity(samples.len(), "samples to train on")?;
        parts.extend(samples.iter().map(|s| &s[..]));
        trained = codec::train(&parts, method, logical)?;
        control.end(0)?;
    }
    control.begin(Phase::Pack, logical, 0)?;
    let mut feed = Sources::new(&sources, cdc, plan, control.cancel());
    let session = Session {
        options,
        plan,
        trained: trained.as_deref(),
        encryption,
        heritage: heritage.as_mut(),
        entries,
        log: None,
    };
    let done = session.run(&mut feed, &mut *sink, control)?;
    control.end(done.written.file_size)?;
    let syncing = Instant::now();
    control.begin(Phase::Sync, logical, done.written.file_size)?;
    sink.commit()?;
    control.conclude(done.written.file_size);
    Ok(done.report(syncing.elapsed(), start.elapsed()))
}
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
