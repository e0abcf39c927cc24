//! Before the load: whether each flow of a scenario can work at all.
//!
//! A target that is ready comes in. Each flow is walked through once; where all steps work,
//! that was it. A flow that fails is tried again, a few times a second, until a step has worked
//! that did not, or the rule for a run that cannot work ([`Hopes`]) says that it never will: one
//! failure proves nothing. Only then is there no load, and what was heard of the tries becomes
//! the record of the run. Whatever else ends this, such as a signal or the target's own end, is
//! left for the load to meet.
//!
//! All of it has users, iterations and random values of its own, so that the load finds nothing
//! of its own data in the target. The target may know only users that the load has: what answers
//! and cannot work with others is tried at last as the load would begin with it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use crate::analysis::mend;
use crate::engine::collector::Message;
use crate::engine::lease::Lease;
use crate::engine::ledger::Batch;
use crate::engine::orders;
use crate::engine::plan::{Plan, Purpose, Start, Stop};
use crate::engine::worker;
use crate::experiment::address::{clock, reach};
use crate::experiment::event::Event;
use crate::experiment::head;
use crate::experiment::hopeless::Hopes;
use crate::experiment::measured::Measured;
use crate::experiment::session::{Heard, Session};
use crate::experiment::side::Side;
use crate::experiment::trial_error::TrialError;
use crate::experiment::walk::Walker;
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::walk::{Walk, WalkedFlow, WalkedStep};
use crate::scenario::load::{ArrivalProcess, Load, Stage};
use crate::scenario::model::{Flow, Scenario};
use crate::scenario::slots::Slots;
use crate::schedule::arms::Timing;
use crate::units::{Moment, Rate};

/// The number behind which those of walks and tries begin: more than any run has.
const NUMBERS: u64 = 900_000_000;
/// How many are a walk's; those of its tries come behind them.
const ROOM: u64 = 100_000_000;
/// No flow is begun to be walked through after so long: the load meets the others.
const WALKING: Duration = Duration::from_secs(20);
/// How often each flow is tried, per second, and all together at most.
const TRIES: f64 = 25.0;
const MOST_TRIES: f64 = 100.0;
/// For how long. What cannot work is told in less.
const TRYING: Duration = Duration::from_secs(12);
/// Said where the load may meet what the tries left.
const USED: &str = "the target works with users and iterations of the load only, so the walk before \
                    it used the first of them: what can be done once may fail once; --no-walk leaves \
                    the walk out";
/// How often it is looked whether somebody wants it to end.
const LOOK: Duration = Duration::from_millis(50);
/// How long requests in flight may take when it is known.
const DRAIN: Duration = Duration::from_secs(1);

/// What trying a scenario out came to.
pub(super) enum TriedOut {
    /// It may be loaded.
    Fit(Box<Side>),
    /// It cannot work: the record of the tries.
    Unfit(Box<Measured>),
}

/// Tries of the flows that failed.
struct Tries {
    start: Start,
    messages: Vec<Message>,
    counts: Vec<StepCounts>,
    hopes: Hopes,
    /// Steps of which it is not known that they can work.
    open: Vec<usize>,
}

impl Session<'_> {
    /// Whether a scenario can work with its target, which is ready.
    pub(super) fn try_out(
        &self,
        side: Side,
        watch: &mut dyn FnMut(Event),
    ) -> Result<TriedOut, TrialError> {
        let Ok(mut walk) = self.walk_before(&side) else {
            return Ok(TriedOut::Fit(Box::new(side)));
        };
        let has_failed = walk.flows.iter().any(WalkedFlow::failed);
        if !has_failed || self.is_over(&side) {
            return Ok(TriedOut::Fit(Box::new(side)));
        }
        watch(Event::Trying);
        let Ok(mut tries) =
            self.tries(&side, &walk, Purpose::Try { numbered_from: NUMBERS + ROOM + moment() })
        else {
            return Ok(TriedOut::Fit(Box::new(side)));
        };
        let as_the_load = tries.is_answered_and_lost() && !self.is_over(&side);
        if as_the_load {
            match self.tries(&side, &walk, Purpose::Load) {
                Ok(others) => tries = others,
                Err(_) => return Ok(TriedOut::Fit(Box::new(side))),
            }
        }
        let Some(why) = tries.hopes.lost().map(str::to_owned) else {
            if as_the_load {
                watch(Event::Warning(USED.to_owned()));
            }
            return Ok(TriedOut::Fit(Box::new(side)));
        };
        if self.is_over(&side) {
            return Ok(TriedOut::Fit(Box::new(side)));
        }
        walk.flows.retain(|flow| flow.broken().is_some_and(|step| tries.confirm(step)));
        watch(Event::CannotWork(mend::first(&walk).unwrap_or(why)));
        let ended = tries.start.at.elapsed();
        let heard =
            Heard { start: tries.start, messages: tries.messages, hopes: tries.hopes, ended };
        Ok(TriedOut::Unfit(Box::new(self.unfit(side, heard, watch)?)))
    }

    fn walk_before(&self, side: &Side) -> Result<Walk, TrialError> {
        let walker = Walker {
            scenario: &side.scenario,
            receive_clock: self.receive_clock,
            control: self.control,
            seed: now().as_nanos() as u64,
            numbered_from: NUMBERS + moment(),
            until: Some(Instant::now() + WALKING),
            given: Arc::clone(&side.given),
        };
        walker.walk(&side.target)
    }

    /// Whether somebody wants it to end, or the target has ended.
    fn is_over(&self, side: &Side) -> bool {
        self.control.ended().is_some() || side.target.exited().is_some()
    }

    fn tries(&self, side: &Side, walk: &Walk, purpose: Purpose) -> Result<Tries, TrialError> {
        let broken = |flow: &&Flow| walk.flows.iter().any(|it| it.name == flow.name && it.failed());
        let flows: Vec<Flow> = side.scenario.flows.iter().filter(broken).cloned().collect();
        let seed = match purpose {
            Purpose::Load | Purpose::Again { .. } => side.scenario.load.seed,
            Purpose::Try { .. } | Purpose::Walk { .. } => now().as_nanos() as u64,
        };
        let scenario = Arc::new(again(&side.scenario, flows, seed));
        let (stop, stopped) = watch::channel(Stop::Running);
        let address = side.target.address();
        let plan = Plan {
            scenario,
            address: reach(address, &side.scenario)?.endpoint,
            authority: address.authority(),
            slots: Slots::all(1),
            streams: address.streams(&side.scenario.limits),
            receive_clock: clock(&side.scenario, self.receive_clock),
            purpose,
            given: Arc::clone(&side.given),
            timing: Timing::Alone,
            start: Start::now(),
            from: Moment(0),
            stop: stopped,
            orders: orders::Heard::nobody(),
            lease: Lease::endless(),
        };
        let mut tries = Tries::of(&side.scenario, walk, plan.start);
        let (out, inbox) = mpsc::channel();
        let thread = worker::spawn(plan, 0, out).map_err(TrialError::Engine)?;
        tries.listen(&inbox, &stop, || self.is_over(side));
        let ended = thread.join().map_err(|_| io::Error::other("a worker panicked"));
        ended.and_then(|ended| ended).map_err(TrialError::Engine)?;
        Ok(tries)
    }
}

impl Tries {
    fn of(scenario: &Scenario, walk: &Walk, start: Start) -> Tries {
        let broken = walk.flows.iter().filter_map(|flow| flow.broken());
        let indexes = broken.filter_map(|step| step.exchange.as_ref());
        Tries {
            start,
            messages: Vec::new(),
            counts: vec![StepCounts::default(); scenario.steps.len()],
            hopes: Hopes::of(&head::steps(scenario)),
            open: indexes.map(|exchange| usize::from(exchange.step)).collect(),
        }
    }

    /// Hears the worker until it is gone, and stops it as soon as more tries would tell nothing,
    /// or it is over.
    fn listen(
        &mut self,
        inbox: &Receiver<Message>,
        stop: &watch::Sender<Stop>,
        is_over: impl Fn() -> bool,
    ) {
        loop {
            let is_known = match inbox.recv_timeout(LOOK) {
                Ok(message) => {
                    let is_known = self.hear(&message);
                    self.messages.push(message);
                    is_known
                }
                Err(RecvTimeoutError::Timeout) => is_over(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if is_known {
                let until = Instant::now() + DRAIN;
                stop.send_if_modified(|stop| {
                    let is_first = *stop == Stop::Running;
                    if is_first {
                        *stop = Stop::Drain(until);
                    }
                    is_first
                });
            }
        }
    }

    /// Whether it is known now that a step cannot work, or that all can.
    fn hear(&mut self, message: &Message) -> bool {
        let Message::Batch(batch) = message else { return false };
        count(&mut self.counts, batch);
        if batch.last.is_some() {
            return false;
        }
        self.hopes.look(batch.second, &self.counts);
        let works = |index: &usize| self.counts[*index].outcome(Outcome::Ok) > 0;
        self.hopes.lost().is_some() || self.open.iter().all(works)
    }

    /// Whether a step cannot work whose target does answer.
    fn is_answered_and_lost(&self) -> bool {
        let answered = |counts: &StepCounts| {
            let ends = [
                Outcome::ClientError,
                Outcome::CheckFailed,
                Outcome::ServerError,
                Outcome::Rejected,
            ];
            ends.iter().any(|end| counts.outcome(*end) > 0)
        };
        let fails = |counts: &StepCounts| counts.outcome(Outcome::Ok) == 0 && answered(counts);
        self.hopes.lost().is_some() && self.counts.iter().any(fails)
    }

    /// Whether a step failed again and again as it had failed in the walk.
    fn confirm(&self, step: &WalkedStep) -> bool {
        let Some(exchange) = &step.exchange else { return false };
        let counts = &self.counts[usize::from(exchange.step)];
        counts.outcome(Outcome::Ok) == 0 && counts.outcome(exchange.outcome) > 0
    }
}

/// Counts what has ended.
fn count(counts: &mut [StepCounts], batch: &Batch) {
    for due in &batch.due {
        counts[due.step.index()].planned += u64::from(due.planned);
    }
    for sample in batch.samples.iter().flatten() {
        let counts = &mut counts[sample.step.index()];
        counts.outcomes[sample.outcome.index()] += 1;
        if let Some(cause) = sample.cause {
            counts.add_cause(cause);
        }
        if let Some(status) = sample.status {
            counts.add_status(status, 1);
        }
    }
}

/// Below [`ROOM`], another each time: a target may keep what an earlier walk sent.
fn moment() -> u64 {
    now().as_millis() as u64 / 10 % ROOM
}

/// Since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A scenario in which some flows come a few times a second.
fn again(scenario: &Scenario, flows: Vec<Flow>, seed: u64) -> Scenario {
    let rate = Rate((TRIES * flows.len() as f64).min(MOST_TRIES));
    let flows = flows.into_iter().map(|flow| Flow { weight: 1, ..flow }).collect();
    let stage = Stage { length: TRYING, from: rate, to: rate, users: None, warmup: false };
    let load = Load::new(ArrivalProcess::Uniform, seed, vec![stage]);
    Scenario { flows, load, ..scenario.clone() }
}
