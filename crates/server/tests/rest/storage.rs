//! A server of our own in the place of LeanCloud's storage: it keeps what it is asked, and answers by path.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request, StatusCode, header};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::raw::PATIENCE;

/// Runs until it is dropped.
pub(crate) struct Storage {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    /// Bytes of request bodies that came so far.
    arrived: watch::Sender<usize>,
    /// Whether held answers may go on.
    released: watch::Sender<bool>,
}

/// A request that came whole.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Storage {
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Shared {
            asked: Mutex::default(),
            arrived: watch::Sender::new(0),
            released: watch::Sender::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, shared, _serving: serving }
    }

    /// Lines that make it the upstream of an app.
    pub(crate) fn as_upstream(&self, more: &str) -> String {
        format!("[apps.upstream]\norigin = \"http://{}\"\n{more}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The only request that came.
    #[track_caller]
    pub(crate) fn only(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.into_iter().next().unwrap()
    }

    pub(crate) async fn until_arrived(&self, bytes: usize) {
        let mut arrived = self.shared.arrived.subscribe();
        let enough = arrived.wait_for(|arrived| *arrived >= bytes);
        tokio::time::timeout(PATIENCE, enough).await.unwrap().unwrap();
    }

    pub(crate) fn release(&self) {
        self.shared.released.send_replace(true);
    }
}

impl Asked {
    /// All lines of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mut text = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        // Nothing is done for a request that broke off.
        let Ok(piece) = piece else { return StatusCode::BAD_REQUEST.into_response() };
        text.extend_from_slice(&piece);
        shared.arrived.send_modify(|arrived| *arrived += piece.len());
    }
    let body = String::from_utf8(text).unwrap();
    let line = format!("{} {}", parts.method, parts.uri);
    shared.asked.lock().unwrap().push(Asked { line, headers: parts.headers, body: body.clone() });
    let mut released = shared.released.subscribe();
    match parts.uri.path() {
        "/teapot" => {
            let headers =
                [("x-own", "yes"), ("keep-alive", "timeout=5"), ("access-control-allow-origin", "null")];
            (StatusCode::IM_A_TEAPOT, headers, "{\"code\":142,\"error\":\"short and stout\"}").into_response()
        }
        "/moved" => (StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:1/there")]).into_response(),
        "/silence" => std::future::pending().await,
        "/later" => {
            tokio::time::sleep(Duration::from_millis(700)).await;
            "\"late\"".into_response()
        }
        "/held" => {
            let rest = stream::once(async move {
                released.wait_for(|released| *released).await.unwrap();
                Bytes::from_static(b"second")
            });
            let pieces = stream::iter([Bytes::from_static(b"first ")]).chain(rest);
            Body::from_stream(pieces.map(Ok::<_, std::io::Error>)).into_response()
        }
        "/large" => "x".repeat(5000).into_response(),
        "/endless" => {
            let pieces = stream::repeat(Bytes::from_static(&[b'x'; 1000])).map(Ok::<_, std::io::Error>);
            Body::from_stream(pieces).into_response()
        }
        _ => serde_json::json!({ "method": parts.method.as_str(), "body": body }).to_string().into_response(),
    }
}
