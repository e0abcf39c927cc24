//! Assesses one run: window, audit, objectives, verdict.

use crate::analysis::assessment::{
    Assessment, Finding, Saturation, Severity, SloStatus, Steadiness, Window,
};
use crate::analysis::finding::finding;
use crate::analysis::findings;
use crate::analysis::run_data::RunData;
use crate::analysis::settle::{self, Settling};
use crate::analysis::window::{self, Judged};
use crate::analysis::{
    budget_burn, correlated, failures, filled, loads, messages, neighbours, saturation, series,
    shared, summary, tenants, verdict,
};
use crate::record::run::{MetricHead, RunRecord};
use crate::units::order;

/// Assesses one run. Pure: the same record always has the same assessment.
pub fn assess(record: &RunRecord) -> Assessment {
    let Chosen { judged, steady, settling } = choose(record);
    let data = RunData::of(record, &judged);
    let mut slos: Vec<_> =
        record.head.slos.iter().map(|head| tenants::judge(&data, head)).collect();
    slos.extend(neighbours::judge(&data));
    let mut findings = findings::findings(&data, &slos);
    findings.extend(settling.finding(&data));
    findings.extend(drift_finding(steady));
    order::by_key(&mut findings, |finding| std::cmp::Reverse(finding.severity));
    let answer = verdict::decide(verdict::of_run(&data, &slos, &findings));
    let timeline = series::timeline(record);
    Assessment {
        verdict: answer,
        reasons: verdict::reasons(&data, &slos, &findings),
        limits_of_knowledge: messages::limits_of_knowledge(&data, steady),
        window: Window { from: judged.from, to: judged.to, warmup: judged.warmup, steady },
        error_budget: budget_burn::error_budget(&data, answer, &slos),
        findings,
        total: summary::total(&data),
        steps: summary::steps(&data),
        loads: loads::seen(&data),
        tenants: tenants::seen(&data, &slos),
        neighbours: neighbours::seen(&data),
        whole_run: summary::whole_run(&data),
        failures: failures::seen(record, &data.whole),
        saturation: Saturation {
            per_request: saturation::per_request(&data),
            filled: filled::filled(&data),
            moved: correlated::with_response_time(&timeline, &judged),
            ..saturation::saturation(&data)
        },
        generators: shared::each(&data, &timeline),
        timeline,
        curves: series::curves(&data.total),
        slos,
    }
}

/// The judged seconds, and what the search for a steady part gave.
struct Chosen {
    judged: Judged,
    steady: Steadiness,
    settling: Settled,
}

/// What became of the search for a steady part.
enum Settled {
    /// Nothing to say: not looked for, steady at once, or cut.
    Quietly,
    /// A cut of so many seconds would have turned an objective into a met one.
    CutRefused(u32),
    /// Not within the first half.
    Never,
}

/// The default or declared window, without a slow beginning if the load is constant, long
/// enough to tell, and if that hides no failure.
fn choose(record: &RunRecord) -> Chosen {
    let judged = window::judged(record);
    let examined = window::is_constant(&record.head.load)
        .then(|| settle::series(record, &judged.seconds, gated_quantile(record)))
        .flatten();
    let Some(series) = examined else {
        return Chosen { judged, steady: Steadiness::NotExamined, settling: Settled::Quietly };
    };
    let keep = |judged, settling| Chosen { judged, steady: series.steadiness(0), settling };
    match series.settling() {
        Settling::Never => keep(judged, Settled::Never),
        Settling::After(cut) if cut > 0 && series.starts_slower(cut) => {
            let seconds = (cut * series.width) as u32;
            let later = judged.starting_at(judged.from + seconds);
            if hides_failure(record, &judged, &later) {
                return keep(judged, Settled::CutRefused(seconds));
            }
            let steady = series.steadiness(cut);
            Chosen { judged: later, steady, settling: Settled::Quietly }
        }
        Settling::After(_) => keep(judged, Settled::Quietly),
    }
}

/// Whether an objective is met only without the beginning: a freeze early in the run must
/// not be trimmed away as warm-up.
fn hides_failure(record: &RunRecord, whole: &Judged, later: &Judged) -> bool {
    record.head.slos.iter().any(|head| {
        tenants::plain_status(record, later, head) == SloStatus::Met
            && tenants::plain_status(record, whole, head) != SloStatus::Met
    })
}

/// The highest quantile that an objective gates, p99 without any.
fn gated_quantile(record: &RunRecord) -> f64 {
    let quantiles = record.head.slos.iter().filter_map(|slo| match slo.metric {
        MetricHead::ResponseTime { quantile, .. } if quantile < 1.0 => Some(quantile),
        MetricHead::ResponseTime { .. }
        | MetricHead::Failures(_)
        | MetricHead::Apdex { .. }
        | MetricHead::Throughput(_)
        | MetricHead::Gauge(_)
        | MetricHead::CertificateDays(_)
        | MetricHead::Lap { .. } => None,
    });
    quantiles.reduce(f64::max).unwrap_or(0.99)
}

impl Settled {
    fn finding(&self, data: &RunData) -> Option<Finding> {
        match self {
            Settled::Quietly => None,
            Settled::CutRefused(seconds) => Some(finding(
                "warmup_kept",
                Severity::Warning,
                messages::cut_refused(*seconds),
                "if it is warm-up, declare a longer warm-up stage; if not, it is the target's",
            )),
            Settled::Never => Some(finding(
                "not_settled",
                Severity::Note,
                messages::not_settled(data),
                "declare a longer warm-up, or run longer",
            )),
        }
    }
}

fn drift_finding(steady: Steadiness) -> Option<Finding> {
    let Steadiness::Drifting { ratio } = steady else { return None };
    let evidence =
        format!("the response time drifts to {ratio:.2} times from the window's start to its end");
    let advice = "find out what fills up or cools down; run longer to see where it ends";
    Some(finding("drifting", Severity::Warning, evidence, advice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assessment::{Measured, Verdict, Warmup};
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::record::gauge;
    use crate::record::histogram::Sparse;
    use crate::record::interval::{StepCounts, StepTimes};
    use crate::record::outcome::{Cause, Outcome};
    use crate::record::phase::Phase;
    use crate::record::run::{EndReason, SloHead, StageHead};
    use crate::record::telemetry::{GeneratorSecond, TargetSecond};
    use crate::scenario::slo::FailureShare;

    /// 60 s of 200 fast requests each.
    fn fast() -> RunRecord {
        let mut record = run(60, 200.0);
        add(&mut record, 0..60, &[Requests::ok(150, 20_000), Requests::ok(50, 40_000)]);
        record
    }

    #[track_caller]
    fn check(record: &RunRecord, verdict: Verdict, reason: &str) -> Assessment {
        let assessment = assess(record);
        assert_eq!(assessment.verdict, verdict, "{:#?}", assessment.reasons);
        let first = &assessment.reasons[0];
        assert!(first.contains(reason), "{first}");
        assert!(assessment.reasons.iter().all(|reason| reason.len() <= 170), "{first}");
        assert_eq!(assessment, assess(record), "not the same answer twice");
        assessment
    }

    #[track_caller]
    fn has(assessment: &Assessment, kind: &str, severity: Severity) {
        let found = assessment.findings.iter().find(|finding| finding.kind == kind);
        assert_eq!(found.map(|f| f.severity), Some(severity), "{:#?}", assessment.findings);
    }

    /// With all but a few of its seconds on the disk.
    fn on_disk(record: &RunRecord, folder: &std::path::Path) -> RunRecord {
        let mut seconds = crate::record::seconds::Seconds::beyond(500, folder);
        record.seconds.iter().for_each(|found| seconds.insert(found.second(), &found.unpack()));
        assert!(
            seconds.buffered() < record.seconds.buffered(),
            "{} bytes are held",
            seconds.buffered()
        );
        RunRecord { seconds, ..record.clone() }
    }

    #[test]
    fn where_the_seconds_are_makes_no_difference() {
        let folder = tempfile::tempdir().unwrap();
        let mut missed = fast();
        missed.head.slos.push(sample_records::in_windows(0.9, 5));
        missed.head.slos.push(sample_records::failures(FailureShare::Errors, 0.001));
        add(&mut missed, (20..60).step_by(3), &[Requests::ended(20, Outcome::Timeout)]);
        let mut killed = missed.clone();
        killed.end = None;
        let mut settling = run(90, 200.0);
        add(&mut settling, 0..20, &[Requests::ok(200, 60_000)]);
        add(&mut settling, 20..90, &[Requests::ok(200, 20_000)]);
        for record in [fast(), stalled(150, 700_000), missed, killed, settling] {
            assert_eq!(assess(&on_disk(&record, folder.path())), assess(&record));
        }
    }

    #[test]
    fn fast_requests_pass() {
        let assessment = check(&fast(), Verdict::Pass, "the objective is met with 95 %");
        assert_eq!((assessment.window.from, assessment.window.warmup), (10, Warmup::Default));
        assert_eq!(assessment.window.steady, Steadiness::Steady);
        assert_eq!(assessment.total.counts.planned, 10_000);
        assert_eq!(assessment.whole_run.planned, 12_000);
        assert!(assessment.limits_of_knowledge[0].contains("rarer than one per 17 s"));
        assert!(assessment.findings.is_empty(), "{:#?}", assessment.findings);
        let slo = &assessment.slos[0];
        let Some(Measured::Millis(p99)) = slo.measured else { panic!("{slo:?}") };
        let (low, high) = slo.interval.unwrap();
        assert!(low <= p99 && p99 <= high && (39.0..41.0).contains(&p99), "{slo:?}");
    }

    #[test]
    fn a_share_at_the_limit_is_undecided() {
        let mut record = run(60, 200.0);
        add(&mut record, 0..60, &[Requests::ok(198, 20_000), Requests::ok(2, 900_000)]);
        let assessment = check(&record, Verdict::Inconclusive, "p99 < 500ms undecided");
        let note = assessment.slos[0].note.as_ref().unwrap();
        assert!(note.contains("too near to the limit"), "{note}");
    }

    #[test]
    fn too_few_requests_name_what_is_needed() {
        let mut record = run(20, 10.0);
        add(&mut record, 0..20, &[Requests::ok(10, 20_000)]);
        let assessment = check(&record, Verdict::Inconclusive, "more requests");
        let note = assessment.slos[0].note.as_ref().unwrap();
        assert_eq!(note, "about 149 more requests (15 s more at this rate) would decide");
    }

    #[test]
    fn a_clear_miss_is_missed() {
        let mut record = run(60, 200.0);
        add(&mut record, 0..60, &[Requests::ok(190, 20_000), Requests::ok(10, 900_000)]);
        let expected = "p99 < 500ms missed: 900 ms; 5 % of 10,000 requests were slower than 500 ms (1 % allowed)";
        check(&record, Verdict::SloMissed, expected);
    }

    #[test]
    fn a_reset_is_told_as_one_before_it_is_told_as_slow() {
        let reset =
            Requests { cause: Some(Cause::Reset), ..Requests::ended(10, Outcome::TransportError) };
        let mut record = run(60, 200.0);
        record.head.slos.push(sample_records::failures(FailureShare::Errors, 0.001));
        add(&mut record, 0..60, &[Requests::ok(190, 20_000), reset]);
        let first = "5 % of 10,000 requests (500), 0.1 % allowed; connection reset × 500";
        let assessment = check(&record, Verdict::SloMissed, first);
        let second = "500 of them without a full answer (connection reset × 500)";
        assert!(assessment.reasons[1].contains(second), "{:?}", assessment.reasons);
    }

    #[test]
    fn one_freeze_is_no_pass_and_many_are_a_miss() {
        let frozen = [Requests::ok(100, 800_000), Requests::ok(100, 200_000)];
        let mut record = fast();
        record.seconds.remove(30);
        add(&mut record, [30], &frozen);
        let once = check(&record, Verdict::Inconclusive, "p99 < 500ms undecided");
        assert!(once.slos[0].design_effect > 10.0, "{:?}", once.slos[0]);
        for second in (12..60).step_by(5) {
            record.seconds.remove(second);
            add(&mut record, [second], &frozen);
        }
        check(&record, Verdict::SloMissed, "p99 < 500ms missed");
    }

    #[test]
    fn a_freeze_in_the_beginning_is_not_trimmed_as_warmup() {
        let mut record = run(90, 200.0);
        add(&mut record, 0..12, &[Requests::ok(200, 20_000)]);
        add(&mut record, 12..19, &[Requests::ok(200, 3_000_000)]);
        add(&mut record, 19..90, &[Requests::ok(200, 20_000)]);
        let assessment = check(&record, Verdict::SloMissed, "p99 < 500ms missed");
        assert_eq!(assessment.window.from, 10);
        has(&assessment, "warmup_kept", Severity::Warning);
    }

    #[test]
    fn a_slow_beginning_within_the_limit_is_cut() {
        let mut record = run(90, 200.0);
        add(&mut record, 0..20, &[Requests::ok(200, 60_000)]);
        add(&mut record, 20..90, &[Requests::ok(200, 20_000)]);
        let assessment = check(&record, Verdict::Pass, "met");
        assert_eq!((assessment.window.from, assessment.window.warmup), (20, Warmup::Detected));
    }

    #[test]
    fn a_late_generator_makes_a_miss_invalid_but_no_pass() {
        let mut record = run(60, 200.0);
        let late = Requests { lag: 600_000, ..Requests::ok(10, 620_000) };
        add(&mut record, 0..60, &[Requests::ok(190, 20_000), late]);
        let assessment = check(&record, Verdict::Invalid, "because the generator sent late");
        let error = assessment.slos[0].generator_error.unwrap();
        assert!(error.low < 30.0 && error.high > 600.0, "{error:?}");
        has(&assessment, "send_lag", Severity::Warning);

        let mut record = run(60, 200.0);
        let late = Requests { lag: 60_000, ..Requests::ok(10, 80_000) };
        add(&mut record, 0..60, &[Requests::ok(190, 20_000), late]);
        check(&record, Verdict::Pass, "met");
    }

    /// The generator stood still in second 30: a tenth of its requests were held back for up
    /// to 300 ms, and those behind the burst waited in the target without any lag.
    fn stalled(behind: u64, micros: u64) -> RunRecord {
        let mut record = fast();
        record.seconds.remove(30);
        let held = Requests { lag: 300_000, ..Requests::ok(20, 320_000) };
        let rest = Requests::ok(180 - behind, 20_000);
        add(&mut record, [30], &[rest, held, Requests::ok(behind, micros)]);
        let second = &mut record.generator[30];
        (second.canary_late_max_ns, second.late_ticks) = (300_000_000, [3, 2, 1]);
        second.send_lag_max_ns = 300_000_000;
        record
    }

    #[test]
    fn a_stall_that_cannot_matter_is_a_warning() {
        let assessment = check(&stalled(0, 1), Verdict::Pass, "met");
        has(&assessment, "stall", Severity::Warning);
        let stall = assessment.findings.iter().find(|finding| finding.kind == "stall").unwrap();
        assert!(
            stall
                .evidence
                .starts_with("the generator stood still for 300 ms in second 30; 2 ticks")
        );
    }

    #[test]
    fn requests_behind_the_burst_are_the_generators_doing() {
        check(&stalled(150, 700_000), Verdict::Invalid, "because the generator sent late");
        // More than the stall could have added.
        let target = check(&stalled(150, 900_000), Verdict::Inconclusive, "undecided");
        has(&target, "stall", Severity::Warning);
    }

    #[test]
    fn the_backlog_is_felt_until_it_is_worked_off() {
        let later = |in_flight| {
            let mut record = stalled(0, 1);
            record.generator[30].in_flight = in_flight;
            record.seconds.remove(31);
            add(&mut record, [31], &[Requests::ok(50, 20_000), Requests::ok(150, 700_000)]);
            assess(&record).verdict
        };
        assert_eq!(later(150), Verdict::Invalid);
        assert_eq!(later(0), Verdict::Inconclusive);
    }

    /// A starved generator: what is due is not sent, so little is in flight, and the tick
    /// that tells comes after the end.
    #[test]
    fn a_long_spell_of_lateness_reaches_those_due_at_its_end() {
        let mut record = fast();
        for second in 50..60 {
            let lag = u64::from(60 - second) * 1_000_000;
            record.seconds.remove(second);
            let behind = Requests { lag, ..Requests::ok(200, 9_000_000) };
            add(&mut record, [second], &[behind]);
        }
        record.generator.push(GeneratorSecond {
            second: 60,
            canary_late_max_ns: 900_000_000,
            ..GeneratorSecond::default()
        });
        let assessment = check(&record, Verdict::Invalid, "because the generator sent late");
        has(&assessment, "stall", Severity::Warning);
    }

    #[test]
    fn a_miss_beside_a_stall_stands() {
        let mut record = stalled(0, 1);
        for second in (12..60).filter(|second| *second != 30) {
            record.seconds.remove(second);
            add(&mut record, [second], &[Requests::ok(190, 20_000), Requests::ok(10, 700_000)]);
        }
        check(&record, Verdict::SloMissed, "missed");
    }

    #[test]
    fn failures_after_a_stall_are_the_generators_doing() {
        let with = |second| {
            let mut record = stalled(0, 1);
            record.head.slos = vec![sample_records::failures(FailureShare::ServerErrors, 0.001)];
            add(&mut record, [second], &[Requests::ended(40, Outcome::ServerError)]);
            assess(&record)
        };
        assert_eq!(with(30).verdict, Verdict::Invalid, "{:?}", with(30).slos);
        assert_ne!(with(40).verdict, Verdict::Invalid, "{:?}", with(40).slos);
        assert!(with(30).reasons[0].contains("stood still"), "{:?}", with(30).reasons);
    }

    #[test]
    fn few_missing_ports_are_not_the_targets_unavailability() {
        let mut record = fast();
        record.head.slos = vec![sample_records::failures(FailureShare::Unavailable, 0.0001)];
        let unsent = Requests { cause: Some(Cause::Ports), ..Requests::ended(1, Outcome::Unsent) };
        add(&mut record, (12..60).step_by(6), &[unsent]);
        let assessment = check(&record, Verdict::Invalid, "generator");
        assert!(assessment.findings.iter().all(|finding| finding.kind != "unsent"));
    }

    #[test]
    fn late_reads_count_where_the_kernel_stamps_nothing() {
        let by = |clock: &str| {
            let mut record = run(60, 200.0);
            add(&mut record, 0..60, &[Requests::ok(190, 20_000), Requests::ok(10, 550_000)]);
            clock.clone_into(&mut record.head.generators[0].environment.receive_clock);
            for second in &mut record.generator {
                second.canary_late_max_ns = 80_000_000;
            }
            record.seconds.edit(.., |_, second| {
                second
                    .times
                    .iter_mut()
                    .for_each(|it| it[Phase::ReceiveLag] = it[Phase::Service].clone());
            });
            record
        };
        check(&by("kernel"), Verdict::SloMissed, "missed");
        let read = check(&by("generator"), Verdict::Invalid, "because the generator sent late");
        has(&read, "receive_lag", Severity::Warning);
        assert!(read.slos[0].generator_error.unwrap().low < 480.0, "{:?}", read.slos[0]);
        let mut unstamped = by("kernel");
        unstamped.seconds.edit(.., |_, second| {
            second.times.iter_mut().for_each(|it| it[Phase::ReceiveLag] = Sparse::default());
        });
        has(&check(&unstamped, Verdict::Invalid, "late"), "receive_lag", Severity::Warning);
    }

    #[test]
    fn a_clock_that_jumped_voids_the_run() {
        let mut record = fast();
        record.generator[30].clock_jump_ns = 90_000_000;
        check(&record, Verdict::Pass, "met");
        record.generator[5].clock_jump_ns = 3_000_000_000;
        check(&record, Verdict::Pass, "met");
        record.generator[30].clock_jump_ns = 250_000_000;
        let jumped = check(&record, Verdict::Invalid, "clocks moved against each other by 250 ms");
        has(&jumped, "clock_jump", Severity::Invalidates);
    }

    #[test]
    fn what_was_missing_before_the_start_is_a_finding() {
        let mut record = fast();
        record.head.generators[0].environment.warnings = vec!["too few ports".to_owned()];
        has(&check(&record, Verdict::Pass, "met"), "preparations", Severity::Warning);
    }

    #[test]
    fn a_miss_that_lag_cannot_explain_stands() {
        let mut record = run(60, 200.0);
        let slow = Requests { lag: 2_000, ..Requests::ok(10, 900_000) };
        add(&mut record, 0..60, &[Requests::ok(190, 20_000), slow]);
        check(&record, Verdict::SloMissed, "missed");
    }

    #[test]
    fn unsent_requests_are_somebodys_fault() {
        let unsent = |cause| Requests { cause: Some(cause), ..Requests::ended(5, Outcome::Unsent) };
        let with = |cause| {
            let mut record = fast();
            record.head.slos.push(sample_records::failures(FailureShare::Unsent, 0.001));
            add(&mut record, 20..30, &[unsent(cause)]);
            record
        };
        for cause in [Cause::Descriptors, Cause::Ports, Cause::Late] {
            let assessment = check(&with(cause), Verdict::Invalid, "due requests were not sent");
            has(&assessment, "unsent", Severity::Invalidates);
        }
        let on_time = assess(&with(Cause::InFlightLimit));
        has(&on_time, "in_flight_limit", Severity::Warning);
        assert!(matches!(on_time.verdict, Verdict::SloMissed | Verdict::Inconclusive));
        let mut late = with(Cause::InFlightLimit);
        for second in &mut late.generator {
            second.send_lag_max_ns = 200_000_000;
        }
        check(&late, Verdict::Invalid, "due requests were not sent");
    }

    #[test]
    fn requests_that_were_sent_once_more_are_told_above_a_thousandth() {
        for (repeats, is_told) in [(1, false), (2, true)] {
            let mut record = fast();
            let all: u64 = record.seconds.iter().map(|second| second.counts()[0].planned).sum();
            let repeats = repeats * all / 1_500;
            record.seconds.edit(30..31, |_, second| second.counts[0].repeats = repeats);
            let told = assess(&record).findings.iter().any(|finding| finding.kind == "repeats");
            assert_eq!(told, is_told);
        }
    }

    #[test]
    fn a_dead_target_is_lost_whatever_else() {
        let mut record = fast();
        record.seconds.retain(|second| second < 30);
        let end = record.end.as_mut().unwrap();
        (end.scheduled, end.seconds) = (30.0, 30.5);
        end.reason = EndReason::TargetDied { detail: "exit status 1".to_owned() };
        record.generator.truncate(30);
        let assessment = check(&record, Verdict::TargetLost, "exit status 1");
        assert_eq!(assessment.window.to, 30);
        assert_eq!(assessment.slos[0].status, SloStatus::Met);
        assert!(assessment.reasons.iter().any(|reason| reason.contains("after 30 of 60 s")));
    }

    #[test]
    fn what_was_measured_before_an_interruption_is_judged() {
        let mut record = fast();
        record.seconds.retain(|second| second < 40);
        record.generator.truncate(40);
        let end = record.end.as_mut().unwrap();
        (end.scheduled, end.seconds, end.abandoned) = (39.6, 41.6, 7);
        end.reason = EndReason::Interrupted { signal: 2 };
        let assessment = check(&record, Verdict::Pass, "met");
        assert!(assessment.reasons[1].contains("interrupted by signal 2 after 40 of 60 s"));
        assert!(assessment.limits_of_knowledge.iter().any(|limit| limit.contains("7 requests")));
        record.end = None;
        let killed = check(&record, Verdict::Pass, "met");
        assert!(killed.reasons[1].contains("killed after 40 of 60 s"));
    }

    #[test]
    fn interrupting_a_frozen_target_is_no_pass() {
        let mut record = fast();
        record.seconds.edit(40.., |_, second| {
            second.counts[0].outcomes = [0; Outcome::COUNT];
            second.times[0] = StepTimes::default();
        });
        let end = record.end.as_mut().unwrap();
        (end.seconds, end.reason) = (60.0, EndReason::Interrupted { signal: 2 });
        let assessment = assess(&record);
        assert_ne!(assessment.verdict, Verdict::Pass, "{:#?}", assessment.slos);
        assert!(assessment.slos[0].bad > 3_000, "{:?}", assessment.slos[0]);
    }

    #[test]
    fn nothing_is_never_a_pass() {
        check(&run(60, 200.0), Verdict::Inconclusive, "no request was due");
        let mut killed = run(60, 200.0);
        killed.end = None;
        killed.generator.clear();
        check(&killed, Verdict::Inconclusive, "no request was due");
        let mut none = fast();
        none.head.slos.clear();
        check(&none, Verdict::Inconclusive, "no objective");
        let mut other_step = fast();
        sample_records::add_step(&mut other_step.head, "never due");
        other_step.head.slos[0].step = Some(1);
        let assessment =
            check(&other_step, Verdict::Inconclusive, "\"never due\" (GET /) was never tried");
        assert_eq!(assessment.slos[0].measured, None);
        assert!(assessment.reasons[1].starts_with("never due: p99 < 500ms"));
        let mut unknown_step = fast();
        unknown_step.head.slos[0].step = Some(999);
        check(&unknown_step, Verdict::Inconclusive, "step 999");
    }

    #[test]
    fn three_seconds_are_judged_without_warmup() {
        let mut record = run(3, 2_000.0);
        add(&mut record, 0..3, &[Requests::ok(2_000, 20_000)]);
        let assessment = check(&record, Verdict::Pass, "met");
        assert_eq!(assessment.window.warmup, Warmup::None);
        assert!(assessment.limits_of_knowledge.iter().any(|limit| limit.contains("15 s")));
    }

    #[test]
    fn nothing_but_errors_is_nothing_known() {
        let mut record = run(60, 50.0);
        record.head.slos = vec![
            sample_records::p99(),
            sample_records::failures(FailureShare::ServerErrors, 0.001),
            sample_records::failures(FailureShare::Unavailable, 0.001),
        ];
        add(&mut record, 0..60, &[Requests::ended(50, Outcome::ServerError)]);
        let voided = "never worked: server error on all 3,000 tries";
        let assessment = check(&record, Verdict::Invalid, voided);
        has(&assessment, "never_worked", Severity::Invalidates);
        let statuses: Vec<_> = assessment.slos.iter().map(|slo| slo.status).collect();
        assert_eq!(statuses, [SloStatus::Inconclusive, SloStatus::Missed, SloStatus::Missed]);
        assert!((assessment.total.error_rate - 1.0).abs() < 1e-12);
        assert_eq!(assessment.slos[2].measured, Some(Measured::GoodShare(0.0)));
        assert!((assessment.slos[2].limit - 0.999).abs() < 1e-15);
    }

    #[test]
    fn one_success_in_the_warmup_makes_it_a_miss() {
        let mut record = run(60, 50.0);
        record.head.slos =
            vec![sample_records::p99(), sample_records::failures(FailureShare::Errors, 0.001)];
        add(&mut record, 0..1, &[Requests::ok(1, 20_000)]);
        add(&mut record, 0..60, &[Requests::ended(50, Outcome::ServerError)]);
        check(&record, Verdict::SloMissed, "Errors 0.001 missed: 100 % of 2,500 requests");
    }

    /// Of 12,000 good requests: the run would pass but for one other step.
    fn beside(second_step: impl FnOnce(&mut RunRecord)) -> RunRecord {
        let mut record = fast();
        sample_records::add_step(&mut record.head, "show");
        record.seconds.edit(.., |_, second| {
            second.counts.push(StepCounts::default());
            second.times.push(StepTimes::default());
        });
        second_step(&mut record);
        record
    }

    fn show(number: u64, outcome: Outcome) -> Requests {
        Requests { step: 1, ..Requests::ended(number, outcome) }
    }

    #[test]
    fn a_step_that_never_worked_voids_what_the_others_passed() {
        let record = beside(|record| add(record, [40], &[show(1, Outcome::CheckFailed)]));
        check(&record, Verdict::Invalid, "\"show\" (GET /) never worked: check failed on the only");
        let record = beside(|record| {
            add(record, [2], &[Requests { step: 1, ..Requests::ok(1, 20_000) }]);
            add(record, [40], &[show(1, Outcome::CheckFailed)]);
        });
        check(&record, Verdict::Pass, "met");
    }

    #[test]
    fn a_step_that_was_never_tried_rules_out_a_pass_and_hides_no_miss() {
        let untried = beside(|_| {});
        let assessment = check(&untried, Verdict::Inconclusive, "no iteration came so far");
        has(&assessment, "never_tried", Severity::Withholds);
        let mut missed = beside(|_| {});
        add(&mut missed, 0..60, &[Requests::ok(20, 900_000)]);
        check(&missed, Verdict::SloMissed, "missed");
        let unsent = beside(|record| add(record, [40], &[show(7, Outcome::Unsent)]));
        check(&unsent, Verdict::Inconclusive, "was due 7 times and never sent");
        let mut other_flow = beside(|_| {});
        other_flow.head.steps[1].flow = "buy".to_owned();
        check(&other_flow, Verdict::Inconclusive, "no iteration took the flow \"buy\"");
    }

    /// Its condition held while the target was new.
    #[test]
    fn a_step_that_was_tried_in_the_warm_up_only_rules_out_a_pass() {
        let warmed = || {
            let mut record = beside(|record| add(record, 0..5, &[show(1, Outcome::Ok)]));
            let judged = record.head.load.stages[0];
            let warmup = StageHead { seconds: 5.0, warmup: true, ..judged };
            let rest = StageHead { seconds: judged.seconds - 5.0, ..judged };
            record.head.load.stages = vec![warmup, rest];
            record
        };
        let assessment = check(&warmed(), Verdict::Inconclusive, "in the warm-up, and not since");
        has(&assessment, "never_tried", Severity::Withholds);
        // A login is done once by each, and a flow of its own may have had its time.
        let mut login = warmed();
        login.head.steps[1].once = true;
        check(&login, Verdict::Pass, "met");
        let mut other_flow = warmed();
        other_flow.head.steps[1].flow = "buy".to_owned();
        check(&other_flow, Verdict::Pass, "met");
    }

    #[test]
    fn what_comes_after_a_step_that_never_works_is_its_doing() {
        let mut record = run(60, 50.0);
        sample_records::add_step(&mut record.head, "show");
        add(&mut record, 0..60, &[Requests::ended(50, Outcome::CheckFailed)]);
        let assessment = check(&record, Verdict::Invalid, "\"list\" (GET /) never worked");
        assert!(assessment.findings.iter().all(|finding| finding.kind != "never_tried"));
    }

    #[test]
    fn a_run_that_was_given_up_stays_so_whatever_came_later() {
        let mut record = fast();
        record.seconds.retain(|second| second < 6);
        record.generator.truncate(6);
        let end = record.end.as_mut().unwrap();
        (end.scheduled, end.seconds) = (5.4, 6.0);
        end.reason = EndReason::Hopeless { detail: "the step \"list\" never worked".to_owned() };
        let assessment = check(&record, Verdict::Invalid, "\"list\" never worked");
        assert_eq!((assessment.window.from, assessment.window.to), (0, 6));
        let cut = assessment.reasons.last().unwrap();
        assert!(cut.starts_with("ended early, as it could not work, after 5 of 60 s"), "{cut}");
        record.end.as_mut().unwrap().reason = EndReason::Interrupted { signal: 2 };
        assert_ne!(assess(&record).verdict, Verdict::Invalid);
    }

    #[test]
    fn failures_that_no_objective_is_about_are_no_plain_pass() {
        for (failed, told) in
            [(0, None), (1, Some(Severity::Warning)), (5, Some(Severity::Withholds))]
        {
            let mut record = fast();
            add(&mut record, 0..60, &[Requests::ended(failed, Outcome::ServerError)]);
            let assessment = assess(&record);
            let found = assessment.findings.iter().find(|it| it.kind == "unjudged_failures");
            assert_eq!(found.map(|finding| finding.severity), told, "{failed}");
            let withheld = told == Some(Severity::Withholds);
            assert_eq!(assessment.verdict != Verdict::Pass, withheld, "{:?}", assessment.reasons);
        }
    }

    /// A step "list" that works, and "show", of whose requests so many end otherwise.
    fn two_steps(seconds: &[u32], of_show: u64, failed: u64) -> RunRecord {
        let mut record = run(60, 100.0);
        sample_records::add_step(&mut record.head, "show");
        let show = |kind: Requests| Requests { step: 1, ..kind };
        let ok = show(Requests::ok(of_show - failed, 9_000));
        let failed = show(Requests::ended(failed, Outcome::ServerError));
        add(&mut record, 0..60, &[Requests::ok(100, 9_000)]);
        add(&mut record, seconds.iter().copied(), &[ok, failed]);
        record
    }

    #[test]
    fn an_objective_judges_the_failures_of_its_step_and_kind_only() {
        let of_step = |share, step| SloHead { step, ..sample_records::failures(share, 0.5) };
        for (slo, is_told) in [
            (of_step(FailureShare::Errors, Some(0)), true),
            (of_step(FailureShare::Errors, Some(1)), false),
            (of_step(FailureShare::Errors, None), false),
            (of_step(FailureShare::ServerErrors, None), false),
            (of_step(FailureShare::Unavailable, Some(1)), false),
            (of_step(FailureShare::ClientErrors, None), true),
            (of_step(FailureShare::Unsent, None), true),
        ] {
            let mut record = two_steps(&(0..60).collect::<Vec<_>>(), 50, 10);
            record.head.slos.push(slo.clone());
            let assessment = assess(&record);
            let found = assessment.findings.iter().find(|it| it.kind == "unjudged_failures");
            assert_eq!(found.is_some(), is_told, "{slo:?}");
            assert_eq!(assessment.verdict == Verdict::Pass, !is_told, "{:?}", assessment.reasons);
            let told =
                "20 % of the step \"show\" (GET /), and no objective is about these failures";
            assert!(found.is_none_or(|it| it.evidence.ends_with(told)), "{found:?}");
        }
    }

    #[test]
    fn a_rare_step_that_often_fails_is_no_plain_pass_though_all_seldom_do() {
        let seconds: Vec<u32> = (0..60).step_by(5).collect();
        let record = two_steps(&seconds, 2, 1);
        check(&record, Verdict::Inconclusive, "failed, 50 % of the step \"show\" (GET /)");
        // Three of four are told, one or two of 160 may be chance.
        let few = two_steps(&[20], 4, 3);
        check(&few, Verdict::Inconclusive, "failed, 75 % of the step \"show\" (GET /)");
        for failed in [1, 2] {
            check(&two_steps(&[20], 160, failed), Verdict::Pass, "");
        }
    }

    #[test]
    fn a_refusal_is_a_failed_request() {
        let mut record = run(60, 50.0);
        record.head.slos = vec![sample_records::failures(FailureShare::Errors, 0.001)];
        add(&mut record, 0..60, &[Requests::ok(40, 9_000), Requests::ended(10, Outcome::Rejected)]);
        let assessment = check(&record, Verdict::SloMissed, "20 % of 2,500 requests");
        assert!((assessment.total.error_rate - 0.2).abs() < 1e-12);
    }

    #[test]
    fn none_at_all_is_about_this_run() {
        let mut record = fast();
        record.head.slos = vec![sample_records::failures(FailureShare::Errors, 0.0)];
        let assessment = check(&record, Verdict::Pass, "met");
        assert!(assessment.slos[0].note.as_ref().unwrap().contains("in this run"));
        add(&mut record, [30], &[Requests::ended(1, Outcome::ClientError)]);
        check(&record, Verdict::SloMissed, "missed");
    }

    #[test]
    fn windows_are_counted() {
        let mut record = run(70, 100.0);
        add(&mut record, 0..70, &[Requests::ok(100, 20_000)]);
        add(&mut record, 20..25, &[Requests::ok(20, 900_000)]);
        for (share, seconds, verdict) in [
            (0.8, 10, Verdict::Pass),
            (0.9, 10, Verdict::SloMissed),
            (0.9, 5, Verdict::Pass),
            (0.9, 100, Verdict::Inconclusive),
        ] {
            record.head.slos = vec![sample_records::in_windows(share, seconds)];
            check(&record, verdict, "");
        }
    }

    #[test]
    fn what_does_not_hold_behind_the_last_window_rules_out_a_pass() {
        let mut record = run(64, 100.0);
        add(&mut record, 0..60, &[Requests::ok(100, 20_000)]);
        add(&mut record, 60..64, &[Requests::ok(100, 900_000)]);
        record.head.slos = vec![sample_records::in_windows(0.9, 10)];
        let assessment = check(&record, Verdict::Inconclusive, "4 seconds beside");
        assert_eq!(assessment.slos[0].status, SloStatus::Inconclusive);
        // With many windows one more that is bad may be among the others.
        record.head.slos = vec![sample_records::in_windows(0.8, 10)];
        check(&record, Verdict::Pass, "met");
    }

    #[test]
    fn a_miss_in_a_few_disturbed_seconds_is_undecided() {
        let mut record = run(60, 200.0);
        add(&mut record, 0..60, &[Requests::ok(200, 20_000)]);
        let bad: Vec<u32> = (10..60).step_by(6).collect();
        add(&mut record, bad.clone(), &[Requests::ok(60, 900_000)]);
        check(&record, Verdict::SloMissed, "missed");
        for second in &mut record.generator {
            second.steal = Some(if bad.contains(&second.second) { 0.3 } else { 0.0 });
        }
        let assessment = check(&record, Verdict::Inconclusive, "disturbed");
        has(&assessment, "steal", Severity::Warning);
        assert!(assessment.slos[0].note.as_ref().unwrap().contains("0 % without 9 seconds"));
    }

    #[test]
    fn drift_is_a_warning() {
        let mut record = run(90, 100.0);
        for second in 0..90 {
            let micros = 20_000 + u64::from(second) * 200;
            add(&mut record, [second], &[Requests::ok(100, micros)]);
        }
        let assessment = check(&record, Verdict::Pass, "met");
        has(&assessment, "drifting", Severity::Warning);
        assert!(matches!(assessment.window.steady, Steadiness::Drifting { ratio } if ratio > 1.5));
    }

    #[test]
    fn a_ramp_is_not_examined() {
        let mut record = fast();
        let stage = StageHead { seconds: 30.0, from: 100.0, to: 200.0, users: None, warmup: false };
        record.head.load.stages = vec![stage; 2];
        assert_eq!(assess(&record).window.steady, Steadiness::NotExamined);
    }

    #[test]
    fn a_full_event_loop_is_named() {
        let mut record = run(60, 200.0);
        add(&mut record, 0..60, &[Requests::ok(200, 900_000)]);
        let table = record.head.gauges.clone();
        let seen = [(&gauge::CPU, 0.98), (&gauge::EVENT_LOOP_DELAY, 0.3)];
        let full = |second| TargetSecond::of(second, &table, seen);
        record.target = (0..60).map(full).collect();
        let assessment = check(&record, Verdict::SloMissed, "missed");
        has(&assessment, "saturation", Severity::Note);
        assert!((assessment.saturation.target.of(&gauge::CPU).unwrap().mean - 0.98).abs() < 1e-9);
    }

    #[test]
    fn faults_and_busy_workers_are_told() {
        let mut record = fast();
        record.end.as_mut().unwrap().faults = vec!["write run.json: disk full".to_owned()];
        for second in &mut record.generator[20..30] {
            *second = GeneratorSecond { busiest_worker: 0.95, ..second.clone() };
        }
        let assessment = check(&record, Verdict::Pass, "met");
        has(&assessment, "faults", Severity::Warning);
        has(&assessment, "busy_worker", Severity::Warning);
    }

    #[test]
    fn three_hours_keep_few_bins() {
        let mut record = run(10_800, 20.0);
        add(&mut record, 0..10_800, &[Requests::ok(20, 20_000)]);
        let assessment = check(&record, Verdict::Pass, "met");
        let timeline = &assessment.timeline;
        assert_eq!((timeline.bin_seconds, timeline.starts.len()), (30, 360));
        assert!(timeline.offered.iter().all(|rate| (rate - 20.0).abs() < 1e-9));
        for length in [timeline.p99.len(), timeline.covered.len(), timeline.outcomes[0].len()] {
            assert_eq!(length, 360);
        }
    }

    #[test]
    fn metrics_that_cannot_be_read_are_noted() {
        let mut record = fast();
        let error = Some("connection refused".to_owned());
        let silent =
            |second| TargetSecond { second, scrape_error: error.clone(), ..Default::default() };
        record.target = (0..60).map(silent).collect();
        has(&check(&record, Verdict::Pass, "met"), "metrics_unread", Severity::Note);
    }

    #[test]
    fn the_last_bin_covers_what_was_run() {
        let mut record = run(8, 100.0);
        record.head.load.stages[0].seconds = 7.5;
        record.end.as_mut().unwrap().seconds = 7.6;
        add(&mut record, 0..7, &[Requests::ok(100, 20_000)]);
        add(&mut record, [7], &[Requests::ok(50, 20_000)]);
        let assessment = assess(&record);
        let timeline = &assessment.timeline;
        assert!((timeline.covered[7] - 0.6).abs() < 1e-9 && timeline.starts.len() == 8);
        assert!((timeline.offered[7] - 50.0 / 0.6).abs() < 1e-9);
        assert!((assessment.total.offered_rate - 100.0).abs() < 1e-9);
    }

    #[test]
    fn steps_have_their_own_figures_and_limits() {
        let mut record = run(60, 100.0);
        sample_records::add_step(&mut record.head, "slow one");
        record
            .head
            .slos
            .push(crate::record::run::SloHead { step: Some(1), ..sample_records::p99() });
        let slow = Requests { step: 1, ..Requests::ok(1, 900_000) };
        add(&mut record, 0..60, &[Requests::ok(199, 20_000), slow]);
        let assessment = check(&record, Verdict::SloMissed, "slow one: p99 < 500ms missed");
        let statuses: Vec<_> = assessment.slos.iter().map(|slo| slo.status).collect();
        assert_eq!(statuses, [SloStatus::Met, SloStatus::Missed]);
        assert_eq!(assessment.steps.len(), 2);
        assert_eq!(assessment.steps[1].limits, [(0.99, 500.0)]);
        assert_eq!(assessment.steps[1].counts.planned, 50);
        assert!(assessment.steps[1].times[Phase::Response].unwrap().p50 > 890.0);
        assert!((assessment.total.goodput - 200.0).abs() < 1e-9);
    }
}
