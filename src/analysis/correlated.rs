//! Which gauges moved with the response time, and which of the two moved first.
//!
//! Both are taken second by second (or bin by bin of a long run): the p95, and a gauge. Their
//! ranks, without a straight trend, are correlated at every shift of a few seconds; the shift at
//! which they agree best says which moved first. Seconds that follow each other are alike, so that
//! chance brings high correlations: they count for as many independent ones as Bartlett's formula
//! says, n / (1 + 2 Σ ρ₁(k) ρ₂(k)), and every gauge and every shift that was looked at counts
//! against it (Bonferroni). It is told as a correlation, never as a cause.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::analysis::assessment::Timeline;
use crate::analysis::fullness::Correlated;
use crate::analysis::window::Judged;
use crate::record::gauge::{self, Gauge};
use crate::units::order;

/// The most bins by which one may be before the other, of few bins and of many.
const MOST_SHIFT: [usize; 2] = [3, 5];
/// From so many on they are many.
const MANY_BINS: usize = 90;
/// With fewer bins, chance cannot be told from evidence.
const LEAST_BINS: usize = 30;
/// Nor with fewer that count for themselves.
const LEAST_INDEPENDENT: f64 = 6.0;
/// A weaker correlation is not told.
const LEAST_CORRELATION: f64 = 0.5;
/// How often chance alone may tell something.
const CHANCE: f64 = 0.03;
/// By how much a shift must be better than none to be told.
const BETTER: f64 = 0.05;
/// The p95 of the slow bins must be so many times that of the fast ones.
const LEAST_MOVE: f64 = 1.25;
/// The least share of bins in which a gauge must be known.
const LEAST_KNOWN: f64 = 0.8;
/// How many are told.
const MOST_TOLD: usize = 3;

/// Limits do not move.
const LIMITS: [Gauge; 5] = [
    gauge::POOL_SIZE,
    gauge::HEAP_LIMIT,
    gauge::CPU_LIMIT,
    gauge::MEMORY_LIMIT,
    gauge::POSTGRES_CONNECTION_LIMIT,
];

/// The gauges that moved with the response time, the closest one first.
pub fn with_response_time(timeline: &Timeline, judged: &Judged) -> Vec<Correlated> {
    let is_judged = |start: &u32| *start >= judged.from && *start < judged.to;
    let inside: Vec<usize> =
        (0..timeline.starts.len()).filter(|index| is_judged(&timeline.starts[*index])).collect();
    let pick = |line: &[Option<f64>]| -> Vec<Option<f64>> {
        inside.iter().map(|index| line.get(*index).copied().flatten()).collect()
    };
    let Some(response) = Series::of_response(&pick(&timeline.p95)) else { return Vec::new() };
    let gauges = timeline.target.0.iter().filter(|(gauge, _)| is_told(gauge));
    let gauges: Vec<(&Gauge, Series)> = gauges
        .filter_map(|(gauge, line)| Some((gauge, Series::of_gauge(&pick(line), gauge)?)))
        .collect();
    let looks = gauges.len() * (2 * response.most_shift() + 1);
    let width = f64::from(timeline.bin_seconds.max(1));
    let moved = gauges.iter().filter_map(|(gauge, series)| {
        let (shift, correlation) = response.best_shift(series);
        let p = (looks as f64 * response.chance(series, correlation)?).min(1.0);
        (correlation >= LEAST_CORRELATION && p <= CHANCE).then(|| Correlated {
            name: gauge.name.to_string(),
            label: gauge.label.to_string(),
            correlation,
            seconds_before: shift * width,
            p,
        })
    });
    let mut moved: Vec<Correlated> = moved.collect();
    order::by(&mut moved, |a, b| {
        let first = b.correlation.total_cmp(&a.correlation);
        first.then(b.seconds_before.total_cmp(&a.seconds_before))
    });
    moved.truncate(MOST_TOLD);
    moved
}

fn is_told(gauge: &Gauge) -> bool {
    LIMITS.iter().all(|limit| limit.name != gauge.name)
}

/// Ranks without a straight trend, with mean 0 and the sum of squares 1.
struct Series(Vec<f64>);

impl Series {
    /// `None` where there is too little of it, or where it stood still.
    fn of_response(line: &[Option<f64>]) -> Option<Series> {
        let filled = filled(line)?;
        let mut sorted = filled.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[(share * (sorted.len() - 1) as f64).round() as usize];
        (at(0.9) >= LEAST_MOVE * at(0.1)).then(|| Series::of(&filled))?
    }

    /// The more of it, the fuller.
    fn of_gauge(line: &[Option<f64>], gauge: &Gauge) -> Option<Series> {
        let sign = if gauge.name == gauge::POSTGRES_CACHE_HITS.name { -1.0 } else { 1.0 };
        let values: Vec<f64> = filled(line)?.into_iter().map(|value| sign * value).collect();
        Series::of(&values)
    }

    fn of(values: &[f64]) -> Option<Series> {
        let mut ranks = ranks(values);
        let middle = (ranks.len() - 1) as f64 / 2.0;
        let mean = ranks.iter().sum::<f64>() / ranks.len() as f64;
        let index = |index: usize| index as f64 - middle;
        let over: f64 = ranks.iter().enumerate().map(|(at, rank)| index(at) * (rank - mean)).sum();
        let under: f64 = (0..ranks.len()).map(|at| index(at).powi(2)).sum();
        for (at, rank) in ranks.iter_mut().enumerate() {
            *rank -= mean + over / under * index(at);
        }
        let size = ranks.iter().map(|rank| rank * rank).sum::<f64>().sqrt();
        (size > 1e-6).then(|| Series(ranks.into_iter().map(|rank| rank / size).collect()))
    }

    /// The most that one may be before the other.
    fn most_shift(&self) -> usize {
        let [few, many] = MOST_SHIFT;
        if self.0.len() < MANY_BINS { few } else { many }
    }

    /// The correlation with another series that is so many bins before.
    fn after(&self, other: &Series, bins: usize) -> f64 {
        self.0[bins..].iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }

    /// By how many bins a gauge is before it where they agree best, and how well they do. None, if
    /// that is hardly better than none; negative: after.
    fn best_shift(&self, gauge: &Series) -> (f64, f64) {
        let shifts = 1..=self.most_shift();
        let both = shifts.flat_map(|bins| {
            let shift = bins as f64;
            [(shift, self.after(gauge, bins)), (-shift, gauge.after(self, bins))]
        });
        let at_once = (0.0, self.after(gauge, 0));
        let best = both.fold(at_once, |best, next| if next.1 > best.1 { next } else { best });
        if best.1 < at_once.1 + BETTER { (0.0, best.1) } else { best }
    }

    /// How often chance brings a correlation as high at one shift; `None` where too few seconds
    /// count for themselves.
    fn chance(&self, gauge: &Series, correlation: f64) -> Option<f64> {
        let independent = self.independent(gauge);
        let freedom = independent - 2.0;
        let t = correlation * (freedom / (1.0 - correlation * correlation).max(1e-12)).sqrt();
        let student = StudentsT::new(0.0, 1.0, freedom).ok();
        student.filter(|_| independent >= LEAST_INDEPENDENT).map(|student| student.sf(t))
    }

    /// How many independent seconds the two are worth.
    fn independent(&self, gauge: &Series) -> f64 {
        let length = self.0.len();
        let both = (1..=length / 4).map(|apart| {
            let kept = 1.0 - apart as f64 / length as f64;
            (kept * self.after(self, apart) * gauge.after(gauge, apart)).max(0.0)
        });
        length as f64 / (1.0 + 2.0 * both.sum::<f64>())
    }
}

/// Where nothing is known, the last value that is.
fn filled(line: &[Option<f64>]) -> Option<Vec<f64>> {
    let known = line.iter().flatten().filter(|value| value.is_finite()).count();
    if line.len() < LEAST_BINS || (known as f64) < LEAST_KNOWN * line.len() as f64 {
        return None;
    }
    let mut last = line.iter().flatten().copied().find(|value| value.is_finite())?;
    let fill = |value: &Option<f64>| {
        last = value.filter(|value| value.is_finite()).unwrap_or(last);
        last
    };
    Some(line.iter().map(fill).collect())
}

/// Equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order::by(&mut order, |a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for group in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = start as f64 + (group.len() - 1) as f64 / 2.0;
        for index in group {
            ranks[*index] = rank;
        }
        start += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::analysis::assessment::Warmup;
    use crate::analysis::gauges::TargetLines;

    /// Numbers around 0 of which each keeps some of the one before.
    fn noise(generator: &mut Xoshiro256PlusPlus, length: usize, kept: f64) -> Vec<f64> {
        let mut last = 0.0;
        let mut next = || {
            let sum: f64 =
                (0..12).map(|_| f64::from(generator.next_u32()) / f64::from(u32::MAX)).sum();
            last = kept * last + (sum - 6.0);
            last
        };
        (0..length).map(|_| next()).collect()
    }

    fn timeline(response: &[f64], gauges: Vec<(Gauge, Vec<f64>)>) -> Timeline {
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        let lines = gauges.into_iter().map(|(gauge, line)| (gauge, some(&line))).collect();
        Timeline {
            bin_seconds: 1,
            starts: (0..response.len() as u32).collect(),
            p95: some(response),
            target: TargetLines(lines),
            ..Timeline::default()
        }
    }

    fn moved(timeline: &Timeline) -> Vec<Correlated> {
        let to = timeline.starts.len() as u32;
        let judged =
            Judged { from: 0, to, warmup: Warmup::None, seconds: (0..to).collect(), length: 1.0 };
        with_response_time(timeline, &judged)
    }

    fn generator(seed: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(seed)
    }

    fn gauge(number: usize) -> Gauge {
        Gauge { name: format!("gauge_{number}").into(), ..gauge::POOL_WAITING }
    }

    /// Of 100 runs of noise, in how many something is told.
    fn told_of_noise(length: usize, kept: f64, gauges: usize) -> usize {
        let is_told = |seed: &u64| {
            let mut generator = generator(*seed);
            let response = noise(&mut generator, length, kept);
            let response: Vec<f64> = response.iter().map(|it| 50.0 * (0.3 * it).exp()).collect();
            let lines =
                (0..gauges).map(|number| (gauge(number), noise(&mut generator, length, kept)));
            !moved(&timeline(&response, lines.collect())).is_empty()
        };
        (0..100).filter(is_told).count()
    }

    #[test]
    fn noise_tells_no_story() {
        for (length, kept) in [(50, 0.0), (50, 0.8), (60, 0.9), (300, 0.0), (300, 0.9)] {
            let told = told_of_noise(length, kept, 20);
            assert!(told <= 5, "{told} of 100 runs of {length} s, {kept} kept");
        }
    }

    /// A pool that fills from time to time, which requests feel some seconds later.
    fn waves(seed: u64, length: usize, before: usize) -> Timeline {
        let mut generator = generator(seed);
        let cause = noise(&mut generator, length + before, 0.8);
        let own = noise(&mut generator, length, 0.0);
        let response = (0..length).map(|at| (0.8 * cause[at] + 0.2 * own[at]).exp() * 50.0);
        let response: Vec<f64> = response.collect();
        let mut lines: Vec<(Gauge, Vec<f64>)> =
            (0..10).map(|number| (gauge(number), noise(&mut generator, length, 0.5))).collect();
        lines.push((gauge::POOL_WAITING, cause[before..].to_vec()));
        timeline(&response, lines)
    }

    #[test]
    fn what_moved_first_is_told_with_its_lead() {
        for before in [0, 2, 4] {
            let found: Vec<Vec<Correlated>> =
                (0..20).map(|seed| moved(&waves(seed, 120, before))).collect();
            let right = found.iter().filter(|found| {
                found.first().is_some_and(|first| {
                    first.name == "pool_waiting"
                        && (first.seconds_before - before as f64).abs() < 0.5
                        && first.correlation > 0.7
                })
            });
            let right = right.count();
            assert!(right >= 17, "{right} of 20 with a lead of {before} s: {:?}", found[0]);
        }
    }

    #[test]
    fn a_response_time_that_stands_still_moves_with_nothing() {
        let mut still = waves(1, 120, 2);
        for p95 in still.p95.iter_mut().flatten() {
            *p95 = 50.0 + 0.001 * *p95;
        }
        assert_eq!(moved(&still), []);
        assert!(moved(&waves(1, 29, 2)).is_empty(), "too short");
    }

    #[test]
    fn limits_and_what_is_hardly_known_are_not_told() {
        let mut known = waves(3, 120, 2);
        assert_eq!(moved(&known)[0].name, "pool_waiting");
        known.target.0.last_mut().unwrap().0 = gauge::POOL_SIZE;
        assert_eq!(moved(&known), []);
        let mut known = waves(3, 120, 2);
        let line = &mut known.target.0.last_mut().unwrap().1;
        line.iter_mut().step_by(3).for_each(|value| *value = None);
        assert_eq!(moved(&known), []);
    }

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
    }
}
