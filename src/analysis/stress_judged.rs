//! Objectives of a stress test, judged by all of its repeats: a range within the limit meets it, a
//! range beyond it misses it, and one on both sides of it decides nothing. What did not come back
//! misses every limit on recovery, in however few of the repeats.

use crate::analysis::assessment::SloStatus;
use crate::analysis::stress_result::{Judged, Range, Reach, Recovery, RepeatResult, SAME};
use crate::analysis::wording::percent;
use crate::record::stress::{Plan, Profile};
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
    Judged { text: objective.text.clone(), status, measured: words(objective.metric, &said) }
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
            Said::Nothing("a spike does not measure it")
        }
        StressMetric::BreakingRate => breaking_rate(repeat.reach),
        StressMetric::GoodputAt { factor } => goodput(factor, repeat),
    }
}

fn recovery(recovery: Recovery) -> Said {
    match recovery {
        Recovery::After(seconds) => Said::Value(f64::from(seconds)),
        Recovery::NotWithin(_) => Said::Never("it did not come back"),
        Recovery::Gone => Said::Never("it accepts no connections any more"),
        Recovery::Died => Said::Never("it died"),
        Recovery::NotMeasured => Said::Nothing("it was not measured"),
    }
}

fn breaking_rate(reach: Reach) -> Said {
    match reach {
        Reach::Broke { rate, .. } => Said::Value(rate),
        Reach::NotUpTo { rate, .. } => Said::AtLeast(rate),
        Reach::AtStart { rate } => Said::AtMost(rate),
        Reach::Spike { .. } | Reach::Unknown => Said::Nothing("it was not measured"),
    }
}

fn goodput(factor: f64, repeat: &RepeatResult) -> Said {
    let found = repeat.goodput.iter().find(|it| (it.factor - factor).abs() < SAME);
    match (found.and_then(|it| it.share), repeat.recovery) {
        (Some(share), _) => Said::Value(share),
        (None, Recovery::Died) => Said::Never("it died before"),
        (
            None,
            Recovery::After(_) | Recovery::NotWithin(_) | Recovery::Gone | Recovery::NotMeasured,
        ) => Said::Nothing("it was not measured"),
    }
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
            Said::Never(why) | Said::Nothing(why) => (*why).to_owned(),
        };
        if !words.contains(&more) {
            words.push(more);
        }
    }
    if words.is_empty() { "it was not measured".to_owned() } else { words.join(", ") }
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
    use crate::analysis::stress_result::{Bound, GoodputAt};
    use crate::analysis::{stress_repeat, stress_result::Sign};
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
        assert_eq!((found.status, found.measured.as_str()), expected);
    }

    const FAST: fn(&mut RepeatResult) = |it| it.recovery = Recovery::After(4);
    const SLOW: fn(&mut RepeatResult) = |it| it.recovery = Recovery::After(40);
    const NEVER: fn(&mut RepeatResult) = |it| it.recovery = Recovery::NotWithin(60);
    const UNKNOWN: fn(&mut RepeatResult) = |it| {
        (it.recovery, it.reach) = (Recovery::NotMeasured, Reach::Unknown);
        it.goodput.clear();
    };

    #[test]
    fn a_range_is_within_a_limit_beyond_it_or_on_both_sides() {
        let limit = (StressMetric::Recovery, 30.0);
        check(limit, &[FAST, FAST], (SloStatus::Met, "4 s"));
        check(limit, &[SLOW, SLOW], (SloStatus::Missed, "40 s"));
        check(limit, &[FAST, SLOW], (SloStatus::Inconclusive, "4 s to 40 s"));
        check(limit, &[FAST, UNKNOWN], (SloStatus::Inconclusive, "4 s, it was not measured"));
        check(limit, &[], (SloStatus::Inconclusive, "it was not measured"));
    }

    #[test]
    fn one_repeat_that_does_not_come_back_misses_every_limit() {
        let limit = (StressMetric::Recovery, 1e9);
        check(limit, &[FAST, NEVER], (SloStatus::Missed, "4 s, it did not come back"));
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
            it.goodput = vec![GoodputAt { factor: 1.5, per_second, share }];
        };
        let at = |factor, limit| (StressMetric::GoodputAt { factor }, limit);
        check(at(1.5, 0.4), &[half], (SloStatus::Met, "50 %"));
        check(at(1.5, 0.6), &[half], (SloStatus::Missed, "50 %"));
        check(at(1.2, 0.6), &[half], (SloStatus::Inconclusive, "it was not measured"));
    }
}
