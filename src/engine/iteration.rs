//! One iteration: a virtual user on its way through a flow.
//!
//! The first request is due at the arrival, every later one as soon as the one before
//! has ended and the thinking is done. The iteration stops at the first request that does not
//! end ok, unless its step says that it goes on, and at the end of the schedule.
//!
//! | place | ends by | next |
//! | --- | --- | --- |
//! | thinking | its moment | the next action |
//! | queued | a connection is free | on it |
//! | on a connection | the request ends | the next action, or the end |

use crate::engine::connection::ConnectionKey;
use crate::engine::exchange::Exchange;
use crate::engine::user::UserId;
use crate::schedule::Choices;
use crate::schedule::tenants::Member;
use crate::units::Moment;

/// An iteration under way.
#[derive(Debug)]
pub struct Iteration {
    /// Who walks.
    pub user: UserId,
    /// Which flow, by its place in the scenario.
    pub flow: usize,
    /// Whose it is.
    pub member: Member,
    /// The next action of the flow.
    pub next: usize,
    /// How often what is repeated is still to be done, by counter.
    pub counters: Vec<u32>,
    /// Its number, from 1.
    pub number: u64,
    /// Where its random values come from.
    pub choices: Choices,
    /// When the request under way, or the next one, is due.
    pub due: Moment,
    /// Tells this wait from every other that the iteration's place in memory ever had.
    pub ticket: u64,
    /// Where it is.
    pub activity: Activity,
    /// The request under way, or the last one.
    pub exchange: Exchange,
    /// The choices before its values were drawn, should it be sent again.
    pub drawn_from: Choices,
    /// Whether its answer has to be read at once.
    pub is_hurried: bool,
    /// The choices that count after a step that is done only now and then.
    pub kept: Choices,
    /// Whether a request of it has failed.
    pub has_failed: bool,
    /// Whether the logins before the next step have been looked at.
    pub has_looked: bool,
    /// How often the step under way, or the next one, is asked for: twice after 401.
    pub attempt: Attempt,
}

/// How often a step is asked for because its login was no longer valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// For the first time.
    First,
    /// Once more, behind a login that was done anew.
    Second,
}

/// Where an iteration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Between two requests.
    Thinking,
    /// Waits for one of the allowed connections.
    Queued,
    /// On a connection that is being made, or that serves its request.
    On(ConnectionKey),
}
