//! Reads the objectives of stress tests: `recovery < 30s`, `goodput_at_1.5x >= 80%`,
//! `breaking_rate >= 500/s`.
//!
//! They stand among the others in `all`. What one of them is, is told by its metric alone, so that
//! a mistake in its limit is told as such.

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::problems::Fault;
use super::super::raw_slo::RawSlo;
use super::super::stress::{StressMetric, StressObjective};
use crate::units::{Rate, Ratio, parse_duration, trim_zeros};

/// The metrics, as somebody may mistype them.
pub(super) const NAMES: [&str; 3] = ["recovery", "breaking_rate", "goodput_at_1.5x"];
/// Goodput is measured at so many times the breaking rate.
const FACTORS: std::ops::RangeInclusive<f64> = 1.05..=10.0;

/// Whether a text is about what only a stress test measures.
pub(crate) fn is_one(text: &str) -> bool {
    let metric = text.split(['<', '>']).next().unwrap_or_default().trim();
    matches!(metric, "recovery" | "breaking_rate") || metric.starts_with("goodput_at_")
}

/// All of them.
pub(super) fn of_all(raw: &RawSlo, at: &Pointer, check: &mut Check<'_>) -> Vec<StressObjective> {
    let mut found: Vec<StressObjective> = Vec::new();
    for (index, text) in raw.all.iter().enumerate().filter(|(_, text)| is_one(text)) {
        let at = at.key("all").item(index);
        let read = objective(&check.fill(text), text);
        let Some(objective) = check.accept(&at, read) else { continue };
        if found.iter().any(|known| known.metric == objective.metric) {
            let said = format!("\"{}\" is the second limit for the same", objective.text);
            check.value(&at, Fault::new(said).help("keep the stricter of the two"));
        }
        found.push(objective);
    }
    for (name, texts) in &raw.steps.0 {
        for (index, text) in texts.iter().enumerate().filter(|(_, text)| is_one(text)) {
            let fault = Fault::new(format!("\"{}\" is about the whole target", text.trim()));
            let at = at.key("steps").key(name).item(index);
            check.value(&at, fault.help("write it under \"all\""));
        }
    }
    found
}

fn objective(text: &str, written: &str) -> Result<StressObjective, Fault> {
    let at = text.find(['<', '>']).ok_or_else(|| {
        let fault = Fault::new(format!("\"{}\" has no limit", text.trim()));
        fault.help("write it like \"recovery < 30s\" or \"goodput_at_1.5x >= 80%\"")
    })?;
    let (name, tail) = (text[..at].trim(), &text[at..]);
    let inclusive = tail[1..].starts_with('=');
    let limit = tail[1 + usize::from(inclusive)..].trim();
    let metric = metric(name)?;
    if metric.is_upper() != tail.starts_with('<') {
        let (should, sign) = if metric.is_upper() { ("low", '<') } else { ("high", '>') };
        let fault = Fault::new(format!("{name} must be {should}"));
        let equals = if inclusive { "=" } else { "" };
        return Err(fault.help(format!("write \"{name} {sign}{equals} {limit}\"")));
    }
    let limit = match metric {
        StressMetric::Recovery => parse_duration(limit)?.as_secs_f64(),
        StressMetric::GoodputAt { .. } => limit.parse::<Ratio>()?.0,
        StressMetric::BreakingRate => limit.parse::<Rate>()?.0,
    };
    if limit <= 0.0 {
        let fault = Fault::new(format!("a limit of zero on {name} says nothing"));
        return Err(fault.help("write it like \"recovery < 30s\" or \"breaking_rate >= 500/s\""));
    }
    Ok(StressObjective { text: normalised(written), metric, limit, inclusive })
}

fn metric(name: &str) -> Result<StressMetric, Fault> {
    match name {
        "recovery" => return Ok(StressMetric::Recovery),
        "breaking_rate" => return Ok(StressMetric::BreakingRate),
        _ => {}
    }
    let factor = name.strip_prefix("goodput_at_").and_then(|rest| rest.strip_suffix('x'));
    let factor = factor.and_then(|factor| factor.parse::<f64>().ok());
    if let Some(factor) = factor.filter(|factor| FACTORS.contains(factor)) {
        return Ok(StressMetric::GoodputAt { factor });
    }
    let (least, most) = (trim_zeros(*FACTORS.start(), 2), trim_zeros(*FACTORS.end(), 0));
    let fault = Fault::new(format!("\"{name}\" names no overload"));
    Err(fault
        .help(format!("write it like \"goodput_at_1.5x\", with a number from {least} to {most}")))
}

/// Blanks as a person would set them; no value from the environment.
fn normalised(written: &str) -> String {
    let spaced = written.replace("<=", " ≤ ").replace(">=", " ≥ ");
    let spaced = spaced.replace('<', " < ").replace('>', " > ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.join(" ").replace('≤', "<=").replace('≥', ">=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, metric: StressMetric, limit: f64, normal: &str) {
        let found = objective(text, text).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert!(is_one(text));
        assert_eq!((found.metric, found.text.as_str()), (metric, normal));
        assert!((found.limit - limit).abs() < 1e-9, "{found:?}");
        assert_eq!(found.inclusive, text.contains('='));
    }

    #[test]
    fn what_only_a_stress_test_measures_is_read() {
        reads("recovery<30s", StressMetric::Recovery, 30.0, "recovery < 30s");
        reads(
            "breaking_rate >=  500/s",
            StressMetric::BreakingRate,
            500.0,
            "breaking_rate >= 500/s",
        );
        let factor = StressMetric::GoodputAt { factor: 1.5 };
        reads(" goodput_at_1.5x>=80%", factor, 0.8, "goodput_at_1.5x >= 80%");
        assert!(!is_one("p99 < 500ms") && !is_one("error_rate < 1%") && !is_one("recoverey < 3s"));
    }

    #[test]
    fn a_mistake_says_what_to_write() {
        for (text, help) in [
            ("recovery > 30s", "write \"recovery < 30s\""),
            ("breaking_rate <= 5/s", "write \"breaking_rate >= 5/s\""),
            ("goodput_at_x >= 80%", "goodput_at_1.5x"),
            ("goodput_at_0.5x >= 80%", "from 1.05 to 10"),
            ("goodput_at_1.5x >= 0%", "recovery < 30s"),
            ("recovery", "recovery < 30s"),
        ] {
            let fault = objective(text, text).unwrap_err();
            let said = fault.help.unwrap_or_default();
            assert!(said.contains(help), "{text}: {said}");
        }
    }
}
