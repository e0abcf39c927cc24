//! How an iteration goes on after a step, and what it must know before it.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::Value;

use super::super::branch::When;
use super::super::check::Check;
use super::super::course::{Course, Life, Login, OnFailure, Refresh};
use super::super::document::Pointer;
use super::super::entries::Entries;
use super::super::extraction::Extraction;
use super::super::ids::VariableId;
use super::super::model::{Action, Expectation, Step};
use super::super::problems::Fault;
use super::super::raw::RawStep;
use super::super::raw_login::RawAuth;
use super::super::template::parse::Names;
use super::super::template::{Escape, Template};
use super::lengths::positive;
use super::settle::settle_key;
use super::{actions, checks};
use crate::units::parse_duration;

/// Redirects that are followed.
const FOLLOWED: [u16; 5] = [301, 302, 303, 307, 308];

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
    /// The credentials of its steps that have none of their own.
    pub(super) auth: Option<RawAuth>,
    /// The tags of its steps, and where they stand; none where nothing is counted.
    pub(super) tags: Option<Vec<(String, Pointer)>>,
    /// The step that is read may be left out.
    pub(super) is_optional: bool,
}

impl Knowledge {
    /// Conditions, as far as they can be converted.
    pub(super) fn when(
        &mut self,
        raw: &Entries<Value>,
        names: &Names<'_>,
        at: &Pointer,
        check: &mut Check<'_>,
    ) -> Vec<When> {
        let mut all = Vec::new();
        if raw.is_empty() {
            let fault = Fault::new("a condition that asks for nothing");
            check.value(at, fault.help("write { \"{{state}}\": \"open\" }"));
        }
        for (text, wanted) in &raw.0 {
            let at = at.key(text);
            let value = Template::parse(text, Escape::Verbatim, names);
            let needs = names.take_used();
            self.is_needed |= !needs.is_empty();
            let tests = checks::tests(text, wanted, names, &at, check);
            // What is compared with may be missing as well, and is empty then.
            names.take_used();
            let Some(value) = settle_key(value, &at, check) else { continue };
            if value.as_literal().is_some() {
                let fault = Fault::new("a condition on a text that is always the same");
                check.key(&at, fault.help("write a placeholder: { \"{{state}}\": \"open\" }"));
            }
            all.extend(tests.into_iter().map(|test| When {
                value: value.clone(),
                needs: needs.clone(),
                test,
            }));
        }
        all
    }

    /// A step with the credentials of its flow, where it has none of its own and needs some.
    pub(super) fn with_auth<'s>(&self, step: &'s RawStep) -> Cow<'s, RawStep> {
        let has_own = step.auth.is_some()
            || step.headers.0.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if self.auth.is_none() || has_own || step.once || step.request.is_none() {
            return Cow::Borrowed(step);
        }
        Cow::Owned(RawStep { auth: self.auth.clone(), ..step.clone() })
    }

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

/// The steps and those within them that send or think.
pub(super) fn all_of(steps: &[RawStep]) -> Vec<&RawStep> {
    steps.iter().flat_map(within).collect()
}

fn within(step: &RawStep) -> Vec<&RawStep> {
    let ways = step.choose.iter().flatten().map(|way| &way.steps);
    let inner = step.steps.iter().chain(&step.otherwise).chain(ways);
    let is_one = step.steps.is_none() && step.choose.is_none();
    is_one.then_some(step).into_iter().chain(inner.flat_map(|steps| all_of(steps))).collect()
}

/// Whether a step sends something in each iteration, whatever is drawn and known.
pub(super) fn surely_asks(step: &RawStep) -> bool {
    let is_repeated = step
        .repeat
        .as_ref()
        .is_none_or(|times| actions::times(times).map_or(true, |(least, _)| least > 0));
    let asks = match (&step.steps, &step.choose) {
        (Some(steps), _) => steps.iter().any(surely_asks),
        (None, Some(ways)) => ways.iter().all(|way| way.steps.iter().any(surely_asks)),
        (None, None) => step.think.is_none() && !step.once,
    };
    let other = step.otherwise.iter().any(|steps| steps.iter().any(surely_asks));
    asks && is_repeated && (step.only_if.is_none() || other)
}

/// Nothing that belongs to a request stands beside what is none.
pub(super) fn stands_alone(raw: &RawStep, beside: &str, at: &Pointer, check: &mut Check<'_>) {
    let is_think = beside == "think";
    let others = [
        ("request", raw.request.is_some()),
        ("think", raw.think.is_some() && !is_think),
        ("name", raw.name.is_some()),
        ("headers", !raw.headers.0.is_empty()),
        ("json", raw.json.is_some()),
        ("body", raw.body.is_some()),
        ("form", raw.form.is_some()),
        ("check", raw.check.is_some()),
        ("timeout", raw.timeout.is_some()),
        ("extract", !raw.extract.0.is_empty()),
        ("once", raw.once),
        ("tags", !raw.tags.is_empty()),
        ("on_failure", raw.on_failure.is_some()),
        ("redirects", raw.redirects.is_some()),
        ("refresh", raw.refresh.is_some()),
        ("auth", raw.auth.is_some()),
        ("events", raw.events.is_some()),
        ("websocket", raw.websocket.is_some()),
        ("if", raw.only_if.is_some() && is_think),
        ("else", raw.otherwise.is_some() && is_think),
        ("repeat", raw.repeat.is_some() && is_think),
    ];
    let help = if is_think {
        "a time to think stands alone in its step"
    } else {
        "write it into the steps themselves"
    };
    for (key, _) in others.iter().filter(|(_, given)| *given) {
        let fault = Fault::new(format!("\"{key}\" means nothing beside \"{beside}\""));
        check.key(&at.key(key), fault.help(help));
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
    let redirects = raw.redirects.unwrap_or_default();
    Course { on_failure: on_failure.unwrap_or_default(), redirects, ..Course::default() }
}

/// When a login is done anew.
pub(super) fn refresh(
    raw: &RawStep,
    extract: &[Extraction],
    variables: &[String],
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Refresh> {
    let written = raw.refresh.as_ref()?;
    let at = at.key("refresh");
    if !raw.once {
        let fault = Fault::new("\"refresh\" of a step that is done in each iteration");
        check.key(&at, fault.help("add \"once\": true"));
    }
    let life = written.expires_in.as_ref().and_then(|text| {
        let life = life(&check.fill(text), extract, variables);
        check.accept(&at.key("expires_in"), life)
    });
    let before = written.before.as_ref().and_then(|text| {
        let before = parse_duration(&check.fill(text)).map_err(Fault::from);
        check.accept(&at.key("before"), before)
    });
    let on_401 = written.on_401.unwrap_or(true);
    if written.expires_in.is_none() && (!on_401 || before.is_some()) {
        let fault = Fault::new("a refresh of which nobody knows when");
        check.value(
            &at,
            fault.help("add \"expires_in\": \"5m\", or the seconds: \"{{expires_in}}\""),
        );
    }
    if let (Some(Life::Always(life)), Some(before)) = (life, before)
        && before >= life
    {
        let fault = Fault::new("done anew before it is valid");
        check
            .value(&at.key("before"), fault.help("\"before\" must be shorter than \"expires_in\""));
    }
    Some(Refresh { life, before, on_401 })
}

fn life(text: &str, extract: &[Extraction], variables: &[String]) -> Result<Life, Fault> {
    let name = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let Some(name) = name.map(str::trim) else { return positive(text).map(Life::Always) };
    let own = extract.iter().map(|it| (variables[it.variable.index()].as_str(), it.variable));
    let found = own.clone().find(|(own, _)| *own == name);
    found.map(|(_, id)| Life::Extracted(id)).ok_or_else(|| {
        let fault = Fault::new(format!("the step does not extract \"{name}\" itself"));
        fault.nearest(name, own.map(|(own, _)| own))
    })
}

/// The logins of a flow that may have to be done anew.
pub(super) fn logins(actions: &[Action], steps: &[Step]) -> Vec<Login> {
    let found = actions.iter().enumerate().filter_map(|(place, action)| {
        let Action::Request(step) = action else { return None };
        let refresh = steps.get(step.index())?.course.refresh?;
        Some(Login { step: *step, place, on_401: refresh.on_401 })
    });
    found.collect()
}

/// The way in which a WebSocket is opened over HTTP/2 is another one.
pub(super) fn no_websocket_over_http2(
    raw: &RawStep,
    is_http2: bool,
    at: &Pointer,
    check: &mut Check<'_>,
) {
    if raw.websocket.is_some() && is_http2 {
        let fault = Fault::new("a WebSocket over HTTP/2 (RFC 8441) is not supported");
        let help =
            "remove \"http2\" from \"target\", or test the WebSocket in a scenario of its own";
        check.key(&at.key("websocket"), fault.help(help));
    }
}

/// What is followed is no answer, and a stream comes from where it is asked for.
pub(super) fn redirects_are_no_answers(
    raw: &RawStep,
    expect: &Expectation,
    at: &Pointer,
    check: &mut Check<'_>,
) {
    if raw.redirects.is_none_or(|most| most == 0) {
        return;
    }
    let at = at.key("redirects");
    let stream = [("events", raw.events.is_some()), ("websocket", raw.websocket.is_some())];
    if let Some((key, _)) = stream.into_iter().find(|(_, given)| *given) {
        let fault = Fault::new(format!("\"redirects\" means nothing beside \"{key}\""));
        check.key(&at, fault.help("ask for the address that the target redirects to"));
    } else if let Some(status) = FOLLOWED.into_iter().find(|status| expect.names(*status)) {
        let fault = Fault::new(format!("{status} is expected and followed at once"));
        check.key(&at, fault.help("leave \"redirects\" out, or name the status behind them"));
    }
}

fn on_failure(text: &str) -> Result<OnFailure, Fault> {
    let found = OnFailure::ALL.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, found)| found).ok_or_else(|| {
        let fault = Fault::new(format!("\"{text}\" is nothing that an iteration does"));
        let names = OnFailure::ALL.map(|(name, _)| name);
        fault.nearest(text, names.into_iter())
    })
}
