//! The error budget of a run: how fast it would burn, and the incident that it would have
//! raised.

use crate::analysis::error_budget::{Burn, ErrorBudget, Incident};
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Detail, Section};
use crate::report::figures;

const ON_PAGES: Shown = Shown::Only(Medium::Page);

/// What the columns of [`table`] mean.
const MEANS: &str = "Burn rate 1 uses up exactly the budget of the window; 14.4, 6 and 1 are where \
     the Site Reliability Workbook calls somebody at once, calls somebody, and opens a ticket. \
     Hours count as if production saw what this run saw.";

/// A line or two, and on a page all objectives; empty where nothing can be said.
pub(super) fn section(budget: Option<&ErrorBudget>) -> Section<'static> {
    let section = Section::new("Error budget").untitled_in_comments();
    let Some(budget) = budget else { return section };
    let mut details: Vec<Detail> = budget
        .fastest()
        .map(|burn| Detail::new("fastest burn", sentence(burn, budget.window_hours)))
        .into_iter()
        .collect();
    details.extend(budget.incident.as_ref().map(|it| Detail::new("incident", incident(it))));
    let section = section.with(Block::Details(details));
    if budget.objectives.is_empty() {
        return section;
    }
    section
        .with_shown(Block::Table(table(budget)), ON_PAGES)
        .with_shown(Block::Note(MEANS.into()), ON_PAGES)
}

/// `p99 < 500ms: 2.3× (1.8 – 2.9×), 0.32 % of the budget of 30 days an hour; gone in 13 days`.
fn sentence(burn: &Burn, window_hours: f64) -> String {
    let name = Text::from(burn.name());
    let number = figures::number;
    if burn.rate <= 0.0 {
        return format!("{name}: nothing burnt, at most {}×", number(burn.high));
    }
    let rate = format!("{}× ({} – {}×)", number(burn.rate), number(burn.low), number(burn.high));
    let hourly = figures::share(burn.share_per_hour);
    let window = hours(window_hours);
    format!(
        "{name}: {rate}, {hourly} of the budget of {window} an hour; {}",
        end(burn, window_hours)
    )
}

/// When a whole budget is gone.
fn end(burn: &Burn, window_hours: f64) -> String {
    match burn.hours_left {
        Some(left) if left < window_hours => format!("gone in {}", hours(left)),
        Some(_) | None => "it lasts".to_owned(),
    }
}

fn incident(incident: &Incident) -> String {
    format!("{}: {}", incident.class.name(), Text::from(&incident.reason))
}

/// `31 h`, `13 days`.
fn hours(hours: f64) -> String {
    if hours < 1.0 {
        return format!("{} min", figures::number(hours * 60.0));
    }
    if hours < 72.0 {
        return format!("{} h", figures::number(hours));
    }
    format!("{} days", figures::number(hours / 24.0))
}

fn table(budget: &ErrorBudget) -> Table {
    let columns = vec![
        Column::new(Kind::Name, "objective"),
        Column::number("bad"),
        Column::number("burn rate"),
        Column::number("95 % bounds"),
        Column::number("an hour burns"),
        Column::number("gone in"),
        Column::new(Kind::Words, "against 14.4, 6 and 1"),
    ];
    let rows = budget.objectives.iter().map(|burn| row(burn, budget.window_hours)).collect();
    Table { of: "error budgets", columns, rows }
}

fn row(burn: &Burn, window_hours: f64) -> Row {
    Row::new(vec![
        Cell::name(burn.name()),
        Cell::Quantity(Quantity::Share(burn.bad_share)),
        Cell::Quantity(Quantity::Multiple(burn.rate)),
        Cell::Interval(Quantity::Multiple(burn.low), Quantity::Multiple(burn.high)),
        Cell::Quantity(Quantity::Share(burn.share_per_hour)),
        Cell::text(match burn.hours_left {
            Some(left) if left < window_hours => hours(left),
            Some(_) | None => "it lasts".to_owned(),
        }),
        Cell::Status(against(burn)),
    ])
}

/// What is certain, and what may be.
fn against(burn: &Burn) -> Status {
    let word = match (burn.above, burn.perhaps_above) {
        (None, None) => "below 1",
        (None, Some(_)) => "perhaps above 1",
        (Some(above), _) if above > 14.0 => "above 14.4",
        (Some(above), None) if above > 5.0 => "above 6",
        (Some(above), Some(_)) if above > 5.0 => "above 6, perhaps 14.4",
        (Some(_), None) => "above 1",
        (Some(_), Some(_)) => "above 1, perhaps 6",
    };
    let tone = match (burn.above, burn.perhaps_above) {
        (None, None) => Tone::Good,
        (None, Some(_)) => Tone::Doubt,
        (Some(_), _) => Tone::Bad,
    };
    Status { mark: "", word, tone }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::error_budget::IncidentClass;
    use crate::report::document::{Document, Headline};
    use crate::report::format::{html, markdown, terminal};

    fn burn(rate: f64, low: f64, high: f64) -> Burn {
        let above = |rate: f64| [14.4, 6.0, 1.0].into_iter().find(|it| rate > *it);
        Burn {
            objective: "p99 < 500ms".to_owned(),
            step: None,
            good_share: 0.99,
            bad_share: rate / 100.0,
            rate,
            low,
            high,
            share_per_hour: rate / 720.0,
            hours_left: (rate > 0.0).then(|| 720.0 / rate),
            hours_left_low: 720.0 / high,
            hours_left_high: (low > 0.0).then(|| 720.0 / low),
            above: above(low),
            perhaps_above: above(high).filter(|_| above(high) != above(low)),
        }
    }

    fn document(budget: &ErrorBudget) -> Document<'static> {
        Document {
            headline: Headline {
                verdict: "slo missed",
                tone: Tone::Bad,
                scenario: "orders".into(),
                extent: Vec::new(),
                extent_shown: Shown::Everywhere,
                answer: None,
                to_do: None,
                reasons: Vec::new(),
            },
            details: Vec::new(),
            sections: vec![section(Some(budget))],
            cases: Vec::new(),
            judged_seconds: None,
            next: None,
            folder: None,
            exit_code: Some(3),
        }
    }

    #[track_caller]
    fn says(burn: &Burn, expected: &str) {
        assert_eq!(sentence(burn, 720.0), expected);
    }

    #[test]
    fn a_burn_is_told_in_a_line() {
        says(
            &burn(23.0, 19.0, 28.04),
            "p99 < 500ms: 23× (19 – 28×), 3.19 % of the budget of 30 days an hour; gone in 31.3 h",
        );
        says(
            &burn(0.42, 0.2, 0.61),
            "p99 < 500ms: 0.42× (0.2 – 0.61×), 0.058 % of the budget of 30 days an hour; it lasts",
        );
        says(&burn(0.0, 0.0, 0.3), "p99 < 500ms: nothing burnt, at most 0.3×");
        assert_eq!((hours(0.5), hours(168.0)), ("30 min".to_owned(), "7 days".to_owned()));
    }

    #[test]
    fn what_is_certain_is_told_from_what_may_be() {
        for (low, high, expected) in [
            (0.2, 0.9, "below 1"),
            (0.9, 1.1, "perhaps above 1"),
            (2.0, 3.0, "above 1"),
            (2.0, 7.0, "above 1, perhaps 6"),
            (7.0, 9.0, "above 6"),
            (7.0, 15.0, "above 6, perhaps 14.4"),
            (15.0, 99.0, "above 14.4"),
        ] {
            assert_eq!(against(&burn(f64::midpoint(low, high), low, high)).word, expected);
        }
    }

    #[test]
    fn every_format_says_it_and_a_step_of_any_name_is_harmless() {
        let reason = "<b>pay</b>: at least 80 % of its requests failed\u{1b}[2J".to_owned();
        let budget = ErrorBudget {
            window_hours: 720.0,
            objectives: vec![Burn { step: Some("<b>\u{1b}".to_owned()), ..burn(23.0, 19.0, 28.0) }],
            incident: Some(Incident { class: IncidentClass::P1, reason }),
        };
        let document = document(&budget);
        let screen = terminal::render(&document, terminal::screen::Style::default());
        assert!(screen.contains("P1, major function impaired: <b>pay</b>"), "{screen}");
        assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
        let (page, comment) = (html::render(&document), markdown::render(&document));
        assert!(!page.contains("<b>") && page.contains("above 14.4"), "{page}");
        assert!(comment.contains("**incident:** P1"), "{comment}");
        for text in [screen, page, comment] {
            assert!(!text.contains('\u{1b}'), "{text:?}");
        }
    }

    #[test]
    fn where_nothing_can_be_said_there_is_no_section() {
        let without = Document {
            sections: vec![section(None)],
            ..document(&ErrorBudget { window_hours: 720.0, objectives: Vec::new(), incident: None })
        };
        assert!(!markdown::render(&without).contains("burn"));
        assert!(!html::render(&without).contains("Error budget"));
    }
}
