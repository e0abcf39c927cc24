//! The judged window of a run, in the form in which a baseline keeps it.
//!
//! A record in, an accepted run out: for `baseline accept`, and for the candidate that
//! `stored` judges. Whether the run is fit to be accepted (finished, valid, its objectives
//! met) is for the caller to ask its assessment.

use crate::analysis::totals::{self, Totals};
use crate::analysis::window;
use crate::record::baseline::{AcceptedRun, Figures, StepFigures};
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::RunRecord;

/// What of a run is kept.
pub fn accepted_run(record: &RunRecord, note: Option<String>) -> AcceptedRun {
    let judged = window::judged(record);
    let pools = totals::by_step(record, &judged.seconds);
    let total = totals::total(&pools);
    let steps = record.head.steps.iter().zip(&pools).map(|(step, pool)| StepFigures {
        name: step.name.clone(),
        requests: pool.counts.ended(),
        response: Figures::of(&pool.times[Phase::Response]),
    });
    AcceptedRun {
        started: record.head.started.clone(),
        note,
        seconds: judged.length,
        requests: total.counts.ended(),
        errors: errors(&total),
        steps: steps.collect(),
        response: total.times.only(Phase::Response),
    }
}

fn errors(pool: &Totals) -> u64 {
    pool.counts.ended() - pool.counts.outcome(Outcome::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records::{self, Requests};
    use crate::record::baseline::Baseline;
    use crate::record::fingerprint::Fingerprint;

    #[test]
    fn a_run_is_kept_as_it_is_judged() {
        let mut record = sample_records::run(40, 120.0);
        sample_records::add_step(&mut record.head, "show");
        let show = Requests { step: 1, ..Requests::ok(19, 9_000) };
        let failed = Requests::ended(1, Outcome::ServerError);
        let rejected = Requests::ended(2, Outcome::Rejected);
        sample_records::add(
            &mut record,
            0..40,
            &[Requests::ok(100, 2_000), show, failed, rejected],
        );
        let seconds = window::judged(&record).seconds.len() as u64;
        let run = accepted_run(&record, Some("first".to_owned()));
        assert!(seconds >= 20, "{seconds}");
        assert_eq!((run.requests, run.errors), (seconds * 122, seconds * 3));
        assert_eq!(run.response.count(), seconds * 119);
        assert_eq!(run.steps[1].requests, seconds * 19);
        assert!((run.steps[1].response.unwrap().p95_ms - 9.0).abs() < 0.01);
        assert_eq!(
            (run.note.as_deref(), run.started.as_str()),
            (Some("first"), "2024-01-01T00:00:00Z")
        );
        let fingerprint = Fingerprint::of(&record.head);
        assert!(Baseline::new("made up", fingerprint, run, "now").is_ok());
    }
}
