//! What the counts and histograms of a record are of.
//!
//! A series is what is counted together: all requests of a step. The table in the head of the
//! record says which step each series is of; the rows of its seconds, its histograms and the tags
//! of `intervals.hlog` know the series only. What is to be told apart besides the step is another
//! column of the table, and [`SeriesId::of`] says to which series a request belongs.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::model::StepId;

/// The place of a series in the record's table of them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct SeriesId(pub u16);

impl SeriesId {
    /// That of a request of a step.
    pub fn of(step: StepId) -> SeriesId {
        SeriesId(step.0)
    }

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
    /// Prefix of its tags in `intervals.hlog`: letters, digits and dashes.
    pub tag: String,
}

/// The table of a run whose steps have these tags.
pub fn table(tags: impl IntoIterator<Item = String>) -> Vec<SeriesHead> {
    (0..).zip(tags).map(|(step, tag)| SeriesHead { step, tag }).collect()
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
    let mut tags = BTreeSet::new();
    let is_plain =
        |tag: &str| !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match series.iter().find(|it| !is_plain(&it.tag) || !tags.insert(&it.tag)) {
        Some(series) => Err(format!("\"{}\" is no tag of a series of its own", series.tag)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_a_request_is_one_of_its_step() {
        let table = table(["a", "b", "c"].map(str::to_owned));
        for step in 0..3 {
            assert_eq!(table[SeriesId::of(StepId(step)).index()].step, step);
        }
    }
}
