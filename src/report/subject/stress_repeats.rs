//! The repeats of a stress test, side by side: how each broke, what it still did beyond, and
//! whether it came back.
//!
//! The record and the result come in, a section of the document goes out.

use crate::analysis::number_format::percent;
use crate::analysis::stress::{failing_step, manner_name};
use crate::analysis::stress_result::{
    Bound, GoodputAt, Manner, MannerShare, Reach, Recovery, RepeatResult, Sign, StressResult,
    Unmeasured,
};
use crate::record::stress::{Profile, SAME, StressFile};
use crate::report::document::cell::Cell;
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::{Block, Section};
use crate::report::figures;
use crate::units::trim_zeros;

/// What the columns of the repeats mean.
const REPEATS_MEAN: &str = "Goodput is what ends as the scenario expects, per second, in the second \
     half of an overload; its share is of the best goodput before. Back: from the end of the \
     overload until p99 and requests in flight are as before for five seconds in a row.";

/// How each repeat broke, and how it came back.
pub(super) fn section(file: &StressFile, result: &StressResult) -> Section<'static> {
    let mut columns = vec![
        Column::new(Kind::Name, "repeat"),
        Column::new(Kind::Words, "breaks at"),
        Column::new(Kind::Words, "by"),
        Column::number("best").dropped(0).in_full("best goodput"),
    ];
    let titled = |factor: &f64| Some((*factor, goodput_title(*factor)?));
    let ramped = file.plan.factors.iter().filter(|_| is_ramp(file));
    let factors: Vec<(f64, &str)> = ramped.filter_map(titled).collect();
    columns.extend(factors.iter().map(|(_, title)| Column::number(title)));
    columns.push(Column::number("back"));
    let row = |it: &RepeatResult| Row::new(cells(it, &factors)).remarked(name(it), remark(it));
    let rows = result.repeats.iter().map(row).collect();
    Section::new("How it breaks")
        .with(Block::Table(Table { of: "repeats", columns, rows }))
        .with(Block::Table(others(file, result)))
        .with_shown(Block::Note(REPEATS_MEAN.into()), Shown::NotOn(Medium::Screen))
}

fn is_ramp(file: &StressFile) -> bool {
    match file.plan.profile {
        Profile::Ramp => true,
        Profile::Spike { .. } => false,
    }
}

/// The overloads that are always measured have columns; others have rows of their own.
fn goodput_title(factor: f64) -> Option<&'static str> {
    let is = |other: f64| (factor - other).abs() < SAME;
    [(1.2, "at 1.2x"), (1.5, "at 1.5x")]
        .into_iter()
        .find_map(|(other, title)| is(other).then_some(title))
}

/// Goodput in the overloads that objectives are about.
fn others(file: &StressFile, result: &StressResult) -> Table {
    let columns = vec![
        Column::new(Kind::Name, "overload"),
        Column::new(Kind::Words, "repeat"),
        Column::number("goodput"),
        Column::number("of its best"),
    ];
    let others = file.plan.factors.iter().filter(|factor| goodput_title(**factor).is_none());
    let of_repeat = |factor: f64, it: &RepeatResult| {
        let found = at(it, factor)?;
        let cells = vec![
            Cell::name(format!("{}x", trim_zeros(factor, 2))),
            Cell::text(name(it)),
            Cell::maybe(found.per_second.map(Quantity::Rate)),
            share(Some(found)),
        ];
        Some(Row::new(cells))
    };
    let rows = others.flat_map(|factor| {
        result.repeats.iter().filter_map(|it| of_repeat(*factor, it)).collect::<Vec<Row>>()
    });
    Table { of: "overloads", columns, rows: rows.collect() }
}

fn at(repeat: &RepeatResult, factor: f64) -> Option<&GoodputAt> {
    repeat.goodput.iter().find(|it| (it.factor - factor).abs() < SAME)
}

fn share(found: Option<&GoodputAt>) -> Cell {
    found.and_then(|it| it.share).map_or(Cell::Nothing, |share| Cell::text(percent(share)))
}

fn name(repeat: &RepeatResult) -> Text {
    repeat.folder.strip_prefix("repeat-").unwrap_or(&repeat.folder).into()
}

fn cells(repeat: &RepeatResult, factors: &[(f64, &str)]) -> Vec<Cell> {
    let by = repeat.manner().map_or(Cell::Nothing, |it| Cell::text(manner_name(it)));
    let mut cells = vec![
        Cell::name(name(repeat)),
        Cell::text(reach(repeat.reach)),
        by,
        Cell::maybe(repeat.best_goodput.map(Quantity::Rate)),
    ];
    cells.extend(factors.iter().map(|(factor, _)| share(at(repeat, *factor))));
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
        Recovery::NotMeasured(_) => Cell::Nothing,
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
        Reach::Broke { by: Sign::NothingWorked, .. } => {
            Some("no request of the breaking step was answered as expected".to_owned())
        }
        Reach::Broke { by: Sign::Death, .. } => Some("the target died".to_owned()),
        Reach::NotUpTo { limit, .. } => Some(bound(limit).to_owned()),
        Reach::Broke { by: Sign::Growth(_), .. }
        | Reach::AtStart { .. }
        | Reach::Spike { .. }
        | Reach::Unknown => None,
    };
    let shares: Vec<String> = failures(repeat)
        .map(|it| format!("{} {}", manner_name(it.manner), percent(it.share)))
        .collect();
    let until = if matches!(repeat.recovery, Recovery::After(_)) {
        "until it was back"
    } else {
        "from the break on"
    };
    let shares = (!shares.is_empty()).then(|| format!("{until} {}", shares.join(", ")));
    let until = match repeat.recovery {
        Recovery::NotWithin(within) => {
            Some(format!("not as before within {}", figures::seconds(f64::from(within))))
        }
        Recovery::Gone => Some("it accepts no connections any more".to_owned()),
        Recovery::NotMeasured(why) if says_more(why) => {
            Some(format!("whether it comes back was not measured, as {}", why.words()))
        }
        Recovery::After(_) | Recovery::Died | Recovery::NotMeasured(_) => None,
    };
    let unknown = repeat.goodput.iter().filter_map(|it| {
        let why = it.unknown.filter(|why| says_more(*why))?.words();
        Some(format!("goodput at {}x not measured, as {why}", trim_zeros(it.factor, 2)))
    });
    let steps = repeat.failing_steps.iter().map(failing_step);
    let all: Vec<String> =
        seen.into_iter().chain(shares).chain(unknown).chain(until).chain(steps).collect();
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

/// How requests failed, where that is not told by one word; a death is no share of them.
fn failures(repeat: &RepeatResult) -> impl Iterator<Item = &MannerShare> {
    let several = repeat.manners.len() > 1;
    repeat.manners.iter().filter(move |it| several && it.manner != Manner::Death)
}

/// Whether a reason is not in the other words of a repeat.
fn says_more(why: Unmeasured) -> bool {
    match why {
        Unmeasured::LateOverload
        | Unmeasured::UnsentOverload
        | Unmeasured::NothingBefore
        | Unmeasured::Unwatched
        | Unmeasured::AboveHighest
        | Unmeasured::FailingStep => true,
        Unmeasured::NotBroken
        | Unmeasured::AtStart
        | Unmeasured::Generator
        | Unmeasured::Hopeless
        | Unmeasured::CutShort
        | Unmeasured::Spike => false,
    }
}
