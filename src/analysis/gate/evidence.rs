//! One metric at one look, whichever kind it is: what Holm's rule needs of it, and what is
//! said of it once that has been applied.

use crate::analysis::comparison::{Estimate, LookMetric, Rule, Ruling};
use crate::analysis::gate::error_rate::ErrorEvidence;
use crate::analysis::gate::response_time::TimeEvidence;
use crate::analysis::gate::series::Measured;
use crate::analysis::holm::Held;
use crate::record::duet::{GateMetric, GateSettings};

/// What was seen of a metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// A quantile of the response time.
    ResponseTime(TimeEvidence),
    /// The share of errors.
    ErrorRate(ErrorEvidence),
}

impl Evidence {
    /// All that has been measured says this of a metric.
    pub fn gather(metric: GateMetric, measured: &Measured<'_>, settings: &GateSettings) -> Self {
        match metric {
            GateMetric::ResponseTime(share) => {
                Evidence::ResponseTime(TimeEvidence::gather(measured, share, settings))
            }
            GateMetric::ErrorRate => Evidence::ErrorRate(ErrorEvidence::gather(measured, settings)),
        }
    }

    /// Which metric.
    pub fn metric(&self) -> GateMetric {
        match self {
            Evidence::ResponseTime(times) => GateMetric::ResponseTime(times.share),
            Evidence::ErrorRate(_) => GateMetric::ErrorRate,
        }
    }

    /// The smallest level at which it would be called regressed.
    pub fn p_regressed(&self) -> f64 {
        match self {
            Evidence::ResponseTime(times) => times.p_regressed().0,
            Evidence::ErrorRate(errors) => errors.p_regressed(),
        }
    }

    /// What it says: regressed as Holm's rule has it, else by the level of *pass*.
    pub fn judged(&self, held: Held, pass_level: f64) -> LookMetric {
        let ruling = if held.rejected { Ruling::Regressed } else { self.otherwise(pass_level) };
        let rule = held.rejected.then(|| self.rule());
        LookMetric {
            metric: self.metric(),
            estimate: self.estimate(rule, held.level, pass_level),
            sign_p: Some(self.sign_p()),
            ruling,
            rule,
        }
    }

    fn otherwise(&self, level: f64) -> Ruling {
        match self {
            Evidence::ResponseTime(times) => times.otherwise(level),
            Evidence::ErrorRate(errors) => errors.otherwise(level),
        }
    }

    fn rule(&self) -> Rule {
        match self {
            Evidence::ResponseTime(times) => times.p_regressed().1,
            Evidence::ErrorRate(_) => Rule::SignFlip,
        }
    }

    fn sign_p(&self) -> f64 {
        match self {
            Evidence::ResponseTime(times) => times.signs.p(),
            Evidence::ErrorRate(errors) => errors.p,
        }
    }

    fn estimate(&self, rule: Option<Rule>, low: f64, high: f64) -> Option<Estimate> {
        match self {
            Evidence::ResponseTime(times) => times.estimate(rule, low, high),
            Evidence::ErrorRate(errors) => errors.estimate(low, high),
        }
    }
}
