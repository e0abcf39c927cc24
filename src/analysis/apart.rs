//! The last values of a list that all lie on one side of all before: what stands out while there
//! are too few of them to be told from chance.
//!
//! Logarithms in, a cut out; knows nothing of runs.

use crate::analysis::stats::median;

/// Permutations that may be expected to cut as well, where at most one may.
const MOST_AS_GOOD: f64 = 0.7;

/// Where the last values part from those before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apart {
    /// The place of the first of them.
    pub cut: usize,
    /// The median before.
    pub before: f64,
    /// The median from then on.
    pub after: f64,
}

/// The cut with the largest difference of medians, of those where no value of one side reaches
/// the other and the difference is a share of the floor at least.
pub fn apart(logs: &[f64], floor: f64) -> Option<Apart> {
    let at = |cut: usize| {
        let (before, after) = logs.split_at(cut);
        let most = |of: &[f64]| of.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = |of: &[f64]| of.iter().copied().fold(f64::INFINITY, f64::min);
        let found = Apart { cut, before: median(before)?, after: median(after)? };
        let is_apart = most(before) < least(after) || most(after) < least(before);
        (is_apart && found.size() >= floor.ln_1p()).then_some(found)
    };
    (1..logs.len()).filter_map(at).max_by(|a, b| a.size().total_cmp(&b.size()))
}

impl Apart {
    fn size(&self) -> f64 {
        (self.after - self.before).abs()
    }
}

/// Whether so many values before and after are likely to be told from chance by so many
/// permutations: of all ways to choose them this one and its mirror image cut as well.
pub fn is_tellable(before: usize, after: usize, permutations: u32) -> bool {
    let ways = (1..=after).fold(1.0, |ways, k| ways * (before + k) as f64 / k as f64);
    2.0 * f64::from(permutations) / ways < MOST_AS_GOOD
}
