//! An agent's load that gets other rates while it goes on: what it says of itself for that, at once,
//! and what it does of what it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::collector::Progress;
use crate::engine::orders::Order;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::fleet::loads::{Ordered, Passed, Stay};
use crate::units::{Moment, Rate};

/// So many seconds are said again and again, as some of that may be lost.
const SAID_AGAIN: usize = 4;

/// What there is to be told of a load.
#[derive(Debug)]
pub(super) struct Steering {
    is_steered: bool,
    highest: Rate,
    /// Its latest seconds.
    passed: Arc<Mutex<VecDeque<Passed>>>,
    /// How many other rates it has got.
    known: usize,
}

impl Steering {
    /// Of a load; one that nobody stays for is as it was planned.
    pub(super) fn of(stay: Option<&Stay>) -> Steering {
        Steering {
            is_steered: stay.is_some_and(|stay| stay.load.is_steered),
            highest: Rate(stay.map_or(0.0, |stay| stay.highest)),
            passed: Arc::default(),
            known: 0,
        }
    }

    /// Hears what happens under load.
    pub(super) fn listener(&self) -> impl FnMut(Event) + Send + use<> {
        let passed = self.is_steered.then(|| Arc::clone(&self.passed));
        move |event| {
            if let (Event::Progress(progress), Some(passed)) = (event, &passed) {
                note(&mut passed.lock().unwrap_or_else(PoisonError::into_inner), &progress);
            }
        }
    }

    /// The latest seconds.
    pub(super) fn passed(&self) -> Vec<Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Does at a moment what was ordered and is new; why that cannot be done.
    pub(super) fn obey(
        &mut self,
        orders: &[Ordered],
        now: Moment,
        control: &Control,
    ) -> Option<String> {
        let new = orders.get(self.known..).unwrap_or_default();
        self.known += new.len();
        for order in new.iter().map(|order| order.order()) {
            let (from, rate) = match order {
                Order::Rate { from, rate } => (from, rate),
                Order::End { at } => (at, Rate::ZERO),
            };
            let is_agreed = self.is_steered && rate.0 >= 0.0 && rate.0 <= self.highest.0;
            if !is_agreed {
                let most = self.highest;
                return Some(format!("was told to send at {rate}, and {most} at most was agreed"));
            }
            // Others have heard it in time, and the load would not be what they share.
            if from <= now {
                let late = Duration::from_nanos(now.0 - from.0).as_millis();
                return Some(format!("heard {late} ms too late of another rate"));
            }
            control.orders.give(order);
        }
        None
    }
}

fn note(passed: &mut VecDeque<Passed>, progress: &Progress) {
    if passed.len() == SAID_AGAIN {
        passed.pop_front();
    }
    passed.push_back(Passed::of(progress));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::loads::OneLoad;
    use crate::scenario::load::{ArrivalProcess, Load};

    fn stay(is_steered: bool) -> Stay {
        let load = Load::new(ArrivalProcess::Poisson, 1, Vec::new());
        Stay {
            run: String::new(),
            epoch: String::new(),
            highest: 100.0,
            is_question: false,
            load: OneLoad::of(&load, 0, is_steered),
        }
    }

    fn rate(second: u64, rate: f64) -> Ordered {
        Ordered::of(&Order::Rate { from: Moment(second * 1_000_000_000), rate: Rate(rate) })
    }

    #[test]
    fn an_order_is_done_once_in_time_and_up_to_what_was_agreed() {
        let (control, now) = (Control::default(), Moment(5_000_000_000));
        let mut steering = Steering::of(Some(&stay(true)));
        let mut all = vec![rate(6, 50.0)];
        assert_eq!(steering.obey(&all, now, &control), None);
        assert_eq!(steering.obey(&all, Moment(7_000_000_000), &control), None, "it is known");
        all.push(rate(9, 100.0));
        assert_eq!(steering.obey(&all, now, &control), None);
        assert_eq!(control.orders.all().len(), 2);
        all.push(rate(12, 100.1));
        assert!(steering.obey(&all, now, &control).unwrap().contains("agreed"));
        all.push(rate(5, 10.0));
        assert!(steering.obey(&all, now, &control).unwrap().contains("too late"));
        assert_eq!(control.orders.all().len(), 2);
        let mut planned = Steering::of(Some(&stay(false)));
        assert!(planned.obey(&[rate(6, 1.0)], now, &control).is_some());
        assert!(Steering::of(None).obey(&[rate(6, 0.0)], now, &control).is_some());
    }

    #[test]
    fn the_latest_seconds_are_told_of_a_load_that_is_steered() {
        for (is_steered, expected) in [(true, vec![2, 3, 4, 5]), (false, vec![])] {
            let steering = Steering::of(Some(&stay(is_steered)));
            let mut hear = steering.listener();
            for second in 0..6 {
                hear(Event::Progress(Progress { second, ..Progress::default() }));
            }
            let seconds: Vec<u32> = steering.passed().iter().map(|it| it.second).collect();
            assert_eq!(seconds, expected);
        }
    }
}
