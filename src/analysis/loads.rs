//! Several loads at once, each by itself: what was planned, and what came of it.

use crate::analysis::assessment::LoadSummary;
use crate::analysis::plan::arrivals_within;
use crate::analysis::run_data::RunData;
use crate::analysis::summary;
use crate::analysis::totals::{self, Totals};
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::PartHead;
use crate::scenario::load::Crowd;

/// The window, load by load; nothing where there is one.
pub fn seen(data: &RunData) -> Vec<LoadSummary> {
    let parts = &data.record.head.load.parts;
    if parts.len() < 2 {
        return Vec::new();
    }
    parts.iter().map(|part| one(data, part)).collect()
}

fn one(data: &RunData, part: &PartHead) -> LoadSummary {
    let steps = data.record.head.steps.iter().zip(&data.steps);
    let own: Vec<Totals> =
        steps.filter(|(step, _)| part.has(&step.flow)).map(|(_, totals)| totals.clone()).collect();
    let whole = totals::total(&own);
    let ended = whole.counts.ended();
    let failed = ended - whole.counts.outcome(Outcome::Ok);
    let per_second = |count: f64| count / data.judged.length.max(1e-9);
    let users = part.stages.iter().filter_map(|stage| stage.users).map(Crowd::most).max();
    let planned =
        || per_second(arrivals_within(&part.stages, &data.judged.seconds, data.judged.length));
    LoadSummary {
        name: part.name(),
        planned_rate: users.is_none().then(planned),
        users,
        requests: whole.counts.planned,
        offered_rate: per_second(whole.counts.planned as f64),
        error_rate: if ended == 0 { 0.0 } else { failed as f64 / ended as f64 },
        times: summary::times(&whole.times[Phase::Response]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::sample_records::{Requests, add, run};
    use crate::record::run::{EndReason, StageHead};
    use crate::scenario::load::ArrivalProcess;

    #[test]
    fn each_load_has_its_own_figures_and_one_alone_is_not_told() {
        let mut record = run(60, 100.0);
        add(&mut record, 0..60, &[Requests::ok(95, 20_000), Requests::ended(5, Outcome::Timeout)]);
        let flow = record.head.steps[0].flow.clone();
        let part = |flows: &str, rate: f64| PartHead {
            flows: vec![flows.to_owned()],
            arrivals: ArrivalProcess::Poisson,
            stages: vec![StageHead {
                seconds: 60.0,
                from: rate,
                to: rate,
                users: None,
                warmup: false,
            }],
            recorded: None,
        };
        record.head.load.parts = vec![part(&flow, 100.0)];
        assert_eq!(assess(&record).loads, []);
        record.head.load.parts.push(part("another", 7.0));
        let found = assess(&record).loads;
        assert_eq!((found[0].requests, found[0].offered_rate), (5_000, 100.0));
        assert!((found[0].error_rate - 0.05).abs() < 1e-9, "{found:?}");
        assert_eq!((found[1].requests, found[1].times), (0, None));
        assert_eq!(found[1].planned_rate, Some(7.0));
    }

    #[test]
    fn what_was_planned_of_a_run_that_ended_early_is_what_was_due_until_then() {
        let mut record = run(60, 100.0);
        add(&mut record, 0..13, &[Requests::ok(95, 20_000)]);
        let stage = |seconds: f64, from: f64, to: f64| StageHead {
            seconds,
            from,
            to,
            users: None,
            warmup: false,
        };
        let part = |stages: Vec<StageHead>| PartHead {
            flows: vec![record.head.steps[0].flow.clone()],
            arrivals: ArrivalProcess::Poisson,
            stages,
            recorded: None,
        };
        record.head.load.parts =
            vec![part(vec![stage(60.0, 7.0, 7.0)]), part(vec![stage(12.1, 7.0, 7.0)])];
        let end = record.end.as_mut().unwrap();
        (end.scheduled, end.reason) = (12.5, EndReason::Interrupted { signal: 2 });
        let found = assess(&record).loads;
        let planned = |place: usize| found[place].planned_rate.unwrap();
        let judged = 12.5 - 3.0;
        assert!((planned(0) - 7.0).abs() < 1e-9, "{found:?}");
        assert!((planned(1) - 7.0 * (judged - 0.4) / judged).abs() < 1e-9, "{found:?}");
    }
}
