//! What became of messages, in JSON: for operators on the admin port, for an app's back end by its master key.

use std::sync::Arc;

use axum::{Json, extract::State};
use grandstand_protocol::{AppId, Level, MessageId, RoomId};
use grandstand_room::account::{LevelTotals, Outcomes, Withheld};
use http::StatusCode;
use serde::Serialize;

use super::{auth::ByMaster, error::ApiError, parameters::Path};
use crate::{
    node::Node,
    router::{Hub, MessageAccount, RoomAccount},
};

/// `GET /1.2/rtm/chatrooms/{room}/messages/{message}/account`. LeanCloud has no such thing.
pub(super) async fn message_by_master(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path((room, message)): Path<(String, String)>,
) -> Result<Json<OfMessage>, ApiError> {
    message_account(&node, &app.id, room, message)
}

/// `GET /1.2/rtm/chatrooms/{room}/account`.
pub(super) async fn room_by_master(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Path(room): Path<String>,
) -> Result<Json<OfRoom>, ApiError> {
    room_account(&node, &app.id, room)
}

/// What became of one message on this node.
pub(crate) fn message_account(
    node: &Node,
    app: &AppId,
    room: String,
    message: String,
) -> Result<Json<OfMessage>, ApiError> {
    let id = MessageId::new(message);
    let account = hub(node, app, room).and_then(|hub| hub.message_account(&id));
    let account = account.ok_or_else(|| {
        let why = "this server remembers no such message of this room: it does so for 10 minutes, and for the last \
            10,000 messages of a room; when nobody else was in the room, there is nothing to remember";
        ApiError::new(StatusCode::NOT_FOUND, why)
    })?;
    Ok(Json(OfMessage::new(&account)))
}

/// What became of everything in a room on this node.
pub(crate) fn room_account(node: &Node, app: &AppId, room: String) -> Result<Json<OfRoom>, ApiError> {
    let hub = hub(node, app, room).ok_or_else(|| {
        let why = "nobody is in this room, and nothing was sent to anybody there for 10 minutes";
        ApiError::new(StatusCode::NOT_FOUND, why)
    })?;
    Ok(Json(OfRoom::new(&hub.account())))
}

fn hub(node: &Node, app: &AppId, room: String) -> Option<Arc<Hub>> {
    // Whoever asks for an app that does not exist must not make a place for it.
    node.apps.get(app.as_str())?;
    node.router.app(app).existing_hub(&RoomId::new(room))
}

#[derive(Debug, Serialize)]
pub(crate) struct OfMessage {
    level: &'static str,
    age_seconds: f64,
    #[serde(flatten)]
    sum: Sum,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfRoom {
    members: usize,
    behind: usize,
    high: OfLevel,
    normal: OfLevel,
    low: OfLevel,
}

#[derive(Debug, Serialize)]
struct OfLevel {
    frames: i64,
    #[serde(flatten)]
    sum: Sum,
}

/// `eligible` is the sum of all others but `replayed`.
#[derive(Debug, Serialize)]
struct Sum {
    eligible: i64,
    written: i64,
    recalled: i64,
    thinned: i64,
    dropped: ByCause,
    left: i64,
    pending: u64,
    withheld: ByLimit,
    replayed: i64,
}

#[derive(Debug, Serialize)]
struct ByCause {
    behind: i64,
    late: i64,
    overrun: i64,
}

#[derive(Debug, Default, Serialize)]
struct ByLimit {
    room_limit: i64,
    app_limit: i64,
}

impl OfMessage {
    pub(super) fn new(MessageAccount { fate, age, pending }: &MessageAccount) -> Self {
        let eligible = i64::from(fate.eligible);
        let withheld = match fate.withheld {
            None => ByLimit::default(),
            Some(Withheld::RoomLimit) => ByLimit { room_limit: eligible, app_limit: 0 },
            Some(Withheld::AppLimit) => ByLimit { room_limit: 0, app_limit: eligible },
        };
        let sum = Sum::new(eligible, &fate.outcomes, *pending, withheld, i64::from(fate.replayed));
        Self { level: fate.level.name(), age_seconds: age.as_secs_f64(), sum }
    }
}

impl OfRoom {
    fn new(account: &RoomAccount) -> Self {
        let RoomAccount { members, behind, totals, pending } = account;
        let level = |level: Level| {
            let LevelTotals { frames, eligible, outcomes, room_limit, app_limit, replayed } =
                *totals.level(level);
            let withheld = ByLimit { room_limit, app_limit };
            let sum = Sum::new(eligible, &outcomes, pending[level as usize], withheld, replayed);
            OfLevel { frames, sum }
        };
        Self {
            members: *members,
            behind: *behind,
            high: level(Level::High),
            normal: level(Level::Normal),
            low: level(Level::Low),
        }
    }
}

impl Sum {
    fn new(eligible: i64, outcomes: &Outcomes, pending: u64, withheld: ByLimit, replayed: i64) -> Self {
        let Outcomes { written, recalled, thinned, behind, late, overrun, left } = *outcomes;
        let dropped = ByCause { behind, late, overrun };
        Self { eligible, written, recalled, thinned, dropped, left, pending, withheld, replayed }
    }
}
