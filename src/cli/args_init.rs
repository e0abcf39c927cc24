//! What the user typed after `loadgate init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// Examples of `loadgate init`.
pub const INIT_EXAMPLES: &str = "\
Examples:
  loadgate init
  loadgate init --yes --ci github
  loadgate init packages/api --dry-run

It writes scenarios/api.json, scenarios/slo.json and their schemas, the scripts
test:performance and test:performance:duet of package.json, a line of .gitignore and, with
--ci, the workflow. What somebody else wrote is replaced only if you say so: on a terminal it
asks, elsewhere it writes nothing and exits with 2, unless --force is given.";

/// `loadgate init`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct InitArgs {
    /// The folder of the project, with its package.json
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Ask nothing: build and start the app once to see its routes, and write the files
    #[arg(short, long)]
    pub yes: bool,
    /// Do not start the app; the scenario is made of what its files say
    #[arg(long)]
    pub no_start: bool,
    /// Replace files and scripts that are there and say something else
    #[arg(long)]
    pub force: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Also write a workflow that runs a duet for each pull request
    #[arg(long, value_name = "SERVICE")]
    pub ci: Option<CiService>,
}

/// Who runs the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CiService {
    /// .github/workflows/performance.yml
    Github,
    /// .gitlab/performance.yml
    Gitlab,
}
