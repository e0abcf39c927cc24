//! A panic: a mistake of loadgate's own, told so that somebody can act.

use std::{panic, process};

use crate::cli::exit::Exit;
use crate::cli::output;

/// From now on, a panic says what is kept. A program that is built to end at once (the packaged
/// one) ends with the code of every failure of its own, and not by a signal.
#[expect(clippy::exit, reason = "a panic in any thread ends what is built to end at once")]
pub(super) fn is_told() {
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |about| {
        told(about);
        output::hint(
            "a mistake of loadgate's own: what was measured until then is kept, and `loadgate report FOLDER` \
             reads it; please report the lines above",
        );
        if cfg!(panic = "abort") {
            process::exit(i32::from(Exit::Failed.code()));
        }
    }));
}
