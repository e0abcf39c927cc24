//! The generator is stopped for 20 to 150 ms at a time, and judged by time-outs and errors.
//! What the stop made, or the burst after it, must not be blamed on the target; what the target
//! does by itself must not be hidden by the stop.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::print_stderr, reason = "prints the tally")]

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::sabotage::{Outcomes, Run, Start};
use crate::truth_server::{Act, TruthServer, after, response};

/// Requests per second.
const RATE: u64 = 200;

/// What the target does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Answers after 2 ms.
    Healthy,
    /// Answers 500 to what comes in a burst.
    Overrun,
    /// Never answers one request of twelve.
    Hanging,
    /// Answers 500 to one request of twelve.
    Failing,
}

impl Target {
    fn start(self) -> TruthServer {
        let recent: Mutex<VecDeque<Instant>> = Mutex::default();
        TruthServer::replying(move |request| {
            let is_twelfth = request.number % 12 == 5;
            let status = match self {
                Target::Hanging if is_twelfth => return vec![Act::Wait(Duration::from_secs(1))],
                Target::Failing if is_twelfth => 500,
                Target::Overrun if is_crowded(&mut recent.lock().unwrap()) => 500,
                Target::Healthy | Target::Overrun | Target::Hanging | Target::Failing => 200,
            };
            after(Duration::from_millis(2), response(status, "{}"))
        })
    }

    fn is_to_blame(self) -> bool {
        matches!(self, Target::Hanging | Target::Failing)
    }
}

/// Whether six requests have come within 4 ms: more than come by themselves, evenly spaced.
fn is_crowded(recent: &mut VecDeque<Instant>) -> bool {
    let now = Instant::now();
    recent.push_back(now);
    recent.retain(|at| now.duration_since(*at) < Duration::from_millis(4));
    recent.len() >= 6
}

fn scenario(url: &str, slo: &[&str]) -> Value {
    json!({
        "name": "sabotage",
        "target": { "url": url },
        "flows": [{ "name": "f", "steps": [
            { "name": "s", "request": "GET /", "timeout": "50ms" }
        ] }],
        "load": { "arrivals": "uniform", "stages": [
            { "for": "1s", "rate": format!("{RATE}/s"), "warmup": true },
            { "for": "7s", "rate": format!("{RATE}/s") }
        ] },
        "slo": { "all": slo },
    })
}

/// A run with stops of such lengths, in milliseconds, and pauses between them.
fn stopped(target: Target, slo: &[&str], stops: &[(u64, u64)]) -> Outcomes {
    let server = target.start();
    let mut run = Run::start(&scenario(&server.url(), slo), Start::Plainly);
    run.wait_for_load(&server, 2);
    for (pause, stop) in stops {
        thread::sleep(Duration::from_millis(*pause));
        run.stop_for(Duration::from_millis(*stop));
    }
    run.end()
}

fn statuses(outcomes: &Outcomes) -> Vec<(String, String)> {
    let slos = outcomes.summary["slos"].as_array().unwrap().iter();
    let text = |slo: &Value, key: &str| slo[key].as_str().unwrap().to_owned();
    slos.map(|slo| (text(slo, "text"), text(slo, "status"))).collect()
}

#[test]
fn stops_of_75_ms_void_a_run_that_is_judged_by_timeouts() {
    let slo = ["timeout_rate < 1%", "availability >= 99%"];
    let outcomes = stopped(Target::Healthy, &slo, &[(400, 75); 10]);
    assert_eq!(outcomes.code, 6, "{:#}", outcomes.summary["reasons"]);
    let said = outcomes.summary["reasons"][0].as_str().unwrap();
    assert!(said.contains("the generator stood still"), "{said}");
}

#[test]
fn a_burst_after_a_short_stop_is_not_the_targets_failure() {
    let slo = ["server_error_rate < 1%"];
    let outcomes = stopped(Target::Overrun, &slo, &[(400, 75); 10]);
    assert_eq!(outcomes.code, 6, "{:#}", outcomes.summary["slos"]);
}

#[test]
fn a_target_that_fails_by_itself_is_not_excused_by_short_stops() {
    for target in [Target::Hanging, Target::Failing] {
        let outcomes = stopped(target, &["error_rate < 2%"], &[(500, 75), (1_500, 30)]);
        assert_eq!(outcomes.code, 3, "{target:?} {:#}", outcomes.summary["slos"]);
    }
}

/// Fifty stops in twenty runs; takes four minutes.
#[test]
#[ignore = "takes minutes; scripts/sabotage.sh runs it"]
fn tally() {
    let slo = [
        "p99 < 40ms",
        "timeout_rate < 2%",
        "error_rate < 2%",
        "server_error_rate < 2%",
        "availability >= 98%",
    ];
    let targets = [Target::Healthy, Target::Overrun, Target::Hanging, Target::Failing];
    let mut random = SplitMix64::seed_from_u64(13);
    let mut wrong = Vec::new();
    for run in 0..20 {
        let target = targets[run % targets.len()];
        let number = 2 + run % 2;
        let mut between = |least: u64, most: u64| least + random.next_u64() % (most - least);
        let stops: Vec<(u64, u64)> =
            (0..number).map(|_| (between(100, 1_500), between(20, 150))).collect();
        let outcomes = stopped(target, &slo, &stops);
        let statuses = statuses(&outcomes);
        eprintln!("{run}: {target:?} {stops:?} exit {}: {statuses:?}", outcomes.code);
        let expected = |text: &str| match target {
            Target::Hanging => text != "server_error_rate < 2%",
            Target::Failing => !text.starts_with('p') && text != "timeout_rate < 2%",
            Target::Healthy | Target::Overrun => false,
        };
        let is_wrong = |(text, status): &(String, String)| {
            let missed = status == "missed";
            missed && !expected(text) || !missed && expected(text)
        };
        assert_eq!(target.is_to_blame(), expected("error_rate < 2%"));
        wrong.extend(statuses.into_iter().filter(is_wrong).map(|status| (run, target, status)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
