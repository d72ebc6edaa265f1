//! A stand-in for LeanCloud's REST API: as strict as the protocol's description of it, and as unreliable as a test wants.

use std::{
    collections::{BTreeMap, HashMap},
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
use grandstand_room::clock::Millis;
use rand::{SeedableRng, rngs::SmallRng};
use serde_json::{Map, Value, json};

use crate::{
    faults::{Faults, OnTheWay},
    world::{Message, World, text},
};

pub(crate) const APP: &str = "the-leancloud-app";
pub(crate) const MASTER_KEY: &str = "its-master-key";

/// For so long a quota counts.
pub(crate) const QUOTA_WINDOW: Duration = Duration::from_millis(50);

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
        if !is_allowed(headers) {
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
        let mut asked = self.asked.lock().unwrap();
        asked.pages += 1;
        let whole = items.clone();
        let (faults, holes) = {
            let habits = self.habits.lock().unwrap();
            (habits.faults, habits.holes)
        };
        if holes && !items.is_empty() {
            items.remove(0);
        }
        let before = std::mem::replace(&mut asked.before, whole);
        if let Some(fault) = faults.spoil(&mut self.rng.lock().unwrap(), &mut items, &before) {
            *asked.faults.entry(fault.to_owned()).or_default() += 1;
        }
        axum::Json(items).into_response()
    }
}

impl Asked {
    fn is_over(&mut self, quota: u32) -> bool {
        let now = Instant::now();
        let (began, count) =
            self.window.take().filter(|(began, _)| now - *began < QUOTA_WINDOW).unwrap_or((now, 0));
        self.window = Some((began, count + 1));
        count >= quota
    }
}

fn is_allowed(headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header("x-lc-id") == APP && header("x-lc-key") == format!("{MASTER_KEY},master")
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
    let world = shared.world.lock().unwrap();
    let all = list(&world).get(&room).map_or(&[][..], Vec::as_slice);
    let page: Vec<&String> = all.iter().skip(skip).take(limit as usize).collect();
    let end = skip + page.len();
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
    let world = shared.world.lock().unwrap();
    let all = world.roles.get(&room).map_or(&[][..], Vec::as_slice);
    // Never more than fifty, whatever is asked for.
    let page = all.iter().skip(skip as usize).take((limit as usize).min(50));
    let rows: Vec<Value> =
        page.map(|(client, role, id)| json!({ "clientId": client, "role": role, "objectId": id })).collect();
    axum::Json(json!({ "results": rows })).into_response()
}

/// The parameters of a request. One that the description does not know is refused.
struct Query(HashMap<String, String>);

impl Query {
    fn read(query: Option<&str>, known: &[&str]) -> Result<Self, String> {
        let url = reqwest::Url::parse(&format!("http://x/?{}", query.unwrap_or_default())).unwrap();
        let mut pairs = HashMap::new();
        for (name, value) in url.query_pairs().into_owned() {
            if !known.contains(&name.as_str()) {
                return Err(format!("there is no parameter {name}"));
            }
            if pairs.insert(name.clone(), value).is_some() {
                return Err(format!("{name} stands there twice"));
            }
        }
        Ok(Self(pairs))
    }

    fn number(&self, name: &str, usual: i64) -> Option<i64> {
        self.0.get(name).map_or(Some(usual), |text| text.parse().ok()).filter(|number| *number >= 0)
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.0.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!("{name} cannot be {other}")),
        }
    }

    /// A place in the list: with an id, that of the message; else before the first message of its time, or behind the
    /// last one.
    fn place(
        &self,
        messages: &[Message],
        time: &str,
        id: &str,
        behind: bool,
    ) -> Result<Option<usize>, String> {
        let at = self.number(time, 0).ok_or_else(|| format!("{time} is a number"))?;
        let named = self.0.get(id);
        if at == 0 {
            return if named.is_some() { Err(format!("{id} goes with {time}")) } else { Ok(None) };
        }
        if let Some(place) = named.and_then(|id| messages.iter().position(|message| message.id == *id)) {
            return Ok(Some(place + usize::from(behind)));
        }
        let older = |message: &Message| message.timestamp < at || (behind && message.timestamp == at);
        Ok(Some(messages.partition_point(older)))
    }

    fn page<'a>(&self, messages: &'a [Message]) -> Result<Vec<&'a Message>, String> {
        let limit =
            self.number("limit", 100).filter(|limit| *limit <= 1000).ok_or("limit is 1000 at most")?;
        let (start_in, stop_in) = (self.flag("include_start")?, self.flag("include_stop")?);
        let reversed = self.flag("reversed")?;
        // Seen from the older end: which of both bounds is in.
        let (older_in, newer_in) = if reversed { (start_in, stop_in) } else { (stop_in, start_in) };
        let (start, stop) = (("timestamp", "msgid"), ("till_timestamp", "till_msgid"));
        let (older, newer) = if reversed { (start, stop) } else { (stop, start) };
        let first = self.place(messages, older.0, older.1, !older_in)?.unwrap_or(0);
        let last = self.place(messages, newer.0, newer.1, newer_in)?.unwrap_or(messages.len());
        let between = messages.get(first..last).unwrap_or_default();
        Ok(if reversed {
            between.iter().take(limit as usize).collect()
        } else {
            between.iter().rev().take(limit as usize).collect()
        })
    }

    fn rooms(&self, world: &World, habits: &Habits) -> Result<Vec<Map<String, Value>>, String> {
        let limit = self.number("limit", 10).filter(|limit| *limit <= 1000).ok_or("limit is 1000 at most")?;
        let skip = self.number("skip", 0).ok_or("skip is a number")?;
        let limit = habits.rows.map_or(limit as usize, |rows| rows.min(limit as usize));
        let matches = self.condition()?;
        let mut rows: Vec<&Map<String, Value>> = world.rows.iter().filter(|row| matches(row)).collect();
        match self.0.get("order").map(String::as_str) {
            None => {}
            _ if !habits.orders => {}
            Some(key @ ("createdAt" | "objectId")) => rows.sort_by_key(|row| text(row, key)),
            Some(other) => return Err(format!("no order by {other}")),
        }
        Ok(rows.into_iter().skip(skip as usize).take(limit).cloned().collect())
    }

    /// What `where` asks for: times of making, or ids.
    fn condition(&self) -> Result<impl Fn(&Map<String, Value>) -> bool, String> {
        let filter = self.0.get("where").map_or("{}", String::as_str);
        let filter: Map<String, Value> = serde_json::from_str(filter).map_err(|error| error.to_string())?;
        let (mut from, mut to, mut ids) = (i64::MIN, i64::MAX, None);
        for (key, tests) in &filter {
            for (operator, operand) in tests.as_object().ok_or("no test")? {
                let date = || {
                    let is_date = operand["__type"] == "Date";
                    let time = operand["iso"].as_str().and_then(Millis::from_iso).filter(|_| is_date);
                    time.map(|time| time.0).ok_or("createdAt is compared with dates")
                };
                match (key.as_str(), operator.as_str()) {
                    ("createdAt", "$gte") => from = date()?,
                    ("createdAt", "$lt") => to = date()?,
                    ("objectId", "$in") => ids = Some(operand.as_array().ok_or("$in has a list")?.clone()),
                    other => return Err(format!("no condition {other:?}")),
                }
            }
        }
        Ok(move |row: &Map<String, Value>| {
            let made = Millis::from_iso(&text(row, "createdAt")).unwrap().0;
            let is_named = ids.as_ref().is_none_or(|ids| ids.contains(&row["objectId"]));
            (from..to).contains(&made) && is_named
        })
    }
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
