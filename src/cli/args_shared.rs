//! What several commands have in common of what the user typed.

use clap::{Args, ValueEnum};

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
