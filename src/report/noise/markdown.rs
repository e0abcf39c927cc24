//! Noise for the page of a job: what a duet has to assume, and the figures behind it. All
//! texts are escaped.

use std::fmt::Write as _;

use super::{NoiseReport, words};
use crate::record::noise::NoiseFile;
use crate::report::escaping::{escaped, list};
use crate::report::markdown::unknowns;
use crate::report::plain;

/// The text of `summary.md`.
pub fn render(report: &NoiseReport) -> String {
    let noise = report.noise;
    let spread: Vec<_> = noise.metrics.iter().filter_map(words::spread_row).collect();
    let movement: Vec<_> = noise.metrics.iter().filter_map(words::movement_row).collect();
    let each = noise.metrics.iter().map(words::gate_row);
    let gates: Vec<_> = each.chain([words::overall_row(noise)]).collect();
    let sections = [
        heading(noise),
        table(words::SPREAD, &spread, words::SPREAD_MEANS),
        table(words::MOVEMENT, &movement, words::MOVEMENT_MEANS),
        table(words::GATES, &gates, &words::alarms(noise)),
        list(&words::remarks(noise)),
        unknowns(&words::unknowns()),
        footer(report),
    ];
    let written: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    written.join("\n")
}

fn heading(noise: &NoiseFile) -> String {
    let (title, scenario) = (words::title(noise), escaped(&plain::line(&noise.scenario)));
    let mut out = format!("## {title}: {scenario}\n\n**{}**\n", escaped(&words::answer(noise)));
    if !noise.invalid.is_empty() {
        let _ = write!(out, "\n{}", list(&noise.invalid));
    }
    out
}

/// The first column is a name, the others are numbers. Empty without rows.
fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]], means: &str) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut out = format!("| {} |\n|---{}|\n", titles.join(" | "), "|---:".repeat(N - 1));
    for row in rows {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    let _ = write!(out, "\n{}.\n", escaped(means));
    out
}

fn footer(report: &NoiseReport) -> String {
    let facts = words::facts(report.noise);
    let facts = facts.iter().map(|(name, text)| format!("{name}: {} · ", escaped(text)));
    format!("{}exit code {}\n", facts.collect::<String>(), report.exit_code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::noise;
    use crate::report::sample_runs::golden;

    fn shown(noise: &NoiseFile) -> String {
        render(&NoiseReport { noise, exit_code: 0, folder: None })
    }

    #[test]
    fn noise_reads_as_before() {
        golden::check("noise.md", &shown(&noise::sample()));
    }

    #[test]
    fn names_become_no_markup() {
        let mut noise = noise::sample();
        "a|b <img> @you".clone_into(&mut noise.scenario);
        "c|d <img> @you".clone_into(&mut noise.target);
        noise.invalid = vec!["<img> @you".to_owned()];
        let text = shown(&noise);
        assert!(!text.contains("<img>") && !text.contains(" @you"), "{text}");
    }
}
