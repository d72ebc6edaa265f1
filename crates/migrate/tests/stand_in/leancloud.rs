//! A stand-in for LeanCloud's REST API: as strict as the protocol's description of it, and as unreliable as a test wants.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rand::{SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

use crate::{
    faults::{Faults, OnTheWay},
    keys::is_back_end,
    query::Query,
    world::{Message, World, text},
};

/// For so long a quota counts, and for so long everything is refused once it is used up: LeanCloud takes a minute.
pub(crate) const QUOTA_WINDOW: Duration = Duration::from_millis(50);

/// Of a private range.
pub(crate) const HALF_EMOJI: &str = "\u{e000}";

/// A server on a free port of this machine, until it is dropped.
pub(crate) struct LeanCloud {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _serving: tokio::task::JoinSet<()>,
}

/// What happens while it is asked.
#[derive(Default)]
pub(crate) struct Habits {
    pub(crate) faults: Faults,
    /// Whether lists of rooms heed `order`.
    pub(crate) orders: bool,
    /// Rows of a list of rooms, whatever is asked for.
    pub(crate) rows: Option<usize>,
    /// The history of the app leaves these out.
    pub(crate) forgets: Vec<String>,
    /// Whether every page of history lacks its first message.
    pub(crate) holes: bool,
    /// From so many requests on, these rooms are gone.
    pub(crate) gone: Option<(u64, String)>,
    /// Pages of lists begin with so many rows of the page before, beyond the limit.
    pub(crate) borders: usize,
    /// Whether `HALF_EMOJI` in a message comes as the first half of a surrogate pair, which no strict parser takes.
    pub(crate) halves: bool,
    /// These messages are always shown without this key.
    pub(crate) lacking: Vec<(String, &'static str)>,
    /// After so many requests, these are there, too.
    pub(crate) later: Option<(u64, World)>,
}

struct Shared {
    world: Mutex<World>,
    habits: Mutex<Habits>,
    rng: Mutex<SmallRng>,
    asked: Mutex<Asked>,
}

/// What was asked, and what went wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) requests: u64,
    pub(crate) pages: u64,
    pub(crate) faults: BTreeMap<String, u64>,
    window: Option<(Instant, u32)>,
    refused_until: Option<Instant>,
    /// The last page that was shown, for those that come again.
    before: Vec<Value>,
}

impl LeanCloud {
    pub(crate) async fn start(seed: u64, world: World, habits: Habits) -> Self {
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            habits: Mutex::new(habits),
            rng: Mutex::new(SmallRng::seed_from_u64(seed)),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/1.2/rtm/chatrooms", get(rooms))
            .route("/1.2/rtm/messages", get(history_of_app))
            .route("/1.2/rtm/chatrooms/{room}/messages", get(history_of_room))
            .route("/1.2/rtm/chatrooms/{room}/permanent-silenceds", get(silences))
            .route("/1.2/rtm/chatrooms/{room}/blacklists", get(blocks))
            .route("/1.2/rtm/chatrooms/{room}/member-infos", get(roles))
            .fallback(async || refusal(404, 404, "Not found."))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = tokio::task::JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, _serving: serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Asked {
        self.shared.asked.lock().unwrap().clone()
    }

    /// From now on, it behaves so.
    pub(crate) fn behave(&self, habits: Habits) {
        *self.shared.habits.lock().unwrap() = habits;
    }
}

impl Shared {
    /// Keys, quota, and what goes wrong on the way.
    async fn gate(&self, headers: &HeaderMap) -> Option<Response> {
        self.asked.lock().unwrap().requests += 1;
        if !is_back_end(headers) {
            return Some(refusal(401, 401, "Unauthorized."));
        }
        let fault = {
            let (mut asked, mut habits) = (self.asked.lock().unwrap(), self.habits.lock().unwrap());
            let requests = asked.requests;
            if let Some((_, world)) = habits.later.take_if(|(after, _)| requests > *after) {
                let mut all = self.world.lock().unwrap();
                all.rows.extend(world.rows);
                all.messages.extend(world.messages);
                all.messages.sort_by_key(|message| message.timestamp);
            }
            let fault = match habits.faults.quota {
                Some(quota) if asked.is_over(quota) => Some(OnTheWay::TooMany { says_when: false }),
                _ => habits.faults.on_the_way(&mut self.rng.lock().unwrap()),
            };
            if let Some(fault) = fault {
                *asked.faults.entry(format!("{fault:?}")).or_default() += 1;
            }
            fault
        };
        match fault {
            None => None,
            Some(fault) => Some(spoilt(fault).await),
        }
    }

    /// The gate of a room.
    async fn enter(&self, headers: &HeaderMap, room: &str) -> Option<Response> {
        let stopped = self.gate(headers).await;
        stopped.or_else(|| (!self.has(room)).then(|| refusal(404, 4401, "conversation not found")))
    }

    fn has(&self, room: &str) -> bool {
        let (asked, habits) = (self.asked.lock().unwrap(), self.habits.lock().unwrap());
        let is_gone =
            habits.gone.as_ref().is_some_and(|(after, gone)| asked.requests > *after && gone == room);
        let is_there = self.world.lock().unwrap().rows.iter().any(|row| text(row, "objectId") == room);
        is_there && !is_gone
    }

    /// A page, as it is sent.
    fn page(&self, messages: &[Message], query: &Query) -> Response {
        let page = match query.page(messages) {
            Ok(page) => page,
            Err(why) => return refusal(400, 1, &why),
        };
        let mut items: Vec<Value> = page.into_iter().map(item).collect();
        for (id, key) in &self.habits.lock().unwrap().lacking {
            let items = items.iter_mut().filter(|item| item["msg-id"] == *id);
            items.filter_map(Value::as_object_mut).for_each(|item| drop(item.shift_remove(*key)));
        }
        let mut asked = self.asked.lock().unwrap();
        asked.pages += 1;
        let whole = items.clone();
        let (faults, holes, halves) = {
            let habits = self.habits.lock().unwrap();
            (habits.faults, habits.holes, habits.halves)
        };
        if holes && !items.is_empty() {
            items.remove(0);
        }
        let before = std::mem::replace(&mut asked.before, whole);
        if let Some(fault) = faults.spoil(&mut self.rng.lock().unwrap(), &mut items, &before) {
            *asked.faults.entry(fault.to_owned()).or_default() += 1;
        }
        if halves {
            return Value::from(items).to_string().replace(HALF_EMOJI, "\\ud83d").into_response();
        }
        axum::Json(items).into_response()
    }
}

impl Asked {
    fn is_over(&mut self, quota: u32) -> bool {
        let now = Instant::now();
        if self.refused_until.is_some_and(|until| now < until) {
            return true;
        }
        let (began, count) =
            self.window.take().filter(|(began, _)| now - *began < QUOTA_WINDOW).unwrap_or((now, 0));
        if count >= quota {
            self.refused_until = Some(now + QUOTA_WINDOW);
            return true;
        }
        self.window = Some((began, count + 1));
        false
    }
}

fn refusal(status: u16, code: i64, error: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(json!({ "code": code, "error": error })))
        .into_response()
}

async fn spoilt(fault: OnTheWay) -> Response {
    match fault {
        OnTheWay::TooMany { says_when } => {
            let mut response = refusal(429, 429, "Too many requests.");
            if says_when {
                response.headers_mut().insert(header::RETRY_AFTER, "0".parse().unwrap());
            }
            response
        }
        OnTheWay::Broken => refusal(500, 1, "Internal Server Error. [500]"),
        OnTheWay::ProxyPage => (StatusCode::BAD_GATEWAY, "<html>502 Bad Gateway</html>").into_response(),
        OnTheWay::Reset => cut("", 100),
        OnTheWay::CutOff => cut("[{\"msg-id\":\"m\",", 100_000),
        OnTheWay::Silence => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            StatusCode::NO_CONTENT.into_response()
        }
        OnTheWay::Nonsense => axum::Json(json!({ "ok": true })).into_response(),
        OnTheWay::Html => "<html>maintenance</html>".into_response(),
    }
}

/// Fewer bytes than were promised, and then the end of the connection.
fn cut(text: &'static str, promised: usize) -> Response {
    let parts: [Result<Bytes, std::io::Error>; 2] = [Ok(text.into()), Err(std::io::Error::other("cut off"))];
    let body = Body::from_stream(futures_util::stream::iter(parts));
    ([(header::CONTENT_LENGTH, promised.to_string())], body).into_response()
}

type Called = (State<Arc<Shared>>, HeaderMap, RawQuery);

async fn rooms((State(shared), headers, RawQuery(query)): Called) -> Response {
    if let Some(response) = shared.gate(&headers).await {
        return response;
    }
    let query = match Query::read(query.as_deref(), &["where", "skip", "limit", "order"]) {
        Ok(query) => query,
        Err(why) => return refusal(400, 1, &why),
    };
    let habits = shared.habits.lock().unwrap();
    let world = shared.world.lock().unwrap();
    match query.rooms(&world, &habits) {
        Ok(rows) => axum::Json(json!({ "results": rows })).into_response(),
        Err(why) => refusal(400, 107, &why),
    }
}

const OF_HISTORY: [&str; 8] = [
    "timestamp",
    "msgid",
    "till_timestamp",
    "till_msgid",
    "include_start",
    "include_stop",
    "reversed",
    "limit",
];

async fn history_of_app((State(shared), headers, RawQuery(query)): Called) -> Response {
    if let Some(response) = shared.gate(&headers).await {
        return response;
    }
    let forgotten = shared.habits.lock().unwrap().forgets.clone();
    let world = shared.world.lock().unwrap();
    let messages: Vec<Message> =
        world.messages.iter().filter(|message| !forgotten.contains(&message.id)).cloned().collect();
    drop(world);
    match Query::read(query.as_deref(), &OF_HISTORY) {
        Ok(query) => shared.page(&messages, &query),
        Err(why) => refusal(400, 1, &why),
    }
}

async fn history_of_room(
    Path(room): Path<String>,
    (State(shared), headers, RawQuery(query)): Called,
) -> Response {
    if let Some(response) = shared.enter(&headers, &room).await {
        return response;
    }
    let world = shared.world.lock().unwrap();
    let messages: Vec<Message> =
        world.messages.iter().filter(|message| message.conversation == room).cloned().collect();
    drop(world);
    match Query::read(query.as_deref(), &OF_HISTORY) {
        Ok(query) => shared.page(&messages, &query),
        Err(why) => refusal(400, 1, &why),
    }
}

async fn silences(path: Path<String>, called: Called) -> Response {
    clients(path, called, |world| &world.silences).await
}

async fn blocks(path: Path<String>, called: Called) -> Response {
    clients(path, called, |world| &world.blocks).await
}

async fn clients(
    Path(room): Path<String>,
    (State(shared), headers, RawQuery(query)): Called,
    list: fn(&World) -> &BTreeMap<String, Vec<String>>,
) -> Response {
    if let Some(response) = shared.enter(&headers, &room).await {
        return response;
    }
    let query = match Query::read(query.as_deref(), &["limit", "next"]) {
        Ok(query) => query,
        Err(why) => return refusal(400, 1, &why),
    };
    let Some(limit) = query.number("limit", 10).filter(|limit| (1..=100).contains(limit)) else {
        return refusal(400, 1, "limit has to be between 1 and 100");
    };
    // A cursor of the server's own making.
    let skip = query.0.get("next").map_or(Some(0), |next| next.strip_prefix("after-")?.parse().ok());
    let Some(skip) = skip else { return refusal(400, 1, "invalid next") };
    let border = shared.habits.lock().unwrap().borders;
    let world = shared.world.lock().unwrap();
    let all = list(&world).get(&room).map_or(&[][..], Vec::as_slice);
    let end = all.len().min(skip + limit as usize);
    let page = all.get(skip.saturating_sub(border)..end).unwrap_or_default();
    let mut answer = json!({ "client_ids": page });
    if end < all.len() {
        answer["next"] = format!("after-{end}").into();
    }
    axum::Json(answer).into_response()
}

async fn roles(Path(room): Path<String>, (State(shared), headers, RawQuery(query)): Called) -> Response {
    if let Some(response) = shared.enter(&headers, &room).await {
        return response;
    }
    let query = match Query::read(query.as_deref(), &["skip", "limit", "role"]) {
        Ok(query) => query,
        Err(why) => return refusal(400, 1, &why),
    };
    let (Some(skip), Some(limit)) = (query.number("skip", 0), query.number("limit", 10)) else {
        return refusal(400, 1, "skip and limit are numbers");
    };
    let border = shared.habits.lock().unwrap().borders;
    let world = shared.world.lock().unwrap();
    let all = world.roles.get(&room).map_or(&[][..], Vec::as_slice);
    // Never more than fifty, whatever is asked for.
    let end = all.len().min(skip as usize + (limit as usize).min(50));
    let page = all.get((skip as usize).saturating_sub(border)..end).unwrap_or_default();
    let page = if skip as usize >= all.len() { &[] } else { page };
    let rows: Vec<Value> = page
        .iter()
        .map(|(client, role, id)| json!({ "clientId": client, "role": role, "objectId": id }))
        .collect();
    axum::Json(json!({ "results": rows })).into_response()
}

fn item(message: &Message) -> Value {
    let mut item = json!({
        "timestamp": message.timestamp, "conv-id": message.conversation, "data": message.data, "from": message.from,
        "msg-id": message.id,
    });
    if message.is_wordy {
        item["is-conv"] = true.into();
        item["is-room"] = false.into();
        item["to"] = message.conversation.as_str().into();
    }
    if message.is_wordy || message.bin {
        item["bin"] = message.bin.into();
    }
    if let Some(ip) = &message.ip {
        item["from-ip"] = ip.as_str().into();
    }
    item
}
