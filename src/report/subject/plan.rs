//! A capacity plan: headroom, the date on which it ends, instances and cost.

use crate::analysis::capacity_plan::{Bounds, Cost, Day, End, Horizon, Plan, State};
use crate::report::chart::demand;
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Detail, Document, Headline, Section};
use crate::report::figures;

/// Everything that a report of a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct PlanReport<'a> {
    /// What was worked out.
    pub plan: &'a Plan,
    /// What the process ends with.
    pub exit_code: u8,
    /// The folder with the files, where there are any.
    pub folder: Option<&'a str>,
}

/// The plan for every format.
pub fn describe<'a>(report: &PlanReport<'a>) -> Document<'a> {
    let plan = report.plan;
    let figure = Block::Figures(vec![demand::figure(plan)]);
    let title = "What this plan takes for granted";
    Document {
        headline: headline(plan),
        details: details(plan),
        sections: vec![
            instances(plan),
            Section::new("Chart").with_shown(figure, Shown::Only(Medium::Page)),
            plan.cost.as_ref().map_or_else(|| Section::new("Cost"), |cost| costs(cost, plan)),
            Section::new(title).folded(title).with(Block::List(Text::all(&plan.assumptions))),
        ],
        cases: vec![case(plan)],
        judged_seconds: None,
        next: None,
        folder: report.folder.map(Text::from),
        exit_code: Some(report.exit_code),
    }
}

fn headline(plan: &Plan) -> Headline {
    let (verdict, tone) = match plan.state {
        State::Headroom => ("headroom", Tone::Good),
        State::Undecided => ("headroom unsure", Tone::Doubt),
        State::Over => ("no headroom", Tone::Bad),
    };
    Headline {
        verdict,
        tone,
        scenario: Text::from(&plan.name),
        extent: vec![
            format!("{} at the peak", figures::rate(plan.peak)).into(),
            format!("growing {}", plan.growth).into(),
        ],
        extent_shown: Shown::Everywhere,
        answer: Some(answer(plan).into()),
        to_do: to_do(plan).map(Text::from),
        reasons: Vec::new(),
    }
}

/// When the headroom ends, in a sentence.
fn answer(plan: &Plan) -> String {
    match &plan.end {
        End::Now => format!(
            "today's peak of {} is above the {} that may be served",
            figures::rate(plan.peak),
            bounds(plan.usable, figures::number),
        ),
        End::Never => "the headroom does not end: demand does not grow".to_owned(),
        End::Between { earliest: None, .. } => {
            "the headroom does not end within a hundred years".to_owned()
        }
        End::Between { earliest: Some(first), latest: Some(last) } if first.date == last.date => {
            format!("the headroom ends on {}, {}", first.date, from_now(first))
        }
        End::Between { earliest: Some(first), latest: Some(last) } => format!(
            "the headroom ends between {} and {}, {} to {}",
            first.date,
            last.date,
            days(first),
            from_now(last),
        ),
        End::Between { earliest: Some(first), latest: None } => {
            format!("the headroom ends on {} or later, {}", first.date, from_now(first))
        }
    }
}

fn days(day: &Day) -> String {
    figures::count(day.days.floor() as u64)
}

fn from_now(day: &Day) -> String {
    if day.days < 1.0 {
        return "which is today".to_owned();
    }
    format!("{} from now", figures::counted(day.days.floor() as usize, "day"))
}

fn to_do(plan: &Plan) -> Option<String> {
    let now = plan.horizons.first()?;
    match plan.state {
        State::Headroom => None,
        State::Undecided => {
            Some("measure the capacity more closely, or add an instance".to_owned())
        }
        State::Over => Some(format!(
            "run {}, or raise what one serves",
            figures::counted(now.most as usize, "instance")
        )),
    }
}

fn details(plan: &Plan) -> Vec<Detail> {
    let spare = if plan.spare > 0 {
        format!(", of which {} may be missing", figures::count(u64::from(plan.spare)))
    } else {
        String::new()
    };
    vec![
        Detail::new("today", &plan.today),
        Detail::new("capacity", format!("{} an instance", rates(plan.capacity))),
        Detail::new("instances", format!("{}{spare}", figures::count(u64::from(plan.instances)))),
        Detail::new(
            "may be served",
            format!(
                "{}, up to {} of the capacity",
                rates(plan.usable),
                figures::share(plan.ceiling)
            ),
        ),
        Detail::new("utilisation", utilisation(plan)),
        Detail::new("headroom", headroom(plan)),
        Detail::new(
            "growth",
            format!(
                "{}, {} a year",
                plan.growth,
                figures::signed(plan.growth_per_year, figures::percent)
            ),
        ),
    ]
}

/// `400 – 430/s`, `at least 400/s`.
fn rates(of: Bounds) -> String {
    format!("{}/s", bounds(of, figures::number))
}

fn bounds(of: Bounds, write: fn(f64) -> String) -> String {
    match of.high {
        None => format!("at least {}", write(of.low)),
        Some(high) if write(high) == write(of.low) => write(of.low),
        Some(high) => format!("{} – {}", write(of.low), write(high)),
    }
}

fn utilisation(plan: &Plan) -> String {
    let [low, high] = [Some(plan.utilisation.low), plan.utilisation.high]
        .map(|share| figures::percent(share.unwrap_or(f64::NAN)));
    match plan.capacity.high {
        None => format!("at most {high}"),
        Some(_) if low == high => high,
        Some(_) => format!("{low} – {high}"),
    }
}

fn headroom(plan: &Plan) -> String {
    let share = |share: f64| figures::signed(share, figures::percent);
    match plan.headroom.high {
        None => format!("at least {}", share(plan.headroom.low)),
        Some(high) if share(high) == share(plan.headroom.low) => share(high),
        Some(high) => format!("{} – {}", share(plan.headroom.low), share(high)),
    }
}

/// What is needed on which day.
fn instances(plan: &Plan) -> Section<'static> {
    let has_cost = plan.cost.is_some();
    let mut columns = vec![
        Column::new(Kind::Words, "in"),
        Column::number("date"),
        Column::number("demand"),
        Column::number("instances"),
        Column::new(Kind::Status, "today's do"),
    ];
    if has_cost {
        columns.push(Column::number("a month").dropped(1));
    }
    let row = |it: &Horizon| {
        let mut cells = vec![
            Cell::text(after(it.months)),
            Cell::text(it.date.as_str()),
            Cell::Quantity(Quantity::Rate(it.demand)),
            Cell::text(needed(it)),
            Cell::Status(enough(it.state)),
        ];
        let currency = plan.cost.as_ref().map(|cost| cost.currency.as_str());
        cells.extend(it.monthly_cost.zip(currency).map(|(cost, of)| Cell::text(money(cost, of))));
        Row::new(cells)
    };
    let rows = plan.horizons.iter().map(row).collect();
    Section::new("Instances needed").with(Block::Table(Table { of: "dates", columns, rows }))
}

fn after(months: i32) -> String {
    match months {
        0 => "today".to_owned(),
        months => format!("{months} months"),
    }
}

/// `5`, `5 – 6`, `at most 6`.
fn needed(horizon: &Horizon) -> String {
    let most = figures::count(horizon.most);
    match horizon.fewest {
        None => format!("at most {most}"),
        Some(fewest) if fewest == horizon.most => most,
        Some(fewest) => format!("{} – {most}", figures::count(fewest)),
    }
}

fn enough(state: State) -> Status {
    let (mark, word, tone) = match state {
        State::Headroom => ("✓", "yes", Tone::Good),
        State::Undecided => ("?", "perhaps", Tone::Doubt),
        State::Over => ("✗", "no", Tone::Bad),
    };
    Status { mark, word, tone }
}

fn costs(cost: &Cost, plan: &Plan) -> Section<'static> {
    let money = |value: f64| money(value, &cost.currency);
    let rate = figures::rate(cost.rate);
    let by = if cost.is_mean {
        format!("at the mean of {rate}")
    } else {
        format!("at the peak of {rate}; with less traffic it is more")
    };
    let full = match cost.per_million_at_ceiling.high {
        Some(high) if plan.capacity.high.is_none() => format!("at most {}", money(high)),
        Some(high) => format!("{} – {}", money(cost.per_million_at_ceiling.low), money(high)),
        None => money(cost.per_million_at_ceiling.low),
    };
    let ceiling = figures::share(plan.ceiling);
    Section::new("Cost").with(Block::Details(vec![
        Detail::new("an instance", format!("{} an hour", money(cost.per_instance_hour))),
        Detail::new("today's instances", format!("{} a month", money(cost.per_month))),
        Detail::new("a million arrivals", format!("{}, {by}", money(cost.per_million))),
        Detail::new("the same when full", format!("{full}, at {ceiling} of the capacity")),
    ]))
}

/// `1,234 EUR`, `12.50 EUR`, `0.0417 EUR`, `0.12 EUR`.
fn money(value: f64, currency: &str) -> String {
    let text = match value {
        v if !v.is_finite() => figures::NOTHING.to_owned(),
        v if v >= 999.5 => figures::count(v.round() as u64),
        v if v >= 0.995 => format!("{v:.2}"),
        v => {
            let text = format!("{v:.4}");
            text.strip_suffix("00").map(str::to_owned).unwrap_or(text)
        }
    };
    format!("{text} {currency}")
}

fn case(plan: &Plan) -> Case {
    let result = match plan.state {
        State::Headroom => CaseResult::Passed,
        State::Undecided => CaseResult::Undecided(answer(plan).into()),
        State::Over => CaseResult::Failed("no headroom", answer(plan).into()),
    };
    Case {
        name: "today's peak is below the ceiling".into(),
        group: Text::from(&plan.name),
        seconds: None,
        result,
        printed: vec![answer(plan).into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::format::terminal::screen::Style;
    use crate::report::format::{html, junit, markdown, terminal};
    use crate::report::samples::{golden, plans};

    fn document(plan: &Plan) -> Document<'_> {
        describe(&PlanReport { plan, exit_code: 0, folder: None })
    }

    #[test]
    fn the_normal_plan_reads_as_before() {
        let plan = plans::normal();
        let document = document(&plan);
        golden::check("plan.txt", &terminal::render(&document, Style::default()));
        golden::check("plan.md", &markdown::render(&document));
    }

    #[test]
    fn odd_plans_are_told_in_every_format() {
        for (name, plan) in plans::all() {
            let document = document(&plan);
            let screen = terminal::render(&document, Style::default());
            assert!(screen.lines().all(|line| line.chars().count() <= 80), "{name}\n{screen}");
            let written = [
                screen,
                markdown::render(&document),
                html::render(&document),
                junit::render(&document),
            ];
            for text in written {
                assert!(!text.contains("NaN") && !text.contains("inf "), "{name}\n{text}");
            }
        }
    }

    #[track_caller]
    fn says(name: &str, expected: &str) {
        let found = plans::all().into_iter().find(|(known, _)| *known == name).unwrap().1;
        assert!(answer(&found).starts_with(expected), "{}", answer(&found));
    }

    #[test]
    fn the_answer_is_as_sure_as_the_capacity() {
        says(
            "normal",
            "the headroom ends between 2026-04-14 and 2026-05-13, 44 to 73 days from now",
        );
        says("over", "today's peak of 900/s is above the 280 – 301 that may be served");
        says("undecided", "the headroom ends between 2026-03-01 and ");
        says("still", "the headroom does not end: demand does not grow");
        says("slow", "the headroom does not end within a hundred years");
        says("point", "the headroom ends on 2026-04-14, 44 days from now");
        says("open", "the headroom ends on ");
    }

    #[test]
    fn a_plan_that_is_over_fails_its_case() {
        let over = plans::all().remove(1).1;
        assert!(matches!(case(&over).result, CaseResult::Failed(..)));
        assert_eq!(to_do(&over).unwrap(), "run 4 instances, or raise what one serves");
    }
}
