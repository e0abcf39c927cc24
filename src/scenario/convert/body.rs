//! Bodies of requests: one of several keys as written → a [`Body`], and its type.

use serde_json::Value;

use super::super::attachments::content_type;
use super::super::body::{Body, Content, Part, Parts};
use super::super::check::Check;
use super::super::document::Pointer;
use super::super::entries::Entries;
use super::super::problems::Fault;
use super::super::raw::RawStep;
use super::super::raw_body::{RawBodyFile, RawPart};
use super::super::template::parse::{Builder, Names, json_document};
use super::super::template::{Escape, Template};
use super::graphql::of_graphql;
use super::settle::settle;

/// What a GraphQL request asks for ("GraphQL over HTTP").
pub(super) const GRAPHQL_ANSWERS: &str =
    "application/graphql-response+json, application/json;q=0.9";
/// Parts of a form.
const MOST_PARTS: usize = 100;

/// The body and the content type that goes with it.
pub(super) fn body(
    raw: &RawStep,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> (Option<Body>, Option<String>) {
    one_body_at_most(raw, at, check);
    let typed = |text: Option<Template>, kind: &str| (text.map(Body::Text), Some(kind.to_owned()));
    if let Some(value) = &raw.json {
        return typed(json(value, names, &at.key("json"), check), "application/json");
    }
    if let Some(fields) = &raw.form {
        let kind = "application/x-www-form-urlencoded";
        return typed(form(fields, names, &at.key("form"), check), kind);
    }
    if let Some(graphql) = &raw.graphql {
        let body = of_graphql(graphql, names, &at.key("graphql"), check);
        return typed(body, "application/json");
    }
    if let Some(fields) = &raw.multipart {
        let parts = parts(fields, names, &at.key("multipart"), check);
        let kind = parts.as_ref().map(Parts::content_type);
        return (parts.map(Body::Parts), kind);
    }
    if let Some(file) = &raw.body_file {
        return of_file(file, names, &at.key("body_file"), check);
    }
    let text = raw.body.as_ref();
    let template = text.map(|text| Template::parse(text, Escape::Verbatim, names));
    let body = template.and_then(|template| settle(template, &at.key("body"), check));
    (body.map(Body::Text), None)
}

fn one_body_at_most(raw: &RawStep, at: &Pointer, check: &mut Check<'_>) {
    let given = [
        ("json", raw.json.is_some()),
        ("form", raw.form.is_some()),
        ("graphql", raw.graphql.is_some()),
        ("multipart", raw.multipart.is_some()),
        ("body_file", raw.body_file.is_some()),
        ("body", raw.body.is_some()),
    ];
    let all = given.map(|(key, _)| key).join(", ");
    let mut given = given.iter().filter(|(_, given)| *given);
    let Some((first, _)) = given.next() else { return };
    for (key, _) in given {
        let fault = Fault::new(format!("\"{key}\" beside \"{first}\""));
        check.key(&at.key(key), fault.help(format!("a request has one body, of {all}")));
    }
}

fn json(value: &Value, names: &Names<'_>, at: &Pointer, check: &mut Check<'_>) -> Option<Template> {
    let mut builder = Builder::new(Escape::Json, names);
    json_document(value, at, &mut builder, check);
    builder.finish().ok()
}

fn form(
    fields: &Entries<String>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Template> {
    let mut builder = Builder::new(Escape::Form, names);
    for (index, (name, value)) in fields.0.iter().enumerate() {
        builder.raw(if index == 0 { "" } else { "&" });
        builder.text(name);
        for fault in builder.take_faults() {
            check.key(&at.key(name), fault);
        }
        builder.raw("=");
        builder.text(value);
        for fault in builder.take_faults() {
            check.value(&at.key(name), fault);
        }
    }
    builder.finish().ok()
}

/// A path, or an object that says whether the file is filled in.
fn of_file(
    raw: &Value,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> (Option<Body>, Option<String>) {
    // It has the right form by now.
    let (raw, at) = match raw {
        Value::String(file) => {
            (RawBodyFile { file: file.clone(), placeholders: false }, at.clone())
        }
        other => (serde_json::from_value(other.clone()).unwrap_or_default(), at.key("file")),
    };
    let name = check.fill(&raw.file);
    let kind = content_type(&name).map(str::to_owned);
    let body = match content(&name, raw.placeholders, names, &at, check) {
        None => None,
        Some(Content::Text(template)) => Some(Body::Text(template)),
        Some(Content::File(file)) => Some(Body::File(file)),
    };
    (body, kind)
}

/// What is in a file, which is a text if it is filled in.
fn content(
    name: &str,
    is_filled: bool,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Content> {
    if !is_filled {
        let file = names.files.read(name);
        return check.accept(at, file).map(Content::File);
    }
    let text = names.files.text(name);
    let text = check.accept(at, text)?;
    let escape = match content_type(name) {
        Some("application/json" | "application/x-ndjson") => Escape::Json,
        Some("application/xml" | "image/svg+xml") => Escape::Xml,
        _ => Escape::Verbatim,
    };
    let mut builder = Builder::new(escape, names);
    builder.file(&text);
    let faults = builder.take_faults();
    for fault in &faults {
        let line = text.get(..fault.offset).unwrap_or_default().matches('\n').count() + 1;
        let told = Fault::new(format!("{name}, line {line}: {}", fault.message));
        check.value(at, fault.help.iter().fold(told, |told, help| told.help(help.clone())));
    }
    let template = builder.finish().ok().filter(|_| faults.is_empty())?;
    if template.as_literal().is_some() && !text.contains("{{") {
        let fault = Fault::new(format!("the file {name} has no placeholders"));
        check.value(at, fault.help("remove \"placeholders\", or put {{name}} into the file"));
    }
    Some(Content::Text(template))
}

/// Each field with a text, a part, or several.
fn parts(
    fields: &Entries<Value>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Parts> {
    let mut all = Vec::new();
    let mut is_whole = true;
    for (name, value) in &fields.0 {
        let at = at.key(name);
        let several = match value {
            Value::Array(several) => {
                several.iter().enumerate().map(|(index, one)| (one, at.item(index))).collect()
            }
            one => vec![(one, at.clone())],
        };
        if several.is_empty() {
            check.value(&at, Fault::new("a field without a part").help("write a text or a file"));
            is_whole = false;
        }
        for (one, at) in several {
            let part = part(name, one, names, &at, check);
            is_whole &= part.is_some();
            all.extend(part);
        }
    }
    if fields.0.is_empty() || all.len() > MOST_PARTS {
        let fault = Fault::new(format!("{} parts of a form", all.len()));
        check.value(at, fault.help(format!("there are from 1 to {MOST_PARTS}")));
        return None;
    }
    is_whole.then(|| Parts::new(all))
}

fn part(
    name: &str,
    raw: &Value,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Part> {
    let name = name.to_owned();
    let raw = match raw {
        Value::String(text) => {
            let text = settle(Template::parse(text, Escape::Verbatim, names), at, check)?;
            let content = Content::Text(text);
            return Some(Part { name, filename: None, content_type: None, content });
        }
        // It has the right form by now.
        other => serde_json::from_value::<RawPart>(other.clone()).unwrap_or_default(),
    };
    let (content, kind) = part_content(&raw, names, at, check)?;
    let own = raw.content_type.as_ref().map(|kind| check.fill(kind));
    let is_plain =
        |text: &String| !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if own.as_ref().is_some_and(|kind| !is_plain(kind) || !kind.contains('/')) {
        let fault = Fault::new("this is no type of a content");
        check.value(&at.key("content_type"), fault.help("write it like \"image/png\""));
        return None;
    }
    let of_file = || {
        let file = raw.file.as_ref().map(|file| check.fill(file))?;
        Some(std::path::Path::new(&file).file_name()?.to_string_lossy().into_owned())
    };
    let filename = raw.filename.as_ref().map(|name| check.fill(name)).or_else(of_file);
    Some(Part { name, filename, content_type: own.or(kind), content })
}

/// What is in a part, and the type that it says to be of.
fn part_content(
    raw: &RawPart,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<(Content, Option<String>)> {
    if raw.placeholders && raw.file.is_none() {
        let fault = Fault::new("\"placeholders\" means nothing without \"file\"");
        check.key(&at.key("placeholders"), fault.help("remove it; others are always filled in"));
    }
    match (&raw.text, &raw.json, &raw.file) {
        (Some(text), None, None) => {
            let text = Template::parse(text, Escape::Verbatim, names);
            Some((Content::Text(settle(text, &at.key("text"), check)?), None))
        }
        (None, Some(value), None) => {
            let text = json(value, names, &at.key("json"), check)?;
            Some((Content::Text(text), Some("application/json".to_owned())))
        }
        (None, None, Some(file)) => {
            let file = check.fill(file);
            let kind = content_type(&file).unwrap_or("application/octet-stream");
            let content = content(&file, raw.placeholders, names, &at.key("file"), check)?;
            Some((content, Some(kind.to_owned())))
        }
        _ => {
            let fault = Fault::new("a part of a form has one of \"text\", \"json\" and \"file\"");
            let help = "write {\"file\": \"report.pdf\"}, or a bare text";
            check.lacks(at, &["text", "json", "file"], fault.help(help));
            None
        }
    }
}
