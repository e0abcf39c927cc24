//! The metrics of a comparison: part of the report of a duet, and of that of a run that was
//! judged by a baseline as well.

use crate::analysis::assessment::Verdict;
use crate::analysis::comparison::{Comparison, MetricResult, Rule, Ruling};
use crate::analysis::gauges::PerRequestChange;
use crate::record::duet::GateMetric;
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Section};
use crate::report::figures;
use crate::report::phrases::comparison as phrases;
use crate::report::phrases::gauges;
use crate::report::subject::judgement;

/// A table of all metrics.
pub(super) fn section(comparison: &Comparison) -> Section<'static> {
    let section = Section::new("Candidate ÷ baseline");
    let section = if comparison.metrics.is_empty() {
        let none = Block::Note("No metric was compared.".into());
        section.with_shown(none, Shown::Only(Medium::Page))
    } else {
        section.with(Block::Table(table(comparison)))
    };
    let assurance = Block::Note(phrases::assurance(&comparison.settings).into());
    section.with_shown(assurance, Shown::Only(Medium::Page))
}

fn table(comparison: &Comparison) -> Table {
    let columns = vec![
        Column::new(Kind::Status, "ruling"),
        Column::new(Kind::Name, "metric"),
        Column::number("baseline").dropped(1),
        Column::number("candidate").dropped(2),
        Column::new(Kind::Estimate("interval"), "ratio"),
    ];
    let costs = comparison.per_request.iter().map(cost);
    let rows = comparison.metrics.iter().map(row).chain(costs).collect();
    Table { of: "metrics", columns, rows }
}

/// What a request cost of something that the targets count: no ruling, and no interval.
fn cost(change: &PerRequestChange) -> Row {
    let of = |value| Cell::Quantity(gauges::cost(change.unit, value));
    let in_full = format!("{} per request", change.label);
    Row::new(vec![
        Cell::Status(Status { mark: "", word: "only told", tone: Tone::Muted }),
        Cell::Name(Text::from(&change.label), in_full.into()),
        of(change.baseline),
        of(change.candidate),
        Cell::maybe(change.ratio.map(Quantity::Ratio)),
    ])
}

fn row(metric: &MetricResult) -> Row {
    let short = Text::from(phrases::short_of(metric));
    let cells = vec![
        Cell::Status(phrases::status(metric)),
        Cell::Name(short.clone(), Text::from(&metric.name)),
        phrases::value(metric.metric, metric.baseline),
        phrases::value(metric.metric, metric.candidate),
        phrases::estimate(metric.metric, metric.estimate),
    ];
    Row::new(cells).remarked(short, remarks(metric))
}

/// What of an undecided metric is known: estimate, interval, what would have been seen and
/// what more time would bring. And the note, whatever the ruling.
fn remarks(metric: &MetricResult) -> Option<String> {
    let note = metric.note.as_deref().map(str::to_owned);
    let doubt = (metric.gates && metric.ruling == Ruling::Inconclusive).then(|| doubt(metric));
    let why = metric
        .rule
        .filter(|_| metric.ruling == Ruling::Regressed)
        .map(|found| format!("decided by {}", rule(found)));
    let parts: Vec<String> = [doubt, why, note].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn doubt(metric: &MetricResult) -> String {
    let found = match metric.estimate {
        Some(_) => phrases::estimate(metric.metric, metric.estimate).written(),
        None => "nothing to estimate".to_owned(),
    };
    let visible = match (metric.smallest_visible, metric.metric) {
        (None, _) => "no change, however large, could have been seen".to_owned(),
        (Some(change), GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest) => {
            format!("smallest visible change +{}", figures::percent(change))
        }
        (Some(change), GateMetric::ErrorRate | GateMetric::SlowRequests) => {
            format!("smallest visible change +{} points", figures::points(change))
        }
    };
    let time = match metric.seconds_needed {
        None => "how much more time would decide it is not known".to_owned(),
        Some(seconds) => {
            format!("about {} more would probably decide it", figures::seconds(seconds.ceil()))
        }
    };
    format!("{found}; {visible}; {time}")
}

fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Trimmed => "the trimmed mean of all intervals",
        Rule::Block => "the mean of all blocks",
        Rule::Sign => "the intervals far off the usual ratio",
        Rule::Pooled => "the quantiles of all requests",
        Rule::SignFlip => "the sign-flip test",
        Rule::Starts => "the ratios of all segments",
        Rule::Beyond => "the requests beyond the baseline's quantile",
    }
}

/// A case for each metric that gates.
pub(super) fn cases(comparison: &Comparison, scenario: &str) -> Vec<Case> {
    let gated = comparison.metrics.iter().filter(|metric| metric.gates);
    let cases: Vec<Case> = gated.map(|metric| case(comparison, scenario, metric)).collect();
    if cases.is_empty() { vec![undecided(comparison, scenario)] } else { cases }
}

/// Nothing gates, as of a baseline of few runs: who sees only these cases must not take that for
/// a pass.
fn undecided(comparison: &Comparison, scenario: &str) -> Case {
    let result = CaseResult::Undecided(judgement::joined(&comparison.reasons));
    let name = "against the baseline".into();
    Case { name, group: scenario.into(), seconds: None, result, printed: Vec::new() }
}

fn case(comparison: &Comparison, scenario: &str, metric: &MetricResult) -> Case {
    let text = in_a_line(metric);
    let result = match (comparison.verdict, metric.ruling) {
        (verdict @ (Verdict::Invalid | Verdict::TargetLost), _) => {
            CaseResult::Error(verdict.name(), text.clone())
        }
        (_, Ruling::Regressed) => CaseResult::Failed("regressed", text.clone()),
        (_, Ruling::Inconclusive) => CaseResult::Undecided(text.clone()),
        (_, Ruling::Pass | Ruling::Improved) => CaseResult::Passed,
    };
    let name = format!("{} against the baseline", metric.name).into();
    Case { name, group: scenario.into(), seconds: None, result, printed: vec![text] }
}

fn in_a_line(metric: &MetricResult) -> Text {
    let value = |value| phrases::value(metric.metric, value).written();
    let found = format!(
        "{}: baseline {}, candidate {}, ratio {}",
        phrases::outcome(metric),
        value(metric.baseline),
        value(metric.candidate),
        phrases::estimate(metric.metric, metric.estimate).written(),
    );
    remarks(metric).map_or(found.clone(), |remarks| format!("{found}; {remarks}")).into()
}
