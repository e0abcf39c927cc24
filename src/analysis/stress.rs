//! A stress test's record in, its result out; pure.
//!
//! Each repeat is read by itself (`stress_repeat`), the repeats together give ranges, the
//! objectives are judged by the ranges (`stress_judged`), and the verdict follows.

use crate::analysis::assessment::{SloStatus, Verdict};
use crate::analysis::controller::stress::breaking;
use crate::analysis::number_format::{counted, percent};
use crate::analysis::stress_judged::judge;
use crate::analysis::stress_repeat;
use crate::analysis::stress_result::{
    Bound, FailingStep, GoodputRange, Judged, Manner, Range, Reach, Recovery, RepeatResult,
    StressResult,
};
use crate::analysis::stress_steps::FEWEST;
use crate::record::stress::{Profile, Repeat, RepeatEnd, SAME, StressEnd, StressFile};
use crate::scenario::stress::StressMetric;
use crate::units::{Rate, trim_zeros};

/// Reads a stress test.
pub fn assess(file: &StressFile) -> StressResult {
    let repeats: Vec<RepeatResult> =
        file.repeats.iter().map(|it| stress_repeat::result(&file.plan, it)).collect();
    let objectives = judge(&file.objectives, &file.plan, &repeats);
    let grounds = grounds(file, &repeats, &objectives);
    let after = |it: &RepeatResult| match it.recovery {
        Recovery::After(seconds) => Some(f64::from(seconds)),
        Recovery::NotWithin(_) | Recovery::Gone | Recovery::Died | Recovery::NotMeasured(_) => None,
    };
    let count =
        |what: fn(&RepeatResult) -> bool| repeats.iter().filter(|it| what(it)).count() as u32;
    StressResult {
        verdict: grounds.first().map(|(verdict, _)| *verdict).or_else(|| pass(&objectives)),
        answer: answer(&repeats),
        reasons: grounds.into_iter().map(|(_, reason)| reason).collect(),
        breaking_rate: Range::of(repeats.iter().filter_map(RepeatResult::broke_at)),
        kept_up_to: kept_up_to(&repeats),
        best_goodput: Range::of(repeats.iter().filter_map(|it| it.best_goodput)),
        goodput: goodput(&file.plan.factors, &repeats),
        recovery: Range::of(repeats.iter().filter_map(after)),
        metastable: count(|it| matches!(it.recovery, Recovery::NotWithin(_) | Recovery::Gone)),
        died: count(|it| it.recovery == Recovery::Died),
        objectives,
        limits_of_knowledge: unknowns(file, &repeats),
        repeats,
    }
}

fn pass(objectives: &[Judged]) -> Option<Verdict> {
    (!objectives.is_empty()).then_some(Verdict::Pass)
}

/// Verdicts with their reasons, gravest first; none where nothing stands against a pass.
fn grounds(
    file: &StressFile,
    repeats: &[RepeatResult],
    objectives: &[Judged],
) -> Vec<(Verdict, String)> {
    let mut grounds = Vec::new();
    grounds.extend(lost(file, repeats).map(|why| (Verdict::TargetLost, why)));
    grounds.extend(nothing_known(file, repeats).map(|why| (Verdict::Invalid, why)));
    let of = |status: SloStatus, verdict: Verdict| {
        let judged = objectives.iter().filter(move |it| it.status == status);
        judged.map(move |it| (verdict, format!("{}: {}", it.text, it.in_full())))
    };
    grounds.extend(of(SloStatus::Missed, Verdict::SloMissed));
    grounds.extend(of(SloStatus::Inconclusive, Verdict::Inconclusive));
    let doubts = cut_short(file)
        .into_iter()
        .chain(hidden(file, repeats))
        .chain(unjudged(file, repeats))
        .chain(at_start(repeats));
    grounds.extend(doubts.map(|why| (Verdict::Inconclusive, why)));
    grounds
}

/// A test that did not come to its end may have been on the way to anything, and one repeat of
/// several that were asked for is no range.
fn cut_short(file: &StressFile) -> Option<String> {
    if file.end == Some(StressEnd::NoTime) && file.repeats.len() == 1 {
        let asked = file.plan.repeats;
        return Some(format!("there was time for one of {asked} repeats only (--within)"));
    }
    let Some(end) = &file.end else {
        let killed = "loadgate was killed before the test was over: what it had not measured, \
                      nobody knows";
        return Some(killed.to_owned());
    };
    let signal = end.signal()?;
    Some(format!("interrupted by signal {signal} before the test was over"))
}

/// Failures that are too few among all requests, or too short, to be a break.
fn hidden(file: &StressFile, repeats: &[RepeatResult]) -> Vec<String> {
    if file.objectives.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<String> = Vec::new();
    let steps = repeats.iter().flat_map(|it| &it.failing_steps).map(failing_step);
    let spells = repeats.iter().filter_map(|it| it.spells).reduce(f64::max).map(|share| {
        format!(
            "{} of the requests failed on the way up, in spells: at each rate the target kept up \
             after all",
            percent(share)
        )
    });
    for text in steps.chain(spells) {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

/// A step that fails while the target as a whole seems to work, in a sentence.
pub fn failing_step(it: &FailingStep) -> String {
    let FailingStep { flow, step, failed, tried, .. } = it;
    let what = format!("the step \"{step}\" of the flow \"{flow}\"");
    let of = format!("{failed} of {}", counted(*tried, "request"));
    if it.is_after {
        return format!("{what} still fails once the target seems to be as before: {of}");
    }
    let rate = Rate(it.rate);
    format!("{what} fails from {rate} on, which the target seems to keep up with: {of}")
}

/// Nobody starts it again.
fn lost(file: &StressFile, repeats: &[RepeatResult]) -> Option<String> {
    if let Some(StressEnd::TargetLost { detail }) = &file.end {
        return Some(format!("the target could not be had again: {detail}"));
    }
    let is_unknown = |it: &RepeatResult| it.reach == Reach::Unknown;
    if repeats.iter().any(|it| it.recovery == Recovery::Died && is_unknown(it)) {
        return Some("the target died before anything was known of it".to_owned());
    }
    let is_gone = |it: &RepeatResult| it.recovery == Recovery::Gone;
    let is_left_so = !file.starts_afresh && repeats.iter().any(is_gone);
    is_left_so.then(|| {
        "the target accepts no connections any more, and loadgate does not start it: start it again"
            .to_owned()
    })
}

fn nothing_known(file: &StressFile, repeats: &[RepeatResult]) -> Option<String> {
    if let Some(StressEnd::Hopeless { detail }) = &file.end {
        return Some(detail.clone());
    }
    if let Some(StressEnd::GeneratorLost { detail }) = &file.end {
        return Some(format!("a generator was lost: {detail}"));
    }
    let is_unknown = |it: &RepeatResult| it.reach == Reach::Unknown;
    if !repeats.iter().all(is_unknown) {
        return None;
    }
    let is_late = |it: &Repeat| {
        let length = it.seconds.last().map_or(0, |second| second.second + 1);
        it.end == Some(RepeatEnd::Generator) || breaking::is_late(&it.seconds, length)
    };
    let by_generator = file.repeats.iter().any(is_late);
    Some(if by_generator {
        "nothing is known of the target: the generator was late before a step of the ramp was over; \
         give it more CPU, or begin lower with --from"
            .to_owned()
    } else {
        "nothing is known of the target: it ended before a step of the ramp was over".to_owned()
    })
}

/// What did not come back and no objective is about.
fn unjudged(file: &StressFile, repeats: &[RepeatResult]) -> Option<String> {
    let judges = |metric: StressMetric| metric == StressMetric::Recovery;
    let is_judged = file.objectives.iter().any(|it| judges(it.metric));
    let lasting = repeats.iter().filter(|it| it.is_lasting()).count() as u64;
    (lasting > 0 && !file.objectives.is_empty() && !is_judged).then(|| {
        format!(
            "the target did not come back in {}, and no objective is about that: add \"recovery < \
             30s\"",
            counted(lasting, "repeat")
        )
    })
}

fn at_start(repeats: &[RepeatResult]) -> Option<String> {
    repeats.iter().find_map(|it| match it.reach {
        Reach::AtStart { rate } => Some(format!(
            "the target does not keep up with the first rate, {}, so nobody knows what it is like \
             when it does: begin lower with --from",
            Rate(rate)
        )),
        Reach::Broke { .. } | Reach::NotUpTo { .. } | Reach::Spike { .. } | Reach::Unknown => None,
    })
}

/// The least of the rates that it kept up with, where it never broke.
fn kept_up_to(repeats: &[RepeatResult]) -> Option<f64> {
    let kept = |it: &RepeatResult| match it.reach {
        Reach::NotUpTo { rate, .. } => Some(rate),
        Reach::Broke { .. } | Reach::AtStart { .. } | Reach::Spike { .. } | Reach::Unknown => None,
    };
    let has_broken = repeats.iter().any(|it| it.broke_at().is_some());
    repeats.iter().filter_map(kept).reduce(f64::min).filter(|_| !has_broken)
}

fn goodput(factors: &[f64], repeats: &[RepeatResult]) -> Vec<GoodputRange> {
    let of = |factor: f64| {
        let all = || repeats.iter().flat_map(|it| &it.goodput);
        let these = || all().filter(move |it| (it.factor - factor).abs() < SAME);
        let share = Range::of(these().filter_map(|it| it.share))?;
        let per_second = Range::of(these().filter_map(|it| it.per_second))?;
        Some(GoodputRange { factor, share, per_second })
    };
    factors.iter().copied().filter_map(of).collect()
}

/// What was found, in a sentence: of the repeats that tell it, with their number where they
/// disagree.
fn answer(repeats: &[RepeatResult]) -> String {
    let broken = Range::of(repeats.iter().filter_map(RepeatResult::broke_at));
    let first = match (broken, kept_up_to(repeats), repeats.first().map(|it| it.reach)) {
        (Some(range), ..) => format!("breaks at {}{}", rates(range), manner_words(repeats)),
        (None, Some(rate), _) => {
            format!("did not break up to {}{}", Rate(rate), bound_words(repeats))
        }
        (None, None, Some(Reach::Spike { rate })) => {
            format!("a spike of {}{}", Rate(rate), manner_words(repeats))
        }
        (None, None, Some(Reach::AtStart { rate })) => {
            return format!("does not keep up with {}{}", Rate(rate), manner_words(repeats));
        }
        (None, None, _) => return "nothing is known of how it breaks".to_owned(),
    };
    [Some(first), goodput_words(repeats), recovery_words(repeats)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}

/// `208/s`, or `190/s to 208/s`.
fn rates(range: Range) -> String {
    if range.is_one() {
        return Rate(range.median).to_string();
    }
    format!("{} to {}", Rate(range.least), Rate(range.most))
}

/// How most of what failed did so.
pub fn manner_name(manner: Manner) -> &'static str {
    match manner {
        Manner::Queueing => "queueing",
        Manner::Shedding => "shedding (429, 503)",
        Manner::Errors => "errors",
        Manner::Timeouts => "timeouts",
        Manner::Refused => "refused or reset connections",
        Manner::Death => "death",
    }
}

fn manner_words(repeats: &[RepeatResult]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in repeats.iter().filter_map(RepeatResult::manner).map(manner_name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { String::new() } else { format!(" by {}", names.join(" or ")) }
}

fn bound_words(repeats: &[RepeatResult]) -> &'static str {
    let mut bounds = repeats.iter().rev().filter_map(|it| match it.reach {
        Reach::NotUpTo { limit, .. } => Some(limit),
        Reach::Broke { .. } | Reach::AtStart { .. } | Reach::Spike { .. } | Reach::Unknown => None,
    });
    match bounds.next() {
        Some(Bound::HighestRate) => ", the highest rate that was allowed",
        Some(Bound::Time) => ", and the time was over",
        Some(Bound::Generator) => ", where the generator was the limit",
        Some(Bound::Interrupted) => ", where it was interrupted",
        None => "",
    }
}

/// Of the highest overload.
fn goodput_words(repeats: &[RepeatResult]) -> Option<String> {
    let known = repeats.iter().flat_map(|it| &it.goodput).filter(|it| it.share.is_some());
    let factor = known.map(|it| it.factor).reduce(f64::max)?;
    let at = |it: &RepeatResult| {
        it.goodput.iter().find(|it| (it.factor - factor).abs() < SAME).and_then(|it| it.share)
    };
    let range = Range::of(repeats.iter().filter_map(at))?;
    let shares = if percent(range.least) == percent(range.most) {
        percent(range.median)
    } else {
        format!("{} to {}", percent(range.least), percent(range.most))
    };
    Some(format!("at {}x it still does {shares} of its best", trim_zeros(factor, 2)))
}

fn recovery_words(repeats: &[RepeatResult]) -> Option<String> {
    let of = |what: fn(&RepeatResult) -> bool| repeats.iter().filter(|it| what(it)).count() as u64;
    let never = of(|it| matches!(it.recovery, Recovery::NotWithin(_)));
    let gone = of(|it| it.recovery == Recovery::Gone);
    let after = repeats.iter().filter_map(|it| match it.recovery {
        Recovery::After(seconds) => Some(f64::from(seconds)),
        Recovery::NotWithin(_) | Recovery::Gone | Recovery::Died | Recovery::NotMeasured(_) => None,
    });
    let within = repeats.iter().find_map(|it| match it.recovery {
        Recovery::NotWithin(within) => Some(within),
        Recovery::After(_) | Recovery::Gone | Recovery::Died | Recovery::NotMeasured(_) => None,
    });
    let all = repeats.len() as u64;
    let mut words = Vec::new();
    if let Some(within) = within {
        let in_some = if never == all { String::new() } else { format!(" in {never} of {all}") };
        words.push(format!("metastable: not back within {within} s{in_some}"));
    }
    if gone > 0 {
        words.push("gone: it accepts no connections any more".to_owned());
    }
    words.extend(Range::of(after).map(|range| {
        let [least, most] = [range.least, range.most].map(|it| trim_zeros(it, 0));
        match (range.is_one(), range.most < 0.5) {
            (true, true) => "back at once".to_owned(),
            (true, false) => format!("back after {most} s"),
            (false, _) => format!("back after {least} to {most} s"),
        }
    }));
    (!words.is_empty()).then(|| words.join(", "))
}

fn unknowns(file: &StressFile, repeats: &[RepeatResult]) -> Vec<String> {
    let step = percent(file.plan.growth);
    let steps = match file.plan.profile {
        Profile::Ramp => Some(format!(
            "the breaking rate more exactly than a step of {step}; smaller steps (--growth) take longer"
        )),
        Profile::Spike { .. } => None,
    };
    let others = [
        format!(
            "what the target does with more than {} requests at once: no more connections are \
             allowed (\"limits\")",
            file.connections
        ),
        format!(
            "whether a step works of which fewer than {FEWEST} requests in a phase fail: it is too \
             rarely asked for"
        ),
        "how it comes back while its clients try again: loadgate does not".to_owned(),
    ];
    let broke = Range::of(repeats.iter().filter_map(RepeatResult::broke_at));
    let below = file.plan.capacity.zip(broke).filter(|(capacity, broke)| *capacity < broke.least);
    let capacity = below.map(|(capacity, _)| {
        format!(
            "whether {} is its capacity (--capacity): it breaks above that, and overloads are \
             multiples of where it breaks",
            Rate(capacity)
        )
    });
    steps.into_iter().chain(capacity).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::stress::StepTally;
    use crate::record::stress_sample::sample;
    use crate::scenario::stress::StressObjective;

    fn with(change: impl Fn(&mut StressFile)) -> StressResult {
        let mut file = sample();
        change(&mut file);
        assess(&file)
    }

    fn recovery(seconds: f64) -> StressObjective {
        let metric = StressMetric::Recovery;
        StressObjective { text: "recovery".to_owned(), metric, limit: seconds, inclusive: false }
    }

    fn breaking(limit: f64) -> StressObjective {
        let metric = StressMetric::BreakingRate;
        StressObjective { text: "breaking".to_owned(), metric, limit, inclusive: true }
    }

    fn never_back(repeat: &mut Repeat) {
        let back = repeat.seconds.iter_mut().filter(|it| it.second >= 35);
        back.for_each(|second| (second.ok, second.timeouts) = (0, 60));
        repeat.end = Some(RepeatEnd::NotRecovered);
    }

    #[test]
    fn without_objectives_a_stress_test_tells_and_judges_nothing() {
        let found = with(|_| {});
        assert_eq!((found.verdict, found.reasons.len()), (None, 0));
        assert_eq!(
            found.answer,
            "breaks at 121/s by timeouts; at 1.5x it still does 100 % of its best; back after 7 s"
        );
        assert_eq!((found.metastable, found.died), (0, 0));
    }

    #[test]
    fn objectives_decide_in_the_order_of_the_verdicts() {
        let judged = |objectives: Vec<StressObjective>| {
            with(|file| file.objectives.clone_from(&objectives)).verdict
        };
        assert_eq!(judged(vec![recovery(8.0), breaking(120.0)]), Some(Verdict::Pass));
        assert_eq!(judged(vec![recovery(7.0), breaking(120.0)]), Some(Verdict::SloMissed));
        assert_eq!(judged(vec![recovery(8.0), breaking(122.0)]), Some(Verdict::SloMissed));
    }

    #[test]
    fn what_does_not_come_back_is_never_a_pass() {
        let judged = |objectives: Vec<StressObjective>| {
            with(|file| {
                file.objectives.clone_from(&objectives);
                never_back(&mut file.repeats[1]);
            })
        };
        let found = judged(vec![breaking(100.0)]);
        assert_eq!((found.verdict, found.metastable), (Some(Verdict::Inconclusive), 1));
        assert!(found.answer.contains("metastable: not back within 20 s in 1 of 2"));
        assert_eq!(judged(vec![recovery(30.0)]).verdict, Some(Verdict::SloMissed));
        assert_eq!(judged(vec![]).verdict, None, "it tells");
    }

    #[test]
    fn a_target_that_nobody_starts_again_is_lost() {
        let gone = |starts_afresh| {
            with(|file| {
                file.starts_afresh = starts_afresh;
                for repeat in &mut file.repeats {
                    never_back(repeat);
                    let back = repeat.seconds.iter_mut().filter(|it| it.second >= 35);
                    back.for_each(|it| (it.timeouts, it.broken, it.refused) = (0, 60, 60));
                }
            })
        };
        assert_eq!(gone(false).verdict, Some(Verdict::TargetLost));
        assert_eq!(gone(true).verdict, None, "each repeat starts it");
        let early = with(|file| {
            let repeat = &mut file.repeats[0];
            repeat.phases.truncate(1);
            repeat.seconds.truncate(4);
            repeat.end = Some(RepeatEnd::Died { detail: String::new() });
        });
        assert_eq!(early.verdict, Some(Verdict::TargetLost));
    }

    #[test]
    fn nothing_known_is_invalid() {
        let nothing = with(|file| {
            file.repeats.truncate(1);
            file.repeats[0].phases.truncate(1);
            file.repeats[0].seconds.truncate(3);
            file.repeats[0].end = Some(RepeatEnd::Generator);
            file.objectives = vec![breaking(1.0)];
        });
        assert_eq!(nothing.verdict, Some(Verdict::Invalid));
        let hopeless = with(|file| {
            file.end =
                Some(StressEnd::Hopeless { detail: "the step \"a\" never worked".to_owned() });
        });
        assert_eq!(hopeless.verdict, Some(Verdict::Invalid));
        assert_eq!(with(|file| file.repeats.clear()).verdict, Some(Verdict::Invalid));
    }

    #[test]
    fn one_repeat_of_several_says_too_little_to_pass() {
        let played = |repeats: usize, end: StressEnd, limit: f64| {
            let found = with(|file| {
                file.repeats.truncate(repeats);
                file.end = Some(end.clone());
                file.objectives = vec![breaking(limit)];
            });
            (found.verdict, found.reasons)
        };
        let (verdict, reasons) = played(1, StressEnd::NoTime, 100.0);
        assert_eq!(verdict, Some(Verdict::Inconclusive));
        assert!(reasons[0].starts_with("there was time for one of "), "{reasons:?}");
        assert_eq!(played(1, StressEnd::NoTime, 500.0).0, Some(Verdict::SloMissed));
        assert_eq!(played(2, StressEnd::NoTime, 100.0).0, Some(Verdict::Pass), "a range");
        assert_eq!(
            played(1, StressEnd::Finished, 100.0).0,
            Some(Verdict::Pass),
            "one was asked for"
        );
    }

    #[test]
    fn a_test_that_was_killed_or_interrupted_never_passes() {
        for end in [None, Some(StressEnd::Interrupted { signal: 15 })] {
            let cut = |objectives: Vec<StressObjective>| {
                with(|file| {
                    file.objectives.clone_from(&objectives);
                    file.end.clone_from(&end);
                })
            };
            for objectives in [vec![], vec![breaking(100.0)], vec![recovery(30.0)]] {
                let found = cut(objectives);
                assert_eq!(found.verdict, Some(Verdict::Inconclusive), "{end:?}");
                let last = found.reasons.last().unwrap();
                assert!(last.contains("before the test was over"), "{last}");
            }
            assert_eq!(
                cut(vec![recovery(1.0)]).verdict,
                Some(Verdict::SloMissed),
                "it was measured"
            );
        }
        let in_hold = with(|file| {
            file.end = None;
            file.objectives = vec![breaking(120.0)];
            file.repeats.truncate(1);
            file.repeats[0].phases.truncate(5);
            file.repeats[0].seconds.truncate(20);
            file.repeats[0].end = None;
        });
        assert_eq!(in_hold.objectives[0].measured, "at least 110/s", "nothing confirmed it");
        assert_eq!(in_hold.verdict, Some(Verdict::Inconclusive));
    }

    #[test]
    fn what_fails_unseen_is_no_pass() {
        let with_steps = |tallies: &[(u32, u64)], objectives: Vec<StressObjective>| {
            with(|file| {
                file.objectives.clone_from(&objectives);
                let tally = |(phase, failed): &(u32, u64)| StepTally {
                    phase: *phase,
                    flow: "g".to_owned(),
                    step: "b".to_owned(),
                    ok: 0,
                    failed: *failed,
                };
                file.repeats[1].steps = tallies.iter().map(tally).collect();
            })
        };
        let found = with_steps(&[(2, 9)], vec![breaking(100.0)]);
        assert_eq!(found.verdict, Some(Verdict::Inconclusive));
        let text = "the step \"b\" of the flow \"g\" fails from 110/s on, which the target seems \
                    to keep up with: 9 of 9 requests";
        assert!(found.reasons.iter().any(|reason| reason == text), "{:?}", found.reasons);
        let found = with_steps(&[(7, 6)], vec![recovery(30.0)]);
        assert_eq!(found.verdict, Some(Verdict::Inconclusive));
        assert!(found.reasons[0].contains("not measured, as a step still fails"));
        assert!(found.reasons[1].contains("6 of 6 requests"), "{:?}", found.reasons);
        assert_eq!(with_steps(&[(2, 9)], vec![]).verdict, None, "it tells");
        let spells = with(|file| {
            file.objectives = vec![breaking(100.0)];
            for second in &mut file.repeats[0].seconds[6..8] {
                (second.ok, second.errors) = (60, 40);
            }
        });
        assert_eq!(spells.verdict, Some(Verdict::Inconclusive));
        assert!(spells.reasons[0].contains("of the requests failed on the way up"));
    }

    #[test]
    fn a_capacity_below_the_break_is_told_to_be_none() {
        let said = |capacity| {
            let found = with(|file| file.plan.capacity = Some(capacity));
            found.limits_of_knowledge.iter().any(|text| text.contains("--capacity"))
        };
        assert!(said(100.0) && !said(200.0));
    }

    #[test]
    fn one_that_is_too_much_from_the_start_is_no_result() {
        let found = with(|file| {
            for repeat in &mut file.repeats {
                repeat.phases.truncate(2);
                repeat.seconds.truncate(8);
                repeat.end = Some(RepeatEnd::BrokenAtStart);
            }
        });
        assert_eq!(found.verdict, Some(Verdict::Inconclusive));
        assert!(found.reasons[0].contains("--from"), "{:?}", found.reasons);
    }
}
