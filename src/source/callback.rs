//! Sources in the host program, which callbacks read.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Content, Decompressors, Deferral, Deferred, Identity, ParentStream, Source, Unpack};
use crate::error::{Error, Result, try_push};

/// Runs of a map that are remembered, so that nothing is asked twice in a walk.
const KNOWN_MAX: usize = 1024;
/// Shorter reads are not handed on: a map of crumbs would take more memory for them than their bytes.
const WORTH_IT: usize = 4096;

/// What the host program can be asked.
pub trait Callbacks: Send + Sync {
    /// Fills all of `buf` with what is at `offset`.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// What is at `offset`, when `len` bytes from there on are asked about.
    fn extent_at(&self, offset: u64, len: u64) -> Result<Claim>;
}

/// What the host program says of a run, whether that makes sense or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What it holds.
    pub kind: ClaimKind,
    /// Bytes.
    pub len: u64,
}

/// What the host program says that a run holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimKind {
    /// Bytes to read.
    Data,
    /// Zeros.
    Zero,
    /// What the parent has there.
    Parent,
    /// A number without a meaning.
    Unknown(u32),
}

/// A stream that the host program reads. Its map is asked for on the thread that walks it; what is
/// no data is never read, however its extents lie.
pub struct CallbackSource {
    operand: Arc<str>,
    size: u64,
    concurrent: bool,
    callbacks: Arc<dyn Callbacks>,
    parent: Option<Arc<dyn ParentStream>>,
    known: RefCell<Vec<Known>>,
}

/// A run of the map, with those of its kind behind it.
#[derive(Clone, Copy)]
struct Known {
    start: u64,
    end: u64,
    content: Content,
}

impl CallbackSource {
    /// A source of `size` bytes. Workers read it too if it is `concurrent`.
    pub fn new(
        operand: Arc<str>,
        size: u64,
        concurrent: bool,
        callbacks: Arc<dyn Callbacks>,
    ) -> Self {
        CallbackSource {
            operand,
            size,
            concurrent,
            callbacks,
            parent: None,
            known: RefCell::default(),
        }
    }

    /// What is at `offset`, and up to where as far as that is known.
    fn find(&self, offset: u64) -> Result<(Content, u64)> {
        let behind = |known: &[Known]| known.partition_point(|run| run.start <= offset);
        {
            let known = self.known.borrow();
            let run = behind(&known).checked_sub(1).and_then(|at| known.get(at));
            if let Some(run) = run.filter(|run| offset < run.end) {
                return Ok((run.content, run.end));
            }
        }
        let (content, end) = self.ask(offset)?;
        let mut known = self.known.borrow_mut();
        if known.len() >= KNOWN_MAX {
            known.drain(..KNOWN_MAX / 2);
        }
        let at = behind(&known);
        let before = at.checked_sub(1).and_then(|at| known.get_mut(at));
        match before.filter(|run| run.end == offset && run.content == content) {
            Some(run) => run.end = end,
            None => {
                let run = Known {
                    start: offset,
                    end,
                    content,
                };
                try_push(&mut known, run, "a map of a source")?;
                // Where it belongs: mostly it is there already.
                if let Some(moved) = known.get_mut(at..) {
                    moved.rotate_right(1);
                }
            }
        }
        Ok((content, end))
    }

    fn ask(&self, offset: u64) -> Result<(Content, u64)> {
        let claim = self.callbacks.extent_at(offset, self.size - offset)?;
        let fail = |text: String| {
            let text = format!("extent_at says that at {offset} {text}");
            Err(Error::source(&self.operand, text))
        };
        if claim.len == 0 {
            return fail("are 0 bytes of a kind; let it give the length, 1 or more".to_owned());
        }
        let end = offset.saturating_add(claim.len).min(self.size);
        match claim.kind {
            ClaimKind::Data => Ok((Content::Data, end)),
            ClaimKind::Zero => Ok((Content::Zero, end)),
            ClaimKind::Parent => match &self.parent {
                Some(parent) if offset < parent.size() => {
                    Ok((Content::Parent, end.min(parent.size())))
                }
                Some(_) => Ok((Content::Zero, end)),
                None => fail(
                    "are the parent's bytes, but the build has no parent; give one, or the bytes"
                        .to_owned(),
                ),
            },
            ClaimKind::Unknown(kind) => fail(format!(
                "is an extent of kind {kind}, which is none; let it give an HEXZ_EXTENT_ value"
            )),
        }
    }

    /// Fills `buf` from `offset`, but for what it adds to `later`, if that is there.
    fn read(
        &self,
        offset: u64,
        buf: &mut [u8],
        mut later: Option<&mut Vec<Deferred>>,
    ) -> Result<()> {
        let until = offset.saturating_add(buf.len() as u64);
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let (content, mut end) = self.find(at)?;
            while end < until {
                let (next, next_end) = self.find(end)?;
                if next != content {
                    break;
                }
                end = next_end;
            }
            let len = (end.min(until) - at) as usize;
            let Some((part, more)) = rest.split_at_mut_checked(len) else {
                return Err(Error::Internal(format!("a run at {at} ends at {end}")));
            };
            match (content, &mut later) {
                (Content::Zero, _) => part.fill(0),
                (Content::Parent, _) => match &self.parent {
                    Some(parent) => parent.read_at(at, part)?,
                    None => return Err(Error::Internal("a parent is gone".to_owned())),
                },
                (Content::Data, Some(later)) if len >= WORTH_IT => {
                    let read = Box::new(Reading {
                        callbacks: Arc::clone(&self.callbacks),
                        offset: at,
                    });
                    let deferred = Deferred::new((at - offset) as usize, len, read);
                    try_push(later, deferred, "reads of a source")?;
                }
                (Content::Data, _) => self.callbacks.read_at(at, part)?,
            }
            (at, rest) = (at + len as u64, more);
        }
        Ok(())
    }
}

impl Source for CallbackSource {
    fn operand(&self) -> &str {
        &self.operand
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.read(offset, buf, None)
    }

    fn deferral(&self) -> Deferral {
        match self.concurrent {
            true => Deferral::Reading,
            false => Deferral::Nothing,
        }
    }

    fn read_deferring(&self, offset: u64, buf: &mut [u8], later: &mut Vec<Deferred>) -> Result<()> {
        self.read(offset, buf, self.concurrent.then_some(later))
    }

    fn content_at(&self, offset: u64) -> Result<(Content, u64)> {
        let (content, end) = self.find(offset)?;
        let (Content::Parent, Some(parent)) = (content, &self.parent) else {
            return Ok((content, end));
        };
        let (by_place, until) = parent.by_place(offset)?;
        let content = match by_place {
            true => Content::Parent,
            false => Content::Data,
        };
        Ok((content, end.min(until)))
    }

    fn lean_on(&mut self, parent: Arc<dyn ParentStream>) {
        self.parent = Some(parent);
    }

    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    fn identities(&self) -> Vec<Identity> {
        Vec::new()
    }
}

/// A read that any thread may do.
struct Reading {
    callbacks: Arc<dyn Callbacks>,
    offset: u64,
}

impl Unpack for Reading {
    fn unpack(&self, out: &mut [u8], _: &mut Decompressors) -> Result<()> {
        self.callbacks.read_at(self.offset, out)
    }
}

#[cfg(test)]
mod tests;
