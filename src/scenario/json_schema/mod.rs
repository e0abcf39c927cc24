//! What a JSON document must be, as a JSON Schema says: compiled once, judged in bounded time.
//!
//! The part of draft 2020-12 that speaks of one document: what it does not know is refused when
//! the schema is read, and never passed over. References stay within the schema. A document of a
//! target is hostile: judging it takes a bounded number of steps whatever it and the schema are, and
//! regular expressions take time linear in the text.

pub mod fits;
pub mod format;

use std::fmt;

use regex::Regex;
use serde_json::Value as Json;

use super::comparison::{JsonType, Order};
use format::Format;

/// A schema.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Its parts; the first one is the whole.
    pub nodes: Vec<Node>,
}

/// A part of a schema, by its place.
pub type Place = usize;

/// A part of a schema.
#[derive(Debug, Clone)]
pub enum Node {
    /// Everything is right.
    Always,
    /// Nothing is.
    Never,
    /// All of these hold.
    Rules(Vec<Rule>),
}

/// One thing that must hold. Each speaks of values of some type, and holds for all others.
#[derive(Debug, Clone)]
pub enum Rule {
    /// `type`
    Type(Vec<JsonType>),
    /// `enum`, `const`
    OneOf(Vec<Json>),
    /// `minimum` and its like
    Number(Order, f64),
    /// `multipleOf`
    MultipleOf(f64),
    /// `minLength`, `maxLength`
    Letters(Order, u64),
    /// `minItems`, `maxItems`
    Count(Order, u64),
    /// `minProperties`, `maxProperties`
    Members(Order, u64),
    /// `pattern`
    Pattern(Regex),
    /// `format`
    Format(Format),
    /// `uniqueItems`
    Unique,
    /// `prefixItems`, `items`
    Items(Vec<Place>, Option<Place>),
    /// `contains`, `minContains`, `maxContains`
    Contains {
        /// What is counted.
        what: Place,
        /// So often at least.
        least: u64,
        /// So often at most.
        most: Option<u64>,
    },
    /// `required`
    Required(Vec<String>),
    /// `dependentRequired`
    Dependent(Vec<(String, Vec<String>)>),
    /// `dependentSchemas`
    DependentSchemas(Vec<(String, Place)>),
    /// `propertyNames`
    Names(Place),
    /// `properties`, `patternProperties`, `additionalProperties`
    Properties(Properties),
    /// `allOf`, `$ref`
    All(Vec<Place>),
    /// `anyOf`
    Any(Vec<Place>),
    /// `oneOf`
    One(Vec<Place>),
    /// `not`
    Not(Place),
    /// `if`, `then`, `else`
    If(Place, Option<Place>, Option<Place>),
}

/// What the members of an object must be.
#[derive(Debug, Clone, Default)]
pub struct Properties {
    /// By name.
    pub named: Vec<(String, Place)>,
    /// By expressions that their names match.
    pub patterns: Vec<(Regex, Place)>,
    /// All others.
    pub rest: Option<Place>,
}

/// Names as reports have room for them.
const SHOWN: usize = 60;

/// As people read it: `must be string or null`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Type(types) => write!(f, "must be {}", names_of(types).join(" or ")),
            Rule::OneOf(values) => {
                let all = values.iter().map(Json::to_string).collect::<Vec<_>>().join(", ");
                write!(f, "must be one of {}", shortened(&all))
            }
            Rule::Number(order, limit) => write!(f, "must be {order} {limit}"),
            Rule::MultipleOf(of) => write!(f, "must be a multiple of {of}"),
            Rule::Letters(order, count) => write!(f, "must have {order} {count} letters"),
            Rule::Count(order, count) => write!(f, "must have {order} {count} items"),
            Rule::Members(order, count) => write!(f, "must have {order} {count} members"),
            Rule::Pattern(regex) => write!(f, "must match {}", shortened(regex.as_str())),
            Rule::Format(format) => write!(f, "must be of the format {}", format.name()),
            Rule::Unique => f.write_str("must have no item twice"),
            Rule::Items(..) => f.write_str("must have the items that the schema says"),
            Rule::Contains { .. } => f.write_str("must contain what the schema says"),
            Rule::Required(names) => {
                write!(f, "must have the members {}", shortened(&names.join(", ")))
            }
            Rule::Dependent(_) | Rule::DependentSchemas(_) => {
                f.write_str("must have what belongs to a member that it has")
            }
            Rule::Names(_) => f.write_str("must have other names"),
            Rule::Properties(_) => f.write_str("must have the members that the schema says"),
            Rule::All(_) => f.write_str("must be all of what the schema says"),
            Rule::Any(_) => f.write_str("must be one of those in anyOf"),
            Rule::One(_) => f.write_str("must be exactly one of those in oneOf"),
            Rule::Not(_) => f.write_str("must not be what is in not"),
            Rule::If(..) => f.write_str("must be as its if says"),
        }
    }
}

fn names_of(types: &[JsonType]) -> Vec<&'static str> {
    let named = |one: &JsonType| JsonType::ALL.into_iter().find(|(_, known)| known == one);
    types.iter().filter_map(named).map(|(name, _)| name).collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
