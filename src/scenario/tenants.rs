//! Whom iterations are for: the tenants of the target, and how large they are.
//!
//! A tenant is known by its name. Those that a scenario declares are drawn by their sizes, one for
//! each iteration; a flow may also name its tenant by a template. Only the largest are told apart
//! in a record, all others together, so that memory has a bound whatever names there are.

use std::sync::Arc;
use std::time::Duration;

use super::ids::{SourceId, VariableId};
use super::load::{Load, Stage};
use super::template::Template;
use crate::units::{Moment, Rate};

/// The placeholder that is filled in with the name of an iteration's tenant.
pub const PLACEHOLDER: &str = "tenant";
/// So many are told apart where the scenario does not say.
pub const USUAL_TOLD_APART: u16 = 20;
/// More would make records and reports large.
pub const MOST_TOLD_APART: u16 = 200;

/// The tenants of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Tenants {
    /// Those that iterations are drawn for, the largest first; empty where flows name theirs.
    pub names: Vec<String>,
    /// How large they are.
    pub sizes: Sizes,
    /// So many are told apart.
    pub told_apart: u16,
    /// Where the name of an iteration's tenant is filled in from.
    pub variable: VariableId,
    /// Who is busier than that for a stage.
    pub noise: Option<Noise>,
}

/// A stage in which one tenant is busier than his size says. What he does more comes on top: all
/// others are as busy as in the stage before.
#[derive(Debug, Clone, PartialEq)]
pub struct Noise {
    /// His place among the names.
    pub tenant: usize,
    /// How many times as much he does.
    pub times: f64,
    /// The share of the stage's iterations that he does more.
    pub more: f64,
    /// The stages before the next to the last: that is the one he is compared with, the last is
    /// the one in which he is noisy. Each with its rate.
    pub stages: Vec<Stage>,
}

/// From when to when somebody is noisy, and since when he was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noisy {
    /// The beginning of the stage before.
    pub before: Moment,
    /// When it begins.
    pub from: Moment,
    /// When it is over.
    pub until: Moment,
}

impl Tenants {
    /// Why a load that is made of the scenario's own cannot be played, if somebody is noisy in it.
    pub fn noise_refusal(&self) -> Option<&'static str> {
        self.noise.is_some().then_some(
            "what others notice of a noisy tenant is judged by \"run\" alone; leave out \"noisy\" and the \
             \"neighbours\" of \"slo\"",
        )
    }
}

impl Noise {
    /// When it is, in a load that begins as the scenario's own does. Nobody is noisy in another load,
    /// as that of a search for capacity is.
    pub fn within(&self, load: &Load) -> Option<Noisy> {
        let stages = load.stages.get(..self.stages.len())?;
        if !stages.iter().zip(&self.stages).all(|(one, other)| is_same(one, other)) {
            return None;
        }
        let until = |count: usize| -> Moment {
            let length: Duration = stages[..count].iter().map(|stage| stage.length).sum();
            Moment(length.as_nanos() as u64)
        };
        let last = stages.len().checked_sub(1)?;
        let before = until(last.checked_sub(1)?);
        Some(Noisy { before, from: until(last), until: until(last + 1) })
    }
}

/// Whether two stages are the same but for what a number loses in a file.
fn is_same(one: &Stage, other: &Stage) -> bool {
    let near = |one: Rate, other: Rate| (one.0 - other.0).abs() <= 1e-9 * one.0.abs();
    let is_as_long = one.length.abs_diff(other.length) < Duration::from_micros(1);
    is_as_long && near(one.from, other.from) && near(one.to, other.to) && one.users == other.users
}

impl Sizes {
    /// How large the tenant at a place is, against the others.
    pub fn weight(&self, place: usize) -> f64 {
        match self {
            Sizes::Equal => 1.0,
            // Not `f64::powf`, whose last bit is the platform's affair.
            Sizes::Zipf(exponent) => libm::pow((place + 1) as f64, -exponent),
            Sizes::Weights(weights) => weights.get(place).copied().unwrap_or_default().into(),
        }
    }
}

/// How large tenants are against each other, in the order of their names.
#[derive(Debug, Clone, PartialEq)]
pub enum Sizes {
    /// All the same.
    Equal,
    /// The n-th is n to the power of this times smaller than the first.
    Zipf(f64),
    /// By these weights, the largest first.
    Weights(Vec<u32>),
}

/// Whose the iterations of a flow are.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Tenancy {
    /// Nobody's.
    #[default]
    None,
    /// Those of a tenant that is drawn for each.
    Drawn,
    /// Those of the tenant of this name.
    Named(Template),
    /// Those of the tenant that the row of the iteration, or of its user, names.
    OfRow(Arc<RowTenants>),
}

/// The tenants that the rows of a source name, found once when the scenario is read: whose an
/// iteration is, is then looked up by its row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowTenants {
    /// The place of the flow whose iterations they are.
    pub flow: usize,
    /// Where the rows are.
    pub source: SourceId,
    /// Their names, each once, in the order of the rows.
    pub names: Vec<String>,
    /// The place among the names, for each row.
    pub of_rows: Vec<u32>,
    /// How often each comes among the rows that the load begins with.
    pub times: Vec<u64>,
}
