//! How the arms of a duet are started beside each other: the target's `port_variable`,
//! `prepare` and `arms`.

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::model::{Arms, Prepare};
use super::super::problems::Fault;
use super::super::raw_target::{RawArm, RawPrepare, RawTarget};
use super::lengths::positive;
use super::variables::{variable_fault, variables};

/// What most servers read their port from.
const PORT_VARIABLE: &str = "PORT";
/// What tells a server the path of its socket file: in `PORT`, most would look for a number.
const SOCKET_VARIABLE: &str = "SOCKET";
/// How long a preparation may take if the scenario does not say.
const PREPARE_WITHIN: &str = "10m";

/// The arms; `None` when something in them could not be converted.
pub(super) fn arms(
    raw: &RawTarget,
    is_socket: bool,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Arms> {
    let usual = if is_socket { SOCKET_VARIABLE } else { PORT_VARIABLE };
    let port_variable = port_variable(raw, usual, &at.key("port_variable"), check);
    let prepare = match &raw.prepare {
        Some(raw) => Some(prepare(raw, &at.key("prepare"), check)?),
        None => None,
    };
    let at = at.key("arms");
    let given = raw.arms.as_ref();
    let mut of = |key: &str, arm: Option<&RawArm>| {
        arm.map(|arm| arm_variables(arm, &port_variable, &at.key(key).key("env"), check))
    };
    let baseline = of("baseline", given.and_then(|arms| arms.baseline.as_ref()));
    let candidate = of("candidate", given.and_then(|arms| arms.candidate.as_ref()));
    let (baseline, candidate) = (baseline.unwrap_or_default(), candidate.unwrap_or_default());
    Some(Arms { port_variable, prepare, baseline, candidate })
}

fn port_variable(raw: &RawTarget, usual: &str, at: &Pointer, check: &mut Check<'_>) -> String {
    let name = check.fill(raw.port_variable.as_deref().unwrap_or(usual));
    if let Some(fault) = variable_fault(&name) {
        check.value(at, fault);
    }
    name
}

fn prepare(raw: &RawPrepare, at: &Pointer, check: &mut Check<'_>) -> Option<Prepare> {
    let command: Vec<String> = raw.command.iter().map(|word| check.fill(word)).collect();
    if command.first().is_none_or(String::is_empty) {
        let fault = Fault::new("the command names no program");
        check.value(&at.key("command"), fault.help("write [\"npm\", \"ci\"]"));
    }
    let within = positive(&check.fill(raw.within.as_deref().unwrap_or(PREPARE_WITHIN)));
    let within = check.accept(&at.key("within"), within)?;
    Some(Prepare { command, within })
}

fn arm_variables(
    raw: &RawArm,
    port_variable: &str,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Vec<(String, String)> {
    if raw.env.0.iter().any(|(name, _)| name == port_variable) {
        let fault = Fault::new(format!("where an arm listens cannot be chosen: {port_variable}"));
        let help = "remove it; each arm of a duet gets a free port, or a socket file, in this \
                    variable";
        check.key(&at.key(port_variable), fault.help(help));
    }
    variables(&raw.env, at, check)
}
