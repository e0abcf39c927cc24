//! Load profile in, intended start times out; pure.
//!
//! One formula serves all stages. From rate `a` to rate `b` over `D` seconds, with
//! `k = (b − a)/D`, the `n`-th arrival comes at `t(n) = 2n / (a + √(a² + 2kn))`.
//! Uniform arrivals put in n = ½, 1½, 2½ …, so that each stands in the middle of its share
//! of the time and none on the end of a stage; Poisson arrivals put in running sums of
//! unit exponentials. The unfinished part of `n` is carried over a stage's border,
//! so the number of arrivals follows the area under the rate across all stages.
//!
//! The stream depends on the profile and the seed alone. Several workers share it by
//! taking every so-many-th arrival. A stream may be given another rate from a moment on
//! ([`Arrivals::retarget`]): the same running sums then meet another profile.
//!
//! A closed load has no arrivals of its own; [`users`] says when its users are there. Of several
//! loads at once each has a stream of its own, and [`several`] makes one of them.

pub mod arms;
pub mod several;
pub mod tenants;
pub mod think;
pub mod users;

use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

use crate::scenario::load::{ArrivalProcess, Load, Stage};
use crate::units::{Moment, Rate};

/// The intended start of an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its number, from 0.
    pub index: u64,
    /// When it is due.
    pub at: Moment,
    /// Of which part of the load it is; 0 where that has none.
    pub part: u16,
}

/// The arrivals of a load profile, in order.
#[derive(Debug, Clone)]
pub struct Arrivals {
    stages: Vec<Slope>,
    stage: usize,
    process: ArrivalProcess,
    random: Xoshiro256PlusPlus,
    /// How far the running sum has come into the current stage.
    count: f64,
    /// How many were drawn, whether or not there was room for the last one.
    drawn: u64,
}

/// A stage as the formula wants it.
#[derive(Debug, Clone, Copy)]
struct Slope {
    start_ns: u64,
    length_ns: u64,
    rate: f64,
    growth: f64,
    area: f64,
}

impl Slope {
    fn new(stage: &Stage, start_ns: u64) -> Slope {
        let seconds = stage.length.as_secs_f64();
        Slope {
            start_ns,
            length_ns: stage.length.as_nanos() as u64,
            rate: stage.from.0,
            growth: (stage.to.0 - stage.from.0) / seconds,
            area: stage.area(),
        }
    }

    /// A constant rate between two moments.
    fn flat(start_ns: u64, end_ns: u64, rate: Rate) -> Slope {
        let length_ns = end_ns - start_ns;
        let area = rate.0 * (length_ns as f64 / 1e9);
        Slope { start_ns, length_ns, rate: rate.0, growth: 0.0, area }
    }

    /// The same up to a moment.
    fn until(self, end_ns: u64) -> Slope {
        let length_ns = end_ns - self.start_ns;
        let seconds = length_ns as f64 / 1e9;
        let area = self.rate * seconds + self.growth * seconds * seconds / 2.0;
        Slope { length_ns, area, ..self }
    }

    fn end_ns(&self) -> u64 {
        self.start_ns + self.length_ns
    }

    /// When the `n`-th arrival of this stage is due, always inside the stage.
    fn time_of(&self, n: f64) -> Moment {
        let root = (self.rate * self.rate + 2.0 * self.growth * n).max(0.0).sqrt();
        // At n = 0 of a stage that begins at rate 0 it is 0 / 0.
        let seconds = if n > 0.0 { 2.0 * n / (self.rate + root) } else { 0.0 };
        let offset = (seconds * 1e9).round() as u64;
        Moment(self.start_ns + offset.min(self.length_ns.saturating_sub(1)))
    }
}

impl Arrivals {
    /// The arrivals of a load profile.
    pub fn new(load: &Load) -> Arrivals {
        Arrivals::of(&load.stages, load.arrivals, load.seed)
    }

    /// The arrivals of some stages.
    pub fn of(written: &[Stage], process: ArrivalProcess, seed: u64) -> Arrivals {
        let mut start_ns = 0;
        let mut stages = Vec::with_capacity(written.len());
        for stage in written {
            let slope = Slope::new(stage, start_ns);
            start_ns += slope.length_ns;
            stages.push(slope);
        }
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let count = match process {
            ArrivalProcess::Uniform => -0.5,
            ArrivalProcess::Poisson => 0.0,
        };
        Arrivals { stages, stage: 0, process, random, count, drawn: 0 }
    }

    /// From a moment on so many arrivals come per second, to the end of the profile. Returns
    /// the arrival that came last in its new place, if it was due after that moment and still
    /// has one; one that had none before may get one.
    pub fn retarget(&mut self, at: Moment, rate: Rate) -> Option<Arrival> {
        let end = self.stages.last().map_or(0, Slope::end_ns);
        if at.0 < end {
            let position = self.count + area(&self.stages[..self.stage]);
            self.stages.retain(|stage| stage.start_ns < at.0);
            if let Some(last) = self.stages.last_mut().filter(|last| last.end_ns() > at.0) {
                *last = last.until(at.0);
            }
            let before = area(&self.stages);
            if position > before - 1e-9 {
                self.stage = self.stages.len();
                self.count = (position - before).max(0.0);
            }
            self.stages.push(Slope::flat(at.0, end, rate));
        }
        if self.drawn == 0 { None } else { self.latest() }
    }

    fn step(&mut self) -> f64 {
        match self.process {
            ArrivalProcess::Uniform => 1.0,
            // Not `f64::ln`, whose last bit is the platform's affair: arrivals are the same
            // on all of them.
            ArrivalProcess::Poisson => -libm::log(1.0 - unit(self.random.next_u64())),
        }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.count += self.step();
        self.drawn += 1;
        self.latest()
    }
}

impl Arrivals {
    /// The arrival that was drawn last; `None` if the profile ends before it.
    fn latest(&mut self) -> Option<Arrival> {
        // Sums of whole numbers and areas such as 0.1 × 30 differ in the last bits; what is
        // due on a stage's end belongs to the next one.
        while self.count > self.stages.get(self.stage)?.area - 1e-9 {
            self.count = (self.count - self.stages[self.stage].area).max(0.0);
            self.stage += 1;
        }
        let at = self.stages[self.stage].time_of(self.count);
        Some(Arrival { index: self.drawn - 1, at, part: 0 })
    }
}

fn area(stages: &[Slope]) -> f64 {
    stages.iter().map(|stage| stage.area).sum()
}

/// The choices of one iteration: which flow, how long to think, which random values.
/// Decided by the run's seed and the arrival's number alone.
#[derive(Debug, Clone)]
pub struct Choices {
    random: SplitMix64,
}

impl Choices {
    /// The choices of one arrival.
    pub fn new(seed: u64, index: u64) -> Choices {
        let mut mixed = SplitMix64::seed_from_u64(seed);
        let salt = mixed.next_u64();
        Choices {
            random: SplitMix64::seed_from_u64(salt ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        }
    }

    /// Choices of their own for a step that is done only now and then, so that the others are the
    /// same whether it is done or not.
    #[must_use]
    pub fn aside(&self, step: u64) -> Choices {
        let salt = self.clone().bits() ^ step.wrapping_add(1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        Choices { random: SplitMix64::seed_from_u64(salt) }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.random.next_u64()
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        unit(self.bits())
    }
}

fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn stage(seconds: f64, from: f64, to: f64) -> Stage {
        let length = Duration::from_secs_f64(seconds);
        Stage { length, from: Rate(from), to: Rate(to), users: None, warmup: false }
    }

    fn load(arrivals: ArrivalProcess, seed: u64, stages: Vec<Stage>) -> Load {
        Load::new(arrivals, seed, stages)
    }

    fn uniform(stages: Vec<Stage>) -> Vec<f64> {
        let load = load(ArrivalProcess::Uniform, 1, stages);
        Arrivals::new(&load).map(|arrival| arrival.at.0 as f64 / 1e9).collect()
    }

    /// Every platform computes the same arrivals, bit by bit.
    #[test]
    fn arrivals_are_those_of_every_other_machine() {
        let stages = vec![stage(20.0, 10.0, 900.0), stage(60.0, 900.0, 900.0)];
        let load = load(ArrivalProcess::Poisson, 7, stages);
        let digest =
            Arrivals::new(&load).fold((0_u64, 0xcbf2_9ce4_8422_2325_u64), |found, next| {
                let mixed = (found.1 ^ next.at.0).wrapping_mul(0x0000_0100_0000_01b3);
                (found.0 + 1, mixed)
            });
        assert_eq!(digest, (62_910, 16_739_727_176_732_464_662));
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced() {
        let times = uniform(vec![stage(2.0, 2.0, 2.0)]);
        assert_eq!(times, [0.25, 0.75, 1.25, 1.75]);
        let times = uniform(vec![stage(3.0, 40.0, 40.0), stage(2.0, 40.0, 40.0)]);
        assert_eq!(times.len(), 200);
        let gaps = times.windows(2).map(|pair| ((pair[1] - pair[0]) * 1e9).round() as u64);
        assert!(gaps.into_iter().all(|gap| gap == 25_000_000), "also over a stage's border");
        for second in 0..5 {
            let inside = times.iter().filter(|time| time.floor() as i32 == second);
            assert_eq!(inside.count(), 40, "in second {second}");
        }
    }

    #[test]
    fn a_pause_has_no_arrivals_and_carries_the_unfinished_part() {
        let times = uniform(vec![stage(1.5, 1.0, 1.0), stage(5.0, 0.0, 0.0), stage(2.0, 1.0, 1.0)]);
        assert_eq!(times, [0.5, 6.5, 7.5]);
    }

    #[test]
    fn a_ramp_down_to_zero_ends() {
        let times = uniform(vec![stage(10.0, 10.0, 0.0)]);
        assert_eq!(times.len(), 50);
        assert!(times.iter().all(|time| *time < 10.0));
    }

    #[test]
    fn a_nearly_flat_ramp_is_as_exact_as_a_flat_one() {
        let flat = uniform(vec![stage(100.0, 1000.0, 1000.0)]);
        let nearly = uniform(vec![stage(100.0, 1000.0, 1000.0 + 1e-7)]);
        let apart = flat.iter().zip(&nearly).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-8, "{apart}");
    }

    #[test]
    fn what_is_due_at_the_end_of_a_stage_is_the_next_ones() {
        assert_eq!(uniform(vec![stage(1.5, 1.0, 1.0)]), [0.5], "nothing is due at the end");
        let up = uniform(vec![stage(1.5, 1.0, 1.0), stage(2.0, 0.0, 2.0)]);
        assert!((up[1] - 1.5).abs() < 1e-9, "a stage that begins at rate 0: {up:?}");
        assert!(up.iter().all(|time| time.is_finite()));
    }

    #[test]
    fn an_empty_profile_has_no_arrivals() {
        assert_eq!(uniform(vec![]).len(), 0);
        assert_eq!(uniform(vec![stage(5.0, 0.0, 0.0)]).len(), 0);
    }

    #[test]
    fn the_same_seed_gives_the_same_arrivals_and_another_seed_others() {
        let of = |seed| {
            let load = load(ArrivalProcess::Poisson, seed, vec![stage(5.0, 50.0, 50.0)]);
            Arrivals::new(&load).collect::<Vec<_>>()
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    /// The arrivals of a load that has another rate from a moment on, from the beginning.
    fn whole(old: &Load, at: Moment, rate: f64) -> Vec<Arrival> {
        let end = old.length().as_nanos() as u64;
        let mut whole = Arrivals::new(old);
        whole.stages.retain(|stage| stage.start_ns < at.0);
        if let Some(last) = whole.stages.last_mut().filter(|last| last.end_ns() > at.0) {
            *last = last.until(at.0);
        }
        whole.stages.push(Slope::flat(at.0, end, Rate(rate)));
        whole.collect()
    }

    #[test]
    fn a_new_rate_moves_what_is_due_after_it_and_nothing_else() {
        let load = load(ArrivalProcess::Uniform, 1, vec![stage(4.0, 1.0, 1.0)]);
        let mut arrivals = Arrivals::new(&load);
        assert_eq!(arrivals.retarget(Moment(0), Rate(1.0)), None, "nothing was drawn");
        let second = |s: f64| Moment((s * 1e9) as u64);
        assert_eq!(arrivals.nth(1).map(|arrival| arrival.at), Some(second(1.5)));
        let unmoved = arrivals.retarget(second(2.0), Rate(4.0));
        assert_eq!(unmoved, Some(Arrival { index: 1, at: second(1.5), part: 0 }));
        // Half an arrival is left over from before.
        let next = arrivals.next();
        assert_eq!(next, Some(Arrival { index: 2, at: second(2.125), part: 0 }));
        let moved = arrivals.retarget(second(2.1), Rate(0.0));
        assert_eq!((moved, arrivals.retarget(second(3.0), Rate(0.0))), (None, None));
        let again = arrivals.retarget(second(3.5), Rate(10.0));
        assert_eq!(again, Some(Arrival { index: 2, at: second(3.51), part: 0 }));
        assert_eq!(arrivals.count(), 4, "until the end of the schedule");
    }

    /// Kolmogorov–Smirnov distance of a sorted sample from a distribution function.
    fn ks(sorted: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
        let n = sorted.len() as f64;
        let gaps = sorted.iter().enumerate().map(|(i, x)| {
            let f = cdf(*x);
            (f - i as f64 / n).abs().max(((i + 1) as f64 / n - f).abs())
        });
        gaps.fold(0.0, f64::max)
    }

    #[test]
    fn poisson_gaps_are_exponential_over_twenty_seeds() {
        let mut rejected = 0;
        for seed in 0..20 {
            let load = load(ArrivalProcess::Poisson, seed, vec![stage(100.0, 100.0, 100.0)]);
            let times: Vec<f64> = Arrivals::new(&load).map(|a| a.at.0 as f64 / 1e9).collect();
            let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            gaps.sort_by(f64::total_cmp);
            let distance = ks(&gaps, |gap| 1.0 - (-100.0 * gap).exp());
            // The 1 % point of the Kolmogorov distribution.
            rejected += usize::from(distance > 1.628 / (gaps.len() as f64).sqrt());
        }
        assert!(rejected <= 2, "{rejected} of 20 seeds rejected at the 1 % point");
    }

    #[test]
    fn poisson_counts_have_the_variance_of_poisson() {
        let counts: Vec<f64> = (0..200)
            .map(|seed| {
                let load = load(ArrivalProcess::Poisson, seed, vec![stage(10.0, 20.0, 60.0)]);
                Arrivals::new(&load).count() as f64
            })
            .collect();
        let mean = counts.iter().sum::<f64>() / 200.0;
        let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 199.0;
        assert!((mean - 400.0).abs() < 5.7, "four standard errors: {mean}");
        assert!((0.65..1.45).contains(&(variance / 400.0)), "{variance}");
    }

    #[test]
    fn choices_depend_on_seed_and_arrival_alone_and_look_uniform() {
        assert_eq!(Choices::new(7, 3).bits(), Choices::new(7, 3).bits());
        assert_ne!(Choices::new(7, 3).bits(), Choices::new(7, 4).bits());
        assert_ne!(Choices::new(7, 3).bits(), Choices::new(8, 3).bits());
        let mut first: Vec<f64> = (0..10_000).map(|index| Choices::new(7, index).unit()).collect();
        first.sort_by(f64::total_cmp);
        assert!(ks(&first, |x| x) < 1.628 / 100.0);
    }

    fn any_stages() -> impl Strategy<Value = Vec<Stage>> {
        let one = (0.1_f64..20.0, 0.0_f64..200.0, 0.0_f64..200.0)
            .prop_map(|(seconds, from, to)| stage(seconds, from, to));
        prop::collection::vec(one, 1..6)
    }

    proptest! {
        #[test]
        fn the_count_up_to_any_time_is_the_area_under_the_rate(stages in any_stages(), share in 0.0_f64..1.0) {
            let total: f64 = stages.iter().map(|s| s.length.as_secs_f64()).sum();
            let until = total * share;
            let mut start = 0.0;
            let mut area = 0.0;
            for s in &stages {
                let length = s.length.as_secs_f64();
                let t = (until - start).clamp(0.0, length);
                area += s.from.0 * t + (s.to.0 - s.from.0) / length * t * t / 2.0;
                start += length;
            }
            let count = uniform(stages).iter().filter(|time| **time <= until).count() as f64;
            prop_assert!((count - area).abs() <= 1.0 + 1e-3, "{count} arrivals, area {area}");
        }

        #[test]
        fn arrivals_never_go_back(stages in any_stages(), seed in 0_u64..1000) {
            let load = load(ArrivalProcess::Poisson, seed, stages);
            let times: Vec<Moment> = Arrivals::new(&load).map(|a| a.at).collect();
            prop_assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
        }

        /// Whatever was there before, also after the stream had ended.
        #[test]
        fn a_retargeted_stream_is_that_of_the_profile_it_makes(
            stages in any_stages(), at in 0.0_f64..60.0, rate in 0.0_f64..200.0,
        ) {
            let at = Moment((at * 1e9) as u64);
            let old = load(ArrivalProcess::Poisson, 7, stages);
            let mut arrivals = Arrivals::new(&old);
            let (mut found, mut latest) = (Vec::new(), arrivals.next());
            while let Some(arrival) = latest.filter(|arrival| arrival.at < at) {
                found.push(arrival);
                latest = arrivals.next();
            }
            latest = arrivals.retarget(at, Rate(rate));
            found.extend(latest);
            found.extend(latest.is_some().then_some(arrivals).into_iter().flatten());
            let wanted = if at.0 < old.length().as_nanos() as u64 { whole(&old, at, rate) } else {
                Arrivals::new(&old).collect()
            };
            prop_assert_eq!(found.len(), wanted.len());
            for (found, wanted) in found.iter().zip(&wanted) {
                prop_assert_eq!(found.index, wanted.index);
                prop_assert!(found.at.0.abs_diff(wanted.at.0) < 1_000, "{found:?} {wanted:?}");
            }
        }
    }
}
