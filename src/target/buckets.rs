//! The buckets of a histogram as Prometheus counts them, and a quantile of what was added to them.

use crate::units::order;

/// Upper bounds and how many observations are at or below each, ascending; the last bound is
/// infinite.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets(Vec<(f64, f64)>);

/// A quantile of what buckets hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Where it is, evenly between the bounds of its bucket.
    pub value: f64,
    /// Whether it is above the last bound, which stands here in its place.
    pub is_beyond: bool,
}

impl Buckets {
    /// Of bounds and counts in any order; those of one bound are added up. `None` where they are
    /// no histogram.
    pub fn of(mut counts: Vec<(f64, f64)>) -> Option<Buckets> {
        order::by(&mut counts, |a, b| a.0.total_cmp(&b.0));
        let mut buckets: Vec<(f64, f64)> = Vec::with_capacity(counts.len());
        for (bound, count) in counts {
            match buckets.last_mut() {
                Some(last) if last.0.total_cmp(&bound).is_eq() => last.1 += count,
                Some(_) | None => buckets.push((bound, count)),
            }
        }
        let is_whole = buckets.last().is_some_and(|last| last.0.is_infinite() && last.0 > 0.0);
        let is_sane = |(bound, count): &(f64, f64)| !bound.is_nan() && count.is_finite();
        let is_rising = buckets.is_sorted_by(|a, b| a.1 <= b.1);
        let starts = buckets.first().is_some_and(|first| first.1 >= 0.0);
        (is_whole && is_rising && starts && buckets.iter().all(is_sane)).then_some(Buckets(buckets))
    }

    /// What was added between two readings; `None` where the target counts anew, or by other
    /// bounds.
    pub fn since(before: &Buckets, now: &Buckets) -> Option<Buckets> {
        if !before.has_bounds_of(now) {
            return None;
        }
        let added = before.0.iter().zip(&now.0).map(|(before, now)| (now.0, now.1 - before.1));
        Buckets::of(added.collect())
    }

    /// Whether both count by the same bounds.
    pub fn has_bounds_of(&self, other: &Buckets) -> bool {
        let is_same = |((a, _), (b, _)): (&(f64, f64), &(f64, f64))| a.total_cmp(b).is_eq();
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(is_same)
    }

    /// What several of the same bounds hold together; `None` where they are none.
    pub fn sum(all: Vec<Buckets>) -> Option<Buckets> {
        Buckets::of(all.into_iter().flat_map(|buckets| buckets.0).collect())
    }

    /// A quantile; `None` where nothing was observed, or where there is one bucket only.
    pub fn quantile(&self, share: f64) -> Option<Estimate> {
        let all = self.0.last()?.1;
        let rank = share * all;
        let index = self.0.iter().position(|(_, count)| *count >= rank && *count > 0.0)?;
        let (bound, count) = self.0[index];
        let below = index.checked_sub(1).map(|before| self.0[before]);
        if bound.is_infinite() {
            return below.map(|(last, _)| Estimate { value: last, is_beyond: true });
        }
        let (low, before) = below.unwrap_or((bound.min(0.0), 0.0));
        let inside = if count > before { (rank - before) / (count - before) } else { 1.0 };
        let value = low + (bound - low) * inside.clamp(0.0, 1.0);
        Some(Estimate { value, is_beyond: false })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INF: f64 = f64::INFINITY;

    #[track_caller]
    fn check(counts: &[(f64, f64)], share: f64, expected: Option<(f64, bool)>) {
        let found = Buckets::of(counts.to_vec()).and_then(|buckets| buckets.quantile(share));
        match (found, expected) {
            (Some(found), Some((value, is_beyond))) => {
                assert!((found.value - value).abs() < 1e-9, "{counts:?}: {found:?}");
                assert_eq!(found.is_beyond, is_beyond, "{counts:?}");
            }
            (found, expected) => assert_eq!(found.is_some(), expected.is_some(), "{counts:?}"),
        }
    }

    #[test]
    fn a_quantile_lies_evenly_in_its_bucket() {
        let two = [(0.1, 50.0), (0.5, 100.0), (INF, 100.0)];
        check(&two, 0.5, Some((0.1, false)));
        check(&two, 0.25, Some((0.05, false)));
        check(&two, 0.75, Some((0.3, false)));
        check(&[(0.1, 0.0), (0.5, 0.0), (INF, 4.0)], 0.5, Some((0.5, true)));
        check(&[(0.1, 0.0), (INF, 0.0)], 0.5, None);
        check(&[(INF, 7.0)], 0.5, None);
        check(&[(0.2, 3.0), (0.1, 1.0), (INF, 3.0), (0.1, 1.0)], 0.5, Some((0.075, false)));
    }

    #[test]
    fn what_is_no_histogram_has_no_quantile() {
        check(&[], 0.5, None);
        check(&[(0.1, 1.0), (0.5, 2.0)], 0.5, None);
        check(&[(0.1, 5.0), (INF, 2.0)], 0.5, None);
        check(&[(f64::NAN, 1.0), (INF, 2.0)], 0.5, None);
        check(&[(0.1, -1.0), (INF, 2.0)], 0.5, None);
    }

    #[test]
    fn what_was_added_is_what_counts() {
        let of = |a, b| Buckets::of(vec![(1.0, a), (INF, b)]).unwrap();
        assert_eq!(Buckets::since(&of(5.0, 9.0), &of(6.0, 12.0)), Some(of(1.0, 3.0)));
        assert_eq!(Buckets::since(&of(5.0, 9.0), &of(1.0, 2.0)), None, "the target restarted");
        let other = Buckets::of(vec![(2.0, 9.0), (INF, 9.0)]).unwrap();
        assert_eq!(Buckets::since(&of(5.0, 9.0), &other), None);
    }

    proptest! {
        #[test]
        fn quantiles_are_between_the_bounds_and_rise(
            counts in prop::collection::vec((0.0_f64..10.0, 0_u32..50), 1..20),
            a in 0.01_f64..0.99, b in 0.01_f64..0.99,
        ) {
            let mut sum = 0.0;
            let mut bounds: Vec<f64> = counts.iter().map(|it| it.0).collect();
            bounds.sort_by(f64::total_cmp);
            let mut all: Vec<(f64, f64)> = bounds.iter().zip(&counts).map(|(bound, (_, count))| {
                sum += f64::from(*count);
                (*bound, sum)
            }).collect();
            all.dedup_by(|later, first| later.0.total_cmp(&first.0).is_eq());
            all.push((INF, sum));
            let Some(buckets) = Buckets::of(all) else { return Ok(()) };
            let (low, high) = (buckets.quantile(a.min(b)), buckets.quantile(a.max(b)));
            prop_assert_eq!(low.is_some(), sum > 0.0);
            if let (Some(low), Some(high)) = (low, high) {
                prop_assert!(low.value <= high.value + 1e-9 && high.value <= 10.0);
            }
        }
    }
}
