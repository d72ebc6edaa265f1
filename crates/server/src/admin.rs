//! The operator's port: what the server is doing, in JSON and for Prometheus.

mod figures;
mod rooms;

use std::{sync::Arc, time::Instant};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};

pub(crate) use self::figures::{keep_small, start_recording};
use crate::{
    api::{account, error::ApiError},
    gateway::admission::Admission,
    node::Node,
};

/// What the port shows.
pub(crate) struct Admin {
    pub(crate) node: Arc<Node>,
    pub(crate) admission: Admission,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) started: Instant,
}

pub(crate) fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/metrics", get(metrics))
        .route("/healthz", get("ok"))
        .route("/apps/{app}/rooms/{room}/account", get(room_account))
        .route("/apps/{app}/rooms/{room}/messages/{message}/account", get(message_account))
        .with_state(admin)
}

async fn overview(State(admin): State<Arc<Admin>>) -> Json<Value> {
    let sockets = admin.admission.sockets();
    Json(json!({
        "name": "grandstand",
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": admin.started.elapsed().as_secs(),
        "connections": sockets.all,
        "connections_without_session": sockets.without_session(),
        "connections_waiting": sockets.waiting,
        "sessions": admin.node.router.session_count(),
        "apps": admin.node.apps.load().iter().count(),
        "draining": admin.node.is_draining(),
    }))
}

/// Gauges are set when somebody looks; counters count where things happen.
async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    figures::take_stock(&admin);
    let mut text = admin.metrics.render();
    rooms::append_largest(&mut text, &admin.node);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// What became of everything in a room.
async fn room_account(
    State(admin): State<Arc<Admin>>,
    Path((app, room)): Path<(String, String)>,
) -> Result<Json<account::OfRoom>, ApiError> {
    account::room_account(&admin.node, &app.into(), room)
}

/// What became of one message.
async fn message_account(
    State(admin): State<Arc<Admin>>,
    Path((app, room, message)): Path<(String, String, String)>,
) -> Result<Json<account::OfMessage>, ApiError> {
    account::message_account(&admin.node, &app.into(), room, message)
}
