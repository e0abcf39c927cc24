//! What a duet's first start and its first seconds decide.
//!
//! The first start of both arms tells how many segments fit into the time ([`course`]) and what
//! they use when idle; the baseline's first seconds what gates, what only watches, and how likely
//! an unchanged build passes; both arms' CPU time whether they have to take turns.

use std::time::Duration;

use crate::analysis::comparison::Paired;
use crate::analysis::controller::duet::course::{self, Known, Within};
use crate::analysis::controller::duet::segment_load::whole_seconds;
use crate::analysis::controller::duet::settling::settled_after;
use crate::analysis::controller::duet::{Controller, IdleSeen, Kept, Phase, Wish, seconds};
use crate::analysis::forecast::PlannedGate;
use crate::analysis::pairing::{self, PairedTimes};
use crate::analysis::power::{GatePlan, decidable, decidable_after, of_hundred};
use crate::analysis::stats::mean;
use crate::record::duet::{Dropped, DuetFile, GateMetric, Method, Segment};
use crate::record::gauge;
use crate::record::run::RunRecord;
use crate::scenario::load::Stage as LoadStage;
use crate::scenario::model::Arm;
use crate::units::{format_duration, trim_zeros};

/// Share of the machine from which on the arms take turns.
const CROWDED: f64 = 0.7;
/// Up to this share twice the rate fits as well: an arm of one thread is then busy for less than
/// half of its time, beyond which queues make more noise than more requests take away.
const ROOMY: f64 = 0.3;
/// A beginning that takes up to this part of what is judged is everyday business: both arms have
/// it, and the trimmed means leave it out.
const SETTLING: f64 = 0.25;
/// Seconds of warm-up beyond what the first segment took to settle, and the longest warm-up.
const SPARE: u32 = 2;
const LONGEST_WARMUP: u32 = 30;
/// Length of a block where the arms take turns, in seconds.
const BLOCK: u32 = 5;
/// Seconds at a block's beginning that are not judged: the other arm may still be at work.
const BLOCK_DROPPED: u32 = 1;

impl Controller {
    /// The first segment of a duet whose course is not planned yet: its baseline says what gates,
    /// and both arms whether they fit on the machine at once.
    pub(super) fn learn_from_first(
        &mut self,
        segment: Segment,
        within: Within,
        spent: Duration,
    ) -> Kept {
        let busy = busy(&segment);
        let may_be_pilot = !self.has_pilot;
        if may_be_pilot && self.wish == Wish::Auto && busy.is_some_and(|busy| busy > CROWDED) {
            return self.again_in_turns(&segment, within, spent);
        }
        if let Some(longer) = self.longer_warmup(&segment, within, spent).filter(|_| may_be_pilot) {
            self.choose_method(busy);
            return self.again_after_longer(longer, within, spent);
        }
        let measured = pairing::of_segment(&self.record.file, &segment, PairedTimes::Response);
        self.learn_from(&measured);
        self.propose_rate(busy);
        self.choose_method(busy);
        self.count(segment)
    }

    /// The warm-up that suits arms of which the first segment shows that they took much longer to
    /// settle, if there is time for it and nobody asked for another one.
    fn longer_warmup(&self, segment: &Segment, within: Within, spent: Duration) -> Option<Within> {
        if !self.load.is_steady() {
            return None;
        }
        if within.warmup.is_some() || self.record.file.method != Method::Interleaved {
            return None;
        }
        let file = &self.record.file;
        let (warmup, judged) = (file.warmup_seconds, file.judged_seconds);
        let all = DuetFile { warmup_seconds: 0, judged_seconds: warmup + judged, ..file.clone() };
        let settled = settled_after(&pairing::of_segment(&all, segment, PairedTimes::Response))?;
        if f64::from(settled.saturating_sub(warmup)) <= SETTLING * f64::from(judged) {
            return None;
        }
        let wished = Duration::from_secs(u64::from((settled + SPARE).min(LONGEST_WARMUP)));
        let longer = Within { warmup: Some(wished), ..within };
        let left = within.time.saturating_sub(spent);
        (course::least(&longer, self.took.unwrap_or_default()) <= left).then_some(longer)
    }

    /// What was measured while both arms had not settled was a pilot; the next segment is the
    /// first.
    fn again_after_longer(&mut self, longer: Within, before: Within, spent: Duration) -> Kept {
        let (start, warmup) = (self.took.unwrap_or_default(), longer.warmup.unwrap_or_default());
        self.note(&format!(
            "the arms took longer to settle than the warm-up of {}: {} of warm-up from now on",
            format_duration(before.warmup.unwrap_or(self.load.stages[0].length)),
            format_duration(warmup)
        ));
        self.set_course(longer, Known { start, spent, in_turns: false });
        (self.phase, self.has_pilot) = (Phase::Unplanned(longer), true);
        Kept::AsPilot
    }

    /// Where quantiles only watch and the machine has room, more requests would decide more. The
    /// rate is the user's to choose.
    fn propose_rate(&mut self, busy: Option<f64>) {
        let watches = self.record.file.dropped.iter().any(|dropped| dropped.metric.is_time());
        let Some(busy) = busy.filter(|busy| watches && *busy < ROOMY) else { return };
        let how = if self.load.parts.is_empty() {
            format!("-R {}", trim_zeros(self.load.peak().0 * 2.0, 1))
        } else {
            "twice the rate of each load".to_owned()
        };
        self.foresee(format!(
            "the machine is {:.0} % busy: {how} would show more of what only watches",
            busy * 100.0
        ));
    }

    /// What was measured at once on a machine too small for it was a pilot.
    fn again_in_turns(&mut self, pilot: &Segment, within: Within, spent: Duration) -> Kept {
        self.choose_method(busy(pilot));
        // All of it, its start too, is spent.
        let start = self.took.unwrap_or_default();
        self.set_course(within, Known { start, spent, in_turns: true });
        let mut file = self.record.file.clone();
        (file.method, file.judged_seconds) = (Method::Interleaved, judged_of(pilot));
        self.learn_from(&pairing::of_segment(&file, pilot, PairedTimes::Response));
        (self.phase, self.has_pilot) = (Phase::Segments, true);
        Kept::AsPilot
    }

    /// How many segments of which length, by what the first start of both arms took.
    pub(super) fn set_course(&mut self, within: Within, known: Known) {
        let planned = course::plan(&within, &self.load, known);
        self.note(&planned.sentence);
        self.load = planned.load;
        let judged = (seconds(&self.load, true), seconds(&self.load, false));
        let file = &mut self.record.file;
        file.settings.looks = planned.segments;
        (file.warmup_seconds, file.judged_seconds) = judged;
        // What was said of another course does not hold for this one.
        file.forecast.clear();
        for sentence in decidable(&self.gate(), &self.record.file.settings).hopeless {
            self.foresee(sentence);
        }
    }

    /// Some seconds of both arms that tell what the gate will see, and how full the machine
    /// is with both.
    pub(super) fn learn_from_pilot(&mut self, pilot: &Segment) -> Kept {
        self.learn_from(&pairing::of_segment(&self.pilot_file(), pilot, PairedTimes::Response));
        self.choose_method(busy(pilot));
        self.phase = Phase::Segments;
        Kept::AsPilot
    }

    /// The record as it would be if the pilot were a segment.
    pub(super) fn pilot_file(&self) -> DuetFile {
        let mut file = self.record.file.clone();
        file.method = if self.wish == Wish::Alternating { in_turns() } else { Method::Interleaved };
        if let Phase::Pilot(length) = self.phase {
            file.judged_seconds = whole_seconds(length).as_secs() as u32;
        }
        file
    }

    /// What gates and what will be seen, by what was measured of the baseline.
    fn learn_from(&mut self, measured: &Paired) {
        let planned = self.gate();
        // Steps that are done once per user, and those that nobody reaches, are not in the plan.
        let rate = pairing::rate(measured, Arm::Baseline).unwrap_or(planned.rate);
        let plan = PlannedGate { rate, ..planned };
        let after = decidable_after(measured, &plan, &self.record.file.settings);
        for seen in &after.visible {
            self.foresee(seen.sentence.clone());
        }
        let chance = after.chance.filter(|_| after.hopeless.is_empty());
        self.plan(after);
        if let Some(chance) = chance {
            self.foresee(format!("an unchanged build would be let pass in {}", of_hundred(chance)));
        }
    }

    /// Says it now, and in the record.
    fn foresee(&mut self, sentence: String) {
        self.note(&sentence);
        self.record.file.forecast.push(sentence);
    }

    /// Says by name what cannot be decided and so only watches.
    pub(super) fn plan(&mut self, found: GatePlan) {
        for dropped in found.dropped {
            self.note(&format!("only watches: {}", dropped.reason));
            self.record.file.settings.watches.push(dropped.metric);
            self.record.file.dropped.push(dropped);
        }
        self.record.file.settings.metrics = found.metrics;
        for sentence in found.hopeless {
            if !self.record.file.forecast.contains(&sentence) {
                self.foresee(sentence);
            }
        }
    }

    pub(super) fn choose_method(&mut self, busy: Option<f64>) {
        if !self.record.file.method_reason.is_empty() {
            return;
        }
        let (method, reason) = method(self.wish, busy);
        let words = match method {
            Method::Interleaved => "both arms at once, requests interleaved",
            Method::Alternating { .. } => "the arms in turns of 5 s, in the order ABBA",
            Method::Stored => "stored numbers",
        };
        self.note(&format!("{words}: {reason}"));
        (self.record.file.method, self.record.file.method_reason) = (method, reason);
    }

    pub(super) fn gates_on_cpu(&self) -> bool {
        self.record.file.settings.metrics.contains(&GateMetric::CpuPerRequest)
    }

    /// CPU time without load; where it cannot be known, it cannot gate.
    pub(super) fn learn_idle(&mut self, seen: IdleSeen) {
        match seen {
            IdleSeen::NotMeasured => {}
            IdleSeen::Known(idle) => self.record.file.idle = Some(idle),
            IdleSeen::Unknown => {
                let metric = GateMetric::CpuPerRequest;
                let reason =
                    "CPU per request is not known: on Linux it is, where loadgate starts both arms";
                self.note(reason);
                let file = &mut self.record.file;
                file.dropped.push(Dropped { metric, reason: reason.to_owned() });
                file.settings.metrics.retain(|known| *known != metric);
            }
        }
    }

    /// What the whole gate measures at most.
    pub(super) fn gate(&self) -> PlannedGate {
        let judged = || self.load.stages.iter().filter(|stage| !stage.warmup);
        let seconds: f64 = judged().map(|stage| stage.length.as_secs_f64()).sum();
        let arrivals: f64 = judged().map(LoadStage::area).sum();
        let rate = arrivals / seconds.max(1e-9) * self.per_iteration;
        let segments = self.record.file.settings.looks;
        PlannedGate { rate, segment_seconds: seconds, segments }
    }
}

/// At once or in turns, and why.
fn method(wish: Wish, busy: Option<f64>) -> (Method, String) {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    match (wish, busy) {
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
    let cores = f64::from(segment.candidate.head.environment().cores.max(1));
    let arm = |run: &RunRecord| mean_of(run.gauge(&gauge::CPU).map(|(_, cores)| cores));
    let own = arm(&segment.baseline)
        .zip(arm(&segment.candidate))
        .zip(mean_of(generator.iter().map(|second| second.cpu)));
    own.map(|((baseline, candidate), generator)| (baseline + candidate + generator) / cores)
        .or_else(|| mean_of(generator.iter().filter_map(|second| second.machine_busy)))
}

fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    mean(&values.collect::<Vec<f64>>())
}
