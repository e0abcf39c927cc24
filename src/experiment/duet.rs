//! A duet: baseline and candidate side by side on this machine, segment by segment, until
//! its controller ([`crate::analysis::controller::duet`]) says that it is enough.
//!
//! After each segment `duet.json` says how far it has come, so what kills loadgate costs
//! one segment. An interruption, an arm that dies, or a step that never works in one of them
//! ends it, in the pilot as in a segment; what was finished counts.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::analysis::comparison::Look;
use crate::analysis::controller::Next;
use crate::analysis::controller::duet::{
    Asked, Controller, Course, FirstStart, IdleSeen, Kept, PILOT, Said, Spec, Wish,
};
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::address::clock;
use crate::experiment::arm::PreparedArm;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::head::written;
use crate::experiment::resources::allow_connections;
use crate::experiment::segment::{Arena, BothUp, Failed, Play, Turn};
use crate::experiment::session::Session;
use crate::experiment::trial_error::TrialError;
use crate::record::duet::{
    ArmHead, DuetEnd, DuetFile, DuetRecord, GateSettings, Method, Segment, VERSION,
};
use crate::record::store::StoreError;
use crate::scenario::ceiling::requests_per_iteration_of;
use crate::scenario::model::{Arm, Scenario};
use crate::schedule::Choices;
use crate::target::process::Supervisor;

/// What a duet needs.
pub struct Duet<'a> {
    /// The scenario, with the load of one segment.
    pub scenario: Arc<Scenario>,
    /// How the time is spent.
    pub course: Course,
    /// What is compared with.
    pub baseline: &'a PreparedArm,
    /// What is judged.
    pub candidate: &'a PreparedArm,
    /// What the team accepts, and what gates.
    pub settings: GateSettings,
    /// At once or in turns.
    pub wish: Wish,
    /// The duet's folder; exists.
    pub folder: &'a Path,
    /// How targets are started.
    pub supervisor: Supervisor,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// Ends it early.
    pub control: Control,
    /// Hears what happens.
    pub watch: &'a mut dyn FnMut(DuetEvent),
}

impl std::fmt::Debug for Duet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Duet").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What happens in a duet, for those who watch.
#[derive(Debug, Clone, PartialEq)]
pub enum DuetEvent {
    /// A segment begins: its name and how long its load lasts.
    Segment(String, Duration),
    /// Something happens to an arm.
    Arm(Arm, Event),
    /// A metric was left out, the method was chosen, the pilot's forecast.
    Note(String),
    /// A planned look was taken.
    Look(Look),
}

/// Why there is nothing to judge.
#[derive(Debug)]
pub enum DuetError {
    /// An arm's target could not be had.
    Arm(Arm, TrialError),
    /// The generator, or the disk.
    Own(TrialError),
}

impl std::fmt::Display for DuetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DuetError::Arm(arm, error) => write!(f, "the {arm}: {error}"),
            DuetError::Own(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DuetError {}

impl Duet<'_> {
    /// Runs it. The record has what was finished, however it ended.
    pub fn run(mut self) -> Result<DuetRecord, DuetError> {
        let connections = self.scenario.limits.connections.saturating_mul(2);
        allow_connections(connections, false)
            .map_err(|error| DuetError::Own(TrialError::Resources(error)))?;
        let mut controller = self.controller();
        let ended = self.all_segments(&mut controller);
        let mut record = controller.into_record();
        let end = match ended {
            Ok(()) => DuetEnd::Finished,
            Err(Failed::Arm(_, TrialError::Interrupted(signal))) => DuetEnd::Interrupted { signal },
            Err(Failed::Died(arm, exit)) => DuetEnd::ArmLost { arm, detail: exit.to_string() },
            Err(Failed::Hopeless(arm, detail)) => DuetEnd::Hopeless { arm, detail },
            Err(Failed::Arm(arm, error)) if record.segments.is_empty() => {
                return Err(DuetError::Arm(arm, error));
            }
            Err(Failed::Arm(arm, error)) => DuetEnd::ArmLost { arm, detail: error.to_string() },
            Err(Failed::Own(error)) => return Err(DuetError::Own(error)),
        };
        record.file.end = Some(match self.control.signal() {
            Some(signal) => DuetEnd::Interrupted { signal },
            None => end,
        });
        record.file.write(self.folder).map_err(|error| DuetError::Own(TrialError::Store(error)))?;
        Ok(record)
    }

    fn controller(&self) -> Controller {
        Controller::new(Asked {
            file: self.file(),
            load: self.scenario.load.clone(),
            per_iteration: requests_per_iteration_of(
                &self.scenario.load,
                &self.scenario.flows,
                &self.scenario.steps,
            ),
            course: self.course,
            wish: self.wish,
        })
    }

    fn all_segments(&mut self, controller: &mut Controller) -> Result<(), Failed> {
        let begun = Instant::now();
        self.tell(controller);
        if self.course == Course::Fixed(Duration::ZERO) {
            // Planned already: whatever ends the first segment, there is a record.
            self.save(controller)?;
        }
        while let Next::Measure(spec) = controller.next() {
            let segment = self.measure(&spec, controller, begun)?;
            if self.control.signal().is_some() {
                // Cut short: its run folders are there, the gate does not look at them.
                break;
            }
            if controller.measured(segment, begun.elapsed()) == Kept::AsPilot {
                self.call_pilot(&spec.name)?;
            }
            self.tell(controller);
            self.save(controller)?;
        }
        Ok(())
    }

    /// Plays one; what a first start tells may change its load.
    fn measure(
        &mut self,
        spec: &Spec,
        controller: &mut Controller,
        begun: Instant,
    ) -> Result<Segment, Failed> {
        let folder = self.folder.join(&spec.name);
        let turn = Turn { folder: &folder, first: self.first(spec.number) };
        if controller.is_unstarted() {
            self.note("starting both arms");
        }
        let (supervisor, control) = (self.supervisor.clone(), self.control.clone());
        let arms = [self.baseline, self.candidate];
        let stage = Arena {
            arms,
            session: Session {
                supervisor: &supervisor,
                // Both by the same: what stamps one only would tell them apart.
                receive_clock: arms
                    .iter()
                    .fold(self.receive_clock, |best, arm| clock(&arm.scenario(0), best)),
                control: &control,
                workers: 1,
                share: None,
            },
        };
        let watch = &mut *self.watch;
        let up = stage.start_both(turn, &mut |arm, event| watch(DuetEvent::Arm(arm, event)))?;
        let mut spec = spec.clone();
        if controller.is_unstarted() {
            self.learn_of_start(&up, controller, begun);
            if let Next::Measure(planned) = controller.next() {
                spec = planned;
            }
        }
        (self.watch)(DuetEvent::Segment(spec.name.clone(), spec.length()));
        let play = Play { turn, block: spec.block(), load: spec.load };
        let watch = &mut *self.watch;
        stage.play(&play, up, &mut |arm, event| watch(DuetEvent::Arm(arm, event)))
    }

    fn learn_of_start(&mut self, up: &BothUp, controller: &mut Controller, begun: Instant) {
        let idle = match controller.wants_idle().then(|| up.idle(&self.control)) {
            Some(Some(idle)) => IdleSeen::Known(idle),
            Some(None) if self.control.ended().is_none() => IdleSeen::Unknown,
            Some(None) | None => IdleSeen::NotMeasured,
        };
        let spent = begun.elapsed().saturating_sub(up.took);
        controller.started(FirstStart { took: up.took, spent, idle });
        self.tell(controller);
    }

    /// What was measured as a segment turned out to be a pilot.
    fn call_pilot(&self, name: &str) -> Result<(), Failed> {
        if name == PILOT {
            return Ok(());
        }
        let from = self.folder.join(name);
        let moved = fs::rename(&from, self.folder.join(PILOT));
        moved.map_err(|error| Failed::Own(TrialError::Store(StoreError::Io(from, error))))
    }

    fn tell(&mut self, controller: &mut Controller) {
        for said in controller.said() {
            (self.watch)(match said {
                Said::Note(text) => DuetEvent::Note(text),
                Said::Look(look) => DuetEvent::Look(look),
            });
        }
    }

    /// Who is started first: by the toss of a coin in the first of two segments, and the other
    /// one in the second, so that neither is first in more than one of them.
    fn first(&self, number: u64) -> Arm {
        let mut coin = Choices::new(self.scenario.load.seed ^ 0xAB_BA, number.div_ceil(2));
        let tossed = if coin.bits() >> 63 == 0 { Arm::Baseline } else { Arm::Candidate };
        if number.is_multiple_of(2) { tossed.other() } else { tossed }
    }

    fn file(&self) -> DuetFile {
        let head = |arm: &PreparedArm| ArmHead {
            source: arm.description().to_owned(),
            commit: arm.commit().map(str::to_owned),
        };
        DuetFile {
            version: VERSION,
            scenario: self.scenario.name.clone(),
            scenario_hash: self.scenario.hash.clone(),
            started: written(SystemTime::now()),
            baseline: head(self.baseline),
            candidate: head(self.candidate),
            method: Method::Interleaved,
            method_reason: String::new(),
            settings: self.settings.clone(),
            dropped: Vec::new(),
            forecast: Vec::new(),
            idle: None,
            // The controller knows them.
            warmup_seconds: 0,
            judged_seconds: 0,
            segments: Vec::new(),
            end: None,
        }
    }

    fn save(&self, controller: &Controller) -> Result<(), Failed> {
        let written = controller.record().file.write(self.folder);
        written.map_err(|error| Failed::Own(TrialError::Store(error)))
    }

    fn note(&mut self, text: &str) {
        (self.watch)(DuetEvent::Note(text.to_owned()));
    }
}
