//! Run record in, assessment out.
//!
//! Pure: no files, no clock, no threads, no randomness of its own. The answer for a
//! record never changes. [`assess::assess`] is the way in: `window` and `settle` choose
//! what is judged, `run_data` puts it together, `slo` weighs the `evidence` for each
//! objective with the doubts of `audit`, or what `gauge_limit` saw of the target, `worked` asks whether each step ever did,
//! `findings` and `hints` say what else was seen, and `verdict` decides. `plan` says before a run what it can show at best.

pub mod accepted;
pub mod apart;
pub mod assess;
pub mod assessment;
pub mod attribution;
pub mod audit;
pub mod budget_burn;
pub mod capacity;
pub mod capacity_plan;
pub mod certificate;
pub mod closed;
pub mod compare;
pub mod comparison;
pub mod controller;
pub mod correlated;
pub mod ended;
pub mod error_budget;
pub mod evidence;
pub mod exposed;
pub mod fail_fast;
pub mod failures;
pub mod filled;
pub mod finding;
pub mod findings;
pub mod forecast;
pub mod fullness;
pub mod gate;
pub mod gauge_limit;
pub mod gauges;
pub mod generator_health;
pub mod generator_seen;
pub mod hints;
pub mod history;
pub mod holm;
pub mod laps;
pub mod lateness;
pub mod loads;
pub mod memory;
pub mod mend;
pub mod messages;
pub mod needed;
pub mod neighbours;
pub mod neighbours_seen;
pub mod noise;
pub mod number_format;
pub mod open;
pub mod overview;
pub mod pairing;
pub mod plan;
pub mod power;
pub mod prediction;
pub mod ratios;
pub mod reasons;
pub mod run_data;
#[cfg(test)]
mod sample_records;
pub mod saturation;
pub mod scalability;
pub mod series;
pub mod settle;
mod shared;
mod shuffle;
pub mod slo;
pub mod slo_limit;
pub mod slo_measured;
pub mod slo_result;
pub mod soak;
pub mod starvation;
pub mod stats;
pub mod still;
pub mod stored;
pub mod stored_comparison;
pub mod stress;
pub mod stress_judged;
pub mod stress_repeat;
pub mod stress_result;
pub mod stress_steps;
pub mod stretch;
pub mod summary;
pub mod tail;
pub mod tenants;
pub mod throughput;
pub mod times;
pub mod totals;
pub mod unanswered;
pub mod unjudged;
pub mod verdict;
pub mod what_next;
pub mod window;
mod windows_met;
pub mod worked;
