//! That one tenant was noisy for a stage, and what the others may notice of it, as the head of a
//! record has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::slo_head::{SloHead, TenantsHead};

/// One tenant who did more than his size says, for a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoisyHead {
    /// His place in the head's table of tenants.
    pub tenant: u16,
    /// How many times as much he did as before.
    pub times: f64,
    /// When the stage before begins, in seconds of the schedule; it ends where he begins.
    pub before: f64,
    /// When he begins.
    pub from: f64,
    /// When he is as before.
    pub until: f64,
    /// Objectives of all other tenants together, while he is noisy.
    pub slos: Vec<SloHead>,
    /// Limits on their times against those before.
    pub effects: Vec<EffectHead>,
}

/// How many times as long a quantile of the response time of the others may be as before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffectHead {
    /// `p99 < 1.5x`.
    pub text: String,
    /// In (0, 1).
    pub quantile: f64,
    /// The limit.
    pub limit: f64,
    /// Whether the limit itself is still good.
    pub inclusive: bool,
}

impl NoisyHead {
    /// Whether it can be meant, but for its objectives.
    pub(super) fn check(&self, tenants: Option<&TenantsHead>) -> Result<(), String> {
        let names = tenants.map_or(0, |tenants| tenants.names.len());
        if usize::from(self.tenant) >= names {
            return Err("a noisy tenant who is not there".to_owned());
        }
        let is_ordered = 0.0 <= self.before && self.before < self.from && self.from < self.until;
        if !is_ordered || !self.until.is_finite() || !self.times.is_finite() {
            return Err("a noisy tenant at no time".to_owned());
        }
        let is_one = |effect: &EffectHead| {
            effect.quantile > 0.0
                && effect.quantile < 1.0
                && effect.limit.is_finite()
                && effect.limit > 0.0
        };
        match self.effects.iter().find(|effect| !is_one(effect)) {
            Some(effect) => Err(format!("the objective \"{}\": a limit that is none", effect.text)),
            None => Ok(()),
        }
    }
}
