//! The actions of a flow under construction: one after the other, with jumps for what is left out,
//! repeated or chosen.

use serde_json::Value;

use super::super::branch::When;
use super::super::model::Action;
use super::super::problems::Fault;

/// All repetitions within each other, multiplied.
const MOST_REPEATS: f64 = 10_000.0;

/// Actions, and how often each is done in an iteration on average.
#[derive(Default)]
pub(super) struct Actions {
    pub(super) all: Vec<Action>,
    pub(super) often: Vec<f64>,
    /// How often what is added now is done: each factor of it.
    factors: Vec<f64>,
    /// The most that it may be.
    most: Vec<f64>,
    /// Conditions that what is added now is under.
    conditions: usize,
}

impl Actions {
    pub(super) fn push(&mut self, action: Action) {
        self.all.push(action);
        self.often.push(self.factors.iter().product());
    }

    /// Whether what is added now may be left out.
    pub(super) fn is_optional(&self) -> bool {
        self.conditions > 0
    }

    /// Begins what is done only if all of these hold; its place.
    pub(super) fn unless(&mut self, when: Vec<When>) -> usize {
        self.push(Action::Unless(when.into(), 0));
        self.conditions += 1;
        self.all.len() - 1
    }

    /// Ends it, and begins what is done otherwise.
    pub(super) fn otherwise(&mut self, begun: usize) -> usize {
        self.push(Action::Goto(0));
        let place = self.all.len();
        if let Action::Unless(_, to) = &mut self.all[begun] {
            *to = place;
        }
        place - 1
    }

    /// Ends one of both.
    pub(super) fn end_condition(&mut self, begun: usize) {
        let place = self.all.len();
        if let Action::Unless(_, to) | Action::Goto(to) = &mut self.all[begun] {
            *to = place;
        }
        self.conditions -= 1;
    }

    /// Begins a repetition; its place.
    pub(super) fn repeat(&mut self, (least, most): (u32, u32)) -> Result<usize, Fault> {
        let counter = self.most.len();
        self.push(Action::Repeat { counter, least, most, end: 0 });
        self.factors.push(f64::from(least) / 2.0 + f64::from(most) / 2.0);
        self.most.push(f64::from(most));
        self.conditions += usize::from(least == 0);
        if self.most.iter().product::<f64>() > MOST_REPEATS {
            let fault = Fault::new("more than 10,000 repetitions in an iteration");
            return Err(fault.help("more iterations do the same, and are measured better"));
        }
        Ok(self.all.len() - 1)
    }

    pub(super) fn end_repeat(&mut self, begun: usize) {
        self.factors.pop();
        self.most.pop();
        let place = self.all.len() + 1;
        let Action::Repeat { counter, least, end, .. } = &mut self.all[begun] else { return };
        *end = place;
        self.conditions -= usize::from(*least == 0);
        let counter = *counter;
        self.push(Action::Again { counter, start: begun + 1 });
    }

    /// Begins a choice between ways of these weights; its place.
    pub(super) fn choose(&mut self, weights: impl Iterator<Item = u32>) -> usize {
        self.push(Action::Choose(weights.map(|weight| (weight, 0)).collect()));
        self.all.len() - 1
    }

    /// Begins one of the ways.
    pub(super) fn way(&mut self, begun: usize, which: usize) {
        let place = self.all.len();
        let Action::Choose(ways) = &mut self.all[begun] else { return };
        let total: f64 = ways.iter().map(|(weight, _)| f64::from(*weight)).sum();
        ways[which].1 = place;
        self.factors.push(f64::from(ways[which].0) / total);
    }

    /// Ends one of the ways; its place.
    pub(super) fn end_way(&mut self) -> usize {
        self.factors.pop();
        self.push(Action::Leave(0));
        self.all.len() - 1
    }

    /// Ends a choice whose ways end at these places.
    pub(super) fn end_choice(&mut self, ends: &[usize]) {
        let place = self.all.len();
        for end in ends {
            self.all[*end] = Action::Leave(place);
        }
    }
}

/// `3`, or `1..5`.
pub(super) fn times(value: &Value) -> Result<(u32, u32), Fault> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    let (least, most) = text.split_once("..").unwrap_or((&text, &text));
    let number = |text: &str| text.trim().parse::<u32>().ok();
    match (number(least), number(most)) {
        (Some(least), Some(most)) if least <= most && most > 0 => Ok((least, most)),
        (Some(_), Some(_)) => Err(Fault::new("a repetition that never happens")
            .help("the smaller number comes first, and the larger is at least 1: \"1..5\"")),
        _ => Err(Fault::new("a repetition is a number of times").help("write 3, or \"1..5\"")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_a_number_or_a_range() {
        assert_eq!(times(&json!(3)).ok(), Some((3, 3)));
        assert_eq!(times(&json!("0 .. 5")).ok(), Some((0, 5)));
        for wrong in [json!(0), json!("5..1"), json!(-1), json!(1.5), json!("x"), json!([])] {
            assert!(times(&wrong).is_err(), "{wrong}");
        }
    }
}
