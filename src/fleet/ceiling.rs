//! The most that a share begins in a second, which an agent's owner limits.
//!
//! Arrivals that are drawn have a rate, and by chance a second has more or fewer of them. Those that
//! were recorded come in bursts, which the average of a stage does not show: they are counted, in
//! whatever second has most of them.

use std::collections::VecDeque;

use crate::scenario::load::Load;
use crate::scenario::slots::Slots;
use crate::schedule::several::Stream;
use crate::units::{Moment, Rate};

const SECOND: u64 = 1_000_000_000;

/// The most iterations that some slots begin per second of a load whose rate is at most `peak`.
pub fn busiest(load: &Load, slots: Slots, peak: Rate) -> Rate {
    if load.parts.iter().any(|part| part.recorded.is_some()) {
        return Rate(most_in_a_second(load, slots) as f64);
    }
    Rate(peak.0 * f64::from(slots.count) / f64::from(slots.of.max(1)))
}

/// Of all seconds, wherever they begin.
fn most_in_a_second(load: &Load, slots: Slots) -> usize {
    let mine = slots.first..slots.first + slots.count;
    let is_mine = |index: u64| mine.contains(&((index % u64::from(slots.of.max(1))) as u32));
    let (mut second, mut most) = (VecDeque::<Moment>::new(), 0);
    for arrival in Stream::new(load).filter(|arrival| is_mine(arrival.index)) {
        second.push_back(arrival.at);
        while second.front().is_some_and(|first| arrival.at.0 - first.0 >= SECOND) {
            second.pop_front();
        }
        most = most.max(second.len());
    }
    most
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::load::{ArrivalProcess, Part, Recorded, Stage};

    /// A minute with so many recorded moments, in milliseconds.
    fn recorded(moments: impl Iterator<Item = u64>) -> Load {
        let moments: Vec<u64> = moments.map(|millis| millis * 1_000_000).collect();
        let rate = Rate(moments.len() as f64 / 60.0);
        let length = Duration::from_secs(60);
        let stage = Stage { length, from: rate, to: rate, users: None, warmup: false };
        let part = Part {
            flows: vec![0],
            arrivals: ArrivalProcess::Poisson,
            stages: vec![stage.clone()],
            recorded: Some(Recorded(moments.into())),
        };
        Load { parts: vec![part], ..Load::new(ArrivalProcess::Poisson, 1, vec![stage]) }
    }

    const ALL: Slots = Slots { first: 0, count: 1, of: 1 };
    const HALF: Slots = Slots { first: 1, count: 1, of: 2 };

    fn of(load: &Load, slots: Slots) -> f64 {
        busiest(load, slots, load.peak()).0
    }

    #[test]
    fn a_burst_counts_and_not_the_average_of_its_stage() {
        let even = recorded((0..600).map(|n| n * 100));
        assert_eq!((of(&even, ALL), of(&even, HALF)), (10.0, 5.0));
        // The same number, most of it in half a second that lies across the border of two.
        let burst = recorded((0..500).map(|n| 9_750 + n).chain((0..100).map(|n| 20_000 + n * 300)));
        assert_eq!((of(&burst, ALL), of(&burst, HALF)), (500.0, 250.0));
        assert!(burst.peak().0 < 11.0, "the average hides it");
    }

    #[test]
    fn what_is_drawn_has_its_rate() {
        let load = recorded(std::iter::empty());
        let drawn = Load { parts: Vec::new(), ..load };
        assert!((busiest(&drawn, HALF, Rate(90.0)).0 - 45.0).abs() < 1e-9);
    }
}
