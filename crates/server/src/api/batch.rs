//! `POST /1.1/batch`: several requests about rooms in one, as the JavaScript SDK of LeanCloud's storage sends them when
//! it saves a list or asks a long question.

mod beginning;

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{FromRequest, FromRequestParts, State},
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    auth::{Authenticated, ClientAddress},
    body::JsonBody,
    conversations::{self, CLASS},
    error::ApiError,
    listing::ROWS_BYTES,
    passing, patience,
};
use crate::{gateway::handshake::Connection, node::Node};

/// Requests in one, as many as the SDK saves at once.
const REQUESTS: usize = 20;

/// Bytes of a batch about rooms.
const BYTES: usize = 256 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    requests: Vec<Part>,
}

/// One request.
#[derive(Debug, Deserialize)]
struct Part {
    method: String,
    path: String,
    #[serde(default)]
    body: Map<String, Value>,
    #[serde(default)]
    params: Map<String, Value>,
}

/// A batch about rooms is answered here; one about nothing that is here goes to the app's upstream, if it has one. Of one
/// that is too long for us, the beginning decides: the rest streams by.
pub(super) async fn run(
    State(node): State<Arc<Node>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let Ok(way) = passing::way(&node.upstreams, &request) else {
        return Ok(here(&node, &connection, request).await?.into_response());
    };
    let (parts, body) = request.into_parts();
    let (beginning, body) = beginning::read(body, BYTES).await?;
    let request = Request::from_parts(parts, body);
    if beginning::addresses(&beginning).iter().any(|path| is_room(path)) {
        return Ok(here(&node, &connection, request).await?.into_response());
    }
    Ok(node.upstreams.pass(&way, &connection, request).await?)
}

/// The answers in the order of the requests, each a success or an error; one that fails does not hold up the others.
async fn here(
    node: &Arc<Node>,
    connection: &Connection,
    request: Request<Body>,
) -> Result<Json<Value>, ApiError> {
    let (mut parts, body) = request.into_parts();
    let by = Authenticated::from_request_parts(&mut parts, node).await?;
    let ClientAddress(address) = ClientAddress::from_request_parts(&mut parts, node).await?;
    let request = Request::from_parts(parts, body);
    let JsonBody(Batch { requests }) = JsonBody::<Batch, BYTES>::from_request(request, node).await?;
    if requests.len() > REQUESTS {
        return Err(ApiError::bad_request(format!("a batch has at most {REQUESTS} requests")));
    }
    patience::for_hooks(node, &by.app, connection, requests.len() as u32);
    let (mut answers, mut bytes) = (Vec::with_capacity(requests.len()), 0);
    for part in requests {
        let answered = match conversations::count(node, &by, address) {
            Ok(()) => answer(node, &by, part).await,
            Err(refusal) => Err(refusal),
        };
        answers.push(match answered {
            Ok(success) => {
                bytes += success.to_string().len();
                if bytes > ROWS_BYTES { too_long() } else { json!({ "success": success }) }
            }
            Err(error) => json!({ "error": error.to_json() }),
        });
    }
    Ok(Json(Value::Array(answers)))
}

/// What was changed is changed; only its answer is left out.
fn too_long() -> Value {
    let error =
        format!("the answers of this batch would have more than {ROWS_BYTES} bytes: ask in several batches");
    json!({ "error": ApiError::bad_request(error).to_json() })
}

fn is_room(path: &str) -> bool {
    path.strip_prefix(CLASS).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

async fn answer(node: &Arc<Node>, by: &Authenticated, part: Part) -> Result<Value, ApiError> {
    let Part { method, path, body, params } = part;
    let elsewhere = || {
        let error = format!("a batch here is about {CLASS} only: send other requests one by one");
        ApiError::new(StatusCode::NOT_FOUND, error)
    };
    let rest = path.strip_prefix(CLASS).ok_or_else(elsewhere)?;
    let room = match rest.strip_prefix('/') {
        Some(room) if !room.is_empty() && !room.contains('/') => Some(room.to_owned()),
        None if rest.is_empty() => None,
        _ => return Err(elsewhere()),
    };
    match (method.to_ascii_uppercase().as_str(), room) {
        ("POST", None) => conversations::create(node, by, &read(params)?, body).await,
        ("GET", None) => conversations::list(node, by, read(params)?).await,
        ("GET", Some(room)) => conversations::show(node, by, room, &read(params)?).await,
        ("PUT", Some(room)) => conversations::change(node, by, room, &read(params)?, body).await,
        ("DELETE", Some(room)) => conversations::delete(node, by, &room).await,
        _ => Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this method is not possible here")),
    }
}

/// Parameters that would stand in a URL.
fn read<T: DeserializeOwned>(params: Map<String, Value>) -> Result<T, ApiError> {
    serde_json::from_value(Value::Object(params))
        .map_err(|error| ApiError::bad_request(format!("params is not what this request takes: {error}")))
}
