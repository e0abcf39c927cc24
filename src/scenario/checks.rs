//! What must hold for the answer to a step besides its status.
//!
//! A check has a subject, which is a part of the answer, and a test. What a test compares with may
//! be filled in, and is when the answer is there.

use std::sync::Arc;

use regex::bytes::Regex;
use serde_json::Value as Json;

pub use super::comparison::{JsonType, Order};
use super::json_path::JsonPath;
use super::json_schema::Schema;
use super::template::Template;

/// One check of an answer.
#[derive(Debug, Clone)]
pub struct AnswerCheck {
    /// What is looked at.
    pub subject: Subject,
    /// What must hold for it.
    pub test: Test,
    /// As people read it: `json $.state is "open"`. Nothing from the environment is filled in.
    pub text: String,
}

/// The part of an answer that a check looks at.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A header field, by its name in lower case; every one of that name.
    Header(String),
    /// The body, decoded.
    Body,
    /// What a path finds in a JSON body; every one of what it finds, at least one.
    Json(JsonPath),
    /// The bytes of the body as it came.
    Size,
    /// The response time, in nanoseconds.
    ResponseTime,
    /// The whole JSON body, by its schema; the test has no part in it.
    Schema(Arc<Schema>),
    /// The whole JSON body, which is the answer to a GraphQL request: it has data and no errors.
    Graphql,
}

/// What must hold.
#[derive(Debug, Clone)]
pub enum Test {
    /// It is so.
    Is(Wanted),
    /// It is not so.
    IsNot(Wanted),
    /// It is one of these; at least one.
    IsOneOf(Vec<Wanted>),
    /// A text contains this one, a list this value.
    Contains(Wanted),
    /// A part of the text matches. Time is linear in the text, whatever the expression.
    Matches(Regex),
    /// It is of this type.
    Type(JsonType),
    /// It is a number that compares so, as 64-bit floats do.
    Number(Order, f64),
    /// So many elements of a list, members of an object or characters of a text.
    Count(Order, f64),
    /// It is there, or is not.
    Exists(bool),
}

/// What is compared with.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Always the same.
    Fixed(Json),
    /// A JSON document that is filled in.
    Filled(Template),
}

impl Test {
    /// All that is filled in.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let wanted: &[Wanted] = match self {
            Test::Is(wanted) | Test::IsNot(wanted) | Test::Contains(wanted) => {
                std::slice::from_ref(wanted)
            }
            Test::IsOneOf(all) => all,
            Test::Matches(_)
            | Test::Type(_)
            | Test::Number(..)
            | Test::Count(..)
            | Test::Exists(_) => &[],
        };
        wanted.iter().filter_map(|wanted| match wanted {
            Wanted::Fixed(_) => None,
            Wanted::Filled(template) => Some(template),
        })
    }
}

impl AnswerCheck {
    /// Whether the body must be kept for it.
    pub fn reads_body(&self) -> bool {
        match self.subject {
            Subject::Body | Subject::Json(_) | Subject::Schema(_) | Subject::Graphql => true,
            Subject::Header(_) | Subject::Size | Subject::ResponseTime => false,
        }
    }

    /// Whether the head must be kept for it.
    pub fn reads_head(&self) -> bool {
        match self.subject {
            Subject::Header(_) => true,
            Subject::Body
            | Subject::Json(_)
            | Subject::Schema(_)
            | Subject::Graphql
            | Subject::Size
            | Subject::ResponseTime => false,
        }
    }
}
