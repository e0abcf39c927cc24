//! Whether the target was slow because others had the machine: a doubt about a miss.
//!
//! All of these must hold before anything is doubted:
//!
//! * loadgate has started the target, so that its processes are known;
//! * others used much of the machine *before* it was started. What becomes busy under the load only,
//!   such as the target's own database, is the target's doing;
//! * others used much of it in the seconds in question, and the kernel says for how long the target's
//!   threads waited for a CPU meanwhile;
//! * what these used and waited for is less than the machine has: a target that wants all of it
//!   would wait for itself.
//!
//! The wait of a second, `w`, bounds what it can have cost: a request that took `T` can have met
//! `w · T` of it, and as much as that of a second before in those ahead of it in the queue. So one that
//! took longer than `(limit + w) / (1 − w)` is slow whoever else had the machine, and an objective that
//! is missed by these alone stays missed. So a target that sleeps, blocks or burns the CPU itself is not excused.
//! Requests that ended without an answer in time may be its doing as well, other failures are not.

use std::collections::BTreeMap;

use crate::analysis::evidence;
use crate::analysis::laps;
use crate::analysis::number_format::{counted, percent};
use crate::analysis::stats::Tally;
use crate::analysis::window::Judged;
use crate::record::gauge;
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::{Head, MetricHead, RunRecord, SloHead};
use crate::record::seconds::PackedSecond;
use crate::scenario::slo::Threshold;
use crate::units::trim_zeros;

/// Others use much of the machine from this share of its CPU time on.
const MUCH: f64 = 0.3;
/// The same, in percent.
const MUCH_PERCENT: u8 = 30;
/// From this wait on, in seconds per second, an answer that never came may have been late by it.
const LONG_WAIT: f64 = 0.1;
/// With so much of it nothing is bounded.
const ENDLESS_WAIT: f64 = 0.9;

/// Others at the same machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Starvation {
    /// How long the target waited for a CPU in each judged second in which others used much, in
    /// seconds.
    waits: BTreeMap<u32, f64>,
    /// What others used of the machine in these, on average.
    others: f64,
    /// Before the target was started, in percent.
    before: u8,
}

impl Starvation {
    /// Who was there, if they can be why the target was slow.
    pub fn of(record: &RunRecord, judged: &Judged) -> Option<Starvation> {
        let before = busy_before(&record.head)?;
        let cores = f64::from(record.head.environment().cores.max(1));
        let own: BTreeMap<u32, f64> = of(record, &gauge::CPU);
        let waited = of(record, &gauge::CPU_WAIT);
        let together = record.together();
        let starved = together.iter().filter(|it| judged.contains(it.second)).filter_map(|it| {
            let used = it.machine_busy? + it.steal.unwrap_or(0.0);
            let (own, wait) = (*own.get(&it.second)?, *waited.get(&it.second)?);
            let others = used - (own + it.cpu) / cores;
            (others >= MUCH && own + wait < cores).then_some((it.second, wait, others))
        });
        let starved: Vec<(u32, f64, f64)> = starved.collect();
        let others = starved.iter().map(|it| it.2).sum::<f64>() / starved.len() as f64;
        let waits: BTreeMap<u32, f64> = starved.into_iter().map(|it| (it.0, it.1)).collect();
        (!waits.is_empty()).then_some(Starvation { waits, others, before })
    }

    /// The mean wait, in seconds per second.
    pub fn wait(&self) -> f64 {
        self.waits.values().sum::<f64>() / self.waits.len() as f64
    }

    /// All of it, in seconds.
    pub fn whole(&self) -> f64 {
        self.waits.values().sum()
    }

    /// Whether an answer that never came may have been late by what the target waited.
    pub fn is_long(&self) -> bool {
        self.wait() >= LONG_WAIT
    }

    /// Bad and all requests of each second, of which the bad ones are bad whoever else had the
    /// machine. Nothing where that cannot be told.
    pub fn certain(&self, record: &RunRecord, seconds: &[u32], slo: &SloHead) -> Vec<Tally> {
        let plain = evidence::tallies(record, seconds, slo);
        let each = seconds.iter().zip(plain).map(|(second, plain)| {
            let Some(wait) = self.wait_at(*second) else { return plain };
            let found = record.seconds.get(*second);
            found.map_or(plain, |found| Tally {
                bad: certain(record, &found, slo, wait).min(plain.bad),
                ..plain
            })
        });
        each.collect()
    }

    /// The longest wait of a second and those beside it, if it is a starved one.
    fn wait_at(&self, second: u32) -> Option<f64> {
        self.waits.get(&second)?;
        let beside = self.waits.range(second.saturating_sub(1)..=second.saturating_add(1));
        beside.map(|(_, wait)| *wait).reduce(f64::max)
    }

    /// Why an objective that looks missed is left open.
    pub fn note(&self) -> String {
        format!("others had the machine: the target waited {} for a CPU", self.waited())
    }

    fn waited(&self) -> String {
        format!("{} s per second", trim_zeros(self.wait(), 2))
    }

    /// That somebody else was there, and what to do about it.
    pub fn told(&self) -> (String, &'static str) {
        let evidence = format!(
            "others used {} of the machine's CPU time in {}, and {} % before the target was \
             started; the target's threads waited {} for a CPU",
            percent(self.others.min(1.0)),
            counted(self.waits.len() as u64, "second"),
            self.before,
            self.waited(),
        );
        let advice = "stop what else runs on the machine (see top), or give target and generator \
                      cores of their own; then run again";
        (evidence, advice)
    }
}

/// How much others used before the target was started, in percent, if that was much.
fn busy_before(head: &Head) -> Option<u8> {
    head.environment().others_before.filter(|it| *it >= MUCH_PERCENT)
}

/// Whether that was much.
pub fn is_busy_before(head: &Head) -> bool {
    busy_before(head).is_some()
}

fn of(record: &RunRecord, gauge: &gauge::Gauge) -> BTreeMap<u32, f64> {
    record.gauge(gauge).map(|(second, value)| (second.second, value)).collect()
}

/// Bad requests of a second that the wait cannot explain.
fn certain(record: &RunRecord, found: &PackedSecond<'_>, slo: &SloHead, wait: f64) -> u64 {
    let counts = found.counts();
    let mine = |index: &usize| record.head.is_of(*index, slo.within());
    let counted = |of: &dyn Fn(&StepCounts) -> u64| -> u64 {
        counts.iter().enumerate().filter(|(index, _)| mine(index)).map(|(_, it)| of(it)).sum()
    };
    let slower = |phase: Phase, limit: Threshold| -> u64 {
        let Some(least) = slow_whatever(limit, wait) else { return 0 };
        let times = found.times();
        let mine = times.of(phase).enumerate().filter(|(index, _)| mine(index));
        mine.map(|(_, times)| times.count_from(least)).sum()
    };
    let limit = |place: u16| record.head.thresholds.get(usize::from(place)).copied();
    let broken = || counted(&|it| it.outcome(Outcome::TransportError));
    match slo.metric {
        MetricHead::ResponseTime { threshold, .. } => {
            limit(threshold).map_or(0, |limit| slower(Phase::Response, limit)).max(broken())
        }
        MetricHead::Apdex { satisfied, tolerable } => {
            let failed = counted(&|it| it.ended().saturating_sub(it.in_response_time()));
            let late = [satisfied, tolerable].into_iter().filter_map(limit);
            let late: u64 = late.map(|limit| slower(Phase::Response, limit)).sum();
            late.max(2 * broken()) + 2 * failed
        }
        MetricHead::Lap { of, limit, .. } => {
            let least = Threshold { limit: laps::slow_from(limit) * 1_000, inclusive: false };
            slower(Phase::from(of), least)
        }
        MetricHead::Failures(share) => {
            let late = [Outcome::Timeout, Outcome::Unsent];
            let is_sure = |outcome: &Outcome| {
                evidence::is_bad(*outcome, share) && (wait < LONG_WAIT || !late.contains(outcome))
            };
            let sure = || Outcome::ALL.into_iter().filter(is_sure);
            counted(&|it| sure().map(|outcome| it.outcome(outcome)).sum())
        }
        MetricHead::Throughput(_) | MetricHead::Gauge(_) | MetricHead::CertificateDays(_) => 0,
    }
}

/// From which time on, in microseconds, a request is slow whatever the target waited.
fn slow_whatever(limit: Threshold, wait: f64) -> Option<u64> {
    let limit = limit.limit as f64 / 1e9;
    (wait < ENDLESS_WAIT).then(|| ((limit + wait) / (1.0 - wait) * 1e6).ceil() as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::{Assessment, SloStatus, Verdict};
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::record::telemetry::TargetSecond;
    use crate::scenario::slo::FailureShare;

    /// A minute of 100 requests a second, 10 of which took so long, on a machine of which others
    /// used most, before and meanwhile, and where the target waited so long.
    fn starved(slow: Requests, wait: f64) -> RunRecord {
        let mut record = run(60, 100.0);
        record.head.generators[0].environment.others_before = Some(95);
        record.head.gauges = vec![gauge::CPU, gauge::CPU_WAIT];
        for second in &mut record.generator {
            (second.machine_busy, second.cpu_pressure) = (Some(1.0), Some(0.99));
        }
        let seen = [(&gauge::CPU, 0.1), (&gauge::CPU_WAIT, wait)];
        let table = record.head.gauges.clone();
        record.target = (0..60).map(|it| TargetSecond::of(it, &table, seen)).collect();
        add(&mut record, 0..60, &[Requests::ok(90, 20_000), slow]);
        record
    }

    fn slow(millis: u64) -> Requests {
        Requests::ok(10, millis * 1_000)
    }

    #[track_caller]
    fn check(record: &RunRecord, verdict: Verdict) -> Assessment {
        let assessment = assess(record);
        assert_eq!(assessment.verdict, verdict, "{:#?}", assessment.reasons);
        assessment
    }

    #[test]
    fn a_miss_that_others_may_have_made_is_open_and_says_so() {
        let assessment = check(&starved(slow(900), 0.6), Verdict::Inconclusive);
        let expected = "the target waited 0.6 s per second for a CPU";
        assert!(assessment.reasons[0].contains(expected), "{:?}", assessment.reasons);
        let found = assessment.findings.iter().find(|it| it.kind == "target_starved").unwrap();
        let expected = "others used 90 % of the machine's CPU time in 50 seconds, and 95 % before";
        assert!(found.evidence.starts_with(expected), "{}", found.evidence);
    }

    #[test]
    fn what_the_wait_cannot_explain_stays_missed() {
        for (millis, wait, verdict) in [
            (900, 0.0, Verdict::SloMissed),
            (900, 0.1, Verdict::SloMissed),
            (900, 0.3, Verdict::Inconclusive),
            (2_000, 0.3, Verdict::SloMissed),
            (5_000, 0.7, Verdict::SloMissed),
            (5_000, 0.95, Verdict::Inconclusive),
        ] {
            check(&starved(slow(millis), wait), verdict);
        }
    }

    #[test]
    fn nothing_is_excused_by_what_became_busy_under_the_load_or_is_not_known() {
        let edits: [fn(&mut RunRecord); 6] = [
            |record| record.head.generators[0].environment.others_before = Some(10),
            |record| record.head.generators[0].environment.others_before = None,
            |record| record.target.clear(),
            // The target burns the CPU itself.
            |record| {
                for second in &mut record.target {
                    second.values[0] = Some(1.6);
                }
            },
            // It would wait for itself.
            |record| {
                for second in &mut record.target {
                    second.values[1] = Some(1.95);
                }
            },
            |record| {
                for second in &mut record.generator {
                    second.machine_busy = Some(0.3);
                }
            },
        ];
        for (index, edit) in edits.into_iter().enumerate() {
            let mut record = starved(slow(900), 0.6);
            edit(&mut record);
            let assessment = assess(&record);
            assert_eq!(assessment.verdict, Verdict::SloMissed, "edit {index}");
        }
    }

    #[test]
    fn failures_are_its_own_and_answers_that_never_came_are_open() {
        for (outcome, wait, status) in [
            (Outcome::ServerError, 0.6, SloStatus::Missed),
            (Outcome::CheckFailed, 0.6, SloStatus::Missed),
            (Outcome::TransportError, 0.6, SloStatus::Missed),
            (Outcome::Timeout, 0.6, SloStatus::Inconclusive),
            (Outcome::Timeout, 0.02, SloStatus::Missed),
        ] {
            let mut record = starved(Requests::ended(10, outcome), wait);
            record.head.slos = vec![sample_records::failures(FailureShare::Errors, 0.01)];
            assert_eq!(assess(&record).slos[0].status, status, "{outcome:?}");
        }
    }

    #[test]
    fn resets_miss_a_time_whoever_has_the_machine() {
        let reset = Requests { micros: 10_000_000, ..Requests::ended(10, Outcome::TransportError) };
        check(&starved(reset, 0.95), Verdict::SloMissed);
    }

    #[test]
    fn windows_and_what_is_met_are_judged_as_before() {
        let windows = |millis, wait| {
            let mut record = starved(slow(millis), wait);
            record.head.slos = vec![sample_records::in_windows(0.9, 5)];
            assess(&record).verdict
        };
        assert_eq!(windows(900, 0.6), Verdict::Inconclusive);
        assert_eq!(windows(900, 0.05), Verdict::SloMissed);
        check(&starved(slow(30), 0.6), Verdict::Pass);
    }
}
