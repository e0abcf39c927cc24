//! Objectives of a stress test, judged by all of its repeats: a range within the limit meets it, a
//! range beyond it misses it, and one on both sides of it decides nothing. What did not come back
//! misses every limit on recovery, in however few of the repeats.

use crate::analysis::assessment::SloStatus;
use crate::analysis::number_format::percent;
use crate::analysis::stress_result::{
    Bound, Judged, Range, Reach, Recovery, RepeatResult, Unmeasured,
};
use crate::record::stress::{Plan, Profile, SAME};
use crate::scenario::stress::{StressMetric, StressObjective};
use crate::units::{Rate, trim_zeros};

/// What one repeat says of an objective.
enum Said {
    /// It was so much.
    Value(f64),
    /// It was no less than this.
    AtLeast(f64),
    /// It was no more than this.
    AtMost(f64),
    /// However large the limit is, it is missed; why.
    Never(&'static str),
    /// Nothing; why.
    Nothing(&'static str),
}

impl Said {
    fn unknown(why: Unmeasured) -> Said {
        Said::Nothing(why.words())
    }
}

/// How each objective came out.
pub fn judge(objectives: &[StressObjective], plan: &Plan, repeats: &[RepeatResult]) -> Vec<Judged> {
    objectives.iter().map(|it| one(it, plan, repeats)).collect()
}

fn one(objective: &StressObjective, plan: &Plan, repeats: &[RepeatResult]) -> Judged {
    let said: Vec<Said> = repeats.iter().map(|it| said(objective.metric, plan, it)).collect();
    let each: Vec<SloStatus> = said.iter().map(|it| status(objective, it)).collect();
    let is_hard = |said: &Said| match said {
        Said::Never(_) => true,
        Said::Value(_) | Said::AtLeast(_) | Said::AtMost(_) | Said::Nothing(_) => false,
    };
    let all = |wanted| !each.is_empty() && each.iter().all(|status| *status == wanted);
    let status = if said.iter().any(is_hard) || all(SloStatus::Missed) {
        SloStatus::Missed
    } else if all(SloStatus::Met) {
        SloStatus::Met
    } else {
        SloStatus::Inconclusive
    };
    let (text, measured) = (objective.text.clone(), words(objective.metric, &said));
    Judged { text, status, measured, why: why(&said) }
}

fn status(objective: &StressObjective, said: &Said) -> SloStatus {
    let of = |holds| if holds { SloStatus::Met } else { SloStatus::Missed };
    match said {
        Said::Value(value) => of(objective.holds(*value)),
        Said::AtLeast(value) if !objective.metric.is_upper() && objective.holds(*value) => {
            SloStatus::Met
        }
        Said::AtMost(value) if !objective.metric.is_upper() && !objective.holds(*value) => {
            SloStatus::Missed
        }
        Said::Never(_) => SloStatus::Missed,
        Said::AtLeast(_) | Said::AtMost(_) | Said::Nothing(_) => SloStatus::Inconclusive,
    }
}

fn said(metric: StressMetric, plan: &Plan, repeat: &RepeatResult) -> Said {
    let is_spike = match plan.profile {
        Profile::Ramp => false,
        Profile::Spike { .. } => true,
    };
    match metric {
        StressMetric::Recovery => recovery(repeat.recovery),
        StressMetric::BreakingRate | StressMetric::GoodputAt { .. } if is_spike => {
            Said::unknown(Unmeasured::Spike)
        }
        StressMetric::BreakingRate if repeat.has_failing_step() => {
            Said::Nothing("a step fails at a rate that the target seems to keep up with")
        }
        StressMetric::BreakingRate => breaking_rate(repeat),
        StressMetric::GoodputAt { factor } => goodput(factor, repeat),
    }
}

fn recovery(recovery: Recovery) -> Said {
    match recovery {
        Recovery::After(seconds) => Said::Value(f64::from(seconds)),
        Recovery::NotWithin(_) => Said::Never("it did not come back"),
        Recovery::Gone => Said::Never("it accepts no connections any more"),
        Recovery::Died => Said::Never("it died"),
        Recovery::NotMeasured(why) => Said::unknown(why),
    }
}

fn breaking_rate(repeat: &RepeatResult) -> Said {
    match repeat.reach {
        Reach::Broke { rate, .. } => Said::Value(rate),
        Reach::NotUpTo { rate, .. } => Said::AtLeast(rate),
        Reach::AtStart { rate } => Said::AtMost(rate),
        Reach::Spike { .. } | Reach::Unknown => Said::unknown(ended_early(repeat.recovery)),
    }
}

/// Why so little is known of a repeat of which nothing is known.
fn ended_early(recovery: Recovery) -> Unmeasured {
    match recovery {
        Recovery::NotMeasured(why) => why,
        Recovery::After(_) | Recovery::NotWithin(_) | Recovery::Gone | Recovery::Died => {
            Unmeasured::CutShort
        }
    }
}

fn goodput(factor: f64, repeat: &RepeatResult) -> Said {
    let found = repeat.goodput.iter().find(|it| (it.factor - factor).abs() < SAME);
    if let Some(share) = found.and_then(|it| it.share) {
        return Said::Value(share);
    }
    if repeat.recovery == Recovery::Died {
        return Said::Never("it died before");
    }
    Said::unknown(found.and_then(|it| it.unknown).unwrap_or(match repeat.reach {
        Reach::AtStart { .. } => Unmeasured::AtStart,
        Reach::NotUpTo { limit: Bound::Generator, .. } => Unmeasured::Generator,
        Reach::NotUpTo { limit: Bound::HighestRate | Bound::Time, .. } => Unmeasured::NotBroken,
        Reach::Broke { .. }
        | Reach::NotUpTo { limit: Bound::Interrupted, .. }
        | Reach::Spike { .. }
        | Reach::Unknown => ended_early(repeat.recovery),
    }))
}

/// What was measured, in words, of all repeats.
fn words(metric: StressMetric, said: &[Said]) -> String {
    let value = |said: &Said| match said {
        Said::Value(value) => Some(*value),
        Said::AtLeast(_) | Said::AtMost(_) | Said::Never(_) | Said::Nothing(_) => None,
    };
    let mut words: Vec<String> = Vec::new();
    if let Some(range) = Range::of(said.iter().filter_map(value)) {
        let [least, most] = [range.least, range.most].map(|it| written(metric, it));
        words.push(if least == most { least } else { format!("{least} to {most}") });
    }
    for said in said {
        let more = match said {
            Said::Value(_) => continue,
            Said::AtLeast(value) => format!("at least {}", written(metric, *value)),
            Said::AtMost(value) => format!("at most {}", written(metric, *value)),
            Said::Never(why) => (*why).to_owned(),
            Said::Nothing(_) => "not measured".to_owned(),
        };
        if !words.contains(&more) {
            words.push(more);
        }
    }
    if words.is_empty() { "not measured".to_owned() } else { words.join("; ") }
}

/// Why nothing is known of some repeats.
fn why(said: &[Said]) -> Option<String> {
    let mut all: Vec<&str> = Vec::new();
    for said in said {
        match said {
            Said::Nothing(why) if !all.contains(why) => all.push(why),
            Said::Nothing(_)
            | Said::Value(_)
            | Said::AtLeast(_)
            | Said::AtMost(_)
            | Said::Never(_) => {}
        }
    }
    (!all.is_empty()).then(|| format!("as {}", all.join(", and as ")))
}

fn written(metric: StressMetric, value: f64) -> String {
    match metric {
        StressMetric::Recovery => format!("{} s", trim_zeros(value, 0)),
        StressMetric::GoodputAt { .. } => percent(value),
        StressMetric::BreakingRate => Rate(value).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::stress_repeat;
    use crate::analysis::stress_result::{FailingStep, GoodputAt, Sign};
    use crate::record::stress_sample::{sample, sample_plan};

    fn repeats(changes: &[fn(&mut RepeatResult)]) -> Vec<RepeatResult> {
        let whole = stress_repeat::result(&sample_plan(), &sample().repeats[0]);
        let changed = |change: &fn(&mut RepeatResult)| {
            let mut repeat = whole.clone();
            change(&mut repeat);
            repeat
        };
        changes.iter().map(changed).collect()
    }

    #[track_caller]
    fn check(
        (metric, limit): (StressMetric, f64),
        changes: &[fn(&mut RepeatResult)],
        expected: (SloStatus, &str),
    ) {
        let objective = StressObjective { text: "it".to_owned(), metric, limit, inclusive: true };
        let found = one(&objective, &sample_plan(), &repeats(changes));
        assert_eq!((found.status, found.in_full().as_str()), expected);
    }

    const FAST: fn(&mut RepeatResult) = |it| it.recovery = Recovery::After(4);
    const SLOW: fn(&mut RepeatResult) = |it| it.recovery = Recovery::After(40);
    const NEVER: fn(&mut RepeatResult) = |it| it.recovery = Recovery::NotWithin(60);
    const UNKNOWN: fn(&mut RepeatResult) = |it| {
        (it.recovery, it.reach) = (Recovery::NotMeasured(Unmeasured::CutShort), Reach::Unknown);
        it.goodput.clear();
    };

    #[test]
    fn a_range_is_within_a_limit_beyond_it_or_on_both_sides() {
        let limit = (StressMetric::Recovery, 30.0);
        check(limit, &[FAST, FAST], (SloStatus::Met, "4 s"));
        check(limit, &[SLOW, SLOW], (SloStatus::Missed, "40 s"));
        check(limit, &[FAST, SLOW], (SloStatus::Inconclusive, "4 s to 40 s"));
        check(
            limit,
            &[FAST, UNKNOWN],
            (SloStatus::Inconclusive, "4 s; not measured, as the test was cut short"),
        );
        check(limit, &[], (SloStatus::Inconclusive, "not measured"));
    }

    #[test]
    fn one_repeat_that_does_not_come_back_misses_every_limit() {
        let limit = (StressMetric::Recovery, 1e9);
        check(limit, &[FAST, NEVER], (SloStatus::Missed, "4 s; it did not come back"));
        let died: fn(&mut RepeatResult) = |it| {
            it.recovery = Recovery::Died;
            it.goodput.clear();
        };
        check(limit, &[died], (SloStatus::Missed, "it died"));
        let goodput = (StressMetric::GoodputAt { factor: 1.5 }, 0.8);
        check(goodput, &[died], (SloStatus::Missed, "it died before"));
    }

    #[test]
    fn one_that_did_not_break_has_at_least_the_rate_it_reached() {
        let kept: fn(&mut RepeatResult) = |it| {
            it.reach = Reach::NotUpTo { rate: 500.0, limit: Bound::Generator };
        };
        let broke: fn(&mut RepeatResult) = |it| {
            it.reach = Reach::Broke { rate: 500.0, by: Sign::Growth(9.0) };
        };
        let start: fn(&mut RepeatResult) = |it| it.reach = Reach::AtStart { rate: 500.0 };
        let limit = |rate| (StressMetric::BreakingRate, rate);
        check(limit(400.0), &[kept], (SloStatus::Met, "at least 500/s"));
        check(limit(600.0), &[kept], (SloStatus::Inconclusive, "at least 500/s"));
        check(limit(600.0), &[broke], (SloStatus::Missed, "500/s"));
        check(limit(600.0), &[start], (SloStatus::Missed, "at most 500/s"));
        check(limit(400.0), &[start], (SloStatus::Inconclusive, "at most 500/s"));
    }

    #[test]
    fn goodput_is_that_of_its_overload() {
        let half: fn(&mut RepeatResult) = |it| {
            let (share, per_second) = (Some(0.5), Some(60.0));
            it.goodput = vec![GoodputAt { factor: 1.5, per_second, share, unknown: None }];
        };
        let at = |factor, limit| (StressMetric::GoodputAt { factor }, limit);
        check(at(1.5, 0.4), &[half], (SloStatus::Met, "50 %"));
        check(at(1.5, 0.6), &[half], (SloStatus::Missed, "50 %"));
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let goodput = (StressMetric::GoodputAt { factor: 10.0 }, 0.6);
        let breaking = (StressMetric::BreakingRate, 50.0);
        let not = |why| (SloStatus::Inconclusive, why);
        let high: fn(&mut RepeatResult) = |it| {
            let unknown = Some(Unmeasured::AboveHighest);
            it.goodput = vec![GoodputAt { factor: 10.0, per_second: None, share: None, unknown }];
        };
        check(goodput, &[high], not("not measured, as it is above the highest rate (--max-rate)"));
        check(
            goodput,
            &[high, UNKNOWN],
            not("not measured, as it is above the highest rate (--max-rate), and as the test was \
                 cut short"),
        );
        check(goodput, &[UNKNOWN], not("not measured, as the test was cut short"));
        check(breaking, &[UNKNOWN], not("not measured, as the test was cut short"));
        let late: fn(&mut RepeatResult) = |it| {
            let unknown = Some(Unmeasured::LateOverload);
            it.goodput = vec![GoodputAt { factor: 10.0, per_second: None, share: None, unknown }];
        };
        check(goodput, &[late], not("not measured, as the generator was late in the overload"));
        let kept: fn(&mut RepeatResult) = |it| {
            it.reach = Reach::NotUpTo { rate: 500.0, limit: Bound::HighestRate };
            it.goodput.clear();
        };
        check(goodput, &[kept], not("not measured, as the target never broke"));
        let rare: fn(&mut RepeatResult) = |it| {
            let (flow, step) = (String::new(), String::new());
            let (rate, failed, tried, is_after) = (60.0, 9, 9, false);
            it.failing_steps = vec![FailingStep { flow, step, rate, failed, tried, is_after }];
        };
        check(
            breaking,
            &[rare],
            not("not measured, as a step fails at a rate that the target seems to keep up with"),
        );
    }
}
