//! `comparison.json`: the comparison for other programs.
//!
//! Texts stand as they were recorded, as JSON can hold any text. The form is versioned,
//! and [`schema`] describes it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::assessment::Verdict;
use crate::analysis::comparison::Comparison;
use crate::record::duet::DuetFile;
use crate::report::subject::comparison::ComparisonReport;

/// Grows when a reader of the old form would be wrong.
const VERSION: u32 = 1;
/// Names the form of the file.
const SCHEMA: &str = "loadgate.comparison/1";

/// `comparison.json`.
#[derive(Serialize, JsonSchema)]
struct ComparisonFile<'a> {
    /// Version of this form.
    version: u32,
    /// Name of this form: `loadgate.comparison/1`.
    schema: &'static str,
    /// The scenario's name.
    scenario: &'a str,
    /// The answer.
    verdict: Verdict,
    /// What the process ends with.
    exit_code: u8,
    /// What is compared with.
    baseline: &'a str,
    /// What is judged.
    candidate: &'a str,
    /// What analysis says. Times are in milliseconds, shares in [0, 1].
    comparison: &'a Comparison,
    /// How it was planned and measured; null for stored baselines.
    duet: Option<&'a DuetFile>,
}

/// The text of `comparison.json`.
pub fn render(report: &ComparisonReport) -> String {
    let file = ComparisonFile {
        version: VERSION,
        schema: SCHEMA,
        scenario: report.scenario,
        verdict: report.comparison.verdict,
        exit_code: report.exit_code,
        baseline: report.baseline_name,
        candidate: report.candidate_name,
        comparison: report.comparison,
        duet: report.duet,
    };
    let mut text = serde_json::to_string_pretty(&file).expect("all keys are texts");
    text.push('\n');
    text
}

/// The JSON Schema of `comparison.json`.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/comparison.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(ComparisonFile).to_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::comparisons as samples;
    use crate::report::samples::golden;

    #[test]
    fn a_comparison_reads_as_before() {
        let mut sample = samples::named("inconclusive");
        // The series are long, and say nothing about the form that two points do not.
        sample.comparison.over_time.starts.truncate(2);
        sample.comparison.over_time.ratios.iter_mut().for_each(|(_, ratios)| ratios.truncate(2));
        sample.comparison.curves = samples::short_curves();
        sample.comparison.candidate = samples::unmeasured();
        golden::check("comparison.json", &render(&sample.report()));
    }

    #[test]
    fn every_comparison_is_as_the_schema_says() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        for (name, sample) in samples::all() {
            if name == "extreme" {
                continue;
            }
            let file: serde_json::Value = serde_json::from_str(&render(&sample.report())).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&file).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{name}");
        }
        assert!(!validator.is_valid(&serde_json::json!({"version": 1})));
    }
}
