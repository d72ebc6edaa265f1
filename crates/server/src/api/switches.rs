//! What holds for everybody in a room: mute-all, slow mode, freeze. Grandstand's own calls, for the app's back end.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use axum::Json;
use grandstand_protocol::{ClientId, RoomId};
use grandstand_room::moderation::{
    ALLOWED, MuteAll, Role, RoomSwitches, SLOWEST, SlowMode, SwitchChange, moderators,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{
    auth::BackEnd, body::JsonBody, error::ApiError, messages::client_id, parameters::Path, restrictions::end,
    routes::Routes,
};
use crate::{
    node::Node,
    service::{moderate, switch::switch},
};

/// Milliseconds of the longest mute-all that has an end: ten years. Longer ones are for good.
const LONGEST_MUTE: i64 = 10 * 365 * 24 * 60 * 60 * 1000;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/1.2/rtm/chatrooms/{room}/switches", show)
        .put("/1.2/rtm/chatrooms/{room}/switches", change)
        .get("/1.2/rtm/conversations/{room}/switches", show)
        .put("/1.2/rtm/conversations/{room}/switches", change)
}

async fn show(BackEnd { node, app, .. }: BackEnd, Path(room): Path<String>) -> Result<Json<Value>, ApiError> {
    let rules = moderate::rules(&node, &app, &RoomId::new(room)).await?;
    Ok(Json(as_json(&node, &rules.switches)))
}

/// A switch that is named is set as a whole, with the defaults for what is left out of it; others stay as they are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default, deserialize_with = "named")]
    mute_all: Option<Option<Mute>>,
    #[serde(default, deserialize_with = "named")]
    slow_mode: Option<Option<Slow>>,
    frozen: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mute {
    ttl: Option<i64>,
    #[serde(default)]
    client_ids: Vec<String>,
    roles: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    seconds: u32,
    roles: Option<Vec<String>>,
}

/// Tells `null`, which switches off, from what is not there.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

async fn change(
    BackEnd { node, app, caller }: BackEnd,
    Path(room): Path<String>,
    JsonBody(Change { mute_all, slow_mode, frozen }): JsonBody<Change>,
) -> Result<Json<Value>, ApiError> {
    let mute_all = mute_all.map(|mute| mute.map(|mute| mute.read(&node)).transpose()).transpose()?;
    let slow_mode = slow_mode.map(|slow| slow.map(Slow::read).transpose()).transpose()?;
    let change = SwitchChange { mute_all, slow_mode, frozen };
    if change == SwitchChange::default() {
        return Err(ApiError::bad_request("name a switch: mute_all, slow_mode or frozen"));
    }
    let (worker, room) = (Arc::clone(&node), RoomId::new(room));
    let changed = node.see_through(async move { switch(&worker, &app, &caller, &room, change).await });
    Ok(Json(as_json(&node, &changed.await?)))
}

impl Mute {
    fn read(self, node: &Node) -> Result<MuteAll, ApiError> {
        if self.client_ids.len() > ALLOWED {
            let error = format!("mute_all.client_ids can name at most {ALLOWED} clients");
            return Err(ApiError::bad_request(error));
        }
        let read = |client: String| client_id("one of mute_all.client_ids", &client);
        let clients: HashSet<ClientId> = self.client_ids.into_iter().map(read).collect::<Result<_, _>>()?;
        let until = self.ttl.map(|ttl| end(node, ("mute_all.ttl", ttl), LONGEST_MUTE)).transpose()?;
        Ok(MuteAll { until, clients, roles: roles("mute_all.roles", self.roles)? })
    }
}

impl Slow {
    fn read(self) -> Result<SlowMode, ApiError> {
        if self.seconds == 0 || self.seconds > SLOWEST {
            let error =
                format!("slow_mode.seconds has to be between 1 and {SLOWEST}; null switches slow mode off");
            return Err(ApiError::bad_request(error));
        }
        Ok(SlowMode { seconds: self.seconds, roles: roles("slow_mode.roles", self.roles)? })
    }
}

/// Of members there are too many: a switch that passes them over would do nothing.
fn roles(what: &str, names: Option<Vec<String>>) -> Result<BTreeSet<Role>, ApiError> {
    let Some(names) = names else { return Ok(moderators()) };
    let read = |name: String| {
        let role = Role::from_name(&name).filter(|role| *role > Role::Member);
        role.ok_or_else(|| ApiError::bad_request(format!("{what} can name Owner and Manager")))
    };
    names.into_iter().map(read).collect()
}

/// What is off is null. A mute that has ended is off.
fn as_json(node: &Node, switches: &RoomSwitches) -> Value {
    let mute = switches.muted(node.clock.wall()).map(|mute| {
        let mut clients: Vec<&str> = mute.clients.iter().map(ClientId::as_str).collect();
        clients.sort_unstable();
        let mut shown = json!({ "client_ids": clients, "roles": names(&mute.roles) });
        if let Some(until) = mute.until {
            shown["until"] = until.to_iso().into();
        }
        shown
    });
    let slow = switches.slow_mode.as_ref();
    let slow = slow.map(|slow| json!({ "seconds": slow.seconds, "roles": names(&slow.roles) }));
    json!({ "mute_all": mute, "slow_mode": slow, "frozen": switches.frozen })
}

fn names(roles: &BTreeSet<Role>) -> Vec<&'static str> {
    roles.iter().rev().map(|role| role.name()).collect()
}
