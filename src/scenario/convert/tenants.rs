//! Whom iterations are for: the tenants that are declared, and those that flows name.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::attachments::Attachments;
use super::super::check::Check;
use super::super::data::Data;
use super::super::document::Pointer;
use super::super::ids::{SourceId, VariableId};
use super::super::problems::Fault;
use super::super::raw::{RawFlow, RawScenario};
use super::super::raw_tenants::RawTenants;
use super::super::template::parse::Names;
use super::super::template::{Escape, Piece, Template};
use super::super::tenants::{
    MOST_TOLD_APART, PLACEHOLDER, Sizes, Tenancy, Tenants, USUAL_TOLD_APART,
};
use super::tenants_of_rows::{self, LONGEST_NAME, MOST_TENANTS};
use crate::units::order;

/// A record has room for no more.
const MOST_SERIES: usize = 20_000;

/// Who there is, as far as that is declared.
pub(super) struct Population {
    names: Vec<String>,
    sizes: Sizes,
    told_apart: u16,
    /// Whether they are declared in a way that is told as a mistake, so that nobody knows who they are.
    pub(super) is_faulty: bool,
}

impl Population {
    /// The same for the model.
    pub(super) fn tenants(&self, variable: VariableId) -> Tenants {
        let Population { names, sizes, told_apart, .. } = self;
        let (names, sizes) = (names.clone(), sizes.clone());
        Tenants { names, sizes, told_apart: *told_apart, variable, noise: None }
    }
}

/// Those of a scenario; `None` where no iteration is anybody's.
pub(super) fn population(raw: &RawScenario, check: &mut Check<'_>) -> Option<Population> {
    let at = Pointer::default().key("tenants");
    let are_named = raw.flows.iter().any(|flow| flow.tenant.is_some());
    let told_apart = raw.limits.tenants.unwrap_or(USUAL_TOLD_APART).min(MOST_TOLD_APART);
    if raw.tenants.is_none() && !are_named {
        has_none(raw, check);
        return None;
    }
    let steps: usize = raw.flows.iter().map(|flow| flow.steps.len()).sum();
    if steps * (usize::from(told_apart) + 1) > MOST_SERIES {
        let fault = Fault::new(format!("{steps} steps of {told_apart} tenants are too many"));
        let most = (MOST_SERIES / steps.max(1)).saturating_sub(1);
        let limits = Pointer::default().key("limits");
        check.value(&limits, fault.help(format!("write \"limits\": {{ \"tenants\": {most} }}")));
    }
    let found = match &raw.tenants {
        None => Some((Vec::new(), Sizes::Equal)),
        Some(tenants) => declared(tenants, &at, check),
    };
    let is_faulty = found.is_none();
    let (names, sizes) = found.unwrap_or((Vec::new(), Sizes::Equal));
    Some(Population { names, sizes, told_apart, is_faulty })
}

fn has_none(raw: &RawScenario, check: &mut Check<'_>) {
    let help =
        "add \"tenants\": { \"count\": 50, \"sizes\": \"zipf(1.1)\" }, or \"tenant\" to a flow";
    let fault = || Fault::new("nobody is told apart: the scenario has no tenants").help(help);
    if raw.limits.tenants.is_some() {
        check.key(&Pointer::default().key("limits").key("tenants"), fault());
    }
    if !raw.slo.tenants.is_empty() {
        check.key(&Pointer::default().key("slo").key("tenants"), fault());
    }
}

fn declared(raw: &RawTenants, at: &Pointer, check: &mut Check<'_>) -> Option<(Vec<String>, Sizes)> {
    let given = [raw.count.is_some(), !raw.names.is_empty(), !raw.weights.0.is_empty()];
    if given.iter().filter(|given| **given).count() != 1 {
        let fault = Fault::new("tenants have a count, names or weights: one of the three");
        check.value(at, fault.help("write { \"count\": 50, \"sizes\": \"zipf(1.1)\" }"));
        return None;
    }
    if !raw.weights.0.is_empty() {
        return Some(weighted(raw, at, check));
    }
    let sizes = match &raw.sizes {
        None => Ok(Sizes::Equal),
        Some(text) => sizes(&check.fill(text)),
    };
    let sizes = check.accept(&at.key("sizes"), sizes)?;
    let names = match raw.count {
        Some(count) if count == 0 || count > MOST_TENANTS => {
            let fault = Fault::new(format!("expected 1 to {MOST_TENANTS} tenants"));
            check.value(&at.key("count"), fault);
            return None;
        }
        Some(count) => (1..=count).map(|number| format!("tenant-{number}")).collect(),
        None => names(&raw.names, &at.key("names"), check)?,
    };
    Some((names, sizes))
}

fn names(raw: &[String], at: &Pointer, check: &mut Check<'_>) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let mut all = Vec::with_capacity(raw.len());
    let mut is_sound = true;
    for (index, text) in raw.iter().enumerate() {
        let name = check.fill(text);
        let fault = name_fault(&name).or_else(|| {
            (!seen.insert(name.clone()))
                .then(|| Fault::new(format!("\"{text}\" stands here twice")))
        });
        if let Some(fault) = fault {
            check.value(&at.item(index), fault);
            is_sound = false;
        }
        all.push(name);
    }
    is_sound.then_some(all)
}

fn name_fault(name: &str) -> Option<Fault> {
    match name.chars().count() {
        0 => Some(Fault::new("a tenant without a name")),
        1..=LONGEST_NAME => None,
        _ => Some(Fault::new(format!("a name of more than {LONGEST_NAME} letters"))),
    }
}

/// Sorted by their weights; those that weigh the same by name.
fn weighted(raw: &RawTenants, at: &Pointer, check: &mut Check<'_>) -> (Vec<String>, Sizes) {
    if raw.sizes.is_some() {
        let fault = Fault::new("weights are sizes already");
        check.key(&at.key("sizes"), fault.help("remove \"sizes\", or write \"names\""));
    }
    let at = at.key("weights");
    let mut all: Vec<(String, u32)> = raw.weights.0.clone();
    for (name, weight) in &all {
        if let Some(fault) = name_fault(name) {
            check.key(&at.key(name), fault);
        }
        if *weight == 0 {
            let fault = Fault::new("a tenant of no weight never comes");
            check.value(&at.key(name), fault.help("remove it, or write 1"));
        }
    }
    order::by(&mut all, |a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let (names, weights) = all.into_iter().unzip();
    (names, Sizes::Weights(weights))
}

/// `equal`, or `zipf(1.1)`.
fn sizes(text: &str) -> Result<Sizes, Fault> {
    let text = text.trim();
    if text == "equal" {
        return Ok(Sizes::Equal);
    }
    let inner = text.strip_prefix("zipf(").and_then(|rest| rest.strip_suffix(')'));
    let exponent = inner.and_then(|inner| inner.trim().parse::<f64>().ok());
    let exponent = exponent.filter(|exponent| (0.0..=5.0).contains(exponent));
    exponent.map(Sizes::Zipf).ok_or_else(|| {
        let fault = Fault::new(format!("\"{text}\" says nothing of sizes"));
        fault.help("write \"equal\", or \"zipf(1.1)\" with a number from 0 to 5")
    })
}

/// What the name of a tenant may be made of.
pub(super) struct Known<'k> {
    /// Constants of the scenario.
    pub(super) constants: &'k [(String, String)],
    /// Rows from files.
    pub(super) data: &'k Data,
    /// Those that are declared.
    pub(super) population: &'k Option<Population>,
}

/// Whose the iterations of a flow are.
pub(super) fn tenancy(
    raw: &RawFlow,
    (flow, at): (usize, &Pointer),
    known: &Known<'_>,
    check: &mut Check<'_>,
) -> Tenancy {
    let Known { constants, data, population } = known;
    let is_declared = population.as_ref().is_some_and(|it| !it.names.is_empty());
    let Some(text) = &raw.tenant else {
        return if is_declared { Tenancy::Drawn } else { Tenancy::None };
    };
    let is_drawn = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if is_drawn.is_some_and(|name| name.trim() == PLACEHOLDER) && is_declared {
        return Tenancy::Drawn;
    }
    let names = Names {
        environment: check.environment,
        constants,
        data,
        used_sources: Cell::default(),
        extracted: HashMap::new(),
        later: raw
            .steps
            .iter()
            .flat_map(|step| step.extract.0.iter().map(|it| it.0.clone()))
            .collect(),
        used: RefCell::default(),
        tells_tenant: Cell::default(),
        files: &Attachments::default(),
    };
    let at = at.key("tenant");
    match Template::parse(text, Escape::Verbatim, &names) {
        Ok(template) => {
            let tenancy = match tenants_of_rows::of(&template, flow, data) {
                Some(found) => found.map(|it| Tenancy::OfRow(Arc::new(it))),
                None => match unknown_beforehand(&template) {
                    None => Ok(Tenancy::Named(template)),
                    Some(fault) => Err(fault),
                },
            };
            check.accept(&at, tenancy).unwrap_or_default()
        }
        Err(faults) => {
            for fault in faults {
                check.value(&at, fault);
            }
            Tenancy::None
        }
    }
}

/// A flow whose requests are the same whoever they are for: they would be told apart by chance, and
/// each tenant would look as all do. `names` is what its steps have used.
pub(super) fn is_told(
    tenancy: &Tenancy,
    names: &Names<'_>,
    (raw, at): (&RawFlow, &Pointer),
    check: &mut Check<'_>,
) {
    let of_source = |id: SourceId| names.used_sources.get() >> id.index() & 1 == 1;
    let is_needed = match tenancy {
        Tenancy::None => false,
        Tenancy::Drawn => true,
        // Whoever writes a constant may write others in its requests.
        Tenancy::Named(template) => {
            template.pieces.iter().any(|piece| matches!(piece, Piece::Random(..)))
        }
        Tenancy::OfRow(rows) => !of_source(rows.source),
    };
    if !is_needed || names.tells_tenant.get() {
        return;
    }
    let flow = &raw.name;
    let fault = Fault::new(format!("no request of \"{flow}\" says whose it is"));
    let help = match tenancy {
        Tenancy::OfRow(_) => {
            "write {{tenant}} or another column of the same rows in one of its requests; else its \
             requests are told apart by chance, and no tenant can miss anything"
        }
        Tenancy::None | Tenancy::Drawn | Tenancy::Named(_) => {
            "write {{tenant}} in one of its requests (path, header, body or login), or say that the \
             flow is somebody's by a constant: \"tenant\": \"nobody\"; else its requests are told apart \
             by chance, and no tenant can miss anything"
        }
    };
    let place = if raw.tenant.is_some() { at.key("tenant") } else { at.key("name") };
    check.value(&place, fault.help(help));
}

/// Who is told apart is decided before the load begins.
fn unknown_beforehand(template: &Template) -> Option<Fault> {
    let is_known =
        |piece: &Piece| matches!(piece, Piece::Literal(_) | Piece::Iteration | Piece::Random(..));
    if template.pieces.is_empty() {
        return Some(Fault::new("a tenant without a name"));
    }
    (!template.pieces.iter().all(is_known)).then(|| {
        let fault = Fault::new("nobody knows this name before the load begins");
        fault.help(
            "name a tenant by constants, {{random 1..50}} and {{iteration}}, or by columns of one \
             source of \"data\"",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::read::{Origin, parse};

    /// What is said of a scenario with such tenants, whose requests have such a header.
    fn told(tenants: &str, header: &str) -> String {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, "tenants": {tenants},
                "flows": [{{"name": "a", "steps": [
                    {{"request": "GET /a", "headers": {{"x-tenant": "{header}"}}}}]}}],
                "load": {{"stages": [{{"for": "60s", "rate": "10/s"}}]}}}}"#
        );
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let read = parse(&text, &Origin::default(), &|_| None, &no_file);
        read.map_or_else(|problems| problems.to_string(), |_| String::new())
    }

    #[test]
    fn a_mistake_about_tenants_is_told_once() {
        let most = told(r#"{"count": 100000}"#, "{{tenant}}");
        assert_eq!(most, "", "so many are possible");
        for (tenants, expected) in [
            (r#"{"count": 100001}"#, "between 1 and 100000"),
            (r#"{"count": 0}"#, "between 1 and 100000"),
            (r#"{"names": ["a", "a"]}"#, "\"a\" stands here twice"),
            (r#"{"count": 2, "names": ["a"]}"#, "one of the three"),
            (r#"{"count": 2, "sizes": "zip"}"#, "zipf(1.1)"),
        ] {
            let said = told(tenants, "{{tenant}}");
            assert!(said.contains(expected), "{tenants}: {said}");
            assert!(!said.contains("{{tenant}}"), "{tenants}: {said}");
        }
    }

    /// What is said of a flow with such a tenant and such a step, in a scenario of these tenants.
    fn told_of_flow(tenants: &str, tenant: &str, step: &str) -> String {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, {tenants}
                "data": {{"users": {{"file": "users.csv"}}}},
                "flows": [{{"name": "a", {tenant} "steps": [{step}]}}],
                "load": {{"stages": [{{"for": "60s", "rate": "10/s"}}]}}}}"#
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("users.csv"), "tenant,email\nacme,a@b\n").unwrap();
        let data = crate::scenario::origin::DataFiles::Here;
        let origin = Origin { data, folder: folder.path().to_owned(), ..Origin::default() };
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let read = parse(&text, &origin, &|_| None, &no_file);
        read.map_or_else(|problems| problems.to_string(), |_| String::new())
    }

    #[test]
    fn a_flow_that_is_the_same_for_everybody_is_a_mistake() {
        let drawn = r#""tenants": {"count": 3},"#;
        let (same, with) = (r#"{"request": "GET /a"}"#, r#"{"request": "GET /a?{{tenant}}"}"#);
        let login = r#"{"request": "POST /", "once": true, "json": {"of": "{{tenant}}"}},
            {"request": "GET /a"}"#;
        let only_if = r#"{"if": {"{{tenant}}": "tenant-1"}, "steps": [{"request": "GET /b"}]},
            {"request": "GET /a"}"#;
        let email = r#"{"request": "GET /?{{users.email}}"}"#;
        let of_row = r#""tenant": "{{users.tenant}}","#;
        let random = r#""tenant": "t{{random 1..9}}","#;
        let constant = r#""tenant": "acme","#;
        for (tenants, tenant, step, is_fine) in [
            (drawn, "", same, false),
            (drawn, "", with, true),
            (drawn, "", login, true),
            (drawn, "", only_if, true),
            (drawn, constant, same, true),
            ("", random, same, false),
            ("", random, with, true),
            ("", constant, same, true),
            ("", of_row, same, false),
            ("", of_row, with, true),
            ("", of_row, email, true),
        ] {
            let said = told_of_flow(tenants, tenant, step);
            let is_told = said.contains("no request of \"a\" says whose it is");
            assert_eq!((is_told, said.is_empty()), (!is_fine, is_fine), "{tenant} {step}: {said}");
        }
    }

    #[test]
    fn sizes_are_equal_or_by_zipfs_law() {
        assert_eq!(sizes("equal"), Ok(Sizes::Equal));
        assert_eq!(sizes(" zipf( 1.1 ) "), Ok(Sizes::Zipf(1.1)));
        for wrong in ["zipf", "zipf(x)", "zipf(-1)", "zipf(9)", "pareto(2)"] {
            assert!(sizes(wrong).unwrap_err().help.unwrap().contains("zipf(1.1)"), "{wrong}");
        }
    }
}
