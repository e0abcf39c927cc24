//! One measurement: targets up, loaded for a while by one generator, and down or kept for the
//! next. What was measured of each is a record, whatever becomes of the others.
//!
//! A trial has one side, a duet's segment has two that share a thread of the generator.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crate::engine::collector::{self, Collector, Message};
use crate::engine::lease::Lease;
use crate::engine::ledger::Totals;
use crate::engine::plan::{Plan, Purpose, Start};
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::address::{self, Later, Reached, reach, shown};
use crate::experiment::beginning;
use crate::experiment::control::Control;
use crate::experiment::crew::{self, Crew};
use crate::experiment::event::Event;
use crate::experiment::head::head;
use crate::experiment::hopeless::Hopes;
use crate::experiment::measured::{Measured, StillUp};
use crate::experiment::resources;
use crate::experiment::share::Share;
use crate::experiment::shown_certificate;
use crate::experiment::side::Side;
use crate::experiment::start::Started;
use crate::experiment::steered;
use crate::experiment::trial_error::TrialError;
use crate::experiment::watcher::{Watched, Watcher};
use crate::record::recorder::Recorder;
use crate::record::run::{End, EndReason, Head};
use crate::record::store::{self, RunWriter, StoreError};
use crate::record::target_log::TARGET_LOG;
use crate::scenario::model::Scenario;
use crate::scenario::slots::Slots;
use crate::schedule::arms::Timing;
use crate::target::git;
use crate::target::machine;
use crate::target::process::Supervisor;
use crate::units::Moment;

/// For how long is looked who else uses the machine.
const LOOK_AROUND: Duration = Duration::from_millis(100);

/// What all sides have in common.
#[derive(Clone, Copy)]
pub(super) struct Session<'a> {
    /// How targets are started.
    pub(super) supervisor: &'a Supervisor,
    /// What stamps the arrival of bytes.
    pub(super) receive_clock: ReceiveClock,
    /// Ends it early.
    pub(super) control: &'a Control,
    /// Threads of the generator for each side.
    pub(super) workers: usize,
    /// Which part of the load they carry out, where others have the rest.
    pub(super) share: Option<&'a Share>,
}

/// A side could not be had, or the generator failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Of the side at this place.
    Side(usize, TrialError),
    /// Of the generator, or the disk.
    Own(TrialError),
}

/// Hears what happens to which side.
pub(super) type Watch<'w> = &'w mut dyn FnMut(usize, Event);

/// A side with everything to load it.
struct Ready {
    side: Side,
    plan: Plan,
    hopes: Hopes,
    writer: RunWriter,
    later: Later,
    out: Sender<Message>,
    inbox: Receiver<Message>,
}

/// What loading a side came to.
struct Loaded {
    totals: Totals,
    seen: Watched,
    ended: Duration,
    /// When nothing more was due, if that was before the end of the schedule and nobody's order.
    cut: Option<Duration>,
}

/// What a worker has said of a side that cannot work.
pub(super) struct Heard {
    /// When it began.
    pub(super) start: Start,
    /// All that it said.
    pub(super) messages: Vec<Message>,
    /// Which step there is no hope for.
    pub(super) hopes: Hopes,
    /// How long it took.
    pub(super) ended: Duration,
}

impl Session<'_> {
    /// Starts a target, which is not yet that it is ready. It must not be started, and loaded,
    /// for a run that nothing can be kept of.
    pub(super) fn start(
        &self,
        scenario: Arc<Scenario>,
        folder: &Path,
        watch: &mut dyn FnMut(Event),
    ) -> Result<Side, TrialError> {
        fs::create_dir_all(folder)
            .map_err(|error| TrialError::NoRoom(StoreError::Io(folder.to_owned(), error)))?;
        store::try_out(folder, &self.head(&scenario, SystemTime::now()))
            .map_err(TrialError::NoRoom)?;
        self.start_in(scenario, folder, watch)
    }

    /// The same in the folder of a run, which stays as it is until it goes on.
    pub(super) fn start_in(
        &self,
        scenario: Arc<Scenario>,
        folder: &Path,
        watch: &mut dyn FnMut(Event),
    ) -> Result<Side, TrialError> {
        let start = scenario.target.start.as_ref();
        let revision = start.and_then(|start| git::revision(&start.folder));
        let log = folder.join(TARGET_LOG);
        let others_before = start.and_then(|_| machine::in_use_percent(LOOK_AROUND));
        let target = Started::start(&scenario, self.supervisor, &log, watch)?;
        let (folder, purpose) = (folder.to_owned(), Purpose::Load);
        let (given, is_set_up, ahead) = (Arc::default(), false, None);
        Ok(Side {
            scenario,
            target,
            revision,
            folder,
            purpose,
            ahead,
            given,
            others_before,
            is_set_up,
        })
    }

    /// Waits until a target is ready, and does what is done once before a load.
    pub(super) fn wait_until_ready(
        &self,
        side: &mut Side,
        watch: &mut dyn FnMut(Event),
    ) -> Result<(), TrialError> {
        side.target.wait_until_ready(&side.scenario, self.control, watch)?;
        self.set_up(side)
    }

    /// Loads one side, or two on one thread, each by its scenario and in its time. Their targets
    /// stay up until they are stopped or dropped.
    pub(super) fn measure(
        &self,
        sides: Vec<(Side, Timing)>,
        watch: Watch<'_>,
    ) -> Result<Vec<StillUp>, Failure> {
        let own = |error| Failure::Own(TrialError::Engine(error));
        let mut sides = sides;
        for (position, (side, _)) in sides.iter_mut().enumerate() {
            self.set_up(side).map_err(|error| of_side(position, error))?;
        }
        let ahead = sides.iter().find_map(|(side, _)| side.ahead.as_deref());
        let start = self.share.map_or_else(|| beginning::start(ahead), |share| share.start);
        let ready = sides.into_iter().enumerate().map(|(position, (side, timing))| {
            self.ready(side, timing, start, &mut |event| watch(position, event))
                .map_err(|error| of_side(position, error))
        });
        let mut ready: Vec<Ready> = ready.collect::<Result<_, _>>()?;
        let told = ready.iter().map(|it| (it.plan.clone(), it.out.clone())).collect::<Vec<_>>();
        let crew = crew::begin(&told).map_err(own)?;
        let loaded = self.load(&mut ready, &crew, watch).map_err(own)?;
        for worker in crew {
            let ended = worker.join().map_err(|_| own(io::Error::other("a worker panicked")))?;
            ended.map_err(own)?;
        }
        watch(ready.len() - 1, Event::Stopping);
        let store = |error| Failure::Own(TrialError::Store(error));
        let ended = ready.into_iter().zip(loaded);
        ended.map(|(ready, loaded)| ready.finish(loaded, self).map_err(store)).collect()
    }

    /// The record of a side that was not loaded, as it cannot work; stops it.
    pub(super) fn unfit(
        &self,
        side: Side,
        heard: Heard,
        watch: &mut dyn FnMut(Event),
    ) -> Result<Measured, TrialError> {
        let mut ready = self.ready(side, Timing::Alone, heard.start, watch)?;
        ready.hopes = heard.hopes;
        for message in heard.messages {
            // Its other end is here.
            let _ = ready.out.send(message);
        }
        let recorder = Recorder::of(ready.writer.head());
        let mut unwatched = |_: &collector::Heard<'_>| {};
        let mut collector = Collector::new(&mut ready.writer, recorder, 1, &mut unwatched);
        collector.run(&ready.inbox, || true);
        let totals = collector.finish(&ready.inbox);
        let (ended, cut) = (heard.ended, Some(heard.ended));
        watch(Event::Stopping);
        let loaded = Loaded { totals, seen: Watched::default(), ended, cut };
        ready.finish(loaded, self).map(StillUp::stop).map_err(TrialError::Store)
    }

    /// What is known of a run that starts at a moment.
    pub(super) fn head(&self, scenario: &Scenario, start: SystemTime) -> Head {
        let mut head = head(scenario, shown(scenario), self.workers, start);
        let clock = address::clock(scenario, self.receive_clock);
        clock.name().clone_into(&mut head.generators[0].environment.receive_clock);
        head.generators[0].slots = self.slots();
        head
    }

    fn slots(&self) -> Slots {
        self.share.map_or_else(|| Slots::all(self.workers), |share| share.slots)
    }

    fn ready(
        &self,
        side: Side,
        timing: Timing,
        start: Start,
        watch: &mut dyn FnMut(Event),
    ) -> Result<Ready, TrialError> {
        let mut side = side;
        let address = side.target.address().clone();
        let reached = reach(&address, &side.scenario);
        let Reached { endpoint, lookup, addresses, used, later } =
            self.or_tear_down(&mut side, reached)?;
        let from = side.from();
        let writer = if let Some(ahead) = side.ahead.take() {
            ahead.begin(start.on_the_wall)
        } else {
            let lookup_ms = lookup.map(|lookup| lookup.as_secs_f64() * 1e3);
            let mut head = self.new_head(&side, start, watch);
            shown_certificate::look_at(&mut head, (side.target.address(), &used), watch);
            (head.lookup_ms, head.addresses) = (lookup_ms, addresses);
            RunWriter::create(&side.folder, head)
        };
        let writer = writer.map_err(TrialError::Store);
        let mut writer = self.or_tear_down(&mut side, writer)?;
        if let Some(share) = self.share {
            writer.tell(share.tell.clone());
        }
        // What goes on has worked before; of a part whoever has the whole decides.
        let hopes =
            Hopes::of_run(writer.head(), from > 0 || self.share.is_some(), self.control.fails_fast);
        if let Some(waits) = hopes.that_wait() {
            watch(Event::Warning(waits.to_owned()));
        }
        let plan = Plan {
            scenario: Arc::clone(&side.scenario),
            address: endpoint,
            authority: address.authority(),
            slots: self.slots(),
            streams: address.streams(&side.scenario.limits),
            receive_clock: address::clock(&side.scenario, self.receive_clock),
            purpose: side.purpose,
            given: Arc::clone(&side.given),
            timing,
            start,
            from: Moment(u64::from(from) * 1_000_000_000),
            stop: self.control.subscribe(),
            orders: self.control.orders.heard(),
            lease: self.share.map_or_else(Lease::endless, |share| share.lease.clone()),
        };
        let (out, inbox) = mpsc::channel();
        Ok(Ready { side, plan, hopes, writer, later, out, inbox })
    }

    /// What is known of a side's run that starts at a moment.
    fn new_head(&self, side: &Side, start: Start, watch: &mut dyn FnMut(Event)) -> Head {
        let mut head = self.head(&side.scenario, start.on_the_wall);
        head.revision.clone_from(&side.revision);
        let warnings = resources::warnings(&side.scenario, self.workers);
        for warning in &warnings {
            watch(Event::Warning(warning.clone()));
        }
        let environment = &mut head.generators[0].environment;
        (environment.warnings, environment.others_before) = (warnings, side.others_before);
        head
    }

    /// Writes what the workers say of each side until they have said all. The last side's
    /// progress is told.
    fn load(&self, ready: &mut [Ready], crew: &Crew, watch: Watch<'_>) -> io::Result<Vec<Loaded>> {
        let last = ready.len() - 1;
        let (aside, shown) = ready.split_at_mut(last);
        let control = self.control;
        thread::scope(|scope| {
            let beside: Vec<_> = aside
                .iter_mut()
                .map(|ready| scope.spawn(move || ready.collect(crew, control, &mut |_| {})))
                .collect();
            let shown = shown[0].collect(crew, control, &mut |event| watch(last, event));
            let panicked = |_| io::Error::other("a collector panicked");
            let mut loaded: Vec<Loaded> = beside
                .into_iter()
                .map(|one| one.join().map_err(panicked)?)
                .collect::<io::Result<_>>()?;
            loaded.push(shown?);
            Ok(loaded)
        })
    }
}

/// What is lacking on the disk is not the target's fault.
fn of_side(position: usize, error: TrialError) -> Failure {
    match error {
        TrialError::Store(_) => Failure::Own(error),
        error => Failure::Side(position, error),
    }
}

impl Ready {
    fn collect(
        &mut self,
        crew: &Crew,
        control: &Control,
        watch: &mut dyn FnMut(Event),
    ) -> io::Result<Loaded> {
        let Ready { side, plan, hopes, writer, out, inbox, .. } = self;
        let monitor = side.target.monitor(&side.scenario, plan.timing);
        let grid = (plan.start.at, plan.from.second());
        let mut watcher = Watcher::start(monitor, grid, control.clone(), out.clone())?;
        let (recorder, asks) = (Recorder::of(writer.head()), hopes.asks_for_parts());
        let mut progress = |heard: &collector::Heard<'_>| {
            watch(Event::Progress(heard.progress));
            if let Some(why) = hopes.hear(&heard.progress, heard.series, heard.learnt) {
                watch(Event::Warning(format!("the run ends here: {why}")));
                control.drain(hopes.drain());
            }
        };
        let threads = plan.slots.threads();
        let mut collector =
            Collector::new(writer, recorder, threads, &mut progress).telling_parts(asks);
        collector.run(inbox, || {
            watcher.look();
            !crew.iter().all(JoinHandle::is_finished)
        });
        let ended = plan.start.at.elapsed();
        // It may have died on the very last request.
        let seen = watcher.end(|| side.target.exited());
        Ok(Loaded { totals: collector.finish(inbox), seen, ended, cut: None })
    }

    /// Closes the record.
    fn finish(mut self, loaded: Loaded, session: &Session<'_>) -> Result<StillUp, StoreError> {
        let control = session.control;
        let Loaded { totals, seen: Watched { died, statements }, ended, cut } = loaded;
        let reason = match (&died, control.signal(), self.hopes.reason()) {
            (Some(exit), ..) => EndReason::TargetDied { detail: exit.to_string() },
            (None, Some(signal), _) => EndReason::Interrupted { signal },
            (None, None, Some(reason)) => reason,
            (None, None, None) => super::used_up::reason(&totals, &self.side.scenario),
        };
        // A target that is dead cannot be cleaned up after.
        let teardown = died.is_none().then(|| session.tear_down(&mut self.side)).flatten();
        let whole = Duration::from_nanos(self.plan.end().0);
        let cut = cut.or_else(|| control.over_after(self.plan.start.at));
        let cut = cut.or(super::used_up::cut(&totals, self.plan.slots.threads()));
        let before = self.writer.resumed().cloned().unwrap_or_default();
        let end = End {
            reason,
            scheduled: cut.map_or(whole, |cut| cut.min(whole)).as_secs_f64(),
            seconds: ended.as_secs_f64(),
            abandoned: before.lost + totals.abandoned,
            iterations: before.iterations + totals.iterations,
            iterations_completed: before.iterations_completed + totals.completed,
            handshakes: before.handshakes.and(totals.handshakes),
            later_addresses: self.later.seen(),
            faults: Vec::new(),
            lost: Vec::new(),
            watcher: None,
            statements,
            teardown,
        };
        steered::keep(&mut self.writer, &self.side.scenario, &control.orders);
        let record = self.writer.finish(end)?;
        let hopeless = self.hopes.lost().map(str::to_owned);
        Ok(StillUp { side: self.side, measured: Measured { record, died, hopeless } })
    }
}
