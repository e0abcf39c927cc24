//! What a baseline is worth: how its runs lie, whether it decides, and the smallest change
//! that it can see. A baseline in, figures out; for `baseline show` and `baseline list`.

use crate::analysis::prediction::deviation;
use crate::analysis::stats::median;
use crate::analysis::stored::{RUNS_TO_DECIDE, Standing, judge_stored};
use crate::record::baseline::{AcceptedRun, Baseline, Figures};
use crate::record::duet::{GateMetric, GateSettings};

/// A baseline in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// What its rulings are worth.
    pub standing: Standing,
    /// Runs until it decides; 0 when it does.
    pub missing: usize,
    /// p50, p95 and p99 of each run in ms, in the order of the baseline.
    pub runs: Vec<RunFigures>,
    /// Their medians.
    pub median: [f64; 3],
    /// Their standard deviations as shares: 0.03 is 3 %.
    pub spread: [f64; 3],
    /// The smallest change that is called regressed in 95 of 100 cases, for the metrics that
    /// can be told yet: a share of the time, or of all requests for the error rate.
    pub visible: Vec<(GateMetric, String, f64)>,
    /// Requests per second, over all runs.
    pub rate: f64,
}

/// One accepted run in figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunFigures {
    /// p50, p95 and p99 in ms.
    pub times: [f64; 3],
    /// Share of requests that ended otherwise than ok.
    pub error_rate: f64,
}

impl RunFigures {
    /// Those of a run.
    pub fn of(run: &AcceptedRun) -> RunFigures {
        let times = match Figures::of(&run.response) {
            Some(Figures { p50_ms, p95_ms, p99_ms }) => [p50_ms, p95_ms, p99_ms],
            None => [f64::NAN; 3],
        };
        RunFigures { times, error_rate: run.errors as f64 / run.requests.max(1) as f64 }
    }
}

/// What a baseline is worth.
pub fn overview(baseline: &Baseline, settings: &GateSettings) -> Overview {
    let runs: Vec<RunFigures> = baseline.runs.iter().map(RunFigures::of).collect();
    let column = |index: usize| -> Vec<f64> { runs.iter().map(|run| run.times[index]).collect() };
    let spread = |index: usize| {
        let logs: Vec<f64> = column(index).iter().map(|ms| ms.max(1e-3).ln()).collect();
        deviation(&logs).exp_m1()
    };
    let missing = RUNS_TO_DECIDE.saturating_sub(runs.len());
    let requests: u64 = baseline.runs.iter().map(|run| run.requests).sum();
    let seconds: f64 = baseline.runs.iter().map(|run| run.seconds).sum();
    Overview {
        standing: if missing == 0 { Standing::Decides } else { Standing::Advice },
        missing,
        median: [0, 1, 2].map(|index| median(&column(index)).unwrap_or(f64::NAN)),
        spread: [0, 1, 2].map(spread),
        visible: visible(baseline, settings),
        rate: requests as f64 / seconds.max(1e-9),
        runs,
    }
}

/// What it would see does not depend on what is judged, so its last run stands in for that.
fn visible(baseline: &Baseline, settings: &GateSettings) -> Vec<(GateMetric, String, f64)> {
    let last = baseline.runs.last();
    let judged = last.map(|run| judge_stored(baseline, &baseline.fingerprint, run, settings));
    let Some(Ok(judged)) = judged else { return Vec::new() };
    let metrics = judged.metrics.into_iter();
    metrics.filter_map(|it| Some((it.metric, it.name, it.smallest_visible?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fingerprint::Fingerprint;
    use crate::record::histogram::Sparse;
    use crate::record::sample_head;

    fn baseline(runs: u64) -> Baseline {
        let run = |index: u64| AcceptedRun {
            started: format!("run {index}"),
            note: None,
            seconds: 60.0,
            requests: 12_000,
            errors: 12,
            response: Sparse::from_counts([(10_000 + 100 * index, 11_000), (50_000, 1_000)]),
            steps: Vec::new(),
        };
        Baseline {
            scenario: "a".into(),
            created: String::new(),
            updated: String::new(),
            fingerprint: Fingerprint::of(&sample_head()),
            runs: (0..runs).map(run).collect(),
        }
    }

    #[test]
    fn it_says_what_is_missing_and_what_is_seen() {
        let few = overview(&baseline(3), &GateSettings::default());
        assert_eq!((few.standing, few.missing, few.visible.len()), (Standing::Advice, 7, 0));
        let enough = overview(&baseline(11), &GateSettings::default());
        assert_eq!((enough.standing, enough.missing), (Standing::Decides, 0));
        assert!(
            enough.visible.iter().any(|(_, name, least)| name.contains("p99") && *least > 0.05)
        );
        assert!((enough.median[0] - 10.5).abs() < 0.1, "{enough:?}");
        assert!(enough.spread[0] > 0.01 && enough.spread[2] < 0.01, "{enough:?}");
        assert!(
            (enough.rate - 200.0).abs() < 1e-9 && (enough.runs[0].error_rate - 0.001).abs() < 1e-9
        );
    }
}
