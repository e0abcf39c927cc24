//! Whether a document is as a schema says, in a bounded number of steps. Pure.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use serde_json::{Map, Number, Value as Json};

use super::{Node, Place, Properties, Rule, Schema};

/// Steps for one document: one for each rule of each value that is looked at, and more for long
/// texts. It takes some 20 ms.
const MOST_STEPS: u64 = 1_000_000;
/// Parts of a schema within each other, for one value within others.
const DEEPEST: u32 = 200;
/// Bytes of a text that one step is enough for.
const BYTES_PER_STEP: u64 = 64;

/// Why a document is not as a schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where, as a JSON Pointer; names in it come from the target.
    pub at: String,
    /// What is wrong there.
    pub told: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.at.is_empty() { "the document" } else { &self.at };
        write!(f, "{at} {}", self.told)
    }
}

impl Schema {
    /// Whether a document is as it says; if not, the first thing that is wrong.
    pub fn judge(&self, document: &Json) -> Result<(), Wrong> {
        let mut course = Course { schema: self, steps: MOST_STEPS, depth: 0 };
        course.node(0, document).map_err(Misfit::told)
    }
}

/// One document on its way.
struct Course<'s> {
    schema: &'s Schema,
    /// Those that are left.
    steps: u64,
    depth: u32,
}

/// What does not fit; told in words only where that is the end of it.
struct Misfit<'s, 'd> {
    why: Why<'s>,
    /// The way to it, the last part first.
    way: Vec<Part<'d>>,
}

enum Why<'s> {
    Rule(&'s Rule),
    Missing(&'s str),
    Unwanted,
    /// Nobody knows: it takes too many steps.
    TooLong,
}

enum Part<'d> {
    Name(&'d str),
    Item(usize),
}

impl<'d> Misfit<'_, 'd> {
    fn within(mut self, part: Part<'d>) -> Self {
        self.way.push(part);
        self
    }

    fn told(self) -> Wrong {
        let mut at = String::new();
        for part in self.way.iter().rev() {
            let _ = match part {
                Part::Name(name) => {
                    write!(at, "/{}", name.replace('~', "~0").replace('/', "~1"))
                }
                Part::Item(index) => write!(at, "/{index}"),
            };
        }
        let told = match self.why {
            Why::Rule(rule) => rule.to_string(),
            Why::Missing(name) => format!("must have the member \"{name}\""),
            Why::Unwanted => "must not be there".to_owned(),
            Why::TooLong => "takes too long to be judged by this schema".to_owned(),
        };
        Wrong { at, told }
    }
}

type Fits<'s, 'd> = Result<(), Misfit<'s, 'd>>;

fn misfit<'d>(why: Why<'_>) -> Misfit<'_, 'd> {
    Misfit { why, way: Vec::new() }
}

fn hold<'d>(holds: bool, rule: &Rule) -> Fits<'_, 'd> {
    if holds { Ok(()) } else { Err(misfit(Why::Rule(rule))) }
}

impl<'s> Course<'s> {
    fn spend<'d>(&mut self, steps: u64) -> Fits<'s, 'd> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(misfit(Why::TooLong)),
        }
    }

    fn node<'d>(&mut self, place: Place, value: &'d Json) -> Fits<'s, 'd> {
        self.spend(1)?;
        if self.depth >= DEEPEST {
            self.steps = 0;
            return Err(misfit(Why::TooLong));
        }
        match self.schema.nodes.get(place) {
            Some(Node::Always) => Ok(()),
            Some(Node::Never) | None => Err(misfit(Why::Unwanted)),
            Some(Node::Rules(rules)) => {
                self.depth += 1;
                let found = rules.iter().try_for_each(|rule| self.rule(rule, value));
                self.depth -= 1;
                found
            }
        }
    }

    /// Whether a value fits a part. What takes too long is no answer.
    fn is_fit<'d>(&mut self, place: Place, value: &'d Json) -> Result<bool, Misfit<'s, 'd>> {
        match self.node(place, value) {
            Ok(()) => Ok(true),
            Err(Misfit { why: Why::TooLong, .. }) => Err(misfit(Why::TooLong)),
            Err(_) => Ok(false),
        }
    }

    fn rule<'d>(&mut self, rule: &'s Rule, value: &'d Json) -> Fits<'s, 'd> {
        self.spend(1)?;
        match (rule, value) {
            (Rule::Type(types), _) => hold(types.iter().any(|one| one.is_of(value)), rule),
            (Rule::OneOf(values), _) => {
                self.spend(values.len() as u64)?;
                hold(values.iter().any(|one| is_same(one, value)), rule)
            }
            (Rule::Number(order, limit), Json::Number(number)) => {
                hold(number.as_f64().is_some_and(|number| order.holds(number, *limit)), rule)
            }
            (Rule::MultipleOf(of), Json::Number(number)) => hold(is_multiple(number, *of), rule),
            (Rule::Letters(..) | Rule::Pattern(_) | Rule::Format(_), Json::String(text)) => {
                self.text(rule, text)
            }
            (
                Rule::Count(..) | Rule::Unique | Rule::Items(..) | Rule::Contains { .. },
                Json::Array(items),
            ) => self.items(rule, items),
            (
                Rule::Members(..)
                | Rule::Required(_)
                | Rule::Dependent(_)
                | Rule::Names(_)
                | Rule::Properties(_),
                Json::Object(members),
            ) => self.members(rule, members),
            (Rule::DependentSchemas(all), Json::Object(members)) => {
                let mut present = all.iter().filter(|(name, _)| members.contains_key(name));
                present.try_for_each(|(_, place)| self.node(*place, value))
            }
            (Rule::All(_) | Rule::Any(_) | Rule::One(_) | Rule::Not(_) | Rule::If(..), _) => {
                self.combined(rule, value)
            }
            // It speaks of values of another type.
            _ => Ok(()),
        }
    }

    fn text<'d>(&mut self, rule: &'s Rule, text: &str) -> Fits<'s, 'd> {
        self.spend(text.len() as u64 / BYTES_PER_STEP)?;
        match rule {
            Rule::Letters(order, count) => {
                hold(order.holds(text.chars().count() as f64, *count as f64), rule)
            }
            Rule::Pattern(regex) => hold(regex.is_match(text), rule),
            Rule::Format(format) => hold(format.is_of(text), rule),
            _ => Ok(()),
        }
    }

    fn items<'d>(&mut self, rule: &'s Rule, items: &'d [Json]) -> Fits<'s, 'd> {
        match rule {
            Rule::Count(order, count) => hold(order.holds(items.len() as f64, *count as f64), rule),
            Rule::Unique => {
                let mut seen = HashSet::new();
                for item in items {
                    let mut text = String::new();
                    self.canonical(item, &mut text)?;
                    hold(seen.insert(text), rule)?;
                }
                Ok(())
            }
            Rule::Items(first, rest) => {
                let places = first.iter().copied().map(Some).chain(std::iter::repeat(*rest));
                for (index, (item, place)) in items.iter().zip(places).enumerate() {
                    let Some(place) = place else { break };
                    self.node(place, item).map_err(|it| it.within(Part::Item(index)))?;
                }
                Ok(())
            }
            Rule::Contains { what, least, most } => {
                let mut found = 0;
                for item in items {
                    found += u64::from(self.is_fit(*what, item)?);
                }
                hold(found >= *least && most.is_none_or(|most| found <= most), rule)
            }
            _ => Ok(()),
        }
    }

    fn members<'d>(&mut self, rule: &'s Rule, members: &'d Map<String, Json>) -> Fits<'s, 'd> {
        let needs = |names: &'s [String]| match names.iter().find(|it| !members.contains_key(*it)) {
            Some(name) => Err(misfit(Why::Missing(name))),
            None => Ok(()),
        };
        match rule {
            Rule::Members(order, count) => {
                hold(order.holds(members.len() as f64, *count as f64), rule)
            }
            Rule::Required(names) => {
                self.spend(names.len() as u64)?;
                needs(names)
            }
            Rule::Dependent(all) => {
                self.spend(all.len() as u64)?;
                let mut present = all.iter().filter(|(name, _)| members.contains_key(name));
                present.try_for_each(|(_, names)| needs(names))
            }
            Rule::Names(place) => members.keys().try_for_each(|name| {
                let text = Json::String(name.clone());
                let is_fit = self.is_fit(*place, &text).map_err(|it| misfit(it.why))?;
                hold(is_fit, rule)
            }),
            Rule::Properties(properties) => self.properties(properties, members),
            _ => Ok(()),
        }
    }

    fn properties<'d>(
        &mut self,
        properties: &'s Properties,
        members: &'d Map<String, Json>,
    ) -> Fits<'s, 'd> {
        let Properties { named, patterns, rest } = properties;
        for (name, place) in named {
            self.spend(1)?;
            if let Some((name, value)) = members.get_key_value(name) {
                self.node(*place, value).map_err(|it| it.within(Part::Name(name)))?;
            }
        }
        if patterns.is_empty() && rest.is_none() {
            return Ok(());
        }
        for (name, value) in members {
            self.spend((patterns.len() as u64 + 1) * (1 + name.len() as u64 / BYTES_PER_STEP))?;
            let within = |it: Misfit<'s, 'd>| it.within(Part::Name(name));
            let mut is_other = true;
            for (_, place) in patterns.iter().filter(|(regex, _)| regex.is_match(name)) {
                is_other = false;
                self.node(*place, value).map_err(within)?;
            }
            let Some(rest) = rest.filter(|_| is_other) else { continue };
            self.spend(named.len() as u64 / 8)?;
            if !named.iter().any(|(known, _)| known == name) {
                self.node(rest, value).map_err(within)?;
            }
        }
        Ok(())
    }

    fn combined<'d>(&mut self, rule: &'s Rule, value: &'d Json) -> Fits<'s, 'd> {
        match rule {
            Rule::All(places) => places.iter().try_for_each(|place| self.node(*place, value)),
            Rule::Any(places) => {
                for place in places {
                    if self.is_fit(*place, value)? {
                        return Ok(());
                    }
                }
                hold(false, rule)
            }
            Rule::One(places) => {
                let mut found = 0;
                for place in places {
                    found += u32::from(self.is_fit(*place, value)?);
                }
                hold(found == 1, rule)
            }
            Rule::Not(place) => hold(!self.is_fit(*place, value)?, rule),
            Rule::If(condition, then, otherwise) => {
                let is_so = self.is_fit(*condition, value)?;
                let place = if is_so { then } else { otherwise };
                place.map_or(Ok(()), |place| self.node(place, value))
            }
            _ => Ok(()),
        }
    }

    /// A text that two values have in common if and only if they are the same.
    fn canonical<'d>(&mut self, value: &Json, out: &mut String) -> Fits<'s, 'd> {
        self.spend(1)?;
        match value {
            Json::Number(number) => {
                let _ = match number.as_f64() {
                    Some(float)
                        if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 =>
                    {
                        write!(out, "{}", float as i64)
                    }
                    _ => write!(out, "{number}"),
                };
            }
            Json::Array(items) => {
                out.push('[');
                for item in items {
                    self.canonical(item, out)?;
                    out.push(',');
                }
                out.push(']');
            }
            Json::Object(members) => {
                let mut names: Vec<&String> = members.keys().collect();
                names.sort_unstable();
                out.push('{');
                for name in names {
                    let _ = write!(out, "{name:?}:");
                    self.canonical(&members[name], out)?;
                    out.push(',');
                }
                out.push('}');
            }
            Json::String(text) => {
                self.spend(text.len() as u64 / BYTES_PER_STEP)?;
                let _ = write!(out, "{text:?}");
            }
            Json::Null | Json::Bool(_) => {
                let _ = write!(out, "{value}");
            }
        }
        Ok(())
    }
}

/// Numbers are the same if they are worth the same, wherever they stand. It looks at no more of
/// one value than the other has.
fn is_same(wanted: &Json, found: &Json) -> bool {
    match (wanted, found) {
        (Json::Number(wanted), Json::Number(found)) => {
            wanted == found
                || (wanted.as_f64() == found.as_f64() && (wanted.is_f64() || found.is_f64()))
        }
        (Json::Array(wanted), Json::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(a, b)| is_same(a, b))
        }
        (Json::Object(wanted), Json::Object(found)) => {
            wanted.len() == found.len()
                && wanted.iter().all(|(name, a)| found.get(name).is_some_and(|b| is_same(a, b)))
        }
        (wanted, found) => wanted == found,
    }
}

/// Whole numbers exactly, others up to the last digits of 64-bit floats: 19.99 is one of 0.01.
fn is_multiple(number: &Number, of: f64) -> bool {
    const WHOLE: f64 = 9e15;
    if let Some(whole) = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))
        && of.fract() == 0.0
        && of < WHOLE
    {
        return whole % (of as i128) == 0;
    }
    let Some(times) = number.as_f64().map(|number| number / of) else { return false };
    (times - times.round()).abs() <= times.abs() * 4.0 * f64::EPSILON
}
