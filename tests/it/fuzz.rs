//! Drives the targets of `fuzz/targets.rs` on stable Rust: each input of the kept corpus,
//! then changed ones for a bounded time.
//!
//! `FUZZ_SECONDS` is the time per target (1 by default), `FUZZ_SEED` chooses other changes.
//! An input that panics, takes too much time or makes memory grow without bound is written
//! to `tests/corpus/<target>/crash-<hash>`, so that it is tried first from then on.
//!
//! There is no coverage to follow. Instead each target says by a figure how it treated an
//! input, and an input with a new figure is changed further.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "that is how a test speaks")]

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::support;

#[path = "../../fuzz/targets.rs"]
mod targets;

use targets::Target;

/// CPU time of one input, in a debug build. What is quadratic takes far more.
const MOST_CPU: Duration = Duration::from_secs(1);
/// The process may grow by so much while a target runs, the other tests included.
const MOST_GROWTH: u64 = 512 << 20;
/// Inputs that are made are no longer than this.
const LONGEST: usize = 16 * 1024;
/// Inputs that are kept in memory to be changed further.
const MOST_KEPT: usize = 512;

/// What parsers look for: joined by chance, they get further than bytes.
const WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r\n\r\n",
    "\0",
    "\u{1b}[2J",
    "\u{fc}",
    "\u{1f600}",
    "\u{feff}",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "0",
    "1",
    "-1",
    "1e999",
    "-0.0",
    "1e-320",
    "NaN",
    "+Inf",
    "18446744073709551615",
    "9223372036854775808",
    "4294967296",
    "65536",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.0 ",
    "content-length: ",
    "transfer-encoding: chunked\r\n",
    "connection: close\r\n",
    "keep-alive: timeout=",
    ";a=b",
    "ffffffffffffffff",
    "0\r\n\r\n",
    "{quantile=\"0.99\"} ",
    "event_loop_delay_seconds",
    "db_pool_in_use",
    "# TYPE ",
    "Tag=",
    ".response,",
    ".send_lag,0,1,1,",
    "HISTFAAAA",
    "\n%%%%\n",
    "\"second\":",
    "\"steps\":[",
    "\"counts\":",
    "\"end\":null",
    "\"planned\":",
    "\"slower\":[",
    "\"outcomes\":[",
    "\"statuses\":[[200,1]]",
    "\"version\":2",
    "\"version\":1",
    "\"runs\": [",
    "\"histogram\": \"",
    "{{user}}",
    "{{choose a*3 | b}}",
    "{{sha256 'a' + iteration}}",
    "{{now +1d '%Y'}}",
    "; Domain=",
    "; Max-Age=",
    "//evil/",
    "\\\\",
    "{{random(1,2)}}",
    "{{uuid}}",
    "{{",
    "}}",
    "${A}",
    "${NO}",
    "${NO:-x}",
    "$.items[0].id",
    "\"rate\": \"",
    "\"for\": \"",
    "\"pause\": true",
    "\"once\": true",
    "\"think\": \"1s..3s\"",
    "1s",
    "1ms",
    "1/s",
    "99.9%",
    "10MB",
    "p99 < 1s",
    "p95",
    "availability >= ",
    " for 90% of 5s windows",
    "100/s -> 200/s",
    "<script>",
    "]]>",
    "&#0;",
    "</svg>",
    "--",
    "|",
];

macro_rules! fuzz {
    ($($test:ident: $target:literal,)*) => {$(
        #[test]
        fn $test() {
            drive($target);
        }
    )*

    #[test]
    fn every_target_is_driven() {
        let driven = [$($target),*];
        assert_eq!(driven.map(str::to_owned), targets::TARGETS.map(|(name, _)| name.to_owned()));
    }};
}

fuzz! {
    files_of_rows: "rows",
    expressions_on_bodies: "pattern",
    compressed_bodies: "coding",
    bodies_judged_by_schemas: "json_schema",
    cookies_of_answers: "cookies",
    redirects_of_answers: "redirect",
    responses_of_http: "response",
    servers_of_http2: "http2",
    frames_of_websockets: "websocket",
    expositions_of_prometheus: "prometheus",
    interval_logs: "interval_log",
    records_of_runs: "run_record",
    files_of_baselines: "baseline",
    scenario_files: "scenario",
    files_of_objectives: "slo",
    values_in_templates: "template",
    quantities: "units",
    names_in_reports: "report",
}

/// Replays the corpus and then changes it until the time is over.
fn drive(name: &str) {
    let target = targets::TARGETS.into_iter().find(|(known, _)| *known == name).unwrap().1;
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "tests/corpus/{name} is empty");
    let before = resident();
    let mut fuzzer = Fuzzer::new(name, target);
    for input in corpus {
        fuzzer.try_one(input);
    }
    let (start, limit) = (Instant::now(), seconds());
    while start.elapsed() < limit {
        for _ in 0..16 {
            let input = fuzzer.change();
            fuzzer.try_one(input);
        }
        let growth = resident().saturating_sub(before);
        assert!(growth < MOST_GROWTH, "{name}: {growth} bytes more than at the start");
    }
    let rate = fuzzer.tried as f64 / start.elapsed().as_secs_f64().max(1e-3);
    // Seen with `--nocapture`.
    println!("{name}: {} inputs, {rate:.0}/s, {} figures", fuzzer.tried, fuzzer.figures.len());
}

fn variable(name: &str) -> Option<f64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn seconds() -> Duration {
    Duration::from_secs_f64(variable("FUZZ_SECONDS").unwrap_or(1.0).clamp(0.0, 86_400.0))
}

fn folder(name: &str) -> PathBuf {
    support::root().join("tests/corpus").join(name)
}

/// The kept inputs, in the order of their names; crashes come first.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder(name)).expect("a folder per target");
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort_by_key(|path| {
        let file = path.file_name().unwrap().to_owned();
        (!file.to_string_lossy().starts_with("crash-"), file)
    });
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}

/// CPU time of this thread: a neighbour does not make an input slow.
fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// A target and the inputs that it treated in different ways.
struct Fuzzer {
    name: String,
    target: Target,
    random: SplitMix64,
    kept: Vec<Vec<u8>>,
    figures: HashSet<u64>,
    tried: u64,
}

impl Fuzzer {
    fn new(name: &str, target: Target) -> Fuzzer {
        let seed = variable("FUZZ_SEED").map_or(1, |seed| seed as u64);
        Fuzzer {
            name: name.to_owned(),
            target,
            random: SplitMix64::seed_from_u64(seed),
            kept: Vec::new(),
            figures: HashSet::new(),
            tried: 0,
        }
    }

    /// Fails with the input written to the corpus.
    fn try_one(&mut self, input: Vec<u8>) {
        let start = cpu();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target)(&input)));
        let taken = cpu().saturating_sub(start);
        self.tried += 1;
        match outcome {
            Ok(_) if taken > MOST_CPU => self.crash(&input, &format!("it takes {taken:?}")),
            Ok(figure) if self.figures.insert(figure) => self.keep(input),
            Ok(_) => {}
            Err(_) => self.crash(&input, "it panics, see above"),
        }
    }

    fn crash(&self, input: &[u8], what: &str) -> ! {
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let path = folder(&self.name).join(format!("crash-{:016x}", hasher.finish()));
        fs::write(&path, input).unwrap();
        panic!("{}: {what}: {}\n{}", self.name, path.display(), input.escape_ascii());
    }

    fn keep(&mut self, input: Vec<u8>) {
        if self.kept.len() < MOST_KEPT {
            self.kept.push(input);
        } else {
            let place = self.below(MOST_KEPT);
            self.kept[place] = input;
        }
    }

    /// From 0, less than a bound.
    fn below(&mut self, bound: usize) -> usize {
        (self.random.next_u64() % bound.max(1) as u64) as usize
    }

    /// One of the kept inputs, changed in a few places.
    fn change(&mut self) -> Vec<u8> {
        let place = self.below(self.kept.len());
        let mut input = self.kept[place].clone();
        for _ in 0..=self.below(4) {
            self.change_once(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change_once(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(64)).min(input.len());
        match self.below(12) {
            0 => self.flip(input, at),
            1 => self.set(input, at),
            2 | 3 => self.word(input, at..at),
            4 => self.word(input, at..end),
            5 => drop(input.drain(at..end)),
            6 => input.truncate(at),
            7 => self.repeat(input, at..end),
            8..=10 => self.number(input),
            _ => self.splice(input, at),
        }
    }

    fn flip(&mut self, input: &mut [u8], at: usize) {
        let bit = self.below(8);
        if let Some(byte) = input.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn set(&mut self, input: &mut [u8], at: usize) {
        let new = self.below(256) as u8;
        if let Some(byte) = input.get_mut(at) {
            *byte = new;
        }
    }

    fn word(&mut self, input: &mut Vec<u8>, range: std::ops::Range<usize>) {
        let word = WORDS[self.below(WORDS.len())];
        input.splice(range, word.bytes());
    }

    /// The same stretch many times: what is quadratic or unbounded shows.
    fn repeat(&mut self, input: &mut Vec<u8>, range: std::ops::Range<usize>) {
        let times = 1 << self.below(8);
        let stretch = input[range.clone()].repeat(times);
        input.splice(range.end..range.end, stretch);
    }

    /// Another number where a number stands.
    fn number(&mut self, input: &mut Vec<u8>) {
        // Not the digits inside words, such as those of base64.
        let begins = |at: &usize| {
            let before = at.checked_sub(1).and_then(|before| input.get(before));
            input[*at].is_ascii_digit() && !before.is_some_and(u8::is_ascii_alphanumeric)
        };
        let digits: Vec<usize> = (0..input.len()).filter(begins).collect();
        if digits.is_empty() {
            return;
        }
        let at = digits[self.below(digits.len())];
        let length = input[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let numbers = ["0", "1", "-1", "3", "255", "65535", "4294967295", "9007199254740993"];
        let others = ["18446744073709551615", "1e308", "1e-308", "0.5", "1099511627776"];
        let all = [&numbers[..], &others[..]].concat();
        let new = all[self.below(all.len())];
        input.splice(at..at + length, new.bytes());
    }

    /// The beginning of one and the end of another.
    fn splice(&mut self, input: &mut Vec<u8>, at: usize) {
        let other = self.below(self.kept.len());
        let from = self.below(self.kept[other].len() + 1);
        input.truncate(at);
        input.extend_from_slice(&self.kept[other][from..]);
    }
}
