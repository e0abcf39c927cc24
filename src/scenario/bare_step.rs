//! A step for tests that need one.

use std::time::Duration;

use super::course::Course;
use super::model::{Expectation, Request, Step};
use super::stream::Kind;
use super::template::{Escape, Template};

impl Step {
    /// `GET` of nothing, of which nothing is expected but an answer.
    pub(crate) fn bare() -> Step {
        let path = Template { pieces: Vec::new(), escape: Escape::Url };
        Step {
            name: String::new(),
            label: String::new(),
            tags: vec![],
            once: false,
            request: Request { method: "GET".to_owned(), path, headers: vec![], body: None },
            kind: Kind::Answer,
            timeout: Duration::from_secs(1),
            expect: Expectation::default(),
            checks: vec![],
            extract: vec![],
            course: Course::default(),
        }
    }
}
