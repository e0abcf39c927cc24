//! How many TLS handshakes a run had. Counts in and out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many TLS handshakes succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Handshakes {
    /// Whole ones.
    pub full: u64,
    /// Those that went on with an earlier session.
    pub resumed: u64,
}

impl Handshakes {
    /// One more.
    pub fn count(&mut self, is_resumed: bool) {
        let counter = if is_resumed { &mut self.resumed } else { &mut self.full };
        *counter += 1;
    }

    /// Those of another one as well.
    #[must_use]
    pub fn and(self, others: Handshakes) -> Handshakes {
        Handshakes {
            full: self.full.saturating_add(others.full),
            resumed: self.resumed.saturating_add(others.resumed),
        }
    }

    /// Whether there were none.
    pub fn is_none(&self) -> bool {
        *self == Handshakes::default()
    }
}
