//! What one repeat of a stress test has shown: its record in, its result out; pure.

use crate::analysis::controller::stress::breaking::{
    self, Broken, confirmed, failure_share, goodput,
};
use crate::analysis::controller::stress::recovering::{Before, IN_A_ROW, is_watched};
use crate::analysis::stats::median;
use crate::analysis::stress_result::{
    Bound, FailingStep, GoodputAt, Manner, MannerShare, PhaseResult, Reach, Recovery, RepeatResult,
    Sign, Unmeasured,
};
use crate::analysis::stress_steps;
use crate::record::stress::{PhaseKind, Plan, Profile, Repeat, RepeatEnd, SAME, StressSecond};
use crate::units::order;

/// Reads one repeat.
pub fn result(plan: &Plan, repeat: &Repeat) -> RepeatResult {
    let fall_back = repeat.last_of(PhaseKind::FallBack);
    let back = fall_back.map(|index| repeat.phases[index]);
    let before = back.and_then(|phase| Before::of(repeat, phase.rate));
    let again = fall_back.zip(before).and_then(|(index, before)| {
        before.again(repeat.seconds_of(index), repeat.phases[index].from)
    });
    let again = again.filter(|after| *after <= plan.recover_within_seconds);
    let best_goodput = best_goodput(repeat);
    let failing_steps = stress_steps::failing(repeat, again.is_some());
    let recovery = recovery(plan, repeat, before.is_some(), again, &failing_steps);
    let is_back = matches!(recovery, Recovery::After(_));
    let recovered_at = back.zip(again).map(|(phase, after)| phase.from + after);
    let recovered_at = recovered_at.filter(|_| is_back);
    RepeatResult {
        folder: repeat.folder.clone(),
        reach: reach(plan, repeat),
        manners: manners(plan, repeat, recovered_at),
        best_goodput,
        goodput: overloads(plan, repeat, best_goodput),
        recovery,
        recovered_at,
        limits_before: before.map(|before| (before.p99_limit(), before.in_flight_limit())),
        failing_steps,
        spells: spells(repeat),
        phases: (0..repeat.phases.len()).filter_map(|index| phase(repeat, index)).collect(),
    }
}

fn reach(plan: &Plan, repeat: &Repeat) -> Reach {
    let last = kept_up(repeat).map(|index| repeat.phases[index].rate);
    if let Some(hold) = confirmed(repeat) {
        let rate = repeat.phases[hold].rate;
        return Reach::Broke { rate, by: sign(repeat, hold) };
    }
    let spike = repeat.last_of(PhaseKind::Spike).map(|index| repeat.phases[index].rate);
    let not_up_to = |limit| last.map_or(Reach::Unknown, |rate| Reach::NotUpTo { rate, limit });
    match (&repeat.end, plan.profile) {
        (Some(RepeatEnd::BrokenAtStart), _) => Reach::AtStart { rate: repeat.phases[0].rate },
        (Some(RepeatEnd::Died { .. }), Profile::Ramp) => match (last, repeat.phases.last()) {
            (Some(_), Some(phase)) => Reach::Broke { rate: phase.rate, by: Sign::Death },
            (None, _) | (_, None) => Reach::Unknown,
        },
        (_, Profile::Spike { .. }) => spike.map_or(Reach::Unknown, |rate| Reach::Spike { rate }),
        (Some(RepeatEnd::HighestRate), Profile::Ramp) => not_up_to(Bound::HighestRate),
        (Some(RepeatEnd::NoTime), Profile::Ramp) => not_up_to(Bound::Time),
        (Some(RepeatEnd::Generator), Profile::Ramp) => not_up_to(Bound::Generator),
        (
            Some(
                RepeatEnd::Interrupted { .. }
                | RepeatEnd::Hopeless { .. }
                | RepeatEnd::Recovered
                | RepeatEnd::NotRecovered,
            )
            | None,
            Profile::Ramp,
        ) => not_up_to(Bound::Interrupted),
    }
}

/// The last place of the ramp that the target kept up with: a step, or a hold that did not confirm
/// what the step before had shown.
fn kept_up(repeat: &Repeat) -> Option<usize> {
    let has_ended = matches!(repeat.end, Some(RepeatEnd::HighestRate | RepeatEnd::NoTime));
    let refuted = |index: &usize| {
        let next = repeat.phases.get(index + 1).map(|next| next.kind);
        repeat.phases[*index].kind == PhaseKind::Hold
            && next.map_or(has_ended, |next| next == PhaseKind::Ramp)
    };
    (0..repeat.phases.len()).filter(refuted).chain(repeat.healthy()).max()
}

/// By what the step before a hold had shown that the target does not keep up.
fn sign(repeat: &Repeat, hold: usize) -> Sign {
    let step = hold.checked_sub(1).map(|index| repeat.seconds_of(index)).unwrap_or_default();
    let usual = Before::of(repeat, repeat.phases[hold].rate).map_or(0.0, |it| it.usual(step));
    let held = || breaking::staying(repeat.seconds_of(hold), usual);
    let grows = || breaking::growing(step, usual);
    let by_all = || breaking::failed_step(step);
    match breaking::failing(step).or_else(grows).or_else(by_all).or_else(held) {
        Some(Broken::Growth(slope)) => Sign::Growth(slope),
        Some(Broken::NothingWorked) => Sign::NothingWorked,
        Some(Broken::Failures(share)) => Sign::Failures(share),
        Some(Broken::Backlog(_)) | None => Sign::Growth(0.0),
    }
}

/// The seconds from the break on, until the target was as before.
fn overloaded<'r>(
    plan: &Plan,
    repeat: &'r Repeat,
    recovered_at: Option<u32>,
) -> &'r [StressSecond] {
    let begins = match plan.profile {
        Profile::Ramp => match &repeat.end {
            Some(RepeatEnd::BrokenAtStart) => Some(0),
            _ if confirmed(repeat).is_some() => confirmed(repeat).map(|it| it.saturating_sub(1)),
            Some(RepeatEnd::Died { .. }) => repeat.phases.len().checked_sub(1),
            Some(
                RepeatEnd::Recovered
                | RepeatEnd::NotRecovered
                | RepeatEnd::HighestRate
                | RepeatEnd::NoTime
                | RepeatEnd::Generator
                | RepeatEnd::Hopeless { .. }
                | RepeatEnd::Interrupted { .. },
            )
            | None => None,
        },
        Profile::Spike { .. } => repeat.last_of(PhaseKind::Spike),
    };
    let Some(from) = begins.map(|index| repeat.phases[index].from) else { return &[] };
    let at = |second: u32| repeat.seconds.partition_point(|it| it.second < second);
    let end = recovered_at.map_or(repeat.seconds.len(), at);
    repeat.seconds.get(at(from)..end).unwrap_or_default()
}

/// How requests failed; where hardly any did, they waited.
fn manners(plan: &Plan, repeat: &Repeat, recovered_at: Option<u32>) -> Vec<MannerShare> {
    let seconds = overloaded(plan, repeat, recovered_at);
    let sum = |of: fn(&StressSecond) -> u64| seconds.iter().map(of).sum::<u64>();
    let counts = [
        (Manner::Shedding, sum(|it| it.shed)),
        (Manner::Errors, sum(|it| it.errors)),
        (Manner::Timeouts, sum(|it| it.timeouts)),
        (Manner::Refused, sum(|it| it.broken)),
        (Manner::Queueing, sum(|it| it.unsent)),
    ];
    let ended = (sum(|it| it.ok) + sum(StressSecond::failed)).max(1) as f64;
    let share =
        |(manner, count): (Manner, u64)| MannerShare { manner, share: count as f64 / ended };
    let mut found: Vec<MannerShare> =
        counts.into_iter().filter(|(_, count)| *count > 0).map(share).collect();
    order::by(&mut found, |a, b| b.share.total_cmp(&a.share));
    if matches!(repeat.end, Some(RepeatEnd::Died { .. })) {
        found.insert(0, MannerShare { manner: Manner::Death, share: 1.0 });
    } else if failure_share(seconds) <= breaking::FAILING && has_queued(repeat, seconds) {
        found.retain(|it| it.manner != Manner::Queueing);
        let share = 1.0 - found.iter().map(|it| it.share).sum::<f64>();
        found.insert(0, MannerShare { manner: Manner::Queueing, share });
    }
    found
}

/// Whether more were in flight than usual.
fn has_queued(repeat: &Repeat, seconds: &[StressSecond]) -> bool {
    let Some(rate) = repeat.phases.first().map(|phase| phase.rate) else { return false };
    let Some(before) = Before::of(repeat, rate) else { return !seconds.is_empty() };
    let most = seconds.iter().map(|second| second.in_flight).max().unwrap_or(0);
    most as f64 > before.in_flight_limit()
}

/// The best of the steps and of the hold.
fn best_goodput(repeat: &Repeat) -> Option<f64> {
    let counts = |index: &usize| match repeat.phases[*index].kind {
        PhaseKind::Ramp | PhaseKind::Hold => true,
        PhaseKind::WarmUp | PhaseKind::Overload(_) | PhaseKind::Spike | PhaseKind::FallBack => {
            false
        }
    };
    let indexes = (0..repeat.phases.len()).filter(counts);
    indexes.filter_map(|index| goodput(repeat.seconds_of(index))).reduce(f64::max)
}

fn overloads(plan: &Plan, repeat: &Repeat, best: Option<f64>) -> Vec<GoodputAt> {
    let of = |index: usize| {
        let PhaseKind::Overload(factor) = repeat.phases[index].kind else { return None };
        let seconds = repeat.seconds_of(index);
        let is_whole = repeat.phases.len() > index + 1;
        let is_late = breaking::is_late(seconds, repeat.length_of(index));
        let per_second = goodput(seconds).filter(|_| is_whole && !is_late);
        let share = per_second.zip(best).map(|(found, best)| found / best.max(f64::MIN_POSITIVE));
        let why = if is_whole { Unmeasured::LateOverload } else { Unmeasured::CutShort };
        Some(GoodputAt { factor, per_second, share, unknown: share.is_none().then_some(why) })
    };
    let mut found: Vec<GoodputAt> = (0..repeat.phases.len()).filter_map(of).collect();
    if confirmed(repeat).is_some() && repeat.last_of(PhaseKind::FallBack).is_some() {
        let is_found = |factor: f64| found.iter().any(|it| (it.factor - factor).abs() < SAME);
        let left_out: Vec<f64> =
            plan.factors.iter().copied().filter(|factor| !is_found(*factor)).collect();
        let unknown = Some(Unmeasured::AboveHighest);
        let unmeasured = |factor| GoodputAt { factor, per_second: None, share: None, unknown };
        found.extend(left_out.into_iter().map(unmeasured));
    }
    found
}

fn recovery(
    plan: &Plan,
    repeat: &Repeat,
    is_before_known: bool,
    again: Option<u32>,
    failing: &[FailingStep],
) -> Recovery {
    if matches!(repeat.end, Some(RepeatEnd::Died { .. })) {
        return Recovery::Died;
    }
    if let Some(after) = again {
        let still_fails = failing.iter().any(|step| step.is_after);
        let why = unfit_overload(repeat).or(still_fails.then_some(Unmeasured::FailingStep));
        return why.map_or(Recovery::After(after), Recovery::NotMeasured);
    }
    let index = repeat.last_of(PhaseKind::FallBack);
    let seconds = index.map(|index| repeat.seconds_of(index)).unwrap_or_default();
    let is_late = index.is_some_and(|it| breaking::is_late(seconds, repeat.length_of(it)));
    Recovery::NotMeasured(match &repeat.end {
        Some(RepeatEnd::BrokenAtStart) if is_gone(&repeat.seconds, 2) => return Recovery::Gone,
        Some(RepeatEnd::NotRecovered) if is_gone(seconds, IN_A_ROW) => return Recovery::Gone,
        Some(RepeatEnd::NotRecovered) if !is_before_known => Unmeasured::NothingBefore,
        Some(RepeatEnd::NotRecovered) if is_watched(seconds) && !is_late => {
            return Recovery::NotWithin(plan.recover_within_seconds);
        }
        Some(RepeatEnd::NotRecovered | RepeatEnd::Recovered) => Unmeasured::Unwatched,
        Some(RepeatEnd::BrokenAtStart) => Unmeasured::AtStart,
        Some(RepeatEnd::HighestRate | RepeatEnd::NoTime) => Unmeasured::NotBroken,
        Some(RepeatEnd::Generator) => Unmeasured::Generator,
        Some(RepeatEnd::Hopeless { .. }) => Unmeasured::Hopeless,
        Some(RepeatEnd::Died { .. } | RepeatEnd::Interrupted { .. }) | None => Unmeasured::CutShort,
    })
}

/// Why an overload was none that a target could come back from, if one was not.
fn unfit_overload(repeat: &Repeat) -> Option<Unmeasured> {
    let is_one = |kind| match kind {
        PhaseKind::Overload(_) | PhaseKind::Spike => true,
        PhaseKind::WarmUp | PhaseKind::Ramp | PhaseKind::Hold | PhaseKind::FallBack => false,
    };
    let of = |index: usize| {
        let seconds = repeat.seconds_of(index);
        let sum = |of: fn(&StressSecond) -> u64| seconds.iter().map(of).sum::<u64>();
        if breaking::is_late(seconds, repeat.length_of(index)) {
            return Some(Unmeasured::LateOverload);
        }
        let is_unsent = sum(|second| second.unsent) * 2 > sum(|second| second.offered);
        is_unsent.then_some(Unmeasured::UnsentOverload)
    };
    (0..repeat.phases.len()).filter(|index| is_one(repeat.phases[*index].kind)).find_map(of)
}

/// The share of failures in all that the ramp went through and kept up with in the end, where it
/// is more than a target that keeps up has.
fn spells(repeat: &Repeat) -> Option<f64> {
    let last = kept_up(repeat)?;
    let ramp = (0..=last).filter(|index| repeat.phases[*index].kind != PhaseKind::WarmUp);
    let seconds: Vec<StressSecond> =
        ramp.flat_map(|index| breaking::judging(repeat.seconds_of(index))).copied().collect();
    let failed: u64 = seconds.iter().map(StressSecond::failed).sum();
    let share = failure_share(&seconds);
    (share > breaking::FAILING && failed >= breaking::FEWEST_FAILED).then_some(share)
}

/// In the last so many seconds no connection was accepted any more.
fn is_gone(seconds: &[StressSecond], last: usize) -> bool {
    let refuses = |second: &StressSecond| second.refused > 0 && second.ok == 0;
    seconds.len() >= last && seconds.iter().rev().take(last).all(refuses)
}

fn phase(repeat: &Repeat, index: usize) -> Option<PhaseResult> {
    let seconds = repeat.seconds_of(index);
    let (phase, last) = (repeat.phases[index], seconds.last()?);
    let p99: Vec<f64> = seconds.iter().filter_map(|second| second.p99_ms).collect();
    Some(PhaseResult {
        rate: phase.rate,
        from: phase.from,
        seconds: last.second + 1 - phase.from,
        goodput: goodput(seconds),
        failed: failure_share(seconds),
        p99_ms: median(&p99),
        in_flight: last.in_flight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::stress::Phase;
    use crate::record::stress_sample::{sample, sample_plan};

    fn changed(change: impl Fn(&mut Repeat)) -> RepeatResult {
        let mut repeat = sample().repeats[0].clone();
        change(&mut repeat);
        result(&sample_plan(), &repeat)
    }

    /// The first so many phases, as if it had ended there.
    fn cut(phases: usize, end: &RepeatEnd) -> RepeatResult {
        changed(|repeat| {
            let until = repeat.phases[phases].from;
            repeat.phases.truncate(phases);
            repeat.seconds.retain(|second| second.second < until);
            repeat.end = Some(end.clone());
        })
    }

    #[test]
    fn a_whole_repeat_tells_all() {
        let found = changed(|_| {});
        assert!(
            matches!(found.reach, Reach::Broke { rate, by: Sign::Growth(slope) }
            if (rate - 121.0).abs() < 1e-9 && slope > 2.0),
            "{:?}",
            found.reach
        );
        assert_eq!(found.manner(), Some(Manner::Timeouts));
        assert_eq!((found.recovery, found.recovered_at), (Recovery::After(7), Some(42)));
        let factors: Vec<f64> = found.goodput.iter().map(|it| it.factor).collect();
        assert_eq!(factors, [1.2, 1.5]);
        assert!(found.goodput.iter().all(|it| it.share.is_some_and(|it| (it - 1.0).abs() < 0.01)));
        assert_eq!(found.phases.len(), 8);
    }

    #[test]
    fn what_ended_early_is_known_up_to_there() {
        let interrupted = cut(3, &RepeatEnd::Interrupted { signal: 2 });
        assert!(matches!(interrupted.reach,
            Reach::NotUpTo { rate, limit: Bound::Interrupted } if rate < 100.1));
        assert_eq!(interrupted.recovery, Recovery::NotMeasured(Unmeasured::CutShort));
        let generator = cut(4, &RepeatEnd::Generator);
        assert!(
            matches!(generator.reach,
            Reach::NotUpTo { rate, limit: Bound::Generator } if rate < 110.1),
            "not the last step"
        );
        let highest = cut(3, &RepeatEnd::HighestRate);
        assert!(matches!(highest.reach, Reach::NotUpTo { rate, .. } if rate > 109.9));
        assert_eq!(cut(1, &RepeatEnd::Interrupted { signal: 2 }).reach, Reach::Unknown);
    }

    #[test]
    fn a_death_has_the_rate_at_which_it_came() {
        let died = |phases| cut(phases, &RepeatEnd::Died { detail: "exit code 1".to_owned() });
        let found = died(4);
        assert!(matches!(found.reach, Reach::Broke { rate, by: Sign::Death } if rate > 120.0));
        assert_eq!((found.manner(), found.recovery), (Some(Manner::Death), Recovery::Died));
        assert!(
            matches!(died(6).reach, Reach::Broke { rate, .. } if rate < 121.1),
            "broken before"
        );
        assert_eq!(died(1).reach, Reach::Unknown, "nothing was known of it yet");
    }

    #[test]
    fn what_never_comes_back_is_metastable_or_gone() {
        let never = |change: fn(&mut StressSecond)| {
            changed(|repeat| {
                repeat.seconds.iter_mut().filter(|it| it.second >= 35).for_each(change);
                repeat.end = Some(RepeatEnd::NotRecovered);
            })
        };
        let found = never(|second| (second.ok, second.timeouts) = (0, 60));
        assert_eq!((found.recovery, found.is_lasting()), (Recovery::NotWithin(20), true));
        let found = never(|second| (second.ok, second.broken, second.refused) = (0, 60, 60));
        assert_eq!(found.recovery, Recovery::Gone);
    }

    #[test]
    fn a_hold_that_was_cut_short_confirms_no_break() {
        for end in [None, Some(RepeatEnd::Interrupted { signal: 15 })] {
            let found = changed(|repeat| {
                repeat.phases.truncate(5);
                repeat.seconds.truncate(22);
                repeat.end.clone_from(&end);
            });
            assert!(
                matches!(found.reach, Reach::NotUpTo { rate, limit: Bound::Interrupted } if rate < 110.1),
                "{:?}",
                found.reach
            );
            assert_eq!(found.recovery, Recovery::NotMeasured(Unmeasured::CutShort));
        }
    }

    /// What is said of the recovery if seconds are changed.
    fn back(change: impl Fn(&mut StressSecond), end: &RepeatEnd) -> Recovery {
        let found = changed(|repeat| {
            repeat.seconds.iter_mut().for_each(&change);
            repeat.end = Some(end.clone());
        });
        found.recovery
    }

    #[test]
    fn an_overload_that_was_late_or_not_sent_is_none_to_come_back_from() {
        let is_in = |second: &StressSecond, until| (30..until).contains(&second.second);
        let end = RepeatEnd::Recovered;
        let late = |until| back(move |it| it.late = is_in(it, until), &end);
        assert_eq!(late(33), Recovery::NotMeasured(Unmeasured::LateOverload));
        assert_eq!(late(32), Recovery::After(7), "two seconds of five");
        let unsent = |share| {
            back(move |it| it.unsent = it.offered * u64::from(is_in(it, 35)) * share / 100, &end)
        };
        assert_eq!(unsent(60), Recovery::NotMeasured(Unmeasured::UnsentOverload));
        assert_eq!(unsent(40), Recovery::After(7));
        let never = |it: &mut StressSecond| {
            it.late = is_in(it, 35);
            if it.second >= 35 {
                (it.ok, it.timeouts) = (0, 60);
            }
        };
        let found = back(never, &RepeatEnd::NotRecovered);
        assert_eq!(found, Recovery::NotWithin(20), "less broke it");
    }

    #[test]
    fn what_was_not_watched_to_its_end_is_not_known_to_be_lasting() {
        let never = |is_late: fn(u32) -> bool| {
            let change = move |it: &mut StressSecond| {
                if it.second >= 35 {
                    (it.ok, it.timeouts, it.late) = (0, 60, is_late(it.second));
                }
            };
            back(change, &RepeatEnd::NotRecovered)
        };
        assert_eq!(never(|_| false), Recovery::NotWithin(20));
        assert_eq!(never(|second| second < 38), Recovery::NotWithin(20));
        let unwatched = Recovery::NotMeasured(Unmeasured::Unwatched);
        assert_eq!(never(|second| second.is_multiple_of(4)), unwatched);
        assert_eq!(never(|second| second > 40), unwatched);
        let nothing_before = changed(|repeat| {
            repeat.seconds.iter_mut().for_each(|it| it.p99_ms = None);
            repeat.end = Some(RepeatEnd::NotRecovered);
        });
        let expected = Recovery::NotMeasured(Unmeasured::NothingBefore);
        assert_eq!(nothing_before.recovery, expected);
    }

    #[test]
    fn failures_that_come_and_go_are_told_of_the_ramp() {
        assert_eq!(changed(|_| {}).spells, None);
        let found = changed(|repeat| {
            for second in &mut repeat.seconds[6..8] {
                (second.ok, second.errors) = (60, 40);
            }
        });
        assert!(
            found.spells.is_some_and(|share| (0.07..0.09).contains(&share)),
            "{:?}",
            found.spells
        );
    }

    #[test]
    fn an_overload_above_the_highest_rate_is_told_to_be_so() {
        let mut plan = sample_plan();
        plan.factors.push(9.0);
        let found = result(&plan, &sample().repeats[0]);
        let last = found.goodput.last().unwrap();
        assert_eq!((last.factor, last.unknown), (9.0, Some(Unmeasured::AboveHighest)));
        assert_eq!(cut(6, &RepeatEnd::Interrupted { signal: 2 }).goodput.len(), 1);
    }

    #[test]
    fn a_rate_whose_hold_found_nothing_was_kept_up_with() {
        let found = cut(5, &RepeatEnd::HighestRate);
        assert!(
            matches!(found.reach, Reach::NotUpTo { rate, limit: Bound::HighestRate } if rate > 120.9),
            "{:?}",
            found.reach
        );
    }

    #[test]
    fn a_step_that_still_fails_is_not_back() {
        let found = changed(|repeat| {
            let (flow, step) = ("f".to_owned(), "s".to_owned());
            repeat.steps =
                vec![crate::record::stress::StepTally { phase: 7, flow, step, ok: 0, failed: 9 }];
        });
        assert_eq!(found.recovery, Recovery::NotMeasured(Unmeasured::FailingStep));
        assert_eq!((found.failing_steps.len(), found.recovered_at), (1, None));
    }

    #[test]
    fn what_only_waits_queues() {
        let found = changed(|repeat| {
            repeat.seconds.iter_mut().for_each(|second| second.timeouts = 0);
        });
        assert_eq!(found.manner(), Some(Manner::Queueing));
    }

    #[test]
    fn a_hold_that_found_nothing_and_one_with_a_late_generator_are_no_break() {
        let found = changed(|repeat| {
            let phase = |kind, from, rate| Phase { kind, from, rate };
            repeat.phases[5] = phase(PhaseKind::Ramp, 25, 133.0);
            repeat.phases[6] = phase(PhaseKind::Ramp, 30, 146.0);
            repeat.phases.pop();
            repeat.end = Some(RepeatEnd::HighestRate);
        });
        assert!(matches!(found.reach, Reach::NotUpTo { .. }), "{:?}", found.reach);
        let late = cut(5, &RepeatEnd::Generator);
        assert!(matches!(late.reach, Reach::NotUpTo { rate, .. } if rate < 110.1));
    }
}
