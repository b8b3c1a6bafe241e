//! Checking all of a snapshot: every page, every block, every unit, and that nothing else is in
//! the file. Damage is counted and placed, and never ends the check early.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Snapshot;
use super::damage::{BadRange, Damage, Found, first_bad};
use super::team::{self, Beat, PIECE};
use super::tiling::Tiling;
use crate::control::{Control, Phase};
use crate::error::{Error, Result, try_with_capacity};
use crate::format::{Codec, ExtentEntry, PageKey, RootPage, Target, TreeKind};
use crate::index::cache::Cache;
use crate::index::open::Ends;
use crate::index::page::{Block, ExtentLeaf};
use crate::index::scratch::{Scratch, grow};
use crate::index::tree::{Broken, Leaf, PageCache};
use crate::index::{Index, PAGE_WEIGHT};

/// Said of blocks that the root page leaves no room for.
const TOO_MANY: &str = "leaves hold more blocks, or more stored bytes, than the root page says";

/// Leaves of extents that are walked again to place damage, whatever was checked so far; and blocks
/// that have to be checked for each one more. A file of tiny blocks, every other one bad, to which no
/// extent refers, would have all its extents walked again for each few of them.
const WALKED_MIN: u64 = 4096;
const BLOCKS_FOR_A_LEAF: u64 = 64;

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
        if let Some(keys) = &self.index.keys {
            keys.check_alive()?;
        }
        let total = self.logical_size();
        control.begin(Phase::Verify, total, 0)?;
        let check = Check::new(&self.index)?;
        check.ends(control)?;
        let (threads, _) = team(threads, &self.index.root);
        // Decoded bytes stand for the logical ones that share them.
        let scale = |done: u64| {
            let scaled =
                u128::from(done) * u128::from(total) / u128::from(self.index.root.data_size.max(1));
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

/// Where the next batch begins.
#[derive(Default)]
struct Cursor {
    at: u64,
    leaf: Option<Leaf>,
    blocks: u64,
    stored: u64,
}

/// Blocks of one leaf that lie together in the file.
struct Batch {
    leaf: Leaf,
    blocks: Range<usize>,
}

/// The text of damage; any other failure ends the check.
fn damage_text(error: Error) -> Result<String> {
    match error {
        Error::Corrupt { why, .. } => Ok(why.to_string()),
        other => Err(other),
    }
}

impl<'a> Check<'a> {
    fn new(index: &'a Index) -> Result<Self> {
        let mut check = Check {
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
        let read = || Ends::read(storage, control);
        match read() {
            Ok(ends) if ends.footer.root == self.index.hash => {
                // Read while somebody changes a password, key slots may look torn: the second look
                // decides.
                let checked = ends
                    .check_macs(self.index)
                    .or_else(|_| read()?.check_macs(self.index));
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

    fn claim(&self, beat: &mut Beat<'_>) -> Result<Option<Batch>> {
        let root = &self.index.root;
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        while cursor.at < root.data_size {
            beat()?;
            let leaf = match cursor.leaf.take() {
                Some(leaf) => leaf,
                None => match self.leaf(
                    TreeKind::Blocks,
                    PageKey {
                        stream: 0,
                        at: cursor.at,
                    },
                ) {
                    Ok(leaf) => {
                        let page = leaf.blocks()?;
                        let stored = |block: &Block| u64::from(block.entry.stored_len);
                        let stored = cursor.stored + page.blocks.iter().map(stored).sum::<u64>();
                        let blocks = cursor.blocks + page.blocks.len() as u64;
                        // Leaves that share their blocks could ask for any amount of work: none is
                        // decoded beyond what the root page says, which the file has room for.
                        if blocks > root.blocks || stored > root.stored_size {
                            let range = (cursor.at, page.end);
                            cursor.at = page.end;
                            let text = TOO_MANY.to_owned();
                            self.bad_data(range, text, |found| found.blocks_lost = true, beat)?;
                            continue;
                        }
                        self.tiling.add(page.file_at, page.file_end - page.file_at);
                        cursor.stored = stored;
                        leaf
                    }
                    Err(Broken { span, error }) => {
                        let range = (cursor.at, span.limit.at);
                        cursor.at = span.limit.at;
                        let text = damage_text(error)?;
                        self.bad_data(range, text, |found| found.blocks_lost = true, beat)?;
                        continue;
                    }
                },
            };
            let page = leaf.blocks()?;
            let first = page.index(cursor.at);
            let rest = page.from(cursor.at);
            let fits = rest
                .iter()
                .take_while(|b| b.end() - cursor.at <= PIECE)
                .count();
            let count = fits.max(1).min(rest.len());
            cursor.at = rest
                .get(..count)
                .and_then(|b| b.last())
                .map_or(page.end, Block::end);
            cursor.blocks += count as u64;
            if cursor.at < page.end {
                cursor.leaf = Some(leaf.clone());
            }
            return Ok(Some(Batch {
                leaf,
                blocks: first..first + count,
            }));
        }
        Ok(None)
    }

    fn batch(&self, batch: &Batch, scratch: &mut Scratch, beat: &mut Beat<'_>) -> Result<()> {
        let blocks = batch
            .leaf
            .blocks()?
            .blocks
            .get(batch.blocks.clone())
            .unwrap_or_default();
        let Some(base) = blocks.first().map(|b| b.file_at) else {
            return Ok(());
        };
        let len = blocks.iter().map(Block::file_len).sum();
        let storage = &*self.index.storage;
        // A file that was cut may still hold some of the blocks: those are then read one by one.
        let together = match storage.read_at(base, scratch.stored(len)?) {
            Ok(()) => true,
            Err(error) => damage_text(error).map(|_| false)?,
        };
        let Scratch {
            decoder,
            stored,
            block: decoded,
        } = scratch;
        for block in blocks {
            beat()?;
            let at = (block.file_at - base) as usize;
            let part = stored
                .get_mut(at..at + block.file_len())
                .unwrap_or_default();
            let read = match together {
                true => Ok(()),
                false => storage.read_at(block.file_at, part),
            };
            let checked = read
                .and_then(|()| self.index.check_stored(block, part, true))
                .and_then(|part| match block.entry.codec {
                    Codec::Stored => Ok(part),
                    Codec::ZstdDictionary if !self.has_dictionary => Err(self
                        .index
                        .bad_block(block, "its dictionary is damaged".into())),
                    _ => {
                        grow(decoded, block.len(), "a decoded block")?;
                        let out = decoded.get_mut(..block.len()).unwrap_or_default();
                        self.index.decode_block(block, decoder, part, out)?;
                        Ok(&*out)
                    }
                })
                .and_then(|bytes| self.units(block, bytes));
            if let Err(error) = checked {
                let count = |found: &mut Found| found.blocks_bad += 1;
                self.bad_data((block.at, block.end()), damage_text(error)?, count, beat)?;
            }
            self.done
                .fetch_add(block.entry.decoded_len.into(), Ordering::Relaxed);
            self.checked.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Holds a decoded block against the hashes of its units. Each unit lies within one block.
    fn units(&self, block: &Block, mut bytes: &[u8]) -> Result<()> {
        let misfit = |text: &str| Err(self.index.bad_block(block, text.into()));
        let mut at = block.at;
        while at < block.end() {
            let leaf = match self.leaf(TreeKind::Units, PageKey { stream: 0, at }) {
                Ok(leaf) => leaf,
                Err(Broken { span, error }) => {
                    // The block itself may be well: its page of hashes is what is not.
                    self.damage.elsewhere(damage_text(error)?);
                    let len = (span.limit.at.min(block.end()) - at) as usize;
                    bytes = bytes.get(len..).unwrap_or_default();
                    at = span.limit.at;
                    continue;
                }
            };
            let page = leaf.units()?;
            if page.at == at {
                self.units
                    .fetch_add(page.hashes.len() as u64, Ordering::Relaxed);
            }
            let start = at;
            let mut hold = |key: Option<&[u8; 32]>| {
                for (end, hash) in page.from(at) {
                    if at == block.end() {
                        break;
                    }
                    let Some((unit, rest)) = bytes.split_at_checked((end - at) as usize) else {
                        return Some("a unit goes beyond it");
                    };
                    let whole = match key {
                        Some(key) => blake3::keyed_hash(key, unit),
                        None => blake3::hash(unit),
                    };
                    if whole.as_bytes().get(..hash.len()) != Some(&hash[..]) {
                        return Some("the hash of a unit does not fit");
                    }
                    (at, bytes) = (end, rest);
                }
                None
            };
            let wrong = match &self.index.keys {
                Some(keys) => keys.with_unit_hash_key(|key| hold(Some(key))),
                None => hold(None),
            };
            if let Some(wrong) = wrong {
                return misfit(wrong);
            }
            if at == start {
                return misfit("no unit begins where it does");
            }
        }
        Ok(())
    }

    fn bad_data(
        &self,
        range: BadRange,
        why: String,
        count: impl FnOnce(&mut Found),
        beat: &mut Beat<'_>,
    ) -> Result<()> {
        let ranges = self.damage.range(range, why, count)?;
        if !ranges.is_empty() {
            self.locate(ranges, beat)?;
        }
        Ok(())
    }

    /// Finds the first place of a stream that refers to one of the ranges, if it comes before the
    /// first one known; unless too much was walked for that already.
    fn locate(&self, ranges: Vec<BadRange>, beat: &mut Beat<'_>) -> Result<()> {
        let mut span = self.index.span(TreeKind::Extents);
        if let Some(known) = self.damage.known_place() {
            span.limit = span.limit.min(known);
        }
        while span.first < span.limit {
            beat()?;
            if !self.may_walk() {
                self.damage.keep_coarser(ranges);
                return Ok(());
            }
            let kind = TreeKind::Extents;
            span.first = match self.index.descend(&self.pages, kind, span.first, |_| ()) {
                Ok(leaf) => {
                    if let Some(place) = first_place(leaf.extents()?, &ranges) {
                        self.damage.place(place);
                        return Ok(());
                    }
                    leaf.span.limit
                }
                // `extents` tells of it.
                Err(Broken { span, error }) => damage_text(error).map(|_| span.limit)?,
            };
        }
        Ok(())
    }

    /// Whether the work on blocks pays for one more leaf.
    fn may_walk(&self) -> bool {
        let paid = WALKED_MIN + self.checked.load(Ordering::Relaxed) / BLOCKS_FOR_A_LEAF;
        self.walked.fetch_add(1, Ordering::Relaxed) < paid
    }

    /// Walks all extents: whether they add up to what the root page says, and where the damage
    /// that was found so far is.
    fn extents(&self, control: &Control<'_>) -> Result<()> {
        let ranges = self.damage.take_ranges();
        let streams = &self.index.root.streams;
        let mut sums = try_with_capacity(streams.len(), "sums of streams")?;
        sums.resize(streams.len(), (0u64, 0u64));
        let mut span = self.index.span(TreeKind::Extents);
        let mut whole = true;
        // The last extent of the leaf before, if that is of the same stream.
        let mut before: Option<(u32, ExtentEntry)> = None;
        while span.first < span.limit {
            control.check()?;
            span.first = match self.leaf(TreeKind::Extents, span.first) {
                Ok(leaf) => {
                    let page = leaf.extents()?;
                    if let Some(place) = first_place(page, &ranges) {
                        self.damage.place(place);
                    }
                    let (stream, bounds) = (page.key.stream, self.index.bounds());
                    let last = before.filter(|(of, _)| *of == stream).map(|(_, last)| last);
                    if let Err(why) = page.check_seam(last, &bounds) {
                        self.damage.elsewhere(why.to_string());
                        self.damage.place(page.key);
                    }
                    before = page.last().map(|last| (stream, last));
                    let sum = sums.get_mut(page.key.stream as usize);
                    let (data, zero) = sum.ok_or_else(|| Error::Internal("a lost sum".into()))?;
                    for run in page.runs(page.key.at) {
                        match run.target {
                            Target::Data(_) => *data += run.len,
                            Target::Zero => *zero += run.len,
                            Target::Parent { .. } => return Err(self.index.parentless()),
                        }
                    }
                    leaf.span.limit
                }
                Err(Broken { span: lost, error }) => {
                    whole = false;
                    before = None;
                    self.damage.elsewhere(damage_text(error)?);
                    self.damage.place(span.first);
                    lost.limit
                }
            };
        }
        for (stream, (data, zero)) in streams.iter().zip(sums) {
            if whole && (stream.data_size, stream.zero_size) != (data, zero) {
                let name = stream.name.escape_debug();
                self.damage
                    .elsewhere(format!("the extents of stream '{name}' do not add up"));
            }
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

/// The first place of a leaf that refers to one of the ranges.
fn first_place(leaf: &ExtentLeaf, ranges: &[BadRange]) -> Option<PageKey> {
    if ranges.is_empty() {
        return None;
    }
    let at = leaf
        .runs(leaf.key.at)
        .find_map(|run| first_bad(&run, ranges))?;
    Some(PageKey {
        stream: leaf.key.stream,
        at,
    })
}

#[cfg(test)]
mod tests;
