//! Whether a run that is under way has missed an objective for certain: METHODS.md, section 5.5.
//!
//! Whoever looks every second and stops at the first bad look calls far too many runs bad. So an
//! always-valid, one-sided confidence sequence says it ([`sequence`]), with α of 1 % for all objectives
//! of a run together, and what the usual interval of the run so far calls missed is asked as well, as the
//! record is judged by that. What needs no chance is counted: one request where none may be bad, and more bad
//! windows than all that are planned may have. A run is never ended as passed.
//!
//! What is counted belongs to the second in which it was *due*, as in the record, and whatever is
//! open counts as good ([`counted`]). Where the load changes, a bad beginning decides only if it is too
//! much for the whole run ([`ahead`]).
//!
//! An objective of each tenant is one for each of them, and each is held against the strictest of
//! Holm's levels. Those of the neighbours of a noisy tenant are about the seconds of his stage.

pub mod ahead;
pub mod counted;
pub mod effect;
pub mod objective;
pub mod sequence;

use crate::analysis::fail_fast::ahead::Ahead;
use crate::analysis::fail_fast::effect::Effect;
use crate::analysis::fail_fast::objective::{Objective, way, way_of_own};
use crate::analysis::starvation;
use crate::analysis::stats;
use crate::record::noisy::NoisyHead;
use crate::record::recorder::Part;
use crate::record::run::{Head, SloHead};

/// How often a run within its objectives may be ended, at most.
const ALPHA: f64 = 0.01;

/// What is looked at while a run goes on.
#[derive(Debug)]
pub struct FailFast {
    head: Head,
    ahead: Ahead,
    objectives: Vec<Objective>,
    effects: Vec<Effect>,
}

impl FailFast {
    /// Of a run that begins.
    pub fn of(head: &Head) -> FailFast {
        let ahead = Ahead::of(head);
        let own = head.slos.iter().flat_map(|slo| objectives(head, slo, ahead.judged.to));
        let objectives = own.chain(of_neighbours(head)).collect();
        let effects = head.noisy.iter().filter(|_| can_compare(head));
        let effects =
            effects.flat_map(|noisy| noisy.effects.iter().map(|it| Effect::of(it, noisy)));
        let effects = effects.collect();
        FailFast { head: head.clone(), ahead, objectives, effects }
    }

    /// The objectives that wait for the end, in a sentence.
    pub fn that_wait(head: &Head) -> Option<String> {
        let own = head.slos.iter().filter(|slo| way_of_own(head, slo).is_none());
        let own = own.map(|slo| slo.text.as_str());
        let noisy = head.noisy.iter();
        let neighbours = noisy.flat_map(|noisy| {
            let slos = noisy.slos.iter().filter(|slo| way_then(head, noisy, slo).is_none());
            let effects = noisy.effects.iter().filter(|_| !can_compare(head));
            slos.map(|slo| slo.text.as_str()).chain(effects.map(|effect| effect.text.as_str()))
        });
        let all: Vec<&str> = own.chain(neighbours).collect();
        (!all.is_empty()).then(|| format!("--fail-fast ends nothing by {}", all.join("; ")))
    }

    /// A second has passed, in which so much was learnt. Says which objective is missed for certain.
    /// What was learnt while the generator stood still is no evidence.
    pub fn look(&mut self, second: u32, learnt: &[Part], is_sound: bool) -> Option<String> {
        for part in learnt.iter().filter(|part| self.ahead.learn(part)) {
            self.objectives.iter_mut().for_each(|it| it.learn(&self.head, part, is_sound));
            self.effects.iter_mut().for_each(|it| it.learn(&self.head, part, is_sound));
        }
        self.ahead.pass(second, is_sound);
        let alpha = ALPHA / (self.objectives.len() + self.effects.len()).max(1) as f64;
        let missed = self.objectives.iter().find_map(|objective| {
            let why = objective.look(&self.ahead, alpha)?;
            let of = whose(&self.head, &objective.slo, objective.of.as_deref());
            Some(format!("{of}{} is missed for certain: {why}", objective.slo.text))
        });
        missed.or_else(|| {
            self.effects.iter().find_map(|effect| {
                let why = effect.look(&self.ahead, alpha)?;
                Some(format!("neighbours: {} is missed for certain: {why}", effect.text()))
            })
        })
    }
}

/// One, or one for each tenant; none where it waits for the end.
fn objectives(head: &Head, slo: &SloHead, to: u32) -> Vec<Objective> {
    let Some(way) = way_of_own(head, slo) else { return Vec::new() };
    let Some(tenants) = head.tenants.as_ref().filter(|_| slo.each_tenant) else {
        return vec![Objective::new(slo.clone(), None, 0..to, way)];
    };
    let confirmed = stats::ALPHA / f64::from(tenants.places().max(1));
    let one = |place: u16| {
        let slo = SloHead { tenant: Some(place), each_tenant: false, ..slo.clone() };
        let name = Some(tenants.name(place).to_owned());
        let mut one = Objective::new(slo, name, 0..to, way.clone());
        one.confirmed = confirmed;
        one
    };
    (0..tenants.places()).map(one).collect()
}

/// Those about all but a noisy tenant, of the seconds of his stage.
fn of_neighbours(head: &Head) -> Vec<Objective> {
    let Some(noisy) = &head.noisy else { return Vec::new() };
    let during = noisy.from.ceil() as u32..noisy.until.floor() as u32;
    let one = |slo: &SloHead| {
        let way = way_then(head, noisy, slo)?;
        let slo = SloHead { but: Some(noisy.tenant), ..slo.clone() };
        Some(Objective::new(slo, Some("neighbours".to_owned()), during.clone(), way))
    };
    noisy.slos.iter().filter_map(one).collect()
}

/// How an objective of the neighbours can be told; windows have other beginnings in his stage.
fn way_then(head: &Head, noisy: &NoisyHead, slo: &SloHead) -> Option<objective::Way> {
    let is_still = ahead::holds_still_while(head, noisy);
    way(head, slo, is_still).filter(|_| slo.windows.is_none() && is_still)
}

/// Whether times of two stages can be held against each other before the end.
fn can_compare(head: &Head) -> bool {
    let still = |noisy: &NoisyHead| ahead::holds_still_while(head, noisy);
    !starvation::is_busy_before(head) && head.noisy.as_ref().is_some_and(still)
}

/// Whom an objective is about, for the beginning of a sentence.
fn whose(head: &Head, slo: &SloHead, of: Option<&str>) -> String {
    let step = slo.step.and_then(|step| head.steps.get(usize::from(step)));
    let name = step
        .map(|step| step.name.clone())
        .or_else(|| slo.tag.as_ref().map(|it| format!("tag:{it}")))
        .or_else(|| of.map(str::to_owned));
    name.map_or_else(String::new, |name| format!("{name}: "))
}

#[cfg(test)]
mod tests;
