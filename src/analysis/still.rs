//! Stretches in which the target answered nobody.
//!
//! A target that stands still for a time F makes all wait that fall due meanwhile, whatever
//! their step, each until the end. So of the requests due in F the delays are spread evenly
//! from nothing to F: `rate × (F − x)` of them wait for longer than x. That tells it from a
//! slow step, from single slow requests, from a tail and from a backlog, all of which have too
//! few or too many of some delays. A delay is what a request's least time (without the
//! generator's lag) is beyond its step's median, and what a quarter of the seconds have
//! anyway is taken off.
//!
//! The record has seconds: where in a second it stood still is not known, and stops that come
//! more often than about one in a second, or that meet too few requests, are not found. While
//! the generator stood still itself, the machine was taken away, or the target was
//! [starved](crate::analysis::starvation), nobody can tell.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::analysis::assessment::{Finding, Severity};
use crate::analysis::finding::finding;
use crate::analysis::number_format::{millis, seconds};
use crate::analysis::run_data::{MUCH_STEAL, RunData};
use crate::analysis::stats::median;
use crate::record::gauge;
use crate::record::histogram::Sparse;
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;

/// A shorter stop is everyday business, in microseconds.
const SHORTEST: u64 = 100_000;
/// And one that is less than so many times the delay of the slowest quarter.
const OF_USUAL: u64 = 5;
/// So many requests must have waited for longer than half of it.
const FEWEST: f64 = 6.0;
/// Delays that are looked at, as parts of the longest.
const LEVELS: [f64; 3] = [0.25, 0.5, 0.75];
/// Found delays may be so many times those expected, and random deviations beyond.
const RATIOS: (f64, f64) = (0.5, 1.5);
/// The same for a single step.
const RATIOS_OF_STEP: (f64, f64) = (0.4, 1.8);
/// A generator that was late by this part of the stop may have made it.
const OWN_PART: f64 = 0.25;
/// Shorter runs are not looked at, in seconds.
const SHORTEST_RUN: usize = 8;

/// One stop.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stop {
    /// The second in which it began.
    from: u32,
    /// One past the last second that it is seen in.
    to: u32,
    /// Its length in microseconds.
    length: f64,
}

/// That the target stood still, how often, for how long and how regularly.
pub fn stood_still(data: &RunData) -> Option<Finding> {
    let stops = stops(data);
    let first = stops.first()?;
    let lengths: Vec<f64> = stops.iter().map(|stop| stop.length / 1e3).collect();
    let about = millis(rounded(median(&lengths)?));
    let longest = lengths.iter().copied().fold(0.0, f64::max);
    let what = match stops.len() {
        1 => format!("once, for about {about}, in second {}", first.from),
        many => format!("{many} times, about {about} each{}", period(&stops)),
    };
    let delays = data.record.gauge(&gauge::EVENT_LOOP_DELAY);
    let delays = delays.filter(|(it, _)| data.judged.contains(it.second)).map(|(_, delay)| delay);
    let delay = delays.fold(0.0, f64::max) * 1e3;
    let said = if delay >= longest / 2.0 {
        format!("; its event loop was held up for up to {}", millis(delay))
    } else {
        String::new()
    };
    let evidence = format!(
        "the target stood still {what}: all that was due meanwhile waited, in every step{said}"
    );
    let advice = "look for what holds up everything at once: work without a pause on the event \
                  loop, garbage collection, a lock, a job that runs at intervals";
    Some(finding("stood_still", Severity::Warning, evidence, advice))
}

fn rounded(millis: f64) -> f64 {
    let step = if millis < 1_000.0 { 10.0 } else { 100.0 };
    (millis / step).round() * step
}

/// `, every 3 s or so`, if it is regular.
fn period(stops: &[Stop]) -> String {
    let gaps: Vec<f64> =
        stops.windows(2).map(|pair| f64::from(pair[1].from - pair[0].from)).collect();
    let Some(usual) = median(&gaps).filter(|_| gaps.len() >= 2) else { return String::new() };
    let near: Vec<f64> = gaps.iter().copied().filter(|gap| (gap - usual).abs() <= 1.0).collect();
    if (near.len() as f64) < 0.7 * gaps.len() as f64 {
        return ", at irregular intervals".to_owned();
    }
    let mean = near.iter().sum::<f64>() / near.len() as f64;
    format!(", about every {}", seconds((mean * 2.0).round() / 2.0))
}

fn stops(data: &RunData) -> Vec<Stop> {
    let judged = &data.judged.seconds;
    if judged.len() < SHORTEST_RUN || data.starvation.is_some() {
        return Vec::new();
    }
    let delays = Delays::of(data);
    let shortest = (OF_USUAL * delays.usual()).max(SHORTEST);
    let mut found: Vec<Stop> = Vec::new();
    for second in judged {
        let is_seen = found.last().is_some_and(|stop| *second < stop.to);
        if !is_seen && delays.longest(*second) >= shortest {
            found.extend(delays.stop(*second));
        }
    }
    found
}

/// How much longer than usual requests took.
struct Delays<'a> {
    data: &'a RunData<'a>,
    /// The usual time of each step in microseconds.
    medians: Vec<u64>,
    /// Shares of requests that a quarter of the seconds have beyond a delay, by its level.
    known: RefCell<BTreeMap<u32, f64>>,
}

impl<'a> Delays<'a> {
    fn of(data: &'a RunData<'a>) -> Delays<'a> {
        let median =
            |pool: &crate::analysis::totals::Totals| pool.times[Phase::Least].quantile(0.5);
        let medians = data.steps.iter().map(|step| median(step).unwrap_or(0.0) as u64).collect();
        Delays { data, medians, known: RefCell::default() }
    }

    /// The delay of the slowest quarter.
    fn usual(&self) -> u64 {
        let steps = self.data.steps.iter().zip(&self.medians);
        let of = |(step, median): (&crate::analysis::totals::Totals, &u64)| {
            let slow = step.times[Phase::Least].quantile(0.75)? as u64;
            Some((slow.saturating_sub(*median), step.counts.ended()))
        };
        let all: Vec<(u64, u64)> = steps.filter_map(of).collect();
        // The step with most requests speaks for all.
        all.into_iter().max_by_key(|(_, number)| *number).map_or(0, |(delay, _)| delay)
    }

    fn longest(&self, second: u32) -> u64 {
        let Some(found) = self.data.record.seconds.get(second) else { return 0 };
        let times = found.times();
        let longest = times.of(Phase::Least).enumerate().filter_map(|(index, lower_bound)| {
            Some((lower_bound.max()? as u64).saturating_sub(self.median_of(index)?))
        });
        longest.max().unwrap_or(0)
    }

    /// The median of the step that the series at a place is of.
    fn median_of(&self, index: usize) -> Option<u64> {
        self.medians.get(self.data.record.head.step_of(index)).copied()
    }

    /// Requests of a step that were delayed by more.
    fn beyond(&self, second: u32, step: usize, delay: u64) -> u64 {
        self.lower_bound(second, step).count_from(self.medians[step].saturating_add(delay))
    }

    /// Requests of a step.
    fn all(&self, second: u32, step: usize) -> u64 {
        self.lower_bound(second, step).count()
    }

    fn lower_bound(&self, second: u32, step: usize) -> Sparse {
        let record = self.data.record;
        let Some(found) = record.seconds.get(second) else { return Sparse::default() };
        let times = found.times();
        let mine = times.of(Phase::Least).enumerate();
        let mine = mine.filter(|(index, _)| record.head.step_of(*index) == step);
        Sparse::merged(&mine.map(|(_, lower_bound)| lower_bound.to_sparse()).collect::<Vec<_>>())
    }

    /// The share that a quarter of the seconds have beyond a delay.
    fn usually_beyond(&self, delay: u64) -> f64 {
        let level = ((delay.max(1) as f64).log2() * 2.0) as u32;
        *self.known.borrow_mut().entry(level).or_insert_with(|| {
            let at = 2.0_f64.powf(f64::from(level) / 2.0) as u64;
            let share = |second: &u32| {
                let steps = 0..self.medians.len();
                let all: u64 = steps.clone().map(|step| self.all(*second, step)).sum();
                let beyond: u64 = steps.map(|step| self.beyond(*second, step, at)).sum();
                (all > 0).then(|| beyond as f64 / all as f64)
            };
            let mut shares: Vec<f64> = self.data.judged.seconds.iter().filter_map(share).collect();
            shares.sort_unstable_by(f64::total_cmp);
            shares.get(shares.len() / 4).copied().unwrap_or(0.0)
        })
    }

    /// A stop that begins in a second.
    fn stop(&self, from: u32) -> Option<Stop> {
        let longest = self.longest(from);
        let whole = (longest as f64 / 1e6).ceil() as u32;
        let spans = if longest < 1_000_000 { vec![0, 1] } else { vec![whole] };
        let fits = spans.into_iter().filter_map(|more| {
            let span = from..from.saturating_add(more).saturating_add(1);
            self.fit(span.clone(), longest).map(|(off, length)| (off, span, length))
        });
        let (_, span, length) = fits.min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(Stop { from, to: span.end, length })
    }

    /// How far the delays of some seconds are from those of a stop, and how long it was.
    fn fit(&self, span: std::ops::Range<u32>, longest: u64) -> Option<(f64, f64)> {
        let steps = || 0..self.medians.len();
        let timeouts: u64 = span.clone().map(|second| self.timeouts(second)).sum();
        let number = |step| span.clone().map(|second| self.all(second, step)).sum::<u64>() as f64;
        let all: f64 = steps().map(number).sum();
        let rate = all / f64::from(span.end - span.start) / 1e6;
        let length = longest as f64 + timeouts as f64 / rate;
        if rate * length / 2.0 < FEWEST || self.is_own(&span, length) {
            return None;
        }
        let beyond = |steps: std::ops::Range<usize>, delay: u64| -> f64 {
            let pairs = steps.flat_map(|step| span.clone().map(move |second| (second, step)));
            pairs.map(|(second, step)| self.beyond(second, step, delay)).sum::<u64>() as f64
        };
        let mut ratio = 0.0;
        for level in LEVELS {
            let delay = (longest as f64 * level) as u64;
            let usual = self.usually_beyond(delay);
            let waited = length - delay as f64;
            let found = beyond(steps(), delay) - usual * all;
            if !is_near(found, rate * waited, RATIOS) {
                return None;
            }
            ratio += found / (rate * waited) / LEVELS.len() as f64;
            let in_step = |step: usize| {
                let share = number(step) / all;
                let expected = rate * share * waited;
                let found = beyond(step..step + 1, delay) - usual * number(step);
                expected < FEWEST || is_near(found, expected, RATIOS_OF_STEP)
            };
            if !steps().all(in_step) {
                return None;
            }
        }
        Some(((ratio - 1.0_f64).abs(), length))
    }

    fn timeouts(&self, second: u32) -> u64 {
        let found = self.data.record.seconds.get(second);
        let counts = found.map(|found| found.counts()).unwrap_or_default();
        counts.iter().map(|step| step.outcome(Outcome::Timeout)).sum()
    }

    /// Whether the generator or its machine may have stood still meanwhile.
    fn is_own(&self, span: &std::ops::Range<u32>, length: f64) -> bool {
        let seconds = &self.data.record.generator;
        let from = seconds.partition_point(|known| known.second < span.start);
        // The tick that tells comes after it.
        let near = seconds[from..].iter().take_while(|known| known.second <= span.end);
        near.into_iter().any(|known| {
            known.canary_late_max_ns as f64 / 1e3 > OWN_PART * length
                || known.steal.unwrap_or(0.0) > MUCH_STEAL
        })
    }
}

fn is_near(found: f64, expected: f64, (lower_bound, most): (f64, f64)) -> bool {
    (lower_bound * expected..=most * expected + 2.0 * expected.sqrt()).contains(&found)
}

#[cfg(test)]
mod tests {
    use crate::analysis::assess::assess;
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::record::gauge;
    use crate::record::run::RunRecord;
    use crate::record::telemetry::TargetSecond;

    /// Forty seconds; each request's response time in milliseconds follows from when it was
    /// due, its step, and a number that looks like chance, in (0, 1).
    fn record(rate: u32, steps: usize, took: impl Fn(f64, usize, f64) -> f64) -> RunRecord {
        let mut record = run(40, f64::from(rate));
        record.head.steps.clear();
        record.head.series.clear();
        (0..steps).for_each(|step| {
            sample_records::add_step(&mut record.head, &format!("step {step}"));
        });
        let mut number = 0_u64;
        for second in 0..40 {
            let requests: Vec<Requests> = (0..rate)
                .map(|index| {
                    number += 1;
                    let due = f64::from(second) + f64::from(index) / f64::from(rate);
                    let step = number as usize % steps;
                    let chance = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64;
                    let millis = took(due, step, (chance + 0.5) / (1_u64 << 53) as f64);
                    Requests { step, ..Requests::ok(1, (millis * 1e3) as u64 + 50) }
                })
                .collect();
            add(&mut record, [second], &requests);
        }
        record
    }

    type Took = fn(f64, usize, f64) -> f64;

    /// How long a request waits for the end of a stop of such a length, in milliseconds.
    fn wait(due: f64, every: f64, from: f64, length: f64) -> f64 {
        let phase = due % every;
        if (from..from + length).contains(&phase) { (from + length - phase) * 1e3 } else { 0.0 }
    }

    fn found(record: &RunRecord) -> Option<String> {
        let findings = assess(record).findings;
        findings.into_iter().find(|found| found.kind == "stood_still").map(|f| f.evidence)
    }

    fn log_normal(median: f64, sigma: f64, chance: f64) -> f64 {
        use statrs::distribution::{ContinuousCDF, Normal};
        median * (sigma * Normal::standard().inverse_cdf(chance)).exp()
    }

    #[track_caller]
    fn check(record: &RunRecord, expected: &str) {
        let said = found(record).unwrap_or_default();
        assert!(said.contains(expected), "{said:?} does not say {expected}");
    }

    #[test]
    fn stops_are_found_with_number_length_and_period() {
        for (from, steps) in [(0.3, 1), (0.3, 2), (0.85, 2), (2.4, 3)] {
            let took = |due, _, chance| log_normal(4.0, 0.4, chance) + wait(due, 3.0, from, 0.3);
            let said = found(&record(120, steps, took)).unwrap_or_default();
            let number: u32 = said.split(' ').nth(4).unwrap_or("0").parse().unwrap();
            assert!((9..=11).contains(&number), "{from} {steps}: {said}");
            let length = ["about 280 ms", "about 290 ms", "about 300 ms", "about 310 ms"];
            assert!(length.iter().any(|length| said.contains(length)), "{from} {steps}: {said}");
            assert!(said.contains("about every 3 s"), "{from} {steps}: {said}");
        }
    }

    #[test]
    fn stops_every_two_seconds_at_a_low_rate_are_found() {
        let took = |due, _, chance| log_normal(2.0, 0.3, chance) + wait(due, 2.0, 0.5, 0.4);
        check(&record(50, 1, took), "about every 2 s");
    }

    #[test]
    fn one_long_stop_is_one() {
        let took = |due, _, chance| log_normal(4.0, 0.4, chance) + wait(due, 100.0, 20.6, 1.5);
        check(&record(120, 2, took), "once, for about 1.5 s, in second 20");
    }

    #[test]
    fn the_event_loop_is_asked_as_well() {
        let took = |due, _, chance| log_normal(4.0, 0.4, chance) + wait(due, 3.0, 0.3, 0.3);
        let mut record = record(120, 1, took);
        let table = record.head.gauges.clone();
        let held_up = |second| TargetSecond::of(second, &table, [(&gauge::EVENT_LOOP_DELAY, 0.31)]);
        record.target = (0..40).map(held_up).collect();
        check(&record, "its event loop was held up for up to 310 ms");
    }

    #[test]
    fn what_is_slow_or_noisy_or_grows_does_not_stand_still() {
        let cases: [(&str, Took); 9] = [
            ("steady", |_, _, chance| log_normal(4.0, 0.3, chance)),
            ("noisy", |_, _, chance| log_normal(20.0, 1.0, chance)),
            ("a long tail", |_, _, chance| log_normal(10.0, 1.4, chance)),
            ("exponential", |_, _, chance| -50.0 * chance.ln()),
            ("slow", |_, _, chance| log_normal(600.0, 0.2, chance)),
            ("a ramp", |due, _, chance| log_normal(5.0 + due * due, 0.2, chance)),
            ("one slow in twenty", |_, _, chance| if chance < 0.05 { 300.0 } else { 4.0 }),
            ("a slow spell", |due, _, chance| {
                let slow = (20.0..25.0).contains(&due);
                log_normal(if slow { 300.0 } else { 4.0 }, 0.2, chance)
            }),
            (
                "one slow request",
                |due, _, _| {
                    if (20.0..20.008).contains(&due) { 900.0 } else { 4.0 }
                },
            ),
        ];
        for (name, took) in cases {
            for steps in [1, 2] {
                assert_eq!(found(&record(120, steps, took)), None, "{name}");
            }
        }
    }

    #[test]
    fn a_step_that_waits_alone_is_slow_and_not_the_whole_target() {
        let took = |due, step, chance| {
            log_normal(4.0, 0.4, chance) + if step == 0 { wait(due, 3.0, 0.3, 0.3) } else { 0.0 }
        };
        assert_eq!(found(&record(120, 2, took)), None);
    }

    #[test]
    fn the_generators_own_stops_are_not_the_targets() {
        let mut lagging = record(120, 1, |_, _, _| 4.0);
        for second in (12..40).step_by(3) {
            lagging.seconds.remove(second);
            let late = |index: u64| {
                let lag = (300_u64).saturating_sub(index * 1_000 / 120) * 1_000;
                Requests { lag: lag + 50, ..Requests::ok(1, 4_050 + lag) }
            };
            add(&mut lagging, [second], &(0..120).map(late).collect::<Vec<_>>());
        }
        assert_eq!(found(&lagging), None);
        let took = |due, _, chance| log_normal(4.0, 0.4, chance) + wait(due, 3.0, 0.3, 0.3);
        let mut both = record(120, 1, took);
        for second in &mut both.generator {
            second.canary_late_max_ns = 290_000_000;
        }
        assert_eq!(found(&both), None, "the whole machine stood still");
    }
}
