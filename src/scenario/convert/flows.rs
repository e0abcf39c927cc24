//! Flows and their steps, and the variables that go from one step to the next.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::check::Check;
use super::super::course::Course;
use super::super::data::Data;
use super::super::document::Pointer;
use super::super::extraction::Extraction;
use super::super::model::{Action, Errand, Expectation, Flow, Step, StepId, VariableId};
use super::super::problems::Fault;
use super::super::raw::{RawFlow, RawScenario, RawStep};
use super::super::raw_login::RawAuth;
use super::super::template::parse::Names;
use super::super::tenants::{PLACEHOLDER, Tenancy, Tenants};
use super::super::think::Think;
use super::actions::{self, Actions};
use super::checks;
use super::course::{self, Knowledge};
use super::extraction::{Found, extraction};
use super::names::{name_fault, variable_fault};
use super::request::{self, step_text};
use super::stream;
use super::tenants::{self, Population};

/// More steps would make reports unreadable and records large.
const MOST_STEPS: usize = 1_000;

/// Everything that virtual users do.
#[derive(Default)]
pub(crate) struct Walks {
    pub(super) flows: Vec<Flow>,
    pub(super) steps: Vec<Step>,
    pub(super) setup: Option<Arc<Errand>>,
    pub(super) teardown: Option<Arc<Errand>>,
    pub(super) variables: Vec<String>,
    pub(super) tenants: Option<Tenants>,
    pub(super) tags: Vec<String>,
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
    population: Option<Population>,
    walks: Walks,
    ids: HashMap<String, VariableId>,
    /// Whether flows that do not say so themselves keep cookies.
    cookies: bool,
    /// What is surely known where it is.
    knowledge: Knowledge,
    /// What the steps before the load extract.
    given: HashMap<String, VariableId>,
}

/// Converts all flows.
pub(super) fn flows(
    scenario: &RawScenario,
    (constants, data): (&[(String, String)], &Data),
    (prefix, is_http2, cookies): (&str, bool, bool),
    check: &mut Check<'_>,
) -> Walks {
    let raw = scenario;
    let at = Pointer::default().key("flows");
    let blocks = raw.flows.iter().map(|flow| &flow.steps).chain([&raw.setup, &raw.teardown]);
    let fault = match blocks.map(|steps| course::all_of(steps).len()).sum::<usize>() {
        _ if raw.flows.is_empty() => {
            Some(Fault::new("no flows").help("add one with \"name\" and \"steps\""))
        }
        0..=MOST_STEPS => None,
        many => Some(Fault::new(format!("{many} steps, at most {MOST_STEPS} are possible"))),
    };
    if let Some(fault) = fault {
        check.value(&at, fault);
        return Walks::default();
    }
    let population = tenants::population(scenario, check);
    let (walks, ids) = (Walks::default(), HashMap::new());
    let (knowledge, given) = (Knowledge::default(), HashMap::new());
    let mut walker = Walker {
        constants,
        data,
        prefix,
        is_http2,
        check,
        population,
        walks,
        ids,
        cookies,
        knowledge,
        given,
    };
    walker.tenant_variable();
    let setup = walker.errand(&raw.setup, "setup");
    walker.given.clone_from(&walker.ids);
    // Whom an iteration is for is known in flows that are for somebody.
    walker.given.remove(PLACEHOLDER);
    let mut names = HashSet::new();
    for (index, flow) in raw.flows.iter().enumerate() {
        let at = at.item(index);
        walker.flow_name(&flow.name, &at.key("name"), &mut names);
        walker.flow(flow, &at);
    }
    let teardown = walker.errand(&raw.teardown, "teardown");
    Walks { setup, teardown, ..walker.walks }
}

impl<'w, 'c: 'w> Walker<'w, 'c> {
    fn flow_name(&mut self, name: &str, at: &Pointer, names: &mut HashSet<String>) {
        if let Some(fault) = name_fault(name) {
            self.check.value(at, fault);
        } else if !names.insert(name.to_owned()) {
            let fault = Fault::new(format!("two flows are named \"{name}\""));
            self.check.value(at, fault.help("give each flow a name of its own"));
        }
    }

    /// The variable that has the name of an iteration's tenant is the first one.
    fn tenant_variable(&mut self) {
        let Some(population) = &self.population else { return };
        self.walks.tenants = Some(population.tenants(VariableId(0)));
        self.walks.variables.push(PLACEHOLDER.to_owned());
        self.ids.insert(PLACEHOLDER.to_owned(), VariableId(0));
    }

    /// Steps that are done once for a load.
    fn errand(&mut self, raw: &[RawStep], key: &str) -> Option<Arc<Errand>> {
        if raw.is_empty() {
            return None;
        }
        let at = Pointer::default().key(key);
        let others = std::mem::take(&mut self.walks.steps);
        let mut names = self.names(raw);
        self.begin(self.cookies, None);
        self.knowledge.tags = None;
        let mut actions = Actions::default();
        self.block(raw, &at, &mut names, &mut actions);
        let steps = std::mem::replace(&mut self.walks.steps, others);
        // No objective is about them.
        for step in &steps {
            self.walks.step_names.remove(&step.name);
        }
        let (name, cookies) = (key.to_owned(), self.cookies);
        let (fleeting, logins) = (Vec::new(), Vec::new());
        let Actions { all: actions, often, .. } = actions;
        let tenancy = Tenancy::None;
        let sources = names.sources();
        let flow =
            Flow { name, weight: 1, tenancy, actions, often, cookies, fleeting, logins, sources };
        Some(Arc::new(Errand { flow, steps }))
    }

    /// What may be used in some steps.
    fn names(&self, raw: &[RawStep]) -> Names<'w> {
        let later = course::all_of(raw).into_iter().flat_map(|step| step.extract.0.iter());
        Names {
            environment: self.check.environment,
            constants: self.constants,
            data: self.data,
            used_sources: Cell::default(),
            extracted: self.given.clone(),
            later: later.map(|(name, _)| name.clone()).collect(),
            used: RefCell::default(),
        }
    }

    /// What is surely known where some steps begin.
    fn begin(&mut self, cookies: bool, auth: Option<RawAuth>) {
        let certain = self.given.values().copied().collect();
        self.knowledge = Knowledge { certain, cookies, auth, ..Knowledge::default() };
    }

    fn flow(&mut self, raw: &RawFlow, at: &Pointer) {
        let at_steps = at.key("steps");
        if !raw.steps.iter().any(course::surely_asks) {
            let fault = Fault::new("a flow in which nothing is sent again and again");
            let help = "add a step with a \"request\", without \"once\" and under no \"if\"";
            self.check.value(&at_steps, fault.help(help));
        }
        let tenancy = tenants::tenancy(raw, at, (self.constants, &self.population), self.check);
        let mut names = self.names(&raw.steps);
        let cookies = raw.cookies.unwrap_or(self.cookies);
        self.begin(cookies, raw.auth.clone());
        let places = (0..raw.tags.len()).map(|index| at.key("tags").item(index));
        self.knowledge.tags = Some(raw.tags.iter().cloned().zip(places).collect());
        if let Some(tenants) = self.walks.tenants.as_ref().filter(|_| tenancy != Tenancy::None) {
            names.extracted.insert(PLACEHOLDER.to_owned(), tenants.variable);
            self.knowledge.certain.insert(tenants.variable);
        }
        let mut actions = Actions::default();
        self.block(&raw.steps, &at_steps, &mut names, &mut actions);
        let Actions { all: actions, often, .. } = actions;
        let Knowledge { mut fleeting, is_needed, .. } = std::mem::take(&mut self.knowledge);
        if !is_needed {
            fleeting.clear();
        }
        let (name, weight) = (raw.name.clone(), raw.weight);
        let logins = course::logins(&actions, &self.walks.steps);
        let sources = names.sources();
        let flow =
            Flow { name, weight, tenancy, actions, often, cookies, fleeting, logins, sources };
        self.walks.flows.push(flow);
    }

    /// Steps one after the other.
    fn block(
        &mut self,
        raw: &[RawStep],
        at: &Pointer,
        names: &mut Names<'_>,
        actions: &mut Actions,
    ) {
        for (index, step) in raw.iter().enumerate() {
            let at = at.item(index);
            let before = self.knowledge.certain.clone();
            let when = step
                .only_if
                .as_ref()
                .map(|raw| self.knowledge.when(raw, names, &at.key("if"), self.check));
            let begun = when.map(|when| actions.unless(when));
            self.repeated(step, &at, names, actions);
            if let Some(begun) = begun {
                self.knowledge.certain.clone_from(&before);
                let begun = match &step.otherwise {
                    None => begun,
                    Some(steps) => {
                        let begun = actions.otherwise(begun);
                        self.block(steps, &at.key("else"), names, actions);
                        self.knowledge.certain = before;
                        begun
                    }
                };
                actions.end_condition(begun);
            } else if step.otherwise.is_some() {
                let fault = Fault::new("\"else\" without \"if\"");
                self.check.key(&at.key("else"), fault.help("add the condition, or leave it out"));
            }
        }
    }

    /// A step as often as it says.
    fn repeated(
        &mut self,
        raw: &RawStep,
        at: &Pointer,
        names: &mut Names<'_>,
        actions: &mut Actions,
    ) {
        let Some(written) = &raw.repeat else { return self.once(raw, at, names, actions) };
        let at_repeat = at.key("repeat");
        let Some(times) = self.check.accept(&at_repeat, actions::times(written)) else { return };
        let before = self.knowledge.certain.clone();
        let begun = actions.repeat(times);
        if let Some(begun) = self.check.accept(&at_repeat, begun) {
            self.once(raw, at, names, actions);
            actions.end_repeat(begun);
        }
        if times.0 == 0 {
            self.knowledge.certain = before;
        }
    }

    /// A request, a time to think, several steps, or one of several ways.
    fn once(&mut self, raw: &RawStep, at: &Pointer, names: &mut Names<'_>, actions: &mut Actions) {
        match (&raw.steps, &raw.choose) {
            (Some(steps), None) => {
                course::stands_alone(raw, "steps", at, self.check);
                self.block(steps, &at.key("steps"), names, actions);
            }
            (None, Some(ways)) => {
                course::stands_alone(raw, "choose", at, self.check);
                let begun = actions.choose(ways.iter().map(|way| way.weight));
                let before = self.knowledge.certain.clone();
                let mut ends = Vec::new();
                for (index, way) in ways.iter().enumerate() {
                    actions.way(begun, index);
                    let at = at.key("choose").item(index).key("steps");
                    self.block(&way.steps, &at, names, actions);
                    self.knowledge.certain.clone_from(&before);
                    ends.push(actions.end_way());
                }
                actions.end_choice(&ends);
            }
            (Some(_), Some(_)) => {
                let fault = Fault::new("\"choose\" beside \"steps\"");
                self.check.key(&at.key("choose"), fault.help("make two steps of it"));
            }
            (None, None) => {
                let raw = self.knowledge.with_auth(raw);
                self.knowledge.is_optional = actions.is_optional();
                if let Some(action) = self.action(&raw, at, names) {
                    actions.push(action);
                }
            }
        }
    }

    fn action(&mut self, raw: &RawStep, at: &Pointer, names: &mut Names<'_>) -> Option<Action> {
        match (&raw.request, &raw.think) {
            (None, Some(text)) => {
                course::stands_alone(raw, "think", at, self.check);
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

    fn step(
        &mut self,
        raw: &RawStep,
        text: &str,
        at: &Pointer,
        names: &mut Names<'_>,
    ) -> Option<StepId> {
        let name = self.step_name(raw, text, at);
        let tags = self.tags(raw, at);
        let request = request::request(raw, self.prefix, names, at, self.check);
        let timeout = request::timeout(raw, at, self.check);
        let kind = stream::kind(raw, timeout, names, at, self.check);
        course::no_websocket_over_http2(raw, self.is_http2, at, self.check);
        let expect = match &raw.websocket {
            // What opens a WebSocket is no other answer.
            Some(_) => Some(Expectation { statuses: vec![(101, 101)] }),
            None => request::expectation(raw.check.as_ref(), &at.key("check"), self.check),
        };
        if let Some(expect) = &expect {
            course::redirects_are_no_answers(raw, expect, at, self.check);
        }
        let checks = checks::of_step(raw, names, &at.key("check"), self.check);
        let extract = self.extractions(raw, &at.key("extract"), names);
        let mut course = course::course(raw, self.knowledge.cookies, at, self.check);
        course.refresh = course::refresh(raw, &extract, &self.walks.variables, at, self.check);
        let extracted: Vec<VariableId> = extract.iter().map(|it| it.variable).collect();
        let needs = self.knowledge.pass(raw, course.on_failure, &extracted, names);
        let step = Step {
            name,
            label: step_text(text).split('?').next().unwrap_or_default().to_owned(),
            tags,
            once: raw.once,
            request: request?,
            kind: kind?,
            timeout: timeout?,
            expect: expect?,
            checks,
            extract,
            course: Course { needs, is_optional: self.knowledge.is_optional, ..course },
        };
        let id = u16::try_from(self.walks.steps.len()).ok().map(StepId)?;
        self.walks.steps.push(step);
        Some(id)
    }

    /// The tags of its flow, and its own. What is done once for a load is in no figure.
    fn tags(&mut self, raw: &RawStep, at: &Pointer) -> Vec<String> {
        let Some(of_flow) = self.knowledge.tags.clone() else { return Vec::new() };
        let places = (0..raw.tags.len()).map(|index| at.key("tags").item(index));
        let mut tags = Vec::new();
        for (tag, at) in of_flow.into_iter().chain(raw.tags.iter().cloned().zip(places)) {
            if let Some(fault) = name_fault(&tag) {
                self.check.value(&at, fault);
            } else if !tags.contains(&tag) {
                if !self.walks.tags.contains(&tag) {
                    self.walks.tags.push(tag.clone());
                }
                tags.push(tag);
            }
        }
        tags
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
        let taken = taken.or_else(|| {
            let is_tenant = self.population.is_some() && name == PLACEHOLDER;
            is_tenant.then(|| {
                let fault = Fault::new(format!("\"{name}\" is whom the iteration is for already"));
                fault.help("choose another name")
            })
        });
        let taken = taken.or_else(|| self.column_fault(name));
        if let Some(fault) = variable_fault(name).or(taken) {
            self.check.key(at, fault);
            return None;
        }
        if self.given.contains_key(name) {
            let fault = Fault::new(format!("\"setup\" extracts \"{name}\" already"));
            self.check.key(at, fault.help("choose another name"));
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
