//! One function per parser of foreign bytes: bytes in, no panic out, and what must hold of
//! the result is asserted. Each returns a figure that is the same for inputs that were
//! treated alike, so that a fuzzer without coverage knows what is new.
//!
//! `tests/it/fuzz.rs` drives them on stable Rust. They use the public API alone and may be
//! put under any other fuzzer.
#![allow(unreachable_pub, reason = "it is for whoever includes this file")]

use std::cell::OnceCell;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use loadgate::analysis::assess::assess;
use loadgate::analysis::history::{HistorySettings, trend};
use loadgate::analysis::stored::judge_stored;
use loadgate::engine::capture::captured;
use loadgate::engine::cookies::{Asked, Jar};
use loadgate::engine::protocol::http2::message::Messages;
use loadgate::engine::protocol::reply::{Call, Event};
use loadgate::engine::protocol::request::Prepared;
use loadgate::engine::protocol::websocket::{Garbled, MAX_MESSAGE, Said, WebSocket};
use loadgate::engine::protocol::{Outgoing, Protocol};
use loadgate::engine::redirect;
use loadgate::http1::coding::Codings;
use loadgate::http1::response::{Expected, Fed, Response};
use loadgate::http1::unreadable::Unreadable;
use loadgate::record::baseline_file;
use loadgate::record::duet::GateSettings;
use loadgate::record::interval::StepTimes;
use loadgate::record::interval_log::parse_line;
use loadgate::record::run::{EndReason, RunRecord};
use loadgate::record::store;
use loadgate::report::format::{html, json, junit, markdown, terminal};
use loadgate::report::subject::run::{RunReport, describe};
use loadgate::scenario::checks::Subject;
use loadgate::scenario::data::Rows;
use loadgate::scenario::extraction::Take;
use loadgate::scenario::model::{Scenario, Step, StepId, VariableId};
use loadgate::scenario::problems::Problems;
use loadgate::scenario::read::{self, Origin};
use loadgate::scenario::template::{Escape, Piece, Template, Value, Values};
use loadgate::scenario::watch::{Combine, HowRead, Watched};
use loadgate::target::counted::When;
use loadgate::target::gauges::{self, Readings};
use loadgate::target::prometheus;
use loadgate::units::{self, Bytes, Quantile, Rate, Ratio};

/// A target: bytes in, what was new about them out.
pub type Target = fn(&[u8]) -> u64;

/// All of them, by the name of the folder of their corpus.
pub const TARGETS: [(&str, Target); 18] = [
    ("rows", rows),
    ("pattern", pattern),
    ("coding", coding),
    ("json_schema", json_schema),
    ("cookies", cookies),
    ("redirect", redirect),
    ("response", response),
    ("http2", http2),
    ("websocket", websocket),
    ("prometheus", exposition),
    ("interval_log", interval_log),
    ("run_record", run_record),
    ("baseline", baseline),
    ("scenario", scenario),
    ("slo", slo),
    ("template", template),
    ("units", unit_texts),
    ("report", report),
];

/// Stands between the files of a run in one input.
const BETWEEN_FILES: &str = "\n%%%%\n";

fn figure(of: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// A text without its numbers and what stands in quotes.
fn outline(text: &str) -> String {
    let mut quoted = false;
    text.chars()
        .filter(|c| {
            quoted ^= *c == '"';
            !quoted && !c.is_ascii_digit()
        })
        .collect()
}

// ---- HTTP ---------------------------------------------------------------------------

/// What came of a response.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    end: Result<Fed, Unreadable>,
    status: Option<u16>,
    is_reusable: bool,
    body: Vec<u8>,
}

/// The first byte chooses the method, the second the size of the pieces.
pub fn response(data: &[u8]) -> u64 {
    let [options, size, bytes @ ..] = data else { return 0 };
    let expected = Expected { is_head: options & 1 == 1, body_limit: 4_096 };
    let whole = read_response(bytes, bytes.len().max(1), expected);
    let pieces = read_response(bytes, usize::from(*size).max(1), expected);
    assert!(whole.body.len() <= 4_096, "more is kept than is allowed");
    if let Ok(Fed::Done(used)) = whole.end {
        assert!(used <= bytes.len(), "more was read than there is");
        assert!(whole.status.is_some_and(|status| (100..=999).contains(&status)), "no status");
    }
    // In pieces, a mistake may be found later: when its line has ended.
    if whole.end.is_ok() {
        assert_eq!(whole, pieces, "the pieces make a difference");
    } else {
        assert!(pieces.end == whole.end || pieces.end == Ok(Fed::More), "pieces heal it");
    }
    figure((format!("{:?}", whole.end.map(|_| ())), whole.status, whole.body.len().min(9)))
}

fn read_response(bytes: &[u8], size: usize, expected: Expected) -> Read {
    let mut response = Response::new(expected);
    let mut body = Vec::new();
    let mut end = Ok(Fed::More);
    let mut before = 0;
    for piece in bytes.chunks(size) {
        end = response.feed(piece, Some(&mut body));
        match end {
            Ok(Fed::More) => before += piece.len(),
            Ok(Fed::Done(used)) => {
                end = Ok(Fed::Done(before + used));
                break;
            }
            Err(_) => break,
        }
    }
    Read { end, status: response.status(), is_reusable: response.keeps_alive(), body }
}

/// What a server says on a connection of HTTP/2. The first byte chooses how many requests are
/// under way, the second the size of the pieces. Each ends once at most, and well only with a
/// status.
pub fn http2(data: &[u8]) -> u64 {
    let [requests, size, bytes @ ..] = data else { return 0 };
    let requests = usize::from(requests % 4) + 1;
    let whole = spoken(bytes, bytes.len().max(1), requests);
    let pieces = spoken(bytes, usize::from(*size).max(1), requests);
    figure((whole, pieces))
}

/// How the requests ended: not yet, well with this status, or not.
fn spoken(bytes: &[u8], size: usize, requests: usize) -> Vec<Option<Result<u16, String>>> {
    static STEPS: OnceLock<Vec<Step>> = OnceLock::new();
    let steps = STEPS.get_or_init(|| {
        let text = r#"{"name": "a", "target": {"demo": true},
            "flows": [{"name": "f", "steps": [{"name": "s", "request": "GET /"}]}],
            "load": {"stages": [{"for": "60s", "rate": "1/s"}]}}"#;
        let no_file = |_: &Path| Err(io::ErrorKind::NotFound.into());
        read::parse(text, &Origin::default(), &|_| None, &no_file).expect("it is one").steps
    });
    let mut protocol = Protocol::new(Some(10));
    for iteration in 0..requests {
        let expected = Expected { is_head: iteration == 1, body_limit: 4_096 };
        let (step, keeps_body, is_shown) = (StepId(0), true, iteration == 2);
        let call = Call { iteration, step, expected, keeps_body, keeps_head: keeps_body, is_shown };
        let method = if iteration == 1 { "HEAD" } else { "GET" };
        let text = format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n");
        let message =
            Messages::new(&[], false, None).of_bytes(text.as_bytes()).expect("it is a request");
        protocol.begin(call, Outgoing::Http2(message)).expect("nothing was said yet");
    }
    let mut ends = vec![None; requests];
    for mut piece in bytes.chunks(size) {
        while let Some((iteration, event)) = protocol.receive(&mut piece, steps) {
            let Some(end) = end_of(event) else { continue };
            let reply = protocol.take(iteration);
            assert!(ends[iteration].is_none(), "two ends of one request");
            assert!(reply.body.len() <= 4_096 + (1 << 14), "more is kept than is allowed");
            ends[iteration] = Some(end.map(|()| reply.status.expect("well means a status")));
        }
        assert!(piece.is_empty(), "bytes are left over");
        if let Some(output) = protocol.take_output() {
            protocol.give_back_output(output);
        }
    }
    assert!(ends.iter().flatten().flatten().all(|status| *status >= 200), "an interim one");
    assert_eq!(ends.contains(&None), protocol.under_way().is_some(), "one is lost");
    ends
}

fn end_of(event: Event) -> Option<Result<(), String>> {
    match event {
        Event::Head | Event::Data => None,
        Event::End { .. } => Some(Ok(())),
        Event::Reset(fault) => Some(Err(format!("{fault:?}"))),
    }
}

/// What a server says behind the answer that opens a WebSocket. The first byte chooses the size of
/// the pieces; they make no difference.
pub fn websocket(data: &[u8]) -> u64 {
    let [size, bytes @ ..] = data else { return 0 };
    let whole = said(bytes, bytes.len().max(1));
    assert_eq!(whole, said(bytes, usize::from(*size).max(1)), "the pieces make a difference");
    let kinds: Vec<Option<usize>> = whole.0.iter().map(|it| it.as_ref().map(Vec::len)).collect();
    figure((kinds.len().min(9), kinds.last().copied().flatten().map(|it| it.min(9)), whole.1))
}

/// Messages, and nothing for a close; and why it ended, if it is garbled.
fn said(bytes: &[u8], size: usize) -> (Vec<Option<Vec<u8>>>, Option<String>) {
    let request = "GET / HTTP/1.1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut protocol = Protocol::WebSocket(Box::new(WebSocket::asked_by(request.as_bytes())));
    let expected = Expected { is_head: false, body_limit: 4_096 };
    let (iteration, step) = (0, StepId(0));
    let (keeps_body, keeps_head, is_shown) = (true, false, false);
    let call = Call { iteration, step, expected, keeps_body, keeps_head, is_shown };
    protocol.begin(call, Outgoing::Http1(request.as_bytes())).expect("it is a request");
    let mut answer = &b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
        connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"[..];
    let _ = protocol.receive(&mut answer, &[]);
    let mut all = Vec::new();
    for mut piece in bytes.chunks(size) {
        let _ = protocol.receive(&mut piece, &[]);
        assert!(piece.is_empty(), "bytes are left over");
        let websocket = protocol.websocket().expect("it is one");
        assert!(!websocket.is_refused(), "the answer opens it");
        loop {
            match websocket.listen() {
                Ok(Some(Said::Message(message))) => {
                    assert!(message.len() <= MAX_MESSAGE.min(bytes.len()), "out of nothing");
                    all.push(Some(message.to_vec()));
                }
                Ok(Some(Said::Close(_))) => {
                    all.push(None);
                    return (all, None);
                }
                Ok(None) => break,
                Err(garbled @ (Garbled::BadFrame | Garbled::TooLarge)) => {
                    return (all, Some(format!("{garbled:?}")));
                }
            }
        }
        if let Some(output) = protocol.take_output() {
            assert!(output.len() <= 16 + 3 * bytes.len(), "more is said than was heard");
            protocol.give_back_output(output);
        }
    }
    (all, None)
}

/// Prometheus' text format.
pub fn exposition(data: &[u8]) -> u64 {
    let metrics = prometheus::parse(data);
    let watch = ["a", "nodejs_gc_duration_seconds"].map(|metric| Watched {
        name: metric.to_owned(),
        metric: metric.to_owned(),
        labels: Vec::new(),
        reading: if metric == "a" { HowRead::Gauge(Combine::Sum) } else { HowRead::Quantile(0.5) },
    });
    let (found, at) = (gauges::of_metrics_page(&metrics, &watch).found, Instant::now());
    assert!(metrics.series.len() <= 20_000, "unbounded");
    let mut readings = Readings::of(&watch);
    let mut second = readings.second(0);
    readings.add(found.clone(), When::at(at), &mut second);
    readings.add(found, When::at(at + Duration::from_secs(1)), &mut second);
    let known = second.values.len() - watch.len();
    for (place, value) in second.values.iter().enumerate() {
        let is_sane =
            value.is_none_or(|value| value.is_finite() && (value >= 0.0 || place >= known));
        assert!(is_sane, "{value:?} was picked");
    }
    let labels = metrics.series.iter().map(|series| series.labels.len()).max();
    figure((
        metrics.series.len().min(20),
        labels,
        second.values.iter().map(Option::is_some).collect::<Vec<_>>(),
    ))
}

// ---- The record ---------------------------------------------------------------------

/// The lines of an interval log, added up.
pub fn interval_log(data: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(data);
    let mut times = StepTimes::default();
    let mut seen = Vec::new();
    for line in text.lines() {
        match parse_line(line) {
            Ok(Some(line)) => {
                let buckets = line.times.buckets();
                assert!(buckets.is_sorted_by(|a, b| a.0 < b.0), "not ascending: {buckets:?}");
                seen.push(format!("{} {}", line.phase.name(), buckets.len().ilog2().min(4)));
                line.add_to(&mut times);
            }
            Ok(None) => {}
            Err(error) => seen.push(error.to_string()),
        }
    }
    for sparse in times.all() {
        let quantiles = [0.0, 0.5, 0.999, 1.0].map(|share| sparse.quantile(share));
        assert!(quantiles.is_sorted(), "{quantiles:?}");
        let _ = (sparse.mean(), sparse.count_from(1_000));
    }
    seen.sort_unstable();
    seen.dedup();
    figure(seen)
}

/// A run's folder: `run.json`, `intervals.hlog` and the journal, one behind the other.
pub fn run_record(data: &[u8]) -> u64 {
    match in_folder(data, store::read) {
        Ok(record) => {
            let size = record.seconds.len().min(9) + record.generator.len().min(9);
            figure((size, record.end.is_some(), outline(&reports(&record).join("\n"))))
        }
        Err(error) => figure(outline(&error.to_string())),
    }
}

/// The file of a baseline; its last run is judged by all of them.
pub fn baseline(data: &[u8]) -> u64 {
    let baseline = match baseline_file::parse(data) {
        Ok(baseline) => baseline,
        Err(error) => return figure(outline(&error)),
    };
    let text = baseline_file::to_text(&baseline);
    assert_eq!(baseline_file::parse(text.as_bytes()).as_ref(), Ok(&baseline), "read back");
    let last = baseline.runs.last().expect("a baseline has a run");
    let p95 = baseline.runs.iter().map(|run| run.response.quantile(0.95)).collect::<Vec<_>>();
    let changes = trend(&p95, &HistorySettings::default()).changes.len();
    let judged = judge_stored(&baseline, &baseline.fingerprint, last, &GateSettings::default());
    figure((
        baseline.runs.len(),
        changes,
        judged.map_err(|_| ()).map(|it| format!("{:?}", it.ruling)),
    ))
}

fn in_folder<T>(data: &[u8], then: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
    }
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a temporary folder")).path();
        let mut rest = data;
        for name in [store::RUN_FILE, store::LOG_FILE, store::JOURNAL_FILE] {
            let end = rest.windows(BETWEEN_FILES.len()).position(|w| w == BETWEEN_FILES.as_bytes());
            let (file, after) = rest.split_at(end.unwrap_or(rest.len()));
            std::fs::write(folder.join(name), file).expect("the folder is ours");
            rest = after.get(BETWEEN_FILES.len()..).unwrap_or_default();
        }
        then(folder)
    })
}

// ---- Files of the user --------------------------------------------------------------

/// What the environment of a scenario says: anything.
fn environment(name: &str) -> Option<String> {
    (!name.starts_with("NO")).then(|| "p99 < 1s\"}]\r\n\u{0}{{user}}${X}".to_owned())
}

/// Reads a scenario; the figure says what was found wrong with it.
fn read_scenario(text: &str, other: &str) -> Result<Scenario, Problems> {
    let read_file = |path: &Path| match path.extension() {
        Some(_) => Ok(other.to_owned()),
        None => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    read::parse(text, &Origin::default(), &environment, &read_file)
}

fn figure_of_scenario(found: &Result<Scenario, Problems>) -> u64 {
    match found {
        Ok(scenario) => figure((scenario.slos.len(), scenario.steps.len())),
        Err(problems) => {
            assert!(!problems.all.is_empty(), "refused without a reason");
            figure(outline(&problems.to_string()))
        }
    }
}

/// The text of a scenario; what it makes of it can be sent.
pub fn scenario(data: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(data);
    let found = read_scenario(&text, &text);
    if let Ok(scenario) = &found {
        let _ = Prepared::all(scenario, "localhost", 7);
        assert!(scenario.load.length().as_secs_f64().is_finite(), "an endless load");
    }
    figure_of_scenario(&found)
}

/// A shared file of objectives.
pub fn slo(data: &[u8]) -> u64 {
    let scenario = r#"{"name": "a", "target": {"demo": true}, "slo": {"file": "slo.json"},
        "flows": [{"name": "f", "steps": [{"name": "list orders", "request": "GET /"}]}],
        "load": {"stages": [{"for": "1s", "rate": "1/s"}]}}"#;
    figure_of_scenario(&read_scenario(scenario, &String::from_utf8_lossy(data)))
}

/// Files of rows: the first byte says how they are written.
pub fn rows(data: &[u8]) -> u64 {
    let (form, rest) = data.split_first().map_or((0, data), |(form, rest)| (*form, rest));
    let name = ["a.csv", "a.tsv", "a.json", "a.ndjson"][usize::from(form) % 4];
    let Ok(table) = loadgate::scenario::data::rows_of(std::path::Path::new(name), rest) else {
        return figure((form % 4, 0));
    };
    let columns = table.columns().len() as u16;
    assert!(table.rows() > 0 && columns > 0);
    for row in 0..table.rows() {
        assert!((0..columns).all(|column| table.cell(row, column).is_some()));
        assert_eq!(table.cell(row, columns), None);
    }
    figure((form % 4, table.rows().min(8), columns.min(8)))
}

/// Regular expressions on hostile bodies.
pub fn pattern(data: &[u8]) -> u64 {
    let expressions =
        ["id=([0-9]+)", ".*[^A-Z]|[A-Z]", "(a*)*b", "(?s)<([^>]*)>.*</\\1?", "^$|(?-u)(.)"];
    let mut found = 0;
    for text in expressions {
        let Ok(expression) = regex::bytes::Regex::new(text) else { continue };
        for take in [Take::Nth(0), Take::Nth(3), Take::Last, Take::Random] {
            found = found * 2 + u64::from(captured(data, &expression, take, 7).is_some());
        }
    }
    figure(found)
}

/// Compressed bodies, bombs among them: the first byte says how they claim to be.
pub fn coding(data: &[u8]) -> u64 {
    const LIMIT: u64 = 1 << 20;
    let (how, rest) = data.split_first().map_or((0, data), |(how, rest)| (*how, rest));
    let names =
        ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x", "identity", "zstd,br,deflate,gzip"];
    let mut codings = Codings::default();
    codings.add(names[usize::from(how) % names.len()].as_bytes());
    match codings.decode(rest, LIMIT) {
        Ok(body) => {
            assert!(body.len() as u64 <= LIMIT.max(rest.len() as u64), "more than is allowed");
            figure((how % 8, body.len().min(1 << 16).checked_ilog2()))
        }
        Err(error) => figure((how % 8, format!("{error:?}"))),
    }
}

/// Bodies that are judged by schemas: the first byte says by which.
pub fn json_schema(data: &[u8]) -> u64 {
    static CHECKS: OnceLock<Vec<Step>> = OnceLock::new();
    let steps = CHECKS.get_or_init(|| {
        let text = include_str!("../tests/fixtures/scenarios/schemas.json");
        read_scenario(text, "").unwrap_or_else(|problems| panic!("{problems}")).steps
    });
    let (which, rest) = data.split_first().map_or((0, data), |(which, rest)| (*which, rest));
    let step = &steps[usize::from(which) % steps.len()];
    let Subject::Schema(schema) = &step.checks[0].subject else { return 0 };
    let Ok(document) = serde_json::from_slice(rest) else { return figure(which % 8) };
    match schema.judge(&document) {
        Ok(()) => figure((which % 8, true)),
        Err(wrong) => figure((which % 8, wrong.told)),
    }
}

/// Heads that set cookies; what is sent back stays in its field.
pub fn cookies(data: &[u8]) -> u64 {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for line in data.split(|byte| *byte == b'\n').take(50) {
        head.extend([b"set-cookie: ", line, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    let asked =
        Asked { host: "api.example.test", path: "/a/b", is_secured: false, now: 1_767_225_600 };
    let mut jar = Jar::default();
    jar.take(&head, asked);
    let mut out = String::new();
    jar.write(asked, &mut out);
    assert!(!out.contains(['\r', '\n', '\0']), "{out:?}");
    assert!(out.len() <= 64 * 1024, "unbounded");
    figure((jar.values().count().min(9), out.len().min(64)))
}

/// Where an answer says to ask instead: the same server, in one request, or nowhere.
pub fn redirect(data: &[u8]) -> u64 {
    const REQUEST: &[u8] =
        b"POST /a/b?x HTTP/1.1\r\nhost: api:3000\r\ncontent-length: 4\r\n\r\n\xff\r\n\0";
    let (status, rest) = data.split_first().map_or((0, data), |(status, rest)| (*status, rest));
    let status = [301, 302, 303, 307, 308][usize::from(status) % 5];
    let head = [b"HTTP/1.1 302 Found\r\nlocation: ", rest, b"\r\n\r\n"].concat();
    match redirect::next(REQUEST, false, status, &head) {
        Ok(request) => {
            let end = request.windows(2).position(|it| it == b"\r\n").expect("a request line");
            let line = str::from_utf8(&request[..end]).expect("a text");
            let words: Vec<&str> = line.split(' ').collect();
            assert!(words.len() == 3 && words[1].starts_with('/'), "{line:?}");
            let rest = &request[end..];
            assert!(rest.starts_with(b"\r\nhost: api:3000\r\n"), "another server is asked");
            figure((status, words[1].len().min(32)))
        }
        Err(cause) => figure((status, cause.name())),
    }
}

/// Hostile values in every place of a request.
pub fn template(data: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(data).into_owned();
    let filled = |escape, piece| {
        let value = [Value::Text(text.clone())];
        let mut random = || u64::MAX;
        let mut values = Values {
            variables: &value,
            user: 1,
            iteration: 1,
            unix_millis: 1,
            rows: Rows::NONE,
            random: &mut random,
        };
        let mut out = String::new();
        Template { pieces: vec![piece], escape }.render(&mut values, &mut out);
        out
    };
    let variable = || Piece::Variable(VariableId(0));
    let is_url = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c);
    assert!(filled(Escape::Url, variable()).chars().all(is_url));
    assert!(filled(Escape::Form, variable()).chars().all(|c| is_url(c) || c == '+'));
    assert!(!filled(Escape::Header, variable()).contains(char::is_control));
    let inside: String = serde_json::from_str(&format!("\"{}\"", filled(Escape::Json, variable())))
        .expect("it stays inside its quotes");
    assert_eq!(inside, text);
    let alone: String =
        serde_json::from_str(&filled(Escape::Json, Piece::JsonValue(Box::new(variable()))))
            .expect("it is a JSON text");
    assert_eq!(alone, text);
    assert_eq!(filled(Escape::Verbatim, variable()), text);
    figure((text.len().min(64), text.chars().filter(|c| c.is_control()).count()))
}

/// Durations, rates and the other quantities, one a line.
pub fn unit_texts(data: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(data);
    let mut seen = Vec::new();
    for line in text.lines() {
        let duration = units::parse_duration(line);
        if let Ok(duration) = duration {
            let again = units::parse_duration(&units::format_duration(duration));
            let again = again.expect("what is shown can be read");
            let rounded = duration.as_secs_f64() * 0.01 + 1e-6;
            let difference = again.abs_diff(duration).as_secs_f64();
            assert!(difference <= rounded, "{duration:?} is shown as {again:?}");
        }
        let rate = line.parse::<Rate>().map(|rate| assert!(rate.0.is_finite(), "{line}"));
        let quantile = line.parse::<Quantile>();
        if let Ok(quantile) = quantile {
            assert!((0.0..=1.0).contains(&quantile.share()), "{line}");
        }
        let ratio = line.parse::<Ratio>().map(|ratio| assert!(ratio.0.is_finite(), "{line}"));
        let bytes = line.parse::<Bytes>().map(|bytes| bytes.to_string());
        seen.push((duration.is_ok(), rate.is_ok(), quantile.is_ok(), ratio.is_ok(), bytes.is_ok()));
    }
    seen.sort_unstable();
    seen.dedup();
    figure(seen)
}

// ---- Reports ------------------------------------------------------------------------

/// Hostile names, one a line, wherever a stranger's text may stand.
pub fn report(data: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(data);
    let mut names = text.lines().cycle();
    let mut name = || names.next().unwrap_or_default().to_owned();
    let mut record = ordinary().clone();
    let head = &mut record.head;
    (head.scenario, head.target, head.generators[0].environment.cpu) = (name(), name(), name());
    for step in &mut head.steps {
        (step.name, step.label, step.flow) = (name(), name(), name());
    }
    head.slos.iter_mut().for_each(|slo| slo.text = name());
    if let Some(end) = &mut record.end {
        end.reason = EndReason::TargetDied { detail: name() };
        end.faults = vec![name(), name()];
    }
    figure(outline(&reports(&record)[0]))
}

/// A run that nothing is wrong with.
fn ordinary() -> &'static RunRecord {
    static RECORD: OnceLock<RunRecord> = OnceLock::new();
    let files = include_bytes!("../tests/corpus/run_record/whole.txt");
    RECORD.get_or_init(|| in_folder(files, store::read).expect("it is a record"))
}

/// All reports of a record. Each must be what its format demands.
fn reports(record: &RunRecord) -> Vec<String> {
    let assessment = assess(record);
    let folder = Some("a/b");
    let report = RunReport {
        record,
        assessment: &assessment,
        comparison: None,
        exit_code: 0,
        has_log: true,
        folder,
    };
    let document = describe(&report);
    let terminal = terminal::render(&document, terminal::screen::Style::default());
    assert!(!terminal.contains(|c: char| c.is_control() && c != '\n'), "{terminal:?}");
    let summary = json::render(&report);
    serde_json::from_str::<serde_json::Value>(&summary).expect("summary.json is JSON");
    let page = html::render(&document);
    let junit = junit::render(&document);
    roxmltree::Document::parse(&junit).expect("junit.xml is XML");
    for svg in document.figures().filter_map(loadgate::report::chart::Figure::file) {
        let options = roxmltree::ParsingOptions { allow_dtd: false, ..Default::default() };
        roxmltree::Document::parse_with_options(&svg, options).expect("a chart is XML");
    }
    vec![terminal, summary, page, junit, markdown::render(&document)]
}
