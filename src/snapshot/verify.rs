//! Checking all of a snapshot: every page, every block, every unit, and that nothing else is in
//! the file. Damage is counted and placed, and never ends the check early.

mod blocks;
mod extents;
mod inherited;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Snapshot;
use super::damage::{Damage, Found};
use super::team::{self, Beat, PIECE};
use super::tiling::Tiling;
use crate::control::{Control, Phase};
use crate::error::{Error, Result};
use crate::format::{PageKey, RootPage, TreeKind};
use crate::index::cache::Cache;
use crate::index::open::{Ends, Slots};
use crate::index::tree::{Broken, Leaf, PageCache};
use crate::index::{Chain, Index, PAGE_WEIGHT};
use blocks::Cursor;

/// Index pages kept while checking.
const PAGES_CACHE: usize = 4 << 20;

/// What a check found.
///
/// In a file that was made to cost much work, the place may be one before the first damaged byte,
/// in a run that refers to what lies between damaged blocks; never one behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyReport {
    /// Stream of the first damaged byte; `u32::MAX` when there is none, or it is in no stream.
    pub bad_stream: u32,
    /// Where it is in that stream; `u64::MAX` without one.
    pub bad_offset: u64,
    /// Blocks that were checked, the bad ones included.
    pub blocks_checked: u64,
    /// Blocks that are bad, or cannot be found for bad pages.
    pub blocks_bad: u64,
}

impl Default for VerifyReport {
    fn default() -> Self {
        VerifyReport {
            bad_stream: u32::MAX,
            bad_offset: u64::MAX,
            blocks_checked: 0,
            blocks_bad: 0,
        }
    }
}

impl Snapshot {
    /// Checks everything in the file: both ends, every page, the dictionary, and of each block
    /// checksum, hash, decoding and unit hashes. `threads` includes the caller's; 0 means the CPUs
    /// of this process. Progress is in bytes of all streams.
    ///
    /// `report` is filled when the result is `Ok` or [`Error::Corrupt`]; damage does not end the
    /// check, failing reads do. What is cached for reads is neither trusted nor changed.
    pub fn verify(
        &self,
        threads: u32,
        control: &mut Control<'_>,
        report: &mut VerifyReport,
    ) -> Result<()> {
        *report = VerifyReport::default();
        if let Some(keys) = &self.chain.index.keys {
            keys.check_alive()?;
        }
        let total = self.logical_size();
        control.begin(Phase::Verify, total, 0)?;
        let check = Check::new(&self.chain)?;
        check.ends(control)?;
        let (threads, _) = team(threads, &self.chain.index.root);
        // Decoded bytes stand for the logical ones that share them.
        let scale = |done: u64| {
            let scaled = u128::from(done) * u128::from(total)
                / u128::from(self.chain.index.root.data_size.max(1));
            scaled as u64
        };
        let progress = || (scale(check.done.load(Ordering::Relaxed)), 0);
        team::run(threads, control, progress, |beat| check.work(beat))?;
        check.extents(control)?;
        check.sums();
        check.conclude(report)?;
        control.end(0)
    }
}

/// Threads for a check, and the bytes of each one's buffers: the stored blocks of a batch, of
/// which there is one at least, and a decoded one.
pub(super) fn team(requested: u32, root: &RootPage) -> (usize, usize) {
    let block = root.block_len_max() as usize;
    let each = block.max(PIECE as usize) + block;
    let threads = team::team_size(requested, root.data_size, each, team::BUFFERS_MAX);
    (threads, each)
}

/// One check, shared by its threads.
struct Check<'a> {
    chain: &'a Chain,
    index: &'a Index,
    /// Its own, so that each page comes from the file once more.
    pages: PageCache,
    has_dictionary: bool,
    cursor: Mutex<Cursor>,
    tiling: Tiling,
    damage: Damage,
    /// Decoded bytes that were checked or given up.
    done: AtomicU64,
    units: AtomicU64,
    /// Blocks that were checked.
    checked: AtomicU64,
    /// Leaves of extents that were walked again to place damage.
    walked: AtomicU64,
}

/// The text of damage; any other failure ends the check.
fn damage_text(error: Error) -> Result<String> {
    match error {
        Error::Corrupt { why, .. } => Ok(why.to_string()),
        other => Err(other),
    }
}

impl<'a> Check<'a> {
    fn new(chain: &'a Chain) -> Result<Self> {
        let index = &*chain.index;
        let mut check = Check {
            chain,
            index,
            pages: Cache::new(PAGES_CACHE, PAGE_WEIGHT),
            has_dictionary: false,
            cursor: Mutex::default(),
            tiling: Tiling::new(),
            damage: Damage::default(),
            done: AtomicU64::new(0),
            units: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            walked: AtomicU64::new(0),
        };
        if let Some(pointer) = &index.root.ancestors {
            let file_len = index.bounds().file_len(pointer.stored_len);
            check.tiling.add(pointer.offset, file_len.into());
        }
        if let Some(pointer) = &index.root.dictionary {
            let file_len = index.bounds().file_len(pointer.stored_len);
            check.tiling.add(pointer.offset, file_len.into());
            match index.read_dictionary() {
                Ok(_) => check.has_dictionary = true,
                Err(error) => check.damage.elsewhere(damage_text(error)?),
            }
        }
        Ok(check)
    }

    /// Reads both ends of the file again.
    fn ends(&self, control: &Control<'_>) -> Result<()> {
        let storage = &*self.index.storage;
        let read = || Ends::read(storage, Slots::Read, control);
        match read() {
            Ok(ends) if ends.footer.root == self.index.hash => {
                // Read while somebody changes a password, key slots may look torn: the second look
                // decides.
                let checked = self
                    .sealed_ends(&ends)
                    .or_else(|_| self.sealed_ends(&read()?));
                if let Err(error) = checked {
                    self.damage.elsewhere(damage_text(error)?);
                }
            }
            Ok(_) => self
                .damage
                .elsewhere("it was written over since it was opened".into()),
            Err(e @ (Error::NotSnapshot { .. } | Error::Unsupported(_))) => {
                self.damage
                    .elsewhere(format!("it was written over since it was opened: {e}"));
            }
            Err(error) => self.damage.elsewhere(damage_text(error)?),
        }
        Ok(())
    }

    /// What else of the ends is read when the file is opened.
    fn sealed_ends(&self, ends: &Ends) -> Result<()> {
        let Index {
            header,
            keys,
            root,
            storage,
            ..
        } = self.index;
        if let Some(keys) = keys {
            ends.check_macs(header, keys, storage.operand())?;
        }
        match root.ancestors {
            Some(_) => ends.ancestors(&**storage, keys.as_deref(), root).map(drop),
            None => Ok(()),
        }
    }

    /// The leaf that begins at `key`; each page on the way that begins there counts as seen.
    fn leaf(&self, kind: TreeKind, key: PageKey) -> std::result::Result<Leaf, Broken> {
        self.index.descend(&self.pages, kind, key, |pointer| {
            let file_len = self.index.bounds().file_len(pointer.stored_len);
            self.tiling.add(pointer.offset, file_len.into());
        })
    }

    /// What each thread does: claims batches until none is left.
    fn work(&self, beat: &mut Beat<'_>) -> Result<()> {
        let mut lease = self.index.pool.lease();
        loop {
            beat()?;
            let Some(batch) = self.claim(beat)? else {
                break;
            };
            self.batch(&batch, lease.scratch()?, beat)?;
        }
        Ok(())
    }

    /// Holds counts and sums against the root page. They fit no damaged file.
    fn sums(&self) {
        if !self.damage.is_none() {
            return;
        }
        let cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let root = &self.index.root;
        let counted = (
            cursor.blocks,
            cursor.stored,
            self.units.load(Ordering::Relaxed),
        );
        if counted != (root.blocks, root.stored_size, root.units) {
            self.damage
                .elsewhere("blocks and units do not add up to the root page's counts".into());
        }
        let body = self.index.body_start();
        if !self.tiling.tiles(body, self.index.body_end) {
            self.damage
                .elsewhere("blocks and pages do not tile the file".into());
        }
    }

    fn conclude(self, report: &mut VerifyReport) -> Result<()> {
        let root = &self.index.root;
        let cursor = self
            .cursor
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let Found {
            mut blocks_bad,
            blocks_lost,
            place,
            why,
            ..
        } = self.damage.into_found();
        if blocks_lost {
            blocks_bad += root.blocks.saturating_sub(cursor.blocks);
        }
        report.blocks_checked = cursor.blocks;
        report.blocks_bad = blocks_bad;
        let Some((_, why)) = why else {
            return Ok(());
        };
        let mut text = format!("{blocks_bad} of {} blocks are bad; ", root.blocks);
        if let Some(PageKey { stream, at }) = place {
            report.bad_stream = stream;
            report.bad_offset = at;
            let name = root.streams.get(stream as usize).map_or("", |s| &s.name);
            text += &format!("first at byte {at} of stream '{}'; ", name.escape_debug());
        }
        Err(self.index.corrupt(text + &why))
    }
}

#[cfg(test)]
mod tests;
