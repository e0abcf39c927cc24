//! JSON Schemas: inline or in a file → what documents are judged by, with every keyword known.
//!
//! A keyword that nothing would come of is a mistake: a schema with a typo accepts what it was
//! written to refuse.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::json_schema::{Node, Place, Properties, Rule, Schema};
use super::super::problems::Fault;
use super::super::template::parse::Names;
use super::schema_words::{self, Words};

/// Parts of a schema.
const MOST_NODES: usize = 20_000;

/// A schema as it is written here, or the path of a file.
pub(super) fn schema(
    raw: &Value,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Arc<Schema>> {
    let Value::String(file) = raw else {
        let compiled = compile(raw);
        let faults = compiled.as_ref().err().into_iter().flatten();
        for (place, fault) in faults {
            let at = place.names().iter().fold(at.clone(), |at, name| at.key(name));
            check.value(&at, fault.clone());
        }
        return compiled.ok().map(Arc::new);
    };
    let file = check.fill(file);
    let text = names.files.text(&file);
    let text = check.accept(at, text)?;
    let value = serde_json::from_str::<Value>(&text).map_err(|error| {
        Fault::new(format!("the schema {file} is not JSON: {error}"))
            .help("check it with an editor")
    });
    let value = check.accept(at, value)?;
    match compile(&value) {
        Ok(schema) => Some(Arc::new(schema)),
        Err(faults) => {
            for (place, fault) in faults {
                let told = Fault::new(format!("{file}#{}: {}", place.as_str(), fault.message));
                check.value(at, fault.help.into_iter().fold(told, Fault::help));
            }
            None
        }
    }
}

/// What is wrong with a schema, and where in it.
type Faults = Vec<(Pointer, Fault)>;

fn compile(root: &Value) -> Result<Schema, Faults> {
    let mut compiler = Compiler {
        root,
        is_old: is_old(root),
        places: HashMap::new(),
        waiting: VecDeque::new(),
        faults: Vec::new(),
    };
    compiler.place(Pointer::default(), root);
    let mut nodes = Vec::new();
    while let Some((at, value)) = compiler.waiting.pop_front() {
        let node = compiler.node(value, &at);
        nodes.push(node);
    }
    let mut faults = compiler.faults;
    let schema = Schema { nodes };
    if faults.is_empty() && accepts_everything(&schema) {
        let fault = Fault::new("this schema accepts every document, so it checks nothing");
        let help = "say what it is: {\"type\": \"object\", \"required\": [\"id\"]}";
        faults.push((Pointer::default(), fault.help(help)));
    }
    if faults.is_empty() { Ok(schema) } else { Err(faults) }
}

/// Whether a document of each type is right.
fn accepts_everything(schema: &Schema) -> bool {
    let documents = [json!(null), json!(true), json!(0.5), json!(""), json!([]), json!({})];
    documents.iter().all(|document| schema.judge(document).is_ok())
}

/// Whether it is of a draft in which nothing has a meaning beside `$ref`.
fn is_old(root: &Value) -> bool {
    let draft = root["$schema"].as_str().unwrap_or_default();
    ["draft-04", "draft-06", "draft-07"].iter().any(|old| draft.contains(old))
}

struct Compiler<'r> {
    root: &'r Value,
    is_old: bool,
    /// Each part of the schema once: a reference may lead back.
    places: HashMap<Pointer, Place>,
    /// Those that have a place, in the order of these, and are not read yet.
    waiting: VecDeque<(Pointer, &'r Value)>,
    faults: Faults,
}

impl<'r> Compiler<'r> {
    /// The place of a part, which is read in its turn.
    fn place(&mut self, at: Pointer, value: &'r Value) -> Place {
        let next = self.places.len();
        if let Some(place) = self.places.get(&at) {
            return *place;
        }
        if next >= MOST_NODES {
            if next == MOST_NODES {
                let told = format!("a schema has at most {MOST_NODES} parts");
                self.fault(&Pointer::default(), Fault::new(told));
                self.places.insert(at, next);
            }
            return 0;
        }
        self.places.insert(at.clone(), next);
        self.waiting.push_back((at, value));
        next
    }

    fn fault(&mut self, at: &Pointer, fault: Fault) {
        self.faults.push((at.clone(), fault));
    }

    fn node(&mut self, value: &'r Value, at: &Pointer) -> Node {
        match value {
            Value::Bool(true) => Node::Always,
            Value::Bool(false) => Node::Never,
            Value::Object(words) => Node::Rules(self.rules(words, at)),
            other => {
                let fault = Fault::new(format!("{other} is no schema"));
                self.fault(at, fault.help("a schema is an object, true or false"));
                Node::Never
            }
        }
    }

    fn rules(&mut self, words: &'r Map<String, Value>, at: &Pointer) -> Vec<Rule> {
        let is_root = *at == Pointer::default();
        for (word, fault) in schema_words::faults(words, is_root, self.is_old) {
            self.fault(&at.key(&word), fault);
        }
        let mut rules = Vec::new();
        for (word, value) in words {
            let at = at.key(word);
            match schema_words::of(word, value) {
                Words::None => {}
                Words::Rule(rule) => rules.push(rule),
                Words::Wrong(fault) => self.fault(&at, fault),
                Words::Parts => rules.extend(self.of_parts(word, value, &at)),
            }
        }
        rules.extend(self.properties(words, at));
        rules.extend(self.items(words, at));
        rules.extend(self.contains(words, at));
        rules.extend(self.branches(words, at));
        rules
    }

    /// Keywords whose values have schemas in them, and that stand alone.
    fn of_parts(&mut self, word: &str, value: &'r Value, at: &Pointer) -> Option<Rule> {
        Some(match word {
            "allOf" => Rule::All(self.list(value, at)?),
            "anyOf" => Rule::Any(self.list(value, at)?),
            "oneOf" => Rule::One(self.list(value, at)?),
            "not" => Rule::Not(self.place(at.clone(), value)),
            "propertyNames" => Rule::Names(self.place(at.clone(), value)),
            "dependentSchemas" => Rule::DependentSchemas(self.map(value, at)?),
            "$ref" => Rule::All(vec![self.reference(value, at)?]),
            // Those that nothing refers to are read as well: they may have typos.
            _ => {
                self.map(value, at)?;
                return None;
            }
        })
    }

    fn list(&mut self, value: &'r Value, at: &Pointer) -> Option<Vec<Place>> {
        let Some(all) = value.as_array().filter(|all| !all.is_empty()) else {
            self.fault(at, Fault::new("this is a list of schemas, at least one"));
            return None;
        };
        Some(all.iter().enumerate().map(|(index, it)| self.place(at.item(index), it)).collect())
    }

    fn map(&mut self, value: &'r Value, at: &Pointer) -> Option<Vec<(String, Place)>> {
        let Some(all) = value.as_object() else {
            self.fault(at, Fault::new("this is an object with a schema for each name"));
            return None;
        };
        let placed = all.iter().map(|(name, it)| (name.clone(), self.place(at.key(name), it)));
        Some(placed.collect())
    }

    /// What stands elsewhere in the same schema.
    fn reference(&mut self, value: &'r Value, at: &Pointer) -> Option<Place> {
        let text = value.as_str().unwrap_or_default();
        let path = text.strip_prefix('#').filter(|path| path.is_empty() || path.starts_with('/'));
        let Some(path) = path else {
            let fault = Fault::new(format!("{value} leads out of this schema, or to an anchor"));
            let help = "no other file or address is read; write \"#/$defs/name\"";
            self.fault(at, fault.help(help));
            return None;
        };
        let Some(found) = self.root.pointer(path) else {
            let fault = Fault::new(format!("there is nothing at \"{text}\""));
            self.fault(at, fault.help("write \"#/$defs/name\""));
            return None;
        };
        let names = path.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~"));
        let target = names.fold(Pointer::default(), |at, name| at.key(&name));
        Some(self.place(target, found))
    }

    fn properties(&mut self, words: &'r Map<String, Value>, at: &Pointer) -> Option<Rule> {
        let mut all = Properties::default();
        if let Some(value) = words.get("properties") {
            all.named = self.map(value, &at.key("properties"))?;
        }
        if let Some(value) = words.get("patternProperties") {
            let at = at.key("patternProperties");
            for (text, place) in self.map(value, &at)? {
                match super::pattern::of_text(&text) {
                    Ok(regex) => all.patterns.push((regex, place)),
                    Err(fault) => self.fault(&at.key(&text), fault),
                }
            }
        }
        if let Some(value) = words.get("additionalProperties") {
            all.rest = Some(self.place(at.key("additionalProperties"), value));
        }
        let is_empty = all.named.is_empty() && all.patterns.is_empty() && all.rest.is_none();
        (!is_empty).then_some(Rule::Properties(all))
    }

    /// A list of `items` is what `prefixItems` is since 2020-12, and `additionalItems` the rest.
    fn items(&mut self, words: &'r Map<String, Value>, at: &Pointer) -> Option<Rule> {
        let is_list = words.get("items").is_some_and(Value::is_array);
        let (first, rest) =
            if is_list { ("items", "additionalItems") } else { ("prefixItems", "items") };
        let places = match words.get(first) {
            Some(value) => self.list(value, &at.key(first))?,
            None => Vec::new(),
        };
        let others = words.get(rest).map(|value| self.place(at.key(rest), value));
        (!places.is_empty() || others.is_some()).then_some(Rule::Items(places, others))
    }

    fn contains(&mut self, words: &'r Map<String, Value>, at: &Pointer) -> Option<Rule> {
        let count = |word: &str| words.get(word).and_then(Value::as_u64);
        let what = self.place(at.key("contains"), words.get("contains")?);
        let (least, most) = (count("minContains").unwrap_or(1), count("maxContains"));
        Some(Rule::Contains { what, least, most })
    }

    fn branches(&mut self, words: &'r Map<String, Value>, at: &Pointer) -> Option<Rule> {
        let mut place = |word: &str| Some(self.place(at.key(word), words.get(word)?));
        let condition = place("if")?;
        Some(Rule::If(condition, place("then"), place("else")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// Schemas of every keyword, for the documents below.
    fn schemas() -> Vec<Value> {
        vec![
            json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "integer", "minimum": 1 } } }),
            json!({ "type": ["string", "null"], "minLength": 1, "maxLength": 3 }),
            json!({ "type": "array", "items": { "type": "number", "multipleOf": 0.5 }, "minItems": 1, "maxItems": 3, "uniqueItems": true }),
            json!({ "prefixItems": [{ "type": "integer" }, { "type": "string" }], "items": false, "type": "array" }),
            json!({ "enum": [1, "a", [1.0, "b"], { "a": 2 }, null] }),
            json!({ "const": { "a": [1, 2] } }),
            json!({ "exclusiveMinimum": 0, "exclusiveMaximum": 3, "type": "number" }),
            json!({ "patternProperties": { "^a": { "type": "string" } }, "additionalProperties": { "type": "integer" }, "type": "object" }),
            json!({ "properties": { "a": true, "b": {} }, "additionalProperties": false, "type": "object", "minProperties": 1, "maxProperties": 2 }),
            json!({ "propertyNames": { "pattern": "^[ab]$" }, "not": { "type": "null" } }),
            json!({ "allOf": [{ "type": "object" }, { "required": ["b"] }] }),
            json!({ "anyOf": [{ "type": "string", "pattern": "^a" }, { "type": "integer" }] }),
            json!({ "oneOf": [{ "type": "number", "multipleOf": 2 }, { "type": "number", "minimum": 3 }] }),
            json!({ "if": { "required": ["a"] }, "then": { "required": ["b"] }, "else": { "maxProperties": 0 }, "type": "object" }),
            json!({ "contains": { "type": "string" }, "minContains": 1, "maxContains": 2, "type": "array" }),
            json!({ "dependentRequired": { "a": ["b"] }, "dependentSchemas": { "b": { "required": ["a"] } }, "type": "object" }),
            json!({ "$ref": "#/$defs/tree", "$defs": { "tree": { "type": "object", "properties": { "a": { "$ref": "#/$defs/tree" } }, "additionalProperties": false } } }),
            json!({ "type": "object", "properties": { "a": { "$ref": "#" } }, "maxProperties": 1 }),
        ]
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|it| json!(it)),
            (-1_i64..5).prop_map(|it| json!(it)),
            (-2_i64..8).prop_map(|it| json!(it as f64 / 2.0)),
            "[abé]{0,4}".prop_map(|it| json!(it)),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|it| json!(it)),
                prop::collection::btree_map("[abc]", inner, 0..3).prop_map(|it| json!(it)),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        /// Another implementation says the same of every document.
        #[test]
        fn documents_are_judged_as_by_another_reader(document in document(), place in 0_usize..18) {
            let raw = &schemas()[place];
            let ours = compile(raw).expect("it is a schema").judge(&document);
            let theirs = jsonschema::validator_for(raw).expect("it is a schema").is_valid(&document);
            prop_assert_eq!(ours.is_ok(), theirs, "{} {} {:?}", raw, document, ours);
        }
    }

    #[track_caller]
    fn wrong(raw: &Value, at: &str, told: &str) {
        let faults = compile(raw).expect_err(&raw.to_string());
        let text = |(place, fault): &(Pointer, Fault)| {
            format!("{} {} {}", place.as_str(), fault.message, fault.help.as_deref().unwrap_or(""))
        };
        let all: Vec<String> = faults.iter().map(text).collect();
        let is_told = faults
            .iter()
            .zip(&all)
            .any(|((place, _), text)| place.as_str() == at && text.contains(told));
        assert!(is_told, "{raw}: {all:?}");
    }

    #[test]
    fn what_nothing_would_come_of_is_a_mistake() {
        wrong(&json!({ "type": "object", "requierd": ["a"] }), "/requierd", "\"required\"");
        wrong(
            &json!({ "type": "object", "properties": { "a": { "typ": "string" } } }),
            "/properties/a/typ",
            "\"type\"",
        );
        wrong(&json!({ "type": "strnig" }), "/type", "string");
        wrong(&json!({ "type": "string", "nullable": true }), "/nullable", "null");
        wrong(&json!({ "type": "string", "format": "hostname" }), "/format", "date-time");
        wrong(&json!({ "type": "string", "pattern": "(?=a)b" }), "/pattern", "look-around");
        wrong(&json!({ "type": "string", "pattern": 1 }), "/pattern", "text");
        wrong(&json!({ "type": "string", "minLength": "1" }), "/minLength", "whole number");
        wrong(&json!({ "minimum": "1" }), "/minimum", "no number");
        wrong(
            &json!({ "exclusiveMinimum": true, "type": "number" }),
            "/exclusiveMinimum",
            "no number",
        );
        wrong(&json!({ "required": "id" }), "/required", "list of names");
        wrong(&json!({ "enum": [] }), "/enum", "at least one");
        wrong(&json!({ "anyOf": [] }), "/anyOf", "at least one");
        wrong(&json!({ "properties": { "a": 1 } }), "/properties/a", "no schema");
        wrong(&json!({ "then": { "type": "null" } }), "/then", "\"if\"");
        wrong(&json!({ "if": { "type": "null" } }), "/if", "\"then\"");
        wrong(&json!({ "type": "array", "minContains": 2 }), "/minContains", "\"contains\"");
        wrong(
            &json!({ "type": "array", "additionalItems": false }),
            "/additionalItems",
            "\"items\"",
        );
        wrong(
            &json!({ "$schema": "http://json-schema.org/draft-04/schema#", "type": "null" }),
            "/$schema",
            "draft-07",
        );
        wrong(
            &json!({ "$schema": "http://json-schema.org/draft-07/schema#", "properties": { "a": { "$ref": "#", "type": "null" } } }),
            "/properties/a/$ref",
            "allOf",
        );
        wrong(
            &json!({ "$defs": { "a": { "typ": 1 } }, "type": "null" }),
            "/$defs/a/typ",
            "\"type\"",
        );
    }

    #[test]
    fn references_stay_within_the_schema() {
        for address in ["https://example.test/a.json", "other.json#/a", "#name", "//a", ""] {
            wrong(
                &json!({ "properties": { "a": { "$ref": address } } }),
                "/properties/a/$ref",
                "no other file or address",
            );
        }
        wrong(&json!({ "$ref": "#/$defs/no" }), "/$ref", "nothing at");
        wrong(
            &json!({ "type": "object", "properties": { "a": { "$id": "https://a.test/" } } }),
            "/properties/a/$id",
            "remove",
        );
    }

    #[test]
    fn a_schema_that_accepts_everything_is_a_mistake() {
        for raw in [
            json!({}),
            json!(true),
            json!({ "title": "order" }),
            json!({ "anyOf": [{}, { "type": "null" }] }),
        ] {
            wrong(&raw, "", "accepts every document");
        }
        assert!(compile(&json!({ "type": "object" })).is_ok());
    }

    #[track_caller]
    fn told(raw: &Value, document: &Value, expected: &str) {
        let wrong = compile(raw).expect("it is a schema").judge(document).expect_err("it is not");
        assert_eq!(wrong.to_string(), expected);
    }

    #[test]
    fn the_first_thing_that_is_wrong_is_told_with_its_place() {
        let raw = json!({ "type": "object", "required": ["items"], "properties": { "items": {
            "type": "array", "items": { "type": "object", "required": ["id"],
                "properties": { "id": true, "price": { "type": "number" } }, "additionalProperties": false } } } });
        told(&raw, &json!([]), "the document must be object");
        told(&raw, &json!({}), "the document must have the member \"items\"");
        told(&raw, &json!({ "items": [{ "id": 1 }, {}] }), "/items/1 must have the member \"id\"");
        told(
            &raw,
            &json!({ "items": [{ "id": 1, "price": "9" }] }),
            "/items/0/price must be number",
        );
        told(
            &raw,
            &json!({ "items": [{ "id": 1, "a/b~": 1 }] }),
            "/items/0/a~1b~0 must not be there",
        );
    }

    #[test]
    fn numbers_are_what_they_are_worth() {
        let cents = compile(&json!({ "multipleOf": 0.01, "type": "number" })).unwrap();
        for (number, is_one) in
            [("19.99", true), ("0.07", true), ("1e300", true), ("0.005", false), ("19.995", false)]
        {
            let document: Value = serde_json::from_str(number).unwrap();
            assert_eq!(cents.judge(&document).is_ok(), is_one, "{number}");
        }
        let unique = compile(&json!({ "type": "array", "uniqueItems": true })).unwrap();
        for (document, is_one) in [
            (json!([1, 1.0]), false),
            (json!([{ "a": 1, "b": 2 }, { "b": 2.0, "a": 1 }]), false),
            (json!([1, "1", true, null, [1], { "1": 1 }]), true),
            (json!([["a,b"], ["a", "b"]]), true),
        ] {
            assert_eq!(unique.judge(&document).is_ok(), is_one, "{document}");
        }
    }

    #[test]
    fn no_document_takes_long() {
        let twice = json!({ "type": "object", "allOf": [
            { "properties": { "a": { "$ref": "#" } } }, { "properties": { "a": { "$ref": "#" } } } ] });
        let endless = json!({ "type": "object", "allOf": [{ "$ref": "#" }] });
        let any = json!({ "type": "array", "items": { "anyOf": (0..200).map(|n| json!({ "const": n })).collect::<Vec<_>>() } });
        let unique = json!({ "type": "array", "uniqueItems": true });
        let pattern = json!({ "type": "string", "pattern": "^(a*)*$" });
        let deep = (0..120).fold(json!({}), |inner, _| json!({ "a": inner }));
        let many = Value::from((0..200_000).map(|n| json!(format!("x{n}"))).collect::<Vec<_>>());
        let long = json!(format!("{}b", "a".repeat(5_000_000)));
        for (raw, document) in
            [(twice, &deep), (endless, &deep), (any, &many), (unique, &many), (pattern, &long)]
        {
            // One that accepts nothing that ends may be refused.
            let Ok(schema) = compile(&raw) else { continue };
            let begun = Instant::now();
            let found = schema.judge(document);
            assert!(begun.elapsed() < Duration::from_secs(20), "{raw}: {:?}", begun.elapsed());
            assert!(raw["uniqueItems"] == true || found.is_err(), "{raw}");
        }
    }

    #[test]
    fn what_is_seldom_drawn_is_judged_right_too() {
        let many = Value::from(vec![1; 300]);
        for (raw, right, wrong) in [
            (
                json!({ "type": "integer", "oneOf": [{ "minimum": 1 }, { "minimum": 2 }] }),
                json!(1),
                json!(3),
            ),
            (
                json!({ "type": "array", "contains": { "type": "string" }, "maxContains": 1 }),
                json!(["a", 1]),
                json!(["a", "b"]),
            ),
            (json!({ "type": "string", "maxLength": 2 }), json!("éé"), json!("ééé")),
            (json!({ "enum": [1] }), json!(1.0), json!(2.0)),
            (json!({ "const": { "a": 1 } }), json!({ "a": 1 }), json!({ "a": 1, "b": 2 })),
            (
                json!({ "type": "integer", "multipleOf": 3 }),
                json!(9_007_199_254_740_993_u64),
                json!(9_007_199_254_740_994_u64),
            ),
            (json!({ "type": "array", "items": { "type": "integer" } }), many, json!([1, "a"])),
            (
                json!({ "type": "string", "format": "uri" }),
                json!("http://a/%20b"),
                json!("http://a/ b"),
            ),
        ] {
            let schema = compile(&raw).expect("it is a schema");
            assert_eq!(schema.judge(&right), Ok(()), "{raw}");
            assert!(schema.judge(&wrong).is_err(), "{raw}");
        }
    }

    #[test]
    fn what_takes_too_long_is_right_for_no_schema() {
        let list = json!({ "items": { "$ref": "#/$defs/list" } });
        let of = |raw: Value| json!({ "type": "array", "$defs": { "list": list }, "allOf": [raw] });
        let deep = (0..150).fold(json!([]), |inner, _| json!([inner]));
        let long = json!("a".repeat(1 << 20));
        let wide = Value::from(vec![Value::Null; 1_000_001]);
        let texts = vec![json!({ "maxLength": 2_000_000 }); 70];
        for (raw, document) in [
            (of(json!({ "$ref": "#/$defs/list" })), &deep),
            (of(json!({ "not": { "$ref": "#/$defs/list" } })), &deep),
            (json!({ "type": "array", "items": { "not": { "type": "string" } } }), &wide),
            (json!({ "type": "string", "allOf": texts }), &long),
        ] {
            let found = compile(&raw).expect("it is a schema").judge(document);
            let told = found.expect_err("nobody knows").told;
            assert!(told.contains("takes too long"), "{raw}: {told}");
        }
    }
}
