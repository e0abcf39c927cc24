//! Loads that end by themselves, as each row of their data was used: why and when.

use std::time::Duration;

use crate::engine::ledger::Totals;
use crate::record::run::EndReason;
use crate::scenario::model::Scenario;

/// Why a load ended that nobody and nothing else has ended.
pub(super) fn reason(totals: &Totals, scenario: &Scenario) -> EndReason {
    let used_up = totals.used_up.and_then(|it| scenario.data.sources.get(it.source.index()));
    used_up.map_or(EndReason::Finished, |source| EndReason::RowsUsed { data: source.name.clone() })
}

/// When that was, if all of so many workers met it: what one of them does to the end is the load.
pub(super) fn cut(totals: &Totals, workers: usize) -> Option<Duration> {
    let used_up = totals.used_up.filter(|it| it.workers == workers);
    used_up.map(|it| Duration::from_nanos(it.at.0))
}
