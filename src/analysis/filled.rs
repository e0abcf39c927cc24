//! What of the target filled up, and in which order.
//!
//! Something that has an end (a pool's connections, a core for the event loop, a limit on CPU or
//! memory) is full in a second when nearly all of it is in use. It has filled up when it was full
//! in a good part of the judged seconds; since when is the first second of the run from which on
//! most were. The order is one in time and says nothing about causes.

use crate::analysis::fullness::Filled;
use crate::analysis::number_format::{number, percent};
use crate::analysis::run_data::RunData;
use crate::record::gauge::{self, Gauge, GaugeId};
use crate::record::telemetry::{GeneratorSecond, TargetSecond};
use crate::units::order;

/// From this share on something counts as full.
const FULL: f64 = 0.95;
/// A control group that is stopped for so much of the time has no CPU time left.
const THROTTLED: f64 = 0.05;
/// What was full in a smaller share of the judged seconds has not filled up.
const LEAST_SHARE: f64 = 0.2;
/// Fewer seconds say nothing.
const LEAST_SECONDS: usize = 5;
/// From the first second of so many in a row of which [`MOST`] are full on, something is full.
const SPAN: usize = 5;
const MOST: usize = 3;

/// What filled up, first what did so first.
pub fn filled(data: &RunData) -> Vec<Filled> {
    let seen = Target { seconds: &data.record.target, data };
    let all = [
        pool(&seen),
        event_loop(&seen),
        cpu_limit(&seen),
        machine(data),
        memory_limit(&seen),
        heap(&seen),
        connections(&seen),
    ];
    let mut filled: Vec<Filled> = all.into_iter().flatten().collect();
    order::by(&mut filled, |a, b| a.since.cmp(&b.since).then(b.share.total_cmp(&a.share)));
    filled
}

/// The target's seconds.
struct Target<'f> {
    seconds: &'f [TargetSecond],
    data: &'f RunData<'f>,
}

impl Target<'_> {
    /// A gauge's value in each second.
    fn of(&self, gauge: &Gauge) -> impl Fn(&TargetSecond) -> Option<f64> + use<> {
        let id: Option<GaugeId> = self.data.record.head.gauge(gauge);
        move |second| second.value(id?)
    }

    /// Whether it was full in each second in which that is known.
    fn full(&self, is_full: impl Fn(&TargetSecond) -> Option<bool>) -> Vec<(u32, bool)> {
        let known = self.seconds.iter().filter_map(|it| Some((it.second, is_full(it)?)));
        known.collect()
    }

    /// In the judged seconds; `None` where it was not seen.
    fn highest(&self, of: impl Fn(&TargetSecond) -> Option<f64>) -> Option<f64> {
        let judged = self.seconds.iter().filter(|it| self.data.judged.contains(it.second));
        judged.filter_map(of).reduce(f64::max)
    }
}

/// A pool of connections: all of them are in use, or somebody waits for one.
fn pool(seen: &Target) -> Option<Filled> {
    let [used, waiting, size] =
        [gauge::POOL_IN_USE, gauge::POOL_WAITING, gauge::POOL_SIZE].map(|it| seen.of(&it));
    let full = seen.full(|second| {
        let all_used =
            used(second).zip(size(second)).map(|(used, size)| size > 0.0 && used >= size);
        let awaited = waiting(second).map(|waiting| waiting >= 1.0);
        match (all_used, awaited) {
            (None, None) => None,
            (all_used, awaited) => Some(all_used == Some(true) || awaited == Some(true)),
        }
    });
    let of = seen.highest(&size).filter(|size| *size > 0.0);
    let of = of.map_or_else(String::new, |size| format!(" of {}", number(size)));
    let in_use = seen.highest(&used).map(|it| format!("{}{of} connections in use", number(it)));
    let waited = seen.highest(&waiting).map(|it| format!("{} waiting for one", number(it)));
    let evidence = up_to([in_use, waited]);
    of_seconds("the connection pool", &full, seen.data, evidence)
}

fn event_loop(seen: &Target) -> Option<Filled> {
    let at_work = seen.of(&gauge::EVENT_LOOP_UTILISATION);
    let full = seen.full(|second| Some(at_work(second)? >= FULL));
    let most = seen.highest(&at_work);
    let evidence = up_to([most.map(|it| format!("{} of the time at work", percent(it.min(1.0))))]);
    of_seconds("the event loop", &full, seen.data, evidence)
}

fn cpu_limit(seen: &Target) -> Option<Filled> {
    let [cpu, limit, throttled] =
        [gauge::CPU, gauge::CPU_LIMIT, gauge::CPU_THROTTLED].map(|it| seen.of(&it));
    let full = seen.full(|second| {
        let limit = limit(second)?;
        let is_stopped = throttled(second).is_some_and(|share| share >= THROTTLED);
        Some(is_stopped || cpu(second)? >= FULL * limit)
    });
    let used = seen.highest(&cpu).zip(seen.highest(&limit));
    let used = used.map(|(cpu, limit)| format!("{cpu:.2} of {limit:.2} cores in use"));
    let stopped = seen.highest(&throttled).filter(|share| *share > 0.0);
    let stopped = stopped.map(|share| format!("{} of the time stopped", percent(share.min(1.0))));
    let evidence = up_to([used, stopped]);
    of_seconds("the CPU limit", &full, seen.data, evidence)
}

fn memory_limit(seen: &Target) -> Option<Filled> {
    share_of("the memory limit", seen, [&gauge::RSS, &gauge::MEMORY_LIMIT], "of it in use")
}

fn heap(seen: &Target) -> Option<Filled> {
    share_of("the heap", seen, [&gauge::HEAP_USED, &gauge::HEAP_LIMIT], "of its limit in use")
}

fn connections(seen: &Target) -> Option<Filled> {
    let gauges = [&gauge::POSTGRES_CONNECTIONS, &gauge::POSTGRES_CONNECTION_LIMIT];
    share_of("PostgreSQL's connections", seen, gauges, "of max_connections open")
}

fn share_of(
    what: &'static str,
    seen: &Target,
    [used, limit]: [&Gauge; 2],
    of: &str,
) -> Option<Filled> {
    let (used, limit) = (seen.of(used), seen.of(limit));
    let share = |second: &TargetSecond| {
        let limit = limit(second).filter(|limit| *limit > 0.0)?;
        Some(used(second)? / limit)
    };
    let full = seen.full(|second| Some(share(second)? >= FULL));
    let evidence = up_to([seen.highest(share).map(|share| format!("{} {of}", percent(share)))]);
    of_seconds(what, &full, seen.data, evidence)
}

/// All CPUs of the machine, whoever used them.
fn machine(data: &RunData) -> Option<Filled> {
    let busy = |second: &GeneratorSecond| Some((second.second, second.machine_busy?));
    let busy: Vec<(u32, f64)> = data.together.iter().filter_map(busy).collect();
    let most = busy.iter().map(|(_, busy)| *busy).reduce(f64::max)?;
    let full: Vec<(u32, bool)> =
        busy.iter().map(|(second, busy)| (*second, *busy >= FULL)).collect();
    let evidence = up_to([Some(format!("{} of their time in use", percent(most.min(1.0))))]);
    of_seconds("the machine's CPUs", &full, data, evidence)
}

/// `up to 4 of 4 connections in use, up to 57 waiting for one`: what is known.
fn up_to<const N: usize>(parts: [Option<String>; N]) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().map(|it| format!("up to {it}")).collect();
    parts.join(", ")
}

fn of_seconds(
    what: &'static str,
    full: &[(u32, bool)],
    data: &RunData,
    evidence: String,
) -> Option<Filled> {
    let judged = full.iter().filter(|(second, _)| data.judged.contains(*second));
    let (mut all, mut number) = (0_usize, 0_usize);
    for (_, is_full) in judged {
        all += 1;
        number += usize::from(*is_full);
    }
    let share = number as f64 / all.max(1) as f64;
    if all < LEAST_SECONDS || share < LEAST_SHARE {
        return None;
    }
    let is_begin = |span: &&[(u32, bool)]| {
        span[0].1 && span.iter().filter(|(_, is_full)| *is_full).count() >= MOST
    };
    let since = full.windows(SPAN).find(is_begin).map(|span| span[0].0)?;
    let wanted = data.judged.seconds.len();
    let evidence = if all < wanted {
        format!("{evidence} (seen in {all} of {wanted} judged seconds)")
    } else {
        evidence
    };
    Some(Filled { what, since, share, evidence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::sample_records::{Requests, add, run};
    use crate::record::run::RunRecord;

    const GAUGES: [Gauge; 4] =
        [gauge::POOL_SIZE, gauge::EVENT_LOOP_UTILISATION, gauge::CPU_LIMIT, gauge::CPU_THROTTLED];

    /// A minute with so many connections of four in use, so many waiting, and the event loop so
    /// long at work.
    fn seen(of: impl Fn(u32) -> (f64, f64, f64)) -> RunRecord {
        let mut record = run(60, 100.0);
        add(&mut record, 0..60, &[Requests::ok(100, 20_000)]);
        record.head.gauges.extend(GAUGES);
        let table = record.head.gauges.clone();
        let second = |second| {
            let (used, waiting, at_work) = of(second);
            let seen = [
                (&gauge::POOL_IN_USE, used),
                (&gauge::POOL_WAITING, waiting),
                (&gauge::POOL_SIZE, 4.0),
                (&gauge::EVENT_LOOP_UTILISATION, at_work),
            ];
            TargetSecond::of(second, &table, seen)
        };
        record.target = (0..60).map(second).collect();
        record
    }

    #[test]
    fn what_filled_up_first_stands_first() {
        let record = seen(|second| {
            let used = if second >= 12 { 4.0 } else { 2.0 };
            (used, if second >= 14 { 9.0 } else { 0.0 }, if second >= 30 { 0.99 } else { 0.4 })
        });
        let found = assess(&record).saturation.filled;
        let order: Vec<_> = found.iter().map(|it| (it.what, it.since)).collect();
        assert_eq!(order, [("the connection pool", 12), ("the event loop", 30)]);
        let evidence = "up to 4 of 4 connections in use, up to 9 waiting for one";
        assert_eq!(found[0].evidence, evidence);
        assert_eq!(found[1].evidence, "up to 99 % of the time at work");
        assert!((found[0].share - 48.0 / 50.0).abs() < 1e-9, "{found:?}");
    }

    /// Nothing is said of what was not seen, and not more of seconds than were.
    #[test]
    fn what_is_said_is_what_was_seen() {
        let mut record = seen(|_| (0.0, 3.0, 0.4));
        let [used, size] = [gauge::POOL_IN_USE, gauge::POOL_SIZE].map(|it| record.head.gauge(&it));
        for second in &mut record.target {
            for id in [used, size].into_iter().flatten() {
                second.values[id.index()] = None;
            }
        }
        let evidence = |record: &RunRecord| assess(record).saturation.filled[0].evidence.clone();
        assert_eq!(evidence(&record), "up to 3 waiting for one");
        record.target.retain(|second| second.second % 5 > 0);
        let some = "up to 3 waiting for one (seen in 40 of 50 judged seconds)";
        assert_eq!(evidence(&record), some);
    }

    #[test]
    fn what_is_full_now_and_then_has_not_filled_up() {
        let record = seen(|second| (if second % 6 == 0 { 4.0 } else { 1.0 }, 0.0, 0.3));
        assert_eq!(assess(&record).saturation.filled, []);
        assert_eq!(assess(&run(60, 100.0)).saturation.filled, []);
    }

    #[test]
    fn a_group_that_is_stopped_has_filled_its_limit() {
        let mut record = seen(|_| (0.0, 0.0, 0.1));
        let [cpu, limit, throttled] = [gauge::CPU, gauge::CPU_LIMIT, gauge::CPU_THROTTLED]
            .map(|it| record.head.gauge(&it).unwrap());
        for second in &mut record.target {
            second.values[cpu.index()] = Some(0.3);
            second.values[limit.index()] = Some(0.5);
            second.values[throttled.index()] = Some(0.4);
        }
        let found = assess(&record).saturation.filled;
        assert_eq!((found.len(), found[0].what), (1, "the CPU limit"));
        let evidence = "up to 0.30 of 0.50 cores in use, up to 40 % of the time stopped";
        assert_eq!(found[0].evidence, evidence);
    }
}
