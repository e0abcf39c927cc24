//! From what was typed after `loadgate stress`, and the scenario, to what is done; every mistake
//! at once.

use std::time::Duration;

use crate::analysis::controller::stress::planning::{reaches, shortest};
use crate::analysis::number_format::counted;
use crate::cli::args_stress::StressArgs;
use crate::record::stress::{Plan, Profile, SAME};
use crate::scenario::ceiling::{self, Ceiling, requests_per_iteration};
use crate::scenario::model::Scenario;
use crate::scenario::stress::{StressMetric, StressObjective};
use crate::units::{Rate, format_duration};

/// Overloads that are always measured.
const FACTORS: [f64; 2] = [1.2, 1.5];
/// Fewer seconds have no slope that could be trusted.
const SHORTEST_STEP: u32 = 4;
/// Longer lengths are mistakes, in seconds.
const LONGEST: u32 = 6 * 3_600;
/// Length of a spike.
const SPIKE: Duration = Duration::from_secs(10);
/// A step sends so many requests at least: of fewer nobody knows whether they work.
const FEWEST_OF_STEP: f64 = 2.0;

/// What is done.
pub(super) fn plan(args: &StressArgs, scenario: &Scenario) -> Result<Plan, Vec<String>> {
    let mut wrong = Vec::new();
    let from = args.from.unwrap_or_else(|| scenario.load.peak()).0;
    let reach = reach(scenario, args.fleet.machines());
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
    wrong
        .extend(scenario.stress.iter().filter_map(|objective| undecidable(objective, args, &plan)));
    if wrong.is_empty() { Ok(plan) } else { Err(wrong) }
}

/// Arrivals per second that no machine of this size sends.
fn reach(scenario: &Scenario, machines: usize) -> f64 {
    let ceiling =
        Ceiling::of_run(ceiling::cores() * machines, scenario.limits.workers).requests().0;
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
    factors.dedup_by(|a, b| (*a - *b).abs() < SAME);
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
    let of_step = plan.from * f64::from(plan.step_seconds);
    if plan.from > 0.0 && of_step < FEWEST_OF_STEP {
        wrong.push(format!(
            "a step of {} at {from} sends about {}: raise --step or --from",
            format_duration(args.step),
            counted(of_step.round() as u64, "request")
        ));
    }
    let least = shortest(plan);
    if least > plan.within_seconds {
        wrong.push(format!(
            "--within {} is too short: a repeat of two steps takes up to {}, of which {} are for \
             coming back (--recover-within, or an objective on recovery); see --warmup, --step and \
             --hold as well",
            written(plan.within_seconds),
            written(least),
            written(plan.recover_within_seconds)
        ));
    }
}

fn written(seconds: u32) -> String {
    format_duration(Duration::from_secs(u64::from(seconds)))
}

/// Why an objective can be neither met nor missed, or only one of these, whatever the target does.
fn undecidable(objective: &StressObjective, args: &StressArgs, plan: &Plan) -> Option<String> {
    let is_spike = match plan.profile {
        Profile::Ramp => false,
        Profile::Spike { .. } => true,
    };
    let why = match objective.metric {
        StressMetric::Recovery => slow(objective.limit),
        StressMetric::BreakingRate | StressMetric::GoodputAt { .. } if is_spike => Some(
            "a spike does not measure it: leave out --spike, or keep the objective in a scenario \
             of its own"
                .to_owned(),
        ),
        StressMetric::BreakingRate => out_of_reach(objective, args, plan),
        StressMetric::GoodputAt { factor } => too_high(factor, plan),
    };
    why.map(|why| format!("{}: {why}", objective.text))
}

fn slow(limit: f64) -> Option<String> {
    (limit > f64::from(LONGEST))
        .then(|| format!("nobody waits for longer than {}: lower the limit", written(LONGEST)))
}

fn out_of_reach(objective: &StressObjective, args: &StressArgs, plan: &Plan) -> Option<String> {
    let (from, highest, reached) = (Rate(plan.from), Rate(plan.highest), Rate(reaches(plan)));
    if objective.holds(plan.from) {
        return Some(format!(
            "the ramp begins at {from}, so nothing can miss it: begin lower with --from"
        ));
    }
    if !objective.holds(plan.highest * (1.0 + SAME)) {
        let flag = if args.max_rate.is_some() {
            format!("--max-rate {highest} is below it: raise that")
        } else {
            format!("this machine sends at most {highest}: use a larger one")
        };
        return Some(format!("nothing can meet it, as {flag}, or lower the limit"));
    }
    (!objective.holds(reached.0 * (1.0 + SAME))).then(|| {
        format!(
            "nothing can meet it, as the ramp comes to {reached} in its time: raise --growth, \
             --from or --within, or shorten --step"
        )
    })
}

/// The second step is the first one at which a target can break.
fn too_high(factor: f64, plan: &Plan) -> Option<String> {
    let breaks = plan.from * (1.0 + plan.growth);
    let whole = plan.capacity.unwrap_or(breaks).max(breaks);
    let (least, highest) = (Rate(whole * factor), Rate(plan.highest));
    (least.0 > highest.0 * (1.0 + SAME)).then(|| {
        format!(
            "that is {least} at least, above the highest rate, {highest}: raise --max-rate, or \
             begin lower with --from"
        )
    })
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

    #[track_caller]
    fn undecided(flags: &[&str], objectives: &str, expected: &[&str]) {
        let wrong = planned(flags, objectives).unwrap_err().join("\n");
        for text in expected {
            assert!(wrong.contains(text), "{wrong}");
        }
    }

    #[test]
    fn objectives_that_nothing_can_meet_or_miss_are_mistakes() {
        let all = r#""breaking_rate >= 900/s", "goodput_at_2x >= 50%", "recovery < 9s""#;
        assert!(planned(&[], all).is_ok());
        undecided(
            &["--spike", "5x"],
            all,
            &["breaking_rate >= 900/s: a spike does not", "goodput_at_2x >= 50%: a spike does not"],
        );
        undecided(&["--max-rate", "800/s"], all, &["--max-rate 800/s is below it"]);
        undecided(&["--from", "900/s"], all, &["begins at 900/s, so nothing can miss it"]);
        undecided(&["--growth", "1%"], all, &["the ramp comes to", "raise --growth"]);
        undecided(
            &["--max-rate", "100/s"],
            r#""goodput_at_2x >= 50%""#,
            &["that is 110/s at least, above the highest rate, 100/s"],
        );
        undecided(
            &["--max-rate", "500/s", "--capacity", "300/s"],
            r#""goodput_at_2x >= 50%""#,
            &["that is 600/s at least"],
        );
        undecided(&[], r#""recovery < 7h""#, &["recovery < 7h: nobody waits for longer than 6h"]);
        undecided(&[], r#""recovery < 30m""#, &["--within 20m is too short", "30m are for"]);
        assert!(planned(&["--within", "1h"], r#""recovery < 30m""#).is_ok());
    }

    #[test]
    fn a_step_without_requests_is_a_mistake() {
        refused(&["--from", "0.1/s", "--step", "4s"], &["a step of 4s at 0.1/s sends about 0"]);
        assert!(planned(&["--from", "1/s", "--step", "4s"], "").is_ok());
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
