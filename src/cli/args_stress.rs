//! What the user typed after `loadgate stress`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::cli::args_fleet::{Asked, FleetArgs};
use crate::cli::args_shared::{LoadingArgs, PrintArgs};
use crate::units::{Rate, Ratio, parse_duration};

/// Examples of `loadgate stress`.
pub const STRESS_EXAMPLES: &str = "\
Examples:
  loadgate stress scenarios/orders.json
  loadgate stress scenarios/orders.json --from 50/s --max-rate 2000/s --within 15m
  loadgate stress scenarios/orders.json --capacity 400/s --repeats 1
  loadgate stress scenarios/orders.json --spike 5x --spike-for 10s

Objectives such as \"recovery < 30s\", \"goodput_at_1.5x >= 80%\" and \"breaking_rate >= 500/s\" of
the scenario decide the exit code; without any it tells, and ends in 0 if it learnt something.
The target is broken on purpose: name one that nobody else needs.";

/// `loadgate stress`
#[derive(Debug, Args)]
pub struct StressArgs {
    /// A scenario file
    #[arg(value_hint = ValueHint::FilePath)]
    pub scenario: PathBuf,
    /// Arrivals per second to begin with [default: the scenario's highest rate]
    #[arg(long, value_name = "RATE")]
    pub from: Option<Rate>,
    /// No rate goes beyond it, overloads included [default: what this machine can send at all]
    #[arg(long, value_name = "RATE")]
    pub max_rate: Option<Rate>,
    /// By how much each step of the ramp is above the one before
    #[arg(long, value_name = "SHARE", default_value = "10%")]
    pub growth: Ratio,
    /// Length of a step
    #[arg(long, value_name = "LENGTH", default_value = "10s", value_parser = parse_duration)]
    pub step: Duration,
    /// Length of the warm-up
    #[arg(long, value_name = "LENGTH", default_value = "10s", value_parser = parse_duration)]
    pub warmup: Duration,
    /// How long the target is held where it breaks, and at each overload
    #[arg(long, value_name = "LENGTH", default_value = "15s", value_parser = parse_duration)]
    pub hold: Duration,
    /// What overloads are multiples of, where it is above the rate at which the target breaks
    /// [default: that rate]
    #[arg(long, value_name = "RATE")]
    pub capacity: Option<Rate>,
    /// How long to wait until the target is as before; one that is not is metastable
    #[arg(long, value_name = "LENGTH", default_value = "60s", value_parser = parse_duration)]
    pub recover_within: Duration,
    /// Instead of a ramp so many times the first rate at once: 5x
    #[arg(long, value_name = "TIMES", value_parser = times)]
    pub spike: Option<f64>,
    /// Length of the spike [default: 10s]
    #[arg(long, value_name = "LENGTH", requires = "spike", value_parser = parse_duration)]
    pub spike_for: Option<Duration>,
    /// How often the target is broken; several give a range
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=5))]
    pub repeats: u32,
    /// How long all repeats together may take
    #[arg(long, value_name = "LENGTH", default_value = "20m", value_parser = parse_duration)]
    pub within: Duration,
    /// Where it loads and leaves what it finds.
    #[command(flatten)]
    pub loading: LoadingArgs,
    /// How the result is printed.
    #[command(flatten)]
    pub print: PrintArgs,
    /// Who sends.
    #[command(flatten)]
    pub fleet: FleetArgs,
}

impl StressArgs {
    /// The load as several generators share it.
    pub fn asked(&self) -> Asked<'_> {
        Asked { file: &self.scenario, fleet: &self.fleet, loading: &self.loading, lasting: None }
    }
}

/// `5x`, or `5`.
fn times(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix(['x', '×']).unwrap_or(text).parse::<f64>();
    let found = number.ok().filter(|times| (1.1..=1_000.0).contains(times));
    found.ok_or_else(|| "expected how many times the first rate, such as 5x".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_so_many_times() {
        assert_eq!(times("5x"), Ok(5.0));
        assert_eq!(times("2.5"), Ok(2.5));
        for wrong in ["x", "1x", "-3x", "5%", "9999x"] {
            assert!(times(wrong).unwrap_err().contains("5x"), "{wrong}");
        }
    }
}
