//! Variables of the environment that a target is started with.

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::entries::Entries;
use super::super::problems::Fault;

/// Environment variables as a target is started with them.
pub(super) fn variables(
    raw: &Entries<String>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, value) in &raw.0 {
        if let Some(fault) = variable_fault(name) {
            check.key(&at.key(name), fault);
        }
        all.push((name.clone(), check.fill(value)));
    }
    all
}

/// What is wrong with the name of an environment variable.
pub(super) fn variable_fault(name: &str) -> Option<Fault> {
    let is_wrong = name.is_empty() || name.contains(['=', '\0']);
    is_wrong.then(|| Fault::new(format!("\"{name}\" is not the name of an environment variable")))
}
