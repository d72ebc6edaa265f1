//! The demo room: a page built from `console/`, carried inside the program.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;
use serde_json::{Value, json};

use crate::{api::error::ApiError, node::Node};

/// The built page. Debug builds read it from the source folder at each request.
#[derive(RustEmbed)]
#[folder = "../../console/dist"]
struct Page;

/// Name of the room that the page opens.
const ROOM: &str = "Demo";

/// The page talks to this server alone, and runs nothing that it did not bring.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self' ws: wss:; base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/demo", get(page))
        .route("/demo/", get(page))
        .route("/demo/config.json", get(config))
        .route("/demo/{*path}", get(asset))
}

/// What the page needs to know. App id and key are no secrets: every client of an app carries them.
async fn config(State(node): State<Arc<Node>>) -> Result<Response, ApiError> {
    let apps = node.apps.load();
    let app = apps.demo().ok_or_else(off)?;
    let room = node.ensure_room(&app.id, ROOM).await?;
    let config: Json<Value> =
        Json(json!({ "appId": app.id.as_str(), "appKey": app.key.reveal(), "roomId": room.as_str() }));
    Ok(([(header::CACHE_CONTROL, "no-store")], config).into_response())
}

async fn page(State(node): State<Arc<Node>>) -> Result<Response, ApiError> {
    if node.apps.load().demo().is_none() {
        return Err(off());
    }
    Ok(file("index.html").unwrap_or_else(|| {
        let sentence = "The demo page is not part of this build. `make run` builds it and starts the server.\n\
                        这个程序里没有演示页面。运行 make run 会先构建页面，再启动服务器。\n";
        (StatusCode::NOT_FOUND, sentence).into_response()
    }))
}

async fn asset(Path(path): Path<String>) -> Result<Response, ApiError> {
    file(&path).ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "the demo room has no such file"))
}

fn off() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "the demo room is off: set demo = true for one app of the configuration",
    )
}

fn file(path: &str) -> Option<Response> {
    let file = Page::get(path)?;
    // The build puts a digest of its content into the name of each file in `assets`.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, file.metadata.mimetype().parse().ok()?),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Some((headers, file.data.into_owned()).into_response())
}
