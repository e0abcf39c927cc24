//! What the user typed of the gate: what is accepted, and by what it is judged. The same
//! for a duet and for stored baselines.

use clap::Args;

use crate::record::duet::{GateMetric, GateSettings};
use crate::units::{Quantile, Ratio};

/// What the gate accepts, and what it looks at.
#[derive(Debug, Clone, Args)]
pub struct GateArgs {
    /// The largest change that is accepted
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = tolerance)]
    pub tolerance: Ratio,
    /// What gates, as far as it can be decided [default: p50,p95,p99,errors; in a duet of
    /// targets that loadgate starts also cpu, the CPU time per request]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = metric)]
    pub metrics: Option<Vec<GateMetric>>,
}

impl GateArgs {
    /// The settings of a gate; those that have no flag are the usual ones.
    pub fn settings(&self) -> GateSettings {
        let usual = GateSettings::default();
        GateSettings {
            tolerance: self.tolerance.0,
            metrics: self.metrics.clone().unwrap_or(usual.metrics),
            ..usual
        }
    }

    /// The same where a baseline's numbers are stored, which know no CPU time.
    pub fn stored(&self) -> Result<GateSettings, String> {
        let settings = self.settings();
        let is_known = !settings.metrics.contains(&GateMetric::CpuPerRequest);
        let why = "cpu gates duets only: a stored baseline knows response times and errors";
        is_known.then_some(settings).ok_or_else(|| why.to_owned())
    }
}

fn metric(text: &str) -> Result<GateMetric, String> {
    if text == "errors" {
        return Ok(GateMetric::ErrorRate);
    }
    if text == "cpu" {
        return Ok(GateMetric::CpuPerRequest);
    }
    let share = text.parse::<Quantile>().map_err(|error| error.to_string())?.share();
    let wrong = || format!("\"{text}\" cannot gate; expected p50, p95, p99, p99.9, errors or cpu");
    (share > 0.0 && share < 1.0).then_some(GateMetric::ResponseTime(share)).ok_or_else(wrong)
}

pub(super) fn tolerance(text: &str) -> Result<Ratio, String> {
    let ratio = text.parse::<Ratio>().map_err(|error| error.to_string())?;
    (ratio.0 > 0.0)
        .then_some(ratio)
        .ok_or_else(|| "expected a share such as 5%, above zero".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};

    /// The settings that each command has of these flags.
    fn settings(flags: &[&str]) -> Vec<Result<GateSettings, String>> {
        let commands: [&[&str]; 3] = [
            &["duet", "a.json", "--baseline-ref", "main"],
            &["compare", "b.json", "run"],
            &["run", "a.json", "--baseline", "b.json"],
        ];
        let parsed = |command: &[&str]| {
            let line = [&["loadgate"], command, flags].concat();
            match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
                Command::Duet(args) => Ok(args.gate.settings()),
                Command::Compare(args) => Ok(args.gate.settings()),
                Command::Run(args) => Ok(args.gate.settings()),
                other => panic!("{other:?}"),
            }
        };
        commands.into_iter().map(parsed).collect()
    }

    #[test]
    fn every_gate_has_the_same_flags() {
        for found in settings(&["--tolerance", "12%", "--metrics", "p99.9,errors"]) {
            let found = found.unwrap();
            assert!((found.tolerance - 0.12).abs() < 1e-12, "{found:?}");
            let metrics = [GateMetric::ResponseTime(0.999), GateMetric::ErrorRate];
            assert_eq!(found.metrics, metrics);
        }
        for wrong in [["--tolerance", "0%"], ["--tolerance", "5 ms"], ["--metrics", "p100"]] {
            assert!(settings(&wrong).iter().all(Result::is_err), "{wrong:?}");
        }
    }

    #[test]
    fn without_flags_the_settings_are_the_usual_ones() {
        for found in settings(&[]) {
            assert_eq!(found, Ok(GateSettings::default()));
        }
    }

    #[test]
    fn a_run_needs_a_baseline_for_them() {
        for flag in [["--tolerance", "5%"], ["--metrics", "p50"]] {
            let line = [&["loadgate", "run", "a.json"][..], &flag].concat();
            let error = Cli::try_parse_from(line).unwrap_err().to_string();
            assert!(error.contains("--baseline <FILE>"), "{error}");
        }
        assert!(Cli::try_parse_from(["loadgate", "run", "a.json"]).is_ok());
    }
}
