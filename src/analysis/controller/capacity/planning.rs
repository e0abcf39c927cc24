//! What a search is asked, by what the user wishes and what the scenario is like: the range of
//! rates, how long a trial lasts, what is kept back for the confirmation. Every mistake is told.

use std::time::Duration;

use crate::analysis::capacity::messages;
use crate::analysis::controller::capacity::asked::{IN_FLIGHT, SHORTEST_CONFIRMATION};
use crate::record::capacity::Asked;
use crate::record::load_unit::LoadUnit;
use crate::scenario::ceiling::{Ceiling, requests_per_iteration};
use crate::scenario::load::{Crowd, Stage};
use crate::scenario::model::{Flow, Scenario};
use crate::scenario::slo::Slo;
use crate::units::load_size::LoadSize;
use crate::units::{Quantile, format_duration};

/// About so many trials does a search take.
const TRIALS: f64 = 45.0;
/// A trial should have so many requests beyond the tightest quantile.
const BEYOND: f64 = 20.0;
/// And so many in all.
const ARRIVALS: f64 = 400.0;
/// A trial is never shorter, and longer only where that is asked for, in seconds.
const SHORTEST: f64 = 3.0;
const LONGEST: f64 = 10.0;
/// What comes before a trial's judged seconds: as long as its longest flow thinks, and this.
const LEAD: f64 = 1.0;
/// The lowest rate of a search is by so much lower than where it begins.
const DOWN: f64 = 64.0;
/// A confirmation lasts so long, or this part of the time.
const CONFIRMATION: f64 = 60.0;
const PART: f64 = 0.2;
/// A warm-up lasts so long.
const WARMUP: f64 = 5.0;
/// Fewer trials find nothing.
const FEWEST_TRIALS: f64 = 6.0;
/// A search does not last longer.
const LONGEST_SEARCH: Duration = Duration::from_secs(12 * 3_600);

/// What the user wishes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// The lowest load, where the search begins.
    pub from: Option<LoadSize>,
    /// The highest load.
    pub to: Option<LoadSize>,
    /// How long it may take.
    pub within: Duration,
    /// The length of a trial.
    pub trial: Option<Duration>,
    /// The length of the confirmation.
    pub confirmation: Option<Duration>,
    /// The length of the warm-up.
    pub warmup: Option<Duration>,
    /// Whether each trial has a target of its own.
    pub restarts: bool,
    /// The capacity that is wanted.
    pub at_least: Option<LoadSize>,
    /// Whether it is compared with an earlier search.
    pub compares: bool,
    /// By how much less than the baseline's is accepted.
    pub tolerance: f64,
}

/// What is asked of a search on a machine of so many cores; or all that is wrong with it.
pub fn asked(wish: &Wish, scenario: &Scenario, cores: usize) -> Result<Asked, Vec<String>> {
    let mut wrong: Vec<String> = Vec::new();
    let ceiling = Ceiling::of_run(cores, scenario.limits.workers);
    match unit(scenario) {
        LoadUnit::Rate => wrong.extend(faults_of_rates(wish, scenario, &ceiling)),
        LoadUnit::Users => wrong.extend(faults_of_users(wish, scenario)),
    }
    wrong.extend(faults_of_range(wish, unit(scenario)));
    wrong.extend(faults_of_scenario(wish, scenario));
    let asked = planned(wish, scenario, &ceiling);
    wrong.extend(faults_of_time(wish, &asked));
    if wrong.is_empty() { Ok(asked) } else { Err(wrong) }
}

fn planned(wish: &Wish, scenario: &Scenario, ceiling: &Ceiling) -> Asked {
    let seconds = |of: Option<Duration>| of.map(|it| it.as_secs_f64());
    let within = wish.within.as_secs_f64();
    let shortest = SHORTEST_CONFIRMATION.as_secs_f64();
    let usual = (within * PART).clamp(shortest, CONFIRMATION).round();
    let confirmation = seconds(wish.confirmation).map_or(usual, f64::ceil);
    let warmup = seconds(wish.warmup).map_or(WARMUP, f64::ceil);
    let lead = lead(&scenario.flows);
    let windows = scenario.slos.iter().filter_map(|slo| slo.windows);
    let window = windows.map(|it| it.length.as_secs_f64()).fold(0.0, f64::max);
    let room = (within - confirmation - warmup) / TRIALS - lead - IN_FLIGHT.as_secs_f64();
    let shortest = seconds(wish.trial).map_or(SHORTEST, f64::ceil).max(window);
    let longest =
        if wish.trial.is_some() { shortest } else { room.floor().clamp(SHORTEST, LONGEST) };
    let unit = unit(scenario);
    let given = |size: Option<LoadSize>| size.and_then(|size| amount(size, unit));
    let highest = given(wish.to).unwrap_or_else(|| match unit {
        LoadUnit::Rate => {
            let per_iteration = requests_per_iteration(&scenario.flows, &scenario.steps);
            ceiling.requests().0 / per_iteration.max(1e-9)
        }
        LoadUnit::Users => most_users(scenario) as f64,
    });
    let start = given(wish.from).unwrap_or_else(|| usual_load(scenario)).min(highest);
    let lowest = match unit {
        LoadUnit::Rate => start / DOWN,
        LoadUnit::Users => (start / DOWN).floor().max(1.0),
    };
    Asked {
        unit,
        start,
        lowest: given(wish.from).unwrap_or(lowest),
        highest,
        highest_is_machines: wish.to.is_none(),
        trial_arrivals: arrivals(&scenario.slos),
        shortest_trial: shortest,
        longest_trial: longest.max(shortest),
        lead,
        warmup,
        confirmation,
        within,
        restarts: wish.restarts,
        at_least: given(wish.at_least),
        tolerance: wish.tolerance,
    }
}

/// In what the loads of a search are counted.
fn unit(scenario: &Scenario) -> LoadUnit {
    if scenario.load.is_closed() { LoadUnit::Users } else { LoadUnit::Rate }
}

fn amount(size: LoadSize, unit: LoadUnit) -> Option<f64> {
    match unit {
        LoadUnit::Rate => size.as_rate().map(|rate| rate.0),
        LoadUnit::Users => size.as_users().map(f64::from),
    }
}

/// As many users as may wait for an answer at once.
fn most_users(scenario: &Scenario) -> u64 {
    let limits = &scenario.limits;
    let served = u64::from(limits.connections) * u64::from(scenario.streams().unwrap_or(1));
    served.min(limits.in_flight.into())
}

/// The load that a run of the scenario has at most: people think that it works.
fn usual_load(scenario: &Scenario) -> f64 {
    let judged = || scenario.load.stages.iter().filter(|stage| !stage.warmup);
    if scenario.load.is_closed() {
        let users = judged().filter_map(|stage| stage.users).map(Crowd::most).max();
        return f64::from(users.unwrap_or(0).max(1));
    }
    let highest = judged().map(|stage| stage.from.0.max(stage.to.0)).fold(0.0, f64::max);
    if highest > 0.0 { highest } else { scenario.load.peak().0.max(1.0) }
}

/// Arrivals for enough requests beyond the tightest quantile.
fn arrivals(slos: &[Slo]) -> f64 {
    let quantiles = slos.iter().filter_map(Slo::quantile).map(Quantile::beyond);
    let tightest = quantiles.filter(|beyond| *beyond > 0.0).fold(f64::INFINITY, f64::min);
    (BEYOND / tightest).max(ARRIVALS).round()
}

/// As long as the longest flow thinks: before that not all of its steps are under load.
fn lead(flows: &[Flow]) -> f64 {
    let thinks = |flow: &Flow| flow.thinking(|think| think.hardly_longer().as_secs_f64());
    let longest = flows.iter().map(thinks).fold(0.0, f64::max);
    longest.ceil().max(LEAD)
}

fn faults_of_rates(wish: &Wish, scenario: &Scenario, ceiling: &Ceiling) -> Vec<String> {
    let mut wrong = Vec::new();
    for (flag, size) in flags(wish) {
        let Some(rate) = size.as_rate() else {
            wrong.push(format!(
                "{flag} {size}: the load of this scenario is a rate; write {flag} 400/s, or give its \
                 stages \"users\""
            ));
            continue;
        };
        if rate.0 <= 0.0 {
            wrong.push(format!("{flag} {rate}: a rate above zero is needed, such as 100/s"));
        }
        let length = Duration::from_secs(1);
        let stage = Stage { length, from: rate, to: rate, users: None, warmup: false };
        let refusal = ceiling.refusal(&[stage], &scenario.flows, &scenario.steps);
        wrong.extend(refusal.map(|why| format!("{flag} {rate}: {why}")));
    }
    wrong
}

/// What was given of the loads, with its flag.
fn flags(wish: &Wish) -> impl Iterator<Item = (&'static str, LoadSize)> {
    let flags = [("--from", wish.from), ("--to", wish.to), ("--at-least", wish.at_least)];
    flags.into_iter().filter_map(|(flag, size)| Some((flag, size?)))
}

fn faults_of_users(wish: &Wish, scenario: &Scenario) -> Vec<String> {
    let mut wrong = Vec::new();
    let most = most_users(scenario);
    for (flag, size) in flags(wish) {
        match size.as_users() {
            None => wrong.push(format!(
                "{flag} {size}: the load of this scenario is a number of users; write {flag} 40users"
            )),
            Some(0) => wrong.push(format!("{flag} {size}: at least one user is needed")),
            Some(users) if u64::from(users) > most => wrong.push(format!(
                "{flag} {size}: \"limits\" lets {most} users wait for answers at once; raise its \
                 \"connections\", and \"in_flight\" beyond 10,000"
            )),
            Some(_) => {}
        }
    }
    wrong
}

fn faults_of_range(wish: &Wish, unit: LoadUnit) -> Vec<String> {
    let mut wrong = Vec::new();
    let given = |size: Option<LoadSize>| size.and_then(|size| Some((size, amount(size, unit)?)));
    if let (Some((from, lowest)), Some((to, highest))) = (given(wish.from), given(wish.to))
        && lowest >= highest
    {
        let noun = messages::noun(unit);
        wrong.push(format!(
            "--from {from} --to {to}: the lowest {noun} comes first, and below the highest"
        ));
    }
    if let (Some((wanted, least)), Some((to, highest))) = (given(wish.at_least), given(wish.to))
        && least > highest
    {
        wrong.push(format!(
            "--at-least {wanted} --to {to}: what is not tried is not found; raise --to"
        ));
    }
    wrong
}

fn faults_of_scenario(wish: &Wish, scenario: &Scenario) -> Vec<String> {
    let mut wrong = Vec::new();
    if scenario.slos.iter().all(|slo| slo.is_default) {
        wrong.push(
            "the scenario has no objectives, so no load is too much for it: capacity is the \
             highest one within them; add \"slo\": { \"all\": [\"p99 < 500ms\", \"error_rate < \
             0.1%\"] } with limits of your own"
                .to_owned(),
        );
    }
    if wish.restarts && scenario.target.start.is_none() {
        wrong.push(
            "--restart: loadgate does not start this target; give \"target\" a \"command\""
                .to_owned(),
        );
    }
    wrong
}

fn faults_of_time(wish: &Wish, asked: &Asked) -> Vec<String> {
    let mut wrong = Vec::new();
    let one = asked.shortest_trial + asked.lead + IN_FLIGHT.as_secs_f64();
    let least = asked.warmup + asked.confirmation + FEWEST_TRIALS * one;
    let within = format_duration(wish.within);
    if asked.within < least {
        let least = format_duration(Duration::from_secs_f64(least.ceil()));
        let each = format_duration(Duration::from_secs_f64(asked.lead));
        let flow = if asked.lead > LEAD {
            format!(", each after {each}, as long as the longest flow thinks,")
        } else {
            String::new()
        };
        wrong.push(format!(
            "--within {within}: warm-up, a few trials and the confirmation{flow} take {least}; \
             raise it, or shorten --confirm, --trial or --warmup"
        ));
    }
    if wish.within > LONGEST_SEARCH {
        wrong.push(format!("--within {within}: a search takes 12h at most"));
    }
    if wish.trial.is_some_and(|length| length.is_zero()) {
        wrong.push(
            "--trial 0s: in no time nothing is measured; give at least 1s, or leave it out"
                .to_owned(),
        );
    }
    let asks = [("--at-least", asked.at_least.is_some()), ("--baseline", wish.compares)];
    for (flag, _) in asks.into_iter().filter(|(_, is_asked)| *is_asked) {
        if asked.confirmation <= 0.0 {
            wrong.push(format!(
                "{flag} with --confirm 0s: nothing is called enough by short trials alone; leave \
                 --confirm out"
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::Action;
    use crate::scenario::read;
    use crate::scenario::think::Think;
    use crate::units::Rate;

    fn scenario(load: &str, slo: &str) -> Scenario {
        let text = format!(
            r#"{{ "name": "a", "target": {{ "url": "http://127.0.0.1:9" }},
                "flows": [{{ "name": "f", "steps": [{{ "request": "GET /" }},
                    {{ "think": "1s..3s" }}, {{ "request": "GET /b" }}] }}],
                "load": {{ "stages": [{load}] }} {slo} }}"#
        );
        let nothing = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        read::parse(&text, &read::Origin::default(), &|_| None, &nothing).unwrap()
    }

    const LOAD: &str = r#"{ "for": "9s", "rate": "100/s" }"#;
    const SLO: &str = r#", "slo": { "all": ["p99 < 500ms"] }"#;

    fn wish() -> Wish {
        Wish {
            from: None,
            to: None,
            within: Duration::from_secs(600),
            trial: None,
            confirmation: None,
            warmup: None,
            restarts: false,
            at_least: None,
            compares: false,
            tolerance: 0.1,
        }
    }

    #[test]
    fn lengths_follow_from_time_objectives_and_flows() {
        let asked = asked(&wish(), &scenario(LOAD, SLO), 4).unwrap();
        assert_eq!((asked.start, asked.lowest), (100.0, 100.0 / 64.0));
        assert_eq!((asked.trial_arrivals, asked.lead), (2_000.0, 3.0));
        assert_eq!((asked.shortest_trial, asked.longest_trial), (3.0, 7.0));
        assert_eq!((asked.warmup, asked.confirmation), (5.0, 60.0));
        // Two requests for each arrival.
        assert_eq!((asked.highest_is_machines, asked.highest as u64), (true, 250_000));
        let short = Wish { within: Duration::from_secs(120), ..wish() };
        let asked = super::asked(&short, &scenario(LOAD, SLO), 4).unwrap();
        assert_eq!((asked.longest_trial, asked.confirmation), (3.0, 24.0));
        let windows = r#", "slo": { "all": ["p99 < 500ms for 95% of 10s windows"] }"#;
        let asked = super::asked(&wish(), &scenario(LOAD, windows), 4).unwrap();
        assert_eq!((asked.shortest_trial, asked.longest_trial), (10.0, 10.0));
    }

    #[test]
    fn a_load_is_judged_once_all_of_its_longest_flow_is_under_it() {
        let slow = LOAD.replace("100/s", "2/s");
        let mut scenario = scenario(&slow, SLO);
        for action in &mut scenario.flows[0].actions {
            if let Action::Think(Think::Even { longest, .. }) = action {
                *longest = Duration::from_secs(40);
            }
        }
        let refused = asked(&wish(), &scenario, 4).map(|it| it.lead);
        assert_eq!(refused, Ok(40.0));
        let short = Wish { within: Duration::from_secs(180), ..wish() };
        let told = asked(&short, &scenario, 4).unwrap_err().join("\n");
        assert!(
            told.contains("each after 40s, as long as the longest flow thinks, take"),
            "{told}"
        );
    }

    #[test]
    fn a_range_and_a_length_are_as_they_were_given() {
        let (from, to) = (Some(LoadSize::Rate(Rate(20.0))), Some(LoadSize::Rate(Rate(80.0))));
        let trial = Some(Duration::from_secs(4));
        let asked = asked(&Wish { from, to, trial, ..wish() }, &scenario(LOAD, SLO), 4).unwrap();
        assert_eq!((asked.start, asked.lowest, asked.highest), (20.0, 20.0, 80.0));
        assert_eq!((asked.shortest_trial, asked.longest_trial), (4.0, 4.0));
        assert!(!asked.highest_is_machines);
    }

    const USERS: &str = r#"{ "for": "9s", "users": 100 }"#;

    #[test]
    fn users_are_whole_and_no_more_than_there_are_connections() {
        let asked = asked(&wish(), &scenario(USERS, SLO), 4).unwrap();
        assert_eq!((asked.unit, asked.start, asked.lowest), (LoadUnit::Users, 100.0, 1.0));
        assert_eq!((asked.highest, asked.highest_is_machines), (1_000.0, true));
        let size = |text: &str| Some(text.parse().unwrap());
        let range = Wish { from: size("20"), to: size("80 users"), ..wish() };
        let asked = super::asked(&range, &scenario(USERS, SLO), 4).unwrap();
        assert_eq!((asked.start, asked.lowest, asked.highest), (20.0, 20.0, 80.0));
        for (wish, load, part) in [
            (Wish { at_least: size("40/s"), ..wish() }, USERS, "write --at-least 40users"),
            (Wish { at_least: size("40users"), ..wish() }, LOAD, "write --at-least 400/s"),
            (Wish { to: size("1001"), ..wish() }, USERS, "lets 1000 users wait"),
            (Wish { from: size("0users"), ..wish() }, USERS, "at least one user"),
            (
                Wish { from: size("9"), to: size("9"), ..wish() },
                USERS,
                "the lowest number of users",
            ),
        ] {
            let told = super::asked(&wish, &scenario(load, SLO), 4).unwrap_err().join("\n");
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let rate = |rate: f64| Some(LoadSize::Rate(Rate(rate)));
        let wrong =
            |wish: Wish, slo: &str| asked(&wish, &scenario(LOAD, slo), 2).unwrap_err().join("\n");
        for (wish, slo, parts) in [
            (wish(), "", &["has no objectives"][..]),
            (
                Wish { from: rate(500.0), to: rate(100.0), ..wish() },
                "",
                &["has no objectives", "--from 500/s --to 100/s"],
            ),
            (Wish { from: rate(0.0), ..wish() }, SLO, &["--from 0/s: a rate above zero"]),
            (Wish { to: rate(9e6), ..wish() }, SLO, &["--to 9000000/s: 18,000,000 requests"]),
            (
                Wish { at_least: rate(200.0), to: rate(100.0), ..wish() },
                SLO,
                &["--at-least 200/s --to 100/s"],
            ),
            (Wish { restarts: true, ..wish() }, SLO, &["--restart: loadgate does not start"]),
            (
                Wish { within: Duration::from_secs(20), ..wish() },
                SLO,
                &["--within 20s: warm-up, a few trials"],
            ),
            (
                Wish { at_least: rate(9.0), confirmation: Some(Duration::ZERO), ..wish() },
                SLO,
                &["--at-least with --confirm 0s"],
            ),
            (
                Wish { compares: true, confirmation: Some(Duration::ZERO), ..wish() },
                SLO,
                &["--baseline with --confirm 0s"],
            ),
            (Wish { trial: Some(Duration::ZERO), ..wish() }, SLO, &["--trial 0s: in no time"]),
        ] {
            let told = wrong(wish, slo);
            assert!(parts.iter().all(|part| told.contains(part)), "{parts:?}: {told}");
        }
    }
}
