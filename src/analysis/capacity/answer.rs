//! The verdict of a search for capacity, and why.
//!
//! | asked | pass | missed, regressed | inconclusive |
//! | --- | --- | --- | --- |
//! | nothing | never: *found*, with the interval | missed: the lowest rate is beyond already | no rate is known to be within, or none for longer |
//! | at least W | W ≤ lower bound, and a longer run at W or above held | missed: upper bound ≤ W | else |
//! | baseline | lower bound ≥ its upper bound − tolerance, confirmed | regressed: upper bound < its lower bound − tolerance | else |
//!
//! A search in which nothing ever worked says nothing of the target, whatever was asked.

use crate::analysis::capacity::messages::{interval, load, noun};
use crate::analysis::capacity::points::trials;
use crate::analysis::number_format;
use crate::record::capacity::{
    Asked, CapacityFile, Class, FoundCapacity, Purpose, Stored, Trial, Verdict, Why,
};
use crate::record::load_unit::LoadUnit;
use crate::record::search_end::SearchEnd;
use crate::units::order;

/// One thing that a verdict stands on.
type Ground = (Verdict, String);

/// What a search says, and why, the gravest first.
pub fn judge(file: &CapacityFile) -> (Verdict, Vec<String>) {
    let CapacityFile { found, asked, .. } = file;
    let mut grounds: Vec<Ground> = cut_short(file).into_iter().chain(nothing(file)).collect();
    grounds.extend(asked.at_least.map(|wanted| at_least(wanted, found, asked.unit)));
    let baseline = file.baseline.as_ref();
    grounds.extend(baseline.map(|baseline| compared(baseline, found, asked)));
    grounds.push(of_itself(file));
    // Stable: what was asked for stands before what was found.
    order::by_key(&mut grounds, |(verdict, _)| std::cmp::Reverse(*verdict));
    let verdict = grounds[0].0;
    let reasons = grounds.into_iter().map(|(_, reason)| reason);
    let mut reasons: Vec<String> = reasons.filter(|reason| !reason.is_empty()).collect();
    reasons.extend(confirmation(file));
    (verdict, reasons)
}

fn cut_short(file: &CapacityFile) -> Option<Ground> {
    match file.end.as_ref()? {
        SearchEnd::Finished => None,
        SearchEnd::Interrupted { signal } => {
            Some((Verdict::Inconclusive, format!("interrupted by signal {signal}")))
        }
        SearchEnd::TargetLost { detail } => {
            Some((Verdict::TargetLost, format!("the target was lost: {detail}")))
        }
        SearchEnd::Hopeless { detail } => Some((Verdict::Invalid, detail.clone())),
        SearchEnd::GeneratorLost { detail } => {
            Some((Verdict::Invalid, format!("a generator was lost: {detail}")))
        }
    }
}

/// Whether there is nothing that speaks of the target.
fn nothing(file: &CapacityFile) -> Option<Ground> {
    let judged: Vec<&Trial> = trials(&file.trials).collect();
    let is_void = |it: &&Trial| it.class == Class::Void && it.purpose == Purpose::Trial;
    if let (true, Some(void)) = (judged.is_empty(), file.trials.iter().find(is_void)) {
        let why = void.why.clone().unwrap_or_default();
        let noun = noun(file.asked.unit);
        let reason = format!("the generator was the limit at every {noun} that was tried: {why}");
        return Some((Verdict::Invalid, reason));
    }
    if judged.is_empty() || judged.iter().any(|it| it.worked && it.seen.goodput > 0.0) {
        return None;
    }
    let why = judged[0].why.clone().unwrap_or_default();
    Some((
        Verdict::Invalid,
        format!("no trial worked, at whatever {}: {why}", noun(file.asked.unit)),
    ))
}

fn at_least(wanted: f64, found: &FoundCapacity, unit: LoadUnit) -> Ground {
    let asked = load(wanted, unit);
    if let Some(high) = found.high.filter(|high| *high <= wanted) {
        let reason = format!("less than {asked}: {} is beyond the objectives", load(high, unit));
        return (Verdict::Missed, reason);
    }
    let is_within = found.low.is_some_and(|low| low >= wanted);
    if let Some(held) = found.confirmed.filter(|held| is_within && *held >= wanted) {
        let reason = format!(
            "at least {asked}: a longer run at {} kept to all objectives",
            load(held, unit)
        );
        return (Verdict::Pass, reason);
    }
    let reason = if is_within {
        format!(
            "{asked} was within the objectives in short trials, but is not confirmed by a longer run"
        )
    } else {
        format!("whether it is at least {asked} is not decided: it is {}", interval(found, unit))
    };
    (Verdict::Inconclusive, reason)
}

fn compared(baseline: &Stored, found: &FoundCapacity, asked: &Asked) -> Ground {
    let Asked { tolerance, unit, .. } = *asked;
    let before =
        FoundCapacity { low: Some(baseline.low), high: baseline.high, ..FoundCapacity::default() };
    let (now, before) = (interval(found, unit), interval(&before, unit));
    let accepted = 1.0 - tolerance;
    let told = number_format::percent(tolerance);
    if found.high.is_some_and(|high| high < baseline.low * accepted) {
        let reason = format!("{now}, and the baseline's is {before}: more than {told} less");
        return (Verdict::Regressed, reason);
    }
    let Some(most) = baseline.high.map(|high| high * accepted) else {
        return without_end((baseline, unit), found, (&now, &before));
    };
    let is_within = found.low.is_some_and(|low| low >= most);
    if is_within && found.confirmed.is_some() {
        let reason = format!("{now}, and the baseline's is {before}: not {told} less");
        return (Verdict::Pass, reason);
    }
    let reason = if is_within {
        format!(
            "not {told} less than the baseline's in short trials, but not confirmed by a longer run"
        )
    } else {
        format!("{now}, and the baseline's is {before}: whether that is {told} less is not decided")
    };
    (Verdict::Inconclusive, reason)
}

/// Compared with a baseline whose upper end nobody knows: only what was tried by both counts.
fn without_end(
    (baseline, unit): (&Stored, LoadUnit),
    found: &FoundCapacity,
    (now, before): (&str, &str),
) -> Ground {
    let is_all_that_was_tried = found.why == Some(Why::AboveHighest) && found.high.is_none();
    let is_within = found.low.is_some_and(|low| low >= baseline.low);
    if is_all_that_was_tried && is_within && found.confirmed.is_some() {
        let reason =
            format!("{now}, as the baseline's: no {} was tried that is too much", noun(unit));
        return (Verdict::Pass, reason);
    }
    let reason = format!(
        "{now}, and the baseline's is {before}: how much more that one is nobody knows, so nothing \
         can be shown not to be less"
    );
    (Verdict::Inconclusive, reason)
}

/// What was found, whatever was asked.
fn of_itself(file: &CapacityFile) -> Ground {
    let CapacityFile { found, asked, .. } = file;
    let (unit, noun) = (asked.unit, noun(asked.unit));
    let told = format!("the capacity is {}", interval(found, unit));
    // Nobody wanted it confirmed, or it was.
    let has_lasted = asked.confirmation <= 0.0 || found.confirmed.is_some();
    let is_known = match found.low {
        Some(_) if has_lasted => Verdict::Found,
        Some(_) | None => Verdict::Inconclusive,
    };
    match found.why {
        // The answer itself says it.
        Some(Why::Found) => (is_known, String::new()),
        Some(Why::AboveHighest) => (is_known, format!("{told}, {}", highest(asked))),
        Some(Why::GeneratorLimit) => {
            let limit = found.generator_limit.map(|at| format!(" at {}", load(at, unit)));
            let limit = limit.unwrap_or_default();
            (is_known, format!("{told}: the generator, not the target, was the limit{limit}"))
        }
        Some(Why::OutOfTime) => {
            (is_known, format!("{told}; the time was over before it was known more closely"))
        }
        Some(Why::NotItself) => (
            is_known,
            format!("{told}; it is not known more closely, as overloads keep the target down"),
        ),
        Some(Why::BelowLowest) => {
            let lowest = load(found.high.unwrap_or(asked.lowest), unit);
            let reason =
                format!("the objectives are missed at {lowest} already, the lowest {noun}");
            // What was asked for has a ground of its own.
            let is_asked = asked.at_least.is_some();
            (if is_asked { Verdict::Inconclusive } else { Verdict::Missed }, reason)
        }
        Some(Why::NotConfirmed) => {
            (Verdict::Inconclusive, format!("{told}: what short trials reach does not last"))
        }
        None => (Verdict::Inconclusive, format!("as far as it came, {told}")),
    }
}

fn highest(asked: &Asked) -> &'static str {
    match (asked.unit, asked.highest_is_machines) {
        (LoadUnit::Rate, true) => "which is all that this machine can send",
        (LoadUnit::Rate, false) => "the highest rate that was to be tried",
        (LoadUnit::Users, true) => "as many as \"limits\" has connections for",
        (LoadUnit::Users, false) => "the highest number that was to be tried",
    }
}

/// What longer runs have shown.
fn confirmation(file: &CapacityFile) -> Vec<String> {
    let runs = file.trials.iter().filter(|it| it.purpose == Purpose::Confirmation);
    let of = |it: &Trial| {
        let (length, at) = (number_format::seconds(it.seconds), load(it.rate, file.asked.unit));
        let run = format!("a run of {length} at {at}");
        let why = it.why.as_deref().unwrap_or_default();
        match it.class {
            Class::Good => format!("{run} kept to all objectives"),
            Class::Bad => format!("{run} did not keep to them: {why}"),
            Class::Undecided => format!("{run} could not confirm it: {why}"),
            Class::Void => format!("{run} says nothing of the target: {why}"),
        }
    };
    let said: Vec<String> = runs.map(of).collect();
    let is_owed = file.found.low.is_some() && file.found.why.is_some() && said.is_empty();
    let unsaid = is_owed.then(|| "not confirmed by a longer run".to_owned());
    said.into_iter().chain(unsaid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_capacity::sample;

    #[track_caller]
    fn check(change: impl Fn(&mut CapacityFile), verdict: Verdict, said: &str) {
        let mut file = sample();
        change(&mut file);
        let (found, reasons) = judge(&file);
        assert_eq!(found, verdict, "{reasons:#?}");
        assert!(reasons[0].contains(said), "{said:?} is not in {reasons:#?}");
    }

    /// The sample is between 396/s and 404/s, and 356/s is confirmed.
    fn wants(wanted: f64) -> impl Fn(&mut CapacityFile) {
        move |file| file.asked.at_least = Some(wanted)
    }

    fn against(low: f64, high: Option<f64>) -> impl Fn(&mut CapacityFile) {
        move |file| {
            let (path, started) = ("before".to_owned(), String::new());
            file.baseline = Some(Stored { path, started, low, high });
        }
    }

    #[test]
    fn nobody_asked_for_anything_so_nothing_passes() {
        check(|_| {}, Verdict::Found, "a run of 60 s at 356/s kept to all objectives");
    }

    #[test]
    fn what_is_wanted_is_reached_by_a_longer_run_only() {
        check(wants(300.0), Verdict::Pass, "at least 300/s");
        check(wants(356.4), Verdict::Pass, "at least 356/s");
        check(wants(390.0), Verdict::Inconclusive, "confirmed by a longer run");
        check(wants(400.0), Verdict::Inconclusive, "not decided");
        check(wants(404.0), Verdict::Missed, "less than 404/s");
        check(wants(900.0), Verdict::Missed, "404/s is beyond");
        let unconfirmed = |file: &mut CapacityFile| {
            wants(300.0)(file);
            file.found.confirmed = None;
        };
        check(unconfirmed, Verdict::Inconclusive, "confirmed by a longer run");
    }

    #[test]
    fn a_baseline_is_met_or_not_by_both_intervals() {
        check(against(396.0, Some(404.0)), Verdict::Pass, "not 10 % less");
        check(against(430.0, Some(440.0)), Verdict::Pass, "not 10 % less");
        check(against(440.0, Some(450.0)), Verdict::Inconclusive, "not decided");
        check(against(460.0, Some(470.0)), Verdict::Regressed, "more than 10 % less");
        check(against(396.0, None), Verdict::Inconclusive, "nobody knows");
        check(against(460.0, None), Verdict::Regressed, "more than 10 % less");
        let both = |file: &mut CapacityFile| {
            against(460.0, Some(470.0))(file);
            wants(300.0)(file);
        };
        check(both, Verdict::Regressed, "more than 10 % less");
    }

    #[test]
    fn a_baseline_without_an_upper_end_is_met_where_both_kept_to_all_that_was_tried() {
        let reached = |file: &mut CapacityFile| {
            against(396.0, None)(file);
            (file.found.high, file.found.why) = (None, Some(Why::AboveHighest));
        };
        check(reached, Verdict::Pass, "no rate was tried that is too much");
        let limited = |file: &mut CapacityFile| {
            reached(file);
            file.found.why = Some(Why::GeneratorLimit);
        };
        check(limited, Verdict::Inconclusive, "nobody knows");
        let lower = |file: &mut CapacityFile| {
            reached(file);
            against(500.0, None)(file);
        };
        check(lower, Verdict::Inconclusive, "nobody knows");
    }

    #[test]
    fn what_no_longer_run_has_confirmed_is_not_found() {
        for why in [Why::Found, Why::AboveHighest, Why::GeneratorLimit, Why::OutOfTime] {
            let unconfirmed = |file: &mut CapacityFile| {
                (file.found.confirmed, file.found.why) = (None, Some(why));
            };
            check(unconfirmed, Verdict::Inconclusive, "");
            let unwanted = |file: &mut CapacityFile| {
                unconfirmed(file);
                file.asked.confirmation = 0.0;
            };
            check(unwanted, Verdict::Found, "");
        }
    }

    #[test]
    fn where_no_higher_rate_could_be_tried_it_is_at_least_so_much() {
        let limited = |file: &mut CapacityFile| {
            file.found.high = None;
            file.found.generator_limit = Some(420.0);
            file.found.why = Some(Why::GeneratorLimit);
        };
        check(limited, Verdict::Found, "at least 396/s: the generator");
        let wanted = |file: &mut CapacityFile| {
            limited(file);
            wants(500.0)(file);
        };
        check(wanted, Verdict::Inconclusive, "at least 500/s is not decided");
    }

    #[test]
    fn objectives_missed_at_the_lowest_rate_are_missed() {
        let below = |file: &mut CapacityFile| {
            (file.found.low, file.found.high) = (None, Some(20.0));
            file.found.why = Some(Why::BelowLowest);
        };
        check(below, Verdict::Missed, "missed at 20/s already");
        let wanted = |wanted: f64| {
            move |file: &mut CapacityFile| {
                below(file);
                wants(wanted)(file);
            }
        };
        check(wanted(30.0), Verdict::Missed, "less than 30/s");
        check(wanted(10.0), Verdict::Inconclusive, "at least 10/s is not decided");
    }

    #[test]
    fn where_nothing_worked_nothing_is_known_whatever_was_asked() {
        let broken = |file: &mut CapacityFile| {
            wants(1.0)(file);
            for trial in &mut file.trials {
                (trial.worked, trial.class) = (false, Class::Bad);
            }
        };
        check(broken, Verdict::Invalid, "no trial worked");
        let void = |file: &mut CapacityFile| {
            file.trials.iter_mut().for_each(|trial| trial.class = Class::Void);
        };
        check(void, Verdict::Invalid, "the generator was the limit at every rate");
        let lost = |file: &mut CapacityFile| {
            broken(file);
            file.end = Some(SearchEnd::TargetLost { detail: "exit code 1".to_owned() });
        };
        check(lost, Verdict::TargetLost, "exit code 1");
    }

    #[test]
    fn a_search_that_was_cut_short_passes_nothing() {
        let cut = |file: &mut CapacityFile| {
            wants(300.0)(file);
            file.found.why = None;
            file.end = Some(SearchEnd::Interrupted { signal: 15 });
        };
        check(cut, Verdict::Inconclusive, "interrupted by signal 15");
        let killed = |file: &mut CapacityFile| (file.found.why, file.end) = (None, None);
        check(killed, Verdict::Inconclusive, "as far as it came");
    }

    #[test]
    fn what_does_not_last_is_no_capacity() {
        let tires = |file: &mut CapacityFile| {
            file.found.confirmed = None;
            file.found.why = Some(Why::NotConfirmed);
        };
        check(tires, Verdict::Inconclusive, "does not last");
    }
}
