//! One objective of a run that is under way, and when it is missed for certain.
//!
//! | objective | missed for certain when |
//! | --- | --- |
//! | a share of requests, or of times within streams | the sequence says it, and the usual interval; where the load changes, when more are bad than all of the run may have |
//! | `max`, or a share of nothing | one is bad |
//! | of windows | more windows are bad than all that are planned may have |
//! | `goodput`, `received_bytes` | the load holds still, the sequence says it, and the usual interval |

use std::ops::Range;

use crate::analysis::assessment::Measured;
use crate::analysis::evidence;
use crate::analysis::fail_fast::ahead::{self, Ahead};
use crate::analysis::fail_fast::counted::Counted;
use crate::analysis::fail_fast::sequence::{FEWEST, is_beyond};
use crate::analysis::messages;
use crate::analysis::number_format::{self, counted, percent};
use crate::analysis::starvation;
use crate::analysis::stats::{self, Tally};
use crate::analysis::throughput;
use crate::analysis::window::Judged;
use crate::record::recorder::Part;
use crate::record::run::{Head, MetricHead, SloHead, ThroughputHead, WindowsHead};
use crate::scenario::gauge::Side;
use crate::scenario::slo::Throughput;

/// What is looked at.
#[derive(Debug)]
pub struct Objective {
    pub(super) slo: SloHead,
    /// Whom it is about, where that is one of several tenants or all but one.
    pub(super) of: Option<String>,
    /// The seconds whose requests it is about.
    pub(super) during: Range<u32>,
    /// How unlikely what was seen must be for the record to be judged so.
    pub(super) confirmed: f64,
    way: Way,
    /// From the first of those seconds on.
    seconds: Vec<Counted>,
}

/// How it can be told.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// A share of what was seen says what will be.
    Share,
    /// The same of a load that changes.
    ShareOfAll,
    /// One is too many.
    NoneAtAll,
    /// So many windows may be bad.
    Windows(WindowsHead),
    /// An amount per second.
    Amount(ThroughputHead),
}

/// How an objective can be told before the end; `None` where it cannot. `is_still`: the load does not change
/// while it is judged.
pub fn way(head: &Head, slo: &SloHead, is_still: bool) -> Option<Way> {
    // A time that is missed so far may be left open at the end where others had the machine.
    let is_of_ends = matches!(slo.metric, MetricHead::Failures(_));
    if !is_of_ends && starvation::is_busy_before(head) {
        return None;
    }
    let is_lap = match slo.metric {
        MetricHead::Gauge(_) | MetricHead::CertificateDays(_) => return None,
        MetricHead::Throughput(limit) => return is_still.then_some(Way::Amount(limit)),
        MetricHead::Lap { .. } => true,
        MetricHead::ResponseTime { .. } | MetricHead::Failures(_) | MetricHead::Apdex { .. } => {
            false
        }
    };
    match slo.windows {
        Some(windows) => Some(Way::Windows(windows)),
        None if slo.allowed <= 0.0 => Some(Way::NoneAtAll),
        None if is_still => Some(Way::Share),
        // How many there will be is known of requests, as far as the rate is.
        None => (!is_lap && !head.load.is_closed()).then_some(Way::ShareOfAll),
    }
}

/// The same for one of the run's own objectives.
pub fn way_of_own(head: &Head, slo: &SloHead) -> Option<Way> {
    way(head, slo, ahead::holds_still(head))
}

impl Objective {
    /// One that is about some seconds.
    pub fn new(slo: SloHead, of: Option<String>, during: Range<u32>, way: Way) -> Objective {
        Objective { slo, of, during, confirmed: stats::ALPHA, way, seconds: Vec::new() }
    }

    /// Something was learnt of one of its seconds, of a series that it is about.
    pub fn learn(&mut self, head: &Head, part: &Part, is_sound: bool) {
        let place = part.series.index();
        if !self.during.contains(&part.second) || !head.is_of(place, self.slo.within()) {
            return;
        }
        let each = match self.slo.metric {
            MetricHead::Lap { of, .. } => {
                head.steps.get(head.step_of(place)).map_or(0, |step| step.laps_due(of))
            }
            MetricHead::ResponseTime { .. }
            | MetricHead::Failures(_)
            | MetricHead::Apdex { .. }
            | MetricHead::Throughput(_)
            | MetricHead::Gauge(_)
            | MetricHead::CertificateDays(_) => 1,
        };
        let at = (part.second - self.during.start) as usize;
        if self.seconds.len() <= at {
            self.seconds.resize(at + 1, Counted::default());
        }
        self.seconds[at].learn(part, &self.slo, each, is_sound);
    }

    /// Why it is missed for certain, if it is; `alpha` is its part of what all may err.
    pub fn look(&self, ahead: &Ahead, alpha: f64) -> Option<String> {
        match &self.way {
            Way::Share => self.share(ahead, alpha),
            Way::ShareOfAll => self.share(ahead, alpha).filter(|_| self.is_too_much(ahead)),
            Way::NoneAtAll => self.none_at_all(ahead),
            Way::Windows(windows) => self.windows(ahead, *windows),
            Way::Amount(limit) => self.amount(ahead, *limit, alpha),
        }
    }

    /// The seconds that are evidence, each with what was counted.
    fn evidence<'a>(&'a self, ahead: &'a Ahead) -> impl Iterator<Item = &'a Counted> {
        let all = (self.during.start..).zip(&self.seconds);
        all.filter(|(second, _)| ahead.is_evidence(*second)).map(|(_, counted)| counted)
    }

    fn tallies(&self, ahead: &Ahead) -> Vec<Tally> {
        self.evidence(ahead).filter_map(|counted| counted.tally(&self.slo)).collect()
    }

    fn share(&self, ahead: &Ahead, alpha: f64) -> Option<String> {
        let tallies = self.tallies(ahead);
        let allowed = self.slo.allowed;
        let excess = |tally: &Tally| tally.bad as f64 - allowed * tally.all as f64;
        let values: Vec<f64> = tallies.iter().map(excess).collect();
        let total = Tally::sum(tallies.iter().copied());
        // Requests that are all bad do not vary, and are still a sample.
        let together = self.together(ahead);
        let least = allowed * (1.0 - allowed) * total.all as f64 * together as f64;
        if !is_beyond(&values, least, alpha) || !self.is_confirmed(&tallies, together) {
            return None;
        }
        let seconds = counted(values.len() as u64, "second");
        let bad = percent(total.share());
        Some(format!("{bad} bad in {seconds}, {} allowed", percent(allowed)))
    }

    /// How many hang together at least.
    fn together(&self, ahead: &Ahead) -> u64 {
        let (came, due) = self.evidence(ahead).fold((0_u64, 0_u64), |sum, it| {
            let (came, due) = it.came();
            (sum.0.saturating_add(came), sum.1.saturating_add(due))
        });
        evidence::points(&self.slo).max(came.div_ceil(due.max(1)))
    }

    /// Whether the record so far is judged as missed as well.
    fn is_confirmed(&self, tallies: &[Tally], together: u64) -> bool {
        let share = evidence::from_tallies(tallies, &[]).hanging_together(together);
        let level = self.confirmed;
        share.low > self.slo.allowed
            && (level >= stats::ALPHA || share.chance_within(self.slo.allowed) <= level)
    }

    /// Whether what is bad so far is too much for all requests that the run will have.
    fn is_too_much(&self, ahead: &Ahead) -> bool {
        let bad = Tally::sum(self.tallies(ahead)).bad as f64;
        let points = evidence::points(&self.slo) as f64;
        ahead.most_requests().is_some_and(|most| bad > self.slo.allowed * most * points)
    }

    fn none_at_all(&self, ahead: &Ahead) -> Option<String> {
        let certain = self.evidence(ahead).filter_map(|counted| counted.certain(&self.slo));
        let total = Tally::sum(certain);
        (total.bad > 0).then(|| format!("{} bad, none allowed", number_format::count(total.bad)))
    }

    fn windows(&self, ahead: &Ahead, windows: WindowsHead) -> Option<String> {
        let starts = window_starts(&ahead.judged, windows.seconds);
        let spare = (starts.len() as f64 * (1.0 - windows.share) + 1e-9).floor() as u64;
        let bad = starts.iter().filter(|start| self.is_bad(ahead, **start, windows.seconds));
        let bad = bad.count() as u64;
        let is_missed = bad > spare
            && (self.confirmed >= stats::ALPHA || {
                self.is_confirmed(&self.tallies(ahead), self.together(ahead))
            });
        is_missed.then(|| {
            format!(
                "{} bad, of the {} planned no more than {spare} may be",
                counted(bad, "window"),
                number_format::count(starts.len() as u64)
            )
        })
    }

    /// Whether a window is over, and bad whatever becomes of what is open.
    fn is_bad(&self, ahead: &Ahead, start: u32, length: u32) -> bool {
        let end = start.saturating_add(length);
        if start < self.during.start || end > self.during.end || !ahead.is_calm(start, end) {
            return false;
        }
        let at = |second: u32| self.seconds.get((second - self.during.start) as usize);
        let seconds = (start..end).filter_map(at).map(|counted| counted.certain(&self.slo));
        let Some(all) = seconds.collect::<Option<Vec<Tally>>>() else { return false };
        let total = Tally::sum(all);
        total.bad > 0 && total.share() > self.slo.allowed
    }

    fn amount(&self, ahead: &Ahead, limit: ThroughputHead, alpha: f64) -> Option<String> {
        let seen: Vec<&Counted> = self.evidence(ahead).collect();
        let is_floor = limit.bound.side == Side::Above;
        // Too low a rate is the plan's: where all ended well nobody knows what the target can do.
        if is_floor && seen.iter().all(|counted| counted.failed() == 0) {
            return None;
        }
        let amount = |counted: &&Counted| match (limit.of, is_floor) {
            (Throughput::Goodput, true) => Some(counted.most_ok()),
            (Throughput::Goodput, false) => Some(counted.ok()),
            (Throughput::ReceivedBytes, true) => counted.is_settled().then(|| counted.bytes()),
            (Throughput::ReceivedBytes, false) => Some(counted.bytes()),
        };
        let amounts: Vec<f64> = seen.iter().filter_map(amount).collect();
        let sign = if is_floor { 1.0 } else { -1.0 };
        let values: Vec<f64> =
            amounts.iter().map(|amount| sign * (limit.bound.limit - amount)).collect();
        let ok: f64 = seen.iter().map(|counted| counted.ok()).sum();
        let total: f64 = amounts.iter().sum();
        // What comes by chance varies as counts do, and bytes come with them.
        let each = if limit.of == Throughput::Goodput { 1.0 } else { total / ok.max(1.0) };
        let least = each * total.max(limit.bound.limit * amounts.len() as f64);
        if amounts.len() < FEWEST || !is_beyond(&values, least, alpha) {
            return None;
        }
        let (low, high) = throughput::interval(&amounts)?;
        let is_missed = !limit.bound.holds(if is_floor { high } else { low });
        let seconds = counted(amounts.len() as u64, "second");
        let mean = total / amounts.len() as f64;
        let mean = match limit.of {
            Throughput::Goodput => Measured::Goodput(mean),
            Throughput::ReceivedBytes => Measured::BytesPerSecond(mean),
        };
        is_missed.then(|| format!("{} in {seconds}", messages::amount(mean)))
    }
}

/// Where complete windows begin.
fn window_starts(judged: &Judged, length: u32) -> Vec<u32> {
    let length = length.max(1);
    let (mut starts, mut left) = (Vec::new(), &judged.seconds[..]);
    while let Some(first) = left.first() {
        let start = first - (first - judged.from) % length;
        let inside = left.partition_point(|second| *second < start.saturating_add(length));
        if inside == length as usize {
            starts.push(start);
        }
        left = &left[inside.max(1)..];
    }
    starts
}
