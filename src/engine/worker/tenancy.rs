//! Whose an iteration is: drawn or named when it begins, and filled in where requests say so.

use crate::engine::user::UserId;
use crate::engine::worker::Worker;
use crate::scenario::template::Value;
use crate::schedule::tenants::Member;

impl Worker {
    /// Whose the iteration of an arrival is. Costs nothing where nobody is told apart.
    pub(super) fn member(&mut self, flow: usize, index: u64) -> Member {
        let Some(census) = &mut self.census else { return Member::default() };
        let load = &self.plan.scenario.load;
        // A user who comes again is the same tenant's.
        let who =
            if load.is_closed() { index % u64::from(load.most_users().max(1)) } else { index };
        census.member(&self.plan.scenario.flows[flow].tenancy, load.seed, who)
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
