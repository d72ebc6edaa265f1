//! What whoever has the app's key does with rooms. The key is in everybody's hands, so the app's hooks have their say.

use std::net::IpAddr;

use grandstand_protocol::{Fault, RoomId};
use grandstand_room::room::Room;
use serde_json::{Map, Value};

use super::{approved, record};
use crate::{
    apps::App,
    audit::By,
    hook,
    node::Node,
    service::signature::{self, Asked},
};

/// Makes a room, which is no client's.
pub(crate) async fn create(
    node: &Node,
    app: &App,
    address: IpAddr,
    data: Map<String, Value>,
) -> Result<Room, Fault> {
    signature::not_needed(app, Asked::Create { members: &[] })?;
    hook::conversation_start(node, app, Some(address), "", &[], &data).await?;
    let room = record::create(node, &app.id, &By::app_key(address), String::new(), data).await?;
    hook::conversation_started(node, app, &room.id);
    Ok(room)
}

/// What the app's hook leaves of a change. Whether it may be made has to be asked again then.
pub(crate) async fn change(
    node: &Node,
    app: &App,
    address: IpAddr,
    room: &RoomId,
    fields: Map<String, Value>,
) -> Result<Map<String, Value>, Fault> {
    approved(node, app, (Some(address), ""), room, fields).await
}
