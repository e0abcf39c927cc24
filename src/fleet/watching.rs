//! Who watches the target's processes where the coordinator cannot, and what is said of that.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | at work | nothing heard of it for longer than a lease | lost |
//! | at work | it says that the process is gone | lost |

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::fleet::foreign;
use crate::fleet::replies;
use crate::fleet::roster::PATIENCE;
use crate::fleet::wire;
use crate::record::run::Watcher;
use crate::record::telemetry::TargetSecond;

/// Calls for whoever watches the target of a pool.
pub fn call(pool: &str) -> String {
    format!("lg.v1.watch.{pool}")
}

/// Where it says that it is there.
pub fn hello(run: &str, watcher: &str) -> String {
    format!("lg.v1.{run}.watcher.{watcher}")
}

/// The stream's subject of what it sees.
pub fn seconds(run: &str, watcher: &str) -> String {
    format!("lg.v1.{run}.target.{watcher}")
}

/// Where it says that it lives.
pub fn alive(run: &str, watcher: &str) -> String {
    format!("lg.v1.{run}.watches.{watcher}")
}

/// A call for whoever watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchCall {
    /// [`PROTOCOL`](crate::fleet::wire::PROTOCOL).
    pub protocol: u32,
    /// Names the run.
    pub run: String,
    /// Of the coordinator.
    pub epoch: String,
}

/// Somebody watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchHello {
    /// Unlike any other's.
    pub watcher: String,
    /// What people call it.
    pub name: String,
    /// [`PROTOCOL`](crate::fleet::wire::PROTOCOL).
    pub protocol: u32,
    /// The version of its loadgate.
    #[serde(deserialize_with = "foreign::name")]
    pub loadgate: String,
    /// What there is nothing to be seen of.
    #[serde(deserialize_with = "foreign::cause_if_any", default)]
    pub trouble: Option<String>,
}

impl WatchHello {
    /// Whether it may be part of subjects and of a report, and speaks for itself.
    pub fn is_sane(&self, subject: &str) -> bool {
        wire::is_agent(&self.watcher, &self.name, subject)
    }

    /// Why it cannot take part.
    pub fn objection(&self) -> Option<String> {
        let name = &self.name;
        if let Some(other) = replies::other_build(&self.loadgate, self.protocol) {
            return Some(format!("{name} is {other}, this is {}", replies::own_build()));
        }
        let trouble = self.trouble.as_ref()?;
        Some(format!("{name}: {}", foreign::line(trouble, foreign::CAUSE)))
    }
}

/// It lives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watches {
    /// Of the coordinator.
    pub epoch: String,
    /// Why nothing is to be seen any more.
    #[serde(deserialize_with = "foreign::cause_if_any", default)]
    pub trouble: Option<String>,
}

/// A second of the target, as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// Of the coordinator.
    pub epoch: String,
    /// What was seen.
    pub second: TargetSecond,
}

/// Somebody who watches, as the coordinator knows it.
#[derive(Debug)]
pub struct Watching {
    /// Unlike any other's.
    pub watcher: String,
    name: String,
    heard: Instant,
    lost: Option<String>,
}

impl Watching {
    /// One that was just heard.
    pub fn new(hello: &WatchHello, now: Instant) -> Watching {
        let (watcher, name) = (hello.watcher.clone(), hello.name.clone());
        Watching { watcher, name, heard: now, lost: None }
    }

    /// It lives: that came at this moment.
    pub fn hear(&mut self, said: &Watches, came: Instant) {
        self.heard = self.heard.max(came);
        if let Some(trouble) = &said.trouble {
            let trouble = foreign::line(trouble, foreign::CAUSE);
            self.lost.get_or_insert(format!("{}: {trouble}", self.name));
        }
    }

    /// Looks at it when everything was heard that was said until then; why it is lost, once.
    pub fn look(&mut self, heard: Instant) -> Option<&str> {
        let is_known = self.lost.is_some();
        if !is_known && heard.saturating_duration_since(self.heard) > PATIENCE {
            let name = &self.name;
            let why = format!("{name} was not heard of for 3 s: it was killed, frozen or cut off");
            self.lost = Some(why);
        }
        self.lost.as_deref().filter(|_| !is_known)
    }

    /// As the record knows it.
    pub fn into_record(self) -> Watcher {
        let lost = self
            .lost
            .map(|why| format!("who watched the target's processes did not to the end: {why}"));
        Watcher { name: self.name, lost }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fleet::wire::{LOADGATE, PROTOCOL};

    fn hello(trouble: Option<&str>) -> WatchHello {
        WatchHello {
            watcher: "w".to_owned(),
            name: "beside".to_owned(),
            protocol: PROTOCOL,
            loadgate: LOADGATE.to_owned(),
            trouble: trouble.map(str::to_owned),
        }
    }

    #[test]
    fn who_is_silent_or_sees_nothing_is_lost_once() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut silent = Watching::new(&hello(None), start);
        assert_eq!(silent.look(at(3_300)), None);
        silent.hear(&Watches { epoch: String::new(), trouble: None }, at(3_300));
        assert_eq!(silent.look(at(6_600)), None);
        assert!(silent.look(at(6_800)).unwrap().starts_with("beside was not heard of"));
        assert_eq!(silent.look(at(9_900)), None);
        assert!(silent.into_record().lost.unwrap().contains("beside"));
        let mut blind = Watching::new(&hello(None), start);
        let trouble = Some("process 7 is gone".to_owned());
        blind.hear(&Watches { epoch: String::new(), trouble }, at(100));
        assert!(blind.into_record().lost.unwrap().contains("process 7 is gone"));
        assert_eq!(Watching::new(&hello(None), start).into_record().lost, None);
    }

    #[test]
    fn who_is_unlike_or_sees_nothing_takes_no_part() {
        assert_eq!(hello(None).objection(), None);
        assert!(hello(Some("nobody listens on 80")).objection().unwrap().contains("listens on 80"));
        let other = WatchHello { loadgate: "0.0.1".to_owned(), ..hello(None) };
        assert!(other.objection().unwrap().contains("is loadgate 0.0.1"));
    }
}
