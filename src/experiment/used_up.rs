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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ledger::UsedUp;
    use crate::scenario::ids::SourceId;
    use crate::units::Moment;

    fn met(at: u64, workers: usize) -> Option<UsedUp> {
        Some(UsedUp { source: SourceId(0), at: Moment(at), workers })
    }

    #[test]
    fn a_load_is_over_when_the_last_of_its_workers_has_no_rows_left() {
        let totals = |used_up| Totals { used_up, ..Totals::default() };
        let both = UsedUp::together(met(5, 1), met(9, 1));
        assert_eq!(both, met(9, 2));
        assert_eq!(UsedUp::together(met(9, 1), met(5, 2)), met(9, 3));
        assert_eq!(UsedUp::together(None, met(5, 1)), met(5, 1));
        assert_eq!(UsedUp::together(met(5, 1), None), met(5, 1));
        assert_eq!(UsedUp::together(None, None), None);
        assert_eq!(cut(&totals(both), 2), Some(Duration::from_nanos(9)));
        assert_eq!(cut(&totals(met(5, 1)), 2), None, "one goes on to the end of the load");
        assert_eq!(cut(&totals(None), 2), None);
    }
}
