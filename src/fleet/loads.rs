//! What is said of several loads one after the other, for which agents stay, and of one that gets
//! other rates while it goes on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::collector::Progress;
use crate::engine::orders::Order;
use crate::record::outcome::Outcome;
use crate::scenario::load::{ArrivalProcess, Crowd, Load, Stage};
use crate::units::{Moment, Rate};

/// Several loads one after the other, for which an agent stays with a coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stay {
    /// Names them: whoever has heard no beat under this name for a while is free again.
    pub run: String,
    /// Of the coordinator.
    pub epoch: String,
    /// The most arrivals per second that any of them has, all generators together.
    pub highest: f64,
    /// Whether it is only asked if an agent could; the scenario of that holds for all that follow.
    pub is_question: bool,
    /// The one to be carried out.
    pub load: OneLoad,
}

/// One of several loads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OneLoad {
    /// How arrivals are spread.
    pub arrivals: ArrivalProcess,
    /// Decides them.
    pub seed: u64,
    /// One after the other.
    pub stages: Vec<OneStage>,
    /// How many iterations the target has had in the loads before.
    pub iterations: u64,
    /// Whether it gets other rates while it goes on.
    pub is_steered: bool,
}

/// A stage of it. Rates are the bits of numbers: two must not differ in the last digit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OneStage {
    length_ns: u64,
    from_bits: u64,
    to_bits: u64,
    users: Option<Crowd>,
    warmup: bool,
}

impl OneLoad {
    /// As it is sent.
    pub fn of(load: &Load, iterations: u64, is_steered: bool) -> OneLoad {
        let stage = |stage: &Stage| OneStage {
            length_ns: stage.length.as_nanos() as u64,
            from_bits: stage.from.0.to_bits(),
            to_bits: stage.to.0.to_bits(),
            users: stage.users,
            warmup: stage.warmup,
        };
        let stages = load.stages.iter().map(stage).collect();
        OneLoad { arrivals: load.arrivals, seed: load.seed, stages, iterations, is_steered }
    }

    /// As it is played.
    pub fn load(&self) -> Load {
        let stage = |stage: &OneStage| Stage {
            length: Duration::from_nanos(stage.length_ns),
            from: Rate(f64::from_bits(stage.from_bits)),
            to: Rate(f64::from_bits(stage.to_bits)),
            users: stage.users,
            warmup: stage.warmup,
        };
        Load::new(self.arrivals, self.seed, self.stages.iter().map(stage).collect())
    }
}

/// Another rate for a load under way, or its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// From this nanosecond of the schedule on.
    pub from: u64,
    /// The bits of how many arrivals per second, all generators together; `None`: it ends.
    pub rate_bits: Option<u64>,
}

impl Ordered {
    /// As it is sent.
    pub fn of(order: &Order) -> Ordered {
        match *order {
            Order::Rate { from, rate } => {
                Ordered { from: from.0, rate_bits: Some(rate.0.to_bits()) }
            }
            Order::End { at } => Ordered { from: at.0, rate_bits: None },
        }
    }

    /// As it is done.
    pub fn order(self) -> Order {
        let from = Moment(self.from);
        match self.rate_bits {
            Some(bits) => Order::Rate { from, rate: Rate(f64::from_bits(bits)) },
            None => Order::End { at: from },
        }
    }
}

/// A second of an agent, as whoever steers the load wants it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Passed {
    /// Of the schedule.
    pub second: u32,
    /// Requests that fell due in it.
    pub offered: u64,
    /// Requests that ended in it, by how they did.
    pub outcomes: [u64; Outcome::COUNT],
    /// Of the server errors, those with status 503.
    pub unavailable: u64,
    /// Of the transport errors, refused connections.
    pub refused: u64,
    /// Requests that were not sent in it because of the generator.
    pub unsent_by_us: u64,
    /// p99 of the response times that ended in it, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// The longest that it stood still, in nanoseconds.
    pub stood_still_ns: u64,
    /// Ticks of its threads that came late.
    pub late_ticks: u64,
    /// Requests in flight at its end.
    pub in_flight: u64,
}

impl Passed {
    /// Of what a generator says of a second.
    pub fn of(progress: &Progress) -> Passed {
        Passed {
            second: progress.second,
            offered: progress.offered,
            outcomes: progress.outcomes,
            unavailable: progress.unavailable,
            refused: progress.refused,
            unsent_by_us: progress.unsent_by_us,
            p99_ns: progress.p99.map(|millis| (millis * 1e6) as u64),
            stood_still_ns: progress.stood_still_ns,
            late_ticks: progress.late_ticks,
            in_flight: progress.in_flight,
        }
    }

    /// Adds it to what others say of the same second.
    pub fn add_to(&self, sum: &mut Progress) {
        sum.offered += self.offered;
        sum.outcomes.iter_mut().zip(self.outcomes).for_each(|(sum, more)| *sum += more);
        sum.unavailable += self.unavailable;
        sum.refused += self.refused;
        sum.unsent_by_us += self.unsent_by_us;
        // That of all together is no longer than the longest.
        let p99 = self.p99_ns.map(|nanos| nanos as f64 / 1e6);
        sum.p99 = sum.p99.into_iter().chain(p99).reduce(f64::max);
        sum.stood_still_ns = sum.stood_still_ns.max(self.stood_still_ns);
        sum.late_ticks = sum.late_ticks.max(self.late_ticks);
        sum.in_flight += self.in_flight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_load_is_the_load_to_the_last_digit() {
        let stage = |from: f64, to: f64, warmup| Stage {
            length: Duration::from_nanos(1_234_567_891),
            from: Rate(from),
            to: Rate(to),
            users: None,
            warmup,
        };
        let stages = vec![stage(0.1 + 0.2, 1e17 / 3.0, true), stage(1.0 / 3.0, 5e-324, false)];
        let load = Load::new(ArrivalProcess::Uniform, u64::MAX, stages);
        let told = serde_json::to_string(&OneLoad::of(&load, 7, true)).unwrap();
        let heard: OneLoad = serde_json::from_str(&told).unwrap();
        assert_eq!((heard.load(), heard.iterations, heard.is_steered), (load, 7, true));
        let orders = [
            Order::Rate { from: Moment(u64::MAX), rate: Rate(0.1 + 0.2) },
            Order::End { at: Moment(1) },
        ];
        for order in orders {
            let told = serde_json::to_string(&Ordered::of(&order)).unwrap();
            assert_eq!(serde_json::from_str::<Ordered>(&told).unwrap().order(), order);
        }
    }

    #[test]
    fn seconds_of_several_are_one_second() {
        let of = |offered: u64, stood_still_ns| Passed {
            offered,
            outcomes: std::array::from_fn(|index| index as u64 + offered),
            stood_still_ns,
            p99_ns: (offered == 3).then_some(7_000_000),
            late_ticks: offered,
            in_flight: 2,
            ..Passed::default()
        };
        let mut sum = Progress::default();
        of(3, 9).add_to(&mut sum);
        of(4, 5).add_to(&mut sum);
        assert_eq!((sum.offered, sum.stood_still_ns, sum.late_ticks, sum.in_flight), (7, 9, 4, 4));
        assert_eq!((sum.outcomes[0], sum.p99), (7, Some(7.0)));
        assert_eq!(sum.outcomes[2], 11);
    }
}
