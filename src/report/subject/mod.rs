//! What can be reported on. Each subject describes itself as a
//! [`Document`](super::document::Document), which every format can write.
//!
//! `run`, `comparison`, `noise`, `capacity`, `stress`, `history`, `baseline`, `plan` and `walk` are
//! the subjects; `judgement`, `objectives`, `budget`, `metrics` and `failures` are what several of
//! them are made of. Nothing is computed here, and no format is known.

pub mod baseline;
mod budget;
pub mod capacity;
pub mod comparison;
mod failures;
mod generators;
pub mod history;
mod judgement;
mod loads;
mod metrics;
mod neighbours;
pub mod noise;
mod objectives;
mod past_runs;
pub mod plan;
pub mod run;
pub mod soak;
pub mod stress;
mod stress_repeats;
mod tenants;
pub mod walk;
