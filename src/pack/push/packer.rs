//! The thread that packs what is pushed.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::super::Options;
use super::super::heritage::Heritage;
use super::super::pipeline::Log;
use super::super::plan::Plan;
use super::super::segment::BufferPool;
use super::super::session::{Done, Session};
use super::feed::{Chunks, Front, Pages};
use super::shared::Shared;
use crate::control::Control;
use crate::error::{Error, Result, try_reserve, try_zeroed};
use crate::keyring::Encryption;
use crate::panic::guarded;
use crate::sink::{FileSink, Sink};
use crate::workers::spawn;

/// Where the packed bytes go.
pub enum Output {
    /// Into a file.
    File(FileSink),
    /// To a sink of the host, which is called this.
    Host(String),
}

/// All that is packed with.
pub struct Packer {
    pub options: Options,
    pub plan: Plan,
    pub encryption: Option<Encryption>,
    pub heritage: Option<Heritage>,
    pub log: Option<Log>,
    pub output: Output,
    pub pool: Arc<BufferPool>,
    pub shared: Arc<Shared>,
}

/// What came of it: the file, if it is one, is complete and not committed.
pub type Outcome = Result<(Done, Option<FileSink>)>;

/// The thread, and what it leaves.
pub struct Packing {
    thread: Option<JoinHandle<()>>,
    outcome: Arc<Mutex<Option<Outcome>>>,
}

impl Packer {
    /// Starts the thread.
    pub fn start(self) -> Result<Packing> {
        let outcome = Arc::new(Mutex::new(None));
        let (left, operand) = (Arc::clone(&outcome), self.operand().to_owned());
        let thread = spawn(move || {
            let shared = Arc::clone(&self.shared);
            let packed = guarded(|| self.pack()).unwrap_or_else(|text| Err(Error::Internal(text)));
            *left.lock().unwrap_or_else(PoisonError::into_inner) = Some(packed);
            shared.end();
        });
        let thread =
            thread.map_err(|e| Error::output(&operand, ("cannot start a thread to pack", e)))?;
        Ok(Packing {
            thread: Some(thread),
            outcome,
        })
    }

    fn operand(&self) -> &str {
        match &self.output {
            Output::File(file) => file.operand(),
            Output::Host(name) => name,
        }
    }

    fn pack(self) -> Outcome {
        let Packer {
            options,
            plan,
            encryption,
            mut heritage,
            log,
            output,
            pool,
            shared,
        } = self;
        let session = Session {
            options: &options,
            plan,
            trained: None,
            encryption: encryption.as_ref(),
            heritage: heritage.as_mut(),
            entries: Vec::new(),
            log,
        };
        let mut control = Control::new(Some(&shared.stop), None);
        let front = Front::default();
        let (mut pages, mut chunks);
        let feed: &mut dyn super::super::feed::Feed = match options.chunk_sizes() {
            None => {
                pages = Pages::new(&shared, &pool);
                &mut pages
            }
            Some(cdc) => {
                chunks = Chunks::new(&shared, &pool, &front, plan, cdc);
                &mut chunks
            }
        };
        match output {
            Output::File(mut file) => {
                let done = session.run(feed, &mut file, &mut control)?;
                Ok((done, Some(file)))
            }
            Output::Host(operand) => {
                let mut sink = Handed {
                    shared: &shared,
                    operand,
                };
                let done = session.run(feed, &mut sink, &mut control)?;
                Ok((done, None))
            }
        }
    }
}

impl Packing {
    /// What came of it, once it is over. Given once.
    pub fn outcome(&mut self) -> Outcome {
        self.join();
        let outcome = self
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        outcome.unwrap_or_else(|| Err(Error::Internal("packing came to no end".to_owned())))
    }

    /// Waits for the thread.
    pub fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Its panics are in the outcome.
            let _ = thread.join();
        }
    }
}

/// Hands bytes to the thread that calls the host's sink.
struct Handed<'a> {
    shared: &'a Shared,
    operand: String,
}

impl Sink for Handed<'_> {
    fn operand(&self) -> &str {
        &self.operand
    }

    fn write(&mut self, data: &[u8]) -> Result<()> {
        let mut bytes = Vec::new();
        try_reserve(&mut bytes, data.len(), "what waits for the sink")?;
        bytes.extend_from_slice(data);
        self.shared.give(bytes)
    }

    fn zeroes_max(&self) -> u64 {
        1 << 20
    }

    fn write_zeroes(&mut self, len: u64) -> Result<()> {
        self.shared
            .give(try_zeroed(len as usize, "what waits for the sink")?)
    }

    fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    fn abort(&mut self) {}
}
