//! Has the candidate regressed? The duet gate: seconds of both arms side by side in,
//! looks with their rulings out.
//!
//! One tolerance d is the largest change that the team accepts. After each segment there
//! is one planned look at everything measured so far. With R segments, weight `w_k` of the
//! look ([`spending::weight`]) and m metrics, the two chances of error are spent like this:
//!
//! - *regressed*: each metric has one p, the smallest level at which it would be called
//!   regressed. Holm's rule holds all of them against `α·w_k`: those that gate, and those that
//!   only *watch* ([`watch`]), which are metrics that cannot be decided to the tolerance and
//!   every step's quantiles and errors. A quantile of all requests that watches weighs half of a
//!   metric that gates, all other watchers together a quarter; where no quantile gates, those of
//!   all requests take the place of one each, as nothing else would see a slow candidate. Slow
//!   requests ([`slow`]) weigh five, unless p99 or one beyond it gates, whose own statistics see
//!   stops, and spend their share late ([`spending::late_weight`]). One regressed metric is a
//!   regressed candidate.
//! - *pass*: each metric that gates must pass at `β·w_k`, all at the same look; no correction,
//!   as an intersection needs none. One of them has to be a quantile, as a candidate that only
//!   waits takes no CPU time, and no watcher may lean to the worse side (p below 0.20 over all of
//!   them, or below 0.25 of slow requests). *Improved* is a pass of all with one that is better
//!   by more than d. The first look never passes, unless it is the only one; the second has its
//!   `w_k` too ([`spending::pass_weight`]).
//! - else *inconclusive*: one more segment.
//!
//! [`response_time`] and [`error_rate`] say what these mean for their kind of metric,
//! [`series`] how time is cut up, and the other files hold one statistic each. `2σ_p²/R` is
//! added to each squared standard error: two processes that are the same build differ by
//! their starts, and one segment cannot show it.
//!
//! The weights leave no gap between looks to exploit: by Bonferroni's inequality the sums
//! over looks, metrics and statistics are at most α and β whatever the dependence.
//!
//! Pure: the only chance is in the sign-flip test's draws, from a seed of the settings.
//! The figures that this gate reaches on made-up noise are in `tally`, as tests.

pub mod center;
pub mod cpu;
#[cfg(test)]
mod defaults;
pub mod drift;
pub mod error_rate;
pub mod evidence;
pub mod flips;
#[cfg(test)]
mod golden;
pub mod jackknife;
#[cfg(test)]
mod laws;
pub mod location;
pub mod outlook;
pub mod quantile;
pub mod response_time;
pub mod results;
pub mod series;
pub mod sign;
#[cfg(test)]
pub(super) mod simulated;
pub mod slow;
pub mod spending;
pub mod strata;
#[cfg(test)]
mod tally;
pub mod watch;
#[cfg(test)]
mod watched;

use crate::analysis::comparison::{Look, LookMetric, MetricResult, Paired, Ruling};
use crate::analysis::gate::evidence::Evidence;
use crate::analysis::gate::results::{End, visible_to};
use crate::analysis::gate::series::Measured;
use crate::analysis::gate::spending::{first_pass, late_weight, pass_weight, weight};
use crate::analysis::gate::strata::strata;
use crate::analysis::holm::holm_weighted;
use crate::record::duet::{GateMetric, GateSettings};
use crate::scenario::model::Arm;

/// What gates weighs, and what watches in the place of one that could have gated.
const WHOLE: f64 = 1.0;
/// What a quantile of all requests, or their CPU time, weighs that watches while another one gates.
const TAIL: f64 = 0.5;
/// What all else that watches weighs together.
const WATCHERS: f64 = 0.25;
/// What slow requests weigh where no quantile gates that would see stops.
const SLOW: f64 = 5.0;
/// The quantile from which on one that gates sees them.
const SEES_STOPS: f64 = 0.99;
/// Below this p, over all that watches, nothing passes; nor below this one of slow requests.
const LEANING: f64 = 0.20;
const LEANING_SLOW: f64 = 0.25;

/// The planned look with this place, counted from 0: at the first `place + 1` segments.
/// Beyond the planned looks everything is inconclusive.
pub fn look(paired: &Paired, settings: &GateSettings, index: usize) -> Look {
    Gathered::new(paired, settings, index).look().0
}

/// Takes the planned looks one by one up to the first that decides, as far as there are
/// segments, and says what came of each metric.
pub fn judge(paired: &Paired, settings: &GateSettings) -> (Vec<Look>, Vec<MetricResult>) {
    let planned = paired.segments.len().min(settings.looks as usize);
    let mut looks = Vec::new();
    for index in 0..planned.max(1) {
        let gathered = Gathered::new(paired, settings, index);
        let (found, spoken) = gathered.look();
        let is_last = found.ruling != Ruling::Inconclusive || index + 1 >= planned;
        let metrics = found.metrics.clone();
        looks.extend((planned > 0).then_some(found));
        if is_last {
            let results = spoken.into_iter().zip(&metrics);
            return (looks, results.map(|(of, last)| gathered.result(of, last)).collect());
        }
    }
    (looks, Vec::new())
}

/// For each step how much longer all its requests would have had to take to be called
/// regressed at the last look, as a share.
pub fn steps_see(paired: &Paired, settings: &GateSettings, looks: usize) -> Vec<Option<f64>> {
    let gathered = Gathered::new(paired, settings, looks.saturating_sub(1));
    let of = |step: usize| {
        let own = gathered.watched.iter().filter(|(known, _)| *known == Some(step));
        let sees = |(known, seen): &(Option<usize>, Evidence)| {
            visible_to(seen, &gathered.steps[step], gathered.level(*known, seen))
        };
        own.filter_map(sees).reduce(f64::min)
    };
    (0..gathered.steps.len()).map(of).collect()
}

/// Everything that has been seen up to a look.
struct Gathered<'a> {
    settings: &'a GateSettings,
    index: usize,
    measured: Measured<'a>,
    steps: Vec<Measured<'a>>,
    gated: Vec<Evidence>,
    /// With the place of the step; `None` for all requests.
    watched: Vec<(Option<usize>, Evidence)>,
    /// How many of these share what all watchers weigh.
    sharing: usize,
}

impl<'a> Gathered<'a> {
    fn new(paired: &'a Paired, settings: &'a GateSettings, index: usize) -> Gathered<'a> {
        let measured = Measured::new(paired, index + 1);
        let of = |(_, step): &'a (String, Paired)| Measured::new(step, index + 1);
        // A single step is all requests, which are looked at already.
        let all = if paired.steps.len() > 1 { paired.steps.as_slice() } else { &[] };
        let steps: Vec<Measured<'a>> = all.iter().map(of).collect();
        let parts = strata(&steps);
        let gather = |metric: &GateMetric| Evidence::gather(*metric, &measured, &parts, settings);
        let gated = settings.metrics.iter().map(gather).collect();
        let total = watching(settings)
            .map(|metric| (None, Evidence::watch(metric, None, &measured, settings)));
        let mut watched: Vec<(Option<usize>, Evidence)> = total.collect();
        for (index, ((name, _), step)) in all.iter().zip(&steps).enumerate() {
            let of_step = settings.metrics.iter().copied().chain(watching(settings));
            for metric in of_step.filter(|metric| is_of_a_step(*metric)) {
                watched.push((Some(index), Evidence::watch(metric, Some(name), step, settings)));
            }
        }
        let mut found = Gathered { settings, index, measured, steps, gated, watched, sharing: 0 };
        found.sharing =
            found.watched.iter().filter(|(step, seen)| !found.stands_in(*step, seen)).count();
        found
    }

    fn all(&self) -> impl Iterator<Item = (Option<usize>, &Evidence)> {
        let gated = self.gated.iter().map(|seen| (None, seen));
        gated.chain(self.watched.iter().map(|(step, seen)| (*step, seen)))
    }

    /// All that watches shares a part of what one metric has that gates, so that many steps take
    /// little from it. It knows nothing of the candidate.
    fn weight(&self, step: Option<usize>, seen: &Evidence) -> f64 {
        match self.stands_in(step, seen) {
            _ if seen.gates() => WHOLE,
            true if seen.metric() == GateMetric::SlowRequests => SLOW,
            true => WHOLE,
            false if is_tail(step, seen) => TAIL,
            false => WATCHERS / self.sharing.max(1) as f64,
        }
    }

    /// Whether it is all there is to see what no metric that gates does.
    fn stands_in(&self, step: Option<usize>, seen: &Evidence) -> bool {
        let sees_stops = |gated: &Evidence| match gated.metric() {
            GateMetric::ResponseTime(share) => share >= SEES_STOPS,
            GateMetric::ErrorRate | GateMetric::CpuPerRequest | GateMetric::SlowRequests => false,
        };
        match seen.metric() {
            _ if step.is_some() => false,
            GateMetric::SlowRequests => !self.gated.iter().any(sees_stops),
            GateMetric::ResponseTime(_) | GateMetric::ErrorRate | GateMetric::CpuPerRequest => {
                !self.has_times()
            }
        }
    }

    /// Whether a quantile gates.
    fn has_times(&self) -> bool {
        self.gated.iter().any(|seen| seen.metric().is_time())
    }

    fn weights(&self) -> f64 {
        self.all().map(|(step, seen)| self.weight(step, seen)).sum()
    }

    /// The part of its share that it may spend at this look.
    fn spent(&self, seen: &Evidence) -> f64 {
        let spending = if seen.is_late() { late_weight } else { weight };
        spending(self.index, self.settings.looks)
    }

    /// The level of one before Holm's rule has called any other one regressed.
    fn level(&self, step: Option<usize>, seen: &Evidence) -> f64 {
        self.settings.alpha * self.spent(seen) * self.weight(step, seen) / self.weights()
    }

    /// Whether it leans so far to the worse side that nothing passes beside it.
    fn leans(&self, seen: &Evidence) -> bool {
        let p = seen.p_leaning();
        let is_slow = seen.metric() == GateMetric::SlowRequests && self.stands_in(None, seen);
        let by_itself = is_slow && p < LEANING_SLOW;
        !seen.gates() && (by_itself || p * (self.watched.len() as f64) < LEANING)
    }

    /// The look, and what it speaks of: what gates, what watches all requests, and steps that
    /// are worse or lean that way.
    fn look(&self) -> (Look, Vec<(Option<usize>, &Evidence)>) {
        let weighted = self
            .all()
            .map(|(step, seen)| (seen.p_regressed(), self.weight(step, seen) * self.spent(seen)));
        let weighted: Vec<(f64, f64)> = weighted.collect();
        let spent: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let tested = holm_weighted(&weighted, self.settings.alpha * spent / self.weights());
        let level = self.settings.beta * pass_weight(self.index, self.settings.looks);
        let may_pass = self.index >= first_pass(self.settings.looks);
        let (mut metrics, mut spoken) = (Vec::new(), Vec::new());
        for ((step, seen), tested) in self.all().zip(tested) {
            let found = seen.judged(tested, level);
            let ruling = if may_pass { found.ruling } else { waiting(found.ruling) };
            if step.is_none() || ruling == Ruling::Regressed || self.leans(seen) {
                metrics.push(LookMetric { ruling, ..found });
                spoken.push((step, seen));
            }
        }
        let doubt = spoken.iter().any(|(_, seen)| self.leans(seen));
        let look = Look {
            segments: self.measured.segments.len() as u32,
            seconds: self.measured.seconds() as u32,
            requests: (
                self.measured.counts(Arm::Baseline).0,
                self.measured.counts(Arm::Candidate).0,
            ),
            ruling: ruling(&metrics, doubt),
            metrics,
        };
        (look, spoken)
    }

    fn result(&self, (step, seen): (Option<usize>, &Evidence), last: &LookMetric) -> MetricResult {
        let measured = step.map_or(&self.measured, |step| &self.steps[step]);
        let end = End {
            measured,
            settings: self.settings,
            index: self.index,
            weights: self.weights(),
            watch_level: self.level(step, seen),
            leans: self.leans(seen),
        };
        end.result(seen, last)
    }
}

/// Whether it watches a quantile of all requests, or their cost.
fn is_tail(step: Option<usize>, seen: &Evidence) -> bool {
    step.is_none() && (seen.metric().is_time() || seen.metric() == GateMetric::CpuPerRequest)
}

/// What watches all requests: what cannot be decided, and always the errors.
fn watching(settings: &GateSettings) -> impl Iterator<Item = GateMetric> {
    let known = settings.metrics.iter().chain(&settings.watches);
    let errors = !known.clone().any(|metric| *metric == GateMetric::ErrorRate);
    let errors = errors.then_some(GateMetric::ErrorRate);
    let has_times = known.clone().any(|metric| metric.is_time());
    let slow = has_times && !known.clone().any(|metric| *metric == GateMetric::SlowRequests);
    let slow = slow.then_some(GateMetric::SlowRequests);
    settings.watches.iter().copied().chain(errors).chain(slow)
}

/// Whether a step has it too. What stops a target stops all steps: all requests show it best.
fn is_of_a_step(metric: GateMetric) -> bool {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::ErrorRate => true,
        GateMetric::CpuPerRequest | GateMetric::SlowRequests => false,
    }
}

/// What a look comes to. A pass needs every metric that gates, a quantile of the response time
/// among them, and nothing that watches may lean to the worse side.
fn ruling(metrics: &[LookMetric], doubt: bool) -> Ruling {
    if metrics.iter().any(|metric| metric.ruling == Ruling::Regressed) {
        return Ruling::Regressed;
    }
    let gated = || metrics.iter().filter(|metric| metric.gates);
    // A candidate that only waits takes no more CPU time.
    let has_times = gated().any(|metric| metric.metric.is_time());
    if doubt || !has_times {
        return Ruling::Inconclusive;
    }
    overall(gated().map(|metric| metric.ruling))
}

/// What would pass waits for more starts.
fn waiting(ruling: Ruling) -> Ruling {
    match ruling {
        Ruling::Improved | Ruling::Pass | Ruling::Inconclusive => Ruling::Inconclusive,
        Ruling::Regressed => Ruling::Regressed,
    }
}

/// What the metrics' rulings come to. No metric, no pass.
pub fn overall(rulings: impl Iterator<Item = Ruling>) -> Ruling {
    let rulings: Vec<Ruling> = rulings.collect();
    if rulings.contains(&Ruling::Regressed) {
        return Ruling::Regressed;
    }
    if rulings.is_empty() || rulings.contains(&Ruling::Inconclusive) {
        return Ruling::Inconclusive;
    }
    if rulings.contains(&Ruling::Improved) { Ruling::Improved } else { Ruling::Pass }
}
