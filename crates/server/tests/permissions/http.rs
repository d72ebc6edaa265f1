//! A cell over HTTP.

use grandstand_protocol::Open;

use crate::{
    guest::Guest,
    scene::{Cell, Scene},
    server::Server,
    socket::login,
};

/// What was answered, as the table says it.
pub(crate) async fn ask(server: &Server, cell: &Cell, scene: &Scene) -> String {
    let token = match cell.caller.as_str() {
        "owner-token" => Some(token(server, scene).await),
        _ => None,
    };
    if cell.place == "deleted" {
        scene.remove_home(server).await;
    }
    let (method, rest) = cell.line.split_once(' ').unwrap();
    let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
    let headers = scene.headers(&cell.caller, token.as_deref());
    let (before, path, body) = (server.database.look(&scene.subject()), scene.fill(path), scene.fill(body));
    let answer = server.ask(&headers, method, &path, &body).await;
    let changed = server.database.look(&scene.subject()) != before;
    let code =
        serde_json::from_str(&answer.text).ok().and_then(|body: serde_json::Value| body["code"].as_i64());
    let said = match (answer.status, code) {
        (200..300, _) => None,
        (status, Some(code)) if code != i64::from(status) => Some(format!("{status}/{code}")),
        (status, _) => Some(status.to_string()),
    };
    crate::said(said, changed, &scene.shown(&answer.text))
}

/// Of an open session of the room's creator.
async fn token(server: &Server, scene: &Scene) -> String {
    let mut guest = Guest::connect(server.address, scene.id("self")).await;
    guest.app = scene.app;
    guest.open(Open { signature: login(server, scene), ..Open::default() }).await.text
}
