//! What several commands have in common of what the user typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::scenario::routing::Caller;

/// What stamps the end of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Clock {
    /// The kernel, when it receives the packet; costs about 1 µs per response
    Kernel,
    /// The generator, when it reads; its own delays count as the target's
    Generator,
}

/// What an inconclusive run counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Inconclusive {
    /// Exit code 0
    Pass,
    /// Exit code 3
    Fail,
}

/// How a result is printed that leaves no reports.
#[derive(Debug, Clone, Copy, Args)]
pub struct TextArgs {
    /// Print the summary as JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// No colours (as with `NO_COLOR`)
    #[arg(long)]
    pub no_color: bool,
    /// No progress on standard error
    #[arg(short, long)]
    pub quiet: bool,
}

/// How the result is printed, and what becomes of the reports.
#[derive(Debug, Clone, Copy, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct PrintArgs {
    /// Print the summary as JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// No colours (as with `NO_COLOR`)
    #[arg(long)]
    pub no_color: bool,
    /// No progress on standard error
    #[arg(short, long)]
    pub quiet: bool,
    /// Open report.html in the browser at the end
    #[arg(long)]
    pub open: bool,
    /// Do not append summary.md to the job's page, the file in `GITHUB_STEP_SUMMARY`
    #[arg(long)]
    pub no_step_summary: bool,
}

/// Whom a command may load, and how it gets there.
#[derive(Debug, Clone, Default, Args)]
pub struct WayArgs {
    /// A host other than loopback that may be loaded; may be given several times
    #[arg(long = "allow-host", value_name = "HOST")]
    pub allow_hosts: Vec<String>,
    /// Where a port of a host is found, whatever the system says of its name, as curl has it;
    /// may be given several times
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    pub resolve: Vec<String>,
    /// An address of this machine that connections come from; several are used in turn
    #[arg(long = "local-addr", value_name = "ADDRESS")]
    pub local_addresses: Vec<String>,
}

impl WayArgs {
    /// As scenarios are read with it.
    pub fn caller(&self) -> Caller {
        let (allow, resolve) = (self.allow_hosts.clone(), self.resolve.clone());
        Caller { allow, resolve, local: self.local_addresses.clone(), has_arms: false }
    }
}

/// Whom a command may load, and where it leaves what it finds.
#[derive(Debug, Clone, Args)]
pub struct LoadingArgs {
    /// Where folders go: `DIR/<scenario>/<UTC time>`
    #[arg(short, long, value_name = "DIR", default_value = "reports", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
    /// Whom it may load, and how it gets there
    #[command(flatten)]
    pub way: WayArgs,
    /// Do not walk each flow once before the load
    #[arg(long)]
    pub no_walk: bool,
    /// A file of environment variables for `${NAME}` [default: .env in the working directory,
    /// if there is one]; what the environment has comes first
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub env_file: Option<PathBuf>,
    /// What an inconclusive result counts as [default: exit code 5]
    #[arg(long, value_name = "AS")]
    pub inconclusive: Option<Inconclusive>,
    /// What stamps the end of a response [default: kernel where it can]
    #[arg(long, value_name = "CLOCK")]
    pub receive_clock: Option<Clock>,
}
