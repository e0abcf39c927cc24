//! What the user typed after `loadgate duet`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use crate::cli::args_fleet::AloneArgs;
use crate::cli::args_gate::{GateArgs, tolerance};
use crate::cli::args_shared::{Clock, Inconclusive, PrintArgs, WayArgs};
use crate::units::{Rate, Ratio, parse_duration};

/// Examples of `loadgate duet`.
pub const DUET_EXAMPLES: &str = "\
Examples:
  loadgate duet scenarios/orders.json --baseline-ref origin/main
  loadgate duet scenarios/orders.json --baseline ../release-1.4
  loadgate duet scenarios/orders.json --baseline-ref origin/main --within 10m
  loadgate duet scenarios/orders.json --baseline-ref v1.4 \\
      --start-noise reports/orders/latest-noise/noise.json
  loadgate duet scenarios/orders.json --baseline 'node old-server.js' --tolerance 10%
  loadgate duet scenarios/orders.json --baseline http://127.0.0.1:3001 \\
      --candidate http://127.0.0.1:3002 -R 200 --segment 30s

Both arms get their port in $PORT (\"port_variable\" of \"target\" names another variable)
and their name in $LOADGATE_ARM. `loadgate --help` lists the exit codes.";

/// `loadgate duet`
#[derive(Debug, Args)]
pub struct DuetArgs {
    /// A scenario file
    #[arg(value_hint = ValueHint::FilePath)]
    pub scenario: PathBuf,
    /// Refused with a reason.
    #[command(flatten)]
    pub alone: AloneArgs,
    /// What is compared with: a URL where it runs, a folder to start the scenario's command
    /// in, or a command
    #[arg(
        long,
        value_name = "URL|FOLDER|COMMAND",
        conflicts_with = "baseline_ref",
        required_unless_present = "baseline_ref"
    )]
    pub baseline: Option<String>,
    /// What is compared with: a git ref, checked out into a worktree of its own
    #[arg(long, value_name = "REF")]
    pub baseline_ref: Option<String>,
    /// What makes the worktree ready to start, such as 'npm ci' [default: "prepare" of the
    /// scenario's target]
    #[arg(long, value_name = "COMMAND", requires = "baseline_ref")]
    pub prepare: Option<String>,
    /// What is judged [default: the scenario's target]
    #[arg(long, value_name = "URL|FOLDER|COMMAND")]
    pub candidate: Option<String>,
    /// What the gate accepts.
    #[command(flatten)]
    pub gate: GateArgs,
    /// The largest change of the CPU time per request that is accepted
    #[arg(long, value_name = "SHARE", default_value = "4%", value_parser = tolerance)]
    pub cpu_tolerance: Ratio,
    /// How long it may take, from the first start of an arm on; it ends as soon as it is decided.
    /// How many segments of which length that gives follows from how long a start takes
    /// [default: 3m]
    #[arg(long, value_name = "LENGTH", conflicts_with = "pilot", value_parser = parse_duration)]
    pub within: Option<Duration>,
    /// Most segments [default: what fits into --within; 5 with --pilot]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    pub segments: Option<u32>,
    /// How segments are measured
    #[command(flatten)]
    pub course: CourseArgs,
    /// What an inconclusive comparison counts as [default: exit code 5]
    #[arg(long, value_name = "AS")]
    pub inconclusive: Option<Inconclusive>,
    /// How the result is printed.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// How segments are measured.
#[derive(Debug, Args)]
pub struct CourseArgs {
    /// Judged length of a segment [default: in a duet what fits into --within, else 60s]
    #[arg(long, value_name = "LENGTH", value_parser = parse_duration)]
    pub segment: Option<Duration>,
    /// Warm-up of each segment [default: the scenario's, else 10s; with --within at most 5s]
    #[arg(long, value_name = "LENGTH", value_parser = parse_duration)]
    pub warmup: Option<Duration>,
    /// Length of a pilot that tells what can be seen; 0s for none [default: 20s; with --within
    /// the first segment is the pilot]
    #[arg(long, value_name = "LENGTH", value_parser = parse_duration)]
    pub pilot: Option<Duration>,
    /// Arrivals per second and arm [default: the scenario's]
    #[arg(short = 'R', long)]
    pub rate: Option<Rate>,
    /// Decides arrivals and choices [default: the scenario's]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Both arms at once, or in turns where the machine is small
    #[arg(long, value_enum, default_value_t = MethodArg::Auto)]
    pub method: MethodArg,
    /// By how much response times differ from one start of a process to the next: a share,
    /// or what `loadgate noise` has measured here
    #[arg(long, value_name = "SHARE|FILE", default_value = "1%", value_parser = start_noise)]
    pub start_noise: StartNoiseArg,
    /// Where folders go: `DIR/<scenario>/<UTC time>`
    #[arg(short, long, value_name = "DIR", default_value = "reports", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
    /// Whom it may load, and how it gets there
    #[command(flatten)]
    pub way: WayArgs,
    /// A file of environment variables for `${NAME}` [default: .env in the working directory,
    /// if there is one]; what the environment has comes first
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub env_file: Option<PathBuf>,
    /// What stamps the end of a response [default: kernel where it can]
    #[arg(long, value_name = "CLOCK")]
    pub receive_clock: Option<Clock>,
}

impl CourseArgs {
    /// The pilot of a course of given segments.
    pub fn pilot(&self) -> Duration {
        self.pilot.unwrap_or(Duration::from_secs(20))
    }
}

/// How the arms are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MethodArg {
    /// At once, unless the pilot finds the machine too small
    Auto,
    /// At once
    Interleaved,
    /// In turns of 5 s, in the order ABBA; twice as long
    Alternating,
}

/// Where `σ_p` is from.
#[derive(Debug, Clone, PartialEq)]
pub enum StartNoiseArg {
    /// It was given.
    Share(Ratio),
    /// A `noise.json`, or the folder that has it.
    File(PathBuf),
}

fn start_noise(text: &str) -> Result<StartNoiseArg, String> {
    if let Ok(share) = text.parse::<Ratio>() {
        return Ok(StartNoiseArg::Share(share));
    }
    let path = PathBuf::from(text);
    let wrong = || format!("\"{text}\" is neither a share such as 1% nor a file that exists");
    path.exists().then_some(StartNoiseArg::File(path)).ok_or_else(wrong)
}
