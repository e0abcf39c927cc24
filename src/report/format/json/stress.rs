//! `summary.json` of a stress test: what was found, for other programs.
//!
//! The form is versioned, and [`schema`] describes it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::stress_result::StressResult;
use crate::record::stress::Plan;
use crate::report::subject::stress::StressReport;

/// Grows when a reader of the old form would be wrong.
const VERSION: u32 = 1;
/// Names the form of the file.
const SCHEMA: &str = "loadgate.stress-summary/1";

/// `summary.json`.
#[derive(Serialize, JsonSchema)]
struct StressSummary<'a> {
    /// Version of this form.
    version: u32,
    /// Name of this form: `loadgate.stress-summary/1`.
    schema: &'static str,
    /// The scenario's name.
    scenario: &'a str,
    /// The target's address.
    target: &'a str,
    /// When it began, RFC 3339 in UTC.
    started: &'a str,
    /// What the process ends with.
    exit_code: u8,
    /// What was asked for.
    plan: &'a Plan,
    /// What was found.
    stress: &'a StressResult,
}

/// The text of `summary.json`.
pub fn render(report: &StressReport) -> String {
    let file = StressSummary {
        version: VERSION,
        schema: SCHEMA,
        scenario: &report.file.scenario,
        target: &report.file.target,
        started: &report.file.started,
        exit_code: report.exit_code,
        plan: &report.file.plan,
        stress: report.result,
    };
    serde_json::to_string_pretty(&file).expect("all keys are texts") + "\n"
}

/// The JSON Schema of `summary.json`.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/stress-summary.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(StressSummary).to_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::stress::assess;
    use crate::record::stress_sample::sample;

    #[test]
    fn a_stress_test_is_as_the_schema_says() {
        let file = sample();
        let result = assess(&file);
        let report = StressReport { file: &file, result: &result, exit_code: 0, folder: None };
        let written: serde_json::Value = serde_json::from_str(&render(&report)).unwrap();
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&written).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(written["stress"]["breaking_rate"]["median"], 121.0);
    }
}
