//! A target that several generators load, none of which is here: it is started, awaited, tried out
//! and watched, and what they tell becomes the record of one run.
//!
//! Who they are, and what became of each, comes from outside.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant, SystemTime};

use crate::engine::collector::{Message, Passing};
use crate::engine::plan::Start;
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::address::{Later, reach, shown};
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::head::{certificate_head, date};
use crate::experiment::hopeless::Hopes;
use crate::experiment::resources;
use crate::experiment::session::Session;
use crate::experiment::side::Side;
use crate::experiment::trial_error::TrialError;
use crate::experiment::tryout::TriedOut;
use crate::experiment::watcher::Watcher;
use crate::record::generator::{GeneratorHead, Lost};
use crate::record::handshakes::Handshakes;
use crate::record::interval::StepCounts;
use crate::record::run::{End, EndReason, Head, RunRecord};
use crate::record::store::RunWriter;
use crate::record::tick::Tick;
use crate::scenario::model::{HttpAddress, Scenario};
use crate::schedule::arms::Timing;
use crate::target::certificate;
use crate::target::process::Supervisor;

/// How long requests in flight may take when a target cannot work.
const DRAIN_HOPELESS: Duration = Duration::from_secs(1);

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
    session: Session<'a>,
    side: Side,
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
        session.wait_until_ready(&side, watch)?;
        Ok(Hosted { session, side })
    }
}

impl<'a> Hosted<'a> {
    /// Where it listens.
    pub fn address(&self) -> &HttpAddress {
        self.side.target.address()
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
    ) -> Result<Crowd, TrialError> {
        let Hosted { session, side } = self;
        let scenario = Arc::clone(&side.scenario);
        let reached = reach(side.target.address(), &scenario)?;
        let mut head = session.head(&scenario, start.on_the_wall);
        head.target = shown(&scenario);
        head.revision.clone_from(&side.revision);
        head.lookup_ms = reached.lookup.map(|lookup| lookup.as_secs_f64() * 1e3);
        head.addresses = reached.addresses;
        head.generators = generators;
        let expiry = certificate::expiry(side.target.address());
        head.certificate = expiry.map(certificate_head);
        let ending =
            expiry.and_then(|it| resources::ends_soon(it, &date(it.at), SystemTime::now()));
        head.generators[0].environment.warnings.extend(ending);
        for warning in head.generators.iter().flat_map(|it| &it.environment.warnings) {
            watch(Event::Warning(warning.clone()));
        }
        let writer = RunWriter::create(&side.folder, head).map_err(TrialError::Store)?;
        let control = session.control.clone();
        let (out, inbox) = mpsc::channel();
        let monitor = side.target.monitor(&scenario, Timing::Alone);
        let watcher = Watcher::start(monitor, (start.at, 0), control.clone(), out)
            .map_err(TrialError::Engine)?;
        let hopes = Hopes::of(&writer.head().steps);
        let steps = vec![StepCounts::default(); writer.head().steps.len()];
        let (later, passing) = (reached.later, Passing::default());
        Ok(Crowd { side, start, control, writer, watcher, inbox, hopes, steps, later, passing })
    }
}

/// A target under the load of others, and its record.
pub struct Crowd {
    side: Side,
    start: Start,
    control: Control,
    writer: RunWriter,
    watcher: Watcher,
    inbox: Receiver<Message>,
    hopes: Hopes,
    /// The whole run, step by step.
    steps: Vec<StepCounts>,
    later: Later,
    /// What came since the last look at the progress.
    passing: Passing,
}

/// What became of those who loaded.
#[derive(Debug, Default)]
pub struct Carried {
    /// Iterations that they have started.
    pub iterations: u64,
    /// Those of them whose last step ended well.
    pub completed: u64,
    /// TLS handshakes.
    pub handshakes: Handshakes,
    /// Who did not carry out a part, and why.
    pub lost: Vec<Lost>,
}

impl Crowd {
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
            if let Message::Target(second) = message {
                self.writer.append_target(second);
            }
        }
    }

    /// Adds what a generator has learnt, if it is new, and says whether it is.
    pub fn take(&mut self, tick: &Tick) -> bool {
        let is_new = self.writer.take(tick);
        if is_new {
            for part in &tick.parts {
                let step = self.writer.head().step_of(part.series.index());
                if let Some(step) = self.steps.get_mut(step) {
                    step.add(&part.counts);
                }
                self.passing.count(part);
            }
        }
        is_new
    }

    /// The record, which may be asked what it has.
    pub fn record(&self) -> &RunWriter {
        &self.writer
    }

    /// Adds exchanges that failed.
    pub fn keep_failures(&mut self, lines: &[u8]) {
        let steps = self.writer.head().steps.len();
        let found = crate::record::exchange::read(lines, steps).unwrap_or_default();
        for exchange in found {
            self.writer.failures.append(exchange);
        }
    }

    /// A second has passed, at the end of which so many requests were in flight.
    pub fn pass(&mut self, second: u32, in_flight: u64, watch: &mut dyn FnMut(Event)) {
        let passing = std::mem::take(&mut self.passing);
        let progress = passing.progress(second);
        watch(Event::Progress(crate::engine::collector::Progress { in_flight, ..progress }));
        if let Some(why) = self.hopes.look(second, &self.steps) {
            watch(Event::Warning(format!("the run ends here: {why}")));
            self.control.drain(DRAIN_HOPELESS);
        }
    }

    /// Closes the record and stops the target.
    pub fn finish(
        self,
        carried: Carried,
        watch: &mut dyn FnMut(Event),
    ) -> Result<RunRecord, TrialError> {
        watch(Event::Stopping);
        let Crowd { side, start, control, writer, watcher, hopes, steps, later, .. } = self;
        let ended = start.at.elapsed();
        let seen = watcher.end(|| side.target.exited());
        let lost = carried.lost.first().map(|lost| lost.detail.clone());
        let reason = match (&seen.died, control.signal(), hopes.lost(), lost) {
            (Some(exit), ..) => EndReason::TargetDied { detail: exit.to_string() },
            (None, Some(signal), ..) => EndReason::Interrupted { signal },
            (None, None, Some(why), _) => EndReason::Hopeless { detail: why.to_owned() },
            (None, None, None, Some(detail)) => EndReason::GeneratorLost { detail },
            (None, None, None, None) => EndReason::Finished,
        };
        let whole = side.scenario.load.length();
        let cut = control.over_after(start.at);
        let unended = |step: &StepCounts| step.planned.saturating_sub(step.ended());
        let end = End {
            reason,
            scheduled: cut.map_or(whole, |cut| cut.min(whole)).as_secs_f64(),
            seconds: ended.as_secs_f64(),
            abandoned: steps.iter().map(unended).sum(),
            iterations: carried.iterations,
            iterations_completed: carried.completed,
            handshakes: carried.handshakes,
            later_addresses: later.seen(),
            faults: Vec::new(),
            lost: carried.lost,
            statements: seen.statements,
        };
        let mut record = writer.finish(end).map_err(TrialError::Store)?;
        side.target.stop();
        let head = &record.head;
        record.failures.read_log(&side.folder, &|at| head.unix_millis(at));
        Ok(record)
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
