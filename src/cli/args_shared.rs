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

/// How the result is printed.
#[derive(Debug, Clone, Copy, Args)]
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
}
