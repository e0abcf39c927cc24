//! What to do after a duet: where to look, or what would decide it.
//!
//! Metrics as judged, steps and findings in, a sentence out; judges nothing.

use crate::analysis::assessment::{Finding, Severity, Verdict};
use crate::analysis::comparison::{MetricResult, Ruling, StepChange};
use crate::analysis::number_format;
use crate::record::duet::GateMetric;

/// Beyond so many times what was measured, more time is no advice.
const MOST_LONGER: f64 = 10.0;
/// What is said to be needed is an estimate: so much more is advised.
const MARGIN: f64 = 1.2;

/// What to do, by the verdict; `judged` is how many seconds of each arm were.
pub fn what_next(
    verdict: Verdict,
    metrics: &[MetricResult],
    steps: &[StepChange],
    findings: &[Finding],
    judged: u32,
) -> Option<String> {
    match verdict {
        Verdict::Pass | Verdict::SloMissed | Verdict::TargetLost => None,
        Verdict::Regressed => Some(where_to_look(metrics, steps)),
        Verdict::Inconclusive => what_decides(metrics, f64::from(judged)),
        Verdict::Invalid => {
            let voiding = |it: &&Finding| it.severity == Severity::Invalidates;
            findings.iter().find(voiding).map(|finding| finding.advice.clone())
        }
    }
}

fn where_to_look(metrics: &[MetricResult], steps: &[StepChange]) -> String {
    let regressed = metrics.iter().filter(|it| it.ruling == Ruling::Regressed);
    let regressed: Vec<GateMetric> = regressed.map(|it| it.metric).collect();
    let has = |of: fn(GateMetric) -> bool| regressed.iter().copied().any(of);
    if has(GateMetric::is_time) {
        return slowest(steps).unwrap_or_else(|| "look at the steps by change".to_owned());
    }
    if has(|it| it == GateMetric::ErrorRate) {
        return "look at the failures of the candidate".to_owned();
    }
    if has(|it| it == GateMetric::CpuPerRequest) {
        return "profile both builds under this load; for Node: node --cpu-prof".to_owned();
    }
    "look at the candidate's slowest requests over time: pauses, such as garbage collection, or \
     work that blocks all requests"
        .to_owned()
}

/// The step whose median grew most, if one did; a step of few requests may differ by chance.
fn slowest(steps: &[StepChange]) -> Option<String> {
    let all: u64 = steps.iter().map(|step| step.requests.1).sum();
    let is_counted = |step: &&StepChange| step.requests.1 * 20 >= all;
    let of = |step: &StepChange| {
        let (baseline, candidate) = step.p50?;
        (baseline > 0.0).then(|| (candidate / baseline, step.name.clone(), baseline, candidate))
    };
    let counted = steps.iter().filter(is_counted).filter_map(of).filter(|found| found.0 > 1.0);
    let (ratio, name, baseline, candidate) = counted.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!(
        "look first at \"{name}\", whose p50 grew most: {} → {}, {}",
        number_format::millis(baseline),
        number_format::millis(candidate),
        number_format::change(ratio)
    ))
}

/// More time where that is near; else what else there is.
fn what_decides(metrics: &[MetricResult], judged: f64) -> Option<String> {
    let open = metrics.iter().filter(|it| it.gates && it.ruling == Ruling::Inconclusive);
    let worst = open.max_by(|a, b| needed(a).total_cmp(&needed(b)));
    let worst = worst.filter(|_| judged > 0.0)?;
    let more = needed(worst);
    if more <= judged * (MOST_LONGER - 1.0) {
        let longer = ((judged + more * MARGIN) / judged * 10.0).ceil() / 10.0;
        return Some(format!(
            "about {} more of load would probably decide it: repeat it with a --within that is \
             {longer:.1} times as long",
            number_format::seconds(more)
        ));
    }
    let accept =
        if worst.metric == GateMetric::CpuPerRequest { "--cpu-tolerance" } else { "--tolerance" };
    let visible = worst.smallest_visible.filter(|_| worst.metric != GateMetric::ErrorRate);
    let visible = visible.map_or_else(String::new, |smallest| {
        format!(
            " ({}: only changes from +{} on would show)",
            worst.name,
            number_format::percent(smallest)
        )
    });
    Some(format!(
        "more time alone will hardly decide it{visible}: repeat it on a machine with less other \
         work, at another --rate, or accept more by {accept}"
    ))
}

/// Seconds until a metric would be decided.
fn needed(metric: &MetricResult) -> f64 {
    metric.seconds_needed.unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::finding::finding;

    fn metric(metric: GateMetric, ruling: Ruling, seconds_needed: Option<f64>) -> MetricResult {
        MetricResult {
            metric,
            step: None,
            name: "p50 of response time".to_owned(),
            gates: true,
            ruling,
            baseline: Some(10.0),
            candidate: Some(11.0),
            estimate: None,
            rule: None,
            smallest_visible: Some(0.27),
            seconds_needed,
            note: None,
        }
    }

    fn step(name: &str, requests: u64, p50: (f64, f64)) -> StepChange {
        StepChange {
            name: name.to_owned(),
            requests: (requests, requests),
            p50: Some(p50),
            p95: None,
            p99: None,
            change: None,
            sees_from: None,
        }
    }

    const P50: GateMetric = GateMetric::ResponseTime(0.5);

    #[track_caller]
    fn says(verdict: Verdict, metrics: &[MetricResult], expected: &str) {
        let steps = [
            step("rare", 10, (1.0, 9.0)),
            step("list", 500, (4.0, 5.0)),
            step("buy", 500, (4.0, 4.1)),
        ];
        let found = what_next(verdict, metrics, &steps, &[], 100).unwrap_or_default();
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn a_regression_names_the_place_to_look_at() {
        let regressed = |of| [metric(of, Ruling::Regressed, None)];
        let list = "look first at \"list\", whose p50 grew most: 4 ms → 5 ms, +25.0 %";
        says(Verdict::Regressed, &regressed(P50), list);
        says(Verdict::Regressed, &regressed(GateMetric::ErrorRate), "look at the failures");
        says(Verdict::Regressed, &regressed(GateMetric::CpuPerRequest), "profile both builds");
        says(
            Verdict::Regressed,
            &regressed(GateMetric::SlowRequests),
            "look at the candidate's slow",
        );
    }

    #[test]
    fn a_step_that_became_faster_is_no_place_to_look_at() {
        let regressed = [metric(P50, Ruling::Regressed, None)];
        let faster = [step("list", 500, (5.0, 4.0))];
        let found = what_next(Verdict::Regressed, &regressed, &faster, &[], 100);
        assert_eq!(found.as_deref(), Some("look at the steps by change"));
    }

    #[test]
    fn the_metric_that_needs_most_says_what_would_decide() {
        let open = |of, seconds| metric(of, Ruling::Inconclusive, seconds);
        let near = [open(P50, Some(50.0)), open(GateMetric::CpuPerRequest, Some(10.0))];
        says(Verdict::Inconclusive, &near, "about 50 s more of load would probably decide it");
        let text = what_next(Verdict::Inconclusive, &near, &[], &[], 100).unwrap();
        assert!(text.ends_with("1.6 times as long"), "{text}");
        for seconds in [Some(901.0), None] {
            let far = [open(P50, Some(50.0)), open(GateMetric::CpuPerRequest, seconds)];
            says(Verdict::Inconclusive, &far, "more time alone will hardly decide it (p50");
            let text = what_next(Verdict::Inconclusive, &far, &[], &[], 100).unwrap();
            assert!(text.contains("+27 %") && text.ends_with("--cpu-tolerance"), "{text}");
        }
        assert_eq!(what_next(Verdict::Inconclusive, &near, &[], &[], 0), None);
    }

    #[test]
    fn a_comparison_that_does_not_hold_says_what_its_finding_advises() {
        let noted = finding("a", Severity::Warning, String::new(), "no");
        let voids = finding("b", Severity::Invalidates, String::new(), "lower the rate");
        let found = what_next(Verdict::Invalid, &[], &[], &[noted, voids], 100);
        assert_eq!(found.as_deref(), Some("lower the rate"));
        assert_eq!(what_next(Verdict::Pass, &[], &[], &[], 100), None);
    }
}
