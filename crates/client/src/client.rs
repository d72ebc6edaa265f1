//! The handle: one method per request.

use std::{sync::Arc, time::Duration};

use grandstand_protocol::{
    Body, ClientId, Command, Event as Answer, HistoryItem, Mentions, PatchRequest, RoomId, StartConversation,
};
use serde_json::{Map, Value};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    ClientBuilder, HistoryQuery, MessageRef, Outgoing, RequestError, RoomInfo, RoomQuery, actor::Call,
};

/// A logged-in client. Clones share one session, which ends with the last of them.
///
/// Each method sends one request and waits for its answer, within the request timeout. Dropping its future does not
/// take the request back.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    id: ClientId,
    calls: mpsc::Sender<Call>,
    timeout: Duration,
    token: watch::Receiver<String>,
    /// The actor; it is stopped when this is dropped.
    _actor: JoinSet<()>,
}

impl Client {
    /// Starts a session's settings.
    ///
    /// `server` is either a WebSocket URL (`ws://`, `wss://`), used as it is, or the server's HTTP URL (`http://`,
    /// `https://`), whose router is asked for the WebSocket URL. `client` is the user's id: 1 to 64 characters.
    pub fn builder(server: &str, app: &str, client: &str) -> ClientBuilder {
        ClientBuilder::new(server, app, client)
    }

    pub(crate) fn new(
        id: ClientId,
        calls: mpsc::Sender<Call>,
        timeout: Duration,
        token: watch::Receiver<String>,
        actor: JoinSet<()>,
    ) -> Self {
        Self { shared: Arc::new(Shared { id, calls, timeout, token, _actor: actor }) }
    }

    /// The client id.
    #[must_use]
    pub fn id(&self) -> &ClientId {
        &self.shared.id
    }

    /// The session token, for [`ClientBuilder::resume`]. It lives for 48 hours, and a reconnect
    /// may bring a new one.
    #[must_use]
    pub fn token(&self) -> String {
        self.shared.token.borrow().clone()
    }

    /// Creates a chat room and joins it, leaving the room this client id was in. Not repeated after a reconnect.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn create_room(
        &self,
        name: &str,
        attributes: Map<String, Value>,
    ) -> Result<RoomId, RequestError> {
        let mut columns = Map::from_iter([("name".to_owned(), Value::from(name))]);
        if !attributes.is_empty() {
            columns.insert("attr".to_owned(), Value::Object(attributes));
        }
        let attributes = Some(Value::Object(columns).to_string());
        let start = StartConversation { transient: true, attributes, ..StartConversation::default() };
        match self.ask(Command::Start(Box::new(start)), false).await? {
            Answer::Started { room, .. } => Ok(room),
            other => unexpected(&other),
        }
    }

    /// Finds rooms.
    ///
    /// # Errors
    /// [`RequestError`]; 4310 for a query that is malformed or too expensive.
    pub async fn query(&self, query: RoomQuery) -> Result<Vec<RoomInfo>, RequestError> {
        match self.ask(Command::Query(Box::new(query.into_command())), true).await? {
            Answer::Results { rows, .. } => {
                let rows: Vec<Value> = json(&rows)?;
                let rooms: Option<Vec<RoomInfo>> = rows.into_iter().map(RoomInfo::from_row).collect();
                rooms.ok_or_else(|| RequestError::Unexpected("a row without objectId".to_owned()))
            }
            other => unexpected(&other),
        }
    }

    /// Joins a room, leaving the one this client id was in. Messages of others arrive from now on.
    ///
    /// # Errors
    /// [`RequestError`]; 4303 when there is no such room.
    pub async fn join(&self, room: &RoomId) -> Result<(), RequestError> {
        let members = vec![self.id().as_str().to_owned()];
        match self.ask(Command::Join { room: room.clone(), members, signature: None }, true).await? {
            Answer::Added { .. } => Ok(()),
            other => unexpected(&other),
        }
    }

    /// Leaves a room; being elsewhere is no error.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn quit(&self, room: &RoomId) -> Result<(), RequestError> {
        let members = vec![self.id().as_str().to_owned()];
        match self.ask(Command::Quit { room: room.clone(), members, signature: None }, true).await? {
            Answer::Removed { .. } => Ok(()),
            other => unexpected(&other),
        }
    }

    /// Sends a message. `Ok` means that a stored message is on the server's disk, that a transient one was accepted,
    /// that a will is held.
    ///
    /// # Errors
    /// [`RequestError`]; 4401 when there is no such room, 4116 when sending too fast, 4109 when it is over 5 KiB.
    pub async fn send(&self, room: &RoomId, message: Outgoing) -> Result<MessageRef, RequestError> {
        let repeatable = message.is_repeatable();
        match self.ask(Command::Send(Box::new(message.into_command(room.clone()))), repeatable).await? {
            Answer::Accepted { message, timestamp } => {
                Ok(MessageRef { room: room.clone(), message, timestamp })
            }
            other => unexpected(&other),
        }
    }

    /// Reads a page of history, in ascending order.
    ///
    /// # Errors
    /// [`RequestError`]; 4303 when there is no such room, 4312 when this client may not read here.
    pub async fn history(
        &self,
        room: &RoomId,
        query: HistoryQuery,
    ) -> Result<Vec<HistoryItem>, RequestError> {
        match self.ask(Command::History(Box::new(query.into_command(room.clone()))), true).await? {
            Answer::History { items } => Ok(items),
            other => unexpected(&other),
        }
    }

    /// Replaces the body of a message of one's own; returns the time of the edit in ms.
    ///
    /// # Errors
    /// [`RequestError`]; 4403 when it is another's, 4404 when there is none, 4406 when editing is switched off.
    pub async fn update_message(&self, message: &MessageRef, body: Body) -> Result<i64, RequestError> {
        self.patch(message, Some(body)).await
    }

    /// Recalls a message of one's own: a stub takes its place. Returns the time of the recall in ms.
    ///
    /// # Errors
    /// [`RequestError`]; 4403 when it is another's, 4404 when there is none, 4407 when recalling is switched off.
    pub async fn recall(&self, message: &MessageRef) -> Result<i64, RequestError> {
        self.patch(message, None).await
    }

    /// Changes a room: keys may be dotted (`attr.score`), values may be `{"__op": …}` operations. Returns the resulting
    /// values, nested. Not repeated after a reconnect.
    ///
    /// # Errors
    /// [`RequestError`]; 4309 when not in the room, 4320 when others may do it, 4306 when it is malformed.
    pub async fn update_room(
        &self,
        room: &RoomId,
        changes: Map<String, Value>,
    ) -> Result<Map<String, Value>, RequestError> {
        let attributes = Value::Object(changes).to_string();
        match self.ask(Command::Update { room: room.clone(), attributes }, false).await? {
            Answer::Updated { change: Some(change), .. } => json(&change.resulting),
            other => unexpected(&other),
        }
    }

    /// How many clients are online in a room; at most 2 s old.
    ///
    /// # Errors
    /// [`RequestError`]; 4303 when there is no such room.
    pub async fn count(&self, room: &RoomId) -> Result<u32, RequestError> {
        match self.ask(Command::Count { room: room.clone() }, true).await? {
            Answer::Count { count } => Ok(u32::try_from(count).unwrap_or_default()),
            other => unexpected(&other),
        }
    }

    /// Some of the clients that are online in a room: at most `limit`, and at most 50.
    ///
    /// # Errors
    /// [`RequestError`]; 4303 when there is no such room.
    pub async fn members(&self, room: &RoomId, limit: u32) -> Result<Vec<String>, RequestError> {
        let limit = Some(i32::try_from(limit).unwrap_or(i32::MAX));
        match self.ask(Command::Members { room: room.clone(), limit }, true).await? {
            Answer::Members { clients } => Ok(clients),
            other => unexpected(&other),
        }
    }

    /// Which of these rooms this client is in.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn joined(&self, rooms: &[RoomId]) -> Result<Vec<RoomId>, RequestError> {
        match self.ask(Command::IsMember { rooms: rooms.to_vec() }, true).await? {
            Answer::Membership { results } => {
                let results: Map<String, Value> = json(&results)?;
                let is_in =
                    |room: &&RoomId| results.get(room.as_str()).and_then(Value::as_bool) == Some(true);
                Ok(rooms.iter().filter(is_in).cloned().collect())
            }
            other => unexpected(&other),
        }
    }

    /// Which of these client ids are online; at most 20 may be asked about.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn online(&self, clients: &[&str]) -> Result<Vec<String>, RequestError> {
        let clients = clients.iter().map(|&client| client.to_owned()).collect();
        match self.ask(Command::QueryOnline { clients }, true).await? {
            Answer::Online { clients } => Ok(clients),
            other => unexpected(&other),
        }
    }

    /// Ends the session: leaves the room, drops held wills, makes the token useless. [`crate::Event::Closed`] follows.
    ///
    /// # Errors
    /// [`RequestError`] when the server could not be told. The session goes on then; dropping all handles ends it
    /// on this side, and the server keeps the room for 30 minutes.
    pub async fn close(self) -> Result<(), RequestError> {
        match self.ask(Command::Close, true).await? {
            Answer::Closed { fault: None } => Ok(()),
            other => unexpected(&other),
        }
    }

    async fn patch(&self, message: &MessageRef, body: Option<Body>) -> Result<i64, RequestError> {
        let patch = PatchRequest {
            room: message.room.clone(),
            message: message.message.clone(),
            timestamp: message.timestamp,
            recall: body.is_none(),
            body,
            mentions: Mentions::default(),
        };
        match self.ask(Command::Modify { patches: vec![patch] }, true).await? {
            Answer::Modified { time } => Ok(time),
            other => unexpected(&other),
        }
    }

    /// Hands a request to the actor and waits for what becomes of it.
    async fn ask(&self, command: Command, repeatable: bool) -> Result<Answer, RequestError> {
        let deadline = Instant::now() + self.shared.timeout;
        let (reply, answer) = oneshot::channel();
        let call = Call { command, repeatable, deadline, reply };
        let asked = async {
            self.shared.calls.send(call).await.map_err(|_| RequestError::Closed)?;
            answer.await.map_err(|_| RequestError::Closed)?
        };
        timeout_at(deadline, asked).await.unwrap_or(Err(RequestError::TimedOut))
    }
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, RequestError> {
    serde_json::from_str(text).map_err(|error| RequestError::Unexpected(error.to_string()))
}

fn unexpected<T>(answer: &Answer) -> Result<T, RequestError> {
    Err(RequestError::Unexpected(format!("{answer:?}")))
}
