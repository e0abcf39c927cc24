//! How far the coordinator's clock is ahead of an agent's, from the four stamps of exchanges.
//!
//! The agent asks at `a` and hears the answer at `d` by its own clock; the coordinator was asked at
//! `b` and answered at `c` by its clock. As nothing arrives before it is sent, the coordinator's
//! clock is ahead by at most `b − a` and by at least `c − d`, however different the two ways were.
//! Several exchanges narrow that down; what one said some time ago is believed the less, as clocks
//! run at different speeds.

use std::collections::VecDeque;
use std::time::Instant;

/// Two clocks that never go back may drift apart by so many nanoseconds in a millisecond: 500 ppm is
/// the most by which systems slew theirs.
const DRIFT: i64 = 500;
/// So many exchanges are remembered.
const REMEMBERED: usize = 64;

/// A clock that never goes back, in nanoseconds since it was made.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// One that begins now.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// What it shows.
    pub fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// What it shows at a moment.
    pub fn at(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.0).as_nanos() as u64
    }

    /// When it shows something.
    pub fn instant(&self, nanos: u64) -> Instant {
        self.0 + std::time::Duration::from_nanos(nanos)
    }
}

/// The four stamps of an exchange, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Asked, by the agent's clock.
    pub asked: u64,
    /// The question came, by the coordinator's clock.
    pub received: u64,
    /// The answer left, by the coordinator's clock.
    pub answered: u64,
    /// The answer came, by the agent's clock.
    pub heard: u64,
}

/// By how much the coordinator's clock is ahead, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// So much.
    pub nanos: i64,
    /// More or less by so much.
    pub bound: u64,
}

/// What is known of the offset.
#[derive(Debug, Default)]
pub struct Comparison {
    /// When it was heard, and between what the offset then lay.
    seen: VecDeque<(u64, i64, i64)>,
}

impl Comparison {
    /// An exchange has taken place. One that cannot have been is not believed.
    pub fn see(&mut self, exchange: Exchange) {
        let Exchange { asked, received, answered, heard } = exchange;
        let ahead =
            |theirs: u64, ours: u64| theirs.cast_signed().saturating_sub(ours.cast_signed());
        let (least, most) = (ahead(answered, heard), ahead(received, asked));
        if heard < asked || answered < received || least > most {
            return;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back((heard, least, most));
    }

    /// How many exchanges are remembered.
    pub fn exchanges(&self) -> usize {
        self.seen.len()
    }

    /// What the offset is at a moment of the agent's clock; `None` before the first exchange.
    pub fn offset(&self, now: u64) -> Option<Offset> {
        let at = |&(heard, least, most): &(u64, i64, i64)| {
            let drift = (now.abs_diff(heard) / 1_000_000).cast_signed() * DRIFT + DRIFT;
            (least.saturating_sub(drift), most.saturating_add(drift))
        };
        let all = self.seen.iter().map(at);
        let (least, most) = all.reduce(|a, b| (a.0.max(b.0), a.1.min(b.1)))?;
        // Clocks that drift faster than that, or jump, agree with the latest exchange only.
        let (least, most) = if least <= most { (least, most) } else { self.seen.back().map(at)? };
        let middle = least + (most - least) / 2;
        Some(Offset { nanos: middle, bound: most.abs_diff(least).div_ceil(2) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exchange(at: u64, ahead: i64, (there, between, back): (u64, u64, u64)) -> Exchange {
        let theirs = |ours: u64| ours.checked_add_signed(ahead).unwrap();
        let received = at + there;
        Exchange {
            asked: at,
            received: theirs(received),
            answered: theirs(received + between),
            heard: received + between + back,
        }
    }

    const S: u64 = 1_000_000_000;

    #[test]
    fn ways_of_the_same_length_tell_the_offset_itself() {
        let mut comparison = Comparison::default();
        assert_eq!(comparison.offset(S), None);
        comparison.see(exchange(S, -400_000, (50_000, 3_000, 50_000)));
        let offset = comparison.offset(S).unwrap();
        assert!(offset.nanos.abs_diff(-400_000) <= 1_000, "{offset:?}");
        assert!((50_000..52_000).contains(&offset.bound), "{offset:?}");
    }

    #[test]
    fn what_cannot_have_been_is_not_believed() {
        let mut comparison = Comparison::default();
        let good = exchange(S, 7, (5, 5, 5));
        comparison.see(Exchange { heard: good.asked - 1, ..good });
        comparison.see(Exchange { answered: good.received - 1, ..good });
        assert_eq!(comparison.exchanges(), 0);
    }

    #[test]
    fn an_old_exchange_is_worth_less_and_a_jump_is_believed() {
        let mut comparison = Comparison::default();
        comparison.see(exchange(S, 0, (10_000, 0, 10_000)));
        let later = comparison.offset(11 * S).unwrap();
        assert!(later.bound > 5_000_000, "10 s of 500 ppm: {later:?}");
        comparison.see(exchange(11 * S, 900_000_000, (10_000, 0, 10_000)));
        let jumped = comparison.offset(11 * S).unwrap();
        assert!(jumped.nanos.abs_diff(900_000_000) < 20_000, "{jumped:?}");
    }

    proptest! {
        /// Whatever the two ways take, and however the clocks drift within reason.
        #[test]
        fn the_offset_lies_within_its_bound(
            ahead in 0_i64..2_000_000_000_000,
            drift in -400_i64..400,
            ways in prop::collection::vec((0_u64..40_000_000, 0_u64..2_000_000, 0_u64..40_000_000), 1..80),
        ) {
            let mut comparison = Comparison::default();
            let (mut at, mut truth) = (S, ahead);
            for way in ways {
                truth = ahead + ((at - S) / 1_000_000).cast_signed() * drift;
                let seen = exchange(at, truth, way);
                comparison.see(seen);
                at = seen.heard + 100_000_000;
            }
            let offset = comparison.offset(at).unwrap();
            let now = ahead + ((at - S) / 1_000_000).cast_signed() * drift;
            prop_assert!(offset.nanos.abs_diff(now) <= offset.bound, "{offset:?} {now} {truth}");
        }
    }
}
