//! Doubts about the generator's own world: that it stood still, that clocks jumped, that it
//! does not know when responses came, that the machine was too small for the plan.

use crate::analysis::assessment::{Finding, Severity};
use crate::analysis::finding::{finding, named, tightest_limit};
use crate::analysis::lateness;
use crate::analysis::number_format::{count, counted, millis, percent};
use crate::analysis::run_data::RunData;
use crate::record::run::{MetricHead, SloHead};

/// A tick that is late by so much is worth a warning, in milliseconds.
const LONG_STALL: f64 = 100.0;
/// A shorter one is worth a note from here on, if it is also this part of the tightest limit.
const SHORT_STALL: f64 = 10.0;
const STALL_OF_LIMIT: f64 = 0.1;
/// A clock that moved by more than this voids the run, in milliseconds.
const CLOCK_JUMP: f64 = 100.0;
/// Fewer missing stamps are of no interest.
const FEW_UNSTAMPED: f64 = 0.001;

/// The longest that the generator stood still. It voids nothing by itself: what was due
/// meanwhile carries its lag, and the objectives ask whether that decides.
pub fn stall(data: &RunData) -> Option<Finding> {
    // The tick that tells of a stall comes after it, perhaps after the schedule's end.
    let since = || data.record.generator.iter().filter(|s| s.second >= data.judged.from);
    let longest = since().max_by_key(|second| second.canary_late_max_ns)?;
    let late = longest.canary_late_max_ns as f64 / 1e6;
    let limit = tightest_of_all(data);
    if late < LONG_STALL && (late < SHORT_STALL || late < STALL_OF_LIMIT * limit) {
        return None;
    }
    let own = since().filter(|second| second.generator == longest.generator);
    let ticks: u64 = own.map(|second| second.late_ticks[1]).sum();
    let severity = if late < LONG_STALL { Severity::Note } else { Severity::Warning };
    let evidence = format!(
        "the generator stood still for {} in second {}; {} of its 10-ms clock came more than \
         10 ms late{}",
        millis(late),
        longest.second,
        counted(ticks, "tick"),
        named(data, longest.generator),
    );
    let advice = "give the generator a core of its own; what was due meanwhile was sent late, \
                  all at once";
    Some(finding("stall", severity, evidence, advice))
}

/// The tightest limit of all objectives in milliseconds: those about failures have the
/// shortest time limit of a step.
fn tightest_of_all(data: &RunData) -> f64 {
    let head = &data.record.head;
    let is_failures = |slo: &SloHead| matches!(slo.metric, MetricHead::Failures(_));
    let times = tightest_limit(data).unwrap_or(f64::MAX);
    let shortest = head.steps.iter().map(|step| step.timeout_ms).min();
    match shortest.filter(|_| head.slos.iter().any(is_failures)) {
        Some(shortest) => times.min(shortest as f64),
        None => times,
    }
}

/// The wall clock was set, or the machine was suspended.
pub fn clock_jump(data: &RunData) -> Option<Finding> {
    let longest = data.of_each().max_by_key(|second| second.clock_jump_ns)?;
    let jump = longest.clock_jump_ns as f64 / 1e6;
    (jump > CLOCK_JUMP).then(|| {
        let evidence = format!(
            "the machine's clocks moved against each other by {} in second {}{}: a clock was \
             set, or the machine slept",
            millis(jump),
            longest.second,
            named(data, longest.generator)
        );
        let advice = "run again; keep the machine awake, and let its clock be slewed, not set";
        finding("clock_jump", Severity::Invalidates, evidence, advice)
    })
}

/// Responses whose end is not the moment at which they came.
pub fn receive_lag(data: &RunData) -> Option<Finding> {
    let (missing, answered) = lateness::unstamped(data);
    let by_choice = data.record.head.receive_clock() == "generator";
    let is_known = data.record.head.receive_clock() == "kernel";
    let some_missing = is_known && missing as f64 > FEW_UNSTAMPED * answered as f64;
    if !by_choice && !some_missing || answered == 0 {
        return None;
    }
    let late = data.generator().map(|s| s.canary_late_max_ns).max().unwrap_or(0) as f64 / 1e6;
    let what = if by_choice {
        "responses end when the generator read them".to_owned()
    } else {
        let share = percent(missing as f64 / answered as f64);
        format!("the kernel stamped all but {} responses ({share})", count(missing))
    };
    let grave = late > STALL_OF_LIMIT * tightest_limit(data).unwrap_or(f64::MAX);
    let severity = if grave { Severity::Warning } else { Severity::Note };
    let evidence = format!("{what}; it was up to {} late", millis(late));
    let advice = if data.record.head.is_by_socket_file() {
        "through a socket file goes nothing that the kernel stamps; where that matters, let the \
         target listen at a port of 127.0.0.1"
    } else {
        "let the kernel stamp them (--receive-clock kernel, on Linux): then a late generator does \
         not make the target slower"
    };
    Some(finding("receive_lag", severity, evidence, advice))
}

/// What was found wanting before the first request.
pub fn preparations(data: &RunData) -> Option<Finding> {
    let generators = data.record.head.generators.iter();
    let warnings: Vec<&str> = generators
        .flat_map(|generator| &generator.environment.warnings)
        .map(String::as_str)
        .collect();
    (!warnings.is_empty()).then(|| {
        let advice = "raise what is too small, or lower the plan";
        finding("preparations", Severity::Warning, warnings.join("; "), advice)
    })
}

#[cfg(test)]
mod tests {
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::Finding;
    use crate::analysis::sample_records::{self, Requests, add};
    use crate::record::generator::{GeneratorHead, GeneratorId};
    use crate::record::run::RunRecord;
    use crate::record::telemetry::GeneratorSecond;
    use crate::scenario::slots::Slots;

    /// A calm run of 40 s, the second generator of which has seconds like these from 10 to 20.
    fn shared(generators: usize, of_second: &GeneratorSecond) -> RunRecord {
        let mut record = sample_records::run(40, 100.0);
        add(&mut record, 0..40, &[Requests::ok(100, 20_000)]);
        let alone = record.head.generators[0].clone();
        record.head.generators = (0..generators as u32)
            .map(|first| {
                let slots = Slots { first, count: 1, of: generators as u32 };
                GeneratorHead { slots, ..alone.clone() }
            })
            .collect();
        let seconds = record.generator.clone();
        record.generator.clear();
        for second in seconds {
            for place in 0..generators {
                let is_bad = place == generators.min(2) - 1 && (10..20).contains(&second.second);
                let seen = if is_bad { of_second.clone() } else { second.clone() };
                let generator = GeneratorId(place as u16);
                record.generator.push(GeneratorSecond { second: second.second, generator, ..seen });
            }
        }
        record
    }

    #[track_caller]
    fn check(of_second: &GeneratorSecond, kind: &str) {
        let found = |generators: usize| -> Finding {
            let findings = assess(&shared(generators, of_second)).findings;
            let kinds: Vec<&str> = findings.iter().map(|finding| finding.kind).collect();
            let named = findings.iter().find(|finding| finding.kind == kind);
            named.unwrap_or_else(|| panic!("{kind} is not in {kinds:?}")).clone()
        };
        let (alone, one_of_three) = (found(1), found(3));
        assert!(!alone.evidence.contains("(generator"), "{}", alone.evidence);
        let without = one_of_three.evidence.replace(" (generator 2)", "");
        assert_eq!((without, one_of_three.severity), (alone.evidence.clone(), alone.severity));
        assert_ne!(one_of_three.evidence, alone.evidence, "it is named");
    }

    #[test]
    fn of_several_generators_the_worst_one_is_named() {
        let seen = GeneratorSecond { cpu: 0.1, busiest_worker: 0.1, ..GeneratorSecond::default() };
        let (late, ticks) = (300_000_000, [9, 8, 7]);
        check(
            &GeneratorSecond { canary_late_max_ns: late, late_ticks: ticks, ..seen.clone() },
            "stall",
        );
        check(&GeneratorSecond { clock_jump_ns: late, ..seen.clone() }, "clock_jump");
        check(&GeneratorSecond { busiest_worker: 0.95, ..seen.clone() }, "busy_worker");
        check(&GeneratorSecond { steal: Some(0.3), ..seen.clone() }, "steal");
        check(&GeneratorSecond { cpu_pressure: Some(0.5), ..seen }, "cpu_pressure");
    }

    #[test]
    fn what_generators_used_is_added_and_the_worst_of_what_befell_them_counts() {
        let bad = GeneratorSecond {
            cpu: 0.5,
            in_flight: 7,
            in_flight_peak: 9,
            send_lag_max_ns: 5,
            ..GeneratorSecond::default()
        };
        let record = shared(3, &bad);
        let together = record.together();
        assert_eq!((record.generator.len(), together.len()), (120, 40));
        let (calm, busy) = (&together[5], &together[15]);
        assert!((calm.cpu - 0.3).abs() < 1e-9 && (busy.cpu - 0.7).abs() < 1e-9);
        assert_eq!((busy.in_flight, busy.in_flight_peak, busy.send_lag_max_ns), (7, 9, 5));
        assert!((busy.busiest_worker - 0.1).abs() < 1e-9);
    }
}
