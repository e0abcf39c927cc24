//! What is known of a run before its first request, as the record wants it.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::engine::priority;
use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::poller;
use crate::experiment::address;
use crate::record::certificate::CertificateHead;
use crate::record::fingerprint::Fingerprint;
use crate::record::gauge::{self, Gauge};
use crate::record::generator::{Environment, GeneratorHead};
use crate::record::noisy::{EffectHead, NoisyHead};
use crate::record::run::{
    GaugeHead, Head, LimitsHead, LoadHead, MetricHead, PartHead, SloHead, StageHead, TenantsHead,
    ThroughputHead, VERSION, WindowsHead,
};
use crate::record::series::{self, SeriesHead};
use crate::record::step_head::{StepHead, StreamHead};
use crate::scenario::data::mixing::mixed;
use crate::scenario::load::{Load, Part, Stage};
use crate::scenario::model::{Flow, Scenario, StepId};
use crate::scenario::slo::{Metric, Scope, Slo, Threshold};
use crate::scenario::stream::Kind;
use crate::scenario::tenants::Tenancy;
use crate::schedule::tenants::{Census, Told};
use crate::target::certificate::Expiry;
use crate::target::{gauges, host};
use crate::units::Moment;

/// The head of a run that starts now.
pub fn head(scenario: &Scenario, target: String, workers: usize, start: SystemTime) -> Head {
    let millis = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let thresholds = scenario.thresholds();
    let told = Census::of(scenario).map(|census| census.told().clone());
    let gauges = gauges::table_of(&scenario.target);
    Head {
        version: VERSION,
        scenario: scenario.name.clone(),
        scenario_hash: scenario.hash.clone(),
        target,
        revision: None,
        lookup_ms: None,
        started: written(start),
        started_unix_ms: millis as u64,
        steps: steps(scenario),
        series: series(scenario, told.as_ref()),
        tenants: told.map(|it| TenantsHead { names: it.names, has_others: it.has_others }),
        load: load(&scenario.load, &scenario.flows),
        slos: scenario.slos.iter().map(|it| slo(scenario, it, &thresholds, &gauges)).collect(),
        budget_hours: scenario.budget_hours,
        thresholds,
        limits: LimitsHead {
            connections: scenario.limits.connections,
            in_flight: scenario.limits.in_flight,
            streams: scenario.streams(),
            body_bytes: scenario.limits.body.0,
        },
        generators: vec![GeneratorHead::alone(environment(workers))],
        noisy: noisy(scenario, &gauges),
        gauges,
        addresses: None,
        certificate: None,
        resumed: Vec::new(),
    }
}

/// That a tenant is noisy in the load of a scenario.
fn noisy(scenario: &Scenario, gauges: &[Gauge]) -> Option<NoisyHead> {
    let noise = scenario.tenants.as_ref()?.noise.as_ref()?;
    let when = noise.within(&scenario.load)?;
    let thresholds = scenario.thresholds();
    let seconds = |moment: Moment| moment.0 as f64 / 1e9;
    let slos = &scenario.neighbours.slos;
    let effects = scenario.neighbours.effects.iter().map(|effect| EffectHead {
        text: effect.text.clone(),
        quantile: effect.quantile.share(),
        limit: effect.limit,
        inclusive: effect.inclusive,
    });
    Some(NoisyHead {
        tenant: noise.tenant as u16,
        times: noise.times,
        before: seconds(when.before),
        from: seconds(when.from),
        until: seconds(when.until),
        slos: slos.iter().map(|it| slo(scenario, it, &thresholds, gauges)).collect(),
        effects: effects.collect(),
    })
}

/// A moment as RFC 3339 in UTC, to the millisecond.
pub fn written(moment: SystemTime) -> String {
    let millis = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    Timestamp::from_millisecond(millis as i64).unwrap_or_default().to_string()
}

/// What the target's certificates have shown.
pub fn certificate_head(expiry: Expiry) -> CertificateHead {
    let since = expiry.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let ends_unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    CertificateHead { ends_unix_ms, is_own: expiry.is_own }
}

/// The day of a moment, in UTC.
pub fn date(moment: SystemTime) -> String {
    written(moment).chars().take_while(|c| *c != 'T').collect()
}

/// What a run of a scenario on this machine would have in common with others, before it
/// begins.
pub fn fingerprint(scenario: &Scenario, clock: ReceiveClock) -> Fingerprint {
    let mut head = head(scenario, String::new(), 0, SystemTime::UNIX_EPOCH);
    let clock = address::clock(scenario, clock);
    clock.name().clone_into(&mut head.generators[0].environment.receive_clock);
    Fingerprint::of(&head)
}

fn environment(workers: usize) -> Environment {
    let machine = host::describe();
    Environment {
        loadgate: env!("CARGO_PKG_VERSION").to_owned(),
        system: machine.system,
        cpu: machine.cpu,
        cores: machine.cores,
        memory: machine.memory,
        workers: workers as u32,
        pacer: poller::NAME.to_owned(),
        receive_clock: String::new(),
        nice: priority::ahead(),
        others_before: None,
        warnings: Vec::new(),
    }
}

/// The load profile as the record knows it.
pub fn load(load: &Load, flows: &[Flow]) -> LoadHead {
    let name = |flow: &usize| flows.get(*flow).map(|flow| flow.name.clone());
    let part = |part: &Part| PartHead {
        flows: part.flows.iter().filter_map(name).collect(),
        arrivals: part.arrivals,
        stages: stages(&part.stages),
        recorded: part.recorded.as_ref().map(|recorded| recorded.0.len() as u64),
    };
    LoadHead {
        parts: load.parts.iter().map(part).collect(),
        cap: load.cap,
        ..LoadHead::new(load.arrivals, load.seed, stages(&load.stages))
    }
}

fn stages(all: &[Stage]) -> Vec<StageHead> {
    let stage = |stage: &Stage| StageHead {
        seconds: stage.length.as_secs_f64(),
        from: stage.from.0,
        to: stage.to.0,
        users: stage.users,
        warmup: stage.warmup,
    };
    all.iter().map(stage).collect()
}

/// The steps of a scenario, as the record knows them.
pub fn steps(scenario: &Scenario) -> Vec<StepHead> {
    let flow_of = |id: StepId| {
        let flow = scenario.flows.iter().find(|flow| flow.has(id));
        flow.map(|flow| flow.name.clone()).unwrap_or_default()
    };
    let steps = scenario.steps.iter().enumerate().map(|(index, step)| StepHead {
        name: step.name.clone(),
        flow: flow_of(StepId(index as u16)),
        label: step.label.clone(),
        timeout_ms: step.timeout.as_millis() as u64,
        expects: step.expect.to_string(),
        tags: step.tags.clone(),
        checks: step.checks.iter().map(|check| check.text.clone()).collect(),
        once: step.once,
        stream: stream(&step.kind),
    });
    steps.collect()
}

/// What an answer is, as far as the times within it are judged.
fn stream(kind: &Kind) -> Option<StreamHead> {
    match kind {
        Kind::Answer => None,
        Kind::Events(_) => Some(StreamHead::Events),
        Kind::WebSocket(dialogue) => {
            Some(StreamHead::WebSocket { round_trips: dialogue.round_trips() })
        }
    }
}

/// What is counted together of a scenario's requests.
fn series(scenario: &Scenario, told: Option<&Told>) -> Vec<SeriesHead> {
    let mut tags: Vec<String> = Vec::with_capacity(scenario.steps.len());
    for step in &scenario.steps {
        tags.push(unique_tag(&step.name, &tags));
    }
    let Some(told) = told else { return series::table(tags) };
    let is_somebodys =
        |id: u16| scenario.flows.iter().any(|it| it.tenancy != Tenancy::None && it.has(StepId(id)));
    // Two dashes are in no slug.
    let of = |(step, tag): (u16, String)| -> Vec<SeriesHead> {
        if !is_somebodys(step) {
            return vec![SeriesHead { step, tenant: None, tag }];
        }
        let places = 0..told.places();
        let series = |at| SeriesHead { step, tenant: Some(at), tag: format!("{tag}--t{at}") };
        places.map(series).collect()
    };
    (0..).zip(tags).flat_map(of).collect()
}

/// Letters, digits and dashes of a name.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().take(100) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'A'..='Z' => slug.push(c.to_ascii_lowercase()),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "unnamed".to_owned() } else { slug.to_owned() }
}

/// The folder of a scenario's runs, and the name of its baseline. Where the plain name lacks letters
/// that tell the scenario from others, as of `Größe` and `日本`, a number made of all of them is behind it.
pub fn folder_of(name: &str) -> String {
    let plain = slug(name);
    let is_lossy = |c: char| c.is_alphanumeric() && !c.is_ascii();
    if name.chars().any(char::is_alphanumeric) && !name.chars().any(is_lossy) {
        return plain;
    }
    let number = name.bytes().fold(0, |so_far, byte| mixed(so_far ^ u64::from(byte)));
    format!("{plain}-{:06x}", number >> 40)
}

fn unique_tag(name: &str, taken: &[String]) -> String {
    let slug = slug(name);
    let numbered = (2..).map(|number| format!("{slug}-{number}"));
    std::iter::once(slug.clone())
        .chain(numbered)
        .find(|tag| !taken.contains(tag))
        .expect("the numbers do not end")
}

fn slo(scenario: &Scenario, slo: &Slo, thresholds: &[Threshold], gauges: &[Gauge]) -> SloHead {
    let place =
        |threshold: &Threshold| thresholds.binary_search(threshold).expect("all are in it") as u16;
    let metric = match &slo.metric {
        Metric::Gauge(limit) => MetricHead::Gauge(GaugeHead {
            gauge: gauge::named(gauges, &limit.gauge).expect("objectives name what there is"),
            statistic: limit.statistic,
            bound: limit.bound,
        }),
        Metric::ResponseTime { quantile, threshold } => {
            MetricHead::ResponseTime { quantile: quantile.share(), threshold: place(threshold) }
        }
        Metric::Apdex { satisfied, tolerable } => {
            MetricHead::Apdex { satisfied: place(satisfied), tolerable: place(tolerable) }
        }
        Metric::Throughput { of, bound } => {
            MetricHead::Throughput(ThroughputHead { of: *of, bound: *bound })
        }
        Metric::Failures(share) => MetricHead::Failures(*share),
        Metric::CertificateDays(bound) => MetricHead::CertificateDays(*bound),
        Metric::Lap { of, quantile, limit } => {
            MetricHead::Lap { of: *of, quantile: quantile.share(), limit: *limit }
        }
    };
    SloHead {
        text: slo.text.clone(),
        step: match slo.scope {
            Scope::All | Scope::Tag(_) | Scope::EachTenant => None,
            Scope::Step(id) => Some(id.0),
        },
        tag: match slo.scope {
            Scope::Tag(tag) => Some(scenario.tag(tag).to_owned()),
            Scope::All | Scope::Step(_) | Scope::EachTenant => None,
        },
        each_tenant: slo.scope == Scope::EachTenant,
        tenant: None,
        but: None,
        metric,
        allowed: slo.allowed,
        windows: slo.windows.map(|windows| WindowsHead {
            share: windows.share.0,
            seconds: windows.length.as_secs() as u32,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_of_different_letters_have_folders_of_their_own() {
        for (name, folder) in [
            ("List orders", "list-orders"),
            ("GET /a", "get-a"),
            ("Größe", "gr-e-%"),
            ("~", "unnamed-%"),
        ] {
            let found = folder_of(name);
            match folder.strip_suffix('%') {
                Some(begin) => {
                    assert!(found.starts_with(begin) && found.len() == begin.len() + 6, "{found}");
                }
                None => assert_eq!(found, folder),
            }
            assert!(
                found.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                "{found}"
            );
        }
        // As it is on every machine: folders are found again by it.
        assert_eq!(folder_of("日本"), "unnamed-4adbd3");
        let names = ["~", "!", "ü ñ", "ñ ü", "日本", "中国", "Größe", "Grüße", "", "заказы"];
        let all: std::collections::BTreeSet<String> = names.map(folder_of).into();
        assert_eq!(all.len(), names.len(), "{all:?}");
    }

    #[test]
    fn tags_are_plain_and_unique() {
        let mut taken = Vec::new();
        for (name, tag) in [
            ("List orders", "list-orders"),
            ("list orders!", "list-orders-2"),
            ("GET /orders/{{order}}", "get-orders-order"),
            ("Größe, \n", "gr-e"),
            ("日本", "unnamed"),
            ("", "unnamed-2"),
        ] {
            assert_eq!(unique_tag(name, &taken), tag);
            taken.push(tag.to_owned());
        }
    }
}
