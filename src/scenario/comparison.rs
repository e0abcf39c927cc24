//! How numbers compare, and the types of JSON values.

use std::fmt;

use serde_json::Value as Json;

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

impl Order {
    /// All of them, in the order in which their signs are looked for.
    pub const ALL: [Order; 5] =
        [Order::AtMost, Order::AtLeast, Order::Below, Order::Above, Order::Equal];

    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Order::Below => "<",
            Order::AtMost => "<=",
            Order::Equal => "=",
            Order::AtLeast => ">=",
            Order::Above => ">",
        }
    }

    /// Whether a number is so in comparison to a limit.
    pub fn holds(self, found: f64, limit: f64) -> bool {
        match self {
            Order::Below => found < limit,
            Order::AtMost => found <= limit,
            Order::Equal => found.total_cmp(&limit).is_eq(),
            Order::AtLeast => found >= limit,
            Order::Above => found > limit,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sign())
    }
}

/// A type of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    /// A text.
    String,
    /// A number.
    Number,
    /// A number without a fraction; `1.0` is one.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
    /// `null`.
    Null,
}

impl JsonType {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, JsonType); 7] = [
        ("string", JsonType::String),
        ("number", JsonType::Number),
        ("integer", JsonType::Integer),
        ("boolean", JsonType::Boolean),
        ("array", JsonType::Array),
        ("object", JsonType::Object),
        ("null", JsonType::Null),
    ];

    /// Whether a value is of it.
    pub fn is_of(self, value: &Json) -> bool {
        match (self, value) {
            (JsonType::String, Json::String(_))
            | (JsonType::Number, Json::Number(_))
            | (JsonType::Boolean, Json::Bool(_))
            | (JsonType::Array, Json::Array(_))
            | (JsonType::Object, Json::Object(_))
            | (JsonType::Null, Json::Null) => true,
            (JsonType::Integer, Json::Number(number)) => {
                !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            _ => false,
        }
    }
}
