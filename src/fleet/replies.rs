//! What an agent says to an offer, and whether it and the coordinator are of one build.

use serde::{Deserialize, Serialize};

use crate::fleet::foreign;
use crate::fleet::wire::{LOADGATE, PROTOCOL};
use crate::record::generator::GeneratorHead;

/// What an agent says to an offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is ready.
    Ready {
        /// How it understood what to do.
        digest: String,
        /// Its machine.
        head: Box<GeneratorHead>,
        /// How well it knows the coordinator's clock, in nanoseconds.
        bound_ns: u64,
    },
    /// It works for another run.
    Busy {
        /// Which one.
        #[serde(deserialize_with = "foreign::name")]
        run: String,
    },
    /// It is not.
    Refused {
        /// Why.
        #[serde(deserialize_with = "foreign::refusal")]
        detail: String,
        /// Whether it and the coordinator are unlike, so that nothing but a change helps.
        is_unlike: bool,
    },
}

/// Which loadgate somebody is, if that is not ours: two builds of one version may differ in how they talk.
pub fn other_build(loadgate: &str, protocol: u32) -> Option<String> {
    match (loadgate == LOADGATE, protocol == PROTOCOL) {
        (true, true) => None,
        (false, true) => Some(format!("loadgate {loadgate}")),
        (_, false) => Some(format!("loadgate {loadgate} with protocol {protocol}")),
    }
}

/// Which loadgate we are.
pub fn own_build() -> String {
    format!("{LOADGATE} with protocol {PROTOCOL}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_build_is_told_by_what_differs() {
        assert_eq!(other_build(LOADGATE, PROTOCOL), None);
        assert_eq!(other_build("0.0.9", PROTOCOL).unwrap(), "loadgate 0.0.9");
        let other = other_build(LOADGATE, PROTOCOL + 1).unwrap();
        assert_ne!(format!("loadgate {}", own_build()), other);
        assert!(other.ends_with(&format!("with protocol {}", PROTOCOL + 1)), "{other}");
    }
}
