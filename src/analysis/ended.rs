//! How the requests ended that make an objective missed: `connection reset × 36, 500 × 4`.
//!
//! Statuses and causes are counted apart from outcomes, so they are named only where they
//! add up to the outcome that they belong to; elsewhere the outcome is.

use crate::analysis::assessment::{Measured, SloResult};
use crate::analysis::evidence::is_bad;
use crate::analysis::number_format::{count, counted};
use crate::analysis::run_data::RunData;
use crate::record::interval::StepCounts;
use crate::record::outcome::{Cause, Outcome};
use crate::record::phase::Phase;
use crate::record::run::{MetricHead, SloHead};
use crate::units::order;

/// Kinds in one sentence.
const MOST_KINDS: usize = 3;

/// What a missed objective is made of, where it is made of failures.
pub fn note(data: &RunData, slo: &SloHead, result: &SloResult) -> Option<String> {
    let pool = data.pool(slo.within())?;
    let counts = &pool.counts;
    match slo.metric {
        MetricHead::Failures(share) => named(counts, |outcome| is_bad(outcome, share)),
        MetricHead::Apdex { .. } | MetricHead::Throughput(_) => named(counts, |_| true),
        MetricHead::Gauge(_) | MetricHead::CertificateDays(_) => None,
        MetricHead::Lap { of, .. } => {
            let came = pool.times[Phase::from(of)].count();
            let lacking = result.requests.saturating_sub(came).min(result.bad);
            let kinds = named(counts, |_| true)?;
            (lacking * 2 >= result.bad)
                .then(|| format!("{} of them never came ({kinds})", count(lacking)))
        }
        MetricHead::ResponseTime { .. } => {
            let without: u64 = WITHOUT_ANSWER.iter().map(|it| counts.outcome(*it)).sum();
            let without = without.min(result.bad);
            let kinds = named(counts, |outcome| WITHOUT_ANSWER.contains(&outcome))?;
            (without * 2 >= result.bad)
                .then(|| format!("{} of them without a full answer ({kinds})", count(without)))
        }
    }
}

/// Whether a missed objective of the response time is about failures rather than slowness.
pub fn is_about_failures(slo: &SloResult) -> bool {
    matches!(slo.measured, Some(Measured::Millis(_) | Measured::LapMillis(_)) | None)
        && slo.note.is_some()
}

/// What counts at its time limit.
const WITHOUT_ANSWER: [Outcome; 3] = [Outcome::Timeout, Outcome::TransportError, Outcome::Unsent];

fn named(counts: &StepCounts, wanted: impl Fn(Outcome) -> bool) -> Option<String> {
    let outcomes = Outcome::ALL.into_iter().filter(|it| *it != Outcome::Ok && wanted(*it));
    let mut kinds: Vec<(String, u64)> =
        outcomes.flat_map(|outcome| kinds(counts, outcome)).collect();
    order::by_key(&mut kinds, |(_, number)| std::cmp::Reverse(*number));
    let shown: Vec<String> = kinds
        .iter()
        .take(MOST_KINDS)
        .map(|(kind, number)| format!("{kind} × {}", count(*number)))
        .collect();
    let rest = (kinds.len() - shown.len()) as u64;
    let more =
        if rest > 0 { format!(" and {}", counted(rest, "other kind")) } else { String::new() };
    (!shown.is_empty()).then(|| shown.join(", ") + &more)
}

/// How the requests with one outcome ended.
fn kinds(counts: &StepCounts, outcome: Outcome) -> Vec<(String, u64)> {
    let number = counts.outcome(outcome);
    let fine: Vec<(String, u64)> = match outcome {
        Outcome::Rejected => by_status(counts, |status| status == 429),
        Outcome::ClientError => {
            by_status(counts, |status| (400..500).contains(&status) && status != 429)
        }
        Outcome::ServerError => by_status(counts, |status| (500..600).contains(&status)),
        Outcome::Timeout => vec![("no full answer in time".to_owned(), number)],
        Outcome::Ok => Vec::new(),
        Outcome::CheckFailed | Outcome::TransportError | Outcome::Unsent => Cause::ALL
            .into_iter()
            .filter(|cause| outcome_of(*cause) == outcome)
            .map(|cause| (cause.name().to_owned(), counts.cause(cause)))
            .collect(),
    };
    let fine: Vec<_> = fine.into_iter().filter(|(_, number)| *number > 0).collect();
    let named: u64 = fine.iter().map(|(_, number)| number).sum();
    if named == number { fine } else { vec![(outcome.name().to_owned(), number)] }
}

fn by_status(counts: &StepCounts, wanted: impl Fn(u16) -> bool) -> Vec<(String, u64)> {
    let found = counts.statuses.iter().filter(|(status, _)| wanted(*status));
    found.map(|(status, number)| (status.to_string(), *number)).collect()
}

/// The outcome that a cause mostly belongs to.
pub(super) fn outcome_of(cause: Cause) -> Outcome {
    match cause {
        Cause::InFlightLimit
        | Cause::ConnectionLimit
        | Cause::Descriptors
        | Cause::Ports
        | Cause::NoRow
        | Cause::Late
        | Cause::GeneratorLost => Outcome::Unsent,
        Cause::ExtractionMissing
        | Cause::UnexpectedStatus
        | Cause::EmptyBody
        | Cause::Compressed
        | Cause::NotUtf8
        | Cause::NotJson
        | Cause::TooDeep
        | Cause::ValueTooLong
        | Cause::NoLifetime
        | Cause::TooManyLooks
        | Cause::RequestTooLarge
        | Cause::NotEventStream
        | Cause::EndedEarly
        | Cause::EventTooLarge
        | Cause::FirstEventLate
        | Cause::EventGap
        | Cause::NotWebSocket
        | Cause::WebSocketClosed
        | Cause::MessageLate
        | Cause::UnexpectedMessage
        | Cause::HeaderCheck
        | Cause::BodyCheck
        | Cause::JsonCheck
        | Cause::SizeCheck
        | Cause::ResponseTimeCheck
        | Cause::SchemaCheck
        | Cause::GraphqlErrors
        | Cause::BoundaryInside
        | Cause::ValueMissing
        | Cause::TooManyRedirects
        | Cause::RedirectElsewhere
        | Cause::BadRedirect => Outcome::CheckFailed,
        Cause::TokenRefused => Outcome::ClientError,
        Cause::Refused
        | Cause::Reset
        | Cause::Closed
        | Cause::Unreachable
        | Cause::Malformed
        | Cause::TooLarge
        | Cause::BadField
        | Cause::BadLength
        | Cause::BadChunk
        | Cause::HeadTooLarge
        | Cause::Tls
        | Cause::StreamReset
        | Cause::StreamRefused
        | Cause::BadFrame => Outcome::TransportError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(outcomes: &[(Outcome, u64)]) -> StepCounts {
        let mut counts = StepCounts::default();
        for (outcome, number) in outcomes {
            counts.outcomes[outcome.index()] = *number;
        }
        counts
    }

    #[test]
    fn failures_are_named_by_status_and_cause_the_most_frequent_first() {
        let mut counts = counts(&[
            (Outcome::Ok, 900),
            (Outcome::ServerError, 4),
            (Outcome::TransportError, 36),
            (Outcome::Timeout, 2),
        ]);
        counts.statuses = vec![(200, 900), (503, 1), (500, 3)];
        counts.add_causes(Cause::Reset, 36);
        let expected =
            "connection reset × 36, 500 × 3, no full answer in time × 2 and 1 other kind";
        assert_eq!(named(&counts, |_| true).unwrap(), expected);
        assert_eq!(
            named(&counts, |it| it == Outcome::Timeout).unwrap(),
            "no full answer in time × 2"
        );
        assert_eq!(named(&counts, |it| it == Outcome::Rejected), None);
    }

    #[test]
    fn a_status_that_is_expected_as_well_is_not_blamed() {
        let mut counts = counts(&[(Outcome::Ok, 500), (Outcome::ClientError, 20)]);
        counts.statuses = vec![(404, 500), (403, 20)];
        assert_eq!(named(&counts, |_| true).unwrap(), "client error × 20");
    }

    #[test]
    fn a_request_too_long_to_be_sent_is_a_failed_check_as_the_engine_says() {
        assert_eq!(outcome_of(Cause::RequestTooLarge), Outcome::CheckFailed);
        assert_eq!(outcome_of(Cause::Late), Outcome::Unsent);
    }
}
