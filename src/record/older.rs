//! `run.json` of older versions in the form of today's.
//!
//! Up to version 4 each step was a series of its own and had the tag, and the machine was that of
//! the only generator. What a list of the record looked like then is the affair of the list.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Before it a step had what its series has today.
const SERIES: u32 = 5;

#[derive(Deserialize)]
struct Form {
    version: u32,
}

/// Reads a record without its long lists, of any version.
pub(super) fn read<F: DeserializeOwned>(text: &[u8]) -> serde_json::Result<F> {
    let Form { version } = serde_json::from_slice(text)?;
    if version >= SERIES {
        return serde_json::from_slice(text);
    }
    let mut file = serde_json::from_slice(text)?;
    give_series(&mut file);
    give_generator(&mut file);
    // As text again: reading all of a record from values as well would be twice the code.
    serde_json::from_slice(&serde_json::to_vec(&file)?)
}

/// What is lacking stays away, and is missed when the file is understood.
fn give_series(file: &mut Value) {
    if file.get("series").is_some() {
        return;
    }
    let Some(steps) = file.get_mut("steps").and_then(Value::as_array_mut) else { return };
    let tags = steps.iter_mut().map(|step| step.as_object_mut()?.remove("tag"));
    let series: Vec<Value> =
        tags.enumerate().map(|(step, tag)| json!({ "step": step, "tag": tag })).collect();
    file["series"] = series.into();
}

fn give_generator(file: &mut Value) {
    let Some(environment) = file.as_object_mut().and_then(|file| file.remove("environment")) else {
        return;
    };
    let workers = environment["workers"].clone();
    let slots = json!({ "first": 0, "count": workers, "of": workers });
    file["generators"] = json!([{ "slots": slots, "environment": environment }]);
}
