//! What an app's back end may say of a room that it makes.

use grandstand_protocol::ClientId;
use serde_json::{Map, Value};

use crate::attributes::{AttributeUpdate, UpdateError, excerpt};

/// A new room by the fields of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Creation {
    /// Its data.
    pub data: Map<String, Value>,
    /// Whose it shall be (`c`).
    pub creator: Option<ClientId>,
}

/// Why no room is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreationError {
    /// It would be something else; answered with 4316.
    #[error("only chat rooms can be made here, and {0} says that it is something else")]
    NotARoom(&'static str),
    /// A field that cannot be; answered with 4306.
    #[error(transparent)]
    Field(#[from] UpdateError),
}

impl Creation {
    /// Reads the fields; the data take at most `limit` bytes.
    ///
    /// `tr`, `sys`, `temp` and `unique` may say that it is a room, `m` and `mu` may list whomever they like: a room
    /// keeps no such lists. Nulls are passed over. Any other reserved key is refused: nobody chooses ids and times.
    pub fn read(fields: Map<String, Value>, limit: usize) -> Result<Self, CreationError> {
        let (mut rest, mut creator) = (Map::new(), None);
        for (key, value) in fields {
            match (key.as_str(), &value) {
                (_, Value::Null) => {}
                ("tr", Value::Bool(true)) | ("sys" | "temp", Value::Bool(false)) => {}
                ("tr", _) => return Err(CreationError::NotARoom("tr")),
                ("sys", _) => return Err(CreationError::NotARoom("sys")),
                ("temp", _) => return Err(CreationError::NotARoom("temp")),
                ("unique", Value::Bool(_)) | ("m" | "mu", Value::Array(_)) => {}
                ("m" | "mu", Value::Object(operator)) if operator.contains_key("__op") => {}
                ("c", Value::String(client)) => {
                    let problem = "must be a client id of 1 to 64 characters";
                    let bad = || UpdateError::BadValue { key: key.clone(), problem };
                    creator = Some(ClientId::new(client.as_str()).map_err(|_| bad())?);
                }
                ("ACL", value) => {
                    check_acl(value)?;
                    rest.insert(key, value.clone());
                }
                _ => {
                    rest.insert(key, value);
                }
            }
        }
        let data = AttributeUpdate::of(rest)?.apply(&Map::new(), limit)?.data;
        Ok(Self { data, creator })
    }
}

/// Whether an access list of LeanCloud's storage lets everybody change a room. Without one everybody may.
#[must_use]
pub fn lets_everybody_write(data: &Map<String, Value>) -> bool {
    match data.get("ACL") {
        None | Some(Value::Null) => true,
        Some(acl) => acl.pointer("/*/write") == Some(&Value::Bool(true)),
    }
}

/// `{"*": {"read": true}, "role:admin": {"write": true}}`.
fn check_acl(acl: &Value) -> Result<(), UpdateError> {
    let is_grant = |grant: &Value| {
        let grants = grant.as_object().is_some_and(|grants| grants.values().all(Value::is_boolean));
        grants || grant.is_null()
    };
    if acl.as_object().is_some_and(|acl| acl.values().all(is_grant)) {
        return Ok(());
    }
    Err(UpdateError::BadValue { key: excerpt("ACL"), problem: "is no access list of LeanCloud's form" })
}
