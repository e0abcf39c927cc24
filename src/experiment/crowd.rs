//! A target that several generators load, none of which is here: it is started, awaited, tried out
//! and watched, and what they tell becomes the record of one run.
//!
//! Who they are, and what became of each, comes from outside.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::engine::collector::{Message, Passing, Progress};
use crate::engine::plan::{Given, Start};
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::address::{Later, reach, shown};
use crate::experiment::beside::Beside;
use crate::experiment::carried::Carried;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::heard_later::{HeardLater, Passed};
use crate::experiment::hopeless::Hopes;
use crate::experiment::measured::{Measured, StillUp};
use crate::experiment::session::Session;
use crate::experiment::shown_certificate;
use crate::experiment::side::Side;
use crate::experiment::steered;
use crate::experiment::trial_error::TrialError;
use crate::experiment::tryout::TriedOut;
use crate::experiment::watcher::Watcher;
use crate::record::gauge::{self, BEFORE_4};
use crate::record::generator::GeneratorHead;
use crate::record::interval::StepCounts;
use crate::record::run::{End, EndReason, Head, RunRecord};
use crate::record::store::RunWriter;
use crate::record::telemetry::TargetSecond;
use crate::record::tick::Tick;
use crate::record::told::Told;
use crate::scenario::load::Load;
use crate::scenario::model::{HttpAddress, Scenario};
use crate::schedule::arms::Timing;
use crate::target::process::Supervisor;

/// What it takes to have a target.
#[derive(Debug)]
pub struct Hosting<'a> {
    /// What to do.
    pub scenario: Arc<Scenario>,
    /// The run folder.
    pub folder: &'a Path,
    /// How targets are started.
    pub supervisor: &'a Supervisor,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// Ends it early.
    pub control: &'a Control,
}

/// A target that is up.
pub struct Hosted<'a> {
    pub(super) session: Session<'a>,
    pub(super) side: Side,
}

/// Whether a target that is up may be loaded.
pub enum Tried<'a> {
    /// It may.
    Fit(Box<Hosted<'a>>),
    /// It cannot work: the record of the tries.
    Unfit(Box<RunRecord>),
}

impl<'a> Hosting<'a> {
    /// Starts the target and waits until it is ready.
    pub fn start(&self, watch: &mut dyn FnMut(Event)) -> Result<Hosted<'a>, TrialError> {
        let session = Session {
            supervisor: self.supervisor,
            receive_clock: self.receive_clock,
            control: self.control,
            workers: 1,
            share: None,
        };
        let side = session.start(Arc::clone(&self.scenario), self.folder, watch)?;
        side.target.wait_until_ready(&side.scenario, self.control, watch)?;
        Ok(Hosted { session, side })
    }
}

impl<'a> Hosted<'a> {
    /// Where it listens.
    pub fn address(&self) -> &HttpAddress {
        self.side.target.address()
    }

    /// What it is loaded by.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.side.scenario
    }

    /// Ends its load early.
    pub fn control(&self) -> &'a Control {
        self.session.control
    }

    /// How many iterations of loads before this one the target has had.
    pub fn iterations(&self) -> u64 {
        self.side.purpose.iterations_from()
    }

    /// Does what is done once before the load.
    pub fn set_up(&mut self) -> Result<(), TrialError> {
        self.session.set_up(&mut self.side)
    }

    /// What every user knows by that.
    pub fn given(&self) -> &Given {
        &self.side.given
    }

    /// There will be no load: does what is done once after it, if there is anything to clean up after.
    /// Why that failed, if it has.
    pub fn give_up(mut self) -> Option<String> {
        self.side.is_set_up.then(|| self.session.tear_down(&mut self.side)).flatten()
    }

    /// Walks through each flow once before the load.
    pub fn try_out(self, watch: &mut dyn FnMut(Event)) -> Result<Tried<'a>, TrialError> {
        let Hosted { session, side } = self;
        Ok(match session.try_out(side, watch)? {
            TriedOut::Fit(side) => Tried::Fit(Box::new(Hosted { session, side: *side })),
            TriedOut::Unfit(measured) => Tried::Unfit(Box::new(measured.record)),
        })
    }

    /// Begins the record of a load whose schedule starts at a moment.
    pub fn begin(
        self,
        start: Start,
        generators: Vec<GeneratorHead>,
        watch: &mut dyn FnMut(Event),
    ) -> Result<Crowd<'a>, TrialError> {
        let Hosted { session, mut side } = self;
        let scenario = Arc::clone(&side.scenario);
        let reached = reach(side.target.address(), &scenario);
        let reached = session.or_tear_down(&mut side, reached)?;
        let mut head = session.head(&scenario, start.on_the_wall);
        (head.target, head.generators) = (shown(&scenario), generators);
        head.revision.clone_from(&side.revision);
        head.lookup_ms = reached.lookup.map(|lookup| lookup.as_secs_f64() * 1e3);
        head.addresses = reached.addresses;
        for warning in head.generators.iter().flat_map(|it| &it.environment.warnings) {
            watch(Event::Warning(warning.clone()));
        }
        shown_certificate::look_at(&mut head, (side.target.address(), &reached.used), watch);
        let writer = RunWriter::create(&side.folder, head).map_err(TrialError::Store);
        let writer = session.or_tear_down(&mut side, writer)?;
        let control = session.control.clone();
        let (out, inbox) = mpsc::channel();
        let monitor = side.target.monitor(&scenario, Timing::Alone);
        let watcher = Watcher::start(monitor, (start.at, 0), control.clone(), out)
            .map_err(TrialError::Engine);
        let watcher = session.or_tear_down(&mut side, watcher)?;
        let hopes = Hopes::of_run(writer.head(), false, control.fails_fast);
        let series = vec![StepCounts::default(); writer.head().series.len()];
        let (later, passing) = (reached.later, Passing::default());
        let heard = HeardLater::new(hopes.asks_for_parts());
        Ok(Crowd {
            session,
            side,
            start,
            control,
            writer,
            watcher,
            inbox,
            hopes,
            series,
            later,
            beside: None,
            passing,
            target_memory: None,
            heard,
        })
    }
}

/// A target under the load of others, and its record.
pub struct Crowd<'a> {
    session: Session<'a>,
    side: Side,
    start: Start,
    control: Control,
    writer: RunWriter,
    watcher: Watcher,
    inbox: Receiver<Message>,
    hopes: Hopes,
    /// The whole run, step by step.
    series: Vec<StepCounts>,
    later: Later,
    /// What others see of the target's processes.
    beside: Option<Beside>,
    /// What came since the last look at the progress.
    passing: Passing,
    /// Resident memory of the target, as it was seen last.
    target_memory: Option<f64>,
    /// Seconds that have passed and have not been looked at.
    heard: HeardLater,
}

impl Crowd<'_> {
    /// What was known before the first request.
    pub fn head(&self) -> &Head {
        self.writer.head()
    }

    /// The scenario that they carry out.
    pub fn scenario(&self) -> &Scenario {
        &self.side.scenario
    }

    /// Looks at the target; to be called often.
    pub fn look(&mut self) {
        self.watcher.look();
        while let Ok(message) = self.inbox.try_recv() {
            match (message, &mut self.beside) {
                (Message::Target(second), Some(beside)) => beside.own(second),
                (Message::Target(second), None) => self.keep(second),
                (Message::Batch(_) | Message::Machine(_), _) => {}
            }
        }
        self.keep_complete(self.elapsed().as_secs() as u32);
    }

    /// Somebody sees the target's processes where they are.
    pub fn expect_watcher(&mut self) {
        let monitor = self.side.target.monitor(&self.side.scenario, Timing::Alone);
        self.beside = Some(Beside::new(monitor.has_work()));
    }

    /// What was seen of them in a second.
    pub fn take_watched(&mut self, second: TargetSecond) {
        if let Some(beside) = &mut self.beside {
            beside.theirs(second, &self.writer.head().gauges);
        }
    }

    fn keep_complete(&mut self, now: u32) {
        let complete = self.beside.as_mut().map(|beside| beside.complete(now));
        complete.into_iter().flatten().for_each(|second| self.keep(second));
    }

    fn keep(&mut self, second: TargetSecond) {
        self.target_memory = gauge::find(&BEFORE_4, &gauge::RSS)
            .and_then(|id| second.value(id))
            .or(self.target_memory);
        self.writer.append_target(second);
    }

    /// Adds what a generator has learnt, if it is new, and says whether it is.
    pub fn take(&mut self, tick: &Tick) -> bool {
        let is_new = self.writer.take(tick);
        if is_new {
            self.count(tick);
        }
        is_new
    }

    /// The same of what came from elsewhere.
    pub fn take_told(&mut self, told: &Told) -> bool {
        let is_new = self.writer.take_told(told);
        if is_new {
            self.count(&told.tick);
        }
        is_new
    }

    fn count(&mut self, tick: &Tick) {
        for part in &tick.parts {
            if let Some(series) = self.series.get_mut(part.series.index()) {
                series.add(&part.counts);
            }
            self.passing.count(part);
        }
        self.heard.take(tick);
    }

    /// The record, which may be asked what it has.
    pub fn record(&self) -> &RunWriter {
        &self.writer
    }

    /// Adds exchanges that failed.
    pub fn keep_failures(&mut self, lines: &[u8]) {
        let steps = self.writer.head().steps.len();
        for exchange in crate::record::exchange::read(lines, steps).unwrap_or_default() {
            self.writer.failures.append(exchange);
        }
    }

    /// A second has passed, at the end of which so many requests were in flight.
    pub fn pass(&mut self, second: u32, in_flight: u64, watch: &mut dyn FnMut(Event)) {
        let progress = Progress { in_flight, ..self.heard(second) };
        self.tell(progress, watch);
    }

    /// The same where generators have told of the second itself what it was like.
    pub fn pass_as_told(&mut self, told: Progress, watch: &mut dyn FnMut(Event)) {
        let Progress { answered, errors, p95, target_memory, .. } = self.heard(told.second);
        self.tell(Progress { answered, errors, p95, target_memory, ..told }, watch);
    }

    /// What came since the last second that has passed.
    fn heard(&mut self, second: u32) -> Progress {
        let passing = std::mem::take(&mut self.passing);
        Progress { target_memory: self.target_memory, ..passing.progress(second) }
    }

    fn tell(&mut self, progress: Progress, watch: &mut dyn FnMut(Event)) {
        watch(Event::Progress(progress));
        if let Some(why) = self.look_for_hope(progress) {
            watch(Event::Warning(format!("the run ends here: {why}")));
            self.control.drain(self.hopes.drain());
        }
    }

    /// Why the run ends here, if it does.
    fn look_for_hope(&mut self, progress: Progress) -> Option<String> {
        let passed = self.heard.pass(progress, self.series.clone())?;
        let Passed { progress, series, learnt } = passed;
        self.hopes.hear(&progress, &series, &learnt).map(str::to_owned)
    }

    /// Closes the record; the target stays up.
    pub fn finish(
        mut self,
        carried: Carried,
        watch: &mut dyn FnMut(Event),
    ) -> Result<StillUp, TrialError> {
        watch(Event::Stopping);
        self.look();
        self.keep_complete(u32::MAX);
        let Crowd { session, side, start, control, writer, watcher, hopes, series, later, .. } =
            self;
        let (mut side, mut writer) = (side, writer);
        let ended = start.at.elapsed();
        let seen = watcher.end(|| side.target.exited());
        let reason = match (&seen.died, control.signal(), hopes.reason()) {
            (Some(exit), ..) => EndReason::TargetDied { detail: exit.to_string() },
            (None, Some(signal), _) => EndReason::Interrupted { signal },
            (None, None, Some(reason)) => reason,
            (None, None, None) => carried.reason(),
        };
        // A target that is dead cannot be cleaned up after.
        let teardown = seen.died.is_none().then(|| session.tear_down(&mut side)).flatten();
        let whole = side.scenario.load.length();
        let cut = control.over_after(start.at);
        let cut = cut.or(carried.used_up.and_then(|it| it.cut));
        let unended = |step: &StepCounts| step.planned.saturating_sub(step.ended());
        let end = End {
            reason,
            scheduled: cut.map_or(whole, |cut| cut.min(whole)).as_secs_f64(),
            seconds: ended.as_secs_f64(),
            abandoned: series.iter().map(unended).sum(),
            iterations: carried.iterations,
            iterations_completed: carried.completed,
            handshakes: carried.handshakes,
            later_addresses: later.seen(),
            faults: Vec::new(),
            lost: carried.lost,
            watcher: carried.watcher,
            statements: seen.statements,
            teardown,
        };
        steered::keep(&mut writer, &side.scenario, &control.orders);
        let record = writer.finish(end).map_err(TrialError::Store)?;
        let hopeless = hopes.lost().map(str::to_owned);
        Ok(StillUp { side, measured: Measured { record, died: seen.died, hopeless } })
    }

    /// The load as it was ordered while it went on.
    pub fn wanted(&self) -> Option<Load> {
        steered::wanted(&self.side.scenario.load, &self.control.orders.all())
    }

    /// How much of the schedule was due until somebody ended it; all that has passed if nobody did.
    pub fn until(&self) -> Duration {
        self.control.over_after(self.start.at).unwrap_or_else(|| self.elapsed())
    }

    /// How long the schedule has been going on; nothing before it begins.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start.at)
    }
}
