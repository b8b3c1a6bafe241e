//! How the memory limit is shared out: half for the deduplication table, from parameters alone, so
//! that the bytes of a snapshot do not depend on threads; the rest for buffers and workers.

use super::map::ANYWHERE_ENTRY as ENTRY;
use super::table;
use super::writer;
use crate::codec::{Method, encoder_memory};
use crate::error::{Error, Result};
use crate::format::PAGE_4K;
use crate::profile::{CdcSizes, Profile};
use crate::source::Deferral;

/// The limit when the caller gives none.
pub const MEMORY_LIMIT_DEFAULT: u64 = 256 << 20;
/// Share of the table's memory that remembers runs once single units are forgotten.
const RUNS_SHARE: u64 = 8;
/// Segments and blocks under way, per thread, when memory allows, and the least that works.
const SEGMENTS: usize = 2;
const SEGMENTS_MIN: usize = 2;
const BLOCKS: usize = 16;
const BLOCKS_MIN: usize = 2;
/// Of what is pushed: share of the limit for segments that are gathered, and their number.
const GATHERED_SHARE: u64 = 16;
const GATHERED_MIN: u64 = 2;
const GATHERED_MAX: u64 = 32;
/// Of what is cut into chunks: bytes that are gathered together, how many of these are being filled,
/// and how many must be there beside a segment before that is cut: so far may looks at a map go
/// ahead of what is read.
pub const CHUNKS_LEN: usize = 256 << 10;
const CHUNKS_HELD: usize = 4;
const CHUNKS_AHEAD: usize = 5;
/// Share of the limit for extents that may come in any order, and their number.
const EXTENTS_SHARE: u64 = 32;
const EXTENTS_MAX: u64 = 1 << 18;
/// Stack, channels, hashed units and small things of one thread.
const THREAD: usize = 512 << 10;

/// How much of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Slots of the table of units.
    pub table_slots: usize,
    /// Slots of the table of runs; none when the table of units holds all there can be.
    pub run_slots: Option<usize>,
    /// Slots of the table of units that others have; 0 without a parent or a base.
    pub heritage_slots: usize,
    /// Threads, the caller's included.
    pub threads: usize,
    /// Bytes of a segment.
    pub segment_len: usize,
    /// Segments under way at most.
    pub segments: usize,
    /// Blocks placed and not yet written at most.
    pub blocks: usize,
    /// Bytes to train a dictionary on at most.
    pub train: usize,
    /// Whether segments may have parts that are not there yet, so that workers fill them in.
    pub defer: bool,
    /// Whether the table of units may take the slots of that of runs too, as long as it then holds all
    /// that there can be.
    pub open_ended: bool,
    /// Of streams that are pushed, what is gathered before it is packed.
    pub gather: Gather,
    /// Extents that are kept in memory at most.
    pub extents: usize,
}

/// Buffers for what is pushed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Gather {
    /// Bytes of one.
    pub len: usize,
    /// That are being filled at most.
    pub held: usize,
    /// Of these and of those that are on their way, at most.
    pub all: usize,
    /// Bytes that must be ready before some are cut into chunks, while more may come.
    pub ready: u64,
}

impl Gather {
    /// Where whole segments are gathered, those on their way are segments under way.
    fn beside(self, cdc: Option<&CdcSizes>, segments: usize) -> Self {
        match cdc {
            Some(_) => self,
            None => Gather {
                all: self.held + segments,
                ..self
            },
        }
    }
}

/// How streams are pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushing {
    /// Front to back.
    InOrder,
    /// In any order.
    Anywhere,
}

/// What the plan is made for.
#[derive(Clone, Copy)]
pub struct Demand<'a> {
    /// The pack parameters.
    pub profile: &'a Profile,
    /// Chunk sizes, if chunks are cut.
    pub cdc: Option<&'a CdcSizes>,
    /// Logical bytes of all streams.
    pub logical: u64,
    /// Threads that may use CPU.
    pub threads: usize,
    /// Bytes; 0 for the default.
    pub memory_limit: u64,
    /// What the sources can leave to workers.
    pub deferral: Deferral,
    /// Bytes that each thread takes to read them, and to compare them with the parent.
    pub per_thread: usize,
    /// Units that others have, of whom the snapshot leans on some.
    pub inheritable: u64,
    /// Bytes that looking into their files takes.
    pub heritage: usize,
    /// Whether streams are pushed, of which there may come any number: `logical` is not known then.
    pub pushing: Option<Pushing>,
}

impl Demand<'_> {
    /// Shares the memory out, with fewer threads if it is small.
    pub fn plan(&self) -> Result<Plan> {
        // Chunks are cut by the thread that reads, which needs all bytes; so does a single thread.
        let plan = self.share_out(Deferral::Nothing)?;
        if self.cdc.is_none() && plan.threads > 1 {
            let deferring = self.share_out(self.deferral);
            // A thread is worth more than what it would be spared.
            if deferring.as_ref().is_ok_and(|p| p.threads == plan.threads) {
                return deferring;
            }
        }
        Ok(plan)
    }

    fn share_out(&self, deferral: Deferral) -> Result<Plan> {
        let limit = match self.memory_limit {
            0 => MEMORY_LIMIT_DEFAULT,
            limit => limit,
        };
        let rest = usize::try_from(limit / 2).unwrap_or(usize::MAX);
        let heritage_slots = self.heritage_slots(limit / 2);
        let left = limit / 2 - table::memory(heritage_slots) as u64;
        let (table_slots, run_slots) = self.tables(left);
        let segment_len = super::reader::segment_len(self.profile.block_size, self.cdc);
        let (gather, extents) = self.pushed(limit, segment_len);
        // What is packed has hardly more bytes than what it unpacks to.
        let segment_cost = match deferral {
            Deferral::Unpacking => 2 * segment_len + segment_len / 8,
            Deferral::Nothing | Deferral::Reading => segment_len,
        };
        let kept = gather.all * gather.len + extents * ENTRY;
        let least = kept + self.cost(segment_cost, 1, SEGMENTS_MIN, BLOCKS_MIN);
        if least > rest {
            return Err(Error::InvalidArgument(format!(
                "memory_limit of {limit} bytes is too little for blocks of {} bytes with this \
                 compression; give {} or more, or a smaller block_size",
                self.profile.block_size,
                (least * 2).next_multiple_of(1 << 20)
            )));
        }
        let train = crate::codec::TRAIN_MAX.min(rest / 4);
        for threads in (1..=self.threads.max(1)).rev() {
            // From plenty down to the least, by halves.
            let wanted = (
                SEGMENTS * threads + 2,
                BLOCKS * threads + segment_len / self.block_max(),
            );
            // Fewer threads only when one more would leave them nothing to work on.
            let floor = match threads {
                1 => (SEGMENTS_MIN, BLOCKS_MIN),
                n => (n + 1, 2 * n + 1),
            };
            let mut shares = (0..8).map(|shift| {
                (
                    (wanted.0 >> shift).max(floor.0),
                    (wanted.1 >> shift).max(floor.1),
                )
            });
            let fits = |(segments, blocks): &(usize, usize)| {
                kept + self.cost(segment_cost, threads, *segments, *blocks) <= rest
            };
            if let Some((segments, blocks)) = shares.find(fits) {
                return Ok(Plan {
                    table_slots,
                    run_slots,
                    heritage_slots,
                    threads,
                    segment_len,
                    segments,
                    blocks,
                    train,
                    defer: deferral != Deferral::Nothing,
                    open_ended: self.pushing.is_some(),
                    gather: gather.beside(self.cdc, segments),
                    extents,
                });
            }
        }
        Ok(Plan {
            table_slots,
            run_slots,
            heritage_slots,
            threads: 1,
            segment_len,
            segments: SEGMENTS_MIN,
            blocks: BLOCKS_MIN,
            train,
            defer: deferral != Deferral::Nothing,
            open_ended: self.pushing.is_some(),
            gather: gather.beside(self.cdc, SEGMENTS_MIN),
            extents,
        })
    }

    /// What is gathered and the extents that are kept, if streams are pushed.
    fn pushed(&self, limit: u64, segment_len: usize) -> (Gather, usize) {
        let segments = limit / GATHERED_SHARE / segment_len as u64;
        let held = segments.clamp(GATHERED_MIN, GATHERED_MAX) as usize;
        match self.pushing {
            None => (Gather::default(), 0),
            Some(_) if self.cdc.is_some() => {
                let ready = segment_len + CHUNKS_AHEAD * CHUNKS_LEN;
                let gather = Gather {
                    len: CHUNKS_LEN,
                    held: CHUNKS_HELD,
                    // Some of what is ready may lie in the middle of a buffer, and two are taken at once.
                    all: CHUNKS_HELD + ready.div_ceil(CHUNKS_LEN) + 3,
                    ready: ready as u64,
                };
                (gather, 0)
            }
            Some(pushing) => {
                let gather = Gather {
                    len: segment_len,
                    held,
                    all: held,
                    ready: 0,
                };
                let extents = match pushing {
                    Pushing::InOrder => 0,
                    Pushing::Anywhere => limit / EXTENTS_SHARE / ENTRY as u64,
                };
                (gather, extents.min(EXTENTS_MAX) as usize)
            }
        }
    }

    /// The table of what others have: half of `bytes` at most, and no larger than that needs.
    fn heritage_slots(&self, bytes: u64) -> usize {
        match self.inheritable {
            0 => 0,
            units => {
                let most = bytes / 2 / table::memory(1) as u64;
                table::slots_for(units.min(most)).min(most) as usize
            }
        }
    }

    /// The tables: no larger than all units there can be need.
    fn tables(&self, bytes: u64) -> (usize, Option<usize>) {
        let logical = match self.pushing {
            Some(_) => u64::MAX,
            None => self.logical,
        };
        let unit = self
            .cdc
            .map_or(PAGE_4K as u64, |sizes| u64::from(sizes.min));
        let all = table::slots_for(logical.div_ceil(unit));
        let slot = table::memory(1) as u64;
        if all <= bytes / slot {
            return (all as usize, None);
        }
        let runs = bytes / RUNS_SHARE / slot;
        match self.cdc {
            Some(_) => ((bytes / slot) as usize, None),
            None => ((bytes / slot - runs) as usize, Some(runs as usize)),
        }
    }

    /// Bytes of the largest block: a chunk is never split.
    fn block_max(&self) -> usize {
        self.cdc
            .map_or(0, |sizes| sizes.max)
            .max(self.profile.block_size) as usize
    }

    /// Memory besides the tables.
    fn cost(&self, segment_cost: usize, threads: usize, segments: usize, blocks: usize) -> usize {
        let method = Method::from(self.profile);
        let block = self.block_max();
        let encoder = encoder_memory(method, block as u32, self.profile.dictionary);
        // A block under way has its bytes, unless they lie in a segment, and its stored form.
        let per_block = 2 * block + block / 128 + 1024;
        // A hashed segment has 32 bytes for each page.
        let per_segment = segment_cost + segment_cost / 128;
        let dictionary = if self.profile.dictionary { 2 << 20 } else { 0 };
        writer::MEMORY
            + dictionary
            + self.heritage
            + threads * (encoder + THREAD + self.per_thread)
            + segments * per_segment
            + blocks * per_block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile;

    fn plan(name: &str, threads: usize, memory_limit: u64, logical: u64) -> Result<Plan> {
        let profile = profile::resolve(Some(name)).unwrap();
        Demand {
            profile: &profile,
            cdc: None,
            logical,
            threads,
            memory_limit,
            deferral: Deferral::Nothing,
            per_thread: 0,
            inheritable: 0,
            heritage: 0,
            pushing: None,
        }
        .plan()
    }

    #[test]
    fn the_tables_do_not_depend_on_threads() {
        for name in ["generic", "eda", "embedded", "ml"] {
            let tables = |threads| {
                let plan = plan(name, threads, 64 << 20, 1 << 40).unwrap();
                (plan.table_slots, plan.run_slots)
            };
            assert_eq!(tables(1), tables(8));
            assert!(tables(1).1.is_some());
        }
    }

    #[test]
    fn every_profile_works_with_64_mib_and_two_threads() {
        for name in ["generic", "eda", "embedded", "ml"] {
            assert_eq!(
                plan(name, 2, 64 << 20, 1 << 40).unwrap().threads,
                2,
                "{name}"
            );
        }
    }

    #[test]
    fn the_default_is_enough_for_the_largest_blocks() {
        for name in ["generic", "eda"] {
            let profile = profile::resolve(Some(name)).unwrap();
            let profile = Profile {
                block_size: profile::BLOCK_MAX,
                ..profile
            };
            let demand = Demand {
                profile: &profile,
                cdc: None,
                logical: 1 << 40,
                threads: 8,
                memory_limit: 0,
                deferral: Deferral::Unpacking,
                per_thread: 0,
                inheritable: 0,
                heritage: 0,
                pushing: None,
            };
            demand.plan().unwrap();
        }
    }

    #[test]
    fn clusters_are_left_packed_where_that_helps_and_costs_no_thread() {
        let profile = profile::resolve(Some("generic")).unwrap();
        let demand = Demand {
            profile: &profile,
            cdc: None,
            logical: 1 << 40,
            threads: 4,
            memory_limit: 0,
            deferral: Deferral::Unpacking,
            per_thread: 0,
            inheritable: 0,
            heritage: 0,
            pushing: None,
        };
        let plan = demand.plan().unwrap();
        assert!(plan.defer && plan.threads == 4);
        let cases = [
            Demand {
                deferral: Deferral::Nothing,
                ..demand
            },
            Demand {
                threads: 1,
                ..demand
            },
            Demand {
                cdc: Some(&profile.cdc),
                ..demand
            },
        ];
        assert!(cases.iter().all(|d| !d.plan().unwrap().defer));
        // However little memory there is, it takes no thread, and refuses nothing.
        let mut tight = 0;
        for memory_limit in (1..200).map(|n| n << 19) {
            let [with, without] = [Deferral::Unpacking, Deferral::Nothing].map(|deferral| {
                Demand {
                    deferral,
                    memory_limit,
                    ..demand
                }
                .plan()
            });
            match (with, without) {
                (Ok(with), Ok(without)) => {
                    assert_eq!(with.threads, without.threads);
                    tight += usize::from(without.threads > 1 && !with.defer);
                }
                (with, without) => assert!(with.is_err() && without.is_err()),
            }
        }
        assert!(tight > 0);
    }

    #[test]
    fn too_little_names_the_least_which_works() {
        let text = plan("ml", 2, 1 << 20, 1 << 30).unwrap_err().to_string();
        let least: u64 = text
            .split("give ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        plan("ml", 2, least, 1 << 30).unwrap();
        assert!(plan("ml", 2, least - (1 << 20), 1 << 30).is_err());
    }

    #[test]
    fn a_small_source_takes_a_small_table() {
        let plan = plan("generic", 2, 0, 64 << 20).unwrap();
        assert!(table::memory(plan.table_slots) < 1 << 20);
        assert_eq!(plan.run_slots, None);
    }
}
