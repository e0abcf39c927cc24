//! Steps and tags that objectives name.

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::problems::Fault;
use super::super::slo::Scope;
use super::flows::Walks;

/// A step that objectives name is not there.
pub(super) fn without_step(name: &str, walks: &Walks, at: &Pointer, check: &mut Check<'_>) {
    // The step itself has a mistake; that is enough to read at once.
    if walks.step_names.contains(name) {
        return;
    }
    let mut known: Vec<&str> = walks.step_names.iter().map(String::as_str).collect();
    known.sort_unstable();
    let fault = Fault::new(format!("no step is named \"{name}\""));
    check.key(at, fault.nearest(name, known.into_iter()));
}

/// The steps with a tag.
pub(super) fn tag_named(
    tag: &str,
    walks: &Walks,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Scope> {
    let place = walks.tags.iter().position(|known| known == tag);
    if place.is_none() {
        let fault = Fault::new(format!("no step has the tag \"{tag}\""));
        check.key(at, fault.nearest(tag, walks.tags.iter().map(String::as_str)));
    }
    Some(Scope::Tag(u16::try_from(place?).ok()?))
}
