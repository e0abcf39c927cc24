//! Why a target has the capacity that it has, as far as its loads tell: the universal
//! scalability law, fitted to them. An explanation, never a verdict.
//!
//! X(N) = λN / (1 + α(N − 1) + βN(N − 1)), by N. J. Gunther (*Guerrilla Capacity Planning*,
//! 2007): X requests per second are answered while N of them are in the target. α is the
//! part of the work that queues for something shared (contention), β what requests cost each
//! other the more there are (coherency). With β above 0 the curve has a peak, beyond which
//! more load makes it slower.
//!
//! Loads in, a [`Scalability`] out. Intervals are by the profile of the sum of squares, so
//! that they end at the bounds of α and β; 95 %. Where the loads do not carry a fit, that is
//! what it says. Checked against values computed by scipy (`tests/golden/scalability.json`).

pub mod curve;

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::number_format::{number, percent};
use crate::analysis::stats::student_quantile;
use curve::{Curve, Given, Load, nearest};

/// With fewer loads there is no fit.
pub const FEWEST_LOADS: usize = 6;
/// The largest N is at least so many times the least.
const LEAST_SPAN: f64 = 3.0;
/// A fit that is further off, on average, explains nothing.
const WORST_ERROR: f64 = 0.1;
/// An interval of α as wide as this says nothing.
const WIDEST: f64 = 0.5;
/// Both tails of an interval take what this leaves.
const LEVEL: f64 = 0.975;
/// Halvings between the ends of an interval; doublings in search of one.
const HALVINGS: i32 = 60;

/// What loads tell of how a target scales.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scalability {
    /// Too few loads, or all of them alike.
    NotEnoughLoads {
        /// Different loads that could be used.
        loads: usize,
        /// Their largest N ÷ their least.
        span: f64,
    },
    /// The target does not follow the law.
    FitsBadly {
        /// Root of the mean square of the relative errors.
        error: f64,
    },
    /// It does.
    Fitted(Fit),
}

/// The law with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Fit {
    /// Loads that it was fitted to.
    pub loads: usize,
    /// The largest N among them.
    pub most_concurrency: f64,
    /// λ: requests per second with one of them at once.
    pub lambda: Bounded,
    /// α: the part of the work that queues for something shared, in [0, 1].
    pub contention: Bounded,
    /// β: what requests cost each other the more there are.
    pub coherency: Bounded,
    /// Where throughput is largest; `None` where the fit has no such place.
    pub peak: Option<Peak>,
    /// Root of the mean square of the relative errors.
    pub error: f64,
}

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Bounded {
    /// The figure.
    pub value: f64,
    /// At least, with 97.5 % confidence.
    pub low: f64,
    /// At most, with 97.5 % confidence.
    pub high: f64,
}

/// Where throughput is largest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Peak {
    /// N*: requests in the target at once.
    pub concurrency: f64,
    /// N* is at least this, with 97.5 % confidence.
    pub low: f64,
    /// N* is at most this; `None` where there may be no peak at all.
    pub high: Option<f64>,
    /// Requests per second there.
    pub throughput: f64,
}

impl Scalability {
    /// Fits the law to what was measured; what is not finite or not above zero is left out.
    pub fn of(measured: &[Load]) -> Scalability {
        let loads: Vec<Load> = measured.iter().copied().filter(Load::is_usable).collect();
        let (different, span) = spread(&loads);
        if different < FEWEST_LOADS || span < LEAST_SPAN {
            return Scalability::NotEnoughLoads { loads: different, span };
        }
        let (curve, squares) = nearest(&loads, Given::Nothing);
        let error = (squares / loads.len() as f64).sqrt();
        if error > WORST_ERROR {
            return Scalability::FitsBadly { error };
        }
        Scalability::Fitted(Profile::of(&loads, curve, squares).fit(error))
    }

    /// What it says in words, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        match self {
            Scalability::NotEnoughLoads { loads, .. } if *loads < FEWEST_LOADS => vec![format!(
                "not enough loads to say how it scales: {loads} of at least {FEWEST_LOADS}"
            )],
            Scalability::NotEnoughLoads { .. } => {
                vec!["the loads are too much alike to say how it scales".to_owned()]
            }
            Scalability::FitsBadly { error } => vec![format!(
                "the universal scalability law fits badly (off by {} on average): it explains \
                 nothing here",
                percent(*error)
            )],
            Scalability::Fitted(fit) => vec![fit.contention_in_words(), fit.coherency_in_words()],
        }
    }
}

/// How many different N there are, and the largest ÷ the least.
fn spread(loads: &[Load]) -> (usize, f64) {
    let mut all: Vec<f64> = loads.iter().map(|load| load.concurrency).collect();
    all.sort_unstable_by(f64::total_cmp);
    all.dedup_by(|a, b| (*a - *b).abs() <= 1e-9 * *b);
    let span = all.first().zip(all.last()).map_or(1.0, |(least, most)| most / least);
    (all.len(), span)
}

impl Fit {
    /// X(N) by the fit.
    pub fn throughput_at(&self, concurrency: f64) -> f64 {
        let (lambda, alpha) = (self.lambda.value, self.contention.value);
        Curve { lambda, alpha, beta: self.coherency.value }.at(concurrency)
    }

    fn contention_in_words(&self) -> String {
        let Bounded { value, low, high } = self.contention;
        if high - low > WIDEST {
            return "how much of the work queues for something shared (contention) cannot be told \
                    from these loads"
                .to_owned();
        }
        if low <= 0.0 && value < 0.005 {
            let most = percent(high);
            return format!("no sign of contention: at most {most} of the work queues");
        }
        format!(
            "contention: about {} of the work ({} to {}) queues for something shared, such as a \
             core, a lock or a pool",
            percent(value),
            percent(low),
            percent(high),
        )
    }

    fn coherency_in_words(&self) -> String {
        let Some(peak) = self.peak.filter(|_| self.coherency.low > 0.0) else {
            return "no sign of coherency cost: these loads show no point from which more load \
                    would make it slower"
                .to_owned();
        };
        let upper = peak.high.map_or_else(|| "more".to_owned(), number);
        let from = format!(
            "about {} requests at once ({} to {upper}), {}/s",
            number(peak.concurrency),
            number(peak.low),
            number(peak.throughput),
        );
        if peak.concurrency > self.most_concurrency {
            return format!(
                "coherency: requests slow each other down the more there are; beyond {from}, more \
                 load would make it slower, which is more than the {} that were measured",
                number(self.most_concurrency),
            );
        }
        format!(
            "coherency: requests slow each other down the more there are; beyond {from}, more load \
             makes it slower"
        )
    }
}

/// Which figures are still near enough to the best ones.
struct Profile<'a> {
    loads: &'a [Load],
    best: Curve,
    /// The largest sum of squares that is near enough.
    most: f64,
}

impl Profile<'_> {
    /// By the F test of one figure: S(θ) ≤ S · (1 + t²/(n − 3)), S being the least.
    fn of(loads: &[Load], best: Curve, squares: f64) -> Profile<'_> {
        let freedom = loads.len().saturating_sub(3).max(1);
        let t = student_quantile(LEVEL, freedom);
        Profile { loads, best, most: squares * (1.0 + t * t / freedom as f64) }
    }

    fn fit(&self, error: f64) -> Fit {
        let concurrency = self.loads.iter().map(|load| load.concurrency);
        let most_concurrency = concurrency.fold(0.0, f64::max);
        let Curve { lambda, alpha, beta } = self.best;
        // Where β is 0 there is no size of its own to begin doubling from.
        let step = beta.max(1e-6 / (most_concurrency * most_concurrency));
        let coherency = Bounded {
            value: beta,
            low: self.end(Given::Beta, beta, 0.0),
            high: self.end(Given::Beta, beta, self.far(Given::Beta, step, 2.0)),
        };
        Fit {
            loads: self.loads.len(),
            most_concurrency,
            lambda: Bounded {
                value: lambda,
                low: self.end(Given::Lambda, lambda, self.far(Given::Lambda, lambda, 0.5)),
                high: self.end(Given::Lambda, lambda, self.far(Given::Lambda, lambda, 2.0)),
            },
            contention: Bounded {
                value: alpha,
                low: self.end(Given::Alpha, alpha, 0.0),
                high: self.end(Given::Alpha, alpha, 1.0),
            },
            peak: self.best.peak().filter(|peak| *peak > 0.0).map(|n| self.peak(n, coherency)),
            coherency,
            error,
        }
    }

    fn peak(&self, concurrency: f64, coherency: Bounded) -> Peak {
        let end =
            |factor| self.end(Given::Peak, concurrency, self.far(Given::Peak, concurrency, factor));
        Peak {
            concurrency,
            low: end(0.5),
            high: (coherency.low > 0.0).then(|| end(2.0)),
            throughput: self.best.at(concurrency),
        }
    }

    fn is_near(&self, given: Given) -> bool {
        nearest(self.loads, given).1 <= self.most
    }

    /// The first multiple of a figure that is too far off; the last that was tried without one.
    fn far(&self, of: fn(f64) -> Given, value: f64, factor: f64) -> f64 {
        let multiples = (1..=HALVINGS).map(|power| value * factor.powi(power));
        let mut last = value;
        for multiple in multiples {
            last = multiple;
            if !self.is_near(of(multiple)) {
                break;
            }
        }
        last
    }

    /// The end of an interval between a figure and one that is too far off, or that one where
    /// it is not.
    fn end(&self, of: fn(f64) -> Given, value: f64, outermost: f64) -> f64 {
        if self.is_near(of(outermost)) {
            return outermost;
        }
        let (mut near, mut far) = (value, outermost);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(near, far);
            if self.is_near(of(middle)) { near = middle } else { far = middle }
        }
        f64::midpoint(near, far)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn golden() -> Vec<Value> {
        let all = include_str!("../../tests/golden/scalability.json");
        let cases: Vec<Value> = serde_json::from_str(all).unwrap();
        assert!(cases.len() >= 5, "{}", cases.len());
        cases
    }

    fn loads(case: &Value) -> Vec<Load> {
        let pairs = case["loads"].as_array().unwrap().iter();
        let of = |pair: &Value, index: usize| pair[index].as_f64().unwrap();
        let load = |pair| Load { concurrency: of(pair, 0), throughput: of(pair, 1) };
        pairs.map(load).collect()
    }

    fn fitted(loads: &[Load]) -> Fit {
        match Scalability::of(loads) {
            Scalability::Fitted(fit) => fit,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn close(found: f64, expected: &Value, scale: f64, what: &Value) {
        let expected = expected.as_f64().unwrap();
        let allowed = 2e-4 * expected.abs() + scale;
        assert!((found - expected).abs() <= allowed, "{found} for {expected}: {what}");
    }

    #[test]
    fn figures_and_intervals_are_those_of_scipy() {
        for case in golden() {
            let fit = fitted(&loads(&case));
            let most = fit.most_concurrency;
            for (found, name, scale) in [
                (fit.lambda, "lambda", 1e-6),
                (fit.contention, "alpha", 1e-6),
                (fit.coherency, "beta", 1e-6 / (most * most)),
            ] {
                close(found.value, &case[name][0], scale, &case);
                close(found.low, &case[name][1], scale, &case);
                close(found.high, &case[name][2], scale, &case);
            }
            close(fit.error, &case["error"], 1e-9, &case);
            let peak = fit.peak.filter(|_| fit.coherency.value > scale_of(most));
            match (peak, case["peak"].as_array()) {
                (Some(peak), Some(expected)) => {
                    close(peak.concurrency, &expected[0], 1e-6, &case);
                    close(peak.low, &expected[1], 1e-6, &case);
                    assert_eq!(peak.high.is_some(), expected[2].is_number(), "{case}");
                }
                (None, None) => {}
                (found, expected) => panic!("{found:?} for {expected:?}: {case}"),
            }
        }
    }

    fn scale_of(most: f64) -> f64 {
        1e-6 / (most * most)
    }

    fn made(curve: Curve, all: &[f64], wobble: f64) -> Vec<Load> {
        let load = |(index, n): (usize, &f64)| {
            let sign = if index.is_multiple_of(2) { 1.0 } else { -1.0 };
            Load { concurrency: *n, throughput: curve.at(*n) * (1.0 + sign * wobble) }
        };
        all.iter().enumerate().map(load).collect()
    }

    const EIGHT: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 96.0];

    #[test]
    fn too_few_loads_tell_no_story() {
        let curve = Curve { lambda: 100.0, alpha: 0.05, beta: 1e-4 };
        for all in [&EIGHT[..5], &[1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6][..], &[2.0; 9][..], &[][..]] {
            let found = Scalability::of(&made(curve, all, 0.0));
            assert!(matches!(found, Scalability::NotEnoughLoads { .. }), "{found:?}");
            assert_eq!(found.sentences().len(), 1);
        }
        let mut odd = made(curve, &EIGHT[..5], 0.0);
        odd.push(Load { concurrency: f64::NAN, throughput: 1.0 });
        odd.push(Load { concurrency: 200.0, throughput: 0.0 });
        let found = Scalability::of(&odd);
        assert!(found.sentences()[0].contains("5 of at least 6"), "{found:?}");
    }

    #[test]
    fn what_does_not_follow_the_law_is_not_explained_by_it() {
        let curve = Curve { lambda: 100.0, alpha: 0.05, beta: 1e-4 };
        let found = Scalability::of(&made(curve, &EIGHT, 0.25));
        assert!(found.sentences()[0].contains("fits badly"), "{found:?}");
    }

    #[test]
    fn a_peak_that_was_measured_is_told_and_one_beyond_is_called_so() {
        let curve = Curve { lambda: 100.0, alpha: 0.02, beta: 5e-4 };
        let told = Scalability::of(&made(curve, &EIGHT, 0.01)).sentences();
        assert!(told[0].starts_with("contention: about "), "{told:?}");
        assert!(told[1].ends_with("more load makes it slower"), "{told:?}");
        let told =
            Scalability::of(&made(curve, &[1.0, 2.0, 4.0, 8.0, 16.0, 30.0], 1e-4)).sentences();
        assert!(told[1].ends_with("than the 30 that were measured"), "{told:?}");
    }

    #[test]
    fn without_cost_of_coherency_no_peak_is_made_up() {
        let curve = Curve { lambda: 100.0, alpha: 0.2, beta: 0.0 };
        let told = Scalability::of(&made(curve, &EIGHT, 0.02)).sentences();
        assert!(told[0].contains("20") || told[0].contains("19"), "{told:?}");
        assert!(told[1].starts_with("no sign of coherency cost"), "{told:?}");
        let free = Curve { lambda: 100.0, alpha: 0.0, beta: 0.0 };
        let told = Scalability::of(&made(free, &EIGHT, 0.02)).sentences();
        assert!(told[0].starts_with("no sign of contention"), "{told:?}");
    }

    #[test]
    fn the_unit_of_time_changes_nothing_but_the_rate() {
        let curve = Curve { lambda: 100.0, alpha: 0.05, beta: 3e-4 };
        let loads = made(curve, &EIGHT, 0.02);
        let minutes: Vec<Load> =
            loads.iter().map(|load| Load { throughput: load.throughput * 60.0, ..*load }).collect();
        let (a, b) = (fitted(&loads), fitted(&minutes));
        for (a, b) in [(a.contention, b.contention), (a.coherency, b.coherency)] {
            assert!((a.value - b.value).abs() < 1e-7 && (a.low - b.low).abs() < 1e-7);
        }
        assert!((b.lambda.value / a.lambda.value - 60.0).abs() < 1e-6);
        assert!((a.throughput_at(8.0) * 60.0 / b.throughput_at(8.0) - 1.0).abs() < 1e-6);
    }
}
