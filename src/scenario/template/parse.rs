//! Reads templates: text with `{{placeholders}}` in, pieces or faults out.
//!
//! Environment variables and constants become part of the literal text here, so that
//! a request without other placeholders is one literal. Which characters a literal
//! may have, and how a constant is escaped, depends on the place.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use super::super::attachments::Attachments;
use super::super::check::Check;
use super::super::data::Data;
use super::super::document::Pointer;
use super::super::environment::Environment;
use super::super::ids::{CellId, SourceId};
use super::super::model::VariableId;
use super::super::problems::{Fault, nearest};
use super::super::tenants::PLACEHOLDER;
use super::escape::{Escape, write_json_text};
use super::faults::{header_fault, unclosed, url_fault};
use super::functions::{EXAMPLES, function, quoted, split_outside_quotes};
use super::{Encoding, Piece, Template};

/// The placeholders that are always there.
pub(crate) const BUILT_IN: [&str; 5] = ["uuid", "user", "iteration", "now", "random"];

/// Columns of data that a mistyped name is compared with.
const MOST_SUGGESTED: usize = 1_000;

/// The names that a template may use.
pub(crate) struct Names<'n> {
    pub(crate) environment: Environment<'n>,
    /// Constants of the scenario, filled in.
    pub(crate) constants: &'n [(String, String)],
    /// Rows from files.
    pub(crate) data: &'n Data,
    /// Which of the sources have been named: a bit for each.
    pub(crate) used_sources: Cell<u64>,
    /// What earlier steps of the flow extract.
    pub(crate) extracted: HashMap<String, VariableId>,
    /// What this and later steps of the flow extract: known, but too early.
    pub(crate) later: Vec<String>,
    /// Which of what was extracted templates have used.
    pub(crate) used: RefCell<Vec<VariableId>>,
    /// Whether one of them has used the name of the iteration's tenant.
    pub(crate) tells_tenant: Cell<bool>,
    /// Files whose content is sent or compared with.
    pub(crate) files: &'n Attachments,
}

impl Names<'_> {
    /// Which of what was extracted templates have used since the last call.
    pub(crate) fn take_used(&self) -> Vec<VariableId> {
        self.used.take()
    }

    /// The sources of data that have been named, ascending.
    pub(crate) fn sources(&self) -> Vec<SourceId> {
        let used = self.used_sources.get();
        (0..64).filter(|place| used >> place & 1 == 1).map(SourceId).collect()
    }

    /// What `users.email` is; `None` where there is no such source.
    fn cell(&self, name: &str) -> Option<Result<CellId, Fault>> {
        let (source, column) = name.split_once('.')?;
        let (source, column) = (source.trim_end(), column.trim_start());
        let place = self.data.sources.iter().position(|known| known.name == source)?;
        let columns = self.data.sources[place].table.columns();
        self.used_sources.set(self.used_sources.get() | 1 << place);
        if columns.is_empty() {
            // Its file has a mistake, which is told.
            return Some(Ok(CellId { source: SourceId(place as u8), column: 0 }));
        }
        let Some(found) = columns.iter().position(|known| known == column) else {
            let fault = Fault::new(format!("the data \"{source}\" has no column \"{column}\""));
            return Some(Err(fault.nearest(column, columns.iter().map(String::as_str))));
        };
        Some(Ok(CellId { source: SourceId(place as u8), column: found as u16 }))
    }
}

/// A template under construction.
pub(crate) struct Builder<'n> {
    names: &'n Names<'n>,
    escape: Escape,
    pieces: Vec<Piece>,
    /// The literal that is being written, not yet among the pieces.
    literal: String,
    faults: Vec<Fault>,
}

impl Template {
    /// Reads one text.
    pub(crate) fn parse(
        text: &str,
        escape: Escape,
        names: &Names<'_>,
    ) -> Result<Template, Vec<Fault>> {
        let mut builder = Builder::new(escape, names);
        builder.text(text);
        builder.finish()
    }
}

impl<'n> Builder<'n> {
    pub(crate) fn new(escape: Escape, names: &'n Names<'n>) -> Builder<'n> {
        Builder { names, escape, pieces: Vec::new(), literal: String::new(), faults: Vec::new() }
    }

    pub(crate) fn finish(mut self) -> Result<Template, Vec<Fault>> {
        self.end_literal();
        if self.faults.is_empty() {
            return Ok(Template { pieces: self.pieces, escape: self.escape });
        }
        Err(self.faults)
    }

    /// The faults since the last call, for a builder that reads several texts.
    pub(crate) fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// Adds text that is already fit for its place.
    pub(crate) fn raw(&mut self, text: &str) {
        self.literal.push_str(text);
    }

    /// Adds what has been read already.
    fn pieces(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Literal(text) => self.raw(&text),
                piece => self.push(piece),
            }
        }
    }

    fn push(&mut self, piece: Piece) {
        self.end_literal();
        self.pieces.push(piece);
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            let text = std::mem::take(&mut self.literal);
            self.pieces.push(Piece::Literal(text.into_boxed_str()));
        }
    }

    /// Adds a text with placeholders.
    pub(crate) fn text(&mut self, text: &str) {
        let mut done = 0;
        while let Some(open) = text[done..].find("{{").map(|at| done + at) {
            self.literal(&text[done..open], done);
            let Some(close) = text[open..].find("}}").map(|at| open + at) else {
                self.faults.push(unclosed(open));
                return;
            };
            self.placeholder(text[open + 2..close].trim(), open);
            done = close + 2;
        }
        self.literal(&text[done..], done);
    }

    /// Adds the text of a file: what stands in it is fit for its place, and `${VAR}` no variable.
    pub(crate) fn file(&mut self, text: &str) {
        let mut done = 0;
        while let Some(open) = text[done..].find("{{").map(|at| done + at) {
            self.raw(&text[done..open]);
            let Some(close) = text[open..].find("}}").map(|at| open + at) else {
                self.faults.push(unclosed(open));
                return;
            };
            self.placeholder(text[open + 2..close].trim(), open);
            done = close + 2;
        }
        self.raw(&text[done..]);
    }

    /// Adds a text of a JSON document, with its quotes; one that is nothing but a
    /// placeholder becomes the value itself.
    pub(crate) fn json_text(&mut self, text: &str) {
        let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if let Some(name) = inner.filter(|inner| !inner.contains("}}") && !is_quoted(inner)) {
            match self.piece(name.trim()) {
                Ok(Found::Piece(piece)) => self.push(Piece::JsonValue(Box::new(piece))),
                Ok(Found::Constant(text)) => {
                    let mut quoted = String::new();
                    write_json_text(&text, &mut quoted);
                    self.raw(&quoted);
                }
                Err(fault) => self.faults.push(fault),
            }
            return;
        }
        self.raw("\"");
        self.text(text);
        self.raw("\"");
    }

    fn literal(&mut self, text: &str, offset: usize) {
        let filled = self.names.environment.fill(text);
        let fault = match self.escape {
            Escape::Url => url_fault(&filled),
            Escape::Header => header_fault(&filled),
            Escape::Json | Escape::Form | Escape::Xml | Escape::Verbatim => None,
        };
        // Places in a filled-in text are no places in the file.
        self.faults
            .extend(fault.map(|(at, fault)| {
                fault.offset(if filled == text { offset + at } else { offset })
            }));
        match self.escape {
            Escape::Url | Escape::Header | Escape::Verbatim => self.raw(&filled),
            Escape::Json | Escape::Form | Escape::Xml => self.constant(&filled),
        }
    }

    fn constant(&mut self, text: &str) {
        let mut escaped = String::new();
        self.escape.write(text, &mut escaped);
        self.raw(&escaped);
    }

    fn placeholder(&mut self, name: &str, offset: usize) {
        match self.piece(name) {
            Ok(Found::Piece(piece)) => self.push(piece),
            Ok(Found::Constant(text)) => self.constant(&text),
            Err(fault) => self.faults.push(fault.offset(offset)),
        }
    }

    fn piece(&self, name: &str) -> Result<Found, Fault> {
        if is_quoted(name) {
            return Ok(Found::Constant(name[1..name.len() - 1].to_owned()));
        }
        if let Some((_, value)) = self.names.constants.iter().find(|(known, _)| known == name) {
            return Ok(Found::Constant(value.clone()));
        }
        if let Some(id) = self.names.extracted.get(name) {
            self.names.used.borrow_mut().push(*id);
            self.names.tells_tenant.set(self.names.tells_tenant.get() || name == PLACEHOLDER);
            return Ok(Found::Piece(Piece::Variable(*id)));
        }
        if let Some(cell) = self.names.cell(name) {
            return cell.map(|cell| Found::Piece(Piece::Cell(cell)));
        }
        let (word, rest) = name.split_once(char::is_whitespace).unwrap_or((name, ""));
        let piece = match (word, rest.trim()) {
            ("uuid", "") => Piece::Uuid,
            ("user", "") => Piece::User,
            ("iteration", "") => Piece::Iteration,
            ("base64", what) => return self.encoded(Encoding::Base64, word, what),
            ("hex", what) => return self.encoded(Encoding::Hex, word, what),
            ("sha256", what) => return self.encoded(Encoding::Sha256, word, what),
            (word, rest) => function(word, rest).unwrap_or_else(|| Err(self.unknown(name)))?,
        };
        Ok(Found::Piece(piece))
    }

    /// Names and texts in quotes, with ` + ` between them, in another form.
    fn encoded(&self, encoding: Encoding, word: &str, what: &str) -> Result<Found, Fault> {
        const LONGEST: usize = 1_000;
        let (_, example) =
            EXAMPLES.into_iter().find(|(known, _)| *known == word).unwrap_or_default();
        let fault = |told: &str| Fault::new(told.to_owned()).help(format!("write {example}"));
        if what.is_empty() || what.len() > LONGEST {
            return Err(fault(&format!("\"{word}\" needs what it is of")));
        }
        let mut inner = Builder::new(Escape::Verbatim, self.names);
        for part in split_outside_quotes(what, " + ").into_iter().map(str::trim) {
            if part.is_empty() || (part.starts_with('\'') && quoted(part).is_none()) {
                return Err(fault(&format!("\"{word}\" cannot read {what}")));
            }
            if part.contains("${") {
                let fault = Fault::new("${VAR} stays as it is between braces");
                return Err(fault.help("make it a constant of \"variables\", and name that here"));
            }
            match self.piece(part)? {
                Found::Piece(piece) => inner.push(piece),
                Found::Constant(text) => inner.raw(&text),
            }
        }
        inner.end_literal();
        let template = Template { pieces: inner.pieces, escape: Escape::Verbatim };
        Ok(match template.as_literal() {
            Some(text) => Found::Constant(encoding.of(text)),
            None => Found::Piece(Piece::Encoded(encoding, Box::new(template))),
        })
    }

    fn unknown(&self, name: &str) -> Fault {
        if self.names.later.iter().any(|later| later == name) {
            let fault =
                Fault::new(format!("{{{{{name}}}}} is used before a step has extracted it"));
            return fault.help("move the step that extracts it before this one");
        }
        let constants = self.names.constants.iter().map(|(name, _)| name.as_str());
        let known = self.names.extracted.keys().map(String::as_str).chain(constants);
        let columns = self.names.data.sources.iter().flat_map(|source| {
            source.table.columns().iter().map(|column| format!("{}.{column}", source.name))
        });
        let columns: Vec<String> = columns.take(MOST_SUGGESTED).collect();
        let columns = columns.iter().map(String::as_str);
        let mut known: Vec<&str> = known.chain(columns).chain(BUILT_IN).collect();
        known.sort_unstable();
        let fault = Fault::new(format!("unknown placeholder {{{{{name}}}}}"));
        let (word, _) = name.split_once(char::is_whitespace).unwrap_or((name, ""));
        let words = EXAMPLES.map(|(word, _)| word);
        if word != name
            && let Some(near) = nearest(word, &words)
            && let Some((_, example)) = EXAMPLES.into_iter().find(|(known, _)| *known == near)
        {
            return fault.help(format!("did you mean \"{near}\"? It is written like {example}"));
        }
        fault.nearest(name, known.into_iter())
    }
}

enum Found {
    Piece(Piece),
    Constant(String),
}

/// `{{'{{'}}` stands for text that would otherwise be a placeholder.
fn is_quoted(name: &str) -> bool {
    name.len() >= 2 && name.starts_with('\'') && name.ends_with('\'')
}

/// Adds a JSON document; faults are told apart by the text they are in.
pub(crate) fn json_document(
    value: &Json,
    at: &Pointer,
    builder: &mut Builder<'_>,
    check: &mut Check<'_>,
) {
    match value {
        Json::Null | Json::Bool(_) => builder.raw(&value.to_string()),
        Json::Number(number) => match check.numbers.get(at) {
            Some(digits) => builder.raw(digits),
            None => builder.raw(&number.to_string()),
        },
        Json::String(text) => {
            builder.json_text(text);
            builder.take_faults().into_iter().for_each(|fault| check.value(at, fault));
        }
        Json::Array(items) => {
            builder.raw("[");
            for (index, item) in items.iter().enumerate() {
                builder.raw(if index == 0 { "" } else { "," });
                json_document(item, &at.item(index), builder, check);
            }
            builder.raw("]");
        }
        Json::Object(members) => {
            builder.raw("{");
            let mut keys = Keys::default();
            for (index, (name, member)) in members.iter().enumerate() {
                let at = at.key(name);
                builder.raw(if index == 0 { "\"" } else { ",\"" });
                keys.add(name, &at, builder, check);
                builder.raw("\":");
                json_document(member, &at, builder, check);
            }
            builder.raw("}");
        }
    }
}

/// The keys of one JSON object so far.
#[derive(Default)]
struct Keys {
    constant: HashSet<String>,
    changing: Vec<Template>,
}

impl Keys {
    /// Adds a key; two that are always the same are a mistake. Those that become the same
    /// by what is filled in are sent as they are, as nobody can know.
    fn add(&mut self, name: &str, at: &Pointer, builder: &mut Builder<'_>, check: &mut Check<'_>) {
        let template = match Template::parse(name, Escape::Json, builder.names) {
            Ok(template) => template,
            Err(faults) => return faults.into_iter().for_each(|fault| check.key(at, fault)),
        };
        let is_new = match template.as_literal() {
            Some(text) => self.constant.insert(text.to_owned()),
            None => !self.changing.contains(&template) || template.has_random(),
        };
        if !is_new {
            let fault = Fault::new(format!("\"{name}\" becomes the same as another key here"));
            check.key(at, fault.help("keep one of them, or give them different names"));
        }
        builder.pieces(template.pieces.clone());
        self.changing.push(template);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::data::Rows;
    use super::super::{Value, Values};
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "TRICK").then(|| "{{uuid}} \"é".to_owned())
    }

    /// Parses with a constant `page` and the extracted variables `id` and `list`.
    fn parsed(text: &str, escape: Escape) -> Result<Template, Vec<Fault>> {
        let constants = [("page".to_owned(), "a b\"".to_owned())];
        let extracted =
            HashMap::from([("id".to_owned(), VariableId(0)), ("list".to_owned(), VariableId(1))]);
        let environment = Environment::Lookup(&lookup);
        let later = vec!["late".to_owned()];
        let (data, used_sources, used) = (&Data::default(), Cell::default(), RefCell::default());
        let names = Names {
            environment,
            constants: &constants,
            data,
            used_sources,
            used,
            tells_tenant: Cell::default(),
            extracted,
            later,
            files: &Attachments::default(),
        };
        if escape != Escape::Json {
            return Template::parse(text, escape, &names);
        }
        let mut builder = Builder::new(escape, &names);
        let mut check = Check::new(environment);
        let text = Json::String(text.to_owned());
        json_document(&text, &Pointer::default(), &mut builder, &mut check);
        assert!(check.is_clean());
        builder.finish()
    }

    fn rendered(template: &Template, id: &str) -> String {
        let variables = [Value::Text(id.to_owned()), Value::Json("[1,\"x\"]".to_owned())];
        let mut state = 0_u64;
        let mut random = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            state
        };
        let (user, iteration, unix_millis) = (3, 4, 5);
        let mut out = String::new();
        template.render(
            &mut Values {
                variables: &variables,
                user,
                iteration,
                unix_millis,
                rows: Rows::NONE,
                random: &mut random,
            },
            &mut out,
        );
        out
    }

    #[track_caller]
    fn check(text: &str, escape: Escape, expected: &str) {
        let template = parsed(text, escape).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(rendered(&template, "é/ \"\r\n"), expected, "{text}");
    }

    #[test]
    fn values_are_escaped_for_their_place() {
        check("/o/{{id}}?q={{page}}", Escape::Url, "/o/%C3%A9%2F%20%22%0D%0A?q=a%20b%22");
        check("x {{id}} {{ user }}", Escape::Header, "x é/ \" 3");
        check("{{id}}&{{page}}", Escape::Form, "%C3%A9%2F+%22%0D%0A%26a+b%22");
        check("{{id}}{{iteration}}", Escape::Verbatim, "é/ \"\r\n4");
        check("<{{id}}>\"", Escape::Json, "\"<é/ \\\"\\r\\n>\\\"\"");
        check("/{{list}}", Escape::Url, "/%5B1%2C%22x%22%5D");
    }

    #[test]
    fn what_stands_alone_in_json_keeps_its_type() {
        check("{{id}}", Escape::Json, "\"é/ \\\"\\r\\n\"");
        check("{{list}}", Escape::Json, "[1,\"x\"]");
        check("{{user}}", Escape::Json, "3");
        check("{{now}}", Escape::Json, "5");
        check("{{page}}", Escape::Json, "\"a b\\\"\"");
        check("{{list}}!", Escape::Json, "\"[1,\\\"x\\\"]!\"");
    }

    #[test]
    fn functions_are_written_for_their_place() {
        check("{{now unix}} {{now +1s}}", Escape::Verbatim, "0 1005");
        check("/{{now rfc3339}}", Escape::Url, "/1970-01-01T00%3A00%3A00.005Z");
        check("{{now '%d.%m.%Y'}}", Escape::Json, "\"01.01.1970\"");
        check("{{now unix}}", Escape::Json, "0");
        check("{{now date}}", Escape::Json, "\"1970-01-01\"");
        check(
            "{{counter 100}} {{counter 0007}} {{counter 10 by 5}}",
            Escape::Verbatim,
            "103 0010 25",
        );
        check("{{counter 1}}", Escape::Json, "4");
        check("{{counter 01}}", Escape::Json, "\"04\"");
        check("{{base64 id}}", Escape::Verbatim, "w6kvICINCg==");
        check("/{{base64 id}}", Escape::Url, "/w6kvICINCg%3D%3D");
        check("{{hex 'aé'}}", Escape::Verbatim, "61c3a9");
        check("{{base64 page + ':' + user}}", Escape::Verbatim, "YSBiIjoz");
        check("{{hex base64 'a'}}", Escape::Verbatim, "59513d3d");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check("{{sha256 'abc'}}", Escape::Json, &format!("\"{abc}\""));
        check("{{sha256 'ab' + 'c'}}", Escape::Verbatim, abc);
        check("{{choose a*9 | a}}", Escape::Json, "\"a\"");
        check("?q={{choose 'é|' | 'é|'}}", Escape::Url, "?q=%C3%A9%7C");
    }

    #[test]
    fn what_a_function_says_of_itself_is_a_mistake_with_an_example() {
        for (text, told) in [
            ("{{shaa256 id}}", "{{sha256"),
            ("{{sha256}}", "needs what it is of"),
            ("{{sha256 nobody}}", "unknown placeholder {{nobody}}"),
            ("{{hex 'a}}", "cannot read"),
            ("{{hex id + }}", "unknown placeholder"),
            ("{{base64 '${TRICK}'}}", "constant"),
            ("{{now +1x}}", "distance"),
            ("{{choose a}}", "two texts"),
            ("{{counter x}}", "begins with"),
            ("{{random frist_name}}", "first_name"),
        ] {
            let faults = parsed(text, Escape::Verbatim).expect_err(text);
            let text = format!("{} {}", faults[0].message, faults[0].help.as_deref().unwrap_or(""));
            assert!(text.contains(told), "{text}");
        }
    }

    #[test]
    fn a_file_is_filled_in_and_otherwise_as_it_is() {
        let constants = [("page".to_owned(), "a\"b".to_owned())];
        let names = Names {
            environment: Environment::Lookup(&lookup),
            constants: &constants,
            data: &Data::default(),
            used_sources: Cell::default(),
            extracted: HashMap::new(),
            later: Vec::new(),
            used: RefCell::default(),
            tells_tenant: Cell::default(),
            files: &Attachments::default(),
        };
        for (escape, expected) in [
            (Escape::Json, "{\"a\": \"a\\\"b ${TRICK}\"}\n"),
            (Escape::Xml, "{\"a\": \"a&quot;b ${TRICK}\"}\n"),
            (Escape::Verbatim, "{\"a\": \"a\"b ${TRICK}\"}\n"),
        ] {
            let mut builder = Builder::new(escape, &names);
            builder.file("{\"a\": \"{{page}} ${TRICK}\"}\n");
            assert_eq!(builder.finish().unwrap().as_literal(), Some(expected));
        }
    }

    #[test]
    fn the_environment_brings_no_placeholders() {
        check("${TRICK}", Escape::Verbatim, "{{uuid}} \"é");
        check("${TRICK}", Escape::Json, "\"{{uuid}} \\\"é\"");
        check("$${TRICK}{{'{{'}}", Escape::Verbatim, "${TRICK}{{");
    }

    #[test]
    fn random_values_are_in_range_and_uuids_of_version_4() {
        for text in ["{{random 5..5}}", "{{random -3..3}}"] {
            let template = parsed(text, Escape::Verbatim).unwrap();
            let number: i64 = rendered(&template, "").parse().unwrap();
            assert!((-3..=5).contains(&number), "{number}");
        }
        let uuid = rendered(&parsed("{{uuid}}", Escape::Verbatim).unwrap(), "");
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
    }

    #[test]
    fn ends_of_a_range_are_both_reached() {
        assert_eq!(super::super::between(1, 100, 0), 1);
        assert_eq!(super::super::between(1, 100, u64::MAX), 100);
        assert_eq!(super::super::between(i64::MIN, i64::MAX, 0), i64::MIN);
        assert_eq!(super::super::between(i64::MIN, i64::MAX, u64::MAX), i64::MAX);
    }

    #[test]
    fn text_without_placeholders_is_one_literal() {
        let template = parsed("/a?page={{page}}&b=${NONE:-1}", Escape::Url).unwrap();
        assert_eq!(template.as_literal(), Some("/a?page=a%20b%22&b=1"));
    }

    proptest! {
        #[test]
        fn nothing_hostile_leaves_its_place(id in "\\PC*|[\\x00-\\xff]*") {
            let url = rendered(&parsed("/o/{{id}}/x", Escape::Url).unwrap(), &id);
            prop_assert!(url.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%/".contains(&b)));
            prop_assert_eq!(url.matches('/').count(), 3);
            let header = rendered(&parsed("a {{id}}", Escape::Header).unwrap(), &id);
            prop_assert!(!header.contains(char::is_control));
            let json = rendered(&parsed("{{id}}", Escape::Json).unwrap(), &id);
            prop_assert_eq!(serde_json::from_str::<Json>(&json).unwrap(), Json::String(id.clone()));
            let json = rendered(&parsed("<{{id}}>", Escape::Json).unwrap(), &id);
            let expected = Json::String(format!("<{id}>"));
            prop_assert_eq!(serde_json::from_str::<Json>(&json).unwrap(), expected);
            let form = rendered(&parsed("{{id}}", Escape::Form).unwrap(), &id);
            let read = url::form_urlencoded::parse(form.as_bytes()).next();
            prop_assert_eq!(read.map(|(key, _)| key.into_owned()).unwrap_or_default(), id);
        }

        #[test]
        fn any_text_is_a_template_or_a_fault(text in ".*|(\\{\\{|\\}\\}|[a-z' ]|\\$\\{)*") {
            for escape in [Escape::Url, Escape::Header, Escape::Form, Escape::Verbatim] {
                if let Err(faults) = parsed(&text, escape) {
                    prop_assert!(!faults.is_empty());
                    prop_assert!(faults.iter().all(|fault| fault.offset <= text.len()));
                }
            }
        }
    }
}
