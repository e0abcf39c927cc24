//! `loadgate check`: the plan of a scenario, and what a run of it could certify.

use std::fmt::{self, Write as _};

use crate::analysis::plan;
use crate::cli::args::CheckArgs;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::progress::describe_stage;
use crate::cli::run::environment;
use crate::scenario::load::{ArrivalProcess, Stage};
use crate::scenario::model::{Action, Address, Flow, Scenario, StepId};
use crate::scenario::read;
use crate::scenario::slo::{Metric, Scope, Slo};
use crate::units::{Quantile, Ratio, format_duration};

/// Runs the command.
pub fn check(args: &CheckArgs) -> Exit {
    match read::load_allowing(&args.scenario, &args.allow_hosts, &environment) {
        Ok(scenario) => {
            output::result(&describe(&scenario));
            Exit::Pass
        }
        Err(problems) => {
            output::error(&problems.to_string(), &[]);
            Exit::Usage
        }
    }
}

fn describe(scenario: &Scenario) -> String {
    [target(scenario), load(scenario), steps(scenario), objectives(scenario)].concat()
}

fn target(scenario: &Scenario) -> String {
    let address = match &scenario.target.address {
        Address::Demo => "the embedded demo API".to_owned(),
        Address::Http(address) => scenario.secrets.redact(&address.to_string()),
    };
    let start = match &scenario.target.start {
        Some(start) => {
            format!(", started by `{}`", scenario.secrets.redact(&start.command.join(" ")))
        }
        None => String::new(),
    };
    format!("{}: valid\n\nTarget   {address}{start}\n", scenario.name)
}

fn load(scenario: &Scenario) -> String {
    let load = &scenario.load;
    let arrivals = match load.arrivals {
        ArrivalProcess::Poisson => "Poisson",
        ArrivalProcess::Uniform => "uniform",
    };
    let mut text = format!(
        "Load     {arrivals} arrivals, seed {}, {} in all\n",
        load.seed,
        format_duration(load.length())
    );
    for (number, stage) in load.stages.iter().enumerate() {
        let (length, what) = (format_duration(stage.length), describe_stage(stage));
        let arrivals = stage.area();
        add(
            &mut text,
            format_args!(
                "  stage {}  {length:>8}  {what:<28} about {arrivals:.0} iterations\n",
                number + 1
            ),
        );
    }
    text
}

fn add(text: &mut String, line: fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a String takes everything");
}

/// Iterations that are judged: those of all stages that are not warm-up.
fn judged_iterations(scenario: &Scenario) -> f64 {
    scenario.load.stages.iter().filter(|stage| !stage.warmup).map(Stage::area).sum()
}

/// Requests that are judged and that a step is expected to get if all goes well; `None` for
/// steps done once per user, of whom nobody knows how many there will be.
fn expected_requests(scenario: &Scenario, id: StepId) -> Option<f64> {
    if scenario.step(id).once {
        return None;
    }
    let total: f64 = scenario.flows.iter().map(|flow| f64::from(flow.weight)).sum();
    let has_step = |flow: &&Flow| flow.actions.contains(&Action::Request(id));
    let weight: f64 =
        scenario.flows.iter().filter(has_step).map(|flow| f64::from(flow.weight)).sum();
    Some(judged_iterations(scenario) * weight / total)
}

fn all_requests(scenario: &Scenario) -> f64 {
    let ids = (0..scenario.steps.len()).map(|index| StepId(index as u16));
    ids.filter_map(|id| expected_requests(scenario, id)).sum()
}

fn steps(scenario: &Scenario) -> String {
    let mut text =
        format!("\nRequests expected in the judged stages, about {:.0}\n", all_requests(scenario));
    for (index, step) in scenario.steps.iter().enumerate() {
        let requests = match expected_requests(scenario, StepId(index as u16)) {
            Some(requests) => format!("{requests:.0}"),
            None => "once per user".to_owned(),
        };
        add(&mut text, format_args!("  {:<28} {requests:>14}  {}\n", step.name, step.label));
    }
    text
}

fn objectives(scenario: &Scenario) -> String {
    let mut text =
        "\nObjectives, and what the run can certify at 95 % confidence at best\n".to_owned();
    for slo in &scenario.slos {
        let (place, requests) = match slo.scope {
            Scope::All => ("all".to_owned(), Some(all_requests(scenario))),
            Scope::Step(id) => (scenario.step(id).name.clone(), expected_requests(scenario, id)),
        };
        add(
            &mut text,
            format_args!("  {place:<16} {:<32} {}\n", slo.text, certifiable(slo, requests)),
        );
    }
    text
}

fn certifiable(slo: &Slo, requests: Option<f64>) -> String {
    let Some(requests) = requests else {
        return "depends on how many users there are".to_owned();
    };
    if slo.allowed <= 0.0 {
        return "speaks of this run only".to_owned();
    }
    let n = requests as u64;
    match plan::most_bad_to_certify(n, slo.allowed) {
        Some(bad) => format!("met with at most {bad} {} of {n}", bad_ones(slo)),
        None => format!(
            "inconclusive: {n} requests, at least {} are needed for {}",
            plan::needed_without_bad(slo.allowed),
            Ratio(slo.allowed)
        ),
    }
}

fn bad_ones(slo: &Slo) -> &'static str {
    match slo.metric {
        Metric::ResponseTime { quantile, .. } if quantile > Quantile::P50 => "slower",
        Metric::ResponseTime { .. } => "slow",
        Metric::Failures(_) => "bad",
    }
}
