//! Which action of a flow is next for an iteration. Pure: what it draws comes from its choices,
//! and what it knows from its user.

use crate::engine::checks::{Known, holds_for_text};
use crate::engine::iteration::Iteration;
use crate::engine::user::User;
use crate::scenario::branch::When;
use crate::scenario::checks::Test;
use crate::scenario::data::Rows;
use crate::scenario::model::{Action, Flow, Scenario, StepId};
use crate::scenario::template::{Value, Values};
use crate::units::Moment;

/// What an iteration does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Sends a request of this step.
    Ask(StepId),
    /// Thinks, in nanoseconds.
    Think(u64),
    /// Nothing.
    End,
}

/// The next action. Passes over what the user has done once and for all, and comes back to what is
/// to be done anew before.
pub fn next(
    scenario: &Scenario,
    (user, rows): (&User, Rows<'_>),
    iteration: &mut Iteration,
) -> Next {
    let flow = &scenario.flows[iteration.flow];
    while let Some(action) = flow.actions.get(iteration.next) {
        match action {
            Action::Request(step) => {
                let has_looked = std::mem::take(&mut iteration.has_looked);
                let login = overdue(flow, iteration.next, user, iteration.due);
                if let Some(login) = login.filter(|_| !has_looked) {
                    iteration.has_looked = true;
                    return Next::Ask(login);
                }
                iteration.next += 1;
                if !scenario.step(*step).once || !user.has_done(*step, iteration.due) {
                    return Next::Ask(*step);
                }
            }
            Action::Think(think) => {
                iteration.next += 1;
                return Next::Think(iteration.choices.thinks_for(*think));
            }
            other => iteration.next = place_after(other, (user, rows), iteration),
        }
    }
    Next::End
}

/// A login before a place of a flow that a user has to do anew.
fn overdue(flow: &Flow, place: usize, user: &User, now: Moment) -> Option<StepId> {
    let before = flow.logins.iter().filter(|login| login.place < place);
    before.map(|login| login.step).find(|step| user.is_over(*step, now))
}

/// Where an iteration goes on that has come to what decides that.
fn place_after(action: &Action, known: (&User, Rows<'_>), iteration: &mut Iteration) -> usize {
    let on = iteration.next + 1;
    match action {
        Action::Request(_) | Action::Think(_) => on,
        Action::Unless(all, to) => {
            if all.iter().all(|when| holds(when, known, iteration)) {
                on
            } else {
                *to
            }
        }
        Action::Goto(to) | Action::Leave(to) => *to,
        Action::Repeat { counter, least, most, end } => {
            let times = drawn(*least, *most, iteration);
            iteration.counters.resize(iteration.counters.len().max(counter + 1), 0);
            iteration.counters[*counter] = times;
            if times == 0 { *end } else { on }
        }
        Action::Again { counter, start } => {
            let left = &mut iteration.counters[*counter];
            *left -= 1;
            if *left == 0 { on } else { *start }
        }
        Action::Choose(ways) => {
            let total: u64 = ways.iter().map(|(weight, _)| u64::from(*weight)).sum();
            let mut rest = (iteration.choices.unit() * total as f64) as u64;
            let taken = ways.iter().find(|(weight, _)| {
                let is_it = rest < u64::from(*weight);
                rest = rest.saturating_sub(u64::from(*weight));
                is_it
            });
            taken.or(ways.last()).map_or(on, |(_, place)| *place)
        }
    }
}

/// A number from one to another; nothing is drawn where there is no choice.
fn drawn(least: u32, most: u32, iteration: &mut Iteration) -> u32 {
    if least == most {
        return least;
    }
    let range = f64::from(most - least) + 1.0;
    least + ((iteration.choices.unit() * range) as u32).min(most - least)
}

/// Whether a condition holds. What is not there, or is null, is as no condition wants it but the
/// one that asks for that.
fn holds(when: &When, (user, rows): (&User, Rows<'_>), iteration: &mut Iteration) -> bool {
    let is_null = |value: &Value| matches!(value, Value::Json(text) if text == "null");
    let variables = when.needs.iter().filter_map(|id| user.variables.get(id.index()));
    let is_there = !user.lacks(&when.needs) && !variables.into_iter().any(is_null);
    if let Test::Exists(wanted) = when.test {
        return wanted == is_there;
    }
    let mut text = String::new();
    let choices = &mut iteration.choices;
    let mut values = Values {
        variables: &user.variables,
        user: user.number,
        iteration: iteration.number,
        unix_millis: 0,
        rows,
        random: &mut || choices.bits(),
    };
    when.value.render(&mut values, &mut text);
    let variables = &user.variables;
    let known = Known { variables, user: user.number, iteration: iteration.number, rows };
    is_there && holds_for_text(text.as_bytes(), &when.test, known)
}
