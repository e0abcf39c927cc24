//! The waist: plain data about one run.
//!
//! The engine and the target monitor write it; analysis and reports read it. On
//! disk it is `run.json` and `intervals.hlog`, with `exchanges.jsonl` where requests failed, and `judged-by.json` beside them where a
//! baseline was named. Nothing here measures, judges or draws.

pub mod addresses;
mod agreement;
pub mod baseline;
pub mod baseline_file;
mod blobs;
pub mod capacity;
pub mod certificate;
pub mod duet;
mod elements;
pub mod exchange;
pub mod failures;
pub mod fingerprint;
mod gatherer;
pub mod gauge;
pub mod generator;
pub mod handshakes;
pub mod histogram;
pub mod interval;
pub mod interval_log;
pub mod journal;
pub mod json_file;
pub mod judged_by;
mod lines;
pub mod load_head;
pub mod load_unit;
mod merge;
pub mod noise;
pub mod noisy;
mod objective_validation;
mod older;
mod ordered_log;
pub mod outcome;
pub mod packing;
pub mod phase;
pub mod recorder;
pub mod redaction;
pub mod regular_file;
pub mod run;
pub mod run_file;
pub mod sample;
#[cfg(test)]
pub(crate) mod sample_capacity;
pub mod search_end;
pub mod seconds;
pub mod series;
pub mod slo_head;
pub mod soak;
pub mod spool;
pub mod statement;
pub mod step_head;
pub mod store;
pub mod stress;
#[cfg(test)]
pub(crate) mod stress_sample;
pub mod stress_steps;
pub mod target_log;
pub mod telemetry;
pub mod tick;
pub mod told;
mod unfinished;
mod validation;
pub mod walk;
pub mod whole_file;

/// A small head for tests.
#[cfg(test)]
pub(crate) fn sample_head() -> run::Head {
    let step = step_head::StepHead {
        name: "a".to_owned(),
        flow: "flow".to_owned(),
        label: "GET /a".to_owned(),
        timeout_ms: 10_000,
        expects: "200".to_owned(),
        tags: vec![],
        checks: Vec::new(),
        once: false,
        stream: None,
    };
    let stage = run::StageHead { seconds: 10.0, from: 1.0, to: 1.0, users: None, warmup: false };
    let arrivals = crate::scenario::load::ArrivalProcess::Poisson;
    run::Head {
        version: run::VERSION,
        scenario: "sample".to_owned(),
        scenario_hash: "0".to_owned(),
        target: "http://127.0.0.1:1".to_owned(),
        revision: None,
        lookup_ms: None,
        started: "2026-01-01T00:00:00Z".to_owned(),
        started_unix_ms: 1_767_225_600_000,
        steps: vec![step],
        series: series::table(["a".to_owned()]),
        tenants: None,
        load: run::LoadHead::new(arrivals, 1, vec![stage]),
        slos: vec![run::SloHead {
            text: "p50 < 1s".to_owned(),
            step: None,
            tag: None,
            each_tenant: false,
            but: None,
            tenant: None,
            metric: run::MetricHead::ResponseTime { quantile: 0.5, threshold: 0 },
            allowed: 0.5,
            windows: None,
        }],
        budget_hours: crate::scenario::slo::DEFAULT_BUDGET_HOURS,
        thresholds: vec![crate::scenario::slo::Threshold {
            limit: 1_000_000_000,
            inclusive: false,
        }],
        limits: run::LimitsHead { connections: 1, in_flight: 1, streams: None, body_bytes: 1 },
        generators: vec![generator::GeneratorHead::alone(generator::Environment {
            workers: 1,
            ..generator::Environment::default()
        })],
        gauges: gauge::BEFORE_4.to_vec(),
        addresses: None,
        certificate: None,
        resumed: Vec::new(),
        noisy: None,
    }
}
