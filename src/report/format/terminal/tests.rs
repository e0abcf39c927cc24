//! The terminal report: its golden texts, its width, and hostile names.

use super::*;
use crate::analysis::assessment::Verdict;
use crate::record::duet::{Dropped, DuetEnd, GateMetric};
use crate::record::noise::{self, NoiseFile};
use crate::record::sample_capacity;
use crate::report::samples::{comparisons, golden, runs};
use crate::report::subject::capacity::CapacityReport;
use crate::report::subject::noise::{NoiseReport, describe};
use proptest::prelude::*;

#[test]
fn the_normal_run_reads_as_before() {
    golden::check("report-terminal.txt", &render(&runs::normal().document(), Style::default()));
}

#[test]
fn the_failing_run_reads_as_before() {
    let run = runs::failing();
    golden::check("report-terminal-failing.txt", &render(&run.document(), Style::default()));
}

/// Columns of the widest line; the folder may be longer.
fn widest(text: &str) -> usize {
    let paths = ["files ", "report ", "next "];
    let is_path = |line: &&str| paths.iter().any(|path| line.starts_with(path));
    let lines = text.lines().filter(|line| !is_path(line));
    lines.map(plain::width).max().unwrap()
}

#[test]
fn comparisons_and_noise_read_as_before() {
    for name in ["pass", "regressed", "inconclusive"] {
        let text = render(&comparisons::named(name).document(), Style::default());
        golden::check(&format!("comparison-{name}.txt"), &text);
    }
    golden::check("noise.txt", &shown(&noise::sample(), 80));
}

/// A search with everything that a report of one can say.
fn searched(width: usize) -> String {
    let mut file = sample_capacity::sample();
    file.asked.at_least = Some(380.0);
    file.notes = vec!["the target died at 800/s (exit code 1); it was started again".to_owned()];
    let found = file.found;
    crate::analysis::capacity::fill(&mut file, found);
    let report = CapacityReport { file: &file, exit_code: 5, folder: Some("reports/orders/x") };
    let document = crate::report::subject::capacity::describe(&report);
    render(&document, Style { width, color: false })
}

#[test]
fn a_search_for_capacity_reads_as_before() {
    golden::check("capacity.txt", &searched(80));
    for width in [60, 80, 120] {
        let text = searched(width);
        assert!(widest(&text) <= width, "{width}: {text}");
    }
}

fn shown(noise: &NoiseFile, width: usize) -> String {
    let report = NoiseReport { noise, exit_code: 0, folder: Some("reports/orders/x") };
    render(&describe(&report), Style { width, color: false })
}

#[test]
fn no_line_of_a_comparison_or_of_noise_is_wider_than_the_terminal() {
    for width in [60, 80, 120] {
        for (name, sample) in comparisons::all() {
            let text = render(&sample.document(), Style { width, color: false });
            assert!(widest(&text) <= width, "{name} at {width}:\n{text}");
            assert!(!text.contains("NaN") && !text.contains("inf "), "{name}:\n{text}");
        }
        let text = shown(&noise::sample(), width);
        assert!(widest(&text) <= width, "{width}:\n{text}");
    }
}

#[test]
fn a_pass_claims_no_more_than_was_shown() {
    let sample = comparisons::named("pass");
    let text = render(&sample.document(), Style { width: 160, color: false });
    assert!(text.contains("not slower by more than 5 %"), "{text}");
}

#[test]
fn what_is_inconclusive_says_what_it_knows() {
    let sample = comparisons::named("inconclusive");
    let text = render(&sample.document(), Style { width: 160, color: false });
    for part in ["1.043 (0.981 – 1.109)", "smallest visible change +14 %", "about 4 min more"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_noise_cannot_tell_is_said() {
    let mut noise = noise::sample();
    noise.start_noise = None;
    noise.duets.truncate(1);
    let few = shown(&noise, 160);
    assert!(few.contains("it takes 4 segments with enough requests, and there are 3"), "{few}");
    assert!(few.contains("1 of 6 duets") && !few.contains("--start-noise"), "{few}");
    noise.starts_afresh = false;
    assert!(shown(&noise, 160).contains("both arms are the same process"));
    noise.metrics[0].times = None;
    noise.metrics[0].note = Some("cannot be told: too short".to_owned());
    let reason = "p99 needs 100 requests".to_owned();
    noise.dropped = vec![Dropped { metric: GateMetric::ResponseTime(0.99), reason }];
    noise.end = Some(DuetEnd::Interrupted { signal: 2 });
    let text = shown(&noise, 160);
    for part in ["p50: cannot be told: too short", "p99 needs 100", "by signal 2"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn noise_that_is_invalid_or_below_the_floor_or_drifts_says_so() {
    let mut noise = noise::sample();
    noise.invalid = vec!["duet-2: 4 % were not sent".to_owned()];
    let text = shown(&noise, 160);
    assert!(text.starts_with("INVALID  orders") && text.contains("duet-2: 4 %"), "{text}");
    assert!(!text.contains("--start-noise"), "{text}");
    let found = noise.start_noise.as_mut().unwrap();
    (found.measured, found.value) = (0.001, 0.005);
    noise.metrics[1].times.as_mut().unwrap().ratio.trend_p = 0.001;
    let text = shown(&noise, 160);
    assert!(text.contains("takes 0.5 %, the least it ever assumes"), "{text}");
    assert!(text.contains("p95: the ratio drifts by +0.10 % a minute"), "{text}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for (name, run) in runs::all() {
        for width in [60, 80, 120, 160] {
            let text = render(&run.document(), Style { width, color: false });
            assert!(widest(&text) <= width, "{name} at {width}:\n{text}");
        }
    }
}

#[test]
fn an_odd_width_is_brought_into_reason() {
    let run = runs::normal();
    let text = render(&run.document(), Style { width: 3, color: false });
    assert!(widest(&text) <= 60, "{text}");
}

#[test]
fn a_headline_that_is_too_long_takes_two_lines() {
    let mut run = runs::normal();
    run.record.head.scenario = "orders of the northern region".to_owned();
    run.assessment.verdict = Verdict::Inconclusive;
    let text = render(&run.document(), Style { width: 60, color: false });
    let lines: Vec<&str> = text.lines().take(2).collect();
    let expected =
        ["INCONCLUSIVE  orders of the northern region", "  60 s at 100/s  6,012 requests"];
    assert_eq!(lines, expected);
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let run = runs::failing();
    let plain = render(&run.document(), Style { width: 80, color: false });
    let coloured = render(&run.document(), Style { width: 80, color: true });
    assert!(coloured.contains("\u{1b}[1;33mINVALID\u{1b}[0m"));
    assert_eq!(uncoloured(&coloured), plain);
}

#[test]
fn last_words_keep_their_lines() {
    let mut run = runs::normal();
    run.assessment.reasons = vec!["it last printed:\n  one\n\n  two".to_owned()];
    let text = render(&run.document(), Style::default());
    assert!(text.contains("  - it last printed:\n    | one\n    | two\n"), "{text}");
}

#[test]
fn what_holds_of_several_objectives_is_said_once() {
    let mut run = runs::normal();
    for (slo, note) in run.assessment.slos.iter_mut().zip(["none", "few", "none"]) {
        slo.note = Some(note.to_owned());
    }
    let text = render(&run.document(), Style::default());
    let second = run.assessment.slos[1].text.clone();
    assert!(text.contains(&format!("    2 objectives: none\n    {second}: few\n")), "{text}");
}

/// The text without our own colour codes.
fn uncoloured(text: &str) -> String {
    let codes = ["[0m", "[1m", "[2m", "[1;31m", "[1;32m", "[1;33m"];
    codes.iter().fold(text.to_owned(), |text, code| text.replace(&format!("\u{1b}{code}"), ""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hostile_names_control_nothing(name in runs::hostile(), width in 60_usize..160) {
        let run = runs::named(&name);
        let text = uncoloured(&render(&run.document(), Style { width, color: true }));
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        prop_assert!(widest(&text) <= width, "{text}");
    }

    #[test]
    fn hostile_names_of_comparisons_and_noise_control_nothing(name in runs::hostile()) {
        let mut noise = noise::sample();
        noise.scenario.clone_from(&name);
        noise.target.clone_from(&name);
        noise.fingerprint.cpu.clone_from(&name);
        noise.invalid = vec![name.clone()];
        let comparison = render(&comparisons::hostile(&name).document(), Style::default());
        for text in [comparison, shown(&noise, 80)] {
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            prop_assert!(widest(&text) <= 80, "{text}");
        }
    }
}
