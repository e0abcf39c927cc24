//! A candidate beside stored numbers as a whole comparison: what `stored` says of the
//! metrics, the candidate's own assessment, and one verdict of both.
//!
//! A judgement, a baseline and an assessment in, a [`Comparison`] out.

use crate::analysis::assessment::{Assessment, Counts, Summary, Verdict};
use crate::analysis::comparison::{ArmCurves, Comparison, MetricResult, RatioSeries, Ruling};
use crate::analysis::number_format::counted;
use crate::analysis::series;
use crate::analysis::stored::{RUNS_TO_DECIDE, Standing, StoredJudgement};
use crate::analysis::summary::times;
use crate::analysis::verdict;
use crate::record::baseline::{AcceptedRun, Baseline};
use crate::record::duet::{GateMetric, GateSettings, Method};
use crate::record::histogram::Sparse;
use crate::record::phase::{ByPhase, Phase};

/// So many requests have to lie beyond a quantile for its ratio to be shown.
const BEYOND_FOR_RATIO: f64 = 20.0;

/// Puts a judgement together with what else is known of both sides.
pub fn compare(
    judgement: StoredJudgement,
    baseline: &Baseline,
    run: &AcceptedRun,
    candidate: Assessment,
    settings: &GateSettings,
) -> Comparison {
    let pooled = baseline.pooled();
    let ruling = judgement.ruling;
    Comparison {
        verdict: verdict::decide(verdict::of_compared(&candidate, ruling)),
        ruling,
        reasons: reasons(&judgement, &candidate),
        what_next: None,
        limits_of_knowledge: judgement.limits_of_knowledge,
        findings: candidate.findings.clone(),
        method: Method::Stored,
        settings: settings.clone(),
        metrics: judgement.metrics,
        dropped: judgement.dropped,
        per_request: Vec::new(),
        looks: Vec::new(),
        steps: judgement.steps,
        over_time: RatioSeries::default(),
        curves: curves(&pooled, &run.response),
        baseline: summary(baseline, &pooled),
        candidate,
    }
}

/// The candidate's own assessment with the verdict, the reasons and the limits of both together,
/// as reports of the run show it.
pub fn of_both(comparison: &Comparison) -> Assessment {
    let mut limits = comparison.limits_of_knowledge.clone();
    limits.extend(comparison.candidate.limits_of_knowledge.iter().cloned());
    Assessment {
        verdict: comparison.verdict,
        reasons: comparison.reasons.clone(),
        limits_of_knowledge: limits,
        ..comparison.candidate.clone()
    }
}

/// What stops the candidate by itself, then what the gate says.
fn reasons(judgement: &StoredJudgement, candidate: &Assessment) -> Vec<String> {
    let of_gate = of_gate(judgement);
    let own = candidate.reasons.iter().cloned();
    match candidate.verdict {
        Verdict::TargetLost | Verdict::Invalid | Verdict::SloMissed => own.chain(of_gate).collect(),
        Verdict::Inconclusive if !candidate.slos.is_empty() => {
            of_gate.into_iter().chain(own).collect()
        }
        Verdict::Inconclusive | Verdict::Regressed | Verdict::Pass => of_gate,
    }
}

fn of_gate(judgement: &StoredJudgement) -> Vec<String> {
    if judgement.standing == Standing::Advice {
        return vec![too_few(judgement.runs)];
    }
    let with =
        |ruling: Ruling| judgement.metrics.iter().filter(move |it| it.gates && it.ruling == ruling);
    let told: Vec<String> = with(Ruling::Regressed)
        .map(|metric| changed(metric, "regressed"))
        .chain(with(Ruling::Inconclusive).map(undecided))
        .chain(with(Ruling::Improved).map(|metric| changed(metric, "improved")))
        .collect();
    let gated = judgement.metrics.iter().filter(|metric| metric.gates).count();
    match (told.is_empty(), gated) {
        (true, 0) => vec!["no metric has enough requests to be compared".to_owned()],
        (true, _) => vec![format!(
            "{} no worse than in {} by more than the tolerance",
            if gated == 1 { "1 metric is" } else { "all metrics are" },
            counted(judgement.runs as u64, "accepted run")
        )],
        (false, _) => told,
    }
}

/// Why so few runs decide nothing, and what does.
pub fn too_few(runs: usize) -> String {
    let missing = RUNS_TO_DECIDE.saturating_sub(runs);
    format!(
        "{} cannot decide, {RUNS_TO_DECIDE} can: accept {} more, or use `loadgate duet`, which \
         needs none",
        counted(runs as u64, "accepted run"),
        counted(missing as u64, "run")
    )
}

fn changed(metric: &MetricResult, how: &str) -> String {
    let name = &metric.name;
    match (metric.estimate, metric.metric) {
        (Some(estimate), GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest) => format!(
            "{name} {how}: {:.2} times the baseline's, at least {:.2}, at most {:.2}",
            estimate.value, estimate.low, estimate.high
        ),
        (Some(estimate), GateMetric::ErrorRate | GateMetric::SlowRequests) => {
            format!("{name} {how}: by {:+.2} % of the requests", estimate.value * 100.0)
        }
        (None, _) => format!("{name} {how}"),
    }
}

fn undecided(metric: &MetricResult) -> String {
    match &metric.note {
        Some(note) => format!("{} is undecided: {note}", metric.name),
        None => format!("{} is undecided", metric.name),
    }
}

fn curves(baseline: &Sparse, candidate: &Sparse) -> ArmCurves {
    let arms = (series::curve(baseline), series::curve(candidate));
    let fewest = baseline.count().min(candidate.count()) as f64;
    let shift = |(share, _): &(f64, f64)| {
        let (then, now) = (baseline.quantile(*share)?, candidate.quantile(*share)?);
        let enough = (1.0 - share) * fewest >= BEYOND_FOR_RATIO;
        (enough && then > 0.0).then(|| (*share, now / then))
    };
    let shift = arms.1.iter().filter_map(shift).collect();
    ArmCurves { baseline: arms.0, candidate: arms.1, shift }
}

/// The figures of all accepted runs together. A baseline keeps no outcomes but errors, so
/// what was answered is taken to be what ended well.
fn summary(baseline: &Baseline, pooled: &Sparse) -> Summary {
    let requests: u64 = baseline.runs.iter().map(|run| run.requests).sum();
    let errors: u64 = baseline.runs.iter().map(|run| run.errors).sum();
    let seconds: f64 = baseline.runs.iter().map(|run| run.seconds).sum();
    let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    Summary {
        name: "all".to_owned(),
        label: String::new(),
        counts: Counts { planned: requests, sent: requests, ..Counts::default() },
        offered_rate: rate(requests),
        throughput: rate(requests.saturating_sub(errors)),
        goodput: rate(requests.saturating_sub(errors)),
        error_rate: errors as f64 / requests.max(1) as f64,
        times: ByPhase::of([(Phase::Response, times(pooled))]),
        limits: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::accepted::accepted_run;
    use crate::analysis::assess::assess;
    use crate::analysis::sample_records::{Requests, add, run};
    use crate::analysis::stored::judge_stored;
    use crate::record::fingerprint::Fingerprint;
    use crate::record::run::{EndReason, RunRecord};

    /// 60 s of 200 requests each, so many times as slow as usual.
    fn record(index: usize, scale: f64) -> RunRecord {
        let mut record = run(60, 200.0);
        record.head.started = format!("2026-01-01T00:00:{index:02}Z");
        let micros = |usual: f64| (usual * scale) as u64;
        let mix = [
            Requests::ok(150, micros(20_000.0)),
            Requests::ok(45, micros(40_000.0)),
            Requests::ok(5, micros(90_000.0)),
        ];
        add(&mut record, 0..60, &mix);
        record
    }

    fn baseline(runs: usize) -> Baseline {
        let first = record(0, 1.0);
        let fingerprint = Fingerprint::of(&first.head);
        let accepted =
            |index: usize| accepted_run(&record(index, 1.0 + 0.002 * (index % 3) as f64), None);
        let mut made = Baseline::new("a", fingerprint.clone(), accepted(0), "now").unwrap();
        for index in 1..runs {
            made.accept(&fingerprint, accepted(index), "now").unwrap();
        }
        made
    }

    fn compared(runs: usize, candidate: &RunRecord) -> Comparison {
        let (baseline, settings) = (baseline(runs), GateSettings::default());
        let fingerprint = Fingerprint::of(&candidate.head);
        let run = accepted_run(candidate, None);
        let judged = judge_stored(&baseline, &fingerprint, &run, &settings).unwrap();
        compare(judged, &baseline, &run, assess(candidate), &settings)
    }

    #[track_caller]
    fn check(runs: usize, candidate: &RunRecord, verdict: Verdict, reason: &str) {
        let found = compared(runs, candidate);
        assert_eq!(found.verdict, verdict, "{:#?}", found.reasons);
        assert!(found.reasons[0].contains(reason), "{:?}", found.reasons);
    }

    #[test]
    fn the_order_of_verdicts_is_kept() {
        check(12, &record(50, 1.0), Verdict::Pass, "no worse than in 12 accepted runs");
        check(12, &record(50, 1.5), Verdict::Regressed, "p50 of response time regressed: 1.5");
        check(12, &record(50, 1.05), Verdict::Inconclusive, "undecided");
        check(3, &record(50, 1.5), Verdict::Inconclusive, "accept 7 runs more");
        check(12, &record(50, 10.0), Verdict::SloMissed, "p99");
        let mut lost = record(50, 10.0);
        if let Some(end) = &mut lost.end {
            end.reason = EndReason::TargetDied { detail: "killed".into() };
        }
        check(12, &lost, Verdict::TargetLost, "the target died");
    }

    #[test]
    fn without_objectives_the_comparison_decides() {
        let mut candidate = record(50, 1.0);
        candidate.head.slos.clear();
        check(12, &candidate, Verdict::Pass, "no worse");
    }

    #[test]
    fn both_sides_are_shown() {
        let found = compared(12, &record(50, 2.0));
        let (_, ratio) = found.curves.shift[1];
        assert!((ratio - 2.0).abs() < 0.02, "{ratio}");
        assert!(!found.curves.baseline.is_empty() && !found.curves.candidate.is_empty());
        let p50 = found.baseline.times[Phase::Response].unwrap().p50;
        assert!((p50 - 20.0).abs() < 0.1, "{p50}");
        assert!((found.baseline.offered_rate - 200.0).abs() < 1.0);
        assert_eq!(found.method, Method::Stored);
    }
}
