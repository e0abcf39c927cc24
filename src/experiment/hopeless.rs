//! Tells a run that cannot work from one that only begins badly, as early as it can be told.
//!
//! What has been counted of each step comes in once a second; out comes, once, the step that
//! there is no hope for. A step that has succeeded is never looked at again. What is wrong
//! with the request or the answer is wrong at every try, so twenty tell. Anything else (a
//! refusal, a 5xx, a broken connection, no answer) may be a target that warms up, or the
//! burst after a stall of the generator: it must go on for five seconds, in several of which
//! something failed. A request that has not ended is no failure, however long it takes, and
//! one that was never sent is no try.

use std::time::Duration;

use crate::analysis::fail_fast::FailFast;
use crate::analysis::worked;
use crate::engine::collector::Progress;
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::recorder::Part;
use crate::record::run::{EndReason, Head};
use crate::record::step_head::StepHead;

/// So many wrong answers in a row from the first one on, and none right.
const WRONG: u64 = 20;
/// Seconds from the first failure on without a success.
const PATIENCE: u32 = 5;
/// In which at least so many tries failed: a step that is rarely tried may have bad luck.
const FEWEST: u64 = 5;
/// And in so many seconds at least: during a stall of the generator nothing is tried.
const FEWEST_SECONDS: u32 = 3;
/// How long requests in flight may take when a target cannot work.
const DRAIN_HOPELESS: Duration = Duration::from_secs(1);
/// And when it has missed an objective.
const LONGEST_DRAIN: Duration = Duration::from_secs(60);
/// A generator that stood still for so long, in nanoseconds, is no witness of that second.
const LONG_STALL: u64 = 100_000_000;

/// The steps of a run, and what hope there is for each.
#[derive(Debug)]
pub struct Hopes {
    steps: Vec<(StepHead, Hope)>,
    lost: Option<String>,
    /// The objectives, where the run ends with the first that is missed for certain.
    fast: Option<FailFast>,
    missed: Option<String>,
    /// Which of the objectives cannot end it.
    that_wait: Option<String>,
    /// The step of each series, where several series are of one step.
    of_series: Vec<usize>,
}

/// How a step has fared as long as it has not succeeded.
#[derive(Debug, Clone, Copy, Default)]
struct Hope {
    failed: u64,
    /// The second in which the first failure was seen.
    since: Option<u32>,
    /// Seconds in which failures were seen.
    seconds: u32,
}

impl Hopes {
    /// Of a run that begins.
    pub fn of(steps: &[StepHead]) -> Hopes {
        let steps = steps.iter().map(|step| (step.clone(), Hope::default()));
        let (that_wait, of_series) = (None, Vec::new());
        Hopes { steps: steps.collect(), lost: None, fast: None, missed: None, that_wait, of_series }
    }

    /// Of a run of which nothing has been before, or which goes on and so has worked.
    pub fn of_run(head: &Head, goes_on: bool, fails_fast: bool) -> Hopes {
        let fast = fails_fast.then(|| FailFast::of(head));
        let that_wait = fails_fast.then(|| FailFast::that_wait(head)).flatten();
        let is_one_each = head.series.len() == head.steps.len();
        let places = 0..if is_one_each { 0 } else { head.series.len() };
        let of_series = places.map(|place| head.step_of(place)).collect();
        let steps: &[StepHead] = if goes_on { &[] } else { &head.steps };
        Hopes { fast, that_wait, of_series, ..Hopes::of(steps) }
    }

    /// Which objectives cannot end it early, although it is to end with the first that is missed.
    pub fn that_wait(&self) -> Option<&str> {
        self.that_wait.as_deref()
    }

    /// Whether it asks for what was learnt of each second.
    pub fn asks_for_parts(&self) -> bool {
        self.fast.is_some()
    }

    /// The same of each series, with what is known of the generator and, where that is asked for, what was
    /// learnt since the last time: says, once, why the run ends here.
    pub fn hear(
        &mut self,
        progress: &Progress,
        counted: &[StepCounts],
        learnt: &[Part],
    ) -> Option<&str> {
        if self.lost.is_some() || self.missed.is_some() {
            return None;
        }
        if self.of_series.is_empty() {
            self.look(progress.second, counted);
        } else if !self.steps.is_empty() {
            let steps = self.by_step(counted);
            self.look(progress.second, &steps);
        }
        if let Some(fast) = self.fast.as_mut().filter(|_| self.lost.is_none()) {
            let is_sound = progress.stood_still_ns < LONG_STALL;
            self.missed = fast.look(progress.second, learnt, is_sound);
        }
        self.lost.as_deref().or(self.missed.as_deref())
    }

    fn by_step(&self, counted: &[StepCounts]) -> Vec<StepCounts> {
        let mut steps = vec![StepCounts::default(); self.steps.len()];
        for (step, counts) in self.of_series.iter().zip(counted) {
            if let Some(step) = steps.get_mut(*step) {
                step.add(counts);
            }
        }
        steps
    }

    /// How long requests in flight may take then: what cannot work has no time, and of what missed
    /// an objective nothing is to be lost.
    pub fn drain(&self) -> Duration {
        let longest = self.steps.iter().map(|(step, _)| step.timeout_ms).max().unwrap_or_default();
        match &self.missed {
            None => DRAIN_HOPELESS,
            Some(_) => Duration::from_millis(longest).clamp(DRAIN_HOPELESS, LONGEST_DRAIN),
        }
    }

    /// Why the run ended, if that was what was heard.
    pub fn reason(&self) -> Option<EndReason> {
        let lost = self.lost.clone().map(|detail| EndReason::Hopeless { detail });
        lost.or_else(|| Some(EndReason::FailedFast { detail: self.missed.clone()? }))
    }

    /// A second has passed, and so much has been counted since the beginning. Says, once,
    /// which step cannot work, and how its tries ended.
    pub fn look(&mut self, second: u32, counted: &[StepCounts]) -> Option<&str> {
        if self.lost.is_some() {
            return None;
        }
        for ((step, hope), counts) in self.steps.iter_mut().zip(counted) {
            if hope.is_lost(second, counts) && self.lost.is_none() {
                self.lost = Some(worked::never(step, counts));
            }
        }
        self.lost()
    }

    /// What was said.
    pub fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }
}

impl Hope {
    fn is_lost(&mut self, second: u32, counts: &StepCounts) -> bool {
        let failed = counts.tried();
        if counts.outcome(Outcome::Ok) > 0 || failed == 0 {
            return false;
        }
        let since = *self.since.get_or_insert(second);
        self.seconds += u32::from(failed > self.failed);
        self.failed = failed;
        let wrong = counts.outcome(Outcome::ClientError) + counts.outcome(Outcome::CheckFailed);
        let lasts = second.saturating_sub(since) >= PATIENCE;
        wrong >= WRONG || lasts && failed >= FEWEST && self.seconds >= FEWEST_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_head;

    /// So many tries of the only step have ended like this, in all.
    fn counted(outcomes: &[(Outcome, u64)]) -> StepCounts {
        let mut counts = StepCounts::default();
        for (outcome, number) in outcomes {
            counts.outcomes[outcome.index()] = *number;
            counts.planned += *number;
        }
        counts
    }

    /// The second in which hope is lost.
    fn lost(seconds: impl IntoIterator<Item = (u32, StepCounts)>) -> Option<u32> {
        let mut hopes = Hopes::of(&sample_head().steps);
        seconds.into_iter().find_map(|(second, counts)| {
            hopes.look(second, std::slice::from_ref(&counts)).map(|_| second)
        })
    }

    /// A step of which so many tries end each second, all alike.
    fn steady(outcome: Outcome, rate: u64) -> Option<u32> {
        lost((0..60).map(|second| (second, counted(&[(outcome, rate * u64::from(second + 1))]))))
    }

    #[test]
    fn a_wrong_answer_is_wrong_twenty_times() {
        assert_eq!(steady(Outcome::ClientError, 100), Some(0));
        assert_eq!(steady(Outcome::CheckFailed, 7), Some(2));
        assert_eq!(steady(Outcome::ClientError, 1), Some(5));
        assert_eq!(steady(Outcome::Ok, 100), None);
    }

    #[test]
    fn a_target_that_may_be_warming_up_has_five_seconds() {
        for outcome in
            [Outcome::ServerError, Outcome::Rejected, Outcome::Timeout, Outcome::TransportError]
        {
            assert_eq!(steady(outcome, 1_000), Some(5), "{outcome:?}");
        }
        let warm = (0..9).map(|second| {
            let failed = (Outcome::ServerError, 100 * u64::from(second.min(3) + 1));
            (second, counted(&[failed, (Outcome::Ok, u64::from(second > 3))]))
        });
        assert_eq!(lost(warm), None);
    }

    #[test]
    fn one_success_is_hope_for_ever() {
        let then = (0..60).map(|second| {
            (second, counted(&[(Outcome::Ok, 1), (Outcome::ClientError, 50 * u64::from(second))]))
        });
        assert_eq!(lost(then), None);
    }

    #[test]
    fn a_slow_answer_and_an_unsent_request_are_no_failures() {
        let waiting = StepCounts { planned: 5_000, sent: 5_000, ..StepCounts::default() };
        assert_eq!(lost((0..60).map(|second| (second, waiting.clone()))), None);
        assert_eq!(steady(Outcome::Unsent, 1_000), None);
    }

    #[test]
    fn few_failures_of_a_rare_step_are_no_proof() {
        let rare = |every: u32| {
            let ended = move |second: u32| u64::from(second / every + 1);
            lost((0..60).map(move |second| (second, counted(&[(Outcome::Timeout, ended(second))]))))
        };
        assert_eq!(rare(30), None);
        assert_eq!(rare(1), Some(5));
        assert_eq!(rare(5), Some(20));
    }

    /// It stood still for most of a minute after a bad first second.
    #[test]
    fn a_stall_of_the_generator_takes_no_hope() {
        let stalled = [(0, 50), (58, 60)]
            .map(|(second, failed)| (second, counted(&[(Outcome::TransportError, failed)])));
        assert_eq!(lost(stalled), None);
    }

    #[test]
    fn the_first_step_that_cannot_work_is_named_once() {
        let mut head = sample_head();
        for name in ["b", "c"] {
            head.steps.push(StepHead { name: name.to_owned(), ..head.steps[0].clone() });
        }
        let mut hopes = Hopes::of(&head.steps);
        let wrong = counted(&[(Outcome::ClientError, 40)]);
        let all = [counted(&[(Outcome::Ok, 9)]), wrong.clone(), wrong];
        let said = hopes.look(0, &all).map(str::to_owned).unwrap();
        assert!(said.starts_with("the step \"b\" (GET /a) never worked: "), "{said}");
        assert_eq!(hopes.look(1, &all), None);
        assert_eq!(hopes.lost(), Some(said.as_str()));
    }
}
