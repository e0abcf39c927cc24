//! How late the generator was, second by second, and for how long that is felt.
//!
//! A request that fell due while the generator stood still carries its own send lag. Three
//! things no request carries:
//!
//! * What was held back leaves at once, and requests that were sent in time wait in the
//!   target behind it. If the target serves in order, nothing ends later than it would
//!   have without the stall by more than the stall's length. So in the *shadow* of a stall
//!   any request may have that much lag.
//! * Where several generators share a load, the clock of each lies off that of the others by its
//!   skew, known within a bound. Response times are of one clock each and have nothing of it; but
//!   requests may have met in the target that were to come apart, as after a stall of that length.
//! * Without the kernel's stamps a response ends when it was read. The lateness of the
//!   worker's tick bounds by how much that was later than it came.

use std::collections::BTreeMap;

use crate::analysis::run_data::RunData;
use crate::analysis::totals;
use crate::record::histogram::Sparse;
use crate::record::phase::Phase;
use crate::record::run::Subset;
use crate::record::telemetry::GeneratorSecond;

/// Stamps are missing from so large a share of the responses that reads count as late.
const MOST_UNSTAMPED: f64 = 0.01;
/// A target of which the load takes nine tenths works off a stall in ten times its length.
const RECOVERY: u64 = 10;

/// A lag from which on a whole second counts as held up, in microseconds.
const SHORTEST_STALL: u64 = 20_000;
/// A tick sees at most its own distance of 10 ms less of a stall than a request does, and
/// both are found late by as much again; in microseconds.
const SAME_STALL: u64 = 20_000;

/// Clocks that agree within so much, in microseconds, are as good as one.
const SMALL_SKEW: u64 = 200;

/// Responses of the judged seconds, and how many of them the kernel did not stamp.
pub fn unstamped(data: &RunData) -> (u64, u64) {
    let answered = data.total.times[Phase::Service].count();
    (answered.saturating_sub(data.total.times[Phase::ReceiveLag].count()), answered)
}

/// Whether a response's end is the moment at which the generator read it.
pub fn ends_are_reads(data: &RunData) -> bool {
    let (missing, answered) = unstamped(data);
    match data.record.head.receive_clock() {
        "generator" => true,
        "kernel" => missing as f64 > MOST_UNSTAMPED * answered as f64,
        _ => false,
    }
}

/// The least that the response times of some seconds could have been: each less the lag
/// that it felt, and where ends are reads less the lateness of the ticks of its time, or
/// less a stall in whose shadow its second lies.
pub fn lower_bound(data: &RunData, seconds: &[u32], within: Subset<'_>) -> Sparse {
    let shadow = shadow(data, SHORTEST_STALL);
    let are_reads = ends_are_reads(data);
    let later = |second: u32| {
        let stall = shadow.get(&second).copied().unwrap_or(0);
        let late = if are_reads { late_reads(data, second) } else { 0 };
        stall.max(late) + off_schedule(data, second)
    };
    let (held, free): (Vec<u32>, Vec<u32>) = seconds.iter().partition(|s| later(**s) > 0);
    if held.is_empty() {
        return totals::of_scope(data.record, seconds, within).times.only(Phase::Least);
    }
    let of =
        |seconds: &[u32]| totals::of_scope(data.record, seconds, within).times.only(Phase::Least);
    // All of a long run is put together already; each objective asks for it.
    let is_whole = seconds.len() == data.judged.seconds.len();
    let whole = is_whole.then(|| data.pool(within)).flatten();
    let calm = whole.as_ref().map_or_else(|| of(&free), |pool| pool.times[Phase::Least].clone());
    let mut counts: BTreeMap<u64, u64> = calm.buckets().iter().copied().collect();
    for second in held {
        let by = later(second);
        for (micros, count) in of(&[second]).buckets() {
            if whole.is_some() {
                let known = counts.entry(*micros).or_default();
                *known = known.saturating_sub(*count);
            }
            let moved = counts.entry(micros.saturating_sub(by)).or_default();
            *moved = moved.saturating_add(*count);
        }
    }
    Sparse::from_counts(counts.into_iter().filter(|(_, count)| *count > 0))
}

/// By how much responses to requests of a second may have been read late, in microseconds.
fn late_reads(data: &RunData, second: u32) -> u64 {
    let ticks = [second, second.saturating_add(1)].map(|second| of_generator(data, second));
    ticks.into_iter().flatten().map(|s| s.canary_late_max_ns).max().unwrap_or(0) / 1_000
}

/// By how much arrivals of a second may have come nearer to each other than the schedule says, in
/// microseconds, if that is worth a look.
fn off_schedule(data: &RunData, second: u32) -> u64 {
    let micros = of_generator(data, second).map_or(0, |it| it.off_schedule_ns() / 1_000);
    if micros < SMALL_SKEW { 0 } else { micros }
}

fn of_generator<'f>(data: &'f RunData, second: u32) -> Option<&'f GeneratorSecond> {
    let index = data.together.binary_search_by_key(&second, |known| known.second).ok()?;
    data.together.get(index)
}

/// A stretch of seconds that feel a lag.
#[derive(Debug, Clone, Copy)]
struct Spell {
    /// In microseconds.
    lag: u64,
    /// The last second that may feel it.
    last: u32,
}

/// The judged seconds in which a lag of at least `least` is felt, and the longest of these
/// lags; all in microseconds.
pub fn shadow(data: &RunData, lower_bound: u64) -> BTreeMap<u32, u64> {
    let are_reads = ends_are_reads(data);
    let usual = usual_in_flight(data);
    let is_busy = |second: u32| {
        of_generator(data, second).is_none_or(|known| known.in_flight > 2 * usual + 1)
    };
    let mut felt = BTreeMap::new();
    let mut spell: Option<Spell> = None;
    for &(second, lag) in &data.lags {
        let own = lag_of(data, second, lag, lower_bound, are_reads);
        let is_late = own >= lower_bound.max(1);
        // A spell of lateness goes on though little is in flight: what is due is not sent.
        let goes_on =
            |spell: &Spell| second <= spell.last && (is_late || is_busy(second.saturating_sub(1)));
        spell = spell.filter(goes_on);
        if is_late && spell.is_none_or(|spell| own >= spell.lag) {
            let reach = (RECOVERY * own / 1_000_000) as u32 + 1;
            spell = Some(Spell { lag: own, last: second.saturating_add(reach) });
        }
        felt.extend(spell.map(|spell| (second, spell.lag)));
    }
    felt.retain(|second, _| data.judged.contains(*second));
    felt
}

/// The longest that the generator held up a request of a second. A request that was late
/// may also have waited for it to notice that its connection was open or free; that is in
/// no send lag, and the lateness of the ticks until it was sent bounds it.
fn lag_of(data: &RunData, second: u32, lag: u64, lower_bound: u64, are_reads: bool) -> u64 {
    if lag < lower_bound && !are_reads {
        return lag;
    }
    let until = second.saturating_add((lag / 1_000_000) as u32 + 1);
    let index = data.together.partition_point(|known| known.second < second);
    let ticks = data.together[index..].iter().take_while(|known| known.second <= until);
    let stood_still = ticks.map(|known| known.canary_late_max_ns / 1_000).max().unwrap_or(0);
    // One stall that explains the whole lag is not counted twice.
    if lag <= stood_still + SAME_STALL { lag.max(stood_still) } else { lag + stood_still }
}

/// The median of the requests in flight at the ends of seconds.
fn usual_in_flight(data: &RunData) -> u64 {
    let mut levels: Vec<u64> = data.together.iter().map(|second| second.in_flight).collect();
    levels.sort_unstable();
    levels.get(levels.len() / 2).copied().unwrap_or(0)
}
