//! Looks at the texts of errors that an input causes.

use std::cell::Cell;

use hexz::error::Error;

/// Errors of one input whose texts are looked at: a look at each character takes long, and most
/// errors of one input are alike.
const MAX: usize = 8;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// Another input begins.
pub fn begin() {
    LEFT.set(MAX);
}

/// Fails if a terminal would obey the text.
pub fn look(error: &Error) {
    if LEFT.with(|left| left.replace(left.get().saturating_sub(1))) > 0 {
        let text = error.to_string();
        assert!(
            !text.contains(char::is_control),
            "an error text that a terminal would obey: {text:?}"
        );
    }
}
