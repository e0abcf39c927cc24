//! What a gate will see of one metric, and how likely an unchanged candidate passes it.
//!
//! Lengths, rates and the shape of a tail in, figures and sentences out. The formulas are in
//! [`crate::analysis::power`], which decides by them what gates.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::analysis::comparison::{ArmSecond, Paired};
use crate::analysis::gate::cpu;
use crate::analysis::gate::error_rate::ErrorEvidence;
use crate::analysis::gate::response_time::STATISTICS;
use crate::analysis::gate::results::short_name;
use crate::analysis::gate::series::Measured;
use crate::analysis::gate::spending::{pass_weight, weight};
use crate::analysis::gate::strata::strata;
use crate::analysis::number_format::{about, count, counted, percent, seconds};
use crate::analysis::stats::{Tally, design_effect};
use crate::analysis::tail::{self, effect_of_difference, effect_of_steps};
use crate::record::duet::{GateMetric, GateSettings};
use crate::scenario::model::Arm;
use crate::units::trim_zeros;

/// A quantile that would show nothing below this change only watches, whatever else gates.
pub(super) const MOST_VISIBLE: f64 = 0.5;
/// Beyond this nobody believes the figure.
const MOST_SAID: f64 = 9.0;
/// The change that advice speaks of.
const WANTED: f64 = 0.1;
/// How likely the smallest visible change is called regressed.
pub(super) const POWER: f64 = 0.95;

/// How much a gate is going to measure, at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedGate {
    /// Requests per second and arm.
    pub rate: f64,
    /// Judged seconds of a segment.
    pub segment_seconds: f64,
    /// Segments.
    pub segments: u32,
}

impl PlannedGate {
    /// Requests per arm over the whole gate.
    pub fn requests(&self) -> f64 {
        self.rate * self.segment_seconds * f64::from(self.segments)
    }

    /// `5 segments of 60 s at 20/s bring 6,000`.
    pub(super) fn sentence(&self) -> String {
        format!("{} bring {}", self.words(), count(self.requests() as u64))
    }

    pub(super) fn words(&self) -> String {
        format!(
            "{} of {} at {}/s",
            counted(u64::from(self.segments), "segment"),
            seconds(self.segment_seconds),
            trim_zeros(self.rate, 1)
        )
    }
}

/// What a gate will see of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Visible {
    /// Which.
    pub metric: GateMetric,
    /// The smallest true change that is called regressed in 95 of 100 cases: 0.08 is +8 %,
    /// for the error rate so many more of all requests.
    pub smallest: f64,
    /// How steep the tail is and how much requests hang together; `None` for the error rate.
    pub shape: Option<Shape>,
    /// Requests per arm that would show +10 %; `None` when the noise of process starts or
    /// the tolerance alone hides it, and for the error rate.
    pub needed_requests: Option<f64>,
    /// The chance that an unchanged candidate passes by the last look.
    pub chance: f64,
    /// One sentence with figures.
    pub sentence: String,
}

/// The tail of a distribution around a quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// The quantile, q.
    pub quantile: f64,
    /// κ = d ln Q/dp at q.
    pub kappa: f64,
    /// How many times less the requests weigh than independent ones.
    pub design_effect: f64,
}

impl Shape {
    /// From a stream by itself, such as one run: what hangs together counts in full.
    pub fn of_run(seconds: &[ArmSecond], quantile: f64) -> Option<Shape> {
        let arm = tail::Arm::of(seconds.iter(), quantile)?;
        let design_effect = design_effect(&arm.tallies);
        Some(Shape { quantile, kappa: arm.kappa, design_effect })
    }

    /// From the baseline of two arms.
    pub fn of_baseline(pilot: &Paired, quantile: f64) -> Option<Shape> {
        let seconds = pilot.segments.iter().flatten().map(|pair| &pair.baseline);
        let arm = tail::Arm::of(seconds, quantile)?;
        Some(Shape { quantile, kappa: arm.kappa, design_effect: effect_of_steps(&arm.tallies) })
    }

    /// From the baseline's steps, where there are several that weigh something, else from all of
    /// its requests.
    pub(super) fn of_steps(pilot: &Paired, quantile: f64) -> Option<Shape> {
        let steps: Vec<Measured<'_>> =
            pilot.steps.iter().map(|(_, step)| Measured::new(step, step.segments.len())).collect();
        let is_stratum = |step: &Measured<'_>| {
            strata(&steps).iter().any(|stratum| std::ptr::eq(stratum.measured, step))
        };
        let (mut weights, mut kappas, mut effects) = (0.0, 0.0, 0.0);
        for ((_, step), measured) in pilot.steps.iter().zip(&steps) {
            let Some(shape) = Shape::of_baseline(step, quantile).filter(|_| is_stratum(measured))
            else {
                continue;
            };
            let weight = measured.timed(Arm::Baseline) as f64;
            weights += weight;
            kappas += weight * shape.kappa.powi(2);
            effects += weight * shape.kappa.powi(2) * shape.design_effect;
        }
        if kappas <= 0.0 {
            return Shape::of_baseline(pilot, quantile);
        }
        let kappa = (kappas / weights).sqrt();
        Some(Shape { quantile, kappa, design_effect: effects / kappas })
    }

    /// From two arms side by side: what both have in the same second cancels.
    pub fn of_pair(pilot: &Paired, quantile: f64) -> Option<Shape> {
        let pairs = || pilot.segments.iter().flatten();
        let baseline = tail::Arm::of(pairs().map(|pair| &pair.baseline), quantile)?;
        let candidate = tail::Arm::of(pairs().map(|pair| &pair.candidate), quantile)?;
        let square = f64::midpoint(baseline.kappa.powi(2), candidate.kappa.powi(2));
        Some(Shape {
            quantile,
            kappa: square.sqrt(),
            design_effect: effect_of_difference(&baseline.tallies, &candidate.tallies),
        })
    }

    /// Squared standard error of ln(ratio) times the requests per arm.
    pub(super) fn scatter(&self) -> f64 {
        2.0 * self.kappa.powi(2) * self.quantile * (1.0 - self.quantile) * self.design_effect
    }

    /// The standard error of ln(ratio) at the end of a gate.
    fn error(&self, plan: &PlannedGate, settings: &GateSettings) -> f64 {
        (self.scatter() / plan.requests().max(1.0) + floor(plan, settings)).sqrt()
    }

    /// How likely a true change is called regressed by the end.
    pub fn power(&self, change: f64, plan: &PlannedGate, settings: &GateSettings) -> f64 {
        let distance = change.ln_1p() - settings.tolerance.ln_1p();
        Normal::standard()
            .cdf(distance / self.error(plan, settings) - z_of_last_look(plan, settings))
    }

    /// The smallest change that is called regressed in 95 of 100 cases.
    pub fn smallest(&self, plan: &PlannedGate, settings: &GateSettings) -> f64 {
        let z = z_of_last_look(plan, settings) + z(POWER);
        (settings.tolerance.ln_1p() + z * self.error(plan, settings)).exp_m1()
    }

    /// Requests per arm, in as many segments, that show a change; `None` when none do.
    pub fn needed(&self, change: f64, plan: &PlannedGate, settings: &GateSettings) -> Option<f64> {
        let distance = change.ln_1p() - settings.tolerance.ln_1p();
        let allowed = (distance / (z_of_last_look(plan, settings) + z(POWER))).powi(2);
        let left = allowed - floor(plan, settings);
        (distance > 0.0 && left > 0.0).then(|| self.scatter() / left)
    }

    pub(super) fn visible(self, plan: &PlannedGate, settings: &GateSettings) -> Visible {
        let metric = GateMetric::ResponseTime(self.quantile);
        let smallest = self.smallest(plan, settings);
        let mut seen = Visible {
            metric,
            smallest,
            shape: Some(self),
            needed_requests: self.needed(WANTED, plan, settings),
            chance: chance(settings.tolerance, self.error(plan, settings), plan, settings),
            sentence: format!(
                "{} of {} will show {}",
                short_name(metric),
                plan.words(),
                from(smallest)
            ),
        };
        if smallest <= MOST_VISIBLE {
            seen.sentence += &advice(&seen, plan);
        }
        seen
    }
}

pub(super) fn visible_errors(
    pilot: &Paired,
    plan: &PlannedGate,
    settings: &GateSettings,
) -> Option<Visible> {
    let tally = |arm: &ArmSecond| Tally { all: arm.requests, bad: arm.errors };
    let pairs = || pilot.segments.iter().flatten();
    let baseline: Vec<Tally> = pairs().map(|pair| tally(&pair.baseline)).collect();
    let candidate: Vec<Tally> = pairs().map(|pair| tally(&pair.candidate)).collect();
    let total = Tally::sum(baseline.iter().chain(&candidate).copied());
    // A pilot without errors does not show that there are none.
    let p = (total.bad as f64 + 1.0) / (total.all as f64 + 2.0);
    let effect = effect_of_difference(&baseline, &candidate);
    let error = (2.0 * p * (1.0 - p) * effect / plan.requests().max(1.0)).sqrt();
    let z = z_of_last_look(plan, settings) + z(POWER);
    let smallest = (settings.error_floor + z * error).min(1.0);
    let sentence = format!(
        "the error rate of {} will show {} more of all requests failing",
        plan.words(),
        percent(smallest)
    );
    let metric = GateMetric::ErrorRate;
    let chance = match total.bad {
        0 => f64::from(u8::from(
            plan.requests() >= needed_errors(settings, last_pass(plan, settings)),
        )),
        _ => chance_of_rate(error, plan, settings),
    };
    let seen = Visible { metric, smallest, shape: None, needed_requests: None, chance, sentence };
    (total.all > 0).then_some(seen)
}

/// What segments of some length show of the CPU time per request, by what was measured
/// elsewhere: a pilot has too few pieces to say it.
pub(super) fn visible_cpu(plan: &PlannedGate, settings: &GateSettings) -> Visible {
    let error = cpu::expected_error(plan.segment_seconds, plan.segments);
    let level = settings.alpha * weight(plan.segments.max(1) as usize - 1, plan.segments);
    let z = z(1.0 - level) + z(POWER);
    let smallest = (settings.cpu_tolerance.ln_1p() + z * error).exp_m1();
    let sentence = format!("CPU per request of {} will show {}", plan.words(), from(smallest));
    Visible {
        metric: GateMetric::CpuPerRequest,
        smallest,
        shape: None,
        needed_requests: None,
        chance: chance(settings.cpu_tolerance, error, plan, settings),
        sentence,
    }
}

/// `changes from +8 % on`.
fn from(smallest: f64) -> String {
    if smallest > MOST_SAID {
        return "no change below tenfold".to_owned();
    }
    format!("changes from +{} on", percent(smallest))
}

/// What rate or time would do, where more of it does.
pub(super) fn advice(seen: &Visible, plan: &PlannedGate) -> String {
    let Some(needed) = seen.needed_requests.filter(|needed| *needed > plan.requests()) else {
        return String::new();
    };
    let time = f64::from(plan.segments) * plan.segment_seconds;
    let faster = (time > 0.0).then(|| format!("{}/s for the same time", about(needed / time)));
    let longer =
        (plan.rate > 0.0).then(|| format!("{} at the same rate", seconds(needed / plan.rate)));
    let ways: Vec<String> = faster.into_iter().chain(longer).collect();
    format!(
        "; +{} takes {} requests per arm: {}",
        percent(WANTED),
        about(needed),
        ways.join(", or ")
    )
}

/// That an unchanged candidate passes by the last look.
fn chance(tolerance: f64, error: f64, plan: &PlannedGate, settings: &GateSettings) -> f64 {
    Normal::standard()
        .cdf(tolerance.ln_1p() / error.max(1e-12) - z(1.0 - last_pass(plan, settings)))
}

/// The same of errors, whose floor is no ratio.
fn chance_of_rate(error: f64, plan: &PlannedGate, settings: &GateSettings) -> f64 {
    let distance = settings.error_floor / error.max(1e-12);
    Normal::standard().cdf(distance - z(1.0 - last_pass(plan, settings)))
}

/// Requests per arm without any error that show a rate below the floor.
pub(super) fn needed_errors(settings: &GateSettings, level: f64) -> f64 {
    ErrorEvidence::needed(settings.error_floor, level)
}

/// The level of *pass* at the last look.
pub(super) fn last_pass(plan: &PlannedGate, settings: &GateSettings) -> f64 {
    let looks = plan.segments.max(1);
    settings.beta * pass_weight(looks as usize - 1, looks)
}

/// What fresh processes scatter, however long they run.
fn floor(plan: &PlannedGate, settings: &GateSettings) -> f64 {
    2.0 * settings.start_noise.powi(2) / f64::from(plan.segments.max(1))
}

/// Looks weigh 2, 3, 4, …: (.10 .15 .20 .25 .30) of five.
fn z_of_last_look(plan: &PlannedGate, settings: &GateSettings) -> f64 {
    let looks = plan.segments.max(1);
    let spent = settings.alpha * weight(looks as usize - 1, looks);
    z(1.0 - spent / STATISTICS)
}

fn z(share: f64) -> f64 {
    Normal::standard().inverse_cdf(share)
}
