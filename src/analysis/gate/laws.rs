//! What must hold of the gate for any measurement: laws, and the cases at its edges.

use proptest::prelude::*;

use crate::analysis::comparison::{ArmSecond, LookMetric, Pair, Paired, Rule, Ruling};
use crate::analysis::gate::drift::drift;
use crate::analysis::gate::evidence::Evidence;
use crate::analysis::gate::location::Location;
use crate::analysis::gate::quantile::{Counted, log_quantile};
use crate::analysis::gate::response_time::TimeEvidence;
use crate::analysis::gate::series::{Measured, pieces};
use crate::analysis::gate::simulated::Draw;
use crate::analysis::gate::spending::{first_pass, pass_weight, weight};
use crate::analysis::gate::watch::Watch;
use crate::analysis::gate::{judge, look};
use crate::record::duet::{GateMetric, GateSettings};
use crate::record::histogram::Sparse;

/// A small comparison: two segments of 40 s, 50 requests per second and arm.
#[derive(Debug, Clone, Copy)]
struct Made {
    seed: u64,
    /// ln of how much slower the candidate is.
    slower: f64,
    /// Standard deviation of the seconds' ln.
    noise: f64,
    /// Chance of a second in which the candidate stands still, and of one of the baseline.
    freezes: (f64, f64),
    /// Microseconds in which times are counted.
    unit: f64,
    /// Errors per second.
    errors: (f64, f64),
}

const CALM: Made =
    Made { seed: 1, slower: 0.0, noise: 0.03, freezes: (0.0, 0.0), unit: 1.0, errors: (0.0, 0.0) };

fn made() -> impl Strategy<Value = Made> {
    let freezes = prop_oneof![Just((0.0, 0.0)), Just((0.2, 0.0)), Just((0.1, 0.1))];
    let errors = prop_oneof![Just((0.0, 0.0)), Just((0.5, 0.5)), Just((0.2, 3.0))];
    (any::<u64>(), -0.3..0.3_f64, 0.0..0.1_f64, freezes, errors).prop_map(
        |(seed, slower, noise, freezes, errors)| Made {
            seed,
            slower,
            noise,
            freezes,
            errors,
            ..CALM
        },
    )
}

impl Made {
    fn paired(self) -> Paired {
        let mut draw = Draw::new(self.seed);
        let segments = (0..2).map(|_| (0..40).map(|_| self.pair(&mut draw)).collect());
        Paired { segments: segments.collect(), ..Paired::default() }
    }

    fn pair(self, draw: &mut Draw) -> Pair {
        let shared = draw.normal(self.noise);
        let mut arm = |by: f64, freezes: f64, errors: f64| {
            let frozen = if draw.unit() < freezes { 1.0 } else { 0.0 };
            let shift = shared + by + frozen + draw.normal(self.noise / 2.0);
            let times: Vec<f64> = (0..50).map(|_| 5_000_f64.ln() + draw.normal(0.4)).collect();
            let micros = |log: &f64| (((log + shift).exp() * self.unit) as u64, 1);
            let errors = (0..50).filter(|_| draw.unit() < errors / 50.0).count() as u64;
            let response = Sparse::from_counts(times.iter().map(micros));
            ArmSecond { response, requests: 50, errors, cpu_ns: None }
        };
        Pair {
            baseline: arm(0.0, self.freezes.1, self.errors.0),
            candidate: arm(self.slower, self.freezes.0, self.errors.1),
        }
    }
}

fn settings() -> GateSettings {
    let times = [0.5, 0.9].map(GateMetric::ResponseTime);
    let metrics = times.into_iter().chain([GateMetric::ErrorRate]).collect();
    GateSettings { metrics, looks: 2, ..GateSettings::default() }
}

fn swapped(paired: &Paired) -> Paired {
    let swap =
        |pair: &Pair| Pair { baseline: pair.candidate.clone(), candidate: pair.baseline.clone() };
    let segments = paired.segments.iter().map(|segment| segment.iter().map(swap).collect());
    Paired { segments: segments.collect(), ..Paired::default() }
}

fn seen(paired: &Paired, share: f64) -> TimeEvidence {
    TimeEvidence::gather(&Measured::new(paired, 2), &[], share, &settings())
}

fn metrics(paired: &Paired) -> Vec<LookMetric> {
    look(paired, &settings(), 1).metrics
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9
}

fn mirrored(a: Option<Location>, b: Option<Location>) -> bool {
    a.zip(b).is_none_or(|(a, b)| near(a.value, -b.value) && near(a.error, b.error))
}

/// Whether two rulings of opposite sense are held of the same thing.
fn contradict(a: Ruling, b: Ruling) -> bool {
    let is_good = |ruling| matches!(ruling, Ruling::Pass | Ruling::Improved);
    a == Ruling::Regressed && is_good(b) || b == Ruling::Regressed && is_good(a)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn swapping_the_arms_mirrors(made in made()) {
        let (there, back) = (made.paired(), swapped(&made.paired()));
        for share in [0.5, 0.9] {
            let (a, b) = (seen(&there, share), seen(&back, share));
            prop_assert!(mirrored(a.trimmed, b.trimmed), "{a:?} {b:?}");
            prop_assert!(mirrored(a.block, b.block), "{a:?} {b:?}");
            prop_assert!(mirrored(a.pooled, b.pooled), "{a:?} {b:?}");
            prop_assert_eq!((a.signs.above, a.signs.below), (b.signs.below, b.signs.above));
        }
        for (a, b) in metrics(&there).iter().zip(&metrics(&back)) {
            let one_way = |a: &LookMetric, b: &LookMetric| match (a.ruling, a.rule) {
                (Ruling::Improved, _) => !matches!(b.ruling, Ruling::Improved | Ruling::Pass),
                (Ruling::Regressed, Some(Rule::Trimmed | Rule::SignFlip)) => {
                    !matches!(b.ruling, Ruling::Pass | Ruling::Regressed)
                }
                _ => true,
            };
            prop_assert!(one_way(a, b) && one_way(b, a), "{a:?} {b:?}");
        }
    }

    #[test]
    fn the_unit_of_time_does_not_matter(made in made()) {
        let (micros, millis) = (made.paired(), Made { unit: 1_000.0, ..made }.paired());
        for (a, b) in metrics(&micros).iter().zip(&metrics(&millis)) {
            // As far as buckets of three figures let it, and by the same statistic.
            let near = a.estimate.zip(b.estimate).is_none_or(|(a, b)| (a.value - b.value).abs() < 0.003);
            let close = near || a.rule != b.rule;
            prop_assert!(close && !contradict(a.ruling, b.ruling), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_slower_candidate_never_turns_regressed_into_pass(made in made(), more in 0.0..0.5_f64) {
        let slower = Made { slower: made.slower + more, ..made };
        for (a, b) in metrics(&made.paired()).iter().zip(&metrics(&slower.paired())) {
            let was_regressed = a.ruling == Ruling::Regressed;
            prop_assert!(!(was_regressed && contradict(a.ruling, b.ruling)), "{a:?} {b:?}");
        }
    }

    #[test]
    fn what_watches_speaks_for_one_way_and_louder_when_it_gets_worse(
        made in made(), more in 0.0..0.5_f64,
    ) {
        let p = |paired: &Paired| {
            let measured = Measured::new(paired, 2);
            Watch::gather(&measured, 0.9, &settings()).map_or(1.0, |watch| watch.p)
        };
        let (there, back) = (made.paired(), swapped(&made.paired()));
        prop_assert!(p(&there) > 0.01 || p(&back) > 0.01, "{made:?}");
        let slower = Made { slower: made.slower + more, ..made };
        prop_assert!(p(&slower.paired()).ln() <= p(&there).ln() * 0.8 + 1e-9, "{made:?} {more}");
    }

    #[test]
    fn the_same_measurement_gives_the_same_answer_bit_for_bit(made in made()) {
        let answer = || serde_json::to_string(&judge(&made.paired(), &settings())).unwrap();
        prop_assert_eq!(answer(), answer());
    }

    #[test]
    fn an_estimate_lies_in_its_interval_and_agrees_with_its_ruling(made in made()) {
        for (index, found) in metrics(&made.paired()).iter().enumerate() {
            let Some(estimate) = found.estimate else { continue };
            prop_assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
            let times = index < 2;
            match (found.ruling, found.rule) {
                (Ruling::Regressed, Some(Rule::Trimmed | Rule::Block | Rule::Pooled)) => {
                    prop_assert!(estimate.low > 1.05);
                }
                (Ruling::Pass, _) if times => prop_assert!(estimate.high < 1.05),
                (Ruling::Improved, _) if times => prop_assert!(estimate.high < 1.0 / 1.05),
                _ => {}
            }
        }
    }

    #[test]
    fn how_histograms_are_split_does_not_matter(
        counts in prop::collection::vec((1_u64..50_000_000, 1_u64..50), 1..60),
        indexes in prop::collection::vec(0_usize..4, 60),
        share in 0.01..0.999_f64,
    ) {
        let part = |wanted| {
            let mine = counts.iter().zip(&indexes).filter(move |(_, index)| **index == wanted);
            Sparse::from_counts(mine.map(|(count, _)| *count))
        };
        let parts: Vec<Sparse> = (0..4).map(part).collect();
        let parts: Vec<Counted<'_>> = parts.iter().map(|p| Counted::new(p.buckets())).collect();
        let whole = Sparse::from_counts(counts.iter().copied());
        let whole = [Counted::new(whole.buckets())];
        prop_assert_eq!(log_quantile(&parts, share), log_quantile(&whole, share));
    }

    #[test]
    fn a_bound_is_beyond_the_limit_exactly_if_p_is_below_the_level(
        value in -0.5..0.5_f64, error in 0.001..0.2_f64, freedom in 1_usize..150,
        level in 0.00003..0.4_f64,
    ) {
        let found = Location { value, error, freedom };
        let (lower, upper) = (found.lower(level), found.upper(level));
        prop_assert!((found.p_above(lower) - level).abs() < 1e-6 * level + 1e-12);
        prop_assert!((found.p_below(upper) - level).abs() < 1e-6 * level + 1e-12);
        if (lower - 0.05).abs() > 1e-6 {
            prop_assert_eq!(found.p_above(0.05) < level, lower > 0.05);
        }
    }

    #[test]
    fn pieces_cover_a_segment(seconds in 0_usize..200, width in 1_usize..11) {
        let all: Vec<_> = pieces(seconds, width).collect();
        prop_assert!(all.iter().all(|piece| (width..2 * width).contains(&piece.len())));
        prop_assert_eq!(all.iter().map(ExactSizeIterator::len).sum::<usize>(),
                        if seconds < width { 0 } else { seconds });
        prop_assert!(all.windows(2).all(|two| two[0].end == two[1].start));
    }
}

#[test]
fn weights_are_those_planned_and_sum_to_one() {
    let five: Vec<f64> = (0..5).map(|index| weight(index, 5)).collect();
    let planned = [0.10, 0.15, 0.20, 0.25, 0.30];
    assert!(five.iter().zip(planned).all(|(found, planned)| near(*found, planned)), "{five:?}");
    for looks in 1..30 {
        assert!(near((0..looks as usize).map(|index| weight(index, looks)).sum(), 1.0));
        assert!(near(weight(looks as usize, looks), 0.0));
    }
}

#[test]
fn what_the_first_look_may_not_spend_on_a_pass_the_second_may() {
    let five: Vec<f64> = (first_pass(5)..5).map(|index| pass_weight(index, 5)).collect();
    assert!(five.iter().zip([0.25, 0.20, 0.25, 0.30]).all(|(a, b)| near(*a, b)), "{five:?}");
    assert!(near(pass_weight(0, 5), pass_weight(1, 5)), "the bound that it will need");
    for looks in 1..30 {
        let all = first_pass(looks)..looks as usize;
        assert!(near(all.map(|index| pass_weight(index, looks)).sum(), 1.0), "{looks}");
        assert!(near(pass_weight(looks as usize, looks), 0.0));
    }
}

#[test]
fn one_segment_passes_only_if_no_more_are_planned() {
    let p50 = vec![GateMetric::ResponseTime(0.5)];
    let of = |looks| GateSettings { metrics: p50.clone(), looks, ..GateSettings::default() };
    for slower in [0.0, -0.3] {
        let better = Made { slower, ..CALM };
        let mut one = better.paired();
        one.segments.truncate(1);
        let passed = if slower < 0.0 { Ruling::Improved } else { Ruling::Pass };
        assert_eq!(look(&one, &of(1), 0).ruling, passed);
        let (looks, results) = judge(&one, &of(2));
        assert_eq!(looks[0].ruling, Ruling::Inconclusive);
        let note = "a pass takes 2 segments: processes differ from start to start";
        assert_eq!(results[0].note.as_deref(), Some(note));
        assert!(looks[0].metrics[0].estimate.unwrap().high.is_finite());
        let (looks, results) = judge(&better.paired(), &of(2));
        assert_eq!((looks.len(), looks[1].ruling, results[0].ruling), (2, passed, passed));
    }
    let slower = Made { slower: 0.5, ..CALM }.paired();
    assert_eq!(judge(&slower, &of(5)).0.len(), 1, "a regressed one waits for nothing");
}

#[track_caller]
fn ruled(made: Made, metric: GateMetric, expected: Ruling) -> LookMetric {
    let settings = GateSettings { metrics: vec![metric], looks: 2, ..GateSettings::default() };
    let found = look(&made.paired(), &settings, 1);
    // The error rate alone is no pass.
    let is_good = matches!(expected, Ruling::Pass | Ruling::Improved);
    let alone = metric == GateMetric::ErrorRate && is_good;
    let overall = if alone { Ruling::Inconclusive } else { expected };
    assert_eq!((found.ruling, found.metrics[0].ruling), (overall, expected), "{found:?}");
    found.metrics[0].clone()
}

#[test]
fn changes_of_the_median_are_ruled_as_they_are() {
    let p50 = GateMetric::ResponseTime(0.5);
    ruled(CALM, p50, Ruling::Pass);
    let slower = ruled(Made { slower: 0.3, ..CALM }, p50, Ruling::Regressed);
    assert_eq!(slower.rule, Some(Rule::Trimmed));
    let value = slower.estimate.unwrap().value;
    assert!((value / 0.3_f64.exp() - 1.0).abs() < 0.03, "{value}");
    ruled(Made { slower: -0.3, ..CALM }, p50, Ruling::Improved);
    ruled(Made { slower: 0.049, ..CALM }, p50, Ruling::Inconclusive);
}

#[test]
fn a_candidate_that_freezes_is_seen_by_its_signs() {
    let p50 = vec![GateMetric::ResponseTime(0.5)];
    // Slow requests have most of the level; here it is about the signs.
    let settings = GateSettings { metrics: p50, looks: 2, alpha: 0.05, ..GateSettings::default() };
    let mut freezing = CALM.paired();
    for segment in &mut freezing.segments {
        segment.iter_mut().step_by(8).for_each(|pair| stretch(&mut pair.candidate, 3.0));
    }
    let (looks, results) = judge(&freezing, &settings);
    let found = &looks[1].metrics[0];
    assert_eq!((found.ruling, found.rule), (Ruling::Regressed, Some(Rule::Sign)), "{found:?}");
    let note = results[0].note.as_ref().unwrap();
    assert!(note.contains("10 with a slow candidate, 0 with a slow baseline"), "{note}");
    let other_way = judge(&swapped(&freezing), &settings).0;
    assert!(other_way.iter().all(|look| look.ruling != Ruling::Regressed), "{other_way:?}");
}

fn stretch(second: &mut ArmSecond, factor: f64) {
    let old = second.response.buckets().iter();
    let new = old.map(|(value, count)| ((*value as f64 * factor) as u64, *count));
    second.response = Sparse::from_counts(new);
}

#[test]
fn too_few_requests_beyond_the_quantile_pass_nothing_and_still_watch() {
    let p99 = GateMetric::ResponseTime(0.99);
    ruled(CALM, p99, Ruling::Inconclusive);
    ruled(Made { slower: -0.7, ..CALM }, p99, Ruling::Inconclusive);
    ruled(Made { slower: 0.15, ..CALM }, p99, Ruling::Inconclusive);
    let slower = ruled(Made { slower: 0.7, ..CALM }, p99, Ruling::Regressed);
    assert_eq!(slower.rule, Some(Rule::Beyond));
    let settings = GateSettings { metrics: vec![p99], looks: 2, ..GateSettings::default() };
    let result = judge(&CALM.paired(), &settings).1.remove(0);
    let note = "40 requests per arm lie beyond p99; it takes 100, that is 10000 requests per arm";
    assert_eq!(result.note.as_deref(), Some(note));
    assert!((result.seconds_needed.unwrap() - 120.0).abs() < 0.1, "{result:?}");
}

#[test]
fn errors_are_ruled_by_their_difference() {
    let rate = GateMetric::ErrorRate;
    let found = ruled(CALM, rate, Ruling::Pass);
    assert!(found.estimate.unwrap().value.abs() < 1e-12, "{found:?}");
    let found = ruled(Made { errors: (0.2, 3.0), ..CALM }, rate, Ruling::Regressed);
    assert_eq!(found.rule, Some(Rule::SignFlip));
    ruled(Made { errors: (3.0, 0.2), ..CALM }, rate, Ruling::Improved);
    ruled(Made { errors: (2.0, 2.0), ..CALM }, rate, Ruling::Inconclusive);
    ruled(Made { errors: (2.0, 0.0), ..CALM }, rate, Ruling::Improved);
}

#[test]
fn a_sure_difference_below_the_floor_passes() {
    let settings = GateSettings {
        metrics: vec![GateMetric::ErrorRate],
        looks: 2,
        error_floor: 0.2,
        ..GateSettings::default()
    };
    let found = look(&Made { errors: (0.2, 3.0), ..CALM }.paired(), &settings, 1);
    assert!(found.metrics[0].sign_p.unwrap() < 1e-4, "{found:?}");
    assert_eq!(found.metrics[0].ruling, Ruling::Pass, "{found:?}");
}

#[test]
fn no_error_in_a_few_requests_is_not_shown() {
    let rate = GateMetric::ErrorRate;
    let mut few = CALM.paired();
    few.segments.iter_mut().for_each(|segment| segment.truncate(20));
    let settings = GateSettings { metrics: vec![rate], looks: 2, ..GateSettings::default() };
    let (_, results) = judge(&few, &settings);
    assert_eq!(results[0].ruling, Ruling::Inconclusive, "{results:?}");
    let note = results[0].note.as_ref().unwrap();
    assert!(note.starts_with("2,000 requests per arm cannot show a rate below 0.1 %"), "{note}");
    assert!(results[0].seconds_needed.is_some_and(|it| it > 5.0 && it < 40.0), "{results:?}");
    let high = results[0].estimate.unwrap().high;
    assert!(high > 0.001 && high < 0.002, "{high}");
}

#[test]
fn a_metric_that_only_watches_is_not_needed_for_a_pass_but_can_fail() {
    let of = |metrics: &[GateMetric], watches: &[GateMetric]| GateSettings {
        metrics: metrics.to_vec(),
        watches: watches.to_vec(),
        looks: 2,
        ..GateSettings::default()
    };
    let (p50, p99) = (GateMetric::ResponseTime(0.5), GateMetric::ResponseTime(0.99));
    let settings = of(&[p50, GateMetric::ErrorRate], &[p99]);
    let (looks, results) = judge(&CALM.paired(), &settings);
    assert_eq!(looks.last().unwrap().ruling, Ruling::Pass, "{results:?}");
    assert_eq!((results[2].gates, results[2].ruling), (false, Ruling::Inconclusive));
    assert!(results[2].smallest_visible.is_some(), "{results:?}");
    let only_watching = of(&[GateMetric::ErrorRate], &[p50, p99]);
    let looks = judge(&CALM.paired(), &only_watching).0;
    assert_eq!(looks.last().unwrap().ruling, Ruling::Inconclusive, "{looks:?}");
    let slower = Made { slower: 0.9, ..CALM }.paired();
    let looks = judge(&slower, &only_watching).0;
    assert_eq!(looks.last().unwrap().ruling, Ruling::Regressed, "{looks:?}");
}

#[test]
fn nothing_passes_while_a_watcher_leans_to_the_worse_side() {
    let (p50, p99) = (GateMetric::ResponseTime(0.5), GateMetric::ResponseTime(0.99));
    let metrics = vec![p50, GateMetric::ErrorRate];
    let settings =
        GateSettings { metrics, watches: vec![p99], looks: 2, ..GateSettings::default() };
    let mut leaning = CALM.paired();
    // Seven seconds with two slow requests each: fewer than Holm's rule takes for sure.
    for segment in &mut leaning.segments {
        for pair in segment.iter_mut().step_by(11) {
            let slow = [(900_000, 2)].into_iter();
            let all = pair.candidate.response.buckets().iter().copied().chain(slow);
            pair.candidate.response = Sparse::from_counts(all.collect::<Vec<_>>());
        }
        for pair in segment.iter_mut() {
            let calm = pair.baseline.response.buckets().iter().copied();
            let calm = calm.map(|(low, count)| (low.min(9_000), count));
            pair.baseline.response = Sparse::from_counts(calm.collect::<Vec<_>>());
            let calm = pair.candidate.response.buckets().iter().copied();
            let calm = calm
                .map(|(low, count)| (if low < 900_000 / 2 { low.min(9_000) } else { low }, count));
            pair.candidate.response = Sparse::from_counts(calm.collect::<Vec<_>>());
        }
    }
    let (looks, results) = judge(&leaning, &settings);
    let found = looks.last().unwrap();
    assert_eq!(found.metrics[0].ruling, Ruling::Pass, "{found:?}");
    assert_eq!(found.ruling, Ruling::Inconclusive, "{found:?}");
    let note = results[2].note.as_ref().unwrap();
    assert!(
        note.starts_with("it leans to the worse side, and nothing passes beside that: "),
        "{note}"
    );
}

#[test]
fn nothing_measured_is_inconclusive_and_never_a_pass() {
    let empty = Paired::default();
    let idle = Paired { segments: vec![vec![Pair::default(); 60]], ..Paired::default() };
    for paired in [&empty, &idle] {
        let (looks, results) = judge(paired, &settings());
        assert_eq!(looks.len(), paired.segments.len());
        // With the slow requests, which always watch.
        assert_eq!(results.len(), 4);
        assert!(results.iter().all(|r| r.ruling == Ruling::Inconclusive && r.note.is_some()));
        assert!(looks.iter().all(|look| look.ruling == Ruling::Inconclusive));
    }
    let none = GateSettings { metrics: Vec::new(), ..settings() };
    assert_eq!(look(&CALM.paired(), &none, 0).ruling, Ruling::Inconclusive);
    assert!(drift(&empty, 0.5).is_none());
}

#[test]
fn one_arm_without_requests_is_inconclusive() {
    let mut paired = CALM.paired();
    paired.segments.iter_mut().flatten().for_each(|pair| pair.candidate = ArmSecond::default());
    let found = metrics(&paired);
    assert!(found.iter().all(|metric| metric.ruling == Ruling::Inconclusive), "{found:?}");
}

#[test]
fn no_look_beyond_the_plan_decides() {
    let one = GateSettings { looks: 1, ..settings() };
    let slower = Made { slower: 0.5, ..CALM }.paired();
    assert_eq!(look(&slower, &one, 0).ruling, Ruling::Regressed);
    assert_eq!(look(&slower, &one, 1).ruling, Ruling::Inconclusive);
    assert_eq!(judge(&Made { slower: 0.045, ..CALM }.paired(), &one).0.len(), 1);
}

#[test]
fn the_first_decision_ends_the_looks() {
    let (looks, results) = judge(&Made { slower: 0.5, ..CALM }.paired(), &settings());
    assert_eq!(looks.len(), 1);
    assert_eq!((looks[0].segments, looks[0].seconds, looks[0].requests), (1, 40, (2_000, 2_000)));
    assert_eq!(results[0].name, "p50 of response time");
    assert_eq!(results[2].name, "error rate");
    assert!((results[0].baseline.unwrap() / 5.0 - 1.0).abs() < 0.05, "{results:?}");
}

#[test]
fn what_stays_undecided_says_what_it_could_see_and_what_it_takes() {
    let close = Made { slower: 0.03, ..CALM };
    let (looks, results) = judge(&close.paired(), &settings());
    assert_eq!(looks.len(), 2);
    let p50 = &results[0];
    assert_eq!(p50.ruling, Ruling::Inconclusive, "{p50:?}");
    assert!(p50.smallest_visible.unwrap() > 0.05 && p50.smallest_visible.unwrap() < 0.3);
    assert!(p50.seconds_needed.unwrap() > 0.0, "{p50:?}");
}

#[test]
fn a_regressed_metric_does_not_hide_behind_three_that_pass() {
    let settings = GateSettings { looks: 2, ..GateSettings::default() };
    let found = look(&Made { errors: (0.2, 3.0), ..CALM }.paired(), &settings, 1);
    assert_eq!(found.ruling, Ruling::Regressed, "{found:?}");
    assert_eq!(found.metrics[0].ruling, Ruling::Pass, "{found:?}");
}

#[test]
fn a_ratio_that_moves_within_segments_drifts() {
    let mut moving = CALM.paired();
    for segment in &mut moving.segments {
        for (second, pair) in segment.iter_mut().enumerate() {
            stretch(&mut pair.candidate, 1.0 + 0.3 * second as f64 / 40.0);
        }
    }
    let found = drift(&moving, 0.5).unwrap();
    assert!(found.is_drifting(0.05) && (found.factor - 1.3).abs() < 0.1, "{found:?}");
    assert!(!drift(&CALM.paired(), 0.5).unwrap().is_drifting(0.05));
}

#[test]
fn evidence_knows_its_metric() {
    let paired = CALM.paired();
    for metric in settings().metrics {
        let found = Evidence::gather(metric, &Measured::new(&paired, 2), &[], &settings());
        assert_eq!(found.metric(), metric);
    }
}
