//! The JSON Schemas of the scenario file and of the shared slo file, from the types
//! that read them.
//!
//! They are checked in beside the example scenarios for editors, and they are what
//! `structure` checks files against.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::{RawScenario, RawSloFile};

/// The JSON Schema of the scenario file.
pub fn schema() -> Value {
    generate::<RawScenario>()
}

/// The JSON Schema of a shared slo file.
pub fn slo_schema() -> Value {
    generate::<RawSloFile>()
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
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn is_checked_in(name: &str, schema: &Value) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
        let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == text, "{name} is out of date; run the tests with UPDATE_GOLDEN=1");
    }

    #[test]
    fn the_checked_in_schemas_are_the_generated_ones() {
        is_checked_in("scenario.schema.json", &schema());
        is_checked_in("slo.schema.json", &slo_schema());
    }

    #[test]
    fn schemas_are_valid_and_strict() {
        for schema in [schema(), slo_schema()] {
            assert!(jsonschema::meta::is_valid(&schema));
            assert_eq!(schema["additionalProperties"], false);
            assert!(!schema.to_string().contains("\"null\""));
        }
    }
}
