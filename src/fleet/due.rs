//! Goes through the schedule of a load once for all generators, a second after the other: how many
//! iterations of which flow fall due of each one's share. Pure.
//!
//! Rows that end the load end it for each slot, and another rate holds from its moment on, as they
//! do for workers ([`crate::engine::source`]).

use std::time::Duration;

use crate::engine::drawn;
use crate::engine::orders::Order;
use crate::fleet::entrance::{Entrance, Entrances};
use crate::scenario::data::order::Taking;
use crate::scenario::data::{Per, Rows, Source};
use crate::scenario::model::Scenario;
use crate::scenario::slots::Slots;
use crate::schedule::arms::{Timed, Timing};
use crate::schedule::tenants::Noise;
use crate::schedule::{Arrival, Choices};
use crate::units::{Moment, Rate};

/// In nanoseconds.
pub(super) const SECOND: u64 = 1_000_000_000;

/// Goes through the schedule.
#[derive(Debug)]
pub(super) struct Walk {
    arrivals: Timed,
    next: Option<Arrival>,
    /// Nothing is due at or behind it.
    pub(super) end: Moment,
    /// The first second that has not been walked through.
    pub(super) before: u32,
    /// Whose each slot is.
    whose: Vec<usize>,
    /// Slots that have come to the end of their rows.
    ended: Vec<bool>,
    noise: Option<Noise>,
    iterations: u64,
    /// Whether rows may end the load of which it depends on the target who takes them.
    pub(super) rows_of_users: bool,
    /// Orders that were obeyed.
    orders: usize,
    due: Vec<u64>,
}

impl Walk {
    /// Of generators with some slots, behind so many iterations of other loads.
    pub(super) fn of(scenario: &Scenario, slots: &[Slots], iterations: u64) -> Walk {
        let mut arrivals = Timed::new(&scenario.load, Timing::Alone);
        let next = arrivals.next();
        let of = slots.first().map_or(1, |slots| slots.of.max(1)) as usize;
        let mut whose = vec![usize::MAX; of];
        for (index, slots) in slots.iter().enumerate() {
            let own = slots.first as usize..(slots.first + slots.count) as usize;
            whose.iter_mut().take(own.end).skip(own.start).for_each(|it| *it = index);
        }
        let of_users = |source: &Source| source.per == Per::User && source.at_end().is_some();
        Walk {
            arrivals,
            next,
            end: Moment(scenario.load.length().as_nanos() as u64),
            before: 0,
            ended: vec![false; of],
            whose,
            noise: Noise::of(scenario),
            iterations,
            rows_of_users: scenario.data.sources.iter().any(of_users),
            orders: 0,
            due: vec![0; slots.len() * scenario.flows.len().max(1)],
        }
    }

    /// Another rate, as workers have it.
    pub(super) fn obey(&mut self, orders: &[Order]) {
        for order in orders.iter().skip(self.orders) {
            let (from, rate, is_end) = match *order {
                Order::Rate { from, rate } => (from, rate, false),
                Order::End { at } => (at, Rate::ZERO, true),
            };
            if let Ok(next) = self.arrivals.retarget(from, rate) {
                self.next = next;
                self.end = if is_end { self.end.min(from) } else { self.end };
            }
        }
        self.orders = self.orders.max(orders.len());
    }

    /// Whether nothing more is due.
    pub(super) fn is_over(&self) -> bool {
        u64::from(self.before) * SECOND >= self.end.0
    }

    /// Whether nothing can be due in a second.
    pub(super) fn is_behind(&self, second: u32) -> bool {
        u64::from(second) * SECOND >= self.end.0
    }

    /// Whether the next second has passed.
    pub(super) fn may_go_on(&self, elapsed: Duration) -> bool {
        let passed = elapsed.as_nanos() as u64;
        let second = (u64::from(self.before) + 1) * SECOND;
        !self.is_over() && passed >= second.min(self.end.0)
    }

    /// Whether rows have ended the load of all slots of a generator.
    pub(super) fn has_ended_for(&self, index: usize) -> bool {
        let mut own = self.whose.iter().zip(&self.ended).filter(|(whose, _)| **whose == index);
        own.all(|(_, ended)| *ended)
    }

    /// What is due in the next second of each generator, by flow.
    pub(super) fn second(&mut self, scenario: &Scenario, entrances: &Entrances) -> &[u64] {
        let flows = scenario.flows.len().max(1);
        let until = ((u64::from(self.before) + 1) * SECOND).min(self.end.0);
        self.due.fill(0);
        while let Some(arrival) = self.next.filter(|next| next.at.0 < until) {
            self.next = self.arrivals.next();
            let Some((index, flow)) = self.begun(scenario, arrival) else { continue };
            let is_due = match entrances.entrance(flow) {
                Entrance::Later(thinks) => arrival.at.0.saturating_add(thinks) < self.end.0,
                Entrance::One | Entrance::Some | Entrance::Unknown => true,
            };
            if let Some(due) = self.due.get_mut(index * flows + flow) {
                *due += u64::from(is_due);
            }
        }
        self.before += 1;
        &self.due
    }

    /// Whose an arrival is, and what it begins with; nothing once rows have ended its slot's load.
    fn begun(&mut self, scenario: &Scenario, arrival: Arrival) -> Option<(usize, usize)> {
        let slot = (arrival.index % self.whose.len() as u64) as usize;
        if self.ended[slot] {
            return None;
        }
        let flow = if scenario.flows.len() == 1 {
            0
        } else {
            let mut choices = Choices::new(scenario.load.seed, arrival.index);
            drawn::flow(scenario, self.noise.as_ref(), arrival, &mut choices)
        };
        let taken = &scenario.flows[flow];
        if !taken.sources.is_empty() {
            let rows =
                Rows { data: &scenario.data, seed: scenario.load.seed, taking: Taking::Load };
            if drawn::ends_before(rows, taken, self.iterations + arrival.index + 1) {
                self.ended[slot] = true;
                return None;
            }
        }
        Some((self.whose[slot], flow))
    }
}
