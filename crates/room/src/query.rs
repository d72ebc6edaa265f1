//! Room queries: the `where` of a client as a typed tree, with an allow-list of operators and bounds on size.

use grandstand_protocol::RoomId;
use serde_json::Value;

use crate::clock::Millis;

/// A field of a room row that a query may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `objectId`.
    Id,
    /// `c`.
    Creator,
    /// `createdAt`.
    CreatedAt,
    /// `updatedAt`.
    UpdatedAt,
    /// `lm`.
    LastMessageAt,
    /// A constant of every room: `tr` true, `conv_type` 2, `sys`/`temp`/`unique` false. Folded at parse time.
    Constant(Value),
    /// `m` and `mu`: members are not listed, so it is always an empty array.
    Members,
    /// Any other key, dotted keys split: a path into the room's data.
    Path(Vec<String>),
}

/// A condition on one field.
#[derive(Debug, Clone)]
pub enum Test {
    /// Equal; against an array also "contains".
    Eq(Scalar),
    /// Not equal, or absent.
    Ne(Scalar),
    /// Less than, of the same type.
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
    /// An array that contains all of these.
    All(Vec<Scalar>),
    /// Present or absent.
    Exists(bool),
    /// An array of this length.
    Size(u32),
    /// Text that matches. The pattern is compiled once, at parse time, by the linear-time engine.
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

/// A tree of conditions.
#[derive(Debug, Clone)]
pub enum Filter {
    /// All hold; empty = everything matches.
    And(Vec<Filter>),
    /// At least one holds; empty = nothing matches.
    Or(Vec<Filter>),
    /// One field passes one test.
    Is(Field, Test),
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
    /// Rows at most.
    pub limit: u32,
    /// Rows to pass over.
    pub skip: u32,
}

impl RoomQuery {
    /// The ids, when this is a pure look-up by id (`objectId` equal or in a list, nothing else).
    #[must_use]
    pub fn ids(&self) -> Option<Vec<RoomId>> {
        unimplemented!()
    }
}
