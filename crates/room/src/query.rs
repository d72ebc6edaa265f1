//! Room queries: the `where` of a client as a typed tree, with an allow-list of operators and bounds on size.
//!
//! # What a query means
//!
//! [`Filter::matches`] and [`RoomQuery::compare`] are the reference; a store may use them or SQL that agrees.
//!
//! - A path walks objects only; a key that is missing on the way means that the field is absent.
//! - Six types have an order: number, text (by code point), object, array, boolean, date. `{"__type":"Date"}` is a
//!   date, in rooms too. 1 equals 1.0.
//! - [`Test::Eq`], [`Test::In`], the four comparisons and [`Test::Regex`] pass if the value passes, or if it is an
//!   array and one of its elements does (one level deep).
//! - Null equals an absent field. `Ne` and `Nin` are exactly "not `Eq`" and "not `In`", so an absent field passes.
//! - Comparisons hold only between values of one type; `Exists(true)` also accepts a null.
//! - Sorting puts absent and null first, then the types in the order above; objects tie, and so do arrays. Ties go
//!   by id, ascending.

mod matching;
mod operand;
mod parse;
mod pattern;

use grandstand_protocol::RoomId;
use serde_json::Value;

use crate::clock::Millis;

pub use parse::QueryError;

pub(crate) use operand::same;

/// A field of a room row that a query may name.
///
/// There is none for `tr`, `conv_type`, `sys`, `temp`, `unique`, `m` and `mu`: they are the same in every room, so
/// conditions on them are decided while parsing, and sorting by them changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `objectId`: a text, never absent.
    Id,
    /// `c`: a text; absent when the app's back end made the room.
    Creator,
    /// `createdAt`: a date, compared with dates and null only.
    CreatedAt,
    /// `updatedAt`: the same.
    UpdatedAt,
    /// `lm`: the same; absent before the first message.
    LastMessageAt,
    /// Any other key, dotted keys split: a path into the room's data. 1 to 16 segments, each 1 to 128 bytes without
    /// control characters, quotation marks and backslashes.
    Path(Vec<String>),
}

/// A condition on one field. `$all` has none: it is `Eq` of each value.
#[derive(Debug, Clone)]
pub enum Test {
    /// Equal; against an array also "contains".
    Eq(Scalar),
    /// Not equal, or absent.
    Ne(Scalar),
    /// Less than, of the same type. Never null, an object or an array, here and in the next three.
    Lt(Scalar),
    /// Less or equal.
    Lte(Scalar),
    /// Greater than.
    Gt(Scalar),
    /// Greater or equal.
    Gte(Scalar),
    /// One of these.
    In(Vec<Scalar>),
    /// None of these, or absent.
    Nin(Vec<Scalar>),
    /// Present or absent.
    Exists(bool),
    /// An array of this length.
    Size(u32),
    /// Text that matches. The pattern is compiled once, at parse time, by the linear-time engine. It looks at 2 KiB
    /// of text: a longer one does not match, and neither does an element that no longer fits.
    Regex(regex::Regex),
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// JSON null: equals an absent field, too.
    Null,
    /// Boolean.
    Bool(bool),
    /// Number.
    Number(serde_json::Number),
    /// Text.
    Text(String),
    /// `{"__type":"Date"}`.
    Date(Millis),
    /// An object or array compared as a whole.
    Json(Value),
}

/// A tree of conditions. Parsed trees hold no `And` in an `And`, no `Or` in an `Or`, neither with a single part, and
/// the empty ones only at the root.
#[derive(Debug, Clone)]
pub enum Filter {
    /// All hold; empty = everything matches.
    And(Vec<Filter>),
    /// At least one holds; empty = nothing matches.
    Or(Vec<Filter>),
    /// One field passes one test.
    Is(Field, Test),
}

impl Filter {
    /// Matches every room.
    pub const EVERYTHING: Self = Self::And(Vec::new());
    /// Matches no room: the store need not be asked.
    pub const NOTHING: Self = Self::Or(Vec::new());

    /// Whether no room can match.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Or(parts) if parts.is_empty())
    }

    /// The ids that a matching room can have, when the filter itself or one part of its `And` lists them.
    #[must_use]
    pub fn ids(&self) -> Option<Vec<RoomId>> {
        match self {
            Self::And(parts) => parts.iter().find_map(Self::own_ids),
            _ => self.own_ids(),
        }
    }

    fn own_ids(&self) -> Option<Vec<RoomId>> {
        let listed = match self {
            Self::Is(Field::Id, Test::Eq(value)) => std::slice::from_ref(value),
            Self::Is(Field::Id, Test::In(values)) => values,
            _ => return None,
        };
        let mut seen = std::collections::HashSet::new();
        let texts = listed.iter().filter_map(|value| match value {
            Scalar::Text(text) => seen.insert(text).then(|| RoomId::from(text.as_str())),
            _ => None,
        });
        Some(texts.collect())
    }
}

/// One key of the sort order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// The field.
    pub field: Field,
    /// Whether large values come first.
    pub descending: bool,
}

/// A query ready for the store.
#[derive(Debug, Clone)]
pub struct RoomQuery {
    /// Which rooms.
    pub filter: Filter,
    /// In which order; ties go by id.
    pub sort: Vec<SortKey>,
    /// Rows at most; 0 when only the count is wanted.
    pub limit: u32,
    /// Rows to pass over.
    pub skip: u32,
}

impl RoomQuery {
    /// The ids, each once, when this is a pure look-up by id (`objectId` equal or in a list, nothing else).
    #[must_use]
    pub fn ids(&self) -> Option<Vec<RoomId>> {
        self.filter.own_ids()
    }
}
