//! A stage in which one tenant is noisy: who he is, what comes on top of the stage's rate for him,
//! and whether there is a stage before that can be compared with it.

use std::time::Duration;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::load::{Load, Stage};
use super::super::problems::Fault;
use super::super::raw::RawScenario;
use super::super::raw_load::RawNoisy;
use super::super::tenants::{Noise, Tenancy, Tenants};
use super::flows::Walks;
use super::load::Written;
use crate::units::Rate;

/// In less nobody could tell a difference.
const SHORTEST: Duration = Duration::from_secs(5);
/// The most that somebody may do more.
const MOST_TIMES: f64 = 1_000.0;

/// Adds what a noisy tenant does more to the rate of his stage.
pub(super) fn noise(
    raw: &RawScenario,
    written: &mut Written,
    walks: &mut Walks,
    check: &mut Check<'_>,
) {
    let named = named(raw);
    let Some((stage, noisy)) = named.first() else { return };
    if let Some((other, _)) = named.get(1) {
        let fault = Fault::new("a second stage in which somebody is noisy");
        let help = "one can be judged; play the other in a run of its own";
        check.value(&other.key("noisy"), fault.help(help));
    }
    // A stage of the load is known by the place of its rate.
    let (at, rate) = (&stage.key("noisy"), stage.key("rate"));
    let own: Vec<usize> =
        (0..written.stages.len()).filter(|index| written.stages[*index] == rate).collect();
    if ["tenant", "times"].iter().any(|key| check.is_mended(&at.key(key))) {
        return;
    }
    let Some(fault) = incomparable(&written.load, &own) else {
        let Some(found) = check.accept(at, of_tenant(noisy, walks, check)) else { return };
        return add(&found, own[0], &mut written.load, walks);
    };
    check.value(at, fault);
}

/// The stages in which somebody is noisy, of any load of the scenario, by their places.
fn named(raw: &RawScenario) -> Vec<(Pointer, &RawNoisy)> {
    let whole = raw.load.as_ref().map(|load| (Pointer::default().key("load"), &load.stages));
    let flows = raw.flows.iter().enumerate().filter_map(|(index, flow)| {
        let at = Pointer::default().key("flows").item(index).key("load");
        flow.load.as_ref().map(|load| (at, &load.stages))
    });
    let stages = whole.into_iter().chain(flows).flat_map(|(at, stages)| {
        let at = at.key("stages");
        stages.iter().enumerate().map(move |(place, stage)| (at.item(place), stage))
    });
    stages.filter_map(|(at, stage)| Some((at, stage.noisy.as_ref()?))).collect()
}

/// What ends a load by numbers is laid out before there is more in one stage.
pub(super) fn is_counted(raw: &RawScenario, check: &mut Check<'_>) -> bool {
    let caps = raw.load.as_ref().map(|load| {
        [
            ("max_iterations", load.max_iterations.is_some()),
            ("max_requests", load.max_requests.is_some()),
        ]
    });
    let Some((key, _)) = caps.into_iter().flatten().find(|(_, is_there)| *is_there) else {
        return false;
    };
    if named(raw).is_empty() {
        return false;
    }
    let fault = Fault::new(format!("\"{key}\" beside a noisy tenant"));
    let help = "remove it: the length of the stages says when the load ends";
    check.key(&Pointer::default().key("load").key(key), fault.help(help));
    true
}

fn add(found: &Noise, index: usize, load: &mut Load, walks: &mut Walks) {
    let stage = &mut load.stages[index];
    let more = found.more;
    // Of so many arrivals, so many are the noisy tenant's on top of what there would be.
    (stage.from, stage.to) = (Rate(stage.from.0 / (1.0 - more)), Rate(stage.to.0 / (1.0 - more)));
    if let Some(tenants) = &mut walks.tenants {
        tenants.noise = Some(Noise { stages: load.stages[..=index].to_vec(), ..found.clone() });
    }
}

/// Why nothing could be said of what such a stage does.
fn incomparable(load: &Load, own: &[usize]) -> Option<Fault> {
    let help =
        "write { \"for\": \"60s\", \"rate\": \"100/s\" } before it, and the same with \"noisy\"";
    let fault = |what: &str| Some(Fault::new(what).help(help));
    if load.cap.is_some() {
        let fault =
            Fault::new("a noisy tenant needs a load that nothing ends before its stages do");
        return Some(fault.help("remove \"max_duration\" and other caps, or make stages shorter"));
    }
    if !load.parts.is_empty() {
        let fault = Fault::new("a noisy tenant needs a load that is one for all flows");
        return Some(
            fault.help("write one \"load\" with stages for all flows, which share it by weight"),
        );
    }
    if load.is_closed() {
        return fault("a noisy tenant needs a load with rates: users who wait would hide him");
    }
    let &[index] = own else {
        return fault("the stage before it has to be judged and to have the same constant rate");
    };
    let stage = load.stages.get(index)?;
    if stage.warmup || !stage.is_loaded() {
        return fault("nothing is judged in a warm-up or a pause");
    }
    let Some(before) = index.checked_sub(1).and_then(|before| load.stages.get(before)) else {
        return fault("there is no stage before it to compare with");
    };
    let is_flat = |stage: &Stage| stage.from == stage.to;
    if before.warmup || !is_flat(stage) || !is_flat(before) || before.from != stage.from {
        return fault("the stage before it has to be judged and to have the same constant rate");
    }
    if stage.length < SHORTEST || before.length < SHORTEST {
        return fault("a noisy stage and the one before it last 5s at least");
    }
    None
}

/// Who it is, and the share of the stage's iterations that he does more.
fn of_tenant(raw: &RawNoisy, walks: &Walks, check: &Check<'_>) -> Result<Noise, Fault> {
    let Some(tenants) = walks.tenants.as_ref().filter(|tenants| !tenants.names.is_empty()) else {
        let fault = Fault::new("nobody can be noisy: the scenario declares no tenants");
        return Err(fault.help("add \"tenants\": { \"count\": 50, \"sizes\": \"zipf(1.1)\" }"));
    };
    let name = check.fill(&raw.tenant);
    let Some(tenant) = tenants.names.iter().position(|known| *known == name) else {
        let fault = Fault::new(format!("no tenant is named \"{}\"", raw.tenant));
        return Err(fault.nearest(&name, tenants.names.iter().take(1_000).map(String::as_str)));
    };
    if tenant >= usize::from(tenants.told_apart) {
        let fault = Fault::new(format!("\"{}\" is not told apart", raw.tenant));
        let most = tenant + 1;
        return Err(fault.help(format!("write \"limits\": {{ \"tenants\": {most} }}")));
    }
    if !(raw.times > 1.0 && raw.times <= MOST_TIMES) {
        let fault = Fault::new(format!("{} times as much is no noise", raw.times));
        return Err(fault.help("write a number above 1, up to 1000"));
    }
    let share = share(tenants, tenant) * drawn(walks);
    if share <= 0.0 {
        return Err(Fault::new("no flow is done for this tenant").help("leave out its \"tenant\""));
    }
    if share >= 1.0 {
        let fault = Fault::new("nobody else is there to notice what he does");
        return Err(fault.help("declare more than one tenant"));
    }
    let more = 1.0 - 1.0 / (1.0 + share * (raw.times - 1.0));
    Ok(Noise { tenant, times: raw.times, more, stages: Vec::new() })
}

/// The share of the iterations of drawn tenants that one of them has.
fn share(tenants: &Tenants, tenant: usize) -> f64 {
    let all: f64 = (0..tenants.names.len()).map(|place| tenants.sizes.weight(place)).sum();
    tenants.sizes.weight(tenant) / all
}

/// The share of iterations that are of drawn tenants.
fn drawn(walks: &Walks) -> f64 {
    let all: f64 = walks.flows.iter().map(|flow| f64::from(flow.weight)).sum();
    let drawn = walks.flows.iter().filter(|flow| flow.tenancy == Tenancy::Drawn);
    drawn.map(|flow| f64::from(flow.weight)).sum::<f64>() / all.max(1.0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::scenario::model::Scenario;
    use crate::scenario::read::{Origin, parse};

    /// What is said of a load with such a cap, in which the first of such tenants is noisy.
    fn told(tenants: &str, cap: &str) -> String {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, "tenants": {tenants},
                "flows": [{{"name": "a", "steps": [
                    {{"request": "GET /a", "headers": {{"x-tenant": "{{{{tenant}}}}"}}}}]}}],
                "load": {{{cap} "stages": [
                    {{"for": "20s", "rate": "10/s"}},
                    {{"for": "10s", "rate": "10/s", "noisy": {{"tenant": "a", "times": 9}}}}]}},
                "slo": {{"all": ["p50 < 5s"], "neighbours": ["p50 < 2x"]}}}}"#
        );
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let read = parse(&text, &Origin::default(), &|_| None, &no_file);
        read.map_or_else(|problems| problems.to_string(), |_| String::new())
    }

    #[test]
    fn what_a_noisy_tenant_does_more_is_beyond_no_cap() {
        let two = r#"{"names": ["a", "b"]}"#;
        assert_eq!(told(two, ""), "");
        // More than without the noise, and fewer than with it.
        for key in ["max_iterations", "max_requests"] {
            let said = told(two, &format!("\"{key}\": 400,"));
            assert!(said.contains(&format!("\"{key}\" beside a noisy tenant")), "{said}");
        }
        let said = told(two, r#""max_duration": "25s","#);
        assert!(said.contains("remove \"max_duration\""), "{said}");
    }

    #[test]
    fn who_is_alone_has_no_neighbours() {
        let said = told(r#"{"names": ["a"]}"#, "");
        assert!(said.contains("nobody else is there"), "{said}");
    }

    #[test]
    fn where_tenants_are_a_mistake_nothing_is_said_of_the_noisy_one() {
        let said = told(r#"{"names": ["a", "b", "b"]}"#, "");
        assert!(said.contains("twice") && !said.contains("noisy"), "{said}");
    }

    fn read(stages: &str) -> Result<Scenario, String> {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}},
                "tenants": {{"names": ["loud", "quiet"]}},
                "flows": [{{"name": "a", "steps": [{{"request": "GET /{{{{tenant}}}}"}}]}}],
                "load": {{"stages": [{{"for": "9s", "rate": "60/s"}}, {stages}]}},
                "slo": {{"neighbours": ["p95 < 1.5x"]}}}}"#
        );
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let read = parse(&text, &Origin::default(), &|_| None, &no_file);
        read.map_err(|problems| problems.to_string())
    }

    #[test]
    fn what_somebody_does_more_comes_on_top_of_the_rate_of_his_stage() {
        let stage = r#"{"for": "9s", "rate": "60/s", "noisy": {"tenant": "loud", "times": 3}}"#;
        let scenario = read(stage).unwrap();
        let rates: Vec<f64> = scenario.load.stages.iter().map(|stage| stage.from.0).collect();
        // Half of 60, three times; the other half as before.
        assert!((rates[0] - 60.0).abs() < 1e-9 && (rates[1] - 120.0).abs() < 1e-9, "{rates:?}");
        assert!(scenario.tenants.unwrap().noise.is_some());
        // With objectives for his neighbours alone the default ones hold for all.
        assert!(scenario.slos.len() > 1 && scenario.slos.iter().all(|slo| slo.is_default));
    }

    #[test]
    fn a_ramp_before_him_is_no_measure() {
        let stages = r#"{"for": "9s", "rate": "60/s -> 90/s"},
            {"for": "9s", "rate": "90/s", "noisy": {"tenant": "loud", "times": 3}}"#;
        let problems = read(stages).unwrap_err();
        assert!(problems.contains("have the same constant rate"), "{problems}");
    }

    const FLOW: &str = r#"{"name": "a", "steps": [{"name": "a1", "request": "GET /{{tenant}}"}]}"#;
    const BEFORE: &str = r#"{"for": "10s", "rate": "100/s"}"#;
    const NOISY: &str = r#"{"for": "10s", "rate": "100/s", "noisy": {"tenant": "b", "times": 5}}"#;

    /// Two tenants, of whom the second is half as large.
    fn of_two(more: &str, flows: &str, load: &str) -> Result<Scenario, String> {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, {more}
                "tenants": {{"names": ["a", "b"], "sizes": "zipf(1)"}}, "flows": [{flows}],
                "load": {load}, "slo": {{"neighbours": ["p95 < 2x"]}}}}"#
        );
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let env = |name: &str| (name == "WHO").then(|| "b".to_owned());
        parse(&text, &Origin::default(), &env, &no_file).map_err(|problems| problems.to_string())
    }

    fn stages(all: &[&str]) -> String {
        format!(r#"{{"stages": [{}]}}"#, all.join(","))
    }

    #[track_caller]
    fn has_rates(scenario: &Scenario, expected: f64) {
        let [before, noisy] = &scenario.load.stages[..] else { panic!("two stages") };
        for rate in [noisy.from.0, noisy.to.0] {
            assert!((rate - expected).abs() < 1e-9, "{rate}");
        }
        assert!((before.to.0 - 100.0).abs() < 1e-9);
        let noise = scenario.tenants.as_ref().unwrap().noise.as_ref().unwrap();
        assert_eq!((noise.tenant, noise.stages.len()), (1, 2));
        assert!((noise.more - (1.0 - 100.0 / expected)).abs() < 1e-9);
    }

    #[test]
    fn what_he_does_more_comes_on_top_by_his_size_in_the_flows_of_drawn_tenants() {
        let load = stages(&[BEFORE, NOISY]);
        has_rates(&of_two("", FLOW, &load).unwrap(), 100.0 * (1.0 + 4.0 / 3.0));
        let other =
            r#"{"name": "b", "tenant": "x", "steps": [{"name": "b1", "request": "GET /"}]}"#;
        let both = format!("{FLOW},{other}");
        has_rates(&of_two("", &both, &load).unwrap(), 100.0 * (1.0 + 4.0 / 6.0));
        let filled = load.replace("\"b\"", "\"${WHO}\"");
        has_rates(&of_two("", FLOW, &filled).unwrap(), 100.0 * (1.0 + 4.0 / 3.0));
        let said = of_two("", other, &load).unwrap_err();
        assert!(said.contains("no flow is done for this tenant"), "{said}");
    }

    #[test]
    fn what_could_not_be_compared_is_refused() {
        let own = format!(
            r#"{FLOW},{{"name": "b", "load": {}, "steps": [{{"name": "b1", "request": "GET /{{{{tenant}}}}"}}]}}"#,
            stages(&[r#"{"for": "20s", "rate": "5/s"}"#])
        );
        let of_flow = own.replace(r#"{"for": "20s", "rate": "5/s"}"#, &format!("{BEFORE},{NOISY}"));
        let warm = |stage: &str| stage.replacen('{', r#"{"warmup": true, "#, 1);
        let changed = |from: &str, to: &str| stages(&[BEFORE, &NOISY.replace(from, to)]);
        let capped = stages(&[BEFORE, NOISY]).replacen('{', r#"{"max_duration": "15s", "#, 1);
        let users = stages(&[
            r#"{"for": "10s", "users": 5}"#,
            &NOISY.replace(r#""rate": "100/s""#, r#""users": 5"#),
        ]);
        let limits = r#""limits": {"tenants": 1},"#;
        for (more, flows, load, told) in [
            ("", own.as_str(), stages(&[BEFORE, NOISY]), "one for all flows"),
            ("", &of_flow, stages(&[BEFORE]), "one for all flows"),
            ("", FLOW, capped, "nothing ends before"),
            ("", FLOW, users, "needs a load with rates"),
            ("", FLOW, stages(&[BEFORE, &warm(NOISY), BEFORE]), "warm-up or a pause"),
            ("", FLOW, stages(&[&warm(BEFORE), NOISY]), "has to be judged"),
            ("", FLOW, stages(&[&BEFORE.replace("10s", "4s"), NOISY]), "last 5s at least"),
            ("", FLOW, changed("10s", "4s"), "last 5s at least"),
            ("", FLOW, changed("100/s", "100/s -> 200/s"), "same constant rate"),
            (
                "",
                FLOW,
                stages(&[&BEFORE.replace("100/s", "50/s -> 100/s"), NOISY]),
                "constant rate",
            ),
            ("", FLOW, changed("\"times\": 5", "\"times\": 1001"), "must be between 1 and 1000"),
            ("", FLOW, changed("\"times\": 5", "\"times\": 1"), "is no noise"),
            (limits, FLOW, stages(&[BEFORE, NOISY]), "is not told apart"),
            ("", FLOW, stages(&[&BEFORE.replace("100/s", "50/s"), NOISY]), "constant rate"),
            ("", FLOW, stages(&[&BEFORE.replace("100/s", "100/s -> 200/s"), NOISY]), "constant"),
            ("", FLOW, stages(&[BEFORE, NOISY, NOISY]), "a second stage"),
        ] {
            let said = of_two(more, flows, &load).expect_err(&load);
            assert!(said.contains(told), "{load}: {said}");
        }
    }

    #[test]
    fn he_is_compared_with_the_stage_before_his_in_this_load_alone() {
        let load = stages(&[&BEFORE.replace("10s", "20s"), BEFORE, NOISY]);
        let scenario = of_two("", FLOW, &load).unwrap();
        let noise = scenario.tenants.as_ref().unwrap().noise.as_ref().unwrap();
        let found = noise.within(&scenario.load).unwrap();
        let seconds = [found.before, found.from, found.until].map(|at| at.0 / 1_000_000_000);
        assert_eq!(seconds, [20, 30, 40]);
        let mut other = scenario.load.clone();
        other.stages[2].to = other.stages[1].to;
        assert_eq!(noise.within(&other), None, "another rate");
    }
}
