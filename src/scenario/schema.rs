//! The JSON Schemas of the scenario file and of the shared slo file, from the types
//! that read them.
//!
//! They are checked in beside the example scenarios for editors, and they are what
//! `structure` checks files against. All schemas, those of records and reports too, are carried
//! along as they are checked in, deflated: what makes them of the types is for tests only, which keep both
//! the same, and is a megabyte that the program can do without.

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::RawScenario;
use super::raw_slo::RawSloFile;

/// The JSON Schema of the scenario file.
pub fn schema() -> Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/scenario.schema.json.deflate"));
    checked_in(packed, generate::<RawScenario>)
}

/// The JSON Schema of a shared slo file.
pub fn slo_schema() -> Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/slo.schema.json.deflate"));
    checked_in(packed, generate::<RawSloFile>)
}

/// A schema as its file has it, which `build.rs` has deflated; in tests of this crate, as it is made
/// of the type.
pub fn checked_in(packed: &[u8], generated: impl FnOnce() -> Value) -> Value {
    if cfg!(test) {
        return generated();
    }
    let mut text = Vec::new();
    DeflateDecoder::new(packed).read_to_end(&mut text).expect("a file that build.rs has packed");
    serde_json::from_slice(&text).expect("a test compares the file with what is generated")
}

fn generate<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().for_deserialize().with(|settings| {
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    without_null(&mut schema);
    schema
}

/// An optional key is left out, not set to `null`.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Array(kinds)) = members.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [kind] = kinds.as_slice() {
                    let kind = kind.clone();
                    members.insert("type".to_owned(), kind);
                }
            }
            members.retain(|key, value| !(key == "default" && value.is_null()));
            unwrap_optional(members);
            members.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `anyOf: [X, null]` becomes X, with the description of the field if it has one.
fn unwrap_optional(members: &mut serde_json::Map<String, Value>) {
    let null = serde_json::json!({ "type": "null" });
    let Some(Value::Array(options)) = members.get("anyOf") else { return };
    let [Value::Object(inner), other] = options.as_slice() else { return };
    if *other != null {
        return;
    }
    let inner = inner.clone();
    members.shift_remove("anyOf");
    for (key, value) in inner {
        members.entry(key).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_valid_and_strict() {
        for schema in [schema(), slo_schema()] {
            assert!(jsonschema::meta::is_valid(&schema));
            assert_eq!(schema["additionalProperties"], false);
            assert!(!schema.to_string().contains("\"null\""));
        }
    }
}
