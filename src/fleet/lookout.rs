//! Finds who watches the target's processes where they are, before a load.

use std::sync::mpsc::channel;
use std::time::Instant;

use crate::fleet::fault::FleetFault;
use crate::fleet::gathering::{CALL_EVERY, CALLING, Desk, Wanted};
use crate::fleet::watching::{self, WatchCall, WatchHello};
use crate::fleet::wire::{self, PROTOCOL};

impl Desk {
    /// Finds who watches the target, and nobody else who says that he does.
    pub fn find_watcher(
        &self,
        wanted: &Wanted,
        is_over: impl Fn() -> bool,
    ) -> Result<(), FleetFault> {
        if !wanted.is_watched || self.watcher.get().is_some() {
            return Ok(());
        }
        let (out, inbox) = channel();
        let hellos = watching::hello(&self.run, wire::ANY);
        self.keep(self.link.listen_into(&hellos, out, |heard| heard)?);
        let (run, epoch) = (self.run.clone(), self.epoch.clone());
        let call = wire::bytes(&WatchCall { protocol: PROTOCOL, run, epoch });
        let (mut found, mut until) = (Vec::<WatchHello>::new(), Instant::now() + CALLING);
        while Instant::now() < until && !is_over() {
            self.link.say(watching::call(&wanted.pool), call.clone());
            let next = Instant::now() + CALL_EVERY;
            while let Some(left) = next.checked_duration_since(Instant::now()) {
                let Ok(heard) = inbox.recv_timeout(left) else { break };
                let hello = wire::read::<WatchHello>(&heard.said);
                let hello = hello.filter(|hello| hello.is_sane(&heard.subject));
                let Some(hello) = hello else { continue };
                if found.is_empty() {
                    // Another one would have said so by then.
                    until = until.min(Instant::now() + 4 * CALL_EVERY);
                }
                if !found.iter().any(|one| one.watcher == hello.watcher) {
                    found.push(hello);
                }
            }
        }
        let hello = one(&found, &wanted.pool).map_err(FleetFault::Unwatched)?;
        let _ = self.watcher.set(hello);
        Ok(())
    }
}

/// The one who watches.
fn one(found: &[WatchHello], pool: &str) -> Result<WatchHello, String> {
    let names: Vec<&str> = found.iter().map(|hello| hello.name.as_str()).collect();
    let one = match found {
        [] => {
            return Err(format!(
                "nobody watches the target for the pool \"{pool}\" (loadgate watch)"
            ));
        }
        [one] => one,
        _ => {
            let names = names.join(", ");
            return Err(format!(
                "{names} watch a target for the pool \"{pool}\", and it is one: stop the others"
            ));
        }
    };
    one.objection().map_or_else(|| Ok(one.clone()), Err)
}
