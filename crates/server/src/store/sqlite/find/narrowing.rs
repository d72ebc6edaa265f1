//! The part of a room filter that SQL can decide: conditions on columns. Every value is bound.

use grandstand_room::query::{Field, Filter, Scalar, Test};
use rusqlite::types::Value;

/// An SQL condition that no matching room fails.
#[derive(Debug)]
pub(super) struct Narrowing {
    pub(super) sql: String,
    /// One for each `?`, in the order of the text.
    pub(super) values: Vec<Value>,
    /// Whether it also lets no other room through.
    pub(super) exact: bool,
    /// Whether an index of `rooms` finds what it lets through.
    pub(super) indexed: bool,
}

impl Narrowing {
    fn exact(sql: impl Into<String>, values: Vec<Value>) -> Self {
        Self { sql: sql.into(), values, exact: true, indexed: false }
    }

    /// Lets every room through: the rules decide.
    fn undecided() -> Self {
        Self { sql: "TRUE".to_owned(), values: Vec::new(), exact: false, indexed: false }
    }
}

pub(super) fn narrow(filter: &Filter) -> Narrowing {
    match filter {
        Filter::And(parts) => join(parts, true),
        Filter::Or(parts) => join(parts, false),
        Filter::Is(field, test) => match column(field) {
            Some((column, kind)) => {
                let indexed = has_index(field) && selects(test);
                Narrowing { indexed, ..on_column(column, kind, test) }
            }
            None => on_path(field, test),
        },
    }
}

fn join(parts: &[Filter], and: bool) -> Narrowing {
    let parts: Vec<_> = parts.iter().map(narrow).collect();
    let (with, empty) = if and { (" AND ", "TRUE") } else { (" OR ", "FALSE") };
    if parts.is_empty() {
        return Narrowing::exact(empty, Vec::new());
    }
    let mut indexed = parts.iter().map(|part| part.indexed);
    Narrowing {
        indexed: if and { indexed.any(|indexed| indexed) } else { indexed.all(|indexed| indexed) },
        exact: parts.iter().all(|part| part.exact),
        sql: format!("({})", parts.iter().map(|part| part.sql.as_str()).collect::<Vec<_>>().join(with)),
        values: parts.into_iter().flat_map(|part| part.values).collect(),
    }
}

/// Whether an index of `rooms` begins with the field's column, after the app.
pub(super) fn has_index(field: &Field) -> bool {
    matches!(field, Field::Id | Field::CreatedAt | Field::UpdatedAt)
}

/// Whether a test takes a range or some points of an index.
fn selects(test: &Test) -> bool {
    use Test::{Eq, Gt, Gte, In, Lt, Lte};
    matches!(test, Eq(_) | In(_) | Lt(_) | Lte(_) | Gt(_) | Gte(_))
}

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Time,
}

/// The expression of a field that has a column; null when the field is absent.
pub(super) fn column(field: &Field) -> Option<(&'static str, Kind)> {
    match field {
        Field::Id => Some(("r.id", Kind::Text)),
        Field::Creator => Some(("nullif(r.creator, '')", Kind::Text)),
        Field::CreatedAt => Some(("r.created_at", Kind::Time)),
        Field::UpdatedAt => Some(("r.updated_at", Kind::Time)),
        Field::LastMessageAt => Some(("h.last_message_at", Kind::Time)),
        Field::Path(_) => None,
    }
}

/// The value as the column has it; `None` when no value of the column can equal it.
fn bind(kind: Kind, scalar: &Scalar) -> Option<Value> {
    match (kind, scalar) {
        (Kind::Text, Scalar::Text(text)) => Some(Value::Text(text.clone())),
        (Kind::Time, Scalar::Date(time)) => Some(Value::Integer(time.0)),
        _ => None,
    }
}

fn on_column(column: &str, kind: Kind, test: &Test) -> Narrowing {
    let compare = |operator: &str, bound: &Scalar| match bind(kind, bound) {
        // The rules read an object of the form `{"__type":"Date"}` as a date.
        None if matches!(bound, Scalar::Json(_)) => Narrowing::undecided(),
        Some(value) => Narrowing::exact(format!("{column} {operator} ?"), vec![value]),
        None => Narrowing::exact("FALSE", Vec::new()),
    };
    match test {
        Test::Eq(wanted) => one_of(column, kind, std::slice::from_ref(wanted), true),
        Test::In(wanted) => one_of(column, kind, wanted, true),
        Test::Ne(wanted) => one_of(column, kind, std::slice::from_ref(wanted), false),
        Test::Nin(wanted) => one_of(column, kind, wanted, false),
        Test::Lt(bound) => compare("<", bound),
        Test::Lte(bound) => compare("<=", bound),
        Test::Gt(bound) => compare(">", bound),
        Test::Gte(bound) => compare(">=", bound),
        Test::Exists(true) => Narrowing::exact(format!("{column} IS NOT NULL"), Vec::new()),
        Test::Exists(false) => Narrowing::exact(format!("{column} IS NULL"), Vec::new()),
        Test::Size(_) => Narrowing::exact("FALSE", Vec::new()),
        Test::Regex(_) => Narrowing::undecided(),
    }
}

/// One of the values, or none of them.
fn one_of(column: &str, kind: Kind, wanted: &[Scalar], positive: bool) -> Narrowing {
    if wanted.iter().any(|scalar| matches!(scalar, Scalar::Json(_))) {
        return Narrowing::undecided();
    }
    let null = wanted.contains(&Scalar::Null);
    let values: Vec<_> = wanted.iter().filter_map(|scalar| bind(kind, scalar)).collect();
    let list = vec!["?"; values.len()].join(", ");
    let sql = match (positive, null) {
        (true, false) => format!("{column} IN ({list})"),
        (true, true) => format!("({column} IN ({list}) OR {column} IS NULL)"),
        (false, false) => format!("({column} NOT IN ({list}) OR {column} IS NULL)"),
        (false, true) => format!("({column} NOT IN ({list}) AND {column} IS NOT NULL)"),
    };
    Narrowing::exact(sql, values)
}

/// `name` has a column when it is text; when it is anything else, the column holds an empty blob, and the rules
/// decide. Other paths are left to the rules altogether.
fn on_path(field: &Field, test: &Test) -> Narrowing {
    let wanted = match test {
        Test::Eq(wanted) => std::slice::from_ref(wanted),
        Test::In(wanted) => wanted,
        _ => return Narrowing::undecided(),
    };
    if !matches!(field, Field::Path(path) if path.len() == 1 && path[0] == "name") {
        return Narrowing::undecided();
    }
    let mut values: Vec<_> = wanted.iter().filter_map(|scalar| bind(Kind::Text, scalar)).collect();
    values.push(Value::Blob(Vec::new()));
    let list = vec!["?"; values.len()].join(", ");
    let null = if wanted.contains(&Scalar::Null) { " OR r.name IS NULL" } else { "" };
    Narrowing { sql: format!("(r.name IN ({list}){null})"), values, exact: false, indexed: true }
}
