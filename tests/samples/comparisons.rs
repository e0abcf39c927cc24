//! Made-up comparisons for the tests of their reports. Figures are only alike real ones.

use super::runs;
use crate::analysis::assessment::{Assessment, Finding, Severity, Summary, Verdict};
use crate::analysis::comparison::{
    ArmCurves, Comparison, Estimate, Look, LookMetric, MetricResult, RatioSeries, Rule, Ruling,
    StepChange,
};
use crate::analysis::gauges::{CostUnit, PerRequestChange};
use crate::analysis::what_next::what_next;
use crate::record::duet::{
    ArmHead, Dropped, DuetEnd, DuetFile, GateMetric, GateSettings, Method, SegmentHead, VERSION,
};
use crate::report::document::Document;
use crate::report::subject::comparison::{ComparisonReport, describe};
use crate::scenario::model::Arm;

/// What a report borrows.
#[derive(Debug, Clone)]
pub(crate) struct OwnedComparison {
    pub(crate) comparison: Comparison,
    pub(crate) duet: Option<DuetFile>,
    pub(crate) scenario: String,
    pub(crate) exit_code: u8,
    pub(crate) folder: Option<String>,
    pub(crate) arms: (String, String),
}

impl OwnedComparison {
    pub(crate) fn document(&self) -> Document<'_> {
        describe(&self.report())
    }

    pub(crate) fn report(&self) -> ComparisonReport<'_> {
        ComparisonReport {
            comparison: &self.comparison,
            duet: self.duet.as_ref(),
            scenario: &self.scenario,
            exit_code: self.exit_code,
            folder: self.folder.as_deref(),
            baseline_name: &self.arms.0,
            candidate_name: &self.arms.1,
        }
    }
}

/// Every comparison here, with a name for file names and messages.
pub(crate) fn all() -> Vec<(&'static str, OwnedComparison)> {
    vec![
        ("pass", pass()),
        ("regressed", regressed()),
        ("inconclusive", inconclusive()),
        ("stored", stored()),
        ("extreme", extreme()),
        ("empty", empty()),
        ("hostile", hostile("<b>\"x\"&|`@you` \u{202e}\u{1b}[31m very long name indeed it is")),
    ]
}

#[track_caller]
pub(crate) fn named(name: &str) -> OwnedComparison {
    all().into_iter().find(|(known, _)| *known == name).unwrap().1
}

const P50: GateMetric = GateMetric::ResponseTime(0.5);
const P95: GateMetric = GateMetric::ResponseTime(0.95);
const P99: GateMetric = GateMetric::ResponseTime(0.99);

#[expect(clippy::unnecessary_wraps, reason = "it is written into optional fields")]
fn found(value: f64, low: f64, high: f64) -> Option<Estimate> {
    Some(Estimate { value, low, high })
}

fn metric(metric: GateMetric, ruling: Ruling, estimate: Option<Estimate>) -> MetricResult {
    let (name, baseline) = match metric {
        GateMetric::ResponseTime(share) => {
            let name = format!("p{} of response time", (share * 1_000.0).round() / 10.0);
            (name, 8.0 / (1.0 - share).sqrt())
        }
        GateMetric::ErrorRate => ("error rate".to_owned(), 0.000_5),
        GateMetric::CpuPerRequest => ("CPU per request".to_owned(), 0.84),
        GateMetric::SlowRequests => ("slow requests".to_owned(), 0.000_5),
    };
    let candidate = estimate.map(|found| match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => baseline * found.value,
        GateMetric::ErrorRate | GateMetric::SlowRequests => baseline + found.value,
    });
    MetricResult {
        metric,
        step: None,
        name,
        gates: true,
        ruling,
        baseline: estimate.map(|_| baseline),
        candidate,
        estimate,
        rule: (ruling == Ruling::Regressed).then_some(match metric {
            GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => Rule::Trimmed,
            GateMetric::ErrorRate | GateMetric::SlowRequests => Rule::SignFlip,
        }),
        smallest_visible: Some(0.08),
        seconds_needed: None,
        note: None,
    }
}

/// So many looks, at which the intervals narrow to those of the metrics.
fn looks(metrics: &[MetricResult], number: u32) -> Vec<Look> {
    let look = |place: u32| {
        let wider = f64::from(number - place + 1);
        let is_last = place == number;
        let seen = metrics.iter().filter(|metric| metric.gates).map(|metric| LookMetric {
            metric: metric.metric,
            step: None,
            gates: true,
            estimate: metric.estimate.map(|found| Estimate {
                value: found.value,
                low: found.value - (found.value - found.low) * wider,
                high: found.value + (found.high - found.value) * wider,
            }),
            sign_p: Some(0.4),
            ruling: if is_last { metric.ruling } else { Ruling::Inconclusive },
            rule: metric.rule.filter(|_| is_last),
        });
        let metrics: Vec<LookMetric> = seen.collect();
        let has = |ruling| metrics.iter().any(|seen| seen.ruling == ruling);
        let ruling = if has(Ruling::Regressed) {
            Ruling::Regressed
        } else if has(Ruling::Inconclusive) {
            Ruling::Inconclusive
        } else {
            Ruling::Pass
        };
        let requests = u64::from(place) * 36_000;
        Look {
            segments: place,
            seconds: 60 * place,
            requests: (requests + 4, requests),
            metrics,
            ruling,
        }
    };
    (1..=number).map(look).collect()
}

/// 2-s intervals of three segments of 60 s, which wobble around the ratios.
fn over_time(ratios: &[(f64, f64)]) -> RatioSeries {
    let wobble = |place: u32, share: f64| {
        let angle = f64::from(place) * (1.7 + share);
        1.0 + 0.04 * (1.0 + share) * angle.sin()
    };
    let of = |&(share, ratio): &(f64, f64)| {
        let points = (0..90).map(|place| (place != 40).then(|| ratio * wobble(place, share)));
        (share, points.collect())
    };
    RatioSeries {
        width: 2,
        starts: (0..90).map(|place| (place * 2, place / 30)).collect(),
        ratios: ratios.iter().map(of).collect(),
    }
}

fn curves(slower: impl Fn(f64) -> f64) -> ArmCurves {
    let shares: Vec<f64> =
        (0..=80).map(|place| 1.0 - 10_f64.powf(-f64::from(place) / 20.0)).collect();
    let baseline = |share: &f64| (*share, 6.0 + 2.0 / (1.0 - share).powf(0.45));
    let candidate = |share: &f64| (*share, baseline(share).1 * slower(*share));
    ArmCurves {
        baseline: shares.iter().map(baseline).collect(),
        candidate: shares.iter().map(candidate).collect(),
        shift: shares.iter().filter(|s| **s < 0.9995).map(|s| (*s, slower(*s))).collect(),
    }
}

/// Curves that a golden file has room for.
pub(crate) fn short_curves() -> ArmCurves {
    ArmCurves {
        baseline: vec![(0.0, 6.1), (0.5, 8.9)],
        candidate: vec![(0.0, 6.2), (0.5, 9.1)],
        shift: vec![(0.5, 1.022)],
    }
}

/// An assessment without series, for the same reason.
pub(crate) fn unmeasured() -> Assessment {
    let mut assessment = runs::normal().assessment;
    assessment.slos.truncate(1);
    assessment.steps.clear();
    assessment.timeline = crate::analysis::assessment::Timeline::default();
    assessment.curves = crate::analysis::assessment::Curves::default();
    assessment
}

fn step(name: &str, change: f64) -> StepChange {
    StepChange {
        name: name.to_owned(),
        requests: (36_004, 36_001),
        p50: Some((8.12, 8.12 * change)),
        p95: Some((21.4, 21.4 * change)),
        p99: Some((980.0, 980.0 * change)),
        change: Some(change),
        sees_from: Some(0.31),
    }
}

fn duet() -> DuetFile {
    let segment =
        |place: u32| SegmentHead { folder: format!("segment-{place}"), first: Arm::Baseline };
    DuetFile {
        idle: None,
        version: VERSION,
        scenario: "orders".to_owned(),
        scenario_hash: "9f2c".repeat(16),
        started: "2026-03-01T10:15:00Z".to_owned(),
        baseline: ArmHead { source: "origin/main".to_owned(), commit: Some("1a2b3c4".to_owned()) },
        candidate: ArmHead::default(),
        method: Method::Interleaved,
        method_reason: "both arms and the generator need 54 % of the cores".to_owned(),
        settings: GateSettings::default(),
        dropped: vec![],
        forecast: vec!["p95: a change of +8 % would be seen after 3 looks".to_owned()],
        warmup_seconds: 10,
        judged_seconds: 60,
        segments: (1..=3).map(segment).collect(),
        end: Some(DuetEnd::Finished),
    }
}

fn comparison(verdict: Verdict, ruling: Ruling, metrics: Vec<MetricResult>) -> Comparison {
    Comparison {
        verdict,
        ruling,
        reasons: vec![],
        what_next: None,
        limits_of_knowledge: vec![
            "a change that appears only after minutes is not in segments of 60 s".to_owned(),
        ],
        findings: vec![],
        method: Method::Interleaved,
        settings: GateSettings::default(),
        dropped: vec![],
        looks: looks(&metrics, 3),
        metrics,
        steps: vec![step("create order", 1.021), step("list orders", 1.004)],
        over_time: over_time(&[(0.5, 1.0), (0.95, 1.01), (0.99, 1.02)]),
        curves: curves(|share| 1.0 + 0.02 * share),
        per_request: vec![PerRequestChange {
            name: "gc_time".to_owned(),
            label: "GC time".to_owned(),
            unit: CostUnit::Milliseconds,
            baseline: 0.118,
            candidate: 0.121,
            ratio: Some(1.025),
        }],
        baseline: runs::normal().assessment.total,
        candidate: runs::normal().assessment,
    }
}

fn owned(mut comparison: Comparison, exit_code: u8) -> OwnedComparison {
    let judged = comparison.looks.last().map_or(0, |look| look.seconds);
    let Comparison { verdict, metrics, steps, findings, .. } = &comparison;
    comparison.what_next = what_next(*verdict, metrics, steps, findings, judged);
    OwnedComparison {
        comparison,
        duet: Some(duet()),
        scenario: "orders".to_owned(),
        exit_code,
        folder: Some("reports/orders/2026-03-01T10-15-00Z".to_owned()),
        arms: ("origin/main (1a2b3c4 Fix the cache)".to_owned(), "working tree".to_owned()),
    }
}

fn pass() -> OwnedComparison {
    let mut reported =
        metric(GateMetric::ResponseTime(0.999), Ruling::Inconclusive, found(0.97, 0.7, 1.31));
    reported.gates = false;
    let mut errors = metric(GateMetric::ErrorRate, Ruling::Pass, found(0.0001, -0.0004, 0.0006));
    errors.note =
        Some("no error in 600 requests: a rate below 0.5 % may have gone unseen".to_owned());
    let metrics = vec![
        metric(P50, Ruling::Pass, found(1.004, 0.991, 1.017)),
        metric(P95, Ruling::Pass, found(1.012, 0.989, 1.036)),
        metric(P99, Ruling::Improved, found(0.902, 0.861, 0.944)),
        errors,
        reported,
    ];
    owned(comparison(Verdict::Pass, Ruling::Pass, metrics), 0)
}

fn regressed() -> OwnedComparison {
    let metrics = vec![
        metric(P50, Ruling::Pass, found(1.02, 1.006, 1.034)),
        metric(P95, Ruling::Regressed, found(1.182, 1.104, 1.263)),
        metric(P99, Ruling::Inconclusive, found(1.13, 0.96, 1.32)),
        metric(GateMetric::ErrorRate, Ruling::Regressed, found(0.013, 0.008, 0.018)),
    ];
    let mut comparison = comparison(Verdict::Regressed, Ruling::Regressed, metrics);
    comparison.reasons = vec!["p95 of response time is 18 % slower".to_owned()];
    comparison.steps = vec![step("create order", 1.48), step("list orders", 1.02)];
    comparison.over_time = over_time(&[(0.5, 1.02), (0.95, 1.18), (0.99, 1.13)]);
    comparison.curves = curves(|share| 1.0 + 0.25 * share * share);
    comparison.findings = vec![Finding {
        kind: "machine_busy",
        severity: Severity::Warning,
        evidence: "the machine was 93 % busy in 12 of 60 seconds".to_owned(),
        advice: "run the generator on another machine, or lower the rate".to_owned(),
    }];
    owned(comparison, 4)
}

fn inconclusive() -> OwnedComparison {
    let mut p95 = metric(P95, Ruling::Inconclusive, found(1.043, 0.981, 1.109));
    p95.smallest_visible = Some(0.14);
    p95.seconds_needed = Some(239.2);
    let metrics = vec![metric(P50, Ruling::Pass, found(1.004, 0.991, 1.017)), p95];
    let mut comparison = comparison(Verdict::Inconclusive, Ruling::Inconclusive, metrics);
    comparison.reasons = vec!["p95 of response time is not decided".to_owned()];
    comparison.method = Method::Alternating { block: 5, dropped: 1 };
    comparison.dropped = vec![Dropped {
        metric: P99,
        reason: "at 200/s it would take 40 min to see +10 %; 5 segments of 60 s are planned"
            .to_owned(),
    }];
    owned(comparison, 5)
}

/// A stored baseline: no duet, no looks, no series.
fn stored() -> OwnedComparison {
    let mut sample = pass();
    sample.duet = None;
    let comparison = &mut sample.comparison;
    comparison.method = Method::Stored;
    comparison.looks.clear();
    comparison.over_time = RatioSeries::default();
    sample
}

/// Ratios of 50, infinite and missing bounds, a single look, broken numbers.
fn extreme() -> OwnedComparison {
    let mut unknown = metric(P95, Ruling::Inconclusive, None);
    unknown.smallest_visible = None;
    let metrics = vec![
        metric(P50, Ruling::Regressed, found(50.3, 31.0, 81.2)),
        unknown,
        metric(P99, Ruling::Inconclusive, found(0.000_3, 0.0, f64::INFINITY)),
        metric(GateMetric::ResponseTime(0.9), Ruling::Inconclusive, found(f64::NAN, 0.1, 2.0)),
        metric(GateMetric::ErrorRate, Ruling::Regressed, found(0.98, 0.91, f64::INFINITY)),
    ];
    let mut comparison = comparison(Verdict::Regressed, Ruling::Regressed, metrics);
    comparison.looks = looks(&comparison.metrics, 1);
    comparison.over_time = over_time(&[(0.5, 50.0), (0.95, f64::NAN)]);
    comparison.curves = curves(|share| 1.0 + 60.0 * share);
    let mut broken = step("list orders", f64::NAN);
    broken.p50 = None;
    comparison.steps = vec![step("create order", 48_000.0), broken];
    owned(comparison, 4)
}

fn empty() -> OwnedComparison {
    let mut comparison = comparison(Verdict::TargetLost, Ruling::Inconclusive, vec![]);
    comparison.reasons = vec!["the candidate died:\n  Error: no port\n    at listen".to_owned()];
    comparison.looks.clear();
    comparison.limits_of_knowledge.clear();
    comparison.steps.clear();
    comparison.over_time = RatioSeries::default();
    comparison.curves = ArmCurves::default();
    let empty = runs::empty().assessment;
    comparison.baseline = Summary { ..empty.total.clone() };
    comparison.candidate = empty;
    let mut sample = owned(comparison, 7);
    sample.duet.as_mut().unwrap().end =
        Some(DuetEnd::ArmLost { arm: Arm::Candidate, detail: "Error: no port".to_owned() });
    sample
}

/// One text everywhere where a stranger's text may stand.
pub(crate) fn hostile(text: &str) -> OwnedComparison {
    let mut sample = regressed();
    let text = || text.to_owned();
    sample.scenario = text();
    sample.arms = (text(), text());
    sample.folder = Some(text());
    let duet = sample.duet.as_mut().unwrap();
    duet.method_reason = format!("x{}", text());
    duet.forecast = vec![format!("x{}", text())];
    duet.end = Some(DuetEnd::ArmLost { arm: Arm::Baseline, detail: text() });
    let comparison = &mut sample.comparison;
    comparison.reasons = vec![text()];
    comparison.limits_of_knowledge = vec![text()];
    comparison.findings[0].evidence = text();
    comparison.findings[0].advice = text();
    comparison.dropped = vec![Dropped { metric: P99, reason: text() }];
    comparison.metrics[0].note = Some(text());
    comparison.metrics[0].name = text();
    comparison.steps[0].name = text();
    comparison.candidate.slos[0].text = text();
    sample
}
