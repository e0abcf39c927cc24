//! A planned load and the orders that were given while it ran come in; the load that was wanted,
//! stage by stage, goes into the record.

use std::time::Duration;

use crate::engine::orders::{Order, Orders};
use crate::experiment::head;
use crate::record::store::RunWriter;
use crate::scenario::load::{Load, Stage};
use crate::scenario::model::Scenario;
use crate::units::{Moment, Rate};

/// Keeps the load that was wanted, where it was not the planned one.
pub(super) fn keep(writer: &mut RunWriter, scenario: &Scenario, orders: &Orders) {
    if let Some(wanted) = wanted(&scenario.load, &orders.all()) {
        writer.wanted(head::load(&wanted, &scenario.flows));
    }
}

/// The load that was wanted; `None` if it was the planned one.
pub(super) fn wanted(planned: &Load, orders: &[Order]) -> Option<Load> {
    if orders.is_empty() {
        return None;
    }
    let mut stages = planned.stages.clone();
    for order in orders {
        let (from, rate) = match *order {
            Order::Rate { from, rate } => (length(from), Some(rate)),
            Order::End { at } => (length(at), None),
        };
        let whole: Duration = stages.iter().map(|stage| stage.length).sum();
        stages = until(stages, from);
        let left = whole.saturating_sub(from);
        let flat =
            |rate: Rate| Stage { length: left, from: rate, to: rate, users: None, warmup: false };
        stages.extend(rate.filter(|_| !left.is_zero()).map(flat));
    }
    Some(Load { stages, cap: None, ..planned.clone() })
}

fn length(until: Moment) -> Duration {
    Duration::from_nanos(until.0)
}

/// The stages up to a moment.
fn until(stages: Vec<Stage>, end: Duration) -> Vec<Stage> {
    let mut start = Duration::ZERO;
    let mut kept = Vec::new();
    for stage in stages {
        let length = stage.length.min(end.saturating_sub(start));
        start += stage.length;
        if length.is_zero() {
            continue;
        }
        let share = length.as_secs_f64() / stage.length.as_secs_f64();
        let to = Rate(stage.from.0 + (stage.to.0 - stage.from.0) * share);
        kept.push(Stage { length, to, ..stage });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::ArrivalProcess;

    fn stage(seconds: u64, from: f64, to: f64) -> Stage {
        let length = Duration::from_secs(seconds);
        Stage { length, from: Rate(from), to: Rate(to), users: None, warmup: false }
    }

    #[test]
    fn a_steered_load_is_what_was_ordered_up_to_its_end() {
        let second = |second: u64| Moment(second * 1_000_000_000);
        let stages = vec![Stage { warmup: true, ..stage(5, 10.0, 10.0) }, stage(95, 10.0, 200.0)];
        let planned = Load::new(ArrivalProcess::Poisson, 1, stages);
        assert_eq!(wanted(&planned, &[]), None);
        let orders = [
            Order::Rate { from: second(24), rate: Rate(11.0) },
            Order::Rate { from: second(30), rate: Rate(5.0) },
            Order::End { at: second(42) },
        ];
        let found = wanted(&planned, &orders).unwrap();
        let first = Stage { warmup: true, ..stage(5, 10.0, 10.0) };
        let expected = [first, stage(19, 10.0, 48.0), stage(6, 11.0, 11.0), stage(12, 5.0, 5.0)];
        assert_eq!(found.stages, expected);
        let open = wanted(&planned, &orders[..2]).unwrap();
        assert_eq!(open.length(), planned.length(), "it was not ordered to end");
    }
}
