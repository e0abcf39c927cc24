//! Flows, and the variables that go from one step to the next.

mod steps;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::scenario::attachments::Attachments;
use crate::scenario::check::Check;
use crate::scenario::convert::actions::{self, Actions};
use crate::scenario::convert::course::{self, Knowledge};
use crate::scenario::convert::names::name_fault;
use crate::scenario::convert::tenants::{self, Known, Population};
use crate::scenario::data::Data;
use crate::scenario::document::Pointer;
use crate::scenario::model::{Action, Errand, Flow, Step, VariableId};
use crate::scenario::problems::Fault;
use crate::scenario::raw::{RawFlow, RawScenario, RawStep};
use crate::scenario::raw_login::RawAuth;
use crate::scenario::template::parse::Names;
use crate::scenario::tenants::{PLACEHOLDER, Tenancy, Tenants};
use crate::scenario::think::Think;

/// More steps would make reports unreadable and records large.
const MOST_STEPS: usize = 1_000;

/// Everything that virtual users do.
#[derive(Default)]
pub(crate) struct Walks {
    pub(crate) flows: Vec<Flow>,
    pub(crate) steps: Vec<Step>,
    pub(crate) setup: Option<Arc<Errand>>,
    pub(crate) teardown: Option<Arc<Errand>>,
    pub(crate) variables: Vec<String>,
    pub(crate) tenants: Option<Tenants>,
    pub(crate) tags: Vec<String>,
    /// Also those of steps that could not be converted.
    pub(crate) step_names: HashSet<String>,
}

/// What is known while flows are converted one after the other.
struct Walker<'w, 'c> {
    constants: &'w [(String, String)],
    data: &'w Data,
    files: &'w Attachments,
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
    /// Those that are known whatever happened there.
    surely_given: HashSet<VariableId>,
}

/// Converts all flows.
pub(crate) fn flows(
    scenario: &RawScenario,
    (constants, data, files): (&[(String, String)], &Data, &Attachments),
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
        files,
        prefix,
        is_http2,
        check,
        population,
        walks,
        ids,
        cookies,
        knowledge,
        given,
        surely_given: HashSet::new(),
    };
    walker.tenant_variable();
    let setup = walker.errand(&raw.setup, "setup");
    walker.given.clone_from(&walker.ids);
    walker.surely_given = std::mem::take(&mut walker.knowledge.certain);
    if walker.population.is_some() {
        // Whom an iteration is for is known in flows that are for somebody.
        walker.given.remove(PLACEHOLDER);
    }
    let mut names = HashSet::new();
    for (index, flow) in raw.flows.iter().enumerate() {
        let at = at.item(index);
        walker.flow_name(&flow.name, &at.key("name"), &mut names);
        walker.flow(flow, (index, &at));
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
            tells_tenant: Cell::default(),
            files: self.files,
        }
    }

    /// What is surely known where some steps begin.
    fn begin(&mut self, cookies: bool, auth: Option<RawAuth>) {
        let certain = self.surely_given.clone();
        self.knowledge = Knowledge { certain, cookies, auth, ..Knowledge::default() };
    }

    fn flow(&mut self, raw: &RawFlow, (index, at): (usize, &Pointer)) {
        let at_steps = at.key("steps");
        if !raw.steps.iter().any(course::surely_asks) {
            let fault = Fault::new("a flow in which nothing is sent again and again");
            let help = "add a step with a \"request\", without \"once\" and under no \"if\"";
            self.check.value(&at_steps, fault.help(help));
        }
        let (constants, data) = (self.constants, self.data);
        let known = Known { constants, data, population: &self.population };
        let tenancy = tenants::tenancy(raw, (index, at), &known, self.check);
        let mut names = self.names(&raw.steps);
        let cookies = raw.cookies.unwrap_or(self.cookies);
        self.begin(cookies, raw.auth.clone());
        let places = (0..raw.tags.len()).map(|index| at.key("tags").item(index));
        self.knowledge.tags = Some(raw.tags.iter().cloned().zip(places).collect());
        // Where it is a mistake whose it is, its placeholder is none.
        let is_faulty = self.population.as_ref().is_some_and(|it| it.is_faulty);
        let is_somebodys = tenancy != Tenancy::None || raw.tenant.is_some() || is_faulty;
        if let Some(tenants) = self.walks.tenants.as_ref().filter(|_| is_somebodys) {
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
        tenants::is_told(&tenancy, &names, (raw, at), self.check);
        if let Tenancy::OfRow(rows) = &tenancy {
            names.used_sources.set(names.used_sources.get() | 1 << rows.source.index());
        }
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
                self.check.lacks(at, &["request", "think"], fault.help(help));
                None
            }
        }
    }
}
