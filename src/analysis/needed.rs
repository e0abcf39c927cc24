//! What an objective that is undecided lacks: answers that had not come yet, or requests.

use crate::analysis::evidence::{self, Share};
use crate::analysis::number_format;
use crate::analysis::open;
use crate::analysis::run_data::RunData;
use crate::record::run::SloHead;
use crate::record::slo_head::MetricHead;
use crate::scenario::slo::LapKind;

/// Nobody runs longer than this for one answer, in seconds: a day.
const TOO_LONG: f64 = 86_400.0;

/// That the end of some requests is not known, where that may decide.
pub fn unanswered(data: &RunData, slo: &SloHead, share: &Share) -> Option<String> {
    let oldest = open::oldest(data.record, &data.judged.seconds).filter(|_| share.open > 0)?;
    let age = if oldest > 0.0 {
        format!(", some for more than {}", number_format::seconds(oldest))
    } else {
        String::new()
    };
    Some(format!(
        "{} had no answer yet when the run was cut short{age}: bad or not, nobody knows",
        number_format::counted(share.open, awaited(slo)),
    ))
}

/// That an objective has nothing to look at.
pub fn nothing(slo: &SloHead) -> String {
    format!("no {} to judge", counted(slo))
}

/// What an objective still awaits of requests that have not ended: a WebSocket may lack several.
fn awaited(slo: &SloHead) -> &'static str {
    match slo.metric {
        MetricHead::Lap { of: LapKind::RoundTrip, .. } => "round trip",
        _ => "request",
    }
}

/// What an objective counts.
fn counted(slo: &SloHead) -> &'static str {
    match slo.metric {
        MetricHead::Lap { of: LapKind::EventGap, .. } => "gap",
        _ => awaited(slo),
    }
}

/// How much more would decide, if anything would.
pub fn what_is_needed(data: &RunData, slo: &SloHead, share: &Share) -> String {
    if let Some(note) = unanswered(data, slo, share) {
        return note;
    }
    let longer = share.factor_to_decide(slo.allowed).map(|factor| factor - 1.0);
    let seconds = longer.map(|more| more * data.judged.length);
    match longer.zip(seconds).filter(|(_, seconds)| *seconds <= TOO_LONG) {
        Some((more, seconds)) => format!(
            "about {} more {}s ({} more at this rate) would decide",
            number_format::about(more * (share.total.all / evidence::points(slo)) as f64),
            counted(slo),
            number_format::seconds(seconds.ceil()),
        ),
        None => "the true share is too near to the limit to tell in reasonable time".to_owned(),
    }
}
