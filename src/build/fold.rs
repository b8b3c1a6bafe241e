//! Which of too many snapshots a new one does not lean on.

use std::cmp::Reverse;

use crate::control::Control;
use crate::error::{Result, try_push, try_with_capacity};
use crate::format::Hash;
use crate::index::Chain;
use crate::snapshot::Snapshot;

/// A file, and how many bytes it gives.
struct Gift {
    root: Hash,
    bytes: u64,
}

/// Roots of the files of these chains, each once, in order.
pub fn roots<'c>(chains: impl Iterator<Item = &'c Chain>) -> Result<Vec<Hash>> {
    let mut roots: Vec<Hash> = Vec::new();
    for index in chains.flat_map(Chain::files) {
        if !roots.contains(&index.hash) {
            try_push(&mut roots, index.hash, "ancestors")?;
        }
    }
    Ok(roots)
}

/// Roots of those files that give least, so that `most` are left. What a file gives is what the
/// streams of that chain have from it in which that is most; of two that give alike it is the later
/// one. So it depends on the chains only.
pub fn least_giving<'c>(
    chains: impl Iterator<Item = &'c Chain>,
    most: usize,
    control: &Control<'_>,
) -> Result<Vec<Hash>> {
    let mut gifts: Vec<Gift> = Vec::new();
    for chain in chains {
        let inherited = Snapshot::new(chain.clone()).count_inherited(&mut || control.check())?;
        let streams = &chain.index.root.streams;
        let own = streams
            .iter()
            .fold(0u64, |sum, s| sum.saturating_add(s.data_size));
        for (index, bytes) in chain.files().zip(std::iter::once(own).chain(inherited)) {
            match gifts.iter_mut().find(|gift| gift.root == index.hash) {
                Some(gift) => gift.bytes = gift.bytes.max(bytes),
                None => {
                    let root = index.hash;
                    try_push(&mut gifts, Gift { root, bytes }, "ancestors")?;
                }
            }
        }
    }
    // Stable, so that the earlier of two stays in front.
    gifts.sort_by_key(|gift| Reverse(gift.bytes));
    let mut least = try_with_capacity(gifts.len().saturating_sub(most), "ancestors")?;
    least.extend(gifts.iter().skip(most).map(|gift| gift.root));
    Ok(least)
}
