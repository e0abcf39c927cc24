//! Walks each flow once, one step after the other: what a scenario does is looked at before
//! it costs time.
//!
//! A scenario and a target that is ready come in, a [`Walk`] goes out. Each flow has a worker of
//! the engine for one iteration, so that what works here works under load. Thinking is left out.
//! What the result means is for others to say.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::collector::Message;
use crate::engine::evidence::{Testimony, used};
use crate::engine::lease::Lease;
use crate::engine::orders;
use crate::engine::plan::{Given, Plan, Purpose, Start, Stop};
use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::endpoint::Endpoint;
use crate::engine::worker;
use crate::experiment::address::{clock, reach, shown};
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::head;
use crate::experiment::start::Started;
use crate::experiment::trial_error::TrialError;
use crate::record::exchange::FailedExchange;
use crate::record::outcome::Outcome;
use crate::record::step_head::StepHead;
use crate::record::walk::{Extracted, Known, Walk, WalkedFlow, WalkedStep};
use crate::scenario::body::Body;
use crate::scenario::extraction::Extraction;
use crate::scenario::load::{ArrivalProcess, Load, Stage};
use crate::scenario::model::{Action, Errand, Flow, HttpAddress, Scenario, Step, VariableId};
use crate::scenario::slots::Slots;
use crate::scenario::template::Value;
use crate::scenario::think::Think;
use crate::schedule::arms::Timing;
use crate::target::process::Supervisor;
use crate::units::{Moment, Rate};

/// How often it is looked whether somebody wants it to end.
const LOOK: Duration = Duration::from_millis(50);
/// A walk's only arrival comes within this.
const SOON: Duration = Duration::from_millis(1);
/// A flow that was begun goes on for so long at most when no more are begun.
const LATE: Duration = Duration::from_secs(60);
/// How long a flow may take at most; each of its requests has a time limit of its own.
const LONGEST: Duration = Duration::from_secs(3_600);
/// How long a target that has just broken off may take to be seen as ended.
const DYING: Duration = Duration::from_millis(300);

/// What a walk of its own needs.
pub struct Look<'a> {
    /// What to walk through.
    pub scenario: Arc<Scenario>,
    /// How targets are started.
    pub supervisor: Supervisor,
    /// Where what the target prints goes.
    pub log: &'a Path,
    /// Decides random values.
    pub seed: u64,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// Ends it early.
    pub control: Control,
    /// Hears what happens.
    pub watch: &'a mut dyn FnMut(Event),
}

impl fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Look<'_> {
    /// Starts the target if the scenario says how, walks, and stops it.
    pub fn run(self) -> Result<Walk, TrialError> {
        let target = Started::start(&self.scenario, &self.supervisor, self.log, self.watch)?;
        target.wait_until_ready(&self.scenario, &self.control, self.watch)?;
        let walker = Walker {
            scenario: &self.scenario,
            receive_clock: self.receive_clock,
            control: &self.control,
            seed: self.seed,
            numbered_from: 0,
            until: None,
            given: Arc::default(),
        };
        let walked = walker.walk_between_errands(&target);
        target.stop();
        if let Some(signal) = self.control.signal() {
            return Err(TrialError::Interrupted(signal));
        }
        walked
    }
}

/// How flows are walked through.
#[derive(Clone)]
pub(super) struct Walker<'a> {
    pub(super) scenario: &'a Arc<Scenario>,
    pub(super) receive_clock: ReceiveClock,
    pub(super) control: &'a Control,
    /// Decides random values.
    pub(super) seed: u64,
    /// The number behind which those of users and iterations begin.
    pub(super) numbered_from: u64,
    /// No flow is begun after that.
    pub(super) until: Option<Instant>,
    /// What every user knows from the beginning.
    pub(super) given: Given,
}

impl Walker<'_> {
    /// The same, with what is done once for a load before it and after it.
    fn walk_between_errands(mut self, target: &Started) -> Result<Walk, TrialError> {
        let scenario = Arc::clone(self.scenario);
        let mut setup = None;
        if let Some(errand) = &scenario.setup {
            let (walked, known) = self.errand(target, errand)?;
            self.given = Arc::new(given(errand, &walked, &known));
            setup = Some(walked);
        }
        if let Some(walked) = setup.take_if(|walked| !walked.works()) {
            let (name, target) = (scenario.name.clone(), shown(&scenario));
            return Ok(Walk { scenario: name, target, flows: vec![walked], died: None });
        }
        let mut walk = self.walk(target)?;
        walk.flows.splice(0..0, setup);
        if let Some(errand) = &scenario.teardown {
            walk.flows.push(self.errand(target, errand)?.0);
        }
        Ok(walk)
    }

    /// Walks each flow once against a target that is ready. Nothing more is sent once somebody
    /// wants it to end, or the target has ended.
    pub(super) fn walk(&self, target: &Started) -> Result<Walk, TrialError> {
        let endpoint = reach(target.address(), self.scenario)?.endpoint;
        let heads = head::steps(self.scenario);
        let mut flows = Vec::new();
        let mut died = None;
        for (index, flow) in self.scenario.flows.iter().enumerate() {
            let from = self.numbered_from + index as u64;
            let is_late = self.until.is_some_and(|until| Instant::now() >= until);
            let goes_on = died.is_none() && self.control.ended().is_none() && !is_late;
            let seen = if goes_on {
                let once = once(self.scenario, in_short(flow), self.seed);
                self.seen(once, (&endpoint, target.address()), from).map_err(TrialError::Engine)?
            } else {
                Vec::new()
            };
            let walked = walked(self.scenario, flow, &heads, seen);
            if !walked.works() {
                died = died.or_else(|| ended(target));
            }
            flows.push(walked);
        }
        let (scenario, target) = (self.scenario.name.clone(), shown(self.scenario));
        Ok(Walk { scenario, target, flows, died })
    }

    /// Does what is done once for a load. What came of it, and what who did it knows then.
    pub(super) fn errand(
        &self,
        target: &Started,
        errand: &Errand,
    ) -> Result<(WalkedFlow, Vec<Value>), TrialError> {
        let (flow, steps) = (&errand.flow, errand.steps.clone());
        let scenario = Scenario { steps, ..once(self.scenario, flow.clone(), self.seed) };
        let endpoint = reach(target.address(), self.scenario)?.endpoint;
        let on = (&endpoint, target.address());
        let seen =
            self.seen(scenario.clone(), on, self.numbered_from).map_err(TrialError::Engine)?;
        let known = seen.last().map(|last| last.known().to_vec()).unwrap_or_default();
        let heads = head::steps(&scenario);
        Ok((walked(&scenario, flow, &heads, seen), known))
    }

    /// What was seen of the steps of a scenario's only flow, as far as it came.
    fn seen(
        &self,
        scenario: Scenario,
        (endpoint, address): (&Endpoint, &HttpAddress),
        numbered_from: u64,
    ) -> io::Result<Vec<Testimony>> {
        let (stop, stopped) = watch::channel(Stop::Running);
        let plan = Plan {
            scenario: Arc::new(scenario),
            address: endpoint.clone(),
            authority: address.authority(),
            slots: Slots::all(1),
            streams: address.streams(&self.scenario.limits),
            receive_clock: clock(self.scenario, self.receive_clock),
            purpose: Purpose::Walk { numbered_from },
            given: Arc::clone(&self.given),
            timing: Timing::Alone,
            start: Start::now(),
            from: Moment(0),
            stop: stopped,
            orders: orders::Heard::nobody(),
            lease: Lease::endless(),
        };
        let (out, inbox) = mpsc::channel();
        let thread = worker::spawn(plan, 0, out)?;
        let seen = self.collect(&inbox, &stop);
        thread.join().map_err(|_| io::Error::other("a worker panicked"))??;
        Ok(seen)
    }

    /// Until the worker is gone.
    fn collect(&self, inbox: &Receiver<Message>, stop: &watch::Sender<Stop>) -> Vec<Testimony> {
        let mut seen = Vec::new();
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(Message::Batch(batch)) => seen.extend(batch.failures),
                Ok(Message::Machine(_) | Message::Target(_)) => {}
                Err(RecvTimeoutError::Disconnected) => return seen,
                Err(RecvTimeoutError::Timeout) => {
                    let is_late = self.until.is_some_and(|until| Instant::now() > until + LATE);
                    if self.control.ended().is_some() || is_late {
                        stop.send_replace(Stop::Drain(Instant::now()));
                    }
                }
            }
        }
    }
}

/// What the steps extracted that worked: of one that failed or was left out there is nothing to know.
pub(super) fn given(
    errand: &Errand,
    walked: &WalkedFlow,
    known: &[Value],
) -> Vec<(VariableId, Value)> {
    let has_worked = |step: &&Step| {
        let mut own = walked.steps.iter().filter(|it| it.head.name == step.name);
        own.any(|it| it.exchange.as_ref().is_some_and(|it| it.outcome == Outcome::Ok))
    };
    let worked = errand.steps.iter().filter(has_worked);
    let extracted = worked.flat_map(|step| &step.extract).map(|it| it.variable);
    extracted.filter_map(|id| Some((id, known.get(id.index())?.clone()))).collect()
}

/// How a target ended that has broken off, if it has.
fn ended(target: &Started) -> Option<String> {
    let until = Instant::now() + DYING;
    while target.is_ours() && Instant::now() < until {
        if let Some(exit) = target.exited() {
            return Some(exit.in_short());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// A flow in which nobody thinks, what is repeated is done once, and every way is taken, one after
/// the other. Places stay what they are.
fn in_short(flow: &Flow) -> Flow {
    const AT_ONCE: Think = Think::Even { shortest: Duration::ZERO, longest: Duration::ZERO };
    let short = |(place, action): (usize, &Action)| match action {
        Action::Think(_) => Action::Think(AT_ONCE),
        Action::Repeat { counter, end, .. } => {
            Action::Repeat { counter: *counter, least: 1, most: 1, end: *end }
        }
        Action::Choose(_) | Action::Leave(_) => Action::Goto(place + 1),
        other => other.clone(),
    };
    Flow { actions: flow.actions.iter().enumerate().map(short).collect(), ..flow.clone() }
}

/// A scenario in which one flow is walked through once.
fn once(scenario: &Scenario, flow: Flow, seed: u64) -> Scenario {
    let stage = |length: Duration, rate: Rate| Stage {
        length,
        from: rate,
        to: rate,
        users: None,
        warmup: false,
    };
    let stages = vec![stage(SOON, Rate(1.0 / SOON.as_secs_f64())), stage(LONGEST, Rate(0.0))];
    Scenario {
        flows: vec![flow],
        load: Load::new(ArrivalProcess::Uniform, seed, stages),
        ..scenario.clone()
    }
}

/// A flow with what was seen of its steps.
fn walked(
    scenario: &Scenario,
    flow: &Flow,
    heads: &[StepHead],
    seen: Vec<Testimony>,
) -> WalkedFlow {
    let mut seen: Vec<(FailedExchange, Vec<Known>)> =
        seen.into_iter().map(Testimony::shown).collect();
    let is_unbegun = seen.is_empty();
    let has_failed = seen.iter().any(|(exchange, _)| exchange.outcome != Outcome::Ok);
    let mut before = Vec::new();
    let mut steps = Vec::new();
    let mut thinking = Duration::ZERO;
    for action in &flow.actions {
        let id = match action {
            Action::Think(think) => {
                thinking += think.mean();
                continue;
            }
            Action::Request(id) => *id,
            _ => continue,
        };
        let index = seen.iter().position(|(exchange, _)| exchange.step == id.0);
        let found = index.map(|index| seen.remove(index));
        let is_left_out = found.is_none() && !is_unbegun;
        let (exchange, known) = found.unzip();
        let step = scenario.step(id);
        steps.push(WalkedStep {
            head: heads[id.index()].clone(),
            unfilled: unfilled(scenario, step, exchange.as_ref().map(|_| before.as_slice())),
            extracted: extracted(scenario, step, known.as_deref()),
            exchange,
            thinking: std::mem::take(&mut thinking),
            is_left_out: is_left_out && step.course.is_optional && !has_failed,
        });
        before = known.unwrap_or(before);
    }
    WalkedFlow { name: flow.name.clone(), steps }
}

/// Placeholders for which there was nothing when the request was sent.
fn unfilled(scenario: &Scenario, step: &Step, before: Option<&[Known]>) -> Vec<String> {
    let Some(before) = before else { return Vec::new() };
    let request = &step.request;
    let headers = request.headers.iter().map(|(_, template)| template);
    let body = request.body.iter().flat_map(Body::templates);
    let templates = std::iter::once(&request.path).chain(headers).chain(body);
    let templates = templates.chain(step.kind.templates());
    let mut names = Vec::new();
    for id in templates.flat_map(used) {
        let name = &scenario.variables[id.index()];
        if before.get(id.index()) == Some(&Known::Nothing) && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn extracted(scenario: &Scenario, step: &Step, known: Option<&[Known]>) -> Vec<Extracted> {
    let one = |extraction: &Extraction| Extracted {
        name: scenario.variables[extraction.variable.index()].clone(),
        path: extraction.to_string(),
        known: known
            .and_then(|known| known.get(extraction.variable.index()))
            .cloned()
            .unwrap_or(Known::Nothing),
    };
    step.extract.iter().map(one).collect()
}
