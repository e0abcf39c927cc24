//! Objectives as the head of a record has them, and which requests they speak of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::gauge::GaugeId;
use crate::scenario::slo::{Bound, FailureShare, LapKind, Statistic, Threshold, Throughput};

/// The tenants that are told apart. Names may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TenantsHead {
    /// Their names, by their places; those whom the plan has most of first.
    pub names: Vec<String>,
    /// Whether all others share the place behind them.
    pub has_others: bool,
}

impl TenantsHead {
    /// How many places there are.
    pub fn places(&self) -> u16 {
        self.names.len() as u16 + u16::from(self.has_others)
    }

    /// The name of who has a place.
    pub fn name(&self, place: u16) -> &str {
        self.names.get(usize::from(place)).map_or("all others", String::as_str)
    }
}

/// Which requests are meant: those for which all that is said holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subset<'t> {
    /// Of this step.
    pub step: Option<u16>,
    /// Of the steps with this tag.
    pub tag: Option<&'t str>,
    /// Of this tenant.
    pub tenant: Option<u16>,
    /// Of any tenant but this one.
    pub but: Option<u16>,
}

impl Subset<'_> {
    /// All requests.
    pub const ALL: Subset<'static> = Subset { step: None, tag: None, tenant: None, but: None };

    /// Those of one step, or of all.
    pub fn step(step: Option<u16>) -> Subset<'static> {
        Subset { step, ..Subset::ALL }
    }
}

/// An objective as the record knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SloHead {
    /// `p99 < 500ms`.
    pub text: String,
    /// The index of the step it speaks of; `None`: all requests.
    pub step: Option<u16>,
    /// The tag of the steps that it speaks of, where that is what they have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether it must hold for each tenant by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub each_tenant: bool,
    /// Of whom it is judged just now; in no file.
    #[serde(skip)]
    pub tenant: Option<u16>,
    /// Of all tenants but which it is judged just now; in no file.
    #[serde(skip)]
    pub but: Option<u16>,
    /// What it measures.
    pub metric: MetricHead,
    /// The largest share of bad requests that meets it.
    pub allowed: f64,
    /// Judged window by window.
    pub windows: Option<WindowsHead>,
}

impl SloHead {
    /// The requests that it speaks of.
    pub fn within(&self) -> Subset<'_> {
        let SloHead { step, tenant, but, .. } = *self;
        Subset { step, tag: self.tag.as_deref(), tenant, but }
    }
}

/// What an objective measures, as the record knows it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricHead {
    /// A quantile of the response time.
    ResponseTime {
        /// In [0, 1]; 1 is the maximum.
        quantile: f64,
        /// The index into the record's thresholds.
        threshold: u16,
    },
    /// A share of outcomes.
    Failures(FailureShare),
    /// How satisfied whoever waits is; both are indexes into the record's thresholds.
    Apdex {
        /// Up to here a request counts whole.
        satisfied: u16,
        /// Up to here half.
        tolerable: u16,
    },
    /// How much comes back per second.
    Throughput(ThroughputHead),
    /// A gauge of the target over the judged seconds.
    Gauge(GaugeHead),
    /// For how many days more the target's certificates were valid.
    CertificateDays(Bound),
    /// A quantile of a time within streams. What was due and never came is beyond any limit.
    Lap {
        /// Which time.
        of: LapKind,
        /// In [0, 1]; 1 is the maximum.
        quantile: f64,
        /// Which of them are too slow.
        limit: Threshold,
    },
}

/// A limit on a gauge, as the record knows it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GaugeHead {
    /// Its place in the record's table of gauges.
    pub gauge: GaugeId,
    /// What of its values is limited.
    pub statistic: Statistic,
    /// Where the limit is, in the unit of the gauge.
    pub bound: Bound,
}

/// A limit on what comes back per second, as the record knows it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThroughputHead {
    /// Of what.
    pub of: Throughput,
    /// Where the limit is, per second.
    pub bound: Bound,
}

/// Judging window by window, as the record knows it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowsHead {
    /// The least share of windows in which the objective must hold.
    pub share: f64,
    /// Length of a window in seconds.
    pub seconds: u32,
}
