//! A duet: baseline and candidate side by side on this machine, segment by segment, until
//! the gate has decided.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | pilot | its 20 s, or there is none | planned |
//! | planned | metrics that cannot be decided are dropped, the method is chosen | a segment |
//! | segment | fresh processes of both arms, warm-up, judged seconds | a look |
//! | look | decided, or the last planned one: the end | a segment |
//!
//! After each segment `duet.json` says how far it has come, so what kills loadgate costs
//! one segment. An interruption, an arm that dies, or a step that never works in one of them
//! ends it, in the pilot as in a segment; what was finished counts.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::analysis::assess::assess;
use crate::analysis::assessment::Verdict;
use crate::analysis::comparison::{Look, Paired, Ruling};
use crate::analysis::gate;
use crate::analysis::pairing::{self, Times};
use crate::analysis::power::{GatePlan, PlannedGate, decidable, decidable_after};
use crate::engine::plan::ReceiveClock;
use crate::experiment::arm::PreparedArm;
use crate::experiment::control::Control;
use crate::experiment::head::written;
use crate::experiment::resources::allow_connections;
use crate::experiment::segment::{Failed, Play, Stage};
use crate::experiment::segment_load::{requests_per_iteration, whole_seconds};
use crate::experiment::trial::{Event, TrialError};
use crate::record::duet::{
    ArmHead, DuetEnd, DuetFile, DuetRecord, GateSettings, Method, Segment, SegmentHead, VERSION,
};
use crate::scenario::load::{Load, Stage as LoadStage};
use crate::scenario::model::{Arm, Scenario};
use crate::schedule::Choices;
use crate::target::process::Supervisor;

/// Length of a block where the arms take turns, in seconds.
const BLOCK: u32 = 5;
/// Seconds at a block's beginning that are not judged: the other arm may still be at work.
const BLOCK_DROPPED: u32 = 1;
/// Share of the machine from which on the arms take turns.
const CROWDED: f64 = 0.7;

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
    /// What is compared with.
    pub baseline: &'a PreparedArm,
    /// What is judged.
    pub candidate: &'a PreparedArm,
    /// What the team accepts, and what gates.
    pub settings: GateSettings,
    /// At once or in turns.
    pub wish: Wish,
    /// Judged length of the pilot; none if zero.
    pub pilot: Duration,
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
        let mut record = DuetRecord { file: self.file(), segments: Vec::new() };
        let before = decidable(&self.gate(), &self.settings);
        self.plan(&mut record.file, before);
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
        if !self.pilot.is_zero() {
            self.pilot(record)?;
        }
        self.choose_method(&mut record.file, None);
        self.save(&record.file)?;
        while record.segments.len() < self.settings.looks as usize {
            let number = record.segments.len() + 1;
            let segment =
                self.segment(&format!("segment-{number}"), number as u64, &record.file)?;
            if self.control.signal().is_some() {
                // Cut short: its run folders are there, the gate does not look at them.
                return Ok(());
            }
            let folder = format!("segment-{number}");
            record.file.segments.push(SegmentHead { folder, first: segment.first });
            record.segments.push(segment);
            self.save(&record.file)?;
            if self.look(record) {
                return Ok(());
            }
        }
        Ok(())
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

    /// Some seconds of both arms that tell what the gate will see, and how full the machine
    /// is with both.
    fn pilot(&mut self, record: &mut DuetRecord) -> Result<(), Failed> {
        let mut file = record.file.clone();
        file.method = if self.wish == Wish::Alternating { in_turns() } else { Method::Interleaved };
        file.judged_seconds = whole_seconds(self.pilot).as_secs() as u32;
        let segment = self.segment("pilot", 0, &file)?;
        if self.control.signal().is_some() {
            return Ok(());
        }
        let pairs = pairing::pairs(&file, &segment, Times::Response);
        let pilot = Paired { segments: vec![pairs], ..Paired::default() };
        let settings = record.file.settings.clone();
        let after = decidable_after(&pilot, &self.gate(), &settings);
        for sentence in after.visible.iter().map(|seen| seen.sentence.clone()) {
            self.note(&sentence);
            record.file.forecast.push(sentence);
        }
        self.plan(&mut record.file, after);
        self.choose_method(&mut record.file, busy(&segment));
        Ok(())
    }

    /// Says by name what cannot be decided and so only watches.
    fn plan(&mut self, file: &mut DuetFile, found: GatePlan) {
        for dropped in found.dropped {
            self.note(&format!("only watches: {}", dropped.reason));
            file.settings.watches.push(dropped.metric);
            file.dropped.push(dropped);
        }
        file.settings.metrics = found.metrics;
        for sentence in found.hopeless {
            if !file.forecast.contains(&sentence) {
                self.note(&sentence);
                file.forecast.push(sentence);
            }
        }
        self.settings = file.settings.clone();
    }

    fn choose_method(&mut self, file: &mut DuetFile, busy: Option<f64>) {
        if !file.method_reason.is_empty() {
            return;
        }
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let (method, reason) = match (self.wish, busy) {
            (Wish::Interleaved, _) => (Method::Interleaved, "as asked for".to_owned()),
            (Wish::Alternating, _) => (in_turns(), "as asked for".to_owned()),
            (Wish::Auto, Some(busy)) if busy > CROWDED => (
                in_turns(),
                format!("both arms and the generator use {} of the machine at once", percent(busy)),
            ),
            (Wish::Auto, Some(busy)) => (
                Method::Interleaved,
                format!("both arms and the generator use {} of the machine", percent(busy)),
            ),
            (Wish::Auto, None) => (Method::Interleaved, "there was no pilot".to_owned()),
        };
        let words = match method {
            Method::Interleaved => "both arms at once, requests interleaved",
            Method::Alternating { .. } => "the arms in turns of 5 s, in the order ABBA",
            Method::Stored => "stored numbers",
        };
        self.note(&format!("{words}: {reason}"));
        (file.method, file.method_reason) = (method, reason);
    }

    fn segment(&mut self, name: &str, number: u64, file: &DuetFile) -> Result<Segment, Failed> {
        let folder = self.folder.join(name);
        let mut coin = Choices::new(self.scenario.load.seed ^ 0xAB_BA, number);
        let first = if coin.bits() >> 63 == 0 { Arm::Baseline } else { Arm::Candidate };
        let block = match file.method {
            Method::Alternating { block, .. } => Some(Duration::from_secs(u64::from(block))),
            Method::Interleaved | Method::Stored => None,
        };
        let load = self.load_of(number, file);
        let times = if block.is_some() { 2 } else { 1 };
        (self.watch)(DuetEvent::Segment(name.to_owned(), load.length() * times));
        let stage = Stage {
            arms: [self.baseline, self.candidate],
            supervisor: &self.supervisor,
            receive_clock: self.receive_clock,
            control: &self.control,
        };
        let play = Play { folder: &folder, load, first, block };
        let watch = &mut *self.watch;
        stage.play(&play, &mut |arm, event| watch(DuetEvent::Arm(arm, event)))
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

    /// What the whole gate measures at most.
    fn gate(&self) -> PlannedGate {
        let judged = || self.scenario.load.stages.iter().filter(|stage| !stage.warmup);
        let seconds: f64 = judged().map(|stage| stage.length.as_secs_f64()).sum();
        let arrivals: f64 = judged().map(LoadStage::area).sum();
        let steps = requests_per_iteration(&self.scenario);
        let rate = arrivals / seconds.max(1e-9) * steps;
        PlannedGate { rate, segment_seconds: seconds, segments: self.settings.looks }
    }

    fn file(&self) -> DuetFile {
        let seconds = |warmup| {
            let of = self.scenario.load.stages.iter().filter(|stage| stage.warmup == warmup);
            of.map(|stage| stage.length).sum::<Duration>().as_secs() as u32
        };
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
            warmup_seconds: seconds(true),
            judged_seconds: seconds(false),
            segments: Vec::new(),
            end: None,
        }
    }

    fn save(&self, file: &DuetFile) -> Result<(), Failed> {
        file.write(self.folder).map_err(|error| Failed::Own(TrialError::Store(error)))
    }

    fn note(&mut self, text: &str) {
        (self.watch)(DuetEvent::Note(text.to_owned()));
    }
}

fn in_turns() -> Method {
    Method::Alternating { block: BLOCK, dropped: BLOCK_DROPPED }
}

/// The share of the machine that was in use, as the generator saw it in the pilot.
fn busy(segment: &Segment) -> Option<f64> {
    let seconds = segment.candidate.generator.iter().filter_map(|second| second.machine_busy);
    let all: Vec<f64> = seconds.collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}
