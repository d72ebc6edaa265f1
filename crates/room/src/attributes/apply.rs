//! Applying an update to a room's data.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::{Action, Applied, AttributeUpdate, Step, UpdateError};
use crate::query::same;

impl AttributeUpdate {
    /// Applies the steps to a room's data; the result takes at most `limit` bytes as JSON text.
    ///
    /// An update that makes the data smaller passes even if they are still too large, as imported ones may be.
    pub fn apply(&self, data: &Map<String, Value>, limit: usize) -> Result<Applied, UpdateError> {
        let mut after = data.clone();
        for step in &self.steps {
            step.apply(&mut after)?;
        }
        check_columns(&after, data)?;
        let size = text_size(&after);
        if size > limit && size >= text_size(data) {
            return Err(UpdateError::TooLarge { size, limit });
        }
        let (mut set, mut resulting) = (Map::new(), Map::new());
        for path in self.told(data) {
            let value = value_at(&after, path);
            if let Some(value) = value {
                put(&mut resulting, path, value.clone());
            }
            set.insert(path.join("."), value.cloned().unwrap_or(Value::Null));
        }
        Ok(Applied { data: after, set, resulting })
    }

    /// The paths that clients hear of: those of the steps, but none below another one, and none through a value that
    /// was no object. The JavaScript SDK walks such paths in its own copy, and throws where it cannot.
    fn told(&self, before: &Map<String, Value>) -> Vec<&[String]> {
        let mut paths: Vec<&[String]> = self.steps.iter().map(|step| walkable(before, &step.path)).collect();
        let mut seen = HashSet::new();
        paths.retain(|path| seen.insert(*path));
        paths.retain(|path| !(1..path.len()).any(|length| seen.contains(&path[..length])));
        paths
    }
}

/// The path up to the first value that is not an object.
fn walkable<'a>(data: &Map<String, Value>, path: &'a [String]) -> &'a [String] {
    let mut object = data;
    for (at, key) in path.iter().enumerate() {
        match object.get(key) {
            Some(Value::Object(inner)) => object = inner,
            Some(_) => return &path[..=at],
            None => break,
        }
    }
    path
}

impl Step {
    fn apply(&self, data: &mut Map<String, Value>) -> Result<(), UpdateError> {
        let mismatch = || UpdateError::Mismatch(self.key.clone());
        let Some((last, way)) = self.path.split_last() else { return Err(mismatch()) };
        let makes = !matches!(self.action, Action::Delete | Action::Remove(_));
        let mut object = data;
        for key in way {
            if makes && object.get(key).is_none_or(Value::is_null) {
                object.insert(key.clone(), Value::Object(Map::new()));
            }
            object = match object.get_mut(key) {
                Some(Value::Object(inner)) => inner,
                _ if makes => return Err(mismatch()),
                _ => return Ok(()),
            };
        }
        if matches!(self.action, Action::Delete) {
            object.shift_remove(last);
            return Ok(());
        }
        let present = object.get_mut(last).filter(|value| !value.is_null());
        if let Some(value) = self.action.result(present).map_err(|Misfit| mismatch())? {
            object.insert(last.clone(), value);
        }
        Ok(())
    }
}

/// The operator does not fit the value.
struct Misfit;

impl Action {
    /// What to put in place of the present value; `None` leaves everything as it is now.
    fn result(&self, present: Option<&mut Value>) -> Result<Option<Value>, Misfit> {
        Ok(match (self, present) {
            (Self::Delete, _) | (Self::Remove(_), None) => None,
            (Self::Set(value), _) => Some(value.clone()),
            (Self::Add(objects), None) => Some(Value::Array(objects.clone())),
            (Self::AddUnique(objects), None) => {
                let mut items = Vec::new();
                add_unique(&mut items, objects);
                Some(Value::Array(items))
            }
            (Self::Increment(amount), None) => Some(Value::Number(amount.clone())),
            (Self::Add(objects), Some(Value::Array(items))) => {
                items.extend_from_slice(objects);
                None
            }
            (Self::AddUnique(objects), Some(Value::Array(items))) => {
                add_unique(items, objects);
                None
            }
            (Self::Remove(objects), Some(Value::Array(items))) => {
                items.retain(|item| !objects.iter().any(|object| same(item, object)));
                None
            }
            (Self::Increment(amount), Some(Value::Number(number))) => {
                Some(Value::Number(sum(number, amount).ok_or(Misfit)?))
            }
            (_, Some(_)) => return Err(Misfit),
        })
    }
}

fn add_unique(items: &mut Vec<Value>, objects: &[Value]) {
    for object in objects {
        if !items.iter().any(|item| same(item, object)) {
            items.push(object.clone());
        }
    }
}

/// Whole numbers stay whole while they fit into 64 bits.
fn sum(a: &Number, b: &Number) -> Option<Number> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Number::from_i128(a + b).or_else(|| Number::from_f64((a + b) as f64)),
        _ => Number::from_f64(a.as_f64()? + b.as_f64()?),
    }
}

/// SDKs cast `name` to text and `attr` to an object: one member must not break the others' apps.
fn check_columns(after: &Map<String, Value>, before: &Map<String, Value>) -> Result<(), UpdateError> {
    let bad = |key: &str, problem| Err(UpdateError::BadValue { key: key.to_owned(), problem });
    let changed =
        |key: &str| after.get(key).filter(|value| !value.is_null() && before.get(key) != Some(value));
    if changed("name").is_some_and(|name| !name.is_string()) {
        return bad("name", "must be text");
    }
    if changed("attr").is_some_and(|attr| !attr.is_object()) {
        return bad("attr", "must be an object");
    }
    Ok(())
}

fn value_at<'a>(data: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(data.get(first)?, |value, key| value.as_object()?.get(key))
}

/// Puts a value at a path of an object that holds parts of the same data; so whatever is on the way is an object.
fn put(object: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((last, way)) = path.split_last() else { return };
    let mut object = object;
    for key in way {
        let inner = object.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        match inner {
            Value::Object(inner) => object = inner,
            _ => return,
        }
    }
    object.insert(last.clone(), value);
}

/// Bytes as JSON text.
fn text_size(data: &Map<String, Value>) -> usize {
    serde_json::to_string(data).map_or(usize::MAX, |text| text.len())
}
