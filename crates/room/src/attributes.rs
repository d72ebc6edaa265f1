//! Changes of a room's attributes: dotted keys and `__op` values, applied to the room's data.

mod apply;
mod key;

use serde_json::{Map, Value};

pub use key::is_reserved;

pub(crate) use key::path;

/// Levels of objects and arrays in one value. JSON parsers, ours too, stop somewhere above a hundred.
const DEPTH: usize = 32;

/// Values in one `__op`: they are compared with each value that is there.
const OBJECTS: usize = 1000;

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
    /// The key split at its dots.
    pub path: Vec<String>,
    /// What happens there.
    pub action: Action,
}

/// What happens at a path. Missing objects on the way are made, where something is to be put.
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
    /// `attr`: the changed keys, dotted, with resolved values; deleted keys as null. Every client can apply them to
    /// the data it had, in any order.
    pub set: Map<String, Value>,
    /// `attrModified`: resulting values, nested, deleted keys left out.
    pub resulting: Map<String, Value>,
}

/// Why an update cannot be parsed or applied; answered with 4306 and this text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// Not a JSON object.
    #[error("attributes must be a JSON object")]
    NotAnObject,
    /// A key the app may not set.
    #[error("the key {0:?} is reserved")]
    Reserved(String),
    /// A key of a shape that is not allowed.
    #[error("{key:?} cannot be a key: {problem}")]
    Key {
        /// The key, dotted.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value that clients could not read.
    #[error("the value at {key:?} {problem}")]
    BadValue {
        /// The key, dotted.
        key: String,
        /// What is wrong with the value.
        problem: &'static str,
    },
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
    pub fn parse(text: &str) -> Result<Self, UpdateError> {
        Self::of(fields(text)?)
    }

    /// The same of an object that was read already.
    pub fn of(fields: Map<String, Value>) -> Result<Self, UpdateError> {
        let steps = fields.into_iter().map(|(key, value)| {
            let step = Step::parse(key, value)?;
            if is_reserved(&step.path[0]) { Err(UpdateError::Reserved(step.key)) } else { Ok(step) }
        });
        Ok(Self { steps: steps.collect::<Result<_, _>>()? })
    }
}

impl AttributeUpdate {
    /// Whether it says who may read or write the room's row.
    #[must_use]
    pub fn touches_access(&self) -> bool {
        self.steps.iter().any(|step| step.path[0] == "ACL")
    }
}

/// The fields of a request, which has to be a JSON object.
pub fn fields(text: &str) -> Result<Map<String, Value>, UpdateError> {
    serde_json::from_str(text).map_err(|_| UpdateError::NotAnObject)
}

/// The data of a new room from `attr` of `conv/start`: its top-level keys become columns of the row.
///
/// Reserved keys and nulls are passed over: SDKs put `unique` and the like there, or null for "none".
pub fn room_data(attributes: Option<&str>, limit: usize) -> Result<Map<String, Value>, UpdateError> {
    let Some(text) = attributes.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(Map::new());
    };
    let mut steps = Vec::new();
    for (key, value) in fields(text)? {
        if value.is_null() || is_reserved(key.split('.').next().unwrap_or_default()) {
            continue;
        }
        steps.push(Step::parse(key, value)?);
    }
    Ok(AttributeUpdate { steps }.apply(&Map::new(), limit)?.data)
}

/// What a row from elsewhere brings along, less what would harm clients; and why that is so.
#[must_use]
pub fn imported(columns: Map<String, Value>) -> (Map<String, Value>, Vec<UpdateError>) {
    let (mut data, mut refused) = (Map::new(), Vec::new());
    for (key, value) in columns {
        if value.is_null() || is_reserved(&key) {
            continue;
        }
        match column(&key, &value) {
            Ok(()) => {
                data.insert(key, value);
            }
            Err(error) => refused.push(error),
        }
    }
    (data, refused)
}

fn column(key: &str, value: &Value) -> Result<(), UpdateError> {
    let bad = |problem| Err(UpdateError::BadValue { key: excerpt(key), problem });
    let problem = |problem| UpdateError::Key { key: excerpt(key), problem };
    match path(key).map_err(problem)?.len() {
        1 => {}
        _ => return Err(problem("it has a dot")),
    }
    match (key, value) {
        _ if is_deeper(value, DEPTH) => bad("is nested more than 32 levels deep"),
        ("name", value) if !value.is_string() => bad("must be text"),
        ("attr", value) if !value.is_object() => bad("must be an object"),
        _ => Ok(()),
    }
}

/// Whether a value has more than `levels` levels of objects and arrays.
pub(crate) fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(object) => levels == 0 || object.values().any(|value| is_deeper(value, levels - 1)),
        _ => false,
    }
}

impl Step {
    fn parse(key: String, value: Value) -> Result<Self, UpdateError> {
        let path = match path(&key) {
            Ok(path) => path,
            Err(problem) => return Err(UpdateError::Key { key: excerpt(&key), problem }),
        };
        if is_deeper(&value, DEPTH) {
            return Err(UpdateError::BadValue { key, problem: "is nested more than 32 levels deep" });
        }
        let action = Action::parse(&key, value)?;
        Ok(Self { key, path, action })
    }
}

impl Action {
    /// A plain value, or an operator such as `{"__op":"Add","objects":[…]}`.
    fn parse(key: &str, value: Value) -> Result<Self, UpdateError> {
        let Value::Object(mut object) = value else { return Ok(Self::Set(value)) };
        let operator = match object.get("__op") {
            None => return Ok(Self::Set(Value::Object(object))),
            Some(Value::String(operator)) => operator.clone(),
            Some(other) => return Err(UpdateError::UnknownOperator(excerpt(&other.to_string()))),
        };
        let bad = |problem| UpdateError::BadValue { key: key.to_owned(), problem };
        let mut objects = || match object.get_mut("objects") {
            Some(Value::Array(items)) if items.len() <= OBJECTS => Ok(std::mem::take(items)),
            Some(Value::Array(_)) => Err(bad("lists more than 1000 objects")),
            _ => Err(bad("needs a list of objects")),
        };
        match operator.as_str() {
            "Delete" => Ok(Self::Delete),
            "Add" => objects().map(Self::Add),
            "AddUnique" => objects().map(Self::AddUnique),
            "Remove" => objects().map(Self::Remove),
            "Increment" => match object.remove("amount") {
                Some(Value::Number(amount)) => Ok(Self::Increment(amount)),
                _ => Err(bad("needs a number as amount")),
            },
            _ => Err(UpdateError::UnknownOperator(excerpt(&operator))),
        }
    }
}

/// A client's own words for an error: enough to recognize them.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}
