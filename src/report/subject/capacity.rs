//! What a search for capacity found: the interval and the verdict, every rate and trial with its
//! class and why, what of the target rose with the rate.

use std::path::Path;

use crate::analysis::capacity::doubts::doubts;
use crate::analysis::capacity::messages::{interval, load};
use crate::analysis::capacity::points::{Point, curve};
use crate::analysis::capacity::rises::filled;
use crate::analysis::capacity::scaling::scaling;
use crate::record::capacity::{CapacityFile, Class, Purpose, Rise, Trial, Verdict};
use crate::record::gauge::{self, Unit};
use crate::record::load_unit::LoadUnit;
use crate::record::search_end::SearchEnd;
use crate::report::chart;
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Detail, Document, Headline, Section};
use crate::report::figures;
use crate::report::subject::judgement;

/// More objectives are not listed in the first line.
const MOST_OBJECTIVES: usize = 4;

/// Everything that a report of a search is made of.
#[derive(Debug, Clone, Copy)]
pub struct CapacityReport<'a> {
    /// What was measured and found.
    pub file: &'a CapacityFile,
    /// What the process ends with.
    pub exit_code: u8,
    /// The folder with the files.
    pub folder: Option<&'a str>,
}

/// A terminal shows the rates that are no farther from the capacity.
const NEAR: f64 = 1.6;

const MOVED_MEANS: &str = "What of the target rose with the load, what did so first above: seen \
     together, which is no claim of cause. \"from\" is the load from which on it was near its \
     highest or, for what waits, had left where it was; \"full\": it rose no further, however far \
     the load did. The correlation is that of ranks, with p95.";

/// The search for every format.
pub fn describe<'a>(report: &CapacityReport<'a>) -> Document<'a> {
    let file = report.file;
    Document {
        headline: headline(file),
        details: details(file),
        sections: vec![
            by_rate(file),
            moved(&file.moved, file.asked.unit),
            scales(file),
            every_trial(file),
            Section::new("What happened besides").with(Block::List(Text::all(&file.notes))),
            judgement::unknowns(&doubts(file)),
        ],
        cases: vec![case(file)],
        judged_seconds: None,
        next: next(report),
        folder: report.folder.map(Text::from),
        exit_code: Some(report.exit_code),
    }
}

fn headline(file: &CapacityFile) -> Headline {
    Headline {
        verdict: name(file.verdict),
        tone: tone(file.verdict),
        scenario: Text::from(&file.scenario),
        extent: Vec::new(),
        extent_shown: Shown::Everywhere,
        answer: Some(answer(file).into()),
        to_do: None,
        reasons: file.reasons.iter().map(|reason| Text::lines(reason)).collect(),
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Found => "capacity",
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Regressed => "regressed",
        Verdict::Missed => "missed",
        Verdict::Invalid => "invalid",
        Verdict::TargetLost => "target lost",
    }
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Found => Tone::Neutral,
        Verdict::Pass => Tone::Good,
        Verdict::Inconclusive => Tone::Doubt,
        Verdict::Regressed | Verdict::Missed | Verdict::TargetLost => Tone::Bad,
        Verdict::Invalid => Tone::Invalid,
    }
}

/// `between 396/s and 404/s within p99 < 200ms`.
fn answer(file: &CapacityFile) -> String {
    let within = match file.objectives.as_slice() {
        many if many.len() > MOST_OBJECTIVES => format!("all {} objectives", many.len()),
        few => few.join(", "),
    };
    format!("capacity {} within {within}", interval(&file.found, file.asked.unit))
}

fn details(file: &CapacityFile) -> Vec<Detail> {
    let print = &file.fingerprint;
    let cores = if print.cores == 1 { "core" } else { "cores" };
    let machine = format!("{}, {} {cores}, {}", print.cpu, print.cores, print.system);
    let mut details = vec![
        Detail::new("target", &file.target),
        Detail::new("machine", machine).shown(Shown::NotOn(Medium::Screen)),
        Detail::new("searched", searched(file)),
    ];
    details.extend(first_full(file).map(|text| Detail::new("full first", text)));
    details.extend(ending(file).map(|text| Detail::new("ended", text)));
    details
}

/// `24 trials of 3 to 6 s in 4 min 10 s, one target throughout`.
fn searched(file: &CapacityFile) -> String {
    let trials: Vec<&Trial> =
        file.trials.iter().filter(|it| it.purpose == Purpose::Trial).collect();
    let shortest = trials.iter().map(|it| it.seconds).fold(f64::INFINITY, f64::min);
    let longest = trials.iter().map(|it| it.seconds).fold(0.0, f64::max);
    let lengths = match (trials.is_empty(), shortest < longest) {
        (true, _) => String::new(),
        (false, true) => format!(" of {shortest} to {}", figures::seconds(longest)),
        (false, false) => format!(" of {}", figures::seconds(longest)),
    };
    // Files of earlier versions do not say how long all of it took.
    let spent = file.trials.last().map_or(0.0, |it| it.spent).max(file.took).round();
    let starts = if file.asked.restarts { ", a fresh target for each" } else { "" };
    let trials = figures::counted(trials.len(), "trial");
    format!("{trials}{lengths} in {}{starts}", figures::seconds(spent))
}

/// What was full at the lowest rate, and what then.
fn first_full(file: &CapacityFile) -> Option<String> {
    let all = filled(&file.trials);
    let told = |at: f64| load(at, file.asked.unit);
    let mut each: Vec<String> =
        all.iter().map(|(what, at)| format!("{what} from {} on", told(*at))).collect();
    if each.is_empty() {
        let first = file.moved.iter().find(|it| it.is_flat)?;
        let most = amount((first.unit, first.kind), first.full);
        each.push(format!("{} ({most}) from {} on", first.label, told(first.from)));
    }
    Some(format!("{}; seen together, which is no claim of cause", each.join(", then ")))
}

fn amount((unit, kind): (Unit, gauge::Kind), value: f64) -> Quantity {
    match (unit, kind) {
        (Unit::CpuSeconds, gauge::Kind::Counter) | (Unit::Cores, _) => Quantity::Cores(value),
        (Unit::Seconds, gauge::Kind::Counter) | (Unit::Share, _) => Quantity::Share(value),
        (Unit::CpuSeconds | Unit::Seconds, gauge::Kind::Gauge | gauge::Kind::Quantile) => {
            Quantity::Millis(value)
        }
        (Unit::Bytes, gauge::Kind::Counter) => Quantity::ByteRate(value),
        (Unit::Bytes, gauge::Kind::Gauge | gauge::Kind::Quantile) => Quantity::Bytes(value),
        (Unit::Number, gauge::Kind::Counter) => Quantity::Rate(value),
        (Unit::Number, gauge::Kind::Gauge | gauge::Kind::Quantile) => Quantity::Number(value),
    }
}

fn ending(file: &CapacityFile) -> Option<String> {
    match &file.end {
        Some(SearchEnd::Finished) => None,
        Some(SearchEnd::Interrupted { signal }) => Some(format!("interrupted by signal {signal}")),
        Some(SearchEnd::TargetLost { detail }) => Some(format!("the target was lost: {detail}")),
        Some(SearchEnd::GeneratorLost { detail }) => {
            Some(format!("early, as a generator was lost: {detail}"))
        }
        Some(SearchEnd::Hopeless { detail }) => {
            Some(format!("before the first trial, as the scenario cannot work: {detail}"))
        }
        None => Some("unknown: loadgate was stopped before it could say".to_owned()),
    }
}

/// The chart and the rates.
fn by_rate(file: &CapacityFile) -> Section<'_> {
    let points = curve(&file.trials);
    let unit = file.asked.unit;
    let title = match unit {
        LoadUnit::Rate => "By rate",
        LoadUnit::Users => "By users",
    };
    if points.is_empty() {
        return Section::new(title);
    }
    let near = |point: &Point| {
        let low = file.found.low.or(file.found.high).unwrap_or(0.0) / NEAR;
        let high = file.found.high.or(file.found.low).unwrap_or(f64::INFINITY) * NEAR;
        (low..=high).contains(&point.rate)
    };
    let rows = points.iter().map(|point| {
        let shown = if near(point) { Shown::Everywhere } else { Shown::Only(Medium::Page) };
        Row { shown, ..point_row(point, unit) }
    });
    let columns = vec![
        Column::number(unit.name()),
        Column::new(Kind::Status, "trials"),
        Column::number("good").dropped(0),
        Column::number("p50").dropped(1),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("goodput"),
    ];
    let of = if unit.is_users() { "numbers of users" } else { "rates" };
    let table = Table { of, columns, rows: rows.collect() };
    Section::new(title)
        .with_shown(Block::Figures(vec![chart::capacity::figure(file)]), Shown::Only(Medium::Page))
        .with(Block::Table(table))
}

/// A load, in a column that says of what.
fn amount_of(load: f64, unit: LoadUnit) -> Cell {
    Cell::Quantity(match unit {
        LoadUnit::Rate => Quantity::Rate(load),
        LoadUnit::Users => Quantity::Count(load.round() as u64),
    })
}

fn point_row(point: &Point, unit: LoadUnit) -> Row {
    let [p50, p95, p99] = point.times.map(|ms| Cell::maybe(ms.map(Quantity::Millis)));
    let status = match point.good {
        0 => BEYOND,
        good if good == point.trials => WITHIN,
        _ => Status { mark: "?", word: "both", tone: Tone::Doubt },
    };
    Row::new(vec![
        amount_of(point.rate, unit),
        Cell::Status(status),
        Cell::text(format!("{} of {}", point.good, point.trials)),
        p50,
        p95,
        p99,
        Cell::Quantity(Quantity::Rate(point.goodput)),
    ])
}

const WITHIN: Status = Status { mark: "✓", word: "within", tone: Tone::Good };
const BEYOND: Status = Status { mark: "✗", word: "beyond", tone: Tone::Bad };

fn moved(moved: &[Rise], unit: LoadUnit) -> Section<'static> {
    let (title, lowest) = match unit {
        LoadUnit::Rate => ("What moved with the rate", "lowest rate"),
        LoadUnit::Users => ("What moved with the users", "fewest users"),
    };
    if moved.is_empty() {
        return Section::new(title);
    }
    let row = |it: &Rise| {
        Row::new(vec![
            Cell::name(it.label.as_str()),
            Cell::Quantity(amount((it.unit, it.kind), it.calm)),
            Cell::Quantity(amount((it.unit, it.kind), it.full)),
            amount_of(it.from, unit),
            if it.is_flat { Cell::text("full") } else { Cell::Blank },
            Cell::maybe(it.correlation.map(Quantity::Correlation)),
        ])
    };
    let columns = vec![
        Column::new(Kind::Name, "of the target"),
        Column::number(lowest),
        Column::number("highest"),
        Column::number("from"),
        Column::new(Kind::Words, "state"),
        Column::number("correlation").dropped(0),
    ];
    let table = Table { of: "gauges", columns, rows: moved.iter().map(row).collect() };
    Section::new(title)
        .with(Block::Table(table))
        .with_shown(Block::Note(MOVED_MEANS.into()), Shown::NotOn(Medium::Screen))
}

/// The universal scalability law in words.
fn scales(file: &CapacityFile) -> Section<'static> {
    let title = "How it scales";
    let sentences = Block::List(Text::all(&scaling(&file.trials)));
    Section::new(title).folded(title).with_shown(sentences, Shown::NotOn(Medium::Screen))
}

/// Everything that was measured, in order.
fn every_trial(file: &CapacityFile) -> Section<'static> {
    let unit = file.asked.unit;
    let title = "Every trial";
    let columns = vec![
        Column::number("#"),
        Column::new(Kind::Words, "for"),
        Column::number(unit.name()),
        Column::number("length"),
        Column::new(Kind::Status, "class"),
        Column::number("p50"),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("goodput"),
        Column::number("cooled").on_pages(),
        Column::new(Kind::LongWords, "why"),
    ];
    let rows = file.trials.iter().map(|it| trial_row(it, unit));
    let table = Table { of: "trials", columns, rows: rows.collect() };
    let section = Section::new(title).folded(title);
    section.with_shown(Block::Table(table), Shown::NotOn(Medium::Screen))
}

fn trial_row(trial: &Trial, unit: LoadUnit) -> Row {
    let purpose = match trial.purpose {
        Purpose::WarmUp => "warm-up",
        Purpose::Trial => "trial",
        Purpose::Confirmation => "confirmation",
    };
    let class = match (trial.purpose, trial.class) {
        (Purpose::WarmUp, _) => Status { mark: "", word: "not judged", tone: Tone::Muted },
        (_, Class::Good) => WITHIN,
        (_, Class::Bad) => BEYOND,
        (_, Class::Undecided) => Status { mark: "?", word: "undecided", tone: Tone::Doubt },
        (_, Class::Void) => Status { mark: "–", word: "not counted", tone: Tone::Invalid },
    };
    let seen = &trial.seen;
    let time = |ms: Option<f64>| Cell::maybe(ms.map(Quantity::Millis));
    let cooled = (trial.cooled > 0.0).then_some(Quantity::Seconds(trial.cooled));
    Row::new(vec![
        Cell::Quantity(Quantity::Count(u64::from(trial.number))),
        Cell::text(purpose),
        amount_of(trial.rate, unit),
        Cell::Quantity(Quantity::Seconds(trial.seconds)),
        Cell::Status(class),
        time(seen.p50),
        time(seen.p95),
        time(seen.p99),
        Cell::Quantity(Quantity::Rate(seen.goodput)),
        cooled.map_or(Cell::Blank, Cell::Quantity),
        trial.why.as_deref().map_or(Cell::Blank, Cell::text),
    ])
}

fn case(file: &CapacityFile) -> Case {
    let reasons = || judgement::joined(&file.reasons);
    let result = match file.verdict {
        Verdict::Found | Verdict::Pass => CaseResult::Passed,
        Verdict::Inconclusive => CaseResult::Undecided(reasons()),
        Verdict::Regressed | Verdict::Missed => CaseResult::Failed(name(file.verdict), reasons()),
        Verdict::Invalid | Verdict::TargetLost => CaseResult::Error(name(file.verdict), reasons()),
    };
    let what = match (file.asked.at_least, &file.baseline) {
        (Some(wanted), _) => format!("capacity is at least {}", load(wanted, file.asked.unit)),
        (None, Some(_)) => "capacity is not below the baseline's".to_owned(),
        (None, None) => "capacity is known".to_owned(),
    };
    Case {
        name: what.into(),
        group: Text::from(&file.scenario),
        seconds: None,
        result,
        printed: vec![answer(file).into()],
    }
}

/// How a later search is compared with this one.
fn next(report: &CapacityReport) -> Option<Text> {
    let folder = report.folder?;
    report.file.stored(Path::new(folder)).ok()?;
    Some(format!("loadgate capacity … --baseline {}", Text::from(folder)).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_capacity::sample;

    #[test]
    fn a_search_without_a_wish_is_no_failure_and_names_what_was_full_first() {
        let mut file = sample();
        crate::analysis::capacity::fill(&mut file, sample().found);
        let described = describe(&CapacityReport { file: &file, exit_code: 0, folder: Some("a") });
        assert_eq!(described.cases[0].result, CaseResult::Passed);
        assert_eq!(described.headline.verdict, "capacity");
        let details: Vec<String> = described.details.iter().map(|it| it.text.to_string()).collect();
        assert!(
            details.iter().any(|it| it.starts_with("the connection pool from 396/s on;")),
            "{details:?}"
        );
        assert!(details.iter().any(|it| it == "5 trials of 5 s in 2 min"), "{details:?}");
    }

    #[test]
    fn only_what_can_be_a_baseline_is_named_as_one() {
        let file = sample();
        let next = |file: &CapacityFile| {
            next(&CapacityReport { file, exit_code: 0, folder: Some("a") }).is_some()
        };
        assert!(next(&file));
        assert!(!next(&CapacityFile { verdict: Verdict::Inconclusive, ..file }));
    }

    #[test]
    fn a_search_over_users_says_users_everywhere_and_what_they_hide() {
        let mut file = sample();
        file.asked.unit = LoadUnit::Users;
        crate::analysis::capacity::fill(&mut file, sample().found);
        let described = describe(&CapacityReport { file: &file, exit_code: 0, folder: None });
        let answer = described.headline.answer.as_ref().unwrap().to_string();
        assert!(answer.starts_with("capacity between 396 and 404 users within"), "{answer}");
        let doubts = doubts(&file).join("\n");
        assert!(doubts.contains("those of the lower bound asked for 396/s"), "{doubts}");
        assert!(!format!("{:?}", described.headline).contains("/s"), "{:?}", described.headline);
    }

    #[test]
    fn what_is_wanted_and_missed_is_a_failed_case() {
        let mut file = sample();
        file.asked.at_least = Some(500.0);
        crate::analysis::capacity::fill(&mut file, sample().found);
        let described = describe(&CapacityReport { file: &file, exit_code: 3, folder: None });
        let CaseResult::Failed(kind, _) = &described.cases[0].result else {
            panic!("{:?}", described.cases)
        };
        assert_eq!(
            (*kind, described.cases[0].name.as_str()),
            ("missed", "capacity is at least 500/s")
        );
    }
}
