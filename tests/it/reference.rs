//! docs/scenario.md is the reference of the scenario file: each key of the schema stands in it, in
//! the schema's order, with an example that the schema's own type takes, and nothing else does.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use super::support;

/// What the head of each table of keys is.
const HEAD: &str = "| key | type | default | meaning | example |";

/// The keys of one object of the schema, in their order, with their schemas.
type Keys = Vec<(String, Value)>;

fn schema() -> Value {
    let path = support::root().join("scenarios/scenario.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// All objects of a schema by where they stand: `flows[].steps[]`, `data.*`. Those of several places
/// in one stand once.
fn objects(schema: &Value, at: &str, found: &mut BTreeMap<String, Keys>) {
    if let Some(Value::Object(own)) = schema.get("properties") {
        let keys = found.entry(at.to_owned()).or_default();
        for (key, inner) in own {
            if keys.iter().all(|(known, _)| known != key) {
                keys.push((key.clone(), inner.clone()));
            }
        }
        for (key, inner) in own {
            let inside = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            objects(inner, &inside, found);
        }
    }
    if let Some(items) = schema.get("items") {
        objects(items, &format!("{at}[]"), found);
    }
    if let Some(members @ Value::Object(_)) = schema.get("additionalProperties") {
        objects(members, &format!("{at}.*"), found);
    }
    for several in ["anyOf", "oneOf", "allOf"] {
        let options = schema.get(several).and_then(Value::as_array);
        options.into_iter().flatten().for_each(|option| objects(option, at, found));
    }
}

/// Those that the reference has to have: steps within steps, and those of setup and teardown, are
/// steps like others, and so are several parts of a field one part.
fn wanted() -> BTreeMap<String, Keys> {
    let mut found = BTreeMap::new();
    objects(&schema(), "", &mut found);
    found.retain(|at, _| {
        let is_within_setup = (at.starts_with("setup[]") || at.starts_with("teardown[]"))
            && !matches!(at.as_str(), "setup[]" | "teardown[]");
        !is_within_setup && !at.ends_with(".multipart.*[]")
    });
    found
}

/// A row of a table of keys.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    key: String,
    cells: Vec<String>,
}

/// The cells of a line of a table; a bar behind a backslash is none.
fn cells(line: &str) -> Vec<String> {
    let whole = line.trim().trim_start_matches('|').replace("\\|", "\u{1}");
    let whole = whole.strip_suffix('|').unwrap_or(&whole);
    whole.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// What stands in backticks.
fn code(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The tables of the reference by the objects whose keys they have.
fn tables() -> BTreeMap<String, Vec<Row>> {
    let page = fs::read_to_string(support::root().join("docs/scenario.md")).unwrap();
    let mut found = BTreeMap::new();
    for (before, table) in
        page.split(HEAD).collect::<Vec<_>>().windows(2).map(|two| (two[0], two[1]))
    {
        let paragraph = before.trim_end().rsplit("\n\n").next().unwrap().replace('\n', " ");
        let said = paragraph.split("Keys of ").nth(1);
        let said = said.unwrap_or_else(|| panic!("whose keys are these? {paragraph}"));
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|')).map(|line| {
            let cells = cells(line);
            let key = code(&cells[0]).pop().unwrap_or_default();
            Row { key, cells }
        });
        let rows: Vec<Row> = rows.collect();
        let named: Vec<String> =
            if said.starts_with("the file") { vec![String::new()] } else { whose(said) };
        for at in named {
            assert!(found.insert(at.clone(), rows.clone()).is_none(), "{at} has two tables");
        }
    }
    found
}

/// The objects that a sentence names before it says anything of keys: those that are in the schema.
fn whose(said: &str) -> Vec<String> {
    let known = wanted();
    let named: Vec<String> =
        code(said).into_iter().filter(|name| known.contains_key(name)).collect();
    assert!(!named.is_empty(), "of no object of the schema: {said}");
    named
}

#[test]
fn each_key_of_the_schema_is_in_the_reference_in_its_order_and_no_other() {
    let (wanted, tables) = (wanted(), tables());
    let names = |all: BTreeSet<&String>| all.into_iter().cloned().collect::<BTreeSet<String>>();
    let (objects, documented) = (names(wanted.keys().collect()), names(tables.keys().collect()));
    assert_eq!(objects, documented);
    for (at, keys) in &wanted {
        let keys: Vec<&String> = keys.iter().map(|(key, _)| key).collect();
        let rows: Vec<&String> = tables[at].iter().map(|row| &row.key).collect();
        assert_eq!(rows, keys, "the keys of {at:?}, in the order of the schema");
    }
}

#[test]
fn each_row_says_type_default_meaning_and_an_example_that_the_schema_takes() {
    let tables = tables();
    let mut count = 0;
    for (at, keys) in &wanted() {
        for ((key, schema), row) in keys.iter().zip(&tables[at]) {
            assert_eq!(row.cells.len(), 5, "{at}.{key}: {row:?}");
            assert!(row.cells.iter().all(|cell| !cell.is_empty()), "{at}.{key}: {row:?}");
            let text = code(&row.cells[4]).join("`");
            let example: Value = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{at}.{key}: {text} is no JSON: {error}"));
            is_taken(schema, &example, &format!("{at}.{key}"));
            has_its_default(schema, &row.cells[2], &format!("{at}.{key}"));
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
}

#[track_caller]
fn is_taken(schema: &Value, example: &Value, whose: &str) {
    let mut whole = schema.clone();
    whole["definitions"] = self::schema()["definitions"].clone();
    let wrong = jsonschema::draft7::new(&whole).unwrap().validate(example).err();
    assert!(wrong.is_none(), "{whose}: {example} is not what its schema wants: {wrong:?}");
}

/// A default that the schema has stands in the reference.
#[track_caller]
fn has_its_default(schema: &Value, told: &str, whose: &str) {
    let Some(default) = schema.get("default") else { return };
    if *default == json!([]) || *default == json!({}) {
        let is_nothing = !told.contains('`') || told.contains("needed");
        assert!(is_nothing, "{whose}: {told}, and the schema has nothing");
        return;
    }
    let text = default.to_string();
    assert!(code(told).contains(&text), "{whose}: {told}, and the schema says {text}");
}

#[test]
fn each_key_of_the_schema_has_a_description_and_an_example_that_it_takes() {
    let mut found = BTreeMap::new();
    objects(&schema(), "", &mut found);
    let mut without = Vec::new();
    for (at, keys) in &found {
        for (key, schema) in keys {
            let described = schema["description"].as_str().is_some_and(|text| text.len() > 8);
            let examples = schema["examples"].as_array().cloned().unwrap_or_default();
            if !described || examples.is_empty() {
                without.push(format!("{at}.{key}"));
            }
            for example in &examples {
                is_taken(schema, example, &format!("{at}.{key}"));
            }
        }
    }
    assert!(without.is_empty(), "without a description or an example: {without:?}");
}
