//! `GET /openapi.json`: what this API takes and answers. A test compares it with the routes.

use axum::response::{IntoResponse, Response};
use http::header;

const DESCRIPTION: &str = include_str!("openapi.json");

pub(super) async fn show() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}
