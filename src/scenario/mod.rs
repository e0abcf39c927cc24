//! What to send, how hard, and what is good enough.
//!
//! A file comes in, one checked and immutable [`model::Scenario`] goes out, or all
//! of the file's mistakes with line and column. `raw` mirrors the file as written,
//! `read` finds the mistakes, `model`, `load` and `slo` are what the rest of the
//! crate sees. Nothing here knows how requests are sent or judged.

pub mod load;
pub mod model;
pub mod slo;
pub mod template;
