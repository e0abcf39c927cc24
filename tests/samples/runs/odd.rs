//! Runs that are not ordinary: too short, too long, failing, empty, broken.

use super::failed;
use super::series::{self, Shape};
use super::{OwnedReport, normal, step};
use crate::analysis::assessment::{
    Counts, Curves, Finding, Saturation, Severity, SloStatus, Steadiness, Summary, Timeline,
    Verdict, Warmup, Window,
};
use crate::analysis::error_budget::{Incident, IncidentClass};
use crate::record::outcome::Outcome;
use crate::record::phase::{ByPhase, Phase};

fn with_shape(change: impl FnOnce(&mut Shape)) -> OwnedReport {
    let mut run = normal();
    let mut shape = Shape::default();
    change(&mut shape);
    run.assessment.timeline = series::timeline(&shape);
    run.assessment.curves = series::curves(&shape);
    run.assessment.window.to = shape.seconds;
    run
}

/// Too short for a warm-up.
pub(crate) fn three_seconds() -> OwnedReport {
    let mut run = with_shape(|shape| shape.seconds = 3);
    run.assessment.window =
        Window { from: 0, to: 3, warmup: Warmup::None, steady: Steadiness::NotExamined };
    run.assessment.verdict = Verdict::Inconclusive;
    run.assessment.reasons = vec!["p99 < 500ms: 3 seconds are too few to tell".to_owned()];
    run.assessment.slos[1].status = SloStatus::Inconclusive;
    run.exit_code = 5;
    run
}

/// 360 bins of 30 seconds.
pub(crate) fn three_hours() -> OwnedReport {
    let mut run = with_shape(|shape| {
        shape.seconds = 10_800;
        shape.bin = 30;
    });
    run.assessment.window.from = 900;
    run.assessment.window.steady = Steadiness::Drifting { ratio: 1.31 };
    run
}

/// Not a single answer but 5xx, so no response time that counts.
pub(crate) fn only_errors() -> OwnedReport {
    let mut run = with_shape(|shape| shape.errors = 1.0);
    let assessment = &mut run.assessment;
    assessment.verdict = Verdict::SloMissed;
    assessment.reasons =
        vec!["server_error_rate < 0.1%: measured 100 %, with confidence".to_owned()];
    assessment.curves = Curves::default();
    let times = [
        &mut assessment.timeline.p50,
        &mut assessment.timeline.p95,
        &mut assessment.timeline.p99,
        &mut assessment.timeline.max,
    ];
    for values in times {
        values.fill(None);
    }
    for step in assessment.steps.iter_mut().chain([&mut assessment.total]) {
        let ended = step.counts.ended();
        step.times[Phase::Failed] = step.times[Phase::Response].take();
        step.counts.outcomes = vec![(Outcome::ServerError, ended)];
        step.counts.statuses = vec![(500, ended)];
        step.error_rate = 1.0;
        step.goodput = 0.0;
    }
    for slo in &mut assessment.slos[..3] {
        slo.status = SloStatus::Missed;
    }
    assessment.slos[0].measured = None;
    let reason = "at least 99.9 % of all requests failed".to_owned();
    let incident = Incident { class: IncidentClass::P0, reason };
    assessment.error_budget.as_mut().unwrap().incident = Some(incident);
    run.exit_code = 3;
    run
}

/// A target that breaks in the middle: all outcomes that there are.
pub(crate) fn failing() -> OwnedReport {
    let mut run = with_shape(|shape| shape.all_outcomes = true);
    run.assessment.verdict = Verdict::Invalid;
    run.assessment.error_budget = None;
    run.assessment.reasons = vec![
        "2,130 requests were never sent: the ceiling on requests in flight was reached".to_owned(),
        "availability >= 99.9%: measured 71.2 %".to_owned(),
    ];
    run.assessment.total.counts.outcomes =
        Outcome::ALL.into_iter().map(|outcome| (outcome, 700)).collect();
    run.assessment.total.counts.causes = vec![
        ("ceiling on requests in flight", 700),
        ("connection refused", 512),
        ("closed before the end of the response", 188),
    ];
    run.assessment.failures = failed::orders();
    run.assessment.findings.insert(
        0,
        Finding {
            kind: "in_flight_limit",
            severity: Severity::Invalidates,
            evidence: "10,000 requests were in flight in 14 of 60 seconds".to_owned(),
            advice: "raise limits.in_flight, or lower the rate".to_owned(),
        },
    );
    run.exit_code = 6;
    run
}

/// One request of 48 s among many of 12 ms.
pub(crate) fn outlier() -> OwnedReport {
    let mut run = with_shape(|shape| shape.outlier = Some(48_000.0));
    run.assessment.total.times[Phase::Response].as_mut().unwrap().max = 48_000.0;
    run
}

/// 40 steps with names that no column holds.
pub(crate) fn many_steps() -> OwnedReport {
    let mut run = normal();
    let name = |place: usize| {
        format!("{place:02} tenants of the northern region: export all open orders as a file")
    };
    run.assessment.steps = (0..40)
        .map(|place| step(&name(place), "GET /export", 150, 0.2 + place as f64 * 0.09))
        .collect();
    run.assessment.steps[7].times[Phase::Response] = None;
    run
}

/// Nothing is known of the target's inside, no limits, a single step.
pub(crate) fn bare() -> OwnedReport {
    let mut run = with_shape(|shape| shape.telemetry = false);
    run.assessment.saturation = Saturation {
        generator_cpu: run.assessment.saturation.generator_cpu,
        ..Saturation::default()
    };
    run.assessment.total.limits.clear();
    run.assessment.steps.truncate(1);
    run.assessment.steps[0].limits.clear();
    run.assessment.slos.clear();
    run.assessment.findings.clear();
    run.assessment.limits_of_knowledge.clear();
    run.record.end = None;
    run.folder = None;
    run
}

/// Every value of every series is the same.
pub(crate) fn flat() -> OwnedReport {
    let mut run = with_shape(|shape| shape.flat = true);
    run.assessment.total.limits.clear();
    run
}

/// Not one request.
pub(crate) fn empty() -> OwnedReport {
    let mut run = normal();
    run.assessment.timeline = Timeline::default();
    run.assessment.curves = Curves::default();
    run.assessment.steps.clear();
    run.assessment.total =
        Summary { times: ByPhase::default(), counts: Counts::default(), ..step("all", "", 0, 1.0) };
    run.assessment.saturation = Saturation::default();
    run.assessment.window.to = run.assessment.window.from;
    run
}

/// What a careless division would leave behind.
pub(crate) fn broken_numbers() -> OwnedReport {
    let mut run = normal();
    let timeline = &mut run.assessment.timeline;
    timeline.p99[20] = Some(f64::NAN);
    timeline.max[21] = Some(f64::INFINITY);
    timeline.offered[22] = f64::NAN;
    timeline.in_flight[23] = Some(f64::NEG_INFINITY);
    timeline.outcomes[0][24] = f64::NAN;
    timeline.target.0[0].1[25] = Some(f64::INFINITY);
    run.assessment.curves.response.push((f64::NAN, f64::INFINITY));
    run.assessment.steps[0].times[Phase::Response].as_mut().unwrap().p99 = f64::NAN;
    run.assessment.total.limits.push((0.999, f64::INFINITY));
    run.assessment.total.error_rate = f64::NAN;
    run
}
