//! Snapshots that are pushed piece by piece.

use std::path::Path;

use super::parents::View;
use super::{Encrypt, Output, Parents, prepare};
use crate::control::Control;
use crate::error::Result;
use crate::pack::{Options, Push, PushOutput, PushRequest, Report, check_push_memory};
use crate::sink::{FileSink, PendingFile, SpillFolder, Uncommitted};

/// What is to be built.
pub struct BuilderRequest<'a> {
    /// What it leans on.
    pub parents: Parents<'a>,
    /// Where it goes.
    pub output: Output<'a>,
    /// How it is packed.
    pub options: Options,
    /// Where to spill; beside the output without one.
    pub spill: Option<&'a Path>,
}

/// A snapshot under way. Dropped before it is finished, it leaves nothing behind.
pub struct Builder {
    push: Push,
    parent: Option<View>,
}

impl Builder {
    /// Begins one.
    pub fn begin(
        request: BuilderRequest<'_>,
        encrypt: Option<Encrypt<'_, '_>>,
        control: &Control<'_>,
    ) -> Result<Self> {
        control.check()?;
        let BuilderRequest {
            parents,
            output,
            options,
            spill,
        } = request;
        let is_sink = matches!(output, Output::Sink(_));
        let check = |heritage: Option<&_>| check_push_memory(&options, heritage, is_sink);
        let (heritage, encryption) = prepare(parents, &output, encrypt, &check, control)?;
        let mut parent = None;
        if let Some(heritage) = &heritage
            && let Some(chain) = heritage.parent()
        {
            parent = Some(View::of(chain, heritage, options.units)?);
        }
        let folder = match (spill, &output) {
            (Some(folder), _) => Some(SpillFolder::open(folder)?),
            (None, Output::File { path, .. }) => Some(SpillFolder::beside(path)?),
            (None, Output::Sink(_)) => None,
        };
        let (output, sink) = match output {
            Output::File {
                path,
                existing,
                sync,
            } => {
                let file = FileSink::new(PendingFile::create(path, existing, sync)?);
                (PushOutput::File(file), None)
            }
            Output::Sink(sink) => (
                PushOutput::Host(sink.operand().to_owned()),
                Some(Uncommitted::new(sink)),
            ),
        };
        let push = Push::begin(PushRequest {
            options,
            encryption,
            heritage,
            output,
            sink,
            spill: folder,
        })?;
        Ok(Builder { push, parent })
    }

    /// One more stream of `size` bytes, all of them zero; its number.
    pub fn add_stream(&mut self, name: &str, kind: u8, size: u64) -> Result<u32> {
        let parent = self.parent.as_ref().map(|parent| parent.stream(name));
        self.push.add_stream(name, kind, size, parent)
    }

    /// Completes the snapshot, and gives it its name.
    pub fn finish(&mut self, control: &mut Control<'_>) -> Result<Report> {
        self.push.finish(control)
    }

    /// What takes the bytes.
    pub fn push(&mut self) -> &mut Push {
        &mut self.push
    }

    /// See [`Push::ready_fd`].
    pub fn ready_fd(&self) -> Option<i32> {
        self.push.ready_fd()
    }
}
