//! The call for agents: who is there and has nothing to do.

use std::collections::BTreeSet;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use crate::fleet::fault::FleetFault;
use crate::fleet::gathering::{CALL_EVERY, CALLING, Desk, Wanted};
use crate::fleet::stream::{self, Said};
use crate::fleet::wire::{self, Call, Hello, PROTOCOL};

/// What is said of a name that several agents have.
const OWN_NAMES: &str = ", and another one called so: give each a --name of its own";

/// Who has said that it is there.
#[derive(Default)]
struct Found {
    all: Vec<Hello>,
    /// Names that another one has too.
    twice: BTreeSet<String>,
}

impl Found {
    fn take(&mut self, hello: Hello) {
        match self.all.iter().find(|one| one.name == hello.name) {
            None => self.all.push(hello),
            // Nobody could tell which of them was lost: the first one has the name.
            Some(one) if one.agent != hello.agent => drop(self.twice.insert(hello.name)),
            Some(_) => {}
        }
    }

    fn names(self) -> Vec<String> {
        let twice = self.twice;
        let named = |Hello { name, .. }: Hello| {
            let own = if twice.contains(&name) { OWN_NAMES } else { "" };
            format!("{name}{own}")
        };
        self.all.into_iter().map(named).collect()
    }
}

impl Desk {
    /// Calls until so many are there.
    pub fn call(
        &self,
        wanted: &Wanted,
        is_over: impl Fn() -> bool,
    ) -> Result<Vec<Hello>, FleetFault> {
        let (number, until) = (wanted.generators as usize, Instant::now() + CALLING);
        let mut found =
            self.find(&wanted.pool, number, |_| true, || Instant::now() >= until || is_over());
        found.all.sort_by(|a, b| a.name.cmp(&b.name).then(a.agent.cmp(&b.agent)));
        if found.all.len() >= number {
            found.all.truncate(number);
            return Ok(found.all);
        }
        let (pool, found) = (wanted.pool.clone(), found.names());
        Err(FleetFault::TooFew { wanted: wanted.generators, pool, found })
    }

    /// Others in the place of those who have got other work, who are no smaller; as many as there are.
    pub(super) fn others(
        &self,
        wanted: &Wanted,
        (hellos, busy): (&[Hello], &[usize]),
        (cores, until): (u32, Instant),
    ) -> Vec<Hello> {
        let free = (0..hellos.len()).filter(|index| !busy.contains(index));
        let names: BTreeSet<&str> = free.map(|index| hellos[index].name.as_str()).collect();
        let is_other = |it: &Hello| !names.contains(it.name.as_str()) && it.cores >= cores;
        // What was said before they had other work is of no use.
        while self.inbox.try_recv().is_ok() {}
        self.find(&wanted.pool, busy.len(), is_other, || Instant::now() >= until).all
    }

    fn find(
        &self,
        pool: &str,
        number: usize,
        is_wanted: impl Fn(&Hello) -> bool,
        is_over: impl Fn() -> bool,
    ) -> Found {
        let call = wire::bytes(&Call { protocol: PROTOCOL, run: self.run.clone() });
        let mut found = Found::default();
        while found.all.len() < number && !is_over() {
            self.link.say(wire::call(pool), call.clone());
            let next = Instant::now() + CALL_EVERY;
            while let Some(left) = next.checked_duration_since(Instant::now()) {
                match self.inbox.recv_timeout(left) {
                    Ok(Said::Hello(heard)) => {
                        let hello = wire::read::<Hello>(&heard.said)
                            .filter(|it| wire::is_agent(&it.agent, &it.name, &heard.subject))
                            .filter(|it| is_wanted(it));
                        if let Some(hello) = hello {
                            found.take(hello);
                        }
                    }
                    // Nobody has anything to tell yet.
                    Ok(Said::Learnt { receipt, .. }) => {
                        stream::confirm(&self.link, &mut vec![receipt]);
                    }
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
                if found.all.len() >= number {
                    break;
                }
            }
        }
        found
    }
}
