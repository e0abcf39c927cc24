//! The sections of the page, one function each.
//!
//! Texts go through `plain::line` and maud's escaping; nothing here is pre-escaped.

use maud::{Markup, html};

use crate::analysis::assessment::{
    Assessment, Finding, SloResult, SloStatus, Summary, Times, Verdict,
};
use crate::record::run::Head;
use crate::report::{Report, figures, plain, words};

/// Class of the style and symbol of a verdict.
pub(in crate::report) fn sign(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Pass => ("good", "✓"),
        Verdict::SloMissed | Verdict::Regressed | Verdict::TargetLost => ("bad", "✗"),
        Verdict::Inconclusive => ("doubt", "?"),
        Verdict::Invalid => ("doubt", "!"),
    }
}

/// Verdict, load and reasons.
pub(in crate::report) fn banner(report: &Report) -> Markup {
    let assessment = report.assessment;
    let (class, symbol) = sign(assessment.verdict);
    html! {
        header class={ "banner " (class) } {
            h1 {
                span.symbol aria-hidden="true" { (symbol) }
                (words::verdict(assessment.verdict)) ": " (words::scenario(report))
            }
            p {
                (words::load(assessment)) ", " (words::requests(assessment))
                ", exit code " (report.exit_code)
            }
            (list(&assessment.reasons))
        }
    }
}

/// One item for each text, which keeps its lines.
pub(in crate::report) fn list(texts: &[String]) -> Markup {
    html! {
        @if !texts.is_empty() {
            ul { @for text in texts { li { (plain::lines(text).join("\n")) } } }
        }
    }
}

/// A table in a box of its own that scrolls where the page is narrow.
pub(in crate::report) fn table(label: &str, heads: &[(&str, bool)], rows: &Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" {
            table {
                thead { tr {
                    @for (text, number) in heads {
                        th scope="col" class=[number.then_some("number")] { (text) }
                    }
                } }
                tbody { (rows) }
            }
        }
    }
}

/// What was asked for and how it came out.
pub(in crate::report) fn objectives(assessment: &Assessment) -> Markup {
    let slos = &assessment.slos;
    let heads = [
        ("status", false),
        ("objective", false),
        ("measured", true),
        ("95 % bounds", true),
        ("limit", true),
        ("evidence", true),
    ];
    let rows = html! { @for slo in slos { (objective(slo)) } };
    html! {
        @if !slos.is_empty() {
            section {
                h2 { "Objectives" }
                (table("objectives", &heads, &rows))
                @if let Some(audit) = words::audit(assessment) { p.muted { (audit) } }
            }
        }
    }
}

fn objective(slo: &SloResult) -> Markup {
    let class = match slo.status {
        SloStatus::Met => "status good",
        SloStatus::Missed => "status bad",
        SloStatus::Inconclusive | SloStatus::Invalid => "status doubt",
    };
    html! {
        tr {
            td class=(class) { (words::mark(slo.status)) " " (words::status(slo.status)) }
            td.name {
                (words::objective(slo))
                @if let Some(note) = &slo.note { div.muted { (plain::line(note)) } }
            }
            td.number { (words::measured(slo)) }
            td.number { (words::interval(slo)) }
            td.number { (words::limit(slo)) }
            td.number { (words::evidence(slo)) }
        }
    }
}

/// Doubts and warnings, each with what to do.
pub(in crate::report) fn findings(findings: &[Finding]) -> Markup {
    html! {
        @if !findings.is_empty() {
            section {
                h2 { "Findings" }
                @for finding in findings {
                    div.finding {
                        strong { (words::severity(finding.severity)) }
                        " (" (finding.kind) "): " (plain::line(&finding.evidence))
                        p { "→ " (plain::line(&finding.advice)) }
                    }
                }
            }
        }
    }
}

/// Response time of each step, and of all requests.
pub(in crate::report) fn steps(report: &Report) -> Markup {
    let heads = [
        ("step", false),
        ("requests", true),
        ("rate", true),
        ("mean", true),
        ("p50", true),
        ("p90", true),
        ("p95", true),
        ("p99", true),
        ("p99.9", true),
        ("max", true),
        ("errors", true),
    ];
    let rows = html! {
        @for step in &report.assessment.steps { (step_row(step, None)) }
        (step_row(&report.assessment.total, Some("total")))
    };
    html! {
        section {
            h2 { "Steps, by response time" }
            (table("steps", &heads, &rows))
            p.muted {
                "Response time counts from the moment a request should have been sent. Requests \
                 without a full answer count at their time limit; answered failures are not in it."
            }
            @if let Some(failed) = words::failed(&report.assessment.total) {
                p.muted { "Answered failures took " (failed) "." }
            }
        }
    }
}

type Pick = fn(&Times) -> f64;

const COLUMNS: [Pick; 7] =
    [|t| t.mean, |t| t.p50, |t| t.p90, |t| t.p95, |t| t.p99, |t| t.p999, |t| t.max];

fn step_row(step: &Summary, class: Option<&str>) -> Markup {
    let time = |pick: Pick| {
        let time = step.response.as_ref().map(|times| figures::millis(pick(times)));
        time.unwrap_or_else(|| figures::NOTHING.to_owned())
    };
    html! {
        tr class=[class] {
            th scope="row" {
                (plain::line(&step.name))
                @if !step.label.is_empty() { div.muted { (plain::line(&step.label)) } }
            }
            td.number { (figures::count(step.counts.ended())) }
            td.number { (figures::rate(step.offered_rate)) }
            @for pick in COLUMNS { td.number { (time(pick)) } }
            td.number { (figures::share(step.error_rate)) }
        }
    }
}

/// How requests ended, and why.
pub(in crate::report) fn outcomes(report: &Report) -> Markup {
    let total = &report.assessment.total;
    let rows = html! {
        @for (outcome, number) in &total.counts.outcomes {
            tr { th scope="row" { (outcome.name()) } td.number { (figures::count(*number)) } }
        }
    };
    let facts = [
        ("offered", Some(figures::rate(total.offered_rate))),
        ("answered", Some(figures::rate(total.throughput))),
        ("ended ok", Some(figures::rate(total.goodput))),
        ("causes", words::causes(&total.counts)),
        ("statuses", words::statuses(&total.counts)),
        ("bodies received", Some(figures::bytes(total.counts.body_bytes as f64))),
        ("connections opened", Some(figures::count(total.counts.connects))),
        ("sent once more", words::repeats(&total.counts)),
    ];
    html! {
        section {
            h2 { "Outcomes" }
            (table("outcomes", &[("outcome", false), ("requests", true)], &rows))
            (facts_list(facts))
        }
    }
}

/// Names and what is known of them, without those of which nothing is known.
pub(in crate::report) fn facts_list(
    facts: impl IntoIterator<Item = (&'static str, Option<String>)>,
) -> Markup {
    html! {
        dl {
            @for (name, fact) in facts {
                @if let Some(fact) = fact { dt { (name) } dd { (plain::line(&fact)) } }
            }
        }
    }
}

/// How full target and generator were, and what the generator cost.
pub(in crate::report) fn saturation(report: &Report) -> Markup {
    let rows = words::saturation(&report.assessment.saturation);
    let heads = [("over the judged seconds", false), ("mean", true), ("highest second", true)];
    let written = html! {
        @for (name, mean, highest) in &rows {
            tr { th scope="row" { (name) } td.number { (mean) } td.number { (highest) } }
        }
    };
    let facts = [
        ("generator", words::audit(report.assessment)),
        ("pacing", words::send_lag(report.assessment)),
        ("receiving", words::receive_lag(report.assessment)),
        ("phases", words::phases(report)),
        ("cost", words::cost(&report.assessment.saturation)),
    ];
    html! {
        section {
            h2 { "Saturation and generator" }
            @if !rows.is_empty() { (table("saturation", &heads, &written)) }
            (facts_list(facts))
        }
    }
}

/// What the run cannot say.
pub(in crate::report) fn unknowns(limits: &[String]) -> Markup {
    html! {
        @if !limits.is_empty() {
            section {
                h2 { "What this run cannot say" }
                (list(limits))
            }
        }
    }
}

/// What was run, where and how.
pub(in crate::report) fn details(report: &Report) -> Markup {
    let record = report.record;
    let head = &record.head;
    let judged = words::window(&report.assessment.window);
    let faults = record.end.as_ref().map(|end| end.faults.join("; "));
    let of_run = [
        ("target", Some(head.target.clone())),
        ("started", Some(head.started.clone())),
        ("ended", Some(words::ending(record))),
        ("iterations", words::iterations(record)),
        ("abandoned at the end", words::abandoned(record)),
        ("generator faults", faults.filter(|faults| !faults.is_empty())),
        ("judged", Some(judged)),
        ("stability", Some(words::steadiness(report.assessment.window.steady))),
    ];
    html! {
        section {
            h2 { "Run details" }
            (facts_list(of_run.into_iter().chain(plan(head)).chain(machine(head))))
        }
    }
}

fn plan(head: &Head) -> [(&'static str, Option<String>); 5] {
    let stages: Vec<String> = head.load.stages.iter().map(words::stage).collect();
    let limits = head.limits;
    let ceilings = format!(
        "{} connections, {} iterations under way, {} per body",
        figures::count(u64::from(limits.connections)),
        figures::count(u64::from(limits.in_flight)),
        figures::bytes(limits.body_bytes as f64),
    );
    [
        ("load stages", Some(stages.join("; "))),
        ("arrivals", Some(words::arrivals(head.load.arrivals).to_owned())),
        ("seed", Some(head.load.seed.to_string())),
        ("scenario hash", Some(head.scenario_hash.clone())),
        ("ceilings", Some(ceilings)),
    ]
}

fn machine(head: &Head) -> [(&'static str, Option<String>); 7] {
    let environment = &head.environment;
    let cores = format!(
        "{}, {} cores, {}",
        environment.cpu,
        environment.cores,
        figures::bytes(environment.memory as f64)
    );
    [
        ("loadgate", Some(environment.loadgate.clone())),
        ("system", Some(environment.system.clone())),
        ("machine", Some(cores)),
        ("workers", Some(environment.workers.to_string())),
        ("their nice value", environment.nice.map(|nice| nice.to_string())),
        ("pacer", Some(environment.pacer.clone())),
        ("clock of receipt", Some(environment.receive_clock.clone())),
    ]
}
