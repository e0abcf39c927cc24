//! Made-up run records for tests.

use crate::record::failures::Failures;
use crate::record::gauge::BEFORE_4;
use crate::record::generator::{Environment, GeneratorHead};
use crate::record::handshakes::Handshakes;
use crate::record::histogram::Sparse;
use crate::record::interval::{Second, StepCounts};
use crate::record::outcome::{Cause, Outcome};
use crate::record::phase::Phase;
use crate::record::run::{
    End, EndReason, Head, LimitsHead, LoadHead, MetricHead, RunRecord, SloHead, StageHead, VERSION,
    WindowsHead,
};
use crate::record::seconds::Seconds;
use crate::record::series::{self, SeriesHead};
use crate::record::step_head::StepHead;
use crate::record::telemetry::GeneratorSecond;
use crate::scenario::load::ArrivalProcess;
use crate::scenario::slo::{DEFAULT_BUDGET_HOURS, FailureShare, Threshold};

/// The limit of every response-time objective made here, in milliseconds.
pub(super) const LIMIT_MS: u64 = 500;

/// A finished run of one constant stage at `rate`, without any request yet, with the
/// objective `p99 < 500ms`.
pub(super) fn run(seconds: u32, rate: f64) -> RunRecord {
    let stage =
        StageHead { seconds: f64::from(seconds), from: rate, to: rate, users: None, warmup: false };
    let environment = Environment { cores: 2, workers: 1, ..Environment::default() };
    let head = Head {
        version: VERSION,
        scenario: "made up".to_owned(),
        scenario_hash: String::new(),
        target: "http://127.0.0.1:1".to_owned(),
        revision: None,
        lookup_ms: None,
        started: "2024-01-01T00:00:00Z".to_owned(),
        started_unix_ms: 0,
        steps: vec![step("list")],
        series: series::table(["list".to_owned()]),
        load: LoadHead::new(ArrivalProcess::Poisson, 1, vec![stage]),
        tenants: None,
        slos: vec![p99()],
        budget_hours: DEFAULT_BUDGET_HOURS,
        thresholds: vec![Threshold { limit: LIMIT_MS * 1_000_000, inclusive: false }],
        limits: LimitsHead { connections: 100, in_flight: 1_000, streams: None, body_bytes: 1_000 },
        generators: vec![GeneratorHead::alone(environment)],
        gauges: BEFORE_4.to_vec(),
        addresses: None,
        certificate: None,
        resumed: Vec::new(),
        noisy: None,
    };
    let end = End {
        reason: EndReason::Finished,
        scheduled: f64::from(seconds),
        seconds: f64::from(seconds),
        abandoned: 0,
        iterations: 0,
        iterations_completed: 0,
        handshakes: Handshakes::default(),
        later_addresses: Vec::new(),
        teardown: None,
        faults: Vec::new(),
        lost: Vec::new(),
        watcher: None,
        statements: Vec::new(),
    };
    let generator = (0..seconds).map(calm).collect();
    let (target, failures) = (Vec::new(), Failures::default());
    RunRecord { head, end: Some(end), seconds: Seconds::default(), generator, target, failures }
}

pub(super) fn step(name: &str) -> StepHead {
    StepHead {
        name: name.to_owned(),
        flow: "flow".to_owned(),
        label: "GET /".to_owned(),
        timeout_ms: 10_000,
        expects: "200".to_owned(),
        tags: vec![],
        checks: Vec::new(),
        once: false,
        stream: None,
    }
}

/// One more step, with a series of its own.
pub(super) fn add_step(head: &mut Head, name: &str) {
    let step = head.steps.len() as u16;
    head.steps.push(self::step(name));
    head.series.push(SeriesHead { step, tenant: None, tag: format!("s{step}") });
}

fn calm(second: u32) -> GeneratorSecond {
    GeneratorSecond { second, cpu: 0.1, busiest_worker: 0.1, ..GeneratorSecond::default() }
}

pub(super) fn p99() -> SloHead {
    SloHead {
        text: "p99 < 500ms".to_owned(),
        step: None,
        tag: None,
        each_tenant: false,
        but: None,
        tenant: None,
        metric: MetricHead::ResponseTime { quantile: 0.99, threshold: 0 },
        allowed: 0.01,
        windows: None,
    }
}

pub(super) fn in_windows(share: f64, seconds: u32) -> SloHead {
    SloHead { windows: Some(WindowsHead { share, seconds }), ..p99() }
}

pub(super) fn failures(share: FailureShare, allowed: f64) -> SloHead {
    let metric = MetricHead::Failures(share);
    SloHead { text: format!("{share:?} {allowed}"), metric, allowed, ..p99() }
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requests {
    /// Which step; where tenants are told apart, which series.
    pub(super) step: usize,
    pub(super) number: u64,
    pub(super) outcome: Outcome,
    pub(super) micros: u64,
    pub(super) lag: u64,
    pub(super) cause: Option<Cause>,
}

impl Requests {
    /// Answered well after so many microseconds, sent 50 µs late.
    pub(super) fn ok(number: u64, micros: u64) -> Requests {
        Requests { step: 0, number, outcome: Outcome::Ok, micros, lag: 50, cause: None }
    }

    pub(super) fn ended(number: u64, outcome: Outcome) -> Requests {
        Requests { outcome, ..Requests::ok(number, 10_000_000) }
    }
}

/// Adds the same requests to many seconds.
pub(super) fn add(
    record: &mut RunRecord,
    seconds: impl IntoIterator<Item = u32>,
    requests: &[Requests],
) {
    let made = second_of(record, requests);
    for second in seconds {
        let known = record.seconds.get(second).map(|known| known.unpack());
        let known = known.filter(|known| !known.counts.iter().all(StepCounts::is_empty));
        let Some(mut known) = known else {
            record.seconds.insert(second, &made);
            continue;
        };
        known.counts.iter_mut().zip(&made.counts).for_each(|(known, made)| known.add(made));
        known.times.iter_mut().zip(&made.times).for_each(|(known, made)| known.add(made));
        record.seconds.insert(second, &known);
    }
}

fn second_of(record: &RunRecord, requests: &[Requests]) -> Second {
    let mut second = Second::empty(record.head.series.len());
    for kind in requests {
        let counts = &mut second.counts[kind.step];
        counts.planned += kind.number;
        counts.outcomes[kind.outcome.index()] += kind.number;
        if kind.outcome != Outcome::Unsent {
            counts.sent += kind.number;
        }
        for _ in 0..kind.cause.map_or(0, |_| kind.number) {
            counts.add_cause(kind.cause.unwrap());
        }
        for _ in 0..kind.number {
            counts.add_felt(kind.outcome, kind.lag * 1_000);
        }
        counts.slower.resize(record.head.thresholds.len(), 0);
        let in_response = kind.outcome.counts_in_response_time();
        for (slower, limit) in counts.slower.iter_mut().zip(&record.head.thresholds) {
            let slow = in_response && limit.is_slow(kind.micros * 1_000);
            *slower += if slow { kind.number } else { 0 };
        }
    }
    for (step, times) in second.times.iter_mut().enumerate() {
        let of = |value: fn(&Requests) -> u64, wanted: fn(Outcome) -> bool| {
            let mine = requests.iter().filter(|kind| kind.step == step && wanted(kind.outcome));
            Sparse::from_counts(mine.map(|kind| (value(kind), kind.number)))
        };
        times[Phase::Response] = of(|kind| kind.micros, Outcome::counts_in_response_time);
        // What could not be sent for want of something would have been fast or slow.
        let least = |kind: &Requests| match kind.cause {
            Some(Cause::Descriptors | Cause::Ports) => 1,
            _ => kind.micros.saturating_sub(kind.lag).max(1),
        };
        times[Phase::Least] = of(least, Outcome::counts_in_response_time);
        times[Phase::Failed] = of(|kind| kind.micros, |outcome| !outcome.counts_in_response_time());
        times[Phase::Service] =
            of(|kind| kind.micros - kind.lag.min(kind.micros), |o| o == Outcome::Ok);
        times[Phase::SendLag] = of(|kind| kind.lag, |_| true);
    }
    second
}
