//! Whether an answer to a GraphQL request is a result: data, and no errors ("GraphQL over HTTP").
//!
//! A server tells of errors with a status of 200, so the status alone says nothing. Pure.

use std::fmt;

use serde_json::Value as Json;

/// Why an answer is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoResult<'a> {
    /// It has errors; the first one is this.
    Errors(&'a str),
    /// It has errors without a message.
    Unsaid,
    /// It has neither.
    NoData,
}

impl fmt::Display for NoResult<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoResult::Errors(message) => f.write_str(message),
            NoResult::Unsaid => f.write_str("errors without a message"),
            NoResult::NoData => f.write_str("neither data nor errors"),
        }
    }
}

/// Looks at a whole answer. Data beside errors is in part, and so no result either.
pub fn judge(answer: &Json) -> Result<(), NoResult<'_>> {
    match &answer["errors"] {
        Json::Null => {}
        Json::Array(errors) if errors.is_empty() => {}
        errors => {
            let message = errors[0]["message"].as_str();
            return Err(message.map_or(NoResult::Unsaid, NoResult::Errors));
        }
    }
    if answer["data"].is_object() { Ok(()) } else { Err(NoResult::NoData) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_data_without_errors_is_a_result() {
        for answer in [
            json!({ "data": { "a": 1 } }),
            json!({ "data": {}, "errors": [] }),
            json!({ "data": { "a": null }, "errors": null, "extensions": {} }),
        ] {
            assert_eq!(judge(&answer), Ok(()), "{answer}");
        }
        for (answer, why) in [
            (
                json!({ "errors": [{ "message": "no such field" }] }),
                NoResult::Errors("no such field"),
            ),
            (json!({ "data": { "a": 1 }, "errors": [{ "message": "b" }] }), NoResult::Errors("b")),
            (json!({ "data": null, "errors": [{ "message": "c" }] }), NoResult::Errors("c")),
            (json!({ "data": {}, "errors": [{}] }), NoResult::Unsaid),
            (json!({ "data": {}, "errors": "oh" }), NoResult::Unsaid),
            (json!({ "data": {}, "errors": { "message": "d" } }), NoResult::Unsaid),
            (json!({ "data": null }), NoResult::NoData),
            (json!({ "data": "text" }), NoResult::NoData),
            (json!({}), NoResult::NoData),
            (json!([]), NoResult::NoData),
            (json!(null), NoResult::NoData),
            (json!([{ "data": {} }]), NoResult::NoData),
        ] {
            assert_eq!(judge(&answer), Err(why), "{answer}");
        }
    }
}
