//! Has the candidate regressed? The duet gate: seconds of both arms side by side in,
//! looks with their rulings out.
//!
//! One tolerance d is the largest change that the team accepts. After each segment there
//! is one planned look at everything measured so far. With R segments, weight `w_k` of the
//! look ([`spending::weight`]) and m metrics, the two chances of error are spent like this:
//!
//! - *regressed*: each metric has one p, the smallest level at which it would be called
//!   regressed. Holm's rule holds the m of them against `α·w_k`. One regressed metric is a
//!   regressed candidate.
//! - *pass*: each metric must pass at `β·w_k`, all at the same look; no correction, as an
//!   intersection needs none. *Improved* is a pass of all with one that is better by more
//!   than d. The first look never passes, unless it is the only one; the second has its
//!   `w_k` too ([`spending::pass_weight`]). METHODS.md lets the first pass.
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
pub mod spending;
#[cfg(test)]
mod tally;

use crate::analysis::comparison::{Look, LookMetric, MetricResult, Paired, Ruling};
use crate::analysis::gate::evidence::Evidence;
use crate::analysis::gate::results::End;
use crate::analysis::gate::series::Measured;
use crate::analysis::gate::spending::{first_pass, pass_weight, weight};
use crate::analysis::holm::holm;
use crate::record::duet::GateSettings;
use crate::scenario::model::Arm;

/// The planned look with this place, counted from 0: at the first `place + 1` segments.
/// Beyond the planned looks everything is inconclusive.
pub fn look(paired: &Paired, settings: &GateSettings, place: usize) -> Look {
    let measured = Measured::new(paired, place + 1);
    look_at(&measured, &gather(&measured, settings), settings, place)
}

/// Takes the planned looks one by one up to the first that decides, as far as there are
/// segments, and says what came of each metric.
pub fn judge(paired: &Paired, settings: &GateSettings) -> (Vec<Look>, Vec<MetricResult>) {
    let planned = paired.segments.len().min(settings.looks as usize);
    let mut looks = Vec::new();
    for place in 0..planned.max(1) {
        let measured = Measured::new(paired, place + 1);
        let evidence = gather(&measured, settings);
        let found = look_at(&measured, &evidence, settings, place);
        let is_last = found.ruling != Ruling::Inconclusive || place + 1 >= planned;
        let metrics = found.metrics.clone();
        looks.extend((planned > 0).then_some(found));
        if is_last {
            let end = End { measured: &measured, settings, place };
            let results = evidence.iter().zip(&metrics);
            return (looks, results.map(|(seen, last)| end.result(seen, last)).collect());
        }
    }
    (looks, Vec::new())
}

fn gather(measured: &Measured<'_>, settings: &GateSettings) -> Vec<Evidence> {
    let of = |metric: &_| Evidence::gather(*metric, measured, settings);
    settings.metrics.iter().map(of).collect()
}

fn look_at(
    measured: &Measured<'_>,
    evidence: &[Evidence],
    settings: &GateSettings,
    place: usize,
) -> Look {
    let spent = weight(place, settings.looks);
    let p: Vec<f64> = evidence.iter().map(Evidence::p_regressed).collect();
    let held = holm(&p, settings.alpha * spent);
    let level = settings.beta * pass_weight(place, settings.looks);
    let may_pass = place >= first_pass(settings.looks);
    let judged = |(seen, held): (&Evidence, _)| {
        let found = seen.judged(held, level);
        let ruling = if may_pass { found.ruling } else { waiting(found.ruling) };
        LookMetric { ruling, ..found }
    };
    let metrics: Vec<LookMetric> = evidence.iter().zip(held).map(judged).collect();
    Look {
        segments: measured.segments.len() as u32,
        seconds: measured.seconds() as u32,
        requests: (measured.counts(Arm::Baseline).0, measured.counts(Arm::Candidate).0),
        ruling: overall(metrics.iter().map(|metric| metric.ruling)),
        metrics,
    }
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
