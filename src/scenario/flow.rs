//! What virtual users do: flows, their steps, and what decides which step is next.

use std::fmt;
use std::time::Duration;

use super::body::Body;
use super::branch::When;
use super::checks::AnswerCheck;
use super::course::{Course, Login};
use super::extraction::Extraction;
use super::ids::{SourceId, StepId, VariableId};
use super::stream::Kind;
use super::template::Template;
use super::tenants::Tenancy;
use super::think::Think;

/// A sequence of steps that one virtual user walks through.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Unique in the scenario.
    pub name: String,
    /// Its share among the flows' weights; at least 1.
    pub weight: u32,
    /// Whose its iterations are.
    pub tenancy: Tenancy,
    /// What is done, in order.
    pub actions: Vec<Action>,
    /// How often each of them is done in an iteration, on average. What depends on values counts as
    /// if it were done.
    pub often: Vec<f64>,
    /// Whether its users keep cookies.
    pub cookies: bool,
    /// What its iterations extract anew and have to forget at their beginning; empty where no step
    /// may lack a value.
    pub fleeting: Vec<VariableId>,
    /// Steps that are done once and that may have to be done anew, in their order.
    pub logins: Vec<Login>,
    /// The sources of data that its steps name, ascending.
    pub sources: Vec<SourceId>,
}

/// What is done once for a load, and is in no figure.
#[derive(Debug, Clone)]
pub struct Errand {
    /// What is done; indexes are of its own steps.
    pub flow: Flow,
    /// Its steps.
    pub steps: Vec<Step>,
}

impl Flow {
    /// Whether a step is one of it.
    pub fn has(&self, step: StepId) -> bool {
        self.actions.iter().any(|action| action.asks(step))
    }

    /// What its users think in an iteration on average, by what a time to think is.
    pub fn thinking(&self, of: impl Fn(&Think) -> f64) -> f64 {
        let actions = self.actions.iter().zip(&self.often);
        actions.map(|(action, often)| action.think().map_or(0.0, &of) * often).sum()
    }
}

/// One thing a virtual user does, or what decides about that. Places are those of actions.
#[derive(Debug, Clone)]
pub enum Action {
    /// Sends a request.
    Request(StepId),
    /// Thinks for a time.
    Think(Think),
    /// Goes on at a place unless all of these hold.
    Unless(Box<[When]>, usize),
    /// Goes on at a place.
    Goto(usize),
    /// Begins what is done a number of times, both ends included; goes on at a place where that is
    /// none.
    Repeat {
        /// Which of the counters of an iteration.
        counter: usize,
        /// The fewest times.
        least: u32,
        /// The most.
        most: u32,
        /// Behind it.
        end: usize,
    },
    /// Ends it, or begins again.
    Again {
        /// Which of the counters of an iteration.
        counter: usize,
        /// Its first action.
        start: usize,
    },
    /// Goes on at one of some places, by their weights.
    Choose(Box<[(u32, usize)]>),
    /// Ends what was chosen, and goes on at a place.
    Leave(usize),
}

impl Action {
    /// Whether it sends a request of a step.
    pub fn asks(&self, step: StepId) -> bool {
        self.step() == Some(step)
    }

    /// The step of which it sends a request.
    pub fn step(&self) -> Option<StepId> {
        if let Action::Request(step) = self { Some(*step) } else { None }
    }

    /// The time for which it thinks.
    pub fn think(&self) -> Option<&Think> {
        if let Action::Think(think) = self { Some(think) } else { None }
    }
}

/// One request with its checks and extractions.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique in the scenario.
    pub name: String,
    /// Method and path as the file has them, without the query: `GET /orders/{{order}}`.
    pub label: String,
    /// What objectives may name it by, besides its name.
    pub tags: Vec<String>,
    /// Done once per virtual user, such as a login.
    pub once: bool,
    /// What is sent.
    pub request: Request,
    /// What its answer is, and when that is over.
    pub kind: Kind,
    /// From the intended moment to the end of the response.
    pub timeout: Duration,
    /// Which answers are right, by their status.
    pub expect: Expectation,
    /// What else must hold for an answer that is.
    pub checks: Vec<AnswerCheck>,
    /// What is kept of the answer.
    pub extract: Vec<Extraction>,
    /// What an iteration makes of it.
    pub course: Course,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// An upper-case token such as `GET`.
    pub method: String,
    /// Path and query, with the target's prefix; starts with `/`.
    pub path: Template,
    /// Names in lower case; `content-type` is added where the body says what it is.
    pub headers: Vec<(String, Template)>,
    /// The body.
    pub body: Option<Body>,
}

/// Which answers are right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expectation {
    /// Inclusive ranges of statuses; empty means: anything below 400 but 101, by which a
    /// target leaves HTTP although nobody has asked for that.
    pub statuses: Vec<(u16, u16)>,
}

impl Expectation {
    /// Whether a status is among those that are named.
    pub fn names(&self, status: u16) -> bool {
        !self.statuses.is_empty() && self.accepts(status)
    }

    /// Whether a status is as expected.
    pub fn accepts(&self, status: u16) -> bool {
        if self.statuses.is_empty() {
            return status < 400 && status != 101;
        }
        self.statuses.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

/// `2xx, 404`, or `below 400`.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.statuses.is_empty() {
            return f.write_str("below 400");
        }
        for (index, (low, high)) in self.statuses.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            match (low, high) {
                (low, high) if low == high => write!(f, "{low}")?,
                (low, high) if low % 100 == 0 && *high == low + 99 => write!(f, "{}xx", low / 100)?,
                (low, high) => write!(f, "{low} to {high}")?,
            }
        }
        Ok(())
    }
}
/// The time limit of a step that names none.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
