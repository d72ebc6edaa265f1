//! Rooms as LeanCloud's storage shows them (protocol 6.5), and batches of such requests.

use serde_json::{Value, json};

use crate::server::{As, Server};

const CLASS: &str = "/1.1/classes/_Conversation";

async fn create(server: &Server, who: As<'_>, fields: Value) -> String {
    let created = server.ask(who, "POST", CLASS, fields).await;
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.body["objectId"].as_str().unwrap().to_owned();
    let place = format!("location: {CLASS}/{id}").to_ascii_lowercase();
    assert!(created.head.contains(&place), "{}", created.head);
    id
}

#[tokio::test]
async fn an_object_lives_as_in_the_storage() {
    let server = Server::start().await;
    let id = create(&server, As::App, json!({ "name": "x", "tr": true, "m": [], "hot": 1 })).await;
    let path = format!("{CLASS}/{id}");
    let row = server.ask(As::App, "GET", &path, Value::Null).await.ok();
    assert_eq!((&row["name"], &row["tr"], &row["hot"]), (&json!("x"), &json!(true), &json!(1)));
    assert!(row.get("c").is_none() && row["createdAt"].is_string());
    let reduced = server.ask(As::App, "GET", &format!("{path}?keys=hot"), Value::Null).await.ok();
    assert_eq!(reduced.as_object().unwrap().len(), 4);

    let update = json!({ "name": { "__op": "Delete" }, "hot": { "__op": "Increment", "amount": 1 } });
    let changed = server.master("PUT", &path, update).await.ok();
    assert_eq!(changed.as_object().unwrap().keys().collect::<Vec<_>>(), ["updatedAt", "objectId"]);
    let whole = server.master("PUT", &format!("{path}?fetchWhenSave=true"), json!({ "hot": 7 })).await.ok();
    assert_eq!((whole.get("name"), &whole["hot"]), (None, &json!(7)));

    assert_eq!(server.master("DELETE", &path, Value::Null).await.ok(), json!({}));
    server.ask(As::App, "GET", &path, Value::Null).await.refused(404, 101);
    server.master("PUT", &path, json!({})).await.refused(404, 101);
    server.master("DELETE", &path, Value::Null).await.ok();
}

#[tokio::test]
async fn several_are_listed_counted_and_removed() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(create(&server, As::App, json!({ "name": name, "tr": true })).await);
        server.clock.jump(1);
    }
    let found =
        server.ask(As::App, "GET", &format!("{CLASS}?order=-createdAt&limit=2"), Value::Null).await.ok();
    assert_eq!((&found["results"][0]["name"], &found["results"][1]["name"]), (&json!("c"), &json!("b")));
    let path = format!("{CLASS}?where=%7B%22name%22%3A%7B%22%24ne%22%3A%22a%22%7D%7D&count=1&limit=0");
    assert_eq!(
        server.ask(As::App, "GET", &path, Value::Null).await.ok(),
        json!({ "results": [], "count": 2 })
    );
    server.master("DELETE", &format!("{CLASS}/{},{}", ids[0], ids[1]), Value::Null).await.ok();
    let left = server.ask(As::App, "GET", CLASS, Value::Null).await.ok();
    assert_eq!(left["results"].as_array().unwrap().len(), 1);
    let most = format!("{CLASS}/{}", vec!["x".repeat(64); 100].join(","));
    server.master("DELETE", &most, Value::Null).await.ok();
    let many = format!("{CLASS}/{}", ["x"; 101].join(","));
    server.master("DELETE", &many, Value::Null).await.refused(400, 400);
}

#[tokio::test]
async fn the_apps_key_does_what_its_switch_says() {
    for (switch, may_create, may_change) in
        [("read", false, false), ("create", true, false), ("change", true, true)]
    {
        let server = Server::start_with(&format!("rooms_by_key = \"{switch}\""), "").await;
        let open = create(&server, As::Master, json!({ "tr": true })).await;
        let fields = json!({ "tr": true, "ACL": { "*": { "read": true } } });
        let closed = create(&server, As::Master, fields).await;
        let status = async |method, path: &str, body| server.ask(As::App, method, path, body).await.status;
        assert_eq!(status("GET", CLASS, Value::Null).await, 200);
        let created = status("POST", CLASS, json!({ "tr": true })).await;
        assert_eq!(created, if may_create { 201 } else { 403 }, "{switch}");
        for (method, body) in [("PUT", json!({ "name": "y" })), ("DELETE", Value::Null)] {
            let path = format!("{CLASS}/{open}");
            let changed = status(method, &path, body.clone()).await;
            assert_eq!(changed, if may_change { 200 } else { 403 }, "{switch} {method}");
            assert_eq!(status(method, &format!("{CLASS}/{closed}"), body).await, 403, "its list says no");
        }
        server.master("DELETE", &format!("{CLASS}/{closed}"), Value::Null).await.ok();
        server.ask(As::Nobody, "GET", CLASS, Value::Null).await.refused(401, 401);
    }
}

#[tokio::test]
async fn nobody_assigns_what_is_not_theirs() {
    let server = Server::start_with("rooms_by_key = \"change\"", "").await;
    let id = create(&server, As::App, json!({ "tr": true, "name": "x" })).await;
    let path = format!("{CLASS}/{id}");
    for (fields, status, code) in [
        (json!({ "name": "no tr" }), 400, 4316),
        (json!({ "tr": false }), 400, 4316),
        (json!({ "tr": true, "sys": true }), 400, 4316),
        (json!({ "tr": true, "c": "somebody" }), 403, 403),
        (json!({ "tr": true, "objectId": "mine" }), 400, 4306),
        (json!({ "tr": true, "createdAt": "2000-01-01T00:00:00.000Z" }), 400, 4306),
        (json!({ "tr": true, "ACL": "all" }), 400, 4306),
    ] {
        server.ask(As::App, "POST", CLASS, fields).await.refused(status, code);
    }
    for key in ["c", "m", "mu", "tr", "sys", "objectId", "createdAt", "updatedAt", "lm", "unique"] {
        server.ask(As::App, "PUT", &path, json!({ (key): "x" })).await.refused(400, 4306);
    }
    let condition = format!("{path}?where=%7B%22name%22%3A%22z%22%7D");
    server.ask(As::App, "PUT", &condition, json!({ "name": "z" })).await.refused(400, 400);
    let owned = create(&server, As::Master, json!({ "tr": true, "c": "host" })).await;
    let row = server.ask(As::App, "GET", &format!("{CLASS}/{owned}"), Value::Null).await.ok();
    assert_eq!(row["c"], "host");
}

#[tokio::test]
async fn a_batch_answers_one_by_one() {
    let server = Server::start().await;
    let id = create(&server, As::App, json!({ "tr": true, "name": "first" })).await;
    let requests = json!([
        { "method": "POST", "path": CLASS, "body": { "tr": true, "name": "second" } },
        { "method": "PUT", "path": format!("{CLASS}/{id}"), "body": { "name": "changed" } },
        { "method": "GET", "path": CLASS, "params": { "where": { "name": "second" }, "limit": 1, "count": 1 } },
        { "method": "GET", "path": format!("{CLASS}/{id}"), "params": { "keys": "name" } },
        { "method": "POST", "path": CLASS, "body": { "tr": false } },
        { "method": "POST", "path": "/1.1/classes/Post", "body": {} },
        { "method": "PATCH", "path": CLASS },
        { "method": "DELETE", "path": format!("{CLASS}/{id}") },
        { "method": "GET", "path": format!("{CLASS}/{id}") },
    ]);
    let answers = server.master("POST", "/1.1/batch", json!({ "requests": requests })).await.ok();
    assert!(answers[0]["success"]["objectId"].is_string(), "{answers}");
    assert_eq!(answers[1]["success"]["objectId"], id.as_str());
    assert_eq!(answers[2]["success"]["count"], 1);
    assert_eq!(answers[3]["success"]["name"], "changed");
    assert_eq!(answers[4]["error"]["code"], 4316);
    assert_eq!(answers[5]["error"]["code"], 404);
    assert_eq!(answers[6]["error"]["code"], 405);
    assert_eq!(answers[7]["success"], json!({}));
    assert_eq!(answers[8]["error"]["code"], 101);

    // The same rights as alone.
    let requests = json!([{ "method": "DELETE", "path": format!("{CLASS}/{id}") }]);
    let answers = server.ask(As::App, "POST", "/1.1/batch", json!({ "requests": requests })).await.ok();
    assert_eq!(answers[0]["error"]["code"], 403);
    server.ask(As::Nobody, "POST", "/1.1/batch", json!({ "requests": [] })).await.refused(401, 401);
    server.master("POST", "/1.1/batch", json!({})).await.refused(400, 400);
    let many = vec![json!({ "method": "GET", "path": CLASS }); 21];
    server.master("POST", "/1.1/batch", json!({ "requests": many })).await.refused(400, 400);
}

#[tokio::test]
async fn a_batch_answers_with_bounded_bytes() {
    let server = Server::start().await;
    for _ in 0..60 {
        create(&server, As::Master, json!({ "tr": true, "text": "x".repeat(15_000) })).await;
    }
    let list = json!({ "method": "GET", "path": CLASS });
    let asked = json!({ "requests": vec![list; 20] });
    let answers = server.master("POST", "/1.1/batch", asked).await.ok();
    let answers = answers.as_array().unwrap();
    let told = answers.iter().filter(|answer| answer.get("success").is_some()).count();
    assert_eq!((answers.len(), told), (20, 4), "each list has 900 KB, all have 4 MiB at most");
    assert_eq!(answers[19]["error"]["code"], 400);
}
