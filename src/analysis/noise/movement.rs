//! How a series moves within segments: its drift, and how much one interval has to do with
//! the next.
//!
//! Numbers are logarithms, one list for each segment; nothing is compared across segments.

use crate::analysis::gate::drift;
use crate::analysis::stats::mean;
use crate::record::noise::Movement;

/// The most points of a segment whose slopes are compared in pairs.
const MOST_POINTS: usize = 120;

/// Drift and correlation of intervals that come every so many seconds; `None` where no
/// segment has two.
pub fn movement(segments: &[Vec<f64>], every: f64) -> Option<Movement> {
    let longest = segments.iter().map(Vec::len).max().filter(|longest| *longest > 1)?;
    let step = longest.div_ceil(MOST_POINTS);
    let thin: Vec<Vec<f64>> = segments.iter().map(|segment| thinned(segment, step)).collect();
    let trend = drift::trend(&thin)?;
    let steps = thin.iter().map(Vec::len).max()?.saturating_sub(1).max(1);
    let minutes = (steps * step) as f64 * every / 60.0;
    Some(Movement {
        per_minute: (trend.factor.ln() / minutes).exp_m1(),
        trend_p: trend.p,
        correlation: correlation(segments),
    })
}

/// Means of so many neighbours; what is left over at the end is left out.
fn thinned(segment: &[f64], step: usize) -> Vec<f64> {
    segment.chunks_exact(step).filter_map(mean).collect()
}

/// The correlation of an interval with the next one, about each segment's own mean: that
/// of all segments together, with 1/n added for each segment of n, which is what taking
/// its mean away from n independent numbers costs (Kendall 1954). In [−1, 1].
fn correlation(segments: &[Vec<f64>]) -> Option<f64> {
    let (mut products, mut squares) = (0.0, 0.0);
    for segment in segments.iter().filter(|segment| segment.len() > 2) {
        let mean = mean(segment)?;
        let square: f64 = segment.iter().map(|x| (x - mean).powi(2)).sum();
        let pairs = segment.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean));
        products += pairs.sum::<f64>() + square / segment.len() as f64;
        squares += square;
    }
    (squares > 0.0).then(|| (products / squares).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::gate::simulated::Draw;

    #[test]
    fn a_line_drifts_by_its_slope() {
        // 0.1 % every 2 s is 3 % a minute, as a logarithm; a step between segments is none.
        let line = |from: f64| (0..30).map(|i| from + 0.001 * f64::from(i)).collect();
        let found = movement(&[line(0.0), line(5.0)], 2.0).unwrap();
        assert!((found.per_minute - 0.03_f64.exp_m1()).abs() < 1e-9, "{found:?}");
        assert!(found.trend_p < 1e-6);
    }

    #[test]
    fn a_long_segment_drifts_like_a_short_one() {
        let line: Vec<f64> = (0..3_600).map(|i| 1e-5 * f64::from(i)).collect();
        let found = movement(&[line], 1.0).unwrap();
        assert!((found.per_minute - 6e-4_f64.exp_m1()).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn nothing_moves_in_one_interval() {
        assert_eq!(movement(&[vec![1.0], vec![]], 2.0), None);
        assert_eq!(movement(&[], 2.0), None);
        let flat = movement(&[vec![1.0; 5]], 2.0).unwrap();
        assert!(flat.correlation.is_none() && flat.per_minute == 0.0 && flat.trend_p > 0.9);
    }

    /// An autoregressive series has the correlation that it was made with, also in short
    /// segments, each at a level of its own.
    #[test]
    fn known_correlations_come_back() {
        for (known, slack) in [(0.0, 0.03), (0.3, 0.05), (-0.4, 0.05)] {
            let mut draw = Draw::new(8);
            let segments: Vec<Vec<f64>> = (0..200)
                .map(|_| {
                    let level = draw.normal(3.0);
                    let mut now = draw.normal(1.0);
                    let mut next = || {
                        now = known * now + draw.normal((1.0 - known * known).sqrt());
                        level + now
                    };
                    (0..30).map(|_| next()).collect()
                })
                .collect();
            let found = correlation(&segments).unwrap();
            assert!((found - known).abs() < slack, "{known}: {found}");
        }
    }
}
