//! Times to think.

use std::time::Duration;

use super::super::problems::Fault;
use super::lengths::{AN_HOUR, positive};
use crate::units::parse_duration;

/// `1s`, or `1s..3s`: the shortest and the longest.
pub(super) fn think(text: &str) -> Result<(Duration, Duration), Fault> {
    let (shortest, longest) = match text.split_once("..") {
        Some((shortest, longest)) => (parse_duration(shortest)?, positive(longest)?),
        None => (positive(text)?, positive(text)?),
    };
    if shortest > longest {
        let fault = Fault::new("the longest time to think is shorter than the shortest");
        return Err(fault.help("the shorter comes first, as in \"1s..3s\""));
    }
    if longest > AN_HOUR {
        return Err(Fault::new("a time to think is at most 1h"));
    }
    Ok((shortest, longest))
}
