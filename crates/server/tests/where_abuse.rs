//! Hostile room queries, twenty thousand of them: each is answered or refused in words, and none costs much. In a
//! binary of its own, because it measures what the process uses.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

#[path = "gateway/raw.rs"]
#[expect(dead_code, reason = "the gateway's tests need more of it")]
mod raw;
#[path = "rest/server.rs"]
#[expect(dead_code, reason = "the tests of REST need more of it")]
mod server;

use std::time::Duration;

use grandstand_room::query::RoomQuery;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use server::{APP, As, Server};

const QUERIES: usize = 20_000;
/// In one request.
const BATCH: usize = 20;
const ROOMS: usize = 200;

/// What one query may use of a processor, also without optimisation.
const PROCESSOR: Duration = Duration::from_millis(100);

const NAMES: [&str; 22] = [
    "name",
    "attr.topic",
    "attr.deep.er",
    "objectId",
    "c",
    "lm",
    "createdAt",
    "tr",
    "m",
    "$where",
    "$expr",
    "$function",
    "$regex",
    "$in",
    "name'; DROP TABLE rooms; --",
    "r.id",
    "name\"",
    "a`b",
    "",
    "..",
    "__proto__",
    "attr.$gt",
];

const OPERATORS: [&str; 20] = [
    "$ne",
    "$lt",
    "$lte",
    "$gt",
    "$gte",
    "$in",
    "$nin",
    "$all",
    "$exists",
    "$size",
    "$regex",
    "$options",
    "$where",
    "$near",
    "$not",
    "$elemMatch",
    "$mod",
    "$",
    "$or",
    "$and",
];

/// Patterns that other engines take for ever with, and others that are nothing.
const PATTERNS: [&str; 16] = [
    "(a+)+$",
    "(a|aa)+$",
    "(.*)*x",
    "(.*a){40}",
    "((a{1,50}){1,50}){1,50}",
    "\\w{200}",
    "(?i)\\p{L}{90}",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "\\Q' OR 1=1 --\\E",
    "(?<=a)b",
    "(a)\\1",
    "[",
    "((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))",
    ".*.*.*.*.*.*.*.*.*.*.*=.*",
    "a{,1000000}",
    "\\",
];

#[tokio::test]
async fn twenty_thousand_hostile_queries_are_answered_or_refused() {
    let server = Server::start().await;
    let app = APP.into();
    for number in 0..ROOMS {
        let data = json!({ "name": format!("{}{number}", "a".repeat(2000)), "attr": { "topic": "aaaaaaaaaaaaaaaaaaaaaaa!", "list": [1, "a"] } });
        server.master("POST", "/1.2/rtm/chatrooms", data).await.ok();
    }
    let mut dice = StdRng::seed_from_u64(35);
    let (mut answered, mut refused, mut longest) = (0, 0, Duration::ZERO);
    for _ in 0..QUERIES / BATCH {
        let queries: Vec<(String, String)> =
            (0..BATCH).map(|_| (query(&mut dice), order(&mut dice))).collect();
        for (filter, order) in &queries {
            let before = processor_time();
            let _read_or_not = RoomQuery::listing(Some(filter), Some(order), 0, 100);
            longest = longest.max(checked(processor_time() - before, filter, order));
        }
        let parts = queries.iter().map(|(filter, order)| {
            let params = json!({ "where": filter, "order": order, "limit": 100, "keys": "objectId" });
            json!({ "method": "GET", "path": "/1.1/classes/_Conversation", "params": params })
        });
        // One by one where they do not fit into one body.
        let parts: Vec<Value> = parts.collect();
        let size: usize = parts.iter().map(|part| part.to_string().len()).sum();
        let step = if size < 200_000 { BATCH } else { 1 };
        let mut used = Duration::ZERO;
        for parts in parts.chunks(step) {
            let before = processor_time();
            let answer = server.ask(As::Master, "POST", "/1.1/batch", json!({ "requests": parts })).await;
            used += processor_time() - before;
            assert!(answer.status == 200 || answer.status == 413, "{answer:?}");
            for answer in answer.body.as_array().into_iter().flatten() {
                match answer.get("error") {
                    None => answered += 1,
                    Some(error) => {
                        refused += 1;
                        check_words(error);
                    }
                }
            }
        }
        // Where all together took no longer than one may, none did; elsewhere each is looked at.
        if used < PROCESSOR {
            continue;
        }
        for (filter, order) in &queries {
            let before = processor_time();
            if let Ok(query) = RoomQuery::listing(Some(filter), Some(order), 0, 100) {
                let _found_or_refused = server.node.store.find_rooms(&app, &query).await;
            }
            longest = longest.max(checked(processor_time() - before, filter, order));
        }
    }
    eprintln!("{answered} answered, {refused} refused, {longest:?} of a processor for the costliest");
    assert!(answered > QUERIES / 20 && refused > QUERIES / 2, "{answered} answered, {refused} refused");
}

#[track_caller]
fn checked(used: Duration, filter: &str, order: &str) -> Duration {
    let shown: String = filter.chars().take(300).collect();
    assert!(used < PROCESSOR, "{used:?} for {shown}, by {order}");
    used
}

/// Code 4310 and a sentence that gives nothing of the inside away.
fn check_words(error: &Value) {
    let words = error["error"].as_str().unwrap();
    assert_eq!(error["code"], 4310, "{error}");
    assert!(!words.is_empty() && words.len() < 1000, "{words}");
    for inner in ["SELECT", "FROM rooms", "sqlite", "SQLITE", "rusqlite", "r.app", "panicked"] {
        assert!(!words.contains(inner), "{words}");
    }
}

fn query(dice: &mut StdRng) -> String {
    match dice.random_range(0..100) {
        0..2 => nested(dice),
        2..6 => {
            let values: Vec<usize> = (0..dice.random_range(900..5000)).collect();
            json!({ (pick(dice, &NAMES)): { "$in": values } }).to_string()
        }
        6..8 => "{\"name\":".repeat(dice.random_range(1..20)),
        // Often enough for each pattern with each option; where these end is what this test takes its time for.
        8..12 => {
            let pattern = pick(dice, &PATTERNS).repeat(dice.random_range(1..4));
            json!({ "name": { "$regex": pattern, "$options": pick(dice, &["i", "", "m", "sx", "evil"]) } })
                .to_string()
        }
        _ => condition(dice, 4).to_string(),
    }
}

/// Deeper than any parser may go by recursion.
fn nested(dice: &mut StdRng) -> String {
    let (open, close) =
        *[("{\"$and\":[", "]}"), ("{\"a\":", "}"), ("[", "]"), ("{\"name\":{\"$in\":[", "]}}")]
            .get(dice.random_range(0..4))
            .unwrap();
    let levels = [10, 17, 200, 100_000][dice.random_range(0..4)];
    format!("{}1{}", open.repeat(levels), close.repeat(levels))
}

fn condition(dice: &mut StdRng, depth: usize) -> Value {
    let mut fields = serde_json::Map::new();
    for _ in 0..dice.random_range(1..4) {
        if depth > 0 && dice.random_bool(0.2) {
            let parts: Vec<Value> =
                (0..dice.random_range(0..4)).map(|_| condition(dice, depth - 1)).collect();
            fields.insert(pick(dice, &["$and", "$or", "$nor"]), parts.into());
        } else {
            let test = match dice.random_bool(0.6) {
                true => json!({ (pick(dice, &OPERATORS)): value(dice, depth) }),
                false => value(dice, depth),
            };
            fields.insert(pick(dice, &NAMES), test);
        }
    }
    fields.into()
}

fn value(dice: &mut StdRng, depth: usize) -> Value {
    match dice.random_range(0..9) {
        0 => Value::Null,
        1 => dice.random_bool(0.5).into(),
        2 => dice.random::<i64>().into(),
        3 => pick(dice, &["' OR '1'='1", "\u{0}", "a", "\u{202e}", "2027-01-01T00:00:00.000Z"]).into(),
        4 => pick(dice, &PATTERNS).into(),
        5 => {
            json!({ "__type": pick(dice, &["Date", "GeoPoint", "Pointer"]), "iso": pick(dice, &["x", "2027-01-01T00:00:00.000Z"]) })
        }
        6 => (0..dice.random_range(0..5)).map(|number| json!(number)).collect(),
        7 if depth > 0 => condition(dice, depth - 1),
        _ => "x".repeat(dice.random_range(0..3000)).into(),
    }
}

fn order(dice: &mut StdRng) -> String {
    pick(dice, &["", "createdAt", "-lm", "name", "-attr.topic,name", "-updatedAt", "$x", "name;--", ",,,"])
}

fn pick(dice: &mut StdRng, from: &[&str]) -> String {
    from[dice.random_range(0..from.len())].to_owned()
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}
