//! A candidate's run judged by the numbers of accepted runs (METHODS.md, section 5.4).
//!
//! Accepted runs and one run in; rulings, and what they cannot say, out. Also for
//! `compare A B`: a baseline of one run.
//!
//! **From ten runs on** a prediction interval decides. The noise is between runs, so each
//! run counts as one value: with `x_k = ln Q_k` of K runs, their mean m and standard
//! deviation s, the candidate's `ln Q − m` has the standard error `s·√(1 + 1/K)` and
//! Student's distribution with K − 1 degrees of freedom. s is taken to be at least the
//! noise of one process start to the next (`start_noise`): ten runs that happen to agree do
//! not make a machine without noise. *Regressed* is decided at α over all metrics (Holm),
//! *pass* at β, each against ln(1 + d), as in a duet.
//!
//! **Error rates** are compared as differences of shares with the same interval; s² is at
//! least what independent errors would scatter, `p(1 − p)/n` with `p = (Σe + 1)/(Σn + 2)`,
//! for ten runs without an error do not show that there are none. The tolerance is
//! `error_floor`.
//!
//! **Fewer than ten runs** are advice: every ruling is inconclusive and the note has the
//! ratio. Five to nine would do with a reference ratio (a small server of our own loaded in
//! the same run, METHODS.md 5.4). That is not built, so they get an interval to look at and
//! decide nothing.
//!
//! A quantile with fewer than 100 requests beyond it, in the candidate or in the smallest
//! accepted run, is left out by name. Unlike fingerprints, and windows of which one is more
//! than 1.5 times as long as the other, are refused: the shorter run is the noisier one.

use crate::analysis::comparison::{Estimate, MetricResult, Ruling, StepChange};
use crate::analysis::gate::overall;
use crate::analysis::gate::results::name as metric_name;
use crate::analysis::holm::holm;
use crate::analysis::number_format::{count, counted, millis, percent, seconds};
use crate::analysis::power::{MIN_BEYOND, needed_for};
use crate::analysis::prediction::Prediction;
use crate::analysis::stats::median;
use crate::record::baseline::{AcceptedRun, Baseline, StepFigures};
use crate::record::duet::{Dropped, GateMetric, GateSettings};
use crate::record::fingerprint::{Difference, Fingerprint};
use crate::units::order;

/// So many runs decide.
pub const RUNS_TO_DECIDE: usize = 10;
/// So many runs are worth an interval.
pub const RUNS_FOR_INTERVAL: usize = 5;
/// The most that one window may be longer than another.
const MOST_LONGER: f64 = 1.5;

/// How much accepted runs are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// At least [`RUNS_TO_DECIDE`]: the rulings count.
    Decides,
    /// Fewer: ratios to look at, all rulings inconclusive.
    Advice,
}

/// A candidate judged by stored numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJudgement {
    /// What the baseline is worth.
    pub standing: Standing,
    /// Runs that it has.
    pub runs: usize,
    /// The gate's answer: regressed when any metric is, pass when all that gate are.
    pub ruling: Ruling,
    /// In the order of the settings.
    pub metrics: Vec<MetricResult>,
    /// Quantiles with too few requests beyond them.
    pub dropped: Vec<Dropped>,
    /// Steps that both have, worst first; the baseline's figures are medians of its runs.
    pub steps: Vec<StepChange>,
    /// What this comparison cannot say, one sentence each.
    pub limits_of_knowledge: Vec<String>,
}

/// Judges a run by the accepted ones; `Err` names what makes them unlike.
pub fn judge_stored(
    baseline: &Baseline,
    fingerprint: &Fingerprint,
    candidate: &AcceptedRun,
    settings: &GateSettings,
) -> Result<StoredJudgement, Vec<Difference>> {
    let differences = differences(baseline, fingerprint, candidate);
    if !differences.is_empty() {
        return Err(differences);
    }
    let case = Case { baseline, candidate, settings };
    let standing = case.standing();
    let dropped: Vec<Dropped> = settings.metrics.iter().filter_map(|m| case.drop(*m)).collect();
    let is_dropped = |metric: GateMetric| dropped.iter().any(|it| it.metric == metric);
    let scores = settings.metrics.iter().map(|metric| (*metric, case.score(*metric)));
    let mut scores: Vec<(GateMetric, Option<Prediction>)> = scores.collect();
    for (_, score) in scores.iter_mut().filter(|(metric, _)| is_dropped(*metric)) {
        *score = None;
    }
    let levels = levels(&scores, settings.alpha);
    let metrics: Vec<MetricResult> = scores
        .iter()
        .zip(levels)
        .map(|((metric, score), level)| case.result(*metric, *score, level))
        .collect();
    Ok(StoredJudgement {
        standing,
        runs: baseline.runs.len(),
        ruling: overall(metrics.iter().filter(|it| it.gates).map(|it| it.ruling)),
        limits_of_knowledge: case.limits(&metrics),
        metrics,
        dropped,
        steps: steps(baseline, candidate),
    })
}

fn differences(
    baseline: &Baseline,
    fingerprint: &Fingerprint,
    candidate: &AcceptedRun,
) -> Vec<Difference> {
    let mut found = baseline.fingerprint.differences(fingerprint);
    let lengths: Vec<f64> = baseline.runs.iter().map(|run| run.seconds).collect();
    let length = median(&lengths).unwrap_or(0.0);
    let (long, short) = (length.max(candidate.seconds), length.min(candidate.seconds));
    if long > short * MOST_LONGER {
        found.push(Difference {
            what: "length of the judged window".to_owned(),
            baseline: seconds(length),
            candidate: seconds(candidate.seconds),
        });
    }
    found
}

/// The level of each metric. Those without a score take no part in Holm's rule.
fn levels(scores: &[(GateMetric, Option<Prediction>)], alpha: f64) -> Vec<f64> {
    let known: Vec<f64> = scores.iter().filter_map(|(_, score)| score.map(|it| it.p())).collect();
    let mut tested = holm(&known, alpha).into_iter();
    let level = |(_, score): &(GateMetric, Option<Prediction>)| {
        let tested = score.and_then(|_| tested.next());
        tested.map_or(alpha, |tested| tested.level)
    };
    scores.iter().map(level).collect()
}

/// A candidate beside its baseline.
#[derive(Clone, Copy)]
struct Case<'a> {
    baseline: &'a Baseline,
    candidate: &'a AcceptedRun,
    settings: &'a GateSettings,
}

impl Case<'_> {
    fn standing(&self) -> Standing {
        let decides = self.baseline.runs.len() >= RUNS_TO_DECIDE;
        if decides { Standing::Decides } else { Standing::Advice }
    }

    fn drop(&self, metric: GateMetric) -> Option<Dropped> {
        let quantile = match metric {
            GateMetric::ResponseTime(quantile) => quantile,
            GateMetric::ErrorRate => return None,
            GateMetric::CpuPerRequest | GateMetric::SlowRequests => {
                let reason = format!("{} is not among stored numbers", metric_name(metric));
                return Some(Dropped { metric, reason });
            }
        };
        let timed = self.baseline.runs.iter().chain([self.candidate]);
        let fewest = timed.map(|run| run.response.count()).min().unwrap_or(0);
        let needed = needed_for(quantile);
        let reason = format!(
            "{} needs {MIN_BEYOND} requests beyond it in every run: {}, and the smallest run has {}; it is left out",
            metric_name(metric),
            counted(needed, "request"),
            count(fewest)
        );
        (fewest < needed).then_some(Dropped { metric, reason })
    }

    fn score(&self, metric: GateMetric) -> Option<Prediction> {
        match metric {
            GateMetric::ResponseTime(quantile) => self.response_score(quantile),
            GateMetric::ErrorRate => self.error_score(),
            GateMetric::CpuPerRequest | GateMetric::SlowRequests => None,
        }
    }

    fn response_score(&self, quantile: f64) -> Option<Prediction> {
        let log = |run: &AcceptedRun| run.response.quantile(quantile).map(f64::ln);
        let values: Vec<f64> = self.baseline.runs.iter().map(log).collect::<Option<_>>()?;
        let GateSettings { start_noise, tolerance, .. } = self.settings;
        Prediction::new(&values, log(self.candidate)?, *start_noise, tolerance.ln_1p())
    }

    fn error_score(&self) -> Option<Prediction> {
        let share = |run: &AcceptedRun| run.errors as f64 / run.requests.max(1) as f64;
        let runs = &self.baseline.runs;
        let values: Vec<f64> = runs.iter().map(share).collect();
        let errors: u64 = runs.iter().map(|run| run.errors).sum();
        let requests: u64 = runs.iter().map(|run| run.requests).sum();
        let p = (errors as f64 + 1.0) / (requests as f64 + 2.0);
        let scatter = (p * (1.0 - p) / self.candidate.requests.max(1) as f64).sqrt();
        Prediction::new(&values, share(self.candidate), scatter, self.settings.error_floor)
    }

    fn result(&self, metric: GateMetric, score: Option<Prediction>, level: f64) -> MetricResult {
        let runs = self.baseline.runs.len();
        let gates = score.is_some() && self.standing() == Standing::Decides;
        let worth = score.filter(|_| runs >= RUNS_FOR_INTERVAL);
        let plain = score.or_else(|| self.score(metric));
        let ruling = match score {
            Some(score) if gates => score.ruling(level, self.settings.beta),
            Some(_) | None => Ruling::Inconclusive,
        };
        let smallest = worth.map(|score| as_change(metric, score.visible(level)));
        MetricResult {
            metric,
            name: metric_name(metric),
            gates,
            step: None,
            ruling,
            baseline: plain.map(|score| as_value(metric, score.center)),
            candidate: plain.map(|score| as_value(metric, score.center + score.shift)),
            estimate: worth.map(|score| Estimate {
                value: as_ratio(metric, score.shift),
                low: as_ratio(metric, score.low(level)),
                high: as_ratio(metric, score.high(self.settings.beta)),
            }),
            rule: None,
            smallest_visible: smallest,
            seconds_needed: None,
            note: self.note(metric, plain, ruling, smallest),
        }
    }

    fn note(
        &self,
        metric: GateMetric,
        score: Option<Prediction>,
        ruling: Ruling,
        smallest: Option<f64>,
    ) -> Option<String> {
        let Some(score) = score else {
            return Some("a run has no requests with an answer".to_owned());
        };
        let runs = counted(self.baseline.runs.len() as u64, "run");
        let change = change(metric, &score);
        if let Some(dropped) = self.drop(metric) {
            return Some(format!("{change}; {}", dropped.reason));
        }
        match (self.standing(), ruling, smallest) {
            (Standing::Advice, _, _) => {
                Some(format!("{change}; {runs} cannot decide, {RUNS_TO_DECIDE} can"))
            }
            (Standing::Decides, Ruling::Inconclusive, Some(smallest)) => Some(format!(
                "{change}; with {runs} only changes from {} on are seen",
                signed(metric, smallest)
            )),
            (Standing::Decides, _, _) => None,
        }
    }

    fn limits(&self, metrics: &[MetricResult]) -> Vec<String> {
        let runs = self.baseline.runs.len();
        let mut limits = vec![match (self.standing(), runs) {
            (Standing::Decides, _) => format!(
                "the baseline's numbers are from {runs} earlier runs: what has changed on the machine since then counts as a change of the candidate; a duet does not have this doubt"
            ),
            (Standing::Advice, RUNS_FOR_INTERVAL..) => format!(
                "{runs} accepted runs would need a reference ratio to decide, which loadgate does not have; they are advice, and {RUNS_TO_DECIDE} decide"
            ),
            (Standing::Advice, _) => format!(
                "{} cannot tell a change from the noise between runs; this is advice, and {RUNS_TO_DECIDE} decide",
                counted(runs as u64, "accepted run")
            ),
        }];
        let smallest = metrics.iter().filter_map(|it| Some((it, it.smallest_visible?)));
        let seen = smallest.map(|(it, least)| format!("{} {}", it.name, signed(it.metric, least)));
        let seen: Vec<String> = seen.collect();
        if !seen.is_empty() {
            limits.push(format!(
                "smaller true changes than these are not called regressed in 95 of 100 cases: {}",
                seen.join(", ")
            ));
        }
        limits
    }
}

fn as_value(metric: GateMetric, value: f64) -> f64 {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => value.exp() / 1e3,
        GateMetric::ErrorRate | GateMetric::SlowRequests => value,
    }
}

fn as_ratio(metric: GateMetric, shift: f64) -> f64 {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => shift.exp(),
        GateMetric::ErrorRate | GateMetric::SlowRequests => shift,
    }
}

fn as_change(metric: GateMetric, shift: f64) -> f64 {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => shift.exp_m1(),
        GateMetric::ErrorRate | GateMetric::SlowRequests => shift,
    }
}

/// `14.2 ms is 1.12 times the baseline's 12.7 ms`.
fn change(metric: GateMetric, score: &Prediction) -> String {
    let (then, now) = (score.center, score.center + score.shift);
    let (then, now) = (as_value(metric, then), as_value(metric, now));
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => format!(
            "{} is {:.2} times the baseline's {}",
            millis(now),
            score.shift.exp(),
            millis(then)
        ),
        GateMetric::ErrorRate | GateMetric::SlowRequests => {
            format!("{} of the requests failed, {} in the baseline", percent(now), percent(then))
        }
    }
}

/// `+12 %`; of the error rate `+0.3 % of the requests`.
fn signed(metric: GateMetric, change: f64) -> String {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => format!("+{}", percent(change)),
        GateMetric::ErrorRate | GateMetric::SlowRequests => {
            format!("+{} of the requests", percent(change))
        }
    }
}

fn steps(baseline: &Baseline, candidate: &AcceptedRun) -> Vec<StepChange> {
    let mut steps: Vec<StepChange> =
        candidate.steps.iter().filter_map(|step| step_change(baseline, step)).collect();
    // Steps without a ratio come last.
    order::by(&mut steps, |a, b| b.change.unwrap_or(0.0).total_cmp(&a.change.unwrap_or(0.0)));
    steps
}

fn step_change(baseline: &Baseline, step: &StepFigures) -> Option<StepChange> {
    let in_run =
        |run: &AcceptedRun| run.steps.iter().find(|known| known.name == step.name).cloned();
    let known: Vec<StepFigures> = baseline.runs.iter().filter_map(in_run).collect();
    let requests = known.iter().map(|step| step.requests).sum();
    let both = |of: fn(&crate::record::baseline::Figures) -> f64| {
        let then: Vec<f64> = known.iter().filter_map(|it| it.response.as_ref().map(of)).collect();
        Some((median(&then)?, of(step.response.as_ref()?)))
    };
    let p95 = both(|figures| figures.p95_ms);
    (!known.is_empty()).then(|| StepChange {
        name: step.name.clone(),
        requests: (requests, step.requests),
        p50: both(|figures| figures.p50_ms),
        p95,
        p99: both(|figures| figures.p99_ms),
        change: p95.filter(|(then, _)| *then > 0.0).map(|(then, now)| now / then),
        sees_from: None,
    })
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::SplitMix64;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::record::baseline::Figures;
    use crate::record::histogram::Sparse;
    use crate::record::sample_head;

    /// A run whose times are so many times those of the usual one.
    fn run(index: usize, scale: f64, requests: u64, errors: u64) -> AcceptedRun {
        let at = |rank: u64| 4_000.0 / (1.0 - rank as f64 / 40.0 + 0.02);
        let times = (0..40).map(|rank| ((at(rank) * scale) as u64, requests / 40));
        let response = Sparse::from_counts(times);
        let figures = Figures::of(&response);
        let step = |name: &str| StepFigures { name: name.into(), requests, response: figures };
        AcceptedRun {
            started: format!("2026-01-01T00:00:{index}Z"),
            note: None,
            seconds: 60.0,
            requests,
            errors,
            response,
            steps: vec![step("list orders"), step(&format!("only in {index}"))],
        }
    }

    /// Runs that are up to 3 % apart.
    fn baseline(runs: usize, errors: u64) -> Baseline {
        let scale = |index: usize| 1.0 + 0.01 * ((index * 7 % 10) as f64 / 3.0 - 1.5);
        let runs: Vec<AcceptedRun> =
            (0..runs).map(|index| run(index, scale(index), 40_000, errors)).collect();
        Baseline {
            scenario: "orders".into(),
            created: String::new(),
            updated: String::new(),
            fingerprint: Fingerprint::of(&sample_head()),
            runs,
        }
    }

    fn judged(baseline: &Baseline, candidate: &AcceptedRun) -> StoredJudgement {
        let settings = GateSettings::default();
        judge_stored(baseline, &baseline.fingerprint, candidate, &settings).unwrap()
    }

    #[track_caller]
    fn check(scale: f64, errors: u64, expected: [Ruling; 4], overall: Ruling) {
        let found = judged(&baseline(12, 20), &run(99, scale, 40_000, errors));
        let rulings: Vec<Ruling> = found.metrics.iter().map(|metric| metric.ruling).collect();
        assert_eq!(rulings, expected, "{found:#?}");
        assert_eq!((found.ruling, found.standing), (overall, Standing::Decides));
        for metric in &found.metrics {
            let estimate = metric.estimate.unwrap();
            assert!(estimate.low < estimate.value && estimate.value < estimate.high);
            assert_eq!(metric.note.is_some(), metric.ruling == Ruling::Inconclusive);
            assert!(metric.gates && metric.smallest_visible.is_some());
        }
    }

    #[test]
    fn ten_runs_decide() {
        use Ruling::{Improved, Inconclusive, Pass, Regressed};
        check(1.0, 20, [Pass; 4], Pass);
        check(1.3, 20, [Regressed, Regressed, Regressed, Pass], Regressed);
        check(0.7, 20, [Improved, Improved, Improved, Pass], Improved);
        check(1.05, 20, [Inconclusive, Inconclusive, Inconclusive, Pass], Inconclusive);
        check(1.0, 400, [Pass, Pass, Pass, Regressed], Regressed);
        check(0.7, 400, [Improved, Improved, Improved, Regressed], Regressed);
    }

    #[test]
    fn what_is_left_out_costs_the_others_no_level() {
        let shifted = |shift| {
            let score = Prediction { center: 0.0, shift, error: 0.01, tolerance: 0.05, freedom: 9 };
            (GateMetric::ErrorRate, Some(score))
        };
        let none = (GateMetric::ErrorRate, None);
        assert_eq!(levels(&[none, shifted(0.0)], 0.01), [0.01, 0.01]);
        assert_eq!(levels(&[shifted(0.5), none, shifted(0.0)], 0.01), [0.005, 0.01, 0.01]);
    }

    #[test]
    fn what_cannot_be_seen_is_said() {
        let found = judged(&baseline(12, 20), &run(99, 1.05, 40_000, 20));
        let note = found.metrics[2].note.as_ref().unwrap();
        assert!(note.contains(" is 1.05 times the baseline's "), "{note}");
        assert!(note.contains("with 12 runs only changes from +"), "{note}");
        let limits = found.limits_of_knowledge.join("\n");
        assert!(limits.contains("from 12 earlier runs"), "{limits}");
        assert!(limits.contains("p99 of response time +"), "{limits}");
    }

    #[test]
    fn runs_that_agree_do_not_make_a_quiet_machine() {
        let mut alike = baseline(10, 20);
        for index in 0..10 {
            alike.runs[index] = run(index, 1.0, 40_000, 20);
        }
        let found = judged(&alike, &run(99, 1.07, 40_000, 20));
        assert_eq!(found.metrics[1].ruling, Ruling::Inconclusive);
        assert!(found.metrics[1].smallest_visible.unwrap() > 0.09);
    }

    #[test]
    fn fewer_runs_are_advice() {
        for (runs, words) in
            [(1, "1 run cannot decide"), (4, "4 runs cannot decide"), (9, "9 runs")]
        {
            let found = judged(&baseline(runs, 20), &run(99, 1.5, 40_000, 20));
            assert_eq!((found.standing, found.ruling), (Standing::Advice, Ruling::Inconclusive));
            for metric in &found.metrics {
                assert_eq!((metric.ruling, metric.gates), (Ruling::Inconclusive, false));
                assert_eq!(metric.estimate.is_some(), runs >= RUNS_FOR_INTERVAL);
            }
            let note = found.metrics[1].note.as_ref().unwrap();
            assert!(note.contains(words) && note.contains(" times the baseline's"), "{note}");
            let limit = &found.limits_of_knowledge[0];
            assert_eq!(limit.contains("reference ratio"), runs >= RUNS_FOR_INTERVAL, "{limit}");
        }
    }

    #[test]
    fn unlike_runs_are_refused_with_every_difference() {
        let baseline = baseline(12, 0);
        let mut fingerprint = baseline.fingerprint.clone();
        (fingerprint.seed, fingerprint.cores) = (9, 64);
        let mut candidate = run(99, 1.0, 40_000, 0);
        candidate.seconds = 91.0;
        let settings = GateSettings::default();
        let found = judge_stored(&baseline, &fingerprint, &candidate, &settings).unwrap_err();
        let what: Vec<&str> = found.iter().map(|difference| difference.what.as_str()).collect();
        assert_eq!(what, ["cores", "seed", "length of the judged window"]);
        candidate.seconds = 89.0;
        assert!(judge_stored(&baseline, &baseline.fingerprint, &candidate, &settings).is_ok());
    }

    #[test]
    fn thin_tails_are_left_out_by_name() {
        let found = judged(&baseline(12, 0), &run(99, 3.0, 9_000, 0));
        assert_eq!(found.dropped.len(), 1);
        let reason = &found.dropped[0].reason;
        assert!(reason.contains("10,000 requests, and the smallest run has 9,000"), "{reason}");
        let p99 = &found.metrics[2];
        assert_eq!((p99.gates, p99.ruling, p99.estimate), (false, Ruling::Inconclusive, None));
        assert!(p99.note.as_ref().unwrap().contains("it is left out"), "{:?}", p99.note);
        assert_eq!(found.ruling, Ruling::Regressed);
    }

    #[test]
    fn steps_are_ranked_by_change() {
        let mut candidate = run(99, 1.0, 40_000, 0);
        let mut slow = candidate.steps[0].clone();
        slow.name = "only in 3".into();
        slow.response.as_mut().unwrap().p95_ms *= 2.0;
        candidate.steps.push(slow);
        let steps = judged(&baseline(12, 0), &candidate).steps;
        let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["only in 3", "list orders"], "a new step has nothing to compare with");
        assert!((steps[0].change.unwrap() - 2.0).abs() < 0.05);
        assert_eq!(steps[1].requests, (12 * 40_000, 40_000));
    }

    #[test]
    fn rare_errors_are_no_regression() {
        let mut random = SplitMix64::seed_from_u64(11);
        let mut uniform = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let mut poisson = |mean: f64| {
            let (mut product, mut count) = (uniform(), 0);
            while product > (-mean).exp() {
                product *= uniform();
                count += 1;
            }
            count
        };
        let settings =
            GateSettings { metrics: vec![GateMetric::ErrorRate], ..GateSettings::default() };
        let mut baseline = baseline(10, 0);
        let mut candidate = run(99, 1.0, 2_000, 0);
        let (mut alarms, mut seen, mut passed) = (0, 0, 0);
        for gate in 0..400 {
            let mean = [0.02, 0.2, 2.0, 20.0][gate % 4];
            for run in &mut baseline.runs {
                (run.requests, run.errors) = (2_000, poisson(mean));
            }
            let mut ruling = |mean| {
                candidate.errors = poisson(mean);
                judge_stored(&baseline, &baseline.fingerprint, &candidate, &settings)
                    .unwrap()
                    .ruling
            };
            let same = ruling(mean);
            alarms += usize::from(same == Ruling::Regressed);
            passed += usize::from(same == Ruling::Pass && mean < 1.0);
            seen += usize::from(ruling(mean * 3.0 + 20.0) == Ruling::Regressed);
        }
        assert!(alarms <= 6, "{alarms} of 400 alarms on unchanged rates");
        assert!(passed >= 190, "{passed} of 200 rare ones pass");
        assert!(seen >= 390, "{seen} of 400 seen that are three times as high and 1 % more");
    }
}
