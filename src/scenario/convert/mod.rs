//! From the file as written to the checked scenario, section by section.
//!
//! Every section converts itself and reports what is wrong with it; none stops
//! another. When anything was reported, what comes out is thrown away.

mod actions;
mod address;
mod arms;
mod asks;
mod auth;
mod body;
mod checks;
mod conditions;
mod course;
mod data;
mod extraction;
mod flows;
mod graphql;
mod host;
mod json_path;
mod json_schema;
mod lap_objectives;
mod lengths;
mod load;
mod measures;
mod metrics;
mod named_steps;
mod names;
mod neighbours;
mod noisy;
mod objective_text;
mod objectives;
mod opening;
mod other_objectives;
mod pattern;
mod profile;
mod program;
mod replay;
mod request;
mod routing;
mod schema_words;
mod settle;
mod stages;
mod stream;
mod stress_objectives;
mod target;
mod target_objectives;
mod tenants;
mod tenants_of_rows;
mod think;
mod tls;
mod variables;
mod websocket;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::attachments::Attachments;
use super::ceiling::{Ceiling, requests_per_iteration};
use super::check::Check;
use super::data::Data;
use super::document::Pointer;
use super::entries::Entries;
use super::limits::Limits;
use super::load::Recorded;
use super::model::{Scenario, Secrets, Target};
use super::origin::Origin;
use super::problems::Fault;
use super::raw::{RawFlow, RawScenario};
use super::raw_http2::RawHttp2;
use super::raw_limits::RawLimits;
use super::routing::Permits;
use super::sum;
use crate::units::Bytes;
use flows::Walks;
use load::Written;
use names::{name_fault, variable_fault};

pub(crate) use neighbours::are_said as neighbours_are_said;
pub(crate) use objectives::{Objectives, Subjects, objectives, recorded};
pub(crate) use stress_objectives::is_one as is_of_a_stress_test;
use target_objectives::Gauges;

/// A scenario but for its objectives, which may be in another file. What could not be
/// converted has been reported.
pub(crate) struct Sections {
    name: String,
    file: Option<PathBuf>,
    files: Vec<PathBuf>,
    hash: String,
    target: Option<Target>,
    walks: Walks,
    data: Arc<Data>,
    load: Option<Written>,
    limits: Option<Limits>,
    allow: Permits,
    budget_hours: u32,
}

impl Sections {
    /// What objectives may speak of.
    pub(crate) fn subjects(&self) -> Subjects<'_> {
        let watched = self.target.as_ref().map(|target| {
            target.metrics.as_ref().map(|page| page.watch.as_slice()).unwrap_or_default()
        });
        let is_secured = self.target.as_ref().map(|target| target.address.is_secured());
        Subjects { walks: &self.walks, gauges: Gauges { is_secured, ..Gauges::with(watched) } }
    }

    /// Whether a tenant is noisy in a stage of the load.
    pub(crate) fn is_noisy(&self) -> bool {
        self.walks.tenants.as_ref().is_some_and(|tenants| tenants.noise.is_some())
    }

    pub(crate) fn convert(
        raw: &RawScenario,
        origin: &Origin,
        secrets: &mut Secrets,
        check: &mut Check<'_>,
    ) -> Sections {
        let allow = address::permits(raw, origin, check);
        let target = target::target(&raw.target, &allow, origin, check);
        routing::all_are_used(&allow, target.as_ref(), origin, check);
        keep_address_secret(raw, target.as_ref(), secrets, check);
        let prefix = target.as_ref().map(target::prefix).unwrap_or_default();
        let at = Pointer::default().key("variables");
        let constants = constants(&raw.variables, &at, check);
        let data = Arc::new(data::data(&raw.data, origin, check));
        let is_http2 = raw.target.http2.is_some_and(|spoken| spoken != RawHttp2::Off);
        let cookies = raw.cookies.unwrap_or(false);
        let attached = Attachments::beside(&origin.folder, &origin.data);
        let given = (&*constants, &*data, &attached);
        let mut walks = flows::flows(raw, given, (&prefix, is_http2, cookies), check);
        let mut load = load::load(raw, &walks, origin, check);
        if let Some(written) = &mut load {
            tenants_of_rows::count(&mut walks.flows, &data, &written.load, check);
            // Where it is a mistake who the tenants are, nobody knows whether one of them is noisy.
            let is_known = walks.tenants.as_ref().is_none_or(|tenants| !tenants.names.is_empty());
            let is_counted = noisy::is_counted(raw, check);
            if (is_known || raw.tenants.is_none()) && !is_counted {
                noisy::noise(raw, written, &mut walks, check);
            }
        }
        let files = files(raw, &data, origin, check).into_iter().chain(attached.paths()).collect();
        let sections = Sections {
            name: name(raw, origin, check),
            file: origin.file.clone(),
            files,
            load,
            hash: String::new(),
            target,
            walks,
            data,
            limits: limits(&raw.limits, check),
            allow,
            budget_hours: objectives::budget_hours(&raw.slo, check),
        };
        let hash = hash(raw, &sections, &attached, check);
        let sections = Sections { hash, ..sections };
        sections.is_within_reach(origin, check);
        sections.has_room_for_users(raw, check);
        if let Some(Written { load, .. }) = &sections.load {
            data::lasts(&sections.data, load, &sections.walks.flows, check);
        }
        sections
    }

    /// No stage asks for more than a machine of this size can send.
    fn is_within_reach(&self, origin: &Origin, check: &mut Check<'_>) {
        let (Some(load), Some(limits), Some(cores)) = (&self.load, &self.limits, origin.cores)
        else {
            return;
        };
        let ceiling = Ceiling::of_run(cores, limits.workers);
        let Written { load, stages, at, asks } = load;
        if !load.parts.is_empty() {
            let whole = sum::of(&load.parts, |part| asks[part]);
            if let Some(fault) = whole.iter().find_map(|stage| ceiling.fault(stage, 1.0)) {
                check.value(at, fault);
            }
            return;
        }
        let per_iteration = requests_per_iteration(&self.walks.flows, &self.walks.steps);
        for (stage, place) in load.stages.iter().zip(stages) {
            if let Some(fault) = ceiling.fault(stage, per_iteration) {
                check.value(place, fault);
            }
        }
    }

    /// All users of a closed load can be under way at once.
    fn has_room_for_users(&self, raw: &RawScenario, check: &mut Check<'_>) {
        if let (Some(load), Some(limits)) = (&self.load, &self.limits) {
            let is_http2 = raw.target.http2.is_some_and(|spoken| spoken != RawHttp2::Off);
            load::users_fit(&load.load, &load.at, (limits, is_http2), check);
        }
    }

    /// `None` when a section could not be converted.
    pub(crate) fn finish(self, objectives: Objectives, secrets: Secrets) -> Option<Scenario> {
        let files = self.files.into_iter().chain(objectives.file).collect();
        Some(Scenario {
            name: self.name,
            file: self.file,
            files,
            hash: self.hash,
            target: self.target?,
            flows: self.walks.flows,
            tenants: self.walks.tenants,
            tags: self.walks.tags,
            steps: self.walks.steps,
            setup: self.walks.setup,
            teardown: self.walks.teardown,
            variables: self.walks.variables,
            data: self.data,
            load: self.load?.load,
            slos: objectives.slos,
            stress: objectives.stress,
            neighbours: objectives.neighbours,
            budget_hours: self.budget_hours,
            limits: self.limits?,
            allow: self.allow,
            secrets,
        })
    }
}

/// What of the target's address is a secret when some of it came from the environment. A
/// host is normalised on its way and would no longer be found among the secrets; one that
/// the file itself names is none. A port is none either: without it no message could say
/// where somebody else listens already.
fn keep_address_secret(
    raw: &RawScenario,
    target: Option<&Target>,
    secrets: &mut Secrets,
    check: &Check<'_>,
) {
    let Some(url) = raw.target.url.as_deref().filter(|url| check.environment.fills(url)) else {
        return;
    };
    let address = target.and_then(target::http).filter(|address| address.socket().is_none());
    let Some(address) = address else { return };
    if !url.to_ascii_lowercase().contains(&address.host) {
        secrets.add(&address.host);
    }
    secrets.forget(&address.port.to_string());
}

/// The name as written, or that of the file.
fn name(raw: &RawScenario, origin: &Origin, check: &mut Check<'_>) -> String {
    let Some(name) = &raw.name else {
        let stem = origin.file.as_ref().and_then(|file| file.file_stem());
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
        return stem.filter(|name| folder_fault(name).is_none()).unwrap_or("scenario".to_owned());
    };
    if let Some(fault) = folder_fault(name) {
        check.value(&Pointer::default().key("name"), fault);
    }
    name.clone()
}

/// The scenario's name is the name of a folder.
fn folder_fault(name: &str) -> Option<Fault> {
    let separator = |c: char| c == '/' || c == '\\';
    if name.contains(separator) || name.starts_with('.') {
        let fault = Fault::new(format!("\"{name}\" cannot be the name of a folder"));
        return Some(
            fault.help("the run's folder is named so; leave out slashes and a leading dot"),
        );
    }
    name_fault(name)
}

fn constants(raw: &Entries<String>, at: &Pointer, check: &mut Check<'_>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, text) in &raw.0 {
        if let Some(fault) = variable_fault(name) {
            check.key(&at.key(name), fault);
        }
        if text.contains("{{") {
            let fault = Fault::new("a constant cannot contain a {{placeholder}}");
            check.value(&at.key(name), fault.help("write the placeholder where it is used"));
        }
        all.push((name.clone(), check.fill(text)));
    }
    all
}

fn limits(raw: &RawLimits, check: &mut Check<'_>) -> Option<Limits> {
    let default = Limits::default();
    let body = match &raw.body {
        None => default.body,
        Some(text) => {
            let at = Pointer::default().key("limits").key("body");
            let size = check.fill(text).parse::<Bytes>().map_err(Fault::from);
            let some = size.and_then(|size| match size {
                Bytes(0) => Err(Fault::new("a limit must be at least 1B")),
                size => Ok(size),
            });
            check.accept(&at, some)?
        }
    };
    Some(Limits {
        connections: raw.connections.unwrap_or(default.connections),
        in_flight: raw.in_flight.unwrap_or(default.in_flight),
        streams: raw.streams.unwrap_or(default.streams),
        body,
        tenants: raw.tenants.unwrap_or(default.tenants),
        workers: raw.workers,
    })
}

/// The files that a scenario is made of, besides its own and that of objectives.
fn files(raw: &RawScenario, data: &Data, origin: &Origin, check: &Check<'_>) -> Vec<PathBuf> {
    let whole = raw.load.iter().filter_map(|load| load.replay.as_ref());
    let own = raw.flows.iter().filter_map(|flow| flow.load.as_ref()?.replay.as_ref());
    let recordings = whole.chain(own).map(|replay| origin.folder.join(check.fill(&replay.file)));
    data.sources.iter().map(|source| source.file.clone()).chain(recordings).collect()
}

/// SHA-256 of what decides the requests and their load, as written: values from the
/// environment have no part in it, nor have the target's place and the objectives.
fn hash(
    raw: &RawScenario,
    sections: &Sections,
    attached: &Attachments,
    check: &Check<'_>,
) -> String {
    let flows: &[RawFlow] = &raw.flows;
    let data = &sections.data;
    let decisive = json!({ "flows": flows, "load": raw.load, "variables": raw.variables });
    let mut decisive = format!("loadgate scenario 1\n{decisive}");
    let mut digits: Vec<_> =
        check.numbers.iter().map(|(at, number)| format!("\n{}: {number}", at.as_str())).collect();
    digits.sort_unstable();
    decisive.extend(digits);
    if let Some(tenants) = &raw.tenants {
        decisive.extend(["\ntenants: ".to_owned(), json!(tenants).to_string()]);
    }
    // Another protocol is another load.
    if raw.target.http2.is_some_and(|spoken| spoken != RawHttp2::Off) {
        decisive.push_str("\nHTTP/2");
    }
    for (key, steps) in [("setup", &raw.setup), ("teardown", &raw.teardown)] {
        if !steps.is_empty() {
            decisive.extend(["\n", key, " ", &json!(steps).to_string()]);
        }
    }
    if raw.cookies == Some(true) {
        decisive.push_str("\ncookies");
    }
    let mut digest = Sha256::new_with_prefix(decisive);
    if !raw.data.is_empty() {
        digest.update(format!("\n{}", json!(raw.data)));
    }
    for source in &data.sources {
        source.table.contents().for_each(|piece| digest.update(piece));
        source.table.ends().iter().for_each(|end| digest.update(end.to_le_bytes()));
    }
    let parts = sections.load.iter().flat_map(|written| &written.load.parts);
    for Recorded(all) in parts.filter_map(|part| part.recorded.as_ref()) {
        all.iter().for_each(|at| digest.update(at.to_le_bytes()));
    }
    for file in attached.contents() {
        digest.update(format!("\nfile {}\n", file.len()));
        digest.update(&file);
    }
    let digest = digest.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
