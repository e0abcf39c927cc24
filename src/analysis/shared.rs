//! Doubts about a load that several generators share: one that was lost, and clocks that differ.

use crate::analysis::assessment::{Finding, Severity, Timeline};
use crate::analysis::finding::{finding, named};
use crate::analysis::generator_seen::GeneratorSeen;
use crate::analysis::number_format::{count, counted, millis, percent};
use crate::analysis::run_data::RunData;
use crate::record::generator::{GeneratorHead, Lost};
use crate::record::outcome::Cause;
use crate::record::run::EndReason;
use crate::record::telemetry::GeneratorSecond;

/// A generator so far off the schedule of the others is worth a word, in milliseconds.
const VISIBLE_SKEW: f64 = 5.0;
/// Seconds of the one are no seconds of the others any more.
const GRAVE_SKEW: f64 = 250.0;
/// Up to this share of all that was due, what lost generators owed changes no load.
const FEW_OWED: f64 = 0.001;
/// The same, of any second.
const FEW_OWED_OF_SECOND: f64 = 0.01;

/// Generators that did not carry out their part. What the target would have done under the whole
/// load nobody knows; only where the run went on without them, and what they owed counts against
/// it, may it still be judged.
pub(super) fn lost(data: &RunData) -> Option<Finding> {
    let advice = "see why it was lost: its machine, its network, or its own output; then run again";
    let record = data.record;
    if is_alone(data) {
        return None;
    }
    let Some(end) = &record.end else {
        let evidence = "the load was carried out by agents and its coordinator was killed: \
                        nobody knows whether all that they sent is here";
        return Some(finding("generator_lost", Severity::Invalidates, evidence.to_owned(), advice));
    };
    let (counted, void): (Vec<&Lost>, Vec<&Lost>) =
        end.lost.iter().partition(|lost| lost.unsent.is_some());
    if !void.is_empty() {
        return Some(finding("generator_lost", Severity::Invalidates, said(&void), advice));
    }
    (!counted.is_empty()).then(|| owed(data, &counted))
}

/// Requests that fell due and have no outcome, in a run of agents that nobody cut short: each ends at
/// its time limit at the latest, so somebody has not told the truth of them.
pub(super) fn unended(data: &RunData) -> Option<Finding> {
    let end = data.record.end.as_ref()?;
    let is_whole = matches!(end.reason, EndReason::Finished | EndReason::RowsUsed { .. });
    if !is_whole || end.abandoned == 0 || is_alone(data) {
        return None;
    }
    let evidence = format!(
        "{} fell due and have no outcome, although the run came to its end",
        counted(end.abandoned, "request")
    );
    let advice = "nobody knows what became of them: see that all generators are of this version, and \
                  report it";
    Some(finding("unended", Severity::Invalidates, evidence, advice))
}

/// Whoever has a load to himself has no name.
fn is_alone(data: &RunData) -> bool {
    data.record.head.generators.iter().all(|generator| generator.name.is_empty())
}

fn said(lost: &[&Lost]) -> String {
    let each =
        lost.iter().map(|it| format!("generator {}: {}", it.generator.index() + 1, it.detail));
    each.collect::<Vec<_>>().join("; ")
}

/// Arrivals of lost generators that are judged as unsent: objectives are missed by them, and none
/// passes for what the target did not meet.
fn owed(data: &RunData, lost: &[&Lost]) -> Finding {
    let in_second = |second: &u32| {
        let counts = data.record.seconds.get(*second).map(|it| it.counts()).unwrap_or_default();
        let owed: u64 = counts.iter().map(|step| step.cause(Cause::GeneratorLost)).sum();
        (owed, counts.iter().map(|step| step.planned).sum::<u64>())
    };
    let all: Vec<(u64, u64)> = data.judged.seconds.iter().map(in_second).collect();
    let share = |(owed, due): (u64, u64)| owed as f64 / due.max(1) as f64;
    let sum = all.iter().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    let worst = all.iter().map(|it| share(*it)).fold(0.0, f64::max);
    let is_much = share(sum) > FEW_OWED || worst > FEW_OWED_OF_SECOND;
    let severity = if is_much { Severity::Withholds } else { Severity::Warning };
    let evidence = format!(
        "{}; {} of {} that were due ({}, in the worst second {}) are counted as unsent or \
         unanswered, and the target met the rest only",
        said(lost),
        count(sum.0),
        counted(sum.1, "request"),
        percent(share(sum)),
        percent(worst)
    );
    let advice = "see why it was lost; a pass needs a run in which less than a thousandth was owed";
    finding("generator_lost", severity, evidence, advice)
}

/// The one who watched the target's processes on another machine, and did not to the end.
pub(super) fn unwatched(data: &RunData) -> Option<Finding> {
    let why = data.record.end.as_ref()?.lost_watcher()?;
    let advice = "see why it was lost; no objective on the target's processes is met without it";
    Some(finding("watcher_lost", Severity::Warning, why.to_owned(), advice))
}

/// What was seen of each generator, where several shared the load.
pub(super) fn each(data: &RunData, timeline: &Timeline) -> Vec<GeneratorSeen> {
    let heads = &data.record.head.generators;
    if heads.len() <= 1 {
        return Vec::new();
    }
    let mut lines = lines(data, timeline).into_iter();
    let lost = data.record.end.as_ref().map(|end| end.lost.as_slice()).unwrap_or_default();
    let seen = |(index, head): (usize, &GeneratorHead)| {
        let own = || data.record.generator.iter().filter(|it| it.generator.index() == index);
        let most = |of: fn(&GeneratorSecond) -> u64| own().map(of).max().map(|ns| ns as f64 / 1e6);
        let seconds = own().count();
        let (sent, send_lag_ms) = lines.next().unwrap_or_default();
        GeneratorSeen {
            name: head.name.clone(),
            slots: head.slots.count,
            seconds: seconds as u32,
            cpu: (seconds > 0)
                .then(|| own().map(|second| second.cpu).sum::<f64>() / seconds as f64),
            send_lag_max_ms: most(|second| second.send_lag_max_ns),
            stood_still_max_ms: most(|second| second.canary_late_max_ns),
            off_schedule_max_ms: most(GeneratorSecond::off_schedule_ns),
            lost: lost.iter().find(|it| it.generator.index() == index).map(became),
            sent,
            send_lag_ms,
        }
    };
    heads.iter().enumerate().map(seen).collect()
}

fn became(lost: &Lost) -> String {
    match lost.unsent {
        None => lost.detail.clone(),
        Some(owed) => {
            let owed = counted(owed, "request");
            format!("{}; {owed} are counted as unsent or unanswered", lost.detail)
        }
    }
}

/// A value for each bin of the timeline.
type Line = Vec<Option<f64>>;

/// What each sent per second, and its longest send lag, by the bins of the timeline.
fn lines(data: &RunData, timeline: &Timeline) -> Vec<(Line, Line)> {
    let none = || vec![None; timeline.starts.len()];
    let mut lines = vec![(none(), none()); data.record.head.generators.len()];
    for second in &data.record.generator {
        let bin = (second.second / timeline.bin_seconds.max(1)) as usize;
        let Some((sent, lag)) = lines.get_mut(second.generator.index()) else { continue };
        let (Some(sent), Some(lag)) = (sent.get_mut(bin), lag.get_mut(bin)) else { continue };
        if let (Some(more), Some(covered)) = (second.sent, timeline.covered.get(bin)) {
            *sent = Some(sent.unwrap_or(0.0) + more as f64 / covered);
        }
        let millis = second.send_lag_max_ns as f64 / 1e6;
        *lag = Some(lag.map_or(millis, |lag: f64| lag.max(millis)));
    }
    lines
}

/// A generator whose arrivals lay off the schedule of the whole run.
pub(super) fn skewed(data: &RunData) -> Option<Finding> {
    let worst = data.of_each().max_by_key(|second| second.off_schedule_ns())?;
    let off = worst.off_schedule_ns() as f64 / 1e6;
    (off >= VISIBLE_SKEW).then(|| {
        let severity = if off >= GRAVE_SKEW { Severity::Invalidates } else { Severity::Warning };
        let evidence = format!(
            "arrivals may have lain up to {} off the common schedule in second {}{}: skew {}, known \
             within {}",
            millis(off),
            worst.second,
            named(data, worst.generator),
            millis(worst.skew_ns.unwrap_or(0) as f64 / 1e6),
            millis(worst.skew_bound_ns.unwrap_or(0) as f64 / 1e6),
        );
        let advice = "bring generators and coordinator nearer to each other, or let their clocks run \
                      at the same speed; response times contain nothing of it";
        finding("clock_skew", severity, evidence, advice)
    })
}

#[cfg(test)]
mod tests {
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::{Assessment, Severity, Verdict};
    use crate::analysis::sample_records::{self, Requests, add};
    use crate::record::generator::{GeneratorHead, GeneratorId, Lost};
    use crate::record::outcome::{Cause, Outcome};
    use crate::record::run::EndReason;
    use crate::record::run::RunRecord;
    use crate::record::telemetry::GeneratorSecond;
    use crate::scenario::slo::FailureShare;
    use crate::scenario::slots::Slots;

    /// A calm run of two generators, in which nothing is wrong.
    fn calm() -> RunRecord {
        let mut record = sample_records::run(60, 100.0);
        add(&mut record, 0..60, &[Requests::ok(100, 20_000)]);
        let alone = record.head.generators[0].clone();
        let of = |(first, name): (u32, &str)| {
            let slots = Slots { first, count: 1, of: 2 };
            GeneratorHead { name: name.to_owned(), slots, ..alone.clone() }
        };
        record.head.generators = [(0, "eu"), (1, "us")].map(of).to_vec();
        let both = |second: GeneratorSecond| {
            [0, 1].map(|id| GeneratorSecond { generator: GeneratorId(id), ..second.clone() })
        };
        record.generator = record.generator.into_iter().flat_map(both).collect();
        record
    }

    #[test]
    fn what_each_sent_is_told_by_bins() {
        let mut record = calm();
        for second in &mut record.generator {
            let is_first = second.generator.is_first();
            second.sent = Some(if is_first { 70 } else { 30 });
            second.send_lag_max_ns = if is_first { 2_000_000 } else { 5_000_000 };
        }
        let seen = assess(&record).generators;
        let line = |values: &[Option<f64>]| (values.len(), values[7], values[59]);
        assert_eq!(line(&seen[0].sent), (60, Some(70.0), Some(70.0)));
        assert_eq!(line(&seen[1].sent), (60, Some(30.0), Some(30.0)));
        assert_eq!(line(&seen[1].send_lag_ms), (60, Some(5.0), Some(5.0)));
    }

    fn severity(assessment: &Assessment, kind: &str) -> Option<Severity> {
        assessment.findings.iter().find(|it| it.kind == kind).map(|it| it.severity)
    }

    #[test]
    fn a_lost_generator_voids_whatever_else_was_seen() {
        assert_eq!(assess(&calm()).verdict, Verdict::Pass);
        let mut record = calm();
        let detail = "us was killed".to_owned();
        record.end.as_mut().unwrap().lost =
            vec![Lost { generator: GeneratorId(1), detail, unsent: None }];
        let assessment = assess(&record);
        assert_eq!(assessment.verdict, Verdict::Invalid);
        assert!(assessment.reasons[0].contains("generator 2: us was killed"));
        assert_eq!(assessment.generators[0].lost, None);
        assert_eq!(assessment.generators[1].lost.as_deref(), Some("us was killed"));
    }

    /// A run of which one generator was lost and so many requests of some seconds are counted as
    /// unsent.
    fn owing(each: u64, seconds: std::ops::Range<u32>) -> RunRecord {
        let mut record = calm();
        record.head.slos.push(sample_records::failures(FailureShare::Errors, 0.05));
        let unsent = Requests {
            cause: Some(Cause::GeneratorLost),
            ..Requests::ended(each, Outcome::Unsent)
        };
        let owed = each * seconds.clone().count() as u64;
        add(&mut record, seconds, &[unsent]);
        let (generator, detail) = (GeneratorId(1), "us was killed".to_owned());
        record.end.as_mut().unwrap().lost = vec![Lost { generator, detail, unsent: Some(owed) }];
        record
    }

    #[test]
    fn what_a_lost_generator_owed_is_judged_where_that_was_asked_for_and_passes_only_for_little() {
        for (each, seconds, severity, verdict) in [
            // A hundredth of one second, and of all others nothing.
            (1, 50..51, Severity::Warning, Verdict::Pass),
            // More than a hundredth of a second; more than a thousandth of all.
            (2, 50..51, Severity::Withholds, Verdict::Inconclusive),
            (1, 30..45, Severity::Withholds, Verdict::Inconclusive),
            // Two thirds of the time a third of all: more errors than are allowed.
            (50, 20..60, Severity::Withholds, Verdict::SloMissed),
        ] {
            let assessment = assess(&owing(each, seconds.clone()));
            let found = assessment.findings.iter().find(|it| it.kind == "generator_lost").unwrap();
            let seen = (found.severity, assessment.verdict);
            assert_eq!(seen, (severity, verdict), "{each} in {seconds:?}: {assessment:#?}");
            assert!(found.evidence.starts_with("generator 2: us was killed; "));
            let kinds: Vec<&str> = assessment.findings.iter().map(|it| it.kind).collect();
            assert!(!kinds.contains(&"unsent"), "{kinds:?}");
        }
        // Another one whose arrivals nobody could count voids it all the same.
        let mut record = owing(1, 50..51);
        let (generator, detail) = (GeneratorId(0), "eu was odd".to_owned());
        record.end.as_mut().unwrap().lost.push(Lost { generator, detail, unsent: None });
        assert_eq!(assess(&record).verdict, Verdict::Invalid);
    }

    #[test]
    fn a_killed_coordinator_voids_what_is_there() {
        let mut record = calm();
        record.end = None;
        assert_eq!(assess(&record).verdict, Verdict::Invalid);
        record.head.generators.truncate(1);
        record.generator.retain(|second| second.generator.is_first());
        assert_eq!(assess(&record).verdict, Verdict::Invalid, "one agent is one of several");
        record.head.generators[0].name.clear();
        assert_eq!(severity(&assess(&record), "generator_lost"), None);
    }

    #[test]
    fn the_only_generator_is_missed_as_one_of_several_is() {
        let mut record = calm();
        record.head.generators.truncate(1);
        record.generator.retain(|second| second.generator.is_first());
        assert_eq!(severity(&assess(&record), "generator_lost"), None);
        let (generator, detail) = (GeneratorId(0), "eu was killed".to_owned());
        record.end.as_mut().unwrap().lost.push(Lost { generator, detail, unsent: None });
        assert_eq!(assess(&record).verdict, Verdict::Invalid);
    }

    #[test]
    fn what_fell_due_in_a_run_that_finished_has_an_end() {
        for (reason, is_void) in [
            (EndReason::Finished, true),
            (EndReason::RowsUsed { data: "rows".to_owned() }, true),
            (EndReason::Interrupted { signal: 2 }, false),
        ] {
            let mut record = calm();
            let end = record.end.as_mut().unwrap();
            (end.reason, end.abandoned) = (reason.clone(), 3);
            let found = severity(&assess(&record), "unended");
            assert_eq!(found, is_void.then_some(Severity::Invalidates), "{reason:?}");
            record.end.as_mut().unwrap().abandoned = 0;
            assert_eq!(severity(&assess(&record), "unended"), None);
        }
    }

    #[test]
    fn clocks_that_differ_are_told_and_void_from_a_quarter_of_a_second_on() {
        for (skew_ms, bound_ms, expected) in [
            (1, 1, None),
            (-4, 2, Some(Severity::Warning)),
            (0, 249, Some(Severity::Warning)),
            (-200, 60, Some(Severity::Invalidates)),
        ] {
            let mut record = calm();
            let second = &mut record.generator[61];
            second.skew_ns = Some(skew_ms * 1_000_000);
            second.skew_bound_ns = Some(bound_ms * 1_000_000);
            let assessment = assess(&record);
            assert_eq!(severity(&assessment, "clock_skew"), expected, "{skew_ms} {bound_ms}");
            let is_void = expected == Some(Severity::Invalidates);
            assert_eq!(assessment.verdict == Verdict::Invalid, is_void);
        }
    }

    #[test]
    fn skew_widens_the_bracket_as_a_stall_does() {
        let mut record = calm();
        record.generator.iter_mut().for_each(|second| second.skew_bound_ns = Some(4_000_000));
        let [calm, skewed] = [assess(&calm()), assess(&record)].map(|it| it.slos[0].clone());
        assert_ne!(calm, skewed, "the bracket is wider");
    }
}
