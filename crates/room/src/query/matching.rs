//! What a query means: whether a room matches, and which room comes first.

use std::cmp::Ordering;

use super::{Field, Filter, RoomQuery, Scalar, Test, operand::Operand};
use crate::room::Room;

/// Text that one `$regex` looks at in one room, in bytes.
const SEARCHED_BYTES: usize = 2048;

impl Filter {
    /// Whether a room matches.
    #[must_use]
    pub fn matches(&self, room: &Room) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(room)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(room)),
            Self::Is(field, test) => test.passes(field.of(room)),
        }
    }
}

impl RoomQuery {
    /// Which of two rooms comes first.
    #[must_use]
    pub fn compare(&self, a: &Room, b: &Room) -> Ordering {
        let by_key = self.sort.iter().map(|key| {
            let (a, b) = (key.field.of(a), key.field.of(b));
            let order = a.unwrap_or(Operand::Null).order(b.unwrap_or(Operand::Null));
            if key.descending { order.reverse() } else { order }
        });
        by_key.fold(Ordering::Equal, Ordering::then).then_with(|| a.id.cmp(&b.id))
    }
}

impl Field {
    fn of<'a>(&self, room: &'a Room) -> Option<Operand<'a>> {
        match self {
            Self::Id => Some(Operand::Text(room.id.as_str())),
            Self::Creator => (!room.creator.is_empty()).then_some(Operand::Text(&room.creator)),
            Self::CreatedAt => Some(Operand::Date(room.created_at)),
            Self::UpdatedAt => Some(Operand::Date(room.updated_at)),
            Self::LastMessageAt => room.last_message_at.map(Operand::Date),
            Self::Path(path) => {
                let (first, rest) = path.split_first()?;
                let value =
                    rest.iter().try_fold(room.data.get(first)?, |value, key| value.as_object()?.get(key))?;
                Some(Operand::from(value))
            }
        }
    }
}

impl Test {
    /// Whether a value passes; `None` = the field is absent.
    pub(super) fn passes(&self, value: Option<Operand<'_>>) -> bool {
        match self {
            Self::Eq(wanted) => equals(value, wanted),
            Self::Ne(wanted) => !equals(value, wanted),
            Self::In(wanted) => wanted.iter().any(|wanted| equals(value, wanted)),
            Self::Nin(wanted) => !wanted.iter().any(|wanted| equals(value, wanted)),
            Self::Lt(bound) => compares(value, bound, Ordering::is_lt),
            Self::Lte(bound) => compares(value, bound, Ordering::is_le),
            Self::Gt(bound) => compares(value, bound, Ordering::is_gt),
            Self::Gte(bound) => compares(value, bound, Ordering::is_ge),
            Self::Exists(wanted) => value.is_some() == *wanted,
            Self::Size(length) => {
                matches!(value, Some(Operand::Array(items)) if u32::try_from(items.len()) == Ok(*length))
            }
            Self::Regex(pattern) => searches(value, pattern),
        }
    }
}

fn equals(value: Option<Operand<'_>>, wanted: &Scalar) -> bool {
    match value {
        None => matches!(wanted, Scalar::Null),
        Some(_) => any(value, |value| value.equals(wanted.into())),
    }
}

fn compares(value: Option<Operand<'_>>, bound: &Scalar, holds: fn(Ordering) -> bool) -> bool {
    any(value, |value| value.compare(bound.into()).is_some_and(holds))
}

/// A pattern that is made to be slow takes up to 20 microseconds a byte (measured): so there is an end to the bytes.
fn searches(value: Option<Operand<'_>>, pattern: &regex::Regex) -> bool {
    let mut left = SEARCHED_BYTES;
    any(value, |value| {
        let Operand::Text(text) = value else { return false };
        let Some(rest) = left.checked_sub(text.len()) else { return false };
        left = rest;
        pattern.is_match(text)
    })
}

/// Whether the value, or an element of it if it is an array, passes.
fn any(value: Option<Operand<'_>>, mut passes: impl FnMut(Operand<'_>) -> bool) -> bool {
    value.is_some_and(|value| {
        passes(value)
            || matches!(value, Operand::Array(items) if items.iter().any(|item| passes(item.into())))
    })
}
