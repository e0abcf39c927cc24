//! `summary.json`: the verdict of a run and its figures for other programs. `comparison` and
//! `stress` have the same of their subjects.
//!
//! Written from the data and not from a document: who reads it wants numbers, and its form
//! stays when sentences change. Texts stand as they were recorded, as JSON can hold any
//! text. The form is versioned, and [`schema`] describes it.

pub mod comparison;
pub mod stress;

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::assessment::{
    Counts, Finding, LoadSummary, Saturation, SloResult, Summary, TenantsSeen, Verdict, Window,
};
use crate::analysis::capacity_plan::Plan;
use crate::analysis::comparison::Comparison;
use crate::analysis::error_budget::ErrorBudget;
use crate::analysis::failures::FailuresSeen;
use crate::analysis::history::History;
use crate::analysis::neighbours_seen::NeighboursSeen;
use crate::analysis::soak::found::SoakAssessment;
use crate::report::subject::run::RunReport;
use crate::report::subject::soak::SoakReport;

/// Grows when a reader of the old form would be wrong.
const VERSION: u32 = 1;

/// Names the form of the file.
const SCHEMA: &str = "loadgate.summary/1";

/// `summary.json`.
#[derive(Serialize, JsonSchema)]
struct SummaryFile<'a> {
    /// Version of this form.
    version: u32,
    /// Name of this form: `loadgate.summary/1`.
    schema: &'static str,
    /// The scenario's name.
    scenario: &'a str,
    /// SHA-256 of what decides the requests.
    scenario_hash: &'a str,
    /// The target's address.
    target: &'a str,
    /// When the schedule started, RFC 3339 in UTC.
    started: &'a str,
    /// The answer.
    verdict: Verdict,
    /// What the process ends with.
    exit_code: u8,
    /// Why, most important first.
    reasons: &'a [String],
    /// What the run cannot say.
    limits_of_knowledge: &'a [String],
    /// The objectives, in the order of the scenario.
    slos: &'a [SloResult],
    /// What the run's failures would cost in production; null where nothing can be said.
    error_budget: Option<&'a ErrorBudget>,
    /// All requests of the window. Times are in milliseconds, shares in [0, 1].
    total: &'a Summary,
    /// The window, step by step.
    steps: &'a [Summary],
    /// The window, load by load, where there are several at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    loads: Option<&'a [LoadSummary]>,
    /// The window, tenant by tenant, where some are told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenants: Option<&'a TenantsSeen>,
    /// What the others noticed of a noisy tenant, where one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    noisy_neighbour: Option<&'a NeighboursSeen>,
    /// The whole run, warm-up included.
    whole_run: &'a Counts,
    /// What failing requests of the whole run looked like, without secrets.
    failures: &'a FailuresSeen,
    /// Doubts about the run's validity and other warnings.
    findings: &'a [Finding],
    /// The part of the run that was judged, in seconds of the schedule.
    window: &'a Window,
    /// How full the generator and the target were.
    saturation: &'a Saturation,
    /// The run beside its baseline, where it was judged by one; verdict and reasons above
    /// are those of both together.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'a Comparison>,
    /// How things grew over the hours of a soak; verdict and reasons above are those of both
    /// together.
    #[serde(skip_serializing_if = "Option::is_none")]
    soak: Option<&'a SoakAssessment>,
}

/// The text of `history.json`.
pub fn history(history: &History) -> String {
    serde_json::to_string_pretty(history).expect("all keys are texts") + "\n"
}

/// The text of `plan.json`.
pub fn plan(plan: &Plan) -> String {
    serde_json::to_string_pretty(plan).expect("all keys are texts") + "\n"
}

/// The JSON Schema of `plan.json`.
pub fn plan_schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/plan.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(Plan).to_value())
}

/// The text of `summary.json`.
pub fn render(report: &RunReport) -> String {
    written(report, None)
}

/// The same of a soak.
pub fn render_soak(report: &SoakReport) -> String {
    written(&report.run, Some(report.soak))
}

fn written(report: &RunReport, soak: Option<&SoakAssessment>) -> String {
    let RunReport { record, assessment, comparison, exit_code, .. } = *report;
    let file = SummaryFile {
        version: VERSION,
        schema: SCHEMA,
        scenario: &record.head.scenario,
        scenario_hash: &record.head.scenario_hash,
        target: &record.head.target,
        started: &record.head.started,
        verdict: assessment.verdict,
        exit_code,
        reasons: &assessment.reasons,
        limits_of_knowledge: &assessment.limits_of_knowledge,
        slos: &assessment.slos,
        error_budget: assessment.error_budget.as_ref(),
        total: &assessment.total,
        steps: &assessment.steps,
        loads: Some(&*assessment.loads).filter(|loads| !loads.is_empty()),
        tenants: assessment.tenants.as_ref(),
        noisy_neighbour: assessment.neighbours.as_ref(),
        whole_run: &assessment.whole_run,
        failures: &assessment.failures,
        findings: &assessment.findings,
        window: &assessment.window,
        saturation: &assessment.saturation,
        comparison,
        soak,
    };
    let mut text = serde_json::to_string_pretty(&file).expect("all keys are texts");
    text.push('\n');
    text
}

/// The JSON Schema of `summary.json`.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/summary.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(SummaryFile).to_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{golden, runs};

    #[test]
    fn the_normal_run_reads_as_before() {
        golden::check("report-summary.json", &render(&runs::normal().report()));
    }

    #[test]
    fn every_plan_is_as_the_schema_says() {
        let validator = jsonschema::validator_for(&plan_schema()).unwrap();
        for (name, made) in crate::report::samples::plans::all() {
            let file: serde_json::Value = serde_json::from_str(&plan(&made)).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&file).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn every_run_is_as_the_schema_says() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        for (name, run) in runs::all() {
            if name == "broken-numbers" {
                continue;
            }
            let file: serde_json::Value = serde_json::from_str(&render(&run.report())).unwrap();
            let errors: Vec<String> =
                validator.iter_errors(&file).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{name}");
        }
        assert!(!validator.is_valid(&serde_json::json!({"version": 1})));
    }
}
