//! The checked scenario: what the rest of the crate works with.
//!
//! Everything here is valid by construction: names are unique, indexes point at
//! something, the target may be loaded. Hot data uses [`StepId`] and
//! [`VariableId`], never names.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checks::AnswerCheck;
use super::data::Data;
use super::extraction::Extraction;
pub use super::http_address::{HttpAddress, Place};
pub use super::ids::{SourceId, StepId, VariableId};
use super::limits::Limits;
use super::load::Load;
use super::routing::{Permits, Routing};
pub use super::secrets::Secrets;
use super::slo::{Scope, Slo, Threshold};
use super::stream::Kind;
use super::stress::StressObjective;
use super::template::Template;
use super::think::Think;
use super::watch::Watched;

/// One checked, immutable description of a test.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Names the run and its folder.
    pub name: String,
    /// The file it came from; `None` when it was put together on the command line.
    pub file: Option<PathBuf>,
    /// SHA-256 of what decides the requests, in hexadecimal.
    pub hash: String,
    /// The system under test.
    pub target: Target,
    /// At least one, weights above zero.
    pub flows: Vec<Flow>,
    /// The steps of all flows; a [`StepId`] is an index into it.
    pub steps: Vec<Step>,
    /// The names of extracted variables; a [`VariableId`] is an index into it.
    pub variables: Vec<String>,
    /// Rows for its requests.
    pub data: Arc<Data>,
    /// How hard.
    pub load: Load,
    /// What is good enough; never empty.
    pub slos: Vec<Slo>,
    /// The time that an error budget is for, in hours.
    pub budget_hours: u32,
    /// What is good enough under overload; only a stress test judges it.
    pub stress: Vec<StressObjective>,
    /// The generator's ceilings.
    pub limits: Limits,
    /// Hosts other than loopback that may be loaded.
    pub allow: Permits,
    /// Values that must never be printed or stored.
    pub secrets: Secrets,
}

impl Scenario {
    /// The objectives as people name them: `p99 < 500ms`, `list orders: p99 < 300ms`.
    pub fn objectives(&self) -> Vec<String> {
        let named = |slo: &Slo| match slo.scope {
            Scope::All => slo.text.clone(),
            Scope::Step(step) => format!("{}: {}", self.step(step).name, slo.text),
        };
        self.slos.iter().map(named).collect()
    }

    /// Requests under way on one connection, if the target is spoken to by HTTP/2.
    pub fn streams(&self) -> Option<u32> {
        match &self.target.address {
            Address::Demo(demo) => demo.is_http2.then_some(self.limits.streams),
            Address::Http(address) => address.streams(&self.limits),
        }
    }

    /// The step of an index.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[usize::from(id.0)]
    }

    /// All thresholds that the objectives name, each once, in ascending order. The
    /// recorder counts the requests beyond each of them.
    pub fn thresholds(&self) -> Vec<Threshold> {
        let mut all: Vec<Threshold> = self.slos.iter().filter_map(Slo::threshold).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The system under test.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where requests go.
    pub address: Address,
    /// How connections to it are made.
    pub routing: Routing,
    /// How to start it; `None` when it runs already.
    pub start: Option<StartCommand>,
    /// When it is ready.
    pub ready: Ready,
    /// Its Prometheus metrics.
    pub metrics: Option<MetricsPage>,
    /// The database behind it, whose statistics are read.
    pub postgres: Option<Connection>,
    /// The field that carries each request's id, in lower case; `None`: none does.
    pub request_id: Option<String>,
    /// How the arms of a duet are started beside each other.
    pub arms: Arms,
    /// Set when the port of the address was given to the target by a variable, which no
    /// scenario file does.
    pub assigned: Option<AssignedPort>,
}

/// Where a target's metrics are, and which are looked at besides those that are known.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsPage {
    /// The server, if it is not the target itself.
    pub server: Option<HttpAddress>,
    /// The path as it is asked for.
    pub path: String,
    /// Metrics that the scenario names; each has a name of its own.
    pub watch: Vec<Watched>,
}

/// How a database is connected to; it may hold a password, and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection(pub String);

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection(hidden)")
    }
}

/// Which of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// What is compared with.
    Baseline,
    /// What is judged.
    Candidate,
}

impl Arm {
    /// Both.
    pub const BOTH: [Arm; 2] = [Arm::Baseline, Arm::Candidate];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Arm {
        match self {
            Arm::Baseline => Arm::Candidate,
            Arm::Candidate => Arm::Baseline,
        }
    }

    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Arm::Baseline => "baseline",
            Arm::Candidate => "candidate",
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the arms of a duet are started beside each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arms {
    /// The environment variable that tells a target its port.
    pub port_variable: String,
    /// What makes a fresh checkout ready to start.
    pub prepare: Option<Prepare>,
    /// Set for the baseline only.
    pub baseline: Vec<(String, String)>,
    /// Set for the candidate only.
    pub candidate: Vec<(String, String)>,
}

impl Arms {
    /// What is set for one of them only.
    pub fn variables(&self, arm: Arm) -> &[(String, String)] {
        match arm {
            Arm::Baseline => &self.baseline,
            Arm::Candidate => &self.candidate,
        }
    }
}

/// What makes a fresh checkout ready to start, such as `npm ci`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepare {
    /// The program and its arguments; at least the program.
    pub command: Vec<String>,
    /// How long it may take.
    pub within: Duration,
}

/// A port that a target was told by a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignedPort {
    /// The variable.
    pub variable: String,
    /// Where the scenario's own address has the target listen.
    pub instead_of: u16,
}

/// How the demo is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoAddress {
    /// By TLS.
    pub is_secured: bool,
    /// By HTTP/2.
    pub is_http2: bool,
}

impl Address {
    /// Whether it is the embedded demo API.
    pub fn is_demo(&self) -> bool {
        matches!(self, Address::Demo(_))
    }

    /// The same, asked by small requests from addresses of this machine.
    pub(crate) fn coming_from(self, from: &[IpAddr]) -> Address {
        match self {
            Address::Demo(_) => self,
            Address::Http(address) => Address::Http(HttpAddress { from: from.to_vec(), ..address }),
        }
    }

    /// Whether it is spoken to by TLS.
    pub fn is_secured(&self) -> bool {
        match self {
            Address::Demo(demo) => demo.is_secured,
            Address::Http(address) => address.tls.is_some(),
        }
    }
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The embedded demo API, started in this process on a free port.
    Demo(DemoAddress),
    /// An HTTP server.
    Http(HttpAddress),
}

/// How to start the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartCommand {
    /// The program and its arguments; at least the program.
    pub command: Vec<String>,
    /// The folder it runs in, absolute or relative to loadgate's own.
    pub folder: PathBuf,
    /// Set in addition to loadgate's own environment.
    pub env: Vec<(String, String)>,
}

/// When the target is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Answers with a status below 400 when it is; `None`: accepting a connection will do.
    pub path: Option<String>,
    /// How long it may take.
    pub within: Duration,
    /// How long its port may refuse connections.
    pub refused_for: Duration,
}

/// A sequence of steps that one virtual user walks through.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Unique in the scenario.
    pub name: String,
    /// Its share among the flows' weights; at least 1.
    pub weight: u32,
    /// What is done, in order.
    pub actions: Vec<Action>,
    /// The sources of data that its steps name, ascending.
    pub sources: Vec<SourceId>,
}

/// One thing a virtual user does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Sends a request.
    Request(StepId),
    /// Thinks for a time.
    Think(Think),
}

/// One request with its checks and extractions.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique in the scenario.
    pub name: String,
    /// Method and path as the file has them, without the query: `GET /orders/{{order}}`.
    pub label: String,
    /// Done once per virtual user, such as a login.
    pub once: bool,
    /// What is sent.
    pub request: Request,
    /// What its answer is, and when that is over.
    pub kind: Kind,
    /// From the intended moment to the end of the response.
    pub timeout: Duration,
    /// Which answers are right, by their status.
    pub expect: Expectation,
    /// What else must hold for an answer that is.
    pub checks: Vec<AnswerCheck>,
    /// What is kept of the answer.
    pub extract: Vec<Extraction>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// An upper-case token such as `GET`.
    pub method: String,
    /// Path and query, with the target's prefix; starts with `/`.
    pub path: Template,
    /// Names in lower case; `content-type` is added for `json` and `form`.
    pub headers: Vec<(String, Template)>,
    /// The body.
    pub body: Option<Template>,
}

/// Which answers are right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expectation {
    /// Inclusive ranges of statuses; empty means: anything below 400 but 101, by which a
    /// target leaves HTTP although nobody has asked for that.
    pub statuses: Vec<(u16, u16)>,
}

impl Expectation {
    /// Whether a status is as expected.
    pub fn accepts(&self, status: u16) -> bool {
        if self.statuses.is_empty() {
            return status < 400 && status != 101;
        }
        self.statuses.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

/// `2xx, 404`, or `below 400`.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.statuses.is_empty() {
            return f.write_str("below 400");
        }
        for (index, (low, high)) in self.statuses.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            match (low, high) {
                (low, high) if low == high => write!(f, "{low}")?,
                (low, high) if low % 100 == 0 && *high == low + 99 => write!(f, "{}xx", low / 100)?,
                (low, high) => write!(f, "{low} to {high}")?,
            }
        }
        Ok(())
    }
}

/// The time limit of a step that names none.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
