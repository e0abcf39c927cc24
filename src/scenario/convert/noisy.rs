//! A stage in which one tenant is noisy: who he is, what comes on top of the stage's rate for him,
//! and whether there is a stage before that can be compared with it.

use std::time::Duration;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::load::{Load, Stage};
use super::super::problems::Fault;
use super::super::raw_load::{RawLoad, RawNoisy};
use super::super::tenants::{Noise, Tenancy, Tenants};
use super::flows::Walks;
use crate::units::Rate;

/// In less nobody could tell a difference.
const SHORTEST: Duration = Duration::from_secs(5);
/// The most that somebody may do more.
const MOST_TIMES: f64 = 1_000.0;

/// Adds what a noisy tenant does more to the rate of his stage.
pub(super) fn noise(
    raw: &RawLoad,
    (load, written): (&mut Load, &[usize]),
    walks: &mut Walks,
    check: &mut Check<'_>,
) {
    let named = |place: &usize| raw.stages.get(*place).and_then(|stage| stage.noisy.as_ref());
    let stages = written.iter().enumerate();
    let mut noisy = stages.filter_map(|(index, place)| Some((index, *place, named(place)?)));
    let Some((index, place, first)) = noisy.next() else { return };
    let at = |place| Pointer::default().key("load").key("stages").item(place).key("noisy");
    if let Some((_, other, _)) = noisy.find(|(_, other, _)| *other != place) {
        let fault = Fault::new("a second stage in which somebody is noisy");
        check
            .value(&at(other), fault.help("one can be judged; play the other in a run of its own"));
    }
    if let Some(fault) = incomparable(load, index, written) {
        return check.value(&at(place), fault);
    }
    let Some(found) = check.accept(&at(place), of_tenant(first, walks, check)) else { return };
    let stage = &mut load.stages[index];
    let more = found.more;
    // Of so many arrivals, so many are the noisy tenant's on top of what there would be.
    (stage.from, stage.to) = (Rate(stage.from.0 / (1.0 - more)), Rate(stage.to.0 / (1.0 - more)));
    if let Some(tenants) = &mut walks.tenants {
        tenants.noise = Some(Noise { stages: load.stages[..=index].to_vec(), ..found });
    }
}

/// Why nothing could be said of what such a stage does.
fn incomparable(load: &Load, index: usize, written: &[usize]) -> Option<Fault> {
    let help =
        "write { \"for\": \"60s\", \"rate\": \"100/s\" } before it, and the same with \"noisy\"";
    let stage = load.stages.get(index)?;
    let fault = |what: &str| Some(Fault::new(what).help(help));
    if load.is_closed() {
        return fault("a noisy tenant needs a load with rates: users who wait would hide him");
    }
    if stage.warmup || !stage.is_loaded() {
        return fault("nothing is judged in a warm-up or a pause");
    }
    let Some(before) = index.checked_sub(1).and_then(|before| load.stages.get(before)) else {
        return fault("there is no stage before it to compare with");
    };
    let is_flat = |stage: &Stage| stage.from == stage.to;
    let is_staircase = written.iter().filter(|place| **place == written[index]).count() > 1;
    if before.warmup
        || is_staircase
        || !is_flat(stage)
        || !is_flat(before)
        || before.from != stage.from
    {
        return fault("the stage before it has to be judged and to have the same constant rate");
    }
    if stage.length < SHORTEST || before.length < SHORTEST {
        return fault("a noisy stage and the one before it last 5s at least");
    }
    None
}

/// Who it is, and the share of the stage's iterations that he does more.
fn of_tenant(raw: &RawNoisy, walks: &Walks, check: &Check<'_>) -> Result<Noise, Fault> {
    let Some(tenants) = walks.tenants.as_ref().filter(|tenants| !tenants.names.is_empty()) else {
        let fault = Fault::new("nobody can be noisy: the scenario declares no tenants");
        return Err(fault.help("add \"tenants\": { \"count\": 50, \"sizes\": \"zipf(1.1)\" }"));
    };
    let name = check.fill(&raw.tenant);
    let Some(tenant) = tenants.names.iter().position(|known| *known == name) else {
        let fault = Fault::new(format!("no tenant is named \"{}\"", raw.tenant));
        return Err(fault.nearest(&name, tenants.names.iter().take(1_000).map(String::as_str)));
    };
    if tenant >= usize::from(tenants.told_apart) {
        let fault = Fault::new(format!("\"{}\" is not told apart", raw.tenant));
        let most = tenant + 1;
        return Err(fault.help(format!("write \"limits\": {{ \"tenants\": {most} }}")));
    }
    if !(raw.times > 1.0 && raw.times <= MOST_TIMES) {
        let fault = Fault::new(format!("{} times as much is no noise", raw.times));
        return Err(fault.help("write a number above 1, up to 1000"));
    }
    let share = share(tenants, tenant) * drawn(walks);
    if share <= 0.0 {
        return Err(Fault::new("no flow is done for this tenant").help("leave out its \"tenant\""));
    }
    let more = 1.0 - 1.0 / (1.0 + share * (raw.times - 1.0));
    Ok(Noise { tenant, times: raw.times, more, stages: Vec::new() })
}

/// The share of the iterations of drawn tenants that one of them has.
fn share(tenants: &Tenants, tenant: usize) -> f64 {
    let all: f64 = (0..tenants.names.len()).map(|place| tenants.sizes.weight(place)).sum();
    tenants.sizes.weight(tenant) / all
}

/// The share of iterations that are of drawn tenants.
fn drawn(walks: &Walks) -> f64 {
    let all: f64 = walks.flows.iter().map(|flow| f64::from(flow.weight)).sum();
    let drawn = walks.flows.iter().filter(|flow| flow.tenancy == Tenancy::Drawn);
    drawn.map(|flow| f64::from(flow.weight)).sum::<f64>() / all.max(1.0)
}
