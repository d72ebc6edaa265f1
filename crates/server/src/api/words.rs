//! An app's word list: taken over, shown, removed, and which of its words were met. With the master key.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use grandstand_protocol::{Code, Fault};
use grandstand_room::words::{ListError, ListReader};
use http::{Request, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{
    auth::{BackEnd, ByMaster},
    error::ApiError,
    parameters::Query,
    routes::Routes,
};
use crate::{
    gateway::handshake::Connection,
    node::Node,
    service::{TRY_AGAIN, words},
    words::{List, WordsError},
};

/// Words in an answer about hits, when the request does not say, and at most.
const MET: (usize, usize) = (100, 1000);

/// For a whole list to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// For it to be ready. One list at a time is made, so it may wait for those of other apps.
const READY: Duration = Duration::from_secs(25);

/// What the answer may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Routes {
    Routes::new()
        .put("/1.2/rtm/words", replace)
        .get("/1.2/rtm/words", show)
        .delete("/1.2/rtm/words", remove)
        .get("/1.2/rtm/words/hits", hits)
}

/// The body is text, one word in a line, whatever its type says. It is refused at the first line that cannot be.
async fn replace(
    BackEnd { node, app, caller }: BackEnd,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    connection.be_patient_until(Instant::now() + PATIENCE + READY + LAST_WORDS);
    let late = |_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the list took too long to arrive");
    let (list, repeated) = timeout(PATIENCE, read(request.into_body())).await.map_err(late)??;
    let count = list.len();
    let worker = Arc::clone(&node);
    let replaced = node.see_through(async move { words::replace(&worker, &app, &caller, list).await });
    let status = ready_or_not(replaced).await?;
    Ok((status, Json(json!({ "words": count, "repeated": repeated }))))
}

/// 200 when the list holds, 202 when it will: it goes on being made, and no answer may come too late to be heard.
async fn ready_or_not(
    replaced: impl Future<Output = Result<(), WordsError>>,
) -> Result<StatusCode, WordsError> {
    match timeout(READY, replaced).await {
        Ok(done) => done.map(|()| StatusCode::OK),
        Err(_) => Ok(StatusCode::ACCEPTED),
    }
}

async fn read(body: Body) -> Result<(Vec<String>, usize), ApiError> {
    let mut reader = ListReader::default();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("the body ended before it was complete"))?;
        reader.read(&chunk)?;
    }
    Ok(reader.finish()?)
}

async fn show(State(node): State<Arc<Node>>, ByMaster(app): ByMaster) -> Result<Response, ApiError> {
    let list = node.words.get(&app.id).ok_or_else(none)?;
    let mut text = String::new();
    for word in list.words() {
        text.push_str(word);
        text.push('\n');
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

async fn remove(BackEnd { node, app, caller }: BackEnd) -> Result<Json<Value>, ApiError> {
    let worker = Arc::clone(&node);
    let removed = node.see_through(async move { words::remove(&worker, &app, &caller).await }).await?;
    if removed { Ok(Json(json!({}))) } else { Err(none()) }
}

/// How many words to name.
#[derive(Debug, Deserialize)]
struct Most {
    limit: Option<usize>,
}

async fn hits(
    State(node): State<Arc<Node>>,
    ByMaster(app): ByMaster,
    Query(Most { limit }): Query<Most>,
) -> Result<Json<Value>, ApiError> {
    let list: Arc<List> = node.words.get(&app.id).ok_or_else(none)?;
    let (usual, most) = MET;
    let (met, all) = list.met(limit.unwrap_or(usual).min(most));
    let results: Vec<_> =
        met.into_iter().map(|met| json!({ "word": met.word, "count": met.count })).collect();
    Ok(Json(json!({ "since": list.since().to_iso(), "met": all, "results": results })))
}

fn none() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "this app has no word list")
}

impl From<ListError> for ApiError {
    fn from(error: ListError) -> Self {
        let status = match error {
            ListError::TooMany | ListError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}

impl From<WordsError> for ApiError {
    fn from(error: WordsError) -> Self {
        match error {
            WordsError::List(error) => error.into(),
            WordsError::Store(error) => {
                tracing::error!(%error, "could not keep a word list");
                Fault::because(Code::InternalError, TRY_AGAIN).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_comes_in_time() {
        for (takes, status) in [(0, 200), (24, 200), (26, 202), (3600, 202)] {
            let made = async move {
                tokio::time::sleep(Duration::from_secs(takes)).await;
                Ok(())
            };
            assert_eq!(ready_or_not(made).await.unwrap(), status, "{takes} s");
        }
        let refused = async { Err(WordsError::List(ListError::TooMany)) };
        assert!(ready_or_not(refused).await.is_err());
    }
}
