//! Made-up runs and comparisons for the unit tests of reports, and their golden files.
//!
//! Compiled for tests only, as a module of `report`.

pub(crate) mod comparisons;
pub(crate) mod golden;
pub(crate) mod plans;
pub(crate) mod runs;
