//! GET routes of an `OpenAPI` document that can be asked for without knowing more.
//!
//! A document of version 2 or 3 comes in, as JSON; paths with examples in the place of their
//! parameters go out, and what was left out and why. The document is not trusted: what it
//! brings is percent-encoded, so that nothing of it is a placeholder of a scenario.

use serde_json::Value;

/// More paths of a document are not looked at.
const MOST_PATHS: usize = 2_000;
/// A path with longer values is left out.
const LONGEST: usize = 1_000;
/// How many references follow each other at most.
const REFERENCES: usize = 8;

/// A request that a document describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Path and query, encoded.
    pub path: String,
    /// As the document writes it: `/orders/{id}`.
    pub template: String,
    /// The status that the document promises: the first of 2xx.
    pub status: Option<u16>,
}

/// What a document says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// In the document's order.
    pub routes: Vec<Route>,
    /// Path and reason of each GET operation that is not among them.
    pub left_out: Vec<(String, String)>,
}

/// Whether this is an `OpenAPI` document.
pub fn is_document(value: &Value) -> bool {
    // In YAML a version without quotes is a number.
    let says = |key| value.get(key).is_some_and(|it| it.is_string() || it.is_number());
    (says("openapi") || says("swagger")) && value.get("paths").is_some_and(Value::is_object)
}

/// The GET routes of a document.
pub fn described(document: &Value) -> Described {
    let mut all = Described::default();
    let Some(paths) = document.get("paths").and_then(Value::as_object) else { return all };
    let prefix = prefix(document);
    for (template, item) in paths.iter().take(MOST_PATHS) {
        let Some(get) = item.get("get") else { continue };
        let whole = format!("{prefix}{template}");
        let operation = Operation { document, item, get };
        match operation.path(&whole) {
            Ok(path) => {
                let status = operation.status();
                all.routes.push(Route { path, template: whole, status });
            }
            Err(why) => all.left_out.push((whole, why)),
        }
    }
    all
}

/// The path of the first server, or `basePath`.
fn prefix(document: &Value) -> String {
    let server = document.pointer("/servers/0/url").and_then(Value::as_str);
    let base = document.get("basePath").and_then(Value::as_str);
    let text = server.or(base).unwrap_or_default();
    let path = match text.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => text,
    };
    let path = path.trim_end_matches('/');
    if path.starts_with('/') && !path.contains('{') { path.to_owned() } else { String::new() }
}

/// One operation, with what surrounds it.
struct Operation<'d> {
    document: &'d Value,
    item: &'d Value,
    get: &'d Value,
}

impl<'d> Operation<'d> {
    /// The path with examples in it, or why there is none.
    fn path(&self, template: &str) -> Result<String, String> {
        if self.get.get("deprecated") == Some(&Value::Bool(true)) {
            return Err("it is deprecated".to_owned());
        }
        if self.streams() {
            return Err("it answers with a stream of events".to_owned());
        }
        let parameters = self.parameters();
        let mut path = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or("its path cannot be read")?;
            path.push_str(&encoded(before, "/"));
            path.push_str(&encoded(&self.value_in_path(name, &parameters)?, ""));
            rest = behind;
        }
        path.push_str(&encoded(rest, "/"));
        path.push_str(&self.query(&parameters)?);
        let fits = path.starts_with('/') && !path.starts_with("//") && path.len() <= LONGEST;
        if fits { Ok(path) } else { Err("its path cannot be asked for".to_owned()) }
    }

    fn value_in_path(&self, name: &str, parameters: &[&'d Value]) -> Result<String, String> {
        let named = |found: &&&Value| is(found, "in", "path") && is(found, "name", name);
        let parameter = parameters.iter().find(named);
        let example = parameter.and_then(|parameter| self.example(parameter));
        let example = example.filter(|example| !example.is_empty());
        example.ok_or_else(|| format!("its path parameter \"{name}\" has no example"))
    }

    /// The query of what it needs.
    fn query(&self, parameters: &[&'d Value]) -> Result<String, String> {
        let mut query = String::new();
        for parameter in parameters.iter().filter(|parameter| is_needed(parameter)) {
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
            let index = parameter.get("in").and_then(Value::as_str).unwrap_or_default();
            if index != "query" {
                return Err(format!("it needs the {index} \"{name}\""));
            }
            let example = self.example(parameter);
            let example = example.ok_or_else(|| format!("it needs \"{name}\" in the query"))?;
            let sign = if query.is_empty() { "?" } else { "&" };
            query.extend([sign, &encoded(name, ""), "=", &encoded(&example, "")]);
        }
        Ok(query)
    }

    /// Those of the operation stand before those of its path.
    fn parameters(&self) -> Vec<&'d Value> {
        let of = |value: &'d Value| value.get("parameters").and_then(Value::as_array);
        let own = of(self.get).into_iter().flatten();
        let all = own.chain(of(self.item).into_iter().flatten());
        all.take(MOST_PATHS).filter_map(|parameter| self.resolved(parameter)).collect()
    }

    /// What a reference within the document refers to.
    fn resolved(&self, value: &'d Value) -> Option<&'d Value> {
        let mut value = value;
        for _ in 0..REFERENCES {
            let Some(reference) = value.get("$ref") else { return Some(value) };
            value = self.document.pointer(reference.as_str()?.strip_prefix('#')?)?;
        }
        None
    }

    /// A value for a parameter, if the document names one.
    fn example(&self, parameter: &'d Value) -> Option<String> {
        let schema = parameter.get("schema").and_then(|schema| self.resolved(schema));
        let indexes = [Some(parameter), schema];
        let named = indexes.into_iter().flatten().find_map(|index| {
            let examples = index.get("examples");
            let first = examples.and_then(|examples| match examples {
                Value::Array(all) => all.first(),
                Value::Object(all) => all.values().next().and_then(|one| one.get("value")),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            });
            let kinds = ["example", "x-example", "default", "const"];
            let single = kinds.iter().find_map(|kind| index.get(kind));
            let listed = index.get("enum").and_then(|values| values.get(0));
            [index.get("example"), first, single, listed].into_iter().flatten().find_map(plain)
        });
        named.filter(|value| value.len() <= LONGEST)
    }

    /// The first success that it promises.
    fn status(&self) -> Option<u16> {
        let responses = self.get.get("responses")?.as_object()?;
        let statuses = responses.keys().filter_map(|key| key.parse::<u16>().ok());
        statuses.filter(|status| (200..300).contains(status)).min()
    }

    fn streams(&self) -> bool {
        let stream = "text/event-stream";
        let responses = self.get.get("responses").and_then(Value::as_object);
        let contents = responses.into_iter().flat_map(|all| all.values());
        let mut contents = contents.filter_map(|response| response.get("content"));
        let produces = self.get.get("produces").and_then(Value::as_array);
        let is_produced = produces.is_some_and(|all| all.iter().any(|kind| kind == stream));
        is_produced || contents.any(|content| content.get(stream).is_some())
    }
}

fn is(parameter: &Value, key: &str, text: &str) -> bool {
    parameter.get(key).and_then(Value::as_str) == Some(text)
}

/// Whether it must be given; those of the path are filled in elsewhere.
fn is_needed(parameter: &Value) -> bool {
    parameter.get("required") == Some(&Value::Bool(true)) && !is(parameter, "in", "path")
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(all) => all.first().filter(|first| !first.is_array()).and_then(plain),
        Value::Null | Value::Object(_) => None,
    }
}

/// Percent-encoded but for letters, digits, a few signs, and `kept`; what is encoded already
/// stays as it is where `kept` has `/`.
fn encoded(text: &str, kept: &str) -> String {
    let mut all = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        let is_kept = kept.contains(c) || (kept.contains('/') && "%@:+,".contains(c));
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || is_kept {
            all.push(c);
        } else {
            all.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    all
}

fn hex(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(document: &Value) -> Vec<String> {
        described(document).routes.into_iter().map(|route| route.path).collect()
    }

    #[test]
    fn routes_need_nothing_or_examples() {
        let id =
            json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } });
        let document = json!({
            "openapi": "3.0.3",
            "servers": [{ "url": "http://127.0.0.1:3000/v1/" }],
            "components": { "parameters": { "Id": { "name": "id", "in": "path", "example": 7 } } },
            "paths": {
                "/orders": { "get": { "responses": { "200": {}, "404": {} } }, "post": {} },
                "/orders/{id}": { "get": { "parameters": [id] } },
                "/users/{id}": { "parameters": [{ "$ref": "#/components/parameters/Id" }], "get": {} },
                "/search": { "get": { "parameters": [
                    { "name": "q", "in": "query", "required": true, "examples": { "a": { "value": "a b&c" } } },
                    { "name": "page", "in": "query", "schema": { "default": 1 } }] } },
                "/find": { "get": { "parameters": [{ "name": "q", "in": "query", "required": true }] } },
                "/me": { "get": { "parameters": [{ "name": "x-key", "in": "header", "required": true }] } },
                "/old": { "get": { "deprecated": true } },
                "/live": { "get": { "responses": { "200": { "content": { "text/event-stream": {} } } } } },
                "/write": { "post": {} }
            }
        });
        assert!(is_document(&document));
        let found = described(&document);
        assert_eq!(paths(&document), ["/v1/orders", "/v1/users/7", "/v1/search?q=a%20b%26c"]);
        assert_eq!(found.routes[0].status, Some(200));
        let why: Vec<&str> = found.left_out.iter().map(|(_, why)| why.as_str()).collect();
        assert_eq!(
            why,
            [
                "its path parameter \"id\" has no example",
                "it needs \"q\" in the query",
                "it needs the header \"x-key\"",
                "it is deprecated",
                "it answers with a stream of events",
            ]
        );
    }

    #[test]
    fn nothing_of_a_document_becomes_a_placeholder() {
        let parameter = json!({ "name": "id", "in": "path", "example": "${HOME}{{x}}\r\n/.. 商" });
        let document = json!({ "swagger": "2.0", "basePath": "/b", "paths": {
            "/${SECRET}/{id}": { "get": { "parameters": [parameter] } },
            "//evil.example/x": { "get": {} },
            "no slash": { "get": {} },
            "/open{": { "get": {} },
        }});
        for path in paths(&document) {
            assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
            assert!(!path.contains(['{', '}', '$', '#', '"']), "{path}");
        }
        assert_eq!(described(&document).left_out.len(), 2, "{:?}", described(&document));
    }

    #[test]
    fn references_that_go_in_circles_end() {
        let document = json!({ "openapi": "3.1.0", "a": { "$ref": "#/a" }, "paths": {
            "/x/{id}": { "get": { "parameters": [{ "$ref": "#/a" }] } } } });
        assert_eq!(described(&document).left_out.len(), 1);
        assert!(!is_document(&json!({ "openapi": "3.1.0" })));
    }
}
