//! What an iteration makes of a step besides asking and judging: how it goes on, and what it must
//! know before.

use std::time::Duration;

use super::ids::{StepId, VariableId};

/// What an iteration does when a request of a step has failed. That it has is counted either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It ends.
    #[default]
    Stop,
    /// It goes on with the next step.
    Continue,
}

impl OnFailure {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, OnFailure); 2] =
        [("stop", OnFailure::Stop), ("continue", OnFailure::Continue)];
}

/// What an iteration makes of a step.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// How it goes on after a failure.
    pub on_failure: OnFailure,
    /// Values that the request is filled in with and that may be missing, as a step before it may
    /// have failed or may have been left out.
    pub needs: Vec<VariableId>,
    /// Whether an iteration may leave it out, by conditions or by a repetition that may be none.
    pub is_optional: bool,
    /// So many redirects are followed; 0: they are answers like others.
    pub redirects: u16,
    /// Of a step that is done once: when it is done anew.
    pub refresh: Option<Refresh>,
}

/// When a login is done anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// How long it is valid; `None`: until the target says otherwise.
    pub life: Option<Life>,
    /// How long before its end it is done anew; `None`: a tenth of its time.
    pub before: Option<Duration>,
    /// Whether 401 to a step behind it ends it.
    pub on_401: bool,
}

/// How long a login is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Always so long.
    Always(Duration),
    /// So many seconds as it has extracted itself.
    Extracted(VariableId),
}

impl Refresh {
    /// Whether a value can be how long it is valid: a number of seconds above 0.
    pub fn is_life(seconds: f64) -> bool {
        seconds.is_finite() && seconds > 0.0
    }

    /// How long after it has ended well it is done anew, in nanoseconds; `None`: never. What cannot be a
    /// life is no time at all; one that is longer than a clock can tell is that long.
    pub fn due_after(&self, value: impl Fn(VariableId) -> Option<f64>) -> Option<u64> {
        let life = match self.life? {
            Life::Always(life) => life.as_nanos() as f64,
            Life::Extracted(id) => {
                value(id).filter(|it| Refresh::is_life(*it)).unwrap_or_default() * 1e9
            }
        };
        let life = life.min(u64::MAX as f64);
        let before = self.before.map_or(life / 10.0, |before| before.as_nanos() as f64);
        // What is negative is 0 then.
        Some((life - before) as u64)
    }
}

/// A login of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// Which step.
    pub step: StepId,
    /// Its place among the actions of the flow.
    pub place: usize,
    /// Whether 401 to a step behind it ends it.
    pub on_401: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_is_no_life_and_a_very_long_one_never_ends() {
        for none in [0.0, -5.0, f64::NAN, f64::INFINITY] {
            assert!(!Refresh::is_life(none), "{none}");
        }
        assert!(Refresh::is_life(0.5) && Refresh::is_life(1e300));
        let life = Some(Life::Extracted(VariableId(0)));
        let refresh = Refresh { life, before: None, on_401: true };
        let due = |seconds: f64| refresh.due_after(|_| Some(seconds)).unwrap();
        assert_eq!(due(10.0), 9_000_000_000);
        assert!(due(1e300) > u64::MAX / 2);
    }
}
