//! What the user typed after `loadgate capacity`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::cli::args_fleet::{Asked, FleetArgs};
use crate::cli::args_gate::tolerance;
use crate::cli::args_shared::{LoadingArgs, PrintArgs};
use crate::units::load_size::LoadSize;
use crate::units::{Ratio, parse_duration};

/// Examples of `loadgate capacity`.
pub const CAPACITY_EXAMPLES: &str = "\
Examples:
  loadgate capacity scenarios/orders.json
  loadgate capacity scenarios/orders.json --within 5m --at-least 400/s
  loadgate capacity scenarios/orders.json --from 50/s --to 2000/s --restart
  loadgate capacity scenarios/workers.json --at-least 40users
  loadgate capacity scenarios/orders.json --baseline baselines/orders/capacity.json
  loadgate capacity scenarios/orders.json --json | jq .found

The scenario's own load profile is not used, but that the search begins at its highest rate, or
with as many users as it has at most: where its stages have users, the capacity is a number of them.
Without --at-least and --baseline the exit code is 0 when a capacity is known; else 3 means
that it is less than what was asked for, or less than the lowest load, 4 that it is less than
the baseline's, 5 that the time did not suffice to tell, 6 that no load worked.";

/// `loadgate capacity`
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// A scenario file with objectives
    #[arg(value_hint = ValueHint::FilePath)]
    pub scenario: PathBuf,
    /// How long it may take, from the start of the target on; it ends as soon as it is known
    #[arg(long, value_name = "LENGTH", default_value = "10m", value_parser = parse_duration)]
    pub within: Duration,
    /// The capacity that is wanted: 400/s, or 40users where the scenario has users; less is a miss
    #[arg(long, value_name = "LOAD")]
    pub at_least: Option<LoadSize>,
    /// Compare with an earlier search: its folder or capacity.json
    #[arg(long, value_name = "FILE|FOLDER", value_hint = ValueHint::AnyPath)]
    pub baseline: Option<PathBuf>,
    /// By how much less than the baseline's is accepted
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = tolerance)]
    pub tolerance: Ratio,
    /// The lowest rate, or number of users, that is tried, and where the search begins [default: it
    /// begins at the scenario's highest]
    #[arg(long, value_name = "LOAD")]
    pub from: Option<LoadSize>,
    /// The highest one that is tried [default: what this machine can send, or as many users as
    /// "limits" has connections for]
    #[arg(long, value_name = "LOAD")]
    pub to: Option<LoadSize>,
    /// Judged length of a trial [default: 3s to 10s, by rate, objectives and --within]
    #[arg(long, value_name = "LENGTH", value_parser = parse_duration)]
    pub trial: Option<Duration>,
    /// Length of the run that confirms what trials found; 0s for none [default: 60s, at most a
    /// fifth of --within]
    #[arg(long, value_name = "LENGTH", value_parser = parse_duration)]
    pub confirm: Option<Duration>,
    /// What comes before the first trial; 0s for nothing [default: 5s]
    #[arg(long, value_name = "LENGTH", value_parser = parse_duration)]
    pub warmup: Option<Duration>,
    /// Start the target afresh for each trial
    #[arg(long)]
    pub restart: bool,
    /// Decides arrivals and choices [default: the scenario's]
    #[arg(long)]
    pub seed: Option<u64>,
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

impl CapacityArgs {
    /// The load as several generators share it.
    pub fn asked(&self) -> Asked<'_> {
        Asked { file: &self.scenario, fleet: &self.fleet, loading: &self.loading, lasting: None }
    }
}
