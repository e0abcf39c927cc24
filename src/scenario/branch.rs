//! What decides which step of a flow is next: conditions on values.

use super::checks::Test;
use super::ids::VariableId;
use super::template::Template;

/// A condition on a value.
#[derive(Debug, Clone)]
pub struct When {
    /// The value.
    pub value: Template,
    /// What it is filled in with, all of which must be there.
    pub needs: Vec<VariableId>,
    /// What must hold for it.
    pub test: Test,
}
