//! How fast a series grows, and between which bounds: Theil and Sen's slope with an interval
//! by Kendall's ranks.
//!
//! Only values of the same part are compared, as a restart between two parts resets what has
//! leaked: the slope is the median of the slopes of all pairs within parts, and its variance
//! is that of Kendall's S added up over the parts (Hirsch, Slack and Smith 1982). Knows nothing
//! of what the values are of.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::analysis::stats::median;

/// How often each bound may lie on the wrong side of the truth.
const ALPHA: f64 = 0.01;

/// A slope and its bounds, in units of the values per unit of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slope {
    /// The most likely one.
    pub(super) value: f64,
    /// With 99 % confidence it is no less; `None` where too few values tell.
    pub(super) low: Option<f64>,
    /// With 99 % confidence it is no more.
    pub(super) high: Option<f64>,
}

/// A moment and the value at it.
pub(super) type Point = (f64, f64);

/// The slope of values in ascending order of their moments, in parts; `None` where no part has
/// two values.
pub(super) fn slope(parts: &[Vec<Point>]) -> Option<Slope> {
    let mut slopes: Vec<f64> = parts.iter().flat_map(|part| pairwise(part)).collect();
    slopes.sort_unstable_by(f64::total_cmp);
    let value = median(&slopes)?;
    let variance: f64 = parts.iter().map(|part| s_variance(part.len() as f64)).sum();
    let beyond = Normal::standard().inverse_cdf(1.0 - ALPHA) * variance.sqrt();
    // The rank of the lower bound, from 1; the upper one is as far from the other end.
    let rank = (slopes.len() as f64 - beyond) / 2.0;
    let rank = (rank >= 1.0).then_some(rank as usize);
    let low = rank.and_then(|rank| slopes.get(rank - 1)).copied();
    let high = rank.and_then(|rank| slopes.get(slopes.len() - rank)).copied();
    Some(Slope { value, low, high })
}

fn pairwise(part: &[Point]) -> impl Iterator<Item = f64> {
    part.iter().enumerate().flat_map(move |(index, (later, high))| {
        part[..index].iter().map(move |(sooner, low)| (high - low) / (later - sooner))
    })
}

/// The variance of Kendall's S without a trend.
fn s_variance(n: f64) -> f64 {
    n * (n - 1.0) * (2.0 * n + 5.0) / 18.0
}

/// What the values of a part are at moment 0 of a line with this slope.
pub(super) fn level_at_zero(part: &[Point], slope: f64) -> Option<f64> {
    let rests: Vec<f64> = part.iter().map(|(at, value)| value - slope * at).collect();
    median(&rests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: f64, start: u32, number: u32, slope: f64) -> Vec<Point> {
        (0..number).map(|i| (f64::from(start + i), from + slope * f64::from(i))).collect()
    }

    #[test]
    fn a_restart_neither_hides_a_slope_nor_makes_one() {
        // Each part begins anew at 100 and grows by 2: over both ends it does not grow at all.
        let grows = [line(100.0, 0, 10, 2.0), line(100.0, 10, 10, 2.0)];
        let found = slope(&grows).unwrap();
        assert_eq!((found.value, found.low, found.high), (2.0, Some(2.0), Some(2.0)));
        let over_both = slope(&[grows.concat()]).unwrap();
        assert!(over_both.value < 1.0, "{over_both:?}");
        // And a step between two parts is no growth.
        let step = [line(100.0, 0, 10, 0.0), line(300.0, 10, 10, 0.0)];
        assert_eq!(slope(&step).unwrap().high, Some(0.0));
        assert!(slope(&[step.concat()]).unwrap().value > 0.0);
    }

    #[test]
    fn bounds_need_values_and_are_as_wide_as_kendall_says() {
        assert_eq!(slope(&[vec![], vec![(0.0, 1.0)]]), None);
        let few = slope(&[line(0.0, 0, 4, 1.0)]).unwrap();
        assert_eq!((few.low, few.high), (None, None), "four values have no bound of 99 %");
        // Of 12 values 66 pairs; σ = √212.7, so the bounds have the 16th and the 51st place.
        let bent: Vec<Point> = (0..12).map(|i| (f64::from(i), f64::from(i * i))).collect();
        let mut slopes: Vec<f64> = pairwise(&bent).collect();
        slopes.sort_unstable_by(f64::total_cmp);
        let found = slope(&[bent]).unwrap();
        assert_eq!((found.low, found.high), (Some(slopes[15]), Some(slopes[50])));
    }

    #[test]
    fn one_wild_value_moves_the_slope_little() {
        let mut part = line(100.0, 0, 20, 1.0);
        part[10].1 = 1e6;
        let found = slope(&[part.clone()]).unwrap();
        assert!((found.value - 1.0).abs() < 1e-9 && found.low.unwrap() > 0.9, "{found:?}");
        assert!((level_at_zero(&part, 1.0).unwrap() - 100.0).abs() < 1e-9);
    }
}
