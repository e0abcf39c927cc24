//! What to send, how hard, and what is good enough.
//!
//! A file comes in, one checked and immutable [`model::Scenario`] goes out, or all
//! of the file's mistakes with line and column. `raw` mirrors the file as written,
//! `read` finds the mistakes, `model`, `load` and `slo` are what the rest of the
//! crate sees. Nothing here knows how requests are sent or judged.

pub mod adhoc;
mod attachments;
#[cfg(test)]
mod bare_step;
pub mod body;
pub mod branch;
pub mod ceiling;
mod check;
pub mod checks;
pub mod comparison;
mod convert;
pub mod course;
pub mod data;
mod decoded;
mod document;
mod entities;
mod entries;
pub mod env_file;
mod environment;
pub mod extraction;
pub mod flow;
mod foreign;
pub mod gauge;
mod guessable;
pub mod http_address;
pub mod ids;
mod json;
pub mod json_path;
pub mod json_schema;
pub mod limits;
pub mod load;
pub mod model;
pub mod origin;
pub mod problems;
mod raw;
mod raw_body;
mod raw_check;
mod raw_data;
mod raw_demo;
mod raw_extract;
mod raw_http2;
mod raw_limits;
mod raw_load;
mod raw_login;
mod raw_metrics;
mod raw_slo;
mod raw_streams;
mod raw_target;
mod raw_tenants;
pub mod read;
pub mod routing;
pub mod schema;
pub mod secrets;
pub mod slo;
pub mod slots;
mod spellings;
mod stray;
pub mod stream;
pub mod stress;
mod structure;
pub mod sum;
mod tags;
pub mod template;
pub mod tenants;
pub mod think;
pub mod watch;
pub mod wave;
pub mod yaml;
mod yaml_scalar;
