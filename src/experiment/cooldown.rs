//! Whether a target that is up is itself again after an overload: by a few requests a second,
//! which are no part of any record.
//!
//! How they fare before the first load is the measure; afterwards the target is asked again and
//! again until they fare the same, or for so long that they will not.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::collector::Message;
use crate::engine::lease::Lease;
use crate::engine::ledger::Batch;
use crate::engine::orders;
use crate::engine::plan::{Plan, Purpose, Start, Stop};
use crate::engine::worker;
use crate::experiment::address::{clock, reach};
use crate::experiment::session::Session;
use crate::experiment::side::Side;
use crate::experiment::trial_error::TrialError;
use crate::record::outcome::Outcome;
use crate::scenario::load::{ArrivalProcess, Load, Stage};
use crate::scenario::model::Scenario;
use crate::scenario::slots::Slots;
use crate::schedule::arms::Timing;
use crate::units::{Moment, Rate};

/// How long a few requests are sent.
const ASKING: Duration = Duration::from_secs(1);
/// What has not ended so long after them does not count as answered.
const PATIENCE: Duration = Duration::from_secs(3);
/// The median may be so much longer than before the first load, and as much again as a fast
/// target moves by itself.
const LONGER: f64 = 1.1;
const MOVES: Duration = Duration::from_millis(2);
/// So much less may end as expected.
const FEWER: f64 = 0.1;
/// How often it is looked whether somebody wants it to end.
const LOOK: Duration = Duration::from_millis(50);

/// How a few requests fared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Calm {
    /// Median response time of those that ended.
    pub(super) median: Duration,
    /// Share of those due that ended as expected.
    pub(super) ok: f64,
}

/// How a target is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Asking {
    /// Arrivals per second.
    pub(super) rate: f64,
    /// Iterations that the target has had, with those that this adds.
    pub(super) iterations: u64,
}

/// What became of waiting for a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cooled {
    /// It is itself again.
    Back,
    /// Not within the time; so much of what was due at last ended as expected.
    NotBack {
        /// In [0, 1].
        ok: f64,
    },
    /// Somebody wants it to end, or the target has ended.
    Over,
}

impl Calm {
    /// Whether a target fares as it did.
    fn is_as(&self, usual: &Calm) -> bool {
        let most = usual.median.mul_f64(LONGER) + MOVES;
        self.median <= most && self.ok >= usual.ok - FEWER
    }
}

impl Session<'_> {
    /// Waits until a target fares as it did, for so long at most. Says how, and how long that
    /// took.
    pub(super) fn cool_down(
        &self,
        side: &Side,
        usual: &Calm,
        asking: &mut Asking,
        within: Duration,
    ) -> Result<(Cooled, Duration), TrialError> {
        let begun = Instant::now();
        loop {
            let calm = self.ask(side, asking)?;
            let cooled = if self.control.ended().is_some() || side.target.exited().is_some() {
                Cooled::Over
            } else if calm.is_as(usual) {
                Cooled::Back
            } else if begun.elapsed() >= within {
                Cooled::NotBack { ok: calm.ok }
            } else {
                continue;
            };
            return Ok((cooled, begun.elapsed()));
        }
    }

    /// Sends a few requests and says how they fared.
    pub(super) fn ask(&self, side: &Side, asking: &mut Asking) -> Result<Calm, TrialError> {
        let (stop, stopped) = watch::channel(Stop::Running);
        let address = side.target.address();
        let plan = Plan {
            scenario: Arc::new(few(&side.scenario, asking.rate)),
            slots: Slots::all(1),
            address: reach(address, &side.scenario)?.endpoint,
            streams: address.streams(&side.scenario.limits),
            authority: address.authority(),
            receive_clock: clock(&side.scenario, self.receive_clock),
            purpose: Purpose::Again { iterations: asking.iterations },
            given: Arc::clone(&side.given),
            timing: Timing::Alone,
            start: Start::now(),
            orders: orders::Heard::nobody(),
            lease: Lease::endless(),
            from: Moment(0),
            stop: stopped,
        };
        let (out, inbox) = mpsc::channel();
        let thread = worker::spawn(plan, 0, out).map_err(TrialError::Engine)?;
        let tally = self.listen(&inbox, &stop);
        let ended = thread.join().map_err(|_| io::Error::other("a worker panicked"));
        ended.and_then(|ended| ended).map_err(TrialError::Engine)?;
        asking.iterations += tally.iterations;
        Ok(tally.calm())
    }

    /// Hears the worker until it is gone, and bids it go when it takes too long.
    fn listen(&self, inbox: &Receiver<Message>, stop: &watch::Sender<Stop>) -> Tally {
        let mut tally = Tally::default();
        let until = Instant::now() + ASKING + PATIENCE;
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(Message::Batch(batch)) => tally.add(&batch),
                Err(RecvTimeoutError::Disconnected) => return tally,
                Ok(Message::Machine(_) | Message::Target(_)) | Err(RecvTimeoutError::Timeout) => {}
            }
            if self.control.ended().is_some() || Instant::now() >= until {
                stop.send_replace(Stop::Drain(Instant::now()));
            }
        }
    }
}

/// What was heard of a few requests.
#[derive(Debug, Default)]
struct Tally {
    due: u64,
    ok: u64,
    nanos: Vec<u64>,
    iterations: u64,
}

impl Tally {
    fn add(&mut self, batch: &Batch) {
        self.due += batch.due.iter().map(|due| u64::from(due.planned)).sum::<u64>();
        for sample in batch.samples.iter().flatten() {
            self.ok += u64::from(sample.outcome == Outcome::Ok);
            self.nanos.push(sample.response_time());
        }
        self.iterations += batch.last.as_ref().map_or(0, |totals| totals.iterations);
    }

    fn calm(mut self) -> Calm {
        // What has not ended is slower than all that has.
        let missing = (self.due as usize).saturating_sub(self.nanos.len());
        self.nanos.extend(std::iter::repeat_n((ASKING + PATIENCE).as_nanos() as u64, missing));
        self.nanos.sort_unstable();
        let median = self.nanos.get(self.nanos.len() / 2).copied().unwrap_or(u64::MAX);
        Calm { median: Duration::from_nanos(median), ok: self.ok as f64 / self.due.max(1) as f64 }
    }
}

/// A scenario with a few arrivals, evenly spread.
fn few(scenario: &Scenario, rate: f64) -> Scenario {
    let rate = Rate(rate);
    let stage = Stage { length: ASKING, from: rate, to: rate, users: None, warmup: false };
    let seed = scenario.load.seed;
    let load = Load::new(ArrivalProcess::Uniform, seed, vec![stage]);
    Scenario { load, ..scenario.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_itself_again_when_it_is_about_as_fast_and_answers_as_well() {
        let calm = |millis: u64, ok: f64| Calm { median: Duration::from_millis(millis), ok };
        let usual = calm(40, 1.0);
        for (now, is_back) in [
            (calm(40, 1.0), true),
            (calm(45, 0.95), true),
            (calm(20, 1.0), true),
            (calm(60, 1.0), false),
            (calm(40, 0.5), false),
        ] {
            assert_eq!(now.is_as(&usual), is_back, "{now:?}");
        }
    }

    #[test]
    fn what_has_not_ended_is_slow() {
        let tally = Tally { due: 3, ok: 1, nanos: vec![5], iterations: 3 };
        let calm = tally.calm();
        assert!(calm.median >= ASKING + PATIENCE && (calm.ok - 1.0 / 3.0).abs() < 1e-9);
        assert!(Tally::default().calm().ok.abs() < 1e-9);
    }
}
