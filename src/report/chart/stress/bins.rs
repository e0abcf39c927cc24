//! The seconds of a repeat, so many to a bin that a chart can show them.

use crate::record::outcome::Outcome;
use crate::record::stress::{Repeat, StressSecond};

/// More columns are not told apart.
const MOST_BINS: u32 = 180;

/// How requests end: the outcome whose ink it has, its name, and how many.
type Ending = (Outcome, &'static str, fn(&StressSecond) -> u64);

/// How requests end, in the order in which they are stacked.
pub(super) const ENDINGS: [Ending; 6] = [
    (Outcome::Ok, "good", |it| it.ok),
    (Outcome::Rejected, "shed (429, 503)", |it| it.shed),
    (Outcome::ServerError, "errors", |it| it.errors),
    (Outcome::Timeout, "timeouts", |it| it.timeouts),
    (Outcome::TransportError, "refused, reset", |it| it.broken),
    (Outcome::Unsent, "not sent", |it| it.unsent),
];

/// Some seconds together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bin {
    /// Its first second.
    pub(super) from: f64,
    /// The end of its last one.
    pub(super) to: f64,
    /// The rate that was wanted at its beginning.
    pub(super) wanted: f64,
    /// Requests per second, by [`ENDINGS`].
    pub(super) ended: [f64; ENDINGS.len()],
    /// The most in flight.
    pub(super) in_flight: f64,
    /// The longest p99 of a second, in milliseconds.
    pub(super) p99: Option<f64>,
}

/// All of a repeat.
pub(super) fn bins(repeat: &Repeat) -> Vec<Bin> {
    let (Some(first), Some(last)) = (repeat.seconds.first(), repeat.seconds.last()) else {
        return Vec::new();
    };
    let width = ((last.second - first.second) / MOST_BINS + 1).max(1);
    let same = |a: &StressSecond, b: &StressSecond| a.second / width == b.second / width;
    repeat.seconds.chunk_by(same).map(|part| bin(repeat, part, width)).collect()
}

fn bin(repeat: &Repeat, part: &[StressSecond], width: u32) -> Bin {
    let from = part[0].second / width * width;
    let mean =
        |of: fn(&StressSecond) -> u64| part.iter().map(of).sum::<u64>() as f64 / part.len() as f64;
    Bin {
        from: f64::from(from),
        to: f64::from(from.saturating_add(width)),
        wanted: repeat.wanted(part[0].second),
        ended: ENDINGS.map(|(_, _, of)| mean(of)),
        in_flight: part.iter().map(|it| it.in_flight).max().unwrap_or(0) as f64,
        p99: part.iter().filter_map(|it| it.p99_ms).reduce(f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::stress_sample::sample;

    #[test]
    fn a_long_repeat_has_bins_of_several_seconds() {
        let mut repeat = sample().repeats[0].clone();
        assert_eq!(bins(&repeat).len(), 48);
        let last = repeat.seconds[47];
        repeat.seconds.extend((48..720).map(|second| StressSecond { second, ..last }));
        let found = bins(&repeat);
        assert!(found.len() <= 181 && found.windows(2).all(|pair| pair[0].to <= pair[1].from));
        assert!((found.last().unwrap().ended[0] - 60.0).abs() < 1e-9, "per second");
        repeat.seconds.clear();
        assert_eq!(bins(&repeat), []);
    }
}
