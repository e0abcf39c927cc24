//! One metric at one look, whichever kind it is: what Holm's rule needs of it, and what is
//! said of it once that has been applied. It either gates, so that a pass needs it, or only
//! watches ([`super::watch`]).

use crate::analysis::comparison::{Estimate, LookMetric, Rule, Ruling};
use crate::analysis::gate::cpu::CpuEvidence;
use crate::analysis::gate::error_rate::ErrorEvidence;
use crate::analysis::gate::response_time::TimeEvidence;
use crate::analysis::gate::series::Measured;
use crate::analysis::gate::slow::Slow;
use crate::analysis::gate::strata::Stratum;
use crate::analysis::gate::watch::{self, Watch};
use crate::analysis::holm::HolmTest;
use crate::record::duet::{GateMetric, GateSettings};

/// What was seen of a metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// A quantile of the response time that gates.
    ResponseTime(TimeEvidence),
    /// The share of errors, which gates.
    ErrorRate(ErrorEvidence),
    /// The CPU time per request, which gates.
    Cpu(CpuEvidence),
    /// What only watches.
    Watched(Watched),
}

/// What was seen of a metric that only watches.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Of which step; `None` for all requests.
    pub step: Option<String>,
    /// What of it.
    pub seen: Seen,
}

/// What a watcher saw.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Slow requests.
    Slow {
        /// The quantile beyond which they are counted.
        share: f64,
        /// `None` where an arm has no request with a response time.
        watch: Option<Watch>,
    },
    /// Failed requests, and the p of the test on them.
    Failed(ErrorEvidence, f64),
    /// The CPU time per request, where it cannot be decided.
    Cpu(CpuEvidence),
    /// Requests that took many times the usual p99; `None` where an arm has no request
    /// with a response time.
    VerySlow(Option<Slow>),
}

impl Evidence {
    /// All that has been measured says this of a metric that gates.
    pub fn gather(
        metric: GateMetric,
        measured: &Measured<'_>,
        strata: &[Stratum<'_, '_>],
        settings: &GateSettings,
    ) -> Self {
        match metric {
            GateMetric::ResponseTime(share) => {
                Evidence::ResponseTime(TimeEvidence::gather(measured, strata, share, settings))
            }
            GateMetric::ErrorRate => Evidence::ErrorRate(ErrorEvidence::gather(measured, settings)),
            GateMetric::CpuPerRequest => Evidence::Cpu(CpuEvidence::gather(measured, settings)),
            GateMetric::SlowRequests => Evidence::watch(metric, None, measured, settings),
        }
    }

    /// The same of one that only watches.
    pub fn watch(
        metric: GateMetric,
        step: Option<&str>,
        measured: &Measured<'_>,
        settings: &GateSettings,
    ) -> Self {
        let seen = match metric {
            GateMetric::ResponseTime(share) => {
                Seen::Slow { share, watch: Watch::gather(measured, share, settings) }
            }
            GateMetric::ErrorRate => {
                let errors = ErrorEvidence::gather(measured, settings);
                let p = watch::errors(measured, settings.error_floor);
                Seen::Failed(errors, p)
            }
            GateMetric::CpuPerRequest => Seen::Cpu(CpuEvidence::gather(measured, settings)),
            GateMetric::SlowRequests => Seen::VerySlow(Slow::gather(measured, settings)),
        };
        Evidence::Watched(Watched { step: step.map(str::to_owned), seen })
    }

    /// Which metric.
    pub fn metric(&self) -> GateMetric {
        match self {
            Evidence::ResponseTime(times) => GateMetric::ResponseTime(times.share),
            Evidence::Watched(Watched { seen: Seen::Slow { share, .. }, .. }) => {
                GateMetric::ResponseTime(*share)
            }
            Evidence::ErrorRate(_) | Evidence::Watched(Watched { seen: Seen::Failed(..), .. }) => {
                GateMetric::ErrorRate
            }
            Evidence::Cpu(_) | Evidence::Watched(Watched { seen: Seen::Cpu(_), .. }) => {
                GateMetric::CpuPerRequest
            }
            Evidence::Watched(Watched { seen: Seen::VerySlow(_), .. }) => GateMetric::SlowRequests,
        }
    }

    /// Of which step.
    pub fn step(&self) -> Option<&str> {
        match self {
            Evidence::ResponseTime(_) | Evidence::ErrorRate(_) | Evidence::Cpu(_) => None,
            Evidence::Watched(watched) => watched.step.as_deref(),
        }
    }

    /// Whether a pass needs it.
    pub fn gates(&self) -> bool {
        !matches!(self, Evidence::Watched(_))
    }

    /// Whether it counts events of which a few prove nothing.
    pub fn is_late(&self) -> bool {
        matches!(self, Evidence::Watched(Watched { seen: Seen::VerySlow(_), .. }))
    }

    /// The smallest level at which it would be called regressed.
    pub fn p_regressed(&self) -> f64 {
        match self {
            Evidence::ResponseTime(times) => times.p_regressed().0,
            Evidence::ErrorRate(errors) => errors.p_regressed(),
            Evidence::Watched(Watched { seen: Seen::Slow { watch, .. }, .. }) => {
                watch.map_or(1.0, |watch| watch.p)
            }
            Evidence::Watched(Watched { seen: Seen::Failed(_, p), .. }) => *p,
            Evidence::Cpu(cpu) | Evidence::Watched(Watched { seen: Seen::Cpu(cpu), .. }) => {
                cpu.p_regressed()
            }
            Evidence::Watched(Watched { seen: Seen::VerySlow(slow), .. }) => {
                slow.map_or(1.0, |slow| slow.p)
            }
        }
    }

    /// What says how far it leans to the worse side; at least as large as its p for stops, of
    /// which unchanged arms have a few by chance.
    pub fn p_leaning(&self) -> f64 {
        match self {
            Evidence::Watched(Watched { seen: Seen::VerySlow(Some(slow)), .. }) => slow.p_leaning,
            Evidence::ResponseTime(_)
            | Evidence::ErrorRate(_)
            | Evidence::Cpu(_)
            | Evidence::Watched(_) => self.p_regressed(),
        }
    }

    /// What it says: regressed as Holm's rule has it, else by the level of *pass*.
    pub fn judged(&self, tested: HolmTest, pass_level: f64) -> LookMetric {
        let ruling = if tested.rejected { Ruling::Regressed } else { self.otherwise(pass_level) };
        let rule = tested.rejected.then(|| self.rule());
        let estimate = self.estimate(rule, tested.level, pass_level).map(|found| match rule {
            // The test of signs says that there are more; the bound is of another one.
            Some(Rule::SignFlip) => Estimate { low: found.low.max(0.0), ..found },
            _ => found,
        });
        LookMetric {
            metric: self.metric(),
            step: self.step().map(str::to_owned),
            gates: self.gates(),
            estimate,
            sign_p: Some(self.sign_p()),
            ruling,
            rule,
        }
    }

    fn otherwise(&self, level: f64) -> Ruling {
        match self {
            Evidence::ResponseTime(times) => times.otherwise(level),
            Evidence::ErrorRate(errors) => errors.otherwise(level),
            Evidence::Cpu(cpu) => cpu.otherwise(level),
            Evidence::Watched(_) => Ruling::Inconclusive,
        }
    }

    fn rule(&self) -> Rule {
        match self {
            Evidence::ResponseTime(times) => times.p_regressed().1,
            Evidence::ErrorRate(_) | Evidence::Watched(Watched { seen: Seen::Failed(..), .. }) => {
                Rule::SignFlip
            }
            Evidence::Cpu(_) | Evidence::Watched(Watched { seen: Seen::Cpu(_), .. }) => {
                Rule::Starts
            }
            Evidence::Watched(Watched { seen: Seen::Slow { .. } | Seen::VerySlow(_), .. }) => {
                Rule::Beyond
            }
        }
    }

    fn sign_p(&self) -> f64 {
        match self {
            Evidence::ResponseTime(times) => times.signs.p(),
            Evidence::ErrorRate(errors) => errors.p,
            Evidence::Cpu(_) | Evidence::Watched(_) => self.p_regressed(),
        }
    }

    fn estimate(&self, rule: Option<Rule>, low: f64, high: f64) -> Option<Estimate> {
        match self {
            Evidence::ResponseTime(times) => times.estimate(rule, low, high),
            Evidence::ErrorRate(errors)
            | Evidence::Watched(Watched { seen: Seen::Failed(errors, _), .. }) => {
                errors.estimate(low, high)
            }
            Evidence::Cpu(cpu) | Evidence::Watched(Watched { seen: Seen::Cpu(cpu), .. }) => {
                cpu.estimate(low, high)
            }
            // What it counts is no ratio.
            Evidence::Watched(Watched { seen: Seen::Slow { .. } | Seen::VerySlow(_), .. }) => None,
        }
    }
}
