//! The waist: plain data about one run.
//!
//! The engine and the target monitor write it; analysis and reports read it. On
//! disk it is `run.json` and `intervals.hlog`. Nothing here measures, judges or
//! draws.

pub mod histogram;
pub mod interval;
pub mod outcome;
pub mod run;
pub mod sample;
pub mod telemetry;
