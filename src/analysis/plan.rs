//! What a run can show at best, before it is run: for `loadgate check`.

use crate::analysis::stats::{ALPHA, share_at_most};
use crate::analysis::window;
use crate::record::run::{LoadHead, StageHead};

/// The part of a load profile that will be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedLoad {
    /// The first second that is judged.
    pub from: u32,
    /// How many seconds are judged.
    pub seconds: f64,
    /// Expected arrivals of iterations in them.
    pub arrivals: f64,
    /// The same of each part of the load.
    pub parts: Vec<f64>,
}

/// The part of a load profile that will be judged, if its series settles in time.
pub fn judged_load(load: &LoadHead) -> JudgedLoad {
    let judged = window::of_load(load, window::planned_seconds(load));
    let arrivals = arrivals_in(&load.stages, &judged.seconds);
    let parts = load.parts.iter().map(|part| arrivals_in(&part.stages, &judged.seconds)).collect();
    JudgedLoad { from: judged.from, seconds: judged.length, arrivals, parts }
}

/// Expected arrivals of some stages in some seconds, which ascend.
pub fn arrivals_in(stages: &[StageHead], seconds: &[u32]) -> f64 {
    let (mut stages, mut start, mut sum) = (stages.iter().peekable(), 0.0, 0.0);
    for second in seconds {
        let (from, to) = (f64::from(*second), f64::from(*second) + 1.0);
        while let Some(passed) = stages.next_if(|stage| start + stage.seconds <= from) {
            start += passed.seconds;
        }
        // A second may have parts of several stages, which the next one may have as well.
        let (mut ahead, mut begins) = (stages.clone(), start);
        while let Some(stage) = ahead.next().filter(|_| begins < to) {
            sum += area(stage, (from - begins).max(0.0), to - begins);
            begins += stage.seconds;
        }
    }
    sum
}

/// The same of seconds that last so long together: of the last one only a part where the run ended
/// within it.
pub fn arrivals_within(stages: &[StageHead], seconds: &[u32], length: f64) -> f64 {
    let all = arrivals_in(stages, seconds);
    let missing = (seconds.len() as f64 - length).clamp(0.0, 1.0);
    let Some(last) = seconds.last().filter(|_| missing > 0.0) else { return all };
    let until = f64::from(*last) + 1.0;
    let mut start = 0.0;
    let late = stages.iter().map(|stage| {
        let begins = start;
        start += stage.seconds;
        area(stage, (until - missing - begins).max(0.0), until - begins)
    });
    (all - late.sum::<f64>()).max(0.0)
}

/// The area under a stage's rate between two of its moments, in seconds from its beginning.
fn area(stage: &StageHead, from: f64, to: f64) -> f64 {
    let to = to.min(stage.seconds);
    if stage.seconds <= 0.0 || from >= to {
        return 0.0;
    }
    let rate = |at: f64| stage.from + (stage.to - stage.from) * at / stage.seconds;
    f64::midpoint(rate(from), rate(to)) * (to - from)
}

/// How many requests without a single bad one certify at 95 % that the share of bad ones
/// is below what is allowed: `ln 0.05 / ln(1 − allowed)`, rounded up. 2,995 for 0.1 %.
pub fn needed_without_bad(allowed: f64) -> u64 {
    if allowed <= 0.0 {
        return u64::MAX;
    }
    (ALPHA.ln() / (-allowed.min(1.0)).ln_1p()).ceil().max(1.0) as u64
}

/// The most bad requests among `requests` with which the share is still certified to be
/// within what is allowed; `None` when not even none at all would do.
pub fn most_bad_to_certify(requests: u64, allowed: f64) -> Option<u64> {
    let certifies = |bad: u64| share_at_most(bad as f64, requests as f64, ALPHA) <= allowed;
    if requests == 0 || !certifies(0) {
        return None;
    }
    let (mut fine, mut too_many) = (0, requests + 1);
    while too_many - fine > 1 {
        let middle = fine + (too_many - fine) / 2;
        if certifies(middle) { fine = middle } else { too_many = middle }
    }
    Some(fine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::run::StageHead;
    use crate::scenario::load::ArrivalProcess;

    #[test]
    fn a_clean_run_must_be_so_long() {
        for (allowed, requests) in [(0.01, 299), (0.001, 2_995), (0.05, 59), (0.0, u64::MAX)] {
            assert_eq!(needed_without_bad(allowed), requests, "{allowed}");
        }
    }

    #[test]
    fn the_most_bad_requests_are_on_the_edge() {
        assert_eq!(most_bad_to_certify(298, 0.01), None);
        assert_eq!(most_bad_to_certify(299, 0.01), Some(0));
        assert_eq!(most_bad_to_certify(0, 0.01), None);
        let most = most_bad_to_certify(10_000, 0.01).unwrap();
        assert!(share_at_most(most as f64, 10_000.0, ALPHA) <= 0.01);
        assert!(share_at_most(most as f64 + 1.0, 10_000.0, ALPHA) > 0.01);
    }

    #[test]
    fn the_default_warmup_is_not_counted() {
        let stage =
            |seconds, from, to, warmup| StageHead { seconds, from, to, users: None, warmup };
        let load = |stages| LoadHead::new(ArrivalProcess::Poisson, 1, stages);
        let constant = judged_load(&load(vec![stage(60.0, 100.0, 100.0, false)]));
        assert_eq!(
            constant,
            JudgedLoad { from: 10, seconds: 50.0, arrivals: 5_000.0, parts: Vec::new() }
        );
        let ramp = judged_load(&load(vec![stage(40.0, 0.0, 40.0, false)]));
        assert!((ramp.arrivals - 750.0).abs() < 1e-9, "{ramp:?}");
        let steps = vec![
            stage(4.5, 10.0, 10.0, true),
            stage(0.25, 40.0, 40.0, false),
            stage(0.25, 0.0, 0.0, false),
            stage(5.5, 2.0, 2.0, false),
        ];
        let cut = judged_load(&load(steps));
        // Second 4 has a part of the warm-up, and the last one is a half.
        assert!((cut.arrivals - 11.0).abs() < 1e-9 && (cut.seconds - 5.5).abs() < 1e-9, "{cut:?}");
    }
}
