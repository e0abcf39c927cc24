//! Whose an iteration is: drawn or named when it begins, and filled in where requests say so.

use crate::engine::user::UserId;
use crate::engine::worker::Worker;
use crate::scenario::data::{Per, Taker};
use crate::scenario::ids::SourceId;
use crate::scenario::template::Value;
use crate::scenario::tenants::Tenancy;
use crate::schedule::Arrival;
use crate::schedule::tenants::Member;

impl Worker {
    /// Whose the iteration of an arrival is. Costs nothing where nobody is told apart.
    pub(super) fn member(&mut self, flow: usize, arrival: Arrival) -> Member {
        if self.census.is_none() {
            return Member::default();
        }
        if let Some(rank) = self.noisy(arrival) {
            return self.census.as_mut().map_or_else(Member::default, |it| it.drawn(rank));
        }
        let load = &self.plan.scenario.load;
        // A user who comes again is the same tenant's.
        let who = if load.is_closed() {
            arrival.index % u64::from(load.most_users().max(1))
        } else {
            arrival.index
        };
        let user = self.plan.purpose.users_from() + who + 1;
        let taker = Taker { user, iteration: self.number(arrival) };
        let (plan, Some(census)) = (&self.plan, &mut self.census) else { return Member::default() };
        match &plan.scenario.flows[flow].tenancy {
            Tenancy::OfRow(tenants) => {
                let member = census.of_row(flow, plan.rows().row(tenants.source, taker));
                // Who has a row of his own is somebody's from the beginning.
                if self.is_of_users(tenants.source) { Member { pool: 0, ..member } } else { member }
            }
            tenancy @ (Tenancy::None | Tenancy::Drawn | Tenancy::Named(_)) => {
                census.member(tenancy, plan.scenario.load.seed, who)
            }
        }
    }

    /// Who is noisy, where an arrival is one of those that he does more.
    pub(super) fn noisy(&self, arrival: Arrival) -> Option<usize> {
        self.noise.as_ref().filter(|noise| noise.has(arrival)).map(|noise| noise.rank)
    }

    /// The same, now that it is known who does it: where each user has a row of his own, that says
    /// whose he is.
    pub(super) fn member_with(&mut self, flow: usize, user: UserId, member: Member) -> Member {
        let Tenancy::OfRow(tenants) = &self.plan.scenario.flows[flow].tenancy else {
            return member;
        };
        if !self.is_of_users(tenants.source) {
            return member;
        }
        let taker = Taker { user: self.users[user].number, iteration: 0 };
        let row = self.plan.rows().row(tenants.source, taker);
        let found = self.census.as_mut().map(|census| census.of_row(flow, row));
        found.map_or(member, |found| Member { pool: 0, ..found })
    }

    fn is_of_users(&self, source: SourceId) -> bool {
        let source = self.plan.scenario.data.sources.get(source.index());
        source.is_some_and(|source| source.per == Per::User)
    }

    /// What requests say is the name of the member that was looked up last.
    pub(super) fn name_tenant(&mut self, user: UserId) {
        let (Some(census), Some(tenants)) = (&self.census, &self.plan.scenario.tenants) else {
            return;
        };
        let known = self.users[user].variables.get_mut(tenants.variable.index());
        match known {
            Some(Value::Text(text)) => census.name().clone_into(text),
            Some(known) => *known = Value::Text(census.name().to_owned()),
            None => return,
        }
        self.users[user].is_told(tenants.variable);
    }
}
