//! From the text of a client to a typed query.

use grandstand_protocol::{ClientId, ConversationQuery, limits};
use serde_json::{Map, Value};

use super::{Field, Filter, RoomQuery, Scalar, SortKey, Test, operand, pattern};
use crate::{attributes, clock::Millis};

/// Longest `where`, in bytes: what fits into a frame.
const TEXT_BYTES: usize = limits::FRAME_BYTES;
/// Levels of `$and`, `$or` and of values to compare with.
const DEPTH: usize = 16;
/// Conditions in one query.
const CONDITIONS: usize = 100;
/// Values in one `$in`, `$nin` or `$all`; look-ups by id use 999.
const LIST: usize = limits::LOOKUP_ROWS as usize;
/// Values in one query: together with the conditions they bound the work per room.
const VALUES: usize = 2000;
/// `$regex` conditions in one query.
const PATTERNS: usize = 4;
/// Keys to sort by.
const SORT_KEYS: usize = 8;
/// Rows to pass over: they are read all the same.
const SKIP: u32 = 100_000;

/// Why a query is refused; answered with 4310 and this text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text is longer than a frame may be.
    #[error("where has more than {TEXT_BYTES} bytes; ask in several queries")]
    TooLong,
    /// Not JSON at all.
    #[error("where is not valid JSON: {0}")]
    NotJson(String),
    /// JSON, but not of the form that belongs there.
    #[error("{0} must be {1}")]
    Form(String, &'static str),
    /// Too many levels.
    #[error("where is nested more than {DEPTH} levels deep")]
    TooDeep,
    /// Too many of something.
    #[error("a query has at most {0} {1}")]
    TooMany(usize, &'static str),
    /// An operator that is not on the list.
    #[error(
        "unknown operator {0}; known are $and, $or, $ne, $lt, $lte, $gt, $gte, $in, $nin, $all, $exists, $size, $regex"
    )]
    UnknownOperator(String),
    /// Rooms have no place on earth.
    #[error("the geographic operator {0} is not supported for rooms")]
    Geographic(String),
    /// A typed value that is not a date.
    #[error("values of type {0} cannot be compared; use text, numbers, booleans, null or a Date")]
    UnknownType(String),
    /// A key that cannot be a field.
    #[error("{0:?} is not a field name: {1}")]
    Key(String, &'static str),
    /// The pattern is too long.
    #[error("a $regex has at most {0} bytes")]
    PatternTooLong(usize),
    /// A letter in `$options`.
    #[error("unknown option {0:?} of $regex; known are i, m, s, x")]
    UnknownOption(char),
    /// The pattern does not compile.
    #[error("the $regex cannot be used: {0}")]
    Pattern(String),
    /// Paging by `skip` has an end.
    #[error("skip is at most {SKIP}; page with a condition on createdAt instead")]
    Skip,
}

impl RoomQuery {
    /// Reads what a client asks.
    ///
    /// Without a `where` clients mean "conversations with me as a member". Rooms list no members, so nothing matches,
    /// as with LeanCloud; `{}` matches every room. The limit is 10 if absent or negative, and at most 100; look-ups
    /// by id get all they ask for, up to 1000.
    pub fn parse(query: &ConversationQuery, client: &ClientId) -> Result<Self, QueryError> {
        let asked = query.filter.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let filter = match asked {
            _ if !query.temporary_ids.is_empty() => Filter::NOTHING,
            None => Parser::default().condition("m", &Value::from(client.as_str()))?,
            Some(text) => parse_filter(text)?,
        };
        let skip = query.skip.map_or(0, |skip| u32::try_from(skip).unwrap_or(0));
        if skip > SKIP {
            return Err(QueryError::Skip);
        }
        Ok(Self {
            limit: limit(query.limit, &filter),
            sort: parse_sort(query.sort.as_deref().unwrap_or_default())?,
            filter,
            skip,
        })
    }
}

impl RoomQuery {
    /// Reads what a back end asks: every room without a `where`, and the oldest first without an order.
    pub fn listing(
        filter: Option<&str>,
        order: Option<&str>,
        skip: u32,
        limit: u32,
    ) -> Result<Self, QueryError> {
        let filter = filter.map(str::trim).filter(|text| !text.is_empty());
        let order = order.map(str::trim).filter(|text| !text.is_empty());
        if skip > SKIP {
            return Err(QueryError::Skip);
        }
        Ok(Self {
            filter: filter.map_or(Ok(Filter::EVERYTHING), parse_filter)?,
            sort: parse_sort(order.unwrap_or("createdAt"))?,
            limit,
            skip,
        })
    }
}

fn limit(asked: Option<i32>, filter: &Filter) -> u32 {
    let asked = asked.and_then(|limit| u32::try_from(limit).ok());
    match filter.ids() {
        Some(ids) => {
            let all = u32::try_from(ids.len()).unwrap_or(limits::LOOKUP_ROWS);
            asked.unwrap_or(all.max(limits::QUERY_DEFAULT_ROWS)).min(limits::LOOKUP_ROWS)
        }
        None => asked.unwrap_or(limits::QUERY_DEFAULT_ROWS).min(limits::QUERY_ROWS),
    }
}

/// Absent = the room with the newest message first.
fn parse_sort(text: &str) -> Result<Vec<SortKey>, QueryError> {
    let text = if text.trim().is_empty() { "-lm" } else { text };
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.len() > SORT_KEYS {
        return Err(QueryError::TooMany(SORT_KEYS, "sort keys"));
    }
    let mut keys = Vec::new();
    for name in names {
        let (name, descending) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
        if let Named::Stored(field) = Named::parse(name)? {
            keys.push(SortKey { field, descending });
        }
    }
    Ok(keys)
}

fn parse_filter(text: &str) -> Result<Filter, QueryError> {
    if text.len() > TEXT_BYTES {
        return Err(QueryError::TooLong);
    }
    let value: Value = serde_json::from_str(text).map_err(|error| QueryError::NotJson(error.to_string()))?;
    let object = value.as_object().ok_or_else(|| QueryError::Form("where".to_owned(), "a JSON object"))?;
    Parser::default().object(object, DEPTH)
}

/// A name in a query: a stored field, or a value that all rooms share.
enum Named {
    Stored(Field),
    Constant(Value),
}

impl Named {
    fn parse(name: &str) -> Result<Self, QueryError> {
        Ok(match name {
            "objectId" => Self::Stored(Field::Id),
            "c" => Self::Stored(Field::Creator),
            "createdAt" => Self::Stored(Field::CreatedAt),
            "updatedAt" => Self::Stored(Field::UpdatedAt),
            "lm" => Self::Stored(Field::LastMessageAt),
            "tr" => Self::Constant(Value::Bool(true)),
            "sys" | "temp" | "unique" => Self::Constant(Value::Bool(false)),
            "conv_type" => Self::Constant(Value::from(2)),
            "m" | "mu" => Self::Constant(Value::Array(Vec::new())),
            _ => {
                let path = attributes::path(name)
                    .map_err(|problem| QueryError::Key(attributes::excerpt(name), problem))?;
                Self::Stored(Field::Path(path))
            }
        })
    }

    fn is_time(&self) -> bool {
        matches!(self, Self::Stored(Field::CreatedAt | Field::UpdatedAt | Field::LastMessageAt))
    }
}

/// Counts what the query has used up of its bounds.
#[derive(Default)]
struct Parser {
    conditions: usize,
    values: usize,
    patterns: usize,
}

impl Parser {
    fn object(&mut self, object: &Map<String, Value>, depth: usize) -> Result<Filter, QueryError> {
        let depth = depth.checked_sub(1).ok_or(QueryError::TooDeep)?;
        let mut parts = Vec::new();
        for (key, value) in object {
            parts.push(match key.as_str() {
                "$and" => all_of(self.branches(key, value, depth)?),
                "$or" => any_of(self.branches(key, value, depth)?),
                _ if key.starts_with('$') => return Err(unknown(key)),
                _ => self.condition(key, value)?,
            });
        }
        Ok(all_of(parts))
    }

    fn branches(&mut self, key: &str, value: &Value, depth: usize) -> Result<Vec<Filter>, QueryError> {
        let form = || QueryError::Form(key.to_owned(), "a list of one or more JSON objects");
        let branches = value.as_array().filter(|branches| !branches.is_empty()).ok_or_else(form)?;
        branches.iter().map(|branch| self.object(branch.as_object().ok_or_else(form)?, depth)).collect()
    }

    /// `key: value`, or `key: {operator: value, …}`.
    fn condition(&mut self, key: &str, value: &Value) -> Result<Filter, QueryError> {
        let field = Named::parse(key)?;
        let Some(operators) =
            value.as_object().filter(|object| object.keys().any(|key| key.starts_with('$')))
        else {
            return self.equals(&field, value);
        };
        let mut parts = Vec::new();
        for (operator, value) in operators {
            if operator == "$options" {
                if !operators.contains_key("$regex") {
                    return Err(QueryError::Form("$options".to_owned(), "beside a $regex"));
                }
                continue;
            }
            parts.push(self.operator(&field, operator, value, operators.get("$options"))?);
        }
        Ok(all_of(parts))
    }

    fn equals(&mut self, field: &Named, value: &Value) -> Result<Filter, QueryError> {
        let wanted = self.scalar(field, value)?;
        self.is(field, Test::Eq(wanted))
    }

    fn operator(
        &mut self,
        field: &Named,
        operator: &str,
        value: &Value,
        options: Option<&Value>,
    ) -> Result<Filter, QueryError> {
        let form = |expected| QueryError::Form(operator.to_owned(), expected);
        let test = match operator {
            "$ne" => Test::Ne(self.scalar(field, value)?),
            "$lt" => Test::Lt(self.bound(field, operator, value)?),
            "$lte" => Test::Lte(self.bound(field, operator, value)?),
            "$gt" => Test::Gt(self.bound(field, operator, value)?),
            "$gte" => Test::Gte(self.bound(field, operator, value)?),
            "$in" => match self.list(field, operator, value)? {
                wanted if wanted.is_empty() => return Ok(Filter::NOTHING),
                wanted => Test::In(wanted),
            },
            "$nin" => match self.list(field, operator, value)? {
                wanted if wanted.is_empty() => return Ok(Filter::EVERYTHING),
                wanted => Test::Nin(wanted),
            },
            "$all" => return self.contains_all(field, operator, value),
            "$exists" => match value {
                Value::Bool(wanted) => Test::Exists(*wanted),
                Value::Number(number) => Test::Exists(number.as_f64() != Some(0.0)),
                _ => return Err(form("true or false")),
            },
            "$size" => {
                let length = value.as_u64().and_then(|length| u32::try_from(length).ok());
                Test::Size(length.ok_or_else(|| form("a whole number"))?)
            }
            "$regex" => self.pattern(value, options)?,
            _ => return Err(unknown(operator)),
        };
        self.is(field, test)
    }

    fn contains_all(&mut self, field: &Named, operator: &str, value: &Value) -> Result<Filter, QueryError> {
        let wanted = self.list(field, operator, value)?;
        if wanted.is_empty() {
            return Ok(Filter::NOTHING);
        }
        let parts: Result<Vec<Filter>, QueryError> =
            wanted.into_iter().map(|wanted| self.is(field, Test::Eq(wanted))).collect();
        Ok(all_of(parts?))
    }

    fn pattern(&mut self, value: &Value, options: Option<&Value>) -> Result<Test, QueryError> {
        let text = value.as_str().ok_or_else(|| QueryError::Form("$regex".to_owned(), "text"))?;
        let options = match options {
            None | Some(Value::Null) => "",
            Some(Value::String(options)) => options,
            Some(_) => return Err(QueryError::Form("$options".to_owned(), "text")),
        };
        spend(&mut self.patterns, PATTERNS, "$regex conditions")?;
        pattern::compile(text, options).map(Test::Regex)
    }

    /// One condition, decided at once where all rooms agree.
    fn is(&mut self, field: &Named, test: Test) -> Result<Filter, QueryError> {
        spend(&mut self.conditions, CONDITIONS, "conditions")?;
        Ok(match field {
            Named::Constant(value) if test.passes(Some(value.into())) => Filter::EVERYTHING,
            Named::Constant(_) => Filter::NOTHING,
            Named::Stored(_) if field.is_time() && matches!(test, Test::Size(_) | Test::Regex(_)) => {
                Filter::NOTHING
            }
            Named::Stored(field) => Filter::Is(field.clone(), test),
        })
    }

    fn list(&mut self, field: &Named, operator: &str, value: &Value) -> Result<Vec<Scalar>, QueryError> {
        let items = value.as_array().ok_or_else(|| QueryError::Form(operator.to_owned(), "a list"))?;
        if items.len() > LIST {
            return Err(QueryError::TooMany(LIST, "values in one list"));
        }
        items.iter().map(|item| self.scalar(field, item)).collect()
    }

    /// A value that has an order.
    fn bound(&mut self, field: &Named, operator: &str, value: &Value) -> Result<Scalar, QueryError> {
        match self.scalar(field, value)? {
            Scalar::Null | Scalar::Json(_) => {
                Err(QueryError::Form(operator.to_owned(), "a number, a text, a boolean or a Date"))
            }
            bound => Ok(bound),
        }
    }

    fn scalar(&mut self, field: &Named, value: &Value) -> Result<Scalar, QueryError> {
        spend(&mut self.values, VALUES, "values")?;
        let scalar = scalar(value)?;
        if !field.is_time() {
            return Ok(scalar);
        }
        match scalar {
            Scalar::Null | Scalar::Date(_) => Some(scalar),
            // Lenient: some apps copy the text of a row into a query.
            Scalar::Text(text) => Millis::from_iso(&text).map(Scalar::Date),
            _ => None,
        }
        .ok_or_else(|| QueryError::Form("createdAt, updatedAt or lm".to_owned(), "compared with a Date"))
    }
}

fn scalar(value: &Value) -> Result<Scalar, QueryError> {
    Ok(match value {
        Value::Null => Scalar::Null,
        Value::Bool(value) => Scalar::Bool(*value),
        Value::Number(number) => Scalar::Number(number.clone()),
        Value::String(text) => Scalar::Text(text.clone()),
        Value::Array(_) => Scalar::Json(bounded(value)?),
        Value::Object(object) => match object.get("__type").and_then(Value::as_str) {
            Some("Date") => match operand::date_of(object) {
                Some(time) => Scalar::Date(time),
                None => {
                    return Err(QueryError::Form(
                        "the iso of a Date".to_owned(),
                        "like 2026-01-31T12:00:00.000Z",
                    ));
                }
            },
            Some("GeoPoint") => return Err(QueryError::Geographic("GeoPoint".to_owned())),
            Some(other) => return Err(QueryError::UnknownType(attributes::excerpt(other))),
            None => match object.keys().find(|key| key.starts_with('$')) {
                Some(operator) => return Err(unknown(operator)),
                None => Scalar::Json(bounded(value)?),
            },
        },
    })
}

fn bounded(value: &Value) -> Result<Value, QueryError> {
    if attributes::is_deeper(value, DEPTH) { Err(QueryError::TooDeep) } else { Ok(value.clone()) }
}

fn spend(used: &mut usize, limit: usize, what: &'static str) -> Result<(), QueryError> {
    *used += 1;
    if *used > limit { Err(QueryError::TooMany(limit, what)) } else { Ok(()) }
}

fn unknown(operator: &str) -> QueryError {
    const GEOGRAPHIC: [&str; 8] =
        ["$near", "$geo", "$within", "$maxDistance", "$minDistance", "$box", "$center", "$polygon"];
    if GEOGRAPHIC.iter().any(|prefix| operator.starts_with(prefix)) {
        QueryError::Geographic(attributes::excerpt(operator))
    } else {
        QueryError::UnknownOperator(attributes::excerpt(operator))
    }
}

/// `And` in its simplest form.
fn all_of(parts: Vec<Filter>) -> Filter {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Filter::And(parts) => flat.extend(parts),
            part if part.is_nothing() => return Filter::NOTHING,
            part => flat.push(part),
        }
    }
    if flat.len() == 1 { flat.remove(0) } else { Filter::And(flat) }
}

/// `Or` in its simplest form.
fn any_of(parts: Vec<Filter>) -> Filter {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Filter::Or(parts) => flat.extend(parts),
            Filter::And(parts) if parts.is_empty() => return Filter::EVERYTHING,
            part => flat.push(part),
        }
    }
    if flat.len() == 1 { flat.remove(0) } else { Filter::Or(flat) }
}
