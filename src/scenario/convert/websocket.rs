//! What is done over a WebSocket.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::problems::Fault;
use super::super::raw::RawStep;
use super::super::raw_streams::{RawAct, RawExpect};
use super::super::stream::{Act, Condition, Dialogue};
use super::super::template::parse::Names;
use super::super::template::{Escape, Template};
use super::conditions::{Of, conditions, json_of, text_of, within};
use super::settle::settle;
use super::think::think;

/// The code of a WebSocket that has served its purpose.
const NORMAL: u16 = 1_000;
/// More acts than anybody writes by hand.
const MOST_ACTS: usize = 1_000;

/// What is wrong with the rest of a step that opens a WebSocket.
pub(super) fn check_step(raw: &RawStep, at: &Pointer, check: &mut Check<'_>) {
    let method = raw.request.as_deref().unwrap_or_default().split_whitespace().next();
    if method.is_some_and(|method| method != "GET" && !method.starts_with('/')) {
        let fault = Fault::new("a WebSocket is opened by GET");
        check.value(&at.key("request"), fault.help("write \"GET /live\""));
    }
    let bodies =
        [("json", raw.json.is_some()), ("form", raw.form.is_some()), ("body", raw.body.is_some())];
    for (key, _) in bodies.iter().filter(|(_, given)| *given) {
        let fault = Fault::new(format!("\"{key}\" beside \"websocket\": its request has no body"));
        check.key(&at.key(key), fault.help("send it as a message: { \"send_json\": … }"));
    }
    if raw.check.is_some() {
        let fault = Fault::new("the answer that opens a WebSocket is 101, and nothing else");
        check.key(&at.key("check"), fault.help("remove \"check\""));
    }
    let ours = ["sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"];
    for (name, _) in &raw.headers.0 {
        if ours.contains(&name.to_ascii_lowercase().as_str()) {
            let fault = Fault::new(format!("the header \"{name}\" is set by loadgate"));
            let help = "remove it; messages are not compressed, and the key is another each time";
            check.key(&at.key("headers").key(name), fault.help(help));
        }
    }
}

/// All that is done, and how it is closed.
pub(super) fn dialogue(
    raw: &[RawAct],
    limit: Option<Duration>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Dialogue> {
    if raw.len() > MOST_ACTS {
        check.value(at, Fault::new(format!("more than {MOST_ACTS} acts")));
        return None;
    }
    if !raw.iter().any(|act| act.close.is_none()) {
        let fault = Fault::new("nothing is said or heard over the WebSocket");
        check.value(at, fault.help("add { \"send\": \"ping\" } or { \"expect\": \"welcome\" }"));
        return None;
    }
    let (mut acts, mut close) = (Vec::new(), NORMAL);
    for (index, raw_act) in raw.iter().enumerate() {
        let at = at.item(index);
        match raw_act.close {
            None => acts.push(act(raw_act, limit, names, &at, check)),
            Some(code) => {
                let is_last = index + 1 == raw.len();
                close = closing(raw_act, code, is_last, &at, check).unwrap_or(NORMAL);
            }
        }
    }
    Some(Dialogue { acts: acts.into_iter().collect::<Option<_>>()?, close })
}

/// The code of the last act.
fn closing(
    raw: &RawAct,
    code: u16,
    is_last: bool,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<u16> {
    one_of(raw, at, check)?;
    if !is_last {
        let fault = Fault::new("nothing can follow \"close\"");
        check.key(&at.key("close"), fault.help("make it the last one, or leave it out"));
        return None;
    }
    // RFC 6455, 7.4: the others stand for what was never sent, or are the protocol's own.
    if !matches!(code, 1000 | 1001 | 3000..=4999) {
        let fault = Fault::new(format!("{code} is no code to close with"));
        check.value(&at.key("close"), fault.help("write 1000, 1001, or one from 3000 to 4999"));
        return None;
    }
    Some(code)
}

/// The one key that says what is done.
fn one_of(raw: &RawAct, at: &Pointer, check: &mut Check<'_>) -> Option<&'static str> {
    let given = [
        ("send", raw.send.is_some()),
        ("send_json", raw.send_json.is_some()),
        ("send_binary", raw.send_binary.is_some()),
        ("expect", raw.expect.is_some()),
        ("think", raw.think.is_some()),
        ("close", raw.close.is_some()),
    ];
    let keys = given.map(|(key, _)| key);
    let mut given = given.iter().filter(|(_, given)| *given).map(|(key, _)| *key);
    let Some(first) = given.next() else {
        let fault = Fault::new("nothing is done here");
        let help = "write { \"send\": \"ping\" } or { \"expect\": \"pong\" }";
        check.lacks(at, &keys, fault.help(help));
        return None;
    };
    if let Some(second) = given.next() {
        let fault = Fault::new(format!("\"{second}\" beside \"{first}\""));
        check.key(&at.key(second), fault.help("one after the other: make two acts of it"));
        return None;
    }
    for (key, is_given) in [("within", raw.within.is_some()), ("strict", raw.strict)] {
        if is_given && first != "expect" {
            let fault = Fault::new(format!("\"{key}\" means nothing beside \"{first}\""));
            check.key(&at.key(key), fault.help("it stands beside \"expect\""));
        }
    }
    Some(first)
}

fn act(
    raw: &RawAct,
    limit: Option<Duration>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Act> {
    one_of(raw, at, check)?;
    if let Some(text) = &raw.send {
        let text = Template::parse(text, Escape::Verbatim, names);
        return settle(text, &at.key("send"), check).map(Act::Text);
    }
    if let Some(value) = &raw.send_json {
        return json_of(value, names, &at.key("send_json"), check).map(Act::Text);
    }
    if let Some(text) = &raw.send_binary {
        let bytes = STANDARD.decode(check.fill(text)).map_err(|_| {
            let fault = Fault::new("this is not base64");
            fault.help("write bytes as \"AAEC/w==\", and a text as \"send\"")
        });
        let bytes = check.accept(&at.key("send_binary"), bytes)?;
        return Some(Act::Binary(bytes.into()));
    }
    if let Some(text) = &raw.think {
        let lengths = think(&check.fill(text));
        let (shortest, longest) = check.accept(&at.key("think"), lengths)?;
        return Some(Act::Think { shortest, longest });
    }
    let expect = raw.expect.as_ref()?;
    let conditions = message(expect, names, &at.key("expect"), check);
    let within = within(raw.within.as_deref(), limit, &at.key("within"), check).ok()?;
    Some(Act::Expect { conditions: conditions?, within, is_strict: raw.strict })
}

/// What must hold for the expected message.
fn message(
    raw: &RawExpect,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Vec<Condition>> {
    match raw {
        RawExpect::Short(text) => {
            text_of(text, names, at, check).map(|text| vec![Condition::Text(text)])
        }
        RawExpect::Long(raw) => {
            let texts: [Of<'_>; 2] = [
                ("text", raw.text.as_deref(), Condition::Text),
                ("contains", raw.contains.as_deref(), Condition::Contains),
            ];
            conditions(&texts, &raw.json, names, at, check)
        }
    }
}
