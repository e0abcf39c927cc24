//! One iteration: a virtual user on its way through a flow.
//!
//! The first request is due at the arrival, every later one as soon as the one before
//! has ended and the thinking is done. The iteration stops at the first request that does not
//! end ok, and at the end of the schedule.
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
