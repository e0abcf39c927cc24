//! An agent that is at work says so to whoever offers it something else, at once: another one that is
//! free can be asked in its place.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use crate::fleet::link::{Heard, Link};
use crate::fleet::loads::Stay;
use crate::fleet::replies::Answer;
use crate::fleet::wire::{self, Offer};

/// How often it is looked whether the work is done.
const LOOK: Duration = Duration::from_millis(20);

/// Does what was offered. What the same coordinator offers next, before we are back, is returned.
pub(super) fn while_at_work<T>(
    (link, offers): (&Link, &mut Receiver<Heard>),
    offer: Option<&Offer>,
    work: impl FnOnce() -> T,
) -> (T, Vec<Heard>) {
    let (run, stay) = offer.map_or(("", None), |offer| (offer.run.as_str(), offer.stay.as_ref()));
    thread::scope(|scope| {
        let (until, ended) = channel::<()>();
        let answering = scope.spawn(move || {
            let mut kept = Vec::new();
            while ended.try_recv() != Err(TryRecvError::Disconnected) {
                match offers.recv_timeout(LOOK) {
                    Ok(heard) if is_next(&heard, stay) => kept.push(heard),
                    Ok(heard) => answer(link, heard.reply, run),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
                }
            }
            kept
        });
        let done = work();
        drop(until);
        (done, answering.join().unwrap_or_default())
    })
}

/// Whether it is of whom we stay with.
fn is_next(heard: &Heard, stay: Option<&Stay>) -> bool {
    let Some(own) = stay else { return false };
    let offer = wire::read::<Offer>(&heard.said);
    let stay = offer.and_then(|offer| offer.stay);
    stay.is_some_and(|stay| (&stay.run, &stay.epoch) == (&own.run, &own.epoch))
}

/// Says for which run we work.
pub(super) fn answer(link: &Link, reply: Option<String>, run: &str) {
    if let Some(reply) = reply {
        link.say(reply, wire::bytes(&Answer::Busy { run: run.to_owned() }));
    }
}
