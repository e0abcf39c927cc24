//! A stress test: the target is ramped up until it breaks, overloaded, and left alone, several
//! times, as its controller ([`crate::analysis::controller::stress`]) says second by second.
//!
//! Each repeat is one measurement of a session, whose load is steered while it runs, and a run
//! folder of its own. `stress.json` is written whenever a phase begins, so what kills loadgate costs
//! one phase. Where loadgate starts the target, each repeat has a fresh one, and a death ends one
//! repeat; where it does not, a target that has not come back is not broken again.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::analysis::controller::Next;
use crate::analysis::controller::stress::planning::{Lengths, first_rate, lengths, over};
use crate::analysis::controller::stress::{AMONG_SEVERAL, Controller, recovering};
use crate::engine::collector::Progress;
use crate::engine::orders::Order;
use crate::engine::plan::workers_for;
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::address::shown;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::head::{fingerprint, written};
use crate::experiment::measured::Measured;
use crate::experiment::others::{self, Others};
use crate::experiment::resources::allow_connections;
use crate::experiment::session::Session;
use crate::experiment::side::Side;
use crate::experiment::trial_error::TrialError;
use crate::experiment::tryout::TriedOut;
use crate::record::outcome::Outcome;
use crate::record::stress::{
    Phase, Plan, Repeat, RepeatEnd, StressEnd, StressFile, StressSecond, VERSION,
};
use crate::record::stress_steps;
use crate::scenario::load::{Load, Stage};
use crate::scenario::model::Scenario;
use crate::target::process::Supervisor;
use crate::units::{Moment, Rate};

/// The seeds of two repeats are never the same.
const SEEDS_APART: u64 = 1_000;
/// A generator that stood still for so long in a second was late, in nanoseconds.
const STOOD_STILL: u64 = 200_000_000;
/// So many ticks of a hundred that come late, as well.
const LATE_TICKS: u64 = 20;
/// One of so many requests that the generator did not send, as well.
const UNSENT_ONE_OF: u64 = 100;

/// What a stress test needs.
pub struct Stress<'a> {
    /// What is sent; its load says how arrivals are spread.
    pub scenario: Arc<Scenario>,
    /// What is done.
    pub plan: Plan,
    /// The folder of all repeats; exists.
    pub folder: &'a Path,
    /// How targets are started.
    pub supervisor: Supervisor,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// Whether each flow is walked through once before the first load.
    pub tries_out: bool,
    /// Who carries out the loads, if not this process.
    pub others: Option<&'a dyn Others>,
    /// Ends it early.
    pub control: Control,
    /// Hears what happens.
    pub watch: &'a mut dyn FnMut(StressEvent<'_>),
}

impl fmt::Debug for Stress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stress").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What happens in a stress test, for those who watch.
#[derive(Debug, Clone)]
pub enum StressEvent<'e> {
    /// A repeat begins: its number, and how long it takes at most.
    Repeat(u32, Duration),
    /// A phase begins.
    Phase(Phase),
    /// A second has passed.
    Second(&'e StressSecond),
    /// A repeat is over.
    Ended(&'e Repeat),
    /// Something happens to the target.
    Target(Event),
}

/// Why a repeat has no measurement.
enum Failed {
    /// The target could not be had, or the generator failed.
    Trial(TrialError),
    /// A step never worked.
    Hopeless(String),
    /// A generator was lost.
    Lost(String),
}

impl From<TrialError> for Failed {
    fn from(error: TrialError) -> Failed {
        Failed::Trial(error)
    }
}

impl Stress<'_> {
    /// Runs it. The file has what was measured, however it ended.
    pub fn run(mut self) -> Result<StressFile, TrialError> {
        let is_demo = self.scenario.target.address.is_demo();
        allow_connections(self.scenario.limits.connections, is_demo)
            .map_err(TrialError::Resources)?;
        let mut file = self.file();
        self.save(&file)?;
        let begun = Instant::now();
        let mut end = StressEnd::Finished;
        for number in 1..=self.plan.repeats {
            let played = self.play(number, begun.elapsed(), &mut file);
            let over = match played {
                Ok(()) => self.is_over(number, begun.elapsed(), &file),
                Err(Failed::Hopeless(detail)) => Some(StressEnd::Hopeless { detail }),
                Err(Failed::Lost(why)) => Some(lost(number, &why)),
                Err(Failed::Trial(TrialError::Generators(why))) if number > 1 => {
                    Some(lost(number, &why))
                }
                Err(Failed::Trial(TrialError::Interrupted(signal))) => {
                    Some(StressEnd::Interrupted { signal })
                }
                Err(Failed::Trial(error)) if is_known(&file) && is_of_target(&error) => {
                    Some(StressEnd::TargetLost { detail: error.to_string() })
                }
                Err(Failed::Trial(error)) => return Err(error),
            };
            if let Some(over) = over {
                end = over;
                break;
            }
        }
        let signal = self.control.signal().map(|signal| StressEnd::Interrupted { signal });
        file.end = Some(signal.unwrap_or(end));
        self.save(&file)?;
        Ok(file)
    }

    /// Why no further repeat follows, if none does.
    fn is_over(&self, number: u32, spent: Duration, file: &StressFile) -> Option<StressEnd> {
        if let Some(signal) = self.control.signal() {
            return Some(StressEnd::Interrupted { signal });
        }
        over(number, whole_seconds(spent), file)
    }

    /// One repeat.
    fn play(&mut self, number: u32, spent: Duration, file: &mut StressFile) -> Result<(), Failed> {
        let folder = format!("repeat-{number}");
        let from = first_rate(&self.plan, &file.repeats);
        let Lengths { ramp_until, whole } = lengths(&self.plan, number, whole_seconds(spent));
        (self.watch)(StressEvent::Repeat(number, Duration::from_secs(u64::from(whole))));
        let control = self.control.next_part();
        let mut controller = Controller::new(self.plan.clone(), folder.clone(), from, ramp_until);
        if self.others.is_some() {
            controller = controller.reacting_after(AMONG_SEVERAL);
        }
        let scenario = Arc::new(self.loaded(number, from, whole));
        let session = Session {
            supervisor: &self.supervisor,
            receive_clock: self.receive_clock,
            control: &control,
            workers: self.workers(),
            share: None,
        };
        let watch = &mut *self.watch;
        let mut told = |event| watch(StressEvent::Target(event));
        let mut side = session.start(scenario, &self.folder.join(&folder), &mut told)?;
        session.wait_until_ready(&mut side, &mut told)?;
        let side = if self.tries_out && number == 1 {
            fit(session.try_out(side, &mut told)?)?
        } else {
            side
        };
        if let Some(signal) = self.control.signal() {
            return Err(Failed::Trial(TrialError::Interrupted(signal)));
        }
        let first = controller.repeat().phases[0];
        watch(StressEvent::Phase(first));
        let measured = {
            let mut heard = |event: Event| {
                let Event::Progress(progress) = event else {
                    return watch(StressEvent::Target(event));
                };
                let second = second(&progress);
                watch(StressEvent::Second(&second));
                if steer(&control, &mut controller, second) {
                    let phases = &controller.repeat().phases;
                    phases.last().into_iter().for_each(|it| watch(StressEvent::Phase(*it)));
                    keep(self.folder, file, controller.repeat());
                }
            };
            others::measure(session, self.others, side, &mut heard)?.stop()
        };
        if let Some(lost) = others::lost(&measured.record) {
            return Err(Failed::Lost(lost.detail.clone()));
        }
        let mut repeat = controller.into_repeat(outer_end(&measured, &control));
        repeat.steps =
            stress_steps::tallies(&measured.record, &repeat, recovering::IN_A_ROW as u32);
        (self.watch)(StressEvent::Ended(&repeat));
        file.repeats.push(repeat);
        self.save(file).map_err(Failed::Trial)?;
        measured.hopeless.map_or(Ok(()), |why| Err(Failed::Hopeless(why)))
    }

    /// The scenario with the load that a repeat begins with.
    fn loaded(&self, number: u32, from: f64, seconds: u32) -> Scenario {
        let warmup = self.plan.warmup_seconds;
        let stage = |seconds: u32, warmup| Stage {
            length: Duration::from_secs(u64::from(seconds)),
            from: Rate(from),
            to: Rate(from),
            users: None,
            warmup,
        };
        let stages = vec![stage(warmup, true), stage(seconds.saturating_sub(warmup).max(1), false)];
        let apart = u64::from(number - 1).wrapping_mul(SEEDS_APART);
        let seed = self.scenario.load.seed.wrapping_add(apart);
        let load = Load { seed, stages, cap: None, ..self.scenario.load.clone() };
        Scenario { load, ..Scenario::clone(&self.scenario) }
    }

    /// Threads for the highest rate that is likely to be reached.
    fn workers(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut scenario = Scenario::clone(&self.scenario);
        let highest = Rate(self.plan.highest.min(self.plan.from * 20.0));
        scenario.load.stages.iter_mut().for_each(|stage| stage.to = highest);
        workers_for(&scenario, cores)
    }

    fn file(&self) -> StressFile {
        let scenario = &self.scenario;
        StressFile {
            version: VERSION,
            scenario: scenario.name.clone(),
            started: written(SystemTime::now()),
            target: shown(scenario),
            starts_afresh: scenario.target.start.is_some() || scenario.target.address.is_demo(),
            fingerprint: fingerprint(scenario, self.receive_clock),
            plan: self.plan.clone(),
            objectives: scenario.stress.clone(),
            connections: scenario.limits.connections,
            repeats: Vec::new(),
            end: None,
        }
    }

    fn save(&self, file: &StressFile) -> Result<(), TrialError> {
        file.write(self.folder).map_err(TrialError::Store)
    }
}

/// A generator was lost, and with it what a repeat would have shown.
fn lost(number: u32, why: &str) -> StressEnd {
    StressEnd::GeneratorLost { detail: format!("repeat {number}: {why}") }
}

fn fit(tried: TriedOut) -> Result<Side, Failed> {
    match tried {
        TriedOut::Fit(side) => Ok(*side),
        TriedOut::Unfit(measured) => Err(Failed::Hopeless(
            measured.hopeless.unwrap_or_else(|| "a flow never worked".to_owned()),
        )),
    }
}

/// Tells the controller of a second and the workers of what it decides. Whether another phase
/// follows.
fn steer(control: &Control, controller: &mut Controller, second: StressSecond) -> bool {
    let moment = |second: u32| Moment(u64::from(second) * 1_000_000_000);
    let now = second.second;
    match controller.saw(second) {
        None => false,
        Some(Next::Measure(Phase { from, rate, .. })) => {
            control.orders.give(Order::Rate { from: moment(from), rate: Rate(rate) });
            true
        }
        Some(Next::Stop(_)) => {
            let at = moment(controller.holds_from(now));
            control.orders.give(Order::End { at });
            false
        }
    }
}

/// Keeps how far a repeat has come; its end is written in any case.
fn keep(folder: &Path, file: &StressFile, repeat: &Repeat) {
    let mut so_far = file.clone();
    so_far.repeats.push(repeat.clone());
    let _ = so_far.write(folder);
}

/// A second as the controller wants it.
fn second(progress: &Progress) -> StressSecond {
    let of = |outcome: Outcome| progress.outcomes[outcome.index()];
    let unavailable = progress.unavailable.min(of(Outcome::ServerError));
    let answered = of(Outcome::ClientError) + of(Outcome::ServerError) + of(Outcome::CheckFailed);
    StressSecond {
        second: progress.second,
        offered: progress.offered,
        ok: of(Outcome::Ok),
        shed: of(Outcome::Rejected) + unavailable,
        errors: answered - unavailable,
        timeouts: of(Outcome::Timeout),
        broken: of(Outcome::TransportError),
        refused: progress.refused.min(of(Outcome::TransportError)),
        unsent: of(Outcome::Unsent),
        p99_ms: progress.p99,
        in_flight: progress.in_flight,
        late: progress.stood_still_ns >= STOOD_STILL
            || progress.late_ticks >= LATE_TICKS
            || progress.unsent_by_us * UNSENT_ONE_OF > progress.offered,
    }
}

/// How a repeat ended, if not as its controller said.
fn outer_end(measured: &Measured, control: &Control) -> Option<RepeatEnd> {
    if let Some(exit) = &measured.died {
        return Some(RepeatEnd::Died { detail: exit.to_string() });
    }
    if let Some(signal) = control.signal() {
        return Some(RepeatEnd::Interrupted { signal });
    }
    let detail = measured.hopeless.clone()?;
    Some(RepeatEnd::Hopeless { detail })
}

fn whole_seconds(length: Duration) -> u32 {
    u32::try_from(length.as_secs()).unwrap_or(u32::MAX)
}

fn is_known(file: &StressFile) -> bool {
    !file.repeats.is_empty()
}

/// Whether it is the target that could not be had.
fn is_of_target(error: &TrialError) -> bool {
    match error {
        TrialError::Start(_)
        | TrialError::NotReady(..)
        | TrialError::Unresolved(_)
        | TrialError::SetUp(_) => true,
        TrialError::Resources(_)
        | TrialError::Interrupted(_)
        | TrialError::NoRoom(_)
        | TrialError::Store(_)
        | TrialError::Engine(_)
        | TrialError::Generators(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_told_by_how_its_requests_ended() {
        let mut progress = Progress { second: 7, offered: 100, ..Progress::default() };
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            progress.outcomes[outcome.index()] = index as u64 + 1;
        }
        (progress.unavailable, progress.refused) = (3, 2);
        let seen = second(&progress);
        assert_eq!((seen.ok, seen.shed, seen.errors), (1, 2 + 3, 3 + 1 + 5));
        assert_eq!((seen.timeouts, seen.broken, seen.refused, seen.unsent), (6, 7, 2, 8));
        assert_eq!(seen.ok + seen.failed(), 36);
        assert!(!seen.late);
    }

    #[test]
    fn a_generator_that_stands_still_or_sends_too_little_is_late() {
        let late = |change: fn(&mut Progress)| {
            let mut progress = Progress { offered: 100, ..Progress::default() };
            change(&mut progress);
            second(&progress).late
        };
        assert!(late(|it| it.stood_still_ns = STOOD_STILL));
        assert!(late(|it| it.late_ticks = LATE_TICKS));
        assert!(late(|it| it.unsent_by_us = 2));
        assert!(!late(|it| it.unsent_by_us = 1));
    }
}
