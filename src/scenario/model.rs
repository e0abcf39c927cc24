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

use super::data::Data;
pub use super::flow::{Action, DEFAULT_TIMEOUT, Errand, Expectation, Flow, Request, Step};
pub use super::http_address::{HttpAddress, Place};
pub use super::ids::{SourceId, StepId, TenantId, VariableId};
use super::limits::Limits;
use super::load::Load;
use super::routing::{Permits, Routing};
pub use super::secrets::Secrets;
use super::slo::{Neighbours, Scope, Slo, Threshold};
use super::stress::StressObjective;
use super::tenants::Tenants;
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
    /// What is done once before a load.
    pub setup: Option<Arc<Errand>>,
    /// What is done once after it.
    pub teardown: Option<Arc<Errand>>,
    /// The names of extracted variables; a [`VariableId`] is an index into it.
    pub variables: Vec<String>,
    /// Rows for its requests.
    pub data: Arc<Data>,
    /// How hard.
    pub load: Load,
    /// What is good enough; never empty.
    pub slos: Vec<Slo>,
    /// The files that it is made of besides its own: rows, recordings, objectives.
    pub files: Vec<PathBuf>,
    /// The time that an error budget is for, in hours.
    pub budget_hours: u32,
    /// What is good enough under overload; only a stress test judges it.
    pub stress: Vec<StressObjective>,
    /// Whom iterations are for.
    pub tenants: Option<Tenants>,
    /// What all but a noisy tenant may notice of him.
    pub neighbours: Neighbours,
    /// What steps are marked with, each once; objectives name them.
    pub tags: Vec<String>,
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
            Scope::Tag(tag) => format!("tag:{}: {}", self.tags[usize::from(tag)], slo.text),
            Scope::EachTenant => format!("each tenant: {}", slo.text),
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
        let mut all: Vec<Threshold> = self
            .slos
            .iter()
            .chain(&self.neighbours.slos)
            .flat_map(Slo::thresholds)
            .flatten()
            .collect();
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
