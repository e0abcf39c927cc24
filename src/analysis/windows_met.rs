//! Objectives that must hold in most windows of a run: in how many they did, and what lies beside them.

use crate::analysis::assessment::SloStatus;
use crate::analysis::evidence;
use crate::analysis::stats::{ALPHA, Tally, share_at_least};
use crate::analysis::window::Judged;
use crate::record::run::{RunRecord, SloHead, WindowsHead};

/// In how many complete windows an objective held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WindowsMet {
    /// Windows in which it held.
    good: u64,
    /// Windows with requests.
    pub all: u64,
}

impl WindowsMet {
    pub(super) fn share(self) -> f64 {
        if self.all == 0 { 0.0 } else { self.good as f64 / self.all as f64 }
    }

    pub(super) fn status(self, required: f64) -> SloStatus {
        match self {
            WindowsMet { all: 0, .. } => SloStatus::Inconclusive,
            windows_met if windows_met.share() >= required - 1e-12 => SloStatus::Met,
            WindowsMet { .. } => SloStatus::Missed,
        }
    }
}

/// Missed only if too few windows held whatever the end of open requests, met only if
/// enough did, and would have if the seconds beside them were windows too.
pub(super) fn windows_status(
    record: &RunRecord,
    judged: &Judged,
    slo: &SloHead,
    windows: WindowsHead,
    tallies: &[Tally],
) -> SloStatus {
    let worst = evidence::worst_tallies(record, &judged.seconds, slo);
    let of = |tallies: &[Tally]| {
        let met = windows_met(judged, tallies, windows, slo.allowed);
        let beside = beside_windows(judged, tallies, windows, slo.allowed);
        let with_rest = WindowsMet { all: met.all + beside.pieces, ..met };
        match (met.status(windows.share), with_rest.status(windows.share)) {
            (SloStatus::Met, SloStatus::Missed) => SloStatus::Inconclusive,
            (certain, _) => certain,
        }
    };
    match (of(tallies), of(&worst)) {
        (SloStatus::Met, SloStatus::Missed) => SloStatus::Inconclusive,
        (SloStatus::Met, worst) => worst,
        (certain, _) => certain,
    }
}

/// Windows are aligned to the beginning of what is judged; one with a second that is not
/// judged, or without requests, is skipped.
pub(super) fn windows_met(
    judged: &Judged,
    tallies: &[Tally],
    windows: WindowsHead,
    allowed: f64,
) -> WindowsMet {
    windows_met_if(judged, tallies, windows, |_, tally| tally.share() <= allowed)
}

pub(super) fn windows_met_if(
    judged: &Judged,
    tallies: &[Tally],
    windows: WindowsHead,
    holds: impl Fn(&[u32], Tally) -> bool,
) -> WindowsMet {
    let mut windows_met = WindowsMet::default();
    let whole = pieces(judged, tallies, windows).filter(|piece| piece.is_whole);
    for piece in whole.filter(|piece| piece.tally.all > 0) {
        windows_met.all += 1;
        windows_met.good += u64::from(holds(piece.seconds, piece.tally));
    }
    windows_met
}

/// Judged seconds that lie in one window.
pub(super) struct Piece<'s> {
    /// Which.
    pub seconds: &'s [u32],
    /// What was due in them.
    pub tally: Tally,
    /// Whether they are all of it.
    pub is_whole: bool,
}

/// What is judged, cut into windows from its beginning on.
pub(super) fn pieces<'s>(
    judged: &'s Judged,
    tallies: &'s [Tally],
    windows: WindowsHead,
) -> impl Iterator<Item = Piece<'s>> {
    let length = windows.seconds.max(1);
    let (mut seconds, mut rest) = (&judged.seconds[..], tallies);
    std::iter::from_fn(move || {
        let first = seconds.first()?;
        let start = first - (first - judged.from) % length;
        let inside = seconds.partition_point(|second| *second < start.saturating_add(length));
        let tally = Tally::sum(rest[..inside].iter().copied());
        let piece =
            Piece { seconds: &seconds[..inside], tally, is_whole: inside == length as usize };
        (seconds, rest) = (&seconds[inside..], &rest[inside..]);
        Some(piece)
    })
}

/// Seconds that are in no complete window, as those at the end, where an objective surely did not hold: by
/// chance alone a part of a window is worse than the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Beside {
    /// Parts of windows.
    pub pieces: u64,
    /// All their seconds.
    pub seconds: usize,
    /// What was due in them.
    pub total: Tally,
}

pub(super) fn beside_windows(
    judged: &Judged,
    tallies: &[Tally],
    windows: WindowsHead,
    allowed: f64,
) -> Beside {
    let mut beside = Beside::default();
    for piece in pieces(judged, tallies, windows).filter(|piece| !piece.is_whole) {
        let Tally { bad, all } = piece.tally;
        if bad > 0 && share_at_least(bad as f64, all as f64, ALPHA) > allowed {
            beside.pieces += 1;
            beside.seconds += piece.seconds.len();
            beside.total = Tally::sum([beside.total, piece.tally]);
        }
    }
    beside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assessment::Warmup;

    fn judged(seconds: Vec<u32>) -> Judged {
        let (from, to) = (seconds[0], seconds[seconds.len() - 1] + 1);
        let length = seconds.len() as f64;
        Judged { from, to, warmup: Warmup::None, seconds, length }
    }

    #[test]
    fn only_complete_windows_with_requests_count() {
        let windows = WindowsHead { share: 0.9, seconds: 5 };
        let fine = Tally { all: 100, bad: 0 };
        let bad = Tally { all: 100, bad: 50 };
        let none = Tally::default();
        for (seconds, tallies, good, all) in [
            ((10..22).collect::<Vec<_>>(), vec![fine; 12], 2, 2),
            ((10..20).collect(), [vec![fine; 5], vec![none; 5]].concat(), 1, 1),
            ((10..20).collect(), [vec![fine; 5], vec![bad; 5]].concat(), 1, 2),
            ([(0..3).collect::<Vec<_>>(), (5..10).collect()].concat(), vec![fine; 8], 1, 1),
            ((0..4).collect(), vec![fine; 4], 0, 0),
        ] {
            let found = windows_met(&judged(seconds.clone()), &tallies, windows, 0.01);
            assert_eq!(found, WindowsMet { good, all }, "{seconds:?}");
        }
    }

    #[test]
    fn what_is_bad_beside_the_windows_is_counted() {
        let windows = WindowsHead { share: 0.9, seconds: 5 };
        let [fine, bad] = [0, 50].map(|bad| Tally { all: 100, bad });
        let unlucky = Tally { all: 100, bad: 2 };
        for (seconds, last, pieces, at_end) in [
            ((10..20).collect::<Vec<_>>(), bad, 0, 0),
            ((10..22).collect(), bad, 1, 2),
            ((10..22).collect(), fine, 0, 0),
            // More than is allowed, and no proof.
            ((10..21).collect(), unlucky, 0, 0),
            // A warm-up in the middle cuts windows as well.
            ([(10..13).collect::<Vec<_>>(), (18..20).collect()].concat(), bad, 1, 2),
        ] {
            let mut tallies = vec![fine; seconds.len()];
            let from = tallies.len() - 2.min(tallies.len());
            tallies[from..].fill(last);
            if last == unlucky {
                tallies[from] = fine;
            }
            let found = beside_windows(&judged(seconds.clone()), &tallies, windows, 0.01);
            assert_eq!((found.pieces, found.seconds), (pieces, at_end), "{seconds:?}");
        }
    }

    #[test]
    fn without_windows_nothing_is_met() {
        assert_eq!(WindowsMet::default().status(0.0), SloStatus::Inconclusive);
        assert_eq!(WindowsMet { good: 19, all: 20 }.status(0.95), SloStatus::Met);
        assert_eq!(WindowsMet { good: 18, all: 20 }.status(0.95), SloStatus::Missed);
    }
}
