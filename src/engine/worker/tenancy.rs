//! Whose an iteration is: drawn or named when it begins, and filled in where requests say so.

use crate::engine::drawn;
use crate::engine::user::UserId;
use crate::engine::worker::Worker;
use crate::scenario::data::Taker;
use crate::scenario::template::Value;
use crate::scenario::tenants::Tenancy;
use crate::schedule::Arrival;
use crate::schedule::tenants::Member;

impl Worker {
    /// Whose the iteration of an arrival is. Costs nothing where nobody is told apart.
    pub(super) fn member(&mut self, flow: usize, arrival: Arrival) -> Member {
        let (plan, Some(census)) = (&self.plan, &mut self.census) else { return Member::default() };
        drawn::member(&plan.scenario, plan.purpose, (census, self.noise.as_ref()), (flow, arrival))
    }

    /// The same, now that it is known who does it: where each user has a row of his own, that says
    /// whose he is.
    pub(super) fn member_with(&mut self, flow: usize, user: UserId, member: Member) -> Member {
        let Tenancy::OfRow(tenants) = &self.plan.scenario.flows[flow].tenancy else {
            return member;
        };
        if !drawn::is_of_users(&self.plan.scenario, tenants.source) {
            return member;
        }
        let taker = Taker { user: self.users[user].number, iteration: 0 };
        let row = self.plan.rows().row(tenants.source, taker);
        let found = self.census.as_mut().map(|census| census.of_row(flow, row));
        found.map_or(member, |found| Member { pool: 0, ..found })
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
