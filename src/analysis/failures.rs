//! What failing requests looked like, kind by kind: the exchanges of the record put in
//! order, beside how many there were, and what the target's log says of them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::record::exchange::FailedExchange;
use crate::record::interval::StepCounts;
use crate::record::outcome::{Cause, Outcome};
use crate::record::run::RunRecord;
use crate::record::target_log::Quote;
use crate::units::order;

/// What failing requests of the whole run looked like.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct FailuresSeen {
    /// Kinds of failures, the most frequent first.
    pub kinds: Vec<FailedKind>,
    /// Lines of the target's log that look like errors; `None` without a log.
    pub log_errors: Option<u64>,
    /// The first of those that belong to none of the examples.
    pub log: Vec<Quote>,
}

/// Failures of one step that ended alike.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FailedKind {
    /// The step's name.
    pub step: String,
    /// How they ended.
    pub outcome: Outcome,
    /// Why, where the outcome alone does not say.
    pub cause: Option<&'static str>,
    /// The status of the answers, if there were any.
    pub status: Option<u16>,
    /// How many there were in the whole run.
    pub requests: u64,
    /// The first of them, without secrets.
    pub examples: Vec<Example>,
}

/// A failing exchange, and what the target's log says of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Example {
    /// What was sent and what came back.
    pub exchange: FailedExchange,
    /// Lines of the target's log.
    pub log: Vec<Quote>,
}

/// How many examples of a kind a report has.
const EXAMPLES: usize = 3;

/// The kinds of failures of a run of which so much was counted per step, the most frequent
/// first.
pub fn seen(record: &RunRecord, whole: &[StepCounts]) -> FailuresSeen {
    let mut kinds: Vec<(Key, Vec<usize>)> = Vec::new();
    for (index, exchange) in record.failures.exchanges.iter().enumerate() {
        let key = Key::of(exchange);
        match kinds.iter_mut().find(|(known, _)| *known == key) {
            Some((_, indexes)) => indexes.push(index),
            None => kinds.push((key, vec![index])),
        }
    }
    let kinds = kinds.into_iter().map(|(key, indexes)| kind(record, whole, key, &indexes));
    let mut kinds: Vec<FailedKind> = kinds.collect();
    order::by_key(&mut kinds, |kind| std::cmp::Reverse(kind.requests));
    let log = record.failures.log.as_ref();
    let others = log.into_iter().flat_map(|log| &log.quotes).filter(|q| q.exchange.is_none());
    FailuresSeen { kinds, log_errors: log.map(|log| log.errors), log: others.cloned().collect() }
}

/// What is told together. How far an answer had come when its time was over makes no kind
/// of its own, nor does warm-up.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    step: u16,
    outcome: Outcome,
    cause: Option<Cause>,
    status: Option<u16>,
}

impl Key {
    fn of(exchange: &FailedExchange) -> Key {
        let is_answered = match exchange.outcome {
            Outcome::Rejected
            | Outcome::ClientError
            | Outcome::ServerError
            | Outcome::CheckFailed => true,
            Outcome::Ok | Outcome::Timeout | Outcome::TransportError | Outcome::Unsent => false,
        };
        Key {
            step: exchange.step,
            outcome: exchange.outcome,
            cause: exchange.cause,
            status: exchange.status.filter(|_| is_answered),
        }
    }

    /// How many there were, as far as counts tell kinds apart.
    fn requests(self, counts: &StepCounts) -> u64 {
        let of_outcome = counts.outcome(self.outcome);
        let of_cause = self.cause.map_or(u64::MAX, |cause| counts.cause(cause));
        let of_status = self.status.map_or(u64::MAX, |wanted| {
            let found = counts.statuses.iter().find(|(status, _)| *status == wanted);
            found.map_or(0, |(_, number)| *number)
        });
        of_outcome.min(of_cause).min(of_status)
    }
}

fn kind(record: &RunRecord, counts: &[StepCounts], key: Key, indexes: &[usize]) -> FailedKind {
    let step = usize::from(key.step);
    let quotes = |index: usize| {
        let all = record.failures.log.iter().flat_map(|log| &log.quotes);
        all.filter(move |quote| quote.exchange == Some(index)).cloned().collect()
    };
    let example = |index: usize| {
        let exchange = record.failures.exchanges[index].clone();
        Example { exchange, log: quotes(index) }
    };
    let mut examples: Vec<Example> = indexes.iter().map(|index| example(*index)).collect();
    order::by_key(&mut examples, |example| (example.exchange.warmup, example.exchange.due_us));
    examples.truncate(EXAMPLES);
    FailedKind {
        step: record.head.steps.get(step).map(|step| step.name.clone()).unwrap_or_default(),
        outcome: key.outcome,
        cause: key.cause.map(Cause::name),
        status: key.status,
        // Where nothing was counted, as after a kill, there were as many as are kept.
        requests: counts
            .get(step)
            .map_or(0, |counts| key.requests(counts))
            .max(indexes.len() as u64),
        examples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records;
    use crate::record::exchange::tests::exchange;
    use crate::record::target_log::{LogExcerpt, Quote};

    #[test]
    fn kinds_are_told_with_their_number_and_what_was_no_warm_up_first() {
        let mut record = sample_records::run(10, 1.0);
        let warmup = FailedExchange { warmup: true, due_us: 1, ..exchange(0, 500) };
        record.failures.exchanges = vec![warmup, exchange(0, 503), exchange(0, 500)];
        let quote = |line, exchange| Quote { line, exchange, text: vec!["x".to_owned()] };
        let quotes = vec![quote(4, Some(2)), quote(9, None)];
        record.failures.log = Some(LogExcerpt { errors: 7, quotes });
        let mut second = crate::record::interval::Second::empty(record.head.steps.len());
        second.counts[0].outcomes[Outcome::ServerError.index()] = 50;
        second.counts[0].add_status(500, 40);
        second.counts[0].add_status(503, 10);
        let seen = seen(&record, &second.counts);
        let found: Vec<_> = seen.kinds.iter().map(|kind| (kind.status, kind.requests)).collect();
        assert_eq!(found, [(Some(500), 40), (Some(503), 10)]);
        let examples = &seen.kinds[0].examples;
        assert_eq!(examples.len(), 2);
        assert!(!examples[0].exchange.warmup && examples[1].exchange.warmup);
        assert_eq!((examples[0].log.len(), examples[1].log.len()), (1, 0));
        assert_eq!((seen.log_errors, seen.log.len()), (Some(7), 1));
    }
}
