//! What a finished comparison says of each metric: its values in both arms, what it could
//! have seen, what it would still take, and one sentence where the ruling needs one.

use crate::analysis::comparison::{LookMetric, MetricResult, Rule, Ruling};
use crate::analysis::gate::error_rate::{ErrorEvidence, share};
use crate::analysis::gate::evidence::Evidence;
use crate::analysis::gate::outlook::{Levels, seconds_needed, visible_beyond};
use crate::analysis::gate::response_time::{FEWEST_BEYOND, STATISTICS, TimeEvidence};
use crate::analysis::gate::series::Measured;
use crate::analysis::gate::spending::{first_pass, pass_weight, weight};
use crate::record::duet::{GateMetric, GateSettings};
use crate::scenario::model::Arm;
use crate::units::{Quantile, Ratio};

/// With no error in n requests, rates up to 3/n are not excluded at 95 %.
const RULE_OF_THREE: f64 = 3.0;

/// How the comparison stood when it ended.
#[derive(Debug)]
pub struct End<'a> {
    /// All that was measured.
    pub measured: &'a Measured<'a>,
    /// What the team accepts.
    pub settings: &'a GateSettings,
    /// Place of the last look, from 0.
    pub place: usize,
}

impl End<'_> {
    /// One metric over the whole comparison.
    pub fn result(&self, evidence: &Evidence, last: &LookMetric) -> MetricResult {
        let undecided = last.ruling == Ruling::Inconclusive;
        let (baseline, candidate) = self.values(evidence);
        MetricResult {
            metric: last.metric,
            name: name(last.metric),
            gates: true,
            ruling: last.ruling,
            baseline,
            candidate,
            estimate: last.estimate,
            rule: last.rule,
            smallest_visible: self.smallest_visible(evidence),
            seconds_needed: undecided.then(|| self.seconds_needed(evidence)).flatten(),
            note: note(evidence, last).or_else(|| self.too_early(last.ruling)),
        }
    }

    /// Why a comparison that was cut short has not passed.
    fn too_early(&self, ruling: Ruling) -> Option<String> {
        let first = first_pass(self.settings.looks);
        (ruling == Ruling::Inconclusive && self.place < first).then(|| {
            format!("a pass takes {} segments: processes differ from start to start", first + 1)
        })
    }

    fn values(&self, evidence: &Evidence) -> (Option<f64>, Option<f64>) {
        let millis = |arm, share| Some(self.measured.log_pooled(arm, share)?.exp() / 1_000.0);
        match evidence {
            Evidence::ResponseTime(times) => {
                (millis(Arm::Baseline, times.share), millis(Arm::Candidate, times.share))
            }
            Evidence::ErrorRate(errors) => (share(errors.baseline), share(errors.candidate)),
        }
    }

    /// Levels at a look before Holm's rule has said no to any other metric.
    fn levels(&self, place: usize) -> Levels {
        let GateSettings { alpha, beta, looks, .. } = *self.settings;
        let metrics = self.settings.metrics.len().max(1) as f64;
        let low = alpha * weight(place, looks) / metrics;
        Levels { low, high: beta * pass_weight(place, looks) }
    }

    /// For the error rate the difference of the shares.
    fn smallest_visible(&self, evidence: &Evidence) -> Option<f64> {
        let level = self.levels(self.place).low;
        match evidence {
            Evidence::ResponseTime(times) => {
                let beyond =
                    times.means().map(|(mean, _)| visible_beyond(mean, level / STATISTICS));
                Some((times.accepted + beyond.reduce(f64::min)?).exp_m1())
            }
            Evidence::ErrorRate(errors) => {
                Some(errors.floor.max(visible_beyond(errors.difference?, level)))
            }
        }
    }

    /// By the levels of the last planned look, up to which a longer run would go.
    fn seconds_needed(&self, evidence: &Evidence) -> Option<f64> {
        let levels = self.levels(self.settings.looks.saturating_sub(1) as usize);
        let seconds = self.measured.seconds() as f64;
        match evidence {
            Evidence::ResponseTime(times) => time_seconds(times, levels, seconds),
            Evidence::ErrorRate(errors) => {
                seconds_needed(errors.difference?, errors.floor, levels, seconds)
            }
        }
    }
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

/// What people call a metric.
pub fn name(metric: GateMetric) -> String {
    match metric {
        GateMetric::ResponseTime(share) => format!("{} of response time", quantile(share)),
        GateMetric::ErrorRate => "error rate".to_owned(),
    }
}

fn quantile(share: f64) -> String {
    Quantile::new(share).map_or_else(|| share.to_string(), |quantile| quantile.to_string())
}

fn note(evidence: &Evidence, last: &LookMetric) -> Option<String> {
    match evidence {
        Evidence::ResponseTime(times) => time_note(times, last),
        Evidence::ErrorRate(errors) => error_note(errors, last.ruling),
    }
}

fn time_note(times: &TimeEvidence, last: &LookMetric) -> Option<String> {
    if times.beyond <= 0.0 {
        return Some("an arm has no request with a response time".to_owned());
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

fn error_note(errors: &ErrorEvidence, ruling: Ruling) -> Option<String> {
    let (requests, bad) = errors.candidate;
    if requests == 0 || errors.baseline.0 == 0 {
        return Some("an arm has no requests".to_owned());
    }
    let unseen = Ratio((RULE_OF_THREE / requests as f64).min(1.0));
    (bad == 0 && ruling == Ruling::Pass).then(|| {
        format!("no error in {requests} requests: a rate below {unseen} may have gone unseen")
    })
}
