//! What coordinator and agents say to each other, and under which subjects.
//!
//! Everything is JSON but for the clock's stamps. Moments are nanoseconds of the coordinator's clock
//! that never goes back, whose zero means nothing to anybody else.

use serde::{Deserialize, Serialize};

use crate::fleet::foreign;
use crate::fleet::loads::{Ordered, Passed, Stay};
use crate::fleet::sealed::Sealed;
use crate::record::handshakes::Handshakes;
use crate::scenario::model::VariableId;
use crate::scenario::slots::Slots;
use crate::scenario::template::Value;

/// Grows with each change that an older one would misunderstand.
pub const PROTOCOL: u32 = 2;
/// The version of this loadgate.
pub const LOADGATE: &str = env!("CARGO_PKG_VERSION");

/// Calls for agents of a pool.
pub fn call(pool: &str) -> String {
    format!("lg.v1.call.{pool}")
}

/// Any agent, or any that watches: its name, and a word of its own. So permissions may say what an
/// agent of a name may say, whatever process it is.
pub const ANY: &str = "*.*";

/// Where an agent says that it is there.
pub fn hello(run: &str, agent: &str) -> String {
    format!("lg.v1.{run}.hello.{agent}")
}

/// Where an agent hears offers.
pub fn offer(agent: &str) -> String {
    format!("lg.v1.agent.{agent}.offer")
}

/// Where clocks are compared.
pub fn clock(run: &str) -> String {
    format!("lg.v1.{run}.clock")
}

/// Where pieces of files are asked for.
pub fn files(run: &str) -> String {
    format!("lg.v1.{run}.file")
}

/// Where beats come.
pub fn beats(run: &str) -> String {
    format!("lg.v1.{run}.ctl")
}

/// Where an agent says that it lives.
pub fn alive(run: &str, agent: &str) -> String {
    format!("lg.v1.{run}.alive.{agent}")
}

/// Where a coordinator says to itself that it lives, among the agents of a run: a name and a word, of
/// which nobody else has the second.
pub fn ourselves(run: &str, epoch: &str) -> String {
    alive(run, &agent("coordinator", epoch))
}

/// What is unlike any other's of a name, of somebody's subject.
pub fn whose(subject: &str) -> Option<&str> {
    let (before, _) = subject.rsplit_once('.')?;
    subject.get(before.rfind('.')? + 1..)
}

/// The stream's subject of an agent's ticks.
pub fn ticks(run: &str, agent: &str) -> String {
    format!("lg.v1.{run}.sec.{agent}")
}

/// The stream's subject of an agent's last word.
pub fn end(run: &str, agent: &str) -> String {
    format!("lg.v1.{run}.end.{agent}")
}

/// The bucket in which it stands whose a run is.
pub fn bucket(run: &str) -> String {
    format!("lg-{run}")
}

/// The stream of a run.
pub fn stream(run: &str) -> String {
    format!("lg-{run}")
}

/// What is unlike any other's of a name.
pub fn agent(name: &str, word: &str) -> String {
    format!("{name}.{word}")
}

/// Whether it is what somebody of this name may be called who speaks under this subject.
pub fn is_agent(agent: &str, name: &str, subject: &str) -> bool {
    let word = agent.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
    is_name(name) && word.is_some_and(is_name) && is_of(subject, agent)
}

/// Whether it is an agent's subject: its end names the agent.
pub fn is_of(subject: &str, agent: &str) -> bool {
    subject.strip_suffix(agent).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether somebody hears answers there. Whoever asks says where the answer goes, and may not speak
/// elsewhere by our mouth.
pub fn is_inbox(reply: &str) -> bool {
    let Some((first, rest)) = reply.split_once('.') else { return false };
    let is_ones_own = first.strip_prefix("_INBOX_").is_some_and(is_name);
    (first == "_INBOX" || is_ones_own) && rest.split('.').all(is_name)
}

/// Whether a text may be part of a subject.
pub fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(is_plain)
}

/// A call for agents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Names the run.
    pub run: String,
}

/// An agent is there and has nothing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Unlike any other's.
    pub agent: String,
    /// What people call it.
    pub name: String,
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The version of its loadgate.
    #[serde(deserialize_with = "foreign::name")]
    pub loadgate: String,
    /// The public half of a key: what is sealed to it only this agent can read.
    #[serde(default)]
    pub key: Option<String>,
    /// Cores that it may use.
    pub cores: u32,
    /// Which machine and network it is in: two that have the same share a loopback.
    pub place: String,
}

/// What an agent is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The version of the coordinator's loadgate.
    #[serde(deserialize_with = "foreign::name")]
    pub loadgate: String,
    /// Names the run.
    pub run: String,
    /// Unlike that of any other coordinator: beats with another one are not for this offer.
    pub epoch: String,
    /// Which part of the load.
    pub slots: Slots,
    /// The scenario's file and folder, by which it names others.
    pub file: Option<String>,
    /// The folder.
    pub folder: String,
    /// Its text, variables unfilled.
    pub text: String,
    /// What the variables are, if that is not what the agent's environment says.
    pub sealed: Option<Sealed>,
    /// How long its load is played, in nanoseconds, if that is not what it says itself.
    pub lasting_ns: Option<u64>,
    /// Files that it names.
    pub files: Vec<FileHead>,
    /// Where the target listens, where the scenario does not say.
    pub demo: Option<DemoPlace>,
    /// The process of the coordinator, which tells runs apart.
    pub process: u32,
    /// Whether the generator's own clock stamps the arrival of bytes.
    pub own_clock: bool,
    /// Whether it is one of several loads, for which agents stay.
    pub stay: Option<Stay>,
}

/// A file that a scenario names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHead {
    /// As the scenario's folder and the scenario name it.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Which piece of a file is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The file's.
    pub sha256: String,
    /// From 0.
    pub number: u64,
}

/// Where the embedded demo API listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DemoPlace {
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to by HTTP/2.
    pub is_http2: bool,
}

/// All that holds at the moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// Of the coordinator.
    pub epoch: String,
    /// Of those that it has taken the run over from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// When it was said.
    pub at: u64,
    /// When the schedule starts, once that is known.
    pub go: Option<Go>,
    /// That the load is over; what is in flight has so many milliseconds.
    pub stop: Option<u64>,
    /// The agents of which all is known.
    pub done: Vec<String>,
    /// That the run is over for all.
    pub over: bool,
    /// All other rates that the load got so far.
    pub orders: Vec<Ordered>,
}

/// When the schedule starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Go {
    /// By the coordinator's clock that never goes back.
    pub at: u64,
    /// The same by its clock on the wall, in nanoseconds since 1970.
    pub wall_ns: u64,
    /// What every user knows by what was done once before the load; left out when all have begun.
    pub given: Vec<Known>,
}

/// A value that was extracted before the load.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Of which variable, by its place.
    pub variable: u16,
    /// Whether it is JSON.
    pub is_json: bool,
    /// The value.
    pub text: String,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Known({}, hidden)", self.variable)
    }
}

impl Known {
    /// As it is sent.
    pub fn of((variable, value): &(VariableId, Value)) -> Known {
        let (is_json, text) = match value {
            Value::Text(text) => (false, text.clone()),
            Value::Json(text) => (true, text.clone()),
        };
        Known { variable: variable.0, is_json, text }
    }

    /// As it is known.
    pub fn value(&self) -> (VariableId, Value) {
        let text = self.text.clone();
        let value = if self.is_json { Value::Json(text) } else { Value::Text(text) };
        (VariableId(self.variable), value)
    }
}

/// An agent lives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alive {
    /// Of the coordinator.
    pub epoch: String,
    /// Whether it carries its share out, or is about to.
    pub is_running: bool,
    /// How far its schedule lies behind the coordinator's, in nanoseconds.
    pub skew_ns: i64,
    /// By how much that may be wrong.
    pub bound_ns: u64,
    /// What keeps it from telling what it learns.
    #[serde(default, deserialize_with = "foreign::cause_if_any")]
    pub trouble: Option<String>,
    /// Why its load has ended, while its last word cannot be told.
    #[serde(default)]
    pub over: Option<Cause>,
    /// Its latest seconds, where the load gets other rates while it goes on.
    pub passed: Vec<Passed>,
}

/// The last word of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Last {
    /// Of the coordinator.
    pub epoch: String,
    /// Why its load has ended.
    pub cause: Cause,
    /// How many ticks it has said, numbered from 0.
    pub ticks: u32,
    /// Iterations that were started.
    pub iterations: u64,
    /// Iterations whose last step ended well.
    pub completed: u64,
    /// TLS handshakes.
    pub handshakes: Handshakes,
    /// Exchanges that failed, as lines.
    pub failures: String,
    /// Each row of a source of data was used, if that ended its load.
    pub used_up: Option<UsedUp>,
}

/// Each row of a source was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedUp {
    /// The source.
    #[serde(deserialize_with = "foreign::name")]
    pub data: String,
    /// When the last of an agent's threads met that, if all did, in nanoseconds of the schedule.
    pub cut_ns: Option<u64>,
}

/// Why an agent's load has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The schedule was done.
    Finished,
    /// The coordinator said so.
    Ordered,
    /// It was stopped by somebody else.
    Stopped,
    /// No beat renewed its lease.
    LeaseOver,
    /// The coordinator took it for lost.
    GivenUp,
    /// It heard too late when to start, by so many milliseconds.
    Late(u64),
    /// It could not do it.
    Failed(#[serde(deserialize_with = "foreign::cause")] String),
}

impl Cause {
    /// What there is to say if a load must not end so.
    pub fn fault(&self, is_ordered: bool) -> Option<String> {
        match self {
            Cause::Finished => None,
            Cause::Ordered => (!is_ordered).then(|| "stopped by nobody's order".to_owned()),
            Cause::Stopped => Some("was stopped by a signal".to_owned()),
            Cause::LeaseOver => Some(
                "heard nothing of the coordinator for 3 s, being frozen or cut off, and stopped"
                    .to_owned(),
            ),
            Cause::GivenUp => Some("was taken for lost, and stopped when it heard that".to_owned()),
            Cause::Late(millis) => Some(format!("heard {millis} ms too late when to start")),
            Cause::Failed(why) => Some(format!("failed: {why}")),
        }
    }
}

/// As it is sent.
pub fn bytes<T: Serialize>(said: &T) -> Vec<u8> {
    serde_json::to_vec(said).expect("plain data always serializes")
}

/// What was said, if it can be understood.
pub fn read<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_part_of_a_subject() {
        for (name, is_good) in [
            ("eu-west_1", true),
            ("", false),
            ("a.b", false),
            ("*", false),
            (">", false),
            ("a b", false),
        ] {
            assert_eq!(is_name(name), is_good, "{name}");
        }
    }

    #[test]
    fn answers_go_to_inboxes_only() {
        for (reply, is_good) in [
            ("_INBOX.abc", true),
            ("_INBOX_eu-1.abc.7", true),
            ("lg.v1.run.sec.eu-2.word", false),
            ("$KV.lg-run.epoch", false),
            ("$JS.API.STREAM.DELETE.lg-run", false),
            ("_INBOX", false),
            ("_INBOX_.abc", false),
            ("_INBOXES.abc", false),
            ("_INBOX_eu-1.>", false),
            ("_INBOX_*.abc", false),
            ("", false),
        ] {
            assert_eq!(is_inbox(reply), is_good, "{reply}");
        }
    }

    #[test]
    fn nobody_speaks_for_another() {
        let subject = hello("run", "eu-1.abc");
        assert!(is_agent("eu-1.abc", "eu-1", &subject));
        for (agent, name) in [
            ("eu-2.abc", "eu-2"),
            ("eu-1.abc", "eu-2"),
            ("eu-1.abc", "eu"),
            ("eu-1.", "eu-1"),
            ("eu-1", "eu-1"),
            ("eu-1.abc.d", "eu-1"),
            ("1.abc", "1"),
            ("abc", "abc"),
        ] {
            assert!(!is_agent(agent, name, &subject), "{agent} {name}");
        }
    }

    #[test]
    fn whose_a_subject_is_stands_at_its_end() {
        assert_eq!(whose(&ticks("run", "eu-1.abc")), Some("eu-1.abc"));
        assert_eq!(whose(&ourselves("run", "abc")), Some("coordinator.abc"));
        assert_eq!((whose("abc"), whose("eu-1.abc"), whose("")), (None, None, None));
        assert_eq!(whose("lg.v1..abc"), Some(".abc"));
    }

    #[test]
    fn only_what_was_ordered_ends_a_load_early_without_fault() {
        assert_eq!(Cause::Finished.fault(false), None);
        assert_eq!(Cause::Ordered.fault(true), None);
        for cause in [
            Cause::Ordered,
            Cause::Stopped,
            Cause::LeaseOver,
            Cause::GivenUp,
            Cause::Late(1),
            Cause::Failed(String::new()),
        ] {
            assert!(cause.fault(false).is_some(), "{cause:?}");
        }
    }
}
