//! YAML 1.2, as far as it says the same to every reader.
//!
//! Text comes in, the same document as from JSON goes out, with the place of every key and
//! value in the YAML text. What readers of YAML disagree about is a mistake with advice:
//! numbers that are no JSON numbers, merge keys, tags. Anchors and aliases are refused, so
//! that no text is larger than its file.

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Map, Value};

use super::document::{DEEPEST, Document, Location, Pointer, empty, positions, too_deep};
use super::problems::Fault;
use super::yaml_scalar::{Plain, plain};

/// The fault's offset is the place in the text.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Fault> {
    let options = granit_parser::options! {
        strict_indentation: true,
        disallow_directives: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let events = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { events, document: Document::of(text), depth: 0 };
    let (first, span) = reader.skip_start()?;
    if matches!(first, Event::StreamEnd) {
        return Err(empty());
    }
    let key = Location::plain(start(&span));
    let value = reader.node((first, span), Pointer::default(), key)?;
    reader.expect_end()?;
    reader.document.value = value;
    Ok(reader.document)
}

/// The value of a text that is no scenario, or why it cannot be read. What readers of YAML
/// disagree about is a text here.
pub fn value(text: &str) -> Result<Value, String> {
    let read = parse(text).map(|document| document.value);
    read.map_err(|fault| fault.sentence(positions(text, &[fault.location()])[0]))
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    document: Document<'t>,
    depth: usize,
}

type Spanned<'t> = (Event<'t>, Span);

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Spanned<'t>, Fault> {
        match self.events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(syntax_fault(&error)),
            None => Err(Fault::new("not valid YAML: the text ends too early")),
        }
    }

    /// The first event that is neither the stream's start nor the document's.
    fn skip_start(&mut self) -> Result<Spanned<'t>, Fault> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                other => return Ok(other),
            }
        }
    }

    fn expect_end(&mut self) -> Result<(), Fault> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => {
                    let fault = Fault::new("a second document begins here");
                    let help = "a file is one scenario; put the second into a file of its own";
                    return Err(fault.help(help).offset(start(&span)));
                }
            }
        }
    }

    fn node(
        &mut self,
        (event, span): Spanned<'t>,
        at: Pointer,
        key: Location,
    ) -> Result<Value, Fault> {
        refuse_anchor(&event, &span)?;
        let tag = span.tag_start().map(|tag| tag.byte_offset().unwrap_or_default());
        if let Some(fault) = tag.map(tag_fault) {
            self.document.refuse(&at, fault);
        }
        let mut location = Location::plain(start(&span));
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => self.plain(&text, &at, location),
            Event::Scalar(text, style, ..) => {
                if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
                    location = Location::quoted(start(&span));
                }
                Value::String(text.into_owned())
            }
            Event::SequenceStart(..) => self.nested(&span, |reader| reader.sequence(&at))?,
            Event::MappingStart(..) => self.nested(&span, |reader| reader.mapping(&at))?,
            _ => return Err(Fault::new("not valid YAML: a value is missing").offset(start(&span))),
        };
        self.document.note(at, key, location);
        Ok(value)
    }

    fn nested(
        &mut self,
        span: &Span,
        read: impl FnOnce(&mut Reader<'t>) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(too_deep(start(span)));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn sequence(&mut self, at: &Pointer) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Array(items));
            }
            let key = Location::plain(start(&span));
            items.push(self.node((event, span), at.item(items.len()), key)?);
        }
    }

    fn mapping(&mut self, at: &Pointer) -> Result<Value, Fault> {
        let mut members = Map::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Object(members));
            }
            let (name, key) = key(event, &span)?;
            let pointer = at.key(&name);
            self.document.note_if_repeated(&pointer, key);
            let next = self.next()?;
            let value = self.node(next, pointer, key)?;
            members.insert(name, value);
        }
    }

    fn plain(&mut self, text: &str, at: &Pointer, location: Location) -> Value {
        let fault = match plain(text) {
            Plain::Null => return Value::Null,
            Plain::Flag(flag) => return Value::Bool(flag),
            Plain::Text => return Value::String(text.to_owned()),
            Plain::Number => match serde_json::from_str(text) {
                Ok(number) => {
                    self.document.note_digits(text, at);
                    return number;
                }
                Err(_) => Fault::new(format!("the number {text} is out of range")),
            },
            Plain::Unclear(help) => {
                let what = "is a number to some readers of YAML and a text to others";
                Fault::new(format!("{text} {what}")).help(help)
            }
        };
        self.document.refuse(at, fault.offset(location.offset()));
        Value::String(text.to_owned())
    }
}

/// The name that a key is, as it stands there.
fn key(event: Event<'_>, span: &Span) -> Result<(String, Location), Fault> {
    refuse_anchor(&event, span)?;
    if let Some(tag) = span.tag_start() {
        return Err(tag_fault(tag.byte_offset().unwrap_or_default()));
    }
    let at = start(span);
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<" => {
            let fault = Fault::new("merge keys (<<) are not read");
            Err(fault.help("write the keys out where they are needed").offset(at))
        }
        Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty() => {
            Err(Fault::new("a key is missing before the colon").offset(at))
        }
        Event::Scalar(text, style, ..) => {
            let is_plain = style == ScalarStyle::Plain;
            let location = if is_plain { Location::plain(at) } else { Location::quoted(at) };
            Ok((text.into_owned(), location))
        }
        _ => {
            let fault = Fault::new("a key must be a name, not a list or an object");
            let help = "a text that begins with { or [ stands in quotes: \"{{name}}\"";
            Err(fault.help(help).offset(at))
        }
    }
}

fn start(span: &Span) -> usize {
    span.start.byte_offset().unwrap_or_default()
}

/// Anchors and aliases, wherever they stand.
fn refuse_anchor(event: &Event<'_>, span: &Span) -> Result<(), Fault> {
    let is_anchor = event.anchor_id().is_some();
    let is_alias = event.is_alias() || matches!(event, Event::UnresolvedAlias(_));
    if !is_anchor && !is_alias {
        return Ok(());
    }
    let fault = Fault::new("anchors (&name) and aliases (*name) are not read");
    let help = "write the value out in each place; a text that begins with & or * stands in quotes";
    Err(fault.help(help).offset(start(span)))
}

fn tag_fault(offset: usize) -> Fault {
    let fault = Fault::new("tags, such as !!str, are not read").offset(offset);
    fault.help("remove it; a text stands in quotes: \"200\"")
}

fn syntax_fault(error: &ScanError) -> Fault {
    let offset = error.marker().byte_offset().unwrap_or_default();
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return too_deep(offset);
    }
    let fault = Fault::new(format!("not valid YAML: {}", error.info())).offset(offset);
    match syntax_help(error.kind()) {
        Some(help) => fault.help(help),
        None => fault,
    }
}

fn syntax_help(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => Some("YAML is indented with blanks; replace the tab"),
        ErrorKind::DirectiveDisallowed => {
            Some("remove the line that begins with %; the file is read as YAML 1.2")
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            Some("a text with { } [ ] or a comma in it stands in quotes: \"${TOKEN}\"")
        }
        ErrorKind::UnexpectedCharacter { .. } => {
            Some("a text that begins with @, ` or % stands in quotes")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            Some("a text with \": \" in it stands in quotes")
        }
        ErrorKind::UnclosedQuotedScalar => Some("the closing quote is missing"),
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey => {
            Some("keys of one object stand in one column")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::super::document::positions;
    use super::super::json;
    use super::super::model::Scenario;
    use super::super::problems::Problems;
    use super::super::read::{self, Origin};
    use super::*;

    const JSON: &str = include_str!("../../tests/fixtures/scenarios/good.json");
    const YAML: &str = include_str!("../../tests/fixtures/scenarios/good.yaml");

    fn scenario(file: &str, text: &str) -> Result<Scenario, Problems> {
        let origin = Origin { file: Some(file.into()), ..Origin::default() };
        read::parse(text, &origin, &|_| None, &|path| match path.to_str() {
            Some("slo.yml") => Ok("all:\n  - p99 < 1s\nstps: {}\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    #[test]
    fn a_scenario_says_the_same_in_both() {
        let both = [scenario("s.json", JSON), scenario("s.yaml", YAML)].map(|scenario| {
            let mut scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
            scenario.file = None;
            format!("{scenario:?}")
        });
        assert_eq!(both[0], both[1]);
        let value = json::parse(JSON).unwrap().value;
        assert_eq!(parse(YAML).unwrap().value, value);
    }

    /// Replaces a text of both files and expects the same problem at both places.
    #[track_caller]
    fn wrong(json: (&str, &str), yaml: (&str, &str), mark: &str) {
        let problem = |file: &str, text: &str, (from, to): (&str, &str)| {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            let text = text.replacen(from, to, 1);
            let problems = scenario(file, &text).expect_err(to);
            assert_eq!(problems.all.len(), 1, "{problems}");
            (problems.all[0].clone(), text)
        };
        let (in_json, _) = problem("s.json", JSON, json);
        let (in_yaml, text) = problem("s.yml", YAML, yaml);
        assert_eq!((&in_yaml.message, &in_yaml.help), (&in_json.message, &in_json.help));
        assert_eq!(text.matches(mark).count(), 1, "{mark}");
        let location = positions(&text, &[text.find(mark).unwrap()])[0];
        assert_eq!((in_yaml.line, in_yaml.column), location, "{in_yaml}");
    }

    #[test]
    fn mistakes_are_told_as_in_json() {
        wrong(("\"weight\": 8", "\"wieght\": 8"), ("weight: 8", "wieght: 8"), "wieght");
        wrong(("\"weight\": 8", "\"weight\": 0"), ("weight: 8", "weight:   0"), "0\n    steps");
        wrong(("\"weight\": 8", "\"weight\": \"8\""), ("weight: 8", "weight: '8'"), "'8'");
        wrong(("\"limit\": \"20\"", "\"limit\": 20"), ("limit: \"20\"", "limit: 20"), "20\nflows");
        wrong(("\"timeout\": \"2s\"", "\"timeout\": null"), ("timeout: 2s", "timeout: ~"), "~");
        wrong(("\"warmup\": true", "\"warmup\": \"yes\""), ("warmup: true", "warmup: yes"), "yes");
        wrong(("\"name\": \"buy\", ", ""), ("name: buy\n    ", ""), "steps:\n      - name: create");
        wrong(("${TOKEN:-none}", "${TOKEN}"), ("${TOKEN:-none}", "${TOKEN}"), "${TOKEN}");
        wrong(("{{order}}\"", "{{oder}}\""), ("{{order}}'", "{{oder}}'"), "{{oder}}");
        wrong(("p95 < 200ms", "p95 < 200"), ("p95 < 200ms", "p95 < 200"), "p95 < 200\n");
    }

    #[test]
    fn objectives_in_a_file_may_be_yaml_too() {
        let (from, to) = (JSON.find("\"slo\"").unwrap(), JSON.find("\"limits\"").unwrap());
        let slo = "\"slo\": { \"file\": \"slo.yml\" },\n";
        let text = format!("{}{slo}{}", &JSON[..from], &JSON[to..]);
        let problems = scenario("s.json", &text).unwrap_err();
        assert_eq!(problems.all.len(), 1, "{problems}");
        assert!(problems.to_string().starts_with("slo.yml:3:1: "), "{problems}");
    }

    /// `¦` marks the place.
    #[track_caller]
    fn refused(text: &str, message: &str, help: &str) {
        let offset = text.find('¦').unwrap();
        let text = text.replace('¦', "");
        let fault = match parse(&text) {
            Ok(document) => document.faults.first().unwrap_or_else(|| panic!("{text}")).clone(),
            Err(fault) => fault,
        };
        assert!(fault.message.contains(message), "{text}: {}", fault.message);
        assert!(fault.help.clone().unwrap_or_default().contains(help), "{text}: {:?}", fault.help);
        assert_eq!(fault.offset, offset, "{text}: {}", fault.message);
    }

    #[test]
    fn the_traps_of_yaml_are_told() {
        refused(
            "a: 1\nb: 2\n¦a: 3\n",
            "\"a\" stands twice in this object, first in line 1",
            "keep",
        );
        refused("a: ¦1e999", "1e999 is out of range", "");
        refused("a: ¦1_000", "1_000 is a number to some", "in quotes");
        refused("a: ¦0o17", "0o17 is a number to some", "in plain digits");
        refused("at: ¦10:30", "10:30 is a number to some", "such as a time");
        refused("a: &x ¦{ b: 1 }\nc: *x", "anchors", "write the value out");
        refused("a: ¦*x", "aliases", "stands in quotes");
        refused("¦<<: { b: 1 }", "merge keys", "write the keys out");
        refused("a: ¦!!str 200", "tags", "quotes: \"200\"");
        refused("¦!!map { a: 1 }", "tags", "remove it");
        refused("a:\n\t¦b: 1", "not valid YAML", "replace the tab");
        refused("a: 1\n¦---\nb: 2\n", "a second document", "a file of its own");
        refused("¦%YAML 1.1\n---\na: 1", "not valid YAML", "begins with %");
        refused("path: {¦{id}}", "must be a name", "stands in quotes");
        refused("a: ¦@b", "not valid YAML", "stands in quotes");
        refused("¦", "the file is empty", "begin with a copy");
        refused("¦# nothing\n", "the file is empty", "begin with a copy");
        refused("a: ¦\"b", "not valid YAML", "closing quote");
        refused("? ¦[a]\n: 1", "must be a name", "");
    }

    #[test]
    fn deep_nesting_is_refused_where_it_gets_too_deep() {
        let text = format!("{}¦{}", "[".repeat(DEEPEST), "[".repeat(1000));
        refused(&text, "64 levels", "far fewer");
        let text = format!("{}¦- 1", "- ".repeat(DEEPEST));
        refused(&text, "64 levels", "far fewer");
        assert!(parse(&format!("{}1", "- ".repeat(DEEPEST))).is_ok());
    }

    #[test]
    fn texts_that_grow_by_their_aliases_are_refused_at_once() {
        let level = |level: usize| {
            let of = format!("*a{}, ", level - 1).repeat(9);
            format!("a{level}: &a{level} [{of}]\n")
        };
        let text = "a0: &a0 [x, x, x, x, x]\n".to_owned() + &(1..20).map(level).collect::<String>();
        assert!(parse(&text).unwrap_err().message.contains("anchors"));
    }

    #[test]
    fn digits_count_as_in_json() {
        let numbers = |document: Document<'_>| {
            let mut all: Vec<String> = document.numbers.into_values().collect();
            all.sort();
            all
        };
        let json = r#"{"a": [10.00, 10.5, 7, 1e3], "b": 12345678901234567890123, "c": -0}"#;
        let yaml = "a: [10.00, 10.5, 7, 1e3]\nb: 12345678901234567890123\nc: -0\n";
        assert_eq!(numbers(parse(yaml).unwrap()), numbers(json::parse(json).unwrap()));
        assert_eq!(parse(yaml).unwrap().value, json::parse(json).unwrap().value);
    }

    #[test]
    fn a_place_in_a_text_is_found_where_nothing_is_escaped() {
        let text = "a: b ${X}\nc: 'd ${X}'\ne: |\n  f ${X}\n";
        let document = parse(text).unwrap();
        let location = |name: &str| document.value(&Pointer::default().key(name), 2);
        assert_eq!(location("a"), text.find("${X}").unwrap());
        assert_eq!(location("c"), text.find("${X}'").unwrap());
        assert_eq!(location("e"), text.rfind("${X}").unwrap());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            (-1e9_f64..1e9).prop_map(Value::from),
            any::<String>().prop_map(Value::String),
            "[-a-z0-9:#,{}\\[\\]&*!|>'\"%@` .~]{0,12}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::vec(("[ -~]{1,8}", inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Block style, texts without quotes where that says the same.
    fn written(value: &Value, indent: usize) -> String {
        let blanks = " ".repeat(indent);
        match value {
            Value::Array(items) if !items.is_empty() => {
                let line = |item| format!("\n{blanks}-{}", written(item, indent + 2));
                items.iter().map(line).collect()
            }
            Value::Object(members) if !members.is_empty() => {
                let line = |(name, member): (&String, &Value)| {
                    let name = Value::from(name.as_str());
                    format!("\n{blanks}{name}:{}", written(member, indent + 2))
                };
                members.iter().map(line).collect()
            }
            Value::String(text) if is_word(text) => format!(" {text}"),
            other => format!(" {other}"),
        }
    }

    fn is_word(text: &str) -> bool {
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || " .-/".contains(c));
        first && rest && plain(text) == Plain::Text && !text.ends_with(' ')
    }

    proptest! {
        #[test]
        fn what_is_json_is_yaml_that_says_the_same(value in value(), is_pretty in any::<bool>()) {
            let text = if is_pretty { format!("{value:#}") } else { value.to_string() };
            let document = parse(&text).map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?;
            prop_assert!(document.faults.is_empty(), "{:?}", document.faults);
            prop_assert_eq!(document.value, json::parse(&text).unwrap().value);
        }

        #[test]
        fn block_style_says_the_same(value in value()) {
            let text = written(&value, 0);
            let document = parse(&text).map_err(|fault| TestCaseError::fail(format!("{fault:?}: {text}")))?;
            prop_assert_eq!(document.value, json::parse(&value.to_string()).unwrap().value);
        }

        #[test]
        fn no_text_is_too_much(text in "[-a-z0-9:#,{}\\[\\]&*!|>'\"%@` .~\t\n]{0,60}") {
            if let Err(fault) = parse(&text) {
                prop_assert!(fault.offset <= text.len());
            }
        }
    }
}
