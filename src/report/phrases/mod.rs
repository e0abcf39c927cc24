//! Phrases that subjects and charts share, so that all of them say the same thing in the
//! same words.
//!
//! Texts that leave here may hold what a target or a file said; who takes them makes them
//! plain.

pub(super) mod comparison;
pub(super) mod gauges;
pub(super) mod load;
pub(super) mod neighbours;
pub(super) mod run;
pub(super) mod tenants;
