//! A limit on how many times as long the others wait while somebody is noisy, under way: `p99 < 1.5x`.
//!
//! When nothing of the stage before is open any more, the most that its quantile may have been, times
//! the limit, is a time. From then on the share of requests of the noisy stage that are slower is what
//! any other share is: missed for certain when the sequence says it, and the usual interval of the ratio.

use std::ops::Range;

use crate::analysis::fail_fast::ahead::Ahead;
use crate::analysis::fail_fast::sequence::is_beyond;
use crate::analysis::number_format::{counted, number};
use crate::analysis::stretch::{self, OneSecond};
use crate::record::histogram::Sparse;
use crate::record::noisy::{EffectHead, NoisyHead};
use crate::record::phase::Phase;
use crate::record::recorder::Part;
use crate::record::run::{Head, Subset};

/// One such limit.
#[derive(Debug)]
pub struct Effect {
    limit: EffectHead,
    noisy: u16,
    before: Stretch,
    during: Stretch,
}

/// Some seconds of the others.
#[derive(Debug)]
struct Stretch {
    of: Range<u32>,
    seconds: Vec<One>,
}

/// What is known of one of them.
#[derive(Debug, Clone, Default)]
struct One {
    due: u64,
    ended: u64,
    response: Sparse,
    /// Ended without a time that counts, learnt while the generator was punctual.
    endless: u64,
}

impl Effect {
    /// Of a run in which somebody is noisy.
    pub fn of(limit: &EffectHead, noisy: &NoisyHead) -> Effect {
        let between = |from: f64, to: f64| Stretch {
            of: from.ceil() as u32..to.floor() as u32,
            seconds: Vec::new(),
        };
        Effect {
            limit: limit.clone(),
            noisy: noisy.tenant,
            before: between(noisy.before, noisy.from),
            during: between(noisy.from, noisy.until),
        }
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.limit.text
    }

    /// Something was learnt of a judged second.
    pub fn learn(&mut self, head: &Head, part: &Part, is_sound: bool) {
        let others = Subset { but: Some(self.noisy), ..Subset::ALL };
        if head.is_of(part.series.index(), others) {
            self.before.learn(part, is_sound);
            self.during.learn(part, is_sound);
        }
    }

    /// Why it is missed for certain, if it is.
    pub fn look(&self, ahead: &Ahead, alpha: f64) -> Option<String> {
        let share = self.limit.quantile;
        // Whoever waited before because of the generator makes what comes later look fast.
        if !ahead.is_calm(self.before.of.start, self.before.of.end) {
            return None;
        }
        let before = self.before.evidence(ahead);
        if before.iter().any(|one| one.due > one.ended) {
            return None;
        }
        let before = stretch::quantile(&seconds(&before), share)?;
        let slow_from = self.limit.limit * before.high;
        if !slow_from.is_finite() {
            return None;
        }
        let during = self.during.evidence(ahead);
        let bad = |one: &One| (one.response.count_from(slow_from as u64 + 1) + one.endless) as f64;
        let allowed = 1.0 - share;
        let values: Vec<f64> =
            during.iter().map(|one| bad(one) - allowed * one.due as f64).collect();
        let due: u64 = during.iter().map(|one| one.due).sum();
        if !is_beyond(&values, allowed * (1.0 - allowed) * due as f64, alpha) {
            return None;
        }
        let found = stretch::ratio(before, stretch::quantile(&seconds(&during), share)?)?;
        let seconds = counted(values.len() as u64, "second");
        (found.low > self.limit.limit)
            .then(|| format!("at least {} times as long in {seconds}", number(found.low)))
    }
}

impl Stretch {
    fn learn(&mut self, part: &Part, is_sound: bool) {
        if !self.of.contains(&part.second) {
            return;
        }
        let at = (part.second - self.of.start) as usize;
        if self.seconds.len() <= at {
            self.seconds.resize(at + 1, One::default());
        }
        let one = &mut self.seconds[at];
        let response = &part.times[Phase::Response];
        let ended = part.counts.ended();
        one.due = one.due.saturating_add(part.counts.planned);
        one.ended = one.ended.saturating_add(ended);
        if is_sound {
            one.response = Sparse::merged([&one.response, response]);
            one.endless = one.endless.saturating_add(ended.saturating_sub(response.count()));
        }
    }

    fn evidence(&self, ahead: &Ahead) -> Vec<&One> {
        let all = (self.of.start..).zip(&self.seconds);
        all.filter(|(second, _)| ahead.is_evidence(*second)).map(|(_, one)| one).collect()
    }
}

fn seconds(all: &[&One]) -> Vec<OneSecond> {
    let one = |it: &&One| OneSecond { response: it.response.clone(), endless: it.endless, open: 0 };
    all.iter().map(one).collect()
}
