//! From what was typed after `loadgate stress`, and the scenario, to what is done; every mistake
//! at once.

use std::time::Duration;

use crate::cli::args_stress::StressArgs;
use crate::record::stress::{Plan, Profile};
use crate::scenario::ceiling::{self, Ceiling, requests_per_iteration};
use crate::scenario::model::Scenario;
use crate::scenario::stress::StressMetric;
use crate::units::{Rate, format_duration};

/// Overloads that are always measured.
const FACTORS: [f64; 2] = [1.2, 1.5];
/// Fewer seconds have no slope that could be trusted.
const SHORTEST_STEP: u32 = 4;
/// Longer lengths are mistakes, in seconds.
const LONGEST: u32 = 6 * 3_600;
/// Length of a spike.
const SPIKE: Duration = Duration::from_secs(10);

/// What is done.
pub(super) fn plan(args: &StressArgs, scenario: &Scenario) -> Result<Plan, Vec<String>> {
    let mut wrong = Vec::new();
    let from = args.from.unwrap_or_else(|| scenario.load.peak()).0;
    let reach = reach(scenario);
    let plan = Plan {
        profile: profile(args, &mut wrong),
        from,
        growth: args.growth.0,
        step_seconds: whole("--step", args.step, SHORTEST_STEP, &mut wrong),
        warmup_seconds: whole("--warmup", args.warmup, 2, &mut wrong),
        hold_seconds: whole("--hold", args.hold, SHORTEST_STEP, &mut wrong),
        factors: factors(scenario),
        highest: args.max_rate.map_or(reach, |rate| rate.0.min(reach)),
        capacity: args.capacity.map(|rate| rate.0),
        recover_within_seconds: recover_within(args, scenario, &mut wrong),
        within_seconds: whole("--within", args.within, 10, &mut wrong),
        repeats: args.repeats,
    };
    check(args, &plan, &mut wrong);
    if wrong.is_empty() { Ok(plan) } else { Err(wrong) }
}

/// Arrivals per second that no machine of this size sends.
fn reach(scenario: &Scenario) -> f64 {
    let ceiling = Ceiling::of_run(ceiling::cores(), scenario.limits.workers).requests().0;
    ceiling / requests_per_iteration(&scenario.flows, &scenario.steps).max(1.0)
}

fn profile(args: &StressArgs, wrong: &mut Vec<String>) -> Profile {
    match args.spike {
        None => Profile::Ramp,
        Some(times) => {
            let seconds = whole("--spike-for", args.spike_for.unwrap_or(SPIKE), 2, wrong);
            Profile::Spike { times, seconds }
        }
    }
}

/// Those that are always measured, and those that an objective is about.
fn factors(scenario: &Scenario) -> Vec<f64> {
    let asked = scenario.stress.iter().filter_map(|objective| match objective.metric {
        StressMetric::GoodputAt { factor } => Some(factor),
        StressMetric::Recovery | StressMetric::BreakingRate => None,
    });
    let mut factors: Vec<f64> = FACTORS.into_iter().chain(asked).collect();
    factors.sort_unstable_by(f64::total_cmp);
    factors.dedup_by(|a, b| (*a - *b).abs() < 1e-6);
    factors
}

/// No less than what an objective asks for: else it could not be judged.
fn recover_within(args: &StressArgs, scenario: &Scenario, wrong: &mut Vec<String>) -> u32 {
    let asked = scenario.stress.iter().filter_map(|objective| match objective.metric {
        StressMetric::Recovery => Some(objective.limit.ceil() as u32),
        StressMetric::GoodputAt { .. } | StressMetric::BreakingRate => None,
    });
    let given = whole("--recover-within", args.recover_within, 5, wrong);
    asked.fold(given, u32::max).min(LONGEST)
}

fn whole(flag: &str, length: Duration, least: u32, wrong: &mut Vec<String>) -> u32 {
    let seconds = u32::try_from(length.as_secs()).unwrap_or(u32::MAX);
    let (least_text, most_text) = (format!("{least}s"), format!("{}h", LONGEST / 3_600));
    if length.subsec_nanos() > 0 || !(least..=LONGEST).contains(&seconds) {
        wrong.push(format!(
            "{flag} {}: expected whole seconds from {least_text} to {most_text}",
            format_duration(length)
        ));
    }
    seconds.clamp(least, LONGEST)
}

/// What fits together.
fn check(args: &StressArgs, plan: &Plan, wrong: &mut Vec<String>) {
    let (from, highest) = (Rate(plan.from), Rate(plan.highest));
    if plan.from <= 0.0 {
        wrong.push(format!("a load of {from} breaks nothing: name a rate with --from"));
    }
    if plan.from >= plan.highest {
        let flag = if args.max_rate.is_some() { "--max-rate" } else { "the highest rate" };
        wrong.push(format!(
            "{flag} {highest} is not above the first rate, {from}: raise it, or begin lower with \
             --from"
        ));
    }
    if !(0.005..=10.0).contains(&plan.growth) {
        let given = args.growth;
        wrong.push(format!("--growth {given}: expected a share such as 10%, at least 0.5%"));
    }
    if plan.capacity.is_some_and(|capacity| capacity <= 0.0 || capacity > plan.highest) {
        let given = Rate(plan.capacity.unwrap_or_default());
        wrong.push(format!("--capacity {given}: expected a rate above 0/s and at most {highest}"));
    }
    if let Profile::Spike { times, .. } = plan.profile
        && plan.from * times > plan.highest
    {
        let spike = Rate(plan.from * times);
        wrong.push(format!(
            "a spike of {spike} is above the highest rate, {highest}: lower --spike or --from"
        ));
    }
    let least = shortest(plan);
    if least > plan.within_seconds {
        let written = |seconds: u32| format_duration(Duration::from_secs(u64::from(seconds)));
        wrong.push(format!(
            "--within {} is too short: a repeat of two steps takes {} with --warmup, --step, \
             --hold and --recover-within as they are",
            written(plan.within_seconds),
            written(least)
        ));
    }
}

/// A repeat of two steps that waits for all of the time for recovery.
fn shortest(plan: &Plan) -> u32 {
    let overload = match plan.profile {
        Profile::Ramp => plan.hold_seconds.saturating_mul(1 + plan.factors.len() as u32),
        Profile::Spike { seconds, .. } => seconds,
    };
    [plan.step_seconds.saturating_mul(2), overload, plan.recover_within_seconds]
        .into_iter()
        .fold(plan.warmup_seconds, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};
    use crate::scenario::read::{Origin, parse};

    fn planned(flags: &[&str], slo: &str) -> Result<Plan, Vec<String>> {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}},
                "flows": [{{"name": "flow", "steps": [{{"name": "step", "request": "GET /"}}]}}],
                "load": {{"stages": [{{"for": "60s", "rate": "50/s"}}]}}, "slo": {{"all": [{slo}]}}}}"#
        );
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let scenario = parse(&text, &Origin::default(), &|_| None, &no_file).unwrap();
        let line = ["loadgate", "stress", "one.json"].iter().chain(flags).copied();
        let Command::Stress(args) = Cli::try_parse_from(line).unwrap().command else {
            panic!("another command")
        };
        plan(&args, &scenario)
    }

    #[test]
    fn the_scenario_says_where_to_begin_and_what_to_measure() {
        let plan = planned(&[], "").unwrap();
        assert!((plan.from - 50.0).abs() < 1e-9);
        assert_eq!((plan.factors, plan.recover_within_seconds), (vec![1.2, 1.5], 60));
        let objectives = r#""recovery < 90s", "goodput_at_2x >= 50%""#;
        let plan = planned(&["--from", "10/s"], objectives).unwrap();
        assert_eq!((plan.factors, plan.recover_within_seconds), (vec![1.2, 1.5, 2.0], 90));
    }

    #[track_caller]
    fn refused(flags: &[&str], expected: &[&str]) {
        let wrong = planned(flags, "").unwrap_err().join("\n");
        for text in expected {
            assert!(wrong.contains(text), "{wrong}");
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        refused(
            &["--max-rate", "40/s", "--step", "1s", "--hold", "1500ms", "--within", "10s"],
            &["--max-rate 40/s is not above", "--step 1s", "--hold 1.5s", "--within 10s"],
        );
        refused(&["--from", "0/s"], &["breaks nothing"]);
        refused(&["--capacity", "300/s", "--max-rate", "200/s"], &["at most 200/s"]);
        refused(&["--spike", "5x", "--max-rate", "200/s"], &["a spike of 250/s"]);
        refused(&["--growth", "0.1%"], &["at least 0.5%"]);
    }
}
