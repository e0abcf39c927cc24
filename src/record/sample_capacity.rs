//! A made-up search for capacity, for tests.

use super::capacity::{
    Asked, CapacityFile, Class, FoundCapacity, GaugeSeen, Purpose, Seen, Trial, VERSION, Verdict,
    Why,
};
use super::fingerprint::Fingerprint;
use super::gauge::{Kind, Unit};
use super::load_unit::LoadUnit;
use crate::record::search_end::SearchEnd;

/// A search for tests: between 396/s and 404/s, confirmed at 356.4/s.
pub(crate) fn sample() -> CapacityFile {
    let rates = [(100.0, 12.0), (200.0, 14.0), (400.0, 90.0), (800.0, 2_400.0), (396.0, 60.0)];
    let confirmed = (356.4, 22.0);
    let mut trials: Vec<Trial> = rates.into_iter().zip(1..).map(sample_trial).collect();
    let long = sample_trial((confirmed, 6));
    trials.push(Trial { purpose: Purpose::Confirmation, seconds: 60.0, ..long });
    CapacityFile {
        version: VERSION,
        scenario: "orders".to_owned(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        target: "node server.js".to_owned(),
        objectives: vec!["p95 < 80ms".to_owned()],
        fingerprint: Fingerprint::of(&crate::record::sample_head()),
        asked: Asked {
            unit: LoadUnit::Rate,
            start: 100.0,
            lowest: 1.0,
            highest: 250_000.0,
            highest_is_machines: true,
            trial_arrivals: 2_000.0,
            shortest_trial: 3.0,
            longest_trial: 10.0,
            lead: 1.0,
            warmup: 5.0,
            confirmation: 60.0,
            within: 600.0,
            restarts: false,
            at_least: None,
            tolerance: 0.1,
        },
        baseline: None,
        trials,
        notes: Vec::new(),
        found: FoundCapacity {
            low: Some(396.0),
            high: Some(404.0),
            confirmed: Some(356.4),
            why: Some(Why::Found),
            ..FoundCapacity::default()
        },
        verdict: Verdict::Found,
        reasons: vec!["the capacity is between 396/s and 404/s".to_owned()],
        moved: Vec::new(),
        end: Some(SearchEnd::Finished),
        took: 120.0,
    }
}

fn sample_trial(((rate, p95), number): ((f64, f64), u32)) -> Trial {
    let is_good = p95 < 80.0;
    let (cores, waiting): (f64, f64) = (rate / 400.0, (rate - 395.0).max(0.0));
    let gauge = |name: &str, label: &str, (unit, kind): (Unit, Kind), mean: f64| GaugeSeen {
        name: name.to_owned(),
        label: label.to_owned(),
        unit,
        kind,
        mean,
        max: mean * 1.1,
    };
    Trial {
        number,
        folder: format!("trials/{number:03}"),
        purpose: Purpose::Trial,
        rate,
        seconds: 5.0,
        class: if is_good { Class::Good } else { Class::Bad },
        why: (!is_good).then(|| format!("p95 < 80ms: {p95} ms")),
        spent: f64::from(number) * 7.0,
        cooled: 0.0,
        worked: true,
        seen: Seen {
            requests: (rate * 5.0) as u64,
            offered: rate,
            goodput: rate.min(402.0),
            error_rate: 0.0,
            mean: Some(p95 / 1.8),
            p50: Some(p95 / 2.0),
            p95: Some(p95),
            p99: Some(p95 * 1.4),
            in_flight: Some(rate * p95 / 1e3),
            gauges: vec![
                gauge("cpu", "target CPU", (Unit::CpuSeconds, Kind::Counter), cores.min(0.99)),
                gauge("pool_waiting", "pool waiting", (Unit::Number, Kind::Gauge), waiting),
            ],
        },
        findings: Vec::new(),
        filled: if rate < 390.0 { Vec::new() } else { vec!["the connection pool".to_owned()] },
    }
}
