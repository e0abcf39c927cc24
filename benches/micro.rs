//! What the pieces on the way of a request and of a verdict cost, one by one.
//!
//! `cargo bench --bench micro`, or quicker: `cargo bench --bench micro -- --sample-count 20`.
//! Each benchmark does what the run does, through the public items of the crate; what it
//! works on is made up from a fixed seed. Times per request are those of `next_arrival`,
//! `render`, `response`, and a 20,000th of `fold`.

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use divan::Bencher;
use divan::counter::ItemsCount;

use loadgate::analysis::assess::assess;
use loadgate::analysis::assessment::Assessment;
use loadgate::analysis::comparison::{ArmSecond, Look, Pair, Paired};
use loadgate::analysis::gate;
use loadgate::engine::answer::{Answer, conclude};
use loadgate::engine::checks::{Known, Seen};
use loadgate::engine::extract::Body;
use loadgate::engine::ledger::PIECE;
use loadgate::engine::protocol::http2::message::Messages;
use loadgate::engine::protocol::request::Prepared;
use loadgate::engine::protocol::{Outgoing, Protocol};
use loadgate::experiment::head;
use loadgate::http1::coding::Codings;
use loadgate::http1::response::{Expected, Fed, Response};
use loadgate::record::duet::GateSettings;
use loadgate::record::failures::Failures;
use loadgate::record::handshakes::Handshakes;
use loadgate::record::histogram::{Live, Sparse};
use loadgate::record::interval::{Second, StepTimes};
use loadgate::record::interval_log::{LogEncoder, parse_line};
use loadgate::record::outcome::Outcome;
use loadgate::record::recorder::{Due, Missed, Part, Recorder};
use loadgate::record::run::{End, EndReason, RunRecord};
use loadgate::record::sample::Sample;
use loadgate::record::seconds::Seconds;
use loadgate::record::series::SeriesId;
use loadgate::record::store::{self, RunWriter, StoreError};
use loadgate::record::telemetry::GeneratorSecond;
use loadgate::record::tick::Ticks;
use loadgate::report::chart::Figure;
use loadgate::report::format;
use loadgate::report::format::terminal::screen::Style;
use loadgate::report::subject::run::{RunReport, describe};
use loadgate::scenario::data::Rows;
use loadgate::scenario::model::{Scenario, StepId, TenantId, VariableId};
use loadgate::scenario::read::{self, Origin};
use loadgate::scenario::template::{Escape, Piece, Template, Value, Values};
use loadgate::schedule::{Arrivals, Choices};
use loadgate::units::Moment;

fn main() {
    divan::main();
}

/// Steps of the made-up scenario.
const STEPS: u16 = 10;
/// Seconds of the long record.
const HOUR: u32 = 3_600;
/// Requests per second of the long record.
const RATE: u32 = 500;
/// What a busy worker hands over once a second.
const SAMPLES: usize = 20_000;

/// Ten steps, of which one fills in path, header and body.
fn scenario() -> Scenario {
    let read_file = |_: &Path| Err(io::Error::other("the scenario names no file"));
    read::parse(&scenario_text(), &Origin::default(), &|_| None, &read_file)
        .expect("the scenario of this file is right")
}

fn scenario_text() -> String {
    let plain = (1..STEPS - 1).map(|place| {
        format!(r#"{{"name": "step {place}", "request": "GET /orders?page={place}"}}"#)
    });
    let first = r#"{"name": "log in", "request": "POST /login", "json": {"user": "{{user}}"},
        "extract": {"token": "$.token"}}"#;
    let last = r#"{"name": "create order", "request": "POST /orders?for={{user}}",
        "headers": {"authorization": "Bearer {{token}}"},
        "json": {"sku": "{{uuid}}", "quantity": "{{iteration}}", "note": "as always"}}"#;
    let steps: Vec<String> =
        std::iter::once(first.to_owned()).chain(plain).chain([last.to_owned()]).collect();
    format!(
        r#"{{"name": "bench", "target": {{"url": "http://127.0.0.1:3000"}},
            "flows": [{{"name": "flow", "steps": [{}]}}],
            "load": {{"seed": 7, "stages": [
                {{"for": "10s", "rate": "50/s", "warmup": true}},
                {{"for": "3590s", "rate": "50/s"}}]}},
            "slo": {{"all": ["p95 < 200ms", "p99 < 500ms", "server_error_rate < 0.1%",
                "availability >= 99.9%"]}}}}"#,
        steps.join(",")
    )
}

/// One request that was due in a second: log-normal around 12 ms, as from an API.
fn sample(second: u32, number: u32, random: &mut Choices) -> Sample {
    let normal =
        (-2.0 * (1.0 - random.unit()).ln()).sqrt() * (std::f64::consts::TAU * random.unit()).cos();
    let took = (12e6 * (0.7 * normal).exp()) as u64;
    let intended = u64::from(second) * 1_000_000_000 + random.bits() % 1_000_000_000;
    let sent = intended + 20_000 + random.bits() % 40_000;
    Sample {
        step: StepId((number % u32::from(STEPS)) as u16),
        tenant: TenantId(0),
        intended: Moment(intended),
        sent: Some(Moment(sent)),
        first_byte: Some(Moment(sent + took)),
        ended: Moment(sent + took),
        send_lag: sent - intended,
        lag_felt: 60_000,
        receive_lag: Some(5_000 + random.bits() % 30_000),
        connect: None,
        handshake: None,
        outcome: if random.bits().is_multiple_of(5_000) {
            Outcome::ServerError
        } else {
            Outcome::Ok
        },
        cause: None,
        status: Some(200),
        body_bytes: 1_830,
        repeated: false,
        limit: 10_000_000_000,
    }
}

/// In pieces, as a worker hands them over.
fn samples(second: u32, count: usize) -> Vec<Vec<Sample>> {
    let mut random = Choices::new(7, u64::from(second));
    let all: Vec<Sample> =
        (0..count as u32).map(|number| sample(second, number, &mut random)).collect();
    all.chunks(PIECE).map(<[_]>::to_vec).collect()
}

fn due(second: u32, each: u32) -> Vec<Due> {
    let missed = Missed::default();
    let of = |step| Due {
        second,
        step: StepId(step),
        tenant: TenantId(0),
        planned: each,
        sent: each,
        missed,
    };
    (0..STEPS).map(of).collect()
}

/// The parts of one second of a busy worker.
fn parts() -> Vec<Part> {
    let mut recorder = Recorder::new(scenario().thresholds());
    recorder
        .fold(&mut samples(0, SAMPLES), &mut due(0, SAMPLES as u32 / u32::from(STEPS)), &mut [])
        .collect()
}

/// An hour of ten steps.
static RECORD: LazyLock<RunRecord> = LazyLock::new(|| {
    let scenario = scenario();
    let mut recorder = Recorder::new(scenario.thresholds());
    let mut seconds = Seconds::default();
    for second in 0..HOUR {
        let parts = recorder
            .fold(
                &mut samples(second, RATE as usize),
                &mut due(second, RATE / u32::from(STEPS)),
                &mut [],
            )
            .collect();
        seconds.insert(second, &whole_second(parts));
    }
    let target = "http://127.0.0.1:3000".to_owned();
    RunRecord {
        head: head::head(&scenario, target, 1, SystemTime::UNIX_EPOCH),
        end: Some(end()),
        seconds,
        generator: (0..HOUR).map(generator_second).collect(),
        target: Vec::new(),
        failures: Failures::default(),
    }
});

static ASSESSMENT: LazyLock<Assessment> = LazyLock::new(|| assess(&RECORD));

fn whole_second(parts: Vec<Part>) -> Second {
    let mut whole = Second::empty(usize::from(STEPS));
    for part in parts {
        whole.counts[part.series.index()] = part.counts;
        whole.times[part.series.index()] = part.times;
    }
    whole
}

fn end() -> End {
    let iterations = u64::from(HOUR * RATE / u32::from(STEPS));
    End {
        reason: EndReason::Finished,
        scheduled: f64::from(HOUR),
        seconds: f64::from(HOUR),
        abandoned: 0,
        iterations,
        iterations_completed: iterations,
        handshakes: Handshakes::default(),
        later_addresses: Vec::new(),
        teardown: None,
        faults: Vec::new(),
        lost: Vec::new(),
        watcher: None,
        statements: Vec::new(),
    }
}

fn generator_second(second: u32) -> GeneratorSecond {
    let load = f64::from(second % 7) / 100.0;
    GeneratorSecond {
        second,
        cpu: 0.1 + load,
        busiest_worker: 0.1 + load,
        rss: 20_000_000,
        in_flight: 6,
        in_flight_peak: 20,
        connections: 24,
        send_lag_max_ns: 400_000,
        canary_late_max_ns: 300_000,
        involuntary_switches: 3,
        machine_busy: Some(0.5 + load),
        steal: Some(0.0),
        cpu_pressure: Some(0.01),
        ..GeneratorSecond::default()
    }
}

fn long_report() -> RunReport<'static> {
    RunReport {
        comparison: None,
        record: &RECORD,
        assessment: &ASSESSMENT,
        exit_code: 0,
        has_log: false,
        folder: Some("reports/x"),
    }
}

#[divan::bench]
fn next_arrival(bencher: Bencher<'_, '_>) {
    let load = scenario().load;
    let mut arrivals = Arrivals::new(&load);
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        arrivals.next().or_else(|| {
            arrivals = Arrivals::new(&load);
            arrivals.next()
        })
    });
}

/// A second of a busy worker: 20,000 samples of ten steps.
#[divan::bench]
fn fold(bencher: Bencher<'_, '_>) {
    let mut recorder = Recorder::new(scenario().thresholds());
    let made = samples(0, SAMPLES);
    bencher
        .counter(ItemsCount::new(SAMPLES))
        .with_inputs(|| (made.clone(), due(0, SAMPLES as u32 / u32::from(STEPS))))
        .bench_local_values(|(mut samples, mut due)| {
            recorder.fold(&mut samples, &mut due, &mut []).collect::<Vec<_>>()
        });
}

mod render {
    use super::{
        Bencher, Choices, Escape, Piece, Prepared, Rows, Template, Value, Values, VariableId,
        scenario,
    };

    fn values<'v>(variables: &'v [Value], random: &'v mut dyn FnMut() -> u64) -> Values<'v> {
        let (unix_millis, rows) = (1_767_225_600_000, Rows::NONE);
        Values { variables, user: 17, iteration: 4_711, unix_millis, rows, random }
    }

    fn token() -> Vec<Value> {
        vec![Value::Text("0123456789abcdef0123456789abcdef".to_owned())]
    }

    /// A path with a variable, a UUID and a random number.
    #[divan::bench]
    fn template(bencher: Bencher<'_, '_>) {
        let literal = |text: &str| Piece::Literal(text.into());
        let pieces = vec![
            literal("/tenants/"),
            Piece::Variable(VariableId(0)),
            literal("/orders/"),
            Piece::Uuid,
            literal("?limit="),
            Piece::Random(1, 100),
        ];
        let template = Template { pieces, escape: Escape::Url };
        let variables = token();
        let mut choices = Choices::new(7, 1);
        let mut random = || choices.bits();
        let mut text = String::new();
        bencher.bench_local(|| {
            text.clear();
            template.render(&mut values(&variables, &mut random), &mut text);
            text.len()
        });
    }

    /// A whole `POST` with holes in path, header and body.
    #[divan::bench]
    fn request(bencher: Bencher<'_, '_>) {
        let prepared = Prepared::all(&scenario(), "127.0.0.1:3000", 7).pop();
        let Some(Prepared::Filled(filled)) = prepared else {
            panic!("the last step has holes");
        };
        let variables = token();
        let mut choices = Choices::new(7, 1);
        let mut random = || choices.bits();
        let (mut out, mut room) = (Vec::new(), String::new());
        bencher.bench_local(|| {
            filled.render(&mut values(&variables, &mut random), &mut out, &mut room)
        });
    }
}

mod http2 {
    use super::{
        Bencher, Expected, ItemsCount, Messages, Outgoing, Prepared, Protocol, Scenario, StepId,
        scenario,
    };
    use loadgate::engine::protocol::reply::{Call, Event};

    /// Requests of one turn of a worker at 50,000 per second.
    const TOGETHER: usize = 12;
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    const DATA: u8 = 0;
    /// The head that nginx answers with: status, server, date, type and length of the body.
    const HEAD: &[u8] = b"\x88\x76\x89\xaa\x63\x55\xe5\x80\xae\x21\x2e\x1f\x61\x96\xc3\x61\xbe\
        \x94\x13\xaa\x69\x3f\x75\x04\x01\x38\xa0\x45\x71\xa0\xdc\x69\xc5\x31\x68\xdf\x5f\x8b\x1d\
        \x75\xd0\x62\x0d\x26\x3d\x4c\x74\x41\xea\x5c\x02\x35\x32";
    const BODY: &[u8] = br#"{"id":4711,"sku":"a-17","quantity":1,"state":"open"}"#;

    fn frame(into: &mut Vec<u8>, (kind, flags): (u8, u8), stream: u32, payload: &[u8]) {
        into.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
        into.extend_from_slice(&[kind, flags]);
        into.extend_from_slice(&stream.to_be_bytes());
        into.extend_from_slice(payload);
    }

    /// Twelve requests are written, and their answers read.
    #[divan::bench]
    fn exchanges(bencher: Bencher<'_, '_>) {
        let scenario = scenario();
        let mut prepared = Prepared::all(&scenario, "127.0.0.1:3000", 7);
        let messages = Messages::new(&prepared, false, Some("x-request-id"));
        let mut protocol = Protocol::new(Some(100));
        let mut hello = Vec::new();
        frame(&mut hello, (SETTINGS, 0), 0, b"\x00\x03\x00\x00\x00\x80");
        assert_eq!(protocol.receive(&mut &hello[..], &scenario.steps), None);
        let (mut stream, mut answers) = (1, Vec::new());
        bencher.counter(ItemsCount::new(TOGETHER)).bench_local(|| {
            for iteration in 0..TOGETHER {
                begin(&mut protocol, (&mut prepared[1], &messages), iteration);
            }
            let output = protocol.take_output().unwrap_or_default();
            let written = output.len();
            protocol.give_back_output(output);
            answers.clear();
            for _ in 0..TOGETHER {
                frame(&mut answers, (HEADERS, 4), stream, HEAD);
                frame(&mut answers, (DATA, 1), stream, BODY);
                stream += 2;
            }
            assert_eq!(read(&mut protocol, &answers, &scenario), TOGETHER);
            written
        });
    }

    fn begin(
        protocol: &mut Protocol,
        (prepared, messages): (&mut Prepared, &Messages),
        iteration: usize,
    ) {
        let Prepared::Fixed(fixed) = prepared else { panic!("the second step has no holes") };
        fixed.number(iteration as u64);
        let message = messages.of_fixed(1, fixed).expect("HTTP/2 can say it");
        let expected = Expected { is_head: false, body_limit: 1_000_000 };
        let call = Call {
            iteration,
            step: StepId(1),
            expected,
            keeps_body: false,
            keeps_head: false,
            is_shown: false,
        };
        assert!(protocol.room() > 0);
        let begun = protocol.begin(call, Outgoing::Http2(message));
        assert!(begun.is_ok());
    }

    /// How many answers end by some bytes.
    fn read(protocol: &mut Protocol, mut bytes: &[u8], scenario: &Scenario) -> usize {
        let mut ended = 0;
        while let Some((iteration, event)) = protocol.receive(&mut bytes, &scenario.steps) {
            ended += usize::from(matches!(event, Event::End { .. }));
            assert_eq!(protocol.take(iteration).status, Some(200));
        }
        ended
    }
}

mod response {
    use super::{Bencher, Expected, Fed, Response, black_box};

    const FIELDS: &str = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\
        Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n\
        Connection: keep-alive\r\n";
    const BODY: &str = r#"{"id":4711,"sku":"a-17","quantity":1,"state":"open"}"#;

    fn parse(bytes: &[u8]) -> u64 {
        let expected = Expected { is_head: false, body_limit: 10_000_000 };
        let mut response = Response::new(expected);
        let fed = response.feed(black_box(bytes), None);
        assert_eq!(fed, Ok(Fed::Done(bytes.len())), "the bytes are one response");
        response.body_bytes()
    }

    /// A small JSON answer, whole.
    #[divan::bench]
    fn sized(bencher: Bencher<'_, '_>) {
        let bytes = format!("{FIELDS}Content-Length: {}\r\n\r\n{BODY}", BODY.len());
        bencher.bench_local(|| parse(bytes.as_bytes()));
    }

    /// The same in one chunk and the last one.
    #[divan::bench]
    fn chunked(bencher: Bencher<'_, '_>) {
        let length = BODY.len();
        let chunks = format!("{length:x}\r\n{BODY}\r\n0\r\n\r\n");
        let bytes = format!("{FIELDS}Transfer-Encoding: chunked\r\n\r\n{chunks}");
        bencher.bench_local(|| parse(bytes.as_bytes()));
    }
}

/// Steps from their wording to their end: one that says the same each time, and others that use what
/// there is for bodies, values and checks.
mod step {
    use super::{
        Answer, Bencher, Body, Codings, Known, Origin, Path, Prepared, Rows, Scenario, Seen, Value,
        Values, black_box, conclude, io, read,
    };

    const BODY: &str = r#"{"id":4711,"sku":"a-17","quantity":1,"state":"open"}"#;

    fn scenario() -> Scenario {
        let text = r#"{"name": "bench", "target": {"url": "http://127.0.0.1:3000"},
            "flows": [{"name": "flow", "steps": [
                {"name": "plain", "request": "GET /orders?limit=20"},
                {"name": "templated", "request": "POST /orders?for={{user}}", "json": {"sku": "{{uuid}}",
                    "n": "{{counter 1000}}", "state": "{{choose open*3 | sent}}"},
                    "extract": {"id": "$.id"}, "check": {"json": {"$.state": "open"}}},
                {"name": "schema", "request": "GET /orders?page=2", "check": {"schema": {"type": "object",
                    "required": ["id", "sku"], "properties": {"id": {"type": "integer"},
                    "sku": {"type": "string", "pattern": "^a-[0-9]+$"}, "quantity": {"minimum": 1}}}}}]}],
            "load": {"stages": [{"for": "60s", "rate": "50/s"}]}}"#;
        let read_file = |_: &Path| Err(io::Error::other("the scenario names no file"));
        read::parse(text, &Origin::default(), &|_| None, &read_file)
            .expect("the scenario of this file is right")
    }

    fn one(bencher: Bencher<'_, '_>, place: usize) {
        let scenario = scenario();
        let mut prepared = Prepared::all(&scenario, "127.0.0.1:3000", 7).remove(place);
        let step = &scenario.steps[place];
        let (mut out, mut room) = (Vec::new(), String::new());
        let mut state = 0_u64;
        let mut random = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            state
        };
        let variables = [Value::default()];
        bencher.bench_local(|| {
            let iteration = 4_711;
            match &mut prepared {
                Prepared::Fixed(fixed) => {
                    fixed.number(iteration);
                    black_box(fixed.bytes());
                }
                Prepared::Filled(filled) => {
                    let (user, unix_millis, rows) = (17, 1_767_225_600_000, Rows::NONE);
                    let variables = &variables;
                    let random = &mut random;
                    let mut values =
                        Values { variables, user, iteration, unix_millis, rows, random };
                    filled.render(&mut values, &mut out, &mut room).expect("it can be sent");
                    black_box(&out);
                }
            }
            let body =
                Body { bytes: BODY.as_bytes(), codings: Codings::default(), limit: 10_000_000 };
            let seen = Seen { head: b"", size: BODY.len() as u64, took: 1_000, least: 1_000 };
            let answer = Answer::Whole { status: 200, body, seen };
            black_box(conclude(step, &answer, Known::NOTHING).ending)
        });
    }

    /// Nothing is filled in, and only the status is looked at.
    #[divan::bench]
    fn plain(bencher: Bencher<'_, '_>) {
        one(bencher, 0);
    }

    /// Path and body are filled in, a value is checked and one is kept.
    #[divan::bench]
    fn templated_and_checked(bencher: Bencher<'_, '_>) {
        one(bencher, 1);
    }

    /// The body is judged by a schema.
    #[divan::bench]
    fn by_schema(bencher: Bencher<'_, '_>) {
        one(bencher, 2);
    }
}

mod histogram {
    use super::{Bencher, LogEncoder, Sparse, StepTimes, parse_line, parts};

    /// Ten histograms of 2,000 response times each, as ten steps have them.
    #[divan::bench]
    fn merge(bencher: Bencher<'_, '_>) {
        let all: Vec<Sparse> = parts()
            .into_iter()
            .map(|part| part.times.only(loadgate::record::phase::Phase::Response))
            .collect();
        bencher.bench_local(|| Sparse::merged(&all));
    }

    fn encoded() -> (StepTimes, String) {
        let times = parts().remove(0).times;
        let mut log = String::new();
        LogEncoder::default().append(&mut log, "step", 0, &times);
        (times, log)
    }

    /// The lines of one step and second.
    #[divan::bench]
    fn encode(bencher: Bencher<'_, '_>) {
        let (times, _) = encoded();
        let mut encoder = LogEncoder::default();
        let mut log = String::new();
        bencher.bench_local(|| {
            log.clear();
            encoder.append(&mut log, "step", 0, &times);
            log.len()
        });
    }

    /// The same lines, read back.
    #[divan::bench]
    fn decode(bencher: Bencher<'_, '_>) {
        let (_, log) = encoded();
        bencher.bench_local(|| log.lines().flat_map(parse_line).flatten().count());
    }
}

/// A record of an hour and ten steps, at 500 requests per second: assessed and rendered in at
/// most 1 s together. `loadgate report` has to read it first.
mod hour {
    use super::format::{html, json, junit, markdown, terminal};
    use super::{
        Bencher, Duration, Figure, LazyLock, RECORD, Style, assess, describe, long_report,
    };
    use super::{Part, Path, RunRecord, RunWriter, SeriesId, StoreError, Ticks, end, store};

    const PATIENCE: Duration = Duration::from_secs(10);

    /// From the files that a run of an hour leaves.
    #[divan::bench(sample_count = 3, sample_size = 1, max_time = PATIENCE)]
    fn read(bencher: Bencher<'_, '_>) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        stored(folder.path()).expect("the record can be written");
        bencher.bench_local(|| store::read(folder.path()).map(|record| record.seconds.len()));
    }

    fn stored(folder: &Path) -> Result<RunRecord, StoreError> {
        let mut writer = RunWriter::create(folder, RECORD.head.clone())?;
        let mut ticks = Ticks::of(RECORD.head.generators[0].slots, 0);
        for found in RECORD.seconds.iter() {
            let content = found.unpack();
            let steps = (0..).zip(content.counts.iter().zip(&content.times));
            let parts: Vec<Part> = steps
                .map(|(series, (counts, times))| Part {
                    second: found.second(),
                    series: SeriesId(series),
                    counts: counts.clone(),
                    times: times.clone(),
                })
                .collect();
            writer.take(&ticks.parts(parts));
        }
        RECORD.generator.iter().for_each(|second| {
            writer.take(&ticks.generator(second.clone()));
        });
        writer.finish(end())
    }

    #[divan::bench(sample_count = 5, sample_size = 1, max_time = PATIENCE)]
    fn assessed(bencher: Bencher<'_, '_>) {
        LazyLock::force(&RECORD);
        bencher.bench_local(|| assess(&RECORD));
    }

    /// Everything that `loadgate run` writes and prints, but onto no disk.
    #[divan::bench(sample_count = 5, sample_size = 1, max_time = PATIENCE)]
    fn rendered(bencher: Bencher<'_, '_>) {
        let report = long_report();
        bencher.bench_local(|| {
            let document = describe(&report);
            let texts = [
                terminal::render(&document, Style::default()),
                markdown::render(&document),
                json::render(&report),
                junit::render(&document),
                html::render(&document),
            ];
            let drawn = document.figures().filter_map(Figure::file);
            let charts: usize = drawn.map(|svg| svg.len()).sum();
            texts.map(|text| text.len()).iter().sum::<usize>() + charts
        });
    }
}

/// Five segments of 60 s of both arms, 2,000 requests per second each.
static DUET: LazyLock<Paired> = LazyLock::new(|| {
    let mut random = Choices::new(7, 2);
    let mut segment = || (0..60).map(|_| pair(&mut random)).collect();
    Paired { segments: (0..5).map(|_| segment()).collect(), steps: Vec::new() }
});

fn pair(random: &mut Choices) -> Pair {
    Pair { baseline: arm_second(random), candidate: arm_second(random) }
}

fn arm_second(random: &mut Choices) -> ArmSecond {
    let mut times = Live::default();
    for number in 0..2_000 {
        let made = sample(0, number, random);
        times.record_nanos(made.ended.0 - made.intended.0);
    }
    let errors = random.bits() % 3;
    ArmSecond { response: times.to_sparse(), requests: 2_000, errors, cpu_ns: None }
}

/// The last look of a duet at the four usual metrics: at most 50 ms.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn gate_look(bencher: Bencher<'_, '_>) {
    let settings = GateSettings::default();
    let duet = LazyLock::force(&DUET);
    bencher.bench_local(|| -> Look { gate::look(duet, &settings, 4) });
}
