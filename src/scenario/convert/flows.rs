//! Flows and their steps, and the variables that go from one step to the next.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use super::super::check::Check;
use super::super::checks::AnswerCheck;
use super::super::data::Data;
use super::super::document::Pointer;
use super::super::extraction::Extraction;
use super::super::model::{Action, Expectation, Flow, Step, StepId, VariableId};
use super::super::problems::Fault;
use super::super::raw::{RawFlow, RawStep};
use super::super::raw_check::RawCheck;
use super::super::template::parse::Names;
use super::super::think::Think;
use super::checks;
use super::extraction::{Found, extraction};
use super::names::{name_fault, variable_fault};
use super::request::{self, step_text};
use super::stream;

/// More steps would make reports unreadable and records large.
const MOST_STEPS: usize = 1_000;

/// Everything that virtual users do.
#[derive(Default)]
pub(crate) struct Walks {
    pub(super) flows: Vec<Flow>,
    pub(super) steps: Vec<Step>,
    pub(super) variables: Vec<String>,
    /// Also those of steps that could not be converted.
    pub(super) step_names: HashSet<String>,
}

/// What is known while flows are converted one after the other.
struct Walker<'w, 'c> {
    constants: &'w [(String, String)],
    data: &'w Data,
    prefix: &'w str,
    is_http2: bool,
    check: &'w mut Check<'c>,
    walks: Walks,
    ids: HashMap<String, VariableId>,
}

/// Converts all flows.
pub(super) fn flows(
    raw: &[RawFlow],
    (constants, data): (&[(String, String)], &Data),
    (prefix, is_http2): (&str, bool),
    check: &mut Check<'_>,
) -> Walks {
    let at = Pointer::default().key("flows");
    let fault = match raw.iter().map(|flow| flow.steps.len()).sum() {
        0 if raw.is_empty() => {
            Some(Fault::new("no flows").help("add one with \"name\" and \"steps\""))
        }
        0..=MOST_STEPS => None,
        many => Some(Fault::new(format!("{many} steps, at most {MOST_STEPS} are possible"))),
    };
    if let Some(fault) = fault {
        check.value(&at, fault);
        return Walks::default();
    }
    let (walks, ids) = (Walks::default(), HashMap::new());
    let mut walker = Walker { constants, data, prefix, is_http2, check, walks, ids };
    let mut names = HashSet::new();
    for (index, flow) in raw.iter().enumerate() {
        let at = at.item(index);
        walker.flow_name(&flow.name, &at.key("name"), &mut names);
        walker.flow(flow, &at);
    }
    walker.walks
}

impl Walker<'_, '_> {
    fn flow_name(&mut self, name: &str, at: &Pointer, names: &mut HashSet<String>) {
        if let Some(fault) = name_fault(name) {
            self.check.value(at, fault);
        } else if !names.insert(name.to_owned()) {
            let fault = Fault::new(format!("two flows are named \"{name}\""));
            self.check.value(at, fault.help("give each flow a name of its own"));
        }
    }

    fn flow(&mut self, raw: &RawFlow, at: &Pointer) {
        let at_steps = at.key("steps");
        if !raw.steps.iter().any(|step| step.think.is_none() && !step.once) {
            let fault = Fault::new("a flow in which nothing is sent again and again");
            let help = "add a step with a \"request\" and without \"once\"";
            self.check.value(&at_steps, fault.help(help));
        }
        let later = raw.steps.iter().flat_map(|step| step.extract.0.iter());
        let mut names = Names {
            environment: self.check.environment,
            constants: self.constants,
            data: self.data,
            used: Cell::default(),
            extracted: HashMap::new(),
            later: later.map(|(name, _)| name.clone()).collect(),
        };
        let mut actions = Vec::new();
        for (index, step) in raw.steps.iter().enumerate() {
            actions.extend(self.action(step, &at_steps.item(index), &mut names));
        }
        let sources = names.sources();
        let name = raw.name.clone();
        self.walks.flows.push(Flow { name, weight: raw.weight, actions, sources });
    }

    fn action(&mut self, raw: &RawStep, at: &Pointer, names: &mut Names<'_>) -> Option<Action> {
        match (&raw.request, &raw.think) {
            (None, Some(text)) => {
                self.thinks_only(raw, at);
                let think = Think::parse(&self.check.fill(text));
                self.check.accept(&at.key("think"), think).map(Action::Think)
            }
            (Some(request), None) => self.step(raw, request, at, names).map(Action::Request),
            (Some(_), Some(_)) => {
                let fault = Fault::new("a step either sends a request or thinks, not both");
                self.check.key(&at.key("think"), fault.help("make two steps of it"));
                None
            }
            (None, None) => {
                let fault = Fault::new("a step without \"request\" and without \"think\"");
                let help = "add \"request\": \"GET /orders\" or \"think\": \"1s\"";
                self.check.value(at, fault.help(help));
                None
            }
        }
    }

    fn thinks_only(&mut self, raw: &RawStep, at: &Pointer) {
        let others = [
            ("name", raw.name.is_some()),
            ("headers", !raw.headers.0.is_empty()),
            ("json", raw.json.is_some()),
            ("body", raw.body.is_some()),
            ("form", raw.form.is_some()),
            ("check", raw.check.is_some()),
            ("timeout", raw.timeout.is_some()),
            ("extract", !raw.extract.0.is_empty()),
            ("once", raw.once),
            ("events", raw.events.is_some()),
            ("websocket", raw.websocket.is_some()),
        ];
        for (key, _) in others.iter().filter(|(_, given)| *given) {
            let fault = Fault::new(format!("\"{key}\" means nothing beside \"think\""));
            self.check.key(&at.key(key), fault.help("a time to think stands alone in its step"));
        }
    }

    fn step(
        &mut self,
        raw: &RawStep,
        text: &str,
        at: &Pointer,
        names: &mut Names<'_>,
    ) -> Option<StepId> {
        let name = self.step_name(raw, text, at);
        let request = request::request(raw, self.prefix, names, at, self.check);
        let timeout = request::timeout(raw, at, self.check);
        let kind = stream::kind(raw, timeout, names, at, self.check);
        self.no_websocket_over_http2(raw, at);
        let expect = match &raw.websocket {
            // What opens a WebSocket is no other answer.
            Some(_) => Some(Expectation { statuses: vec![(101, 101)] }),
            None => request::expectation(raw.check.as_ref(), &at.key("check"), self.check),
        };
        let checks = self.checks(raw, names, &at.key("check"));
        let extract = self.extractions(raw, &at.key("extract"), names);
        let step = Step {
            name,
            label: step_text(text).split('?').next().unwrap_or_default().to_owned(),
            once: raw.once,
            request: request?,
            kind: kind?,
            timeout: timeout?,
            expect: expect?,
            checks,
            extract,
        };
        let id = u16::try_from(self.walks.steps.len()).ok().map(StepId)?;
        self.walks.steps.push(step);
        Some(id)
    }

    /// A stream is looked at while it comes: there is no whole answer to be checked.
    fn checks(&mut self, raw: &RawStep, names: &Names<'_>, at: &Pointer) -> Vec<AnswerCheck> {
        let all = checks::checks(raw.check.as_ref(), names, at, self.check);
        let stream = match (&raw.events, &raw.websocket) {
            (Some(_), _) => "events",
            (None, Some(_)) => "websocket",
            (None, None) => return all,
        };
        if let Some(key) = raw.check.as_ref().and_then(RawCheck::besides_status) {
            let fault = Fault::new(format!("beside \"{stream}\" only a status can be checked"));
            let help = format!("say in \"{stream}\" what must come");
            self.check.key(&at.key(key), fault.help(help));
        }
        Vec::new()
    }

    fn no_websocket_over_http2(&mut self, raw: &RawStep, at: &Pointer) {
        if raw.websocket.is_some() && self.is_http2 {
            let fault = Fault::new("a WebSocket over HTTP/2 (RFC 8441) is not supported");
            let help =
                "remove \"http2\" from \"target\", or test the WebSocket in a scenario of its own";
            self.check.key(&at.key("websocket"), fault.help(help));
        }
    }

    fn step_name(&mut self, raw: &RawStep, text: &str, at: &Pointer) -> String {
        let (name, position) = match &raw.name {
            Some(name) => (name.clone(), at.key("name")),
            None => (step_text(text), at.key("request")),
        };
        if let Some(fault) = raw.name.as_deref().and_then(name_fault) {
            self.check.value(&position, fault);
        } else if !self.walks.step_names.insert(name.clone()) {
            let fault = Fault::new(format!("two steps are named \"{name}\""));
            self.check.value(&position, fault.help("give this step a \"name\" of its own"));
        }
        name
    }

    fn extractions(
        &mut self,
        raw: &RawStep,
        at: &Pointer,
        names: &mut Names<'_>,
    ) -> Vec<Extraction> {
        let mut all = Vec::new();
        let stream = raw.events.as_ref().map(|_| "events");
        let stream = stream.or(raw.websocket.as_ref().map(|_| "websocket"));
        for (name, value) in &raw.extract.0 {
            let at = at.key(name);
            let id = self.variable(name, &at);
            let found = extraction(value, stream, &at, self.check);
            let Some(variable) = id else { continue };
            names.extracted.insert(name.clone(), variable);
            all.extend(found.map(|Found { from, take, default }| Extraction {
                variable,
                from,
                take,
                default,
            }));
        }
        all
    }

    fn variable(&mut self, name: &str, at: &Pointer) -> Option<VariableId> {
        let taken = self.constants.iter().any(|(constant, _)| constant == name).then(|| {
            let fault = Fault::new(format!("\"{name}\" is a constant already"));
            fault.help("choose another name, or remove it from \"variables\"")
        });
        let taken = taken.or_else(|| self.column_fault(name));
        if let Some(fault) = variable_fault(name).or(taken) {
            self.check.key(at, fault);
            return None;
        }
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        let Ok(id) = u16::try_from(self.walks.variables.len()).map(VariableId) else {
            self.check.key(at, Fault::new("too many variables"));
            return None;
        };
        self.walks.variables.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        Some(id)
    }

    /// A name that would hide a column of data.
    fn column_fault(&self, name: &str) -> Option<Fault> {
        let (source, _) = name.split_once('.')?;
        let is_taken = self.data.sources.iter().any(|known| known.name == source);
        is_taken.then(|| {
            let fault =
                Fault::new(format!("\"{name}\" looks like a column of the data \"{source}\""));
            fault.help("choose a name without that dot")
        })
    }
}
