//! What the counts and histograms of a record are of.
//!
//! A series is what is counted together: all requests of a step. The table in the head of the
//! record says which step each series is of, and whose, where tenants are told apart; the rows of its seconds, its histograms and the tags
//! of `intervals.hlog` know the series only. What is to be told apart besides the step is another
//! column of the table, and [`Layout`] says to which series a request belongs.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::model::{StepId, TenantId};

/// The place of a series in the record's table of them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct SeriesId(pub u16);

/// By what a request is known to belong to a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// Its step.
    pub step: StepId,
    /// Whose it is.
    pub tenant: TenantId,
}

/// Where the series of a step and a tenant are in the table: those of a step one after the other, by
/// the places of the tenants.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// The first series of each step; empty where each step has one.
    firsts: Box<[u16]>,
}

impl Layout {
    /// That of a table.
    pub fn of(series: &[SeriesHead]) -> Layout {
        if series.iter().all(|series| series.tenant.is_none()) {
            return Layout::default();
        }
        let steps = series.iter().map(|series| series.step).max().map_or(0, |last| last + 1);
        let first = |step: u16| series.iter().position(|series| series.step == step);
        let firsts = (0..steps).map(|step| first(step).unwrap_or_default() as u16);
        Layout { firsts: firsts.collect() }
    }

    /// The series of a request.
    pub fn series(&self, key: SeriesKey) -> SeriesId {
        match self.firsts.get(key.step.index()) {
            None => SeriesId(key.step.0),
            Some(first) => SeriesId(first + key.tenant.0),
        }
    }
}

impl SeriesId {
    /// The index for a slice.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A series as the record knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesHead {
    /// The step that it is of, by its place.
    pub step: u16,
    /// Whose requests it is of, by the place in the head's table of tenants; the place behind the last
    /// one is that of all others. Nothing where the step's requests are nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<u16>,
    /// Prefix of its tags in `intervals.hlog`: letters, digits and dashes.
    pub tag: String,
}

/// The table of a run whose steps have these tags.
pub fn table(tags: impl IntoIterator<Item = String>) -> Vec<SeriesHead> {
    (0..).zip(tags).map(|(step, tag)| SeriesHead { step, tenant: None, tag }).collect()
}

/// Whether everything that is counted is of one of so many steps, and every step is counted.
pub(super) fn check(series: &[SeriesHead], steps: usize) -> Result<(), String> {
    if series.len() > usize::from(u16::MAX) {
        return Err("a run has at most 65535 series".to_owned());
    }
    if let Some(stray) = series.iter().find(|it| usize::from(it.step) >= steps) {
        return Err(format!("a series of step {} of only {steps}", stray.step));
    }
    let counted: BTreeSet<u16> = series.iter().map(|series| series.step).collect();
    if counted.len() < steps {
        return Err("a step without a series".to_owned());
    }
    check_tenants(series)?;
    let mut tags = BTreeSet::new();
    let is_plain =
        |tag: &str| !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match series.iter().find(|it| !is_plain(&it.tag) || !tags.insert(&it.tag)) {
        Some(series) => Err(format!("\"{}\" is no tag of a series of its own", series.tag)),
        None => Ok(()),
    }
}

/// The series of a step are one after the other, by the places of the tenants from 0 on.
fn check_tenants(series: &[SeriesHead]) -> Result<(), String> {
    if series.iter().all(|series| series.tenant.is_none()) {
        return Ok(());
    }
    let follows = |pair: &[SeriesHead]| {
        let [before, next] = pair else { return true };
        match (before.tenant, next.tenant) {
            _ if before.step > next.step => false,
            (Some(before_it), Some(it)) if before.step == next.step => it == before_it + 1,
            _ => before.step < next.step && next.tenant.unwrap_or(0) == 0,
        }
    };
    let begins = series.first().is_none_or(|first| first.tenant.unwrap_or(0) == 0);
    if begins && series.windows(2).all(follows) {
        return Ok(());
    }
    Err("the series of a step are not in the order of the tenants".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(step: u16, tenant: u16) -> SeriesKey {
        SeriesKey { step: StepId(step), tenant: TenantId(tenant) }
    }

    #[test]
    fn the_series_of_a_request_is_one_of_its_step() {
        let table = table(["a", "b", "c"].map(str::to_owned));
        let layout = Layout::of(&table);
        for step in 0..3 {
            let series = layout.series(key(step, 0));
            assert_eq!(table[series.index()].step, step);
        }
    }

    /// Of two steps, the second of which has three tenants.
    fn with_tenants() -> Vec<SeriesHead> {
        let series = [(0, None), (1, Some(0)), (1, Some(1)), (1, Some(2)), (2, None)];
        let series = series.iter().enumerate();
        series
            .map(|(index, (step, tenant))| SeriesHead {
                step: *step,
                tenant: *tenant,
                tag: format!("s{index}"),
            })
            .collect()
    }

    #[test]
    fn the_series_of_a_tenant_is_one_of_its_step_and_its_own() {
        let table = with_tenants();
        check(&table, 3).unwrap();
        let layout = Layout::of(&table);
        for (step, tenant) in [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0)] {
            let found = &table[layout.series(key(step, tenant)).index()];
            assert_eq!((found.step, found.tenant.unwrap_or(0)), (step, tenant));
        }
    }

    #[test]
    fn series_in_another_order_are_refused() {
        let change = |changed: fn(&mut Vec<SeriesHead>)| {
            let mut table = with_tenants();
            changed(&mut table);
            check(&table, 3).unwrap_err()
        };
        change(|table| table.swap(1, 2));
        change(|table| table[3].tenant = Some(7));
        change(|table| table[1].tenant = None);
        change(|table| drop(table.remove(1)));
        change(|table| table.swap(0, 4));
    }
}
