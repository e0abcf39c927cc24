//! Made-up series over time and percentile curves.

use crate::analysis::assessment::{Curves, Timeline};
use crate::analysis::gauges::TargetLines;
use crate::record::gauge;
use crate::record::outcome::Outcome;

/// What a made-up run looks like.
pub(super) struct Shape {
    pub(super) seconds: u32,
    pub(super) bin: u32,
    pub(super) errors: f64,
    pub(super) outlier: Option<f64>,
    pub(super) telemetry: bool,
    pub(super) flat: bool,
    pub(super) all_outcomes: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Shape {
            seconds: 70,
            bin: 1,
            errors: 0.000_5,
            outlier: None,
            telemetry: true,
            flat: false,
            all_outcomes: false,
        }
    }
}

/// A number in [0, 1) that only depends on its place.
fn noise(place: u32, salt: u32) -> f64 {
    let mixed = (place + 1).wrapping_mul(2_654_435_761) ^ salt.wrapping_mul(40_503);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
    f64::from(mixed >> 8) / f64::from(1_u32 << 24)
}

pub(super) fn timeline(shape: &Shape) -> Timeline {
    let starts: Vec<u32> = (0..shape.seconds).step_by(shape.bin as usize).collect();
    let over = |salt: u32, value: &dyn Fn(u32, f64) -> f64| -> Vec<f64> {
        let noise = |start| if shape.flat { 0.5 } else { noise(start, salt) };
        starts.iter().map(|&start| value(start, noise(start))).collect()
    };
    let maybe = |salt, value: &dyn Fn(u32, f64) -> f64| -> Vec<Option<f64>> {
        over(salt, value).into_iter().map(Some).collect()
    };
    let telemetry = |salt, value: &dyn Fn(u32, f64) -> f64| -> Vec<Option<f64>> {
        if shape.telemetry { maybe(salt, value) } else { vec![None; starts.len()] }
    };
    let load = |start: u32| if shape.flat { 1.0 } else { f64::from(start.min(10)) / 10.0 };
    let offered = over(5, &|start, noise| 100.0 * load(start) * (0.85 + 0.3 * noise));
    let mut max = maybe(4, &|_, noise| 90.0 + 220.0 * noise * noise);
    if let Some(outlier) = shape.outlier {
        max[shape.seconds as usize / 2] = Some(outlier);
    }
    let height = |base: f64, spread: f64| move |_: u32, noise: f64| base + spread * noise;
    Timeline {
        bin_seconds: shape.bin,
        covered: vec![f64::from(shape.bin); starts.len()],
        p50: maybe(1, &height(11.0, 3.0)),
        p95: maybe(2, &height(35.0, 15.0)),
        p99: maybe(3, &height(60.0, 40.0)),
        max,
        sent: offered.clone(),
        completed: offered.iter().map(|rate| rate * 0.995).collect(),
        in_flight: maybe(6, &|_, noise| (1.0 + 18.0 * noise * noise).round()),
        outcomes: outcomes(shape, &starts, &offered),
        offered,
        target: TargetLines(vec![
            (gauge::CPU, telemetry(7, &|start, noise| 0.65 * load(start) + 0.2 * noise)),
            (
                gauge::RSS,
                telemetry(8, &|start, noise| {
                    120.0 + 40.0 * f64::from(start) / f64::from(shape.seconds) + noise
                }),
            ),
            (gauge::EVENT_LOOP_DELAY, telemetry(9, &|_, noise| 1.2 + 16.0 * noise * noise * noise)),
        ]),
        generator_cpu: maybe(10, &|start, noise| 0.1 * load(start) + 0.05 * noise),
        starts,
    }
}

fn outcomes(shape: &Shape, starts: &[u32], offered: &[f64]) -> Vec<Vec<f64>> {
    let rate = |outcome: Outcome, place: usize| {
        let part = if shape.all_outcomes && starts[place] > shape.seconds / 2 {
            [0.3, 0.2, 0.1, 0.1, 0.05, 0.1, 0.1, 0.05][outcome.index()]
        } else {
            let failing = if noise(starts[place], 11) < 0.1 { shape.errors * 10.0 } else { 0.0 };
            let failing = if shape.errors >= 1.0 { 1.0 } else { failing };
            match outcome {
                Outcome::Ok => 1.0 - failing,
                Outcome::ServerError => failing,
                _ => 0.0,
            }
        };
        part * offered[place]
    };
    Outcome::ALL
        .into_iter()
        .map(|outcome| (0..starts.len()).map(|place| rate(outcome, place)).collect())
        .collect()
}

pub(super) fn curves(run: &Shape) -> Curves {
    let requests = f64::from(run.seconds) * 100.0;
    let last = requests.log10();
    let share = |place: u32| 1.0 - 10_f64.powf(-last * f64::from(place) / 200.0);
    let time = |share: f64| {
        if run.flat { 12.0 } else { 6.0 + 6.0 * (-(1.0 - share).ln()).powf(1.6) }
    };
    let mut response: Vec<(f64, f64)> =
        (0..=200).map(|place| (share(place), time(share(place)))).collect();
    let service = response.iter().map(|(share, ms)| (*share, ms * (1.0 - 0.1 * share))).collect();
    if let (Some(outlier), Some(end)) = (run.outlier, response.last_mut()) {
        end.1 = outlier;
    }
    Curves { response, service }
}
