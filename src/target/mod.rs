//! The system under test: started, watched, stopped.
//!
//! `process` starts the target's command under a `supervisor`, which outlives
//! loadgate by as much as it takes to stop what was started; `output` keeps what
//! it prints. `ready` waits until it answers. Once a second `monitor` asks
//! `procfs` what the target uses and, over `fetch` and `prometheus`, what it says
//! of itself; `machine` does the same for the machine, `clocks` for its clocks.
//!
//! A `checkout` is the target as it is at another git ref, made ready by an `errand` and
//! removed by a `janitor`, however loadgate ends; a free `port` lets it run beside the
//! first. Nothing here sends load or judges.

pub mod checkout;
pub mod clocks;
pub mod errand;
mod fetch;
pub mod git;
pub mod host;
mod janitor;
pub mod leash;
pub mod machine;
pub mod monitor;
mod output;
pub mod port;
pub mod process;
pub mod procfs;
pub mod prometheus;
pub mod ready;
pub mod start_error;
pub mod supervisor;
