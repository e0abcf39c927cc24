//! What a finished comparison says of each metric: its values in both arms, what it could
//! have seen, what it would still take, and one sentence where the ruling needs one.

use crate::analysis::comparison::{LookMetric, MetricResult, Rule, Ruling};
use crate::analysis::gate::cpu::CpuEvidence;
use crate::analysis::gate::error_rate::{ErrorEvidence, share};
use crate::analysis::gate::evidence::{Evidence, Seen, Watched};
use crate::analysis::gate::outlook::{Levels, seconds_needed, visible_beyond};
use crate::analysis::gate::response_time::{FEWEST_BEYOND, STATISTICS, TimeEvidence};
use crate::analysis::gate::series::Measured;
use crate::analysis::gate::slow::Slow;
use crate::analysis::gate::spending::{first_pass, pass_weight, weight};
use crate::analysis::gate::watch::Watch;
use crate::analysis::number_format::{count, millis, percent};
use crate::record::duet::{GateMetric, GateSettings};
use crate::scenario::model::Arm;
use crate::units::Quantile;

/// How the note of one begins that watches and keeps others from passing.
pub const LEANS: &str = "it leans to the worse side, and nothing passes beside that: ";
/// No more than a hundred times as long is what a report says of a change.
const MOST_VISIBLE: f64 = 99.0;

/// How the comparison stood when it ended.
#[derive(Debug)]
pub struct End<'a> {
    /// All that was measured of it: of all requests, or of its step.
    pub measured: &'a Measured<'a>,
    /// What the team accepts.
    pub settings: &'a GateSettings,
    /// Place of the last look, from 0.
    pub index: usize,
    /// What shares the level of *regressed*: the weights of all, one for each that gates.
    pub weights: f64,
    /// The level of one that watches.
    pub watch_level: f64,
    /// Whether it watches and leans to the worse side.
    pub leans: bool,
}

impl End<'_> {
    /// One metric over the whole comparison.
    pub fn result(&self, evidence: &Evidence, last: &LookMetric) -> MetricResult {
        let undecided = last.ruling == Ruling::Inconclusive && last.gates;
        let (baseline, candidate) = self.values(evidence);
        MetricResult {
            metric: last.metric,
            step: last.step.clone(),
            name: name_of(last.metric, last.step.as_deref()),
            gates: last.gates,
            ruling: last.ruling,
            baseline,
            candidate,
            estimate: last.estimate,
            rule: last.rule,
            smallest_visible: self.smallest_visible(evidence),
            seconds_needed: undecided.then(|| self.seconds_needed(evidence)).flatten(),
            note: self.note(evidence, last),
        }
    }

    fn note(&self, evidence: &Evidence, last: &LookMetric) -> Option<String> {
        match evidence {
            Evidence::ResponseTime(times) => time_note(times, last),
            Evidence::ErrorRate(errors) => self.error_note(errors, last.ruling),
            Evidence::Cpu(cpu) => cpu_note(cpu),
            Evidence::Watched(watched) => return Some(self.watched_note(watched, last.ruling)),
        }
        .or_else(|| self.too_early(last))
    }

    /// Why a comparison that was cut short has not passed.
    fn too_early(&self, last: &LookMetric) -> Option<String> {
        let first = first_pass(self.settings.looks);
        (last.ruling == Ruling::Inconclusive && self.index < first).then(|| {
            format!("a pass takes {} segments: processes differ from start to start", first + 1)
        })
    }

    fn values(&self, evidence: &Evidence) -> (Option<f64>, Option<f64>) {
        let millis = |arm, share| Some(self.measured.log_pooled(arm, share)?.exp() / 1_000.0);
        let times = |share| (millis(Arm::Baseline, share), millis(Arm::Candidate, share));
        match evidence {
            Evidence::ResponseTime(of) => times(of.share),
            Evidence::Watched(Watched { seen: Seen::Slow { share, .. }, .. }) => times(*share),
            Evidence::ErrorRate(errors)
            | Evidence::Watched(Watched { seen: Seen::Failed(errors, _), .. }) => {
                (share(errors.baseline), share(errors.candidate))
            }
            Evidence::Cpu(cpu) | Evidence::Watched(Watched { seen: Seen::Cpu(cpu), .. }) => {
                cpu.per_request.unzip()
            }
            Evidence::Watched(Watched { seen: Seen::VerySlow(slow), .. }) => {
                let share = |arm| slow.map(|slow| slow.share(arm));
                (share(Arm::Baseline), share(Arm::Candidate))
            }
        }
    }

    /// Levels at a look before Holm's rule has said no to any other metric.
    fn levels(&self, index: usize) -> Levels {
        let GateSettings { alpha, beta, looks, .. } = *self.settings;
        let low = alpha * weight(index, looks) / self.weights;
        Levels { low, high: beta * pass_weight(index, looks) }
    }

    /// For the error rate the difference of the shares. What could only have been seen had the
    /// candidate taken a hundred times as long, could not have been seen.
    fn smallest_visible(&self, evidence: &Evidence) -> Option<f64> {
        let level = self.levels(self.index).low;
        let found = match evidence {
            Evidence::ResponseTime(times) if !times.is_enough() => {
                watch_sees(times.watch, times.share, self.measured, level)
            }
            Evidence::Watched(Watched { seen: Seen::Slow { .. }, .. }) => {
                visible_to(evidence, self.measured, self.watch_level)
            }
            Evidence::ResponseTime(times) => {
                let beyond =
                    times.means().map(|(mean, _)| visible_beyond(mean, level / STATISTICS));
                Some((times.accepted + beyond.reduce(f64::min)?).exp_m1())
            }
            Evidence::ErrorRate(errors)
            | Evidence::Watched(Watched { seen: Seen::Failed(errors, _), .. }) => {
                Some(errors.floor.max(visible_beyond(errors.difference?, level)))
            }
            Evidence::Cpu(cpu) | Evidence::Watched(Watched { seen: Seen::Cpu(cpu), .. }) => {
                Some((cpu.accepted + visible_beyond(cpu.ratio?, level)).exp_m1())
            }
            Evidence::Watched(Watched { seen: Seen::VerySlow(slow), .. }) => {
                slow.as_ref()?.visible(self.watch_level, self.settings.error_floor)
            }
        };
        let most = match evidence.metric() {
            GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => MOST_VISIBLE,
            GateMetric::ErrorRate | GateMetric::SlowRequests => 1.0,
        };
        found.filter(|found| *found <= most)
    }

    /// By the levels of the last planned look, up to which a longer run would go.
    fn seconds_needed(&self, evidence: &Evidence) -> Option<f64> {
        let levels = self.levels(self.settings.looks.saturating_sub(1) as usize);
        let seconds = self.measured.seconds() as f64;
        match evidence {
            Evidence::ResponseTime(times) => time_seconds(times, levels, seconds),
            Evidence::ErrorRate(errors) => {
                let by_blocks = seconds_needed(errors.difference?, errors.floor, levels, seconds);
                let requests = errors.baseline.0.min(errors.candidate.0).max(1) as f64;
                let needed = ErrorEvidence::needed(errors.floor, levels.high);
                let by_number = seconds * (needed / requests - 1.0);
                by_blocks.into_iter().chain((by_number > 0.0).then_some(by_number)).reduce(f64::max)
            }
            Evidence::Cpu(cpu) => {
                let found = cpu.ratio?;
                seconds_needed(found, cpu.accepted, levels, seconds)
            }
            Evidence::Watched(_) => None,
        }
    }

    fn error_note(&self, errors: &ErrorEvidence, ruling: Ruling) -> Option<String> {
        let requests = errors.baseline.0.min(errors.candidate.0);
        if requests == 0 {
            return Some("an arm has no requests".to_owned());
        }
        let needed = ErrorEvidence::needed(errors.floor, self.levels(self.index).high);
        let is_short = (requests as f64) < needed && ruling == Ruling::Inconclusive;
        is_short.then(|| {
            format!(
                "{} requests per arm cannot show a rate below {}: without any error it takes {}",
                count(requests),
                percent(errors.floor),
                count(needed.ceil() as u64)
            )
        })
    }

    fn watched_note(&self, watched: &Watched, ruling: Ruling) -> String {
        let text = match &watched.seen {
            Seen::Slow { watch: None, .. } | Seen::VerySlow(None) => {
                return "an arm has no request with a response time".to_owned();
            }
            Seen::Slow { share, watch: Some(watch) } => beyond(watch, *share),
            Seen::Failed(errors, _) => {
                let of = |it| share(it).map_or("none".to_owned(), percent);
                let (candidate, baseline) = (of(errors.candidate), of(errors.baseline));
                format!(
                    "{candidate} of the candidate's requests failed, {baseline} of the baseline's"
                )
            }
            Seen::Cpu(cpu) => cpu_note(cpu).unwrap_or_default(),
            Seen::VerySlow(Some(slow)) => very_slow(slow),
        };
        match ruling {
            Ruling::Regressed => text,
            _ if self.leans => format!("{LEANS}{text}"),
            Ruling::Improved | Ruling::Pass | Ruling::Inconclusive => {
                "watches: it could have called the candidate regressed".to_owned()
            }
        }
    }
}

/// The share by which all times would have had to grow for a watcher to see it.
pub fn visible_to(seen: &Evidence, measured: &Measured<'_>, level: f64) -> Option<f64> {
    match seen {
        Evidence::Watched(Watched { seen: Seen::Slow { share, watch }, .. }) => {
            watch_sees(*watch, *share, measured, level)
        }
        Evidence::Watched(_)
        | Evidence::ResponseTime(_)
        | Evidence::ErrorRate(_)
        | Evidence::Cpu(_) => None,
    }
}

/// By as much more than the candidate's own change.
fn watch_sees(
    watch: Option<Watch>,
    share: f64,
    measured: &Measured<'_>,
    level: f64,
) -> Option<f64> {
    let own = measured.log_pooled_ratio(share, None)?.exp();
    let factor = watch?.visible(measured, level)? * own;
    (factor > 1.0).then_some(factor - 1.0)
}

/// `10 % of the candidate's requests took more than 1.25 times the baseline's p95 of 4.7 ms;
/// 5 % of the baseline's took more than that p95 itself`.
fn beyond(watch: &Watch, share: f64) -> String {
    format!(
        "{} of the candidate's requests took more than {:.2} times the baseline's {} of {}; \
         {} of the baseline's took more than that {} itself",
        percent(watch.candidate),
        watch.margin,
        quantile(share),
        millis(watch.edge),
        percent(watch.baseline),
        quantile(share),
    )
}

/// `2.1 % of the candidate's requests took more than 28 ms, 2 times the usual p99; 0.02 % of the
/// baseline's did`.
fn very_slow(slow: &Slow) -> String {
    format!(
        "{} of the candidate's requests took more than {}, {:.0} times the usual p99; {} of the \
         baseline's did",
        percent(slow.share(Arm::Candidate)),
        millis(slow.line),
        slow.times,
        percent(slow.share(Arm::Baseline)),
    )
}

fn cpu_note(cpu: &CpuEvidence) -> Option<String> {
    cpu.ratio.is_none().then(|| {
        "the CPU time of an arm is not known: loadgate has to start it, on Linux".to_owned()
    })
}

/// Until there are enough requests beyond the quantile; else until both means would pass,
/// or the first of them would be called regressed.
fn time_seconds(times: &TimeEvidence, levels: Levels, seconds: f64) -> Option<f64> {
    if !times.is_enough() {
        return (times.beyond > 0.0).then(|| seconds * (FEWEST_BEYOND / times.beyond - 1.0));
    }
    let trimmed = times.trimmed?;
    let low = levels.low / STATISTICS;
    let needed = |limit| move |mean| seconds_needed(mean, limit, Levels { low, ..levels }, seconds);
    if trimmed.value > times.accepted {
        let means = times.means().map(|(mean, _)| mean);
        return means.filter_map(needed(times.accepted)).reduce(f64::min);
    }
    times.means().filter_map(|(mean, limit)| needed(limit)(mean)).reduce(f64::max)
}

/// What people call a metric, of a step where it is one's.
pub fn name_of(metric: GateMetric, step: Option<&str>) -> String {
    match step {
        Some(step) => format!("{} of \"{step}\"", short_name(metric)),
        None => name(metric),
    }
}

/// `p99`.
pub fn short_name(metric: GateMetric) -> String {
    match metric {
        GateMetric::ResponseTime(share) => quantile(share),
        GateMetric::ErrorRate => "error rate".to_owned(),
        GateMetric::CpuPerRequest => "CPU per request".to_owned(),
        GateMetric::SlowRequests => "slow requests".to_owned(),
    }
}

/// What people call a metric.
pub fn name(metric: GateMetric) -> String {
    match metric {
        GateMetric::ResponseTime(share) => format!("{} of response time", quantile(share)),
        GateMetric::ErrorRate | GateMetric::CpuPerRequest | GateMetric::SlowRequests => {
            short_name(metric)
        }
    }
}

fn quantile(share: f64) -> String {
    Quantile::new(share).map_or_else(|| share.to_string(), |quantile| quantile.to_string())
}

fn time_note(times: &TimeEvidence, last: &LookMetric) -> Option<String> {
    if times.beyond <= 0.0 {
        return Some("an arm has no request with a response time".to_owned());
    }
    if let (Ruling::Regressed, Some(Rule::Beyond), Some(watch)) =
        (last.ruling, last.rule, times.watch)
    {
        return Some(beyond(&watch, times.share));
    }
    if !times.is_enough() {
        return Some(too_few(times));
    }
    let usual_is_fine = times.trimmed.is_none_or(|found| found.value <= times.accepted);
    match (last.ruling, last.rule) {
        (Ruling::Regressed, Some(Rule::Sign | Rule::Pooled)) => {
            Some(format!("far off the usual ratio are intervals: {}", signs(times)))
        }
        (Ruling::Regressed, Some(Rule::Block)) if usual_is_fine => {
            Some("the usual interval does not show it, the mean of all does".to_owned())
        }
        (Ruling::Inconclusive, _) if times.is_discordant() => {
            Some(format!("no pass while the slow intervals are the candidate's: {}", signs(times)))
        }
        (Ruling::Regressed | Ruling::Improved | Ruling::Pass | Ruling::Inconclusive, _) => None,
    }
}

fn too_few(times: &TimeEvidence) -> String {
    let (quantile, requests) = (quantile(times.share), FEWEST_BEYOND / (1.0 - times.share));
    format!(
        "{:.0} requests per arm lie beyond {quantile}; it takes {FEWEST_BEYOND}, \
         that is {requests:.0} requests per arm",
        times.beyond
    )
}

fn signs(times: &TimeEvidence) -> String {
    let slow = |number: u64, arm: &str| format!("{number} with a slow {arm}");
    let (above, below) = (times.signs.above, times.signs.below);
    format!("{}, {}", slow(above, "candidate"), slow(below, "baseline"))
}
