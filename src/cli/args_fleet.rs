//! What the user typed of several generators.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use crate::cli::args_shared::LoadingArgs;
use crate::units::{Bytes, Rate};

const HEADING: &str = "With several generators";

/// Several generators share the load.
#[derive(Debug, Clone, Args)]
pub struct FleetArgs {
    /// So many generators share the load of a scenario file; without --via they and a nats-server
    /// are started on this machine
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = HEADING)]
    pub generators: Option<u32>,
    /// The server at which agents wait: nats://HOST:PORT or tls://HOST:PORT; a token comes from
    /// `LOADGATE_NATS_TOKEN`
    #[arg(long, value_name = "URL", requires = "generators", help_heading = HEADING)]
    pub via: Option<String>,
    /// The pool of agents
    #[arg(long, value_name = "NAME", default_value = "default", requires = "generators", help_heading = HEADING)]
    pub pool: String,
    /// What becomes of a run that loses a generator: `void` ends it without a verdict; `unsent` lets
    /// the others go on, and what the lost one had to send is judged as unsent
    #[arg(long, value_enum, default_value_t = Lost::Void, requires = "generators", help_heading = HEADING)]
    pub lost: Lost,
    /// Send the agents what the variables of the scenario are, sealed to each of them; else each has
    /// them in its own environment
    #[arg(long, requires = "generators", help_heading = HEADING)]
    pub send_secrets: bool,
    /// `loadgate watch` of the same pool watches the target's processes where they are; the run does
    /// not begin without it
    #[arg(long, requires = "via", help_heading = HEADING)]
    pub watched: bool,
    /// Trust the certificates of this file besides the system's when connecting to --via
    #[arg(long, value_name = "FILE", requires = "via", value_hint = ValueHint::FilePath, help_heading = HEADING)]
    pub via_ca: Option<PathBuf>,
    /// The credentials (.creds) that --via wants, in place of a token
    #[arg(long, value_name = "FILE", requires = "via", value_hint = ValueHint::FilePath, help_heading = HEADING)]
    pub via_creds: Option<PathBuf>,
}

impl FleetArgs {
    /// On how many machines generators are, as far as it was said.
    pub fn machines(&self) -> usize {
        self.via.as_ref().and(self.generators).map_or(1, |number| number as usize)
    }
}

/// What generators told of a run whose coordinator was killed.
#[derive(Debug, Clone, Args)]
pub struct CompletingArgs {
    /// Of a run whose coordinator was killed: complete its record first, from what its generators
    /// told the server nats://HOST:PORT or tls://HOST:PORT; a token comes from `LOADGATE_NATS_TOKEN`
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    pub via: Option<String>,
    /// Trust the certificates of this file besides the system's when connecting to --via
    #[arg(long, value_name = "FILE", requires = "via", value_hint = ValueHint::FilePath, help_heading = HEADING)]
    pub via_ca: Option<PathBuf>,
    /// The credentials (.creds) that --via wants, in place of a token
    #[arg(long, value_name = "FILE", requires = "via", value_hint = ValueHint::FilePath, help_heading = HEADING)]
    pub via_creds: Option<PathBuf>,
}

/// What becomes of a run that loses a generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lost {
    /// It ends, without a verdict.
    Void,
    /// What the lost one had to send is judged as unsent.
    Unsent,
}

/// A load that several generators are to share.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The scenario's file.
    pub file: &'a Path,
    /// How many, and where.
    pub fleet: &'a FleetArgs,
    /// What else was said of the load.
    pub loading: &'a LoadingArgs,
    /// How long it is played, if that is not what the scenario says.
    pub lasting: Option<Duration>,
}

/// Why a duet has.
pub const DUET: (&str, &str) =
    ("duet", "both arms are compared on one thread of one machine, at the same moments");

/// Flags of several generators, where they are refused with a reason.
#[derive(Debug, Clone, Args)]
pub struct AloneArgs {
    /// Not possible here
    #[arg(long, value_name = "N", hide = true)]
    pub generators: Option<u32>,
    /// Not possible here
    #[arg(long, value_name = "URL", hide = true)]
    pub via: Option<String>,
}

impl AloneArgs {
    /// Why a load of this kind cannot be shared, if it is to be.
    pub fn objection(&self, (command, why): (&str, &str)) -> Option<String> {
        let is_asked = self.generators.is_some() || self.via.is_some();
        is_asked.then(|| {
            format!(
                "several generators cannot share the load of {command}: {why}; \
                     run, soak, capacity and stress take --generators"
            )
        })
    }
}

/// Examples of `loadgate watch`.
pub const WATCH_EXAMPLES: &str = "\
Examples:
  loadgate watch --via nats://nats.example:4222 --port 3000
  loadgate watch --via tls://nats.example:4222 --pool eu --pid 4711

It runs beside the target, as its user, and sends it nothing. Runs with --watched have what it sees:
CPU time, memory, descriptors, threads, and what limits the control group. It ends on SIGINT or
SIGTERM; objectives on the target's processes of a run that it watches then hold for no run.";

/// `loadgate watch`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(false))]
pub struct WatchArgs {
    /// Watch this process and all that it has started
    #[arg(long, value_name = "PID", group = "whom", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,
    /// Watch whoever listens on this port of this machine, and all that it has started
    #[arg(long, value_name = "PORT", group = "whom", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Where it waits.
    #[command(flatten)]
    pub waiting: WaitingArgs,
}

/// Examples of `loadgate agent`.
pub const AGENT_EXAMPLES: &str = "\
Examples:
  loadgate agent --via nats://nats.example:4222 --allow-host staging.example.com
  loadgate agent --via tls://nats.example:4222 --pool eu --max-rate 5000

It ends on SIGINT or SIGTERM; a run that it takes part in then has no verdict.";

/// `loadgate agent`
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// Where it waits.
    #[command(flatten)]
    pub waiting: WaitingArgs,
    /// A host other than loopback that it may load, or a socket file (`unix:/run/app.sock`), whatever
    /// a scenario says; may be given several times
    #[arg(long = "allow-host", value_name = "HOST")]
    pub allow_hosts: Vec<String>,
    /// How many iterations of the schedule may fall due per second of its share: more is refused. An agent
    /// that stood still for less than 3 s begins at once what fell due meanwhile
    #[arg(long, value_name = "RATE")]
    pub max_rate: Option<Rate>,
    /// How much it keeps of what the server does not take, before it stops and names itself
    #[arg(long, value_name = "SIZE", default_value = "64MB")]
    pub spool: Bytes,
}

/// Where somebody waits for runs, and under which name.
#[derive(Debug, Args)]
pub struct WaitingArgs {
    /// The server at which it waits: nats://HOST:PORT or tls://HOST:PORT [default: `LOADGATE_VIA`];
    /// a token comes from `LOADGATE_NATS_TOKEN`
    #[arg(long, value_name = "URL")]
    pub via: Option<String>,
    /// Trust the certificates of this file besides the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub via_ca: Option<PathBuf>,
    /// The credentials (.creds) that the server wants, in place of a token
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub via_creds: Option<PathBuf>,
    /// The pool of the runs that it waits for
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub pool: String,
    /// What it is called in reports [default: the machine's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// End after one run
    #[arg(long)]
    pub once: bool,
    /// Say nothing
    #[arg(short, long)]
    pub quiet: bool,
}
