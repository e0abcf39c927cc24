//! The metrics of a comparison, in each format: part of the report of a duet, and of that of a run
//! that was judged by a baseline as well.
//!
//! Knows what several reports are made of, not the reports.

pub(in crate::report) mod html;
pub(in crate::report) mod junit;
pub(in crate::report) mod markdown;
pub(in crate::report) mod terminal;
