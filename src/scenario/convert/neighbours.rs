//! Objectives for all tenants but a noisy one: like those of a tenant, or a limit on how many times as
//! long a percentile may be as in the stage before (`p99 < 1.5x`).

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::problems::Fault;
use super::super::raw_slo::RawSlo;
use super::super::slo::{Effect, Neighbours};
use super::flows::Walks;
use super::objective_text::{Operator, Parts, normalised};
use crate::units::Quantile;

/// More would be no limit.
const LARGEST: f64 = 1_000.0;

fn is_noisy(walks: &Walks) -> bool {
    walks.tenants.as_ref().is_some_and(|tenants| tenants.noise.is_some())
}

/// Where somebody is noisy, objectives say what the others may notice of it.
pub(crate) fn are_said(raw: &RawSlo, walks: &Walks, at: &Pointer, check: &mut Check<'_>) {
    if raw.neighbours.is_empty() && is_noisy(walks) {
        let fault =
            Fault::new("a tenant is noisy, and nothing says what the others may notice of it");
        let help = "add \"neighbours\": [\"p99 < 300ms\", \"p95 < 1.5x\", \"error_rate < 1%\"]";
        check.value(at, fault.help(help));
    }
}

/// What limits the times against those of the stage before; the other texts are objectives like all.
pub(super) fn split(
    raw: &RawSlo,
    walks: &Walks,
    at: &Pointer,
    check: &mut Check<'_>,
) -> (Neighbours, Vec<(usize, String)>) {
    let at = at.key("neighbours");
    let is_noisy = is_noisy(walks);
    let (mut found, mut others) = (Neighbours::default(), Vec::new());
    if !is_noisy {
        if !raw.neighbours.is_empty() && check.is_clean() {
            let fault = Fault::new("nobody is noisy in this load");
            let help = "add \"noisy\": { \"tenant\": \"tenant-1\", \"times\": 10 } to a stage";
            check.key(&at, fault.help(help));
        }
        return (found, others);
    }
    for (index, written) in raw.neighbours.iter().enumerate() {
        let text = check.fill(written);
        match effect(&text, written) {
            None => others.push((index, written.clone())),
            Some(effect) => {
                found.effects.extend(check.accept(&at.item(index), effect));
            }
        }
    }
    (found, others)
}

/// `p99 < 1.5x`; `None` where it is something else.
fn effect(text: &str, written: &str) -> Option<Result<Effect, Fault>> {
    let parts = Parts::split(text).ok()?;
    let limit = parts.rest.strip_suffix(['x', '×'])?.trim().parse::<f64>().ok()?;
    Some(checked(&parts, limit, normalised(written)))
}

fn checked(parts: &Parts<'_>, limit: f64, text: String) -> Result<Effect, Fault> {
    let inclusive = match parts.operator {
        Operator::Less => false,
        Operator::AtMost => true,
        Operator::More | Operator::AtLeast => {
            let fault = Fault::new("what the others notice of a noisy tenant has an upper limit");
            return Err(fault.help("write it like \"p99 < 1.5x\""));
        }
    };
    let quantile = parts.metric.parse::<Quantile>().ok().filter(|it| it.beyond() > 0.0);
    let Some(quantile) = quantile.filter(|it| it.share() > 0.0) else {
        let fault = Fault::new(format!("{} is not compared with the stage before", parts.metric));
        return Err(fault.help("write it like \"p99 < 1.5x\" or \"p95 < 1.2x\""));
    };
    if !(1.0..=LARGEST).contains(&limit) {
        let fault = Fault::new(format!("{limit} times as long is no limit"));
        return Err(fault.help("write a number from 1 to 1000, such as \"p99 < 1.5x\""));
    }
    Ok(Effect { text, quantile, limit, inclusive })
}
