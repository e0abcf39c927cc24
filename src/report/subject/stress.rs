//! How a target breaks, how it fails and whether it comes back: what a stress test has found.

use crate::analysis::assessment::{SloStatus, Verdict};
use crate::analysis::stress_result::{Judged, PhaseResult, StressResult};
use crate::record::stress::{Phase, PhaseKind, Plan, Profile, Repeat, StressEnd, StressFile};
use crate::report::chart::stress::figures as charts;
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Detail, Document, Headline, Section};
use crate::report::figures;
use crate::report::subject::{judgement, stress_repeats};

/// Everything that a report of a stress test is made of.
#[derive(Debug, Clone, Copy)]
pub struct StressReport<'a> {
    /// What was measured.
    pub file: &'a StressFile,
    /// What it means.
    pub result: &'a StressResult,
    /// What the process ends with.
    pub exit_code: u8,
    /// The folder with the files.
    pub folder: Option<&'a str>,
}

/// The stress test for every format.
pub fn describe<'a>(report: &StressReport<'a>) -> Document<'a> {
    let StressReport { file, result, .. } = *report;
    Document {
        headline: headline(file, result),
        details: details(file),
        sections: vec![
            objectives(&result.objectives),
            stress_repeats::section(file, result),
            phases(file, result),
            Section::new("Charts")
                .with_shown(Block::Figures(charts(file, result)), Shown::Only(Medium::Page)),
            judgement::unknowns(&result.limits_of_knowledge),
        ],
        cases: cases(file, result),
        judged_seconds: None,
        next: None,
        folder: report.folder.map(Text::from),
        exit_code: Some(report.exit_code),
    }
}

fn headline(file: &StressFile, result: &StressResult) -> Headline {
    let mut headline = match result.verdict {
        Some(verdict) => judgement::headline(verdict, &file.scenario, &result.reasons),
        None => Headline {
            verdict: "stress",
            tone: Tone::Neutral,
            scenario: Text::from(&file.scenario),
            extent: Vec::new(),
            extent_shown: Shown::Everywhere,
            answer: None,
            to_do: None,
            reasons: Vec::new(),
        },
    };
    headline.answer = Some(Text::from(&result.answer));
    headline
}

/// Names and what they stand for.
fn details(file: &StressFile) -> Vec<Detail> {
    let starts = if file.starts_afresh {
        "started by loadgate, afresh for each repeat"
    } else {
        "not started by loadgate: all repeats met the same one"
    };
    let print = &file.fingerprint;
    let cores = if print.cores == 1 { "core" } else { "cores" };
    let machine = format!("{}, {} {cores}, {}", print.cpu, print.cores, print.system);
    let mut details = vec![
        Detail::new("target", format!("{}, {starts}", file.target)),
        Detail::new("load", load(&file.plan)),
        Detail::new("repeats", counted(file)),
        Detail::new("machine", machine).shown(Shown::Only(Medium::Page)),
        Detail::new("started", &file.started).shown(Shown::Only(Medium::Page)),
    ];
    details.extend(ending(file).map(|text| Detail::new("ended", text)));
    details
}

fn load(plan: &Plan) -> String {
    let from = figures::rate(plan.from);
    let step = figures::seconds(f64::from(plan.step_seconds));
    match plan.profile {
        Profile::Ramp => format!(
            "from {from}, {} more every {step}; held for {} at each overload",
            figures::share(plan.growth),
            figures::seconds(f64::from(plan.hold_seconds)),
        ),
        Profile::Spike { times, seconds } => format!(
            "{from}, then {} times that for {}",
            figures::number(times),
            figures::seconds(f64::from(seconds)),
        ),
    }
}

fn counted(file: &StressFile) -> String {
    let (done, planned) = (file.repeats.len(), file.plan.repeats);
    if done as u64 == u64::from(planned) {
        return planned.to_string();
    }
    format!("{done} of {planned}")
}

fn ending(file: &StressFile) -> Option<String> {
    match &file.end {
        Some(StressEnd::Finished) => None,
        Some(StressEnd::NoTime) => {
            Some("before all repeats, as there was no time left (--within)".to_owned())
        }
        Some(StressEnd::NotBack) => Some(
            "before all repeats: the target has not come back, and loadgate does not start it"
                .to_owned(),
        ),
        Some(StressEnd::Interrupted { signal }) => Some(format!("interrupted by signal {signal}")),
        Some(StressEnd::Hopeless { detail }) => {
            Some(format!("early, as the target cannot work: {detail}"))
        }
        Some(StressEnd::TargetLost { detail }) => Some(format!("the target was lost: {detail}")),
        Some(StressEnd::GeneratorLost { detail }) => {
            Some(format!("early, as a generator was lost: {detail}"))
        }
        None => Some("unknown: loadgate was stopped before it could say".to_owned()),
    }
}

fn objectives(judged: &[Judged]) -> Section<'static> {
    let columns = vec![
        Column::new(Kind::Status, "status"),
        Column::new(Kind::Name, "objective"),
        Column::new(Kind::Words, "measured"),
    ];
    let row = |it: &Judged| {
        let cells = vec![
            Cell::Status(status(it.status)),
            Cell::name(Text::from(&it.text)),
            Cell::text(Text::from(&it.measured)),
        ];
        Row::new(cells)
    };
    let rows = judged.iter().map(row).collect();
    Section::new("Objectives").with(Block::Table(Table { of: "objectives", columns, rows }))
}

fn status(status: SloStatus) -> Status {
    match status {
        SloStatus::Met => Status { mark: "✓", word: "met", tone: Tone::Good },
        SloStatus::Missed => Status { mark: "✗", word: "missed", tone: Tone::Bad },
        SloStatus::Inconclusive => Status { mark: "?", word: "inconclusive", tone: Tone::Doubt },
        SloStatus::Invalid => Status { mark: "!", word: "invalid", tone: Tone::Doubt },
    }
}

/// The phases of the repeat that took longest, but for the ramp's first steps.
fn phases(file: &StressFile, result: &StressResult) -> Section<'static> {
    let pairs = file.repeats.iter().zip(&result.repeats);
    let Some((repeat, found)) = pairs.max_by_key(|(repeat, _)| repeat.phases.len()) else {
        return Section::new("Phase by phase");
    };
    let columns = vec![
        Column::new(Kind::Name, "phase"),
        Column::number("wanted"),
        Column::number("goodput"),
        Column::number("failed"),
        Column::number("p99"),
        Column::number("in flight").dropped(1),
        Column::number("from second").dropped(0),
    ];
    let known = |from: u32| repeat.phases.iter().find(move |phase| phase.from == from);
    let rows: Vec<Row> = found
        .phases
        .iter()
        .filter_map(|it| known(it.from).map(|phase| phase_row(*phase, it)))
        .collect();
    let all = rows.len();
    let shown = |(index, row): (usize, Row)| {
        let is_early = index + 6 < all;
        Row { shown: if is_early { Shown::Only(Medium::Page) } else { Shown::Everywhere }, ..row }
    };
    let rows = rows.into_iter().enumerate().map(shown).collect();
    let which = format!("Of {}, which had the longest ramp.", of_repeat(repeat));
    Section::new("Phase by phase")
        .with_shown(
            Block::Table(Table { of: "phases", columns, rows }),
            Shown::NotOn(Medium::Screen),
        )
        .with_shown(Block::Note(which.into()), Shown::Only(Medium::Page))
}

fn of_repeat(repeat: &Repeat) -> String {
    repeat.folder.replace('-', " ")
}

fn phase_row(phase: Phase, found: &PhaseResult) -> Row {
    Row::new(vec![
        Cell::name(phase_name(phase.kind)),
        Cell::Quantity(Quantity::Rate(found.rate)),
        Cell::maybe(found.goodput.map(Quantity::Rate)),
        Cell::Quantity(Quantity::Share(found.failed)),
        Cell::maybe(found.p99_ms.map(Quantity::Millis)),
        Cell::Quantity(Quantity::Count(found.in_flight)),
        Cell::Quantity(Quantity::Count(u64::from(found.from))),
    ])
}

fn phase_name(kind: PhaseKind) -> String {
    match kind {
        PhaseKind::WarmUp => "warm-up".to_owned(),
        PhaseKind::Ramp => "ramp".to_owned(),
        PhaseKind::Hold => "hold".to_owned(),
        PhaseKind::Overload(factor) => format!("{}x", figures::number(factor)),
        PhaseKind::Spike => "spike".to_owned(),
        PhaseKind::FallBack => "fall back".to_owned(),
    }
}

/// A case for each objective, and one for whether anything is known.
fn cases(file: &StressFile, result: &StressResult) -> Vec<Case> {
    let scenario = Text::from(&file.scenario);
    let case = |it: &Judged| {
        let measured = Text::from(it.in_full());
        let result = match it.status {
            SloStatus::Met => CaseResult::Passed,
            SloStatus::Missed => CaseResult::Failed("missed", measured.clone()),
            SloStatus::Invalid => CaseResult::Error("invalid", measured.clone()),
            SloStatus::Inconclusive => CaseResult::Undecided(measured.clone()),
        };
        let name = Text::from(&it.text);
        Case { name, group: scenario.clone(), seconds: None, result, printed: vec![measured] }
    };
    let reasons = judgement::joined(&result.reasons);
    let whole = match result.verdict {
        Some(Verdict::Invalid | Verdict::TargetLost) => CaseResult::Failed("invalid", reasons),
        Some(Verdict::Inconclusive) => CaseResult::Undecided(reasons),
        Some(Verdict::Pass | Verdict::SloMissed | Verdict::Regressed) | None => CaseResult::Passed,
    };
    let told = Case {
        name: "the stress test tells how the target breaks".into(),
        group: scenario.clone(),
        seconds: None,
        result: whole,
        printed: vec![Text::from(&result.answer)],
    };
    result.objectives.iter().map(case).chain([told]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::stress::assess;
    use crate::record::stress::RepeatEnd;
    use crate::record::stress_sample::sample;
    use crate::report::format::{junit, markdown};
    use crate::scenario::stress::{StressMetric, StressObjective};

    fn written(change: impl Fn(&mut StressFile)) -> [String; 2] {
        let mut file = sample();
        change(&mut file);
        let result = assess(&file);
        let report = StressReport { file: &file, result: &result, exit_code: 0, folder: None };
        let document = describe(&report);
        [markdown::render(&document), junit::render(&document)]
    }

    fn recovery(limit: f64) -> StressObjective {
        let metric = StressMetric::Recovery;
        StressObjective { text: format!("recovery < {limit}s"), metric, limit, inclusive: false }
    }

    #[test]
    fn a_stress_test_tells_how_it_broke_and_came_back() {
        let [markdown, junit] = written(|_| {});
        for part in ["breaks at 121/s by timeouts", "at 1.5x", "back after 7 s", "121/s"] {
            assert!(markdown.contains(part), "{part}: {markdown}");
        }
        assert!(junit.contains("failures=\"0\""), "{junit}");
    }

    #[test]
    fn a_missed_objective_and_a_test_that_was_cut_short_are_no_success() {
        let [markdown, junit] = written(|file| file.objectives = vec![recovery(5.0)]);
        assert!(junit.contains("failures=\"1\""), "{junit}");
        assert!(markdown.contains("✗ missed") && markdown.contains("7 s"), "{markdown}");
        for end in [None, Some(StressEnd::Interrupted { signal: 15 })] {
            let [markdown, junit] = written(|file| file.end.clone_from(&end));
            assert!(junit.contains("before the test was over"), "{end:?} {junit}");
            assert!(markdown.contains("INCONCLUSIVE"), "{end:?} {markdown}");
        }
        let [_, junit] = written(|file| file.repeats.clear());
        assert!(junit.contains("failures=\"1\""), "{junit}");
    }

    #[test]
    fn a_death_is_no_share_and_nothing_is_back_that_died() {
        let [markdown, _] = written(|file| {
            for repeat in &mut file.repeats {
                repeat.phases.truncate(6);
                repeat.seconds.truncate(28);
                repeat.end = Some(RepeatEnd::Died { detail: "exit code 1".to_owned() });
            }
        });
        assert!(markdown.contains("from the break on timeouts"), "{markdown}");
        assert!(!markdown.contains("death 100") && !markdown.contains("until it"), "{markdown}");
    }

    #[test]
    fn an_overload_that_an_objective_is_about_has_its_own_figures() {
        let [markdown, _] = written(|file| {
            file.plan.factors.push(4.0);
            for phase in &mut file.repeats[0].phases {
                if phase.kind == PhaseKind::Overload(1.5) {
                    phase.kind = PhaseKind::Overload(4.0);
                }
            }
        });
        assert!(markdown.contains("| 4x") && !markdown.contains("beyond |"), "{markdown}");
        let [usual, _] = written(|_| {});
        assert!(!usual.contains("of its best |"), "{usual}");
    }

    #[test]
    fn what_comes_from_a_file_stays_text() {
        let [markdown, _] = written(|file| {
            "<script>alert(1)</script>\u{1b}[31m".clone_into(&mut file.scenario);
            "<b>x</b>".clone_into(&mut file.repeats[0].folder);
        });
        assert!(!markdown.contains("<script>") && !markdown.contains('\u{1b}'), "{markdown}");
        assert!(!markdown.contains("<b>"), "{markdown}");
    }
}
