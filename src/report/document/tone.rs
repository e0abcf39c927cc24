//! What a reader is to think of something, which each format shows in its own way.

/// What is to be thought of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As wanted.
    Good,
    /// Not as wanted.
    Bad,
    /// Not known for sure.
    Doubt,
    /// Nothing can be known.
    Invalid,
    /// No judgement.
    Neutral,
    /// Less important than what is beside it.
    Muted,
}
