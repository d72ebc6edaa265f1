//! Between rows of the tables and the values of the store.

use std::net::IpAddr;

use bytes::Bytes;
use grandstand_protocol::{Body, ClientId, Level, Mentions};
use grandstand_room::{clock::Millis, session::SessionId};
use rusqlite::{
    Row, ToSql,
    types::{ToSqlOutput, Type, ValueRef},
};

use crate::store::StoredMessage;

/// The columns of a message, in the order that [`message`] reads.
macro_rules! message_columns {
    () => {
        "number, id, timestamp, sender, level, body, mention_all, mentions, lctype, patched_at, recalled, session, address, audience"
    };
}
pub(super) use message_columns;

pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    Ok(StoredMessage {
        number: row.get(0)?,
        id: row.get::<_, String>(1)?.into(),
        timestamp: Millis(row.get(2)?),
        from: row.get(3)?,
        level: level(row, 4)?,
        body: body(row, 5)?,
        mentions: mentions(row, 6, 7)?,
        lctype: row.get(8)?,
        patched_at: time(row, 9)?,
        recalled: row.get(10)?,
        session: row.get::<_, Option<[u8; 16]>>(11)?.map(|id| SessionId(u128::from_be_bytes(id))),
        address: address(row, 12)?,
        audience: audience(row, 13)?,
    })
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Millis>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Millis))
}

/// What is no address, is not known.
pub(super) fn address(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<IpAddr>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    Ok(text.and_then(|text| text.parse().ok()))
}

pub(super) fn address_column(address: Option<IpAddr>) -> Option<String> {
    address.map(|address| address.to_string())
}

fn audience(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Vec<ClientId>>> {
    let Some(list) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    let names: Vec<String> = json(column, list)?;
    let named: Result<_, _> = names.iter().map(|name| ClientId::new(name)).collect();
    named
        .map(Some)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// JSON text; null for everybody.
pub(super) fn audience_column(audience: Option<&[ClientId]>) -> Option<String> {
    let names = |named: &[ClientId]| named.iter().map(|client| client.as_str().into()).collect();
    audience.map(|named| serde_json::Value::Array(names(named)).to_string())
}

pub(super) fn level(row: &Row<'_>, column: usize) -> rusqlite::Result<Level> {
    let number = row.get(column)?;
    Level::from_wire(number)
        .ok_or_else(|| rusqlite::Error::IntegralValueOutOfRange(column, i64::from(number)))
}

pub(super) fn body(row: &Row<'_>, column: usize) -> rusqlite::Result<Body> {
    match row.get_ref(column)? {
        ValueRef::Blob(bytes) => Ok(Body::Binary(Bytes::copy_from_slice(bytes))),
        text => Ok(Body::Text(text.as_str()?.to_owned())),
    }
}

pub(super) fn mentions(row: &Row<'_>, all: usize, clients: usize) -> rusqlite::Result<Mentions> {
    let clients = match row.get_ref(clients)? {
        ValueRef::Null => Vec::new(),
        list => json(clients, list.as_str()?)?,
    };
    Ok(Mentions { all: row.get(all)?, clients })
}

pub(super) fn json<T: serde::de::DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// JSON text; null when nobody is named.
pub(super) fn mentions_column(mentions: &Mentions) -> Option<String> {
    (!mentions.clients.is_empty()).then(|| serde_json::Value::from(mentions.clients.clone()).to_string())
}

/// Text stays text and bytes stay bytes.
pub(super) struct BodyColumn<'a>(pub(super) &'a Body);

impl ToSql for BodyColumn<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Body::Text(text) => ValueRef::Text(text.as_bytes()),
            Body::Binary(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
