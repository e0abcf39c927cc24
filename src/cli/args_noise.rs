//! What the user typed after `loadgate noise`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::cli::args_duet::CourseArgs;
use crate::cli::args_gate::GateArgs;
use crate::cli::args_shared::PrintArgs;
use crate::units::parse_duration;

/// Examples of `loadgate noise`.
pub const NOISE_EXAMPLES: &str = "\
Examples:
  loadgate noise scenarios/orders.json
  loadgate noise scenarios/orders.json --duets 10 --segment 30s -R 200
  loadgate noise scenarios/orders.json --json | jq .start_noise.value
  loadgate duet scenarios/orders.json --baseline-ref origin/main \\
      --start-noise reports/orders/latest-noise/noise.json

Both arms are the scenario's own target. A gate that calls it regressed against itself is a
figure here, no failure: the exit code is 0, but 6 when the generator was the limit, 7 when
the target was lost, 130 or 143 when interrupted (what was measured is reported).";

/// `loadgate noise`
#[derive(Debug, Args)]
pub struct NoiseArgs {
    /// A scenario file
    #[arg(value_hint = ValueHint::FilePath)]
    pub scenario: PathBuf,
    /// Duets of the target against itself, one after the other
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(2..=50))]
    pub duets: u32,
    /// What the gates are asked.
    #[command(flatten)]
    pub gate: GateArgs,
    /// How long each duet may take; it ends as soon as it is decided. What the first one plans and
    /// finds holds for all [default: 3m, as for a duet]
    #[arg(long, value_name = "LENGTH", conflicts_with = "pilot", value_parser = parse_duration)]
    pub within: Option<Duration>,
    /// Most segments of a duet [default: what fits into --within; 5 with --pilot]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    pub segments: Option<u32>,
    /// How segments are measured
    #[command(flatten)]
    pub course: CourseArgs,
    /// How the result is printed.
    #[command(flatten)]
    pub print: PrintArgs,
}
