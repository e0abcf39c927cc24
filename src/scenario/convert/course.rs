//! How an iteration goes on after a step, and what it must know before it.

use std::collections::HashSet;

use super::super::check::Check;
use super::super::course::{Course, OnFailure};
use super::super::document::Pointer;
use super::super::ids::VariableId;
use super::super::problems::Fault;
use super::super::raw::RawStep;
use super::super::template::parse::Names;

/// What is surely known at a place of a flow, and what its iterations have to forget.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// Extracted whenever an iteration comes to this place.
    pub(super) certain: HashSet<VariableId>,
    /// Extracted in each iteration anew.
    pub(super) fleeting: Vec<VariableId>,
    /// Some step may lack a value.
    pub(super) is_needed: bool,
    /// Its users keep cookies.
    pub(super) cookies: bool,
}

impl Knowledge {
    /// A step has been read: what its request is filled in with, and what is known after it.
    pub(super) fn pass(
        &mut self,
        raw: &RawStep,
        on_failure: OnFailure,
        extracted: &[VariableId],
        names: &Names<'_>,
    ) -> Vec<VariableId> {
        let mut needs = names.take_used();
        needs.retain(|id| !self.certain.contains(id));
        needs.sort_unstable_by_key(|id| id.index());
        needs.dedup();
        self.is_needed |= !needs.is_empty();
        if on_failure == OnFailure::Stop {
            self.certain.extend(extracted);
        }
        if !raw.once {
            self.fleeting.extend(extracted);
        }
        needs
    }
}

/// How an iteration goes on.
pub(super) fn course(raw: &RawStep, cookies: bool, at: &Pointer, check: &mut Check<'_>) -> Course {
    let own = raw.headers.0.iter().find(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    if let Some((name, _)) = own.filter(|_| cookies) {
        let fault = Fault::new("a \"cookie\" of its own beside those that the user keeps");
        let help = "remove it, or set \"cookies\": false in the flow";
        check.key(&at.key("headers").key(name), fault.help(help));
    }
    let on_failure = raw.on_failure.as_ref().and_then(|text| {
        let known = on_failure(&check.fill(text));
        check.accept(&at.key("on_failure"), known)
    });
    Course { on_failure: on_failure.unwrap_or_default(), needs: Vec::new() }
}

fn on_failure(text: &str) -> Result<OnFailure, Fault> {
    let found = OnFailure::ALL.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, found)| found).ok_or_else(|| {
        let fault = Fault::new(format!("\"{text}\" is nothing that an iteration does"));
        let names = OnFailure::ALL.map(|(name, _)| name);
        fault.nearest(text, names.into_iter())
    })
}
