//! Bans from a whole app, for its back end. LeanCloud has no such call; the code, 4106, is its own.

use std::{net::IpAddr, sync::Arc};

use axum::{Json, extract::State};
use grandstand_protocol::Fault;
use grandstand_room::ban::{Ban, Banned, REASON_CHARS};
use http::StatusCode;
use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::{BackEnd, ByMaster},
    body::JsonBody,
    error::ApiError,
    messages::client_id,
    parameters::Query,
    restrictions::{Page, end},
    routes::Routes,
};
use crate::{node::Node, service::ban};

/// Milliseconds of the longest ban that has an end: ten years. Longer ones are for good.
const LONGEST: i64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// Bits before the IPv4 address in an IPv6 one that holds one.
const MAPPED: u8 = 96;

pub(super) fn routes() -> Routes {
    Routes::new().post("/1.2/rtm/bans", make).get("/1.2/rtm/bans", list).delete("/1.2/rtm/bans", remove)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Make {
    client_id: Option<String>,
    address: Option<String>,
    ttl: Option<i64>,
    reason: Option<String>,
}

async fn make(
    BackEnd { node, app, caller }: BackEnd,
    JsonBody(Make { client_id, address, ttl, reason }): JsonBody<Make>,
) -> Result<Json<Value>, ApiError> {
    let reason = reason.filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARS) {
        return Err(ApiError::bad_request(format!("the reason has at most {REASON_CHARS} characters")));
    }
    let until = ttl.map(|ttl| end(&node, ("ttl", ttl), LONGEST)).transpose()?;
    let banned = banned(client_id, address)?;
    let ban = Ban { banned, until, reason, made_at: node.clock.wall() };
    let answer = row(&ban);
    let worker = Arc::clone(&node);
    node.see_through(async move { ban::ban(&worker, &app, &caller, ban).await }).await?;
    Ok(Json(answer))
}

/// Exactly one of the two.
fn banned(client: Option<String>, address: Option<String>) -> Result<Banned, ApiError> {
    match (client, address) {
        (Some(client), None) => Ok(Banned::Client(client_id("client_id", &client)?)),
        (None, Some(address)) => network(&address).map(Banned::Network).map_err(ApiError::bad_request),
        _ => Err(ApiError::bad_request("name either client_id or address")),
    }
}

/// A whole family of addresses is no network that somebody would ban on purpose.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.ok().map(as_clients_come).transpose()?;
    let network = network.filter(|network| network.prefix_len() > 0);
    let error = "address has to be an IP address, or a network such as 192.0.2.0/24";
    network.map(|network| network.trunc()).ok_or(error)
}

/// Clients with IPv4 are known by their IPv4 address, also where it came as `::ffff:192.0.2.1`.
fn as_clients_come(network: IpNet) -> Result<IpNet, &'static str> {
    let IpNet::V6(mapped) = network else { return Ok(network) };
    let Some(address) = mapped.addr().to_ipv4_mapped() else { return Ok(network) };
    let prefix = mapped.prefix_len().checked_sub(MAPPED);
    let network = prefix.and_then(|prefix| Ipv4Net::new(address, prefix).ok());
    network.map(IpNet::V4).ok_or(
        "a network in ::ffff:0:0/96 holds IPv4 addresses, so its prefix has to be longer than 96; better name it in \
         IPv4, such as 192.0.2.0/24",
    )
}

async fn list(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Query(page): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    let (skip, limit) = page.bounds()?;
    let all = node.store.bans(&app.id, node.clock.wall()).await?;
    let rows: Vec<Value> = all.iter().skip(skip as usize).take(limit as usize).map(row).collect();
    let mut answer = json!({ "results": rows });
    if all.len() > skip as usize + limit as usize {
        answer["next"] = (skip + limit).to_string().into();
    }
    Ok(Json(answer))
}

fn row(ban: &Ban) -> Value {
    let mut row = match &ban.banned {
        Banned::Client(client) => json!({ "client_id": client.as_str() }),
        Banned::Network(network) => json!({ "address": network.to_string() }),
    };
    row["createdAt"] = ban.made_at.to_iso().into();
    if let Some(until) = ban.until {
        row["until"] = until.to_iso().into();
    }
    if let Some(reason) = &ban.reason {
        row["reason"] = reason.as_str().into();
    }
    row
}

#[derive(Debug, Deserialize)]
struct Remove {
    client_id: Option<String>,
    address: Option<String>,
}

async fn remove(
    BackEnd { node, app, caller }: BackEnd,
    Query(Remove { client_id, address }): Query<Remove>,
) -> Result<Json<Value>, ApiError> {
    let banned = banned(client_id, address)?;
    let worker = Arc::clone(&node);
    let removed = node.see_through(async move {
        let removed = ban::unban(&worker, &app, &caller, &banned).await?;
        Ok::<_, Fault>(removed)
    });
    if removed.await? {
        Ok(Json(json!({})))
    } else {
        Err(ApiError::new(StatusCode::NOT_FOUND, "there is no such ban"))
    }
}
