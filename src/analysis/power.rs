//! The planner of a gate: what a comparison will be able to see, said before its time is
//! spent (METHODS.md, sections 2 and 5.3).
//!
//! From rate and time alone: a quantile with fewer than 100 requests beyond it per arm cannot
//! be decided. From a pilot also how steep the tail is and how much requests hang together: a
//! metric that would let an unchanged candidate pass in fewer than nine of ten gates cannot
//! either: waiting for it would make most gates inconclusive. Such a metric only watches
//! (`gate::watch`); where no quantile is better, the best one gates, and how likely it decides is
//! said. What is decidable follows from the *baseline alone*: a candidate that stands still now
//! and then must not remove the quantile that would find it. The error rate always gates: the
//! fewest requests still show a candidate that fails them all.
//!
//! An unchanged candidate passes a metric with tolerance d by the last look with the chance
//! `Φ(ln(1+d)/se − z[1−b])`, b = β times the share of that look.
//!
//! Where a scenario has several steps, κ²·deff is the mean of theirs, weighed by their requests
//! ([`crate::analysis::gate::strata`]). With n requests per arm in R segments, ln(candidate ÷ baseline) of a quantile q scatters by
//!
//! ```text
//! se² = 2·κ²·q(1−q)·deff/n + 2·σ_p²/R        κ = d ln Q/dp by central difference
//! smallest visible change E:  ln((1+E)/(1+d)) = (z[1−a] + z[0.95])·se
//! ```
//!
//! METHODS.md has z.99. That is the level of the whole gate; a change is called at one of
//! its looks and by one of four statistics, which share nine tenths of its level, so `a` here
//! is what each has at the last look, α·w·0.9/4 (w = 0.30 of five looks). With it the formula gives the powers that METHODS.md
//! simulated for +10 % at 200/s (p99 9 %, p95 91 %): 7 % and 91 %, where z.99 gives 27 %
//! and 99 %. Holm's correction over several metrics is not in it: where one metric alone is
//! worse it costs a little more, where all are it costs nothing.
//!
//! The design effect is that of one second's difference from the one before: what moves slowly
//! is the machine's, slows both arms, and would make a duet look hopeless. Where both arms are
//! known to be the same (`loadgate noise`) it is that of the difference of the arms.

use crate::analysis::comparison::Paired;
use crate::analysis::forecast::{
    MOST_VISIBLE, PlannedGate, Shape, Visible, advice, needed_errors, visible_cpu, visible_errors,
};
use crate::analysis::gate::results::short_name;
use crate::analysis::gate::spending::pass_weight;
use crate::analysis::number_format::{about, counted, percent};
use crate::record::duet::{Dropped, GateMetric, GateSettings};

/// A quantile needs so many requests beyond it per arm.
pub const MIN_BEYOND: u64 = 100;
/// A metric that lets fewer unchanged candidates pass only watches, if another one gates.
const LIKELY: f64 = 0.9;

/// Which metrics are left, and what they will show.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GatePlan {
    /// What gates.
    pub metrics: Vec<GateMetric>,
    /// What rate and time cannot decide; it watches.
    pub dropped: Vec<Dropped>,
    /// Why it cannot pass, whatever the candidate is; one sentence each.
    pub hopeless: Vec<String>,
    /// What will be seen; nothing before a pilot.
    pub visible: Vec<Visible>,
    /// The chance that all that gates lets an unchanged candidate pass, as if they were
    /// independent; `None` before a pilot.
    pub chance: Option<f64>,
}

/// From rate and time alone, before anything runs.
pub fn decidable(plan: &PlannedGate, settings: &GateSettings) -> GatePlan {
    let mut found = GatePlan::default();
    for metric in &settings.metrics {
        match too_few(*metric, plan) {
            Some(reason) => found.dropped.push(Dropped { metric: *metric, reason }),
            None => found.metrics.push(*metric),
        }
    }
    found.hopeless = cannot_pass(&found.metrics, plan, settings);
    found
}

/// Why a gate cannot pass: no quantile is left, or too few requests show no error rate.
fn cannot_pass(metrics: &[GateMetric], plan: &PlannedGate, settings: &GateSettings) -> Vec<String> {
    let mut why = Vec::new();
    if !metrics.iter().any(|metric| metric.is_time()) {
        why.push(
            "no quantile of the response time can be decided, so this comparison cannot pass: \
             it takes a higher rate, or more time"
                .to_owned(),
        );
    }
    let last =
        settings.beta * pass_weight(settings.looks.saturating_sub(1) as usize, settings.looks);
    let needed = needed_errors(settings, last);
    if metrics.contains(&GateMetric::ErrorRate) && plan.requests() < needed {
        why.push(format!(
            "this comparison cannot pass: without any error it takes {} requests per arm to show \
             an error rate below {}, and {}",
            about(needed),
            percent(settings.error_floor),
            plan.sentence()
        ));
    }
    why
}

/// The same after a pilot, by its baseline alone.
pub fn decidable_after(pilot: &Paired, plan: &PlannedGate, settings: &GateSettings) -> GatePlan {
    let mut found = decidable(plan, settings);
    let seen: Vec<(GateMetric, Option<Visible>)> = found
        .metrics
        .iter()
        .map(|metric| (*metric, seen(pilot, *metric, Shape::of_steps, plan, settings)))
        .collect();
    let best = best_quantile(&seen);
    found.metrics.clear();
    for (metric, visible) in seen {
        let reason = match &visible {
            Some(seen) => only_watches(seen, best, plan),
            None => best.filter(|_| metric.is_time()).map(|_| unknown(metric)),
        };
        if let Some(reason) = reason {
            found.dropped.push(Dropped { metric, reason });
        } else {
            found.metrics.push(metric);
            found.visible.extend(visible);
        }
    }
    found.hopeless = cannot_pass(&found.metrics, plan, settings);
    found.chance = Some(found.visible.iter().map(|seen| seen.chance).product());
    found
}

/// What a gate will see of a metric, by what tells the shape of a tail; `None` where there is too
/// little to tell.
fn seen(
    pilot: &Paired,
    metric: GateMetric,
    shape: fn(&Paired, f64) -> Option<Shape>,
    plan: &PlannedGate,
    settings: &GateSettings,
) -> Option<Visible> {
    match metric {
        GateMetric::ResponseTime(quantile) => {
            shape(pilot, quantile).map(|shape| shape.visible(plan, settings))
        }
        GateMetric::ErrorRate => visible_errors(pilot, plan, settings),
        GateMetric::CpuPerRequest => Some(visible_cpu(plan, settings)),
        GateMetric::SlowRequests => None,
    }
}

/// The quantile that most likely lets an unchanged candidate pass.
fn best_quantile(seen: &[(GateMetric, Option<Visible>)]) -> Option<GateMetric> {
    let times = seen.iter().filter(|(metric, _)| metric.is_time());
    let known = times.filter_map(|(metric, visible)| Some((*metric, visible.as_ref()?.chance)));
    known.reduce(|a, b| if b.1 > a.1 { b } else { a }).map(|(metric, _)| metric)
}

/// Why a metric does not gate, if so.
fn only_watches(seen: &Visible, best: Option<GateMetric>, plan: &PlannedGate) -> Option<String> {
    match seen.metric {
        GateMetric::ErrorRate | GateMetric::SlowRequests => None,
        GateMetric::ResponseTime(_) if seen.smallest > MOST_VISIBLE => Some(hopeless(seen, plan)),
        GateMetric::ResponseTime(_) if Some(seen.metric) == best => None,
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => {
            (seen.chance < LIKELY).then(|| unlikely(seen))
        }
    }
}

/// Where another quantile can be decided.
fn unknown(metric: GateMetric) -> String {
    format!(
        "{}: the first seconds have too few requests beyond it to tell what will be seen; it only \
         watches",
        short_name(metric)
    )
}

fn unlikely(seen: &Visible) -> String {
    format!(
        "{}; an unchanged candidate would be let pass in {} only",
        seen.sentence,
        of_hundred(seen.chance),
    )
}

/// `about 93 of 100 cases`.
pub fn of_hundred(chance: f64) -> String {
    match (chance * 100.0).round() as u32 {
        0 => "less than 1 of 100 cases".to_owned(),
        100 => "more than 99 of 100 cases".to_owned(),
        number => format!("about {number} of 100 cases"),
    }
}

/// What a gate will see of a metric whose arms are the same; `None` when the pilot has too few
/// requests beyond the quantile to tell.
pub fn visible(
    pilot: &Paired,
    metric: GateMetric,
    plan: &PlannedGate,
    settings: &GateSettings,
) -> Option<Visible> {
    seen(pilot, metric, Shape::of_pair, plan, settings)
}

/// Requests per arm that put [`MIN_BEYOND`] of them beyond a quantile, on its thinner side.
pub fn needed_for(quantile: f64) -> u64 {
    let beyond = quantile.min(1.0 - quantile).max(1e-9);
    // 1 − 0.99 is a little more than a hundredth.
    (MIN_BEYOND as f64 / beyond - 1e-6).ceil() as u64
}

fn too_few(metric: GateMetric, plan: &PlannedGate) -> Option<String> {
    let GateMetric::ResponseTime(quantile) = metric else { return None };
    let needed = needed_for(quantile);
    let reason = || {
        format!(
            "{} needs {MIN_BEYOND} requests beyond it per arm: {}, and {}; it only watches",
            short_name(metric),
            counted(needed, "request"),
            plan.sentence()
        )
    };
    (plan.requests() < needed as f64).then(reason)
}

fn hopeless(seen: &Visible, plan: &PlannedGate) -> String {
    format!(
        "{}; it only watches, as nothing below +{} would be decided{}",
        seen.sentence,
        percent(MOST_VISIBLE),
        advice(seen, plan)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_xoshiro::SplitMix64;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};
    use serde_json::Value;

    use super::*;
    use crate::analysis::comparison::{ArmSecond, Pair};
    use crate::analysis::forecast::POWER;
    use crate::analysis::tail::kappa;
    use crate::record::histogram::Sparse;

    fn golden(name: &str) -> Vec<Value> {
        let all: Value =
            serde_json::from_str(include_str!("../../tests/golden/stored.json")).unwrap();
        all[name].as_array().unwrap().clone()
    }

    /// The base of `sim/sim_common.py`: 97 % around 4 ms, 3 % around 12 ms.
    fn base(requests: f64) -> Sparse {
        let shares = golden("base");
        Sparse::from_counts(shares.iter().map(|bin| {
            let number = |index: usize| bin[index].as_f64().unwrap();
            (number(0).round() as u64, (number(1) * requests).round() as u64)
        }))
    }

    fn shape(quantile: f64) -> Shape {
        let kappa = kappa(&base(1e7), quantile).unwrap();
        Shape { quantile, kappa, design_effect: 1.0 }
    }

    fn plan(rate: f64, segments: u32) -> PlannedGate {
        PlannedGate { rate, segment_seconds: 60.0, segments }
    }

    #[test]
    fn the_formula_is_that_of_scipy() {
        for case in golden("planner") {
            let number = |name: &str| case[name].as_f64().unwrap();
            let shape = Shape {
                quantile: number("quantile"),
                kappa: number("kappa"),
                design_effect: number("deff"),
            };
            let plan = plan(number("rate"), number("segments") as u32);
            let settings = GateSettings::default();
            assert!((shape.smallest(&plan, &settings) - number("smallest")).abs() < 1e-7, "{case}");
            assert!((shape.power(0.1, &plan, &settings) - number("power")).abs() < 1e-7, "{case}");
            let needed = shape.needed(0.1, &plan, &settings);
            match case["needed"].as_f64() {
                Some(expected) => {
                    assert!((needed.unwrap() / expected - 1.0).abs() < 1e-6, "{case}");
                }
                None => assert_eq!(needed, None, "{case}"),
            }
            let measured = kappa(&base(1e7), shape.quantile).unwrap();
            assert!((measured / shape.kappa - 1.0).abs() < 0.03, "{measured}: {case}");
        }
    }

    /// METHODS.md, section 5.3.
    #[test]
    fn p95_is_fine_where_p99_is_hopeless() {
        let settings = GateSettings::default();
        let (p95, p99) = (shape(0.95), shape(0.99));
        let cost = p95.scatter() / p99.scatter();
        assert!(cost > 0.05 && cost < 0.25, "p95 costs {cost} of p99");
        let power = |shape: &Shape| shape.power(0.1, &plan(200.0, 5), &settings);
        assert!((power(&p99) - 0.09).abs() < 0.03, "{}", power(&p99));
        assert!((power(&p95) - 0.91).abs() < 0.03, "{}", power(&p95));
        let fast = p99.power(0.1, &plan(2_000.0, 5), &settings);
        assert!((fast - 0.83).abs() < 0.1, "{fast}: 83 % were simulated");
    }

    #[test]
    fn thin_quantiles_are_dropped_before_the_run() {
        let settings = GateSettings::default();
        let found = decidable(&plan(20.0, 5), &settings);
        assert_eq!(
            found.dropped[0].reason,
            "p99 needs 100 requests beyond it per arm: 10,000 requests, and 5 segments of 60 s \
             at 20/s bring 6,000; it only watches"
        );
        assert_eq!(found.metrics.len(), 3);
        assert_eq!(decidable(&plan(33.4, 5), &settings).dropped, []);
        let none = decidable(&plan(0.0, 5), &settings);
        assert_eq!(none.metrics, [GateMetric::ErrorRate], "total failure shows in any number");
        assert_eq!([0.5, 0.95, 0.99, 0.999].map(needed_for), [200, 2_000, 10_000, 100_000]);
    }

    /// 20 seconds of two arms with requests drawn from the base, its logarithm stretched around
    /// 4 ms; `shared` and `own` scatter (sd of ln) from second to second.
    fn pilot(rate: usize, stretch: f64, shared: f64, own: f64) -> Paired {
        let table: Vec<(f64, f64)> = golden("base")
            .iter()
            .map(|bin| (bin[0].as_f64().unwrap(), bin[1].as_f64().unwrap()))
            .collect();
        let mut random = SplitMix64::seed_from_u64(3);
        let mut uniform = move || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let arm = |both: f64, uniform: &mut dyn FnMut() -> f64| {
            let scale = (both + own * (12.0_f64.sqrt()) * (uniform() - 0.5)).exp();
            let mut time = || {
                let mut left = uniform();
                let bin = table.iter().find(|(_, share)| {
                    left -= share;
                    left <= 0.0
                });
                let beside = bin.map_or(1.0, |bin| bin.0 / 4_000.0).powf(stretch);
                ((4_000.0 * beside * scale) as u64, 1)
            };
            let response = Sparse::from_counts((0..rate).map(|_| time()).collect::<Vec<_>>());
            ArmSecond { response, requests: rate as u64, errors: 0, cpu_ns: None }
        };
        let mut pair = |_| {
            let both = shared * (12.0_f64.sqrt()) * (uniform() - 0.5);
            Pair { baseline: arm(both, &mut uniform), candidate: arm(both, &mut uniform) }
        };
        let segments = vec![(0..20).map(&mut pair).collect()];
        Paired { segments, ..Paired::default() }
    }

    #[test]
    fn a_pilot_drops_what_would_stay_open() {
        let settings = GateSettings::default();
        let found = decidable_after(&pilot(100, 2.0, 0.0, 0.0), &plan(100.0, 2), &settings);
        let dropped: Vec<GateMetric> = found.dropped.iter().map(|it| it.metric).collect();
        assert_eq!(dropped, [GateMetric::ResponseTime(0.95), GateMetric::ResponseTime(0.99)]);
        let unlikely = &found.dropped[0].reason;
        assert!(
            unlikely.contains("an unchanged candidate would be let pass in about"),
            "{unlikely}"
        );
        let reason = &found.dropped[1].reason;
        assert!(
            reason.starts_with("p99 of 2 segments of 60 s at 100/s will show changes from +"),
            "{reason}"
        );
        assert!(reason.contains("only watches, as nothing below +50 % would be"), "{reason}");
        assert_eq!(found.visible.len(), 2);
        let p50 = &found.visible[0];
        assert!(p50.smallest < 0.2 && p50.chance > 0.5, "{p50:?}");
        assert!(found.visible[1].sentence.contains("more of all requests failing"));
        let chance = p50.chance * found.visible[1].chance;
        assert!((found.chance.unwrap() - chance).abs() < 1e-12, "{found:?}");
    }

    /// Every third second of the candidate has its requests stand still.
    fn standing_still(mut pilot: Paired) -> Paired {
        for pair in pilot.segments[0].iter_mut().step_by(3) {
            let slow = pair.candidate.response.buckets().iter().enumerate();
            let slow = slow.map(|(n, (low, count))| (low + 3_000 * (n as u64 % 100), *count));
            pair.candidate.response = Sparse::from_counts(slow.collect::<Vec<_>>());
        }
        pilot
    }

    #[test]
    fn what_is_decidable_does_not_depend_on_the_candidate() {
        let settings = GateSettings::default();
        let plan = plan(400.0, 5);
        let before = pilot(400, 1.0, 0.0, 0.0);
        let (as_it_was, frozen) = (
            decidable_after(&before, &plan, &settings),
            decidable_after(&standing_still(before), &plan, &settings),
        );
        assert_eq!((frozen.metrics.len(), frozen.metrics), (3, as_it_was.metrics));
    }

    #[test]
    fn a_gate_that_cannot_pass_says_so_before_it_begins() {
        let settings = GateSettings::default();
        let found = decidable(&PlannedGate { segment_seconds: 10.0, ..plan(9.0, 2) }, &settings);
        assert_eq!(found.metrics, [GateMetric::ErrorRate]);
        assert!(found.hopeless[0].contains("no quantile"), "{found:?}");
        assert!(found.hopeless[1].contains("2 segments of 10 s at 9/s bring 180"), "{found:?}");
        assert_eq!(decidable(&plan(100.0, 5), &settings).hopeless, [] as [String; 0]);
    }

    #[test]
    fn no_forecast_speaks_of_thousands_of_percent() {
        let steep = Shape { quantile: 0.95, kappa: 400.0, design_effect: 5.0 };
        let seen = steep.visible(&plan(100.0, 1), &GateSettings::default());
        assert!(seen.smallest > 20.0, "{seen:?}");
        assert!(seen.sentence.contains("will show no change below tenfold"), "{seen:?}");
    }

    #[test]
    fn advice_says_what_would_do() {
        let settings = GateSettings::default();
        let found = decidable_after(&pilot(400, 1.0, 0.0, 0.0), &plan(400.0, 5), &settings);
        let p99 = &found.dropped[0].reason;
        assert!(p99.contains("; +10 % takes "), "{p99}");
        assert!(p99.contains("/s for the same time, or "), "{p99}");
        let shape = Shape::of_steps(&pilot(400, 1.0, 0.0, 0.0), 0.99).unwrap();
        let needed = shape.needed(0.1, &plan(400.0, 5), &settings).unwrap();
        let enough = plan(needed / 300.0, 5);
        assert!((shape.smallest(&enough, &settings) - 0.1).abs() < 1e-6);
        let p50 = &found.visible[0];
        assert!(p50.smallest < 0.1 && !p50.sentence.contains("takes"), "{}", p50.sentence);
    }

    #[test]
    fn a_pilot_that_is_too_short_decides_nothing() {
        let settings = GateSettings::default();
        let found = decidable_after(&pilot(40, 1.0, 0.0, 0.0), &plan(40.0, 5), &settings);
        assert_eq!((found.metrics.len(), found.dropped.len()), (2, 2), "{found:?}");
        assert!(found.dropped[1].reason.contains("too few requests beyond it"), "{found:?}");
        let none = decidable_after(&Paired::default(), &plan(100.0, 5), &settings);
        assert_eq!((none.metrics.len(), none.visible.len()), (4, 0));
    }

    #[test]
    fn what_slows_both_arms_cancels() {
        let shared = pilot(200, 1.0, 0.3, 0.0);
        let own = pilot(200, 1.0, 0.0, 0.3);
        let effect = |pilot| Shape::of_pair(pilot, 0.5).unwrap().design_effect;
        assert!(effect(&shared) < 3.0, "{}", effect(&shared));
        assert!(effect(&own) > 8.0, "{}", effect(&own));
        let alone: Vec<ArmSecond> =
            shared.segments[0].iter().map(|it| it.baseline.clone()).collect();
        assert!(Shape::of_run(&alone, 0.5).unwrap().design_effect > 8.0);
    }

    proptest! {
        #[test]
        fn more_requests_never_show_less(rate in 1.0_f64..5_000.0, factor in 1.0_f64..10.0,
                                         kappa in 0.1_f64..100.0, effect in 1.0_f64..20.0,
                                         segments in 1_u32..6) {
            let shape = Shape { quantile: 0.95, kappa, design_effect: effect };
            let settings = GateSettings::default();
            let (few, many) = (plan(rate, segments), plan(rate * factor, segments));
            prop_assert!(shape.smallest(&many, &settings) <= shape.smallest(&few, &settings));
            prop_assert!(shape.power(0.2, &many, &settings) >= shape.power(0.2, &few, &settings));
            let smallest = shape.smallest(&few, &settings);
            prop_assert!(smallest > settings.tolerance);
            if smallest < 5.0 {
                prop_assert!((shape.power(smallest, &few, &settings) - POWER).abs() < 1e-6);
                let needed = shape.needed(smallest, &few, &settings).unwrap();
                prop_assert!((needed / few.requests() - 1.0).abs() < 1e-3);
            }
        }
    }
}
