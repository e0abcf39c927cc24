//! Whether a message is the one that is awaited: conditions with their values filled in.

use serde_json::Value as Json;

use crate::scenario::json_path::TooManyLooks;
use crate::scenario::stream::Condition;
use crate::scenario::template::Values;

/// A message of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// Its name, where messages have one.
    pub name: &'m [u8],
    /// Its text.
    pub text: &'m [u8],
}

/// What conditions compare with, in their order.
#[derive(Debug, Default)]
pub struct Filled(Vec<Wanted>);

/// What one condition compares with.
#[derive(Debug)]
enum Wanted {
    Text(String),
    Json(Json),
}

impl Filled {
    /// Fills in what conditions compare with.
    pub fn new(conditions: &[Condition], values: &mut Values<'_>) -> Filled {
        let filled = conditions.iter().map(|condition| {
            let mut text = String::new();
            condition.template().render(values, &mut text);
            match condition {
                Condition::Name(_)
                | Condition::NameOrText(_)
                | Condition::Text(_)
                | Condition::Contains(_) => Wanted::Text(text),
                // What is filled in is JSON by its form; what is none after all is met by nothing.
                Condition::Json(..) => match serde_json::from_str(&text) {
                    Ok(value) => Wanted::Json(value),
                    Err(_) => Wanted::Text(text),
                },
            }
        });
        Filled(filled.collect())
    }

    /// Whether a message meets all of the conditions, unless it is too much to look at.
    pub fn are_met(
        &self,
        conditions: &[Condition],
        message: Message<'_>,
    ) -> Result<bool, TooManyLooks> {
        let mut document = None;
        for (condition, wanted) in conditions.iter().zip(&self.0) {
            if !is_met((condition, wanted), message, &mut document)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether one is met by a message, which is read as JSON once.
fn is_met(
    condition: (&Condition, &Wanted),
    message: Message<'_>,
    document: &mut Option<Result<Json, serde_json::Error>>,
) -> Result<bool, TooManyLooks> {
    Ok(match condition {
        (Condition::Name(_), Wanted::Text(text)) => message.name == text.as_bytes(),
        (Condition::NameOrText(_), Wanted::Text(text)) => {
            [message.name, message.text].contains(&text.as_bytes())
        }
        (Condition::Text(_), Wanted::Text(text)) => message.text == text.as_bytes(),
        (Condition::Contains(_), Wanted::Text(text)) => contains(message.text, text.as_bytes()),
        (Condition::Json(path, _), Wanted::Json(value)) => {
            let document = document.get_or_insert_with(|| serde_json::from_slice(message.text));
            let Ok(document) = document else { return Ok(false) };
            path.query(document)?.iter().any(|it| is_same(it, value))
        }
        (_, Wanted::Json(_)) | (Condition::Json(..), Wanted::Text(_)) => false,
    })
}

/// Whether a part stands somewhere in a text.
pub fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// Numbers are the same if they are worth the same: `1` and `1.0`.
pub fn is_same(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Number(found), Json::Number(wanted)) => {
            found == wanted
                || (found.as_f64() == wanted.as_f64() && (found.is_f64() || wanted.is_f64()))
        }
        (found, wanted) => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::json_path::JsonPath;

    use super::*;
    use crate::scenario::template::{Escape, Piece, Template};

    fn text(text: &str) -> Template {
        Template { pieces: vec![Piece::Literal(text.into())], escape: Escape::Verbatim }
    }

    fn json(path: &str, value: &str) -> Condition {
        Condition::Json(JsonPath::parse(path).unwrap(), text(value))
    }

    #[track_caller]
    fn check(conditions: &[Condition], (name, data): (&str, &str), is_met: bool) {
        let mut random = || 0;
        let mut values = Values::nobodys(&mut random);
        let filled = Filled::new(conditions, &mut values);
        let message = Message { name: name.as_bytes(), text: data.as_bytes() };
        assert_eq!(filled.are_met(conditions, message), Ok(is_met), "{conditions:?} {name} {data}");
    }

    #[test]
    fn a_message_meets_conditions_on_its_name_its_text_and_its_values() {
        use Condition::{Contains, Name, NameOrText, Text};
        for (condition, message, is_met) in [
            (Name(text("done")), ("done", "1"), true),
            (Name(text("done")), ("x", "done"), false),
            (NameOrText(text("done")), ("done", "1"), true),
            (NameOrText(text("done")), ("message", "done"), true),
            (NameOrText(text("done")), ("message", "done!"), false),
            (Text(text("a\nb")), ("message", "a\nb"), true),
            (Text(text("a")), ("message", "ab"), false),
            (Contains(text("ob")), ("message", "foobar"), true),
            (Contains(text("longer than it")), ("message", "foobar"), false),
            (json("$.state", "\"sent\""), ("message", r#"{"state": "sent"}"#), true),
            (json("$.state", "\"sent\""), ("message", r#"{"state": "open"}"#), false),
            (json("$.state", "\"sent\""), ("message", "no JSON"), false),
            (json("$.state", "\"sent\""), ("message", ""), false),
            (
                json("$.items[*].id", "7"),
                ("message", r#"{"items": [{"id": 6}, {"id": 7.0}]}"#),
                true,
            ),
            (json("$.id", "9007199254740993"), ("message", r#"{"id": 9007199254740992}"#), false),
            (json("$.id", "no JSON"), ("message", r#"{"id": 1}"#), false),
        ] {
            check(&[condition], message, is_met);
        }
        let both = [Name(text("order")), json("$.id", "1")];
        check(&both, ("order", r#"{"id": 1}"#), true);
        check(&both, ("order", r#"{"id": 2}"#), false);
        check(&both, ("message", r#"{"id": 1}"#), false);
    }
}
