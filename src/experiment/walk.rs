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
use crate::engine::plan::{Plan, Purpose, Start, Stop};
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
use crate::record::step_head::StepHead;
use crate::record::walk::{Extracted, Known, Walk, WalkedFlow, WalkedStep};
use crate::scenario::load::{ArrivalProcess, Load, Stage};
use crate::scenario::model::{Action, Extraction, Flow, HttpAddress, Scenario, Step};
use crate::scenario::slots::Slots;
use crate::schedule::arms::Timing;
use crate::target::process::Supervisor;
use crate::units::{Moment, Rate};

/// How often it is looked whether somebody wants it to end.
const LOOK: Duration = Duration::from_millis(50);
/// A walk's only arrival comes within this.
const SOON: Duration = Duration::from_millis(1);
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
        };
        let walked = walker.walk(&target);
        target.stop();
        if let Some(signal) = self.control.signal() {
            return Err(TrialError::Interrupted(signal));
        }
        walked
    }
}

/// How flows are walked through.
#[derive(Clone, Copy)]
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
}

impl Walker<'_> {
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
                self.seen(flow, (&endpoint, target.address()), from).map_err(TrialError::Engine)?
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

    /// What was seen of a flow's steps, as far as it came.
    fn seen(
        &self,
        flow: &Flow,
        (endpoint, address): (&Endpoint, &HttpAddress),
        numbered_from: u64,
    ) -> io::Result<Vec<Testimony>> {
        let (stop, stopped) = watch::channel(Stop::Running);
        let plan = Plan {
            scenario: Arc::new(once(self.scenario, flow, self.seed)),
            address: endpoint.clone(),
            authority: address.authority(),
            slots: Slots::all(1),
            streams: address.streams(&self.scenario.limits),
            receive_clock: clock(self.scenario, self.receive_clock),
            purpose: Purpose::Walk { numbered_from },
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
                    if self.control.ended().is_some() {
                        stop.send_replace(Stop::Drain(Instant::now()));
                    }
                }
            }
        }
    }
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

/// A scenario in which one flow is walked through once, without thinking.
fn once(scenario: &Scenario, flow: &Flow, seed: u64) -> Scenario {
    let asks = |action: &&Action| matches!(action, Action::Request(_));
    let actions = flow.actions.iter().filter(asks).cloned().collect();
    let stage = |length: Duration, rate: Rate| Stage {
        length,
        from: rate,
        to: rate,
        users: None,
        warmup: false,
    };
    let stages = vec![stage(SOON, Rate(1.0 / SOON.as_secs_f64())), stage(LONGEST, Rate(0.0))];
    Scenario {
        flows: vec![Flow { actions, ..flow.clone() }],
        load: Load { arrivals: ArrivalProcess::Uniform, seed, stages },
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
        };
        let index = seen.iter().position(|(exchange, _)| exchange.step == id.0);
        let found = index.map(|index| seen.remove(index));
        let (exchange, known) = found.unzip();
        let step = scenario.step(id);
        steps.push(WalkedStep {
            head: heads[id.index()].clone(),
            unfilled: unfilled(scenario, step, exchange.as_ref().map(|_| before.as_slice())),
            extracted: extracted(scenario, step, known.as_deref()),
            exchange,
            thinking: std::mem::take(&mut thinking),
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
    let templates = std::iter::once(&request.path).chain(headers).chain(&request.body);
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
        path: extraction.path.to_string(),
        known: known
            .and_then(|known| known.get(extraction.variable.index()))
            .cloned()
            .unwrap_or(Known::Nothing),
    };
    step.extract.iter().map(one).collect()
}
