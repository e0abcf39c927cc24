//! What `loadgate check` says of tenants: who is told apart, and how much of the load is whose.

use std::fmt::Write as _;

use crate::report::plain;
use crate::scenario::load::Stage;
use crate::scenario::model::Scenario;
use crate::scenario::tenants::Noise;
use crate::schedule::tenants::Census;
use crate::units::{Moment, group_digits, trim_zeros};

/// So many are named.
const SHOWN: usize = 5;

/// A table of the largest; nothing where nobody is told apart.
pub(super) fn describe(scenario: &Scenario, requests: Option<f64>, extra: f64) -> String {
    let Some(census) = Census::of(scenario) else { return String::new() };
    let told = census.told();
    let count = told.names.len();
    let others = if told.has_others { ", all others together" } else { "" };
    let mut text = format!("\nTenants  {count} told apart{others}\n");
    let last = count.saturating_sub(1);
    for (place, name) in told.names.iter().enumerate() {
        if place >= SHOWN && place != last {
            continue;
        }
        if place == last && count > SHOWN + 1 {
            text.push_str("  …\n");
        }
        let share = share(scenario, &census, place, extra);
        let said = share.map(|share| said(share, requests)).unwrap_or_default();
        let name = plain::line(name);
        writeln!(text, "  {name:<28} {said}").expect("a String takes everything");
    }
    text.push_str(&noisy(scenario));
    text
}

/// Who does more than his size says, and how much that adds.
fn noisy(scenario: &Scenario) -> String {
    let noise = scenario.tenants.as_ref().and_then(|tenants| {
        let noise = tenants.noise.as_ref()?;
        Some((noise, noise.within(&scenario.load)?, tenants.names.get(noise.tenant)?))
    });
    let Some((noise, when, name)) = noise else { return String::new() };
    let seconds = |moment: Moment| trim_zeros(moment.0 as f64 / 1e9, 1);
    format!(
        "  noisy: {} does {} times as much from {} s to {} s, {} % of the iterations are that\n",
        plain::line(&scenario.secrets.redact(name)),
        trim_zeros(noise.times, 2),
        seconds(when.from),
        seconds(when.until),
        trim_zeros(noise.more * 100.0, 1),
    )
}

fn said(share: f64, requests: Option<f64>) -> String {
    let percent = trim_zeros(share * 100.0, 2);
    match requests {
        None => format!("{percent} %"),
        Some(all) => {
            let about = group_digits(&format!("{:.0}", all * share));
            format!("{percent} %, about {about} requests")
        }
    }
}

/// A tenant's share of what is judged, where this part of it is what the noisy one does more.
fn share(scenario: &Scenario, census: &Census, place: usize, extra: f64) -> Option<f64> {
    let noise = scenario.tenants.as_ref().and_then(|tenants| tenants.noise.as_ref());
    let own = if noise.is_some_and(|noise| noise.tenant == place) { extra } else { 0.0 };
    Some(census.share(place)? * (1.0 - extra) + own)
}

/// Requests that are expected of the smallest tenant that is told apart; `None` where nobody knows.
pub(super) fn of_the_smallest(
    scenario: &Scenario,
    requests: Option<f64>,
    extra: f64,
) -> Option<f64> {
    let census = Census::of(scenario)?;
    let places = 0..census.told().names.len();
    let all: Option<Vec<f64>> =
        places.map(|place| share(scenario, &census, place, extra)).collect();
    Some(all?.into_iter().reduce(f64::min)? * requests?)
}

/// Iterations that the noisy tenant does more than usual; 0 where nobody is noisy.
pub(super) fn done_more(scenario: &Scenario) -> f64 {
    noisy_stage(scenario).map_or(0.0, |(noise, stage)| stage.area() * noise.more)
}

/// Requests of all others while somebody is noisy, if so many come of an iteration.
pub(super) fn of_the_others(scenario: &Scenario, each: f64) -> Option<f64> {
    let (noise, stage) = noisy_stage(scenario)?;
    let others = 1.0 - Census::of(scenario)?.share(noise.tenant)?;
    Some(stage.area() * (1.0 - noise.more) * others * each)
}

fn noisy_stage(scenario: &Scenario) -> Option<(&Noise, &Stage)> {
    let noise = scenario.tenants.as_ref()?.noise.as_ref()?;
    noise.within(&scenario.load)?;
    Some((noise, scenario.load.stages.get(noise.stages.len().checked_sub(1)?)?))
}
