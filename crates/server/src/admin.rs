//! The operator's port: what the server is doing, in JSON and for Prometheus.

use std::{sync::Arc, time::Instant};

use axum::{Json, Router, extract::State, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};

use crate::{gateway::admission::Admission, node::Node};

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
        .with_state(admin)
}

async fn overview(State(admin): State<Arc<Admin>>) -> Json<Value> {
    let (connections, without_session) = admin.admission.sockets();
    Json(json!({
        "name": "grandstand",
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": admin.started.elapsed().as_secs(),
        "connections": connections,
        "connections_without_session": without_session,
        "sessions": admin.node.router.session_count(),
        "apps": admin.node.apps.load().iter().count(),
        "draining": admin.node.is_draining(),
    }))
}

/// Gauges are set when somebody looks; counters count where things happen.
async fn metrics(State(admin): State<Arc<Admin>>) -> String {
    let (connections, without_session) = admin.admission.sockets();
    let gauges = [
        ("grandstand_connections", connections),
        ("grandstand_connections_without_session", without_session),
        ("grandstand_sessions", admin.node.router.session_count()),
    ];
    for (name, value) in gauges {
        metrics::gauge!(name).set(u32::try_from(value).unwrap_or(u32::MAX));
    }
    metrics::gauge!("grandstand_uptime_seconds").set(admin.started.elapsed().as_secs_f64());
    admin.metrics.run_upkeep();
    admin.metrics.render()
}
