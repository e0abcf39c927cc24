//! A template that was read, or its faults.

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::problems::Fault;
use super::super::template::Template;

/// The template of a value, or `None` with its faults noted.
pub(super) fn settle(
    result: Result<Template, Vec<Fault>>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Template> {
    result.map_err(|faults| faults.into_iter().for_each(|fault| check.value(at, fault))).ok()
}

/// The same of a key.
pub(super) fn settle_key(
    result: Result<Template, Vec<Fault>>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Template> {
    result.map_err(|faults| faults.into_iter().for_each(|fault| check.key(at, fault))).ok()
}
