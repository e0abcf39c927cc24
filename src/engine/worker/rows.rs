//! Iterations that find no row of data, as each was taken: not sent, or the end of the load.

use crate::engine::answer::Answer;
use crate::engine::drawn;
use crate::engine::ledger::UsedUp;
use crate::engine::user::UserId;
use crate::engine::worker::Worker;
use crate::scenario::data::Taker;
use crate::scenario::data::order::AtEnd;
use crate::scenario::ids::SourceId;
use crate::schedule::Arrival;
use crate::schedule::tenants::Member;
use crate::units::Moment;

/// A source of which each row was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct MissingRow {
    source: SourceId,
    at_end: AtEnd,
    flow: usize,
}

impl Worker {
    /// The first source of a flow that has no row for an iteration.
    pub(super) fn missing_row(
        &self,
        flow: usize,
        user: UserId,
        arrival: Arrival,
    ) -> Option<MissingRow> {
        let sources = &self.plan.scenario.flows[flow].sources;
        if sources.is_empty() {
            return None;
        }
        let taker = Taker { user: self.users[user].number, iteration: self.number(arrival) };
        self.missing(flow, taker)
    }

    fn missing(&self, flow: usize, taker: Taker) -> Option<MissingRow> {
        let missing = drawn::missing_row(self.plan.rows(), &self.plan.scenario.flows[flow], taker);
        missing.map(|(source, at_end)| MissingRow { source, at_end, flow })
    }

    /// An iteration is not begun. In a closed load its user is gone with it, or he would try again
    /// at once and for ever.
    pub(super) fn without_row(
        &mut self,
        missing: MissingRow,
        (user, member): (UserId, Member),
        arrival: Arrival,
    ) {
        if !self.source.waits_for_answers() {
            self.users.give_back_of(member.pool, user);
        }
        match missing.at_end {
            AtEnd::Stop => self.used_up = Some(missing.source),
            AtEnd::Fail | AtEnd::Wrap => {
                self.refuse((missing.flow, member.tenant), arrival.at, &Answer::NoRow);
            }
        }
    }

    /// Whether the load had ended, for lack of rows, before an arrival that nobody came to. Which
    /// user would have had it is not known.
    pub(super) fn ends_before(&self, flow: usize, arrival: Arrival) -> bool {
        let flow = &self.plan.scenario.flows[flow];
        drawn::ends_before(self.plan.rows(), flow, self.number(arrival))
    }

    /// No row of data is left, and all iterations that had one have ended.
    pub(super) fn has_used_up(&self) -> bool {
        self.used_up.is_some() && self.iterations.is_empty()
    }

    /// What was due and is not begun any more is unsent, unless no row was left: then nothing was.
    pub(super) fn miss_the_rest(&mut self, now: Moment) {
        while self.used_up.is_none()
            && let Some(arrival) = self.source.take_due(now)
        {
            self.miss(arrival, now);
        }
        let at = now.min(self.end);
        self.ledger.totals.used_up = self.used_up.map(|source| UsedUp { source, at, workers: 1 });
    }
}
