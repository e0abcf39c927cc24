//! What an objective that is undecided lacks: answers that had not come yet, or requests.

use crate::analysis::evidence::{self, Share};
use crate::analysis::number_format;
use crate::analysis::open;
use crate::analysis::run_data::RunData;
use crate::record::run::SloHead;

/// Nobody runs longer than this for one answer, in seconds: a day.
const TOO_LONG: f64 = 86_400.0;

/// That the end of some requests is not known, where that may decide.
pub fn unanswered(data: &RunData, share: &Share) -> Option<String> {
    let oldest = open::oldest(data.record, &data.judged.seconds).filter(|_| share.open > 0)?;
    let age = if oldest > 0.0 {
        format!(", some for more than {}", number_format::seconds(oldest))
    } else {
        String::new()
    };
    Some(format!(
        "{} had no answer yet when the run was cut short{age}: bad or not, nobody knows",
        number_format::counted(share.open, "request"),
    ))
}

/// How much more would decide, if anything would.
pub fn what_is_needed(data: &RunData, slo: &SloHead, share: &Share) -> String {
    if let Some(note) = unanswered(data, share) {
        return note;
    }
    let longer = share.factor_to_decide(slo.allowed).map(|factor| factor - 1.0);
    let seconds = longer.map(|more| more * data.judged.length);
    match longer.zip(seconds).filter(|(_, seconds)| *seconds <= TOO_LONG) {
        Some((more, seconds)) => format!(
            "about {} more requests ({} more at this rate) would decide",
            number_format::about(more * (share.total.all / evidence::points(slo)) as f64),
            number_format::seconds(seconds.ceil()),
        ),
        None => "the true share is too near to the limit to tell in reasonable time".to_owned(),
    }
}
