//! A duet's record in, what there is to say about it out.
//!
//! The gate looks at both arms, the objectives at the candidate. The generator's lag is in
//! both arms alike and pulls every ratio towards 1; where it may have added more than the
//! tolerance to a quantile, the gate looks a second time, at the times without it, and if
//! that says something else the comparison is invalid.

use crate::analysis::assess::assess;
use crate::analysis::assessment::{
    Assessment, Finding, Severity, SloResult, SloStatus, Times as Figures, Verdict,
};
use crate::analysis::audit;
use crate::analysis::comparison::{
    ArmCurves, Comparison, Look, MetricResult, Paired, Ruling, StepChange,
};
use crate::analysis::finding::finding;
use crate::analysis::gate;
use crate::analysis::gate::drift;
use crate::analysis::gauges::{self, PerRequestChange};
use crate::analysis::number_format;
use crate::analysis::pairing::{self, PairedTimes};
use crate::analysis::ratios::over_time;
use crate::analysis::reasons::of_gate;
use crate::analysis::series;
use crate::analysis::totals::{self, Totals};
use crate::analysis::unanswered;
use crate::analysis::verdict::{self, Ground};
use crate::analysis::what_next::what_next;
use crate::record::duet::{DuetEnd, DuetRecord, GateMetric};
use crate::record::phase::Phase;
use crate::record::run::RunRecord;
use crate::record::step_head::StepHead;
use crate::scenario::model::Arm;
use crate::units::order;

/// Requests beyond a quantile from which on both arms' curves are compared there.
const BEYOND: f64 = 20.0;

/// Compares; `None` without a finished segment, of which nothing can be said.
pub fn compare(duet: &DuetRecord) -> Option<Comparison> {
    let arms = Arms::of(duet)?;
    let settings = &duet.file.settings;
    let measured = pairing::paired(duet, PairedTimes::Response);
    let (looks, mut metrics) = gate::judge(&measured, settings);
    let mut findings = Vec::new();
    for metric in &mut metrics {
        findings.extend(drifting(&measured, metric, settings.tolerance));
    }
    findings.extend(lag_decides(duet, &arms, &looks, &metrics));
    for metric in &mut metrics {
        if let Some((baseline, candidate)) = arms.pools(metric.step.as_deref()) {
            unanswered::explain(metric, baseline, candidate);
        }
    }
    idle(duet, &mut metrics);
    let ruling = overall(&looks, &metrics);
    let candidate = assess(&arms.candidate.run);
    let baseline = assess(&arms.baseline.run);
    findings.extend(never_worked(&baseline));
    let verdict = decided(duet, &candidate, &findings, ruling);
    let reasons = reasons(duet, &candidate, &findings, &metrics, verdict);
    findings.extend(candidate.findings.iter().cloned());
    let steps = steps(&arms, &gate::steps_see(&measured, settings, looks.len()));
    let judged = looks.last().map_or(0, |look| look.seconds);
    Some(Comparison {
        verdict,
        ruling,
        reasons,
        what_next: what_next(verdict, &metrics, &steps, &findings, judged),
        limits_of_knowledge: limits(&metrics, &duet.file.forecast),
        findings,
        method: duet.file.method,
        settings: settings.clone(),
        dropped: duet.file.dropped.clone(),
        steps,
        looks,
        over_time: over_time(&measured, &metrics),
        curves: curves(&arms),
        baseline: baseline.total,
        per_request: arms.per_request(),
        candidate,
        metrics,
    })
}

/// What was taken off the CPU time, for whoever reads it.
fn idle(duet: &DuetRecord, metrics: &mut [MetricResult]) {
    let Some(idle) = duet.file.idle else { return };
    let is_cpu =
        |it: &&mut MetricResult| it.metric == GateMetric::CpuPerRequest && it.note.is_none();
    for metric in metrics.iter_mut().filter(is_cpu) {
        metric.note = Some(format!(
            "when idle the baseline uses {} of a core and the candidate {}; the baseline's is taken \
             off both",
            number_format::percent(idle.baseline),
            number_format::percent(idle.candidate)
        ));
    }
}

/// Both arms' judged seconds, joined.
struct Arms {
    baseline: Joined,
    candidate: Joined,
    /// The first second after the warm-up.
    from: u32,
}

struct Joined {
    run: RunRecord,
    steps: Vec<Totals>,
    total: Totals,
}

impl Arms {
    /// Of a step, or of all requests: baseline, candidate.
    fn pools(&self, step: Option<&str>) -> Option<(&Totals, &Totals)> {
        let Some(step) = step else {
            return Some((&self.baseline.total, &self.candidate.total));
        };
        let index = self.candidate.run.head.steps.iter().position(|head| head.name == step)?;
        self.baseline.steps.get(index).zip(self.candidate.steps.get(index))
    }

    /// What a request cost of what both targets count.
    fn per_request(&self) -> Vec<PerRequestChange> {
        let of = |arm: &Joined| gauges::per_request(&arm.run, |second| second >= self.from);
        gauges::changes(&of(&self.baseline), &of(&self.candidate))
    }

    fn of(duet: &DuetRecord) -> Option<Arms> {
        let from = duet.file.warmup_seconds;
        let joined = |arm| {
            let run = pairing::joined(duet, arm)?;
            let judged: Vec<u32> = run.seconds.range(from..).map(|found| found.second()).collect();
            let steps = totals::by_step(&run, &judged);
            Some(Joined { total: totals::total(&steps), steps, run })
        };
        Some(Arms { baseline: joined(Arm::Baseline)?, candidate: joined(Arm::Candidate)?, from })
    }
}

/// A baseline of which a step never worked is nothing to compare with; what is said of the
/// candidate is among its own findings.
fn never_worked(baseline: &Assessment) -> impl Iterator<Item = Finding> {
    let found = baseline.findings.iter().filter(|finding| finding.kind == "never_worked");
    found.map(|finding| Finding {
        evidence: format!("baseline: {}", finding.evidence),
        ..finding.clone()
    })
}

/// What the last look said, unless a metric that it let pass drifts.
fn overall(looks: &[Look], metrics: &[MetricResult]) -> Ruling {
    let said = looks.last().map_or(Ruling::Inconclusive, |look| look.ruling);
    let open = metrics.iter().any(|it| it.gates && it.ruling == Ruling::Inconclusive);
    match said {
        Ruling::Pass | Ruling::Improved if open => Ruling::Inconclusive,
        said => said,
    }
}

/// A ratio that moves is no answer; one that is surely too high already is.
fn drifting(measured: &Paired, metric: &mut MetricResult, tolerance: f64) -> Option<Finding> {
    let GateMetric::ResponseTime(share) = metric.metric else { return None };
    if !metric.gates {
        return None;
    }
    let drift = drift::drift(measured, share).filter(|drift| drift.is_drifting(tolerance))?;
    let evidence = format!(
        "the ratio of {} moves by a factor of {:.2} from the beginning of a segment to its end",
        metric.name, drift.factor
    );
    let passed = matches!(metric.ruling, Ruling::Pass | Ruling::Improved);
    if passed {
        metric.ruling = Ruling::Inconclusive;
        metric.note = Some(evidence.clone());
    }
    let advice = "warm up for longer; an arm that fills up or cools down is compared with a \
                  moving mark";
    Some(finding("ratio_drift", Severity::Warning, evidence, advice))
}

/// Whether the generator's lag decides a metric: the gate says something else without it. That
/// voids the comparison where the answer as a whole would be another one; an answer that stands
/// without the lag too is not lost with one of its metrics.
fn lag_decides(
    duet: &DuetRecord,
    arms: &Arms,
    looks: &[Look],
    metrics: &[MetricResult],
) -> Vec<Finding> {
    let tolerance = duet.file.settings.tolerance;
    let large = |metric: &&MetricResult| match metric.metric {
        GateMetric::ResponseTime(share) => lag_share(arms, share) > tolerance,
        GateMetric::ErrorRate | GateMetric::CpuPerRequest | GateMetric::SlowRequests => false,
    };
    let doubtful: Vec<&MetricResult> =
        metrics.iter().filter(large).filter(|m| m.ruling != Ruling::Inconclusive).collect();
    if doubtful.is_empty() {
        return Vec::new();
    }
    let (looks_without, without) =
        gate::judge(&pairing::paired(duet, PairedTimes::Least), &duet.file.settings);
    let differs = |metric: &&MetricResult| {
        let mut other = without.iter();
        let other = other.find(|it| it.metric == metric.metric && it.step == metric.step);
        // A step is only among them where it is worse.
        other.map_or(metric.gates || metric.step.is_some(), |other| {
            is_regressed(other) != is_regressed(metric)
        })
    };
    let stands = ends_regressed(looks) == ends_regressed(&looks_without);
    let found = doubtful.into_iter().filter(differs);
    found.filter_map(|metric| lag_finding(metric, arms, stands)).collect()
}

fn ends_regressed(looks: &[Look]) -> bool {
    looks.last().is_some_and(|look| look.ruling == Ruling::Regressed)
}

fn is_regressed(metric: &MetricResult) -> bool {
    metric.ruling == Ruling::Regressed
}

/// The share of a quantile that the generator may have added, in the arm where it is more.
fn lag_share(arms: &Arms, share: f64) -> f64 {
    let of = |arm: &Joined| {
        let times = &arm.total.times;
        audit::generator_error(&times[Phase::Response], &times[Phase::Least], share)
            .map_or(0.0, |e| e.relative)
    };
    of(&arms.baseline).max(of(&arms.candidate))
}

fn lag_finding(metric: &MetricResult, arms: &Arms, stands: bool) -> Option<Finding> {
    let GateMetric::ResponseTime(share) = metric.metric else { return None };
    let (severity, then) = if stands {
        (Severity::Warning, "the gate says something else about it, but the same in all")
    } else {
        (Severity::Invalidates, "the gate says something else")
    };
    let evidence = format!(
        "the generator may have added {} to {}, and without that {then}",
        number_format::percent(lag_share(arms, share)),
        metric.name
    );
    let advice = "lower the rate, or give the generator a core of its own";
    Some(finding("send_lag", severity, evidence, advice))
}

/// What the candidate, the gate and the way in which the duet ended say together.
fn decided(
    duet: &DuetRecord,
    candidate: &Assessment,
    findings: &[Finding],
    ruling: Ruling,
) -> Verdict {
    let mut grounds = verdict::of_duet(candidate, ruling);
    let is_void = findings.iter().any(|finding| finding.severity == Severity::Invalidates);
    grounds.extend(is_void.then_some(Ground::Void));
    grounds.extend(match duet.file.end {
        Some(DuetEnd::ArmLost { .. }) => Some(Ground::Lost),
        Some(DuetEnd::Hopeless { .. }) => Some(Ground::Void),
        Some(DuetEnd::Finished | DuetEnd::Interrupted { .. }) | None => None,
    });
    verdict::decide(grounds)
}

fn reasons(
    duet: &DuetRecord,
    candidate: &Assessment,
    findings: &[Finding],
    metrics: &[MetricResult],
    verdict: Verdict,
) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(DuetEnd::ArmLost { arm, detail }) = &duet.file.end {
        reasons.push(format!("the {arm} was lost: {detail}"));
    }
    if let Some(DuetEnd::Hopeless { arm, detail }) = &duet.file.end {
        reasons.push(format!("the {arm} cannot work: {detail}"));
    }
    let voiding = findings.iter().filter(|finding| finding.severity == Severity::Invalidates);
    reasons.extend(voiding.map(|finding| finding.evidence.clone()));
    let own = candidate.reasons.iter().map(|reason| format!("candidate: {reason}"));
    let own = own.filter(|_| candidate.verdict != Verdict::Pass);
    let of_gate = of_gate(metrics, &duet.file.settings);
    if is_the_gates(verdict, metrics) {
        reasons.extend(of_gate);
        // What is undecided beside a regression is in the table of objectives.
        reasons.extend(own.filter(|_| verdict != Verdict::Regressed));
    } else {
        reasons.extend(own.chain(of_gate));
    }
    if verdict == Verdict::Pass {
        reasons.extend(looks_met(candidate));
    }
    if verdict == Verdict::Pass && candidate.slos.is_empty() {
        reasons.push("no objective was judged: the scenario has none".to_owned());
    }
    reasons
}

/// Whether a verdict is what the gate says, and not what the candidate by itself came to.
fn is_the_gates(verdict: Verdict, metrics: &[MetricResult]) -> bool {
    match verdict {
        Verdict::Pass | Verdict::Regressed => true,
        Verdict::Inconclusive => {
            metrics.iter().any(|it| it.gates && it.ruling == Ruling::Inconclusive)
        }
        Verdict::SloMissed | Verdict::Invalid | Verdict::TargetLost => false,
    }
}

/// What a pass says of objectives that it does not wait for.
fn looks_met(candidate: &Assessment) -> Option<String> {
    let is_open = |slo: &SloResult| slo.status == SloStatus::Inconclusive;
    candidate.slos.iter().any(is_open).then(|| {
        "an objective that looks met and wants more requests does not hold up a duet; `loadgate run` \
         judges it"
            .to_owned()
    })
}

fn limits(metrics: &[MetricResult], forecast: &[String]) -> Vec<String> {
    let seen = metrics.iter().filter(|metric| !is_regressed(metric)).map(missed);
    seen.chain(forecast.iter().map(|text| format!("forecast: {text}"))).collect()
}

/// What of a metric could have stayed hidden.
fn missed(metric: &MetricResult) -> String {
    let name = &metric.name;
    match (metric.smallest_visible, metric.metric) {
        (None, _) => format!("{name}: no change, however large, could have been seen"),
        (Some(smallest), GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest)
            if !metric.gates =>
        {
            format!(
                "{name} only watched: all requests taking {} longer would have been called regressed; \
             less may have gone unseen",
                number_format::percent(smallest)
            )
        }
        (Some(smallest), GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest) => format!(
            "{name}: a true change below +{} would have been missed more often than in 1 of 20 \
             cases",
            number_format::percent(smallest)
        ),
        (Some(smallest), GateMetric::ErrorRate | GateMetric::SlowRequests) => format!(
            "{name}: a difference below {} of the requests would not have been seen",
            number_format::percent(smallest)
        ),
    }
}

fn steps(arms: &Arms, sees_from: &[Option<f64>]) -> Vec<StepChange> {
    let both = arms.baseline.steps.iter().zip(&arms.candidate.steps);
    let heads = &arms.candidate.run.head.steps;
    let of = |(index, (head, (base, cand))): (usize, (&StepHead, (&Totals, &Totals)))| StepChange {
        sees_from: sees_from.get(index).copied().flatten(),
        ..step(&head.name, base, cand)
    };
    let mut steps: Vec<StepChange> = heads.iter().zip(both).enumerate().map(of).collect();
    let key = |step: &StepChange| step.change.unwrap_or(0.0);
    order::by(&mut steps, |a, b| key(b).total_cmp(&key(a)));
    steps
}

fn step(name: &str, baseline: &Totals, candidate: &Totals) -> StepChange {
    let figures = |pool: &Totals| crate::analysis::summary::times(&pool.times[Phase::Response]);
    let (base, cand) = (figures(baseline), figures(candidate));
    let at = |of: fn(&Figures) -> f64| Some((of(base.as_ref()?), of(cand.as_ref()?)));
    let p95 = at(|times| times.p95);
    StepChange {
        name: name.to_owned(),
        requests: (baseline.counts.ended(), candidate.counts.ended()),
        p50: at(|times| times.p50),
        p95,
        p99: at(|times| times.p99),
        change: p95.filter(|(base, _)| *base > 0.0).map(|(base, cand)| cand / base),
        sees_from: None,
    }
}

fn curves(arms: &Arms) -> ArmCurves {
    let [baseline, candidate] =
        [&arms.baseline, &arms.candidate].map(|arm| series::curves(&arm.total).response);
    let [base, cand] =
        [&arms.baseline, &arms.candidate].map(|arm| &arm.total.times[Phase::Response]);
    let fewer = base.count().min(cand.count()) as f64;
    let is_known = |(share, _): &&(f64, f64)| fewer * (1.0 - share) >= BEYOND && *share > 0.0;
    let ratio = |(share, _): &(f64, f64)| {
        let (base, cand) = (base.quantile(*share)?, cand.quantile(*share)?);
        (base > 0.0).then(|| (*share, cand / base))
    };
    let shift = baseline.iter().filter(is_known).filter_map(ratio).collect();
    ArmCurves { baseline, candidate, shift }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records::{self, Requests};
    use crate::record::duet::tests::file;
    use crate::record::duet::{Method, Segment};

    /// Two segments of one step; of each arm's 50 requests a second a tenth is the tail.
    fn duet(baseline: [Requests; 2], candidate: [Requests; 2]) -> DuetRecord {
        let arm = |requests: [Requests; 2]| {
            let mut run = sample_records::run(15, 50.0);
            sample_records::add(&mut run, 0..15, &requests);
            run
        };
        let segment =
            Segment { baseline: arm(baseline), candidate: arm(candidate), first: Arm::Baseline };
        let mut file = file(Method::Interleaved);
        file.settings.looks = 2;
        file.settings.metrics = vec![GateMetric::ResponseTime(0.5), GateMetric::ResponseTime(0.95)];
        file.end = Some(DuetEnd::Finished);
        DuetRecord { file, segments: vec![segment.clone(), segment] }
    }

    /// Of the candidate: its usual time, and a tail of which the generator may have added most.
    #[track_caller]
    fn with_a_late_tail(usual: u64) -> Comparison {
        let tail = Requests { lag: 80_000, ..Requests::ok(5, 100_000) };
        let baseline = [Requests::ok(45, 10_000), Requests::ok(5, 40_000)];
        compare(&duet(baseline, [Requests::ok(45, usual), tail])).unwrap()
    }

    #[test]
    fn lag_that_decides_voids_and_lag_in_one_metric_of_a_sure_regression_does_not() {
        for (usual, verdict, severity) in [
            (10_000, Verdict::Invalid, Severity::Invalidates),
            (20_000, Verdict::Regressed, Severity::Warning),
        ] {
            let found = with_a_late_tail(usual);
            assert_eq!(found.ruling, Ruling::Regressed, "{usual}");
            assert_eq!(found.verdict, verdict, "{usual} {:?}", found.reasons);
            let lag = found.findings.iter().find(|finding| finding.kind == "send_lag").unwrap();
            assert_eq!(lag.severity, severity, "{usual} {lag:?}");
        }
    }

    #[test]
    fn what_was_decided_is_the_first_reason_and_what_is_open_beside_it_is_none() {
        let usual = [Requests::ok(45, 10_000), Requests::ok(5, 40_000)];
        let slow = [Requests::ok(45, 20_000), Requests::ok(5, 80_000)];
        let of = |candidate: [Requests; 2]| {
            let mut duet = duet(usual, candidate);
            duet.file.settings.metrics = vec![GateMetric::ResponseTime(0.5)];
            let share = crate::scenario::slo::FailureShare::Errors;
            for segment in &mut duet.segments {
                segment.candidate.head.slos = vec![sample_records::failures(share, 1e-6)];
            }
            compare(&duet).unwrap()
        };
        let regressed = of(slow);
        assert_eq!(regressed.verdict, Verdict::Regressed);
        assert!(regressed.reasons[0].starts_with("p50 of response time regressed"));
        let open = |it: &&String| it.contains("undecided");
        assert_eq!(regressed.reasons.iter().find(open), None, "{:?}", regressed.reasons);
        let same = of(usual);
        assert_eq!(same.verdict, Verdict::Pass, "{:?}", same.reasons);
        assert!(same.reasons[0].starts_with("p50 of response time is not worse"));
    }
}
