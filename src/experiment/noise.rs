//! A/A duets one after the other: the target against itself, as often as was asked for.
//!
//! Each is a duet like any other, in a folder of its own, with other arrivals and processes
//! of its own, and ends when its gate has decided. Only the first has a pilot; the segments that
//! it planned, what it left out and which method it chose hold for all. After each duet `noise.json` says how
//! far it has come and the histograms are let go, so that memory is that of one duet.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::analysis::controller::duet::{Course, Wish};
use crate::analysis::noise::Gathered;
use crate::experiment::duet::{Duet, DuetError, DuetEvent};
use crate::experiment::head::{fingerprint, written};
use crate::experiment::trial_error::TrialError;
use crate::record::duet::{DuetEnd, DuetFile, DuetRecord, Method};
use crate::record::noise::{NoiseFile, Rulings, VERSION};
use crate::record::store::StoreError;
use crate::scenario::model::Scenario;

/// The seeds of two duets' segments are never the same: a duet has far fewer.
const SEEDS_APART: u64 = 1_000;

/// What a measurement of noise needs.
#[derive(Debug)]
pub struct Noise<'a> {
    /// How each duet is played. Both of its arms are the target; its folder is that of all.
    pub duet: Duet<'a>,
    /// How many.
    pub duets: u32,
}

impl Noise<'_> {
    /// Measures. The file has what was finished, however it ended.
    pub fn run(mut self) -> Result<NoiseFile, DuetError> {
        let mut file = self.file();
        let mut gathered = Gathered::default();
        for number in 1..=self.duets {
            let name = format!("duet-{number}");
            (self.duet.watch)(DuetEvent::Note(format!("duet {number} of {}", self.duets)));
            let record = match self.play(number, &name) {
                Ok(record) => record,
                Err(DuetError::Arm(arm, error)) if number > 1 => {
                    let detail = error.to_string();
                    file.end = Some(DuetEnd::ArmLost { arm, detail });
                    break;
                }
                Err(error) => return Err(error),
            };
            self.learn(&record, &mut file);
            gathered.add(&name, &record);
            gathered.fill(&mut file);
            if record.file.end != Some(DuetEnd::Finished) {
                file.end = record.file.end;
                break;
            }
            self.save(&file)?;
        }
        file.end = Some(file.end.unwrap_or(DuetEnd::Finished));
        self.save(&file)?;
        Ok(file)
    }

    /// One A/A duet.
    fn play(&mut self, number: u32, name: &str) -> Result<DuetRecord, DuetError> {
        let folder = self.duet.folder.join(name);
        fs::create_dir_all(&folder).map_err(|error| {
            DuetError::Own(TrialError::NoRoom(StoreError::Io(folder.clone(), error)))
        })?;
        let is_first = number == 1;
        let mut scenario = Scenario::clone(&self.duet.scenario);
        let apart = u64::from(number - 1).wrapping_mul(SEEDS_APART);
        scenario.load.seed = scenario.load.seed.wrapping_add(apart);
        let mut settings = self.duet.settings.clone();
        settings.seed = scenario.load.seed;
        let watch = &mut *self.duet.watch;
        let duet = Duet {
            scenario: Arc::new(scenario),
            course: if is_first { self.duet.course } else { Course::Fixed(Duration::ZERO) },
            baseline: self.duet.baseline,
            candidate: self.duet.candidate,
            settings,
            wish: self.duet.wish,
            folder: &folder,
            supervisor: self.duet.supervisor.clone(),
            receive_clock: self.duet.receive_clock,
            control: self.duet.control.clone(),
            // What was planned in the first duet need not be said again.
            watch: &mut |event| {
                if is_first || !matches!(event, DuetEvent::Note(_)) {
                    watch(event);
                }
            },
        };
        duet.run()
    }

    /// What the first duet's plan and pilot decided holds for those to come.
    fn learn(&mut self, record: &DuetRecord, file: &mut NoiseFile) {
        let played = &record.file;
        self.keep_course(played, file);
        self.duet.settings.metrics.clone_from(&played.settings.metrics);
        self.duet.settings.watches.clone_from(&played.settings.watches);
        self.duet.wish = match played.method {
            Method::Alternating { .. } => Wish::Alternating,
            Method::Interleaved | Method::Stored => Wish::Interleaved,
        };
        file.method = played.method;
        file.settings.metrics.clone_from(&played.settings.metrics);
        file.settings.watches.clone_from(&played.settings.watches);
        file.dropped.extend(played.dropped.iter().cloned());
    }

    /// Where the first duet chose its segments to suit a length of time, the others play the same
    /// ones, so that all of them tell of the same noise.
    fn keep_course(&mut self, played: &DuetFile, file: &mut NoiseFile) {
        let Course::Within(_) = self.duet.course else { return };
        self.duet.course = Course::Fixed(Duration::ZERO);
        let mut scenario = Scenario::clone(&self.duet.scenario);
        if scenario.load.is_steady() {
            let lengths = [played.warmup_seconds, played.judged_seconds];
            for (stage, seconds) in lengths.into_iter().enumerate() {
                scenario.load.set_length(stage, Duration::from_secs(u64::from(seconds)));
            }
        }
        self.duet.settings.looks = played.settings.looks;
        file.settings.looks = played.settings.looks;
        file.segment_seconds = played.judged_seconds;
        file.fingerprint = fingerprint(&scenario, self.duet.receive_clock);
        self.duet.scenario = Arc::new(scenario);
    }

    fn save(&self, file: &NoiseFile) -> Result<(), DuetError> {
        let written = file.write(self.duet.folder);
        written.map_err(|error| DuetError::Own(TrialError::Store(error)))
    }

    fn file(&self) -> NoiseFile {
        let scenario = &self.duet.scenario;
        let judged = scenario.load.stages.iter().filter(|stage| !stage.warmup);
        let target = &scenario.target;
        NoiseFile {
            version: VERSION,
            scenario: scenario.name.clone(),
            started: written(SystemTime::now()),
            target: self.duet.candidate.description().to_owned(),
            starts_afresh: target.start.is_some() || target.address.is_demo(),
            fingerprint: fingerprint(scenario, self.duet.receive_clock),
            method: Method::Interleaved,
            settings: self.duet.settings.clone(),
            dropped: Vec::new(),
            segment_seconds: judged.map(|stage| stage.length).sum::<Duration>().as_secs() as u32,
            rate: 0.0,
            planned: self.duets,
            duets: Vec::new(),
            rulings: Rulings::default(),
            alarms_at_most: None,
            metrics: Vec::new(),
            start_noise: None,
            invalid: Vec::new(),
            end: None,
        }
    }
}
