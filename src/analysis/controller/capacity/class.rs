//! What a measurement says of its load, in a word and a reason.
//!
//! A trial is judged by what it measured, without intervals: many trials decide together. It is
//! bad where an objective's measured value is beyond its limit, where the target died, or where
//! requests in flight grow all the way through: such a load cannot last, however good the times
//! still are. A confirmation is judged as any run is.

use crate::analysis::assessment::{
    Assessment, Finding, Measured, Severity, SloResult, SloStatus, Summary, Verdict,
};
use crate::analysis::{messages, number_format};
use crate::record::capacity::Class;
use crate::record::outcome::Outcome;
use crate::record::run::{EndReason, RunRecord};

/// Growth of requests in flight, per second, from which on a load does not last: of the rate.
const GROWTH: f64 = 0.02;
/// Growth in all that chance makes of so many in flight: this many times the root of them.
const CHANCE: f64 = 4.0;
/// Growth in all below which nothing is said.
const FEW: f64 = 10.0;
/// Share of requests that were due and not sent, beyond which a load is not what it should be.
const UNSENT: f64 = 0.01;
/// A finding about failures that no objective judges: nobody is served by them.
const FAILURES_NOBODY_JUDGES: &str = "unjudged_failures";
/// A finding about what users did not ask for while they waited, where it would decide.
const LOAD_FELL: &str = "load_fell";
/// Findings that void a run for what the generator did.
const GENERATORS: [&str; 4] = ["unsent", "clock_jump", "generator_lost", "clock_skew"];

/// A class, and why where it is not good.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// In a word.
    pub class: Class,
    /// In a sentence.
    pub why: Option<String>,
}

impl Judged {
    fn good() -> Judged {
        Judged { class: Class::Good, why: None }
    }

    fn new(class: Class, why: impl Into<String>) -> Judged {
        Judged { class, why: Some(why.into()) }
    }
}

/// Of a trial at so many arrivals per second.
pub fn of_trial(record: &RunRecord, assessment: &Assessment, rate: f64) -> Judged {
    if let Some(lost) = lost(record) {
        return lost;
    }
    if let Some(EndReason::TargetDied { detail }) = record.end.as_ref().map(|end| &end.reason) {
        return Judged::new(Class::Bad, format!("the target died: {detail}"));
    }
    let first = generators(assessment).or_else(|| beyond(record, assessment, rate));
    first.unwrap_or_else(Judged::good)
}

/// Of a confirmation.
pub fn of_confirmation(record: &RunRecord, assessment: &Assessment, rate: f64) -> Judged {
    if let Some(lost) = lost(record) {
        return lost;
    }
    let reason = || assessment.reasons.first().cloned().unwrap_or_default();
    match assessment.verdict {
        Verdict::Pass => lasting(record, assessment, rate).unwrap_or_else(Judged::good),
        Verdict::SloMissed | Verdict::TargetLost | Verdict::Regressed => {
            Judged::new(Class::Bad, reason())
        }
        Verdict::Inconclusive => withheld(assessment, &[FAILURES_NOBODY_JUDGES])
            .unwrap_or_else(|| Judged::new(Class::Undecided, reason())),
        Verdict::Invalid => {
            generators(assessment).unwrap_or_else(|| Judged::new(Class::Bad, reason()))
        }
    }
}

/// A load that was not carried out whole says nothing of its rate, whatever else happened.
fn lost(record: &RunRecord) -> Option<Judged> {
    let lost = record.end.as_ref()?.lost.first()?;
    Some(Judged::new(Class::Void, lost.detail.clone()))
}

/// What the generator did, where that may be all that was measured.
fn generators(assessment: &Assessment) -> Option<Judged> {
    let voids =
        |it: &&Finding| it.severity == Severity::Invalidates && GENERATORS.contains(&it.kind);
    if let Some(finding) = assessment.findings.iter().find(voids) {
        return Some(Judged::new(Class::Void, finding.evidence.clone()));
    }
    // The limit lies within what the generator may have added.
    let slo = assessment.slos.iter().find(|slo| slo.status == SloStatus::Invalid)?;
    let note = slo.note.clone().unwrap_or_else(|| missed(slo));
    Some(Judged::new(Class::Void, note))
}

/// What of a load is beyond what was asked for.
fn beyond(record: &RunRecord, assessment: &Assessment, rate: f64) -> Option<Judged> {
    let is_measured = |slo: &&SloResult| slo.measured.is_some();
    let missed_ones = || assessment.slos.iter().filter(|slo| is_beyond(slo, &assessment.total));
    if let Some(slo) = missed_ones().find(is_measured).or_else(|| missed_ones().next()) {
        return Some(Judged::new(Class::Bad, missed(slo)));
    }
    let void = assessment.findings.iter().find(|it| it.severity == Severity::Invalidates);
    if let Some(finding) = void {
        // Such as a step that never worked.
        return Some(Judged::new(Class::Bad, finding.evidence.clone()));
    }
    withheld(assessment, &[FAILURES_NOBODY_JUDGES, LOAD_FELL])
        .or_else(|| lasting(record, assessment, rate))
}

/// What no objective is about, and no pass can stand on.
fn withheld(assessment: &Assessment, kinds: &[&str]) -> Option<Judged> {
    let withholds = |it: &&Finding| it.severity == Severity::Withholds && kinds.contains(&it.kind);
    let finding = assessment.findings.iter().find(withholds)?;
    Some(Judged::new(Class::Bad, finding.evidence.clone()))
}

/// What shows that a load cannot last, whatever the times still are.
fn lasting(record: &RunRecord, assessment: &Assessment, rate: f64) -> Option<Judged> {
    let abandoned = record.end.as_ref().map_or(0, |end| end.abandoned);
    if abandoned > 0 {
        let requests = number_format::counted(abandoned, "request");
        return Some(Judged::new(Class::Bad, format!("{requests} had not ended long after it")));
    }
    let counts = &assessment.total.counts;
    let unsent = counts.outcome(Outcome::Unsent) as f64 / counts.planned.max(1) as f64;
    if unsent > UNSENT {
        let why = format!("{} of the requests could not be sent", number_format::percent(unsent));
        return Some(Judged::new(Class::Bad, why));
    }
    if record.head.load.is_closed() {
        // No more can be in flight than there are users.
        return None;
    }
    let growth = growth(record, assessment, rate)?;
    Some(Judged::new(Class::Bad, format!("requests in flight grow by {growth:.0} a second")))
}

/// Whether what was measured is beyond the limit, however sure that is; what was not measured at
/// all is not within it.
fn is_beyond(slo: &SloResult, total: &Summary) -> bool {
    match slo.measured {
        // A step that did not have its turn in so short a time is another matter.
        None => slo.bad > 0 || total.goodput <= 0.0,
        Some(
            Measured::Millis(found)
            | Measured::LapMillis(found)
            | Measured::BadShare(found)
            | Measured::Effect(found),
        ) => found > slo.limit,
        Some(
            Measured::GoodShare(found)
            | Measured::GoodWindows(found)
            | Measured::ChecksHeld(found)
            | Measured::Apdex(found),
        ) => found < slo.limit,
        Some(Measured::Gauge(_) | Measured::Goodput(_) | Measured::BytesPerSecond(_)) => {
            slo.status == SloStatus::Missed
        }
    }
}

fn missed(slo: &SloResult) -> String {
    let step = slo.step.as_ref().map_or_else(String::new, |step| format!("{step}: "));
    let found = match slo.measured {
        None => "nothing was measured".to_owned(),
        Some(Measured::Millis(found) | Measured::LapMillis(found)) => number_format::millis(found),
        Some(
            Measured::BadShare(found)
            | Measured::GoodShare(found)
            | Measured::ChecksHeld(found)
            | Measured::GoodWindows(found),
        ) => number_format::percent(found),
        Some(
            measured @ (Measured::Apdex(_)
            | Measured::Goodput(_)
            | Measured::BytesPerSecond(_)
            | Measured::Effect(_)),
        ) => messages::amount(measured),
        Some(Measured::Gauge(found)) => messages::gauge(found),
    };
    format!("{step}{}: {found}", slo.text)
}

/// By how much requests in flight grow in a second, where that is more than the load can have
/// and more than chance.
fn growth(record: &RunRecord, assessment: &Assessment, rate: f64) -> Option<f64> {
    let window = assessment.window.from..assessment.window.to;
    let together = record.together();
    let judged = together.iter().filter(|it| window.contains(&it.second));
    let series: Vec<(f64, f64)> =
        judged.map(|it| (f64::from(it.second), it.in_flight as f64)).collect();
    let slope = median_slope(&series)?;
    let (first, last) = (series.first()?.0, series.last()?.0);
    let mut levels: Vec<f64> = series.iter().map(|(_, level)| *level).collect();
    levels.sort_by(f64::total_cmp);
    let usual = levels.get(levels.len() / 2)?;
    let all = slope * (last - first);
    let is_grown = slope > rate * GROWTH && all > FEW.max(CHANCE * usual.sqrt());
    is_grown.then_some(slope)
}

/// Theil–Sen: the median of the slopes between any two points. One odd second does not move it.
fn median_slope(series: &[(f64, f64)]) -> Option<f64> {
    let from = |(index, a): (usize, &(f64, f64))| {
        let a = *a;
        series[index + 1..].iter().map(move |b| (b.1 - a.1) / (b.0 - a.0))
    };
    let mut slopes: Vec<f64> = series.iter().enumerate().flat_map(from).collect();
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::sample_records::{self, Requests};
    use crate::record::outcome::Outcome;
    use crate::scenario::slo::FailureShare;

    const RATE: f64 = 400.0;

    /// Five judged seconds with p99 < 500 ms and no errors asked for.
    fn trial(micros: u64, failed: u64, in_flight: impl Fn(u32) -> u64) -> RunRecord {
        let mut record = sample_records::run(5, RATE);
        record.head.slos =
            vec![sample_records::p99(), sample_records::failures(FailureShare::Errors, 0.01)];
        sample_records::add(
            &mut record,
            0..5,
            &[Requests::ok(400 - failed, micros), Requests::ended(failed, Outcome::ServerError)],
        );
        for second in &mut record.generator {
            second.in_flight = in_flight(second.second);
        }
        record
    }

    #[track_caller]
    fn is(record: &RunRecord, class: Class, why: &str) {
        let found = of_trial(record, &assess(record), RATE);
        assert_eq!(found.class, class, "{found:?}");
        let said = found.why.unwrap_or_default();
        assert!(said.contains(why) && said.is_empty() == why.is_empty(), "{said}");
    }

    #[test]
    fn a_load_is_good_or_says_what_is_beyond() {
        is(&trial(20_000, 0, |_| 8), Class::Good, "");
        is(&trial(700_000, 0, |_| 280), Class::Bad, "700 ms");
        is(&trial(20_000, 8, |_| 8), Class::Bad, "2 %");
        is(&trial(20_000, 400, |_| 8), Class::Bad, "100 %");
        let mut held = trial(20_000, 0, |_| 8);
        held.end.as_mut().unwrap().abandoned = 3;
        is(&held, Class::Bad, "3 requests had not ended");
    }

    #[test]
    fn a_queue_that_grows_all_the_way_is_beyond_and_one_that_moves_is_not() {
        is(
            &trial(20_000, 0, |second| 8 + u64::from(second) * 20),
            Class::Bad,
            "grow by 20 a second",
        );
        is(&trial(20_000, 0, |second| 8 + u64::from(second) * 5), Class::Good, "");
        is(&trial(20_000, 0, |second| if second == 3 { 300 } else { 8 }), Class::Good, "");
        is(&trial(20_000, 0, |second| 200 - u64::from(second) * 30), Class::Good, "");
    }

    #[test]
    fn users_in_flight_are_no_queue_and_what_they_did_not_ask_for_while_they_waited_is_beyond() {
        use crate::scenario::load::Crowd;
        let closed = |mut record: RunRecord| {
            for stage in &mut record.head.load.stages {
                (stage.from, stage.to) = (0.0, 0.0);
                stage.users = Some(Crowd { from: 50, to: 50 });
            }
            record
        };
        is(&closed(trial(20_000, 0, |second| 8 + u64::from(second) * 20)), Class::Good, "");
        let mut stands = sample_records::run(12, RATE);
        stands.head.slos = vec![sample_records::p99()];
        sample_records::add(&mut stands, 0..5, &[Requests::ok(400, 20_000)]);
        sample_records::add(&mut stands, 5..6, &[Requests::ok(5, 2_900_000)]);
        sample_records::add(&mut stands, 8..12, &[Requests::ok(400, 20_000)]);
        is(&closed(stands), Class::Bad, "the load fell while users waited");
    }

    #[test]
    fn what_the_generator_did_is_nobody_elses() {
        let mut late = sample_records::run(5, RATE);
        let held = Requests { lag: 650_000, ..Requests::ok(400, 700_000) };
        sample_records::add(&mut late, 0..5, &[held]);
        let found = of_trial(&late, &assess(&late), RATE);
        assert_eq!(found.class, Class::Void, "{found:?} {:#?}", assess(&late).findings);
        let mut jumped = trial(20_000, 0, |_| 8);
        jumped.generator[3].clock_jump_ns = 1_000_000_000;
        is(&jumped, Class::Void, "clocks moved");
    }

    #[test]
    fn failures_that_no_objective_is_about_are_beyond() {
        let half = || {
            let mut record = trial(20_000, 200, |_| 8);
            record.head.slos = vec![sample_records::p99()];
            record
        };
        is(&half(), Class::Bad, "no objective is about failures");
        let found = of_confirmation(&half(), &assess(&half()), RATE);
        assert_eq!(found.class, Class::Bad, "{found:?}");
        let mut few = trial(20_000, 1, |_| 8);
        few.head.slos = vec![sample_records::p99()];
        is(&few, Class::Good, "");
    }

    #[test]
    fn a_target_that_died_is_beyond() {
        let mut dead = trial(20_000, 0, |_| 8);
        dead.end.as_mut().unwrap().reason =
            EndReason::TargetDied { detail: "exit code 1".to_owned() };
        is(&dead, Class::Bad, "the target died: exit code 1");
    }
}
