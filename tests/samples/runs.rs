//! Made-up runs for the tests of reports: an ordinary one and the odd ones.
//!
//! Figures are only alike real ones; nothing here is consistent to the last digit.

mod failed;
mod odd;
mod series;

pub(crate) use odd::*;

use crate::analysis::assessment::{
    Assessment, Counts, Finding, GeneratorError, Measured, Saturation, Severity, SloResult,
    SloStatus, Steadiness, Summary, Times, Verdict, Warmup, Window,
};
use crate::analysis::error_budget::{Burn, ErrorBudget};
use crate::analysis::failures::FailuresSeen;
use crate::analysis::fullness::{Correlated, Filled};
use crate::analysis::gauges::{CostUnit, MeanMax, PerRequest, Seen, TargetSeen};
use crate::record::failures::Failures;
use crate::record::gauge::{self, Gauge, Kind, Unit};
use crate::record::generator::{Environment, GeneratorHead};
use crate::record::handshakes::Handshakes;
use crate::record::outcome::Outcome;
use crate::record::phase::{ByPhase, Phase};
use crate::record::run::{
    End, EndReason, Head, LimitsHead, LoadHead, Revision, RunRecord, StageHead,
};
use crate::record::seconds::Seconds;
use crate::record::step_head::StepHead;
use crate::report::document::Document;
use crate::report::subject::run::{RunReport, describe};
use crate::scenario::load::ArrivalProcess;

/// What a report borrows.
#[derive(Debug, Clone)]
pub(crate) struct OwnedReport {
    pub(crate) record: RunRecord,
    pub(crate) assessment: Assessment,
    pub(crate) exit_code: u8,
    pub(crate) folder: Option<String>,
}

impl OwnedReport {
    pub(crate) fn document(&self) -> Document<'_> {
        describe(&self.report())
    }

    pub(crate) fn report(&self) -> RunReport<'_> {
        RunReport {
            record: &self.record,
            assessment: &self.assessment,
            comparison: None,
            exit_code: self.exit_code,
            has_log: false,
            folder: self.folder.as_deref(),
        }
    }
}

/// Every run here, with a name for file names and messages.
pub(crate) fn all() -> Vec<(&'static str, OwnedReport)> {
    vec![
        ("normal", normal()),
        ("short", three_seconds()),
        ("long", three_hours()),
        ("errors", only_errors()),
        ("failing", failing()),
        ("outlier", outlier()),
        ("steps", many_steps()),
        ("bare", bare()),
        ("flat", flat()),
        ("empty", empty()),
        ("broken-numbers", broken_numbers()),
    ]
}

/// 10 s warm-up and 60 s at 100/s, with a little of everything.
pub(crate) fn normal() -> OwnedReport {
    let steps = vec![
        step("list orders", "GET /orders", 4_210, 1.0),
        step("show order", "GET /orders/{{order}}", 1_204, 0.8),
        step("create order", "POST /orders", 598, 2.4),
    ];
    let mut total = step("all", "", 6_012, 1.1);
    total.limits = vec![(0.95, 200.0), (0.99, 500.0)];
    total.counts.outcomes = vec![(Outcome::Ok, 6_009), (Outcome::ServerError, 3)];
    total.counts.statuses = vec![(200, 5_411), (201, 598), (503, 3)];
    total.counts.causes = vec![("unexpected status", 3)];
    total.error_rate = 3.0 / 6_012.0;
    OwnedReport {
        record: record(&steps, 60.0),
        assessment: assessment(total, steps, 60),
        exit_code: 0,
        folder: Some("reports/orders/2026-03-01T10-15-00Z".to_owned()),
    }
}

fn assessment(total: Summary, steps: Vec<Summary>, seconds: u32) -> Assessment {
    let shape = series::Shape { seconds: seconds + 10, ..series::Shape::default() };
    Assessment {
        verdict: Verdict::Pass,
        reasons: vec!["all 5 objectives are met".to_owned()],
        limits_of_knowledge: vec![
            "generator and target shared the two cores of this machine, so the response times \
             are not those of a target that has them alone"
                .to_owned(),
        ],
        window: Window {
            from: 10,
            to: 10 + seconds,
            warmup: Warmup::Declared,
            steady: Steadiness::Steady,
        },
        slos: slos(),
        error_budget: Some(budget()),
        findings: vec![Finding {
            kind: "machine_busy",
            severity: Severity::Warning,
            evidence: "the machine was 93 % busy in 12 of 60 seconds".to_owned(),
            advice: "run the generator on another machine, or lower the rate".to_owned(),
        }],
        whole_run: total.counts.clone(),
        curves: series::curves(&shape),
        timeline: series::timeline(&shape),
        failures: FailuresSeen::default(),
        saturation: saturation(),
        generators: Vec::new(),
        total,
        steps,
        loads: Vec::new(),
        tenants: None,
        neighbours: None,
    }
}

fn slos() -> Vec<SloResult> {
    let time = |text: &str, quantile, measured: f64, limit| SloResult {
        measured: Some(Measured::Millis(measured)),
        interval: Some((measured * 0.94, measured * 1.07)),
        generator_error: Some(GeneratorError {
            quantile,
            low: measured * 0.99,
            high: measured,
            relative: 0.013 * quantile,
        }),
        ..slo(text, limit)
    };
    vec![
        time("p95 < 200ms", 0.95, 46.2, 200.0),
        time("p99 < 500ms", 0.99, 88.1, 500.0),
        SloResult {
            measured: Some(Measured::BadShare(3.0 / 6_012.0)),
            interval: Some((0.000_14, 0.000_98)),
            bad: 3,
            ..slo("server_error_rate < 0.1%", 0.001)
        },
        SloResult {
            measured: Some(Measured::GoodShare(1.0 - 3.0 / 6_012.0)),
            interval: Some((0.999_02, 0.999_86)),
            bad: 3,
            note: Some("the interval is close to the limit; a longer run would tell".to_owned()),
            ..slo("availability >= 99.9%", 0.999)
        },
        SloResult {
            step: Some("create order".to_owned()),
            requests: 598,
            ..time("p99 < 800ms", 0.99, 192.0, 800.0)
        },
    ]
}

fn budget() -> ErrorBudget {
    let burn = |objective: &str, allowed: f64, bad: f64, (low, high)| {
        let [rate, low, high]: [f64; 3] = [bad, low, high].map(|share| share / allowed);
        Burn {
            objective: objective.to_owned(),
            step: None,
            good_share: 1.0 - allowed,
            bad_share: bad,
            rate,
            low,
            high,
            share_per_hour: rate / 720.0,
            hours_left: (rate > 0.0).then(|| 720.0 / rate),
            hours_left_low: 720.0 / high,
            hours_left_high: (low > 0.0).then(|| 720.0 / low),
            above: None,
            perhaps_above: None,
        }
    };
    let failed = 3.0 / 6_012.0;
    ErrorBudget {
        window_hours: 720.0,
        objectives: vec![
            burn("p95 < 200ms", 0.05, 0.0, (0.0, 0.000_9)),
            burn("p99 < 500ms", 0.01, 0.0, (0.0, 0.000_9)),
            burn("server_error_rate < 0.1%", 0.001, failed, (0.000_14, 0.000_98)),
            burn("availability >= 99.9%", 0.001, failed, (0.000_14, 0.000_98)),
        ],
        incident: None,
    }
}

fn slo(text: &str, limit: f64) -> SloResult {
    SloResult {
        text: text.to_owned(),
        step: None,
        status: SloStatus::Met,
        measured: None,
        interval: None,
        limit,
        bad: 0,
        requests: 6_012,
        design_effect: 1.8,
        bad_share: None,
        generator_error: None,
        of_each: vec![],
        note: None,
    }
}

/// A step whose times are those of an ordinary one times `scale`.
pub(crate) fn step(name: &str, label: &str, requests: u64, scale: f64) -> Summary {
    let times = |scale: f64| Times {
        count: requests,
        mean: 15.2 * scale,
        p50: 12.4 * scale,
        p90: 31.0 * scale,
        p95: 42.0 * scale,
        p99: 80.1 * scale,
        p999: 161.0 * scale,
        max: 312.0 * scale,
    };
    let rate = requests as f64 / 60.0;
    Summary {
        name: name.to_owned(),
        label: label.to_owned(),
        counts: Counts {
            planned: requests,
            sent: requests,
            outcomes: vec![(Outcome::Ok, requests)],
            causes: Vec::new(),
            statuses: vec![(200, requests)],
            body_bytes: requests * 1_830,
            connects: 24,
            repeats: 0,
        },
        offered_rate: rate,
        throughput: rate,
        goodput: rate,
        error_rate: 0.0,
        times: ByPhase::of([
            (Phase::Response, Some(times(scale))),
            (Phase::Service, Some(times(scale * 0.97))),
            (Phase::SendLag, Some(times(0.004))),
            (Phase::ReceiveLag, Some(times(0.002))),
            (Phase::Connect, Some(times(0.01))),
            (Phase::FirstByte, Some(times(scale * 0.95))),
        ]),
        limits: vec![(0.95, 200.0), (0.99, 500.0 * scale.max(1.0))],
    }
}

/// A gauge that no part of a report knows by its name.
fn gc_time() -> Gauge {
    gauge::of_metrics("gc_time", "GC time", Unit::Seconds, Kind::Counter)
}

fn saturation() -> Saturation {
    let seen = |gauge, values| Seen { gauge, values, series: None };
    let pair = |mean, max| Some(MeanMax { mean, max });
    Saturation {
        target: TargetSeen(vec![
            seen(gauge::CPU, pair(0.62, 0.93)),
            seen(gauge::RSS, pair(141_200_000.0, 162_700_000.0)),
            Seen {
                series: Some("nodejs_eventloop_lag_max_seconds".to_owned()),
                ..seen(gauge::EVENT_LOOP_DELAY, pair(2.31, 18.4))
            },
            seen(gauge::DESCRIPTORS, pair(61.0, 64.0)),
            seen(gauge::POOL_IN_USE, pair(3.2, 10.0)),
            seen(gauge::POOL_WAITING, pair(0.1, 4.0)),
            seen(gc_time(), pair(0.012, 0.043)),
        ]),
        per_request: vec![PerRequest {
            name: "gc_time".to_owned(),
            label: "GC time".to_owned(),
            unit: CostUnit::Milliseconds,
            value: 0.121,
        }],
        generator_cpu: pair(0.11, 0.16),
        generator_micros_per_request: Some(38.2),
        machine_busy: pair(0.48, 0.71),
        in_flight: pair(1.7, 19.0),
        filled: vec![Filled {
            what: "the connection pool",
            since: 12,
            share: 0.42,
            evidence: "up to 10 of 10 connections in use, up to 4 waiting".to_owned(),
        }],
        moved: vec![Correlated {
            name: "pool_waiting".to_owned(),
            label: "pool waiting".to_owned(),
            correlation: 0.87,
            seconds_before: 2.0,
            p: 0.005,
        }],
    }
}

fn ceilings() -> LimitsHead {
    let (connections, in_flight, body_bytes) = (1_000, 10_000, 10_000_000);
    LimitsHead { connections, in_flight, streams: None, body_bytes }
}

fn head_of(step: &Summary) -> StepHead {
    StepHead {
        name: step.name.clone(),
        flow: "browse".to_owned(),
        label: step.label.clone(),
        timeout_ms: 10_000,
        expects: "200".to_owned(),
        tags: vec![],
        checks: Vec::new(),
        once: false,
        stream: None,
    }
}

fn record(steps: &[Summary], seconds: f64) -> RunRecord {
    let heads = steps.iter().map(head_of);
    RunRecord {
        head: Head {
            version: 1,
            scenario: "orders".to_owned(),
            scenario_hash: "9f2c".repeat(16),
            target: "http://127.0.0.1:3000".to_owned(),
            revision: Some(Revision {
                commit: "1a2b3c4 Fix the cache".to_owned(),
                branch: Some("faster-orders".to_owned()),
                has_changes: true,
            }),
            lookup_ms: Some(0.42),
            started: "2026-03-01T10:15:00Z".to_owned(),
            started_unix_ms: 1_772_360_100_000,
            steps: heads.collect(),
            series: crate::record::series::table((0..steps.len()).map(|place| format!("s{place}"))),
            load: LoadHead::new(ArrivalProcess::Poisson, 7, stages(seconds)),
            tenants: None,
            slos: Vec::new(),
            budget_hours: 720,
            thresholds: Vec::new(),
            limits: ceilings(),
            generators: vec![GeneratorHead::alone(environment())],
            gauges: gauge::BEFORE_4.to_vec(),
            addresses: None,
            certificate: None,
            resumed: Vec::new(),
            noisy: None,
        },
        end: Some(ended(seconds)),
        seconds: Seconds::default(),
        generator: Vec::new(),
        target: Vec::new(),
        failures: Failures::default(),
    }
}

fn ended(seconds: f64) -> End {
    End {
        reason: EndReason::Finished,
        scheduled: seconds + 10.0,
        seconds: seconds + 10.2,
        abandoned: 0,
        iterations: 4_808,
        iterations_completed: 4_805,
        handshakes: Handshakes::default(),
        later_addresses: Vec::new(),
        teardown: None,
        faults: Vec::new(),
        lost: Vec::new(),
        watcher: None,
        statements: Vec::new(),
    }
}

fn stages(seconds: f64) -> Vec<StageHead> {
    vec![
        StageHead { seconds: 10.0, from: 0.0, to: 100.0, users: None, warmup: true },
        StageHead { seconds, from: 100.0, to: 100.0, users: None, warmup: false },
    ]
}

fn environment() -> Environment {
    Environment {
        loadgate: "0.1.0".to_owned(),
        system: "Linux 6.8.0-1021-azure x86_64".to_owned(),
        cpu: "AMD EPYC 7763 64-Core Processor".to_owned(),
        cores: 2,
        memory: 8_326_000_000,
        workers: 1,
        pacer: "timerfd".to_owned(),
        receive_clock: "generator".to_owned(),
        nice: None,
        others_before: None,
        warnings: Vec::new(),
    }
}

/// The ordinary run with one text everywhere where a stranger's text may stand.
pub(crate) fn named(text: &str) -> OwnedReport {
    let mut run = normal();
    let record = &mut run.record;
    record.head.scenario = text.to_owned();
    record.head.target = text.to_owned();
    record.head.generators[0].environment.cpu = text.to_owned();
    record.head.steps[0].name = text.to_owned();
    record.head.steps[0].label = text.to_owned();
    let end = record.end.as_mut().unwrap();
    end.reason = EndReason::TargetDied { detail: text.to_owned() };
    end.faults = vec![text.to_owned()];
    let assessment = &mut run.assessment;
    assessment.reasons = vec![text.to_owned()];
    assessment.limits_of_knowledge = vec![text.to_owned()];
    assessment.failures = failed::of(text);
    assessment.steps[0].name = text.to_owned();
    assessment.steps[0].label = text.to_owned();
    assessment.slos[4].step = Some(text.to_owned());
    assessment.slos[0].text = text.to_owned();
    assessment.slos[0].note = Some(text.to_owned());
    assessment.findings[0].evidence = text.to_owned();
    assessment.findings[0].advice = text.to_owned();
    run.folder = Some(text.to_owned());
    run
}

/// Texts that a file or a target may hold to break out of any format.
pub(crate) fn hostile() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let fragments = vec![
        "<script>alert(1)</script>",
        "</svg>",
        "]]>",
        "<!--",
        "&amp;",
        "&#0;",
        "\"'>",
        "|",
        "`",
        "\u{1b}[31m",
        "\u{9b}2J",
        "\u{0}",
        "\u{7}",
        "\r\n",
        "\t",
        "\u{202e}",
        "\u{2028}",
        "\u{fffe}",
        "\u{200b}",
        "=\"#A00100\"",
        "注文",
        "e\u{301}\u{301}",
        "🧨",
        "x".repeat(300).leak(),
    ];
    let piece = prop_oneof![
        prop::sample::select(fragments).prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        ".{0,8}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}
