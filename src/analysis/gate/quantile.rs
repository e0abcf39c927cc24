//! Quantiles of the response time over many histograms at once, as natural logarithms.
//!
//! A histogram counts microseconds that were rounded, so the bucket from `low` to `top`
//! stands for all times from `low − ½` to `top + ½`. Inside it the quantile is
//! interpolated on a log scale. The buckets are walked from the slowest request
//! downwards, as the gated quantiles lie near that end; nothing is copied.

use crate::record::histogram::bucket_top;

/// The buckets of one histogram with their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted<'a> {
    /// Lowest value in microseconds and count, ascending.
    pub buckets: &'a [(u64, u64)],
    /// The sum of the counts.
    pub total: u64,
}

impl<'a> Counted<'a> {
    /// Adds up the counts.
    pub fn new(buckets: &'a [(u64, u64)]) -> Counted<'a> {
        let mut total = 0_u64;
        for (_, count) in buckets {
            total = total.saturating_add(*count);
        }
        Counted { buckets, total }
    }
}

/// How many requests some histograms hold.
pub fn total(parts: &[Counted<'_>]) -> u64 {
    parts.iter().fold(0, |sum, part| sum.saturating_add(part.total))
}

/// ln of the quantile, in microseconds, of all these histograms added up. `None` when
/// they are empty.
pub fn log_quantile(parts: &[Counted<'_>], share: f64) -> Option<f64> {
    let all = total(parts);
    let rank = share.clamp(0.0, 1.0) * all as f64;
    let mut left = all;
    let mut lowest = None;
    for (low, count) in Downwards::new(parts) {
        let below = left.saturating_sub(count);
        if (below as f64) < rank {
            return Some(inside(low, (rank - below as f64) / count as f64));
        }
        left = below;
        lowest = Some(inside(low, 0.0));
    }
    lowest
}

/// ln of the place inside a bucket.
fn inside(low: u64, part: f64) -> f64 {
    let from = (low as f64 - 0.5).max(0.5).ln();
    let to = (bucket_top(low) as f64 + 0.5).ln();
    from + part.clamp(0.0, 1.0) * (to - from)
}

/// The buckets of several histograms as if they were added up, the slowest first.
struct Downwards<'a> {
    rest: Vec<&'a [(u64, u64)]>,
}

impl<'a> Downwards<'a> {
    fn new(parts: &[Counted<'a>]) -> Downwards<'a> {
        Downwards { rest: parts.iter().map(|part| part.buckets).collect() }
    }
}

impl Iterator for Downwards<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        let mut slowest = None;
        for part in &self.rest {
            slowest = slowest.max(part.last().map(|bucket| bucket.0));
        }
        let slowest = slowest?;
        let mut sum = 0_u64;
        for part in &mut self.rest {
            if let Some(((low, count), shorter)) = part.split_last()
                && *low == slowest
            {
                sum = sum.saturating_add(*count);
                *part = shorter;
            }
        }
        Some((slowest, sum))
    }
}

/// Some histograms added up, by halves, so that each bucket is moved few times.
pub fn merged(parts: &[Counted<'_>]) -> Vec<(u64, u64)> {
    match parts {
        [] => Vec::new(),
        [one] => one.buckets.to_vec(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            merged_pair(&merged(left), &merged(right))
        }
    }
}

fn merged_pair(left: &[(u64, u64)], right: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sum = Vec::with_capacity(left.len() + right.len());
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        let (a, b) = (left[l], right[r]);
        let both = a.0 == b.0;
        let count = if both {
            a.1.saturating_add(b.1)
        } else if a.0 < b.0 {
            a.1
        } else {
            b.1
        };
        sum.push((a.0.min(b.0), count));
        l += usize::from(a.0 <= b.0);
        r += usize::from(b.0 <= a.0);
    }
    sum.extend_from_slice(&left[l..]);
    sum.extend_from_slice(&right[r..]);
    sum
}
