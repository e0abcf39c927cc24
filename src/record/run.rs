//! Everything known about one run.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::addresses::AddressesHead;
use crate::record::certificate::CertificateHead;
use crate::record::failures::Failures;
use crate::record::gauge::{self, BEFORE_4, Gauge, GaugeId};
use crate::record::generator::{Environment, GeneratorHead, Lost};
use crate::record::handshakes::Handshakes;
pub use crate::record::load_head::{LoadHead, PartHead, StageHead};
use crate::record::noisy::NoisyHead;
use crate::record::seconds::Seconds;
use crate::record::series::SeriesHead;
pub use crate::record::slo_head::{
    GaugeHead, MetricHead, SloHead, Subset, TenantsHead, ThroughputHead, WindowsHead,
};
use crate::record::statement::Statement;
use crate::record::step_head::StepHead;
use crate::record::telemetry::{GeneratorSecond, TargetSecond};
use crate::scenario::http_address::UNIX;
use crate::scenario::slo::{DEFAULT_BUDGET_HOURS, Threshold};

/// The version of `run.json`. Grows when a reader of the old form would be wrong. Before 2
/// no record had `least`, without which the audit cannot tell whose doing a delay was. Before
/// 3 the histograms of a run that had not ended were in `intervals.hlog` alone. Before 4 each
/// gauge of the target was a field of its own. Before 5 each step was a series, and the machine
/// that of the only generator. Before 6
/// an objective was of a step or of all requests: a reader that does not know tenants would take
/// one of each tenant for one of all.
pub const VERSION: u32 = 6;
/// The oldest version that can be read.
pub const OLDEST_VERSION: u32 = 2;

/// Everything known about one run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// What was known before the first request.
    pub head: Head,
    /// How it ended; `None` when the generator was killed before it could say.
    pub end: Option<End>,
    /// By second of the intended moment; missing seconds had no requests.
    pub seconds: Seconds,
    /// What was seen of all generators; ascending by second, then by generator.
    pub generator: Vec<GeneratorSecond>,
    /// Ascending; empty when nothing is known of the target's inside.
    pub target: Vec<TargetSecond>,
    /// What failing requests looked like.
    pub failures: Failures,
}

impl RunRecord {
    /// What was seen of all generators together: a second has what they used, and the worst of
    /// what befell them.
    pub fn together(&self) -> Cow<'_, [GeneratorSecond]> {
        if self.head.generators.len() <= 1 {
            return Cow::Borrowed(&self.generator);
        }
        let mut together: Vec<GeneratorSecond> = Vec::new();
        for second in &self.generator {
            match together.last_mut().filter(|last| last.second == second.second) {
                Some(last) => last.add(second),
                None => together.push(second.clone()),
            }
        }
        Cow::Owned(together)
    }

    /// What was seen of one gauge: the second of the target, and the value.
    pub fn gauge<'s>(
        &'s self,
        gauge: &Gauge,
    ) -> impl Iterator<Item = (&'s TargetSecond, f64)> + use<'s> {
        let id = self.head.gauge(gauge);
        self.target.iter().filter_map(move |second| Some((second, second.value(id?)?)))
    }
}

/// What was known before the first request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// [`VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// SHA-256 of what decides the requests.
    pub scenario_hash: String,
    /// The target's address, without secrets.
    pub target: String,
    /// What the target was started from, where that is a git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// How long the look-up of the target's name took, in milliseconds, once before the
    /// first request; `None` where the address is a number.
    #[serde(default)]
    pub lookup_ms: Option<f64>,
    /// When the schedule started, RFC 3339 in UTC.
    pub started: String,
    /// The same in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// The steps, in the order of the indexes.
    pub steps: Vec<StepHead>,
    /// What is counted together: `seconds` has its counts in this order.
    pub series: Vec<SeriesHead>,
    /// The tenants that are told apart, where some are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantsHead>,
    /// The load profile.
    pub load: LoadHead,
    /// The objectives.
    pub slos: Vec<SloHead>,
    /// The tenant who was noisy for a stage, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noisy: Option<NoisyHead>,
    /// The time that an error budget is for, in hours.
    #[serde(default = "default_budget_hours")]
    pub budget_hours: u32,
    /// The thresholds of the `slower` counters.
    pub thresholds: Vec<Threshold>,
    /// The ceilings.
    pub limits: LimitsHead,
    /// Who carried out which slots of the load, ascending. A record has one at least.
    pub generators: Vec<GeneratorHead>,
    /// What is looked at of the target once a second: `target_seconds` has the values in this
    /// order.
    #[serde(default = "before_4")]
    pub gauges: Vec<Gauge>,
    /// Which of the target's addresses were used, where its name has several or was looked up
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<AddressesHead>,
    /// Until when the target's certificates are valid, where it showed some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateHead>,
    /// When it went on after it had been interrupted or killed, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumed>,
}

/// That a run which had been interrupted or killed went on. Its schedule goes on where it had
/// stopped: what lies between in wall-clock time is in no second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Resumed {
    /// The first second of the schedule that was carried out afterwards.
    pub from: u32,
    /// When that second began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Whether the target was started again.
    pub restarted: bool,
    /// Requests of all seconds before that had been due, and ended nobody knows how.
    pub lost: u64,
    /// Iterations that had been started before, as far as it is known.
    pub iterations: u64,
    /// Those of them whose last step had ended well.
    pub iterations_completed: u64,
    /// TLS handshakes before, as far as they are known.
    #[serde(skip_serializing_if = "Handshakes::is_none")]
    pub handshakes: Handshakes,
}

/// What a git repository had checked out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Revision {
    /// The commit, shortened, and its subject: `1a2b3c4 Fix the cache`.
    pub commit: String,
    /// The branch, unless a commit was checked out by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Whether a file that git knows has changed since.
    pub has_changes: bool,
}

impl Head {
    /// Whether its target was reached by a socket file, where the kernel stamps nothing.
    pub fn is_by_socket_file(&self) -> bool {
        self.target.starts_with(UNIX)
    }

    /// How long nothing was loaded before the run went on for the so-many-th time, in seconds.
    pub fn gap_seconds(&self, index: usize) -> f64 {
        let Some(resumed) = self.resumed.get(index) else { return 0.0 };
        let before = index.checked_sub(1).and_then(|before| self.resumed.get(before));
        let (from, began) =
            before.map_or((0, self.started_unix_ms), |it| (it.from, it.started_unix_ms));
        let loaded = f64::from(resumed.from.saturating_sub(from));
        (resumed.started_unix_ms.saturating_sub(began) as f64 / 1e3 - loaded).max(0.0)
    }

    /// What a moment of the schedule, in microseconds, was in milliseconds since 1970.
    pub fn unix_millis(&self, micros: u64) -> u64 {
        let (from, began) = self
            .resumed
            .iter()
            .rev()
            .map(|it| (u64::from(it.from) * 1_000_000, it.started_unix_ms))
            .find(|(from, _)| *from <= micros)
            .unwrap_or((0, self.started_unix_ms));
        began.saturating_add((micros - from) / 1_000)
    }

    /// The step that the series at a place is of; beyond all steps where there is none.
    pub fn step_of(&self, index: usize) -> usize {
        self.series.get(index).map_or(usize::MAX, |series| usize::from(series.step))
    }

    /// Whether the series at a place is of what is meant.
    pub fn is_of(&self, index: usize, within: Subset<'_>) -> bool {
        within.step.is_none_or(|step| self.step_of(index) == usize::from(step))
            && within.tenant.is_none_or(|tenant| self.tenant_of(index) == Some(tenant))
            && within.but.is_none_or(|but| self.tenant_of(index).is_some_and(|it| it != but))
            && within.tag.is_none_or(|tag| self.has_tag(index, tag))
    }

    /// Whose the series at a place is, by the place in the table of tenants.
    pub fn tenant_of(&self, index: usize) -> Option<u16> {
        self.series.get(index).and_then(|series| series.tenant)
    }

    fn has_tag(&self, index: usize, tag: &str) -> bool {
        let step = self.steps.get(self.step_of(index));
        step.is_some_and(|step| step.tags.iter().any(|known| known == tag))
    }

    /// What stamps the end of a response: the generator's clock where any generator's does.
    pub fn receive_clock(&self) -> &str {
        let clocks = || self.generators.iter().map(|it| it.environment.receive_clock.as_str());
        clocks().find(|clock| *clock != "kernel").or_else(|| clocks().next()).unwrap_or_default()
    }

    /// The machine of the first generator, which is mostly the only one.
    pub fn environment(&self) -> &Environment {
        &self.generators[0].environment
    }

    /// The place of a gauge; `None` where it was not looked at.
    pub fn gauge(&self, gauge: &Gauge) -> Option<GaugeId> {
        gauge::find(&self.gauges, gauge)
    }
}

fn default_budget_hours() -> u32 {
    DEFAULT_BUDGET_HOURS
}

fn before_4() -> Vec<Gauge> {
    BEFORE_4.to_vec()
}

/// The ceilings as the record knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitsHead {
    /// Open connections.
    pub connections: u32,
    /// Iterations under way.
    pub in_flight: u32,
    /// Requests under way on one connection, where HTTP/2 was spoken; nothing for HTTP/1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<u32>,
    /// Bytes of a body.
    pub body_bytes: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Why.
    pub reason: EndReason,
    /// Seconds of the schedule that were carried out, before it ended or was ended.
    pub scheduled: f64,
    /// Seconds from the start of the schedule to the last response.
    pub seconds: f64,
    /// Requests given up at the end without an outcome (after an interruption).
    pub abandoned: u64,
    /// Iterations that were started.
    pub iterations: u64,
    /// Iterations whose last step was reached and ended well.
    pub iterations_completed: u64,
    /// TLS handshakes, where there were some.
    #[serde(default, skip_serializing_if = "Handshakes::is_none")]
    pub handshakes: Handshakes,
    /// Addresses that the target's name got while it was loaded, and that new connections went to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later_addresses: Vec<String>,
    /// What the generator itself could not do, such as writing to a full disk.
    pub faults: Vec<String>,
    /// Generators that did not carry out their part, where several shared the load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
    /// Who watched the target's processes, where that was not the generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watcher: Option<Watcher>,
    /// The statements that took most of the database's time during the run, if its statistics
    /// tell them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// Why what is done once after the load failed, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<String>,
}

/// Who watched the target's processes, as they are on another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Watcher {
    /// What it is called.
    pub name: String,
    /// What became of it, if it did not watch to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

impl RunRecord {
    /// Whether the target's processes share no machine with the generator, so that what they use is
    /// no part of what that machine has.
    pub fn is_watched_elsewhere(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.watcher.is_some())
    }
}

impl End {
    /// Who watched the target's processes on another machine, and was lost.
    pub fn lost_watcher(&self) -> Option<&str> {
        self.watcher.as_ref()?.lost.as_deref()
    }
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The schedule was done.
    Finished,
    /// Each row of data that the scenario takes once was taken, and it says that the load ends then.
    RowsUsed {
        /// The name of the source.
        data: String,
    },
    /// A signal: 2 for an interrupt, 15 for a termination.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// It could not work: a step did not succeed once.
    Hopeless {
        /// Which step, how many tries, and how they ended.
        detail: String,
    },
    /// It was to end with the first objective that is missed for certain (`--fail-fast`).
    FailedFast {
        /// Which objective, and by how much.
        detail: String,
    },
    /// One of several generators was lost, and the others were stopped.
    GeneratorLost {
        /// Which one, and what became of it.
        detail: String,
    },
    /// The target that loadgate started died while it was loaded.
    TargetDied {
        /// Its exit status and last words.
        detail: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_head;

    #[test]
    fn a_run_that_went_on_has_gaps_and_its_moments_lie_behind_them() {
        let mut head = sample_head();
        let began = head.started_unix_ms;
        assert_eq!((head.gap_seconds(0), head.unix_millis(7_500_000)), (0.0, began + 7_500));
        let resumed =
            |from: u32, started_unix_ms| Resumed { from, started_unix_ms, ..Resumed::default() };
        head.resumed = vec![resumed(5, began + 65_000), resumed(8, began + 168_500)];
        assert_eq!((head.gap_seconds(0), head.gap_seconds(1)), (60.0, 100.5));
        for (micros, millis) in
            [(0, 0), (4_999_000, 4_999), (5_000_000, 65_000), (9_000_000, 169_500)]
        {
            assert_eq!(head.unix_millis(micros), began + millis, "{micros}");
        }
        // A clock that was set back makes no gap of less than nothing.
        head.resumed[0].started_unix_ms = began;
        assert!(head.gap_seconds(0).abs() < f64::EPSILON);
    }
}
