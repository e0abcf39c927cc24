//! How late `tokio::time` wakes: what `scripts/lag.py` puts beside loadgate's send lag.
//!
//! `cargo bench --bench timer -- RATE SECONDS` waits with `tokio::time::sleep_until` for the
//! moments that loadgate's own schedule gives at that rate, sends nothing, and prints one
//! line of JSON: p50, p99 and p99.9 of how late it was, in milliseconds.
#![allow(clippy::print_stdout, reason = "it is a program whose result is a line")]

use std::time::{Duration, Instant};

use loadgate::record::histogram::Live;
use loadgate::scenario::load::{ArrivalProcess, Load, Stage};
use loadgate::schedule::Arrivals;
use loadgate::units::Rate;

fn main() {
    // `cargo bench` adds flags of its own.
    let numbers: Vec<f64> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    let (rate, seconds) = match numbers[..] {
        [rate, seconds] => (rate, seconds),
        _ => (2_000.0, 2.0),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without sockets can always be made");
    let late = runtime.block_on(lateness(&load(rate, seconds))).to_sparse();
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|at| late.quantile(at).unwrap_or(0.0) / 1e3);
    println!(r#"{{"p50": {p50:.4}, "p99": {p99:.4}, "p999": {p999:.4}}}"#);
}

fn load(rate: f64, seconds: f64) -> Load {
    let rate = Rate(rate);
    let length = Duration::from_secs_f64(seconds);
    let stages = vec![Stage { length, from: rate, to: rate, users: None, warmup: false }];
    Load::new(ArrivalProcess::Poisson, 7, stages)
}

async fn lateness(load: &Load) -> Live {
    let start = Instant::now() + Duration::from_millis(10);
    let mut late = Live::default();
    for arrival in Arrivals::new(load) {
        let due = start + Duration::from_nanos(arrival.at.0);
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        late.record_nanos(due.elapsed().as_nanos() as u64);
    }
    late
}
