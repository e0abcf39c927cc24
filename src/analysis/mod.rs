//! Run record in, assessment out.
//!
//! Pure: no files, no clock, no threads, no randomness of its own. The answer for a
//! record never changes.

pub mod assessment;
