//! Whom iterations are for: the tenants of the target, and how large they are.
//!
//! A tenant is known by its name. Those that a scenario declares are drawn by their sizes, one for
//! each iteration; a flow may also name its tenant by a template. Only the largest are told apart
//! in a record, all others together, so that memory has a bound whatever names there are.

use std::sync::Arc;

use super::ids::{SourceId, VariableId};
use super::template::Template;

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
