//! Arrivals of several loads at once, as one stream.
//!
//! Each part of a load has arrivals of its own, drawn by the seed and its place or recorded, and
//! none changes those of another. They are put into one order by their moments, and by their
//! parts where these are equal; an arrival's number is its place in that order. So numbers have no
//! gaps, a row of data belongs to one of them, and slots share the whole stream as they share one
//! load's. A cap on the number of iterations ends it.

use std::sync::Arc;

use crate::scenario::load::{Load, Part};
use crate::schedule::{Arrival, Arrivals, Choices};
use crate::units::Moment;

/// The arrivals of a load, whether it has parts or not.
#[derive(Debug, Clone)]
pub enum Stream {
    /// One profile for all flows.
    One(Arrivals),
    /// Several, or one that was recorded or limited.
    Several(Several),
}

/// The arrivals of a load's parts, in order.
#[derive(Debug, Clone)]
pub struct Several {
    lanes: Vec<Lane>,
    drawn: u64,
    /// None has this number or a higher one.
    most: u64,
}

/// The arrivals of one part.
#[derive(Debug, Clone)]
struct Lane {
    moments: Moments,
    next: Option<Moment>,
}

#[derive(Debug, Clone)]
enum Moments {
    Drawn(Box<Arrivals>),
    Recorded(Arc<[u64]>, usize),
}

impl Stream {
    /// Of a load.
    pub fn new(load: &Load) -> Stream {
        if load.parts.is_empty() {
            return Stream::One(Arrivals::new(load));
        }
        let lanes = load.parts.iter().enumerate();
        let lanes = lanes.map(|(place, part)| Lane::new(part, seed_of(load.seed, place)));
        let most = load.most_iterations().unwrap_or(u64::MAX);
        Stream::Several(Several { lanes: lanes.collect(), drawn: 0, most })
    }
}

/// The first part has the arrivals that it would have alone.
fn seed_of(seed: u64, place: usize) -> u64 {
    if place == 0 {
        return seed;
    }
    Choices::new(seed ^ 0x10AD_5EED_0000_0000, place as u64).bits()
}

impl Lane {
    fn new(part: &Part, seed: u64) -> Lane {
        let moments = match &part.recorded {
            Some(recorded) => Moments::Recorded(Arc::clone(&recorded.0), 0),
            None => Moments::Drawn(Box::new(Arrivals::of(&part.stages, part.arrivals, seed))),
        };
        let mut lane = Lane { moments, next: None };
        lane.advance();
        lane
    }

    fn advance(&mut self) {
        self.next = match &mut self.moments {
            Moments::Drawn(arrivals) => arrivals.next().map(|arrival| arrival.at),
            Moments::Recorded(all, place) => {
                let at = all.get(*place).map(|at| Moment(*at));
                *place += 1;
                at
            }
        };
    }
}

impl Iterator for Stream {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        match self {
            Stream::One(arrivals) => arrivals.next(),
            Stream::Several(several) => several.next(),
        }
    }
}

impl Iterator for Several {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        if self.drawn >= self.most {
            return None;
        }
        let due = self.lanes.iter().enumerate().filter_map(|(part, lane)| Some((lane.next?, part)));
        let (at, part) = due.min()?;
        self.lanes[part].advance();
        self.drawn += 1;
        Some(Arrival { index: self.drawn - 1, at, part: part as u16 })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::load::{ArrivalProcess, Cap, CapBy, Recorded, Stage};
    use crate::units::Rate;

    fn part(rate: f64, recorded: Option<&[u64]>) -> Part {
        let (length, rate) = (Duration::from_secs(10), Rate(rate));
        Part {
            flows: vec![0],
            arrivals: ArrivalProcess::Poisson,
            stages: vec![Stage { length, from: rate, to: rate, users: None, warmup: false }],
            recorded: recorded.map(|all| Recorded(all.into())),
        }
    }

    fn load(parts: Vec<Part>, most: Option<u64>) -> Load {
        let cap = most.map(|most| Cap { planned_seconds: 10.0, by: CapBy::Iterations(most) });
        let stages = parts[0].stages.clone();
        Load { parts, cap, ..Load::new(ArrivalProcess::Poisson, 7, stages) }
    }

    fn times(load: &Load, part: u16) -> Vec<u64> {
        let mine = Stream::new(load).filter(|arrival| arrival.part == part);
        mine.map(|arrival| arrival.at.0).collect()
    }

    #[test]
    fn each_part_has_its_own_arrivals_whatever_the_others_have() {
        let recorded = [5, 5, 1_000_000_000, 9_999_999_999];
        let both = load(vec![part(50.0, None), part(7.0, None), part(1.0, Some(&recorded))], None);
        let whole: Vec<Arrival> = Stream::new(&both).collect();
        assert!(whole.is_sorted_by_key(|arrival| (arrival.at, arrival.part)));
        assert!(whole.iter().enumerate().all(|(index, next)| next.index == index as u64));
        let alone = Load::new(ArrivalProcess::Poisson, 7, part(50.0, None).stages);
        let alone: Vec<u64> = Arrivals::new(&alone).map(|arrival| arrival.at.0).collect();
        assert_eq!(times(&both, 0), alone);
        assert_eq!(times(&both, 2), recorded);
        let other = load(vec![part(400.0, None), part(7.0, None)], None);
        assert_eq!(times(&other, 1), times(&both, 1));
        let same = load(vec![part(7.0, None), part(7.0, None)], None);
        assert_ne!(times(&same, 0), times(&same, 1), "two equal loads do not go together");
    }

    #[test]
    fn a_cap_ends_all_parts_together() {
        let of = |most| load(vec![part(50.0, None), part(7.0, None)], most);
        let whole: Vec<Arrival> = Stream::new(&of(None)).collect();
        let capped: Vec<Arrival> = Stream::new(&of(Some(100))).collect();
        assert_eq!(capped, whole[..100]);
        assert_eq!(Stream::new(&of(Some(0))).count(), 0);
    }

    #[test]
    fn what_is_due_at_once_is_in_the_order_of_the_loads() {
        let both = load(vec![part(1.0, Some(&[5, 9])), part(1.0, Some(&[3, 5, 5]))], None);
        let found = Stream::new(&both).map(|next| (next.at.0, next.part, next.index));
        let expected = [(3, 1, 0), (5, 0, 1), (5, 1, 2), (5, 1, 3), (9, 0, 4)];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}
