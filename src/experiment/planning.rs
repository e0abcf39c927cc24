//! How a duet is planned: what its first start and its first seconds decide.
//!
//! The first start of both arms tells how many segments fit into the time ([`course`]) and what
//! they use when idle; the baseline's first seconds what gates, what only watches, and how likely
//! an unchanged build passes; both arms' CPU time whether they have to take turns.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::analysis::comparison::Paired;
use crate::analysis::forecast::PlannedGate;
use crate::analysis::pairing::{self, Times};
use crate::analysis::power::{GatePlan, decidable, decidable_after, of_hundred};
use crate::analysis::stats::mean;
use crate::experiment::course::{self, Known, Within};
use crate::experiment::duet::{Course, Duet, FIRST, PILOT, Wish};
use crate::experiment::segment::{BothUp, Failed};
use crate::experiment::segment_load::{requests_per_iteration, whole_seconds};
use crate::experiment::trial_error::TrialError;
use crate::record::duet::{Dropped, DuetFile, DuetRecord, GateMetric, Method, Segment};
use crate::record::run::RunRecord;
use crate::record::store::StoreError;
use crate::scenario::load::Stage as LoadStage;
use crate::scenario::model::{Arm, Scenario};
use crate::units::trim_zeros;

/// Share of the machine from which on the arms take turns.
const CROWDED: f64 = 0.7;
/// Up to this share twice the rate fits as well: an arm of one thread is then busy for less than
/// half of its time, beyond which queues make more noise than more requests take away.
const ROOMY: f64 = 0.3;
/// Length of a block where the arms take turns, in seconds.
const BLOCK: u32 = 5;
/// Seconds at a block's beginning that are not judged: the other arm may still be at work.
const BLOCK_DROPPED: u32 = 1;

impl Duet<'_> {
    /// The first segment of a duet whose course is not planned yet: how long its start takes
    /// decides how many there will be, and its baseline what gates. Whether that was all.
    pub(super) fn first_segment(
        &mut self,
        record: &mut DuetRecord,
        within: Within,
    ) -> Result<bool, Failed> {
        let begun = Instant::now();
        if self.wish == Wish::Alternating {
            self.choose_method(&mut record.file, None);
        }
        let segment = self.segment(FIRST, &mut record.file)?;
        if self.control.signal().is_some() {
            return Ok(true);
        }
        let busy = busy(&segment);
        let is_crowded = self.wish == Wish::Auto && busy.is_some_and(|busy| busy > CROWDED);
        if is_crowded {
            return self.again_in_turns(record, &segment, within, begun.elapsed());
        }
        self.learn(&mut record.file, &segment);
        self.propose_rate(&mut record.file, busy);
        self.choose_method(&mut record.file, busy);
        self.keep(record, segment)
    }

    /// Where quantiles only watch and the machine has room, more requests would decide more. The
    /// rate is the user's to choose.
    pub(super) fn propose_rate(&mut self, file: &mut DuetFile, busy: Option<f64>) {
        let watches = file.dropped.iter().any(|dropped| dropped.metric.is_time());
        let Some(busy) = busy.filter(|busy| watches && *busy < ROOMY) else { return };
        let rate = self.scenario.load.peak().0 * 2.0;
        let sentence = format!(
            "the machine is {:.0} % busy: -R {} would show more of what only watches",
            busy * 100.0,
            trim_zeros(rate, 1)
        );
        self.note(&sentence);
        file.forecast.push(sentence);
    }

    /// What was measured at once on a machine too small for it was a pilot.
    pub(super) fn again_in_turns(
        &mut self,
        record: &mut DuetRecord,
        pilot: &Segment,
        within: Within,
        spent: Duration,
    ) -> Result<bool, Failed> {
        let own = |path, error| Failed::Own(TrialError::Store(StoreError::Io(path, error)));
        let (from, to) = (self.folder.join(FIRST), self.folder.join(PILOT));
        fs::rename(&from, &to).map_err(|error| own(from, error))?;
        self.choose_method(&mut record.file, busy(pilot));
        let start = self.took.unwrap_or_default();
        self.set_course(&mut record.file, within, Known { start, spent, in_turns: true });
        let mut file = record.file.clone();
        (file.method, file.judged_seconds) = (Method::Interleaved, judged_of(pilot));
        let measured = pairing::of_segment(&file, pilot, Times::Response);
        self.learn_from(&mut record.file, &measured);
        Ok(false)
    }

    /// How many segments of which length, by what the first start of both arms took.
    pub(super) fn set_course(&mut self, file: &mut DuetFile, within: Within, known: Known) {
        let planned = course::plan(&within, &self.scenario.load, known);
        self.note(&planned.sentence);
        let mut scenario = Scenario::clone(&self.scenario);
        scenario.load = planned.load;
        self.scenario = Arc::new(scenario);
        self.settings.looks = planned.segments;
        file.settings.looks = planned.segments;
        (file.warmup_seconds, file.judged_seconds) = (self.seconds(true), self.seconds(false));
        let before = decidable(&self.gate(), &self.settings);
        // What was said of another course does not hold for this one.
        file.forecast.clear();
        for sentence in before.hopeless {
            self.note(&sentence);
            file.forecast.push(sentence);
        }
    }

    /// Some seconds of both arms that tell what the gate will see, and how full the machine
    /// is with both.
    pub(super) fn pilot(
        &mut self,
        record: &mut DuetRecord,
        length: Duration,
    ) -> Result<(), Failed> {
        let mut file = record.file.clone();
        file.method = if self.wish == Wish::Alternating { in_turns() } else { Method::Interleaved };
        file.judged_seconds = whole_seconds(length).as_secs() as u32;
        let segment = self.segment(PILOT, &mut file)?;
        record.file.idle = file.idle;
        record.file.dropped.clone_from(&file.dropped);
        record.file.settings.clone_from(&file.settings);
        if self.control.signal().is_some() {
            return Ok(());
        }
        let measured = pairing::of_segment(&file, &segment, Times::Response);
        self.learn_from(&mut record.file, &measured);
        self.choose_method(&mut record.file, busy(&segment));
        Ok(())
    }

    pub(super) fn learn(&mut self, file: &mut DuetFile, segment: &Segment) {
        let measured = pairing::of_segment(file, segment, Times::Response);
        self.learn_from(file, &measured);
    }

    /// What gates and what will be seen, by what was measured of the baseline.
    pub(super) fn learn_from(&mut self, file: &mut DuetFile, measured: &Paired) {
        let planned = self.gate();
        // Steps that are done once per user, and those that nobody reaches, are not in the plan.
        let rate = pairing::rate(measured, Arm::Baseline).unwrap_or(planned.rate);
        let after = decidable_after(measured, &PlannedGate { rate, ..planned }, &self.settings);
        for sentence in after.visible.iter().map(|seen| seen.sentence.clone()) {
            self.note(&sentence);
            file.forecast.push(sentence);
        }
        let chance = after.chance.filter(|_| after.hopeless.is_empty());
        self.plan(file, after);
        if let Some(chance) = chance {
            let sentence =
                format!("an unchanged build would be let pass in {}", of_hundred(chance));
            self.note(&sentence);
            file.forecast.push(sentence);
        }
    }

    /// Says by name what cannot be decided and so only watches.
    pub(super) fn plan(&mut self, file: &mut DuetFile, found: GatePlan) {
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

    pub(super) fn choose_method(&mut self, file: &mut DuetFile, busy: Option<f64>) {
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

    /// What the first start tells: how long it takes, so what course fits into the time, and
    /// what the arms use when idle.
    pub(super) fn look_at_start(&mut self, up: &BothUp, file: &mut DuetFile, begun: Instant) {
        self.took = Some(up.took);
        if file.settings.metrics.contains(&GateMetric::CpuPerRequest) {
            self.look_at_idle(up, file);
        }
        if let Course::Within(within) = self.course {
            let in_turns = matches!(file.method, Method::Alternating { .. });
            let spent = begun.elapsed().saturating_sub(up.took);
            self.set_course(file, within, Known { start: up.took, spent, in_turns });
        }
    }

    /// CPU time without load; where it cannot be known, it cannot gate.
    pub(super) fn look_at_idle(&mut self, up: &BothUp, file: &mut DuetFile) {
        file.idle = up.idle(&self.control);
        if file.idle.is_some() || self.control.ended().is_some() {
            return;
        }
        let metric = GateMetric::CpuPerRequest;
        let reason =
            "CPU per request is not known: on Linux it is, where loadgate starts both arms";
        self.note(reason);
        file.dropped.push(Dropped { metric, reason: reason.to_owned() });
        file.settings.metrics.retain(|known| *known != metric);
        self.settings.metrics.retain(|known| *known != metric);
    }

    /// What the whole gate measures at most.
    pub(super) fn gate(&self) -> PlannedGate {
        let judged = || self.scenario.load.stages.iter().filter(|stage| !stage.warmup);
        let seconds: f64 = judged().map(|stage| stage.length.as_secs_f64()).sum();
        let arrivals: f64 = judged().map(LoadStage::area).sum();
        let steps = requests_per_iteration(&self.scenario);
        let rate = arrivals / seconds.max(1e-9) * steps;
        PlannedGate { rate, segment_seconds: seconds, segments: self.settings.looks }
    }
}

fn in_turns() -> Method {
    Method::Alternating { block: BLOCK, dropped: BLOCK_DROPPED }
}

/// Judged seconds of a segment's load.
fn judged_of(segment: &Segment) -> u32 {
    let stages = segment.baseline.head.load.stages.iter();
    stages.filter(|stage| !stage.warmup).map(|stage| stage.seconds).sum::<f64>() as u32
}

/// The share of the machine that both arms and the generator used. A neighbour is not counted: it
/// meets both arms alike where they run at once, and in turns one more than the other. Where the
/// arms' CPU time is not known, it is all that was in use.
fn busy(segment: &Segment) -> Option<f64> {
    let generator = &segment.candidate.generator;
    let cores = f64::from(segment.candidate.head.environment.cores.max(1));
    let arm = |run: &RunRecord| mean_of(run.target.iter().filter_map(|second| second.cpu));
    let own = arm(&segment.baseline)
        .zip(arm(&segment.candidate))
        .zip(mean_of(generator.iter().map(|second| second.cpu)));
    own.map(|((baseline, candidate), generator)| (baseline + candidate + generator) / cores)
        .or_else(|| mean_of(generator.iter().filter_map(|second| second.machine_busy)))
}

fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    mean(&values.collect::<Vec<f64>>())
}
