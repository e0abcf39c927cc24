//! In which manner several carry a load out.

/// When it is told what a second was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Once all that fell due in it has come: nothing depends on it.
    Planned,
    /// As soon as all have told: the load depends on it, and gets other rates.
    Steered,
}

/// What becomes of a load that loses a generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLoss {
    /// It ends there, without a verdict.
    #[default]
    Void,
    /// The others go on, and what the lost one owed is judged as unsent.
    Unsent,
}

/// In which manner a load is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// When it is told what a second was like.
    pub pace: Pace,
    /// What becomes of it when a generator is lost.
    pub on_loss: OnLoss,
}
