//! Changes of a room's attributes: dotted keys and `__op` values, applied to the room's data.

use serde_json::{Map, Value};

/// A parsed `conv/update`: what to do to which path, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeUpdate {
    /// Steps in the order of the request's keys.
    pub steps: Vec<Step>,
}

/// One step: a path and what happens there.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The key as sent, dotted.
    pub key: String,
    /// What happens there.
    pub action: Action,
}

/// What happens at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Set the value.
    Set(Value),
    /// Remove the key.
    Delete,
    /// Append to an array (made if absent).
    Add(Vec<Value>),
    /// Append those not there yet.
    AddUnique(Vec<Value>),
    /// Take out all that are equal.
    Remove(Vec<Value>),
    /// Add to a number (0 if absent).
    Increment(serde_json::Number),
}

/// The outcome of applying an update.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The room's data afterwards.
    pub data: Map<String, Value>,
    /// `attr`: the keys as named (dotted) with resolved values; deleted keys as null.
    pub set: Map<String, Value>,
    /// `attrModified`: resulting values, nested, deleted keys left out.
    pub resulting: Map<String, Value>,
}

/// Why an update cannot be parsed or applied; answered with 4306.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// Not a JSON object.
    #[error("attributes must be a JSON object")]
    NotAnObject,
    /// A key the app may not set.
    #[error("the key {0:?} is reserved")]
    Reserved(String),
    /// An operator this server does not know.
    #[error("unknown operator {0:?}; known are Delete, Add, AddUnique, Remove and Increment")]
    UnknownOperator(String),
    /// The operator does not fit the value that is there.
    #[error("the operator at {0:?} does not fit the value there")]
    Mismatch(String),
    /// The result is larger than allowed.
    #[error("attributes would take {size} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Bytes of the result.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

impl AttributeUpdate {
    /// Reads the JSON text of a request.
    pub fn parse(_text: &str) -> Result<Self, UpdateError> {
        unimplemented!()
    }

    /// Applies the steps to a room's data; the result takes at most `limit` bytes as JSON text.
    pub fn apply(&self, _data: &Map<String, Value>, _limit: usize) -> Result<Applied, UpdateError> {
        unimplemented!()
    }
}
