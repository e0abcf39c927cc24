//! loadgate: an open-loop HTTP load generator that audits itself and ends in a verdict.
#![warn(missing_docs)]

pub mod analysis;
pub mod record;
pub mod report;
pub mod scenario;
pub mod units;
