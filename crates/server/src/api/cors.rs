//! Cross-origin requests: web apps call from any origin; keys, not origins, say who may do what.

use axum::{
    body::Body,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, Request, StatusCode, header};

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";

/// What LeanCloud's SDKs of any age send.
const HEADERS: &str = "X-LC-Id, X-LC-Key, X-LC-Sign, X-LC-Session, X-LC-IM-Session-Token, X-LC-Prod, X-LC-UA, \
    Content-Type, X-AVOSCloud-Application-Id, X-AVOSCloud-Application-Key, X-AVOSCloud-Application-Production, \
    X-AVOSCloud-Request-Sign, X-AVOSCloud-Session-Token, X-Uluru-Application-Id, X-Uluru-Application-Key, \
    X-Uluru-Session-Token";

/// Browsers ask again after this many seconds; none of them keeps the answer longer than a day.
const MAX_AGE: &str = "86400";

/// Answers preflight requests, and marks every other answer as readable. An upstream may have said itself who may read.
pub(super) async fn allow_any_origin(request: Request<Body>, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.entry(header::ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(HeaderValue::from_static("*"));
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    }
    response
}
