//! What of the target rose with the rate, and which of it did first: as it was seen, not as a
//! claim of cause.
//!
//! Each gauge is looked at over the rates. What is used (CPU, connections of a pool, memory) is
//! *near its highest* from a rate on, and *flat* where it stays there however far the rate rises;
//! what waits (event-loop delay, waiting for a pool) has *left* what it was at first.

use crate::analysis::capacity::points::trials;
use crate::analysis::stats::median;
use crate::record::capacity::{GaugeSeen, Purpose, Rise, Trial};
use crate::record::gauge::{self, Gauge, Kind, Unit};
use crate::scenario::gauge::WATCHED;
use crate::units::order;

/// Fewer rates show no movement.
const FEWEST_RATES: usize = 3;
/// What is used is near its highest from this share of its rise on.
const NEAR_FULL: f64 = 0.9;
/// What waits has left where it was at this share of its rise: queues explode beyond the limit.
const LEFT_CALM: f64 = 0.1;
/// A rate beyond it by this much, with as little more, shows that nothing more was to be had.
const RATE_BEYOND: f64 = 1.05;
const HARDLY_MORE: f64 = 1.05;
/// A core or an event loop that is used less is not full, however flat that is.
const BUSY: f64 = 0.85;

/// What is used of something that there is only so much of.
const USED: [Gauge; 6] = [
    gauge::CPU,
    gauge::EVENT_LOOP_UTILISATION,
    gauge::POOL_IN_USE,
    gauge::RSS,
    gauge::HEAP_USED,
    gauge::POSTGRES_CONNECTIONS,
];
/// What waits for it, or for how long.
const WAITING: [Gauge; 4] = [
    gauge::EVENT_LOOP_DELAY,
    gauge::POOL_WAITING,
    gauge::CPU_THROTTLED,
    gauge::POSTGRES_LOCK_WAITS,
];

/// Whether a gauge is looked at; a metric that the scenario names is.
fn is_told(name: &str) -> bool {
    let known = USED.iter().chain(&WAITING).any(|gauge| gauge.name == name);
    known || name.starts_with(WATCHED)
}

/// A gauge at the rates.
struct Line {
    label: String,
    name: String,
    unit: Unit,
    kind: Kind,
    /// Rate, value, p95.
    points: Vec<(f64, f64, Option<f64>)>,
}

/// What filled up in most trials of a rate, with the lowest such rate, the first one first.
pub fn filled(all: &[Trial]) -> Vec<(String, f64)> {
    let short: Vec<&Trial> = trials(all).filter(|it| it.purpose == Purpose::Trial).collect();
    let mut found: Vec<(String, f64)> = Vec::new();
    for trial in &short {
        for what in &trial.filled {
            let here = || short.iter().filter(|it| it.is_at(trial.rate));
            let full = here().filter(|it| it.filled.contains(what)).count();
            if 2 * full <= here().count() {
                continue;
            }
            match found.iter_mut().find(|(known, _)| known == what) {
                Some((_, rate)) => *rate = rate.min(trial.rate),
                None => found.push((what.clone(), trial.rate)),
            }
        }
    }
    order::by(&mut found, |a, b| a.1.total_cmp(&b.1));
    found
}

/// What rose, the first one first.
pub fn moved(all: &[Trial]) -> Vec<Rise> {
    let mut moved: Vec<Rise> = lines(all).iter().filter_map(Line::moved).collect();
    order::by(&mut moved, |a, b| a.from.total_cmp(&b.from));
    moved
}

fn lines(all: &[Trial]) -> Vec<Line> {
    let short: Vec<&Trial> = trials(all).filter(|it| it.purpose == Purpose::Trial).collect();
    let mut rates: Vec<f64> = short.iter().map(|it| it.rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let mut names: Vec<&GaugeSeen> = Vec::new();
    for gauge in short.iter().flat_map(|it| &it.seen.gauges) {
        let is_known = names.iter().any(|known| known.name == gauge.name);
        if !is_known && is_told(&gauge.name) {
            names.push(gauge);
        }
    }
    let point = |rate: f64, name: &str| {
        let here = || short.iter().filter(|it| it.is_at(rate));
        let values: Vec<f64> = here()
            .filter_map(|it| it.seen.gauges.iter().find(|gauge| gauge.name == name))
            .map(|gauge| gauge.mean)
            .collect();
        let slow: Vec<f64> = here().filter_map(|it| it.seen.p95).collect();
        Some((rate, median(&values)?, median(&slow)))
    };
    let line = |gauge: &GaugeSeen| Line {
        label: gauge.label.clone(),
        name: gauge.name.clone(),
        unit: gauge.unit,
        kind: gauge.kind,
        points: rates.iter().filter_map(|rate| point(*rate, &gauge.name)).collect(),
    };
    names.into_iter().map(line).collect()
}

impl Line {
    fn moved(&self) -> Option<Rise> {
        if self.points.len() < FEWEST_RATES {
            return None;
        }
        let (_, calm, _) = *self.points.first()?;
        let full = self.points.iter().map(|point| point.1).reduce(f64::max)?;
        if full - calm < self.least_rise(calm) {
            return None;
        }
        let share = if self.waits() { LEFT_CALM } else { NEAR_FULL };
        let enough = calm + share * (full - calm);
        let from = self.points.iter().find(|point| point.1 >= enough)?.0;
        Some(Rise {
            label: self.label.clone(),
            unit: self.unit,
            kind: self.kind,
            calm,
            full,
            from,
            correlation: self.correlation(),
            is_flat: self.is_flat(from, full),
        })
    }

    /// Whether it counts what waits, or for how long.
    fn waits(&self) -> bool {
        WAITING.iter().any(|gauge| gauge.name == self.name)
    }

    /// Less of a rise says nothing.
    fn least_rise(&self, calm: f64) -> f64 {
        match self.unit {
            Unit::CpuSeconds | Unit::Cores | Unit::Share => 0.1,
            // Shares of the time where they are counted.
            Unit::Seconds if self.kind == Kind::Counter => 0.05,
            Unit::Seconds => calm.max(2.0),
            Unit::Bytes => (0.2 * calm).max(10e6),
            Unit::Number => (0.2 * calm).max(1.0),
        }
    }

    fn is_flat(&self, from: f64, full: f64) -> bool {
        let is_full = match self.unit {
            Unit::CpuSeconds | Unit::Share => full >= BUSY,
            Unit::Number => self.name == gauge::POOL_IN_USE.name,
            Unit::Seconds | Unit::Bytes | Unit::Cores => false,
        };
        let after = || self.points.iter().filter(|point| point.0 >= from);
        let last = after().next_back().map_or(from, |point| point.0);
        let first = after().next().map_or(full, |point| point.1);
        is_full && last >= from * RATE_BEYOND && full <= first * HARDLY_MORE
    }

    /// Spearman's.
    fn correlation(&self) -> Option<f64> {
        let both: Vec<(f64, f64)> =
            self.points.iter().filter_map(|(_, value, slow)| Some((*value, (*slow)?))).collect();
        let (values, slow): (Vec<f64>, Vec<f64>) = both.into_iter().unzip();
        pearson(&ranks(&values), &ranks(&slow))
    }
}

/// Ranks from 1; those of equal values are their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: f64| {
        let below = values.iter().filter(|other| **other < value).count() as f64;
        let same = values.iter().filter(|other| other.total_cmp(&value).is_eq()).count() as f64;
        below + f64::midpoint(same, 1.0)
    };
    values.iter().map(|value| rank(*value)).collect()
}

fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() < FEWEST_RATES {
        return None;
    }
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| of(a - mean_a, b - mean_b)).sum()
    };
    let spread = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    (spread > 0.0).then(|| sum(&|a, b| a * b) / spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_capacity::sample;

    #[test]
    fn what_is_full_and_what_waits_is_told_by_the_rate_from_which_on_it_is() {
        let found = moved(&sample().trials);
        let told: Vec<(&str, f64, bool)> =
            found.iter().map(|it| (it.label.as_str(), it.from, it.is_flat)).collect();
        assert_eq!(told, [("target CPU", 396.0, true), ("pool waiting", 800.0, false)]);
        assert!(found.iter().all(|it| it.correlation.unwrap() > 0.8), "{found:?}");
    }

    #[test]
    fn what_filled_up_is_told_with_the_lowest_rate_at_which_it_mostly_did() {
        let mut trials = sample().trials;
        assert_eq!(filled(&trials), [("the connection pool".to_owned(), 396.0)]);
        let again = Trial { filled: Vec::new(), ..trials[4].clone() };
        trials.push(again);
        assert_eq!(filled(&trials), [("the connection pool".to_owned(), 400.0)], "one of two");
    }

    #[test]
    fn what_does_not_rise_or_is_hardly_used_is_not_said_to_be_full() {
        let changed = |change: fn(f64) -> f64| {
            let mut trials = sample().trials;
            for trial in &mut trials {
                trial.seen.gauges.truncate(1);
                trial.seen.gauges[0].mean = change(trial.seen.gauges[0].mean);
            }
            moved(&trials)
        };
        assert_eq!(changed(|_| 0.5), []);
        let half = changed(|cores| cores / 2.0);
        assert!(half.len() == 1 && !half[0].is_flat, "{half:?}");
        assert_eq!(moved(&sample().trials[..2]), [], "of two rates");
    }

    #[test]
    fn ranks_of_equal_values_are_shared() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(pearson(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0]), None);
        let rising = pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]).unwrap();
        assert!((rising - 1.0).abs() < 1e-12, "{rising}");
    }
}
