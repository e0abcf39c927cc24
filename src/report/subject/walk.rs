//! A walk: every step of every flow with its request and its answer, what was kept of it, and
//! what is to be mended first, at the beginning and at the end.

use crate::record::outcome::Outcome;
use crate::record::walk::{Extracted, Known, Walk, WalkedFlow, WalkedStep};
use crate::report::document::medium::Shown;
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Document, Headline, Section};
use crate::report::subject::failures::{Detail, lines};
use crate::report::{figures, plain};
use crate::units::format_duration;

/// Columns of a quoted line; longer ones go on below.
const COLUMNS: usize = 72;

/// What is told of a walk.
#[derive(Debug)]
pub struct WalkReport<'a> {
    /// The walk.
    pub walk: &'a Walk,
    /// What is to be mended first, if anything is.
    pub mend: Option<&'a str>,
    /// A command that goes on from here.
    pub next: Option<&'a str>,
    /// What the process ends with.
    pub exit_code: u8,
}

/// A walk, step by step.
pub fn describe(report: &WalkReport) -> Document<'static> {
    let walk = report.walk;
    let section = Section::new("Each flow once, step by step; thinking is left out");
    let told = walk.flows.iter().flat_map(|flow| flow_blocks(flow, walk.flows.len() > 1));
    let mut sections = vec![told.fold(section, Section::with)];
    sections.extend(report.mend.map(|mend| Section::new("First to mend").with(note(mend))));
    Document {
        headline: headline(report),
        details: Vec::new(),
        sections,
        cases: Vec::new(),
        judged_seconds: None,
        next: report.next.map(Text::from),
        folder: None,
        exit_code: Some(report.exit_code),
    }
}

fn note(text: &str) -> Block<'static> {
    Block::Note(text.into())
}

fn headline(report: &WalkReport) -> Headline {
    let flows = &report.walk.flows;
    let steps: usize = flows.iter().map(|flow| flow.steps.len()).sum();
    let worked = flows.iter().flat_map(|flow| &flow.steps).filter(|step| step.works()).count();
    let (verdict, tone) = match report.mend {
        None => ("works", Tone::Good),
        Some(_) => ("does not work", Tone::Bad),
    };
    Headline {
        verdict,
        tone,
        scenario: Text::from(&report.walk.scenario),
        extent: vec![
            Text::from(&report.walk.target),
            format!("{worked} of {steps} step{} worked", if steps == 1 { "" } else { "s" }).into(),
        ],
        extent_shown: Shown::Everywhere,
        answer: report.mend.map(Text::from),
        reasons: Vec::new(),
        to_do: None,
    }
}

fn flow_blocks(flow: &WalkedFlow, has_others: bool) -> Vec<Block<'static>> {
    let title = has_others.then(|| note(&format!("flow \"{}\"", flow.name)));
    let steps = flow.steps.iter().enumerate();
    let steps = steps.flat_map(|(index, step)| {
        [note(&step_title(index + 1, step)), Block::Quote(step_lines(step))]
    });
    title.into_iter().chain(steps).collect()
}

/// `2. show order (GET /orders/{{order}}): works, 200 after 3.20 ms`.
fn step_title(number: usize, step: &WalkedStep) -> String {
    let head = &step.head;
    let label = if head.name == head.label { String::new() } else { format!(" ({})", head.label) };
    let Some(exchange) = &step.exchange else {
        let why = if step.is_left_out {
            "left out, as its condition did not hold"
        } else {
            "not sent, as the walk did not come so far"
        };
        return format!("{number}. {}{label}: {why}", head.name);
    };
    let took = figures::millis(exchange.ended_us.saturating_sub(exchange.due_us) as f64 / 1e3);
    let works = if exchange.outcome == Outcome::Ok { "works" } else { exchange.outcome.name() };
    let status = exchange.status.map_or_else(String::new, |status| format!(", {status}"));
    format!("{number}. {}{label}: {works}{status} after {took}", head.name)
}

/// What was sent and what came, and what the scenario makes of it.
fn step_lines(step: &WalkedStep) -> Vec<Text> {
    let Some(exchange) = &step.exchange else { return Vec::new() };
    let mut told = Vec::new();
    if !step.thinking.is_zero() {
        told.push(format!("(thinks for {} before it)", format_duration(step.thinking)));
    }
    told.extend(lines(exchange, Detail::Full).iter().flat_map(|line| folded(line)));
    told.extend(step.unfilled.iter().map(|name| format!("= {{{{{name}}}}} was empty")));
    let held = match exchange.status {
        Some(status) if exchange.outcome == Outcome::Ok => {
            format!("= status {status}, as expected ({})", step.head.expects)
        }
        Some(status) => format!("= status {status}; expected {}", step.head.expects),
        None => format!("= no status; expected {}", step.head.expects),
    };
    told.push(held);
    let cause = exchange.cause.map(|cause| format!("= {}", cause.name()));
    told.extend(cause);
    if exchange.outcome == Outcome::Ok {
        told.extend(
            step.head.checks.iter().map(|check| format!("= holds: {}", plain::line(check))),
        );
    }
    if exchange.outcome == Outcome::Ok || exchange.outcome == Outcome::CheckFailed {
        told.extend(step.extracted.iter().flat_map(|one| folded(&kept(one))));
    }
    told.iter().map(|line| Text::kept(line)).collect()
}

fn kept(one: &Extracted) -> String {
    match &one.known {
        Known::Nothing => format!("= {} from {}: nothing", one.name, one.path),
        Known::Secret(letters) => {
            format!("= {} from {}: [redacted], {letters} characters", one.name, one.path)
        }
        Known::Value(value) => format!("= {} from {}: {value}", one.name, one.path),
    }
}

/// A line in pieces that fit, each with the mark that it begins with.
fn folded(line: &str) -> Vec<String> {
    let line = plain::kept(line);
    let Some((mark, rest)) = line.split_at_checked(2) else { return vec![line] };
    plain::pieces(rest, COLUMNS).into_iter().map(|piece| format!("{mark}{piece}")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::exchange::FailedExchange;
    use crate::report::format::terminal::render;
    use crate::report::format::terminal::screen::Style;
    use crate::report::samples::runs;

    fn exchange(outcome: Outcome, status: u16) -> FailedExchange {
        let run = runs::failing();
        let mut exchange = run.assessment.failures.kinds[0].examples[0].exchange.clone();
        (exchange.outcome, exchange.status) = (outcome, Some(status));
        exchange.response.as_mut().unwrap().line = format!("HTTP/1.1 {status} Oh");
        exchange
    }

    fn walk() -> Walk {
        let run = runs::failing();
        let step = |name: &str, exchange: Option<FailedExchange>| WalkedStep {
            head: crate::record::step_head::StepHead {
                name: name.to_owned(),
                ..run.record.head.steps[0].clone()
            },
            exchange,
            unfilled: vec!["order".to_owned()],
            extracted: vec![
                Extracted {
                    name: "token".to_owned(),
                    path: "$.token".to_owned(),
                    known: Known::Secret(36),
                },
                Extracted {
                    name: "order".to_owned(),
                    path: "$.id".to_owned(),
                    known: Known::Value("x".repeat(200)),
                },
            ],
            thinking: Duration::from_secs(2),
            is_left_out: false,
        };
        let steps = vec![
            step("first", Some(exchange(Outcome::Ok, 200))),
            step("second", Some(exchange(Outcome::ServerError, 500))),
            step("third", None),
        ];
        let flows = vec![WalkedFlow { name: "buy".to_owned(), steps }];
        let target = "http://127.0.0.1:3000".to_owned();
        Walk { scenario: "shop".to_owned(), target, flows, died: None }
    }

    fn told(mend: Option<&str>, width: usize) -> String {
        let walk = walk();
        let report = WalkReport { walk: &walk, mend, next: None, exit_code: 6 };
        render(&describe(&report), Style { width, color: false })
    }

    #[test]
    fn what_is_to_be_mended_stands_first_and_last() {
        let told = told(Some("the step \"second\" fails with 500"), 80);
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].starts_with("DOES NOT WORK  shop  "), "{told}");
        assert!(lines[0].ends_with("1 of 3 steps worked"), "{told}");
        assert!(lines[1].contains("the step \"second\" fails with 500"), "{told}");
        let last = told.rsplit("First to mend").next().unwrap();
        assert!(last.contains("the step \"second\" fails with 500"), "{told}");
    }

    #[test]
    fn each_step_is_shown_with_what_was_kept_of_it() {
        let told = told(None, 80);
        for part in [
            "WORKS  shop",
            "1. first (",
            "works, 200 after ",
            "(thinks for 2s before it)",
            "> GET /orders/7 HTTP/1.1",
            "< HTTP/1.1 200 Oh",
            "= {{order}} was empty",
            "= status 200, as expected",
            "= token from $.token: [redacted], 36 characters",
            "2. second (",
            "server error, 500 after ",
            "= status 500; expected ",
            "not sent, as the walk did not come so far",
        ] {
            assert!(told.contains(part), "{part:?}\n{told}");
        }
        assert!(told.matches('x').count() >= 200, "nothing is cut off");
        assert!(told.lines().all(|line| plain::width(line) <= 80), "{told}");
    }
}
