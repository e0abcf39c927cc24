//! Whether each step of a run ever worked, warm-up included: the first thing that a run must
//! show. A step that never did voids it, and one that was never tried rules out a pass:
//! figures of the others say nothing about it.
//!
//! A record's counts in, findings and sentences out.

use std::time::Duration;

use crate::analysis::assessment::{Finding, Severity};
use crate::analysis::ended::outcome_of;
use crate::analysis::finding::finding;
use crate::analysis::number_format::{count, counted};
use crate::analysis::run_data::RunData;
use crate::record::exchange::FailedExchange;
use crate::record::interval::StepCounts;
use crate::record::outcome::{Cause, Outcome};
use crate::record::run::{EndReason, RunRecord};
use crate::record::step_head::StepHead;
use crate::units::format_duration;
use crate::units::order;

/// Kinds of failure in one sentence.
const MOST_KINDS: usize = 4;
/// Steps in one sentence, besides the first.
const MOST_STEPS: usize = 3;
/// Letters of an answer in a sentence.
const EXCERPT: usize = 80;

/// What one step did in the whole run.
struct Step<'a> {
    index: usize,
    head: &'a StepHead,
    counts: StepCounts,
    /// How often it was tried in the judged seconds.
    judged: u64,
}

impl Step<'_> {
    fn never_worked(&self) -> bool {
        self.counts.tried() > 0 && self.counts.outcome(Outcome::Ok) == 0
    }

    fn was_never_tried(&self) -> bool {
        self.counts.tried() == 0
    }

    /// Whether all that is known of it is of the warm-up, though the others of its flow went on.
    fn was_left_behind(&self, all: &[Step]) -> bool {
        let goes_on = |other: &Step| other.judged > 0 && other.head.flow == self.head.flow;
        !self.head.once && self.judged == 0 && all.iter().any(goes_on)
    }
}

fn steps<'a>(data: &RunData<'a>) -> Vec<Step<'a>> {
    let steps = data.record.head.steps.iter().zip(&data.whole).enumerate();
    let step = |(index, (head, counts)): (usize, (&'a StepHead, &StepCounts))| {
        let judged = data.steps.get(index).map_or(0, |step| step.counts.tried());
        Step { index, head, counts: counts.clone(), judged }
    };
    steps.map(step).collect()
}

/// A step that was tried and did not succeed once, or that a run was ended early for.
pub fn never_worked(data: &RunData) -> Option<Finding> {
    let steps = steps(data);
    let mut broken = steps.iter().filter(|step| step.never_worked());
    let Some(first) = broken.next() else { return given_up(data.record) };
    let others: Vec<&str> = broken.map(|step| step.head.name.as_str()).collect();
    let example = example(data.record, first.index).unwrap_or_default();
    let evidence = never(first.head, &first.counts) + &example + &nor(&others, "did");
    Some(finding("never_worked", Severity::Invalidates, evidence, advice(&first.counts)))
}

/// `; the first answer: HTTP/1.1 404 Not Found, {"error":"no such path"}`.
fn example(record: &RunRecord, step: usize) -> Option<String> {
    let of_step = |exchange: &&FailedExchange| usize::from(exchange.step) == step;
    let mut failed = record.failures.exchanges.iter().filter(of_step);
    let answer = failed.find_map(|exchange| exchange.response.as_ref())?;
    let parts = [answer.line.as_str(), answer.body.as_str()].map(|text| excerpt(text, EXCERPT));
    let shown: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!shown.is_empty()).then(|| format!("; the first answer: {}", shown.join(", ")))
}

/// The start of a text of the target's, on one line.
pub(super) fn excerpt(text: &str, most: usize) -> String {
    let whole = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = whole.chars().take(most).collect();
    if cut.len() < whole.len() {
        cut.push('…');
    }
    cut
}

/// What succeeded only when the run had been given up does not make it a run.
fn given_up(record: &RunRecord) -> Option<Finding> {
    let Some(EndReason::Hopeless { detail }) = record.end.as_ref().map(|end| &end.reason) else {
        return None;
    };
    let advice = "mend the cause and run again";
    Some(finding("never_worked", Severity::Invalidates, detail.clone(), advice))
}

/// Steps of which nothing is known, although the steps before them worked.
pub fn never_tried(data: &RunData) -> Option<Finding> {
    // What comes after a step that never works is not tried either, and that step is named.
    let mut blocked: Vec<&str> = Vec::new();
    let mut untried: Vec<&Step> = Vec::new();
    let steps = steps(data);
    if steps.iter().all(|step| step.counts.planned == 0) {
        return None;
    }
    for step in &steps {
        let is_unknown = step.was_never_tried() || step.was_left_behind(&steps);
        if step.never_worked() {
            blocked.push(&step.head.flow);
        } else if is_unknown && !blocked.contains(&step.head.flow.as_str()) {
            untried.push(step);
        }
    }
    let (first, others) = untried.split_first()?;
    let others: Vec<&str> = others.iter().map(|step| step.head.name.as_str()).collect();
    let (why, advice) = why_untried(data.record, first);
    let evidence = format!("{} {why}{}", named(first.head), nor(&others, "was"));
    Some(finding("never_tried", Severity::Withholds, evidence, advice))
}

fn why_untried(record: &RunRecord, step: &Step) -> (String, &'static str) {
    let StepCounts { planned, .. } = step.counts;
    let open = planned.saturating_sub(step.counts.ended());
    let of_flow = |head: &&StepHead| head.flow == step.head.flow;
    let is_first = record.head.steps.iter().find(of_flow).is_some_and(|it| it == step.head);
    if open > 0 {
        let why = format!("had no answer yet to {} when the run ended", counted(open, "request"));
        return (why, "run longer");
    }
    if step.counts.tried() > 0 {
        let why = format!("was tried {} in the warm-up, and not since", counted(planned, "time"));
        return (why, "see whether the conditions before it can still hold, or run longer");
    }
    if planned > 0 {
        let why = format!("was due {} and never sent", counted(planned, "time"));
        return (why, "see the causes of unsent requests");
    }
    if is_first {
        let why = format!("was never tried, as no iteration took the flow \"{}\"", step.head.flow);
        return (why, "raise the weight of the flow, or run longer");
    }
    let advice = "run longer, or shorten the think time before it; see whether the steps before \
                  it work, and whether its conditions can hold";
    ("was never tried: no iteration came so far".to_owned(), advice)
}

/// `; nor did "b", "c" and 2 more`.
fn nor(others: &[&str], verb: &str) -> String {
    if others.is_empty() {
        return String::new();
    }
    let shown: Vec<String> =
        others.iter().take(MOST_STEPS).map(|name| format!("\"{name}\"")).collect();
    let rest = others.len() - shown.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("; nor {verb} {}{more}", shown.join(", "))
}

/// `the step "list" (GET /orders)`.
pub(super) fn named(step: &StepHead) -> String {
    // A step without a name of its own has that of its request.
    if step.name.starts_with(step.label.as_str()) {
        return format!("the step \"{}\"", step.name);
    }
    format!("the step \"{}\" ({})", step.name, step.label)
}

/// That a step never worked, and how its tries ended:
/// `the step "list" (GET /orders) never worked: 404 on all 1,200 tries, expected 200`.
pub fn never(step: &StepHead, counts: &StepCounts) -> String {
    format!("{} never worked: {}", named(step), failures(step, counts))
}

/// How the tries of a step ended that never succeeded.
fn failures(step: &StepHead, counts: &StepCounts) -> String {
    let kinds = kinds(step, counts);
    let tries = counts.tried();
    let expected = expected(step, counts);
    if let [(kind, _)] = kinds.as_slice() {
        let tries = match tries {
            1 => "the only try".to_owned(),
            2 => "both tries".to_owned(),
            many => format!("all {} tries", count(many)),
        };
        return format!("{kind} on {tries}{expected}");
    }
    let shown: Vec<String> = kinds
        .iter()
        .take(MOST_KINDS)
        .map(|(kind, number)| format!("{kind} × {}", count(*number)))
        .collect();
    format!("{} of {}{expected}", shown.join(", "), counted_tries(tries))
}

fn counted_tries(tries: u64) -> String {
    if tries == 1 { "1 try".to_owned() } else { format!("{} tries", count(tries)) }
}

/// What was expected in place of a status.
fn expected(step: &StepHead, counts: &StepCounts) -> String {
    let by_status = statuses(counts).next().is_some();
    if by_status && !step.expects.is_empty() {
        format!(", expected {}", step.expects)
    } else {
        String::new()
    }
}

/// The kinds of failure of a step, the most frequent first.
fn kinds(step: &StepHead, counts: &StepCounts) -> Vec<(String, u64)> {
    let by_status = statuses(counts).map(|(status, number)| (status.to_string(), number));
    let by_cause = Cause::ALL
        .into_iter()
        .filter(|cause| outcome_of(*cause) != Outcome::Unsent && *cause != Cause::UnexpectedStatus)
        .map(|cause| (cause.name().to_owned(), counts.cause(cause)));
    let limit = format_duration(Duration::from_millis(step.timeout_ms));
    let timeouts = (format!("no full answer within {limit}"), counts.outcome(Outcome::Timeout));
    let mut kinds: Vec<_> =
        by_status.chain(by_cause).chain([timeouts]).filter(|(_, number)| *number > 0).collect();
    if kinds.is_empty() {
        kinds = Outcome::ALL
            .into_iter()
            .map(|outcome| (outcome.name().to_owned(), counts.outcome(outcome)))
            .filter(|(_, number)| *number > 0)
            .collect();
    }
    order::by_key(&mut kinds, |(_, number)| std::cmp::Reverse(*number));
    kinds
}

/// The statuses that were not expected: those of the outcomes that occurred.
fn statuses(counts: &StepCounts) -> impl Iterator<Item = (u16, u64)> {
    let of = |outcome| counts.outcome(outcome) > 0;
    let client = of(Outcome::ClientError) || of(Outcome::Rejected);
    let server = of(Outcome::ServerError);
    let other = counts.cause(Cause::UnexpectedStatus) > 0;
    counts.statuses.iter().copied().filter(move |(status, _)| match status {
        400..=499 => client,
        500..=599 => server,
        _ => other,
    })
}

/// Why a value could not be kept of an answer that was expected.
pub(super) const NOT_EXTRACTED: [Cause; 6] = [
    Cause::ExtractionMissing,
    Cause::EmptyBody,
    Cause::NotUtf8,
    Cause::NotJson,
    Cause::TooDeep,
    Cause::ValueTooLong,
];

/// What to mend, by how most tries ended.
fn advice(counts: &StepCounts) -> &'static str {
    let most = Outcome::ALL
        .into_iter()
        .filter(|outcome| !matches!(outcome, Outcome::Ok | Outcome::Unsent))
        .max_by_key(|outcome| counts.outcome(*outcome));
    match most {
        Some(Outcome::Rejected) => {
            "lower the rate, or lift the target's limit; if a refusal is the right answer, expect \
             429 in the step's check"
        }
        Some(Outcome::ClientError) => {
            "mend the request: method, path, credentials, body; if this status is the right \
             answer, expect it in the step's check"
        }
        Some(Outcome::CheckFailed) if counts.cause(Cause::Compressed) > 0 => {
            "ask for gzip, deflate, br, zstd or nothing in the step's accept-encoding"
        }
        Some(Outcome::CheckFailed)
            if NOT_EXTRACTED.iter().any(|cause| counts.cause(*cause) > 0) =>
        {
            "compare the paths of the step's check and extract with the answer's body"
        }
        Some(Outcome::CheckFailed) => {
            "compare the step's check with what the target answers; redirects are not followed"
        }
        Some(Outcome::Timeout) => {
            "see what the target waits for; raise the step's timeout if it may take that long"
        }
        Some(Outcome::TransportError) if counts.cause(Cause::TooLarge) > 0 => {
            "raise limits.body, if answers may be that large"
        }
        _ => "see the target's log for the cause",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records;

    fn with(outcomes: &[(Outcome, u64)], statuses: &[(u16, u64)], causes: &[Cause]) -> StepCounts {
        let mut counts = StepCounts::default();
        for (outcome, number) in outcomes {
            counts.outcomes[outcome.index()] = *number;
        }
        for (status, times) in statuses {
            counts.add_status(*status, *times);
        }
        for cause in causes {
            counts.add_cause(*cause);
        }
        counts
    }

    #[track_caller]
    fn reads(counts: &StepCounts, expected: &str) {
        let said = never(&sample_records::step("list"), counts);
        assert_eq!(said, format!("the step \"list\" (GET /) never worked: {expected}"));
    }

    #[test]
    fn how_it_failed_is_said_in_one_sentence() {
        let missing = Cause::ExtractionMissing;
        reads(
            &with(&[(Outcome::ClientError, 1_200)], &[(404, 1_200)], &[]),
            "404 on all 1,200 tries, expected 200",
        );
        reads(
            &with(&[(Outcome::CheckFailed, 2)], &[(200, 2)], &[missing, missing]),
            "value to extract not in the response on both tries",
        );
        reads(
            &with(&[(Outcome::CheckFailed, 1)], &[(302, 1)], &[Cause::UnexpectedStatus]),
            "302 on the only try, expected 200",
        );
        reads(
            &with(&[(Outcome::TransportError, 3)], &[], &[Cause::Reset; 3]),
            "connection reset on all 3 tries",
        );
        reads(
            &with(&[(Outcome::Timeout, 20)], &[], &[]),
            "no full answer within 10s on all 20 tries",
        );
        reads(
            &with(
                &[(Outcome::ServerError, 30), (Outcome::TransportError, 1), (Outcome::Unsent, 5)],
                &[(500, 10), (503, 20)],
                &[Cause::Closed, Cause::Ports],
            ),
            "503 × 20, 500 × 10, closed before the end of the response × 1 of 31 tries, expected 200",
        );
    }

    #[test]
    fn the_first_answer_is_shown_bounded() {
        let mut record = sample_records::run(60, 5.0);
        assert_eq!(example(&record, 0), None);
        let mut failed = crate::record::exchange::tests::exchange(0, 404);
        record.failures.exchanges = vec![failed.clone()];
        let shown = example(&record, 0).unwrap();
        assert_eq!(shown, "; the first answer: HTTP/1.1 404 No, {\"error\":\"no\"}");
        assert_eq!(example(&record, 1), None);
        failed.response.as_mut().unwrap().body = "long\nlines ".repeat(1_000);
        record.failures.exchanges = vec![failed.clone()];
        let shown = example(&record, 0).unwrap();
        assert!(shown.chars().count() < 130 && shown.ends_with('…'), "{shown}");
        failed.response = None;
        record.failures.exchanges = vec![failed];
        assert_eq!(example(&record, 0), None);
    }

    #[test]
    fn a_record_without_statuses_says_the_outcome() {
        let mut step = sample_records::step("list");
        step.expects = String::new();
        let said = failures(&step, &with(&[(Outcome::Rejected, 9)], &[], &[]));
        assert_eq!(said, "rejected on all 9 tries");
    }
}
