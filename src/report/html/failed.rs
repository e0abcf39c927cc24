//! The section with failing exchanges: each kind can be folded out, the first one is.

use maud::{Markup, html};

use crate::analysis::failures::{Example, FailedKind, FailuresSeen};
use crate::record::target_log::TARGET_LOG;
use crate::report::failures::{self, Detail};

/// What failing requests looked like, and what the target's own log says.
pub(in crate::report) fn exchanges(seen: &FailuresSeen, has_log: bool) -> Markup {
    let has_errors = seen.log_errors.is_some_and(|errors| errors > 0);
    html! {
        @if !seen.kinds.is_empty() || has_errors {
            section {
                h2 { "Failed exchanges" }
                @for (place, one) in seen.kinds.iter().enumerate() { (kind(one, place == 0)) }
                @if let Some(errors) = failures::log_errors(seen) {
                    p {
                        (errors)
                        @if has_log { ": " a href=(TARGET_LOG) { (TARGET_LOG) } }
                    }
                    (quoted(&failures::other_log(seen)))
                }
            }
        }
    }
}

fn kind(kind: &FailedKind, is_open: bool) -> Markup {
    html! {
        details open[is_open] {
            summary { (failures::title(kind)) }
            @for example in &kind.examples { (one(example)) }
        }
    }
}

fn one(example: &Example) -> Markup {
    html! {
        p.muted { (failures::moment(&example.exchange)) }
        (quoted(&failures::lines(&example.exchange, Detail::Full)))
        (quoted(&failures::log(example)))
    }
}

fn quoted(lines: &[String]) -> Markup {
    html! { @if !lines.is_empty() { pre { (lines.join("\n")) } } }
}
