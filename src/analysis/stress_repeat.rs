//! What one repeat of a stress test has shown: its record in, its result out; pure.

use crate::analysis::controller::stress::breaking::{self, Broken, failure_share, goodput};
use crate::analysis::controller::stress::recovering::{Before, IN_A_ROW};
use crate::analysis::stats::median;
use crate::analysis::stress_result::{
    Bound, GoodputAt, Manner, MannerShare, PhaseResult, Reach, Recovery, RepeatResult, Sign,
};
use crate::record::stress::{PhaseKind, Plan, Profile, Repeat, RepeatEnd, StressSecond};

/// Reads one repeat.
pub fn result(plan: &Plan, repeat: &Repeat) -> RepeatResult {
    let fall_back = place(repeat, PhaseKind::FallBack);
    let back = fall_back.map(|place| repeat.phases[place]);
    let before = back.and_then(|phase| Before::of(repeat, phase.rate));
    let again = fall_back.zip(before).and_then(|(place, before)| {
        before.again(repeat.seconds_of(place), repeat.phases[place].from)
    });
    let again = again.filter(|after| *after <= plan.recover_within_seconds);
    let best_goodput = best_goodput(repeat);
    let recovered_at = back.zip(again).map(|(phase, after)| phase.from + after);
    RepeatResult {
        folder: repeat.folder.clone(),
        reach: reach(plan, repeat),
        manners: manners(plan, repeat, recovered_at),
        best_goodput,
        goodput: overloads(repeat, best_goodput),
        recovery: recovery(plan, repeat, fall_back, again),
        recovered_at,
        limits_before: before.map(|before| (before.p99_limit(), before.in_flight_limit())),
        phases: (0..repeat.phases.len()).filter_map(|place| phase(repeat, place)).collect(),
    }
}

/// Where the last phase of a kind is.
fn place(repeat: &Repeat, kind: PhaseKind) -> Option<usize> {
    repeat.phases.iter().rposition(|phase| phase.kind == kind)
}

/// The hold that showed the break: the ramp did not go on behind it.
fn last_hold(repeat: &Repeat) -> Option<usize> {
    let hold = place(repeat, PhaseKind::Hold)?;
    let goes_on = repeat.phases.get(hold + 1).is_some_and(|next| next.kind == PhaseKind::Ramp);
    let is_doubtful = matches!(repeat.end, Some(RepeatEnd::Generator));
    let has_ended = matches!(repeat.end, Some(RepeatEnd::HighestRate | RepeatEnd::NoTime));
    (!goes_on && !is_doubtful && !has_ended).then_some(hold)
}

fn reach(plan: &Plan, repeat: &Repeat) -> Reach {
    let last = repeat.healthy().last().map(|place| repeat.phases[place].rate);
    if let Some(hold) = last_hold(repeat) {
        let rate = repeat.phases[hold].rate;
        return Reach::Broke { rate, by: sign(repeat, hold) };
    }
    let spike = place(repeat, PhaseKind::Spike).map(|place| repeat.phases[place].rate);
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

/// By what the step before a hold had shown that the target does not keep up.
fn sign(repeat: &Repeat, hold: usize) -> Sign {
    let step = hold.checked_sub(1).map(|place| repeat.seconds_of(place)).unwrap_or_default();
    let usual = Before::of(repeat, repeat.phases[hold].rate).map_or(0.0, |it| it.usual(step));
    let held = || breaking::staying(repeat.seconds_of(hold), usual);
    match breaking::failing(step).or_else(|| breaking::growing(step, usual)).or_else(held) {
        Some(Broken::Growth(slope)) => Sign::Growth(slope),
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
            _ if last_hold(repeat).is_some() => last_hold(repeat).map(|it| it.saturating_sub(1)),
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
        Profile::Spike { .. } => place(repeat, PhaseKind::Spike),
    };
    let Some(from) = begins.map(|place| repeat.phases[place].from) else { return &[] };
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
    found.sort_by(|a, b| b.share.total_cmp(&a.share));
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
    let counts = |place: &usize| match repeat.phases[*place].kind {
        PhaseKind::Ramp | PhaseKind::Hold => true,
        PhaseKind::WarmUp | PhaseKind::Overload(_) | PhaseKind::Spike | PhaseKind::FallBack => {
            false
        }
    };
    let places = (0..repeat.phases.len()).filter(counts);
    places.filter_map(|place| goodput(repeat.seconds_of(place))).reduce(f64::max)
}

fn overloads(repeat: &Repeat, best: Option<f64>) -> Vec<GoodputAt> {
    let of = |place: usize| {
        let PhaseKind::Overload(factor) = repeat.phases[place].kind else { return None };
        let seconds = repeat.seconds_of(place);
        let is_whole = repeat.phases.len() > place + 1;
        let per_second = goodput(seconds).filter(|_| is_whole && !breaking::is_late(seconds));
        let share = per_second.zip(best).map(|(found, best)| found / best.max(f64::MIN_POSITIVE));
        Some(GoodputAt { factor, per_second, share })
    };
    (0..repeat.phases.len()).filter_map(of).collect()
}

fn recovery(
    plan: &Plan,
    repeat: &Repeat,
    fall_back: Option<usize>,
    again: Option<u32>,
) -> Recovery {
    if matches!(repeat.end, Some(RepeatEnd::Died { .. })) {
        return Recovery::Died;
    }
    let seconds = fall_back.map(|place| repeat.seconds_of(place)).unwrap_or_default();
    match (again, &repeat.end) {
        (Some(after), _) => Recovery::After(after),
        (None, Some(RepeatEnd::NotRecovered)) if is_gone(seconds, IN_A_ROW) => Recovery::Gone,
        (None, Some(RepeatEnd::BrokenAtStart)) if is_gone(&repeat.seconds, 2) => Recovery::Gone,
        (None, Some(RepeatEnd::NotRecovered)) => Recovery::NotWithin(plan.recover_within_seconds),
        (None, _) => Recovery::NotMeasured,
    }
}

/// In the last so many seconds no connection was accepted any more.
fn is_gone(seconds: &[StressSecond], last: usize) -> bool {
    let refuses = |second: &StressSecond| second.refused > 0 && second.ok == 0;
    seconds.len() >= last && seconds.iter().rev().take(last).all(refuses)
}

fn phase(repeat: &Repeat, place: usize) -> Option<PhaseResult> {
    let seconds = repeat.seconds_of(place);
    let (phase, last) = (repeat.phases[place], seconds.last()?);
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
        assert_eq!(interrupted.recovery, Recovery::NotMeasured);
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
