//! Memory of the target that only grows.
//!
//! METHODS.md, section 7, on what a short run can carry: without the first quarter, the lowest
//! resident memory of each stretch, a Theil–Sen slope through these and its lower bound by
//! ranks. It says that the memory grew, not why: a heap or a cache fills up before it levels
//! off, and a leak looks the same for some minutes.

use crate::analysis::assessment::{Finding, Severity};
use crate::analysis::finding::finding;
use crate::analysis::number_format::seconds;
use crate::analysis::run_data::RunData;
use crate::analysis::stats::{theil_sen, theil_sen_at_least};
use crate::record::gauge;

/// Fewer stretches prove nothing.
const FEWEST: usize = 12;
/// More are put together.
const MOST: usize = 60;
/// The chance to see growth where there is none.
const ALPHA: f64 = 0.01;
/// Growth that is certain must be this part of the memory, and so many bytes.
const LEAST_PART: f64 = 0.05;
const LEAST_BYTES: f64 = 4e6;
/// The second half must grow at least by this part of what the first half grew by: what
/// levels off is no leak.
const STILL: f64 = 0.5;
/// From this length on it is more than a note, in seconds.
const LONG: f64 = 300.0;

/// That the target's memory only grows.
pub fn grows(data: &RunData) -> Option<Finding> {
    let (lows, width) = lows(data)?;
    let (first, last) = (*lows.first()?, *lows.last()?);
    let steps = (lows.len() - 1) as f64;
    let surely = theil_sen_at_least(&lows, ALPHA)?;
    let (early, late) = lows.split_at(lows.len() / 2);
    let levels_off = theil_sen(late) < STILL * theil_sen(early);
    let enough = surely * steps >= (LEAST_PART * first).max(LEAST_BYTES);
    let is_highest = lows.iter().all(|low| *low <= last * 1.02);
    if levels_off || !enough || !is_highest {
        return None;
    }
    let length = steps * width as f64;
    let (severity, caution) = if length >= LONG {
        (Severity::Warning, "")
    } else {
        (Severity::Note, "; a run this short cannot tell a leak from a heap that still fills up")
    };
    let evidence = format!(
        "the target's memory only grew: from {:.0} to {:.0} MB in {}, at least {:.1} MB a minute{caution}",
        first / 1e6,
        last / 1e6,
        seconds(length),
        surely / width as f64 * 60.0 / 1e6,
    );
    let advice = "run longer to see whether it levels off; if not, look for what is kept for ever";
    Some(finding("memory_grows", severity, evidence, advice))
}

/// The lowest memory of each stretch, in bytes, and how many seconds a stretch has.
fn lows(data: &RunData) -> Option<(Vec<f64>, usize)> {
    let memory = data.record.gauge(&gauge::RSS);
    let judged = memory.filter(|(second, _)| data.judged.contains(second.second));
    let all: Vec<f64> = judged.map(|(_, bytes)| bytes).collect();
    let kept = &all[all.len() / 4..];
    // Two seconds at least: a low must be one.
    let width = (kept.len() / MOST).max(2);
    let lows: Vec<f64> = kept
        .chunks_exact(width)
        .map(|stretch| stretch.iter().copied().fold(f64::MAX, f64::min))
        .collect();
    (lows.len() >= FEWEST).then_some((lows, width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::Verdict;
    use crate::analysis::sample_records::{Requests, add, run};
    use crate::record::telemetry::TargetSecond;

    /// What is said of a run in which the memory, in MB, was so at each second.
    fn found(length: u32, megabytes: impl Fn(f64) -> f64) -> Option<Finding> {
        let mut record = run(length, 100.0);
        add(&mut record, 0..length, &[Requests::ok(100, 20_000)]);
        let table = record.head.gauges.clone();
        let second = |second: u32| {
            let bytes = (megabytes(f64::from(second)) * 1e6).trunc();
            TargetSecond::of(second, &table, [(&gauge::RSS, bytes)])
        };
        record.target = (0..length).map(second).collect();
        let assessment = assess(&record);
        assert_eq!(assessment.verdict, Verdict::Pass);
        assessment.findings.into_iter().find(|finding| finding.kind == "memory_grows")
    }

    /// Noise without a trend, in [-1, 1].
    fn noise(at: f64) -> f64 {
        (at * 12.9898).sin()
    }

    #[test]
    fn a_leak_is_found_in_a_minute_and_said_with_care() {
        let leak = found(60, |at| 80.0 + at + noise(at)).unwrap();
        assert_eq!(leak.severity, Severity::Note);
        assert!(leak.evidence.contains("cannot tell a leak from a heap"), "{}", leak.evidence);
        let minute: f64 = leak
            .evidence
            .split("at least ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!((50.0..=60.0).contains(&minute), "{}", leak.evidence);
        let leak = found(900, |at| 80.0 + 0.1 * at + 3.0 * noise(at)).unwrap();
        assert_eq!(leak.severity, Severity::Warning);
    }

    #[test]
    fn what_holds_or_levels_off_or_comes_back_or_hardly_grows_is_no_leak() {
        assert_eq!(found(60, |at| 80.0 + 5.0 * noise(at)), None);
        assert_eq!(found(60, |at| 80.0 + 60.0 * (1.0 - (-at / 12.0).exp())), None);
        assert_eq!(found(60, |at| 80.0 + (at % 15.0) * 2.0), None);
        assert_eq!(found(60, |at| 80.0 + 0.02 * at), None);
        assert_eq!(found(60, |at| 120.0 - at), None);
        assert_eq!(found(60, |at| if at < 45.0 { 80.0 + at } else { 90.0 }), None);
        // Too short to say anything.
        assert_eq!(found(20, |at| 80.0 + 5.0 * at), None);
    }
}
