//! How fast the failures of a run would burn the error budget of each objective, and the
//! incident that they would have raised: what [`budget_burn`](super::budget_burn) says.

use schemars::JsonSchema;
use serde::Serialize;

/// What the failures of a run would cost.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ErrorBudget {
    /// The window that a budget is for, in hours.
    pub window_hours: f64,
    /// The objectives that have a budget, in the order of the scenario.
    pub objectives: Vec<Burn>,
    /// What the run would have raised; `None`: nothing.
    pub incident: Option<Incident>,
}

/// How fast one objective's budget burns.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Burn {
    /// `p99 < 500ms`.
    pub objective: String,
    /// The step it speaks of; `None`: all requests.
    pub step: Option<String>,
    /// A: the share of requests that must be good.
    pub good_share: f64,
    /// f: the share of requests that were bad.
    pub bad_share: f64,
    /// B = f/(1 − A).
    pub rate: f64,
    /// B is at least this; 5 % beyond.
    pub low: f64,
    /// B is at most this; 5 % beyond.
    pub high: f64,
    /// The share of the window's budget that an hour of this burns.
    pub share_per_hour: f64,
    /// Hours until a whole budget is gone; `None` without bad requests.
    pub hours_left: Option<f64>,
    /// At least so many.
    pub hours_left_low: f64,
    /// At most so many; `None` where it may last for ever.
    pub hours_left_high: Option<f64>,
    /// The largest of 14.4, 6 and 1 that B is above for certain.
    pub above: Option<f64>,
    /// The largest that B may be above, where that is another one.
    pub perhaps_above: Option<f64>,
}

/// What a run would have raised in production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Incident {
    /// How grave.
    pub class: IncidentClass,
    /// Why, in a sentence.
    pub reason: String,
}

/// How grave an incident is, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub enum IncidentClass {
    /// The service is down.
    P0,
    /// A major function is impaired, or a month's budget is gone in about two days.
    P1,
    /// A month's budget is gone in about five days.
    P2,
    /// An objective is missed.
    P3,
}

impl IncidentClass {
    /// `P1, major function impaired`.
    pub fn name(self) -> &'static str {
        match self {
            IncidentClass::P0 => "P0, service down",
            IncidentClass::P1 => "P1, major function impaired",
            IncidentClass::P2 => "P2, budget burns fast",
            IncidentClass::P3 => "P3, objective missed",
        }
    }
}

impl ErrorBudget {
    /// The objective whose budget burns fastest.
    pub fn fastest(&self) -> Option<&Burn> {
        let order = |a: &&Burn, b: &&Burn| (a.rate, a.high).partial_cmp(&(b.rate, b.high));
        self.objectives.iter().max_by(|a, b| order(a, b).unwrap_or(std::cmp::Ordering::Equal))
    }
}

impl Burn {
    /// `create order: p99 < 800ms`.
    pub fn name(&self) -> String {
        self.step
            .as_ref()
            .map_or_else(|| self.objective.clone(), |step| format!("{step}: {}", self.objective))
    }
}
