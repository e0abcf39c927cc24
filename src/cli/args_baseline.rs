//! What the user typed for stored baselines: `baseline`, `compare` and `history`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::args_gate::GateArgs;
use crate::cli::args_shared::{Inconclusive, TextArgs};

/// Examples of `loadgate baseline`.
pub const BASELINE_EXAMPLES: &str = "\
Examples:
  loadgate baseline accept reports/orders/latest --note 'release 1.4'
  loadgate baseline show baselines/orders.json
  loadgate baseline list
  loadgate baseline remove baselines/orders.json --last";

/// Examples of `loadgate compare`.
pub const COMPARE_EXAMPLES: &str = "\
Examples:
  loadgate compare baselines/orders.json reports/orders/latest
  loadgate compare baselines/orders.json reports/orders/latest --tolerance 20% --metrics p50,p95
  loadgate compare reports/orders/2026-01-01T10-00-00Z reports/orders/latest";

/// Examples of `loadgate history`.
pub const HISTORY_EXAMPLES: &str = "\
Examples:
  loadgate history reports/orders
  loadgate history reports/orders -o reports/trend";

/// `loadgate baseline`
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Add a run to a baseline, or begin one with it
    Accept(AcceptArgs),
    /// Print a baseline: its runs, their spread, and what it can see
    Show {
        /// A baseline
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Print a line for each baseline of a folder
    List {
        /// The folder
        #[arg(default_value = "baselines", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Take a run out of a baseline; with the last one the file goes
    Remove(RemoveArgs),
}

/// `loadgate baseline accept`
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// A run folder, or its run.json
    #[arg(value_hint = ValueHint::AnyPath)]
    pub run: PathBuf,
    /// The baseline [default: baselines/SCENARIO.json]
    #[arg(short, long, value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// A word on the run, such as the release
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Accept it although it is unfinished, invalid, or misses an SLO
    #[arg(long)]
    pub force: bool,
}

/// `loadgate baseline remove`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct RemoveArgs {
    /// A baseline
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The run, by its start as `baseline show` prints it
    #[arg(group = "which")]
    pub started: Option<String>,
    /// The run that was accepted last
    #[arg(long, group = "which")]
    pub last: bool,
}

/// `loadgate compare`
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A baseline, a run folder, or a run.json
    #[arg(value_hint = ValueHint::AnyPath)]
    pub baseline: PathBuf,
    /// The run to judge: its folder, or its run.json
    #[arg(value_hint = ValueHint::AnyPath)]
    pub candidate: PathBuf,
    /// What the gate accepts.
    #[command(flatten)]
    pub gate: GateArgs,
    /// What an inconclusive comparison counts as [default: exit code 5]
    #[arg(long, value_name = "AS")]
    pub inconclusive: Option<Inconclusive>,
    /// How the result is printed.
    #[command(flatten)]
    pub print: TextArgs,
}

/// `loadgate history`
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// A scenario's folder with its run folders, or runs
    #[arg(required = true, value_name = "FOLDER|RUN", value_hint = ValueHint::AnyPath)]
    pub indexes: Vec<PathBuf>,
    /// Where history.svg and history.json go [default: nowhere]
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: Option<PathBuf>,
}
