//! How a target breaks, how it fails and whether it comes back: what a stress test has found.

use crate::analysis::assessment::{SloStatus, Verdict};
use crate::analysis::stress::manner_name;
use crate::analysis::stress_result::{
    Bound, GoodputAt, Judged, PhaseResult, Reach, Recovery, RepeatResult, Sign, StressResult,
};
use crate::analysis::wording::percent;
use crate::record::stress::{Phase, PhaseKind, Plan, Profile, Repeat, StressEnd, StressFile};
use crate::report::chart::stress::figures as charts;
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Document, Fact, Headline, Section};
use crate::report::figures;
use crate::report::subject::judgement;

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

/// What the columns of the repeats mean.
const REPEATS_MEAN: &str = "Goodput is what ends as the scenario expects, per second, in the second \
     half of an overload; its share is of the best goodput before. Back: from the end of the \
     overload until p99 and requests in flight are as before for five seconds in a row.";

/// The stress test for every format.
pub fn describe<'a>(report: &StressReport<'a>) -> Document<'a> {
    let StressReport { file, result, .. } = *report;
    Document {
        headline: headline(file, result),
        facts: facts(file),
        sections: vec![
            objectives(&result.objectives),
            repeats(file, result),
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
fn facts(file: &StressFile) -> Vec<Fact> {
    let starts = if file.starts_afresh {
        "started by loadgate, afresh for each repeat"
    } else {
        "not started by loadgate: all repeats met the same one"
    };
    let print = &file.fingerprint;
    let cores = if print.cores == 1 { "core" } else { "cores" };
    let machine = format!("{}, {} {cores}, {}", print.cpu, print.cores, print.system);
    let mut facts = vec![
        Fact::new("target", format!("{}, {starts}", file.target)),
        Fact::new("load", load(&file.plan)),
        Fact::new("repeats", counted(file)),
        Fact::new("machine", machine).shown(Shown::Only(Medium::Page)),
        Fact::new("started", &file.started).shown(Shown::Only(Medium::Page)),
    ];
    facts.extend(ending(file).map(|text| Fact::new("ended", text)));
    facts
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

fn repeats(file: &StressFile, result: &StressResult) -> Section<'static> {
    let mut columns = vec![
        Column::new(Kind::Name, "repeat"),
        Column::new(Kind::Words, "breaks at"),
        Column::new(Kind::Words, "by"),
        Column::number("best").dropped(0).in_full("best goodput"),
    ];
    let factors: Vec<f64> = file.plan.factors.iter().copied().filter(|_| is_ramp(file)).collect();
    columns.extend(factors.iter().map(|factor| Column::number(goodput_title(*factor))));
    columns.push(Column::number("back"));
    let row = |it: &RepeatResult| Row::new(cells(it, &factors)).remarked(name(it), remark(it));
    let rows = result.repeats.iter().map(row).collect();
    Section::new("How it breaks")
        .with(Block::Table(Table { of: "repeats", columns, rows }))
        .with_shown(Block::Note(REPEATS_MEAN.into()), Shown::NotOn(Medium::Screen))
}

fn is_ramp(file: &StressFile) -> bool {
    match file.plan.profile {
        Profile::Ramp => true,
        Profile::Spike { .. } => false,
    }
}

/// The usual overloads have titles of their own.
fn goodput_title(factor: f64) -> &'static str {
    match (factor * 100.0).round() as u32 {
        120 => "at 1.2x",
        150 => "at 1.5x",
        200 => "at 2x",
        300 => "at 3x",
        _ => "beyond",
    }
}

fn name(repeat: &RepeatResult) -> Text {
    repeat.folder.strip_prefix("repeat-").unwrap_or(&repeat.folder).into()
}

fn cells(repeat: &RepeatResult, factors: &[f64]) -> Vec<Cell> {
    let by = repeat.manner().map_or(Cell::Nothing, |it| Cell::text(manner_name(it)));
    let mut cells = vec![
        Cell::name(name(repeat)),
        Cell::text(reach(repeat.reach)),
        by,
        Cell::maybe(repeat.best_goodput.map(Quantity::Rate)),
    ];
    let share = |factor: &f64| {
        let at = |it: &&GoodputAt| (it.factor - factor).abs() < 1e-6;
        let share = repeat.goodput.iter().find(at).and_then(|it| it.share);
        share.map_or(Cell::Nothing, |share| Cell::text(percent(share)))
    };
    cells.extend(factors.iter().map(share));
    cells.push(back(repeat.recovery));
    cells
}

fn reach(reach: Reach) -> String {
    match reach {
        Reach::Broke { rate, .. } | Reach::Spike { rate } => figures::rate(rate),
        Reach::NotUpTo { rate, .. } => format!("above {}", figures::rate(rate)),
        Reach::AtStart { rate } => format!("at most {}", figures::rate(rate)),
        Reach::Unknown => figures::NOTHING.to_owned(),
    }
}

fn back(recovery: Recovery) -> Cell {
    match recovery {
        Recovery::After(0) => Cell::text("at once"),
        Recovery::After(seconds) => Cell::Quantity(Quantity::Seconds(f64::from(seconds))),
        Recovery::NotWithin(_) => Cell::text("never"),
        Recovery::Gone => Cell::text("gone"),
        Recovery::Died => Cell::text("died"),
        Recovery::NotMeasured => Cell::Nothing,
    }
}

/// What a repeat has to say besides its figures.
fn remark(repeat: &RepeatResult) -> Option<String> {
    let seen = match repeat.reach {
        Reach::Broke { by: Sign::Failures(share), .. } => {
            Some(format!("{} of the requests of the breaking step failed", percent(share)))
        }
        Reach::Broke { by: Sign::Growth(slope), .. } if slope > 0.0 => {
            Some(format!("requests in flight grew by {} a second", figures::number(slope)))
        }
        Reach::Broke { by: Sign::Death, .. } => Some("the target died".to_owned()),
        Reach::NotUpTo { limit, .. } => Some(bound(limit).to_owned()),
        Reach::Broke { by: Sign::Growth(_), .. }
        | Reach::AtStart { .. }
        | Reach::Spike { .. }
        | Reach::Unknown => None,
    };
    let several = repeat.manners.len() > 1;
    let shares = repeat
        .manners
        .iter()
        .filter(|_| several)
        .map(|it| format!("{} {}", manner_name(it.manner), percent(it.share)));
    let shares: Vec<String> = shares.collect();
    let shares = (!shares.is_empty()).then(|| format!("until it was back {}", shares.join(", ")));
    let until = match repeat.recovery {
        Recovery::NotWithin(within) => {
            Some(format!("not as before within {}", figures::seconds(f64::from(within))))
        }
        Recovery::Gone => Some("it accepts no connections any more".to_owned()),
        Recovery::After(_) | Recovery::Died | Recovery::NotMeasured => None,
    };
    let all: Vec<String> = seen.into_iter().chain(shares).chain(until).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn bound(limit: Bound) -> &'static str {
    match limit {
        Bound::HighestRate => "the highest rate that was allowed (--max-rate)",
        Bound::Time => "there was no time for a higher rate (--within)",
        Bound::Generator => "the generator was late at the next rate: a limit of its own",
        Bound::Interrupted => "it was interrupted",
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
    let shown = |(place, row): (usize, Row)| {
        let is_early = place + 6 < all;
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
        let measured = Text::from(&it.measured);
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
    let whole = match (result.verdict, ending(file)) {
        (Some(Verdict::Invalid | Verdict::TargetLost), _) => CaseResult::Failed("invalid", reasons),
        (
            Some(Verdict::Pass | Verdict::SloMissed | Verdict::Regressed | Verdict::Inconclusive)
            | None,
            Some(end),
        ) if matches!(file.end, None | Some(StressEnd::Interrupted { .. })) => {
            CaseResult::Failed("cut short", end.into())
        }
        (Some(Verdict::Inconclusive), _) => CaseResult::Undecided(reasons),
        (Some(Verdict::Pass | Verdict::SloMissed | Verdict::Regressed) | None, _) => {
            CaseResult::Passed
        }
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
            let [_, junit] = written(|file| file.end.clone_from(&end));
            assert!(junit.contains("failures=\"1\""), "{end:?} {junit}");
        }
        let [_, junit] = written(|file| file.repeats.clear());
        assert!(junit.contains("failures=\"1\""), "{junit}");
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
