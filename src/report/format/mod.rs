//! One file or folder per format; each writes every [`Document`](super::document::Document).
//!
//! `json` is the exception: what other programs read has a form of its own for each
//! subject, which is versioned and has a schema.
//!
//! Everything in a document may come from a target: each format escapes all that it gives
//! a meaning to.

mod escaping;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod terminal;
