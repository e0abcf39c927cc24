//! Seconds of the target that are told by two: what is read here, of its metrics and its database,
//! and what somebody sees of its processes where they are.
//!
//! Both become one second of the record. One that comes too late is not in it.

use std::collections::BTreeMap;

use crate::record::gauge::{Gauge, GaugeId, Source};
use crate::record::telemetry::TargetSecond;

/// So many seconds one waits for the other.
const PATIENCE: u32 = 4;
/// So many seconds wait at a time: no more come in that time, whatever somebody tells.
const MOST: usize = 64;
/// Names of series are this long at most, in letters.
const LONGEST: usize = 200;

/// Seconds that are not complete yet.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Whether something is read here as well.
    reads: bool,
    seconds: BTreeMap<u32, Waiting>,
    /// All before are in the record.
    told_before: u32,
}

#[derive(Debug, Default)]
struct Waiting {
    own: Option<TargetSecond>,
    theirs: Option<TargetSecond>,
}

impl Beside {
    /// Where something is read here as well, or not.
    pub(super) fn new(reads: bool) -> Beside {
        Beside { reads, ..Beside::default() }
    }

    /// What was read here.
    pub(super) fn own(&mut self, second: TargetSecond) {
        if let Some(waiting) = self.at(second.second) {
            waiting.own = Some(second);
        }
    }

    /// What the other one has seen; more than the processes is none of its business.
    pub(super) fn theirs(&mut self, second: TargetSecond, table: &[Gauge]) {
        let second = of_processes(second, table);
        if let Some(waiting) = self.at(second.second) {
            waiting.theirs.get_or_insert(second);
        }
    }

    fn at(&mut self, second: u32) -> Option<&mut Waiting> {
        let is_full = self.seconds.len() >= MOST && !self.seconds.contains_key(&second);
        let is_welcome = second >= self.told_before && !is_full;
        is_welcome.then(|| self.seconds.entry(second).or_default())
    }

    /// Seconds for which there is nothing to wait, at a second of the schedule.
    pub(super) fn complete(&mut self, now: u32) -> Vec<TargetSecond> {
        let mut complete = Vec::new();
        while let Some(entry) = self.seconds.first_entry() {
            let (second, waiting) = (*entry.key(), entry.get());
            let is_whole = waiting.theirs.is_some() && waiting.own.is_some() == self.reads;
            if !is_whole && second.saturating_add(PATIENCE) > now {
                break;
            }
            self.told_before = second.saturating_add(1);
            complete.extend(merged(entry.remove()));
        }
        complete
    }
}

fn merged(waiting: Waiting) -> Option<TargetSecond> {
    let Waiting { own, theirs } = waiting;
    let (mut own, theirs) = match (own, theirs) {
        (Some(own), Some(theirs)) => (own, theirs),
        (one, other) => return one.or(other),
    };
    for (index, value) in theirs.values.into_iter().enumerate() {
        if let Some(place) = own.values.get_mut(index).filter(|place| place.is_none()) {
            *place = value;
        }
    }
    for (id, series) in theirs.series {
        own.series.entry(id).or_insert(series);
    }
    Some(own)
}

/// What a second says of processes and their machine; what cannot be is not believed.
fn of_processes(second: TargetSecond, table: &[Gauge]) -> TargetSecond {
    let is_theirs = |index: usize| {
        let source = table.get(index).map(|gauge| gauge.source);
        matches!(source, Some(Source::Processes | Source::Group | Source::Machine))
    };
    let values = second.values.iter().copied().chain(std::iter::repeat(None)).take(table.len());
    let sane = |value: &f64| value.is_finite() && *value >= 0.0;
    let values = values
        .enumerate()
        .map(|(index, value)| value.filter(|value| is_theirs(index) && sane(value)));
    let short = |text: String| text.chars().take(LONGEST).collect::<String>();
    let series = second.series.into_iter().filter(|(id, _)| is_theirs(GaugeId::index(*id)));
    TargetSecond {
        second: second.second,
        values: values.collect(),
        series: series.map(|(id, text)| (id, short(text))).collect(),
        ..TargetSecond::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::gauge;

    const TABLE: [Gauge; 2] = [gauge::CPU, gauge::EVENT_LOOP_DELAY];

    fn second(second: u32, values: [Option<f64>; 2]) -> TargetSecond {
        TargetSecond { second, values: values.to_vec(), ..TargetSecond::default() }
    }

    fn told(beside: &mut Beside, now: u32) -> Vec<(u32, Vec<Option<f64>>)> {
        beside.complete(now).into_iter().map(|it| (it.second, it.values)).collect()
    }

    #[test]
    fn both_become_one_second_and_neither_waits_for_ever() {
        let mut beside = Beside::new(true);
        beside.own(second(0, [None, Some(7.0)]));
        assert_eq!(told(&mut beside, 1), []);
        beside.theirs(second(0, [Some(0.5), Some(99.0)]), &TABLE);
        assert_eq!(told(&mut beside, 1), [(0, vec![Some(0.5), Some(7.0)])]);
        beside.theirs(second(1, [Some(0.6), None]), &TABLE);
        beside.own(second(2, [None, Some(8.0)]));
        assert_eq!(told(&mut beside, 4), []);
        assert_eq!(told(&mut beside, 5), [(1, vec![Some(0.6), None])]);
        // Too late, and once more.
        beside.own(second(1, [None, Some(8.0)]));
        beside.theirs(second(0, [Some(0.5), None]), &TABLE);
        assert_eq!(told(&mut beside, u32::MAX), [(2, vec![None, Some(8.0)])]);
    }

    #[test]
    fn who_tells_of_the_time_to_come_is_not_kept_for_ever() {
        let mut beside = Beside::new(true);
        for number in 1_000..2_000 {
            beside.theirs(second(number, [Some(0.5), None]), &TABLE);
        }
        assert_eq!(beside.seconds.len(), MOST);
    }

    #[test]
    fn without_anything_of_our_own_theirs_is_the_second() {
        let mut beside = Beside::new(false);
        beside.theirs(second(3, [Some(0.5), None]), &TABLE);
        beside.theirs(second(3, [Some(0.7), None]), &TABLE);
        assert_eq!(told(&mut beside, 4), [(3, vec![Some(0.5), None])], "the first counts");
    }

    #[test]
    fn what_is_none_of_theirs_or_cannot_be_is_not_believed() {
        for (values, expected) in [
            (vec![Some(0.5), Some(1.0), Some(2.0)], vec![Some(0.5), None]),
            (vec![Some(-1.0)], vec![None, None]),
            (vec![Some(f64::NAN)], vec![None, None]),
            (vec![], vec![None, None]),
        ] {
            let told = TargetSecond { values, ..TargetSecond::default() };
            assert_eq!(of_processes(told, &TABLE).values, expected);
        }
    }
}
