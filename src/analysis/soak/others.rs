//! Whether a drift may be the doing of others: times grow too where something else begins to use
//! the machine.
//!
//! Of each window it is known how much of the machine neither the target nor the generator used.
//! Where windows differ in that, a drift of times has to be there in those as well in which others
//! used little; if it is not, nobody knows. A drift that is there in those only is one too: where
//! others leave, times become shorter and hide it. What nobody knows is never a pass, as what a target starts and does
//! not own, such as its database, is among the others.

use crate::analysis::soak::found::{Growth, Metric, Others, Trend};
use crate::analysis::soak::trend::Frame;
use crate::analysis::soak::windows::Grid;
use crate::record::gauge;
use crate::record::run::RunRecord;

/// Others use so much more of the machine than in the calmest quarter of the windows.
const MUCH_MORE: f64 = 0.15;

/// What others used of the machine in each window, in [0, 1]; `None` where that is not known.
pub(super) fn shares(record: &RunRecord, grid: Grid<'_>) -> Vec<Option<f64>> {
    let cores = f64::from(record.head.environment().cores.max(1));
    let mut target = record.gauge(&gauge::CPU).peekable();
    let is_here = !record.is_watched_elsewhere();
    let is_seen = is_here && target.peek().is_some();
    let of_second = record.together();
    let of_second = of_second.iter().filter_map(|generator| {
        while target.next_if(|(known, _)| known.second < generator.second).is_some() {}
        let own = target.peek().filter(|(known, _)| is_here && known.second == generator.second);
        // A second in which the target was not looked at says nothing of others either.
        let of_target = own.map(|(_, used)| *used).or_else(|| (!is_seen).then_some(0.0))?;
        let own = of_target + generator.cpu;
        let taken = generator.steal.unwrap_or(0.0);
        Some((generator.second, (generator.machine_busy? + taken - own / cores).clamp(0.0, 1.0)))
    });
    grid.medians(&of_second.collect::<Vec<_>>())
}

/// The trend, the same as one that others may explain, or the one that others hid: of the windows
/// in which they used little.
pub(super) fn explained(trend: Trend, shares: &[Option<f64>], frame: Frame<'_>) -> Trend {
    let is_time = matches!(trend.metric, Metric::EventLoopDelay | Metric::P50 | Metric::P99);
    let known: Vec<f64> = shares.iter().flatten().copied().collect();
    if !is_time || known.is_empty() {
        return trend;
    }
    let calm = calmest_quarter(known);
    let is_disturbed = |share: &Option<f64>| share.is_some_and(|share| share > calm + MUCH_MORE);
    let disturbed = shares.iter().filter(|share| is_disturbed(share)).count();
    if disturbed == 0 {
        return trend;
    }
    let rest = trend.values.iter().zip(shares);
    let rest = rest.map(|(value, share)| value.filter(|_| !is_disturbed(share))).collect();
    let rest = frame.trend(trend.metric, rest);
    match (trend.growth, rest.growth) {
        (Growth::Grows, Growth::Grows) => trend,
        (Growth::Grows, _) => {
            let most = shares.iter().flatten().copied().fold(0.0, f64::max);
            let others = Some(Others { most, windows: disturbed });
            Trend { growth: Growth::Disturbed, others, ..trend }
        }
        (_, Growth::Grows) => Trend { values: trend.values, ..rest },
        _ => trend,
    }
}

fn calmest_quarter(mut shares: Vec<f64>) -> f64 {
    shares.sort_by(f64::total_cmp);
    shares[shares.len() / 4]
}
