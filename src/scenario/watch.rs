//! Metrics of the target that a scenario names, to be looked at besides those that are known.

use super::gauge::{self, Kind, Named};

/// A metric that a scenario names.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// What objectives and reports call it.
    pub name: String,
    /// Its name on the page.
    pub metric: String,
    /// Labels that a series must have.
    pub labels: Vec<(String, String)>,
    /// How its value is read.
    pub reading: HowRead,
}

/// How the value of a metric is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HowRead {
    /// As it is.
    Gauge(Combine),
    /// As its growth per second.
    Counter(Combine),
    /// Of a histogram: this quantile of what was observed since the last reading.
    Quantile(f64),
}

/// What is made of several series of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Their sum.
    Sum,
    /// The highest.
    Max,
}

impl Watched {
    /// Which quantile of a histogram is read.
    pub fn quantile(&self) -> Option<f64> {
        match self.reading {
            HowRead::Quantile(share) => Some(share),
            HowRead::Gauge(_) | HowRead::Counter(_) => None,
        }
    }

    /// What an objective has to know of it.
    pub fn named(&self) -> Named {
        let kind = match self.reading {
            HowRead::Gauge(_) => Kind::Gauge,
            HowRead::Counter(_) => Kind::Counter,
            HowRead::Quantile(_) => Kind::Quantile,
        };
        let name = format!("{}{}", gauge::WATCHED, self.name).into();
        Named { name, unit: gauge::unit_of(&self.metric), kind }
    }
}
