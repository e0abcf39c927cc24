//! The system under test: started, watched, stopped.
//!
//! `process` starts the target's command under a `supervisor`, which outlives
//! loadgate by as much as it takes to stop what was started; `output` keeps what
//! it prints. `ready` waits until it answers. Once a second `monitor` asks
//! `procfs` what the target uses and, over `fetch` and `prometheus`, what it says
//! of itself, as far as `gauges` knows it; `machine` does the same for the machine, `clocks` for
//! its clocks.
//!
//! A `checkout` is the target as it is at another git ref, made ready by a `one_shot` command and
//! removed by a `cleaner`, however loadgate ends; a free `port` lets it run beside the
//! first. Nothing here sends load or judges.

pub mod checkout;
mod cleaner;
pub mod clocks;
pub(crate) mod fetch;
pub mod gauges;
pub mod git;
pub mod host;
mod last_words;
pub mod leash;
pub mod machine;
pub mod monitor;
pub mod one_shot;
mod output;
pub mod port;
pub mod process;
pub mod procfs;
pub mod prometheus;
pub mod ready;
pub mod start_error;
pub mod supervisor;
