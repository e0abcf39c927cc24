//! Whole runs of workers in a world of their own: simulated time, simulated bytes.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::collector::Message;
use crate::engine::lease::Lease;
use crate::engine::ledger::{Batch, Totals};
use crate::engine::orders::Orders;
use crate::engine::plan::{Plan, Purpose, Start, Stop};
use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::endpoint::Endpoint;
use crate::engine::transport::simulated::{Deed, Request, World};
use crate::engine::worker::Worker;
use crate::record::outcome::{Cause, Outcome};
use crate::record::sample::Sample;
use crate::scenario::read::{Origin, parse};
use crate::scenario::slots::Slots;
use crate::schedule::arms::Timing;
use crate::units::Moment;

/// A millisecond, in nanoseconds.
pub(super) const MS: u64 = 1_000_000;

/// A run to be.
pub(super) struct Simulation {
    pub(super) world: World,
    pub(super) plan: Plan,
    pub(super) orders: Orders,
    stop: watch::Sender<Stop>,
}

/// What a run came to.
#[derive(Debug)]
pub(super) struct Played {
    /// By the moments at which they were due.
    pub(super) samples: Vec<Sample>,
    /// Requests that were due, that were sent, and that were not begun.
    pub(super) counts: [u32; 3],
    pub(super) totals: Totals,
}

impl Simulation {
    /// A run of some steps, with limits, at a load; all as a scenario file has them.
    pub(super) fn new(world: World, steps: &str, limits: &str, stages: &str) -> Simulation {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}},
                "limits": {limits}, "flows": [{{"name": "flow", "steps": [{steps}]}}],
                "load": {{"arrivals": "uniform", "stages": [{stages}]}},
                "slo": {{"all": ["p50 < 10ms"]}}}}"#
        );
        let no_file = |_: &std::path::Path| Err(io::ErrorKind::NotFound.into());
        let scenario = parse(&text, &Origin::default(), &|_| None, &no_file).unwrap();
        let (stop, stopped) = watch::channel(Stop::Running);
        let orders = Orders::default();
        let plan = Plan {
            scenario: Arc::new(scenario),
            address: Endpoint::Simulated(world.clone()),
            authority: "target".to_owned(),
            slots: Slots::all(1),
            streams: None,
            timing: Timing::Alone,
            start: Start { on_the_wall: std::time::UNIX_EPOCH, at: world.zero(), process: 0 },
            from: Moment(0),
            receive_clock: ReceiveClock::Kernel,
            purpose: Purpose::Load,
            given: Arc::default(),
            stop: stopped,
            orders: orders.heard(),
            lease: Lease::endless(),
        };
        Simulation { world, plan, orders, stop }
    }

    /// `GET /` at so many per second for a second.
    pub(super) fn of_gets(world: World, limits: &str, rate: u32) -> Simulation {
        let stages = format!(r#"{{"for": "1s", "rate": "{rate}/s"}}"#);
        Simulation::new(world, r#"{"name": "get", "request": "GET /"}"#, limits, &stages)
    }

    /// Ends the run early, at most so long after its beginning.
    pub(super) fn stop(&self, drain: Duration) {
        self.stop.send(Stop::Drain(self.world.zero() + drain)).unwrap();
    }

    pub(super) fn worker(&self) -> (Worker, Receiver<Message>) {
        let (out, inbox) = mpsc::channel();
        (Worker::new(self.plan.clone(), 0, out).unwrap(), inbox)
    }

    /// Runs to the end.
    pub(super) fn play(&self) -> Played {
        let (worker, inbox) = self.worker();
        worker.run().unwrap();
        Played::of(&inbox)
    }
}

impl Played {
    /// What a worker has told.
    pub(super) fn of(inbox: &Receiver<Message>) -> Played {
        let mut played = Played { samples: Vec::new(), counts: [0; 3], totals: Totals::default() };
        for message in inbox.try_iter() {
            let Message::Batch(Batch { samples, due, last, .. }) = message else { continue };
            played.samples.extend(samples.into_iter().flatten());
            for due in due {
                let counts = [due.planned, due.sent, due.missed.count];
                played.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
            played.totals = last.unwrap_or(played.totals);
        }
        played.samples.sort_by_key(|sample| sample.intended);
        played
    }

    /// How the requests ended, in the order in which they were due.
    pub(super) fn endings(&self) -> Vec<(Outcome, Option<Cause>)> {
        self.samples.iter().map(|sample| (sample.outcome, sample.cause)).collect()
    }
}

/// An answer without a body.
pub(super) fn answer() -> Deed {
    Deed::Say(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())
}

/// A target that answers after so long.
pub(super) fn answering(after: u64) -> World {
    World::new(move |_| vec![(after, answer())])
}

/// A target that serves one request at a time.
pub(super) fn serving_in_turn(takes: u64) -> World {
    let mut free = 0;
    World::new(move |request: &Request| {
        free = request.at.0.max(free) + takes;
        vec![(free - request.at.0, answer())]
    })
}

/// Sent, first byte and end of a request, from the moment at which it was due.
pub(super) fn from_due(sample: &Sample) -> [Option<u64>; 3] {
    let since = |moment: Moment| moment.since(sample.intended);
    [sample.sent.map(since), sample.first_byte.map(since), Some(since(sample.ended))]
}
