//! The system under test: started, watched, stopped.
//!
//! `process` starts the target's command under a `supervisor`, which outlives
//! loadgate by as much as it takes to stop what was started; `output` keeps what
//! it prints. `ready` waits until it answers. Once a second `monitor` asks
//! `procfs` what the target uses, `cgroup` and `pressure` what is left for it, over `fetch`,
//! `scrape` and `prometheus` what it says of itself, and `postgres` what its database says; `known` has the
//! gauges that are read of it, `watched` reads those that a scenario names, `counted` tells how much
//! what is counted grew, and `gauges` makes values of seconds of it all. `machine` does the same for the machine, `clocks` for its clocks.
//!
//! A `checkout` is the target as it is at another git ref, made ready by a `one_shot` command and
//! removed by a `cleaner`, however loadgate ends; a free `port` lets it run beside the
//! first. Nothing here sends load or judges.

pub mod buckets;
pub mod certificate;
pub mod cgroup;
pub mod checkout;
mod cleaner;
pub mod clocks;
pub mod counted;
#[cfg(target_os = "linux")]
mod descendants;
pub(crate) mod fetch;
mod fetch_http2;
pub mod gauges;
pub mod git;
mod greeting;
pub mod host;
pub mod known;
mod last_words;
pub mod leash;
pub mod machine;
pub mod monitor;
pub mod one_shot;
mod output;
pub mod port;
pub mod postgres;
mod postgres_tls;
pub mod pressure;
pub mod process;
pub mod procfs;
pub mod prometheus;
#[cfg(target_os = "linux")]
mod queued;
pub mod ready;
pub mod scrape;
#[cfg(target_os = "linux")]
mod settled;
pub mod socket_file;
pub mod start_error;
pub mod statement;
pub mod supervisor;
mod switches;
pub mod watched;
