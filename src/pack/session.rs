//! One snapshot being packed, whoever feeds it.

use std::time::Duration;

use super::feed::Feed;
use super::heritage::Heritage;
use super::pipeline::{self, Costs, Log};
use super::place::Placer;
use super::placed::Counts;
use super::plan::Plan;
use super::table::DedupTable;
use super::writer::{RootParameters, Writer, Written};
use super::{Options, Report, nanos};
use crate::codec::{EncodeDictionary, Method};
use crate::control::Control;
use crate::error::Result;
use crate::format::StreamEntry;
use crate::keyring::Encryption;
use crate::sink::Sink;
use crate::source::Recipe;

/// See the module.
pub struct Session<'a> {
    /// How to pack.
    pub options: &'a Options,
    /// How much of everything there may be.
    pub plan: Plan,
    /// The dictionary, if one was trained.
    pub trained: Option<&'a [u8]>,
    /// The keys of an encrypted file.
    pub encryption: Option<&'a Encryption>,
    /// What need not be stored, if there is a parent or a base.
    pub heritage: Option<&'a mut Heritage>,
    /// Names, kinds and sizes of the streams that are known.
    pub entries: Vec<StreamEntry>,
    /// Takes the extents if they may come in any order.
    pub log: Option<Log>,
}

/// What packing did.
pub struct Done {
    /// The file.
    pub written: Written,
    costs: Costs,
    counts: Counts,
    /// Stored bytes that no stream refers to.
    dead: u64,
}

impl Session<'_> {
    /// Packs all that `feed` gives into `sink`, which is complete then but not committed.
    pub fn run(
        mut self,
        feed: &mut dyn Feed,
        sink: &mut dyn Sink,
        control: &mut Control<'_>,
    ) -> Result<Done> {
        let Options { profile, units, .. } = self.options;
        let method = Method::from(profile);
        let digested = match self.trained {
            Some(bytes) => Some(EncodeDictionary::new(bytes, method.level)?),
            None => None,
        };
        let stored = feed.stored_blocks(&Recipe {
            compression: profile.compression,
            level: profile.level,
            dictionary: self.trained,
        })?;
        let keys = self.encryption.map(|encryption| &encryption.keys);
        let operand = sink.operand().to_owned();
        let mut same_place = None;
        if let Some(heritage) = &mut self.heritage {
            let slots = self.plan.heritage_slots;
            heritage.prepare(&operand, &self.entries, *units, keys, slots)?;
            same_place = heritage.same_place()?;
        }
        let parameters = self.root_parameters();
        let mut writer = Writer::new(sink, parameters, self.trained, self.encryption)?;
        if self.log.is_some() {
            writer.may_give_up();
        }
        let table = |slots| DedupTable::new(slots, &operand);
        let runs = self.plan.run_slots.map(table).transpose()?;
        let share = self.plan.table_slots;
        let whole = match (self.plan.open_ended, self.plan.run_slots) {
            (true, Some(runs)) => share + runs,
            _ => share,
        };
        let mut placer = Placer::new(table(whole)?, runs, profile.block_size as usize, *units);
        if whole > share {
            placer.open_ended(whole, share);
        }
        if let Some(heritage) = &mut self.heritage {
            placer.lean_on(heritage, control.cancel());
        }
        let work = pipeline::Work {
            method,
            dictionary: digested.as_ref(),
            stored: &stored,
            units: *units,
            keys,
            same_place: same_place.as_ref(),
            cancel: control.cancel(),
        };
        let (plan, log) = (self.plan, self.log.as_mut());
        let (costs, mut counts) =
            pipeline::run(feed, work, plan, placer, &mut writer, log, control)?;
        feed.check()?;
        let mut dead = 0;
        if let Some(log) = self.log.as_ref().filter(|log| log.is_scattered()) {
            log.write(&mut writer)?;
            dead = log.all.dead()? + writer.take_up()?;
            counts.zero = writer.streams().iter().map(|s| s.zero_size).sum();
        }
        let lineage = (self.heritage.as_ref()).map(|heritage| heritage.lineage(keys));
        Ok(Done {
            written: writer.finish(lineage.transpose()?)?,
            costs,
            counts,
            dead,
        })
    }

    fn root_parameters(&mut self) -> RootParameters {
        let Options { profile, .. } = self.options;
        let cdc = self.options.chunk_sizes();
        RootParameters {
            compression: profile.compression.number(),
            level: profile.level,
            block_size: profile.block_size,
            cdc: cdc.map_or([0; 3], |sizes| [sizes.min, sizes.avg, sizes.max]),
            streams: std::mem::take(&mut self.entries),
            thin: self.heritage.is_some(),
        }
    }
}

impl Done {
    /// What callers are told, once syncing took so long and all of it so long.
    pub fn report(&self, syncing: Duration, total: Duration) -> Report {
        let Done {
            written,
            costs,
            counts,
            dead,
        } = self;
        Report {
            bytes_read: costs.read.bytes,
            bytes_zero: counts.zero,
            bytes_duplicate: counts.duplicate,
            bytes_inherited: counts.inherited,
            bytes_unique: counts.unique,
            bytes_stored: written.stored_size,
            bytes_dead: *dead,
            blocks: written.blocks,
            blocks_copied: costs.copied,
            file_size: written.file_size,
            root: written.root,
            read_ns: nanos(costs.read.time),
            hash_ns: nanos(costs.hash),
            compress_ns: nanos(costs.compress),
            seal_ns: nanos(costs.seal),
            write_ns: nanos(written.write_time),
            sync_ns: nanos(syncing),
            total_ns: nanos(total),
        }
    }
}
