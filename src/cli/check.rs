//! `loadgate check`: the plan of a scenario, and what a run of it could certify.

use std::sync::Arc;
use std::time::Duration;

use crate::analysis::plan::{self, JudgedLoad};
use crate::cli::args::CheckArgs;
use crate::cli::check_load::{self, whole};
use crate::cli::check_tenants;
use crate::cli::columns::{row, widest};
use crate::cli::exit::Exit;
use crate::cli::variables::{Taken, with_variables};
use crate::cli::{once, output};
use crate::experiment::head;
use crate::report::{curl, plain};
use crate::scenario::load::Stage;
use crate::scenario::model::{Address, Flow, Scenario, StepId};
use crate::scenario::read;
use crate::scenario::slo::{Metric, Scope, Slo, Throughput};
use crate::scenario::tenants::Tenancy;
use crate::units::{Quantile, Rate, Ratio, format_duration, group_digits};

/// With fewer expected walks of a flow, one run in a hundred may have none.
const FEW_WALKS: f64 = 5.0;
/// A longer cell moves what stands behind it.
const WIDE: usize = 28;

/// Runs the command.
pub fn check(args: &CheckArgs) -> Exit {
    let loaded = with_variables(args.env_file.as_deref(), |variables| {
        read::load_looking(&args.scenario, &args.way.caller(), variables)
    });
    match loaded {
        Ok((scenario, _)) if args.once => once::once(args, &Arc::new(scenario)),
        Ok((scenario, taken)) => {
            let text = if args.curl {
                curl::commands(&scenario, None)
            } else {
                describe(&scenario, &taken)
            };
            output::result(&text);
            Exit::Pass
        }
        Err(problems) => {
            output::problems(&problems);
            Exit::Usage
        }
    }
}

fn describe(scenario: &Scenario, taken: &Taken) -> String {
    let from_file = taken.sentence().map(|text| format!("Env      {text}\n")).unwrap_or_default();
    let first = target(scenario);
    let tenants = check_tenants::describe(scenario, somebodys(scenario), extra(scenario));
    [
        first,
        from_file,
        check_load::describe(scenario),
        steps(scenario),
        tenants,
        objectives(scenario),
    ]
    .concat()
}

fn target(scenario: &Scenario) -> String {
    let address = match &scenario.target.address {
        Address::Demo(_) => "the embedded demo API".to_owned(),
        Address::Http(address) => scenario.secrets.redact(&address.to_string()),
    };
    let start = match &scenario.target.start {
        Some(start) => {
            format!(", started by `{}`", scenario.secrets.redact(&start.command.join(" ")))
        }
        None => String::new(),
    };
    let name = plain::line(&scenario.name);
    format!("{name}: valid\n\nTarget   {}\n", plain::line(&format!("{address}{start}")))
}

/// What will be judged, if the response times settle in time.
fn judged(scenario: &Scenario) -> JudgedLoad {
    plan::judged_load(&head::load(&scenario.load, &scenario.flows))
}

/// Requests that are judged and that a step is expected to get if all goes well; `None` for
/// steps done once per user, of whom nobody knows how many there will be, and where users wait for
/// answers.
fn expected_requests(scenario: &Scenario, id: StepId) -> Option<f64> {
    if scenario.step(id).once || scenario.load.is_closed() {
        return None;
    }
    let judged = judged(scenario);
    let flows = scenario.flows.iter().enumerate();
    let of = |(place, flow): (usize, &Flow)| {
        check_load::share_of(scenario, place, (judged.arrivals, &judged.parts))
            * check_load::often(flow, id)
    };
    Some(flows.map(of).sum())
}

fn all_requests(scenario: &Scenario) -> f64 {
    let ids = (0..scenario.steps.len()).map(|index| StepId(index as u16));
    ids.filter_map(|id| expected_requests(scenario, id)).sum()
}

/// Of all steps with a tag.
fn tagged_requests(scenario: &Scenario, tag: &str) -> Option<f64> {
    let steps = scenario.steps.iter().enumerate();
    let tagged = steps.filter(|(_, step)| step.tags.iter().any(|known| known == tag));
    tagged.map(|(index, _)| expected_requests(scenario, StepId(index as u16))).sum()
}

/// Of all steps whose requests are a tenant's; `None` where nobody knows how many there will be.
fn somebodys(scenario: &Scenario) -> Option<f64> {
    let is_somebodys = |id: StepId| {
        scenario.flows.iter().any(|flow| flow.tenancy != Tenancy::None && flow.has(id))
    };
    let ids = (0..scenario.steps.len()).map(|index| StepId(index as u16));
    let counted = ids.filter(|id| !scenario.step(*id).once && is_somebodys(*id));
    counted.map(|id| expected_requests(scenario, id)).sum()
}

/// Which part of what is judged the noisy tenant does more than usual.
fn extra(scenario: &Scenario) -> f64 {
    (check_tenants::done_more(scenario) / judged(scenario).arrivals.max(1.0)).min(1.0)
}

/// Objectives about all others while somebody is noisy.
fn neighbours(scenario: &Scenario) -> String {
    let each = somebodys(scenario).map(|all| all / judged(scenario).arrivals.max(1e-9));
    let requests = each.and_then(|each| check_tenants::of_the_others(scenario, each));
    let mut text = String::new();
    for slo in &scenario.neighbours.slos {
        let said = match requests {
            None => "depends on how many users there are".to_owned(),
            Some(_) => certifiable(slo, requests, judged(scenario).seconds),
        };
        text += &row(&[(&format!("neighbours: {}", slo.text), 0)], &said);
    }
    let about = requests.map(|all| format!(", about {} of the others", whole(all)));
    for effect in &scenario.neighbours.effects {
        let about = about.as_deref().unwrap_or_default();
        let said = format!("by the requests of two stages{about} in the noisy one");
        text += &row(&[(&format!("neighbours: {}", effect.text), 0)], &said);
    }
    text
}

fn steps(scenario: &Scenario) -> String {
    let judged = judged(scenario);
    let is_closed = scenario.load.is_closed();
    let all = if is_closed {
        String::new()
    } else {
        format!(", about {}", whole(all_requests(scenario)))
    };
    let mut text = format!(
        "\nRequests expected in the judged {} from second {} on{all}\n",
        format_duration(Duration::from_secs_f64(judged.seconds)),
        judged.from,
    );
    let requests = |index: usize| match expected_requests(scenario, StepId(index as u16)) {
        Some(requests) => whole(requests),
        None if scenario.steps[index].once => "once per user".to_owned(),
        None => "by the answers".to_owned(),
    };
    let told: Vec<(String, String)> = scenario
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| (plain::line(&step.name), requests(index)))
        .collect();
    let names = widest(told.iter().map(|(name, _)| name.as_str()), WIDE);
    let counts = widest(told.iter().map(|(_, count)| count.as_str()), WIDE);
    for (index, step) in scenario.steps.iter().enumerate() {
        let (name, requests) = &told[index];
        let requests = format!("{requests:>counts$}");
        text += &row(&[(name, names), (&requests, counts)], &plain::line(&step.label));
        if let Some(doubt) = doubt(scenario, StepId(index as u16)) {
            text += &row(&[("", 0)], &doubt);
        }
    }
    text
}

/// Why a step may never be tried, which rules out a pass.
fn doubt(scenario: &Scenario, id: StepId) -> Option<String> {
    let place = scenario.flows.iter().position(|flow| flow.has(id))?;
    let flow = &scenario.flows[place];
    let before = flow.actions.iter().take_while(|action| !action.asks(id));
    let thinking: Duration =
        before.filter_map(|action| action.think().map(|think| think.shortest())).sum();
    let length = scenario.load.length();
    if thinking >= length {
        return Some(format!(
            "never tried: thinking before it takes {}, the run {}; a run cannot pass so",
            format_duration(thinking),
            format_duration(length)
        ));
    }
    if scenario.load.is_closed() {
        return None;
    }
    let area = |stages: &[Stage]| stages.iter().map(Stage::area).sum::<f64>();
    let parts: Vec<f64> = scenario.load.parts.iter().map(|part| area(&part.stages)).collect();
    let walks = check_load::share_of(scenario, place, (area(&scenario.load.stages), &parts));
    (walks < FEW_WALKS).then(|| {
        let advice = "raise the weight of its flow, or run longer";
        format!("perhaps never tried, and then the run cannot pass: {advice}")
    })
}

fn objectives(scenario: &Scenario) -> String {
    let mut text =
        "\nObjectives, and what the run can certify at 95 % confidence at best\n".to_owned();
    let position = |slo: &Slo| match slo.scope {
        Scope::All => "all".to_owned(),
        Scope::Step(id) => plain::line(&scenario.step(id).name),
        Scope::Tag(tag) => format!("tag:{}", plain::line(scenario.tag(tag))),
        Scope::EachTenant => "each tenant".to_owned(),
    };
    let told: Vec<String> = scenario.slos.iter().map(position).collect();
    let positions = widest(told.iter().map(String::as_str), WIDE);
    let texts = widest(scenario.slos.iter().map(|slo| slo.text.as_str()), WIDE);
    for slo in &scenario.slos {
        let requests = match slo.scope {
            Scope::All if scenario.load.is_closed() => None,
            Scope::All => Some(all_requests(scenario)),
            Scope::Step(id) => expected_requests(scenario, id),
            Scope::Tag(tag) => tagged_requests(scenario, scenario.tag(tag)),
            Scope::EachTenant => {
                check_tenants::of_the_smallest(scenario, somebodys(scenario), extra(scenario))
            }
        };
        let certifiable = match requests {
            None if scenario.load.is_closed() => by_the_answers(slo),
            _ => certifiable(slo, requests, judged(scenario).seconds),
        };
        let is_open = certifiable.starts_with("inconclusive");
        let why = if is_open && scenario.load.cap.is_some() { "; the load is capped" } else { "" };
        let first = [(position(slo), positions), (slo.text.clone(), texts)];
        let first = first.each_ref().map(|(text, width)| (text.as_str(), *width));
        text += &row(&first, &format!("{certifiable}{why}"));
    }
    text.push_str(&neighbours(scenario));
    for objective in &scenario.stress {
        text += &row(&[], &format!("{}: judged by `loadgate stress` only", objective.text));
    }
    text
}

/// What a closed load must come to.
fn by_the_answers(slo: &Slo) -> String {
    if matches!(slo.metric, Metric::Throughput { .. }) {
        return "depends on how fast the target answers".to_owned();
    }
    if slo.allowed <= 0.0 || slo.windows.is_some() || matches!(slo.metric, Metric::Gauge(_)) {
        return "speaks of this run only".to_owned();
    }
    format!(
        "depends on how fast the target answers: {} requests are needed for {}",
        group_digits(&plan::needed_without_bad(slo.allowed).to_string()),
        Ratio(slo.allowed)
    )
}

fn certifiable(slo: &Slo, requests: Option<f64>, seconds: f64) -> String {
    match &slo.metric {
        Metric::Gauge(_) => {
            return format!("speaks of this run only, by its values in {seconds:.0} seconds");
        }
        Metric::CertificateDays(_) => {
            return "judged by what the target shows before the load".to_owned();
        }
        Metric::Throughput { .. } => return by_what_comes_back(slo, requests, seconds),
        Metric::Lap { .. } => return "depends on how many streams there are".to_owned(),
        Metric::ResponseTime { .. } | Metric::Failures(_) | Metric::Apdex { .. } => {}
    }
    if let Some(windows) = slo.windows {
        let count = (seconds / windows.length.as_secs_f64()).floor();
        return format!("judged window by window, in at most {count:.0} of them");
    }
    let Some(requests) = requests else {
        return "depends on how many users there are".to_owned();
    };
    if slo.allowed <= 0.0 {
        return "speaks of this run only".to_owned();
    }
    let n = requests as u64;
    match plan::most_bad_to_certify(n, slo.allowed) {
        Some(bad) => format!(
            "met with at most {} {} of {}",
            group_digits(&bad.to_string()),
            bad_ones(slo),
            group_digits(&n.to_string())
        ),
        None => format!(
            "inconclusive: {} requests, at least {} are needed for {}",
            group_digits(&n.to_string()),
            group_digits(&plan::needed_without_bad(slo.allowed).to_string()),
            Ratio(slo.allowed)
        ),
    }
}

/// What is due is a bound on what can come back as it should.
fn by_what_comes_back(slo: &Slo, requests: Option<f64>, seconds: f64) -> String {
    let Metric::Throughput { of: Throughput::Goodput, bound } = &slo.metric else {
        return "depends on what the target answers".to_owned();
    };
    let Some(requests) = requests else { return "depends on how many users there are".to_owned() };
    let due = Rate(requests / seconds.max(1e-9));
    if bound.holds(due.0) {
        return format!("at most {due} can come back: so many are due");
    }
    format!("inconclusive at best: only {due} are due, plan more than the limit")
}

fn bad_ones(slo: &Slo) -> &'static str {
    match &slo.metric {
        Metric::ResponseTime { quantile, .. } if *quantile > Quantile::P50 => "slower",
        Metric::ResponseTime { .. } => "slow",
        Metric::Apdex { .. } => "unsatisfied",
        Metric::Failures(_)
        | Metric::Throughput { .. }
        | Metric::Gauge(_)
        | Metric::CertificateDays(_)
        | Metric::Lap { .. } => "bad",
    }
}
