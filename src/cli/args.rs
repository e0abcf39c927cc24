//! What the user typed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::cli::args_baseline::{
    BASELINE_EXAMPLES, BaselineCommand, COMPARE_EXAMPLES, CompareArgs, HISTORY_EXAMPLES,
    HistoryArgs,
};
use crate::cli::args_capacity::{CAPACITY_EXAMPLES, CapacityArgs};
use crate::cli::args_duet::{DUET_EXAMPLES, DuetArgs};
use crate::cli::args_fleet::{
    AGENT_EXAMPLES, AgentArgs, Asked, CompletingArgs, FleetArgs, WATCH_EXAMPLES, WatchArgs,
};
use crate::cli::args_gate::GateArgs;
use crate::cli::args_init::{INIT_EXAMPLES, InitArgs};
use crate::cli::args_noise::{NOISE_EXAMPLES, NoiseArgs};
use crate::cli::args_plan::{PLAN_EXAMPLES, PlanArgs};
use crate::cli::args_shared::{Inconclusive, LoadingArgs, PrintArgs, WayArgs};
use crate::cli::args_soak::{SOAK_EXAMPLES, SoakArgs};
use crate::cli::args_stress::{STRESS_EXAMPLES, StressArgs};
use crate::cli::exit;
use crate::units::{Rate, parse_duration};

/// An open-loop load generator for HTTP APIs that audits itself and ends in a verdict.
#[derive(Debug, Parser)]
#[command(
    name = "loadgate",
    version,
    about,
    after_help = exit::TABLE,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replay a scenario, judge it against its SLOs, write the run folder
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// Compare a candidate with a baseline, side by side on this machine
    #[command(after_help = DUET_EXAMPLES)]
    Duet(Box<DuetArgs>),
    /// Find the highest rate within the objectives, by many short trials
    #[command(after_help = CAPACITY_EXAMPLES)]
    Capacity(Box<CapacityArgs>),
    /// Compare the target with itself: this machine's noise, and what a duet can see here
    #[command(after_help = NOISE_EXAMPLES)]
    Noise(Box<NoiseArgs>),
    /// Keep the scenario's load up for hours: does anything leak or drift?
    #[command(after_help = SOAK_EXAMPLES)]
    Soak(Box<SoakArgs>),
    /// Ramp the target up until it breaks; say how it fails and whether it comes back
    #[command(after_help = STRESS_EXAMPLES)]
    Stress(Box<StressArgs>),
    /// Wait for work of a coordinator, and carry out a share of its load
    #[command(after_help = AGENT_EXAMPLES)]
    Agent(AgentArgs),
    /// Watch a target's processes where they are, for runs of several generators
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(WatchArgs),
    /// Validate a scenario and print what a run of it would do and could certify
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Write a first scenario for a Node project, and what belongs beside it
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArgs),
    /// Judge and render a stored run again, also one that was killed
    #[command(
        after_help = "Examples:\n  loadgate report reports/orders/latest\n  loadgate report reports/orders/latest --json | jq .verdict\n  loadgate report reports/orders/latest --template docs > docs/performance-gate.md"
    )]
    Report(ReportArgs),
    /// Keep the numbers of accepted runs in a file, to judge later runs by
    #[command(after_help = BASELINE_EXAMPLES)]
    Baseline {
        /// What to do with it.
        #[command(subcommand)]
        command: BaselineCommand,
    },
    /// Judge a stored run by a baseline, or by another run
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArgs),
    /// Print the trend of past runs, and where it changed
    #[command(after_help = HISTORY_EXAMPLES)]
    History(HistoryArgs),
    /// Work out when growth reaches the capacity: headroom, instances, the date, the cost
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Explain a word of a report: what it means, why it matters, what to do
    #[command(
        after_help = "Examples:\n  loadgate explain p95\n  loadgate explain inconclusive\n  loadgate explain send lag"
    )]
    Explain(ExplainArgs),
    /// Print a JSON Schema
    #[command(
        after_help = "Examples:\n  loadgate schema > scenario.schema.json\n  loadgate schema summary"
    )]
    Schema(SchemaArgs),
    /// Serve the embedded demo API until interrupted
    #[command(
        after_help = "Examples:\n  loadgate demo --port 3000\n  loadgate run http://127.0.0.1:3000/products -R 200 -d 20s"
    )]
    Demo(DemoArgs),
    /// Print a completion script for a shell
    #[command(
        after_help = "Examples:\n  loadgate completions bash > /etc/bash_completion.d/loadgate"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of loadgate, or of one of its commands (roff)
    #[command(
        after_help = "Examples:\n  loadgate man > loadgate.1\n  loadgate man run > loadgate-run.1"
    )]
    Man {
        /// The command
        command: Option<String>,
    },
}

const RUN_EXAMPLES: &str = "\
Examples:
  loadgate run scenarios/quickstart.json
  loadgate run scenarios/orders.json -o reports --json
  loadgate run scenarios/orders.json --baseline baselines/orders.json --tolerance 20%
  loadgate run scenarios/orders.json --generators 4
  loadgate run http://127.0.0.1:3000/health -R 500 -d 30s -c 64
  loadgate run http://127.0.0.1:3000/health -c 64 -d 30s
  loadgate run http://127.0.0.1:3000/orders -R 50 -d 1m --slo 'p99 < 250ms' \\
      -H 'content-type: application/json' -b '{\"sku\":\"a\",\"quantity\":1}'

`loadgate --help` lists the exit codes.";

/// `loadgate run`
#[derive(Debug, Args)]
#[command(mut_args(with_baseline))]
pub struct RunArgs {
    /// A scenario file, or the URL to load
    #[arg(value_name = "SCENARIO|URL", value_hint = ValueHint::FilePath)]
    pub scenario: String,
    /// Requests per second: -R 500, -R 30/min; or give -c alone (with a URL)
    #[arg(short = 'R', long, value_parser = parse::<Rate>, help_heading = URL)]
    pub rate: Option<Rate>,
    /// How long, with the warm-up: 30s, 5m [default: 30s] (with a URL)
    #[arg(short, long, value_parser = parse_duration, help_heading = URL)]
    pub duration: Option<Duration>,
    /// How much of it stays outside the verdict [default: 10s, at most a quarter] (with a URL)
    #[arg(long, value_parser = parse_duration, help_heading = URL)]
    pub warmup: Option<Duration>,
    /// Most open connections [default: 1000]; without -R so many users, each with a connection,
    /// who wait for an answer before they ask again (with a URL)
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(1..), help_heading = URL)]
    pub connections: Option<u32>,
    /// The method [default: GET, with a body POST] (with a URL)
    #[arg(short, long, help_heading = URL)]
    pub method: Option<String>,
    /// A header, `name: value`; may be given several times (with a URL)
    #[arg(short = 'H', long = "header", value_name = "HEADER", value_parser = header, help_heading = URL)]
    pub headers: Vec<(String, String)>,
    /// The body; `@FILE` reads it from a file (with a URL)
    #[arg(short, long, help_heading = URL)]
    pub body: Option<String>,
    /// An objective, such as 'p99 < 250ms'; may be given several times (with a URL)
    #[arg(long = "slo", value_name = "SLO", help_heading = URL)]
    pub slos: Vec<String>,
    /// The time limit of a request [default: 10s] (with a URL)
    #[arg(long, value_parser = parse_duration, help_heading = URL)]
    pub timeout: Option<Duration>,
    /// Decides arrivals and choices (with a URL)
    #[arg(long, help_heading = URL)]
    pub seed: Option<u64>,
    /// Trust the certificates of this file instead of the system's (with a URL)
    #[arg(long, value_name = "FILE", help_heading = URL)]
    pub ca: Option<String>,
    /// Our own certificate, for a target that demands one; needs --key (with a URL)
    #[arg(long, value_name = "FILE", help_heading = URL)]
    pub cert: Option<String>,
    /// The key of --cert (with a URL)
    #[arg(long, value_name = "FILE", help_heading = URL)]
    pub key: Option<String>,
    /// Take every certificate; every report says so (with a URL)
    #[arg(long, help_heading = URL)]
    pub insecure: bool,
    /// Judge by the accepted runs of this file as well
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = BASELINE)]
    pub baseline: Option<PathBuf>,
    /// What the gate accepts.
    #[command(flatten)]
    pub gate: GateArgs,
    /// End with the first objective that is missed for certain; never as passed
    #[arg(long)]
    pub fail_fast: bool,
    /// Go on with the run of this folder, which was interrupted or killed; with its scenario
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "baseline")]
    pub resume: Option<PathBuf>,
    /// Who shares the load.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Where it loads and leaves what it finds.
    #[command(flatten)]
    pub loading: LoadingArgs,
    /// How the result is printed.
    #[command(flatten)]
    pub print: PrintArgs,
}

const URL: &str = "Without a scenario file";
const BASELINE: &str = "With a baseline";

/// What the gate accepts means nothing without a baseline.
impl RunArgs {
    /// What of it concerns several generators.
    pub fn asked(&self) -> Asked<'_> {
        let (file, fleet, loading) = (Path::new(&self.scenario), &self.fleet, &self.loading);
        Asked { file, fleet, loading, lasting: None }
    }
}

fn with_baseline(flag: Arg) -> Arg {
    match flag.get_id().as_str() {
        "tolerance" | "metrics" => flag.requires("baseline").help_heading(BASELINE),
        _ => flag,
    }
}

const CHECK_EXAMPLES: &str = "\
Examples:
  loadgate check scenarios/orders.json
  loadgate check scenarios/orders.json --once
  loadgate check scenarios/orders.json --curl > orders.sh
  loadgate check scenarios/checkout.yaml --env-file .env.test

--once ends in 0 if every step worked, in 6 if one did not, in 7 without a target.";

/// `loadgate check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A scenario file
    #[arg(value_hint = ValueHint::FilePath)]
    pub scenario: PathBuf,
    /// Walk each flow once against the target and show every request and answer
    #[arg(long)]
    pub once: bool,
    /// Print the requests as curl commands, with secrets as variables
    #[arg(long)]
    pub curl: bool,
    /// Whom it may load, and how it gets there
    #[command(flatten)]
    pub way: WayArgs,
    /// A file of environment variables for `${NAME}` [default: .env in the working directory,
    /// if there is one]; what the environment has comes first
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub env_file: Option<PathBuf>,
}

/// `loadgate report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A run folder, or its run.json; or that of a soak, a duet, of noise, of a search for capacity
    /// or of a stress test
    #[arg(value_hint = ValueHint::AnyPath)]
    pub run: PathBuf,
    /// Where the rendered files go [default: into the run folder]
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: Option<PathBuf>,
    /// Print a page with the figures of a run in its places, and write nothing: `docs`, the page of
    /// docs/sre/performance-gate.md, or a page of your own in Markdown
    #[arg(long, value_name = "docs|PAGE", conflicts_with_all = ["output", "json", "open"], value_hint = ValueHint::FilePath)]
    pub template: Option<String>,
    /// What an inconclusive run counts as [default: exit code 5]
    #[arg(long, value_name = "AS")]
    pub inconclusive: Option<Inconclusive>,
    /// Where what generators told may still be.
    #[command(flatten)]
    pub completing: CompletingArgs,
    /// How the result is printed.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// `loadgate explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A word, such as p95 or a finding; without one all are listed
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
}

/// `loadgate schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of which file
    #[arg(default_value = "scenario")]
    pub of: SchemaOf,
}

/// The files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// A scenario
    Scenario,
    /// A shared file of objectives
    Slo,
    /// run.json
    Run,
    /// summary.json, which --json prints
    Summary,
    /// duet.json
    Duet,
    /// comparison.json, which `duet --json` prints
    Comparison,
    /// noise.json, which `noise --json` prints
    Noise,
    /// soak.json
    Soak,
    /// stress.json
    Stress,
    /// summary.json of a stress test, which `stress --json` prints
    StressSummary,
    /// capacity.json, which `capacity --json` prints
    Capacity,
    /// A baseline
    Baseline,
    /// plan.json, which `plan --json` prints
    Plan,
    /// A line of exchanges.jsonl
    Exchange,
}

/// `loadgate demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The port; 0 takes a free one
    #[arg(short, long, default_value_t = 3000)]
    pub port: u16,
    /// By TLS, with a test certificate whose key everybody knows (load it with --insecure)
    #[arg(long)]
    pub tls: bool,
    /// HTTP/2 in the clear; by TLS it is agreed upon anyway
    #[arg(long)]
    pub http2: bool,
}

fn parse<T: std::str::FromStr<Err = crate::units::UnitError>>(
    text: &str,
) -> Result<T, crate::units::UnitError> {
    text.parse()
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| "expected a header such as \"accept: application/json\"".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl RunArgs {
    /// The flags that were given and mean something only with a URL.
    pub fn flags_for_url(&self) -> Vec<&'static str> {
        let given = [
            (self.rate.is_some(), "-R"),
            (self.duration.is_some(), "-d"),
            (self.warmup.is_some(), "--warmup"),
            (self.connections.is_some(), "-c"),
            (self.method.is_some(), "-m"),
            (!self.headers.is_empty(), "-H"),
            (self.body.is_some(), "-b"),
            (!self.slos.is_empty(), "--slo"),
            (self.timeout.is_some(), "--timeout"),
            (self.seed.is_some(), "--seed"),
            (self.ca.is_some(), "--ca"),
            (self.cert.is_some(), "--cert"),
            (self.key.is_some(), "--key"),
            (self.insecure, "--insecure"),
        ];
        given.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn headers_need_a_colon() {
        assert_eq!(header("a: b:c"), Ok(("a".to_owned(), "b:c".to_owned())));
        assert!(header("nothing").is_err());
    }
}
