//! Up to when a coordinator has heard everything, so that nobody is missed who was only not listened to.
//!
//! What a server passes on to one connection comes in the order in which the server got it. A coordinator
//! therefore says something to itself: when that comes back, everything has been heard that agents had
//! said before. An agent is missed by that moment, not by the clock on the wall: a coordinator that
//! is behind with listening calls nobody lost, and one that keeps up notices at once.
//!
//! | state | ends by | what counts |
//! | --- | --- | --- |
//! | connected | nothing of our own came back for longer than a lease | when we said the last that came back |
//! | cut off | something comes back | the time now: agents hear nothing of us either |
//!
//! Whoever has stood still was not cut off: what came meanwhile is there and has only not been heard.

use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::fleet::clock::Clock;
use crate::fleet::link::{Heard, Link};
use crate::fleet::roster::{LEASE, Looked, PATIENCE};

/// How often the coordinator says something to itself.
const EVERY: Duration = Duration::from_millis(100);

/// Whoever has not looked for so long has stood still.
const STILL: Duration = Duration::from_secs(1);
/// For so long it is said why agents may have stopped.
const RECENT: Duration = Duration::from_secs(10);

/// Somebody lives, and when that was heard.
#[derive(Debug)]
pub enum Lives {
    /// An agent, or somebody who says to be one.
    Agent(Heard, Instant),
    /// Somebody who watches.
    Watcher(Heard, Instant),
    /// We, who have said so at this moment of our own clock.
    Ourselves(u64, Instant),
}

impl Lives {
    /// What was heard under the subject of agents, of which one is our own.
    pub(super) fn of(heard: Heard, own: &str) -> Lives {
        let now = Instant::now();
        match <[u8; 8]>::try_from(heard.said.as_slice()) {
            Ok(at) if heard.subject == own => Lives::Ourselves(u64::from_le_bytes(at), now),
            _ => Lives::Agent(heard, now),
        }
    }
}

/// Says when it is, to ourselves, until it is aborted.
pub(super) fn say(link: &Link, own: String, clock: Clock) -> AbortHandle {
    let client = link.client().clone();
    link.spawn(async move {
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            every.tick().await;
            let now = clock.now().to_le_bytes().to_vec();
            if client.publish(own.clone(), now.into()).await.is_err() {
                return;
            }
        }
    })
}

/// Up to when everything was heard.
#[derive(Debug, Clone, Copy)]
pub struct Hearing {
    until: Instant,
    came: Instant,
    looked: Instant,
    /// When we went on after we had stood still for longer than a lease, and how long that was.
    stood_still: Option<(Instant, Duration)>,
}

impl Hearing {
    /// Everything so far.
    pub fn from(now: Instant) -> Hearing {
        Hearing { until: now, came: now, looked: now, stood_still: None }
    }

    /// What we said at a moment has come back. Nothing can be said in the time to come.
    pub fn comes_back(&mut self, said: Instant, came: Instant) {
        if said <= came {
            self.until = self.until.max(said);
            self.came = self.came.max(came);
        }
    }

    /// How things stand when members are looked at now; to be asked often.
    pub fn look(&mut self, now: Instant) -> Looked {
        let gap = now.saturating_duration_since(self.looked);
        self.looked = now;
        if gap > STILL {
            self.came = self.came.max(now);
        }
        if gap > LEASE {
            self.stood_still = Some((now, gap));
        }
        let recent = self.stood_still.filter(|(at, _)| now.saturating_duration_since(*at) < RECENT);
        Looked { now, heard: self.until(now), stood_still: recent.map(|(_, gap)| gap) }
    }

    /// By when somebody is missed of whom nothing has been heard.
    fn until(&self, now: Instant) -> Instant {
        let is_cut_off = now.saturating_duration_since(self.came) > PATIENCE;
        if is_cut_off { now } else { self.until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn who_is_behind_with_listening_misses_nobody_by_the_clock() {
        let start = Instant::now();
        let mut hearing = Hearing::from(start);
        hearing.comes_back(start + MS(100), start + MS(2_000));
        assert_eq!(hearing.until(start + MS(5_000)), start + MS(100));
        hearing.comes_back(start + MS(4_900), start + MS(5_100));
        assert_eq!(hearing.until(start + MS(5_100)), start + MS(4_900));
        // In another order, or of the time to come: nobody has said that.
        hearing.comes_back(start + MS(200), start + MS(5_200));
        hearing.comes_back(start + MS(90_000), start + MS(5_300));
        assert_eq!(hearing.until(start + MS(5_300)), start + MS(4_900));
    }

    #[test]
    fn who_hears_nothing_of_its_own_for_a_lease_is_cut_off_and_goes_by_the_clock() {
        let start = Instant::now();
        let mut hearing = Hearing::from(start);
        hearing.comes_back(start + MS(100), start + MS(110));
        let last = start + MS(110) + PATIENCE;
        assert_eq!(hearing.until(last), start + MS(100));
        assert_eq!(hearing.until(last + MS(1)), last + MS(1));
        hearing.comes_back(last, last + MS(20));
        assert_eq!(hearing.until(last + MS(30)), last);
    }

    #[test]
    fn who_stood_still_hears_what_came_meanwhile_before_it_misses_anybody() {
        let start = Instant::now();
        let mut hearing = Hearing::from(start);
        hearing.comes_back(start + MS(100), start + MS(110));
        let mut look = |at: u64| {
            let looked = hearing.look(start + MS(at));
            (looked.heard.duration_since(start), looked.stood_still)
        };
        assert_eq!(look(120), (MS(100), None));
        assert_eq!(look(5_120), (MS(100), Some(MS(5_000))));
        assert_eq!(look(5_500), (MS(100), Some(MS(5_000))));
        // Nothing came, though it has listened since for as long as a lease: it is cut off.
        for at in [6_400, 7_300, 8_200] {
            look(at);
        }
        assert_eq!(look(8_430), (MS(8_430), Some(MS(5_000))));
        for at in (9_000..15_200).step_by(900) {
            look(at);
        }
        assert_eq!(look(15_200).1, None, "it explains nothing any more");
    }

    #[test]
    fn what_somebody_else_says_is_not_ours() {
        let heard = |subject: &str, said: &[u8]| Heard {
            subject: subject.to_owned(),
            reply: None,
            said: said.to_vec(),
        };
        let own = |subject: &str, said: &[u8]| {
            matches!(Lives::of(heard(subject, said), "a.b"), Lives::Ourselves(7, _))
        };
        let seven = 7_u64.to_le_bytes();
        assert!(own("a.b", &seven));
        assert!(
            !own("a.c", &seven) && !own("a.b", b"7") && !own("a.b", &[&seven[..], b"."].concat())
        );
    }
}
