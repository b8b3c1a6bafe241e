//! Where a snapshot goes.

mod attributes;
mod file;
mod pending;
mod place;
mod publish;
mod spill;
mod temporary;

pub use file::FileSink;
pub use pending::{PendingFile, Sync};
pub use place::Existing;
pub use spill::{SpillFile, SpillFolder};

use std::ops::{Deref, DerefMut};

use crate::error::{Error, Result};

/// Takes bytes front to back.
pub trait Sink {
    /// What to call it in error texts.
    fn operand(&self) -> &str;

    /// Takes all of `data`.
    fn write(&mut self, data: &[u8]) -> Result<()>;

    /// Zeros that it takes at once; more are given to it one part after the other, so that a cancel is
    /// seen between them.
    fn zeroes_max(&self) -> u64 {
        u64::MAX
    }

    /// Takes `len` zeros.
    fn write_zeroes(&mut self, len: u64) -> Result<()>;

    /// Writes over what was written at `offset` before. Only a sink that is asked for scattered streams
    /// is asked for this.
    fn rewrite(&mut self, _offset: u64, _data: &[u8]) -> Result<()> {
        Err(Error::Internal(format!(
            "'{}' takes bytes front to back",
            self.operand()
        )))
    }

    /// Makes all that was written durable, if asked for, and visible. The last call if it succeeds.
    fn commit(&mut self) -> Result<()>;

    /// Drops all that was written, also after a commit that failed. The last call.
    fn abort(&mut self);
}

/// A sink under way, which is aborted where it is dropped before a commit succeeded.
pub struct Uncommitted {
    sink: Box<dyn Sink>,
    committed: bool,
}

impl Uncommitted {
    /// Nothing was written to `sink` yet.
    pub fn new(sink: Box<dyn Sink>) -> Self {
        Uncommitted {
            sink,
            committed: false,
        }
    }

    /// Commits it.
    pub fn commit(mut self) -> Result<()> {
        self.sink.commit()?;
        self.committed = true;
        Ok(())
    }
}

impl Deref for Uncommitted {
    type Target = dyn Sink;

    fn deref(&self) -> &Self::Target {
        &*self.sink
    }
}

impl DerefMut for Uncommitted {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.sink
    }
}

impl Drop for Uncommitted {
    fn drop(&mut self) {
        if !self.committed {
            self.sink.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// Notes what is called.
    struct Noted {
        calls: Rc<RefCell<Vec<&'static str>>>,
        fails: bool,
    }

    impl Sink for Noted {
        fn operand(&self) -> &str {
            "noted"
        }

        fn write(&mut self, _: &[u8]) -> Result<()> {
            self.calls.borrow_mut().push("write");
            Ok(())
        }

        fn write_zeroes(&mut self, _: u64) -> Result<()> {
            self.calls.borrow_mut().push("zeroes");
            Ok(())
        }

        fn commit(&mut self) -> Result<()> {
            self.calls.borrow_mut().push("commit");
            match self.fails {
                true => Err(Error::output("noted", "fails")),
                false => Ok(()),
            }
        }

        fn abort(&mut self) {
            self.calls.borrow_mut().push("abort");
        }
    }

    fn noted(fails: bool, work: impl FnOnce(Uncommitted)) -> Vec<&'static str> {
        let calls = Rc::new(RefCell::new(Vec::new()));
        let sink = Noted {
            calls: Rc::clone(&calls),
            fails,
        };
        work(Uncommitted::new(Box::new(sink)));
        calls.take()
    }

    #[test]
    fn a_sink_is_committed_or_aborted_once() {
        assert_eq!(noted(false, drop), ["abort"]);
        let dropped = noted(false, |mut sink| sink.write(b"a").unwrap());
        assert_eq!(dropped, ["write", "abort"]);
        let committed = noted(false, |mut sink| {
            sink.write_zeroes(7).unwrap();
            sink.commit().unwrap();
        });
        assert_eq!(committed, ["zeroes", "commit"]);
        let failed = noted(true, |sink| sink.commit().unwrap_err().to_string().clear());
        assert_eq!(failed, ["commit", "abort"]);
    }
}
