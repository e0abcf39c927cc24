//! Names in hot data: indexes into the scenario's lists.

/// The index of a step in `Scenario::steps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u16);

impl StepId {
    /// The index for a slice.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The place of a tenant among those that are told apart: the largest have places of their own, all
/// others share the one behind them. 0 also where there are no tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TenantId(pub u16);

/// The index of a variable in `Scenario::variables`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariableId(pub u16);

impl VariableId {
    /// The index for a slice.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The index of a source in `Data::sources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u8);

impl SourceId {
    /// The index for a slice.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A column of a source: with a row it is a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId {
    /// Which source.
    pub source: SourceId,
    /// Which of its columns, from 0.
    pub column: u16,
}
