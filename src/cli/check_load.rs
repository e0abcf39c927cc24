//! What `loadgate check` says of the load: each stage with what is expected of it, and a drawing.

use std::fmt::Write as _;

use crate::cli::columns::{row, widest};
use crate::cli::load_chart;
use crate::cli::progress::told;
use crate::report::plain;
use crate::scenario::load::{ArrivalProcess, CapBy, Crowd, Load, Part, Stage};
use crate::scenario::model::{Flow, Scenario, StepId};
use crate::units::{format_duration, group_digits, trim_zeros};

/// More stages of a load are not told one by one.
const MOST_STAGES: usize = 24;
/// A longer text of a stage moves what stands behind it.
const WIDE: usize = 28;

/// All loads, and what they come to over time.
pub(super) fn describe(scenario: &Scenario) -> String {
    let load = &scenario.load;
    let mut text = format!(
        "Load     {}, seed {}, {} in all\n",
        kind(load.arrivals, load.is_closed(), load.parts.is_empty()),
        load.seed,
        format_duration(load.length())
    );
    text.push_str(&cap(load));
    if load.parts.is_empty() {
        let flows: Vec<usize> = (0..scenario.flows.len()).collect();
        text.push_str(&stages(scenario, &load.stages, &flows));
    }
    for part in &load.parts {
        text.push_str(&one(scenario, part));
    }
    if load.is_closed() {
        text += &row(
            &[],
            "a target that answers slowly gets fewer requests, and those that were not sent are in \
             no figure; stages with a \"rate\" go on",
        );
    }
    text + &load_chart::draw(load)
}

fn kind(arrivals: ArrivalProcess, is_closed: bool, is_one: bool) -> &'static str {
    match arrivals {
        _ if is_closed => "closed: users wait for answers",
        _ if !is_one => "open",
        ArrivalProcess::Poisson => "Poisson arrivals",
        ArrivalProcess::Uniform => "uniform arrivals",
    }
}

fn cap(load: &Load) -> String {
    let Some(cap) = load.cap else { return String::new() };
    let planned = format_duration(std::time::Duration::from_secs_f64(cap.planned_seconds));
    let by = match cap.by {
        CapBy::Duration => "by \"max_duration\"".to_owned(),
        CapBy::Iterations(most) => format!("after {} iterations", group_digits(&most.to_string())),
    };
    format!("  ends early {by}: its stages would last {planned}\n")
}

/// One of several loads.
fn one(scenario: &Scenario, part: &Part) -> String {
    let names = part.flows.iter().filter_map(|flow| scenario.flows.get(*flow));
    let names: Vec<String> = names.map(|flow| plain::line(&flow.name)).collect();
    let how = match &part.recorded {
        Some(recorded) => {
            let count = group_digits(&recorded.0.len().to_string());
            format!("replay of {count} recorded moments")
        }
        None => kind(part.arrivals, is_closed(&part.stages), true).to_owned(),
    };
    let mut text = format!("  {}: {how}\n", names.join(", "));
    if part.recorded.is_none() {
        text.push_str(&stages(scenario, &part.stages, &part.flows));
    } else {
        let all: f64 = part.stages.iter().map(Stage::area).sum();
        writeln!(text, "    about {}", expected(scenario, all, &part.flows)).expect("a String");
    }
    text
}

fn is_closed(stages: &[Stage]) -> bool {
    stages.iter().any(|stage| stage.users.is_some())
}

fn stages(scenario: &Scenario, stages: &[Stage], flows: &[usize]) -> String {
    let mut text = String::new();
    let all = told(stages);
    let written: Vec<String> = all.iter().map(|it| format_duration(it.length)).collect();
    let lengths = widest(written.iter().map(String::as_str), WIDE);
    let whats = widest(all.iter().map(|it| it.what.as_str()), WIDE);
    let numbers = format!("stage {}", all.len().min(MOST_STAGES)).len();
    for (number, (it, length)) in all.iter().zip(&written).enumerate() {
        if all.len() > MOST_STAGES && number + 2 > MOST_STAGES && number + 1 < all.len() {
            if number + 1 == MOST_STAGES {
                let more = all.len() - MOST_STAGES;
                writeln!(text, "  … {more} more").expect("a String takes everything");
            }
            continue;
        }
        let users = it.stages.iter().filter_map(|stage| stage.users).map(Crowd::most).max();
        let arrivals = match users {
            None => {
                let area = it.stages.iter().map(Stage::area).sum();
                format!("about {}", expected(scenario, area, flows))
            }
            Some(most) => at_most(scenario, most, flows),
        };
        let number = format!("stage {}", number + 1);
        let length = format!("{length:>lengths$}");
        text += &row(&[(&number, numbers), (&length, lengths), (&it.what, whats)], &arrivals);
    }
    let area: f64 = stages.iter().map(Stage::area).sum();
    if all.len() > 1 && area > 0.0 {
        writeln!(text, "  in all  about {}", expected(scenario, area, flows))
            .expect("a String takes everything");
    }
    text
}

/// `1,000 iterations`, and where that is not the same `2,500 requests`.
fn expected(scenario: &Scenario, iterations: f64, flows: &[usize]) -> String {
    let flows = flows.iter().filter_map(|flow| scenario.flows.get(*flow));
    let total: f64 = flows.clone().map(|flow| f64::from(flow.weight)).sum();
    let ids = || (0..scenario.steps.len()).map(|index| StepId(index as u16));
    let each = |flow: &Flow| -> f64 {
        let asked = ids().filter(|id| !scenario.step(*id).once).map(|id| often(flow, id));
        asked.sum::<f64>() * f64::from(flow.weight)
    };
    let requests = iterations * flows.map(each).sum::<f64>() / total.max(1.0);
    let counted = format!("{} iterations", whole(iterations));
    if (requests - iterations).abs() < 0.5 {
        return counted;
    }
    format!("{counted}, {} requests", whole(requests))
}

/// How often a flow asks for a step in an iteration, on average.
pub(super) fn often(flow: &Flow, id: StepId) -> f64 {
    let actions = flow.actions.iter().zip(&flow.often);
    actions.filter(|(action, _)| action.asks(id)).map(|(_, often)| often).sum()
}

/// Iterations of a flow: its share of all, or of those of its own load.
pub(super) fn share_of(scenario: &Scenario, flow: usize, (all, parts): (f64, &[f64])) -> f64 {
    let weight = |place: usize| scenario.flows.get(place).map_or(0.0, |it| f64::from(it.weight));
    let share = |flows: &mut dyn Iterator<Item = usize>| {
        weight(flow) / flows.map(weight).sum::<f64>().max(1.0)
    };
    if scenario.load.parts.is_empty() {
        return all * share(&mut (0..scenario.flows.len()));
    }
    let own = scenario.load.parts.iter().zip(parts).filter(|(part, _)| part.flows.contains(&flow));
    own.map(|(part, iterations)| iterations * share(&mut part.flows.iter().copied())).sum()
}

/// What so many users do at most: as if all answers came at once.
fn at_most(scenario: &Scenario, users: u32, flows: &[usize]) -> String {
    let flows = flows.iter().filter_map(|flow| scenario.flows.get(*flow));
    let thinking = |flow: &Flow| -> f64 {
        flow.thinking(|think| think.mean().as_secs_f64()) * f64::from(flow.weight)
    };
    let total: f64 = flows.clone().map(|flow| f64::from(flow.weight)).sum();
    let round = flows.map(thinking).sum::<f64>() / total.max(1.0);
    if round <= 0.0 {
        return "as many iterations as the answers allow".to_owned();
    }
    let most = trim_zeros(f64::from(users) / round, 2);
    format!("at most {most} iterations a second, by the times to think")
}

/// `13,125`.
pub(super) fn whole(number: f64) -> String {
    group_digits(&format!("{number:.0}"))
}
