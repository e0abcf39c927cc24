//! What one objective counts of the requests that were due in one second, as far as it is known.
//!
//! Whatever is still open counts as if it ended well: more news can only make it worse. So what is
//! seen of a run that is under way is never worse than what its record will say, however much longer
//! a good answer takes than a failure.

use crate::analysis::evidence;
use crate::analysis::laps::slow_from;
use crate::analysis::stats::Tally;
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::recorder::Part;
use crate::record::run::{MetricHead, SloHead};
use crate::scenario::slo::LapKind;

/// Of one second in which requests were due.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counted {
    /// Due, as the objective counts: requests, halves of them, or times within streams.
    due: i32,
    /// Ended.
    ended: i32,
    /// Ended, and in no count of the objective; of streams: failed.
    aside: i32,
    /// Bad, learnt while the generator was punctual.
    bad: i32,
    /// The same, learnt while it stood still: no evidence.
    spoilt: i32,
    /// Requests that felt a lag of the generator.
    felt: i32,
    /// Ended well.
    ok: i32,
    /// Times within streams that came.
    came: i32,
    /// Bytes of bodies.
    bytes: f64,
}

impl Counted {
    /// Adds what was learnt of a series in this second, of which each request is due so many times within streams.
    pub fn learn(&mut self, part: &Part, slo: &SloHead, each: u64, is_sound: bool) {
        let counts = &part.counts;
        if let MetricHead::Lap { of, limit, .. } = slo.metric {
            let each = if of == LapKind::EventGap { each.min(1) } else { each };
            if each > 0 {
                let times = &part.times[Phase::from(of)];
                let failed = each * (counts.ended() - counts.outcome(Outcome::Ok));
                add(&mut self.due, each * counts.planned);
                add(&mut self.ended, each * counts.ended());
                add(&mut self.came, times.count());
                add(if is_sound { &mut self.aside } else { &mut self.spoilt }, failed);
                self.add_bad(times.count_from(slow_from(limit)), is_sound);
            }
        } else {
            let points = evidence::points(slo);
            let found = if matches!(slo.metric, MetricHead::Throughput(_)) {
                Tally { all: counts.ended(), bad: counts.ended() - counts.outcome(Outcome::Ok) }
            } else {
                evidence::of_ended(counts, slo)
            };
            let ended = points * counts.ended();
            add(&mut self.due, points * counts.planned);
            add(&mut self.ended, ended);
            add(&mut self.aside, ended.saturating_sub(found.all));
            self.add_bad(found.bad, is_sound);
        }
        add(&mut self.ok, counts.outcome(Outcome::Ok));
        let felt = counts.felt.iter().fold(0, |sum: u64, it| sum.saturating_add(it.2));
        add(&mut self.felt, felt.saturating_mul(evidence::points(slo)));
        self.bytes += counts.body_bytes as f64;
    }

    fn add_bad(&mut self, bad: u64, is_sound: bool) {
        add(if is_sound { &mut self.bad } else { &mut self.spoilt }, bad);
    }

    /// The bad ones, and the most that there can be of all; `None` where nobody knows yet how many
    /// there will be.
    pub fn tally(&self, slo: &SloHead) -> Option<Tally> {
        let (bad, all) = if let MetricHead::Lap { of, .. } = slo.metric {
            self.laps(of)?
        } else {
            (self.bad, self.due.saturating_sub(self.aside))
        };
        let bad = u64::try_from(bad).unwrap_or(0);
        Some(Tally { all: u64::try_from(all).unwrap_or(0).max(bad), bad })
    }

    /// Times within streams that were late or never came, and the most of all.
    fn laps(&self, of: LapKind) -> Option<(i32, i32)> {
        let (missing, due) = match of {
            // Nobody knows how many events an open stream will have.
            LapKind::EventGap if self.due > self.ended => return None,
            LapKind::EventGap => (self.aside, 0),
            LapKind::FirstEvent | LapKind::RoundTrip => {
                (self.aside.min(self.ended.saturating_sub(self.came).max(0)), self.due)
            }
        };
        Some((self.bad.saturating_add(missing), due.max(self.came.saturating_add(missing))))
    }

    /// How many of the bad ones the generator's lag can surely not explain, and the most of all.
    pub fn certain(&self, slo: &SloHead) -> Option<Tally> {
        let felt = u64::try_from(self.felt).unwrap_or(0);
        let found = self.tally(slo)?;
        Some(Tally { bad: found.bad.saturating_sub(felt), ..found })
    }

    /// Requests that may end well: as many as did, if whatever is open does.
    pub fn most_ok(&self) -> f64 {
        f64::from(self.due.saturating_sub(self.bad))
    }

    /// Requests that have ended well.
    pub fn ok(&self) -> f64 {
        f64::from(self.ok)
    }

    /// Requests that have surely not.
    pub fn failed(&self) -> u64 {
        u64::try_from(self.bad).unwrap_or(0)
    }

    /// Bytes so far.
    pub fn bytes(&self) -> f64 {
        self.bytes
    }

    /// Whether nothing is open, and nothing was learnt while the generator stood still.
    pub fn is_settled(&self) -> bool {
        self.due <= self.ended && self.spoilt == 0
    }

    /// Times that came, and requests as they count, for how many hang together.
    pub fn came(&self) -> (u64, u64) {
        let of = |count: i32| u64::try_from(count).unwrap_or(0);
        (of(self.came), of(self.due.max(self.ended)))
    }
}

/// Counts of one second are far from it; those from elsewhere may be anything.
fn add(sum: &mut i32, count: u64) {
    *sum = sum.saturating_add(i32::try_from(count).unwrap_or(i32::MAX));
}
