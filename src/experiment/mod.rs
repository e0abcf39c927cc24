//! Trials in the right order: starts the target, loads it, and brings back the record.
//!
//! The only place where engine and target meet. What a record means is for analysis.

mod address;
pub mod arm;
mod beginning;
mod beside;
pub mod capacity;
pub mod carried;
pub mod carry;
pub mod control;
mod cooldown;
mod crew;
pub mod crowd;
pub mod duet;
mod errand;
pub mod event;
pub mod head;
mod heard_later;
pub mod hopeless;
mod idle;
pub mod measured;
pub mod noise;
pub mod others;
mod relocation;
pub mod resources;
pub mod resume;
pub mod search;
mod segment;
mod session;
pub mod share;
mod shown_certificate;
mod side;
pub mod soak;
pub mod start;
mod steered;
pub mod stress;
pub mod trial;
pub mod trial_error;
mod trial_load;
mod tryout;
mod used_up;
pub mod walk;
mod watcher;
