//! One run, alone or beside its baseline.

use crate::analysis::assessment::{Assessment, Summary, Times, Verdict};
use crate::analysis::comparison::Comparison;
use crate::record::phase::Phase;
use crate::record::run::{Head, RunRecord};
use crate::report::chart;
use crate::report::document::cell::Cell;
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::{Block, Detail, Document, Headline, Section};
use crate::report::figures;
use crate::report::phrases::gauges::{self, Level};
use crate::report::phrases::{load as plan, run as phrases};
use crate::report::subject::{
    budget, failures, generators, judgement, loads, metrics, neighbours, objectives, tenants,
};
use crate::units::order;

/// Everything that a report of a run is made of.
#[derive(Debug, Clone, Copy)]
pub struct RunReport<'a> {
    /// What was measured.
    pub record: &'a RunRecord,
    /// What analysis says about it.
    pub assessment: &'a Assessment,
    /// Beside its baseline, if it was judged by one.
    pub comparison: Option<&'a Comparison>,
    /// What the process ends with.
    pub exit_code: u8,
    /// Whether the target's own log lies beside the report.
    pub has_log: bool,
    /// The folder with the run's files.
    pub folder: Option<&'a str>,
}

const ON_PAGES: Shown = Shown::Only(Medium::Page);
const NOT_IN_COMMENTS: Shown = Shown::NotOn(Medium::Comment);

/// The run for every format.
pub fn describe<'a>(report: &RunReport<'a>) -> Document<'a> {
    let assessment = report.assessment;
    let mut sections =
        vec![objectives::section(assessment), budget::section(assessment.error_budget.as_ref())];
    sections.extend(report.comparison.map(metrics::section));
    sections.extend([charts(assessment), steps(assessment), slowest_first(assessment)]);
    sections.extend(loads::section(assessment));
    sections.extend(tenants::section(assessment));
    sections.extend(neighbours::section(assessment));
    sections.extend([
        outcomes(&assessment.total),
        failures::section(&assessment.failures, report.has_log),
        saturation(assessment),
        statements(report.record),
        generator(report),
        generators::section(assessment),
        judgement::findings(&assessment.findings),
        judgement::unknowns(&assessment.limits_of_knowledge),
    ]);
    Document {
        headline: headline(report),
        details: details(report),
        sections,
        cases: cases(report),
        judged_seconds: Some(assessment.window.seconds()),
        next: None,
        folder: report.folder.map(Text::from),
        exit_code: Some(report.exit_code),
    }
}

fn headline(report: &RunReport) -> Headline {
    let assessment = report.assessment;
    let scenario = &report.record.head.scenario;
    Headline {
        extent: vec![phrases::load(assessment).into(), phrases::requests(assessment).into()],
        ..judgement::headline(assessment.verdict, scenario, &assessment.reasons)
    }
}

fn charts(assessment: &Assessment) -> Section<'_> {
    let figures = Block::Figures(chart::run::figures(assessment));
    Section::new("Charts").with_shown(figures, ON_PAGES)
}

/// Response time of each step, and of all requests.
fn steps(assessment: &Assessment) -> Section<'static> {
    let total = step(&assessment.total).total();
    let rows = assessment.steps.iter().map(step).chain([total]).collect();
    let number = assessment.steps.len();
    let note = "Response time counts from the moment a request should have been sent. Requests \
                without a full answer count at their time limit; answered failures are not in it.";
    Section::new("Steps, by response time")
        .folded(figures::counted(number, "step"))
        .with(Block::Table(Table { of: "steps", columns: step_columns(), rows }))
        .with_shown(Block::Note(note.into()), ON_PAGES)
}

/// From so many steps on they can be seen in another order as well.
const MANY_STEPS: usize = 8;

/// The same steps by p95, for a page that has many of them; one without any times comes first.
fn slowest_first(assessment: &Assessment) -> Section<'static> {
    let mut steps: Vec<&Summary> = assessment.steps.iter().collect();
    if steps.len() < MANY_STEPS {
        return Section::new("");
    }
    let p95 = |step: &Summary| {
        step.times[Phase::Response].as_ref().map_or(f64::INFINITY, |times| times.p95)
    };
    order::by(&mut steps, |a, b| p95(b).total_cmp(&p95(a)));
    let rows = steps.into_iter().map(step).collect();
    let table = Table { of: "steps, the slowest first", columns: step_columns(), rows };
    let section = Section::new("").folded("The slowest steps first, by p95");
    Section { titled: Shown::NotOn(Medium::Page), ..section }
        .with_shown(Block::Table(table), ON_PAGES)
}

fn step_columns() -> Vec<Column> {
    vec![
        Column::new(Kind::Name, "step"),
        Column::number("requests"),
        Column::number("rate").dropped(1),
        Column::number("mean").on_pages(),
        Column::number("p50").dropped(3),
        Column::number("p90").on_pages(),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("p99.9").on_pages(),
        Column::number("max").dropped(2),
        Column::number("errors"),
    ]
}

fn step(step: &Summary) -> Row {
    let times: [fn(&Times) -> f64; 7] =
        [|t| t.mean, |t| t.p50, |t| t.p90, |t| t.p95, |t| t.p99, |t| t.p999, |t| t.max];
    let time = |pick: fn(&Times) -> f64| {
        Cell::maybe(step.times[Phase::Response].as_ref().map(|times| Quantity::Millis(pick(times))))
    };
    let mut cells = vec![
        Cell::name(&step.name),
        Cell::Quantity(Quantity::Count(step.counts.ended())),
        Cell::Quantity(Quantity::Rate(step.offered_rate)),
    ];
    cells.extend(times.map(time));
    cells.push(Cell::Quantity(Quantity::Share(step.error_rate)));
    let label = Some(&step.label).filter(|label| !label.is_empty()).map(Text::from);
    Row { label, ..Row::new(cells) }
}

/// How requests ended, and why.
fn outcomes(total: &Summary) -> Section<'static> {
    let counts = &total.counts;
    let rows = counts.outcomes.iter().map(|(outcome, number)| {
        Row::new(vec![Cell::name(outcome.name()), Cell::Quantity(Quantity::Count(*number))])
    });
    let columns = vec![Column::new(Kind::Name, "outcome"), Column::number("requests")];
    let table = Table { of: "outcomes", columns, rows: rows.collect() };
    let details = [
        ("outcomes", phrases::outcomes(counts), Shown::Only(Medium::Comment)),
        ("rates", Some(phrases::rates(total)), NOT_IN_COMMENTS),
        ("answered failures", phrases::failed(total), NOT_IN_COMMENTS),
        ("causes", phrases::causes(counts), Shown::Everywhere),
        ("statuses", phrases::statuses(counts), Shown::Everywhere),
        ("bodies received", Some(figures::bytes(counts.body_bytes as f64)), ON_PAGES),
        ("connections opened", Some(figures::count(counts.connects)), ON_PAGES),
        ("sent once more", phrases::repeats(counts), ON_PAGES),
    ];
    Section::new("Outcomes")
        .untitled_in_comments()
        .with_shown(Block::Table(table), NOT_IN_COMMENTS)
        .with(Block::Details(known(details)))
}

/// Those of which something is known.
fn known<const N: usize>(details: [(&'static str, Option<String>, Shown); N]) -> Vec<Detail> {
    let details = details.into_iter();
    details.filter_map(|(name, text, shown)| Some(Detail::new(name, text?).shown(shown))).collect()
}

/// How full target and generator were.
fn saturation(assessment: &Assessment) -> Section<'static> {
    let columns = vec![
        Column::new(Kind::Name, "over the judged seconds"),
        Column::number("mean"),
        Column::number("highest second"),
    ];
    let rows = phrases::saturation(&assessment.saturation).into_iter();
    let rows = rows.map(|Level { name, mean, highest, shown }| {
        let cells = vec![Cell::name(name), Cell::Quantity(mean), Cell::Quantity(highest)];
        Row { shown, ..Row::new(cells) }
    });
    let table = Table { of: "saturation", columns, rows: rows.collect() };
    let saturation = &assessment.saturation;
    let details = known([
        ("per request", gauges::per_request(&saturation.per_request), NOT_IN_COMMENTS),
        ("filled first", gauges::filled(&saturation.filled), Shown::Everywhere),
        ("moved with p95", gauges::moved(&saturation.moved), Shown::Everywhere),
    ]);
    Section::new("Saturation")
        .untitled_in_comments()
        .with_shown(Block::Table(table), NOT_IN_COMMENTS)
        .with(Block::Details(details))
}

/// What took most of the database's time.
fn statements(record: &RunRecord) -> Section<'static> {
    let all = record.end.iter().flat_map(|end| &end.statements);
    let columns = vec![
        Column::new(Kind::LongWords, "statement"),
        Column::number("calls"),
        Column::number("total"),
        Column::number("mean"),
    ];
    let rows = all.map(|it| {
        let mean = it.total_ms / it.calls.max(1) as f64;
        let times = [it.total_ms, mean].map(|ms| Cell::Quantity(Quantity::Millis(ms)));
        let [total, mean] = times;
        let calls = Cell::Quantity(Quantity::Count(it.calls));
        Row::new(vec![Cell::text(it.text.as_str()), calls, total, mean])
    });
    let table = Table { of: "statements", columns, rows: rows.collect() };
    Section::new("Slowest statements").with_shown(Block::Table(table), NOT_IN_COMMENTS)
}

/// What the generator itself may have added, and what it cost.
fn generator(report: &RunReport) -> Section<'static> {
    let assessment = report.assessment;
    let details = [
        ("protocol", phrases::protocol(&report.record.head), Shown::Everywhere),
        ("audit", phrases::audit(assessment), Shown::Everywhere),
        ("pacing", phrases::send_lag(assessment), NOT_IN_COMMENTS),
        ("receiving", phrases::receive_lag(assessment), NOT_IN_COMMENTS),
        ("phases", phrases::phases(report.record, &assessment.total), NOT_IN_COMMENTS),
        ("cost", phrases::cost(&assessment.saturation), NOT_IN_COMMENTS),
    ];
    Section::new("Generator").untitled_in_comments().with(Block::Details(known(details)))
}

/// What was run, where and how.
fn details(report: &RunReport) -> Vec<Detail> {
    let record = report.record;
    let head = &record.head;
    let brief = Shown::NotOn(Medium::Screen);
    let faults = record.end.as_ref().map(|end| end.faults.join("; "));
    let window = &report.assessment.window;
    let of_run = known([
        ("target", Some(head.target.clone()), brief),
        ("addresses", phrases::addresses(record), ON_PAGES),
        ("commit", head.revision.as_ref().map(phrases::revision), brief),
        ("started", Some(head.started.clone()), brief),
        ("ended", Some(phrases::ending(record)), ON_PAGES),
        ("iterations", phrases::iterations(record), ON_PAGES),
        ("abandoned at the end", phrases::abandoned(record), ON_PAGES),
        ("generator faults", faults.filter(|faults| !faults.is_empty()), ON_PAGES),
        ("judged", Some(phrases::window(window)), ON_PAGES),
        ("stability", Some(phrases::steadiness(window.steady)), ON_PAGES),
    ]);
    of_run.into_iter().chain(of_plan(head)).chain(machine(head)).collect()
}

fn of_plan(head: &Head) -> Vec<Detail> {
    let limits = head.limits;
    let ceilings = format!(
        "{} connections, {} iterations under way, {} per body",
        figures::count(u64::from(limits.connections)),
        figures::count(u64::from(limits.in_flight)),
        figures::bytes(limits.body_bytes as f64),
    );
    known([
        ("load stages", Some(plan::stages(&head.load)), ON_PAGES),
        ("ended early", plan::cap(&head.load), Shown::Everywhere),
        ("arrivals", Some(phrases::arrivals(head.load.arrivals).to_owned()), ON_PAGES),
        ("seed", Some(head.load.seed.to_string()), ON_PAGES),
        ("scenario hash", Some(head.scenario_hash.clone()), ON_PAGES),
        ("ceilings", Some(ceilings), ON_PAGES),
    ])
}

fn machine(head: &Head) -> Vec<Detail> {
    let environment = head.environment();
    let cores = format!(
        "{}, {} cores, {}",
        environment.cpu,
        environment.cores,
        figures::bytes(environment.memory as f64)
    );
    known([
        ("loadgate", Some(environment.loadgate.clone()), Shown::NotOn(Medium::Screen)),
        ("system", Some(environment.system.clone()), ON_PAGES),
        ("machine", Some(cores), ON_PAGES),
        ("workers", Some(environment.workers.to_string()), ON_PAGES),
        ("their nice value", environment.nice.map(|nice| nice.to_string()), ON_PAGES),
        ("pacer", Some(environment.pacer.clone()), ON_PAGES),
        ("clock of receipt", Some(environment.receive_clock.clone()), ON_PAGES),
    ])
}

/// Validity, what the baseline says, and each objective.
fn cases(report: &RunReport) -> Vec<Case> {
    let assessment = report.assessment;
    let scenario = &report.record.head.scenario;
    let mut cases = vec![validity(report)];
    match report.comparison {
        Some(comparison) => cases.extend(metrics::cases(comparison, scenario)),
        None if assessment.verdict == Verdict::Regressed => cases.push(regression(report)),
        None => {}
    }
    cases.extend(objectives::cases(&assessment.slos, scenario));
    cases
}

fn validity(report: &RunReport) -> Case {
    let (record, assessment) = (report.record, report.assessment);
    let mut lines = vec![
        format!("judged: {}", phrases::window(&assessment.window)),
        phrases::requests(assessment),
        format!("ended: {}", phrases::ending(record)),
    ];
    lines.extend(phrases::audit(assessment));
    lines.extend(assessment.findings.iter().map(judgement::finding_line));
    let mut printed = Text::all(&lines);
    printed.extend(failures::printed(&assessment.failures));
    let (verdict, reasons) = (assessment.verdict, &assessment.reasons);
    Case {
        seconds: Some(assessment.window.seconds()),
        printed,
        ..judgement::validity("run is valid", &record.head.scenario, verdict, reasons)
    }
}

/// Only there when the run is slower than its baseline.
fn regression(report: &RunReport) -> Case {
    let reasons = judgement::joined(&report.assessment.reasons);
    Case {
        name: "not slower than the baseline".into(),
        group: Text::from(&report.record.head.scenario),
        seconds: None,
        result: CaseResult::Failed("regressed", reasons),
        printed: Vec::new(),
    }
}
