//! loadgate: an open-loop HTTP load generator that audits itself and ends in a verdict.
#![warn(missing_docs)]

pub mod analysis;
pub mod cli;
pub mod demo;
pub mod engine;
pub mod experiment;
pub mod record;
pub mod report;
pub mod scenario;
pub mod schedule;
pub mod target;
pub mod units;
