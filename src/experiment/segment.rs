//! One segment of a duet: both arms started afresh, warmed, loaded side by side, stopped.
//!
//! The arms share one thread of the generator. What was measured of each is a run folder
//! of its own, `baseline` and `candidate`.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::engine::collector::{Collector, Heard, Message};
use crate::engine::ledger::Totals;
use crate::engine::plan::{Plan, ReceiveClock};
use crate::engine::worker;
use crate::experiment::arm::PreparedArm;
use crate::experiment::control::Control;
use crate::experiment::head::head;
use crate::experiment::hopeless::Hopes;
use crate::experiment::idle;
use crate::experiment::lookout::Lookout;
use crate::experiment::start::Started;
use crate::experiment::trial::{Event, LEAD, TrialError, resolve, shown};
use crate::record::duet::{Idle, Segment};
use crate::record::recorder::Recorder;
use crate::record::run::{End, EndReason, RunRecord, StepHead};
use crate::record::store::{self, RunWriter, StoreError};
use crate::record::target_log::TARGET_LOG;
use crate::scenario::load::Load;
use crate::scenario::model::{Arm, Scenario};
use crate::schedule::arms::Timing;
use crate::target::monitor::Monitor;
use crate::target::port::free_port;
use crate::target::process::{ExitReport, Supervisor};

/// How long requests in flight may take when an arm cannot work.
const DRAIN_HOPELESS: Duration = Duration::from_secs(1);

/// What all segments of a duet have in common.
pub(super) struct Stage<'a> {
    /// Baseline, candidate.
    pub(super) arms: [&'a PreparedArm; 2],
    /// How targets are started.
    pub(super) supervisor: &'a Supervisor,
    /// What stamps the arrival of bytes.
    pub(super) receive_clock: ReceiveClock,
    /// Ends it early.
    pub(super) control: &'a Control,
}

/// Where one segment's arms are started, and who is first.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Its folder.
    pub(super) folder: &'a Path,
    /// Who is started first, and has the first block.
    pub(super) first: Arm,
}

/// How one segment is played.
pub(super) struct Play<'a> {
    /// Where.
    pub(super) place: Place<'a>,
    /// Warm-up and judged stages.
    pub(super) load: Load,
    /// Length of a block, if the arms take turns.
    pub(super) block: Option<Duration>,
}

/// Both arms, up and ready.
pub(super) struct BothUp {
    arms: Vec<Up>,
    /// How long that took.
    pub(super) took: Duration,
}

impl BothUp {
    /// What they use while nothing is asked of them; `None` where nobody knows.
    pub(super) fn idle(&self, control: &Control) -> Option<Idle> {
        let tree = |arm: Arm| {
            let up = self.arms.iter().find(|up| up.arm == arm)?;
            Some(up.target.monitor(&up.scenario).watch?.tree())
        };
        idle::measure([tree(Arm::Baseline)?, tree(Arm::Candidate)?], control)
    }
}

/// Why a segment came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// One arm's target could not be had.
    Arm(Arm, TrialError),
    /// One arm's target died under load.
    Died(Arm, ExitReport),
    /// A step of one arm cannot work.
    Hopeless(Arm, String),
    /// The generator, or the disk.
    Own(TrialError),
}

/// An arm that is up, or on its way.
struct Up {
    arm: Arm,
    scenario: Arc<Scenario>,
    target: Started,
}

/// An arm that is up, with everything to load it.
struct Ready {
    arm: Arm,
    scenario: Arc<Scenario>,
    target: Started,
    plan: Plan,
    steps: Vec<StepHead>,
    writer: RunWriter,
    out: Sender<Message>,
    inbox: Receiver<Message>,
}

/// What became of an arm.
struct Outcome {
    totals: Totals,
    died: Option<ExitReport>,
    ended: Duration,
}

impl Stage<'_> {
    /// Starts both arms and waits until they are ready.
    pub(super) fn start_both(
        &self,
        place: Place<'_>,
        watch: &mut dyn FnMut(Arm, Event),
    ) -> Result<BothUp, Failed> {
        let begun = Instant::now();
        let mut arms = Vec::new();
        for arm in [place.first, place.first.other()] {
            let (scenario, target) =
                self.start(arm, place, watch).map_err(|error| Failed::Arm(arm, error))?;
            arms.push(Up { arm, scenario, target });
        }
        for Up { arm, scenario, target } in &arms {
            target
                .wait_until_ready(scenario, self.control, &mut |event| watch(*arm, event))
                .map_err(|error| Failed::Arm(*arm, error))?;
        }
        Ok(BothUp { arms, took: begun.elapsed() })
    }

    /// Plays one segment with arms that are up.
    pub(super) fn play(
        &self,
        play: &Play<'_>,
        up: BothUp,
        watch: &mut dyn FnMut(Arm, Event),
    ) -> Result<Segment, Failed> {
        let start = Instant::now() + LEAD;
        let ready = up.arms.into_iter().map(|up| self.ready(play, start, up));
        let mut ready: Vec<Ready> = ready.collect::<Result<_, _>>()?;
        ready.sort_by_key(|ready| ready.arm != Arm::Baseline);
        let candidate = ready.pop().expect("both arms were made ready");
        let baseline = ready.pop().expect("both arms were made ready");
        self.load(baseline, candidate, play, watch)
    }

    fn start(
        &self,
        arm: Arm,
        place: Place<'_>,
        watch: &mut dyn FnMut(Arm, Event),
    ) -> Result<(Arc<Scenario>, Started), TrialError> {
        let prepared = self.arms[usize::from(arm == Arm::Candidate)];
        let port =
            if prepared.needs_port() { free_port().map_err(TrialError::Engine)? } else { 0 };
        let scenario = prepared.scenario(port);
        let folder = place.folder.join(arm.name());
        fs::create_dir_all(&folder)
            .map_err(|error| TrialError::NoRoom(StoreError::Io(folder.clone(), error)))?;
        let head = head(&scenario, shown(&scenario), 1, SystemTime::now());
        store::try_out(&folder, &head).map_err(TrialError::NoRoom)?;
        let log = folder.join(TARGET_LOG);
        let target =
            Started::start(&scenario, self.supervisor, &log, &mut |event| watch(arm, event))?;
        Ok((scenario, target))
    }

    fn ready(&self, play: &Play<'_>, start: Instant, up: Up) -> Result<Ready, Failed> {
        let Up { arm, scenario, target } = up;
        let scenario = Arc::new(Scenario { load: play.load.clone(), ..Scenario::clone(&scenario) });
        let failed = |error| Failed::Arm(arm, error);
        let address = target.address().clone();
        let (socket, lookup) = resolve(&address).map_err(failed)?;
        let ahead = start.saturating_duration_since(Instant::now());
        let mut head = head(&scenario, shown(&scenario), 1, SystemTime::now() + ahead);
        self.receive_clock.name().clone_into(&mut head.environment.receive_clock);
        head.lookup_ms = lookup.map(|lookup| lookup.as_secs_f64() * 1e3);
        let steps = head.steps.clone();
        let writer = RunWriter::create(&play.place.folder.join(arm.name()), head)
            .map_err(|error| Failed::Own(TrialError::Store(error)))?;
        let timing = match play.block {
            None => Timing::interleaved(arm, &scenario.load),
            Some(block) => Timing::Alternating { arm, first: play.place.first, block },
        };
        let plan = Plan {
            scenario: Arc::clone(&scenario),
            address: socket,
            authority: address.authority(),
            workers: 1,
            receive_clock: self.receive_clock,
            timing,
            start,
            stop: self.control.subscribe(),
        };
        let (out, inbox) = mpsc::channel();
        Ok(Ready { arm, scenario, target, plan, steps, writer, out, inbox })
    }

    fn load(
        &self,
        mut baseline: Ready,
        mut candidate: Ready,
        play: &Play<'_>,
        watch: &mut dyn FnMut(Arm, Event),
    ) -> Result<Segment, Failed> {
        let own = |error| Failed::Own(TrialError::Engine(error));
        let plans = [baseline.plan.clone(), candidate.plan.clone()];
        let crew = worker::spawn_pair(plans, [baseline.out.clone(), candidate.out.clone()]);
        let crew = crew.map_err(own)?;
        let hopes = |ready: &Ready| Hopes::of(&ready.steps);
        let (mut of_baseline, mut of_candidate) = (hopes(&baseline), hopes(&candidate));
        let control = self.control;
        let mut aside = |heard: &Heard<'_>| give_up(&mut of_baseline, heard, control);
        let mut progress = |heard: &Heard<'_>| {
            watch(Arm::Candidate, Event::Progress(heard.progress));
            give_up(&mut of_candidate, heard, control);
        };
        let outcomes = thread::scope(|scope| {
            let beside = scope.spawn(|| baseline.collect(&crew, control, &mut aside));
            let candidates = candidate.collect(&crew, self.control, &mut progress);
            let baselines = beside.join().map_err(|_| io::Error::other("a collector panicked"));
            Ok([baselines??, candidates?])
        });
        let [for_baseline, for_candidate] = outcomes.map_err(own)?;
        for worker in crew {
            let ended = worker.join().map_err(|_| own(io::Error::other("a worker panicked")))?;
            ended.map_err(own)?;
        }
        watch(Arm::Candidate, Event::Stopping);
        let (baseline, lost) = baseline.finish(for_baseline, &of_baseline, self.control)?;
        let (candidate, lost_too) = candidate.finish(for_candidate, &of_candidate, self.control)?;
        let of_candidate = of_candidate.lost().map(|why| (Arm::Candidate, why));
        let hopeless = of_candidate.or(of_baseline.lost().map(|why| (Arm::Baseline, why)));
        match (lost.or(lost_too), hopeless) {
            (Some((arm, exit)), _) => Err(Failed::Died(arm, exit)),
            (None, Some((arm, why))) => Err(Failed::Hopeless(arm, why.to_owned())),
            (None, None) => Ok(Segment { baseline, candidate, first: play.place.first }),
        }
    }
}

/// Ends both arms when a step of one cannot work.
fn give_up(hopes: &mut Hopes, heard: &Heard<'_>, control: &Control) {
    if hopes.look(heard.progress.second, heard.steps).is_some() {
        control.drain(DRAIN_HOPELESS);
    }
}

impl Ready {
    /// Writes what the worker says until it has said all.
    fn collect(
        &mut self,
        crew: &[JoinHandle<io::Result<()>>],
        control: &Control,
        progress: &mut dyn FnMut(&Heard<'_>),
    ) -> io::Result<Outcome> {
        let monitor: Monitor = self.target.monitor(&self.scenario);
        let start = self.plan.start;
        let mut lookout = Lookout::start(monitor, start, control.clone(), self.out.clone())?;
        let recorder = Recorder::new(self.scenario.thresholds());
        let mut collector = Collector::new(&mut self.writer, recorder, 1, progress);
        collector.run(&self.inbox, || {
            lookout.look();
            !crew.iter().all(JoinHandle::is_finished)
        });
        let ended = start.elapsed();
        let died = lookout.end().or_else(|| self.target.exited());
        Ok(Outcome { totals: collector.finish(&self.inbox), died, ended })
    }

    /// Stops the target and closes the record; also how the target ended, if it did so
    /// before.
    fn finish(
        self,
        outcome: Outcome,
        hopes: &Hopes,
        control: &Control,
    ) -> Result<(RunRecord, Option<(Arm, ExitReport)>), Failed> {
        self.target.stop();
        let whole = Duration::from_nanos(self.plan.end().0);
        let cut = control.ended().map(|ended| ended.saturating_duration_since(self.plan.start));
        let reason = match (&outcome.died, control.signal(), hopes.lost()) {
            (Some(exit), ..) => EndReason::TargetDied { detail: exit.to_string() },
            (None, Some(signal), _) => EndReason::Interrupted { signal },
            (None, None, Some(why)) => EndReason::Hopeless { detail: why.to_owned() },
            (None, None, None) => EndReason::Finished,
        };
        let end = End {
            reason,
            scheduled: cut.map_or(whole, |cut| cut.min(whole)).as_secs_f64(),
            seconds: outcome.ended.as_secs_f64(),
            abandoned: outcome.totals.abandoned,
            iterations: outcome.totals.iterations,
            iterations_completed: outcome.totals.completed,
            faults: Vec::new(),
        };
        let record = self.writer.finish(end);
        let record = record.map_err(|error| Failed::Own(TrialError::Store(error)))?;
        Ok((record, outcome.died.map(|exit| (self.arm, exit))))
    }
}
