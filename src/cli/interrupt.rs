//! Ctrl-C and termination: the first signal ends the run in good order, so that what was
//! measured is saved, the target is stopped and nothing is left running.

use std::io;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::experiment::control::Control;

/// From now on signals end the trial of this control.
pub fn watch(control: &Control) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    for kind in kinds {
        let mut signals = {
            let _inside = runtime.enter();
            signal(kind)?
        };
        let control = control.clone();
        runtime.spawn(async move {
            while signals.recv().await.is_some() {
                control.interrupt(kind.as_raw_value());
            }
        });
    }
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(())
}
