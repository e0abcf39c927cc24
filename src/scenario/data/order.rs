//! Which row belongs to an iteration or to a user: decided by the seed and their number alone, so
//! that neither workers nor the time at which something is sent have a part in it.

use super::mixing::{below, mixed, permuted};
use super::zipf::Zipf;

/// In which order rows are taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// One after the other, again from the first one behind the last.
    Sequential,
    /// Each once in an order of its own, then each once in another.
    Shuffled,
    /// Each time any.
    Random,
    /// The first most often, the `k`-th as often as `1/k^s`.
    Zipf(Zipf),
    /// Each once, one after the other.
    Unique(AtEnd),
}

/// What comes when each unique row was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// The load ends.
    Stop,
    /// The first row again.
    Wrap,
    /// What is due is not sent.
    Fail,
}

/// For what rows are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// A load.
    Load,
    /// To look at a scenario: from the first row on, as often as one likes.
    Look,
    /// To try something out before a load, which shall find its own rows unused: the last ones.
    Aside,
}

/// What decides a row besides the number of who takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The seed of the load.
    pub seed: u64,
    /// What tells one source from another.
    pub salt: u64,
    /// For what.
    pub taking: Taking,
}

/// So many rows at the end are taken aside, or a tenth of all.
const ASIDE: u64 = 64;

impl Order {
    /// The row for a number, from 0, of so many; `None` where each was taken.
    pub fn row(&self, number: u64, rows: u64, draw: Draw) -> Option<u64> {
        if rows == 0 {
            return None;
        }
        let key = mixed(draw.seed ^ mixed(draw.salt));
        let place = match draw.taking {
            Taking::Load => number,
            Taking::Look => number % rows,
            Taking::Aside => rows - 1 - number % rows.min(ASIDE.max(rows / 10)),
        };
        match self {
            Order::Shuffled => {
                let round = key.wrapping_add(mixed(place / rows));
                Some(permuted(place % rows, rows, round))
            }
            Order::Random => Some(below(rows, mixed(key ^ mixed(number)))),
            Order::Zipf(zipf) => Some(zipf.draw(key ^ mixed(number))),
            Order::Unique(_) if place < rows => Some(place),
            Order::Sequential | Order::Unique(AtEnd::Wrap) => Some(place % rows),
            Order::Unique(AtEnd::Stop | AtEnd::Fail) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DRAW: Draw = Draw { seed: 7, salt: 0, taking: Taking::Load };

    fn rows(order: Order, numbers: std::ops::Range<u64>, count: u64) -> Vec<Option<u64>> {
        numbers.map(|number| order.row(number, count, DRAW)).collect()
    }

    #[test]
    fn sequential_rows_come_again_from_the_first_on() {
        let found = rows(Order::Sequential, 0..5, 3);
        assert_eq!(found, [0, 1, 2, 0, 1].map(Some));
    }

    #[test]
    fn a_shuffle_has_each_row_once_and_the_next_one_has_another_order() {
        let rounds = [0..100, 100..200].map(|round| rows(Order::Shuffled, round, 100));
        for round in &rounds {
            assert_eq!(round.iter().flatten().collect::<BTreeSet<_>>().len(), 100);
        }
        assert_ne!(rounds[0], rounds[1]);
        assert_ne!(rounds[0], (0..100).map(Some).collect::<Vec<_>>());
        let other = Draw { salt: 1, ..DRAW };
        let other: Vec<_> =
            (0..100).map(|number| Order::Shuffled.row(number, 100, other)).collect();
        assert_ne!(other, rounds[0], "two sources of the same length do not go together");
    }

    #[test]
    fn unique_rows_end() {
        for (at_end, fourth) in [(AtEnd::Stop, None), (AtEnd::Fail, None), (AtEnd::Wrap, Some(0))] {
            let found = rows(Order::Unique(at_end), 0..4, 3);
            assert_eq!(found, [Some(0), Some(1), Some(2), fourth], "{at_end:?}");
        }
    }

    #[test]
    fn random_rows_are_any_and_the_same_for_the_same_seed() {
        let found = rows(Order::Random, 0..10_000, 10);
        for row in 0..10 {
            let times = found.iter().filter(|found| **found == Some(row)).count();
            assert!((850..1_150).contains(&times), "{row}: {times}");
        }
        assert_eq!(found, rows(Order::Random, 0..10_000, 10));
        let zipf = Order::Zipf(Zipf::new(10, 1.0));
        let first = rows(zipf, 0..10_000, 10).iter().filter(|row| **row == Some(0)).count();
        assert!((3_200..3_650).contains(&first), "{first}, 3414 expected");
    }

    #[test]
    fn what_is_tried_before_a_load_takes_the_last_rows() {
        let fail = Order::Unique(AtEnd::Fail);
        let aside = Draw { taking: Taking::Aside, ..DRAW };
        for number in [0, 900_000_123, 900_000_124, u64::MAX] {
            let row = fail.row(number, 10_000, aside).unwrap();
            assert!(row >= 9_000, "{row}");
            assert!(fail.row(number, 3, aside).unwrap() < 3);
        }
        let [one, other] = [5, 6].map(|number| fail.row(number, 10_000, aside));
        assert_ne!(one, other);
        let look = Draw { taking: Taking::Look, ..DRAW };
        assert_eq!([0, 3].map(|number| fail.row(number, 3, look)), [Some(0); 2]);
        assert_eq!(fail.row(0, 0, look), None);
    }
}
