//! Panics are bugs, but the host's process is not ours to take down or to print into: a guarded
//! panic becomes a text.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

thread_local! {
    /// How many guards this thread is in.
    static GUARDS: Cell<u32> = const { Cell::new(0) };
    /// Where the last guarded panic of this thread happened.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `f`; a panic in it prints nothing and comes back as a text that says what and where.
///
/// Whatever `f` borrows may be left half changed then: the caller gives it up.
pub fn guarded<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    silence();
    let _guard = Guard::enter();
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(|payload| describe(&*payload))
}

/// Runs `f` on a thread of ours that somebody joins: a panic in it prints nothing and goes on to
/// the thread that joins, with the place in its text.
pub fn silently<R>(f: impl FnOnce() -> R) -> R {
    guarded(f).unwrap_or_else(|text| panic::resume_unwind(Box::new(text)))
}

struct Guard;

impl Guard {
    fn enter() -> Self {
        GUARDS.set(GUARDS.get() + 1);
        Guard
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        GUARDS.set(GUARDS.get() - 1);
    }
}

/// The default hook prints to the host's stderr. Ours notes the place of a guarded panic and leaves
/// all others to the hook that was there.
fn silence() {
    static ONCE: Once = Once::new();
    // std refuses to change the hook on a thread that panics.
    if thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDS.get() == 0 {
                return previous(info);
            }
            let place = info
                .location()
                .map(|l| format!(" at {}:{}", l.file(), l.line()));
            // Without the thread-local, when the thread ends, the place is not told.
            let _ = PLACE.try_with(|p| p.replace(place.unwrap_or_default()));
        }));
    });
}

fn describe(payload: &(dyn Any + Send)) -> String {
    let place = PLACE.try_with(RefCell::take).unwrap_or_default();
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text");
    format!("{what}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_text_and_place() {
        let nothing: [u8; 0] = [];
        let text = guarded(|| nothing[std::hint::black_box(3)]).unwrap_err();
        assert!(text.contains("the index is 3"), "{text}");
        assert!(text.contains(&format!(" at {}:", file!())), "{text}");
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(GUARDS.get(), 0);
    }

    #[test]
    fn a_helping_threads_panic_reaches_who_joins_with_its_place() {
        let text = guarded(|| {
            thread::scope(|s| {
                let helper = s.spawn(|| silently(|| -> u8 { panic!("helper {}", 1) }));
                helper
                    .join()
                    .unwrap_or_else(|payload| panic::resume_unwind(payload))
            })
        })
        .unwrap_err();
        assert!(text.starts_with("helper 1 at "), "{text}");
        assert_eq!(text.matches(" at ").count(), 1, "{text}");
    }

    #[test]
    fn guards_nest() {
        let outer = guarded(|| {
            let inner = guarded(|| -> u8 { panic!("inner") }).unwrap_err();
            assert!(inner.starts_with("inner at "), "{inner}");
            GUARDS.get()
        });
        assert_eq!(outer, Ok(1));
    }
}
