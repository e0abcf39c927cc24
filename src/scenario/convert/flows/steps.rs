//! One request of a flow: its name, its tags, what is asked and checked, and the variables that it
//! extracts.

use super::Walker;
use crate::scenario::convert::checks;
use crate::scenario::convert::course::{self};
use crate::scenario::convert::extraction::{Found, extraction};
use crate::scenario::convert::names::{name_fault, variable_fault};
use crate::scenario::convert::request::{self, step_text};
use crate::scenario::convert::stream;
use crate::scenario::course::Course;
use crate::scenario::document::Pointer;
use crate::scenario::extraction::Extraction;
use crate::scenario::model::{Expectation, Step, StepId, VariableId};
use crate::scenario::problems::Fault;
use crate::scenario::raw::RawStep;
use crate::scenario::template::parse::Names;
use crate::scenario::tenants::PLACEHOLDER;

impl<'w, 'c: 'w> Walker<'w, 'c> {
    pub(super) fn step(
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
