//! A duet: baseline and candidate side by side on this machine, segment by segment, until
//! the gate has decided.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | pilot | its 20 s, or there is none | planned |
//! | planned | what cannot be decided only watches, the method is chosen | a segment |
//! | segment | fresh processes of both arms, warm-up, judged seconds | a look |
//! | look | decided, or the last planned one: the end | a segment |
//!
//! Where a length of time is asked for ([`Course::Within`]) the first start of both arms tells how
//! many segments of what length fit in ([`crate::experiment::course`]), and the first segment is the pilot too: its
//! seconds count, unless it finds that the arms have to take turns.
//!
//! After each segment `duet.json` says how far it has come, so what kills loadgate costs
//! one segment. An interruption, an arm that dies, or a step that never works in one of them
//! ends it, in the pilot as in a segment; what was finished counts.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::analysis::assess::assess;
use crate::analysis::assessment::Verdict;
use crate::analysis::comparison::{Look, Ruling};
use crate::analysis::gate;
use crate::analysis::pairing::{self, Times};
use crate::analysis::power::decidable;
use crate::engine::plan::ReceiveClock;
use crate::experiment::arm::PreparedArm;
use crate::experiment::control::Control;
use crate::experiment::course::Within;
use crate::experiment::event::Event;
use crate::experiment::head::written;
use crate::experiment::resources::allow_connections;
use crate::experiment::segment::{Failed, Place, Play, Stage};
use crate::experiment::session::Session;
use crate::experiment::trial_error::TrialError;
use crate::record::duet::{
    ArmHead, DuetEnd, DuetFile, DuetRecord, GateSettings, Method, Segment, SegmentHead, VERSION,
};
use crate::scenario::load::Load;
use crate::scenario::model::{Arm, Scenario};
use crate::schedule::Choices;
use crate::target::process::Supervisor;

/// The folders of the first segment and of a pilot.
pub(super) const FIRST: &str = "segment-1";
pub(super) const PILOT: &str = "pilot";

/// How the time is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// By segments of the scenario's load, as many as there are looks, after a pilot of this
    /// judged length; none if zero.
    Fixed(Duration),
    /// As suits a length of time.
    Within(Within),
}

/// How the arms are to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// At once, unless the pilot finds the machine too small.
    Auto,
    /// At once.
    Interleaved,
    /// In turns.
    Alternating,
}

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
    /// How long the first start of both arms took, once it is known.
    pub took: Option<Duration>,
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
        let mut record = DuetRecord { file: self.file(), segments: Vec::new() };
        let ended = self.all_segments(&mut record);
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

    fn all_segments(&mut self, record: &mut DuetRecord) -> Result<(), Failed> {
        match self.course {
            Course::Fixed(pilot) => {
                let before = decidable(&self.gate(), &self.settings);
                self.plan(&mut record.file, before);
                if !pilot.is_zero() {
                    self.pilot(record, pilot)?;
                }
                self.choose_method(&mut record.file, None);
            }
            Course::Within(within) => {
                if self.first_segment(record, within)? {
                    return Ok(());
                }
            }
        }
        self.save(&record.file)?;
        while record.segments.len() < self.settings.looks as usize {
            let number = record.segments.len() + 1;
            let segment = self.segment(&format!("segment-{number}"), &mut record.file)?;
            if self.control.signal().is_some() {
                // Cut short: its run folders are there, the gate does not look at them.
                return Ok(());
            }
            if self.keep(record, segment)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Keeps a segment that came to its end, and looks; whether that was the last one.
    pub(super) fn keep(
        &mut self,
        record: &mut DuetRecord,
        segment: Segment,
    ) -> Result<bool, Failed> {
        let folder = format!("segment-{}", record.segments.len() + 1);
        record.file.segments.push(SegmentHead { folder, first: segment.first });
        record.segments.push(segment);
        self.save(&record.file)?;
        Ok(self.look(record))
    }

    /// The look after the latest segment: whether it is the last one. A
    /// candidate that the gate lets pass may still have objectives that want more requests.
    fn look(&mut self, record: &DuetRecord) -> bool {
        let measured = pairing::paired(record, Times::Response);
        let (looks, _) = gate::judge(&measured, &record.file.settings);
        let Some(look) = looks.last().cloned() else { return false };
        let ruling = look.ruling;
        (self.watch)(DuetEvent::Look(look));
        match ruling {
            Ruling::Inconclusive => false,
            Ruling::Regressed => true,
            Ruling::Pass | Ruling::Improved => {
                let candidate = pairing::joined(record, Arm::Candidate);
                let open =
                    candidate.is_some_and(|run| assess(&run).verdict == Verdict::Inconclusive);
                if open && record.segments.len() < self.settings.looks as usize {
                    self.note("the gate passes; the candidate's objectives want more requests");
                }
                !open
            }
        }
    }

    /// Plays one; what a first start tells is in the file afterwards.
    pub(super) fn segment(&mut self, name: &str, file: &mut DuetFile) -> Result<Segment, Failed> {
        let begun = Instant::now();
        let number = if name == PILOT { 0 } else { file.segments.len() as u64 + 1 };
        let folder = self.folder.join(name);
        let place = Place { folder: &folder, first: self.first(number) };
        let is_first = self.took.is_none();
        if is_first {
            self.note("starting both arms");
        }
        let (supervisor, control) = (self.supervisor.clone(), self.control.clone());
        let stage = Stage {
            arms: [self.baseline, self.candidate],
            session: Session {
                supervisor: &supervisor,
                receive_clock: self.receive_clock,
                control: &control,
                workers: 1,
            },
        };
        let watch = &mut *self.watch;
        let up = stage.start_both(place, &mut |arm, event| watch(DuetEvent::Arm(arm, event)))?;
        if is_first {
            self.look_at_start(&up, file, begun);
        }
        let block = match file.method {
            Method::Alternating { block, .. } => Some(Duration::from_secs(u64::from(block))),
            Method::Interleaved | Method::Stored => None,
        };
        let load = self.load_of(number, file);
        let times = if block.is_some() { 2 } else { 1 };
        (self.watch)(DuetEvent::Segment(name.to_owned(), load.length() * times));
        let play = Play { place, load, block };
        let watch = &mut *self.watch;
        stage.play(&play, up, &mut |arm, event| watch(DuetEvent::Arm(arm, event)))
    }

    /// Who is started first: by the toss of a coin in the first of two segments, and the other
    /// one in the second, so that neither is first in more than one of them.
    fn first(&self, number: u64) -> Arm {
        let mut coin = Choices::new(self.scenario.load.seed ^ 0xAB_BA, number.div_ceil(2));
        let tossed = if coin.bits() >> 63 == 0 { Arm::Baseline } else { Arm::Candidate };
        if number.is_multiple_of(2) { tossed.other() } else { tossed }
    }

    /// Each segment has its own arrivals; a pilot is a shorter one.
    fn load_of(&self, number: u64, file: &DuetFile) -> Load {
        let mut load = self.scenario.load.clone();
        load.seed = load.seed.wrapping_add(number);
        let judged = Duration::from_secs(u64::from(file.judged_seconds));
        if let [_, only] = load.stages.as_mut_slice() {
            only.length = judged;
        }
        load
    }

    /// Of the load's warm-up, or of what is judged.
    pub(super) fn seconds(&self, warmup: bool) -> u32 {
        let of = self.scenario.load.stages.iter().filter(|stage| stage.warmup == warmup);
        of.map(|stage| stage.length).sum::<Duration>().as_secs() as u32
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
            warmup_seconds: self.seconds(true),
            judged_seconds: self.seconds(false),
            segments: Vec::new(),
            end: None,
        }
    }

    pub(super) fn save(&self, file: &DuetFile) -> Result<(), Failed> {
        file.write(self.folder).map_err(|error| Failed::Own(TrialError::Store(error)))
    }

    pub(super) fn note(&mut self, text: &str) {
        (self.watch)(DuetEvent::Note(text.to_owned()));
    }
}
